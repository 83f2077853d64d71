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
    AMBIGUOUS,
    ROWS_PER_SLICE,
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

Reads = Sequence[tuple[str, CellReader]]
"""Cells that a row's series depend on: where each stands, and what reads it."""
Rows = Mapping[str, Sequence[str]]
"""Row indexes by table name. An index is dotted: it is the part of an instance's OID after the column's OID."""

# Most series of one device. The largest real devices are rack PDUs that report for a whole chain: 64 PDUs of 48 outlets with 6 readings
# each. 20,000 series take 15 MB of memory and 1.2 MB in each batch, so the limit bounds what a device with a broken table can cost.
# Chosen value.
MAX_SERIES: Final = 20_000
# Most duplicate series that are listed. The list is only for people, and a table may have the same labels in every row.
MAX_DUPLICATES: Final = 1000
# Scales are read in the same poll as the readings only if there are at least this many readings for each scale, so that a poll grows by
# at most a quarter. A scale changes when a device is reconfigured or gets new firmware, far less often than a unit is switched. Chosen.
READINGS_PER_SCALE: Final = 4
# How many of the cells that a plan depends on are read again between plans (100 requests a minute). If a device has more names and units,
# the others are only read again with the hourly plan. Chosen value.
MAX_BASIS: Final = 2000
# Most missing tables, objects and registers that are listed. The list is for people, for whom the first ones are enough.
MAX_LISTED: Final = 50


@dataclass(frozen=True, slots=True)
class Basis:
    """A cell that planning has read, and the series whose name, unit, scale or existence depends on it."""

    ref: str
    reader: CellReader
    row: Row
    value: RawValue = field(compare=False)
    """The cell's value when the plan was made. Devices that share a plan may have other values with the same meaning."""
    planned: object
    """What planning made of that value, as `Row.meaning` gives it."""
    keys: tuple[str, ...]
    """Series keys of the series that depend on the cell."""

    @property
    def use_key(self) -> str:
        """The key under which use of the cell is recorded, if it belongs to `alive` or `lines`; empty for other cells."""
        return use_key(self.reader, self.ref) if is_use_condition(self.reader) else ""

    def is_unchanged(self, value: RawValue) -> bool:
        """Whether the cell still has the value that was planned with. Nearly always true, and ten times as fast as `holds`."""
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
    plan_cells: tuple[str, ...] = ()
    """Cells that planning used and that are read after the readings, in the same poll: those with their units, and those with their scales
    where that is cheap. A unit can be switched at the device, and a reading in the wrong unit looks right."""
    scale_cells: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The cells with the scale and the conditions of each number whose scale is not read in this class, by the number's reference."""
    base_slots: tuple[Slot, ...] = ()
    """SNMP, where the profile extends another: series that both profiles have, read as the base profile does. They are for devices that
    lack the extending profile's objects; `trim_steps` moves them into `slots` or drops them."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Plan:
    """The plan of one device. `basis` has the cells that the plan depends on, by instance.

    `duplicates` lists series that two points or rows give (at most MAX_DUPLICATES); the first point or row is used.
    """

    classes: Mapping[PollClass, ClassPlan]
    duplicates: tuple[str, ...] = ()
    basis: Mapping[str, tuple[Basis, ...]] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many series are not polled, by reason: `label` and `unit` (the device's label or unit is not in the profile), `condition` (the
    row lacks the cell that decides whether it is there), `duplicate`, `limit`, `absent` (the device lacks the object), and `instances`
    (the device has several instances of an object that the profile knows as a scalar)."""
    nothing_there: tuple[str, ...] = ()
    """Tables without rows, and objects or registers that the device lacks and no fallback replaces; at most MAX_LISTED, for people."""


def plan_device(profile: Profile, rows: Rows, cells: Mapping[str, RawValue], role: str | None) -> Plan:
    """Plan a device that was not polled before, without pauses. Where a real device sets the number of rows, use `plan_steps`."""
    marked = dict(cells)
    run_through(note_use_steps(profile, rows, marked, set()))
    return run_through(plan_steps(profile, rows, marked, role))


def plan_steps(
    profile: Profile,
    rows: Rows,
    cells: Mapping[str, RawValue],
    role: str | None,
    *,
    cut: Collection[str] = (),
    unit: int | None = None,
) -> Generator[None, None, Plan]:
    """Plan a device: yields after each slice of rows and returns the plan.

    Args:
        profile: the device's profile, with its points and tables (`Profile.loaded`).
        rows: the rows that its tables have.
        cells: the values read for planning (labels, conditions, units and scales), by instance.
        role: what a meter measures, from the device's configuration.
        cut: names of tables that have more rows than were read.
        unit: which unit to read if several stand behind one SNMP agent. Without it, rows that may belong to several units are left out.
    """
    draft = _Draft(profile)
    draft.nothing_there = [f"{table.name} (0 rows)" for table in profile.tables if not rows.get(table.name)]
    rows_planned = 0
    # By table (`id`): the indexes of rows that have one name, and the places in an index that do not tell the unit.
    equal: dict[int, set[str]] = {}
    unclear: dict[int, frozenset[int]] = {}
    for table, point in profile.all_points():
        if table and id(table) not in equal:
            equal[id(table)] = yield from rows_with_equal_names(table, rows.get(table.name, ()), cells, role)
            unclear[id(table)] = unclear_parts(table, rows.get(table.name, ()))
        indexes = rows.get(table.name, ()) if table else ("",)
        if table and table.name in cut:
            draft.cut.setdefault(point.poll or catalogue()[point.metric].poll, {})[point.metric] = None
        read_again = cell_sources(table, point)
        if any(cells.get(place) == AMBIGUOUS for place, _ in read_again):
            # Left out as a whole: otherwise a fallback would read Fahrenheit as Celsius.
            draft.left_out["instances"] += len(indexes) * max(1, len(point.bits))
            continue
        shifted = (yield from shifted_parts(table, point, indexes, cells, role)) if table else frozenset()
        unclear_here = unclear[id(table)] if table else frozenset()
        for row in rows_of_unit(indexes, cells, role, unclear=unclear_here, shifted=shifted, unit=unit):
            rows_planned += 1
            if rows_planned % ROWS_PER_SLICE == 0:
                yield
            unique_label = named_label(table, point) if table and row.index in equal[id(table)] else None
            _add_row(draft, table, point, row, read_again, unique_label=unique_label)
    return draft.plan()


def _add_row(
    draft: "_Draft", table: Table | None, point: Point, row: Row, read_again: Reads, *, unique_label: str | None
) -> None:
    """Add the series of one point in one row to the draft, and note that they depend on the cells `read_again`."""
    metric = catalogue()[point.metric]
    poll = point.poll or metric.poll
    keys: dict[PollClass, list[str]] = {poll: []}
    for slot in _slots(draft, table, point, row, unique_label=unique_label):
        # Rows of one table may have different poll classes: in a table of contacts, smoke detectors are polled each second, doors are not.
        row_poll = metric.poll_class(dict(parse_series_key(slot.key)[1])) if metric.urgent and not point.poll else poll
        draft.add(row_poll, slot)
        keys.setdefault(row_poll, []).append(slot.key)
    for row_poll, found in keys.items():
        if found or len(keys) == 1:
            draft.note_basis(row_poll, row, read_again, found)


class _Draft:
    """A plan while it is being made: collects slots and the cells that they depend on; `plan` turns them into requests."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.named_bits = named_bits(profile)
        self.decoders: dict[tuple[object, ...], Decoder] = {}
        """By source, metric, bits, unit and scale. They lack the reference (`ref`), which differs from row to row."""
        self._slots: dict[PollClass, dict[str, Slot]] = {}
        self._refs: dict[PollClass, dict[str, None]] = {}
        self._seen: set[str] = set()
        self._duplicates: list[str] = []
        self._base_slots: dict[PollClass, dict[str, Slot]] = {}
        # By instance and reader: the reader, the row, and the keys of the series that depend on the cell.
        self._basis: dict[tuple[str, int], tuple[CellReader, Row, list[str]]] = {}
        self._plan_cells: dict[PollClass, dict[str, None]] = {}
        self._scales: dict[PollClass, dict[str, None]] = {}
        # By series: the cells of its scale (True) and of its conditions (False).
        self._cells_of_series: dict[str, dict[str, bool]] = {}
        self.left_out: Counter[str] = Counter()
        self.undecided: dict[str, None] = {}
        """Series of rows that lack the cell of a condition."""
        # By reference: the registers to read, as `coalesce` takes them. Empty for SNMP.
        self.fields: dict[str, RegisterValue] = {}
        self.nothing_there: list[str] = []
        self.cut: dict[PollClass, dict[str, None]] = {}

    def add(self, poll: PollClass, slot: Slot) -> None:
        # Own points come before those of an extended profile, so the first is the more specific one.
        if slot.key in self._seen:
            # A profile that extends another overrides points of its base, so its duplicates are intended.
            self.left_out["duplicate"] += not self.profile.extends
            if len(self._duplicates) < MAX_DUPLICATES:
                self._duplicates.append(slot.key)
            if self.profile.extends and self.profile.protocol == "snmp":
                # At most one for each series, so that MAX_SERIES bounds these as well.
                base_slot = self._base_slots.setdefault(poll, {}).setdefault(slot.key, slot)
                self._refs.setdefault(poll, {}).update(refs_of([base_slot]))
        elif len(self._seen) >= MAX_SERIES:
            self.left_out["limit"] += 1
            self.cut.setdefault(poll, {})[slot.metric.name] = None
        else:
            self._seen.add(slot.key)
            self._slots.setdefault(poll, {})[slot.key] = slot
            self._refs.setdefault(poll, {}).update(refs_of([slot]))

    def note_basis(
        self, poll: PollClass, row: Row, read_again: Iterable[tuple[str, CellReader]], keys: Sequence[str]
    ) -> None:
        """Note that these series of the row depend on these cells; without keys, that the row was left out because of them."""
        for place, reader in read_again:
            ref = row.ref(place, reader)
            # Once a use cell was in use, its condition holds for good and need not be watched. Before that, the cell can only add
            # series, so no planned reading depends on it.
            if row.cells.get(ref) is None or (is_use_condition(reader) and row.was_in_use(reader)):
                continue
            self._basis.setdefault((ref, id(reader)), (reader, row, []))[2].extend(
                () if is_use_condition(reader) else keys
            )
            if self.profile.protocol == "modbus" and not isinstance(reader, FromColumn):
                self.fields |= {value.ref: value for value in registers_of(reader) if value.ref == ref}
            if keys and isinstance(reader, UnitBy):
                self._plan_cells.setdefault(poll, {})[ref] = None
            elif keys and isinstance(reader, Part):
                self._scales.setdefault(poll, {})[ref] = None
            if isinstance(reader, Part | When) and not is_use_condition(reader):
                for key in keys:
                    self._cells_of_series.setdefault(key, {})[ref] = isinstance(reader, Part)

    def _all_basis(self) -> dict[str, tuple[Basis, ...]]:
        found: dict[str, list[Basis]] = {}
        # Cells with series come first, because the number of cells is limited and a change could make their readings wrong. Of a row that
        # was left out, a change that goes unnoticed only leaves readings missing.
        for (ref, _), (reader, row, keys) in sorted(self._basis.items(), key=lambda each: not each[1][2]):
            if ref in found or len(found) < MAX_BASIS:
                small = Row(row.index, {}, row.role)
                value = row.cells.get(ref)
                planned = row.meaning(ref, reader, value)
                found.setdefault(ref, []).append(
                    Basis(ref=ref, reader=reader, row=small, value=value, planned=planned, keys=tuple(keys))
                )
        return {ref: tuple(each) for ref, each in found.items()}

    def plan(self) -> Plan:
        basis = self._all_basis()
        if self.profile.protocol == "modbus" and self._slots:
            # Modbus only: the SNMP poller adds these cells itself, together with its own (`_with_watched` in agent/poll/snmp.py).
            slow: PollClass = "slow" if "slow" in self._slots else max(self._slots, key=lambda poll: POLL_SECONDS[poll])
            self._plan_cells.setdefault(slow, {}).update(dict.fromkeys(basis))
        polls = dict.fromkeys((*self._slots, *self._base_slots))
        classes = {poll: self._requests(poll, tuple(self._slots.get(poll, {}).values())) for poll in polls}
        # A series that another point gives is not missing: a row that lacks a cell of one kind is mostly a row of the other kind.
        self.left_out["condition"] += len(self.undecided.keys() - self._seen)
        left_out = {reason: count for reason, count in self.left_out.items() if count}
        listed = tuple(dict.fromkeys(self.nothing_there))[:MAX_LISTED]
        return Plan(
            classes=classes, duplicates=tuple(self._duplicates), basis=basis, left_out=left_out, nothing_there=listed
        )

    def _requests(self, poll: PollClass, slots: tuple[Slot, ...]) -> ClassPlan:
        refs, cut = self._refs[poll], tuple(self.cut.get(poll, ()))
        if self.profile.protocol == "snmp":
            plan_cells, base_slots = self._cells_to_read(poll, refs), tuple(self._base_slots.get(poll, {}).values())
            return ClassPlan(
                slots,
                tuple(refs),
                cut=cut,
                plan_cells=plan_cells,
                scale_cells=self._unread_scale_cells(poll, (*slots, *base_slots), {*refs, *plan_cells}),
                base_slots=base_slots,
            )
        limits = self.profile.modbus
        # Blocks of the safety class have no gaps: if a unit stops answering a register between two leak detectors, neither must be
        # affected.
        max_gap = 0 if poll == "safety" else limits.max_gap
        # Units are read after the readings. If a unit is switched in between, correct readings are rejected, and no wrong one is accepted.
        units = self._plan_cells.get(poll, {})
        blocks = [
            block
            for part in ([ref for ref in refs if ref not in units], units)
            for block in coalesce([self.fields[ref] for ref in part], limits.max_registers, max_gap)
        ]
        return ClassPlan(slots, blocks=tuple(blocks), cut=cut, plan_cells=tuple(units))

    def _cells_to_read(self, poll: PollClass, refs: Mapping[str, None]) -> tuple[str, ...]:
        """The cells to read after a class's readings: all units, and the scales if they are few and need no additional request.

        The other scales are read with the class `slow`. A device has one scale for each row or one for all; reading a scale for each outlet
        would double every poll of a PDU.
        """
        units = self._plan_cells.get(poll, {})
        scales = [ref for ref in self._scales.get(poll, ()) if ref not in units]
        asked, limit = len({**refs, **units}), self.profile.max_varbinds
        is_cheap = len(scales) <= max(1, asked // READINGS_PER_SCALE) and len(scales) <= -asked % limit
        return (*units, *(scales if is_cheap else ()))

    def _unread_scale_cells(
        self, poll: PollClass, slots: Sequence[Slot], read: Collection[str]
    ) -> dict[str, tuple[str, ...]]:
        """See `ClassPlan.scale_cells`; empty for the class `slow`, which reads all of these cells.

        Only for numbers with a scale: doing it for every number with a condition took 6 % of the time of a UPS's poll.
        """
        found: dict[str, dict[str, None]] = {}
        for slot in slots if poll != "slow" else ():
            cells = self._cells_of_series.get(slot.key, {})
            unread = {ref: is_scale for ref, is_scale in cells.items() if ref not in read}
            if any(unread.values()):
                for ref in (ref for decoder in slot.decoders if decoder.is_number for ref in decoder.refs):
                    found.setdefault(ref, {}).update(dict.fromkeys(unread))
        return {ref: tuple(each) for ref, each in found.items()}


def _slots(draft: _Draft, table: Table | None, point: Point, row: Row, *, unique_label: str | None) -> Iterator[Slot]:
    """The series of one point in one row. Series that are left out are counted in the draft.

    The row's index is added to the label `unique_label`, because another row has the same name.
    """
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
        labels[name] = row.unique_label(value) if name == unique_label else value
    gate = _gate(draft, point.gate or (table.gate if table else None), row.index)
    series: list[tuple[int | None, dict[str, str]]] = [*point.bits.items()] if point.bits else [(None, {})]
    if not is_decided:
        draft.undecided |= {series_key(metric.name, labels | extra): None for _, extra in series}
        return
    for bit, extra in series:
        made = (_decoder(draft, source, metric, row, bit) for source in point.sources())
        decoders = tuple(decoder for decoder in made if decoder is not None)
        if not decoders:
            draft.left_out["unit"] += 1
        else:
            yield slot_of(series_key(metric.name, labels | extra), metric, decoders, gate)


def _gate(draft: _Draft, gate: GateModel | None, index: str) -> Gate | None:
    if gate is None:
        return None
    ref, marks = place_ref(gate, index, draft.fields), flag_marks(gate, gate.bit, draft.named_bits)
    allowed, missing = (
        frozenset(code.casefold() if isinstance(code, str) else code for code in codes)
        for codes in (gate.in_, gate.missing)
    )
    return Gate(ref=ref, allowed=allowed, missing=missing, optional=gate.optional, bits=gate.bit, marks=marks)


def _decoder(draft: _Draft, source: Source, metric: Metric, row: Row, bit: int | None) -> Decoder | None:
    """How to decode a source in this row, or its one `bit`; None if its unit or scale is not known."""
    if source.cases:
        return _cases(draft, source, row)
    whole = _part(draft, source, metric, row, () if bit is None else (bit,))
    if whole is None or not (source.plus or source.minus):
        return whole
    parts: list[tuple[int, Decoder]] = []
    for sign, others in ((1, source.plus), (-1, source.minus)):
        for each in others:
            # A summand is not checked against the metric's expected range, which applies to the sum.
            if (decoder := _part(draft, each, None, row, ())) is None:
                return None
            parts.append((sign, decoder))
    return replace(whole, parts=tuple(parts), expect=(source.expect,) if source.expect else ())


def _cases(draft: _Draft, source: Source, row: Row) -> Decoder:
    """The decoder of cases; its reference is that of the first case with a cell."""
    checks = tuple(
        CaseCheck(
            ref=place_ref(case, row.index, draft.fields) if case.places() else "",
            bits=case.bit,
            allowed=frozenset(case.in_ or ([1] if case.bit and not case.between else [])),
            between=tuple(case.between),
            result=case.is_,
            marks=flag_marks(case, case.bit, draft.named_bits),
        )
        for case in source.cases
    )
    sentinels, ranges = sentinels_of(draft.profile, source, None, frozenset())
    return Decoder(
        next((check.ref for check in checks if check.ref), ""),
        sentinels=sentinels,
        sentinel_ranges=ranges,
        cases=checks,
    )


def _part(draft: _Draft, source: Part, metric: Metric | None, row: Row, bits: tuple[int, ...]) -> Decoder | None:
    """How to decode one number in this row; None if its unit or scale is not known. Without a `metric` it is a summand."""
    unit, scale = row.unit(source), row.scale(source)
    # If the unit's cell holds an unknown value, or the scale's cell is absent, the series is left out: a missing reading is better than
    # one wrong by a power of ten. A scale cell with an impossible value is a fault of the device: its readings are rejected, so that
    # somebody sees the reason.
    if unit is None or (scale is None and not row.has_scale_cell(source)):
        return None
    bits = bits or source.bit
    # The decoders of a table's rows differ only in their reference, and in some tables in unit and scale. Sharing everything else saves
    # 30 % of a plan's memory (11.6 instead of 16.4 MB for all SNMP families with three rows in each table).
    kind = (id(source), id(metric), bits, unit, scale)
    if kind not in draft.decoders:
        draft.decoders[kind] = _decoder_without_ref(draft, source, metric, unit=unit, scale=scale, bits=bits)
    return replace(draft.decoders[kind], ref=place_ref(source, row.index, draft.fields))


def _decoder_without_ref(
    draft: _Draft, source: Part, metric: Metric | None, *, unit: str, scale: Fraction | None, bits: tuple[int, ...]
) -> Decoder:
    """How to decode a part in every row with this unit and scale. If `scale` is None, every value is rejected."""
    factor = source.factor(unit) * (scale or 1)
    words = {word.casefold(): meaning for word, meaning in source.words.items()}
    sentinels, ranges = sentinels_of(draft.profile, source, metric, flag_marks(source, bits, draft.named_bits))
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
        counts_parts=draft.profile.protocol == "snmp" and source.counts_parts(),
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
