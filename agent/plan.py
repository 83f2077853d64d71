"""The planner: in go a profile and the rows that a device has, out come slots and the fewest requests per poll class; pure."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from agent.family import (
    FromColumn,
    FromDevice,
    FromIndex,
    Joined,
    LabelSource,
    Point,
    Profile,
    Source,
    Table,
    UnitBy,
    When,
)
from agent.family import Gate as GateModel
from agent.normalise import Decoder, Gate, RawValue, Slot, plain_number
from agent.registers import NumberType, WordOrder, words_of
from agent.seams import RegisterTable
from rackflow.catalogue import PollClass, catalogue
from rackflow.series import clean_label, series_key
from rackflow.units import WIRE_UNITS

Rows = Mapping[str, Sequence[str]]
"""Indexes of the rows of each table, by the table's name; an index is dotted, as it follows the column."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value inside a block of registers: its reference, its place in the block and how it is decoded."""

    ref: str
    offset: int
    words: int
    kind: NumberType
    order: WordOrder


@dataclass(frozen=True, slots=True)
class Block:
    """One Modbus request and the fields that its answer holds."""

    table: RegisterTable
    address: int
    count: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class ClassPlan:
    """What one poll of one poll class asks and what becomes of the answers."""

    slots: tuple[Slot, ...]
    oids: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All classes of one device. `duplicates` are series that two points or rows claimed; the first has them."""

    classes: Mapping[PollClass, ClassPlan]
    duplicates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    index: str
    cells: Mapping[str, RawValue]
    role: str | None

    def label(self, source: LabelSource) -> str | None:
        """The label's value, or None where this row does not have it."""
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
                if source.map:
                    number = plain_number(value)
                    return None if number is None else _mapped(int(number), source.map)
                text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                return None if value is None or not text.strip() else clean_label(text)

    def part(self, number: int) -> int | None:
        """One part of the index, from 1 or from the end."""
        parts = self.index.split(".") if self.index else []
        if not 1 <= abs(number) <= len(parts):
            return None
        return int(parts[number - 1 if number > 0 else number])

    def cell(self, column: str | None, oid: str | None) -> RawValue:
        """A cell of this row, or an instance."""
        return self.cells.get(oid or (f"{column}.{self.index}" if self.index else f"{column}"))

    def holds(self, conditions: When | Sequence[When]) -> bool:
        """Whether all conditions hold; a cell that is not there holds none."""
        return all(self._holds(each) for each in ([conditions] if isinstance(conditions, When) else conditions))

    def _holds(self, condition: When) -> bool:
        value = self.part(condition.index) if condition.index else self.cell(condition.column, condition.oid)
        if value is None:
            return False
        text = _plain_text(value)
        if condition.contains:
            return any(word.casefold() in text for word in condition.contains)
        return any(str(code).casefold() == text for code in condition.in_)

    def unit(self, source: Source) -> str | None:
        """The wire unit of a source in this row, or None where the row's code for it is not known."""
        by: UnitBy | None = source.unit_by
        if by is None:
            return source.unit
        text = _plain_text(self.cell(by.column, by.oid))
        return next((unit for code, unit in by.map.items() if str(code).casefold() == text), None)

    def scale(self, source: Source) -> Fraction | None:
        """What the cells that hold a scale say; 1 without any, None where the cell is missing."""
        column = source.decimals or source.varscale
        if column is None:
            return Fraction(1)
        number = plain_number(self.cell(column, None))
        if number is None:
            return None
        if source.decimals:
            return Fraction(10) ** -int(number)
        return Fraction(1, -int(number)) if number < 0 else Fraction(int(number) or 1)


def _plain_text(value: RawValue) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.strip().strip("\0").casefold()


def _mapped(code: int, names: Mapping[int, str]) -> str | None:
    return names.get(code) if names else str(code)


def planning_columns(table: Table) -> list[str]:
    """Columns that must be walked beside those that list the rows: what labels, conditions, units and scales are read from."""
    labels = [*table.labels.values(), *(label for point in table.points for label in point.labels.values())]
    flat = [part for label in labels for part in (label.join if isinstance(label, Joined) else [label])]
    wanted = {source.column for source in flat if isinstance(source, FromColumn)}
    wanted |= {condition.column for condition in _conditions(table) if condition.column}
    for point in table.points:
        for source in point.sources():
            wanted |= {source.decimals, source.varscale, source.unit_by.column if source.unit_by else None} - {None}  # type: ignore[arg-type]  # None goes
    return sorted(wanted - set(table.row_columns()))


def planning_instances(profile: Profile) -> list[str]:
    """Instances that must be read to plan the device."""
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


def plan_device(profile: Profile, rows: Rows, cells: Mapping[str, RawValue], role: str | None) -> Plan:
    """Slots and requests. `cells` holds what was walked of the label columns; `role` is the user's word for a meter."""
    slots: dict[PollClass, dict[str, Slot]] = {}
    seen: set[str] = set()
    duplicates: list[str] = []
    fields: dict[str, Source] = {}
    for table, point in profile.all_points():
        poll = point.poll or catalogue()[point.metric].poll
        indexes = rows.get(table.name, ()) if table else ("",)
        for index in indexes:
            for slot in _slots(profile, table, point, _Row(index, cells, role), fields):
                if slot.key in seen:
                    duplicates.append(slot.key)
                else:
                    seen.add(slot.key)
                    slots.setdefault(poll, {})[slot.key] = slot
    classes = {poll: _requests(profile, tuple(found.values()), fields) for poll, found in slots.items()}
    return Plan(classes, tuple(duplicates))


def _slots(profile: Profile, table: Table | None, point: Point, row: _Row, fields: dict[str, Source]) -> Iterator[Slot]:
    if not row.holds(point.when) or (table and not row.holds(table.when)):
        return
    metric = catalogue()[point.metric]
    labels: dict[str, str] = {}
    for name, source in ((table.labels if table else {}) | point.labels).items():
        value = row.label(source)
        if value is None:
            return
        labels[name] = value
    gate = _gate(point.gate or (table.gate if table else None), row.index)
    series: list[tuple[int | None, dict[str, str]]] = [*point.bits.items()] if point.bits else [(None, {})]
    for bit, extra in series:
        made = (_decoder(profile, source, row, bit, fields) for source in point.sources())
        decoders = tuple(decoder for decoder in made if decoder is not None)
        if decoders:
            yield Slot(series_key(metric.name, labels | extra), metric, decoders, gate)


def _gate(gate: GateModel | None, index: str) -> Gate | None:
    if gate is None:
        return None
    ref = gate.oid or f"{gate.column}.{index}"
    return Gate(ref, frozenset(gate.in_), frozenset(gate.missing))


def _decoder(profile: Profile, source: Source, row: _Row, bit: int | None, fields: dict[str, Source]) -> Decoder | None:
    unit, scale = row.unit(source), row.scale(source)
    if unit is None or scale is None:
        return None
    factor = source.factor(unit) * scale
    words = {word.casefold(): meaning for word, meaning in source.words.items()}
    return Decoder(
        ref=_ref(profile, source, row.index, fields),
        numerator=factor.numerator,
        denominator=factor.denominator,
        offset=float(WIRE_UNITS[unit].offset),
        shift=source.shift,
        absent=frozenset(profile.absent if source.absent is None else source.absent),
        states=source.states or None,
        numbers=source.numbers or None,
        bit=source.bit if bit is None else bit,
        inverted=source.inverted,
        text=source.text,
        words=words or None,
        expect=source.expect,
        absolute=source.absolute,
        high=_part_ref(profile, source, source.high, "uint16", fields),
        exponent=_part_ref(profile, source, source.exponent, "int16", fields),
    )


def _ref(profile: Profile, source: Source, index: str, fields: dict[str, Source]) -> str:
    if source.oid is not None:
        return f"{source.oid}.{index}" if index else source.oid
    limits = profile.modbus
    ref = f"{source.table or limits.table}:{source.register_}:{source.type or 'uint16'}:{source.order or limits.order}"
    fields[ref] = source
    return ref


def _part_ref(
    profile: Profile, source: Source, register: int | None, kind: NumberType, fields: dict[str, Source]
) -> str | None:
    """Another register that the same number is made of."""
    if register is None:
        return None
    part = Source.model_validate({"register": register, "table": source.table, "type": kind, "order": source.order})
    return _ref(profile, part, "", fields)


def _requests(profile: Profile, slots: tuple[Slot, ...], fields: Mapping[str, Source]) -> ClassPlan:
    refs = _refs(slots)
    if profile.protocol == "snmp":
        return ClassPlan(slots, oids=tuple(refs))
    wanted = [(ref, fields[ref]) for ref in refs]
    return ClassPlan(slots, blocks=tuple(coalesce(profile, wanted)))


def _refs(slots: Iterable[Slot]) -> dict[str, None]:
    """All that these slots are read from."""
    refs: dict[str, None] = {}
    for slot in slots:
        for decoder in slot.decoders:
            refs |= dict.fromkeys(ref for ref in (decoder.ref, decoder.high, decoder.exponent) if ref)
        if slot.gate:
            refs[slot.gate.ref] = None
    return refs


def coalesce(profile: Profile, wanted: Sequence[tuple[str, Source]]) -> Iterator[Block]:
    """Registers as few requests: neighbours share one across gaps that the device takes, within its maximum."""
    limits = profile.modbus
    places = []
    for ref, source in wanted:
        kind: NumberType = source.type or "uint16"
        table: RegisterTable = source.table or limits.table
        places.append(
            (table, source.register_ or 0, words_of(kind, source.length), kind, source.order or limits.order, ref)
        )
    group: list[tuple[RegisterTable, int, int, NumberType, WordOrder, str]] = []
    end = 0
    for place in sorted(places, key=lambda place: place[:3]):
        table, address, words = place[:3]
        fits = group and table == group[0][0] and address - end <= limits.max_gap
        if group and not (fits and max(end, address + words) - group[0][1] <= limits.max_registers):
            yield _block(group, end)
            group = []
        end = max(end, address + words) if group else address + words
        group.append(place)
    if group:
        yield _block(group, end)


def _block(group: Sequence[tuple[RegisterTable, int, int, NumberType, WordOrder, str]], end: int) -> Block:
    start = group[0][1]
    fields = tuple(Field(ref, address - start, words, kind, order) for _, address, words, kind, order, ref in group)
    return Block(group[0][0], start, end - start, fields)


def without(plan: Plan, is_absent: Callable[[str], bool], refused: Collection[Block] = ()) -> Plan:
    """The plan less the references that the device does not have; slots and classes left without any go too.

    A block that was `refused` as a whole, or that loses a field, no longer bridges the gaps between its fields.
    """
    classes: dict[PollClass, ClassPlan] = {}
    for poll, part in plan.classes.items():
        slots = []
        for slot in part.slots:
            decoders = tuple(decoder for decoder in slot.decoders if not is_absent(decoder.ref))
            if decoders and not (slot.gate and is_absent(slot.gate.ref)):
                slots.append(Slot(slot.key, slot.metric, decoders, slot.gate))
        if slots:
            used = _refs(slots)
            blocks = tuple(kept for block in part.blocks for kept in _kept(block, used, whole=block not in refused))
            classes[poll] = ClassPlan(tuple(slots), tuple(oid for oid in part.oids if oid in used), blocks)
    return Plan(classes, plan.duplicates)


def _kept(block: Block, used: Mapping[str, None], *, whole: bool) -> Iterator[Block]:
    fields = sorted((field for field in block.fields if field.ref in used), key=lambda field: field.offset)
    if whole and len(fields) == len(block.fields):
        yield block
        return
    run: list[Field] = []
    end = 0
    for field in fields:
        if run and field.offset > end:
            yield _run_block(block, run, end)
            run = []
        run.append(field)
        end = max(end, field.offset + field.words) if len(run) > 1 else field.offset + field.words
    if run:
        yield _run_block(block, run, end)


def _run_block(block: Block, run: Sequence[Field], end: int) -> Block:
    first = run[0].offset
    fields = tuple(Field(field.ref, field.offset - first, field.words, field.kind, field.order) for field in run)
    return Block(block.table, block.address + first, end - first, fields)
