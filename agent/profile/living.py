"""Lines and parts of a device that are fitted or not, where the device tells it only by what they measure.

Zero volts mean that a line is not fitted, or that it has lost its power, and one poll cannot tell which. So a plan never rests on such
a cell as it is now, but on whether it has held a number other than 0 since the device was identified (`alive` and `lines` of a
condition). That can only become true, so a mains outage changes no plan. What has lived is put into the cells that planning reads, as
marks beside the device's own, so that plans depend on it and on no voltage.
"""

from collections.abc import Generator, Iterator, Mapping, MutableMapping, Sequence
from typing import Final, TypeGuard

from agent.profile.cells import ENDS_OF_16_BITS, LARGE_ENDS, RawValue
from agent.profile.places import When
from agent.profile.quantity import number_in
from agent.profile.registers import living_refs
from agent.profile.schema import Profile, Table

# What a line must show, in volts or tenths of them: one that is not fitted may pick up a volt or so from its neighbours, and one volt in
# one poll would make it a line that has lost its power, for good. Chosen; no line lives with less than 10 V.
LEAST_OF_A_LINE: Final = 10
# Rows that are marked in one slice: about a millisecond.
ROWS_PER_SLICE: Final = 200
ALIVE: Final = "alive:"
LINES: Final = "lines:"
"""What marks begin with. No instance and no register is called so."""


def is_living(condition: When, value: RawValue) -> bool:
    """Whether a cell measures something: a number other than 0 that is no sentinel, or one in the condition's `between`."""
    number = number_in(value)
    if number is None or number in ENDS_OF_16_BITS or number in LARGE_ENDS:
        return False
    if condition.between:
        return any(low <= number <= high for low, high in condition.between)
    return abs(number) >= LEAST_OF_A_LINE if condition.lines else number not in (0, -1)


def is_watch(reader: object) -> TypeGuard[When]:
    """Whether what reads a cell is a condition with `alive` or `lines`."""
    return isinstance(reader, When) and bool(reader.watched())


def mark(condition: When) -> str:
    """The column or instance under which the mark of a condition stands."""
    return f"{LINES if condition.lines else ALIVE}{','.join(map(str, condition.watched()))}{condition.between or ''}"


def lived_as(condition: When, ref: str) -> str:
    """How it is noted that a cell has lived: one that showed 3 V has lived as a line, and not as one in tenths of volts."""
    return f"{ref}{condition.between or ''}"


def marking(
    profile: Profile, rows: Mapping[str, Sequence[str]], cells: MutableMapping[str, RawValue], lived: set[str]
) -> Generator[None, None, None]:
    """Note in `lived` which cells live now, and put the marks of all that ever did into `cells`: 1, or 0 for a line beside living ones.

    Yields after each slice of rows, of which a faulty device may have thousands.
    """
    for table, condition in _conditions(profile):
        indexes = rows.get(table.name, ()) if table else ("",)
        own: list[str] = []
        for number, index in enumerate(indexes, 1):
            if number % ROWS_PER_SLICE == 0:
                yield
            refs = living_refs(condition, index)
            lived.update(lived_as(condition, ref) for ref in refs if is_living(condition, cells.get(ref)))
            if any(lived_as(condition, ref) in lived for ref in refs):
                own.append(index)
        for index in own:
            cells[f"{mark(condition)}.{index}" if index else mark(condition)] = 1
        if condition.lines:
            _mark_lines(condition, indexes, own, cells)


def _mark_lines(
    condition: When, indexes: Sequence[str], own: Sequence[str], cells: MutableMapping[str, RawValue]
) -> None:
    # Lines are numbered from 1 without gaps, so a line is fitted if a later one is: the lost phase of three.
    last: dict[tuple[str, ...], int] = {}
    for group, number in map(_line, own):
        last[group] = max(number, last.get(group, 0))
    for index in indexes:
        group, number = _line(index)
        if group in last:
            cells[f"{mark(condition)}.{index}"] = int(number <= last[group])


def _line(index: str) -> tuple[tuple[str, ...], int]:
    """The supply and the number of a line: the last part of its index, or the one before a final 0 (`2.0`)."""
    parts = index.split(".")
    if len(parts) > 1 and parts[-1] == "0":
        parts.pop()
    return tuple(parts[:-1]), int(parts[-1])


def _conditions(profile: Profile) -> Iterator[tuple[Table | None, When]]:
    """Each condition of this kind once, with its table."""
    seen: set[tuple[str, str]] = set()
    for table, point in profile.all_points():
        for condition in (*point.when, *(table.when if table else ())):
            key = (table.name if table else "", mark(condition))
            if condition.watched() and key not in seen:
                seen.add(key)
                yield table, condition
