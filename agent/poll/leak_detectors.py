"""Reports leak detectors that give no reading although their device answers, as `*_leak_sensor_fault` = 1. Pure.

A detector that says nothing looks like a dry one to everybody who only waits for alarms. Most devices have no cell for a broken detector:
its cable is cut, and its row is gone, or has a code that the profile does not know. Only its earlier readings show that it is missing.

A fault is a false alarm wherever nothing is missing, so
* only a detector that has given a reading since the device was identified counts: ports without a detector never have;
* it must have been silent in FAULT_POLLS polls in a row and for FAULT_AFTER_S in which its device answered: an outage between two polls
  says nothing about it, and a device that has restarted gets its time;
* a device that reports faults itself takes precedence: its own reading is never replaced;
* readings that wait for a new plan (`replanning`) say nothing, because rows or the device itself may be others;
* a detector that a new plan does not have is a fault from GONE_AFTER_S to REMEMBERED_S, and none if the plan has one that was not known
  before in its place: it was renamed, or replaced. Each new one stands for one that is gone, so one sensor that is plugged in does not end
  the faults of all eight ropes of a module that has failed.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from agent.poll.per_plan import PerPlan, class_of_each_series
from agent.profile import Plan
from agent.readings import Identity, Readings
from rackflow.catalogue import POLL_SECONDS, PollClass

# A card that is busy, or a gateway that has not read its sensors again after a restart, has readings by then. Chosen; the problem
# DcimLeakSensorFault waits for a minute more.
FAULT_AFTER_S: Final = 60.0
# Where polls are a minute apart, one answer that cannot be used is no fault.
FAULT_POLLS: Final = 3
# Two silent polls that are further apart than this, and than LATE_POLLS intervals of their class, count as one interval: the device did not
# answer in between, or its readings waited for a new plan. Chosen: shorter than any card takes to restart and read its sensors.
GAP_S: Final = 30.0
LATE_POLLS: Final = 2.5
# A device that has just started may not list its sensors yet (STARTING_S of `plan_age`), and is planned again until it does.
GONE_AFTER_S: Final = 300.0
# A detector that its device does not list any more may have been taken out for good, or its module has failed. Chosen: every shift has
# seen it by then. `kept_detectors` keeps it over a restart of the agent.
REMEMBERED_S: Final = 24 * 3600.0
# How often those that have not changed are kept again, so that they count as long after the agent ends as if they had: they are forgotten
# REMEMBERED_S after they were kept. Each time is a small file written. Chosen value.
KEEP_AGAIN_S: Final = 6 * 3600.0
# Rows of a faulty device may have other names in each plan. More than any device has detectors.
MAX_DETECTORS: Final = 1000

_DETECTED: Final = "_leak_detected"
_FAULT: Final = "_leak_sensor_fault"


@dataclass(slots=True)
class _Detector:
    last_at_s: float
    """When it last gave a reading."""
    silent_polls: int = 0
    silent_s: float = 0.0
    """For how long it has been silent while its device answered, up to the last poll."""
    silent_at_s: float = math.inf
    """When it was last silent."""
    is_fault: bool = False
    """Whether it was silent for long enough, and has not answered since: a new plan without it does not end the fault for a while."""
    is_reported: bool = False
    """Whether it was reported as a fault. From then on the end of the fault is reported, too."""

    def answered(self, now_s: float) -> None:
        self.last_at_s, self.silent_polls, self.silent_s, self.silent_at_s = now_s, 0, 0.0, math.inf
        self.is_fault = False

    def was_silent(self, poll: PollClass, now_s: float) -> None:
        if self.silent_polls:
            interval_s, passed_s = POLL_SECONDS[poll], now_s - self.silent_at_s
            self.silent_s += passed_s if passed_s <= max(GAP_S, LATE_POLLS * interval_s) else interval_s
        self.silent_polls += 1
        self.silent_at_s = now_s

    def is_faulty(self, after_s: float) -> bool:
        self.is_fault |= self.silent_polls >= FAULT_POLLS and self.silent_s >= after_s
        return self.is_fault


@dataclass(frozen=True, slots=True)
class KeptDetector:
    """What is kept of a detector over a restart: when it last gave a reading (monotonic seconds of this process), and if it is a fault."""

    last_at_s: float
    is_fault: bool


@dataclass(frozen=True, slots=True)
class KeptDevice:
    """The detectors that a device had, by their keys, and the device's serial number or model."""

    identity: str
    detectors: Mapping[str, KeptDetector]


@dataclass(frozen=True, slots=True)
class _Planned:
    """The detectors of a plan by their keys, with the class that reads them, and faults that the device reports itself."""

    detectors: dict[str, PollClass]
    own_faults: dict[str, PollClass]


class LeakDetectors:
    """The leak detectors of one device. `begin` is called with each plan, `report` with the readings of each poll.

    Times are monotonic seconds. `before` are those that the device had before the agent was started; `keep` is called with the present
    ones whenever one comes or goes, or becomes a fault or none, and each KEEP_AGAIN_S (`kept_detectors` saves them).
    """

    def __init__(self, before: KeptDevice | None = None, keep: Callable[[KeptDevice], None] | None = None) -> None:
        self._before, self._keep = before, keep
        self._identity = ""
        # What was kept last: whether each detector is a fault.
        self._kept: dict[str, bool] = {}
        self._kept_at_s = -math.inf
        self.are_any = False
        """Whether the device has, or had, any; if not, `report` need not be called."""
        self._planned = _Planned({}, {})
        self._known: dict[str, _Detector] = {}
        # Detectors that had given readings and are not in the plan any more, with the class that reports them.
        self._gone: dict[str, PollClass] = {}
        # By poll class: the detectors that it reads or that it says are gone, and those whose faults it reports, with the fault's key.
        self._read_with: dict[PollClass, list[str]] = {}
        self._reported_with: dict[PollClass, list[tuple[str, str]]] = {}

    def forget(self) -> None:
        """Forget all detectors: another device has this address now."""
        self._planned, self._known, self._gone = _Planned({}, {}), {}, {}
        self._sort_by_class()

    def opened(self, identity: Identity, now_s: float) -> None:
        """Note which device it is. Call it before `begin`. The first time, the detectors of `before` are restored if it is that device."""
        self._identity = identity.serial or identity.model
        before, self._before = self._before, None
        if before is None or before.identity != self._identity:
            return
        for key, each in before.detectors.items():
            # However old its last reading is: a fault does not end with the agent. What no plan has is forgotten in `report`.
            if len(self._known) < MAX_DETECTORS:
                self._known[key] = _Detector(each.last_at_s, is_fault=each.is_fault)
                if each.is_fault:
                    # The fault goes on with the first poll, until the detector gives a reading; then its end is reported.
                    self._known[key].silent_polls, self._known[key].silent_at_s = 1, now_s
                    self._known[key].is_reported = True
                self._gone[key] = "safety"
        self._kept = {key: each.is_fault for key, each in self._known.items()}

    def begin(self, plan: Plan) -> None:
        """Watch the detectors of this plan from now on."""
        before, self._planned = self._planned.detectors, _planned_detectors(plan)
        now = self._planned.detectors
        had = {**self._gone, **before}
        self._gone = {key: poll for key, poll in had.items() if key in self._known and key not in now}
        for key in list(self._gone)[: len(now.keys() - had.keys())]:
            del self._known[key], self._gone[key]
        # The class that read them may be gone, too.
        left = min(plan.classes, key=POLL_SECONDS.__getitem__, default=None)
        self._gone = {key: poll if poll in plan.classes or left is None else left for key, poll in self._gone.items()}
        self._sort_by_class()

    def report(self, poll: PollClass, readings: Readings, now_s: float) -> None:
        """Note which detectors gave a reading in this poll, and add the faults of those that do not."""
        if self._gone:
            self._forget_old(now_s)
        for key in self._read_with.get(poll, ()):
            if key in self._gone:
                self._known[key].was_silent(poll, now_s)
            else:
                self._note(key, poll, readings, now_s)
        for key, fault in self._reported_with.get(poll, ()):
            detector = self._known.get(key)
            # Most detectors have always answered, and this runs at every poll.
            if (
                detector is not None
                and (detector.silent_polls or detector.is_reported)
                and fault not in readings.values
            ):
                after_s = GONE_AFTER_S if key in self._gone else FAULT_AFTER_S
                _add_fault(fault, detector, readings, is_faulty=detector.is_faulty(after_s))
        if self._keep is not None:
            self._keep_changes(self._keep, now_s)

    def _keep_changes(self, keep: Callable[[KeptDevice], None], now_s: float) -> None:
        # Called each second for each device, so nothing is built unless something has changed.
        kept = self._kept
        is_same = len(kept) == len(self._known) and all(
            kept.get(key) is each.is_fault for key, each in self._known.items()
        )
        if is_same and (not kept or now_s - self._kept_at_s < KEEP_AGAIN_S):
            return
        self._kept_at_s = now_s
        self._kept = {key: each.is_fault for key, each in self._known.items()}
        detectors = {key: KeptDetector(each.last_at_s, is_fault=each.is_fault) for key, each in self._known.items()}
        keep(KeptDevice(self._identity, detectors))

    def _sort_by_class(self) -> None:
        self._read_with, self._reported_with = {}, {}
        for key, poll in {**self._planned.detectors, **self._gone}.items():
            self._read_with.setdefault(poll, []).append(key)
            fault = key.replace(_DETECTED, _FAULT, 1)
            self._reported_with.setdefault(self._planned.own_faults.get(fault, poll), []).append((key, fault))
        self.are_any = bool(self._read_with)

    def _note(self, key: str, poll: PollClass, readings: Readings, now_s: float) -> None:
        detector = self._known.get(key)
        if key in readings.values:
            if detector is not None:
                detector.answered(now_s)
            elif len(self._known) < MAX_DETECTORS:
                self._known[key] = _Detector(now_s)
        elif detector is not None and readings.bad.get(key) != "replanning":
            detector.was_silent(poll, now_s)

    def _forget_old(self, now_s: float) -> None:
        for key in [key for key in self._gone if now_s - self._known[key].last_at_s > REMEMBERED_S]:
            del self._gone[key], self._known[key]
            self._sort_by_class()


def _add_fault(fault: str, detector: _Detector, readings: Readings, *, is_faulty: bool) -> None:
    if is_faulty:
        detector.is_reported = True
        readings.bad.pop(fault, None)
        readings.values[fault] = 1.0
    elif detector.is_reported and fault not in readings.bad and not detector.silent_polls:
        readings.values[fault] = 0.0


def _plan_detectors(plan: Plan) -> _Planned:
    classes = class_of_each_series(plan)
    return _Planned(_ending_with(_DETECTED, classes.items()), _ending_with(_FAULT, classes.items()))


def _ending_with(name: str, series: Iterable[tuple[str, PollClass]]) -> dict[str, PollClass]:
    return {key: poll for key, poll in series if key.partition("{")[0].endswith(name)}


_planned_detectors = PerPlan(_plan_detectors)
