"""DC supplies and inverters without a recording: answers written down from their published MIBs; see published_mibs."""

from tests.conformance.published_mibs import Published

SUPPLIES = {
    "eaton-matrix": Published(
        "1.3.6.1.4.1.935.10.2.1",
        {
            "2.1.0": 4,
            "3.1.0": 1,
            **{
                f"3.2.1.{column}.1": value
                for column, value in (
                    (7, 2312),
                    (8, 500),
                    (11, 2298),
                    (12, 123),
                    (13, 2826),
                    (14, 500),
                    (16, 312),
                    (19, 1),
                )
            },
        },
        {
            "dcim_ups_bypass_voltage_volts{phase=L1}": 231.2,
            "dcim_ups_bypass_frequency_hertz{phase=L1}": 50.0,
            "dcim_ups_output_voltage_volts{phase=L1}": 229.8,
            "dcim_ups_output_current_amperes{phase=L1}": 12.3,
            "dcim_ups_output_total_apparent_power_voltamperes": 2826.0,
            "dcim_ups_output_frequency_hertz": 50.0,
        },
        {"dcim_ups_output_source": "normal"},
    ),
    "eaton-sc300": Published(
        "1.3.6.1.4.1.1918.2.14.10",
        {
            "10.30.0": b"DC plant 48V",
            "10.120.0": 0,
            "40.10.0": 231,
            "50.20.0": 41,
            "50.30.0": 384,
            "100.30.0": 24,
            "100.40.0": -3,
            "100.44.0": 255,
            "100.45.0": 101,
        },
        {
            "dcim_ups_input_voltage_volts{phase=L1}": 231.0,
            "dcim_ups_output_total_load_ratio": 0.41,
            "dcim_ups_output_total_power_watts": 3840.0,
            "dcim_ups_battery_temperature_celsius": 24.0,
            "dcim_ups_battery_current_amperes": -3.0,
        },
        {"dcim_ups_battery_charge_state": "discharging"},
        {"dcim_ups_battery_health_ratio": "sentinel"},
    ),
}
