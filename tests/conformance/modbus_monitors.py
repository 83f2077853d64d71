"""Modbus maps of leak detectors and other monitors, served to the agent; see modbus_maps."""

from tests.conformance.modbus_maps import Served


def _seahawk() -> Served:
    """An LD2100 with a leak at 250 feet and two zones: one has a leak, the cable of the other is broken."""
    one = Served(table="input", checked=1)
    one.registers = {0: 0b101, 2: 1, 10: 0b110}
    one.gauge(1, "H", 250, "leak_position_meters{sensor=1}", 76.2)
    one.values["dcim_leak_detected{sensor=1}"] = 1.0
    one.values["dcim_leak_sensor_fault{sensor=1}"] = 0.0
    one.values["dcim_device_alarm_active{alarm=contamination_1,severity=warning}"] = 1.0
    one.registers |= {11: 0b101, 13: 0b010}
    for zone, (leak, fault, contamination) in {2: (1, 0, 1), 3: (0, 1, 0)}.items():
        one.values[f"dcim_leak_detected{{sensor={zone}}}"] = float(leak)
        one.values[f"dcim_leak_sensor_fault{{sensor={zone}}}"] = float(fault)
        one.values[f"dcim_device_alarm_active{{alarm=contamination_{zone},severity=warning}}"] = float(contamination)
    return one


def _vaisala(humidity: int, temperature: int, unit: int) -> Served:
    """Floats with their low word first."""
    one = Served(unit=unit, checked=temperature)
    one.gauge(humidity, "~f", 30.56, "env_relative_humidity_ratio{sensor=1}", 0.3056)
    one.gauge(temperature, "~f", 24.75, "env_temperature_celsius{sensor=1}", 24.75)
    one.put(8, "~f", 4.5)  # dew or frost point
    return one


def _hmt330() -> Served:
    one = _vaisala(0, 2, 240)
    one.put(512, "H", 1)
    one.put(513, "H", 1)  # online data available
    one.values["dcim_device_alarm_active{alarm=sensor_fault,severity=warning}"] = 0.0
    return one


def _comet() -> Served:
    one = Served(checked=48)
    one.gauge(48, "h", -15, "env_temperature_celsius{sensor=1}", -1.5)
    one.gauge(49, "h", 305, "env_relative_humidity_ratio{sensor=1}", 0.305)
    one.put(50, "h", -166)  # the dew point, as it leaves the factory
    one.registers |= {4148: 0x1096, 4149: 0x1234}
    return one


def _querx() -> Served:
    one = Served(table="input", checked=10)
    one.gauge(10, "h", 247, "env_temperature_celsius{sensor=1}", 24.7)
    one.gauge(11, "h", 41, "env_relative_humidity_ratio{sensor=1}", 0.41)
    one.put(12, "h", 765)  # degF
    one.put(13, "h", 2979)  # K
    one.gauge(14, "h", 106, "env_dew_point_celsius{sensor=1}", 10.6)
    one.settings = {20: 180, 21: 280, 22: 5, 30: 20, 31: 70, 32: 2}
    one.values["dcim_env_temperature_low_threshold_celsius{sensor=1}"] = 18.0
    one.values["dcim_env_temperature_high_threshold_celsius{sensor=1}"] = 28.0
    one.values["dcim_env_relative_humidity_low_threshold_ratio{sensor=1}"] = 0.2
    one.values["dcim_env_relative_humidity_high_threshold_ratio{sensor=1}"] = 0.7
    return one


def monitor_maps() -> dict[str, Served]:
    """By profile."""
    return {
        "rle-seahawk": _seahawk(),
        "vaisala-hmt330": _hmt330(),
        "vaisala-hmw90": _vaisala(2, 4, 1),
        "comet-transmitter": _comet(),
        "egnite-querx-modbus": _querx(),
    }
