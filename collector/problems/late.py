"""Evaluates readings that arrived late, by the times at which they were taken: which problems there were, and from when to when. Pure.

Readings arrive late after the collector or the broker was away. Nobody is notified because of them, since the problems that they show may
be long over. But a problem that still holds began with the first late reading that shows it, and one that began and ended meanwhile belongs
in the day's history. Only problems of single devices and of groups of devices (shares) are evaluated. Figures across devices and states of
agents are not derived again.

The messages of one agent arrive in the order of their numbers, with messages of other agents between them. So the result is worked out only
once no late message has come for a while. By then the present problems are known as well, so that causes can be found for consequences.
"""

import math
from collections import deque
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from collector.derive import SiteLimit
from collector.latest import shelf_life_s
from collector.problems.causes import place_of
from collector.problems.conditions import Evaluator, Finding, Labels, Subject
from collector.problems.history import KEEP_S, Ended
from collector.problems.shares import Shares
from collector.problems.table import Problem, Table
from collector.problems.tracker import Key, SubjectKey, TrackedProblem, held_within, worse_of
from collector.readings import Layout, Readings
from rackflow import Batch
from rackflow.catalogue import BASE_LABELS

NEEDED: Final = "late_needed"
"""Key under which a layout caches its `_NeededKeys` (`Layout.cache`)."""
# The most problems that are followed in one backlog. A hall of 1,000 devices that loses power and comes back has some thousand.
MAX_SPANS = 10_000
# The most readings in memory, of all devices together, some 200 bytes each. Further ones are not evaluated.
MAX_READINGS = 50_000
# The least time between two counts of shares, by the readings' own times. Each count looks at all devices.
SHARES_EVERY_S = 1.0


class LateReadings(NamedTuple):
    """A message that came late, with its usable readings."""

    site: str
    batch: Batch
    readings: Readings


@dataclass(slots=True)
class _Span:
    """One problem at one place, from its first late reading on. Wall times by the agent's clock."""

    problem: Problem
    labels: Labels
    since_s: float
    run_from_s: float
    last_s: float
    value: float
    peak: float
    poll_s: float
    holds: bool = True
    over_s: float = 0.0
    """Time of the first reading since it last held that did not show it any more."""
    runs: deque[tuple[float, float]] = field(default_factory=deque)
    """From when until when it held earlier, as far as its window reaches (`within_s`)."""
    has_lasted: bool = False
    """Whether it held for as long as it must."""

    def hold(self, value: float, at_s: float, poll_s: float) -> None:
        """A reading shows it."""
        at_s = max(at_s, self.last_s)  # a share of devices of two agents, whose backlogs are not at the same time
        within_s = self.problem.within_s
        if not self.holds:
            if within_s:
                self.runs.append((self.run_from_s, self.last_s))
            self.holds, self.run_from_s = True, at_s
            if not self.has_lasted and not within_s:
                self.since_s, self.peak = at_s, value
        while self.runs and self.runs[0][1] < at_s - within_s:
            self.runs.popleft()
        if self.runs and not self.has_lasted:
            self.since_s = self.runs[0][0]
        self.has_lasted = self.has_lasted or self._held_s(at_s) >= self.problem.hold_s
        self.value, self.last_s, self.poll_s = value, at_s, poll_s
        self.peak = worse_of(self.problem, self.peak, value)

    def _held_s(self, at_s: float) -> float:
        """How long it has held at a reading that shows it, s: as `TrackedProblem.held_s`."""
        if not self.problem.within_s:
            return at_s - self.run_from_s
        return held_within((*self.runs, (self.run_from_s, at_s)), self.problem.within_s, at_s)

    def release(self, at_s: float) -> None:
        """A reading does not show it."""
        if self.holds:
            self.holds, self.over_s = False, at_s

    def is_over(self, at_s: float) -> bool:
        """Whether it has not held for long enough to count as ended."""
        dip_s = max(self.problem.keep_s, self.problem.within_s - self.problem.hold_s)
        return not self.holds and at_s - self.last_s > dip_s


@dataclass(slots=True)
class _Device:
    """The readings of one device at the time of its last late message; each with the time until which it counts."""

    at_s: float = 0.0
    values: dict[str, tuple["_NeededSeries", float | str, float]] = field(default_factory=dict)
    keys: set[Key] = field(default_factory=set)


FindPresent = Callable[[Key], TrackedProblem | None]
"""Finds the present problem with a key, if there is one."""


class LateJudge:
    """Follows problems through the readings of one backlog. `settle` gives its verdict and forgets it."""

    def __init__(self, table: Table, limits: Mapping[tuple[str, str], Sequence[SiteLimit]]) -> None:
        self._table = table
        self._limits = limits
        self._evaluator = Evaluator(table)
        self._shares = Shares(table, self._evaluator)
        self._devices: dict[tuple[str, str], _Device] = {}
        self._spans: dict[Key, _Span] = {}
        self._closed: list[_Span] = []
        self._counted_s, self._uncounted, self._readings = 0.0, 0, 0
        self.refused = 0
        """How often a reading showed a problem that was not followed, because there were too many."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing came since the last verdict."""
        return not self._devices

    def take(self, late: LateReadings, wall_s: float) -> None:
        """Evaluate one message. One that is older than a day, from the future, or older than the last one of its device, is left out."""
        batch, at_s = late.batch, late.batch.time / 1000
        device = self._devices.setdefault((late.site, batch.device), _Device())
        if not wall_s - KEEP_S < at_s <= wall_s or at_s < device.at_s or batch.device_class == "agent":
            return
        subject = self._subject(late, device, at_s)
        self._evaluator.count_changes(subject, at_s)
        found: dict[Key, Finding] = {}
        for problem, conditions in self._evaluator.decidable_by(subject):
            findings = self._evaluator.findings(problem, subject, at_s, conditions) if conditions else {}
            found |= {(problem.name, labels): finding for labels, finding in findings.items()}
        self._note({key: each.value for key, each in found.items()}, device.keys, at_s, batch.interval_s, subject)
        subject_key: SubjectKey = ("device", late.site, batch.device)
        self._shares.note(subject_key, subject)
        self._uncounted += 1
        # With backlogs of two agents, `at_s` jumps to and fro between their times. The second bound keeps the work at a few devices a
        # message.
        if abs(at_s - self._counted_s) >= SHARES_EVERY_S and self._uncounted * 4 >= len(self._devices):
            self._count_shares(at_s, batch.interval_s)

    def _subject(self, late: LateReadings, device: _Device, at_s: float) -> Subject:
        """The device at the time of this message: its readings, and earlier ones that were current then."""
        batch, until_s = late.batch, at_s + shelf_life_s(late.batch.interval_s)
        device.at_s = at_s
        if not batch.up:
            self._readings -= len(device.values)
            device.values.clear()
        needed = _needed_keys(late.readings.layout, self._evaluator.metrics)
        for series in needed.numbers:
            self._keep_reading(device, series, late.readings.numbers[series.position], until_s)
        for series in needed.states:
            self._keep_reading(device, series, late.readings.state_texts[series.position], until_s)
        base = {label: text for label in BASE_LABELS if (text := batch.labels.get(label))}
        subject = Subject(
            {**base, "site": late.site, "device": batch.device}, is_silent=not batch.up, agent=batch.agent
        )
        for series, value, expires_s in device.values.values():
            if at_s < expires_s:
                subject.add(series.name, series.by_name, value)
        for limit in self._limits.get((late.site, batch.device), ()):
            subject.add(limit.metric, dict(limit.labels), limit.value)
        subject.add("dcim_device_observed", {"agent": batch.agent}, 1.0)
        subject.add("dcim_device_up", {"agent": batch.agent}, float(batch.up))
        subject.add("dcim_device_info", {"agent": batch.agent, "device_class": batch.device_class}, 1.0)
        return subject

    def _keep_reading(self, device: _Device, series: "_NeededSeries", value: float | str, until_s: float) -> None:
        if series.key not in device.values:
            if self._readings >= MAX_READINGS:
                return
            self._readings += 1
        device.values[series.key] = series, value, until_s

    def _note(
        self, found: Mapping[Key, float], known: set[Key], at_s: float, poll_s: float, subject: Subject | None
    ) -> None:
        """Follow the problems of one subject: `found` hold at `at_s`, the others of `known` may have ended.

        `subject` is the device; None for shares of devices, which decide everything whenever they are counted. `known` is changed.
        """
        for key, value in found.items():
            span = self._spans.get(key)
            if span is None:
                if len(self._spans) + len(self._closed) >= MAX_SPANS:
                    self.refused += 1
                    continue
                span = self._spans[key] = _Span(
                    problem=self._table.problems[key[0]],
                    labels=key[1],
                    since_s=at_s,
                    run_from_s=at_s,
                    last_s=at_s,
                    value=value,
                    peak=value,
                    poll_s=poll_s,
                )
                known.add(key)
            span.hold(value, at_s, poll_s)
        for key in known - found.keys():
            span = self._spans[key]
            # As for live readings: problems of a silent device go on, and one message has the readings of only one poll class.
            is_silent = (
                subject is not None
                and (subject.is_silent or self._evaluator.is_unread(span.problem, span.labels, subject))
                and at_s < span.last_s + span.problem.silent_s
            )
            if not is_silent and (
                subject is None or subject.is_silent or self._evaluator.decides(span.problem, subject)
            ):
                span.release(at_s)
            if span.is_over(at_s):
                known.discard(key)
                gone = self._spans.pop(key)
                if gone.has_lasted:
                    self._closed.append(gone)

    def _count_shares(self, at_s: float, poll_s: float) -> None:
        self._counted_s, self._uncounted = at_s, 0
        for name, groups in self._shares.found().items():
            known = {key for key in self._spans if key[0] == name}
            self._note({(name, group): each.value for group, each in groups.items()}, known, at_s, poll_s, None)

    def going_on(self, find_present: FindPresent, until_s: float = 0.0) -> list[tuple[Key, float]]:
        """The present problems of which late readings show the beginning, each with the time at which it began.

        `until_s` is when the last late message was received. It is given once no more will come: then a problem whose end no reading has
        shown counts as the present one, even without a live reading in between.
        """
        return [
            (key, span.since_s)
            for key, span in self._spans.items()
            if (tracked := find_present(key)) is not None and _is_same(span, tracked, until_s)
        ]

    def is_open(self, find_present: FindPresent) -> bool:
        """Whether a problem held in its last late reading, and no live reading has shown yet whether it still does."""
        return any(span.holds and find_present(key) is None for key, span in self._spans.items())

    def settle(self, goes_on: Collection[Key], active: Iterable[TrackedProblem]) -> list[Ended]:
        """The problems that began and ended in the backlog, by their ends, and forget the backlog.

        `goes_on` are those that are still present, `active` all present problems.
        """
        over = [*self._closed, *(span for key, span in self._spans.items() if span.has_lasted and key not in goes_on)]
        others = [*over, *(self._spans[key] for key in goes_on)]
        present = list(active)
        ended = [_ended(each, others, present) for each in over]
        self._devices.clear()
        self._spans.clear()
        self._closed.clear()
        self._shares.forget_absent(frozenset())
        self._evaluator.memory.forget(math.inf)
        self._counted_s, self._uncounted, self._readings = 0.0, 0, 0
        return sorted(ended, key=lambda each: each.ended_s)


class _NeededSeries(NamedTuple):
    """One series of a message that some problem asks about. `position` is where its value is in the message's numbers or states."""

    position: int
    key: str
    name: str
    by_name: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _NeededKeys:
    numbers: Sequence[_NeededSeries]
    states: Sequence[_NeededSeries]


def _needed_keys(layout: Layout, metrics: Container[str]) -> _NeededKeys:
    """The numbers and states of a message that some problem asks about. Found once for all messages with the same keys."""
    known = layout.cache.get(NEEDED)
    if isinstance(known, _NeededKeys):
        return known
    found = [
        [
            _NeededSeries(position, each.key, each.metric.name, each.by_name)
            for position, each in enumerate(series)
            if each.metric.name in metrics
        ]
        for series in (layout.number_series, layout.state_series)
    ]
    needed = layout.cache[NEEDED] = _NeededKeys(*found)
    return needed


def _is_same(span: _Span, tracked: TrackedProblem, until_s: float) -> bool:
    """Whether a present problem is the one that the last late readings showed."""
    if not span.holds:
        return False
    if tracked.is_active and tracked.since_s <= span.last_s:
        return True  # it was active before the outage
    # No reading lies between the last late one and the first live one, if the late one was current until then.
    return tracked.holds and 0.0 < tracked.began_to_hold_s <= max(span.last_s, until_s) + shelf_life_s(span.poll_s)


def _ended(span: _Span, others: Sequence[_Span], active: Iterable[TrackedProblem]) -> Ended:
    ended_s = span.over_s or span.last_s
    is_explained = any(_explains(each.problem.name, each.labels, span) for each in active) or any(
        _explains(each.problem.name, each.labels, span)
        for each in others
        if each.since_s <= ended_s and span.since_s <= (each.over_s or each.last_s) + each.problem.linger_s
    )
    return Ended(
        name=span.problem.name,
        labels=[*span.labels],
        since_s=span.since_s,
        ended_s=ended_s,
        value=span.value,
        peak=span.peak,
        is_cause=not is_explained,
        is_late=True,
    )


def _explains(name: str, labels: Labels, span: _Span) -> bool:
    """Whether another problem explains this one, by the table."""
    by = span.problem.causes.get(name)
    if by is None:
        return False
    may_lack = span.problem.cause_may_lack.get(name, ())
    place = place_of(span.labels, by, may_lack)
    return (
        place is not None and place == place_of(labels, by, may_lack) and span.problem.admits(name, dict(span.labels))
    )


def not_reported_yet(
    ended: Iterable[Ended], kept: Iterable[Ended], active: Iterable[TrackedProblem]
) -> Iterator[Ended]:
    """Those of `ended` that neither a kept nor an active problem overlaps: those were reported already."""
    known: dict[Key, list[tuple[float, float]]] = {}
    for each in kept:
        known.setdefault((each.name, tuple(each.labels)), []).append((each.since_s, each.ended_s))
    for present in active:
        known.setdefault(present.key, []).append((present.since_s, math.inf))
    for each in ended:
        spans = known.get((each.name, tuple(each.labels)), [])
        if not any(since_s <= each.ended_s and each.since_s <= until_s for since_s, until_s in spans):
            yield each
