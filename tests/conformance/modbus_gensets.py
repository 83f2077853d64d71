"""Modbus maps of generators' controllers, served to the agent; see modbus_maps."""

import struct
from collections.abc import Mapping, Sequence

from tests.conformance.modbus_maps import Served

_NAMED: Sequence[tuple[str, str, int]] = (
    ("emergency_stop", "critical", 1),
    ("low_oil_pressure", "critical", 1),
    ("high_coolant_temperature", "critical", 2),
    ("low_coolant_temperature", "warning", 1),
    ("under_speed", "critical", 1),
    ("over_speed", "critical", 1),
    ("under_frequency", "critical", 3),
    ("over_frequency", "critical", 1),
    ("under_voltage", "critical", 1),
    ("over_voltage", "critical", 4),
    ("starter_battery_low", "warning", 2),
    ("starter_battery_high", "warning", 1),
    ("charge_alternator", "warning", 1),
    ("fail_to_start", "critical", 3),
    ("fail_to_stop", "critical", 1),
    ("generator_fail_to_close", "critical", 5),
    ("mains_fail_to_close", "critical", 15),
    ("oil_pressure_sender", "warning", 1),
    ("speed_signal_lost", "critical", 1),
    ("magnetic_pickup", "critical", 0),
    ("over_current", "critical", 1),
    ("not_calibrated", "warning", 1),
    ("low_fuel_level", "warning", 2),
    ("engine_control_warning", "warning", 10),
    ("engine_control_shutdown", "critical", 8),
    ("engine_control_link_lost", "critical", 1),
    ("low_oil_level_switch", "warning", 9),
    ("high_temperature_switch", "critical", 1),
    ("low_fuel_level_switch", "warning", 2),
    ("expansion_unit", "warning", 1),
    ("overload", "critical", 1),
    ("negative_phase_sequence", "critical", 1),
    ("earth_fault", "critical", 4),
    ("phase_rotation", "critical", 1),
    ("", "", 3),
    ("maintenance_due", "warning", 1),
)
"""Named alarms of page 154, with the code of each in the served map."""

ENERGY = "meter_energy_joules_total{direction=import,role=generator}"

GENCOMM_PAGE_8: Mapping[int, tuple[str, str]] = {
    0: ("emergency_stop", "critical"),
    1: ("low_oil_pressure", "critical"),
    2: ("high_coolant_temperature", "critical"),
    3: ("high_oil_temperature", "critical"),
    4: ("under_speed", "critical"),
    5: ("over_speed", "critical"),
    6: ("fail_to_start", "critical"),
    7: ("fail_to_stop", "critical"),
    8: ("speed_signal_lost", "critical"),
    9: ("under_voltage", "critical"),
    10: ("over_voltage", "critical"),
    11: ("under_frequency", "critical"),
    12: ("over_frequency", "critical"),
    13: ("over_current", "critical"),
    14: ("earth_fault", "critical"),
    15: ("reverse_power", "critical"),
    17: ("oil_pressure_sender", "warning"),
    21: ("magnetic_pickup", "critical"),
    23: ("charge_alternator", "warning"),
    24: ("starter_battery_low", "warning"),
    25: ("starter_battery_high", "warning"),
    26: ("low_fuel_level", "warning"),
    28: ("generator_fail_to_close", "critical"),
    29: ("mains_fail_to_close", "critical"),
    30: ("generator_fail_to_open", "critical"),
    31: ("mains_fail_to_open", "critical"),
    40: ("phase_rotation", "critical"),
    41: ("maintenance_due", "warning"),
    45: ("not_calibrated", "warning"),
    47: ("short_circuit", "critical"),
    63: ("expansion_unit", "warning"),
    76: ("engine_control_link_lost", "critical"),
    79: ("low_coolant_temperature", "warning"),
    85: ("negative_phase_sequence", "critical"),
    93: ("overload", "critical"),
}
"""Alarms of page 8 by their place."""


def gencomm() -> Served:
    """A controller with page 154, whose set carries a load."""
    one = Served(unit=10, checked=1031)
    role, phase = "role=generator", "{phase=%,role=generator}"
    one.put(768, "H", 1)
    one.put(770, "I", 654_321)
    one.put(772, "H", 1)
    one.phases(1032, "I", (2305, 2312, 2298), f"meter_voltage_volts{phase}", 0.1)
    for index, name in enumerate(("L1-L2", "L2-L3", "L3-L1")):
        one.gauge(
            1038 + 2 * index, "I", 4001 + index, f"meter_line_voltage_volts{{line={name},{role}}}", 400.1 + index / 10
        )
    one.phases(1044, "I", (7505, 7498, 7512), f"meter_current_amperes{phase}", 0.1)
    one.phases(1052, "i", (165_001, -300, 164_998), f"meter_phase_power_watts{phase}")
    one.gauge(1031, "H", 499, f"meter_frequency_hertz{{{role}}}", 49.9)
    one.gauge(1536, "i", 329_699, f"meter_power_watts{{{role}}}", 329_699)
    one.phases(1538, "I", (173_001, 172_001, 173_002), f"meter_phase_apparent_power_voltamperes{phase}")
    one.gauge(1544, "I", 518_004, f"meter_apparent_power_voltamperes{{{role}}}", 518_004)
    one.phases(1546, "i", (52_001, -52_002, 52_003), f"meter_phase_reactive_power_vars{phase}")
    one.gauge(1552, "i", 52_002, f"meter_reactive_power_vars{{{role}}}", 52_002)
    one.phases(1554, "h", (95, 96, 94), f"meter_phase_power_factor_ratio{phase}", 0.01)
    one.gauge(1557, "h", -95, f"meter_power_factor_ratio{{{role}}}", 0.95)
    for at, direction, tenths in ((1800, "import", 1_234_567), (1802, "export", 70_001)):
        one.gauge(at, "I", tenths, f"meter_energy_joules_total{{direction={direction},{role}}}", tenths * 360_000.0)
    one.put(774, "H", 1 << 12 | 1 << 10)
    for name, severity, value in (
        ("control_failure", "critical", 0.0),
        ("shutdown", "critical", 1.0),
        ("electrical_trip", "critical", 0.0),
        ("controlled_shutdown", "critical", 0.0),
        ("warning", "warning", 1.0),
        ("genset_blocked", "critical", 0.0),
        ("genset_manual", "warning", 0.0),
    ):
        one.values[f"dcim_device_alarm_active{{alarm={name},severity={severity}}}"] = value
    one.put(39_424, "H", 72)
    _named_alarms(one, 39_425, _NAMED)
    # The page of the earlier controllers, as if all its alarms were shutdowns.
    one.registers |= dict.fromkeys(range(2049, 2074), 0x3333)
    return one


def _named_alarms(one: Served, at: int, names: Sequence[tuple[str, str, int]]) -> None:
    """Alarms of GenComm from this register on, four to a register: name, severity, and code (0 and 15: not there)."""
    for index, (name, severity, code) in enumerate(names):
        register = at + index // 4
        one.registers[register] = one.registers.get(register, 0) | code << 12 - 4 * (index % 4)
        if name and code not in (0, 15):
            key = f"dcim_device_alarm_active{{alarm={name},severity={severity}}}"
            one.values[key] = float(code in (2, 3, 4, 5, 10))


def _basler() -> Served:
    """A DGC-2020HD, low word first, switched off by hand."""
    one = Served(checked=4755)
    role, phase = "role=generator", "{phase=%,role=generator}"
    for at, raw in ((3507, 1), (3509, 0), (3511, 0), (3557, 1)):  # off, run, automatic; wye
        one.put(at, "~I", raw)
    one.gauge(4753, "~i", 481, f"meter_line_voltage_volts{{line=L3-L1,{role}}}", 481)
    one.phases(4755, "~i", (277, 278, 276), f"meter_voltage_volts{phase}")
    one.put(4761, "~i", 480)  # of the bus
    one.phases(4763, "~i", (301, 296, 299), f"meter_current_amperes{phase}")
    one.phases(4769, "~i", (83, 82, 84), f"meter_phase_apparent_power_voltamperes{phase}", 1000)
    one.gauge(4775, "~i", 249, f"meter_apparent_power_voltamperes{{{role}}}", 249_000)
    one.phases(4777, "~i", (79, -1, 78), f"meter_phase_power_watts{phase}", 1000)
    one.gauge(4783, "~i", 156, f"meter_power_watts{{{role}}}", 156_000)
    one.gauge(4785, "~f", -0.9375, f"meter_power_factor_ratio{{{role}}}", 0.9375)
    one.put(4787, "~i", 1)  # lagging
    one.gauge(4789, "~f", 59.96875, f"meter_frequency_hertz{{{role}}}", 59.96875)
    one.gauge(4847, "~I", 1_234_567, ENERGY, 1_234_567 * 3.6e6)
    _alarm(one, "genset_blocked", "critical", 1)
    _alarm(one, "genset_manual", "warning", 0)
    return one


_APM603: Mapping[int, tuple[str, str]] = {
    200: ("fail_to_start", "critical"),
    201: ("under_frequency_warning", "warning"),
    202: ("under_frequency", "critical"),
    203: ("over_frequency_warning", "warning"),
    204: ("over_frequency", "critical"),
    205: ("overload_warning", "warning"),
    206: ("overload", "critical"),
    207: ("low_oil_pressure_warning", "warning"),
    208: ("low_oil_pressure", "critical"),
    209: ("low_coolant_temperature", "warning"),
    210: ("high_coolant_temperature_warning", "warning"),
    211: ("high_coolant_temperature", "critical"),
    212: ("local_emergency_stop", "critical"),
    213: ("remote_emergency_stop", "critical"),
    214: ("over_speed", "critical"),
    215: ("engine_control_link_lost", "critical"),
    216: ("engine_control_mismatch", "critical"),
    220: ("starter_battery_low", "warning"),
    221: ("starter_battery_high", "warning"),
    222: ("battery_charger", "warning"),
    227: ("high_oil_temperature_warning", "warning"),
    228: ("high_oil_temperature", "critical"),
    233: ("not_in_automatic", "warning"),
    235: ("fuel_leak", "critical"),
    240: ("starter_battery_weak", "warning"),
    256: ("earth_fault", "warning"),
    287: ("low_coolant_level_signal_lost", "warning"),
    288: ("excitation_over_voltage", "critical"),
    297: ("high_fuel_level", "warning"),
    298: ("low_fuel_level", "warning"),
    299: ("critically_low_fuel_level", "critical"),
    300: ("low_fuel_level_shutdown", "critical"),
    301: ("low_coolant_level", "critical"),
    312: ("battery_charger_1", "warning"),
    313: ("battery_charger_2", "warning"),
}
"""Event coils of an APM603."""

_HGM4000: Mapping[int, tuple[str, str]] = {
    43: ("genset_blocked", "critical"),
    42: ("genset_manual", "warning"),
    0: ("common_alarm", "warning"),
    2: ("shutdown", "critical"),
    8: ("emergency_stop", "critical"),
    9: ("over_speed", "critical"),
    10: ("under_speed", "critical"),
    11: ("speed_signal_lost", "critical"),
    12: ("over_frequency", "critical"),
    13: ("under_frequency", "critical"),
    14: ("over_voltage", "critical"),
    15: ("under_voltage", "critical"),
    16: ("over_current", "critical"),
    17: ("fail_to_start", "critical"),
    18: ("high_coolant_temperature", "critical"),
    19: ("low_oil_pressure", "critical"),
    20: ("frequency_lost", "critical"),
    22: ("low_fuel_level_shutdown", "critical"),
    23: ("low_coolant_level_shutdown", "critical"),
    24: ("high_coolant_temperature_warning", "warning"),
    25: ("low_oil_pressure_warning", "warning"),
    26: ("over_current_warning", "warning"),
    27: ("fail_to_stop", "warning"),
    28: ("low_fuel_level", "warning"),
    29: ("charge_alternator", "warning"),
    30: ("starter_battery_low", "warning"),
    31: ("starter_battery_high", "warning"),
    33: ("speed_signal", "warning"),
    34: ("low_coolant_level", "warning"),
    35: ("temperature_sender", "warning"),
    36: ("oil_pressure_sender", "warning"),
    37: ("fuel_level_sender", "warning"),
    63: ("maintenance_due", "warning"),
    70: ("battery_charger", "warning"),
    71: ("overload_warning", "warning"),
    79: ("engine_control_warning", "warning"),
    82: ("overload", "critical"),
    83: ("engine_control_shutdown", "critical"),
    84: ("engine_control_link_lost", "critical"),
}
"""Coils of an HGM4000N."""


def _coils(one: Served, alarms: Mapping[int, tuple[str, str]]) -> None:
    """Every third of the alarms is active."""
    for index, (at, (name, severity)) in enumerate(alarms.items()):
        one.coils[at] = int(index % 3 == 1)
        _alarm(one, name, severity, one.coils[at])


def _apm603() -> Served:
    one = Served(checked=20)
    role, phase = "role=generator", "{phase=%,role=generator}"
    one.put(9998, "H", 74)
    for index, name in enumerate(("L1-L2", "L2-L3", "L3-L1")):
        one.gauge(2 * index, "f", 480.5 + index, f"meter_line_voltage_volts{{line={name},{role}}}", 480.5 + index)
    one.phases(6, "f", (277.25, 278.5, 276.75), f"meter_voltage_volts{phase}")
    one.phases(12, "f", (301.5, 296.25, 0.5), f"meter_current_amperes{phase}")
    one.gauge(20, "f", 59.96875, f"meter_frequency_hertz{{{role}}}", 59.96875)
    one.phases(642, "f", (79_000.5, 78_500.25, -100.5), f"meter_phase_power_watts{phase}")
    one.phases(648, "f", (26_000.5, -25_500.25, 100.5), f"meter_phase_reactive_power_vars{phase}")
    one.gauge(654, "f", 157_400.25, f"meter_power_watts{{{role}}}", 157_400.25)
    one.gauge(656, "f", 600.75, f"meter_reactive_power_vars{{{role}}}", 600.75)
    _coils(one, _APM603)
    return one


def _hgm4000() -> Served:
    one = Served(checked=13)
    role, phase = "role=generator", "{phase=%,role=generator}"
    for at in range(7):
        one.put(at, "H", 0)  # no mains
    one.phases(7, "H", (231, 230, 229), f"meter_voltage_volts{phase}")
    for index, name in enumerate(("L1-L2", "L2-L3", "L3-L1")):
        one.gauge(10 + index, "H", 400 + index, f"meter_line_voltage_volts{{line={name},{role}}}", 400 + index)
    one.gauge(13, "H", 501, f"meter_frequency_hertz{{{role}}}", 50.1)
    one.phases(14, "H", (1205, 1198, 13), f"meter_current_amperes{phase}", 0.1)
    one.gauge(26, "h", 512, f"meter_power_watts{{{role}}}", 51_200)
    one.gauge(27, "h", -87, f"meter_reactive_power_vars{{{role}}}", -8700)
    one.gauge(28, "h", 555, f"meter_apparent_power_voltamperes{{{role}}}", 55_500)
    one.gauge(29, "h", -93, f"meter_power_factor_ratio{{{role}}}", 0.93)
    one.gauge(48, "I", 1_234_567, ENERGY, 1_234_567 * 3.6e6)
    one.phases(52, "h", (257, 258, -3), f"meter_phase_power_watts{phase}", 100)
    _coils(one, _HGM4000)
    return one


def _easygen() -> Served:
    one = Served(checked=50_006)
    one.put(50_000, "H", 5100)  # protocol
    one.put(50_001, "h", 1500)  # rpm
    one.put(50_002, "H", 4)
    one.values["dcim_device_alarm_active{alarm=genset_blocked,severity=critical}"] = 0.0
    one.values["dcim_device_alarm_active{alarm=genset_manual,severity=warning}"] = 1.0
    one.gauge(50_003, "h", -932, "meter_power_factor_ratio{role=generator}", 0.932)
    one.put(50_004, "i", 2305)  # the average of three lines
    one.gauge(50_006, "h", 5003, "meter_frequency_hertz{role=generator}", 50.03)
    one.put(50_007, "i", 3992)
    one.put(50_009, "h", 4999)  # mains
    one.gauge(50_016, "i", 412_345, "meter_power_watts{role=generator}", 412_345)
    return one


def genset_maps() -> dict[str, Served]:
    """By profile."""
    return {
        "dse-gencomm": gencomm(),
        "comap-intelilite4": _intelilite4(),
        "comap-inteligen500": _inteligen500(),
        "deif-agc150": _agc150(),
        "cre-compact": _compact(),
        "datakom-genset": _datakom(),
        "kohler-decision-maker": _kohler(),
        "kohler-apm603": _apm603(),
        "basler-dgc2020hd": _basler(),
        "smartgen-hgm4000": _hgm4000(),
        "woodward-easygen2000": _easygen(),
    }


def _alarm(one: Served, name: str, severity: str, value: int) -> None:
    one.values[f"dcim_device_alarm_active{{alarm={name},severity={severity}}}"] = float(value)


def _text(one: Served, at: int, words: int, text: bytes) -> None:
    one.registers |= dict(enumerate(struct.unpack(f">{words}H", text.ljust(2 * words, b"\0")), at))


def _load(
    one: Served, volts: int, amperes: int, kilowatts: int, layout: str = "H", power: tuple[int, int, int] = (41, 39, -2)
) -> None:
    """Volts, amperes and kilowatts of three phases."""
    phase = "{phase=%,role=generator}"
    one.phases(volts, layout, (231, 229, 230), f"meter_voltage_volts{phase}")
    one.phases(amperes, layout, (181, 176, 9), f"meter_current_amperes{phase}")
    one.phases(kilowatts, "h", power, f"meter_phase_power_watts{phase}", 1000.0)


def _modes(one: Served, mode: int, state: int) -> None:
    """A ComAp that is in manual mode and not ready."""
    one.put(mode, "H", 1)
    one.put(state, "H", 2)
    for name, severity, value in (
        ("genset_blocked", "critical", 0),
        ("genset_manual", "warning", 1),
        ("genset_not_ready", "critical", 1),
        ("genset_emergency_manual", "warning", 0),
    ):
        _alarm(one, name, severity, value)


def _intelilite4() -> Served:
    one = Served(checked=1036)
    _text(one, 1307, 16, b"InteliLite4-AMF25")
    _text(one, 1323, 8, b"1.9.0")
    one.put(1301, "H", 3)
    _load(one, 1037, 1043, 1021)
    one.gauge(1036, "H", 499, "meter_frequency_hertz{role=generator}", 49.9)
    one.gauge(1020, "h", 78, "meter_power_watts{role=generator}", 78_000)
    one.gauge(1263, "I", 1_234_567, ENERGY, 1_234_567 * 3.6e6)
    _modes(one, 1382, 1298)
    return one


def _inteligen500() -> Served:
    one = Served(checked=1020)
    _text(one, 1331, 16, b"InteliGen500 G2-0A1B2C3D")
    _text(one, 1347, 8, b"2.4.0")
    one.put(1328, "H", 4)
    _load(one, 1020, 1026, 1003)
    phase = "{phase=%,role=generator}"
    one.phases(1007, "h", (12, -11, 3), f"meter_phase_reactive_power_vars{phase}", 1000.0)
    one.phases(1011, "h", (43, 41, 4), f"meter_phase_apparent_power_voltamperes{phase}", 1000.0)
    one.gauge(1001, "h", 78, "meter_power_watts{role=generator}", 78_000)
    one.gauge(1006, "h", 4, "meter_reactive_power_vars{role=generator}", 4000)
    one.gauge(1010, "h", 88, "meter_apparent_power_voltamperes{role=generator}", 88_000)
    one.gauge(1283, "I", 1_234_567, ENERGY, 1_234_567 * 3.6e6)
    _modes(one, 1323, 1325)
    return one


def _agc150() -> Served:
    one = Served(table="input", checked=507)
    one.settings |= dict(enumerate(struct.unpack(">6H", b"AGC150GEN\0\0\0"), 770)) | {5107: 0}
    _load(one, 504, 513, 516, "h")
    one.gauge(507, "h", 4998, "meter_frequency_hertz{role=generator}", 49.98)
    one.gauge(519, "h", 78, "meter_power_watts{role=generator}", 78_000)
    one.gauge(536, "i", 1_234_567, ENERGY, 1_234_567 * 3.6e6)
    one.put(1019, "H", 1 << 1)
    _alarm(one, "not_in_automatic", "warning", 1)
    return one


def _compact() -> Served:
    one = Served(checked=75)
    _text(one, 0, 4, b"v2.40")
    one.put(2003, "H", 5)
    _load(one, 50, 59, 363, power=(0, 0, 0))
    one.phases(363, "h", (412, 387, -21), "meter_phase_power_watts{phase=%,role=generator}", 100.0)
    one.gauge(75, "H", 4998, "meter_frequency_hertz{role=generator}", 49.98)
    one.gauge(79, "~I", 1_234_567, ENERGY, 1_234_567 * 3.6e6)
    for at, word, name, severity, value in (
        (4664, 1, "alarm", "critical", 1),
        (4665, 0, "warning", "warning", 0),
        (4001, 255, "genset", "critical", 1),
        (4008, 0, "genset_manual", "warning", 1),
    ):
        one.put(at, "H", word)
        _alarm(one, name, severity, value)
    return one


def _datakom() -> Served:
    """A D-500, which sends the low word of a number first, in manual mode."""
    one = Served(checked=10_339)
    role, phase = "role=generator", "{phase=%,role=generator}"
    one.put(10_609, "H", 0xD500)
    one.put(321, "H", 3)
    one.phases(10_246, "~I", (2305, 2312, 2298), f"meter_voltage_volts{phase}", 0.1)
    one.phases(10_270, "~I", (7505, 13, 7512), f"meter_current_amperes{phase}", 0.1)
    one.phases(10_286, "~i", (1651, -3, 1649), f"meter_phase_power_watts{phase}", 100)
    one.gauge(10_294, "~i", 3297, f"meter_power_watts{{{role}}}", 329_700)
    one.gauge(10_339, "H", 4998, f"meter_frequency_hertz{{{role}}}", 49.98)
    one.gauge(10_628, "~I", 1_234_567, ENERGY, 1_234_567 * 3.6e5)
    one.put(10_605, "H", 2)
    _alarm(one, "genset_blocked", "critical", 0)
    _alarm(one, "genset_manual", "warning", 1)
    return one


def _kohler() -> Served:
    """A Decision-Maker 550, whose set carries a load."""
    one = Served(checked=9)
    role, phase = "role=generator", "{phase=%,role=generator}"
    for index, name in enumerate(("L1-L2", "L2-L3", "L3-L1")):
        one.gauge(index, "H", 480 + index, f"meter_line_voltage_volts{{line={name},{role}}}", 480 + index)
    one.phases(3, "H", (277, 278, 276), f"meter_voltage_volts{phase}")
    one.phases(6, "H", (301, 296, 299), f"meter_current_amperes{phase}")
    one.gauge(9, "H", 5998, f"meter_frequency_hertz{{{role}}}", 59.98)
    one.gauge(10, "H", 237, f"meter_power_watts{{{role}}}", 237_000)
    one.put(11, "H", 79)  # percent of the rating
    one.gauge(12, "h", -95, f"meter_power_factor_ratio{{{role}}}", 0.95)
    for index, name in enumerate(("L1", "L2", "L3")):
        one.gauge(13 + 2 * index, "H", 79, f"meter_phase_power_watts{{phase={name},{role}}}", 79_000)
        factor = f"meter_phase_power_factor_ratio{{phase={name},{role}}}"
        one.gauge(14 + 2 * index, "h", -95 + index, factor, (95 - index) / 100)
    one.gauge(19, "h", -78, f"meter_reactive_power_vars{{{role}}}", -78_000)
    one.phases(20, "h", (-26, -27, -25), f"meter_phase_reactive_power_vars{phase}", 1000)
    one.gauge(23, "H", 249, f"meter_apparent_power_voltamperes{{{role}}}", 249_000)
    one.phases(24, "H", (83, 82, 84), f"meter_phase_apparent_power_voltamperes{phase}", 1000)
    return one
