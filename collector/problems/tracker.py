"""Follows problems through time: when one begins to hold, becomes active, is a consequence of another, and ends. Pure.

A problem *holds* while its condition is true, like a pending alert of Prometheus. It becomes *active*, like a firing alert, once it has
held for `hold_s`, and stays active until it has not held for long enough (`keep_s`, or `within_s`). The page and the API show active
problems, and subscribers are notified of them.

Times of holding are monotonic, because a jump of the wall clock must neither begin nor end a problem. What people read is wall time.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from collector.problems.causes import ANSWERS_S, causes_by_labels, causes_of
from collector.problems.conditions import Labels
from collector.problems.maintenance import Window
from collector.problems.table import Problem, Table

# The most problems that are tracked at a time. A hall of 1,000 devices with every device in trouble has some thousand.
MAX_TRACKED = 20_000
# Spans of holding that are kept for one problem: more dips than this within its window are taken as one span.
MAX_SPANS = 200
# How long an active problem is kept after a restart, or after its device was silent, while its readings have not come: the slowest class
# that problems use is polled once a minute, and readings are current for three polls.
RESTORED_S = 180.0
# A problem that has begun to hold is shown on the page before it is active, if its row must hold for at most this long. Rows with a
# longer hold are about slow changes (a share of load, the wear of a filter) and would come and go on the page all day. The incident with
# the longest hold is a device that does not answer.
SHOWN_HOLD_S = 120.0
Key = tuple[str, Labels]
SubjectKey = tuple[str, ...]
WindowOf = Callable[[str, Labels, float], Window | None]


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A person has acknowledged a problem by a silence at an Alertmanager: its author, its comment, and its end (wall time)."""

    by: str
    comment: str
    until_s: float


AcknowledgementOf = Callable[[Key, float], Acknowledgement | None]


class Evidence(Enum):
    """Whether the present readings decide if a problem holds."""

    CURRENT = "they do, or they are no longer waited for"
    SILENT = "the device is silent, so it is unknown whether the problem still holds"
    AWAITED = "they have not come yet, after a restart of the collector or a silence of the device"


@dataclass(slots=True)
class TrackedProblem:
    """One problem at one place. Times named `_s` are wall times (seconds since 1970, UTC), the others monotonic.

    Example, with a hold of 10 s: a pump stops at 14:00:00 and is still stopped at 14:00:10. The condition is true since 14:00:00: that is
    `holds_since` for measuring the hold, and `began_to_hold_s` for the page, which shows it as just seen. The problem is active since
    14:00:10: that is `since_s`, which people are notified of. If readings of an outage arrive later and show that the pump had stopped
    at 13:50:00, `backdated_s` becomes 13:50:00, and `since_s` with it.
    """

    problem: Problem
    labels: Labels
    subject: SubjectKey
    value: float
    """The latest."""
    peak: float
    """The worst so far."""
    holds: bool = False
    """Whether its condition is true, by the latest readings that decided it."""
    holds_since: float = 0.0
    """Since when its condition has been true without a break; only valid while it is."""
    last_held: float = 0.0
    """When its condition was last true."""
    spans: deque[list[float]] = field(default_factory=lambda: deque(maxlen=MAX_SPANS))
    """Begin and end of each time in which it held, as far back as its window goes; the last one grows while it holds."""
    is_active: bool = False
    evidence: Evidence = Evidence.CURRENT
    is_restored: bool = False
    """Whether it was active before a restart, and no readings have decided it since."""
    is_offered: bool = True
    """Whether listeners know that it is active. Those of before a restart need not have got to a webhook that was away, or whose window
    ended meanwhile, so they are offered once more."""
    awaited_until: float = 0.0
    """With AWAITED: until when readings are waited for. If none has shown by then that it holds, it ends."""
    is_gone: bool = False
    """Whether what it is about is gone: a device that was taken away, or an agent that was forgotten. It does not hold then."""
    began_to_hold_s: float = 0.0
    """`holds_since` as wall time; 0 while it does not hold."""
    backdated_s: float = 0.0
    """Since when it has held according to readings that came late, after an outage; 0 if there were none."""
    since_s: float = 0.0
    """Since when it is reported: when it became active, or `backdated_s` if that is earlier."""
    ended_s: float = 0.0
    """When it ceased to be active; 0 while it is."""
    cause: Key | None = None
    limit: float | None = None
    limit_source: str = ""
    """The limit that the value is beyond, if it was compared with one, and who states it."""
    whereabouts: str = ""
    """Where its sensor is, by the site file and the device: which leak rope is wet, and where."""
    window: Window | None = None
    """The maintenance window that it is in."""
    acknowledged: Acknowledgement | None = None
    """Who has acknowledged it. It is only shown, and changes nothing else."""
    affected: tuple[str, ...] = ()
    """Racks that it concerns, if it stands for many devices."""
    remains: str = ""
    """Load and battery runtime of the UPSs of each feed, in words, if the problem is about a feed."""

    @property
    def key(self) -> Key:
        """Identifies it among all problems."""
        return self.problem.name, self.labels

    @property
    def is_uncertain(self) -> bool:
        """Whether it is unknown at present if it still holds."""
        return self.evidence is Evidence.SILENT

    @property
    def may_hold(self) -> bool:
        """Whether it holds, or present readings cannot say that it does not."""
        return self.holds or self.evidence is not Evidence.CURRENT

    @property
    def is_seen(self) -> bool:
        """Whether present readings show that it holds."""
        return self.holds and self.evidence is Evidence.CURRENT

    @property
    def is_fading(self) -> bool:
        """Whether it does not hold at present, and is active until it has not held for long enough (`keep_s`, `within_s`)."""
        return self.is_active and not self.may_hold

    @property
    def is_mended(self) -> bool:
        """Whether the latest readings that decided it say that it does not hold. Its device may be silent since: it restarts after work."""
        return self.is_active and not self.holds and not self.is_restored

    def is_awaited(self, now: float) -> bool:
        """Whether readings that decide it are still waited for."""
        return self.evidence is Evidence.AWAITED and now < self.awaited_until

    def alert_labels(self) -> dict[str, str]:
        """Labels as Prometheus gives them to the alert of the same name; the row's severity replaces that of an alarm."""
        own = {"alertname": self.problem.name, "severity": self.problem.severity, "subsystem": self.problem.subsystem}
        return {**dict(self.labels), **own}

    def alert_label_set(self) -> frozenset[tuple[str, str]]:
        """The labels by which Alertmanager knows the alert: it leaves out those without a value."""
        return frozenset((name, text) for name, text in self.alert_labels().items() if text)

    def held_s(self, now: float) -> float:
        """How long it has held, s: in total within its window if it has one, otherwise without a break."""
        if not self.problem.within_s:
            return now - self.holds_since if self.holds else 0.0
        return held_within(self.spans, self.problem.within_s, now)


def held_within(spans: Iterable[Sequence[float]], within_s: float, now: float) -> float:
    """How long something has held in total in the last `within_s` before `now`, s. `spans`: begin and end of each time in which it held."""
    start = now - within_s
    return sum(max(0.0, min(end, now) - max(begin, start)) for begin, end in spans)


class _HeldBefore(NamedTuple):
    """A problem that held, but was not active yet, when the collector stopped. Out of date after `until` (monotonic)."""

    held_s: float
    began_s: float
    until: float


class Tracker:
    """All problems that hold, held lately, or are active."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._all: dict[Key, TrackedProblem] = {}
        self._by_subject: dict[SubjectKey, set[Key]] = defaultdict(set)
        self._lingering: dict[Key, tuple[TrackedProblem, float]] = {}
        """Causes that have ended and until when they still explain their consequences."""
        self._held_before: dict[SubjectKey, dict[Key, _HeldBefore]] = {}
        """By subject: how long each problem had held before a restart. If it still holds, it continues from there."""
        self.window_of: WindowOf = lambda *_: None
        """Finds the maintenance window of a problem."""
        self.acknowledgement_of: AcknowledgementOf = lambda *_: None
        """Finds who has acknowledged a problem."""
        self.waits: Callable[[Key], bool] = lambda _: False
        """Whether a problem must not begin yet, because what would explain it may be about to stand (`Shares.waits`)."""
        self.refused = 0
        """Problems that were not followed because there were too many."""

    def __len__(self) -> int:
        return len(self._all)

    def active(self) -> list[TrackedProblem]:
        """The active problems, consequences included."""
        return [each for each in self._all.values() if each.is_active]

    def beginning(self, now: float) -> list[TrackedProblem]:
        """Problems that hold but are not active yet, because they have not held for long enough. Consequences are left out.

        Rows that take longer than SHOWN_HOLD_S are left out.
        """
        found = [
            each
            for each in self._all.values()
            if each.holds and not each.is_active and each.problem.hold_s <= SHOWN_HOLD_S and each.holds_since <= now
        ]
        if not found:
            return []
        by_labels = causes_by_labels(self._table.problems, [*self.active(), *found])
        return [each for each in found if next(causes_of(each, by_labels, now), None) is None]

    def standing(self, name: str, now: float) -> set[Labels]:
        """For what a problem is active and may hold, or did so lately that its devices have not all been asked again (`ANSWERS_S`)."""
        active = (each for key, each in self._all.items() if key[0] == name and each.is_active)
        ended = (each for key, (each, _) in self._lingering.items() if key[0] == name)
        return {each.labels for each in (*active, *ended) if each.may_hold or now <= each.last_held + ANSWERS_S}

    def get(self, key: Key) -> TrackedProblem | None:
        """One problem."""
        return self._all.get(key)

    def has(self, subject: SubjectKey) -> bool:
        """Whether a subject has problems, or had some lately."""
        return subject in self._by_subject

    def subjects(self) -> set[SubjectKey]:
        """Subjects that have problems."""
        return set(self._by_subject)

    def update(
        self,
        subject: SubjectKey,
        found: Mapping[Key, float],
        now: float,
        *,
        is_silent: Callable[[Key], bool] = lambda _: False,
        decides: Callable[[Key], bool] = lambda _: True,
    ) -> None:
        """Update a subject: `found` are the problems that hold for it now, with their values. The others of the subject no longer hold.

        That a problem is not in `found` proves nothing while its device `is_silent`, or while the subject does not `decide` it because
        readings are still to come. An active problem is then uncertain for `silent_s`. Once the device is back, and after a restart, it is
        kept until the subject decides it, but for at most RESTORED_S.
        """
        for key, value in found.items():
            self._note_holding(subject, key, value, now)
        if (before := self._held_before.get(subject)) is not None:
            for key in [key for key in before if key in found or (decides(key) and not is_silent(key))]:
                del before[key]  # it goes on, or holds no longer
            if not before:
                del self._held_before[subject]
        for key in self._by_subject.get(subject, set()) - found.keys():
            tracked = self._all[key]
            if tracked.is_awaited(now) and (is_silent(key) or not decides(key)):
                continue
            if tracked.is_active and now < tracked.last_held + tracked.problem.silent_s and is_silent(key):
                tracked.evidence = Evidence.SILENT
                continue
            if tracked.is_uncertain and not is_silent(key) and not decides(key):
                # The first poll of a device that is back has readings of one class only; the others need time.
                tracked.evidence, tracked.awaited_until = Evidence.AWAITED, now + RESTORED_S
                continue
            self._note_not_holding(tracked, now)

    def note_gone(self, subject: SubjectKey) -> None:
        """A device or an agent was forgotten. Call it before the `update` that ends what was wrong with it."""
        for key in self._by_subject.get(subject, ()):
            self._all[key].is_gone = True

    def tick(self, now: float, wall_s: float) -> list[TrackedProblem]:
        """Begin and end problems that are due. Returns those that began, ended or got another cause since the last tick.

        Those that were restored count as begun as soon as readings show that they hold, or as none have come.
        """
        changed: dict[Key, TrackedProblem] = {}
        for tracked in list(self._all.values()):
            self._extend(tracked, now)
            if tracked.holds and not tracked.began_to_hold_s:
                tracked.began_to_hold_s = wall_s - max(0.0, now - tracked.holds_since)
            if not tracked.is_active and tracked.holds and self.waits(tracked.key):
                tracked.holds_since = now
            if not tracked.is_active and tracked.holds and self._is_due(tracked, now):
                tracked.is_active, tracked.since_s, tracked.ended_s = True, tracked.backdated_s or wall_s, 0.0
                changed[tracked.key] = tracked
            elif tracked.is_active and self._is_over(tracked, now):
                tracked.is_active, tracked.ended_s, tracked.cause = False, wall_s, None
                tracked.is_offered = True
                changed[tracked.key] = tracked
                if tracked.problem.linger_s:
                    self._lingering[tracked.key] = tracked, now + tracked.problem.linger_s
            if not tracked.is_active and not tracked.holds and tracked.held_s(now) <= 0:
                self._forget(tracked)
        for key in [key for key, (_, until) in self._lingering.items() if now >= until]:
            del self._lingering[key]
        # Windows first: causes depend on them.
        for tracked in (*self._update_windows(wall_s), *self._update_causes(now), *self._offer_restored(now)):
            changed[tracked.key] = tracked
        return list(changed.values())

    def note_earlier(self, key: Key, since_s: float) -> None:
        """Move the beginning of a present problem back to `since_s`, which late readings have shown. Nobody is notified again."""
        tracked = self._all.get(key)
        if tracked is None:
            return
        tracked.backdated_s = min(tracked.backdated_s or since_s, since_s)
        if tracked.is_active:
            tracked.since_s = min(tracked.since_s, since_s)

    def exclude_pause(self, seconds: float, now: float) -> None:
        """Exclude the last `seconds` before `now`, in which the collector itself was stopped, from all times of holding.

        Otherwise a problem that had held for a moment before would be active at once afterwards, and a leak whose device had no time
        yet to report that it is still wet would end.
        """
        lingering = [each for key, (each, _) in self._lingering.items() if each is not self._all.get(key)]
        for each in (*self._all.values(), *lingering):
            # Not later than now: what was found since the pause must not be moved into the future.
            each.holds_since = min(each.holds_since + seconds, now)
            each.last_held = min(each.last_held + seconds, now)
            each.awaited_until += seconds
            for span in each.spans:
                span[:] = (min(moment + seconds, now) for moment in span)
        self._lingering = {key: (each, until + seconds) for key, (each, until) in self._lingering.items()}

    def restore(self, tracked: TrackedProblem, now: float) -> None:
        """Take over a problem that was active before a restart. It stays until its readings arrive, but at most for RESTORED_S."""
        tracked.is_active, tracked.last_held = True, now
        tracked.is_restored, tracked.is_offered = True, False
        tracked.evidence, tracked.awaited_until = Evidence.AWAITED, now + RESTORED_S
        self._all[tracked.key] = tracked
        self._by_subject[tracked.subject].add(tracked.key)

    def holding(self) -> list[TrackedProblem]:
        """Those that hold and are not active yet."""
        return [each for each in self._all.values() if each.holds and not each.is_active]

    def counted(self) -> list[TrackedProblem]:
        """Those that count within a window and have held lately, active or not."""
        return [each for each in self._all.values() if each.problem.within_s and each.spans]

    def restore_counted(self, tracked: TrackedProblem) -> None:
        """Take over when a problem that counts within a window had held before a restart (`spans`). Call it after `restore`."""
        if (known := self._all.get(tracked.key)) is not None:
            known.spans.extend(tracked.spans)
        elif len(self._all) < MAX_TRACKED:
            self._all[tracked.key] = tracked
            self._by_subject[tracked.subject].add(tracked.key)

    def restore_holding(self, subject: SubjectKey, key: Key, held_s: float, began_s: float, now: float) -> None:
        """Take over a problem that had held for `held_s` before a restart, since `began_s` (wall time; 0 if that is unknown).

        If its first readings show that it holds, it continues from there. The time of the restart itself does not count, so a problem may
        be reported late by that time, but never early.
        """
        self._held_before.setdefault(subject, {})[key] = _HeldBefore(held_s, began_s, now + RESTORED_S)

    def _note_holding(self, subject: SubjectKey, key: Key, value: float, now: float) -> None:
        tracked = self._all.get(key)
        if tracked is None:
            if len(self._all) >= MAX_TRACKED:
                self.refused += 1
                return
            tracked = self._all[key] = TrackedProblem(
                problem=self._table.problems[key[0]], labels=key[1], subject=subject, value=value, peak=value
            )
            self._by_subject[subject].add(key)
        if not tracked.holds:
            before = self._held_before.get(subject, {}).get(key)
            since = now
            if before is not None and now < before.until:
                since -= before.held_s
                tracked.began_to_hold_s = before.began_s
            tracked.holds, tracked.holds_since = True, since
            tracked.spans.append([since, now])
        self._extend(tracked, now)
        tracked.value, tracked.last_held = value, now
        tracked.is_restored = tracked.is_gone = False
        tracked.evidence = Evidence.CURRENT
        tracked.peak = worse_of(tracked.problem, tracked.peak, value)

    def _note_not_holding(self, tracked: TrackedProblem, now: float) -> None:
        self._extend(tracked, now)
        tracked.holds, tracked.evidence, tracked.is_restored = False, Evidence.CURRENT, False
        tracked.began_to_hold_s = tracked.backdated_s = 0.0

    @staticmethod
    def _extend(tracked: TrackedProblem, now: float) -> None:
        """Bring the spans of holding up to now, and drop those that its window has left behind."""
        if tracked.holds and tracked.spans:
            tracked.spans[-1][1] = now
        if tracked.problem.within_s:
            while tracked.spans and tracked.spans[0][1] < now - tracked.problem.within_s:
                tracked.spans.popleft()
        elif not tracked.holds:
            tracked.spans.clear()

    @staticmethod
    def _is_due(tracked: TrackedProblem, now: float) -> bool:
        return tracked.held_s(now) >= tracked.problem.hold_s

    @staticmethod
    def _is_over(tracked: TrackedProblem, now: float) -> bool:
        if tracked.holds or tracked.is_uncertain or tracked.is_awaited(now):
            return False
        if tracked.problem.within_s and tracked.held_s(now) >= tracked.problem.hold_s:
            return False  # not holding for a moment within the window ends nothing
        return now >= tracked.last_held + tracked.problem.keep_s

    def _forget(self, tracked: TrackedProblem) -> None:
        del self._all[tracked.key]
        keys = self._by_subject[tracked.subject]
        keys.discard(tracked.key)
        if not keys:
            del self._by_subject[tracked.subject]

    def _update_windows(self, wall_s: float) -> Iterator[TrackedProblem]:
        """Set the maintenance window and acknowledgement of each active problem; yield those that entered or left a window."""
        for tracked in self.active():
            window = self.window_of(tracked.problem.name, tracked.labels, wall_s)
            if window is None and tracked.is_mended:
                # Mended within its window, which is over before the problem counts as ended: nobody is to be called for that.
                window = tracked.window
            is_changed = (window is None) != (tracked.window is None)
            tracked.window = window
            tracked.acknowledged = self.acknowledgement_of(tracked.key, wall_s)
            if is_changed:
                yield tracked

    def _offer_restored(self, now: float) -> Iterator[TrackedProblem]:
        """Yield those of before a restart that go on, as far as it is known, and that listeners were not offered since."""
        for tracked in self.active():
            if not tracked.is_offered and tracked.may_hold and not tracked.is_awaited(now):
                tracked.is_offered = True
                yield tracked

    def _update_causes(self, now: float) -> Iterator[TrackedProblem]:
        """Set the cause of each active problem; yield those whose cause has changed."""
        active = self.active()
        by_labels = causes_by_labels(self._table.problems, [*active, *(each for each, _ in self._lingering.values())])
        for tracked in active:
            cause = next(causes_of(tracked, by_labels, now), None)
            key = cause.key if cause is not None else None
            if key != tracked.cause:
                tracked.cause = key
                yield tracked


def worse_of(problem: Problem, one: float, other: float) -> float:
    """The worse of two values of a problem: the lower one, if the problem is that values are too low."""
    is_too_low = any(condition.below is not None for condition in problem.when)
    return min(one, other) if is_too_low else max(one, other)
