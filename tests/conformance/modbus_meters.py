"""Maps of meters, served to the agent: register contents written down from published maps, and their meaning."""

from collections.abc import Mapping

from tests.conformance.modbus_gear import METER
from tests.conformance.modbus_maps import PHASES, Served

PHASE, LINES = f"{{phase=%,{METER}}}", ("L1-L2", "L2-L3", "L3-L1")


def _lines(one: Served, address: int, layout: str, scale: float = 1.0) -> None:
    for index, name in enumerate(LINES):
        volts = 400 + index
        key = f"meter_line_voltage_volts{{line={name},{METER}}}"
        one.gauge(address + 2 * index, layout, round(volts / scale), key, volts)


def _text(one: Served, address: int, words: int, text: str) -> None:
    padded = text.encode().ljust(2 * words, b"\0")
    for index in range(words):
        one.put(address + index, "H", int.from_bytes(padded[2 * index : 2 * index + 2]))


def _pac4200() -> Served:
    one = Served(checked=55)
    one.put(50001, "I", 0)  # 3P4W
    one.put(64001, "H", 42)
    _text(one, 64002, 26, "7KM4212-0BA00-3AA0")
    one.phases(1, "f", (230.5, 231.25, 229.75), f"meter_voltage_volts{PHASE}")
    _lines(one, 7, "f")
    one.phases(13, "f", (101.5, 99.25, 98.75), f"meter_current_amperes{PHASE}")
    one.phases(19, "f", (23_400.0, 22_950.5, 22_700.25), f"meter_phase_apparent_power_voltamperes{PHASE}")
    one.phases(25, "f", (22_000.0, 21_500.5, -300.25), f"meter_phase_power_watts{PHASE}")
    one.phases(31, "f", (700.5, -600.25, 500.0), f"meter_phase_reactive_power_vars{PHASE}")
    one.phases(37, "f", (0.9375, 0.96875, 0.875), f"meter_phase_power_factor_ratio{PHASE}")
    one.gauge(55, "f", 50.03125, f"meter_frequency_hertz{{{METER}}}", 50.03125)
    one.gauge(63, "f", 69_050.75, f"meter_apparent_power_voltamperes{{{METER}}}", 69_050.75)
    one.gauge(65, "f", 43_200.25, f"meter_power_watts{{{METER}}}", 43_200.25)
    one.gauge(67, "f", 600.25, f"meter_reactive_power_vars{{{METER}}}", 600.25)
    one.gauge(69, "f", -0.953125, f"meter_power_factor_ratio{{{METER}}}", 0.953125)
    for at, direction, hours in ((801, "import", 9_876_543_210.5), (809, "export", 1234.5)):
        key = f"meter_energy_joules_total{{direction={direction},{METER}}}"
        one.gauge(at, "d", hours, key, (hours + 1000) * 3600)
        one.put(at + 4, "d", 1000.0)  # the second tariff
    return one


def _pm5000() -> Served:
    one = Served(checked=3109)
    _text(one, 69, 20, "Schneider Electric")
    _text(one, 49, 20, "PM5350")
    one.put(129, "I", 240_100_002)
    one.phases(2999, "f", (100.5, 101.25, 99.75), f"meter_current_amperes{PHASE}")
    one.gauge(3005, "f", 2.5, f"meter_neutral_current_amperes{{{METER}}}", 2.5)
    _lines(one, 3019, "f")
    one.phases(3027, "f", (230.5, 231.25, 229.75), f"meter_voltage_volts{PHASE}")
    one.phases(3053, "f", (22.5, 23.25, 21.75), f"meter_phase_power_watts{PHASE}", 1000)
    one.gauge(3059, "f", 67.5, f"meter_power_watts{{{METER}}}", 67_500)
    one.phases(3061, "f", (-4.5, -4.25, -3.5), f"meter_phase_reactive_power_vars{PHASE}", 1000)
    one.gauge(3067, "f", -12.25, f"meter_reactive_power_vars{{{METER}}}", -12_250)
    one.phases(3069, "f", (23.0, 23.5, 22.25), f"meter_phase_apparent_power_voltamperes{PHASE}", 1000)
    one.gauge(3075, "f", 68.75, f"meter_apparent_power_voltamperes{{{METER}}}", 68_750)
    # The quadrant is folded into the number: 1.0625 and -1.125 are 0.9375 and 0.875.
    for index, (raw, factor) in enumerate(((0.96875, 0.96875), (1.0625, 0.9375), (-1.125, 0.875))):
        key = f"meter_phase_power_factor_ratio{PHASE.replace('%', PHASES[index])}"
        one.gauge(3077 + 2 * index, "f", raw, key, factor)
    one.gauge(3083, "f", -0.90625, f"meter_power_factor_ratio{{{METER}}}", 0.90625)
    one.gauge(3109, "f", 49.96875, f"meter_frequency_hertz{{{METER}}}", 49.96875)
    one.gauge(3203, "q", 6_000_000_123, f"meter_energy_joules_total{{direction=import,{METER}}}", 21_600_000_442_800)
    one.gauge(3207, "q", 4567, f"meter_energy_joules_total{{direction=export,{METER}}}", 16_441_200)
    one.phases(21_299, "f", (12.5, 11.75, 13.25), f"meter_current_thd_ratio{PHASE}", 0.01)
    one.phases(21_329, "f", (2.5, 2.75, 2.25), f"meter_voltage_thd_ratio{PHASE}", 0.01)
    return one


def _carlo_gavazzi(one: Served) -> None:
    """What the two maps of Carlo Gavazzi have in common."""
    one.phases(0, "~i", (2305, 2312, 2298), f"meter_voltage_volts{PHASE}", 0.1)
    one.phases(12, "~i", (13_500, 91_250, 80_125), f"meter_current_amperes{PHASE}", 0.001)
    one.phases(18, "~i", (29_000, -20_050, 175_000), f"meter_phase_power_watts{PHASE}", 0.1)
    for index, name in enumerate(LINES):
        volts = 4000 + index
        one.gauge(6 + 2 * index, "~i", volts, f"meter_line_voltage_volts{{line={name},{METER}}}", volts / 10)
    one.phases(24, "~i", (31_000, 210_600, 184_000), f"meter_phase_apparent_power_voltamperes{PHASE}", 0.1)
    one.phases(30, "~i", (-7000, -6500, -6550), f"meter_phase_reactive_power_vars{PHASE}", 0.1)
    one.gauge(42, "~i", 425_600, f"meter_apparent_power_voltamperes{{{METER}}}", 42_560)
    one.gauge(44, "~i", -20_050, f"meter_reactive_power_vars{{{METER}}}", -2005)
    _factors(one, 46, "h", (940, -960, 970))
    one.gauge(49, "h", -950, f"meter_power_factor_ratio{{{METER}}}", 0.95)
    one.gauge(40, "~i", 183_950, f"meter_power_watts{{{METER}}}", 18_395)
    one.gauge(52, "~i", 12_345_678, f"meter_energy_joules_total{{direction=import,{METER}}}", 4_444_444_080_000)
    one.gauge(78, "~i", 25, f"meter_energy_joules_total{{direction=export,{METER}}}", 9_000_000)
    each = f"meter_phase_energy_joules_total{{direction=import,phase=%,{METER}}}"
    one.phases(64, "~i", (4_100_000, 4_200_000, 4_045_678), each, 360_000)


def _em300() -> Served:
    one = Served(table="input", checked=51, alone={11: 332})
    one.put(4098, "H", 0)  # 3Pn
    _text(one, 20_480, 7, "KV0270130001B")
    _carlo_gavazzi(one)
    one.gauge(51, "h", 499, f"meter_frequency_hertz{{{METER}}}", 49.9)
    return one


def _em24() -> Served:
    one = Served(checked=51, alone={11: 1651})
    one.put(4098, "H", 0)  # 3Pn
    _text(one, 20_480, 7, "KY1234567")
    _carlo_gavazzi(one)
    one.gauge(51, "H", 499, f"meter_frequency_hertz{{{METER}}}", 49.9)
    return one


def _umg() -> Served:
    one = Served(checked=19_050)
    one.phases(19_000, "f", (230.5, 231.25, 229.75), f"meter_voltage_volts{PHASE}")
    _lines(one, 19_006, "f")
    one.phases(19_012, "f", (10.5, 11.25, 9.75), f"meter_current_amperes{PHASE}")
    one.phases(19_020, "f", (2300.0, -150.5, 2100.25), f"meter_phase_power_watts{PHASE}")
    one.gauge(19_026, "f", 4249.75, f"meter_power_watts{{{METER}}}", 4249.75)
    one.phases(19_028, "f", (2420.0, 2601.0, 2240.0), f"meter_phase_apparent_power_voltamperes{PHASE}")
    one.gauge(19_034, "f", 7261.5, f"meter_apparent_power_voltamperes{{{METER}}}", 7261.5)
    one.phases(19_036, "f", (700.5, -600.25, 500.0), f"meter_phase_reactive_power_vars{PHASE}")
    one.gauge(19_042, "f", 600.25, f"meter_reactive_power_vars{{{METER}}}", 600.25)
    one.gauge(19_050, "f", 50.03125, f"meter_frequency_hertz{{{METER}}}", 50.03125)
    one.gauge(19_068, "f", 1_234_567.5, f"meter_energy_joules_total{{direction=import,{METER}}}", 4_444_443_000)
    one.gauge(19_076, "f", 17.25, f"meter_energy_joules_total{{direction=export,{METER}}}", 62_100)
    one.phases(19_110, "f", (2.5, 2.75, 2.25), f"meter_voltage_thd_ratio{PHASE}", 0.01)
    one.phases(19_116, "f", (12.5, 11.75, 13.25), f"meter_current_thd_ratio{PHASE}", 0.01)
    return one


def _soco(one: Served, name: str) -> None:
    """How Socomec's meters identify themselves: SOCO with a letter to a register, and the product."""
    for index, letter in enumerate(b"SOCO"):
        one.put(0xC350 + index, "H", letter)
    _text(one, 0xC38A, 8, name)


def _factors(one: Served, address: int, layout: str, thousandths: tuple[int, int, int]) -> None:
    """Power factors of L1 to L3, of which a negative one lags."""
    step = 2 if layout.lower() == "i" else 1
    for index, (factor, name) in enumerate(zip(thousandths, PHASES, strict=True)):
        key = f"meter_phase_power_factor_ratio{PHASE.replace('%', name)}"
        one.gauge(address + index * step, layout, factor, key, abs(factor) / 1000)


def _socomec() -> Served:
    one = Served(checked=0xC55F)
    _soco(one, "COUNTIS E44")
    _lines(one, 0xC552, "I", 0.01)
    one.phases(0xC558, "I", (23_050, 23_120, 22_980), f"meter_voltage_volts{PHASE}", 0.01)
    one.gauge(0xC55E, "I", 4998, f"meter_frequency_hertz{{{METER}}}", 49.98)
    one.phases(0xC560, "I", (13_500, 91_250, 80_125), f"meter_current_amperes{PHASE}", 0.001)
    one.gauge(0xC566, "I", 2_500, f"meter_neutral_current_amperes{{{METER}}}", 2.5)
    one.gauge(0xC568, "i", 1_839, f"meter_power_watts{{{METER}}}", 18_390)
    one.gauge(0xC56A, "i", -200, f"meter_reactive_power_vars{{{METER}}}", -2_000)
    one.gauge(0xC56C, "I", 4_256, f"meter_apparent_power_voltamperes{{{METER}}}", 42_560)
    one.gauge(0xC56E, "i", -950, f"meter_power_factor_ratio{{{METER}}}", 0.95)
    one.phases(0xC570, "i", (290, -200, 1_749), f"meter_phase_power_watts{PHASE}", 10)
    one.phases(0xC576, "i", (-70, -65, -65), f"meter_phase_reactive_power_vars{PHASE}", 10)
    one.phases(0xC57C, "I", (310, 2_106, 1_840), f"meter_phase_apparent_power_voltamperes{PHASE}", 10)
    _factors(one, 0xC582, "i", (940, -960, 970))
    one.gauge(0xC702, "I", 1_234_567, f"meter_energy_joules_total{{direction=import,{METER}}}", 12_345.67 * 3_600_000)
    one.gauge(0xC708, "I", 250, f"meter_energy_joules_total{{direction=export,{METER}}}", 9_000_000)
    return one


def _diris_b30() -> Served:
    one = Served(checked=0x482D)
    _soco(one, "DIRIS B30")
    one.phases(0x480C, "I", (23_050, 23_120, 22_980), f"meter_voltage_volts{PHASE}", 0.01)
    one.phases(0x481A, "I", (13_500, 91_250, 80_125), f"meter_current_amperes{PHASE}", 0.001)
    one.gauge(0x482C, "i", 18_395, f"meter_power_watts{{{METER}}}", 18_395)
    one.gauge(0x482E, "i", -2_005, f"meter_reactive_power_vars{{{METER}}}", -2_005)
    one.phases(0x4838, "i", (2_900, -2_005, 17_500), f"meter_phase_power_watts{PHASE}")
    one.phases(0x483E, "i", (-700, -650, -655), f"meter_phase_reactive_power_vars{PHASE}")
    one.gauge(0x4D83, "I", 12_345, f"meter_energy_joules_total{{direction=import,{METER}}}", 12_345 * 3_600_000)
    one.gauge(0x4D86, "I", 2, f"meter_energy_joules_total{{direction=export,{METER}}}", 7_200_000)
    return one


def _wago() -> Served:
    one = Served(checked=0x5008)
    one.phases(0x5002, "f", (230.5, 231.25, 229.75), f"meter_voltage_volts{PHASE}")
    one.gauge(0x5008, "f", 50.03125, f"meter_frequency_hertz{{{METER}}}", 50.03125)
    one.phases(0x500C, "f", (10.5, 11.25, 9.75), f"meter_current_amperes{PHASE}")
    one.gauge(0x5012, "f", 4.25, f"meter_power_watts{{{METER}}}", 4_250)
    one.phases(0x5014, "f", (2.25, -0.125, 2.125), f"meter_phase_power_watts{PHASE}", 1000)
    one.gauge(0x501A, "f", -0.5, f"meter_reactive_power_vars{{{METER}}}", -500)
    one.phases(0x501C, "f", (0.75, -0.625, 0.5), f"meter_phase_reactive_power_vars{PHASE}", 1000)
    one.gauge(0x5022, "f", 7.25, f"meter_apparent_power_voltamperes{{{METER}}}", 7_250)
    one.phases(0x5024, "f", (2.375, 2.5, 2.25), f"meter_phase_apparent_power_voltamperes{PHASE}", 1000)
    one.gauge(0x502A, "f", -0.953125, f"meter_power_factor_ratio{{{METER}}}", 0.953125)
    one.phases(0x502C, "f", (0.9375, 0.96875, 0.875), f"meter_phase_power_factor_ratio{PHASE}")
    for at, direction, hours in ((0x600C, "import", 12_345.5), (0x6018, "export", 17.25)):
        key = f"meter_energy_joules_total{{direction={direction},{METER}}}"
        one.gauge(at, "f", hours, key, hours * 3_600_000)
        each = f"meter_phase_energy_joules_total{{direction={direction},phase=%,{METER}}}"
        one.phases(at + 6, "f", (4115.5, 4120.25, 4109.75), each, 3_600_000)
    return one


def _em24_rs485() -> Served:
    one = Served(table="input", checked=0x37, alone={11: 71})
    _text(one, 0x1300, 7, "BP1234567")
    one.phases(0, "~i", (2305, 2312, 2298), f"meter_voltage_volts{PHASE}", 0.1)
    for index, name in enumerate(LINES):
        volts = 4000 + index
        one.gauge(6 + 2 * index, "~i", volts, f"meter_line_voltage_volts{{line={name},{METER}}}", volts / 10)
    one.phases(12, "~i", (13_500, 91_250, 80_125), f"meter_current_amperes{PHASE}", 0.001)
    one.phases(18, "~i", (29_000, -20_050, 175_000), f"meter_phase_power_watts{PHASE}", 0.1)
    one.gauge(0x28, "~i", 183_950, f"meter_power_watts{{{METER}}}", 18_395)
    _factors(one, 0x32, "h", (940, -960, 970))
    one.gauge(0x35, "h", -950, f"meter_power_factor_ratio{{{METER}}}", 0.95)
    one.gauge(0x37, "h", 499, f"meter_frequency_hertz{{{METER}}}", 49.9)
    one.gauge(0x3E, "~i", 12_345_678, f"meter_energy_joules_total{{direction=import,{METER}}}", 4_444_444_080_000)
    one.put(0x42, "~i", 17)  # the partial counter, which users reset
    each = f"meter_phase_energy_joules_total{{direction=import,phase=%,{METER}}}"
    one.phases(0x46, "~i", (4_100_000, 4_200_000, 4_045_678), each, 360_000)
    one.gauge(0x5C, "~i", 25, f"meter_energy_joules_total{{direction=export,{METER}}}", 9_000_000)
    return one


def _em100() -> Served:
    one = Served(table="input", checked=15)
    one.put(11, "H", 103)
    one.gauge(0, "~i", 2305, f"meter_voltage_volts{{phase=L1,{METER}}}", 230.5)
    one.gauge(2, "~i", 91_250, f"meter_current_amperes{{phase=L1,{METER}}}", 91.25)
    one.gauge(4, "~i", -183_950, f"meter_power_watts{{{METER}}}", -18_395)
    one.gauge(6, "~i", 210_600, f"meter_apparent_power_voltamperes{{{METER}}}", 21_060)
    one.gauge(8, "~i", -20_050, f"meter_reactive_power_vars{{{METER}}}", -2_005)
    one.gauge(14, "h", -950, f"meter_power_factor_ratio{{{METER}}}", 0.95)
    one.gauge(15, "h", 499, f"meter_frequency_hertz{{{METER}}}", 49.9)
    one.gauge(16, "~i", 12_345_678, f"meter_energy_joules_total{{direction=import,{METER}}}", 4_444_444_080_000)
    one.gauge(32, "~i", 25, f"meter_energy_joules_total{{direction=export,{METER}}}", 9_000_000)
    return one


def _sdm120() -> Served:
    one = Served(table="input", checked=0)
    one.gauge(0, "f", 230.5, f"meter_voltage_volts{{phase=L1,{METER}}}", 230.5)
    one.gauge(6, "f", 10.5, f"meter_current_amperes{{phase=L1,{METER}}}", 10.5)
    one.gauge(12, "f", -2300.5, f"meter_power_watts{{{METER}}}", -2300.5)
    one.gauge(18, "f", 2420.0, f"meter_apparent_power_voltamperes{{{METER}}}", 2420.0)
    one.gauge(24, "f", -600.25, f"meter_reactive_power_vars{{{METER}}}", -600.25)
    one.gauge(30, "f", -0.953125, f"meter_power_factor_ratio{{{METER}}}", 0.953125)
    one.gauge(70, "f", 50.03125, f"meter_frequency_hertz{{{METER}}}", 50.03125)
    one.gauge(72, "f", 12_345.5, f"meter_energy_joules_total{{direction=import,{METER}}}", 44_443_800_000)
    one.gauge(74, "f", 17.25, f"meter_energy_joules_total{{direction=export,{METER}}}", 62_100_000)
    return one


def _dmg610() -> Served:
    one = Served(table="input", checked=0x32)
    one.phases(0x01, "I", (23_050, 23_120, 22_980), f"meter_voltage_volts{PHASE}", 0.01)
    one.phases(0x07, "I", (135_000, 912_500, 801_250), f"meter_current_amperes{PHASE}", 0.0001)
    _lines(one, 0x0D, "I", 0.01)
    one.phases(0x13, "i", (290_000, -200_500, 1_750_000), f"meter_phase_power_watts{PHASE}", 0.01)
    one.phases(0x19, "i", (-70_000, -65_000, 65_500), f"meter_phase_reactive_power_vars{PHASE}", 0.01)
    one.phases(0x1F, "I", (310_000, 2_106_000, 1_840_000), f"meter_phase_apparent_power_voltamperes{PHASE}", 0.01)
    one.gauge(0x31, "I", 49_980, f"meter_frequency_hertz{{{METER}}}", 49.98)
    one.gauge(0x39, "i", 1_839_500, f"meter_power_watts{{{METER}}}", 18_395)
    one.gauge(0x3B, "i", -69_500, f"meter_reactive_power_vars{{{METER}}}", -695)
    one.gauge(0x3D, "I", 4_256_000, f"meter_apparent_power_voltamperes{{{METER}}}", 42_560)
    one.phases(0x53, "I", (250, 275, 225), f"meter_voltage_thd_ratio{PHASE}", 0.0001)
    one.gauge(0x1B1F, "Q", 1_234_567, f"meter_energy_joules_total{{direction=import,{METER}}}", 12_345.67 * 3_600_000)
    one.gauge(0x1B23, "Q", 250, f"meter_energy_joules_total{{direction=export,{METER}}}", 9_000_000)
    for index, phase in enumerate(PHASES):
        for at, direction, raw in ((0x1E1F, "import", 411_522 + index), (0x1E23, "export", 83 + index)):
            key = f"meter_phase_energy_joules_total{{direction={direction},phase={phase},{METER}}}"
            one.gauge(at + 40 * index, "Q", raw, key, raw * 36_000)
    return one


def _eem() -> Served:
    one = Served(table="input", checked=4152)
    _text(one, 1280, 5, "1234567890")
    one.phases(4096, "f", (230.5, 231.25, 229.75), f"meter_voltage_volts{PHASE}")
    _lines(one, 4102, "f")
    one.phases(4110, "f", (10.5, 11.25, 9.75), f"meter_current_amperes{PHASE}")
    one.gauge(4116, "f", 0.5, f"meter_neutral_current_amperes{{{METER}}}", 0.5)
    one.phases(4120, "f", (0.9375, -0.96875, 0.875), f"meter_phase_power_factor_ratio{PHASE}")
    one.values[f"dcim_meter_phase_power_factor_ratio{{phase=L2,{METER}}}"] = 0.96875
    one.gauge(4126, "f", -0.953125, f"meter_power_factor_ratio{{{METER}}}", 0.953125)
    one.phases(4128, "f", (2250.5, -125.25, 2125.0), f"meter_phase_power_watts{PHASE}")
    one.gauge(4134, "f", 4_250.25, f"meter_power_watts{{{METER}}}", 4_250.25)
    one.phases(4136, "f", (2375.5, 2500.0, 2250.25), f"meter_phase_apparent_power_voltamperes{PHASE}")
    one.gauge(4142, "f", 7_125.75, f"meter_apparent_power_voltamperes{{{METER}}}", 7_125.75)
    one.phases(4144, "f", (750.0, -625.5, 500.25), f"meter_phase_reactive_power_vars{PHASE}")
    one.gauge(4150, "f", 624.75, f"meter_reactive_power_vars{{{METER}}}", 624.75)
    one.gauge(4152, "f", 50.03125, f"meter_frequency_hertz{{{METER}}}", 50.03125)
    for at, direction, hours in ((4352, "import", 4_115_500.0), (4360, "export", 17.25)):
        each = f"meter_phase_energy_joules_total{{direction={direction},phase=%,{METER}}}"
        one.phases(at, "f", (hours, hours + 1, hours + 2), each, 3600)
        total = f"meter_energy_joules_total{{direction={direction},{METER}}}"
        one.gauge(at + 6, "f", 3 * hours, total, 3 * hours * 3600)
    return one


def _three_phases(one: Served, volts: int, pairs: int, amperes: int, watts: int) -> None:
    """Voltages, currents and powers as floats in base units, at these registers."""
    one.phases(volts, "f", (230.5, 231.25, 229.75), f"meter_voltage_volts{PHASE}")
    _lines(one, pairs, "f")
    one.phases(amperes, "f", (101.5, 99.25, 98.75), f"meter_current_amperes{PHASE}")
    if watts:
        one.phases(watts, "f", (22_000.0, 21_500.5, -300.25), f"meter_phase_power_watts{PHASE}")


def _acuvim(base: int, at: Mapping[str, int]) -> Served:
    """An Acuvim: floats from `base`, groups of them at these registers."""
    one = Served(checked=base)
    one.gauge(base, "f", 50.03125, f"meter_frequency_hertz{{{METER}}}", 50.03125)
    _three_phases(one, base + 2, at["pairs"], at["amperes"], at["neutral"] + 2)
    one.gauge(at["neutral"], "f", 2.5, f"meter_neutral_current_amperes{{{METER}}}", 2.5)
    one.gauge(at["neutral"] + 8, "f", 43_200.25, f"meter_power_watts{{{METER}}}", 43_200.25)
    one.phases(at["reactive"], "f", (700.5, -600.25, 500.0), f"meter_phase_reactive_power_vars{PHASE}")
    one.gauge(at["reactive"] + 6, "f", 600.25, f"meter_reactive_power_vars{{{METER}}}", 600.25)
    one.phases(at["apparent"], "f", (23_400.0, 22_950.5, 22_700.25), f"meter_phase_apparent_power_voltamperes{PHASE}")
    one.gauge(
        at["apparent"] + 6 if at["apparent"] < at["factors"] else at["reactive"] + 8,
        "f",
        69_050.75,
        f"meter_apparent_power_voltamperes{{{METER}}}",
        69_050.75,
    )
    one.phases(at["factors"], "f", (0.9375, 0.96875, 0.875), f"meter_phase_power_factor_ratio{PHASE}")
    one.gauge(at["factors"] + 6, "f", -0.953125, f"meter_power_factor_ratio{{{METER}}}", 0.953125)
    for place, direction, tenths in ((at["energies"], "import", 1_234_567), (at["energies"] + 2, "export", 70_001)):
        one.gauge(place, "I", tenths, f"meter_energy_joules_total{{direction={direction},{METER}}}", tenths * 360_000.0)
    return one


def _acuvim2() -> Served:
    one = _acuvim(
        0x4000,
        {
            "pairs": 0x400A,
            "amperes": 0x4012,
            "neutral": 0x401A,
            "reactive": 0x4024,
            "apparent": 0x402C,
            "factors": 0x4034,
            "energies": 0x4048,
        },
    )
    _text(one, 50_004, 16, "Accuenergy")
    _text(one, 50_020, 16, "Acuvim IIR")
    return one


def _acuvim_l() -> Served:
    one = _acuvim(
        0x600,
        {
            "pairs": 0x608,
            "amperes": 0x60E,
            "neutral": 0x614,
            "reactive": 0x61E,
            "apparent": 0x636,
            "factors": 0x628,
            "energies": 0x156,
        },
    )
    one.phases(0x400, "H", (212, 198, 205), f"meter_voltage_thd_ratio{PHASE}", 0.0001)
    one.phases(0x403, "H", (1250, 1190, 1305), f"meter_current_thd_ratio{PHASE}", 0.0001)
    return one


def _shark() -> Served:
    one = Served(checked=1025)
    _text(one, 0, 8, "E141 Shark 200")
    _three_phases(one, 999, 1005, 1011, 0)
    for at, name, raw, value in (
        (1017, "power_watts", 43_200.25, 43_200.25),
        (1019, "reactive_power_vars", -600.25, -600.25),
        (1021, "apparent_power_voltamperes", 69_050.75, 69_050.75),
        (1023, "power_factor_ratio", -0.953125, 0.953125),
        (1025, "frequency_hertz", 59.96875, 59.96875),
        (1027, "neutral_current_amperes", 2.5, 2.5),
    ):
        one.gauge(at, "f", raw, f"meter_{name}{{{METER}}}", value)
    one.put(30_005, "H", 3 << 12 | 2 << 8 | 3 << 4 | 1)  # tenths of a kWh
    for at, direction, tenths in ((1499, "import", 1_234_567), (1501, "export", -70_001)):
        key = f"meter_energy_joules_total{{direction={direction},{METER}}}"
        one.gauge(at, "i", tenths, key, abs(tenths) * 360_000.0)
    one.put(1505, "i", 1_304_568)  # their sum
    for at in range(1099, 1107):  # where a Shark 100 has them; what is not in its map a Shark 200 reads as 0
        one.put(at, "H", 0)
    return one


def _wattnode() -> Served:
    one = Served(checked=1032)
    one.phases(1018, "~f", (120.5, 121.25, 119.75), f"meter_voltage_volts{PHASE}")
    _lines(one, 1026, "~f")
    one.phases(1162, "~f", (101.5, 99.25, -98.75), f"meter_current_amperes{PHASE}")
    one.values[f"dcim_meter_current_amperes{{phase=L3,{METER}}}"] = 98.75  # signed by an option
    one.phases(1010, "~f", (22_000.0, 21_500.5, -300.25), f"meter_phase_power_watts{PHASE}")
    one.phases(1148, "~f", (700.5, -600.25, 500.0), f"meter_phase_reactive_power_vars{PHASE}")
    one.phases(1156, "~f", (23_400.0, 22_950.5, 22_700.25), f"meter_phase_apparent_power_voltamperes{PHASE}")
    one.phases(1140, "~f", (0.9375, 0.96875, 0.875), f"meter_phase_power_factor_ratio{PHASE}")
    for at, name, raw, value in (
        (1008, "power_watts", 43_200.25, 43_200.25),
        (1146, "reactive_power_vars", -600.25, -600.25),
        (1154, "apparent_power_voltamperes", 69_050.75, 69_050.75),
        (1138, "power_factor_ratio", -0.953125, 0.953125),
        (1032, "frequency_hertz", 59.96875, 59.96875),
    ):
        one.gauge(at, "~f", raw, f"meter_{name}{{{METER}}}", value)
    for at, direction, hours in ((1006, "import", 123_456.75), (1114, "export", 70.5)):
        one.gauge(at, "~f", hours, f"meter_energy_joules_total{{direction={direction},{METER}}}", hours * 3.6e6)
    key = f"meter_phase_energy_joules_total{{direction=import,phase=%,{METER}}}"
    one.phases(1106, "~f", (41_000.5, 41_200.25, 41_256.0), key, 3.6e6)
    return one


def meter_maps() -> dict[str, Served]:
    """By profile."""
    return {
        "siemens-pac4200": _pac4200(),
        "schneider-pm5000": _pm5000(),
        "carlo-gavazzi-em300": _em300(),
        "carlo-gavazzi-em24": _em24(),
        "janitza-umg-modbus": _umg(),
        "socomec-meters": _socomec(),
        "socomec-diris-b30": _diris_b30(),
        "wago-879": _wago(),
        "carlo-gavazzi-em24-rs485": _em24_rs485(),
        "carlo-gavazzi-em100": _em100(),
        "eastron-sdm120": _sdm120(),
        "lovato-dmg610": _dmg610(),
        "phoenix-eem": _eem(),
        "accuenergy-acuvim2": _acuvim2(),
        "accuenergy-acuvim-l": _acuvim_l(),
        "eig-shark": _shark(),
        "wattnode-modbus": _wattnode(),
    }
