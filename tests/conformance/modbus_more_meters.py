"""Maps of meters of more makers, served to the agent: register contents written down from published maps, and their meaning."""

from tests.conformance.modbus_gear import METER
from tests.conformance.modbus_maps import PHASES, Served
from tests.conformance.modbus_meters import LINES, PHASE


def text(one: Served, address: int, words: int, words_of: str) -> None:
    """A text from left to right, padded with NULs."""
    padded = words_of.encode().ljust(2 * words, b"\0")
    for index in range(words):
        one.put(address + index, "H", int.from_bytes(padded[2 * index : 2 * index + 2]))


def _lines(one: Served, address: int, layout: str, volts: float, scale: float) -> None:
    step = 1 if layout == "H" else 2
    for index, name in enumerate(LINES):
        key = f"meter_line_voltage_volts{{line={name},{METER}}}"
        one.gauge(address + step * index, layout, round((volts + index) / scale), key, volts + index)


def _hager() -> Served:
    one = Served(checked=0xB006)
    text(one, 0x1000, 16, "Hager")
    text(one, 0x1010, 16, "ECR380D")
    one.phases(0xB000, "H", (23_050, 23_125, 22_975), f"meter_voltage_volts{PHASE}", 0.01)
    _lines(one, 0xB003, "H", 400, 0.01)
    one.gauge(0xB006, "H", 4998, f"meter_frequency_hertz{{{METER}}}", 49.98)
    one.phases(0xB009, "I", (70_250, 66_000, 1_500), f"meter_current_amperes{PHASE}", 0.001)
    one.gauge(0xB00F, "I", 2500, f"meter_neutral_current_amperes{{{METER}}}", 2.5)
    one.gauge(0xB011, "i", 3025, f"meter_power_watts{{{METER}}}", 30_250)
    one.gauge(0xB013, "i", -420, f"meter_reactive_power_vars{{{METER}}}", -4200)
    one.gauge(0xB015, "I", 3110, f"meter_apparent_power_voltamperes{{{METER}}}", 31_100)
    one.gauge(0xB017, "h", -970, f"meter_power_factor_ratio{{{METER}}}", 0.97)
    one.put(0xB018, "h", 970)  # by IEEE
    one.phases(0xB019, "i", (1590, 1470, -35), f"meter_phase_power_watts{PHASE}", 10)
    one.phases(0xB01F, "i", (-210, -205, -5), f"meter_phase_reactive_power_vars{PHASE}", 10)
    one.phases(0xB025, "I", (1605, 1485, 36), f"meter_phase_apparent_power_voltamperes{PHASE}", 10)
    for index, (factor, name) in enumerate(zip((990, -985, 960), PHASES, strict=True)):
        key = f"meter_phase_power_factor_ratio{PHASE.replace('%', name)}"
        one.gauge(0xB02B + index, "h", factor, key, abs(factor) / 1000)
    one.gauge(0xB060, "I", 123_456, f"meter_energy_joules_total{{direction=import,{METER}}}", 123_456 * 3.6e6)
    one.put(0xB062, "I", 4321)  # kvarh
    one.gauge(0xB064, "I", 17, f"meter_energy_joules_total{{direction=export,{METER}}}", 17 * 3.6e6)
    one.put(0xB068, "I", 12)  # the partial counter, which users reset
    for at, direction, hours in ((0xB180, "import", (41_000, 41_500, 40_956)), (0xB186, "export", (7, 6, 4))):
        each = f"meter_phase_energy_joules_total{{direction={direction},phase=%,{METER}}}"
        one.phases(at, "I", hours, each, 3.6e6)
    return one


def _cvm_c10() -> Served:
    one = Served(table="input", checked=60)
    for index, name in enumerate(PHASES):
        at, phase = 16 * index, PHASE.replace("%", name)
        one.gauge(at, "I", 2305 + index, f"meter_voltage_volts{phase}", (2305 + index) / 10)
        one.gauge(at + 2, "I", 101_500 + index, f"meter_current_amperes{phase}", (101_500 + index) / 1000)
        watts = (22_000, 21_500, -300)[index]
        one.gauge(at + 4, "i", watts, f"meter_phase_power_watts{phase}", watts)
        inductive, capacitive = (700, 0) if index != 1 else (0, 650)
        one.put(at + 6, "i", inductive)
        one.put(at + 8, "i", capacitive)
        one.values[f"dcim_meter_phase_reactive_power_vars{phase}"] = inductive - capacitive
        one.gauge(at + 10, "i", 23_400 + index, f"meter_phase_apparent_power_voltamperes{phase}", 23_400 + index)
        one.gauge(at + 12, "i", 94 - index, f"meter_phase_power_factor_ratio{phase}", (94 - index) / 100)
        one.put(at + 14, "i", 95)  # cos phi
    one.gauge(48, "i", 43_200, f"meter_power_watts{{{METER}}}", 43_200)
    one.put(50, "i", 1400)
    one.put(52, "i", 650)
    one.values[f"dcim_meter_reactive_power_vars{{{METER}}}"] = 750
    one.gauge(54, "i", 70_203, f"meter_apparent_power_voltamperes{{{METER}}}", 70_203)
    one.gauge(56, "i", -93, f"meter_power_factor_ratio{{{METER}}}", 0.93)
    one.gauge(60, "I", 4998, f"meter_frequency_hertz{{{METER}}}", 49.98)
    _lines(one, 62, "I", 400, 0.1)
    one.gauge(68, "I", 2500, f"meter_neutral_current_amperes{{{METER}}}", 2.5)
    one.phases(70, "I", (25, 27, 22), f"meter_voltage_thd_ratio{PHASE}", 0.001)
    one.phases(76, "I", (125, 117, 132), f"meter_current_thd_ratio{PHASE}", 0.001)
    one.gauge(220, "I", 123_456, f"meter_energy_joules_total{{direction=import,{METER}}}", 123_456 * 3.6e6)
    one.gauge(240, "I", 17, f"meter_energy_joules_total{{direction=export,{METER}}}", 17 * 3.6e6)
    return one


def _aplus() -> Served:
    one = Served(checked=157)
    one.phases(101, "~f", (230.5, 231.25, 229.75), f"meter_voltage_volts{PHASE}")
    one.phases(117, "~f", (101.5, 99.25, 1.5), f"meter_current_amperes{PHASE}")
    one.gauge(133, "~f", 43_200.25, f"meter_power_watts{{{METER}}}", 43_200.25)
    one.phases(135, "~f", (22_000.0, 21_500.5, -300.25), f"meter_phase_power_watts{PHASE}")
    one.gauge(141, "~f", -3000.25, f"meter_reactive_power_vars{{{METER}}}", -3000.25)
    one.phases(143, "~f", (700.5, -600.25, 500.0), f"meter_phase_reactive_power_vars{PHASE}")
    one.gauge(157, "~f", 50.03125, f"meter_frequency_hertz{{{METER}}}", 50.03125)
    return one


def _onicon() -> Served:
    one = Served(unit=17, checked=1030)
    one.put(1000, "H", 1)  # a single mode
    role = "{role=chilled_water}"
    one.put(1002, "f", 1_194_250.0)  # Btu per hour
    one.gauge(1004, "f", 350.0, f"meter_thermal_power_watts{role}", 350_000)
    one.put(1006, "f", 99.5)  # tons
    one.put(1008, "f", 224.5)  # US gallons per minute
    one.gauge(1014, "f", 14.25, f"meter_liquid_flow_cubic_meters_per_second{role}", 0.01425)
    one.put(1026, "f", 53.6)  # degF
    one.put(1028, "f", 64.4)
    one.gauge(1030, "f", 12.0, f"meter_liquid_supply_temperature_celsius{role}", 12.0)
    one.gauge(1032, "f", 18.0, f"meter_liquid_return_temperature_celsius{role}", 18.0)
    one.gauge(1042, "f", 123_456.5, f"meter_thermal_energy_joules_total{role}", 123_456.5 * 3.6e6)
    one.put(1044, "f", 0.0)  # the second mode
    return one


def _veris() -> Served:
    one = Served(checked=290)
    one.put(256, "f", 123_439.5)  # net
    one.gauge(258, "f", 123_456.5, f"meter_energy_joules_total{{direction=import,{METER}}}", 123_456.5 * 3.6e6)
    one.gauge(260, "f", 17.0, f"meter_energy_joules_total{{direction=export,{METER}}}", 17 * 3.6e6)
    one.gauge(276, "f", 43.25, f"meter_power_watts{{{METER}}}", 43_250)
    one.gauge(278, "f", -3.5, f"meter_reactive_power_vars{{{METER}}}", -3500)
    one.gauge(280, "f", 45.5, f"meter_apparent_power_voltamperes{{{METER}}}", 45_500)
    one.gauge(282, "f", -0.953125, f"meter_power_factor_ratio{{{METER}}}", 0.953125)
    one.gauge(290, "f", 59.96875, f"meter_frequency_hertz{{{METER}}}", 59.96875)
    one.phases(364, "f", (22.0, 21.5, -0.25), f"meter_phase_power_watts{PHASE}", 1000)
    one.phases(370, "f", (0.75, -0.5, 0.25), f"meter_phase_reactive_power_vars{PHASE}", 1000)
    one.phases(376, "f", (23.5, 22.75, 0.375), f"meter_phase_apparent_power_voltamperes{PHASE}", 1000)
    one.phases(382, "f", (0.9375, 0.9375, 0.6875), f"meter_phase_power_factor_ratio{PHASE}")
    _lines(one, 388, "f", 480, 1)
    one.phases(394, "f", (277.5, 278.25, 276.75), f"meter_voltage_volts{PHASE}")
    one.phases(400, "f", (84.5, 81.75, 1.5), f"meter_current_amperes{PHASE}")
    return one


def _wb_energy(one: Served, at: int, kilowatt_hours: float, key: str) -> None:
    """Steps of 0.01 Wh, low word first."""
    one.gauge(at, "~Q", round(kilowatt_hours * 100_000), key, kilowatt_hours * 3.6e6)


def _wb_voltages(one: Served, metric: str) -> None:
    """Steps of 0.01 V / 65536."""
    for index, (name, volts) in enumerate(zip(PHASES, (230.5071, 231.2593, 229.7537), strict=True)):
        one.gauge(0x1410 + 2 * index, "I", round(volts * 6_553_600), metric.replace("%", name), volts)


def _map3e() -> Served:
    """A WB-MAP3E whose third current transformer sits on the second phase."""
    one = Served(table="input", checked=0x10F8)
    one.settings |= {0x14A0: 1, 0x14A1: 2, 0x14A2: 2}
    _wb_voltages(one, f"meter_voltage_volts{PHASE}")
    _lines(one, 0x141C, "H", 400, 0.01)
    for index, (name, amperes) in enumerate(zip(PHASES[:2], (101.5037, 0.4353), strict=True)):
        at = 0x1416 + 2 * index
        one.gauge(at, "I", round(amperes * 4_096_000), f"meter_current_amperes{PHASE.replace('%', name)}", amperes)
    for total, metric, values in (
        (0x1300, "power_watts", (23_400.0, 23_500.8, -100.80256)),
        (0x1308, "reactive_power_vars", (600.32, 500.16256, 100.15744)),
        (0x1310, "apparent_power_voltamperes", (23_603.2, 23_501.44, 101.76)),
    ):
        one.gauge(total, "i", round(values[0] / 0.00512), f"meter_{metric}{{{METER}}}", values[0])
        for index, name in enumerate(PHASES[:2]):
            key = f"meter_phase_{metric}{PHASE.replace('%', name)}"
            one.gauge(total + 2 + 2 * index, "i", round(values[index + 1] / 0.00512), key, values[index + 1])
    one.gauge(0x10BC, "h", -970, f"meter_power_factor_ratio{{{METER}}}", 0.97)
    for index, name in enumerate(PHASES[:2]):
        key = f"meter_phase_power_factor_ratio{PHASE.replace('%', name)}"
        one.gauge(0x10BD + index, "h", 980 - index, key, (980 - index) / 1000)
    one.gauge(0x10F8, "H", 4998, f"meter_frequency_hertz{{{METER}}}", 49.98)
    for at, direction, hours in ((0x1200, "import", 123.45679), (0x1210, "export", 17.50001)):
        _wb_energy(one, at, hours, f"meter_energy_joules_total{{direction={direction},{METER}}}")
        for index, name in enumerate(PHASES[:2]):
            key = f"meter_phase_energy_joules_total{{direction={direction},phase={name},{METER}}}"
            _wb_energy(one, at + 4 + 4 * index, round(hours / (2 + index), 5), key)
    return one


def _map12e() -> Served:
    one = Served(table="input", checked=0x10F8)
    _wb_voltages(one, "circuit_voltage_volts{circuit=main,panel=1,phase=%}")
    one.gauge(0x10F8, "H", 4998, "circuit_frequency_hertz{circuit=main,panel=1}", 49.98)
    for index, circuit in enumerate(("1", "2", "3", "4")):
        at, labels = 0x1000 * index, f"circuit={circuit},panel=1"
        one.settings |= {0x14A0 + at: 1, 0x14A1 + at: 2, 0x14A2 + at: 3}
        for phase, amperes in zip(PHASES, (101.5037 + index, 99.2513, 0.0625), strict=True):
            register = 0x1416 + at + 2 * PHASES.index(phase)
            key = f"circuit_current_amperes{{{labels},phase={phase}}}"
            one.gauge(register, "I", round(amperes * 4_096_000), key, amperes)
        watts = 23_500.8 + 512 * index
        one.gauge(0x1300 + at, "i", round(watts / 0.00512), f"circuit_power_watts{{{labels}}}", watts)
        one.gauge(0x10BC + at, "h", -970, f"circuit_power_factor_ratio{{{labels}}}", 0.97)
        _wb_energy(one, 0x1200 + at, 120.5 + index, f"circuit_energy_joules_total{{{labels}}}")
    return one


def _breaker() -> Served:
    """A MasterPacT that has tripped on a fault."""
    one = Served(checked=32_000)
    one.put(31_999, "H", 0b101111)  # bits that are valid
    one.put(32_000, "H", 0b001110)
    one.states["dcim_circuit_breaker_state{circuit=main,panel=1}"] = "tripped"
    one.values["dcim_device_alarm_active{alarm=fault_trip,severity=critical}"] = 1.0
    return one


def more_meter_maps() -> dict[str, Served]:
    """By profile."""
    return {
        "hager-ecr": _hager(),
        "circutor-cvm-c10": _cvm_c10(),
        "camillebauer-aplus": _aplus(),
        "onicon-btu": _onicon(),
        "veris-e51": _veris(),
        "wirenboard-map3e": _map3e(),
        "wirenboard-map12e": _map12e(),
        "schneider-breaker": _breaker(),
    }
