"""Meters and busways without a recording: answers written down from their published MIBs; see published_mibs."""

from tests.conformance.published_mibs import ALARM, Published

CMS = "4.1.51055.1"

METERS = {
    "abb-cms700": Published(
        "1.3.6.1",
        {
            "2.1.1.1.0": b"ABBCircuitMeasurementSystemCMS700",
            **{f"{CMS}.24.{sensor}": name for sensor, name in ((1, b"Row 1"), (2, b"Row 2"), (3, b""), (4, b" "))},
            **{f"{CMS}.26.{sensor}": phase for sensor, phase in ((1, 1), (2, 3), (3, 1), (4, 1))},
            **{f"{CMS}.{group}.{sensor}": 0 for group in (1, 16, 28) for sensor in (2, 3, 4)},
            f"{CMS}.1.1": 1234,
            f"{CMS}.16.1": 2710,
            f"{CMS}.28.1": 95,
            **{f"{CMS}.29.{line}": 23_000 + line for line in (1, 2, 3)},
            **{f"{CMS}.30.{line}": 1_200 + line for line in (1, 2, 3)},
            f"{CMS}.35": 8_123,
        },
        {
            "dcim_circuit_current_amperes{circuit=Row_1,panel=1,phase=L1}": 12.34,
            "dcim_circuit_power_watts{circuit=Row_1,panel=1}": 2_710.0,
            "dcim_circuit_power_factor_ratio{circuit=Row_1,panel=1}": 0.95,
            "dcim_circuit_current_amperes{circuit=Row_2,panel=1,phase=L3}": 0.0,
            "dcim_circuit_power_watts{circuit=Row_2,panel=1}": 0.0,
            "dcim_circuit_power_factor_ratio{circuit=Row_2,panel=1}": 0.0,
            "dcim_circuit_power_watts{circuit=main,panel=1}": 8_123.0,
            **{
                f"dcim_circuit_voltage_volts{{circuit=main,panel=1,phase=L{line}}}": 230 + line / 100
                for line in (1, 2, 3)
            },
            **{
                f"dcim_circuit_current_amperes{{circuit=main,panel=1,phase=L{line}}}": 12 + line / 100
                for line in (1, 2, 3)
            },
        },
    ),
    "abb-cms700-96": Published(
        "1.3.6.1",
        {
            "2.1.1.1.0": b"ABBCircuitMeasurementSystemCMS700",
            f"{CMS}.1.1": 1234,
            f"{CMS}.15.1": 2710,
            f"{CMS}.16.1": 98_765,
            f"{CMS}.19.1": b"Row 1",
            f"{CMS}.19.2": b"",
            f"{CMS}.21.1": 2,
            f"{CMS}.23.1": 95,
            **{f"{CMS}.24.{line}": 23_000 + line for line in (1, 2, 3)},
            **{f"{CMS}.25.{line}": 1_200 + line for line in (1, 2, 3)},
        },
        {
            "dcim_circuit_current_amperes{circuit=Row_1,panel=1,phase=L2}": 12.34,
            "dcim_circuit_power_watts{circuit=Row_1,panel=1}": 2_710.0,
            "dcim_circuit_energy_joules_total{circuit=Row_1,panel=1}": 9_876.5 * 3600,
            "dcim_circuit_power_factor_ratio{circuit=Row_1,panel=1}": 0.95,
            **{
                f"dcim_circuit_voltage_volts{{circuit=main,panel=1,phase=L{line}}}": 230 + line / 100
                for line in (1, 2, 3)
            },
            **{
                f"dcim_circuit_current_amperes{{circuit=main,panel=1,phase=L{line}}}": 12 + line / 100
                for line in (1, 2, 3)
            },
        },
    ),
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
    "geist-dsts": Published(
        "1.3.6.1.4.1.21239.2",
        {
            "1.1.0": b"DSTS",
            "1.9.0": 0,
            **{
                f"19.1.{column}.1": value
                for column, value in ((2, b"0A12"), (4, 1), (5, 121), (6, 0), (7, 119), (8, 84))
            },
            **{
                f"19.1.{column}.1": value
                for column, value in ((9, 0), (10, 99), (11, 99), (12, 99), (13, 31), (14, 33))
            },
        },
        {
            "dcim_ats_source_voltage_volts{phase=L1,source=a}": 121.0,
            "dcim_ats_source_voltage_volts{phase=L1,source=b}": 119.0,
            "dcim_ats_source_current_amperes{phase=L1,source=a}": 0.0,
            "dcim_ats_source_current_amperes{phase=L1,source=b}": 8.4,
            "dcim_ats_temperature_celsius{sensor=a}": 31.0,
            "dcim_ats_temperature_celsius{sensor=b}": 33.0,
        },
        {"dcim_ats_selected_source": "b"},
    ),
    "vertiv-vrc": Published(
        "1.3.6.1.4.1.21239.5.2",
        {
            "1.7.0": 0,
            "1.13.0": 1,
            "30.1.2.1.2.1": 1,
            **{f"30.1.2.1.{column}.1": 2 for column in (10, 16, 17, 21, 23, 25, 26, 27, 28, 29)},
            "30.1.2.1.24.1": 1,
            "30.1.4.1.3.1": 70,
            "30.1.6.1.3.1": 1_200,
            "30.1.8.1.4.1": 900,
            "30.1.8.1.22.1": 2,
            "30.1.8.1.23.1": 2,
            "30.1.10.1.3.1": 950,
            "30.1.12.1.3.1": 680,
            "30.1.14.1.3.1": 2_301,
            "30.1.16.1.3.1": 860,
            "30.1.18.1.3.1": 1_580,
            "30.1.18.1.4.1": 241,
            "30.1.20.1.3.1": 500,
            "30.1.20.1.4.1": 81,
        },
        {
            "dcim_device_alarms": 1.0,
            "dcim_leak_detected{sensor=under_floor.1}": 0.0,
            **{
                f"{ALARM}{{alarm={alarm}.1,severity={severity}}}": float(alarm == "high_pressure")
                for severity, alarms in (
                    ("info", ("filter_maintenance",)),
                    ("warning", ("remote_shutdown", "low_pressure_sensor", "high_pressure_sensor")),
                    ("warning", ("expansion_valve_communication", "compressor_driver_communication")),
                    ("critical", ("high_water", "low_pressure", "high_pressure", "low_pressure_often")),
                    ("critical", ("high_pressure_often", "compressor_locked")),
                )
                for alarm in alarms
            },
            "dcim_crah_fan_speed_ratio{fan=out.1}": 0.7,
            "dcim_crah_fan_running_seconds_total{fan=in.1}": 1_200 * 3600.0,
            "dcim_crah_compressor_running_seconds_total{compressor=1}": 900 * 3600.0,
            "dcim_crah_return_air_temperature_celsius{unit=1}": 35.0,
            "dcim_crah_supply_air_temperature_celsius{unit=1}": 20.0,
            "dcim_crah_air_temperature_celsius{sensor=outdoor.1}": 30.0,
            "dcim_crah_voltage_volts{phase=L1,unit=1}": 230.1,
            "dcim_crah_refrigerant_temperature_celsius{sensor=discharge.1}": 70.0,
            "dcim_crah_refrigerant_pressure_pascals{sensor=discharge.1}": 2_410_000.0,
            "dcim_crah_refrigerant_temperature_celsius{sensor=suction.1}": 10.0,
            "dcim_crah_refrigerant_pressure_pascals{sensor=suction.1}": 810_000.0,
        },
        {"dcim_crah_unit_state{unit=1}": "running"},
    ),
    "gude-epc2": Published(
        "1.3.6.1.4.1.28507.100.1",
        {
            "3.1.2.1.3.1": 1,
            **{f"5.1.2.1.{column}.1": value for column, value in ((2, 1), (3, 12_345), (4, 446), (5, 1_980), (6, 231))},
            **{f"5.1.2.1.{column}.1": value for column, value in ((7, 5_001), (8, 975), (10, 457), (11, -101))},
            **{f"5.5.2.1.{column}.2": value for column, value in ((2, 1), (4, 120), (8, 990), (10, 121))},
            **{f"6.1.1.{column}.1": value for column, value in ((2, 228), (3, 385), (5, -9999), (6, 80))},
        },
        {
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_input_energy_joules_total{inlet=1}": 12_345 * 3600.0,
            "dcim_pdu_input_power_watts{inlet=1}": 446.0,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 1.98,
            "dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}": 231.0,
            "dcim_pdu_input_frequency_hertz{inlet=1}": 50.01,
            "dcim_pdu_input_power_factor_ratio{inlet=1}": 0.975,
            "dcim_pdu_input_apparent_power_voltamperes{inlet=1}": 457.0,
            "dcim_pdu_input_reactive_power_vars{inlet=1}": -101.0,
            "dcim_pdu_outlet_power_watts{outlet=2}": 120.0,
            "dcim_pdu_outlet_power_factor_ratio{outlet=2}": 0.99,
            "dcim_pdu_outlet_apparent_power_voltamperes{outlet=2}": 121.0,
            "dcim_env_temperature_celsius{sensor=1}": 22.8,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.385,
            "dcim_env_dew_point_celsius{sensor=1}": 8.0,
        },
        {},
        {"dcim_env_atmospheric_pressure_pascals{sensor=1}": "sentinel"},
    ),
    "gude-epc-87-3300": Published(
        "1.3.6.1.4.1.28507.111.1",
        {
            "3.1.2.1.3.1": 0,
            **{
                f"5.1.2.1.{column}.{phase}": value
                for phase in (1, 2, 3)
                for column, value in ((2, 1), (3, 1_000 * phase), (4, 460), (5, 2_050), (6, 230), (7, 4_998), (8, 975))
            },
            "5.3.2.1.2.1": 310,
            "5.13.1.2.1": 1,
            "5.13.1.2.2": 0,
            "6.2.2.1.2.1": 1,
            "6.2.2.1.32.1": b"Door",
        },
        {
            "dcim_pdu_neutral_current_amperes{inlet=1}": 0.31,
            "dcim_device_alarm_active{alarm=power_supply.1,severity=warning}": 0.0,
            "dcim_device_alarm_active{alarm=power_supply.2,severity=warning}": 1.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=1.Door}": 1.0,
            "dcim_pdu_outlet_on{outlet=1}": 0.0,
            "dcim_pdu_input_frequency_hertz{inlet=1}": 49.98,
            "dcim_pdu_current_unbalance_ratio{inlet=1}": 0.0,
            **{
                f"dcim_pdu_phase_{what}{{inlet=1,phase=L{phase}}}": value
                for phase in (1, 2, 3)
                for what, value in (
                    ("energy_joules_total", phase * 3.6e6),
                    ("power_watts", 460.0),
                    ("current_amperes", 2.05),
                    ("voltage_volts", 230.0),
                    ("power_factor_ratio", 0.975),
                )
            },
        },
    ),
}
