"""Modbus maps of meters on rails and of wireless sensors, served to the agent; see modbus_maps."""

from tests.conformance.modbus_gear import METER
from tests.conformance.modbus_maps import PHASES, Served
from tests.conformance.modbus_meters import LINES, PHASE
from tests.conformance.modbus_more_meters import text


def _powertag() -> Served:
    """A PowerTag M63 3P+N: its totals have no direction of their own in the older zone."""
    one = Served(checked=3053)
    text(one, 31_044, 16, "Schneider Electric")
    text(one, 31_060, 16, "A9MEM1541")
    text(one, 31_076, 6, "004.000.007")
    text(one, 31_088, 10, "MU20163500123")
    one.put(31_031, "H", 17_204)
    one.phases(2999, "f", (10.5, 9.25, 1.5), f"meter_current_amperes{PHASE}")
    one.gauge(3005, "f", 2.5, f"meter_neutral_current_amperes{{{METER}}}", 2.5)
    for index, name in enumerate(LINES):
        one.gauge(
            3019 + 2 * index, "f", 400.5 + index, f"meter_line_voltage_volts{{line={name},{METER}}}", 400.5 + index
        )
    one.phases(3027, "f", (230.5, 231.25, 229.75), f"meter_voltage_volts{PHASE}")
    for at, metric, values in (
        (3053, "power_watts", (2200.0, 2100.5, -30.25, 4270.25)),
        (3061, "reactive_power_vars", (70.5, -60.25, 50.0, 60.25)),
        (3069, "apparent_power_voltamperes", (2400.0, 2150.5, 340.25, 4890.75)),
    ):
        one.phases(at, "f", values[:3], f"meter_phase_{metric}{PHASE}")
        one.gauge(at + 6, "f", values[3], f"meter_{metric}{{{METER}}}", values[3])
    one.phases(3077, "f", (0.9375, 0.96875, 0.0625), f"meter_phase_power_factor_ratio{PHASE}")
    one.gauge(3083, "f", -0.875, f"meter_power_factor_ratio{{{METER}}}", 0.875)
    one.gauge(3109, "f", 49.96875, f"meter_frequency_hertz{{{METER}}}", 49.96875)
    one.put(3203, "Q", 9_999_999)  # both directions together
    for at, direction, hours in ((5012, "import", 9_123_456), (5020, "export", 876_543)):
        one.gauge(at, "Q", hours, f"meter_energy_joules_total{{direction={direction},{METER}}}", hours * 3600)
        for index, name in enumerate(PHASES):
            key = f"meter_phase_energy_joules_total{{direction={direction},phase={name},{METER}}}"
            one.gauge(at + 40 + 40 * index, "Q", hours // 3 + index, key, (hours // 3 + index) * 3600)
    one.put(3297, "H", 1)
    critical = {0: "voltage_loss", 1: "overload_at_voltage_loss", 2: "short_circuit", 8: "heat"}
    warning = {3: "overload_45", 4: "load_current_loss", 5: "over_voltage", 6: "under_voltage", 7: "battery_almost_low"}
    warning |= {9: "battery_low", 10: "maintenance_due", 11: "replace_device", 13: "current_80"}
    one.alarms(3299, critical, "critical")
    one.alarms(3299, warning, "warning")
    one.alarms(3299, {12: "current_50"}, "info")
    one.put(31_145, "H", 1)
    one.values["dcim_device_alarm_active{alarm=radio_lost,severity=warning}"] = 0.0
    return one


def _ale3() -> Served:
    one = Served(checked=35)
    one.gauge(27, "I", 12_345_678, f"meter_energy_joules_total{{direction=import,{METER}}}", 123_456.78 * 3.6e6)
    one.put(29, "I", 1234)  # the partial counter, which users reset
    one.gauge(31, "I", 1750, f"meter_energy_joules_total{{direction=export,{METER}}}", 17.5 * 3.6e6)
    for index, name in enumerate(PHASES):
        at, phase = 35 + 5 * index, PHASE.replace("%", name)
        one.gauge(at, "H", 230 + index, f"meter_voltage_volts{phase}", 230 + index)
        one.gauge(at + 1, "H", 312 + index, f"meter_current_amperes{phase}", (312 + index) / 10)
        watts = (702, 688, -25)[index]
        one.gauge(at + 2, "h", watts, f"meter_phase_power_watts{phase}", watts * 10)
        one.gauge(at + 3, "h", 120 - 70 * index, f"meter_phase_reactive_power_vars{phase}", 1200 - 700 * index)
        one.gauge(at + 4, "h", 98 - index, f"meter_phase_power_factor_ratio{phase}", (98 - index) / 100)
    one.gauge(50, "h", 1365, f"meter_power_watts{{{METER}}}", 13_650)
    one.gauge(51, "h", 150, f"meter_reactive_power_vars{{{METER}}}", 1500)
    return one


def rail_meter_maps() -> dict[str, Served]:
    """By profile."""
    return {"schneider-powertag": _powertag(), "saia-ale3": _ale3()}
