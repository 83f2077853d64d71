"""Polls one device over SNMP: opens it, plans, polls a class, and plans again when the device has changed.

An object that is absent at planning is not requested again until the next plan. An object that goes missing later is still
requested: a device may hide a branch for a moment, for example while its card starts.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from agent.config import Device
from agent.poll.derive import deriving
from agent.poll.identity import coolant_of, first_text, identified, identity_from, identity_oids
from agent.poll.probe_snmp import recognise_device
from agent.poll.series_count import SeriesCount
from agent.profile import (
    MAX_SERIES,
    MAX_TEXT,
    SYS_DESCR,
    SYS_OBJECT_ID,
    SYS_UPTIME,
    ClassPlan,
    IdentitySource,
    Plan,
    Profile,
    RawValue,
    Table,
    families_named_by_identity,
    normalising,
    plain_number,
    planning,
    planning_columns,
    planning_instances,
    trimming,
)
from agent.readings import Identified, Identity, Readings
from agent.snmp import SnmpClient
from rackflow.catalogue import PollClass
from rackflow.errors import DeviceDecodeError, DeviceProtocolError
from rackflow.process.slices import EACH_STEP, in_slices

log = logging.getLogger(__name__)

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
# TimeTicks count hundredths of a second modulo 2^32, which is 497 days (RFC 2578, 7.1.8).
TIMETICKS = 2**32
WRAP_S = TIMETICKS / 100
# How far the clocks of device and agent may differ for an uptime that begins anew to be taken for the wrap: a minute, and a twentieth
# of the time since the uptime was last read. A reboot so close to the wrap is missed until the tables are walked again. Chosen.
WRAP_SLACK_S = 60.0
WRAP_SLACK_SHARE = 0.05
BOOT_METRIC = "dcim_device_boot_timestamp_seconds"


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
    ) -> None:
        self._clock = clock
        self._device = device
        self._profiles = profiles
        self._client = client
        self._profile: Profile | None = None
        self._plan = Plan({})
        self._opened_classes: frozenset[PollClass] = frozenset()
        # Seconds since the device's start, with the wraps of sysUpTime that were seen, and when it was read.
        self._uptime_s: float | None = None
        self._uptime_at = 0.0
        self._wraps = 0
        self._rebooted = False
        # What said who the device is: where it stands and what it said.
        self._words: list[tuple[IdentitySource, str]] = []
        self._another = ""
        self._planned_at = 0.0
        self._marker: RawValue = None
        self._marked_at = 0.0
        # Cells that planning would read differently now, with the series that rest on each.
        self._changed_cells: dict[str, set[str]] = {}
        self._reopened_at = -math.inf
        self._count = SeriesCount()

    async def open(self) -> Identified:
        """See `DevicePoller.open`. The first answers show which objects the device lacks; these are not requested again."""
        profile, identity = await self._find_plan()
        self._rebooted, self._another = False, ""
        self._opened_classes = frozenset(self._plan.classes)
        return identified(self._device, profile, identity, self._plan)

    async def poll(self, poll_class: PollClass, now: float) -> Readings:
        """See `DevicePoller.poll`. Tables are walked again after an hour, or when the marker changes.

        Readings whose unit, scale or name has changed at the device are rejected as `replanning` until it is planned again.
        """
        part, profile = self._plan.classes.get(poll_class), self._profile
        if part is None or profile is None:
            return Readings()
        raw = await self._client.get(part.oids)
        if not raw:
            raise DeviceProtocolError(
                "answers none of the objects it had before", device=self._device.id, operation=f"poll {poll_class}"
            )
        readings = await in_slices(normalising(part.slots, raw), EACH_STEP)
        _mark_cut(part, readings)
        self._watch_cells(raw)
        self._watch_identity(raw)
        self._reject_changed(readings)
        self._count.add(poll_class, readings)
        if SYS_UPTIME in raw:
            await self._watch_uptime(raw[SYS_UPTIME], profile, readings, now)
        if profile.marker in raw:
            await self._watch_marker(raw[profile.marker], profile, now)
        await in_slices(deriving(readings, profile.class_, coolant_of(self._device, profile)), EACH_STEP)
        readings.reopen = self._reason_to_reopen()
        return readings

    async def close(self) -> None:
        """See `DevicePoller.close`."""
        await self._client.close()

    async def _find_plan(self) -> tuple[Profile, Identity]:
        """Identify the device and plan it with the best profile that gives any reading: its own, another that fits, a generic one."""
        wanted = self._device.profile
        if wanted != "auto":
            return await self._plan_with(self._profiles[wanted].loaded())
        left = dict(self._profiles)
        fault: DeviceDecodeError | None = None
        while True:
            found, answers = await recognise_device(self._client, left.values())
            if not found:
                raise fault or self._unknown(answers)
            for match in found:
                del left[match.profile.profile]
                try:
                    return await self._plan_with(match.profile.loaded())
                except DeviceDecodeError as error:
                    log.info("device=%s looks like %s but %s", self._device.id, match.profile.profile, error)
                    fault = fault or error

    async def _plan_with(self, whole: Profile) -> tuple[Profile, Identity]:
        self._profile = profile = whole if self._device.outlets else whole.without_outlets()
        self._client.set_max_varbinds(self._device.max_varbinds or profile.max_varbinds)
        identity = await self._identify(profile)
        await self._make_plan(profile)
        return profile, identity

    def _unknown(self, answers: Mapping[str, RawValue]) -> DeviceDecodeError:
        text = answers.get(SYS_DESCR)
        shown = text.decode("utf-8", "replace")[:80] if isinstance(text, bytes) else "nothing"
        maybe = families_named_by_identity(self._profiles.values(), answers)
        hint = (
            f"; its sysObjectID is that of profile {maybe[0].profile}, but it answers none of that profile's objects: "
            "check the SNMP view of the credential, and that the equipment behind the card is on"
            if maybe
            else ""
        )
        return DeviceDecodeError(
            f"matches no profile; sysDescr is {shown!r}{hint}", device=self._device.id, operation="recognise"
        )

    async def _identify(self, profile: Profile) -> Identity:
        answers = await self._client.get([*identity_oids(profile), SYS_OBJECT_ID])
        watched = [IdentitySource(oid=SYS_OBJECT_ID), *profile.identity.model, *profile.identity.serial]
        self._words = [(each, text) for each in watched if each.oid and (text := first_text([each], answers))]
        return identity_from(profile, answers)

    async def _make_plan(self, profile: Profile) -> None:
        # Order matters: cells and rows decide which series exist, the series decide which objects are requested, and the
        # first answers show which of these objects the device has.
        rows: dict[str, list[str]] = {}
        instances = planning_instances(profile)
        cells: dict[str, RawValue] = await self._client.get(instances) if instances else {}
        walked: dict[str, dict[str, RawValue]] = {}
        cut: set[str] = set()
        # Rows of tables with the same name are joined: a profile and its base may both list the table.
        for table in profile.tables:
            indexes = await self._walk_table(table, cells, walked)
            rows.setdefault(table.name, []).extend(indexes[:MAX_ROWS])
            if len(indexes) > MAX_ROWS:
                cut.add(table.name)
        plan = await in_slices(planning(profile, rows, cells, self._device.role, cut), EACH_STEP)
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
        plan = await in_slices(trimming(plan, lambda ref: ref not in known), EACH_STEP)
        identity = [source.oid for source, _ in self._words if source.oid]
        self._plan = _with_checks(plan, [*([SYS_UPTIME] if SYS_UPTIME in known else []), *identity])
        self._changed_cells.clear()
        self._count.begin(self._plan)
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

    def _watch_cells(self, raw: Mapping[str, RawValue]) -> None:
        """Note the cells that the plan rests on and that mean something else now. A cell that is missing or NULL says nothing."""
        basis = self._plan.basis
        for ref in raw.keys() & basis.keys():
            if (value := raw[ref]) is None:
                continue
            keys = {key for each in basis[ref] if not each.holds(value) for key in each.keys}
            if keys or any(not each.holds(value) for each in basis[ref]):
                self._changed_cells[ref] = keys
            else:
                self._changed_cells.pop(ref, None)

    def _reject_changed(self, readings: Readings) -> None:
        """Another device's numbers may mean something else, and so may those whose unit, scale or name has changed."""
        everything = [{*readings.values, *readings.states}] if self._another else []
        for keys in (*self._changed_cells.values(), *everything):
            for key in keys:
                if key in readings.values or key in readings.states or key in readings.bad:
                    readings.values.pop(key, None)
                    readings.states.pop(key, None)
                    readings.bad[key] = "replanning"

    def _watch_identity(self, raw: Mapping[str, RawValue]) -> None:
        """Note whether this is another device. An object that is missing or empty says nothing."""
        for source, known in self._words:
            text = first_text([source], raw)
            if text and text != known:
                self._another = f"{source.oid} was {known!r} and is {text!r}"

    def _reason_to_reopen(self) -> str:
        """Why the device should be opened anew, at most every so often: an uptime may go back, or a name may change, at every poll."""
        reason = self._another
        if self._rebooted:
            reason = "has rebooted"
        elif self._changed_cells:
            reason = f"{next(iter(self._changed_cells))} has changed, on which the plan rests"
        elif not reason and frozenset(self._plan.classes) != self._opened_classes:
            reason = "has gained or lost poll classes"
        if not reason or self._clock() - self._reopened_at < self._replan_pause_s():
            return ""
        self._reopened_at = self._clock()
        return reason

    async def _watch_uptime(self, raw: RawValue, profile: Profile, readings: Readings, now: float) -> None:
        """Add the time of the last boot, note a reboot, and plan again when the plan has become old."""
        ticks = plain_number(raw)
        if ticks is None or not 0 <= ticks < TIMETICKS:
            return
        clock = self._clock()
        uptime_s = ticks / 100 + self._wraps * WRAP_S
        if self._uptime_s is not None and uptime_s < self._uptime_s:
            elapsed_s = clock - self._uptime_at
            slack_s = max(WRAP_SLACK_S, elapsed_s * WRAP_SLACK_SHARE)
            if abs(uptime_s + WRAP_S - self._uptime_s - elapsed_s) <= slack_s:
                self._wraps += 1
                uptime_s += WRAP_S
            else:
                self._rebooted = True
                uptime_s, self._wraps = ticks / 100, 0
        readings.values[BOOT_METRIC] = float(round(now - uptime_s))
        self._uptime_s, self._uptime_at = uptime_s, clock
        if clock - self._planned_at > REPLAN_AFTER_S and not self._rebooted:
            await self._make_plan(profile)

    def _replan_pause_s(self) -> float:
        """Least time between two plans that the device causes, by its marker or by reboots, true or alleged."""
        series = sum(len(part.slots) for part in self._plan.classes.values())
        return max(REPLAN_MIN_S, series / REPLAN_SERIES_PER_S)

    async def _watch_marker(self, value: RawValue, profile: Profile, now: float) -> None:
        """Plan again when the profile's marker has changed: rows of its tables have come or gone."""
        # A negative age means that the clock was set back, so the age of the last plan is unknown.
        if _comparable(value) != self._marker and not 0 <= now - self._marked_at < self._replan_pause_s():
            await self._make_plan(profile)
            self._marked_at = now


def _with_checks(plan: Plan, watched: Sequence[str]) -> Plan:
    """The plan with the objects that show whether it still holds.

    They are polled in class `slow`, so that a change is noticed within a minute, at the cost of one object per minute each. Cells that
    name units are also polled in the class of their readings, and behind them: if the unit is switched in between, a good
    reading is rejected, and no wrong one passes.
    """
    checked = [*plan.basis, *watched]
    classes = dict(plan.classes)
    if checked and "slow" not in classes:
        classes["slow"] = ClassPlan(())
    for poll, part in classes.items():
        more = dict.fromkeys([*part.checks, *(checked if poll == "slow" else ())])
        classes[poll] = replace(part, oids=(*(oid for oid in part.oids if oid not in more), *more))
    return replace(plan, classes=classes)


def _comparable(value: RawValue) -> RawValue:
    # NaN differs from itself, so it would count as a change at every poll.
    return None if isinstance(value, float) and math.isnan(value) else value


def _mark_cut(part: ClassPlan, readings: Readings) -> None:
    """Say of each metric with more rows than are polled that there are more. The key has no labels: those rows were not read."""
    for metric in part.cut:
        if metric not in readings.values and metric not in readings.states:
            readings.bad[metric] = "limit"
