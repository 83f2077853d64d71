"""Polls one device over SNMP or Modbus: opens it, plans, polls a class, and plans again when the device has changed.

An object that is absent at planning is not requested again until the next plan. An object that goes missing later is still
requested: a device may hide a branch for a moment, for example while its card starts.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from agent.config import Device
from agent.modbus import Block, Field, ModbusClient, decode
from agent.poll.derive import deriving
from agent.poll.identity import identify_modbus, identify_snmp
from agent.poll.plans import SharedPlans
from agent.poll.probe_snmp import recognise_device
from agent.profile import (
    MAX_SERIES,
    MAX_TEXT,
    SYS_DESCR,
    SYS_NAME,
    SYS_OBJECT_ID,
    SYS_UPTIME,
    ClassPlan,
    Family,
    Plan,
    Profile,
    RawValue,
    Slot,
    Table,
    families_named_by_identity,
    normalising,
    plain_number,
    planning_columns,
)
from agent.readings import Identified, Identity, Readings
from agent.snmp import SnmpClient
from rackflow.catalogue import PollClass
from rackflow.errors import DeviceDecodeError, DeviceProtocolError
from rackflow.process.slices import in_slices

log = logging.getLogger(__name__)

# How long one poll's answers may be worked on at a time. Hundreds of polls may be due in the same second, and only a device with thousands
# of rows takes longer.
POLL_SLICE_S: Final = 0.001
# How long a plan is used. Rows can come and go without a reboot and without a marker (a sensor plugged in, an alarm replaced by
# another between two polls); such a change is noticed within this time. Planning walks all tables, which takes dozens of requests on
# a large PDU, so it must be rare compared with polling. Chosen value.
REPLAN_AFTER_S = 3600.0
# Least time between two plans caused by the device: a marker that changes at every poll, or an uptime that always goes back, must not
# cause a walk at every poll. Large plans wait longer, so that planning takes at most a few hundredths of a CPU: a plan of 20,000
# series takes 0.6 s, and 1,000 requests. Chosen values.
REPLAN_MIN_S = 10.0
REPLAN_SERIES_PER_S = 200.0
# Most rows of a table. Every row gives at least one series, or nothing.
MAX_ROWS = MAX_SERIES
# Cells of all tables that planning reads: about 60 MB. A device with more of them is refused; 20,000 rows with ten columns of labels
# fit. Chosen value.
MAX_CELLS = 200_000
# Sub-identifiers of an OID (RFC 2578, 3.5). A longer one can be answered, but not every library can ask for it.
MAX_ARCS = 128
# TimeTicks count hundredths of a second modulo 2^32, which is 497 days (RFC 2578, 7.1.8). At the wrap a device seems to have
# rebooted and is planned again, which does no harm.
TIMETICKS = 2**32
BOOT_METRIC = "dcim_device_boot_timestamp_seconds"
# A device that comes back within the hour of its plan and says the same of itself, and has not restarted meanwhile, is still what it
# was planned as: its plan is used on. Clocks of such cards drift by less than 1 % against ours, and an answer may take seconds.
GREETING: Final = (SYS_UPTIME, SYS_OBJECT_ID, SYS_DESCR, SYS_NAME)
UPTIME_DRIFT: Final = 0.01
UPTIME_SLACK_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a device said of itself when it was opened: texts that stay the same, and its uptime at a moment of our clock."""

    said: Mapping[str, RawValue]
    uptime_s: float | None
    at_s: float

    def continues(self, before: "Greeting") -> bool:
        """Whether this is the same device, which has not restarted since. Without an uptime nobody knows."""
        if self.uptime_s is None or before.uptime_s is None or self.said != before.said:
            return False
        passed_s = self.at_s - before.at_s
        return abs(self.uptime_s - before.uptime_s - passed_s) <= UPTIME_SLACK_S + UPTIME_DRIFT * passed_s


class DevicePoller(Protocol):
    """One device, whatever protocol it speaks."""

    async def open(self) -> Identified:
        """Connect, recognise, identify and plan. Raises DeviceError."""

    async def poll(self, poll_class: PollClass, now: float) -> Readings:
        """Readings of one class; `now` is Unix seconds. Raises DeviceError if nothing could be read."""

    async def close(self) -> None:
        """Free what `open` acquired."""


class SnmpPoller:
    """A `DevicePoller` over an `SnmpClient`. `clock` gives monotonic seconds, so that changing the system time does not age the plan."""

    def __init__(
        self,
        device: Device,
        profiles: Mapping[str, Profile],
        client: SnmpClient,
        clock: Callable[[], float] = time.monotonic,
        plans: SharedPlans | None = None,
    ) -> None:
        self._clock = clock
        self._device = device
        self._profiles = profiles
        self._client = client
        self._plans = plans or SharedPlans()
        self._greeting: Greeting | None = None
        self._identified: Identified | None = None
        self._family: Family | None = None
        self._plan = Plan({})
        self._uptime_s: float | None = None
        self._rebooted = False
        self._reboot_planned_at = -math.inf
        self._planned_at = 0.0
        self._marker: RawValue = None
        self._marked_at = 0.0

    async def open(self) -> Identified:
        """See `DevicePoller.open`. The first answers show which objects the device lacks; these are not requested again.

        A device that was open before keeps its plan if it is found unchanged.
        """
        greeting = await self._greet()
        if self._identified is not None and await self._is_unchanged(greeting):
            return self._identified
        # Whatever interrupts what follows, the next opening begins anew.
        self._identified = None
        profile = await self._recognise()
        family = self._plans.family(profile, outlets=self._device.outlets)
        self._family, self._greeting = family, greeting
        self._client.set_max_varbinds(self._device.max_varbinds or profile.max_varbinds)
        identity = await identify_snmp(self._client, family.profile)
        await self._make_plan(family)
        self._identified = _identified(self._device, family.profile, identity, self._plan)
        return self._identified

    async def poll(self, poll_class: PollClass, now: float) -> Readings:
        """See `DevicePoller.poll`. Tables are walked again after a reboot, after an hour, or when the marker changes."""
        part, family = self._plan.classes.get(poll_class), self._family
        if part is None or family is None:
            return Readings()
        profile = family.profile
        raw = await self._client.get(part.oids)
        if not raw:
            # Not silence: what was planned is gone, so the next opening must not keep the plan.
            self._identified = None
            raise DeviceProtocolError(
                "answers none of the objects it had before", device=self._device.id, operation=f"poll {poll_class}"
            )
        readings = await in_slices(normalising(part.slots, raw), POLL_SLICE_S)
        _mark_cut(part, readings)
        if SYS_UPTIME in raw:
            await self._watch_uptime(raw[SYS_UPTIME], family, readings, now)
        if profile.marker in raw:
            await self._watch_marker(raw[profile.marker], family, now)
        await in_slices(deriving(readings, profile.class_, coolant_of(self._device, profile)), POLL_SLICE_S)
        return readings

    async def close(self) -> None:
        """See `DevicePoller.close`."""
        await self._client.close()

    async def _recognise(self) -> Profile:
        wanted = self._device.profile
        if wanted != "auto":
            return self._profiles[wanted].loaded()
        profiles = list(self._profiles.values())
        found, answers = await recognise_device(self._client, profiles)
        if not found:
            text = answers.get(SYS_DESCR)
            shown = text.decode("utf-8", "replace")[:80] if isinstance(text, bytes) else "nothing"
            maybe = families_named_by_identity(profiles, answers)
            hint = (
                f"; its sysObjectID is that of profile {maybe[0].profile}, but it answers none of that profile's objects: "
                "check the SNMP view of the credential, and that the equipment behind the card is on"
                if maybe
                else ""
            )
            raise DeviceDecodeError(
                f"matches no profile; sysDescr is {shown!r}{hint}", device=self._device.id, operation="recognise"
            )
        return found[0].profile.loaded()

    async def _greet(self) -> Greeting:
        said: dict[str, RawValue] = await self._client.get(GREETING)
        uptime_s = _uptime_s(said.pop(SYS_UPTIME, None))
        return Greeting({oid: _comparable(value) for oid, value in said.items()}, uptime_s, self._clock())

    async def _is_unchanged(self, greeting: Greeting) -> bool:
        """Whether a device that was open before may keep its plan.

        Rows that came or went without a restart and without a marker are noticed within the hour, as while the device is polled.
        """
        family, before, known = self._family, self._greeting, self._identified
        fresh = not self._rebooted and self._clock() - self._planned_at <= REPLAN_AFTER_S
        if family is None or before is None or known is None or not fresh or not greeting.continues(before):
            return False
        marker = family.profile.marker
        if marker is not None and any(marker in part.oids for part in self._plan.classes.values()):
            answer = await self._client.get([marker])
            if _comparable(answer.get(marker)) != self._marker:
                return False
        return await identify_snmp(self._client, family.profile) == known.identity

    async def _make_plan(self, family: Family) -> None:
        # Order matters: cells and rows decide which series exist, the series decide which objects are requested, and the
        # first answers show which of these objects the device has.
        profile = family.profile
        rows: dict[str, list[str]] = {}
        cells: dict[str, RawValue] = await self._client.get(family.instances) if family.instances else {}
        walked: dict[str, dict[str, RawValue]] = {}
        cut: set[str] = set()
        # Rows of tables with the same name are joined: a profile and its base may both list the table.
        for table in profile.tables:
            indexes = await self._walk_table(table, cells, walked)
            rows.setdefault(table.name, []).extend(indexes[:MAX_ROWS])
            if len(indexes) > MAX_ROWS:
                cut.add(table.name)
        key, plan = await self._plans.plan(family, rows, cells, self._device.role, cut)
        # A profile that extends another overrides points of its base, so its duplicates are intended.
        if plan.duplicates and not profile.extends:
            log.warning(
                "device=%s profile=%s two points or rows give the same series, the first is used: %s",
                self._device.id,
                profile.profile,
                plan.duplicates[:3],
            )
        if lost := sorted({metric for part in plan.classes.values() for metric in part.cut}):
            log.warning("device=%s has too many rows, the rest is left out: metrics=%s", self._device.id, lost[:3])
        wanted = dict.fromkeys(oid for part in plan.classes.values() for oid in part.oids)
        known = await self._client.get([SYS_UPTIME, *wanted])
        if not any(oid in known for oid in wanted):
            raise DeviceDecodeError(
                f"has none of the objects of profile {profile.profile}", device=self._device.id, operation="plan"
            )
        plan = await self._plans.trim(key, plan, frozenset(oid for oid in wanted if oid not in known))
        self._plan = _with_uptime(plan, SYS_UPTIME in known)
        self._planned_at = self._clock()
        self._marker = _comparable(known.get(profile.marker)) if profile.marker else None

    async def _walk_table(
        self, table: Table, cells: dict[str, RawValue], walked: dict[str, dict[str, RawValue]]
    ) -> list[str]:
        """Indexes of the table's rows. Cells that planning needs are added to `cells`; no column is walked twice."""
        indexes: dict[str, None] = {}
        for column in table.row_columns():
            if column not in walked:
                walked[column] = await self._walk_column(column, MAX_CELLS - len(cells))
            indexes |= dict.fromkeys(oid[len(column) + 1 :] for oid in walked[column])
            cells.update(walked[column])
        # A table without rows needs no labels.
        for column in planning_columns(table) if indexes else ():
            if column not in walked:
                walked[column] = await self._walk_column(column, MAX_CELLS - len(cells))
            cells.update(walked[column])
        return list(indexes)

    async def _walk_column(self, column: str, room: int) -> dict[str, RawValue]:
        # One row more than is used shows that there are more. Long texts are cut, because they stay in memory until the plan is made.
        found = await self._client.walk(column, min(MAX_ROWS, room) + 1)
        if len(found) > room:
            text = f"has more than {MAX_CELLS} cells in its tables"
            raise DeviceDecodeError(text, device=self._device.id, operation=f"walk {column}")
        return {
            oid: value[:MAX_TEXT] if isinstance(value, bytes) else value
            for oid, value in found.items()
            if oid.count(".") < MAX_ARCS
        }

    async def _watch_uptime(self, raw: RawValue, family: Family, readings: Readings, now: float) -> None:
        """Add the time of the last boot, and plan again after a reboot or when the plan has become old."""
        uptime_s = _uptime_s(raw)
        if uptime_s is None:
            return
        readings.values[BOOT_METRIC] = float(round(now - uptime_s))
        if self._uptime_s is not None and uptime_s < self._uptime_s:
            self._rebooted = True
        self._uptime_s = uptime_s
        clock = self._clock()
        if self._rebooted and clock - self._reboot_planned_at >= self._replan_pause_s():
            # Before planning, so that a device whose planning fails does not try it at every poll.
            self._reboot_planned_at = clock
            await self._make_plan(family)
            self._rebooted = False
        elif clock - self._planned_at > REPLAN_AFTER_S:
            await self._make_plan(family)

    def _replan_pause_s(self) -> float:
        """Least time between two plans that the device causes, by its marker or by reboots, true or alleged."""
        series = sum(len(part.slots) for part in self._plan.classes.values())
        return max(REPLAN_MIN_S, series / REPLAN_SERIES_PER_S)

    async def _watch_marker(self, value: RawValue, family: Family, now: float) -> None:
        """Plan again when the profile's marker has changed: rows of its tables have come or gone."""
        # A negative age means that the clock was set back, so the age of the last plan is unknown.
        if _comparable(value) != self._marker and not 0 <= now - self._marked_at < self._replan_pause_s():
            await self._make_plan(family)
            self._marked_at = now


class ModbusPoller:
    """A `DevicePoller` over a `ModbusClient`, which may be a share of a link used by several units."""

    def __init__(
        self, device: Device, profile: Profile, client: ModbusClient, plans: SharedPlans | None = None
    ) -> None:
        self._device = device
        self._plans = plans or SharedPlans()
        self._family = self._plans.family(profile, outlets=device.outlets)
        self._profile = self._family.profile
        self._client = client
        self._plan = Plan({})

    async def open(self) -> Identified:
        """See `DevicePoller.open`. Registers that the device refuses are found here and not requested again."""
        key, plan = await self._plans.plan(self._family, {}, {}, self._device.role)
        blocks = [block for part in plan.classes.values() for block in part.blocks]
        absent: set[str] = set()
        refused: list[Block] = []
        for block in blocks:
            try:
                await self._read(block)
            except DeviceProtocolError:
                refused.append(block)
                absent |= await self._absent_fields(block)
        fields = sum(len(block.fields) for block in blocks)
        if len(absent) >= fields:
            raise DeviceProtocolError(
                f"refuses every register of profile {self._profile.profile}", device=self._device.id, operation="plan"
            )
        self._plan = await self._plans.trim(key, plan, frozenset(absent), refused)
        identity = await identify_modbus(self._client, self._device.unit, self._profile)
        return _identified(self._device, self._profile, identity, self._plan)

    async def poll(self, poll_class: PollClass, now: float) -> Readings:  # noqa: ARG002 - the seam's signature
        """See `DevicePoller.poll`. If the device refuses a block, only that block's readings are rejected, as `refused`."""
        part = self._plan.classes.get(poll_class)
        if part is None:
            return Readings()
        raw: dict[str, RawValue] = {}
        refused: list[DeviceProtocolError] = []
        for block in part.blocks:
            try:
                raw.update(await self._read(block))
            except DeviceProtocolError as error:
                refused.append(error)
        if refused and not raw:
            raise refused[0]
        readings = await in_slices(normalising(part.slots, raw), POLL_SLICE_S)
        if refused:
            _mark_refused(part.slots, raw, readings)
        await in_slices(deriving(readings, self._profile.class_, coolant_of(self._device, self._profile)), POLL_SLICE_S)
        return readings

    async def close(self) -> None:
        """See `DevicePoller.close`."""
        await self._client.close()

    async def _read(self, block: Block) -> dict[str, RawValue]:
        registers = await self._client.read(self._device.unit, block.table, block.address, block.count)
        return {
            field.ref: decode(registers[field.offset : field.offset + field.words], field.kind, field.order)
            for field in block.fields
        }

    async def _absent_fields(self, block: Block) -> set[str]:
        """The fields of a refused block that the device also refuses when they are read alone.

        Many devices refuse a whole block because of one register in it that the model does not have.
        """
        absent: set[str] = set()
        for field in block.fields:
            alone = Field(field.ref, 0, field.words, field.kind, field.order)
            try:
                await self._read(Block(block.table, block.address + field.offset, field.words, (alone,)))
            except DeviceProtocolError:
                absent.add(field.ref)
        return absent


def coolant_of(device: Device, profile: Profile) -> dict[str, str]:
    """Fluid per loop, from the profile. The configuration overrides it, because its author knows which fluid was filled in."""
    fluids: dict[str, str] = {str(loop): fluid for loop, fluid in profile.coolant.items()}
    return fluids | {loop: coolant.fluid for loop, coolant in device.coolant.items()}


def _identified(device: Device, profile: Profile, identity: Identity, plan: Plan) -> Identified:
    coolant = coolant_of(device, profile)
    return Identified(profile.profile, profile.class_, identity, frozenset(plan.classes), coolant)


def _with_uptime(plan: Plan, has_uptime: bool) -> Plan:  # noqa: FBT001 - one flag, named at the only call
    if not has_uptime:
        return plan
    # Polled in class `slow`: a reboot is noticed within a minute, at the cost of one object per minute.
    slow = plan.classes.get("slow", ClassPlan(()))
    return Plan({**plan.classes, "slow": ClassPlan(slow.slots, (*slow.oids, SYS_UPTIME))}, plan.duplicates)


def _uptime_s(raw: RawValue) -> float | None:
    ticks = plain_number(raw)
    return ticks / 100 if ticks is not None and 0 <= ticks < TIMETICKS else None


def _comparable(value: RawValue) -> RawValue:
    # NaN differs from itself, so it would count as a change at every poll.
    return None if isinstance(value, float) and math.isnan(value) else value


def _mark_cut(part: ClassPlan, readings: Readings) -> None:
    """Say of each metric with more rows than are polled that there are more. The key has no labels: those rows were not read."""
    for metric in part.cut:
        if metric not in readings.values and metric not in readings.states:
            readings.bad[metric] = "limit"


def _mark_refused(slots: Sequence[Slot], raw: Mapping[str, RawValue], readings: Readings) -> None:
    for slot in slots:
        if not any(decoder.ref in raw for decoder in slot.decoders):
            readings.bad[slot.key] = "refused"
