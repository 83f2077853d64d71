"""The planner: in go a profile and the rows that a device has, out come slots and the fewest requests per poll class; pure."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.normalise import Decoder, Gate, RawValue, Slot, plain_number
from agent.profile import FromColumn, FromDevice, FromIndex, LabelSource, Point, Profile, Source, Table
from agent.profile import Gate as GateModel
from agent.registers import NumberType, WordOrder, words_of
from agent.seams import RegisterTable
from rackflow.catalogue import PollClass, catalogue
from rackflow.series import clean_label, series_key

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
            case FromIndex():
                parts = self.index.split(".")
                if source.index > len(parts):
                    return None
                return _mapped(int(parts[source.index - 1]), source.map)
            case FromColumn():
                value = self.cells.get(f"{source.column}.{self.index}")
                if source.map:
                    number = plain_number(value)
                    return None if number is None else _mapped(int(number), source.map)
                text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                return None if value is None or not text.strip() else clean_label(text)


def _mapped(code: int, names: Mapping[int, str]) -> str | None:
    return names.get(code) if names else str(code)


def label_columns(table: Table) -> list[str]:
    """Columns that must be walked beside the one that lists the rows, to know the rows' labels."""
    sources = [*table.labels.values(), *(label for point in table.points for label in point.labels.values())]
    return sorted({source.column for source in sources if isinstance(source, FromColumn)} - {table.rows})


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
        decoders = tuple(_decoder(profile, source, row.index, bit, fields) for source in point.sources())
        yield Slot(series_key(metric.name, labels | extra), metric, decoders, gate)


def _gate(gate: GateModel | None, index: str) -> Gate | None:
    if gate is None:
        return None
    ref = gate.oid or f"{gate.column}.{index}"
    return Gate(ref, frozenset(gate.in_), frozenset(gate.missing))


def _decoder(profile: Profile, source: Source, index: str, bit: int | None, fields: dict[str, Source]) -> Decoder:
    if source.oid is not None:
        ref = f"{source.oid}.{index}" if index else source.oid
    else:
        ref = f"{source.table or profile.modbus.table}:{source.register_}:{source.type or 'uint16'}:{source.order or profile.modbus.order}"
        fields[ref] = source
    factor = source.factor()
    return Decoder(
        ref=ref,
        numerator=factor.numerator,
        denominator=factor.denominator,
        offset=float(source.offset()),
        shift=source.shift,
        absent=frozenset(profile.absent if source.absent is None else source.absent),
        states=source.states or None,
        numbers=source.numbers or None,
        bit=source.bit if bit is None else bit,
        inverted=source.inverted,
    )


def _requests(profile: Profile, slots: tuple[Slot, ...], fields: Mapping[str, Source]) -> ClassPlan:
    refs = dict.fromkeys(decoder.ref for slot in slots for decoder in slot.decoders)
    if profile.protocol == "snmp":
        refs |= dict.fromkeys(slot.gate.ref for slot in slots if slot.gate)
        return ClassPlan(slots, oids=tuple(refs))
    wanted = [(ref, fields[ref]) for ref in refs]
    return ClassPlan(slots, blocks=tuple(coalesce(profile, wanted)))


def coalesce(profile: Profile, wanted: Sequence[tuple[str, Source]]) -> Iterator[Block]:
    """Registers as few requests: neighbours share one across gaps that the device takes, within its maximum."""
    limits = profile.modbus
    places = []
    for ref, source in wanted:
        kind: NumberType = source.type or "uint16"
        table: RegisterTable = source.table or limits.table
        places.append(
            (table, source.register_ or 0, words_of(kind, source.words), kind, source.order or limits.order, ref)
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
            used = dict.fromkeys(decoder.ref for slot in slots for decoder in slot.decoders)
            used |= dict.fromkeys(slot.gate.ref for slot in slots if slot.gate)
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
