"""Modbus maps of computer-room air conditioners, served to the agent; see modbus_maps."""

from tests.conformance.modbus_maps import Served


def _dap4() -> Served:
    """A unit in degF with chilled water and one rack probe; water stands under the floor."""
    one = Served(table="input", checked=1)
    one.coils = {51: 0}
    one.gauge(1, "h", 752, "crah_return_air_temperature_celsius", 24.0)
    one.gauge(9, "h", 599, "crah_supply_air_temperature_celsius", 15.5)
    one.gauge(8, "h", 446, "crah_water_supply_temperature_celsius{circuit=chilled}", 7.0)
    one.gauge(40, "h", 149, "crah_air_temperature_celsius{sensor=outside}", -9.5)
    for rack, tenths in ((1, 725), (2, 716), (3, 734)):
        key = f"crah_air_temperature_celsius{{sensor=rack-{rack}}}"
        one.gauge(46 + rack, "h", tenths, key, (tenths / 10 - 32) / 1.8)
    one.gauge(5002, "H", 47, "crah_return_air_relative_humidity_ratio", 0.47)
    one.gauge(5105, "H", 81, "crah_air_relative_humidity_ratio{sensor=outside}", 0.81)
    one.gauge(5044, "H", 63, "crah_valve_position_ratio{valve=chilled-water}", 0.63)
    one.gauge(5109, "H", 88, "crah_fan_speed_ratio{fan=all}", 0.88)
    one.settings = {5028: 50}
    one.values["dcim_crah_relative_humidity_setpoint_ratio"] = 0.5
    critical = {10: "air_flow", 13: "firestat", 22: "smoke", 23: "water_flow", 25: "return_air_hot", 54: "on_ups_power"}
    critical |= {18: "compressor_1_high_pressure", 19: "compressor_1_low_pressure"}
    critical |= {20: "compressor_2_high_pressure", 21: "compressor_2_low_pressure"}
    warning = {11: "filter", 12: "humidifier", 14: "compressor_short_cycle", 15: "humidity_sensor"}
    warning |= {16: "return_air_sensor", 17: "maintenance_due", 24: "supply_air_sensor", 26: "return_air_cold"}
    warning |= {27: "high_humidity", 38: "supply_air_cold", 39: "manual_override", 40: "condensation"}
    warning |= {42: "chilled_water_sensor", 43: "humidifier_cylinder", 55: "power_was_lost"}
    warning |= {56 + at: f"local_{at + 1}" for at in range(4)}
    one.inputs = dict.fromkeys((*critical, *warning), 0) | dict.fromkeys((9, 11, 23, 27, 40, 54, 58), 1)
    one.values["dcim_leak_detected{sensor=under-floor}"] = 1.0
    for severity, alarms in (("critical", critical), ("warning", warning)):
        one.inputs_as_alarms(alarms, severity)
    return one


def cooler_maps() -> dict[str, Served]:
    """By profile."""
    return {"data-aire-dap4": _dap4()}
