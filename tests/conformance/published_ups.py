"""UPSs and DC power systems without a recording: answers written down from the branches of their vendors' MIBs; see published_mibs."""

from tests.conformance.published_mibs import ALARM, Published

_HUAWEI, _RIELLO = "1.3.6.1.4.1.2011.6.174.1", "1.3.6.1.4.1.5491.10.1"
_LINES = (1, 2, 3)
_BETWEEN = ("L1-L2", "L2-L3", "L3-L1")
# Alarms of a DC power system that take supply away, and those that may
_LOST = ("overload", "load_fuse", "battery_fuse", "battery_string", "load_disconnected")
_WORN = ("rectifier_failure", "ac_partial_failure", "battery_test_failed", "battery_temperature_high")
_SHEDDING = tuple(f"load_disconnect_{load}_{cause}" for load in _LINES for cause in ("temperature", "voltage"))
_PLANT = ("breaker", "fan_failure", "major", "battery_current", "battery_disconnected", "fuse", *_SHEDDING)
_PLANT_MINOR = ("high_voltage", "low_voltage", "overload", "rectifier_failure")
# Alarms of a Delta UPS by their objects, and those of each power module by their column.
DELTA_ALARMS: dict[str, tuple[str, str]] = {
    "9.1": ("disconnected", "critical"),
    "9.2": ("power_fail", "critical"),
    "9.3": ("battery_low", "critical"),
    "9.4": ("on_bypass", "warning"),
    "9.5": ("other", "warning"),
    "9.6": ("battery_ground_fault", "critical"),
    "9.8": ("battery_test_failed", "warning"),
    "9.9": ("fuse", "critical"),
    "9.10": ("output_overload", "critical"),
    "9.11": ("inverter", "critical"),
    "9.12": ("on_reserve", "warning"),
    "9.13": ("over_temperature", "critical"),
    "9.14": ("bypass_bad", "warning"),
    "9.16": ("charger", "critical"),
    "9.17": ("fan", "warning"),
    "9.19": ("output_off", "critical"),
    "9.20": ("smart_shutdown", "warning"),
    "9.21": ("emergency_power_off", "critical"),
    "9.22": ("ups_shutdown", "critical"),
    "9.24": ("output_over_voltage", "critical"),
    "9.25": ("output_under_voltage", "critical"),
    "9.26": ("power_module", "critical"),
    "9.27": ("output_breaker_open", "critical"),
    "9.28": ("outlet_bank_1_breaker_open", "warning"),
    "9.29": ("outlet_bank_2_breaker_open", "warning"),
    "9.30": ("outlet_bank_3_breaker_open", "warning"),
    "9.31": ("outlet_bank_4_breaker_open", "warning"),
    "9.33": ("redundancy_lost", "warning"),
    "9.34": ("not_synchronous", "warning"),
    "9.35": ("rectifier", "critical"),
    "9.36": ("bypass_breaker_open", "warning"),
    "9.37": ("input_breaker_open", "critical"),
    "7.15": ("battery_breaker_open", "critical"),
    "10.2": ("bypass_phase_sequence", "warning"),
    "10.3": ("bypass_switch_overload", "critical"),
    "10.4": ("bypass_switch_over_temperature", "critical"),
    "10.5": ("bypass_switch", "critical"),
}
DELTA_MODULE_ALARMS: dict[str, tuple[str, str]] = {
    "43": ("power_module", "critical"),
    "13": ("fault_shutdown", "critical"),
    "14": ("rectifier_fuse", "critical"),
    "15": ("rectifier_over_temperature", "warning"),
    "16": ("rectifier_over_temperature", "critical"),
    "17": ("rectifier_over_voltage", "warning"),
    "18": ("rectifier_over_voltage", "critical"),
    "19": ("rectifier_under_voltage", "warning"),
    "20": ("rectifier_under_voltage", "critical"),
    "21": ("rectifier", "critical"),
    "22": ("rectifier_fan", "critical"),
    "23": ("rectifier_current_limit", "warning"),
    "25": ("rectifier_communication", "critical"),
    "26": ("rectifier_not_calibrated", "warning"),
    "27": ("inverter_fuse", "critical"),
    "28": ("inverter_over_temperature", "warning"),
    "29": ("inverter_over_temperature", "critical"),
    "30": ("inverter_fan", "critical"),
    "31": ("inverter_short_circuit", "critical"),
    "32": ("static_switch", "critical"),
    "33": ("inverter", "critical"),
    "34": ("inverter_over_voltage", "critical"),
    "35": ("inverter_overload", "critical"),
    "36": ("inverter_communication", "critical"),
    "37": ("emergency_power_off", "critical"),
    "38": ("parallel_communication", "critical"),
    "39": ("parallel", "critical"),
    "41": ("inverter_not_calibrated", "warning"),
    "42": ("charger", "critical"),
}

UPS = {
    # A UPS5000 of 300 kVA on its battery, with three present alarms and one that has just gone.
    "huawei-ups": Published(
        _HUAWEI,
        {
            "1.1.6.0": 241,
            "1.1.7.0": 415,
            "2.100.1.2.1": b"UPS5000-E",
            "2.100.1.6.1": 12,
            "2.101.1.1.1": 4,
            "2.101.1.3.1": 6,
            "2.101.1.4.1": 312,
            **{f"3.100.1.{line}.1": 0 for line in _LINES},
            "3.100.1.4.1": 0,
            **{f"4.100.1.{line}.1": 2_300 + line for line in _LINES},
            **{f"4.100.1.{3 + line}.1": 1_500 + line for line in _LINES},
            "4.100.1.7.1": 5_001,
            **{f"4.100.1.{7 + line}.1": 320 + line for line in _LINES},
            **{f"4.100.1.{10 + line}.1": 340 + line for line in _LINES},
            **{f"4.100.1.{13 + line}.1": 333 + line for line in _LINES},
            "4.100.1.17.1": 5,
            **{f"4.100.1.{18 + line}.1": 94 for line in _LINES},
            "6.100.1.1.1": 4_802,
            "6.100.1.3.1": 91,
            "6.100.1.4.1": 1_260,
            "6.100.1.6.1": 243,
            "12.2.0": 3,
            **{
                f"13.1.1.{column}.1.{sequence}": value
                for sequence, text, level, flag in (
                    (7, b"Mains Absent", 2, 1),
                    (8, b"Battery Room Over Temperature", 3, 1),
                    (9, b"Module Fault", 1, 1),
                    (6, b"Bypass Abnormal", 4, 2),
                )
                for column, value in ((6, text), (7, level), (8, flag))
            },
        },
        {
            "dcim_env_temperature_celsius{sensor=ambient}": 24.1,
            "dcim_env_relative_humidity_ratio{sensor=ambient}": 0.415,
            "dcim_env_dew_point_celsius{sensor=ambient}": 10.202384,  # Magnus, of the two above
            "dcim_ups_rated_apparent_power_voltamperes": 300_000.0,
            "dcim_ups_temperature_celsius": 31.2,
            **{f"dcim_ups_input_voltage_volts{{phase=L{line}}}": 0.0 for line in _LINES},
            **{f"dcim_ups_output_voltage_volts{{phase=L{line}}}": 230.0 + line / 10 for line in _LINES},
            **{f"dcim_ups_output_current_amperes{{phase=L{line}}}": 150.0 + line / 10 for line in _LINES},
            "dcim_ups_output_current_unbalance_ratio": 0.1 / 150.2,
            "dcim_ups_output_frequency_hertz": 50.01,
            **{f"dcim_ups_output_power_watts{{phase=L{line}}}": 32_000.0 + 100 * line for line in _LINES},
            **{
                f"dcim_ups_output_apparent_power_voltamperes{{phase=L{line}}}": 34_000.0 + 100 * line for line in _LINES
            },
            **{f"dcim_ups_output_load_ratio{{phase=L{line}}}": 0.333 + line / 1000 for line in _LINES},
            "dcim_ups_rated_output_voltage_volts": 230.0,  # 400 V between lines
            **{f"dcim_ups_output_power_factor_ratio{{phase=L{line}}}": 0.94 for line in _LINES},
            "dcim_ups_battery_voltage_volts": 480.2,
            "dcim_ups_battery_charge_ratio": 0.91,
            "dcim_ups_battery_runtime_seconds": 1_260.0,
            "dcim_ups_battery_temperature_celsius": 24.3,
            "dcim_device_alarms": 3.0,
            f"{ALARM}{{alarm=Mains_Absent,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=Battery_Room_Over_Temperature,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=Module_Fault,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=Bypass_Abnormal,severity=warning}}": 0.0,
        },
        {
            "dcim_ups_output_source": "battery",
            "dcim_ups_battery_state": "unknown",  # UPS-MIB tells it, which is not served here
            "dcim_ups_battery_charge_state": "discharging",
        },
        {"dcim_ups_input_frequency_hertz{phase=L1}": "sentinel"},
    ),
    "riello-netman": Published(
        _RIELLO,
        {
            "1.2.0": b"NextEnergy NXE 250",
            "1.9.0": 250_000,
            "1.10.0": 250_000,
            "2.1.0": 2,
            "2.2.0": 0,
            "2.3.0": 23,
            "2.4.0": 97,
            "2.5.0": 5_436,
            "2.7.0": 24,
            "2.8.0": 272,
            "2.9.0": -271,
            "2.12.0": 1,
            "3.2.0": 3,
            **{
                f"3.3.1.{column}.{line}": value
                for column, value in ((2, 500), (3, 231), (4, 613), (5, 14_000))
                for line in _LINES
            },
            "4.1.0": 3,
            "4.2.0": 500,
            "4.3.0": 3,
            **{
                f"4.4.1.{column}.{line}": value
                for column, value in ((2, 230), (3, 602), (4, 13_400), (5, 16))
                for line in _LINES
            },
            "6.1.0": 1,
            "6.2.1.2.4": f"{_RIELLO}.6.3.10",
            "10.1.0": 33,
        },
        {
            "dcim_ups_rated_apparent_power_voltamperes": 250_000.0,
            "dcim_ups_rated_power_watts": 250_000.0,
            "dcim_ups_on_battery_seconds": 0.0,
            "dcim_ups_battery_runtime_seconds": 1_380.0,
            "dcim_ups_battery_charge_ratio": 0.97,
            "dcim_ups_battery_voltage_volts": 543.6,
            "dcim_ups_battery_voltage_volts{string=positive}": 272.0,
            "dcim_ups_battery_voltage_volts{string=negative}": 271.0,
            "dcim_ups_battery_temperature_celsius": 24.0,
            **{f"dcim_ups_input_frequency_hertz{{phase=L{line}}}": 50.0 for line in _LINES},
            **{f"dcim_ups_input_voltage_volts{{phase=L{line}}}": 231.0 for line in _LINES},
            **{f"dcim_ups_input_current_amperes{{phase=L{line}}}": 61.3 for line in _LINES},
            **{f"dcim_ups_input_power_watts{{phase=L{line}}}": 14_000.0 for line in _LINES},
            "dcim_ups_output_frequency_hertz": 50.0,
            **{f"dcim_ups_output_voltage_volts{{phase=L{line}}}": 230.0 for line in _LINES},
            **{f"dcim_ups_output_current_amperes{{phase=L{line}}}": 60.2 for line in _LINES},
            "dcim_ups_output_current_unbalance_ratio": 0.0,
            **{f"dcim_ups_output_power_watts{{phase=L{line}}}": 13_400.0 for line in _LINES},
            **{f"dcim_ups_output_load_ratio{{phase=L{line}}}": 0.16 for line in _LINES},
            "dcim_ups_temperature_celsius": 33.0,
            "dcim_device_alarms": 1.0,
            f"{ALARM}{{alarm=bypass_bad,severity=warning}}": 1.0,
        },
        {
            "dcim_ups_output_source": "normal",
            "dcim_ups_battery_state": "normal",
            "dcim_ups_battery_charge_state": "charging",
        },
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
            **{f"110.5.{summary}.0": int(summary == 10) for summary in (10, 20, 30)},
            **{f"110.10.1.40.{alarm}": 0 for alarm in (4, 8, 10, 11, 12, 13, 23, 49, 51)},
            "110.10.1.40.9": 5,
            "110.10.1.40.65": 1,
        },
        {
            "dcim_ups_input_voltage_volts{phase=L1}": 231.0,
            "dcim_ups_output_total_load_ratio": 0.41,
            "dcim_ups_output_total_power_watts": 3840.0,
            "dcim_ups_battery_temperature_celsius": 24.0,
            "dcim_ups_battery_current_amperes": -3.0,
            **{
                f"{ALARM}{{alarm={name},severity={severity}}}": float(name in raised)
                for severity, raised, names in (
                    ("critical", {"critical", "ac_failure"}, ("critical", "major", "ac_failure", *_LOST)),
                    ("warning", {"battery_end_of_life"}, ("minor", "battery_end_of_life", *_WORN)),
                )
                for name in names
            },
        },
        {"dcim_ups_battery_charge_state": "discharging"},
        {"dcim_ups_battery_health_ratio": "sentinel"},
    ),
    # A -48 V plant whose rectifiers lost their mains: two alarms are active, and the last test of the battery was broken off.
    "ccpower-commander-plus": Published(
        "1.3.6.1.4.1.18642.1.2",
        {
            "1.1.0": 521,
            "1.2.0": 87,
            "2.1.0": 12,
            "2.2.0": 24,
            "2.12.0": 2,
            **{f"4.{at}.0": 2 if at in {5, 15} else 1 for at in range(1, 22)},
        },
        {
            "dcim_ups_battery_voltage_volts": 52.1,
            "dcim_ups_battery_temperature_celsius": 24.0,
            **{
                f"{ALARM}{{alarm={name},severity={severity}}}": float(name in raised)
                for severity, raised, names in (
                    ("critical", {"ac_failure", "battery_test_failed"}, ("ac_failure", "battery_test_failed", *_PLANT)),
                    ("warning", {"battery_resistance"}, ("battery_resistance", *_PLANT_MINOR)),
                )
                for name in names
            },
        },
    ),
    # Three phases, of which the input of one is higher; the second battery is low and has lost its fuse.
    "gamatronic-ups": Published(
        "1.3.6.1.4.1.6050",
        {
            "1.1.4.0": b"Power+ 80",
            "1.2.2.0": 4_021,
            **{
                f"1.2.26.1.{column}.{battery}": value
                for battery, values in {1: (1, 0, 0, 25, 0, 0), 2: (2, 1, 0, 31, 2, 1), 3: (3, 0, 1, 4, 0, 0)}.items()
                for column, value in zip((1, 2, 4, 5, 6, 7), values, strict=True)
            },
            **{
                f"5.{side}.1.1.{column}.{line}": value
                for side, values in ((4, (231, 34, 75, 78)), (5, (230, 32, 71, 73)))
                for line in _LINES
                for column, value in enumerate(values, 2)
            },
        },
        {
            "dcim_ups_battery_voltage_volts": 402.1,
            "dcim_ups_battery_temperature_celsius{string=1}": 25.0,
            "dcim_ups_battery_temperature_celsius{string=2}": 31.0,
            **{
                f"{ALARM}{{alarm=battery_{kind}.{battery},severity=critical}}": float(
                    battery == 2 and kind in {"low", "fuse"}
                )
                for kind in ("failed", "low", "fuse")
                for battery in (1, 2, 3)
            },
            **{
                f"dcim_ups_{side}_{name}{{phase=L{line}}}": value
                for side, values in (
                    ("input", (231.0, 34.0, 7_500.0, 7_800.0)),
                    ("output", (230.0, 32.0, 7_100.0, 7_300.0)),
                )
                for line in _LINES
                for name, value in zip(
                    ("voltage_volts", "current_amperes", "power_watts", "apparent_power_voltamperes"),
                    values,
                    strict=True,
                )
            },
            "dcim_ups_output_current_unbalance_ratio": 0.0,
        },
    ),
    # On bypass with a low battery, after the bus between parallel units failed; the input's currents and powers are not measured.
    "ge-ups": Published(
        "1.3.6.1.4.1.818.1.1.10",
        {
            "1.1.0": b"GE",
            "1.2.0": b"SitePro 60",
            "1.7.0": b"E1",
            **{f"2.{scalar}.0": value for scalar, value in enumerate((3, 0, 4, 31, 4_012, -84, 26, 3), 1)},
            "3.1.0": 12,
            **{
                f"3.3.1.{column}.{line}": value + line if value else 0
                for column, value in ((2, 498), (3, 230), (4, 0), (5, 0))
                for line in (1, 2, 3)
            },
            "4.1.0": 4,
            "4.2.0": 500,
            **{
                f"4.4.1.{column}.{line}": value + line
                for column, value in ((2, 228), (3, 702), (4, 15_400), (5, 37), (6, 90))
                for line in (1, 2, 3)
            },
            "5.1.0": 501,
            **{
                f"5.3.1.{column}.{line}": value
                for column, value in ((2, 232), (3, 704), (4, 15_300))
                for line in (1, 2, 3)
            },
            "6.1.0": 2,
            **{f"6.2.1.2.{row}": f"1.3.6.1.4.1.818.1.1.10.6.3.{alarm}" for row, alarm in ((4, 9), (5, 26))},
            "7.3.0": 6,
            **{f"9.{scalar}.0": value for scalar, value in ((3, 230), (5, 60_000), (6, 54_000), (7, 3))},
        },
        {
            "dcim_ups_on_battery_seconds": 0.0,
            "dcim_ups_battery_runtime_seconds": 240.0,
            "dcim_ups_battery_charge_ratio": 0.31,
            "dcim_ups_battery_voltage_volts": 401.2,
            "dcim_ups_battery_temperature_celsius": 26.0,
            "dcim_ups_input_faults_total": 12.0,
            **{f"dcim_ups_input_frequency_hertz{{phase=L{line}}}": (498 + line) / 10 for line in (1, 2, 3)},
            **{f"dcim_ups_input_voltage_volts{{phase=L{line}}}": 230.0 + line for line in (1, 2, 3)},
            "dcim_ups_output_frequency_hertz": 50.0,
            **{f"dcim_ups_output_voltage_volts{{phase=L{line}}}": 228.0 + line for line in (1, 2, 3)},
            **{f"dcim_ups_output_current_amperes{{phase=L{line}}}": (702 + line) / 10 for line in (1, 2, 3)},
            "dcim_ups_output_current_unbalance_ratio": 0.1 / 70.4,
            **{f"dcim_ups_output_power_watts{{phase=L{line}}}": 15_400.0 + line for line in (1, 2, 3)},
            **{f"dcim_ups_output_load_ratio{{phase=L{line}}}": (37 + line) / 100 for line in (1, 2, 3)},
            **{f"dcim_ups_output_power_factor_ratio{{phase=L{line}}}": (90 + line) / 100 for line in (1, 2, 3)},
            "dcim_ups_bypass_frequency_hertz{phase=L1}": 50.1,
            **{f"dcim_ups_bypass_voltage_volts{{phase=L{line}}}": 232.0 for line in (1, 2, 3)},
            **{f"dcim_ups_bypass_current_amperes{{phase=L{line}}}": 70.4 for line in (1, 2, 3)},
            **{f"dcim_ups_bypass_power_watts{{phase=L{line}}}": 15_300.0 for line in (1, 2, 3)},
            "dcim_ups_rated_output_voltage_volts": 230.0,
            "dcim_ups_rated_apparent_power_voltamperes": 60_000.0,
            "dcim_ups_rated_power_watts": 54_000.0,
            "dcim_ups_low_battery_threshold_seconds": 180.0,
            "dcim_device_alarms": 2.0,
            "dcim_device_alarm_active{alarm=on_bypass,severity=warning}": 1.0,
            "dcim_device_alarm_active{alarm=high_speed_bus_failure,severity=critical}": 1.0,
        },
        {"dcim_ups_output_source": "bypass", "dcim_ups_battery_state": "low", "dcim_ups_test_result": "never"},
    ),
    # On the bypass, the mains input's breaker open; of three places for modules the second is empty, the third one's fan stands.
    "delta-ups-v5": Published(
        "1.3.6.1.4.1.2254.2.5",
        {
            "1.2.0": b"DPH-200K",
            "1.7.0": 200_000,
            "1.8.0": 230,
            "1.10.0": 230,
            "1.12.0": 240,
            "4.1.0": 3,
            "5.3.0": 3,
            "6.2.0": 3,
            **{f"4.{2 + 5 * at}.0": 499 + at for at in range(3)},
            **{f"4.{3 + 5 * at}.0": 2_310 + at for at in range(3)},
            **{f"4.{4 + 5 * at}.0": 4_000 + at for at in range(3)},
            **{f"4.{5 + 5 * at}.0": 601 + at for at in range(3)},
            **{f"4.{6 + 5 * at}.0": 13_800 + at for at in range(3)},
            "4.20.0": 812_345,
            "5.1.0": 3,
            "5.2.0": 500,
            **{f"5.{4 + 5 * at}.0": 2_301 + at for at in range(3)},
            **{f"5.{5 + 5 * at}.0": 3_985 + at for at in range(3)},
            **{f"5.{6 + 5 * at}.0": 589 + at for at in range(3)},
            **{f"5.{7 + 5 * at}.0": 13_300 + at for at in range(3)},
            **{f"5.{8 + 5 * at}.0": 21 + at for at in range(3)},
            "5.19.0": 399,
            "5.20.0": 407,
            "5.25.0": 790_001,
            "6.1.0": 501,
            **{f"6.{3 + 4 * at}.0": 2_305 + at for at in range(3)},
            **{f"6.{4 + 4 * at}.0": 3_993 + at for at in range(3)},
            **{f"6.{5 + 4 * at}.0": 590 + at for at in range(3)},
            **{f"6.{6 + 4 * at}.0": 13_310 + at for at in range(3)},
            "7.1.0": 2,
            "7.2.0": 1,
            "7.3.0": 2,
            "7.4.0": 0,
            "7.5.0": 34,
            "7.6.0": 2_712,
            "7.7.0": -2_709,
            "7.10.0": 96,
            "7.11.0": 95,
            "7.12.0": 31,
            "7.16.0": 24,
            "7.17.0": -1,
            "8.2.0": 2,
            **{f"{place}.0": 1 if place in {"9.4", "9.37"} else 2 for place in DELTA_ALARMS},
            "9.32.0": 3,
            **{f"10.6.1.10.{module}": exists for module, exists in ((1, 2), (2, 1), (3, 2))},
            **{
                f"10.6.1.{column}.{module}": 1 if (column, module) == ("22", 3) else 2
                for column in DELTA_MODULE_ALARMS
                for module in _LINES
            },
        },
        {
            "dcim_ups_rated_apparent_power_voltamperes": 200_000.0,
            "dcim_ups_rated_output_voltage_volts": 230.0,
            "dcim_ups_rated_input_voltage_volts": 230.0,
            "dcim_ups_battery_rated_voltage_volts": 240.0,
            **{f"dcim_ups_input_frequency_hertz{{phase=L{line}}}": (498 + line) / 10 for line in _LINES},
            **{f"dcim_ups_input_voltage_volts{{phase=L{line}}}": (2_309 + line) / 10 for line in _LINES},
            **{
                f"dcim_ups_{end}_line_voltage_volts{{line={name}}}": volts + at / 10
                for end, volts in (("input", 400.0), ("output", 398.5), ("bypass", 399.3))
                for at, name in enumerate(_BETWEEN)
            },
            **{f"dcim_ups_input_current_amperes{{phase=L{line}}}": (600 + line) / 10 for line in _LINES},
            **{f"dcim_ups_input_power_watts{{phase=L{line}}}": 13_799.0 + line for line in _LINES},
            "dcim_ups_input_energy_joules_total": 812_345 * 3.6e6,
            "dcim_ups_output_frequency_hertz": 50.0,
            **{f"dcim_ups_output_voltage_volts{{phase=L{line}}}": (2_300 + line) / 10 for line in _LINES},
            **{f"dcim_ups_output_current_amperes{{phase=L{line}}}": (588 + line) / 10 for line in _LINES},
            "dcim_ups_output_current_unbalance_ratio": 0.1 / 59.0,
            **{f"dcim_ups_output_power_watts{{phase=L{line}}}": 13_299.0 + line for line in _LINES},
            **{f"dcim_ups_output_load_ratio{{phase=L{line}}}": (20 + line) / 100 for line in _LINES},
            "dcim_ups_output_total_power_watts": 39_900.0,
            "dcim_ups_output_total_apparent_power_voltamperes": 40_700.0,
            "dcim_ups_output_energy_joules_total": 790_001 * 3.6e6,
            "dcim_ups_bypass_frequency_hertz{phase=L1}": 50.1,
            **{f"dcim_ups_bypass_voltage_volts{{phase=L{line}}}": (2_304 + line) / 10 for line in _LINES},
            **{f"dcim_ups_bypass_current_amperes{{phase=L{line}}}": (589 + line) / 10 for line in _LINES},
            **{f"dcim_ups_bypass_power_watts{{phase=L{line}}}": 13_309.0 + line for line in _LINES},
            "dcim_ups_battery_replace_required": 0.0,
            "dcim_ups_on_battery_seconds": 0.0,
            "dcim_ups_battery_runtime_seconds": 2_040.0,
            "dcim_ups_battery_voltage_volts{string=positive}": 271.2,
            "dcim_ups_battery_voltage_volts{string=negative}": 270.9,
            "dcim_ups_battery_charge_ratio": 0.96,
            "dcim_ups_temperature_celsius": 31.0,
            "dcim_ups_battery_temperature_celsius{string=cabinet-1}": 24.0,
            **{
                f"{ALARM}{{alarm={name},severity={severity}}}": float(place in {"9.4", "9.37"})
                for place, (name, severity) in DELTA_ALARMS.items()
            },
            **{
                f"{ALARM}{{alarm=module.{module}.{name},severity={severity}}}": float((column, module) == ("22", 3))
                for column, (name, severity) in DELTA_MODULE_ALARMS.items()
                for module in (1, 3)
            },
        },
        {
            "dcim_ups_output_source": "bypass",
            "dcim_ups_battery_state": "normal",
            "dcim_ups_battery_charge_state": "charging",
            "dcim_ups_test_result": "passed",
            "dcim_device_state": "degraded",
        },
        {"dcim_ups_battery_temperature_celsius{string=cabinet-2}": "sentinel"},
    ),
}
