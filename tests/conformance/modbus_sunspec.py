"""Chains of SunSpec models, served to the agent; see modbus_maps. Offsets are those of the SunSpec Alliance's model definitions."""

import struct
from collections.abc import Collection, Mapping, Sequence

from tests.conformance.modbus_gear import METER
from tests.conformance.modbus_maps import PHASES, Served

LINES = ("L1-L2", "L2-L3", "L3-L1")


def common(length: int = 66) -> list[int]:
    """The common model, which some have with a length of 65."""
    text = b"".join(
        each.encode().ljust(size, b"\0")
        for each, size in (("Example", 32), ("Meter WYE", 32), ("", 16), ("1.2.3", 16), ("1234567", 32))
    )
    return [1, length, *struct.unpack(">64H", text), *[1, 0x8000][: length - 64]]


def model(
    number: int, length: int, words: Mapping[int, float], counters: Collection[int] = (), layout: str = "h"
) -> list[int]:
    """A model whose numbers are at these offsets, counted behind its length; all others are not implemented."""
    found = [0x8000 if layout == "h" else 0x7FC0] * length
    for at, value in words.items():
        packed = struct.pack(f">{'I' if at in counters else layout}", value)
        found[at : at + len(packed) // 2] = struct.unpack(f">{len(packed) // 2}H", packed)
    return [number, length, *found]


def chain(*models: Sequence[int]) -> list[int]:
    """All models with the mark in front and the end behind."""
    return [0x5375, 0x6E53, *(word for each in models for word in each), 0xFFFF, 0]


# Each with its power of ten behind it: currents, voltages, the frequency, active, apparent and reactive power, power factors.
_NUMBERS_203 = (
    *(1000, 321, 335, 344, -1),
    *(2310, 2305, 2311, 2314, 4000, 3995, 4003, 4002, -1),
    *(4998, -2),
    *(-2206, -735, -733, -738, 1),
    *(2310, 770, 768, 772, 1),
    *(680, 226, 227, 227, 1),
    *(-95, -95, -94, -96, -2),
)
METER_203 = dict(enumerate(_NUMBERS_203)) | {
    36: 70_000,
    38: 23_000,
    40: 23_001,
    42: 23_002,
    44: 123_456_789,
    46: 41_152_263,
    48: 41_152_262,
    50: 41_152_264,
    52: 1,
}
COUNTERS_203 = range(36, 52)


def _meter() -> Served:
    """A model that is not known, and integers with powers of ten."""
    one = Served(checked=40_002)
    words = chain(common(), model(64_001, 13, {}), model(203, 105, METER_203, COUNTERS_203))
    one.registers |= dict(enumerate(words, 40_000))
    for index, phase in enumerate(PHASES):
        for metric, at, scale in (
            ("current_amperes", 1, 0.1),
            ("voltage_volts", 6, 0.1),
            ("phase_power_watts", 17, 10),
            ("phase_apparent_power_voltamperes", 22, 10),
            ("phase_reactive_power_vars", 27, 10),
        ):
            one.values[f"dcim_meter_{metric}{{phase={phase},{METER}}}"] = METER_203[at + index] * scale
        for direction, at in (("export", 38), ("import", 46)):
            energy = f"dcim_meter_phase_energy_joules_total{{direction={direction},phase={phase},{METER}}}"
            one.values[energy] = METER_203[at + 2 * index] * 36_000
        one.values[f"dcim_meter_line_voltage_volts{{line={LINES[index]},{METER}}}"] = METER_203[10 + index] / 10
    one.values |= {
        f"dcim_meter_frequency_hertz{{{METER}}}": 49.98,
        f"dcim_meter_power_watts{{{METER}}}": -22_060,
        f"dcim_meter_apparent_power_voltamperes{{{METER}}}": 23_100,
        f"dcim_meter_reactive_power_vars{{{METER}}}": 6800,
        f"dcim_meter_energy_joules_total{{direction=export,{METER}}}": 70_000 * 36_000,
        f"dcim_meter_energy_joules_total{{direction=import,{METER}}}": 123_456_789 * 36_000,
    }
    return one


def sunspec_maps() -> dict[str, Served]:
    """Each map by its profile."""
    return {"sunspec": _meter()}
