"""Polls one device over SNMP: opens it, plans, polls a class, and plans again when the device has changed.

An object that is absent at planning is not requested again until the next plan. An object that goes missing later is still
requested: a device may hide a branch for a moment, for example while its card starts.
"""

import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from agent.config import Device
from agent.deadline import Deadline
from agent.poll.derive import PlannedInputs, derive_steps
from agent.poll.fingerprint import Fingerprint, comparable, fingerprint_from, fingerprint_oids
from agent.poll.identity import coolant_of, identified
from agent.poll.jumps import Jumps
from agent.poll.planned_cells import PlannedCells
from agent.poll.plans import SharedPlans
from agent.poll.power_check import PowerCheck
from agent.poll.probe_snmp import recognise_device
from agent.poll.scalars import RelocatedScalars, counted_as_instances
from agent.poll.series_count import SeriesCount
from agent.profile import (
    MAX_SERIES,
    MAX_TEXT,
    SEVERAL,
    SYS_DESCR,
    SYS_UPTIME,
    ClassPlan,
    Family,
    Plan,
    Profile,
    RawValue,
    Table,
    columns_beside,
    entry_of,
    families_named_by_identity,
    normalising,
    oid_parts,
    plain_number,
    planning_columns,
)
from agent.readings import Identified, Readings
from agent.snmp import SnmpClient
from rackflow.catalogue import POLL_SECONDS, PollClass
from rackflow.errors import DeviceDecodeError, DeviceError, DeviceProtocolError, DeviceTimeout, DeviceUnreachable
from rackflow.process.slices import EACH_STEP, in_slices

log = logging.getLogger(__name__)

# How long a plan is used. Rows can come and go without a reboot and without a marker (a sensor plugged in, an alarm replaced by
# another between two polls); such a change is noticed within this time. Planning walks all tables, which takes dozens of requests on
# a large PDU, so it must be rare compared with polling. Chosen value.
REPLAN_AFTER_S = 3600.0
# Least time between two plans caused by the device, so that a marker that changes at every poll, or an uptime that always goes back,
# does not cause a table walk at every poll. Large plans wait longer, to keep planning below a few percent of a CPU: a plan of 20,000
# series takes 0.6 s and 1,000 requests. Chosen values.
REPLAN_MIN_S = 10.0
REPLAN_SERIES_PER_S = 200.0
# Share of a class's usual interval that planning may take beside a poll of it, whose deadline is 0.9 of the interval. Walking UPS-MIB
# takes some 20 requests, which is 0.4 s of a usual card's time and 4 s of a slow one's.
PLANNING_SHARE = 0.4
# Most rows of a table. Every row gives at least one series, or nothing.
MAX_ROWS = MAX_SERIES
# Columns of readings that are tried for the rows of a table without its column of rows. Chosen; each may cost a request.
MAX_COLUMNS_BESIDE = 4
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
# How far an uptime may be from what it should be by our clock for the device to count as not restarted while it was silent. Clocks of
# such cards drift by less than 1 %, and an answer may take seconds. Chosen.
UPTIME_SLACK_S = 5.0
UPTIME_SLACK_SHARE = 0.01
BOOT_METRIC = "dcim_device_boot_timestamp_seconds"


class SnmpPoller:
    """A `DevicePoller` over an `SnmpClient`. `clock` gives monotonic seconds, so that changing the system time does not age the plan.

    `plans` are those of all devices of the agent.
    """

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
        self._client = RelocatedScalars(client)
        self._plans = plans or SharedPlans()
        self._family: Family | None = None
        self._fingerprint: Fingerprint | None = None
        self._coolant: dict[str, str] = {}
        # Whether the next opening must plan: the last one did not come to its end, or nothing of its plan is there any more.
        self._must_plan = True
        self._plan = Plan({})
        self._opened_classes: frozenset[PollClass] = frozenset()
        # Seconds since the device's start, with the wraps of sysUpTime that were seen, and when it was read.
        self._uptime_s: float | None = None
        self._uptime_at = 0.0
        self._wraps = 0
        self._rebooted = False
        # Why the latest answers come from another device than the one that was opened; empty if they do not.
        self._other_device = ""
        # Whether the tables may have changed and there was no time to walk them within a poll.
        self._tables_outdated = False
        self._planned_at = 0.0
        self._marker: RawValue = None
        self._marker_replanned_at = 0.0
        self._cells = PlannedCells()
        self._jumps = Jumps()
        self._reopened_at = -math.inf
        self._count = SeriesCount()
        self._power_check = PowerCheck()
        self._inputs = PlannedInputs()

    async def open(self) -> Identified:
        """See `DevicePoller.open`. The first answers show which objects the device lacks; these are not requested again.

        A device that was only silent keeps its plan: planning is expensive, and a network outage affects many devices at once.
        """
        family, fingerprint = self._family, self._fingerprint
        if family is None or fingerprint is None or not await self._is_unchanged(family.profile, fingerprint):
            self._must_plan = True
            family, fingerprint = await self._find_plan()
            self._must_plan = False
        else:
            self._jumps.forget()
        self._rebooted, self._other_device, self._tables_outdated = False, "", False
        self._opened_classes = frozenset(self._plan.classes)
        return identified(self._device, family.profile, fingerprint.identity, self._plan)

    async def poll(self, poll_class: PollClass, now: float) -> Readings:
        """See `DevicePoller.poll`. Tables are walked again after an hour, or when the marker changes.

        Readings whose unit, scale or name has changed at the device are rejected as `replanning` until it is planned again.
        """
        part, family, fingerprint = self._plan.classes.get(poll_class), self._family, self._fingerprint
        if part is None or family is None or fingerprint is None:
            return Readings()
        profile = family.profile
        raw = await self._client.get(part.oids)
        if not raw:
            self._must_plan = True
            raise DeviceProtocolError(
                "answers none of the objects it had before", device=self._device.id, operation=f"poll {poll_class}"
            )
        suspects = self._jumps.suspects(part, raw) if part.rests else {}
        unconfirmed = await self._confirm(poll_class, suspects, raw) if suspects else ()
        readings = await in_slices(normalising(part.slots, raw), EACH_STEP)
        _mark_cut(part, readings)
        self._cells.update(raw)
        if unconfirmed:
            _mark_unconfirmed(part, unconfirmed, readings)
        self._other_device = fingerprint.contradiction(raw) or self._other_device
        self._cells.reject(readings, everything=bool(self._other_device))
        self._power_check.reject(poll_class, readings)
        self._count.add(poll_class, readings)
        if SYS_UPTIME in raw and (uptime_s := self._update_uptime(raw[SYS_UPTIME])) is not None:
            readings.values[BOOT_METRIC] = float(round(now - uptime_s))
            if self._clock() - self._planned_at > REPLAN_AFTER_S and not self._rebooted:
                await self._plan_beside(poll_class, family, fingerprint)
        if profile.marker in raw and self._marker_changed(raw[profile.marker], now):
            self._marker_replanned_at = now
            await self._plan_beside(poll_class, family, fingerprint)
        if (inputs := self._inputs.of(poll_class, part.slots, profile.class_)) is not None:
            await in_slices(derive_steps(readings, profile.class_, self._coolant, inputs), EACH_STEP)
        readings.reopen = self._reason_to_reopen()
        return readings

    async def close(self) -> None:
        """See `DevicePoller.close`."""
        await self._client.close()

    async def _confirm(
        self, poll_class: PollClass, suspects: Mapping[str, tuple[str, ...]], raw: dict[str, RawValue]
    ) -> set[str]:
        """Read the scale cells of numbers that jumped, and add them to `raw`. Returns the numbers whose scale could not be read."""
        cells = dict.fromkeys(cell for each in suspects.values() for cell in each)
        try:
            with Deadline(PLANNING_SHARE * POLL_SECONDS[poll_class]):
                raw |= await self._client.get(list(cells))
        except (DeviceError, TimeoutError) as error:
            # The other readings are still published: a slow card must not count as down because a load was switched on.
            log.info("device=%s scales not confirmed error=%s", self._device.id, str(error) or "too slow")
        confirmed = {ref for ref, each in suspects.items() if all(raw.get(cell) is not None for cell in each)}
        for ref in confirmed:
            self._jumps.confirm(ref, raw[ref])
        return suspects.keys() - confirmed

    async def _is_unchanged(self, profile: Profile, before: Fingerprint) -> bool:
        """Whether a device that was open before may keep its plan. Raises DeviceError if it is silent.

        Rows that came or went without a restart and without a marker are noticed within the hour, as while the device is polled; cells that
        the plan rests on are read again with the polls.
        """
        changed = (
            self._must_plan or self._tables_outdated or self._rebooted or self._other_device or self._cells.changed()
        )
        if changed or self._clock() - self._planned_at > REPLAN_AFTER_S:
            return False
        marker = [profile.marker] if profile.marker and self._marker is not None else []
        try:
            answers = await self._client.get([*fingerprint_oids(profile), SYS_UPTIME, *marker])
        except (DeviceTimeout, DeviceUnreachable):
            raise
        except DeviceError:
            # Something answers, but not as the device did.
            return False
        if not self._runs_on(answers.get(SYS_UPTIME)) or any(
            comparable(answers.get(each)) != self._marker for each in marker
        ):
            return False
        return fingerprint_from(profile, answers) == before

    def _runs_on(self, raw: RawValue) -> bool:
        """Whether the device has not restarted since its uptime was last read; False if it has no uptime to tell."""
        known_s, known_at = self._uptime_s, self._uptime_at
        uptime_s = self._update_uptime(raw)
        if known_s is None or uptime_s is None or self._rebooted:
            return False
        elapsed_s = self._uptime_at - known_at
        return abs(uptime_s - known_s - elapsed_s) <= UPTIME_SLACK_S + elapsed_s * UPTIME_SLACK_SHARE

    async def _find_plan(self) -> tuple[Family, Fingerprint]:
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

    async def _plan_with(self, profile: Profile) -> tuple[Family, Fingerprint]:
        family = self._plans.family(profile, outlets=self._device.outlets)
        self._client.set_max_varbinds(self._device.max_varbinds or profile.max_varbinds)
        self._client.forget()
        answers = await self._client.get([*fingerprint_oids(family.profile), SYS_UPTIME])
        self._update_uptime(answers.get(SYS_UPTIME))
        fingerprint, before = fingerprint_from(family.profile, answers), self._fingerprint
        if before is not None and not fingerprint.is_of_same_device(before):
            self._cells.forget()
        self._family, self._fingerprint = family, fingerprint
        self._coolant = coolant_of(self._device, family.profile)
        await self._make_plan(family, fingerprint)
        return family, fingerprint

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

    async def _plan_beside(self, poll_class: PollClass, family: Family, fingerprint: Fingerprint) -> None:
        """Plan again in the same poll, if there is time for it; otherwise have the device opened anew, which has more.

        What the poll has read is published in either case: alarms come in an outage, when a slow card must not count as down.
        """
        try:
            with Deadline(POLL_SECONDS[poll_class] * PLANNING_SHARE):
                await self._make_plan(family, fingerprint)
        except (TimeoutError, DeviceError) as error:
            log.info(
                "device=%s could not be planned again within a poll error=%s", self._device.id, str(error) or "too slow"
            )
            self._tables_outdated = True

    async def _make_plan(self, family: Family, fingerprint: Fingerprint) -> None:
        """Plan, and once more where scalars were found elsewhere: the plan may rest on them."""
        self._client.forget_found()
        while not await self._try_plan(family, fingerprint):
            pass

    async def _try_plan(self, family: Family, fingerprint: Fingerprint) -> bool:
        """Plan; False if scalars were found under another instance, so that it must be done again.

        Order matters: cells and rows decide which series exist, the series decide which objects are requested, and the first answers
        show which of these objects the device has.
        """
        profile = family.profile
        rows: dict[str, list[str]] = {}
        cells: dict[str, RawValue] = await self._client.get(family.instances) if family.instances else {}
        cells |= dict.fromkeys(self._client.ambiguous & set(family.instances), SEVERAL)
        walked: dict[str, dict[str, RawValue]] = {}
        cut: set[str] = set()
        # Rows of tables with the same name are joined: a profile and its base may both list the table.
        for table in profile.tables:
            indexes = await self._walk_table(table, cells, walked)
            rows.setdefault(table.name, []).extend(indexes[:MAX_ROWS])
            if len(indexes) > MAX_ROWS:
                cut.add(table.name)
        await self._cells.add_lived(profile, rows, cells)
        key, plan = await self._plans.plan(family, rows, cells, self._device.role, cut)
        wanted = dict.fromkeys(oid for part in plan.classes.values() for oid in part.oids)
        known = await self._client.get([SYS_UPTIME, *wanted])
        absent = [oid for oid in (*family.instances, *wanted) if oid not in known and oid not in cells]
        if await self._client.seek(absent, family.columns, {*family.instances, *wanted}):
            return False
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
        if not any(oid in known for oid in wanted):
            raise DeviceDecodeError(
                f"has none of the objects of profile {profile.profile}", device=self._device.id, operation="plan"
            )
        whole, plan = plan, await self._plans.trim(key, plan, frozenset(oid for oid in wanted if oid not in known))
        plan = counted_as_instances(whole, plan, self._client.ambiguous)
        identity = [source.oid for source, _ in fingerprint.identifiers if source.oid]
        self._plan = _with_checks(plan, [*([SYS_UPTIME] if SYS_UPTIME in known else []), *identity])
        self._cells.begin(self._plan)
        self._jumps.begin(known)
        self._count.begin(self._plan)
        self._power_check.begin(self._plan, known)
        self._planned_at = self._clock()
        self._marker = comparable(known.get(profile.marker)) if profile.marker else None
        return True

    async def _walk_table(
        self, table: Table, cells: dict[str, RawValue], walked: dict[str, dict[str, RawValue]]
    ) -> list[str]:
        """Indexes of the table's rows. Cells that planning needs are added to `cells`; no column is walked twice."""
        indexes: dict[str, None] = {}
        entries = set(map(entry_of, table.row_columns()))
        for column in table.row_columns():
            if column not in walked:
                walked[column] = await self._walk_column(column, MAX_CELLS - len(cells))
            indexes |= _indexes(column, walked[column])
            cells.update(walked[column])
        indexes = indexes or await self._rows_beside(table, cells, walked)
        # A table without rows needs no labels.
        for column in planning_columns(table) if indexes else ():
            if column not in walked:
                walked[column] = await self._walk_column(column, MAX_CELLS - len(cells))
            cells.update(walked[column])
            if entry_of(column) in entries:
                # The column of rows may end early.
                indexes |= _indexes(column, walked[column])
        # In numeric order, shorter ones first: of rows with equal names the first one keeps its name, and not every device
        # answers in the same order twice.
        return sorted(indexes, key=lambda index: (index.count("."), oid_parts(index)))

    async def _rows_beside(
        self, table: Table, cells: Mapping[str, RawValue], walked: dict[str, dict[str, RawValue]]
    ) -> dict[str, None]:
        """Rows of a table whose own column of rows is not there: those of a column of readings, if the device has the table at all.

        One object is asked for each table that a device does not have.
        """
        for column in columns_beside(table)[:MAX_COLUMNS_BESIDE]:
            entry = entry_of(column)
            if entry not in walked:
                following = await self._client.get_next(entry)
                walked[entry] = dict([following] if following and following[0].startswith(f"{entry}.") else ())
            if walked[entry] and column not in walked:
                walked[column] = await self._walk_column(column, MAX_CELLS - len(cells))
            if found := walked.get(column):
                return _indexes(column, found)
        return {}

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

    def _reason_to_reopen(self) -> str:
        """Why the device should be opened anew, at most every so often: an uptime may go back, or a name may change, at every poll."""
        reason = self._other_device
        if self._rebooted:
            reason = "has rebooted"
        elif cell := self._cells.changed():
            reason = f"{cell} has changed, on which the plan rests"
        elif self._tables_outdated:
            reason = "its tables could not be walked within a poll"
        elif not reason and frozenset(self._plan.classes) != self._opened_classes:
            reason = "has gained or lost poll classes"
        if not reason or self._clock() - self._reopened_at < self._replan_pause_s():
            return ""
        self._reopened_at = self._clock()
        return reason

    def _update_uptime(self, raw: RawValue) -> float | None:
        """Seconds since the device's start, if it is told; notes a reboot and a wrap."""
        ticks = plain_number(raw)
        if ticks is None or not 0 <= ticks < TIMETICKS:
            return None
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
        self._uptime_s, self._uptime_at = uptime_s, clock
        return uptime_s

    def _replan_pause_s(self) -> float:
        """Least seconds between two plans caused by the device itself, with its marker or an uptime that went back."""
        series = sum(len(part.slots) for part in self._plan.classes.values())
        return max(REPLAN_MIN_S, series / REPLAN_SERIES_PER_S)

    def _marker_changed(self, value: RawValue, now: float) -> bool:
        """Whether to plan again because the profile's marker has changed: rows of its tables have come or gone."""
        # A negative age means that the clock was set back, so the age of the last plan is unknown.
        return comparable(value) != self._marker and not 0 <= now - self._marker_replanned_at < self._replan_pause_s()


def _indexes(column: str, found: Iterable[str]) -> dict[str, None]:
    """What stands behind a column's OID in those found below it. A device that answers with the column itself names no row."""
    return dict.fromkeys(oid[len(column) + 1 :] for oid in found if len(oid) > len(column) + 1)


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


def _mark_cut(part: ClassPlan, readings: Readings) -> None:
    """Say of each metric with more rows than are polled that there are more. The key has no labels: those rows were not read."""
    for metric in part.cut:
        if metric not in readings.values and metric not in readings.states:
            readings.bad[metric] = "limit"


def _mark_unconfirmed(part: ClassPlan, refs: Collection[str], readings: Readings) -> None:
    """Reject what is read from these references: the cells that give their scale could not be read."""
    for slot in part.slots:
        if any(ref in refs for decoder in slot.decoders for ref in decoder.refs):
            readings.values.pop(slot.key, None)
            readings.bad[slot.key] = "replanning"
