"""Reads labels, conditions, units and scales from the cells of one table row, or of the device as a whole.

These cells are read only when the device is planned, so a change in one is noticed at the next plan, within the hour.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from agent.profile.cells import RawValue, folded_text, plain_number, plain_text, whole_number
from agent.profile.schema import (
    FromColumn,
    FromDevice,
    FromIndex,
    Joined,
    LabelSource,
    Profile,
    Source,
    Table,
    UnitBy,
    When,
)
from rackflow.series import clean_label

# Most decimal places of a scale: a 64-bit integer has 20 digits. A cell with a larger number holds a sentinel such as 2147483647, not a
# scale, and computing ten to that power would keep the agent busy for hours.
MAX_DECIMALS = 20
# Largest factor in a cell. Chosen: no quantity is sent in units this far from the base unit.
MAX_SCALE = 10**18


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `index` is dotted (empty: the whole device), `cells` are the values read for planning, `role` is from the configuration."""

    index: str
    cells: Mapping[str, RawValue]
    role: str | None

    def label(self, source: LabelSource) -> str | None:
        """The label's value, or None if this row does not have it. A row that lacks a label gives no series."""
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
                return None if part is None else _mapped(part, source.map)
            case FromColumn():
                value = self.cells.get(f"{source.column}.{self.index}")
                text = plain_text(value)
                # If the map lacks the code or text, there is no label and the row gives no series: a label made up from a raw
                # code would change when a later profile maps that code.
                if source.map:
                    number = whole_number(value)
                    return source.map.get(text if number is None else number)
                return clean_label(text) if text.strip() else None

    def part(self, number: int) -> int | None:
        """One part of the index, counted from 1, or from the end if negative; None if the index has no such part."""
        parts = self.index.split(".") if self.index else []
        if not 1 <= abs(number) <= len(parts):
            return None
        return int(parts[number - 1 if number > 0 else number])

    def cell(self, column: str | None, oid: str | None) -> RawValue:
        """The value of a cell of this row, or of the instance `oid`."""
        return self.cells.get(oid or (f"{column}.{self.index}" if self.index else f"{column}"))

    def holds(self, conditions: When | Sequence[When]) -> bool:
        """Whether all conditions hold. If the cell is absent, only `without` and optional conditions hold."""
        return all(self._holds(each) for each in ([conditions] if isinstance(conditions, When) else conditions))

    def _holds(self, condition: When) -> bool:
        value = self.part(condition.index) if condition.index else self.cell(condition.column, condition.oid)
        if value is None:
            return condition.optional or bool(condition.without)
        if condition.between:
            number = plain_number(value)
            return number is not None and any(low <= number <= high for low, high in condition.between)
        text = folded_text(value)
        if condition.without:
            return not any(word.casefold() in text for word in condition.without)
        if condition.contains:
            return any(word.casefold() in text for word in condition.contains)
        return any(str(code).casefold() == text for code in condition.in_)

    def unit(self, source: Source) -> str | None:
        """The wire unit of a source in this row, or None if the profile does not map the row's unit code."""
        by: UnitBy | None = source.unit_by
        if by is None:
            return source.unit
        text = folded_text(self.cell(by.column, by.oid))
        return next((unit for code, unit in by.map.items() if str(code).casefold() == text), None)

    def scale(self, source: Source) -> Fraction | None:
        """The scale from a cell of the row: 1 if the profile names no cell, None if the cell holds no usable scale."""
        column = source.decimals or source.varscale
        if column is None:
            return Fraction(1)
        # A part of a number is refused as well: 1.5 decimals mean nothing, and taking 1 would be wrong by a power of ten.
        number = whole_number(self.cell(column, None))
        if number is None:
            return None
        if source.decimals:
            return Fraction(10) ** -number if abs(number) <= MAX_DECIMALS else None
        if abs(number) > MAX_SCALE:
            return None
        # The convention of `varscale`: -10 divides by ten, 10 multiplies, 0 leaves the number alone.
        return Fraction(1, -number) if number < 0 else Fraction(number or 1)

    def has_scale_cell(self, source: Source) -> bool:
        """Whether the row has the cell that the profile names for the scale, whatever it holds."""
        return self.cell(source.decimals or source.varscale, None) is not None


def _mapped(code: int, names: Mapping[int, str]) -> str | None:
    return names.get(code) if names else str(code)


def planning_columns(table: Table) -> list[str]:
    """Columns that planning reads in addition to `row_columns`."""
    return sorted(set(deciding_columns(table)) - set(table.row_columns()))


def deciding_columns(table: Table) -> list[str]:
    """Columns whose values decide how the table is planned: they hold labels, conditions, units and scales."""
    labels = [*table.labels.values(), *(label for point in table.points for label in point.labels.values())]
    flat = [part for label in labels for part in (label.join if isinstance(label, Joined) else [label])]
    wanted = {source.column for source in flat if isinstance(source, FromColumn)}
    wanted |= {condition.column for condition in _conditions(table) if condition.column}
    for point in table.points:
        for source in point.sources():
            wanted |= {source.decimals, source.varscale, source.unit_by.column if source.unit_by else None} - {None}  # type: ignore[arg-type]  # None goes
    return sorted(wanted)


def planning_instances(profile: Profile) -> list[str]:
    """Single instances that planning reads: they hold conditions, units and scales outside tables."""
    wanted: dict[str, None] = {}
    for table, point in profile.all_points():
        conditions = [*_listed(point.when), *(_listed(table.when) if table else [])]
        wanted |= dict.fromkeys(each.oid for each in conditions if each.oid)
        for source in point.sources():
            if source.unit_by and source.unit_by.oid:
                wanted[source.unit_by.oid] = None
            if table is None:
                wanted |= dict.fromkeys(oid for oid in (source.decimals, source.varscale) if oid)
    return list(wanted)


def _listed(conditions: When | list[When]) -> list[When]:
    return [conditions] if isinstance(conditions, When) else conditions


def _conditions(table: Table) -> Iterator[When]:
    yield from _listed(table.when)
    for point in table.points:
        yield from _listed(point.when)
