"""Raw numbers that mean "no reading": those that a profile names, the ends of integer ranges, and words that cannot be flags.

A word of flags has no range check: from a unit that answers 0xFFFF for "not available", every leak, breaker and pump alarm would be
reported at once; from one that answers 0x8000, no alarm. So such a word is rejected as `sentinel` for each of its flags.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from agent.profile.normalising import ENDS_OF_16_BITS, LARGE_ENDS, NINES, NINES_OF_LOADS
from agent.profile.schema import BIT_TABLES, REGISTER_BITS, Cell, Part, Place, Profile, bits_of
from rackflow.catalogue import Metric

# Some devices that use 65535 for "no reading" say why with the numbers before it: not fitted, not supported, being measured.
_NO_READING = 65535
_NO_READING_REASONS = frozenset(range(65532, _NO_READING))
# SNMP does not say how wide a word of flags is: its INTEGER, Gauge32 and Unsigned32 have 32 bits, but a device may copy a 16-bit register
# into them.
_WIDTH_OF_SNMP: Final = 32
# Metrics whose 0 means "not set". With a rating or an upper limit of 0, anything that is switched on would be above it.
_LIMITS_ABOVE_ZERO: Final = ("_rated_", "_warning_", "_high_threshold_")
_LOADS: Final = ("amperes", "watts", "voltamperes")

NamedBits = Mapping[str, frozenset[int]]
"""The bits of each word of flags that a profile gives a meaning, by the word's place."""


def sentinels_of(
    profile: Profile, source: Part, metric: Metric | None, words: frozenset[float]
) -> tuple[frozenset[float], tuple[tuple[float, float], ...]]:
    """Single sentinels, and ranges of them, of one source: those that the profile names, and those that every device may send.

    `words` are those of its flags that stand for "no reading" (see `sentinel_words`).
    """
    given = profile.absent if source.absent is None else source.absent
    found: set[float] = {each for each in given if isinstance(each, int)}
    ranges = tuple(each for each in given if isinstance(each, tuple))
    if _NO_READING in found:
        found |= _NO_READING_REASONS
    # `absent: []` switches off all of these but 0 Hz, and codes are what the profile says they are.
    if source.absent != []:
        found |= words
        if not source.is_coded() and not words and metric:
            found |= _of_numbers(source, metric)
    # 0 Hz is what devices send for a line without voltage and for a part that is not fitted.
    if metric and metric.unit == "hertz":
        found.add(0)
    return _one_of_equal(frozenset(found)), ranges


# Sets that are remembered; those of all shipped Modbus profiles are 24.
@lru_cache(maxsize=256)
def _one_of_equal(numbers: frozenset[float]) -> frozenset[float]:
    """One set for all sources with the same sentinels: a set for each took two thirds of the memory of plans."""
    return numbers


def sentinel_words(place: Place, bits: tuple[int, ...], named: NamedBits) -> frozenset[float]:
    """Words that stand for "no reading" where `bits` are taken from a word: all bits set, all but the highest, and the highest alone.

    No device raises all of its alarms at once. The highest bit alone is a flag like any other if any point of the profile uses that bit.
    In a word of two registers, either half may be such a word alone.
    """
    if not bits or place.table in BIT_TABLES:
        return frozenset()
    known = named.get(_name(place), frozenset(bits))
    width = _WIDTH_OF_SNMP if place.register_ is None else bits_of(place.type)
    ones, highest = 2**width - 1, 1 << width - 1
    found = {ones, ones >> 1} | ({highest} if width - 1 not in known else set())
    if width > REGISTER_BITS:
        half = 2**REGISTER_BITS - 1
        found |= {half, ones & ~half}
    if place.register_ is None or (place.type or "").startswith("int"):
        found |= {number - ones - 1 for number in found if number >= highest}
    return frozenset(found)


def named_bits(profile: Profile) -> NamedBits:
    """The bits that the profile's points, conditions and gates read, by place."""
    found: dict[str, set[int]] = {}
    for place, bits in _flags(profile):
        found.setdefault(_name(place), set()).update(bits)
    return {name: frozenset(bits) for name, bits in found.items()}


def _flags(profile: Profile) -> Iterator[tuple[Place, tuple[int, ...]]]:
    for table, point in profile.all_points():
        if point.bits:
            yield from ((source, tuple(point.bits)) for source in point.sources())
        deciding: list[Cell | None] = [*point.when, point.gate, *(table.when if table else ())]
        deciding.append(table.gate if table else None)
        yield from ((each, each.bit) for each in deciding if each and each.bit)
        for source in point.sources():
            parts: list[Place] = [*source.parts(), *source.cases]
            yield from ((each, each.bit) for each in parts if each.bit)


def _name(place: Place) -> str:
    if place.register_ is not None:
        return f"{place.table}:{place.register_}:{place.type}"
    column = place.column if isinstance(place, Cell) else None
    return column or (place.oid if isinstance(place, Cell | Part) else None) or ""


def _of_numbers(source: Part, metric: Metric) -> set[float]:
    found: set[float] = set(LARGE_ENDS)
    # If the high and low halves are in two separate registers, only the low one is compared with sentinels.
    if metric.type != "counter" and source.high is None:
        found |= ENDS_OF_16_BITS | NINES
        if metric.unit in _LOADS:
            found |= NINES_OF_LOADS
    if any(part in metric.name for part in _LIMITS_ABOVE_ZERO):
        found.add(0)
    # A battery in use is never at 0 degC, and many cards without its sensor send 0 (upsBatteryTemperature). Inlet air may be at 0 degC.
    if metric.name == "dcim_ups_battery_temperature_celsius":
        found.add(0)
    # No air is without water: a dry room has 5 %. Many monitors send 0 for a probe that is not plugged in.
    if metric.name.endswith("_relative_humidity_ratio"):
        found.add(0)
    if _is_minus_one_a_sentinel(source, metric):
        found.add(-1)
    return found


def _is_minus_one_a_sentinel(source: Part, metric: Metric) -> bool:
    """Whether -1 means that the sensor is not there: no room and no coolant stays at -1 or -0.1 degC, no plant at -0.1 V.

    Batteries are discharged with -0.1 A, and reactive power has any sign.
    """
    if metric.unit in ("celsius", "volts", "amperes"):
        return not metric.name.endswith("battery_current_amperes")
    return source.is_scaled() and (metric.unit == "pascals" or metric.name.endswith("_power_factor_ratio"))
