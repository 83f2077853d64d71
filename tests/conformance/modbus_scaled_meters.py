"""Maps of meters whose numbers are multiplied by registers of their own: ratios of transformers, powers of ten."""

from tests.conformance.modbus_gear import METER
from tests.conformance.modbus_maps import PHASES, Served
from tests.conformance.modbus_meters import LINES, PHASE


def _dtsu666() -> Served:
    """With 400/5 A on the currents, and 10,000/100 V (100.0) on the voltages."""
    one = Served(checked=6)
    one.put(0, "H", 204)
    one.put(3, "H", 0)
    one.put(6, "H", 80)
    one.put(7, "H", 1000)
    one.phases(8198, "f", (577.5, 578.0, 576.5), f"meter_voltage_volts{PHASE}", 10)
    for index, name in enumerate(LINES):
        key = f"meter_line_voltage_volts{{line={name},{METER}}}"
        one.gauge(8192 + 2 * index, "f", 1000.5 + index, key, (1000.5 + index) * 10)
    one.phases(8204, "f", (2500.0, 2250.5, 1750.0), f"meter_current_amperes{PHASE}", 0.08)
    one.gauge(8210, "f", 3750.5, f"meter_power_watts{{{METER}}}", 3750.5 * 800)
    one.phases(8212, "f", (1450.0, 1300.5, 1000.0), f"meter_phase_power_watts{PHASE}", 800)
    one.gauge(8218, "f", -300.25, f"meter_reactive_power_vars{{{METER}}}", -300.25 * 800)
    one.phases(8220, "f", (-100.0, -120.25, -80.0), f"meter_phase_reactive_power_vars{PHASE}", 800)
    one.gauge(8234, "f", -990.5, f"meter_power_factor_ratio{{{METER}}}", 0.9905)
    one.phases(8236, "f", (991.0, 990.0, 989.5), f"meter_phase_power_factor_ratio{PHASE}", 0.001)
    one.gauge(8260, "f", 4998.0, f"meter_frequency_hertz{{{METER}}}", 49.98)
    one.put(8272, "f", 4100.0)  # demand
    for at, direction, hours in ((4126, "import", 1234.5), (4136, "export", 0.75)):
        key = f"meter_energy_joules_total{{direction={direction},{METER}}}"
        one.gauge(at, "f", hours, key, hours * 8000 * 3.6e6)
    return one


def _pm800() -> Served:
    """A panel of 4,160 V whose groups are scaled by 0.1 (A), 0.01 (B), 1 (D) and 10 (F)."""
    one = Served(checked=1179)
    for index, power_of_ten in enumerate((-1, -2, 0, 0, -1, 1)):
        one.put(3208 + index, "h", power_of_ten)
    one.phases(1099, "H", (4125, 3998, 4207), f"meter_current_amperes{PHASE}", 0.1)
    one.gauge(1102, "H", 1250, f"meter_neutral_current_amperes{{{METER}}}", 12.5)
    for index, name in enumerate(LINES):
        one.gauge(1119 + index, "H", 4160 + index, f"meter_line_voltage_volts{{line={name},{METER}}}", 4160 + index)
    one.put(1122, "H", 4161)
    one.phases(1123, "H", (2401, 2398, 2404), f"meter_voltage_volts{PHASE}")
    one.put(1126, "H", 12)  # neutral to ground
    for at, metric, phases in (
        (1139, "power_watts", (92, 90, 95)),
        (1143, "reactive_power_vars", (-11, -10, -12)),
        (1147, "apparent_power_voltamperes", (99, 96, 101)),
    ):
        one.phases(at, "h", phases, f"meter_phase_{metric}{PHASE}", 10_000)
        one.gauge(at + 3, "h", sum(phases), f"meter_{metric}{{{METER}}}", sum(phases) * 10_000)
    for index, name in enumerate(PHASES):
        key = f"meter_phase_power_factor_ratio{PHASE.replace('%', name)}"
        one.gauge(1159 + index, "H", 0x8000 | 930 + index, key, (930 + index) / 1000)
    one.gauge(1162, "H", 932, f"meter_power_factor_ratio{{{METER}}}", 0.932)
    one.gauge(1179, "H", 5998, f"meter_frequency_hertz{{{METER}}}", 59.98)
    for at, direction, digits in ((1699, "import", (4321, 8765, 12, 0)), (1707, "export", (7, 0, 0, 0))):
        for index, four in enumerate(digits):
            one.put(at + index, "H", four)
        hours = sum(four * 10_000**index for index, four in enumerate(digits))
        one.values[f"dcim_meter_energy_joules_total{{direction={direction},{METER}}}"] = hours * 3600
    return one


def scaled_meter_maps() -> dict[str, Served]:
    """The maps by profile."""
    return {"chint-dtsu666": _dtsu666(), "schneider-pm800": _pm800()}
