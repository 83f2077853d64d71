"""Finds out which row of a table is which: rows of other units behind one agent, indexes counted otherwise, equal names.

A wrong answer would give the readings of one part to another, so a row that is not clear gives no series.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from itertools import count
from typing import Final

from agent.profile.normalising import RawValue
from agent.profile.planning.rows import Row
from agent.profile.schema import FromColumn, FromIndex, Point, Table, label_parts

# How many rows are worked on before other devices get their turn: a few milliseconds, as long as a poll takes.
ROWS_PER_SLICE: Final = 100


def unclear_parts(table: Table, indexes: Sequence[str]) -> frozenset[int]:
    """Parts of the index that the device may count from 0 where the profile counts from 1.

    Example: the profile has 1 to 3 for L1 to L3, and the device has rows 0, 1 and 2. Either row 0 is a total and L3 is not fitted, or the
    device counts from 0 and L1 would get the readings of L2. A missing reading is better than one of another phase.

    If row 0 is the only one, it is not unclear: see `counts_from_0`.
    """
    if counts_from_0(indexes):
        return frozenset()
    found: set[int] = set()
    labels = [label for point in table.points for label in (table.labels | point.labels).values()]
    flat = (part for label in labels for part in label_parts(label))
    for label in (part for part in flat if isinstance(part, FromIndex) and part.map and part.index not in found):
        if 0 in label.map or 1 not in label.map:
            continue
        parts = {Row(index, {}, None).part(label.index) for index in indexes}
        last = next(number for number in count(1) if number + 1 not in label.map)
        if 0 in parts and last not in parts:
            found.add(label.index)
    return frozenset(found)


def counts_from_0(indexes: Sequence[str]) -> bool:
    """Whether a table has a single row, numbered 0, which stands for the first line: some cards serve the columns as scalars."""
    return set(indexes) == {"0"}


def shifted_parts(
    table: Table, point: Point, indexes: Sequence[str], cells: Mapping[str, RawValue]
) -> Generator[None, None, frozenset[int]]:
    """Parts that the profile counts from the start of the index, if the device's indexes seem to begin with an extra part.

    Example: two units behind one agent have rows 1.1, 1.2, 1.3 and 2.1, 2.2, 2.3 where the profile expects lines 1, 2 and 3. Taken from
    the first part, line 2 would get the readings of the other unit's line 1. The sign of this: indexes have more parts than the profile
    uses, and rows are equal in those that it uses. Parts counted from the end are not affected. Yields after each slice.
    """
    labels = (table.labels | point.labels).values()
    sources = [source for label in labels for source in label_parts(label)]
    # Numbers of parts as profiles write them: 1 is the first part of an index, -1 the last.
    in_labels = {source.index for source in sources if isinstance(source, FromIndex)}
    used = in_labels | {each.index for each in (*table.when, *point.when) if each.index is not None}
    if not any(number > 0 for number in in_labels) or not indexes:
        return frozenset()
    depth = indexes[0].count(".") + 1
    places = {number - 1 if number > 0 else depth + number for number in used}
    if len(places) >= depth or any(isinstance(source, FromColumn) and source.parts for source in sources):
        return frozenset()
    cell_labels = [source for source in sources if isinstance(source, FromColumn)]
    # What distinguishes the rows by the profile. If two rows have the same, the profile lacks a part of the index.
    seen: set[tuple[str | None, ...]] = set()
    # Without repeats: a profile and its base may both list the table.
    for at, index in enumerate(dict.fromkeys(indexes), 1):
        if at % ROWS_PER_SLICE == 0:
            yield
        parts = index.split(".")
        row = Row(index, cells, None)
        if len(parts) != depth or not (row.holds(point.when) and row.holds(table.when)):
            continue
        name = (*(parts[place] for place in sorted(places) if 0 <= place < depth), *map(row.label, cell_labels))
        if name in seen:
            return frozenset(number for number in in_labels if number > 0)
        seen.add(name)
    return frozenset()


def rows_of_unit(
    indexes: Sequence[str],
    cells: Mapping[str, RawValue],
    role: str | None,
    *,
    unclear: frozenset[int],
    shifted: frozenset[int],
    unit: int | None,
) -> Iterator[Row]:
    """The rows of this unit: those whose index begins with its number. Without a `unit`, all rows.

    What stands there once is read for the first unit alone, as are scalars: otherwise each unit would count it. So are the rows of an agent
    with one unit that numbers it otherwise; but where the rows of a further unit are gone (it is off), it has none, and not those of its
    neighbour.

    If `shifted` (see `shifted_parts`) says that the profile does not know the first part of the index, that part is skipped. `unclear` is
    passed on to the rows.
    """
    is_first = unit is None or unit <= 1
    units = {index.partition(".")[0] for index in indexes if "." in index}
    if unit is None or (is_first and (not units or (len(units) == 1 and str(unit) not in units))):
        from_0 = counts_from_0(indexes)
        yield from (Row(index, cells, role, unclear, shifted, from_0=from_0) for index in indexes)
        return
    for index in indexes:
        if "." not in index:
            if is_first:
                yield Row(index, cells, role, unclear, shifted)
        elif not index.startswith(f"{unit}."):
            continue
        elif not shifted:
            yield Row(index, cells, role, unclear)
        elif index.count(".") == max(shifted):
            yield Row(index, cells, role, skip=1)


def named_label(table: Table, point: Point) -> str | None:
    """The point's first label that is a name from the device, to which the index is added where two rows have the same name."""
    for name, label in (table.labels | point.labels).items():
        if any(isinstance(part, FromColumn) and not part.map for part in label_parts(label)):
            return name
    return None


def rows_with_equal_names(
    table: Table, indexes: Sequence[str], cells: Mapping[str, RawValue]
) -> Generator[None, None, set[str]]:
    """Indexes of rows with the same names as an earlier row of the table: without a change, both would give the same series.

    The first row of equal names is not among them and keeps its name, so that an added row does not rename an existing series. Yields
    after each slice.
    """
    equal: set[str] = set()
    candidates: dict[bool, Sequence[str]] = {True: indexes}
    if any(named_label(table, point) and not point.labels for point in table.points):
        shared: dict[tuple[str | None, ...], list[str]] = {}
        for number, index in enumerate(indexes, 1):
            row = Row(index, cells, None)  # a role is that of all rows, and distinguishes none
            shared.setdefault(tuple(map(row.label, table.labels.values())), []).append(index)
            if number % ROWS_PER_SLICE == 0:
                yield
        candidates[False] = [index for group in shared.values() if len(group) > 1 for index in group]
    for point in table.points:
        if (name := named_label(table, point)) is None:
            continue
        sources = table.labels | point.labels
        labels = sources.values()
        first: dict[tuple[str | None, ...], str] = {}
        for number, index in enumerate(candidates[bool(point.labels)], 1):
            row = Row(index, cells, None)
            if row.is_named(sources[name]) and row.holds(point.when) and row.holds(table.when):
                other = first.setdefault(tuple(map(row.label, labels)), index)
                equal |= {index} if other != index else set()
            if number % ROWS_PER_SLICE == 0:
                yield
    return equal
