"""Meters and busways without a recording: answers written down from their published MIBs; see published_mibs."""

from tests.conformance.published_mibs import Published

METERS = {
    "schneider-pm8ecc": Published(
        "1.3.6.1.4.1.3833.1.7.255.15.1.1",
        {
            "1.1.2.1": 40,
            **{
                f"2.1.{column}.1": text for column, text in ((2, b"211.4"), (3, b"198.0"), (4, b"205.7"), (5, b"205.0"))
            },
            **{f"3.1.{column}.1": text for column, text in ((2, b"141.2"), (3, b"-12.5"), (4, b"143.0"))},
            "4.1.2.1": b"0.987",
            "4.1.3.1": b"Lag",
            **{
                f"5.1.{column}.1": text
                for column, text in enumerate(
                    (b"400.1", b"399.2", b"401.0", b"400.1", b"231.0", b"230.5", b"231.5", b"231.0"), 2
                )
            },
            "6.1.2.1": b"49.99",
            "9.1.2.1": b"12345000",
        },
        {
            "dcim_meter_current_amperes{phase=L1,role=other}": 211.4,
            "dcim_meter_current_amperes{phase=L2,role=other}": 198.0,
            "dcim_meter_current_amperes{phase=L3,role=other}": 205.7,
            "dcim_meter_current_unbalance_ratio{role=other}": (205.1 - 0.2 / 3 - 198.0) / (205.1 - 0.2 / 3),
            "dcim_meter_power_watts{role=other}": 141_200.0,
            "dcim_meter_reactive_power_vars{role=other}": -12_500.0,
            "dcim_meter_apparent_power_voltamperes{role=other}": 143_000.0,
            "dcim_meter_power_factor_ratio{role=other}": 0.987,
            "dcim_meter_line_voltage_volts{line=L1-L2,role=other}": 400.1,
            "dcim_meter_line_voltage_volts{line=L2-L3,role=other}": 399.2,
            "dcim_meter_line_voltage_volts{line=L3-L1,role=other}": 401.0,
            "dcim_meter_voltage_volts{phase=L1,role=other}": 231.0,
            "dcim_meter_voltage_volts{phase=L2,role=other}": 230.5,
            "dcim_meter_voltage_volts{phase=L3,role=other}": 231.5,
            "dcim_meter_frequency_hertz{role=other}": 49.99,
            "dcim_meter_energy_joules_total{direction=import,role=other}": 12_345_000 * 3_600.0,
        },
    ),
    "starline-cpm": Published(
        "1.3.6.1.4.1.35774.2.1",
        {
            "4.7.0": b"41230.5",
            "4.11.0": b"-1200",
            "4.14.0": b"42010",
            "4.17.0": b"0.98",
            "4.18.0": b"59.98",
            "4.19.0": b"1234.5",
            "4.21.0": b"3.2",
            **{f"5.1.3.{line}": f"{amperes}".encode() for line, amperes in enumerate((101.5, 99.2, 0, 4.1, 3.2), 1)},
            **{
                f"6.1.{column}.1": text
                for column, text in zip(
                    (2, 3, 8, 9, 10, 12, 13),
                    (b"277.1", b"480.2", b"0.97", b"28100", b"27257", b"-400", b"410.25"),
                    strict=True,
                )
            },
            "7.1.2.3": b"Rack 7",
            "7.1.3.3": b"30",
            "7.1.5.3": b"2310",
            "7.1.9.3": b"0.99",
            "7.1.10.3": b"12.5",
            "8.1.4.3.1": b"11.2",
            "8.1.4.3.4": b"0.4",
        },
        {
            "dcim_meter_power_watts{role=other}": 41_230.5,
            "dcim_meter_reactive_power_vars{role=other}": -1_200.0,
            "dcim_meter_apparent_power_voltamperes{role=other}": 42_010.0,
            "dcim_meter_power_factor_ratio{role=other}": 0.98,
            "dcim_meter_frequency_hertz{role=other}": 59.98,
            "dcim_meter_energy_joules_total{direction=import,role=other}": 1_234.5 * 3.6e6,
            "dcim_meter_neutral_current_amperes{role=other}": 3.2,
            "dcim_meter_current_amperes{phase=L1,role=other}": 101.5,
            "dcim_meter_current_amperes{phase=L2,role=other}": 99.2,
            "dcim_meter_current_amperes{phase=L3,role=other}": 0.0,
            "dcim_meter_voltage_volts{phase=L1,role=other}": 277.1,
            "dcim_meter_line_voltage_volts{line=L1-L2,role=other}": 480.2,
            "dcim_meter_phase_power_factor_ratio{phase=L1,role=other}": 0.97,
            "dcim_meter_phase_apparent_power_voltamperes{phase=L1,role=other}": 28_100.0,
            "dcim_meter_phase_power_watts{phase=L1,role=other}": 27_257.0,
            "dcim_meter_phase_reactive_power_vars{phase=L1,role=other}": -400.0,
            "dcim_meter_phase_energy_joules_total{direction=import,phase=L1,role=other}": 410.25 * 3.6e6,
            "dcim_circuit_rated_current_amperes{circuit=3,panel=1}": 30.0,
            "dcim_circuit_power_watts{circuit=3,panel=1}": 2_310.0,
            "dcim_circuit_power_factor_ratio{circuit=3,panel=1}": 0.99,
            "dcim_circuit_energy_joules_total{circuit=3,panel=1}": 45e6,
            "dcim_circuit_current_amperes{circuit=3,panel=1,phase=L1}": 11.2,
        },
    ),
}
