"""Lists the cells that planning reads: those of labels, conditions, units and scales, on which the series of a device depend.

They are read again while the device is polled, because a change of one changes the plan.
"""

from collections.abc import Iterator
from typing import Final

from agent.modbus import RegisterValue
from agent.profile.planning.in_use import is_use_condition, use_ref
from agent.profile.planning.rows import CellReader
from agent.profile.schema import (
    Cell,
    FromColumn,
    Point,
    Profile,
    ScaleBy,
    Table,
    UnitBy,
    When,
    is_instance,
    label_parts,
    register_ref,
    registers_of,
    watched_places,
)

AMBIGUOUS: Final = "several instances"
"""Stands for the value of a scalar that planning needs if the device has several instances of it: which one is meant is unknown."""
CellSource = tuple[str, CellReader]
"""A cell that series depend on: the column, instance or register in which it stands, and its reader."""


def cell_sources(table: Table | None, point: Point) -> list[CellSource]:
    """The columns (in a table), instances and registers that the plan of this point depends on, each with its reader."""
    found: list[CellSource] = []
    for label in ((table.labels if table else {}) | point.labels).values():
        found += [(part.column, part) for part in label_parts(label) if isinstance(part, FromColumn)]
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
            found += [(register_ref(each), each) for each in part.scale_by]
    return found


def _place(cell: Cell) -> str:
    """The column, instance or register of a condition or unit; empty if it looks at the row's index instead."""
    return register_ref(cell) if cell.register_ is not None else cell.column or cell.oid or ""


def entry_of(column: str) -> str:
    """The OID of the entry (RFC 2578, 7.1.12) that a column belongs to: the columns of one entry have the same row indexes."""
    return column.rpartition(".")[0]


def columns_beside(table: Table) -> list[str]:
    """Columns of readings that have the same row indexes as the table's row columns, for devices that lack the latter."""
    entries = set(map(entry_of, table.row_columns()))
    columns = dict.fromkeys(source.oid or "" for point in table.points for source in point.sources())
    return [column for column in columns if entry_of(column) in entries and column not in table.row_columns()]


def planning_columns(table: Table) -> list[str]:
    """Columns that planning reads in addition to `row_columns`."""
    conditions = list(_conditions(table))
    # Use cells (agent/profile/planning/in_use.py) are not columns of the device; the columns that they are made from are.
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
    return [part for label in labels for part in label_parts(label) if isinstance(part, FromColumn)]


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
    """Scalars whose values decide how a device is planned: units and scales, and use cells (agent/profile/planning/in_use.py)."""
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
                wanted |= dict.fromkeys(map(register_ref, part.scale_by))
                if table is None:
                    wanted |= dict.fromkeys(filter(None, [part.scale_cell]))
    return list(wanted)


def planning_registers(profile: Profile) -> list[RegisterValue]:
    """The registers that planning reads because conditions, units and scales depend on them."""
    readers = (reader for _, point in profile.all_points() for _, reader in cell_sources(None, point))
    values = (
        value for reader in readers if isinstance(reader, When | UnitBy | ScaleBy) for value in registers_of(reader)
    )
    return list({value.ref: value for value in values}.values())


def watched_registers(profile: Profile) -> frozenset[str]:
    """The planning registers that are only there to show whether a part is fitted (`alive`)."""
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for _, point in profile.all_points():
        for _, reader in cell_sources(None, point):
            if isinstance(reader, When | UnitBy | ScaleBy):
                found[is_use_condition(reader)].update(value.ref for value in registers_of(reader))
    return frozenset(found[True] - found[False])


def _conditions(table: Table) -> Iterator[When]:
    yield from table.when
    for point in table.points:
        yield from point.when
