"""Reads labels, conditions, units and scales from the cells of one table row, or of the device as a whole.

A plan depends on these cells, so they are read again while the device is polled. `planning_cells.py` lists them, and `Row.meaning` gives
what planning derives from one. Which row is which part of the device is found out in `row_identity.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from agent.profile.normalising import (
    RawValue,
    bare_text,
    code_of,
    folded_text,
    has_word,
    lowest_bits,
    plain_number,
    whole_number,
)
from agent.profile.planning.in_use import is_measuring, is_use_condition, use_ref
from agent.profile.schema import (
    Cell,
    FromColumn,
    FromDevice,
    FromIndex,
    Joined,
    LabelSource,
    Part,
    ScaleBy,
    UnitBy,
    When,
    cell_ref,
    is_instance,
    label_parts,
    watched_refs,
)
from rackflow.series import clean_label, is_readable

# Most decimal places of a scale: a 64-bit integer has 20 digits. A larger number in the cell is a sentinel such as 2147483647 and not a
# scale; computing ten to that power would keep the agent busy for hours.
MAX_DECIMALS = 20
# Most accurate digits that a negative number of decimals stands for (RFC 3433).
MAX_ACCURATE = 8
# Characters of a label (rackflow/series.py), and of an index behind a name; longer indexes lose their beginning. Chosen.
MAX_LABEL = 64
MAX_SUFFIX = 32
# Largest factor in a cell. Chosen: no quantity is sent in units this far from the base unit.
MAX_SCALE = 10**18


CellReader = FromColumn | When | Part | ScaleBy | UnitBy
"""The part of a profile that says how planning uses a cell: as a label, a condition, a scale (`Part`, `ScaleBy`) or a unit."""


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
    from_0: bool = False
    """Whether 0 stands for the first of the numbers that a profile names; see `counts_from_0`."""

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
                return None if part is None or is_unclear else self._name(part, source.map)
            case FromColumn():
                value = self.cells.get(f"{source.column}.{source.index_of(self.index)}")
                # If the map lacks the code or text, there is no label and the row gives no series: a label made up from a raw
                # code would change when a later profile maps that code.
                if source.map:
                    return source.map.get(code_of(value))
                text = bare_text(value)
                # Without a name that can be a label: the index. Of two Chinese names the second would continue the series of the first.
                return clean_label(text) if is_readable(text) else clean_label(self.index) if self.index else None

    def _name(self, number: int, names: Mapping[int, str]) -> str | None:
        """The label that a part of the index stands for."""
        if not names:
            return str(number)
        is_first = self.from_0 and number == 0 and 0 not in names
        return names.get(1 if is_first else number)

    def is_named(self, source: LabelSource) -> bool:
        """Whether a text in this row gives the label. Numbers are no names: rows with the same number are about the same part."""
        named = [part for part in label_parts(source) if isinstance(part, FromColumn) and not part.map]
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
        if condition.in_:
            return code_of(value) in condition.in_
        text = folded_text(value)
        if condition.without:
            return not has_word(text, condition.without)
        return has_word(text, condition.contains)

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
        return by.map.get(code_of(self.code(by)))

    def scale(self, source: Part) -> Fraction | None:
        """The scale from the row's cells: 1 if the profile names none, None if a cell is absent or holds no usable scale."""
        column = source.scale_cell
        if column is None:
            return self._scale_of_registers(source.scale_by)
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

    def _scale_of_registers(self, registers: Sequence[ScaleBy]) -> Fraction | None:
        whole = Fraction(1)
        for each in registers:
            if (factor := self.factor(each)) is None:
                return None
            whole *= factor
        return whole

    def factor(self, by: ScaleBy) -> Fraction | None:
        """What a register says that numbers are multiplied by; None if it is absent or holds nothing of the kind."""
        value = self.cells.get(cell_ref(by, self.index))
        number = plain_number(value)
        if number is None or abs(number) > MAX_SCALE:
            return None
        if by.bit:
            number = lowest_bits(by.bit, int(number))
        if by.as_ in ("factor", "divisor"):
            # A float32 has seven digits: the ratio 0.1 is a tenth, not 0.10000000149.
            ratio = Fraction(number if isinstance(number, int) else f"{number:.7g}")
            if ratio <= 0:
                return None
            return ratio if by.as_ == "factor" else 1 / ratio
        # A fraction is no exponent, and a large number is a sentinel such as 65535.
        if number != int(number) or abs(number) > MAX_DECIMALS:
            return None
        if by.as_ == "decimals":
            return Fraction(10) ** -int(number) if number >= 0 else None
        return Fraction(10) ** int(number)

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
            case ScaleBy():
                return row.factor(reader)
            case _:
                return row.scale(reader)

    def has_scale_cell(self, source: Part) -> bool:
        """Whether the row has the cells that the profile names for the scale, whatever they hold."""
        if source.scale_by:
            return all(self.cells.get(cell_ref(each, self.index)) is not None for each in source.scale_by)
        return self.cell(source.scale_cell) is not None
