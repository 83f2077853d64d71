"""Collects the series of a device while it is planned, and turns them into the requests of each poll class."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from agent.modbus import RegisterValue, coalesce
from agent.profile.normalising import Slot
from agent.profile.planning.in_use import is_use_condition
from agent.profile.planning.plan import MAX_DUPLICATES, MAX_LISTED, ClassPlan, Plan, PlannedCell, refs_of
from agent.profile.planning.planning_cells import CellSource
from agent.profile.planning.rows import CellReader, Row
from agent.profile.schema import FromColumn, Part, Profile, ScaleBy, UnitBy, When, registers_of
from rackflow.catalogue import POLL_SECONDS, PollClass

# Most series of one device. The largest real devices are rack PDUs that report for a whole chain: 64 PDUs of 48 outlets with 6 readings
# each. 20,000 series take 15 MB of memory and 1.2 MB in each batch, so the limit bounds what a device with a broken table can cost.
# Chosen value.
MAX_SERIES: Final = 20_000
# Scales are read in the same poll as the readings only if there are at least this many readings for each scale, so that a poll grows by
# at most a quarter. A scale changes when a device is reconfigured or gets new firmware, far less often than a unit is switched. Chosen.
READINGS_PER_SCALE: Final = 4
# How many of the cells that a plan depends on are read again between plans (100 requests a minute). If a device has more names and units,
# the others are only read again with the hourly plan. Chosen value.
MAX_PLANNED_CELLS: Final = 2000


@dataclass(slots=True)
class _ClassParts:
    """What one poll class needs. Each `dict[str, None]` is a set of references that keeps their order, in which they are requested."""

    slots: dict[str, Slot] = field(default_factory=dict)
    """By series key."""
    base_slots: dict[str, Slot] = field(default_factory=dict)
    """By series key; see `ClassPlan.base_slots`."""
    refs: dict[str, None] = field(default_factory=dict)
    """Of the cells that the slots and base slots are read from."""
    unit_refs: dict[str, None] = field(default_factory=dict)
    """Of the cells that name the units of the slots."""
    scale_refs: dict[str, None] = field(default_factory=dict)
    """Of the cells with the scales of the slots. Registers (`scale_by`) are read with the readings, and so come in the same answer if they
    stand near them: what is multiplied and by what are then of the same moment."""
    cut: dict[str, None] = field(default_factory=dict)
    """Names of metrics whose further rows are left out."""


@dataclass(frozen=True, slots=True)
class _CellUse:
    """One way in which planning used a cell, and the keys of the series that depend on it."""

    reader: CellReader
    row: Row
    keys: list[str] = field(default_factory=list)


class PlanBuilder:
    """A plan while it is being made. Series and the cells that they depend on are added row by row; `plan` ends it."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self.registers: dict[str, RegisterValue] = {}
        """By reference: the registers to read, as `coalesce` takes them. Empty for SNMP."""
        self.left_out: Counter[str] = Counter()
        """See `Plan.left_out`."""
        self.nothing_there: list[str] = []
        """See `Plan.nothing_there`; what the planner adds are tables without rows."""
        self._classes: defaultdict[PollClass, _ClassParts] = defaultdict(_ClassParts)
        self._keys: set[str] = set()
        """Of all series that are planned."""
        self._reserved: set[str] = set()
        """Of series that no further point may give, because it is unknown how an earlier one reads them (`instances`)."""
        self._duplicates: list[str] = []
        self._undecided: set[str] = set()
        self._cell_uses: dict[tuple[str, int], _CellUse] = {}
        """By the cell's reference and the `id` of its reader."""
        self._cells_of_series: dict[str, dict[str, bool]] = {}
        """By series key: references of the cells with its scale (True) and with its conditions (False)."""

    def add_slot(self, poll_class: PollClass, slot: Slot) -> None:
        """Add a series, unless it is there already, reserved, or the device has too many."""
        if slot.key in self._reserved:
            return
        parts = self._classes[poll_class]
        # Own points come before those of an extended profile, so the first is the more specific one.
        if slot.key in self._keys:
            # A profile that extends another overrides points of its base, so its duplicates are intended.
            if not self._profile.extends:
                self.left_out["duplicate"] += 1
            if len(self._duplicates) < MAX_DUPLICATES:
                self._duplicates.append(slot.key)
            if self._profile.extends and self._profile.protocol == "snmp":
                # At most one for each series, so that MAX_SERIES bounds these as well.
                parts.refs.update(refs_of([parts.base_slots.setdefault(slot.key, slot)]))
        elif len(self._keys) >= MAX_SERIES:
            self.left_out["limit"] += 1
            parts.cut[slot.metric.name] = None
        else:
            self._keys.add(slot.key)
            parts.slots[slot.key] = slot
            parts.refs.update(refs_of([slot]))

    def reserve(self, keys: Iterable[str]) -> None:
        """Leave out these series, and keep points that follow from giving them: a base profile may read whole amperes as tenths."""
        self._reserved.update(keys)

    def add_cut(self, poll_class: PollClass, metric: str) -> None:
        """Note that the device has more rows with this metric than were read."""
        self._classes[poll_class].cut[metric] = None

    def add_undecided(self, keys: Iterable[str]) -> None:
        """Note series of a row that lacks the cell of a condition. They count as left out unless another point gives them."""
        self._undecided.update(keys)

    def add_dependence(
        self, poll_class: PollClass, row: Row, sources: Iterable[CellSource], keys: Sequence[str]
    ) -> None:
        """Note that these series of the row depend on these cells; without keys, that the row was left out because of them."""
        for place, reader in sources:
            ref = row.ref(place, reader)
            # Once a use cell was in use, its condition holds for good and need not be watched. Before that, the cell can only add
            # series, so no planned reading depends on it.
            if row.cells.get(ref) is None or (is_use_condition(reader) and row.was_in_use(reader)):
                continue
            use = self._cell_uses.setdefault((ref, id(reader)), _CellUse(reader, row))
            if self._profile.protocol == "modbus" and not isinstance(reader, FromColumn):
                self.registers |= {value.ref: value for value in registers_of(reader) if value.ref == ref}
            if is_use_condition(reader):
                continue
            use.keys.extend(keys)
            if keys and isinstance(reader, UnitBy):
                self._classes[poll_class].unit_refs[ref] = None
            elif keys and isinstance(reader, Part | ScaleBy):
                self._classes[poll_class].scale_refs[ref] = None
            if isinstance(reader, Part | When):
                for key in keys:
                    self._cells_of_series.setdefault(key, {})[ref] = isinstance(reader, Part)

    def plan(self) -> Plan:
        """The plan of everything that was added."""
        planned_cells = self._planned_cells()
        with_slots = [poll_class for poll_class, parts in self._classes.items() if parts.slots]
        with_base_slots = [poll_class for poll_class, parts in self._classes.items() if parts.base_slots]
        if self._profile.protocol == "modbus" and with_slots:
            # Modbus only: the SNMP poller adds these cells itself, together with its own (`_with_extra_objects` in agent/poll/snmp.py).
            slowest = max(with_slots, key=lambda poll_class: POLL_SECONDS[poll_class])
            self._classes["slow" if "slow" in with_slots else slowest].unit_refs.update(dict.fromkeys(planned_cells))
        request = self._snmp_requests if self._profile.protocol == "snmp" else self._modbus_requests
        classes = {
            poll_class: request(poll_class, self._classes[poll_class])
            for poll_class in dict.fromkeys((*with_slots, *with_base_slots))
        }
        self.left_out["instances"] += len(self._reserved - self._keys)
        # A series that another point gives is not missing: a row that lacks a cell of one kind is mostly a row of the other kind.
        self.left_out["condition"] += len(self._undecided - self._keys - self._reserved)
        return Plan(
            classes=classes,
            duplicates=tuple(self._duplicates),
            planned_cells=planned_cells,
            left_out={reason: count for reason, count in self.left_out.items() if count},
            nothing_there=tuple(dict.fromkeys(self.nothing_there))[:MAX_LISTED],
        )

    def _planned_cells(self) -> dict[str, tuple[PlannedCell, ...]]:
        found: dict[str, list[PlannedCell]] = {}
        for (ref, _), use in sorted(self._cell_uses.items(), key=lambda each: _rank(each[1])):
            if ref in found or len(found) < MAX_PLANNED_CELLS:
                row, value = use.row, use.row.cells.get(ref)
                found.setdefault(ref, []).append(
                    PlannedCell(
                        ref=ref,
                        reader=use.reader,
                        row=Row(row.index, {}, row.role),
                        value=value,
                        planned=row.meaning(ref, use.reader, value),
                        keys=tuple(use.keys),
                    )
                )
        return {ref: tuple(each) for ref, each in found.items()}

    def _snmp_requests(self, poll_class: PollClass, parts: _ClassParts) -> ClassPlan:
        slots, base_slots = tuple(parts.slots.values()), tuple(parts.base_slots.values())
        read_after = self._units_and_cheap_scales(parts)
        # The class `slow` reads all planned cells, so nothing is unread there.
        unread = {}
        if poll_class != "slow":
            unread = self._unread_scale_cells((*slots, *base_slots), {*parts.refs, *read_after})
        return ClassPlan(
            slots,
            tuple(parts.refs),
            cut=tuple(parts.cut),
            read_after=read_after,
            scale_cells=unread,
            base_slots=base_slots,
        )

    def _modbus_requests(self, poll_class: PollClass, parts: _ClassParts) -> ClassPlan:
        limits = self._profile.modbus
        # Blocks of the safety class have no gaps: if a unit stops answering a register between two leak detectors, neither must be
        # affected.
        max_gap = 0 if poll_class == "safety" else limits.max_gap
        # Units are read after the readings. If a unit is switched in between, correct readings are rejected, and no wrong one is accepted.
        units = {ref: None for ref in parts.unit_refs if ref not in parts.scale_refs}
        readings_first = ([ref for ref in (parts.refs | parts.scale_refs) if ref not in units], units)
        blocks = [
            block
            for refs in readings_first
            for block in coalesce([self.registers[ref] for ref in refs], limits.max_registers, max_gap)
        ]
        # The same of scales: what is in another request than they are is read before them. The sort keeps the order otherwise. Units stay
        # last, because readings may be in one request with a scale.
        last = parts.scale_refs.keys(), units.keys()
        blocks.sort(key=lambda block: [any(each.ref in refs for each in block.fields) for refs in reversed(last)])
        return ClassPlan(
            tuple(parts.slots.values()),
            blocks=tuple(blocks),
            cut=tuple(parts.cut),
            read_after=tuple(parts.unit_refs | parts.scale_refs),
        )

    def _units_and_cheap_scales(self, parts: _ClassParts) -> tuple[str, ...]:
        """The cells to read after a class's readings: all units, and the scales if they are few and need no additional request.

        The other scales are read with the class `slow`. A device has one scale for each row or one for all; reading a scale for each outlet
        would double every poll of a PDU.
        """
        units = parts.unit_refs
        scales = [ref for ref in parts.scale_refs if ref not in units]
        requested = len({**parts.refs, **units})
        room_in_last_request = -requested % self._profile.max_varbinds
        are_few = len(scales) <= max(1, requested // READINGS_PER_SCALE)
        are_cheap = are_few and len(scales) <= room_in_last_request
        return (*units, *(scales if are_cheap else ()))

    def _unread_scale_cells(self, slots: Sequence[Slot], read: Collection[str]) -> dict[str, tuple[str, ...]]:
        """See `ClassPlan.scale_cells`; `read` are the references that the class reads.

        Only for numbers with a scale: doing it for every number with a condition took 6 % of the time of a UPS's poll.
        """
        found: dict[str, dict[str, None]] = {}
        for slot in slots:
            cells = self._cells_of_series.get(slot.key, {})
            unread = {ref: is_scale for ref, is_scale in cells.items() if ref not in read}
            if any(unread.values()):
                for ref in (ref for decoder in slot.decoders if decoder.is_number for ref in decoder.refs):
                    found.setdefault(ref, {}).update(dict.fromkeys(unread))
        return {ref: tuple(each) for ref, each in found.items()}


def _rank(use: _CellUse) -> int:
    """The order in which cells are watched, of which there is a largest number.

    Units and scales come first, because a change makes their readings wrong; then names and conditions of series. Of a row that was left
    out, a change that goes unnoticed only leaves readings missing.
    """
    if not use.keys:
        return 2
    return 0 if isinstance(use.reader, UnitBy | Part | ScaleBy) else 1
