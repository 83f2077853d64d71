"""Families without a MIB at hand: answers written down from plugins of monitoring systems; see published_mibs."""

from agent.snmp.seam import SnmpValue
from tests.conformance.published_mibs import ALARM, Published

# A UPS on battery
_WISEWAY: dict[int, SnmpValue] = {
    11: b"5000",
    16: 2,
    17: b"15",
    18: b"91",
    19: b"217.9",
    21: b"28,5",
    24: b"-99998",
    27: b"0.0",
    39: 3,
    40: b"50.0",
    42: b"231,9",
    45: b"1.40",
    48: b"310.00",
    51: b"6.2",
    57: b"50.0",
    59: b"232.9",
    **dict.fromkeys((71, 72, 74, 76, 78, 79, 85, 89, 93), 0),
    **dict.fromkeys((77, 81), 1),
}
_KENTIX: dict[int, tuple[SnmpValue, ...]] = {
    7: (b"Room", 159, 474, 48, 0, 0, 1, 0, 0, 0),
    8: (b"", 0, 0, 0, 0, 0, 0, 0, 0, 0),
    9: (b"Rack", 231, 0, 0, 0, 0, 0, 0, 0, 0),
}
_RMS: dict[int, tuple[SnmpValue, ...]] = {1: (1, b"Rack 1", 2_243), 2: (2, b"Hall", -27_300)}
PLUGINS = {
    # On battery, on which the fan has failed; numbers with a point and with a comma, and an input that is not measured.
    "wiseway-ups": Published(
        "1.3.6.1",
        {
            "2.1.33.1.1.2.0": b"6000VA",
            "2.1.33.1.2.2.0": 75,
            "2.1.33.1.4.1.0": 3,
            "4.1.935.1.1.1.4.1.1.0": 3,
            "4.1.935.1.1.1.2.1.1.0": 2,
            "4.1.935.1.1.1.2.2.1.0": 91,
            **{f"4.1.44782.1.4.4.1.{scalar}.0": cell for scalar, cell in _WISEWAY.items()},
            "4.1.44782.1.2.1.1.1.0": 243,
            "4.1.44782.1.2.1.1.2.0": 0,
        },
        {
            "dcim_ups_rated_power_watts": 5_000.0,
            "dcim_ups_on_battery_seconds": 75.0,
            "dcim_ups_battery_runtime_seconds": 900.0,
            "dcim_ups_battery_charge_ratio": 0.91,
            "dcim_ups_battery_voltage_volts": 217.9,
            "dcim_ups_battery_temperature_celsius": 28.5,
            "dcim_ups_input_voltage_volts{phase=L1}": 0.0,
            "dcim_ups_output_frequency_hertz": 50.0,
            "dcim_ups_output_voltage_volts{phase=L1}": 231.9,
            "dcim_ups_output_current_amperes{phase=L1}": 1.4,
            "dcim_ups_output_power_watts{phase=L1}": 310.0,
            "dcim_ups_output_load_ratio{phase=L1}": 0.062,
            "dcim_ups_bypass_frequency_hertz{phase=L1}": 50.0,
            "dcim_ups_bypass_voltage_volts{phase=L1}": 232.9,
            "dcim_env_temperature_celsius{sensor=ths1}": 24.3,
            **{
                f"{ALARM}{{alarm={alarm},severity={severity}}}": float(alarm in ("input", "fan"))
                for severity, alarms in {
                    "warning": ("communication", "over_temperature", "input", "fan"),
                    "critical": ("battery_abnormal", "battery_low", "output", "output_overload"),
                }.items()
                for alarm in alarms
            },
            **{
                f"{ALARM}{{alarm={alarm},severity=critical}}": 0.0
                for alarm in ("shutdown_requested", "shutdown_imminent", "low_battery_shutdown")
            },
        },
        {"dcim_ups_output_source": "battery", "dcim_ups_battery_state": "normal"},
        {"dcim_ups_input_frequency_hertz{phase=L1}": "sentinel"},
    ),
    # Without mains, on a battery whose breaker is closed, and with a load's breaker that is open.
    "jetpower-cas02": Published(
        "1.3.6.1.4.1.38747.1",
        {
            "2.0": b"CAS-02",
            "3.0": 66,
            **{
                f"{scalar}.0": cell
                for scalar, cell in {
                    5: 3,
                    6: 51_240,
                    7: 18_350,
                    8: 0,
                    9: 1,
                    10: 83,
                    11: -18_420,
                    12: 27_100,
                    13: 1,
                    47: 2,
                    **dict.fromkeys((26, 27, 28, 29, 30, 37, 40, 41, 42, 45), 0),
                    **dict.fromkeys((38, 44), 1),
                }.items()
            },
        },
        {
            "dcim_device_alarms": 2.0,
            "dcim_ups_battery_voltage_volts": 51.24,
            "dcim_ups_input_voltage_volts{phase=L1}": 0.0,
            "dcim_ups_battery_charge_ratio": 0.83,
            "dcim_ups_battery_current_amperes": -18.42,
            "dcim_ups_battery_temperature_celsius": 27.1,
            **{
                f"{ALARM}{{alarm={alarm},severity=warning}}": float(alarm == "mains")
                for alarm in (
                    "ambient_temperature_high",
                    "ambient_temperature_low",
                    "rectifier_pfc_temperature",
                    "rectifier_dc_temperature",
                    "battery_current",
                    "fan",
                    "rectifier_communication",
                    "mains",
                )
            },
            **{
                f"{ALARM}{{alarm={alarm},severity=critical}}": float(alarm == "load_breaker")
                for alarm in ("battery_temperature", "battery_breaker", "battery_disconnected", "load_breaker")
            },
        },
        {"dcim_device_state": "failed", "dcim_ups_battery_charge_state": "floating"},
    ),
    # A sensor with humidity, a place without a sensor, and one of temperature alone.
    "kentix-alarmmanager": Published(
        "1.3.6.1.4.1.37954.1.2",
        {f"{sensor}.{place}.0": cell for sensor, cells in _KENTIX.items() for place, cell in enumerate(cells, 1)},
        {
            "dcim_env_temperature_celsius{sensor=7}": 15.9,
            "dcim_env_temperature_celsius{sensor=9}": 23.1,
            "dcim_env_relative_humidity_ratio{sensor=7}": 0.474,
            "dcim_env_dew_point_celsius{sensor=7}": 4.8,
        },
    ),
    "infratec-rms200": Published(
        "1.3.6.1.4.1.1909.13.1.1.1",
        {f"{column}.{row}": cell for row, cells in _RMS.items() for column, cell in zip((1, 2, 5), cells, strict=True)},
        {"dcim_env_temperature_celsius{sensor=1.Rack_1}": 22.43},
    ),
    # On battery, with a mains failure, two faulty rectifiers, an alarm of the site and one row of alarms without a name.
    "aeg-acm": Published(
        "1.3.6.1.4.1.15416.38",
        {
            **{
                f"{place}.0": cell
                for place, cell in {
                    "1.1": 6,
                    "1.2": 4_987,
                    "1.4": 1_250,
                    "1.7": 2_410,
                    "1.8": -27_300,
                    "1.9": 87,
                    "2.4": 2,
                    "3.3": 1_835,
                    "4.1": 1,
                }.items()
            },
            "8.1.1.2.1": b"Door open",
            "8.1.1.3.1": 0,
            "8.1.1.2.2": b" ",
            "8.1.1.3.2": 0,
            "8.2.1.2.1": b"Rectifier fail",
            "8.2.1.3.1": 1,
        },
        {
            "dcim_ups_battery_voltage_volts": 49.87,
            "dcim_ups_battery_temperature_celsius{string=1}": 24.1,
            "dcim_ups_battery_charge_ratio": 0.87,
            "dcim_ups_output_total_power_watts": 1_835.0,
            f"{ALARM}{{alarm=mains,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=rectifiers,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=battery_disconnected,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=battery_shutdown,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=simple.1.Door_open,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=multiple.1.Rectifier_fail,severity=warning}}": 1.0,
        },
        {"dcim_ups_output_source": "battery", "dcim_ups_battery_charge_state": "discharging"},
        {"dcim_ups_battery_temperature_celsius{string=2}": "range"},
    ),
}
