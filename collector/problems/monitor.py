"""Evaluates problems as readings arrive, and hands changes to the listeners. `files.py` keeps them over a restart.

It is optional work behind a bulkhead: nothing here may delay receiving, storing or acknowledging. If the evaluation of one device
fails, only that device's problems are affected.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path

from collector.derive import Figure, SiteLimit, Thermal, site_limits
from collector.latest import DeviceState, Latest, Observations
from collector.problems.acknowledged import Acknowledgements
from collector.problems.conditions import Evaluator, Finding, Subject
from collector.problems.feed_reserve import METRICS as RESERVE_METRICS
from collector.problems.feed_reserve import FeedReserve
from collector.problems.files import ProblemFiles
from collector.problems.history import History
from collector.problems.late_queue import LateQueue
from collector.problems.maintenance import Maintenance
from collector.problems.report import ProblemReport, present
from collector.problems.settled import SettledDevices
from collector.problems.shares import Shares
from collector.problems.subjects import agent_subjects, collect_figures, device_subject, needed_series
from collector.problems.table import Table
from collector.problems.tracker import Key, SubjectKey, TrackedProblem, Tracker
from collector.problems.whereabouts import LEAK_POSITION, sensor_places, whereabouts
from rackflow.process.bulkhead import Failures
from rackflow.process.slices import in_turns, run_through
from rackflow.site import Site

PART = "problems"
"""Name of the bulkhead of the evaluation."""
# How often devices with new readings of the safety class, and devices whose poll failed, are evaluated. A safety problem may take 2 s from
# the device to Alertmanager, and polling takes up to 1 s of that.
TICK_S = 0.2
# How often all other devices with new readings, the agents and the figures are evaluated. Once a second suffices: other classes are polled
# every 5 s or less often, and figures change every few seconds. More would be expensive: during a backlog a device has several messages a
# second, and an evaluation costs as much as a message.
FULL_S = 1.0
# A device without a message is evaluated this often all the same, because its readings may have expired.
SWEEP_S = 5.0
# If a turn is late by this much although the process used no CPU time, the process was stopped: its virtual machine was moved or starved.
# A busy machine delays a turn only by tenths of a second.
PAUSED_S = 2.0
# Devices evaluated in one slice: a rack PDU of 22 series takes 120 µs. Between slices the event loop does other work.
SLICE = 20
OwnMetrics = Callable[[], Iterable[tuple[str, dict[str, str], float]]]
Listener = Callable[[TrackedProblem], None]


class Monitor:
    """All problems of a collector. `figures` gives the figures of each site, `own` the metrics of the collector itself.

    `table` has all that there can be, with the limits of the site, `tracker` those that are present, `history` those that have ended;
    `late` takes readings that came late, and `files` keeps all of it over a restart.
    """

    def __init__(  # noqa: PLR0913 - what it reads, and clocks that tests replace
        self,
        table: Table,
        latest: Latest,
        figures: Callable[[float], Mapping[str, Sequence[Figure]]],
        own: OwnMetrics,
        failures: Failures,
        *,
        path: Path | None = None,
        runbook_base: str = "",
        maintenance: Maintenance | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock, self._wall = clock, wall
        self._latest = latest
        self._figures_by_site = figures
        self._own_metrics = own
        self._failures = failures
        self.table = table
        self._runbook_base = runbook_base
        self._sensors: dict[tuple[str, str, str], str] = {}
        self._limits: dict[tuple[str, str], Sequence[SiteLimit]] = {}
        self._evaluator = Evaluator(table)
        self.metrics = self._evaluator.metrics | RESERVE_METRICS | {LEAK_POSITION}
        """The metrics that its problems need of devices."""
        shares = self._shares = Shares(table, self._evaluator)
        self._settled = SettledDevices(self._evaluator, self._shares, table.records)
        self._feed_reserve = FeedReserve()
        self.tracker = Tracker(table)
        self.tracker.waits = shares.waits
        if maintenance is not None:
            self.tracker.window_of = maintenance.window_of
        self.acknowledgements = Acknowledgements()
        self.tracker.acknowledgement_of = self.acknowledgements.of
        self.safety_metrics = table.safety_metrics()
        """What `/metrics?class=safety` shows."""
        self.history = History()
        self.late = LateQueue(table, self._limits, self.tracker, self.history, failures, clock=clock, wall=wall)
        self.listeners: list[Listener] = [self.history.note]
        self._evaluated_since_sweep: set[SubjectKey] = set()
        """Agents, sites and the like that were evaluated since the last sweep."""
        self._ever_evaluated: set[SubjectKey] = set()
        """Those evaluated at least once since the start; removed when they are gone."""
        self._subjects_of_figures: dict[str, tuple[Sequence[Figure], Subject]] = {}
        """The figures of the last cycle by site, and the subject that was made of them."""
        self._evaluated_at: dict[tuple[str, str], float] = {}
        self._turn: tuple[float, float] | None = None
        """When the last turn was, and the CPU seconds of the process then."""
        self._is_complete = False
        self.files = ProblemFiles(
            path,
            table,
            tracker=self.tracker,
            memory=self._evaluator.memory,
            history=self.history,
            failures=failures,
            clock=clock,
            wall=wall,
        )

    def use_site(self, site: Site | None, thermal: Thermal) -> None:
        """Use the limits of the site file, for devices that state none themselves, and the places of their sensors."""
        if site is None:
            return
        self._sensors |= sensor_places(site)
        self._limits |= {(site.id, device): limits for device, limits in site_limits(site, thermal).items()}

    async def run(self) -> None:
        """Evaluate until cancelled.

        Every turn (TICK_S) evaluates urgent devices. A full turn (FULL_S) evaluates every device with new readings, and everything that is
        not a device. A sweep (SWEEP_S) is a full turn that also evaluates devices without a message, and ends problems of what is gone.
        """
        full_at = sweep_at = 0.0
        all_devices: AbstractSet[tuple[str, str]] = set()
        while True:
            now = self._clock()
            self._failures.progress(PART, SWEEP_S)
            is_sweep = now >= sweep_at
            is_full = now >= full_at or is_sweep
            touched: Collection[tuple[str, str]] = self._latest.take_touched(urgent=not is_full)
            observations = self._latest.observe(now) if is_full else None
            if is_sweep:
                sweep_at = now + SWEEP_S
                all_devices = self._all_devices()
                # All but those that were evaluated lately, because they had a message.
                touched = {
                    *touched,
                    *(each for each in all_devices if now - self._evaluated_at.get(each, -SWEEP_S) >= SWEEP_S),
                }
            await in_turns(self._evaluate_devices_steps(list(touched), observations))
            if observations is not None:
                full_at = now + FULL_S
                await in_turns(self._evaluate_others_steps(observations, now))
            if is_sweep:
                self._end_sweep(all_devices, now)
            self._exclude_pause_of_process()
            self.tick()
            await asyncio.sleep(TICK_S)

    def _exclude_pause_of_process(self) -> None:
        """If this process was stopped since the last turn, do not count that time as time in which problems held."""
        now, cpu_s = self._clock(), time.process_time()
        if self._turn is not None:
            before, cpu_before_s = self._turn
            paused_s = now - before - TICK_S - (cpu_s - cpu_before_s)
            if paused_s > PAUSED_S:
                self.tracker.exclude_pause(paused_s, now)
        self._turn = now, cpu_s

    def evaluate(self) -> None:
        """Evaluate everything now, as `run` does in slices."""
        now = self._clock()
        observations = self._latest.observe(now)
        run_through(self._evaluate_devices_steps(list(self._all_devices()), observations))
        run_through(self._evaluate_others_steps(observations, now))
        self._end_sweep(self._all_devices(), now)
        self.tick()

    def _all_devices(self) -> AbstractSet[tuple[str, str]]:
        return {(each.site, each.device) for each in self._latest.devices()}

    def remembered(self) -> Mapping[Key, float]:
        """By problem and labels: when a series last met the condition `after` (wall time)."""
        return self._evaluator.memory.seen

    def tick(self) -> None:
        """Begin and end problems that are due, and hand the changed ones to the listeners."""
        for changed in self.tracker.tick(self._clock(), self._wall()):
            for listener in self.listeners:
                listener(changed)

    @property
    def is_complete(self) -> bool:
        """Whether every device was evaluated once since the start; before that, "no problems" must not be shown."""
        return self._is_complete

    def reports(self) -> list[ProblemReport]:
        """What is wrong now, in words."""
        return present(self.tracker, self._runbook_base)

    def _evaluate_devices_steps(
        self, names: Sequence[tuple[str, str]], observations: Observations | None
    ) -> Generator[None, None, None]:
        evaluate = partial(self.evaluate_device, observations=observations)
        for start in range(0, len(names), SLICE):
            some = names[start : start + SLICE]
            devices = [device for site, name in some if (device := self._latest.device(site, name)) is not None]
            self._failures.attempt_each(PART, evaluate, devices)
            yield

    def evaluate_device(self, device: DeviceState, observations: Observations | None = None) -> None:
        """Evaluate one device now, unless it is settled: then an evaluation would find nothing, as before (see `settled.py`)."""
        now = self._clock()
        name = device.site, device.device
        key = "device", *name
        limits = self._limits.get(name, ())
        # First, because a settled device needs `first_expiry` in the future: otherwise each would be evaluated in full until the next
        # sweep.
        if now >= device.first_expiry:
            self._latest.expire_device(device, now)
        needed = needed_series(device, self.metrics)
        self._evaluated_at[name] = now
        is_well = not self.tracker.has(key) and self._latest.is_up(device, now)
        settled = self._settled.find(device, limits, needed, now) if is_well else None
        if settled is not None and not settled.is_ups:
            return
        subject = device_subject(device, self._latest, self.metrics, now, limits)
        if observations is not None:
            subject.cause = observations.causes.get(name, "")
        self._feed_reserve.note(key, subject)
        if settled is not None:
            return
        self._evaluator.count_changes(subject, self._wall())
        self._shares.note(key, subject)
        if not self._update(key, subject, now) and is_well and now < device.first_expiry:
            self._settled.note(device, limits, needed, subject, now)

    def _evaluate_others_steps(self, observations: Observations, now: float) -> Generator[None, None, None]:
        """Evaluate agents, figures, the collector itself, and shares of devices. Yields after each slice."""
        for subject in agent_subjects(self._latest, observations, self._evaluator.metrics, now):
            key = "agent", subject.base["site"], subject.base["agent"]
            yield from self._evaluate_subject_steps(key, subject, now)
        figures_by_site = self._figures_by_site(now)
        for gone in self._subjects_of_figures.keys() - figures_by_site.keys():
            del self._subjects_of_figures[gone]
        for site, figures in figures_by_site.items():
            known = self._subjects_of_figures.get(site)
            if known is None or known[0] is not figures:
                # Kept until the figures change: they are evaluated every second and change every five.
                known = figures, (yield from collect_figures(site, figures, self._evaluator.metrics))
                self._subjects_of_figures[site] = known
            subject = known[1]
            yield from self._evaluate_subject_steps(("figures", site), subject, now)
        own = Subject({})
        for name, labels, value in self._own_metrics():
            own.add(name, labels, value)
        yield from self._evaluate_subject_steps(("collector",), own, now)
        self._update_shares(now)

    def _update_shares(self, now: float) -> None:
        """Update the tracker with problems of groups of devices, such as most PDUs of a feed without power."""
        for problem, found in self._shares.found(partial(self.tracker.standing, now=now), now).items():
            values = {(problem, group): share.value for group, share in found.items()}
            self.tracker.update(
                ("share", problem),
                values,
                now,
                is_silent=lambda each: self._shares.is_open(*each),
                decides=lambda each: self._shares.decides(*each),
            )
            for group, share in found.items():
                if (tracked := self.tracker.get((problem, group))) is not None:
                    tracked.affected = share.racks
                    where = dict(group)
                    tracked.remains = self._feed_reserve.sentences(where["site"]) if "feed" in where else ""

    def _evaluate_subject_steps(self, key: SubjectKey, subject: Subject, now: float) -> Generator[None, None, None]:
        self._evaluated_since_sweep.add(key)
        self._ever_evaluated.add(key)
        self._evaluator.count_changes(subject, self._wall())
        yield from self._failures.attempt_steps(PART, self._update_steps(key, subject, now), otherwise=False)

    def _update(self, key: SubjectKey, subject: Subject, now: float) -> bool:
        return run_through(self._update_steps(key, subject, now))

    def _update_steps(self, key: SubjectKey, subject: Subject, now: float) -> Generator[None, None, bool]:
        """Evaluate a subject and update the tracker with its problems; return whether it has any. Yields after each problem."""
        wall_s = self._wall()
        found: dict[Key, Finding] = {}
        for problem, conditions in self._evaluator.decidable_by(subject):
            findings = self._evaluator.findings(problem, subject, wall_s, conditions) if conditions else {}
            found |= {(problem.name, labels): finding for labels, finding in findings.items()}
            yield
        values = {each: finding.value for each, finding in found.items()}
        self.tracker.update(
            key,
            values,
            now,
            is_silent=lambda each: subject.is_silent or self._is_silent(key, each, subject, now),
            decides=lambda each: self._evaluator.decides(
                self.table.problems[each[0]], subject, dict(each[1]).get("device")
            ),
        )
        for each, finding in found.items():
            if (tracked := self.tracker.get(each)) is not None:
                tracked.limit, tracked.limit_source = finding.limit, finding.source
                tracked.whereabouts = whereabouts(self._sensors, dict(tracked.labels), subject)
        return bool(found)

    def _is_silent(self, key: SubjectKey, problem: Key, subject: Subject, now: float) -> bool:
        """Whether nobody can tell if a problem still holds: its reading is missing, or it is of a figure of a device that is silent."""
        name, own = problem
        if self._evaluator.is_unread(self.table.problems[name], own, subject):
            return True
        if key[0] != "figures":
            return False
        labels = dict(own)
        device = self._latest.device(labels["site"], labels.get("device", ""))
        return device is not None and not self._latest.is_up(device, now)

    def _end_sweep(self, names: AbstractSet[tuple[str, str]], now: float) -> None:
        """Everything was evaluated once: `is_complete`, and what was not there, of devices all but `names`, is gone.

        Ends the problems of devices and agents that were forgotten, and of figures that are no longer derived, and forgets them everywhere.
        """
        present_devices: set[SubjectKey] = {("device", site, name) for site, name in names}
        self._is_complete = True
        for key in self.tracker.subjects():
            if (key[0] == "device" and key not in present_devices) or (
                key[0] in ("figures", "agent") and key not in self._evaluated_since_sweep
            ):
                # After a start, a subject that has not been heard of yet is not gone.
                was_there = key[1:] in self._evaluated_at if key[0] == "device" else key in self._ever_evaluated
                if was_there and key[0] != "figures":
                    self.tracker.note_gone(key)
                self.tracker.update(key, {}, now, decides=partial(_always, answer=was_there))
        self._shares.forget_absent(present_devices)
        self._feed_reserve.forget_absent(present_devices)
        self._settled.forget_absent(names)
        self._evaluator.memory.forget(self._wall() - self.table.longest_memory_s)
        for gone in self._evaluated_at.keys() - names:
            del self._evaluated_at[gone]
        self._ever_evaluated &= self._evaluated_since_sweep
        self._evaluated_since_sweep.clear()


def _always(_: Key, *, answer: bool) -> bool:
    return answer
