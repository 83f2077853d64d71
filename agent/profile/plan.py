"""Plans the polling of a device: the series that its rows give, and the fewest requests for each poll class.

Everything that depends on the device (rows, labels, units, scales) is worked out here once, so that polling only reads and multiplies.

How many rows there are is up to the device, and a row takes some 20 µs. So that no device holds up the others, planning is a
generator that its caller resumes slice by slice, and a plan has a largest size.
"""

from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from agent.modbus import Block, NumberType, RegisterValue, coalesce, split_block, words_of
from agent.profile.cells import RawValue
from agent.profile.normalise import SLOTS_PER_SLICE, Decoder, Gate, Slot, slot_of
from agent.profile.rows import ROWS_PER_SLICE, CellReader, Row, cell_sources, named_label, rows_with_equal_names
from agent.profile.schema import Gate as GateModel
from agent.profile.schema import Point, Profile, Source, Table, UnitBy
from rackflow.catalogue import Metric, PollClass, catalogue
from rackflow.process.slices import run_through
from rackflow.series import series_key
from rackflow.units import WIRE_UNITS

Rows = Mapping[str, Sequence[str]]
"""Row indexes by table name. An index is dotted: it is the part of an instance's OID after the column's OID."""

# Some devices that use 65535 for "no reading" say why with the numbers before it: not fitted, not supported, being measured.
_NO_READING = 65535
_NO_READING_REASONS = frozenset(range(65532, _NO_READING))
# Most series of one device. The largest real ones are rack PDUs that speak for a chain of others: 64 of 48 outlets with 6 readings each.
# 20,000 series take 15 MB of memory and 1.2 MB in each batch, so the limit bounds what a device with a broken table can cost. Chosen value.
MAX_SERIES: Final = 20_000
# Series that two rows give are only listed for people, and a table may have the same labels in every row.
MAX_DUPLICATES: Final = 1000
# Cells of one device that are read again while it is polled: 100 requests a minute. A device with more names and units than that has
# the rest of them read again with the hourly plan. Chosen value.
MAX_BASIS: Final = 2000


@dataclass(frozen=True, slots=True)
class Basis:
    """A cell that planning has read, and the series that rest on it: those whose name, unit or scale it gives, or that it lets be."""

    ref: str
    reader: CellReader
    row: Row
    planned: object
    keys: tuple[str, ...]

    def holds(self, value: RawValue) -> bool:
        """Whether planning would make the same of this value."""
        return self.row.meaning(self.ref, self.reader, value) == self.planned


@dataclass(frozen=True, slots=True)
class ClassPlan:
    """The requests of one poll class, and the series that the answers give."""

    slots: tuple[Slot, ...]
    oids: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    cut: tuple[str, ...] = ()
    """Metrics whose further rows are left out, because the device has too many."""
    checks: tuple[str, ...] = ()
    """Cells that name the units of this class's readings. They are read behind the readings in the same poll, because somebody can switch
    a unit at the device, and a reading in the wrong unit looks right."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one device. `duplicates` are series that two points or rows give (the first ones); the first point or row is used.

    `basis` has the cells that the plan rests on, by instance.
    """

    classes: Mapping[PollClass, ClassPlan]
    duplicates: tuple[str, ...] = ()
    basis: Mapping[str, tuple[Basis, ...]] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Series that are not polled, by reason: `label` and `unit` (the device names none that the profile knows), `duplicate`, `limit`, and
    `absent` (the device lacks the object)."""


def plan_device(profile: Profile, rows: Rows, cells: Mapping[str, RawValue], role: str | None) -> Plan:
    """Slots and requests of a device, all at once; for a device whose number of rows is up to the device use `planning`."""
    return run_through(planning(profile, rows, cells, role))


def planning(
    profile: Profile, rows: Rows, cells: Mapping[str, RawValue], role: str | None, cut: Collection[str] = ()
) -> Generator[None, None, Plan]:
    """Work out slots and requests of a device; yields after each slice and returns the plan.

    `cells` holds the values read for planning: labels, conditions, units and scales. `role` is the device's role from the
    configuration: what a meter measures. `cut` names tables that have more rows than were read.
    """
    draft = _Draft(profile)
    worked = 0
    equal: dict[int, set[str]] = {}
    for table, point in profile.all_points():
        if table and id(table) not in equal:
            equal[id(table)] = yield from rows_with_equal_names(table, rows.get(table.name, ()), cells, role)
        poll = point.poll or catalogue()[point.metric].poll
        indexes = rows.get(table.name, ()) if table else ("",)
        if table and table.name in cut:
            draft.cut.setdefault(poll, {})[point.metric] = None
        read_again = cell_sources(table, point)
        for index in indexes:
            worked += 1
            if worked % ROWS_PER_SLICE == 0:
                yield
            row = Row(index, cells, role)
            keys = []
            unique = named_label(table, point) if table and index in equal[id(table)] else None
            for slot in _slots(profile, table, point, row, draft, unique):
                draft.add(poll, slot)
                keys.append(slot.key)
            draft.rest(poll, row, read_again, keys)
    return draft.plan()


class _Draft:
    """The plan so far."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._slots: dict[PollClass, dict[str, Slot]] = {}
        self._refs: dict[PollClass, dict[str, None]] = {}
        self._seen: set[str] = set()
        self._duplicates: list[str] = []
        # By instance and what reads it: the row, and the series that rest on it.
        self._basis: dict[tuple[str, int], tuple[CellReader, Row, list[str]]] = {}
        self._checks: dict[PollClass, dict[str, None]] = {}
        self.left_out: Counter[str] = Counter()
        self.fields: dict[str, Source] = {}
        self.cut: dict[PollClass, dict[str, None]] = {}

    def add(self, poll: PollClass, slot: Slot) -> None:
        # Own points come before those of an extended profile, so the first is the more specific one.
        if slot.key in self._seen:
            # A profile that extends another overrides points of its base, so its duplicates are intended.
            self.left_out["duplicate"] += not self._profile.extends
            if len(self._duplicates) < MAX_DUPLICATES:
                self._duplicates.append(slot.key)
        elif len(self._seen) >= MAX_SERIES:
            self.left_out["limit"] += 1
            self.cut.setdefault(poll, {})[slot.metric.name] = None
        else:
            self._seen.add(slot.key)
            self._slots.setdefault(poll, {})[slot.key] = slot
            self._refs.setdefault(poll, {}).update(_refs([slot]))

    def rest(
        self, poll: PollClass, row: Row, read_again: Iterable[tuple[str, CellReader]], keys: Sequence[str]
    ) -> None:
        """Note that these series, or their absence, rest on these cells of the row."""
        for place, reader in read_again:
            ref = row.ref(place, reader)
            if row.cells.get(ref) is None:
                continue
            self._basis.setdefault((ref, id(reader)), (reader, row, []))[2].extend(keys)
            if keys and isinstance(reader, UnitBy):
                self._checks.setdefault(poll, {})[ref] = None

    def _all_basis(self) -> dict[str, tuple[Basis, ...]]:
        found: dict[str, list[Basis]] = {}
        # Cells with series before those whose row is left out: the series could become wrong, a row could only be missing.
        for (ref, _), (reader, row, keys) in sorted(self._basis.items(), key=lambda each: not each[1][2]):
            if ref in found or len(found) < MAX_BASIS:
                small = Row(row.index, {}, row.role)
                planned = row.meaning(ref, reader, row.cells.get(ref))
                found.setdefault(ref, []).append(Basis(ref, reader, small, planned, tuple(keys)))
        return {ref: tuple(each) for ref, each in found.items()}

    def plan(self) -> Plan:
        classes = {poll: self._requests(poll, tuple(found.values())) for poll, found in self._slots.items()}
        return Plan(classes, tuple(self._duplicates), self._all_basis(), dict(self.left_out))

    def _requests(self, poll: PollClass, slots: tuple[Slot, ...]) -> ClassPlan:
        refs, cut = self._refs[poll], tuple(self.cut.get(poll, ()))
        if self._profile.protocol == "snmp":
            return ClassPlan(slots, oids=tuple(refs), cut=cut, checks=tuple(self._checks.get(poll, ())))
        limits = self._profile.modbus
        wanted = [_wanted(self._profile, ref, self.fields[ref]) for ref in refs]
        # A register between two leak detectors that a unit stops to answer must not cost a poll of either.
        max_gap = 0 if poll == "safety" else limits.max_gap
        return ClassPlan(slots, blocks=tuple(coalesce(wanted, limits.max_registers, max_gap)), cut=cut)


def _slots(
    profile: Profile, table: Table | None, point: Point, row: Row, draft: _Draft, unique: str | None
) -> Iterator[Slot]:
    """The series of one point in one row. The label `unique` gets the row's index. What is left out is counted in the draft."""
    fields = draft.fields
    if not row.holds(point.when) or (table and not row.holds(table.when)):
        return
    metric = catalogue()[point.metric]
    labels: dict[str, str] = {}
    for name, source in ((table.labels if table else {}) | point.labels).items():
        value = row.label(source)
        if value is None:
            draft.left_out["label"] += 1
            return
        labels[name] = row.unique_label(value) if name == unique else value
    gate = _gate(point.gate or (table.gate if table else None), row.index)
    series: list[tuple[int | None, dict[str, str]]] = [*point.bits.items()] if point.bits else [(None, {})]
    for bit, extra in series:
        made = (_decoder(profile, source, metric, row, bit, fields) for source in point.sources())
        decoders = tuple(decoder for decoder in made if decoder is not None)
        if not decoders:
            draft.left_out["unit"] += 1
        else:
            yield slot_of(series_key(metric.name, labels | extra), metric, decoders, gate)


def _gate(gate: GateModel | None, index: str) -> Gate | None:
    if gate is None:
        return None
    ref = gate.oid or f"{gate.column}.{index}"
    return Gate(ref, frozenset(gate.in_), frozenset(gate.missing), gate.optional)


def _decoder(
    profile: Profile, source: Source, metric: Metric, row: Row, bit: int | None, fields: dict[str, Source]
) -> Decoder | None:
    unit, scale = row.unit(source), row.scale(source)
    unscaled = scale is None and row.has_scale_cell(source)
    # The cell that should give the unit holds an unknown value, or there is no cell for the scale: a missing reading is better than one
    # wrong by a power of ten. A scale that cannot be one is a fault of the device, so its readings are rejected rather than left out.
    if unit is None or (scale is None and not unscaled):
        return None
    scale = scale or Fraction(1)
    factor = source.factor(unit) * scale
    words = {word.casefold(): meaning for word, meaning in source.words.items()}
    return Decoder(
        ref=_ref(profile, source, row.index, fields),
        numerator=factor.numerator,
        denominator=factor.denominator,
        offset=float(WIRE_UNITS[unit].offset),
        shift=source.shift,
        absent=_sentinels(profile.absent if source.absent is None else source.absent, metric),
        states=source.states or None,
        numbers=source.numbers or None,
        bit=source.bit if bit is None else bit,
        inverted=source.inverted,
        text=source.text,
        words=words or None,
        expect=_expect(source, metric),
        absolute=source.absolute,
        high=_high(profile, source, fields),
        unscaled=unscaled,
    )


def _sentinels(absent: Collection[int], metric: Metric) -> frozenset[int]:
    found = frozenset(absent) | (_NO_READING_REASONS if _NO_READING in absent else frozenset())
    # A line without voltage has no frequency, and a part that is not fitted says 0 Hz.
    return found | {0} if metric.unit == "hertz" else found


def _expect(source: Source, metric: Metric) -> tuple[tuple[float, float], ...]:
    if source.expect:
        return (source.expect,)
    return metric.expect if source.is_scaled() else ()


def _high(profile: Profile, source: Source, fields: dict[str, Source]) -> str:
    if source.high is None:
        return ""
    return _ref(profile, source.model_copy(update={"register_": source.high, "high": None}), "", fields)


def _ref(profile: Profile, source: Source, index: str, fields: dict[str, Source]) -> str:
    if source.oid is not None:
        return f"{source.oid}.{index}" if index else source.oid
    limits = profile.modbus
    # Type and order are part of the reference, because the same register may be read as two values.
    ref = f"{source.table or limits.table}:{source.register_}:{source.type or 'uint16'}:{source.order or limits.order}"
    fields[ref] = source
    return ref


def _wanted(profile: Profile, ref: str, source: Source) -> RegisterValue:
    kind: NumberType = source.type or "uint16"
    limits = profile.modbus
    table, order = source.table or limits.table, source.order or limits.order
    return RegisterValue(ref, table, source.register_ or 0, words_of(kind, source.length), kind, order)


def _refs(slots: Iterable[Slot]) -> dict[str, None]:
    """The references that these slots are read from, without repeats and in request order."""
    refs: dict[str, None] = {}
    for slot in slots:
        for decoder in slot.decoders:
            refs[decoder.ref] = None
            if decoder.high:
                refs[decoder.high] = None
        if slot.gate:
            refs[slot.gate.ref] = None
    return refs


def without(plan: Plan, is_absent: Callable[[str], bool], refused: Collection[Block] = ()) -> Plan:
    """See `trimming`, all at once."""
    return run_through(trimming(plan, is_absent, refused))


def trimming(
    plan: Plan, is_absent: Callable[[str], bool], refused: Collection[Block] = ()
) -> Generator[None, None, Plan]:
    """The plan without references that the device lacks, and without slots and classes that have no reference left.

    A block that was `refused` as a whole, or that loses a field, is no longer read across the gaps between its fields.
    Yields after each slice.
    """
    classes: dict[PollClass, ClassPlan] = {}
    looked = 0
    for poll, part in plan.classes.items():
        slots: list[Slot] = []
        used: dict[str, None] = {}
        for slot in part.slots:
            looked += 1
            if looked % SLOTS_PER_SLICE == 0:
                yield
            if (kept := _trimmed(slot, is_absent)) is not None:
                slots.append(kept)
                used.update(_refs([kept]))
        if slots:
            blocks = tuple(
                kept for block in part.blocks for kept in split_block(block, used, whole=block not in refused)
            )
            oids = tuple(oid for oid in part.oids if oid in used)
            classes[poll] = ClassPlan(tuple(slots), oids, blocks, part.cut, part.checks)
    absent = sum(len(part.slots) for part in plan.classes.values()) - sum(len(part.slots) for part in classes.values())
    left_out = dict(plan.left_out) | ({"absent": absent} if absent else {})
    return Plan(classes, plan.duplicates, plan.basis, left_out)


def _trimmed(slot: Slot, is_absent: Callable[[str], bool]) -> Slot | None:
    decoders = tuple(
        decoder
        for decoder in slot.decoders
        if not is_absent(decoder.ref) and not (decoder.high and is_absent(decoder.high))
    )
    gate = slot.gate
    if gate and is_absent(gate.ref):
        # If the cell of a required gate is absent, nobody knows whether the value counts, so the slot is dropped.
        if not gate.optional:
            return None
        gate = None
    if not decoders:
        return None
    unchanged = gate is slot.gate and len(decoders) == len(slot.decoders)
    return slot if unchanged else slot_of(slot.key, slot.metric, decoders, gate)
