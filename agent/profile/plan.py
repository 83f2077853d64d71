"""Plans the polling of a device: the series that its rows give, and the fewest requests for each poll class.

Everything that depends on the device (rows, labels, units, scales) is worked out here once, so that polling only reads and multiplies.

How many rows there are is up to the device, and a row takes some 20 µs. So that no device holds up the others, planning is a
generator that its caller resumes slice by slice, and a plan has a largest size.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from agent.modbus import Block, NumberType, RegisterValue, coalesce, split_block, words_of
from agent.profile.cells import RawValue
from agent.profile.normalise import SLOTS_PER_SLICE, Decoder, Gate, Slot, slot_of
from agent.profile.rows import Row
from agent.profile.schema import Gate as GateModel
from agent.profile.schema import Point, Profile, Source, Table
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
# Rows that are worked on in one slice: a few milliseconds, the length of a poll.
ROWS_PER_SLICE: Final = 100


@dataclass(frozen=True, slots=True)
class ClassPlan:
    """The requests of one poll class, and the series that the answers give."""

    slots: tuple[Slot, ...]
    oids: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    cut: tuple[str, ...] = ()
    """Metrics whose further rows are left out, because the device has too many."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one device. `duplicates` are series that two points or rows give (the first ones); the first point or row is used."""

    classes: Mapping[PollClass, ClassPlan]
    duplicates: tuple[str, ...] = ()


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
    for table, point in profile.all_points():
        poll = point.poll or catalogue()[point.metric].poll
        indexes = rows.get(table.name, ()) if table else ("",)
        if table and table.name in cut:
            draft.cut.setdefault(poll, {})[point.metric] = None
        for index in indexes:
            worked += 1
            if worked % ROWS_PER_SLICE == 0:
                yield
            for slot in _slots(profile, table, point, Row(index, cells, role), draft.fields):
                draft.add(poll, slot)
    return draft.plan()


class _Draft:
    """The plan so far."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._slots: dict[PollClass, dict[str, Slot]] = {}
        self._refs: dict[PollClass, dict[str, None]] = {}
        self._seen: set[str] = set()
        self._duplicates: list[str] = []
        self.fields: dict[str, Source] = {}
        self.cut: dict[PollClass, dict[str, None]] = {}

    def add(self, poll: PollClass, slot: Slot) -> None:
        # Own points come before those of an extended profile, so the first is the more specific one.
        if slot.key in self._seen:
            if len(self._duplicates) < MAX_DUPLICATES:
                self._duplicates.append(slot.key)
        elif len(self._seen) >= MAX_SERIES:
            self.cut.setdefault(poll, {})[slot.metric.name] = None
        else:
            self._seen.add(slot.key)
            self._slots.setdefault(poll, {})[slot.key] = slot
            self._refs.setdefault(poll, {}).update(_refs([slot]))

    def plan(self) -> Plan:
        classes = {poll: self._requests(poll, tuple(found.values())) for poll, found in self._slots.items()}
        return Plan(classes, tuple(self._duplicates))

    def _requests(self, poll: PollClass, slots: tuple[Slot, ...]) -> ClassPlan:
        refs, cut = self._refs[poll], tuple(self.cut.get(poll, ()))
        if self._profile.protocol == "snmp":
            return ClassPlan(slots, oids=tuple(refs), cut=cut)
        limits = self._profile.modbus
        wanted = [_wanted(self._profile, ref, self.fields[ref]) for ref in refs]
        return ClassPlan(slots, blocks=tuple(coalesce(wanted, limits.max_registers, limits.max_gap)), cut=cut)


def _slots(profile: Profile, table: Table | None, point: Point, row: Row, fields: dict[str, Source]) -> Iterator[Slot]:
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
        made = (_decoder(profile, source, metric, row, bit, fields) for source in point.sources())
        decoders = tuple(decoder for decoder in made if decoder is not None)
        if decoders:
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
            classes[poll] = ClassPlan(tuple(slots), oids, blocks, part.cut)
    return Plan(classes, plan.duplicates)


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
