"""Modbus maps of rear-door heat exchangers, served to the agent; see modbus_maps."""

from tests.conformance.modbus_maps import Served


def _usystems() -> Served:
    one = Served(table="input", checked=2)
    one.gauge(1, "h", 226, "rdhx_air_temperature_celsius{position=outlet}", 22.6)
    one.gauge(2, "h", 381, "rdhx_air_temperature_celsius{position=inlet}", 38.1)
    one.gauge(58, "h", 475, "rdhx_valve_position_ratio", 0.475)
    one.gauge(23, "h", 620, "rdhx_fan_speed_ratio{fan=all}", 0.62)
    one.settings = {29: 225}
    one.values["dcim_rdhx_supply_temperature_setpoint_celsius"] = 22.5
    one.inputs = dict.fromkeys((3, 4, 63, 65, *range(75, 81), *range(86, 91), 128, 150, 157, 158, 168), 0)
    one.inputs |= dict.fromkeys((3, 4, 63, 65, 88, 168), 1)
    one.values["dcim_leak_detected{sensor=door}"] = 1.0
    critical = {4: "global", 65: "fan_speed", 77: "zone_1_over_temperature", 78: "zone_2_over_temperature"}
    critical |= {128: "valve_feedback", 150: "fans", 157: "air_off_over_temperature"}
    warning = {
        75: "air_off_sensor",
        76: "air_on_sensor",
        79: "zone_1_under_temperature",
        80: "zone_2_under_temperature",
    }
    warning |= {86: "clean_coil", 87: "check_fan", 88: "clean_filter", 89: "service", 90: "check_valve"}
    one.inputs_as_alarms(critical, "critical")
    one.inputs_as_alarms(warning | {158: "air_off_under_temperature"}, "warning")
    one.values["dcim_device_alarm_active{alarm=unit_off,severity=warning}"] = 0.0
    return one


def door_maps() -> dict[str, Served]:
    """By profile."""
    return {"usystems-rdhx": _usystems()}
