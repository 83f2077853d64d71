"""Faults of conditions (`when`). A condition decides how a device is planned, so it must not depend on what the device measures."""

from collections.abc import Iterator, Mapping

from agent.modbus import words_of
from agent.profile.loading.validation.fault import PointInFile
from agent.profile.normalising import ANY_TEXT
from agent.profile.schema import Cell, Part, Place, When, watched_places
from rackflow.catalogue import catalogue

_DIGITS = frozenset("0123456789")
_UNSTEADY = (
    "the cell is that of {name}, which changes while the device works, and an outage would plan the device anew; "
    "name it in `alive` or `lines`, which hold once it has measured something"
)
# If a condition looked at the first word of a long number only, a unit with another word order would have 0 there, and the part would seem
# not to be fitted. With all words in the condition, the wrong order is found and reported as `decode`.
_HALF = "a number of several registers begins at {first}; name all of them, {words}, of which any may be the one that is not 0"


class ConditionCheck:
    """Checks the conditions of one profile. All of its `points` are needed, to know which cells are measured and which numbers are long."""

    def __init__(self, points: list[PointInFile]) -> None:
        self._measured = _measured_cells(points)
        self._widths = _long_registers(points)

    def faults(self, condition: When) -> Iterator[str]:
        """What is wrong with a condition of a point, or of its table."""
        if name := _rests_on(condition, self._measured):
            yield f"when: {_UNSTEADY.format(name=name)}"
        if words := _words_left_out(condition, self._widths):
            yield f"when: alive: {_HALF.format(first=words[0], words=words)}"


def _measured_cells(points: list[PointInFile]) -> dict[str, str]:
    """Columns, instances and registers that hold measurements (not ratings and limits, which seldom change), each with its metric."""
    found: dict[str, str] = {}
    for _, _, point in points:
        metric = catalogue().get(point.metric)
        if metric is None or not metric.unit or metric.type == "state" or metric.poll == "inventory":
            continue
        parts = [part for source in point.sources() for part in source.parts()]
        found |= {place: metric.name for part in parts if (place := _written(part)) and not part.is_coded()}
    return found


def _long_registers(points: list[PointInFile]) -> dict[str, int]:
    """The first register of each number that has several registers, and how many it has."""
    parts = (part for _, _, point in points for source in point.sources() for part in source.parts())
    long = ((part, words_of(part.type, None)) for part in parts if part.register_ is not None and part.type)
    return {_written(part): words for part, words in long if words > 1}


def _written(place: Place) -> str:
    """The place as text: for a register its table and address, without type and bits."""
    if place.register_ is not None:
        return f"{place.table}:{place.register_}"
    return (
        (place.oid if isinstance(place, Part | Cell) else None)
        or (place.column if isinstance(place, Cell) else None)
        or ""
    )


def _rests_on(condition: When, measured: Mapping[str, str]) -> str:
    """The metric that the condition's cell measures, if the condition depends on the number itself; empty otherwise."""
    words = {*condition.contains, *condition.without}
    codes = condition.in_
    is_presence = words >= _DIGITS or ANY_TEXT in words or (codes and not any(isinstance(code, int) for code in codes))
    place = _written(condition)
    # An instance of a measured column is measured as well, so the OID's prefixes are looked up, the longest first.
    beginnings = (place.rsplit(".", parts)[0] for parts in range(min(place.count(".") + 1, 4)))
    return "" if is_presence or not place else next((measured[each] for each in beginnings if each in measured), "")


def _words_left_out(condition: When, widths: Mapping[str, int]) -> list[int]:
    """All registers of the first number of which `alive` names only some; empty if there is none."""
    for each in (each for each in watched_places(condition) if isinstance(each, Place)):
        first = each.register_ or 0
        words = list(range(first, first + widths.get(_written(each), 1)))
        if not set(words) <= set(condition.alive):
            return words
    return []
