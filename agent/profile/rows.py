"""Reads labels, conditions, units and scales from the cells of one table row, or of the device as a whole.

A plan depends on these cells, so they are read again while the device is polled. `cell_sources` lists them, and `Row.meaning` gives what
planning derives from one.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count

from agent.modbus import RegisterValue
from agent.profile.cells import RawValue, folded_text, has_word, plain_number, plain_text, whole_number
from agent.profile.in_use import is_measuring, is_use_condition, use_ref
from agent.profile.places import Cell, lowest_bits
from agent.profile.registers import cell_ref, is_instance, register_ref, registers_of, watched_places, watched_refs
from agent.profile.schema import (
    FromColumn,
    FromDevice,
    FromIndex,
    Joined,
    LabelSource,
    Part,
    Point,
    Profile,
    Table,
    UnitBy,
    When,
)
from rackflow.series import clean_label, is_readable

# Most decimal places of a scale: a 64-bit integer has 20 digits. A larger number in the cell is a sentinel such as 2147483647 and not a
# scale; computing ten to that power would keep the agent busy for hours.
MAX_DECIMALS = 20
# Most accurate digits that a negative number of decimals stands for (RFC 3433).
MAX_ACCURATE = 8
# How many rows are worked on before other devices get their turn: a few milliseconds, as long as a poll takes.
ROWS_PER_SLICE = 100
# Characters of a label (rackflow/series.py), and of an index behind a name; longer indexes lose their beginning. Chosen.
MAX_LABEL = 64
MAX_SUFFIX = 32
# Largest factor in a cell. Chosen: no quantity is sent in units this far from the base unit.
MAX_SCALE = 10**18


AMBIGUOUS = "several instances"
"""Stands for the value of a scalar that planning needs if the device has several instances of it: which one is meant is unknown."""

CellReader = FromColumn | When | Part | UnitBy
"""The part of a profile that says how planning uses a cell: as a label, a condition, a scale (`Part`) or a unit."""
CellSource = tuple[str, CellReader]
"""A cell that series depend on: the column, instance or register in which it stands, and its reader."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table, or with an empty `index` the device as a whole.

    `index` is dotted, `cells` are the values read for planning by instance, and `role` is the device's role from the configuration.
    """

    index: str
    cells: Mapping[str, RawValue]
    role: str | None
    unclear: frozenset[int] = frozenset()
    """Parts of the index that may be counted from 0 where the profile counts from 1; see `unclear_parts`."""
    shifted: frozenset[int] = frozenset()
    """Parts of the index that may not be the parts that the profile means; see `shifted_parts`."""
    skip: int = 0
    """How many parts at the start of the index the profile does not know: 1 if the index begins with the number of the unit."""

    def label(self, source: LabelSource) -> str | None:
        """The label's value, or None if this row does not have it. A row that lacks a label gives no series, which is counted."""
        match source:
            case str():
                return clean_label(source)
            case FromDevice():
                return clean_label(self.role or source.default)
            case Joined():
                parts = [self.label(part) for part in source.join]
                return None if None in parts else clean_label(".".join(filter(None, parts)))
            case FromIndex():
                part = self.part(source.index)
                is_unclear = source.index in self.shifted or (source.map and source.index in self.unclear)
                return None if part is None or is_unclear else _mapped(part, source.map)
            case FromColumn():
                value = self.cells.get(f"{source.column}.{source.index_of(self.index)}")
                text = plain_text(value)
                # If the map lacks the code or text, there is no label and the row gives no series: a label made up from a raw
                # code would change when a later profile maps that code.
                if source.map:
                    number = whole_number(value)
                    return source.map.get(text if number is None else number)
                # Without a name that can be a label: the index. Of two Chinese names the second would continue the series of the first.
                return clean_label(text) if is_readable(text) else clean_label(self.index) if self.index else None

    def is_named(self, source: LabelSource) -> bool:
        """Whether a text in this row gives the label. Numbers are no names: rows with the same number are about the same part."""
        parts = source.join if isinstance(source, Joined) else [source]
        named = [part for part in parts if isinstance(part, FromColumn) and not part.map]
        cells = (self.cells.get(f"{part.column}.{part.index_of(self.index)}") for part in named)
        return any(cell is None or isinstance(cell, bytes | str) for cell in cells)

    def unique_label(self, label: str) -> str:
        """The label followed by the row's index, for rows with equal names, or with long names that are equal once they are cut."""
        suffix = f".{self.index}"[-MAX_SUFFIX:]
        return clean_label(label[: MAX_LABEL - len(suffix)] + suffix)

    def part(self, number: int) -> int | None:
        """One part of the index, counted from 1, or from the end if negative; None if the index has no such part."""
        parts = self.index.split(".") if self.index else []
        if not 1 <= abs(number) <= len(parts):
            return None
        at = number - 1 + self.skip if number > 0 else number
        return int(parts[at]) if at < len(parts) else None

    def cell(self, column: str | None) -> RawValue:
        """The value of a cell of this row."""
        return self.cells.get(f"{column}.{self.index}" if self.index else f"{column}")

    def code(self, place: Cell) -> RawValue:
        """The value of a cell, or the number that the bits of `place` form in it. None without the cell, or if it holds no number."""
        value = self.cells.get(cell_ref(place, self.index))
        if not place.bit:
            return value
        number = whole_number(value)
        return None if number is None else lowest_bits(place.bit, number)

    def holds(self, conditions: When | Sequence[When]) -> bool:
        """Whether all conditions hold. If the cell is absent, only `without` and optional conditions hold."""
        return all(self._holds(each) for each in ([conditions] if isinstance(conditions, When) else conditions))

    def _holds(self, condition: When) -> bool:
        if condition.watched():
            used = self.cell(use_ref(condition))
            return (used == 1 or (used is None and bool(condition.lines))) != condition.never
        value = self.part(condition.index) if condition.index else self.code(condition)
        if value is None:
            return condition.optional or bool(condition.without)
        if condition.between:
            number = plain_number(value)
            return number is not None and any(low <= number <= high for low, high in condition.between)
        text = folded_text(value)
        if condition.without:
            return not has_word(text, condition.without)
        if condition.contains:
            return has_word(text, condition.contains)
        return any(str(code).casefold() == text for code in condition.in_)

    def lacks(self, conditions: Sequence[When]) -> bool:
        """Whether the row is left out only because it lacks a column that its conditions need.

        Then nobody knows whether the row is there, so its series are counted as missing. A missing scalar is not counted: profiles use
        scalars to distinguish variants of a family, and a variant without the scalar is expected.
        """
        return all(self._holds(each) or self._lacks(each) for each in conditions)

    def _lacks(self, condition: When) -> bool:
        if not condition.watched():
            return condition.column is not None and self.code(condition) is None
        places = list(zip(condition.watched(), watched_refs(condition, self.index), strict=True))
        # The register that the unit refuses may be the one that would show the line: one half of a number whose other half is 0.
        registers = [ref for place, ref in places if isinstance(place, int)]
        refs = [ref for place, ref in places if isinstance(place, str) and self.index and not is_instance(place)]
        return any(self.cells.get(ref) is None for ref in registers) or (
            bool(refs) and all(self.cells.get(ref) is None for ref in refs)
        )

    def was_in_use(self, condition: When) -> bool:
        """Whether one of the cells of `alive` or `lines` was ever in use, so that the condition holds for good."""
        return self.cell(use_ref(condition)) == 1

    def unit(self, source: Part) -> str | None:
        """The wire unit of a source in this row, or None if the profile does not map the row's unit code."""
        return source.unit if source.unit_by is None else self.unit_named(source.unit_by)

    def unit_named(self, by: UnitBy) -> str | None:
        """The wire unit that a cell names, or None if the profile does not map its code."""
        text = folded_text(self.code(by))
        return next((unit for code, unit in by.map.items() if str(code).casefold() == text), None)

    def scale(self, source: Part) -> Fraction | None:
        """The scale from the row's cell: 1 if the profile names no cell, None if the cell is absent or holds no usable scale."""
        column = source.scale_cell
        if column is None:
            return Fraction(1)
        # A fraction is refused as well: 1.5 decimals mean nothing, and taking 1 would be wrong by a power of ten.
        number = whole_number(self.cell(column))
        if number is None or abs(number) > MAX_SCALE:
            return None
        if source.decimals:
            # Below 0 it says how many digits of the number are accurate, and moves no decimal point (RFC 3433, EntitySensorPrecision).
            return Fraction(10) ** -max(number, 0) if -MAX_ACCURATE <= number <= MAX_DECIMALS else None
        if source.exponent:
            return Fraction(10) ** number if abs(number) <= MAX_DECIMALS else None
        if source.divisor:
            return Fraction(1, number) if number > 0 else None
        # The convention of `varscale`: -10 divides by ten, 10 multiplies, 0 leaves the number alone.
        return Fraction(1, -number) if number < 0 else Fraction(number or 1)

    def ref(self, place: str, reader: CellReader) -> str:
        """The instance of a column or instance from `cell_sources`."""
        if is_use_condition(reader):
            fixed = not self.index or is_instance(place)
        else:
            fixed = not self.index or (isinstance(reader, When | UnitBy) and reader.column is None)
        if fixed:
            return place
        return f"{place}.{reader.index_of(self.index) if isinstance(reader, FromColumn) else self.index}"

    def meaning(self, ref: str, reader: CellReader, value: RawValue) -> object:
        """What planning derives from a cell with this value: a label, a decision, a unit or a scale. The plan depends on nothing else."""
        row = Row(self.index, {ref: value}, self.role)
        match reader:
            case FromColumn():
                return row.label(reader)
            case When() if reader.watched():
                return is_measuring(reader, value)
            case When():
                return row.holds(reader)
            case UnitBy():
                return row.unit_named(reader)
            case _:
                return row.scale(reader)

    def has_scale_cell(self, source: Part) -> bool:
        """Whether the row has the cell that the profile names for the scale, whatever it holds."""
        return self.cell(source.scale_cell) is not None


def cell_sources(table: Table | None, point: Point) -> list[CellSource]:
    """The columns (in a table), instances and registers that the plan of this point depends on, each with its reader."""
    found: list[CellSource] = []
    for label in ((table.labels if table else {}) | point.labels).values():
        parts = label.join if isinstance(label, Joined) else [label]
        found += [(part.column, part) for part in parts if isinstance(part, FromColumn)]
    for condition in (*point.when, *(table.when if table else ())):
        if place := _place(condition):
            found.append((place, condition))
        found += [
            (each if isinstance(each, str) else register_ref(each), condition) for each in watched_places(condition)
        ]
    for source in point.sources():
        for part in source.parts():
            if part.unit_by and (place := _place(part.unit_by)):
                found.append((place, part.unit_by))
            if column := part.scale_cell:
                found.append((column, part))
    return found


def _place(cell: Cell) -> str:
    """The column, instance or register of a condition or unit; empty if it looks at the row's index instead."""
    return register_ref(cell) if cell.register_ is not None else cell.column or cell.oid or ""


def unclear_parts(table: Table, indexes: Sequence[str]) -> frozenset[int]:
    """Parts of the index that the device may count from 0 where the profile counts from 1.

    Example: the profile has 1 to 3 for L1 to L3, and the device has rows 0, 1 and 2. Either row 0 is a total and L3 is not fitted, or the
    device counts from 0 and L1 would get the readings of L2. A missing reading is better than one of another phase.
    """
    found: set[int] = set()
    labels = [label for point in table.points for label in (table.labels | point.labels).values()]
    flat = (part for label in labels for part in (label.join if isinstance(label, Joined) else [label]))
    for label in (part for part in flat if isinstance(part, FromIndex) and part.map and part.index not in found):
        if 0 in label.map or 1 not in label.map:
            continue
        parts = {Row(index, {}, None).part(label.index) for index in indexes}
        last = next(number for number in count(1) if number + 1 not in label.map)
        if 0 in parts and last not in parts:
            found.add(label.index)
    return frozenset(found)


def shifted_parts(
    table: Table, point: Point, indexes: Sequence[str], cells: Mapping[str, RawValue], role: str | None
) -> Generator[None, None, frozenset[int]]:
    """Parts that the profile counts from the start of the index, if the device's indexes seem to begin with an extra part.

    Example: two units behind one agent have rows 1.1, 1.2, 1.3 and 2.1, 2.2, 2.3 where the profile expects lines 1, 2 and 3. Taken from
    the first part, line 2 would get the readings of the other unit's line 1. The sign of this: indexes have more parts than the profile
    uses, and rows are equal in those that it uses. Parts counted from the end are not affected. Yields after each slice.
    """
    labels = (table.labels | point.labels).values()
    sources = [source for label in labels for source in (label.join if isinstance(label, Joined) else [label])]
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
        row = Row(index, cells, role)
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
    """The rows of this unit: those whose index begins with its number, if the indexes of several units are in one table.

    If `shifted` (see `shifted_parts`) says that the profile does not know the first part of the index, that part is skipped. `unclear` is
    passed on to the rows. Without a `unit`, all rows.
    """
    if unit is None or len({index.partition(".")[0] for index in indexes if "." in index}) < 2:  # noqa: PLR2004
        yield from (Row(index, cells, role, unclear, shifted) for index in indexes)
        return
    for index in indexes:
        if not index.startswith(f"{unit}."):
            continue
        if not shifted:
            yield Row(index, cells, role, unclear)
        elif index.count(".") == max(shifted):
            yield Row(index, cells, role, skip=1)


def entry_of(column: str) -> str:
    """The OID of the entry (RFC 2578, 7.1.12) that a column belongs to: the columns of one entry have the same row indexes."""
    return column.rpartition(".")[0]


def columns_beside(table: Table) -> list[str]:
    """Columns of readings that have the same row indexes as the table's row columns, for devices that lack the latter."""
    entries = set(map(entry_of, table.row_columns()))
    columns = dict.fromkeys(source.oid or "" for point in table.points for source in point.sources())
    return [column for column in columns if entry_of(column) in entries and column not in table.row_columns()]


def named_label(table: Table, point: Point) -> str | None:
    """The point's first label that is a name from the device, to which the index is added where two rows have the same name."""
    for name, label in (table.labels | point.labels).items():
        parts = label.join if isinstance(label, Joined) else [label]
        if any(isinstance(part, FromColumn) and not part.map for part in parts):
            return name
    return None


def rows_with_equal_names(
    table: Table, indexes: Sequence[str], cells: Mapping[str, RawValue], role: str | None
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
            row = Row(index, cells, role)
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
            row = Row(index, cells, role)
            if row.is_named(sources[name]) and row.holds(point.when) and row.holds(table.when):
                other = first.setdefault(tuple(map(row.label, labels)), index)
                equal |= {index} if other != index else set()
            if number % ROWS_PER_SLICE == 0:
                yield
    return equal


def _mapped(code: int, names: Mapping[int, str]) -> str | None:
    return names.get(code) if names else str(code)


def planning_columns(table: Table) -> list[str]:
    """Columns that planning reads in addition to `row_columns`."""
    conditions = list(_conditions(table))
    # Use cells (agent/profile/in_use.py) are not columns of the device; the columns that they are made from are.
    watched = {each for condition in conditions for each in map(str, condition.watched()) if not is_instance(each)}
    use_cells = {use_ref(each) for each in conditions if each.watched()}
    return sorted({*deciding_columns(table), *watched} - use_cells - set(table.row_columns()))


def all_columns(table: Table) -> set[str]:
    """Every column that the table names, for whatever purpose."""
    parts = [part for point in table.points for source in point.sources() for part in source.parts()]
    cases = [case.column for point in table.points for source in point.sources() for case in source.cases]
    gates = [gate.column for gate in (table.gate, *(point.gate for point in table.points)) if gate]
    named = filter(None, [*(part.oid for part in parts), *cases, *gates])
    return {*table.row_columns(), *planning_columns(table), *deciding_columns(table), *named}


def label_columns(table: Table) -> list[FromColumn]:
    """The labels of the table that come from cells."""
    labels = [*table.labels.values(), *(label for point in table.points for label in point.labels.values())]
    flat = (part for label in labels for part in (label.join if isinstance(label, Joined) else [label]))
    return [part for part in flat if isinstance(part, FromColumn)]


def deciding_columns(table: Table) -> list[str]:
    """Columns whose values decide how the table is planned: they hold labels, conditions, units and scales, or are use cells."""
    wanted = {source.column for source in label_columns(table)}
    wanted |= {condition.column for condition in _conditions(table) if condition.column}
    wanted |= {use_ref(condition) for condition in _conditions(table) if condition.watched()}
    for point in table.points:
        for source in point.sources():
            for part in source.parts():
                cells = (part.scale_cell, part.unit_by.column if part.unit_by else None)
                wanted |= {column for column in cells if column}
    return sorted(wanted)


def planning_instances(profile: Profile) -> list[str]:
    """Scalars (for Modbus: registers) that planning reads because conditions, units and scales depend on them."""
    if profile.protocol == "modbus":
        return [each.ref for each in planning_registers(profile)]
    conditions = (each.oid for each in fixed_conditions(profile) if each.oid)
    return list(dict.fromkeys([*conditions, *_watched_instances(profile), *_scale_instances(profile)]))


def deciding_instances(profile: Profile) -> list[str]:
    """Scalars whose values decide how a device is planned: units and scales, and use cells (agent/profile/in_use.py)."""
    points = [point for table, point in profile.all_points() if table is None]
    use_cells = dict.fromkeys(use_ref(each) for point in points for each in point.when if each.watched())
    return [*_scale_instances(profile), *use_cells]


def fixed_conditions(profile: Profile) -> list[When]:
    """Conditions on a scalar or register, each once. Plans depend on whether they hold, not on the value, which may be a reading."""
    found: dict[str, When] = {}
    for table, point in profile.all_points():
        for condition in (*point.when, *(table.when if table else ())):
            if condition.oid or condition.register_ is not None:
                found.setdefault(repr(condition), condition)
    return list(found.values())


def _watched_instances(profile: Profile) -> Iterator[str]:
    for table, point in profile.all_points():
        for condition in (*point.when, *(table.when if table else ())):
            yield from (each for each in map(str, condition.watched()) if table is None or is_instance(each))


def _scale_instances(profile: Profile) -> list[str]:
    wanted: dict[str, None] = {}
    for table, point in profile.all_points():
        for source in point.sources():
            for part in source.parts():
                if part.unit_by and (part.unit_by.oid or part.unit_by.register_ is not None):
                    wanted[part.unit_by.oid or register_ref(part.unit_by)] = None
                if table is None:
                    wanted |= dict.fromkeys(filter(None, [part.scale_cell]))
    return list(wanted)


def planning_registers(profile: Profile) -> list[RegisterValue]:
    """The registers that planning reads because conditions and units depend on them."""
    readers = (reader for _, point in profile.all_points() for _, reader in cell_sources(None, point))
    values = (value for reader in readers if isinstance(reader, When | UnitBy) for value in registers_of(reader))
    return list({value.ref: value for value in values}.values())


def watched_registers(profile: Profile) -> frozenset[str]:
    """The planning registers that are only there to show whether a part is fitted (`alive`)."""
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for _, point in profile.all_points():
        for _, reader in cell_sources(None, point):
            if isinstance(reader, When | UnitBy):
                found[is_use_condition(reader)].update(value.ref for value in registers_of(reader))
    return frozenset(found[True] - found[False])


def _conditions(table: Table) -> Iterator[When]:
    yield from table.when
    for point in table.points:
        yield from point.when
