"""Decides whether a line or part of a device is fitted, where only its measurements show that.

Zero volts mean either that a line is not fitted or that it has lost its power, and one poll cannot distinguish the two. So a plan does not
depend on the present value of such a cell, but on whether the cell was ever *in use*: had a number other than 0 since the device was
identified (`alive` and `lines` of a condition). This can only change from false to true, so a mains outage changes no plan. It is added to
the cells that planning reads as a *use cell*, so that plans depend on it and not on any voltage.

One odd number must not decide that for good, so polls need two in a row (agent/poll/planned_cells.py). With `between` the cell shows more,
what the device counts in, for which agent/poll/shown_scales.py asks for several.
"""

from collections.abc import Generator, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard

from agent.profile.normalising import ENDS_OF_16_BITS, LARGE_ENDS, NINES, RawValue, number_in
from agent.profile.schema import Profile, Table, When, watched_refs

# Least number (volts or tenths of volts) that shows that a line is in use. A line that is not fitted may pick up a volt or so from its
# neighbours; counted as use, a single such poll would report it as a line without power for good. Chosen; no line has less than 10 V.
LEAST_OF_A_LINE: Final = 10
# Rows that are looked at in one slice: about a millisecond.
ROWS_PER_SLICE: Final = 200
ALIVE: Final = "alive:"
LINES: Final = "lines:"
"""Prefixes of the references of use cells. No reference of an instance or register begins with them."""


def is_measuring(condition: When, value: RawValue) -> bool:
    """Whether a cell measures something: a number other than 0 that is no sentinel, or one in the condition's `between`."""
    number = number_in(value)
    if number is None or _is_sentinel(number):
        return False
    if condition.between:
        return any(low <= number <= high for low, high in condition.between)
    return abs(number) >= LEAST_OF_A_LINE if condition.lines else number not in (0, -1)


def _is_sentinel(number: float) -> bool:
    return number in ENDS_OF_16_BITS or number in LARGE_ENDS or number in NINES


def shows_another_scale(condition: When, value: RawValue) -> bool:
    """Whether a cell outside of `between`, which is for tenths, has what a live line has in whole units: at least a tenth of that."""
    number = number_in(value)
    if number is None or _is_sentinel(number):
        return False
    return any(low / 10 <= number for low, _ in condition.between)


def is_use_condition(reader: object) -> TypeGuard[When]:
    """Whether what reads a cell is a condition with `alive` or `lines`."""
    return isinstance(reader, When) and bool(reader.watched())


def use_ref(condition: When) -> str:
    """The column or instance of the use cell of a condition, among the cells that planning reads."""
    return f"{LINES if condition.lines else ALIVE}{','.join(map(str, condition.watched()))}{condition.between or ''}"


def is_use_ref(ref: str) -> bool:
    """Whether a cell that planning reads is a use cell, and not one of the device."""
    return ref.startswith((ALIVE, LINES))


@dataclass(frozen=True, slots=True)
class Use:
    """A cell that measured something, and the condition that holds because of it. `index` is that of its row."""

    ref: str
    condition: When
    index: str

    @property
    def key(self) -> str:
        """The key under which use is recorded. It includes the condition: 30 is a line in use if it means 30 V, but not 3.0 V."""
        return f"{self.ref}{self.condition.between or ''}"

    @property
    def shows_scale(self) -> bool:
        """Whether the cell shows what the device counts in. With an interval from 0 it only shows that the device measures at all."""
        return bool(self.condition.between) and all(low > 0 for low, _ in self.condition.between)

    @property
    def refs(self) -> list[str]:
        """All cells of the condition in this row."""
        return watched_refs(self.condition, self.index)


def note_use_steps(
    profile: Profile, rows: Mapping[str, Sequence[str]], cells: MutableMapping[str, RawValue], used: dict[str, Use]
) -> Generator[None, None, None]:
    """Add the cells that measure something now to `used`, by their keys, and the use cells to `cells`.

    A use cell is 1 once one of its condition's cells was in use. With `lines` it is 1 for each line up to the last one that was in use, and
    0 for later lines of that supply; before any line of the supply was in use, there is no use cell.

    Yields after each slice of rows, because a faulty device may have thousands.
    """
    for table, condition in _conditions(profile):
        indexes = rows.get(table.name, ()) if table else ("",)
        own: list[str] = []
        for number, index in enumerate(indexes, 1):
            if number % ROWS_PER_SLICE == 0:
                yield
            uses = {use.key: use for use in (Use(ref, condition, index) for ref in watched_refs(condition, index))}
            now = {key: use for key, use in uses.items() if is_measuring(condition, cells.get(use.ref))}
            used |= {key: use for key, use in now.items() if key not in used}
            if not uses.keys().isdisjoint(used):
                own.append(index)
        for index in own:
            cells[f"{use_ref(condition)}.{index}" if index else use_ref(condition)] = 1
        if condition.lines:
            _add_lines(condition, indexes, own, cells)


def _add_lines(
    condition: When, indexes: Sequence[str], own: Sequence[str], cells: MutableMapping[str, RawValue]
) -> None:
    # Lines are numbered from 1 without gaps, so a line is fitted if a later one is: the lost phase of three.
    last: dict[tuple[str, ...], int] = {}
    for group, number in map(_line, own):
        last[group] = max(number, last.get(group, 0))
    for index in indexes:
        group, number = _line(index)
        if group in last:
            cells[f"{use_ref(condition)}.{index}"] = int(number <= last[group])


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
            key = (table.name if table else "", use_ref(condition))
            if condition.watched() and key not in seen:
                seen.add(key)
                yield table, condition
