"""Polls one device over SNMP: opens it, plans, polls a class, and plans again when `replanning.py` says so.

An object that is absent at planning is not requested again until the next plan. An object that goes missing later is still
requested: a device may hide a branch for a moment, for example while its card starts.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from agent.config import Device
from agent.deadline import Deadline
from agent.poll.address_conflict import AddressConflict
from agent.poll.checks import Checks
from agent.poll.derive import PlannedInputs
from agent.poll.fingerprint import Fingerprint, fingerprint_from, fingerprint_oids
from agent.poll.identity import coolant_of, identified
from agent.poll.jumps import Jumps
from agent.poll.leak_detectors import LeakDetectors
from agent.poll.marks import mark_cut, mark_unconfirmed
from agent.poll.own_rows import OwnRows
from agent.poll.per_plan import PerPlan
from agent.poll.planned_cells import PlannedCells
from agent.poll.plans import SharedPlans
from agent.poll.probe_snmp import recognise_device
from agent.poll.replanning import REPLAN_MIN_S, Replanning
from agent.poll.scalars import RelocatedScalars, counted_as_instances
from agent.poll.series_count import SeriesCount
from agent.poll.sliced import add_figures, readings_of
from agent.poll.tables import MAX_TABLE_ROWS, TableReader
from agent.poll.uptime import Uptime
from agent.profile import (
    AMBIGUOUS,
    SYS_DESCR,
    SYS_UPTIME,
    ClassPlan,
    Family,
    Plan,
    Profile,
    RawValue,
    families_named_by_identity,
)
from agent.readings import Identified, Readings
from agent.snmp import SnmpClient
from rackflow.catalogue import POLL_SECONDS, PollClass
from rackflow.errors import (
    DeviceDecodeError,
    DeviceError,
    DeviceInternalError,
    DeviceProtocolError,
    DeviceTimeout,
    DeviceUnreachable,
    ProfileError,
)

log = logging.getLogger(__name__)

# Share of a class's interval that planning may take beside a poll (deadline: 0.9). Walking UPS-MIB takes 0.4 s, on a slow card 4 s.
PLANNING_SHARE = 0.4
# Scale cells that are asked for in one call, of which nothing is known if it is cut short: one request of most families.
SCALES_AT_ONCE = 20
BOOT_METRIC = "dcim_device_boot_timestamp_seconds"


class SnmpPoller:
    """A `DevicePoller` over an `SnmpClient`. `clock` gives monotonic seconds, so that changing the system time does not age the plan.

    `plans` are those of all devices of the agent, `beside` the other units behind the device's SNMP agent.
    """

    def __init__(
        self,
        device: Device,
        profiles: Mapping[str, Profile],
        client: SnmpClient,
        clock: Callable[[], float] = time.monotonic,
        plans: SharedPlans | None = None,
        beside: frozenset[int] = frozenset(),
        detectors: LeakDetectors | None = None,
    ) -> None:
        self._clock = clock
        self._device = device
        self._profiles = profiles
        # Only where the configuration says so: an agent with one unit may number it in any way.
        self._unit = device.given_unit
        self._own_rows = OwnRows(self._unit, beside)
        self._client = RelocatedScalars(client, self._unit)
        self._plans = plans or SharedPlans()
        self._family: Family | None = None
        self._fingerprint: Fingerprint | None = None
        self._coolant: dict[str, str] = {}
        self._plan = Plan({})
        self._uptime = Uptime()
        self._replanning = Replanning()
        self._cells = PlannedCells()
        # By poll class: how many objects answered its last poll.
        self._answered: dict[PollClass, int] = {}
        # Whether more or fewer objects answered than before, so that the names of rows must be read again; and when they last were.
        self._rows_may_have_moved = False
        self._rows_read_at = -math.inf
        # Whether the last poll has failed, so that the device may have restarted since.
        self._last_poll_failed = False
        # Whether that last reading of the rows' names failed, so that nobody knows which row is which.
        self._are_rows_unknown = False
        self._jumps = Jumps()
        self._series_count = SeriesCount()
        self._checks = Checks(device.id)
        self._inputs = PlannedInputs()
        self._leak_detectors = detectors or LeakDetectors()
        self._conflict = AddressConflict(device.id)

    async def open(self) -> Identified:
        """See `DevicePoller.open`. The first answers show which objects the device lacks; these are not requested again.

        A device that was only silent keeps its plan: planning is expensive, and a network outage affects many devices at once.
        """
        self._client.ask_all_again()
        family, fingerprint = self._family, self._fingerprint
        if family is None or fingerprint is None or not await self._is_unchanged(family.profile, fingerprint):
            if self._uptime.has_restarted:
                self._checks.forget()
                self._own_rows.forget()
            self._replanning.must_plan = True
            family, fingerprint = await self._find_plan()
            self._replanning.must_plan = False
        else:
            self._jumps.forget()
        self._uptime.has_restarted = False
        self._replanning.opened()
        return identified(self._device, family.profile, fingerprint.identity, self._plan)

    async def poll(self, poll_class: PollClass, now: float) -> Readings:
        """See `DevicePoller.poll`. Tables are walked again after an hour, when the marker changes, or soon where something is missing.

        Readings whose unit, scale or name has changed at the device are rejected as `replanning` until it is planned again.
        """
        part, family, fingerprint = self._plan.classes.get(poll_class), self._family, self._fingerprint
        if part is None or family is None or fingerprint is None:
            return Readings()
        raw = await self._answers(poll_class, part)
        readings = await self._readings(poll_class, part, fingerprint, raw)
        # Counted before figures are added, because these are no series of the plan.
        self._series_count.add(poll_class, readings)
        if poll_class == self._series_count.reported_with:
            self._conflict.report(readings, self._clock())
        if self._leak_detectors.are_any:
            self._leak_detectors.report(poll_class, readings, self._clock())
        # Planning comes after the readings are made: what was read by the old plan is published as the old plan says.
        if SYS_UPTIME in raw and (uptime_s := self._uptime.update(raw[SYS_UPTIME], self._clock())) is not None:
            readings.values[BOOT_METRIC] = float(round(now - uptime_s))
        # About once a minute, with this class. Not with the uptime: some devices have none, or do not let this credential read it.
        if (
            poll_class == self._series_count.reported_with
            and not self._uptime.has_restarted
            and self._replanning.is_due(self._clock())
        ):
            await self._replan_within_poll(poll_class, family, fingerprint, is_old=True)
        for marker in family.profile.marker:
            if marker in raw and self._replanning.does_marker_ask(marker, raw[marker], now):
                self._replanning.marker_replanned_at = now
                await self._replan_within_poll(poll_class, family, fingerprint)
                break
        await add_figures(
            readings,
            poll_class,
            part.slots,
            planned=self._inputs,
            device_class=family.profile.class_,
            coolant=self._coolant,
        )
        readings.reopen = self._replanning.reason_to_reopen(
            self._cells.changed(), self._clock(), has_restarted=self._uptime.has_restarted
        )
        return readings

    async def _answers(self, poll_class: PollClass, part: ClassPlan) -> dict[str, RawValue]:
        """The answers to the objects of one class. Raises DeviceError if the device is silent or has none of them any more."""
        had_failed, self._last_poll_failed = self._last_poll_failed, True
        # A device that restarts within fewer polls than make it down may have other rows afterwards.
        is_uptime_added = had_failed and self._uptime.is_known and SYS_UPTIME not in part.oids
        raw = await self._client.get((*part.oids, SYS_UPTIME) if is_uptime_added else part.oids)
        self._last_poll_failed = False
        self._rows_may_have_moved |= had_failed and not self._uptime.update_after_silence(
            raw.get(SYS_UPTIME), self._clock()
        )
        if is_uptime_added:
            raw.pop(SYS_UPTIME, None)
        if not raw:
            self._replanning.must_plan = True
            raise DeviceProtocolError(
                "answers none of the objects it had before", device=self._device.id, operation=f"poll {poll_class}"
            )
        if self._answered.get(poll_class, len(raw)) != len(raw):
            self._rows_may_have_moved = True
        self._answered[poll_class] = len(raw)
        return raw

    async def _readings(
        self, poll_class: PollClass, part: ClassPlan, fingerprint: Fingerprint, raw: dict[str, RawValue]
    ) -> Readings:
        """The readings in the answers of one class. Those whose meaning or scale may have changed are in `bad`.

        If only cells of another class can decide that, they are requested here and added to `raw`.
        """
        if self._rows_may_have_moved:
            await self._read_rows_again(poll_class, raw)
        jumped = self._jumps.jumped(part, raw) if part.scale_cells else {}
        unconfirmed = await self._read_scales(poll_class, jumped, raw) if jumped else ()
        readings = await readings_of(part.slots, raw)
        mark_cut(part, readings)
        contradiction = fingerprint.contradiction(raw)
        if not contradiction:
            # Not with another device's answers: what that has in use would stay in later plans of this one.
            self._cells.update(raw)
        if unconfirmed:
            mark_unconfirmed(part, unconfirmed, readings)
        if self._replanning.other_device and self._conflict.is_on(self._clock()) and fingerprint.is_shown_by(raw):
            # The other device's turn is over, before this one was opened again.
            self._replanning.other_device = ""
        other_device = self._replanning.other_device = contradiction or self._replanning.other_device
        self._cells.reject(readings, everything=bool(other_device), any_dependent=self._are_rows_unknown)
        self._checks.reject(poll_class, readings, raw)
        return readings

    async def close(self) -> None:
        """See `DevicePoller.close`."""
        await self._client.close()

    async def _read_scales(
        self, poll_class: PollClass, jumped: Mapping[str, tuple[str, ...]], raw: dict[str, RawValue]
    ) -> set[str]:
        """Read the scale cells of numbers that jumped, and add them to `raw`. Returns the numbers whose scale could not be read."""
        cells = list(dict.fromkeys(cell for each in jumped.values() for cell in each))
        try:
            with Deadline(PLANNING_SHARE * POLL_SECONDS[poll_class]):
                # In portions, so that a slow card confirms some numbers in each poll. All at once, as after a silence, would never be done.
                for begin in range(0, len(cells), SCALES_AT_ONCE):
                    raw |= await self._client.get(cells[begin : begin + SCALES_AT_ONCE])
        except (DeviceError, TimeoutError) as error:
            # The other readings are still published: a slow card must not count as down because a load was switched on.
            log.info("device=%s scales not confirmed error=%s", self._device.id, str(error) or "too slow")
        confirmed = {ref for ref, each in jumped.items() if all(raw.get(cell) is not None for cell in each)}
        for ref in confirmed:
            self._jumps.confirm(ref, raw[ref])
        return jumped.keys() - confirmed

    async def _read_rows_again(self, poll_class: PollClass, raw: dict[str, RawValue]) -> None:
        """Read the cells that the plan depends on, names above all, and add them to `raw`. Until that works, rows are unknown.

        Called when more or fewer objects answer than before. Some devices renumber the modules behind one that is pulled. Until the next
        poll of class `slow` reads the names, each of those would report its values under the name of its predecessor.
        """
        if not self._plan.planned_cells or self._clock() - self._rows_read_at < REPLAN_MIN_S:
            return
        self._rows_read_at = self._clock()
        unread = [each for each in self._plan.planned_cells if each not in raw]
        try:
            with Deadline(PLANNING_SHARE * POLL_SECONDS[poll_class]):
                raw |= await self._client.get(unread) if unread else {}
        except (DeviceError, TimeoutError) as error:
            log.info("device=%s names of rows not read error=%s", self._device.id, str(error) or "too slow")
            self._are_rows_unknown = True
        else:
            self._rows_may_have_moved = self._are_rows_unknown = False

    async def _is_unchanged(self, profile: Profile, before: Fingerprint) -> bool:
        """Whether a device that was open before may keep its plan. Raises DeviceError if it is silent.

        Rows that came or went without a restart and without a marker are noticed within the hour, as while the device is polled. Cells that
        the plan depends on are read again with the next polls.
        """
        replanning = self._replanning
        if not replanning.keeps_plan(self._clock()) or self._uptime.has_restarted or self._cells.changed():
            return False
        try:
            answers = await self._client.get([*fingerprint_oids(profile), SYS_UPTIME, *replanning.known_markers])
        except (DeviceTimeout, DeviceUnreachable):
            raise
        except DeviceError:
            # Something answers, but not as the device did.
            return False
        has_run_on = self._uptime.update_after_silence(answers.get(SYS_UPTIME), self._clock())
        if not has_run_on or replanning.have_markers_changed(answers):
            return False
        return fingerprint_from(profile, answers) == before

    async def _find_plan(self) -> tuple[Family, Fingerprint]:
        """Identify the device and plan it with the configured profile, or with the best one that fits and gives any reading.

        A profile may fit by its probes and yet have none of its objects at this device. Then the next best is tried, and generic profiles
        last.
        """
        configured = self._device.profile
        if configured != "auto":
            return await self._plan_with(self._whole(self._profiles[configured]))
        untried = dict(self._profiles)
        fault: DeviceDecodeError | None = None
        while True:
            found, answers = await recognise_device(self._client, untried.values())
            if not found:
                raise fault or self._unknown(answers)
            for match in found:
                del untried[match.profile.profile]
                try:
                    return await self._plan_with(self._whole(match.profile))
                except DeviceDecodeError as error:
                    log.info("device=%s looks like %s but %s", self._device.id, match.profile.profile, error)
                    fault = fault or error

    def _whole(self, profile: Profile) -> Profile:
        """The profile with its points. Raises DeviceInternalError if its file, which was read at the start, cannot be used any more.

        Not the next best profile in its place: that is often a generic one, and series would come and go with it.
        """
        try:
            return profile.loaded()
        except ProfileError as error:
            text = f"profile {profile.profile} cannot be used: {str(error).splitlines()[0]}"
            raise DeviceInternalError(text, device=self._device.id, operation="plan") from error

    async def _plan_with(self, profile: Profile) -> tuple[Family, Fingerprint]:
        family = self._plans.family(profile, outlets=self._device.outlets)
        self._client.set_max_varbinds(self._device.max_varbinds or profile.max_varbinds)
        self._client.forget()
        answers = await self._client.get([*fingerprint_oids(family.profile), SYS_UPTIME])
        self._uptime.update(answers.get(SYS_UPTIME), self._clock())
        self._uptime.has_restarted = False
        fingerprint, before = fingerprint_from(family.profile, answers), self._fingerprint
        if before is not None and not fingerprint.is_of_same_device(before):
            self._conflict.note_replaced(before, fingerprint, self._clock())
            self._cells.forget()
            self._checks.forget()
            self._own_rows.forget()
            self._leak_detectors.forget()
            self._client.ask_all_again(of_another=True)
            self._replanning.device_changed()
        elif before is not None and not fingerprint.has_same_firmware(before):
            self._cells.forget_scales()
            self._checks.forget()
            self._client.ask_all_again(of_another=True)
        self._leak_detectors.opened(fingerprint.identity, self._clock())
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

    async def _replan_within_poll(
        self, poll_class: PollClass, family: Family, fingerprint: Fingerprint, *, is_old: bool = False
    ) -> None:
        """Plan again as part of a poll, if its time suffices; otherwise ask for the device to be opened again, which has more time.

        The readings of the poll are published in either case: the rows of an alarm table change during an outage, and then a slow card
        must not count as down. With `is_old`, the last plan was long ago, and firmware may have been replaced while the card ran on.
        """
        try:
            with Deadline(POLL_SECONDS[poll_class] * PLANNING_SHARE):
                if is_old:
                    answers = await self._client.get_as_named(fingerprint_oids(family.profile))
                    self._replanning.news = fingerprint.news(family.profile, answers)
                if not self._replanning.news:
                    await self._make_plan(family, fingerprint)
        except (TimeoutError, DeviceError) as error:
            log.info(
                "device=%s could not be planned again within a poll error=%s", self._device.id, str(error) or "too slow"
            )
            self._replanning.is_outdated = True

    async def _make_plan(self, family: Family, fingerprint: Fingerprint) -> None:
        """Plan; if scalars were found under another instance, plan again with them, because the plan may depend on their values."""
        self._client.ask_all_again()
        self._client.forget_found()
        while not await self._try_plan(family, fingerprint):
            pass

    async def _try_plan(self, family: Family, fingerprint: Fingerprint) -> bool:
        """Plan once. Returns False if scalars were found under another instance: then the plan must be made again with them.

        Order matters: rows and cells decide which series exist, the series decide which objects are requested, and the first answers
        show which of these objects the device has.
        """
        profile = family.profile
        rows, cells, cut = await self._read_tables(family)
        await self._cells.add_use(profile, rows, cells, self._client.get)
        key, plan = await self._plans.plan(family, rows, cells, self._device.role, cut=cut, unit=self._unit)
        wanted = dict.fromkeys(oid for part in plan.classes.values() for oid in part.oids)
        answers = await self._client.get([SYS_UPTIME, *wanted])
        self._uptime.update(answers.get(SYS_UPTIME), self._clock())
        if self._uptime.has_restarted:
            # Its rows may have other numbers now than in the tables that were read before.
            raise DeviceProtocolError("restarted while it was planned", device=self._device.id, operation="plan")
        absent = [oid for oid in (*family.instances, *wanted) if oid not in answers and oid not in cells]
        if await self._client.seek(absent, family.columns, {*family.instances, *wanted}):
            return False
        self._warn_of_loss(profile, plan)
        if not any(oid in answers for oid in wanted):
            hint = (
                "" if self._unit is None else f" for unit {self._unit}; correct `unit`, or see whether that unit is on"
            )
            raise DeviceDecodeError(
                f"has none of the objects of profile {profile.profile}{hint}", device=self._device.id, operation="plan"
            )
        shared = self._client.without_shared({source.oid or "" for each in profile.points for source in each.sources()})
        lacking = frozenset(oid for oid in wanted if oid not in answers or oid in shared)
        trimmed = await self._plans.trim(key, plan, lacking)
        self._begin(counted_as_instances(plan, trimmed, self._client.ambiguous), fingerprint, answers)
        self._replanning.planned(self._plan, profile.marker, answers, self._clock())
        return True

    async def _read_tables(self, family: Family) -> tuple[dict[str, list[str]], dict[str, RawValue], set[str]]:
        """What planning reads from the device: rows by table, cells by OID, and the names of tables with more rows than are used."""
        rows: dict[str, list[str]] = {}
        cells: dict[str, RawValue] = await self._client.get(family.instances) if family.instances else {}
        cells |= dict.fromkeys(self._client.ambiguous.keys() & set(family.instances), AMBIGUOUS)
        tables = TableReader(self._client, self._device.id, cells)
        cut: set[str] = set()
        # Rows of tables with the same name are joined: a profile and its base may both list the table.
        for table in family.profile.tables:
            indexes = await tables.row_indexes(table)
            rows.setdefault(table.name, []).extend(self._own_rows.of(table.name, indexes[:MAX_TABLE_ROWS]))
            if len(indexes) > MAX_TABLE_ROWS:
                cut.add(table.name)
        return rows, cells, cut

    def _warn_of_loss(self, profile: Profile, plan: Plan) -> None:
        """Log which series of the device the plan leaves out because another gives the same one, or because there are too many."""
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

    def _begin(self, plan: Plan, fingerprint: Fingerprint, answers: Mapping[str, RawValue]) -> None:
        """Poll by this plan from now on. `answers` are the first answers to its objects, with which later ones are compared."""
        identity = [source.oid for source, _ in fingerprint.identifiers if source.oid]
        uptime = [SYS_UPTIME] if SYS_UPTIME in answers else []
        with_each = tuple(identity) if self._conflict.is_on(self._clock()) else ()
        self._plan = _with_extra_objects(plan, (*uptime, *identity), with_each)
        # What planning was denied, or has found to be absent, is not polled.
        self._client.ask_all_again()
        self._cells.begin(self._plan)
        self._answered, self._rows_may_have_moved, self._are_rows_unknown = {}, False, False
        self._last_poll_failed = False
        self._jumps.begin(self._plan, answers)
        self._series_count.begin(self._plan)
        self._leak_detectors.begin(self._plan)
        self._checks.begin(self._plan, answers)


_plans_with_extra_objects: PerPlan[dict[tuple[tuple[str, ...], ...], Plan]] = PerPlan(lambda _: {})
"""For each plan: the results of `_with_extra_objects`, by the extra objects, so that devices go on sharing one plan."""


def _with_extra_objects(plan: Plan, extra: tuple[str, ...], with_each: tuple[str, ...]) -> Plan:
    """The plan with additional objects to poll: `extra`, and the cells that the plan depends on, which show whether it is still right.

    They are polled in class `slow`, so that a change is noticed within a minute, at the cost of one object per minute each. Cells that
    name units are also polled in the class of their readings, after them. If the unit is switched in between, a good reading is rejected;
    in the other order a wrong one would be published. `with_each` are polled in every class, for the same reason behind its readings.
    """
    known = _plans_with_extra_objects(plan)
    if (extra, with_each) not in known:
        known[extra, with_each] = _add_extra_objects(plan, extra, with_each)
    return known[extra, with_each]


def _add_extra_objects(plan: Plan, extra: Sequence[str], with_each: Sequence[str]) -> Plan:
    cells = [*plan.planned_cells, *extra]
    classes = dict(plan.classes)
    if cells and "slow" not in classes:
        classes["slow"] = ClassPlan(())
    for poll, part in classes.items():
        more = dict.fromkeys([*part.read_after, *(cells if poll == "slow" else ()), *with_each])
        classes[poll] = replace(part, oids=(*(oid for oid in part.oids if oid not in more), *more))
    return replace(plan, classes=classes)
