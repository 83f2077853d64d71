"""Plans the polling of a device: the series that its rows give, and the fewest requests for each poll class.

Everything that depends on the device (rows, labels, units, scales) is worked out here once, so that polling only reads and multiplies.

The device determines how many rows there are, and a row takes some 20 µs. So that no device holds up the others, planning is a generator
that its caller resumes slice by slice, and the size of a plan is limited.
"""

from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

from agent.modbus import Block, RegisterValue, coalesce
from agent.profile.cells import RawValue
from agent.profile.in_use import is_use_condition, note_use_steps, use_key
from agent.profile.normalise import CaseCheck, Decoder, Gate, Slot, slot_of
from agent.profile.registers import place_ref, registers_of
from agent.profile.rows import (
    ROWS_PER_SLICE,
    SEVERAL,
    CellReader,
    Row,
    cell_sources,
    named_label,
    rows_of_unit,
    rows_with_equal_names,
    shifted_parts,
    unclear_parts,
)
from agent.profile.schema import FromColumn, Part, Point, Profile, Source, Table, UnitBy, When
from agent.profile.schema import Gate as GateModel
from agent.profile.sentinels import flag_marks, named_bits, sentinels_of
from rackflow.catalogue import POLL_SECONDS, Metric, PollClass, catalogue
from rackflow.process.slices import run_through
from rackflow.series import parse_series_key, series_key
from rackflow.units import WIRE_UNITS

Rows = Mapping[str, Sequence[str]]
"""Row indexes by table name. An index is dotted: it is the part of an instance's OID after the column's OID."""

# Most series of one device. The largest real devices are rack PDUs that report for a chain of others: 64 of 48 outlets with 6 readings
# each. 20,000 series take 15 MB of memory and 1.2 MB in each batch, so the limit bounds what a device with a broken table can cost.
# Chosen value.
MAX_SERIES: Final = 20_000
# Most duplicate series that are listed. The list is only for people, and a table may have the same labels in every row.
MAX_DUPLICATES: Final = 1000
# Scales are read in the same poll as the readings only if there are at least this many readings for each scale, so that a poll has at
# most a quarter more values. A scale changes when a device is reconfigured or gets new firmware, far less often than a unit is switched.
# Chosen.
READINGS_PER_SCALE: Final = 4
# Most cells of one device's plan that are read again while it is polled (100 requests a minute). Of a device with more names and units, the
# rest is read again with the hourly plan. Chosen value.
MAX_BASIS: Final = 2000
# Most missing tables, objects and registers that are listed. The list is for people, for whom the first ones are enough.
MAX_LISTED: Final = 50


@dataclass(frozen=True, slots=True)
class Basis:
    """A cell that planning has read, and the series that depend on it: for their name, unit or scale, or for being there at all."""

    ref: str
    reader: CellReader
    row: Row
    value: RawValue = field(compare=False)
    """The cell's value when the plan was made. Devices that share a plan may have other values with the same meaning."""
    planned: object
    keys: tuple[str, ...]

    @property
    def use_key(self) -> str:
        """The key under which use of the cell is recorded, if it belongs to `alive` or `lines`; empty for other cells."""
        return use_key(self.reader, self.ref) if is_use_condition(self.reader) else ""

    def is_as_read(self, value: RawValue) -> bool:
        """Whether the cell has the same value as then. A quick check before `holds`: ten times as fast, and nearly always true."""
        return type(value) is type(self.value) and value == self.value

    def holds(self, value: RawValue) -> bool:
        """Whether planning with this value would give the same plan."""
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
    """Cells with the units of this class's readings, and with their scales where that is cheap. They are read after the readings, in the
    same poll, because a unit can be switched at the device, and a reading in the wrong unit looks right."""
    rests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By reference of a number whose scale is not read in this class: the cells with its scale and its conditions."""
    spares: tuple[Slot, ...] = ()
    """SNMP, of a profile that extends another: series that both know, as the base reads them, for devices that lack the more specific
    objects. Trimming puts them into `slots` or drops them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one device. `duplicates` are series that two points or rows give (the first ones); the first point or row is used.

    `basis` has the cells that the plan rests on, by instance.
    """

    classes: Mapping[PollClass, ClassPlan]
    duplicates: tuple[str, ...] = ()
    basis: Mapping[str, tuple[Basis, ...]] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Series that are not polled, by reason: `label` and `unit` (the device names none that the profile knows), `condition` (the row
    lacks the cell that says what it is), `duplicate`, `limit`, `absent` (the device lacks the object), and `instances` (it has several of
    an object of which the profile knows one)."""
    nothing_there: tuple[str, ...] = ()
    """Tables without rows, and objects or registers that the device lacks and for which no other source stands in (the first ones)."""


def plan_device(profile: Profile, rows: Rows, cells: Mapping[str, RawValue], role: str | None) -> Plan:
    """Slots and requests of a device that was not polled before, all at once; where the device sets the number of rows use `planning`."""
    marked = dict(cells)
    run_through(note_use_steps(profile, rows, marked, set()))
    return run_through(planning(profile, rows, marked, role))


def planning(
    profile: Profile,
    rows: Rows,
    cells: Mapping[str, RawValue],
    role: str | None,
    cut: Collection[str] = (),
    unit: int | None = None,
) -> Generator[None, None, Plan]:
    """Work out slots and requests of a device; yields after each slice and returns the plan.

    `cells` holds the values read for planning: labels, conditions, units and scales. `role` is the device's role from the
    configuration: what a meter measures. `cut` names tables that have more rows than were read. `unit` is the number of the unit that is
    read, where several stand behind one SNMP agent; without it, rows that may be those of several units are left out.
    """
    draft = _Draft(profile)
    draft.nothing_there = [f"{table.name} (0 rows)" for table in profile.tables if not rows.get(table.name)]
    worked = 0
    equal: dict[int, set[str]] = {}
    unclear: dict[int, frozenset[int]] = {}
    for table, point in profile.all_points():
        if table and id(table) not in equal:
            equal[id(table)] = yield from rows_with_equal_names(table, rows.get(table.name, ()), cells, role)
            unclear[id(table)] = unclear_parts(table, rows.get(table.name, ()))
        metric = catalogue()[point.metric]
        poll = point.poll or metric.poll
        indexes = rows.get(table.name, ()) if table else ("",)
        if table and table.name in cut:
            draft.cut.setdefault(poll, {})[point.metric] = None
        read_again = cell_sources(table, point)
        if any(cells.get(place) == SEVERAL for place, _ in read_again):
            # Left out as a whole: otherwise a fallback would read Fahrenheit as Celsius.
            draft.left_out["instances"] += len(indexes) * max(1, len(point.bits))
            continue
        shifted = (yield from shifted_parts(table, point, indexes, cells, role)) if table else frozenset()
        unclear_here = unclear[id(table)] if table else frozenset()
        for row in rows_of_unit(indexes, cells, role, unclear_here, shifted, unit):
            worked += 1
            if worked % ROWS_PER_SLICE == 0:
                yield
            keys: dict[PollClass, list[str]] = {poll: []}
            unique = named_label(table, point) if table and row.index in equal[id(table)] else None
            for slot in _slots(profile, table, point, row, draft, unique):
                # Rows of one table may have different poll classes: of a table of contacts, smoke detectors are polled each second, doors
                # are not.
                own = (
                    metric.poll_class(dict(parse_series_key(slot.key)[1])) if metric.urgent and not point.poll else poll
                )
                draft.add(own, slot)
                keys.setdefault(own, []).append(slot.key)
            for own, found in keys.items():
                if found or len(keys) == 1:
                    draft.rest(own, row, read_again, found)
    return draft.plan()


class _Draft:
    """The plan so far."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self.named_bits = named_bits(profile)
        self.decoders: dict[tuple[object, ...], Decoder] = {}
        """By source, metric, bits, unit and scale; without the place, which each row has of its own."""
        self._slots: dict[PollClass, dict[str, Slot]] = {}
        self._refs: dict[PollClass, dict[str, None]] = {}
        self._seen: set[str] = set()
        self._duplicates: list[str] = []
        self._spares: dict[PollClass, dict[str, Slot]] = {}
        # By instance and what reads it: the row, and the series that rest on it.
        self._basis: dict[tuple[str, int], tuple[CellReader, Row, list[str]]] = {}
        self._checks: dict[PollClass, dict[str, None]] = {}
        self._scales: dict[PollClass, dict[str, None]] = {}
        # By series: the cells of its scale (True) and of its conditions.
        self._rests: dict[str, dict[str, bool]] = {}
        self.left_out: Counter[str] = Counter()
        self.undecided: dict[str, None] = {}
        """Series of rows that lack the cell of a condition."""
        self.fields: dict[str, RegisterValue] = {}
        self.nothing_there: list[str] = []
        self.cut: dict[PollClass, dict[str, None]] = {}

    def add(self, poll: PollClass, slot: Slot) -> None:
        # Own points come before those of an extended profile, so the first is the more specific one.
        if slot.key in self._seen:
            # A profile that extends another overrides points of its base, so its duplicates are intended.
            self.left_out["duplicate"] += not self._profile.extends
            if len(self._duplicates) < MAX_DUPLICATES:
                self._duplicates.append(slot.key)
            if self._profile.extends and self._profile.protocol == "snmp":
                # One for each series, so that there are no more than series.
                spare = self._spares.setdefault(poll, {}).setdefault(slot.key, slot)
                self._refs.setdefault(poll, {}).update(refs_of([spare]))
        elif len(self._seen) >= MAX_SERIES:
            self.left_out["limit"] += 1
            self.cut.setdefault(poll, {})[slot.metric.name] = None
        else:
            self._seen.add(slot.key)
            self._slots.setdefault(poll, {})[slot.key] = slot
            self._refs.setdefault(poll, {}).update(refs_of([slot]))

    def rest(
        self, poll: PollClass, row: Row, read_again: Iterable[tuple[str, CellReader]], keys: Sequence[str]
    ) -> None:
        """Note that these series, or their absence, rest on these cells of the row."""
        for place, reader in read_again:
            ref = row.ref(place, reader)
            # A cell that was in use once is decided for good. Before that no reading depends on it, only readings that it would add.
            if row.cells.get(ref) is None or (is_use_condition(reader) and row.was_in_use(reader)):
                continue
            self._basis.setdefault((ref, id(reader)), (reader, row, []))[2].extend(
                () if is_use_condition(reader) else keys
            )
            if self._profile.protocol == "modbus" and not isinstance(reader, FromColumn):
                self.fields |= {value.ref: value for value in registers_of(reader) if value.ref == ref}
            if keys and isinstance(reader, UnitBy):
                self._checks.setdefault(poll, {})[ref] = None
            elif keys and isinstance(reader, Part):
                self._scales.setdefault(poll, {})[ref] = None
            if isinstance(reader, Part | When) and not is_use_condition(reader):
                for key in keys:
                    self._rests.setdefault(key, {})[ref] = isinstance(reader, Part)

    def _all_basis(self) -> dict[str, tuple[Basis, ...]]:
        found: dict[str, list[Basis]] = {}
        # Cells with series come first, because a change could make their readings wrong. For a row that is left out, a change only means
        # that readings are missing.
        for (ref, _), (reader, row, keys) in sorted(self._basis.items(), key=lambda each: not each[1][2]):
            if ref in found or len(found) < MAX_BASIS:
                small = Row(row.index, {}, row.role)
                value = row.cells.get(ref)
                planned = row.meaning(ref, reader, value)
                found.setdefault(ref, []).append(Basis(ref, reader, small, value, planned, tuple(keys)))
        return {ref: tuple(each) for ref, each in found.items()}

    def plan(self) -> Plan:
        basis = self._all_basis()
        if self._profile.protocol == "modbus" and self._slots:
            # SNMP has these objects read by its poller, which adds more of its own.
            slow: PollClass = "slow" if "slow" in self._slots else max(self._slots, key=lambda poll: POLL_SECONDS[poll])
            self._checks.setdefault(slow, {}).update(dict.fromkeys(basis))
        polls = dict.fromkeys((*self._slots, *self._spares))
        classes = {poll: self._requests(poll, tuple(self._slots.get(poll, {}).values())) for poll in polls}
        # Another point may give the same series: what a row has no cell for is mostly another kind of row.
        self.left_out["condition"] += len(self.undecided.keys() - self._seen)
        left_out = {reason: count for reason, count in self.left_out.items() if count}
        listed = tuple(dict.fromkeys(self.nothing_there))[:MAX_LISTED]
        return Plan(classes, tuple(self._duplicates), basis, left_out, listed)

    def _requests(self, poll: PollClass, slots: tuple[Slot, ...]) -> ClassPlan:
        refs, cut = self._refs[poll], tuple(self.cut.get(poll, ()))
        if self._profile.protocol == "snmp":
            behind, spares = self._read_behind(poll, refs), tuple(self._spares.get(poll, {}).values())
            rests = self._unread(poll, (*slots, *spares), {*refs, *behind})
            return ClassPlan(slots, tuple(refs), cut=cut, checks=behind, rests=rests, spares=spares)
        limits = self._profile.modbus
        # Blocks of the safety class have no gaps: if a unit stops answering a register between two leak detectors, neither must be
        # affected.
        max_gap = 0 if poll == "safety" else limits.max_gap
        # Units are read after the readings. If a unit is switched in between, correct readings are rejected, and no wrong one is accepted.
        checks = self._checks.get(poll, {})
        blocks = [
            block
            for part in ([ref for ref in refs if ref not in checks], checks)
            for block in coalesce([self.fields[ref] for ref in part], limits.max_registers, max_gap)
        ]
        return ClassPlan(slots, blocks=tuple(blocks), cut=cut, checks=tuple(checks))

    def _read_behind(self, poll: PollClass, refs: Mapping[str, None]) -> tuple[str, ...]:
        """Cells that are read with a class's readings: all units, and the scales if they are few and need no additional request.

        The other scales are read with the class `slow`. A device has one scale for each row or one for all; reading a scale for each outlet
        would double every poll of a strip.
        """
        units = self._checks.get(poll, {})
        scales = [ref for ref in self._scales.get(poll, ()) if ref not in units]
        asked, limit = len({**refs, **units}), self._profile.max_varbinds
        is_cheap = len(scales) <= max(1, asked // READINGS_PER_SCALE) and len(scales) <= -asked % limit
        return (*units, *(scales if is_cheap else ()))

    def _unread(self, poll: PollClass, slots: Sequence[Slot], read: Collection[str]) -> dict[str, tuple[str, ...]]:
        """See `ClassPlan.rests`. The class `slow` reads all of these cells.

        Only for numbers with a scale: doing it for every number with a condition took 6 % of the time of a UPS's poll.
        """
        found: dict[str, dict[str, None]] = {}
        for slot in slots if poll != "slow" else ():
            unread = {ref: is_scale for ref, is_scale in self._rests.get(slot.key, {}).items() if ref not in read}
            if any(unread.values()):
                for ref in (ref for decoder in slot.decoders if decoder.is_number for ref in decoder.refs):
                    found.setdefault(ref, {}).update(dict.fromkeys(unread))
        return {ref: tuple(each) for ref, each in found.items()}


def _slots(
    profile: Profile, table: Table | None, point: Point, row: Row, draft: _Draft, unique: str | None
) -> Iterator[Slot]:
    """The series of one point in one row. The label `unique` gets the row's index. What is left out is counted in the draft."""
    conditions = [*point.when, *(table.when if table else ())]
    is_decided = row.holds(conditions)
    if not is_decided and not row.lacks(conditions):
        return
    metric = catalogue()[point.metric]
    labels: dict[str, str] = {}
    for name, source in ((table.labels if table else {}) | point.labels).items():
        value = row.label(source)
        if value is None:
            draft.left_out["label" if is_decided else "condition"] += 1
            return
        labels[name] = row.unique_label(value) if name == unique else value
    gate = _gate(point.gate or (table.gate if table else None), row.index, draft)
    series: list[tuple[int | None, dict[str, str]]] = [*point.bits.items()] if point.bits else [(None, {})]
    if not is_decided:
        draft.undecided |= {series_key(metric.name, labels | extra): None for _, extra in series}
        return
    for bit, extra in series:
        made = (_decoder(profile, source, metric, row, bit, draft) for source in point.sources())
        decoders = tuple(decoder for decoder in made if decoder is not None)
        if not decoders:
            draft.left_out["unit"] += 1
        else:
            yield slot_of(series_key(metric.name, labels | extra), metric, decoders, gate)


def _gate(gate: GateModel | None, index: str, draft: _Draft) -> Gate | None:
    if gate is None:
        return None
    ref, marks = place_ref(gate, index, draft.fields), flag_marks(gate, gate.bit, draft.named_bits)
    allowed, missing = (
        frozenset(code.casefold() if isinstance(code, str) else code for code in codes)
        for codes in (gate.in_, gate.missing)
    )
    return Gate(ref, allowed, missing, gate.optional, gate.bit, marks)


def _decoder(
    profile: Profile, source: Source, metric: Metric, row: Row, bit: int | None, draft: _Draft
) -> Decoder | None:
    if source.cases:
        return _cases(profile, source, row, draft)
    whole = _part(profile, source, metric, row, () if bit is None else (bit,), draft)
    if whole is None or not (source.plus or source.minus):
        return whole
    parts: list[tuple[int, Decoder]] = []
    for sign, others in ((1, source.plus), (-1, source.minus)):
        for each in others:
            # A summand is not checked against the metric's expected range, which applies to the sum.
            if (decoder := _part(profile, each, None, row, (), draft)) is None:
                return None
            parts.append((sign, decoder))
    return replace(whole, parts=tuple(parts), expect=(source.expect,) if source.expect else ())


def _cases(profile: Profile, source: Source, row: Row, draft: _Draft) -> Decoder:
    """The decoder of cases; its reference is that of the first case with a cell."""
    checks = tuple(
        CaseCheck(
            place_ref(case, row.index, draft.fields) if case.places() else "",
            case.bit,
            frozenset(case.in_ or ([1] if case.bit and not case.between else [])),
            tuple(case.between),
            case.is_,
            flag_marks(case, case.bit, draft.named_bits),
        )
        for case in source.cases
    )
    sentinels, ranges = sentinels_of(profile, source, None, frozenset())
    return Decoder(
        next((check.ref for check in checks if check.ref), ""),
        sentinels=sentinels,
        sentinel_ranges=ranges,
        cases=checks,
    )


def _part(
    profile: Profile,
    source: Part,
    metric: Metric | None,
    row: Row,
    bits: tuple[int, ...],
    draft: _Draft,
) -> Decoder | None:
    unit, scale = row.unit(source), row.scale(source)
    # The cell that should give the unit holds an unknown value, or there is no cell for the scale: a missing reading is better than one
    # wrong by a power of ten. A scale that cannot be one is a fault of the device, so its readings are rejected rather than left out.
    if unit is None or (scale is None and not row.has_scale_cell(source)):
        return None
    bits = bits or source.bit
    # Rows of a table differ in the cell alone, some in unit and scale, too. Sharing the rest saves 30 % of a plan's memory (16.4 to 11.6 MB
    # for all SNMP families with three rows in each table).
    kind = (id(source), id(metric), bits, unit, scale)
    if kind not in draft.decoders:
        draft.decoders[kind] = _decoder_without_place(profile, source, metric, unit, scale, bits, draft)
    return replace(draft.decoders[kind], ref=place_ref(source, row.index, draft.fields))


def _decoder_without_place(
    profile: Profile,
    source: Part,
    metric: Metric | None,
    unit: str,
    scale: Fraction | None,
    bits: tuple[int, ...],
    draft: _Draft,
) -> Decoder:
    """How a part is decoded in each row with this unit and scale. Without a `scale` every value is rejected."""
    factor = source.factor(unit) * (scale or 1)
    words = {word.casefold(): meaning for word, meaning in source.words.items()}
    sentinels, ranges = sentinels_of(profile, source, metric, flag_marks(source, bits, draft.named_bits))
    return Decoder(
        ref="",
        numerator=factor.numerator,
        denominator=factor.denominator,
        offset=float(WIRE_UNITS[unit].offset),
        shift=source.shift,
        sentinels=sentinels,
        sentinel_ranges=ranges,
        states=source.states or None,
        numbers=source.numbers or None,
        bits=bits,
        inverted=source.inverted,
        text=source.text,
        words=words or None,
        expect=_expect(source, metric),
        absolute=isinstance(source, Source) and source.absolute,
        high=_high(source, draft.fields),
        lacks_scale=scale is None,
        counts_parts=profile.protocol == "snmp" and source.counts_parts(),
    )


def _expect(source: Part, metric: Metric | None) -> tuple[tuple[float, float], ...]:
    if source.expect:
        return (source.expect,)
    return metric.expect if metric and source.is_scaled() else ()


def _high(source: Part, fields: dict[str, RegisterValue]) -> str:
    if source.high is None:
        return ""
    return place_ref(source.model_copy(update={"register_": source.high, "high": None}), "", fields)


def refs_of(slots: Iterable[Slot]) -> dict[str, None]:
    """The references that these slots are read from, without repeats and in request order."""
    refs: dict[str, None] = {}
    for slot in slots:
        for decoder in slot.decoders:
            refs.update(dict.fromkeys(decoder.refs))
        if slot.gate:
            refs[slot.gate.ref] = None
    return refs
