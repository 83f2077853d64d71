"""Decides for which series the conditions of a problem hold, in the present readings of one device, agent or site (a `Subject`).

No I/O. A decision depends on the present readings alone, except for conditions with `after` or `fell` and records that count changes
(`changes_within_s`), see `ConditionMemory`.

The same table is translated for Prometheus by `promql.py`; tests run each problem through both. Each device is evaluated by
itself, so that a message causes only the evaluation of its own device.
"""

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from collector.problems.table import CONSTANT, DEVICE, Condition, Limit, Problem, Record, Table, metrics_of

Labels = tuple[tuple[str, str], ...]
"""Labels by name, sorted; without empty ones."""
Value = float | str


class Finding(NamedTuple):
    """A value for which a problem holds, the limit it exceeds (None if it has none), and the source of that limit."""

    value: float
    limit: float | None = None
    source: str = ""


@dataclass(slots=True)
class Subject:
    """What problems are evaluated for: one device, agent, site or collector, with its present series by metric. `subjects.py` makes them.

    `base` are labels that all of its problems get. `is_silent`: it does not answer, so nobody knows whether its problems go on.
    """

    base: Mapping[str, str]
    series: dict[str, list[tuple[Mapping[str, str], Value]]] = field(default_factory=dict)
    is_silent: bool = False
    cause: str = ""
    """Why it is not observed; empty if it is."""
    agent: str = ""
    """The agent that polls it, if it is a device."""
    sources: dict[str, str] = field(default_factory=dict)
    """Source of a limit that the device does not state itself, in words, by the limit's metric."""

    def add(self, name: str, labels: Mapping[str, str], value: Value) -> None:
        """One more series."""
        self.series.setdefault(name, []).append((labels, value))


def labels_of(labels: Mapping[str, str]) -> Labels:
    """Labels as a key."""
    return tuple(sorted((name, value) for name, value in labels.items() if value))


# Series that are remembered, some 300 bytes each. A hall has a few thousand; the bound is for clients that invent devices.
MAX_SEEN = 50_000
# Highest values remembered of one series, each lower and later than the one before. If a series falls in more steps within a day, the
# second-highest is dropped, so that its highest value may be forgotten too early.
MAX_FALLS = 16
# Changes remembered of one series: a hundred times what any problem asks for, and a fifth of those of an hour with one each second.
MAX_CHANGES = 720


@dataclass(slots=True)
class Changes:
    """When a series has changed lately. Wall times, so that they can be kept over a restart."""

    latest: float
    """Its latest value."""
    noted_s: float
    """When that was noted, whether it had changed or not."""
    at_s: list[float] = field(default_factory=list)
    """Of each change within the record's `changes_within_s`, the oldest first."""


class ConditionMemory:
    """What conditions remember of earlier readings: when a value was high enough (`after`), its highest values (`fell`), its changes."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, Labels], float] = {}
        """By problem and labels: when a value last met the condition `after`. Wall time, so that it can be kept over a restart."""
        self.highest: dict[tuple[str, Labels], list[tuple[float, float]]] = {}
        """By problem and labels: value and wall time of each reading that no later one exceeded. The first is the highest and oldest."""
        self.changes: dict[tuple[str, Labels], Changes] = {}
        """By record and labels. A restart keeps only series that have changed lately."""

    def count_changes(self, record: str, labels: Labels, value: float, within_s: float, wall_s: float) -> int:
        """Note the value; return how often it changed within the last `within_s`. A series that is first seen has not changed."""
        known = self.changes.get((record, labels))
        if known is None:
            if len(self.changes) < MAX_SEEN:
                self.changes[record, labels] = Changes(value, wall_s)
            return 0
        # A gap longer than `within_s` says nothing: what has changed in it may have done so before the time that counts.
        if value != known.latest and wall_s - known.noted_s < within_s:
            known.at_s.append(wall_s)
            del known.at_s[:-MAX_CHANGES]
        known.latest, known.noted_s = value, wall_s
        while known.at_s and known.at_s[0] <= wall_s - within_s:
            del known.at_s[0]
        return len(known.at_s)

    def reached(self, problem: str, labels: Labels, value: float, condition: Condition, wall_s: float) -> bool:
        """Note the value; return whether one reached `after.at_least` within the last `after.within_s`."""
        if condition.after is None:
            return True
        key = problem, labels
        if value >= condition.after.at_least and (key in self.seen or len(self.seen) < MAX_SEEN):
            self.seen[key] = wall_s
        at = self.seen.get(key)
        return at is not None and wall_s - at <= condition.after.within_s

    def has_fallen(self, problem: str, labels: Labels, value: float, condition: Condition, wall_s: float) -> bool:
        """Note the value; return whether it is below `fell.below_share` of the highest one within `fell.within_s`."""
        fall, key = condition.fell, (problem, labels)
        if fall is None:
            return True
        peaks = self.highest.get(key)
        if peaks is None:
            if len(self.highest) >= MAX_SEEN:
                return False
            peaks = self.highest[key] = []
        while peaks and peaks[-1][0] <= value:
            peaks.pop()
        peaks.append((value, wall_s))
        while wall_s - peaks[0][1] > fall.within_s:
            peaks.pop(0)
        if len(peaks) > MAX_FALLS:
            del peaks[1]
        return value < fall.below_share * peaks[0][0]

    def forget(self, before_s: float) -> None:
        """Forget what is older than any condition looks back."""
        for key in [key for key, peaks in self.highest.items() if peaks[-1][1] < before_s]:
            del self.highest[key]
        for key in [key for key, at_s in self.seen.items() if at_s < before_s]:
            del self.seen[key]
        for changed in [changed for changed, each in self.changes.items() if each.noted_s < before_s]:
            del self.changes[changed]


# Sets of metrics for which the problems that they can decide are cached. A site has some twenty families, each with a few sets.
MAX_FAMILIES = 2_000


def _is_plain(condition: Condition) -> bool:
    """Whether a condition compares each series of one metric by its value alone."""
    return not (
        condition.record
        or condition.where
        or condition.where_not
        or condition.states
        or condition.per
        or condition.after
        or condition.fell
    )


def _is_selected(condition: Condition, labels: Mapping[str, str], subject: Subject) -> bool:
    """Whether a series has the labels that the condition requires. A label that the series lacks, such as `rack`, is its device's."""
    wanted, excluded = condition.where, condition.where_not
    if wanted and not all(labels.get(name, subject.base.get(name, "")) in texts for name, texts in wanted.items()):
        return False
    return not any(labels.get(name, subject.base.get(name, "")) in texts for name, texts in excluded.items())


class Evaluator:
    """Evaluates the table's conditions; a subject is asked only about metrics that it has."""

    def __init__(self, table: Table) -> None:
        self._records = table.records
        self.memory = ConditionMemory()
        self.metrics = table.metrics()
        self._counted = {name: each for name, each in table.records.items() if each.changes_within_s}
        self._problems_by_metric: dict[str, list[Problem]] = {}
        # Subjects of one family have the same metrics; without this, finding their problems took a tenth of an evaluation.
        self._decidable_by_metrics: dict[tuple[str, ...], list[tuple[Problem, tuple[Condition, ...]]]] = {}
        for problem in table.problems.values():
            for metric in {name for each in problem.when for name in metrics_of(each, table.records)}:
                self._problems_by_metric.setdefault(metric, []).append(problem)

    def count_changes(self, subject: Subject, wall_s: float) -> None:
        """Add to a subject how often its series have changed (records with `changes_within_s`). Call it before anything else is asked."""
        for name, record in self._counted.items():
            counts: list[tuple[Mapping[str, str], Value]] = []
            for labels, raw in subject.series.get(record.metric, ()):
                value = float(raw in record.states) if isinstance(raw, str) else raw
                key = labels_of({**subject.base, **labels})
                count = self.memory.count_changes(name, key, value, record.changes_within_s, wall_s)
                counts.append((labels, float(count)))
            if counts:
                subject.series[name] = counts

    def decidable_by(self, subject: Subject) -> list[tuple[Problem, tuple[Condition, ...]]]:
        """The problems that the subject's series can decide, each with those of its conditions that can hold with these series."""
        metrics = tuple(subject.series)
        known = self._decidable_by_metrics.get(metrics)
        if known is None:
            if len(self._decidable_by_metrics) >= MAX_FAMILIES:
                self._decidable_by_metrics.clear()
            found = {problem.name: problem for name in metrics for problem in self._problems_by_metric.get(name, ())}
            known = self._decidable_by_metrics[metrics] = [
                (problem, tuple(each for each in problem.when if self.can_hold(each, subject.series)))
                for problem in found.values()
            ]
        return known

    def can_hold(self, condition: Condition, metrics: Container[str]) -> bool:
        """Whether a condition can hold for a subject with these metrics, whatever their values. True in case of doubt."""
        if condition.after is not None or condition.fell is not None:
            return True  # such a condition must see every value, to remember it
        if not condition.record and condition.metric not in metrics:
            return False
        if condition.record in self._counted and condition.record not in metrics:
            return False
        bound = condition.above if condition.above is not None else condition.below
        if (
            condition.equals is None
            and not condition.states
            and isinstance(bound, Limit)
            and not bound.record
            and bound.metric not in metrics
        ):
            return False  # most devices state no limit
        return all(self.can_hold(each, metrics) for each in condition.also)

    def decides(self, problem: Problem, subject: Subject, device: str | None = None) -> bool:
        """Whether the subject has every series that the problem needs, so that "does not hold" can be believed.

        After a start, for example, limits arrive long after the readings they limit. For a problem of a site's figures, `device` is the
        device whose figures count.
        """
        present = {
            name
            for name in {one for each in problem.when for one in metrics_of(each, self._records)}
            & subject.series.keys()
            if any(labels.get("device", device) == device for labels, _ in subject.series[name])
        }
        needed = [names for each in problem.when if (names := metrics_of(each, self._records)) & present]
        return bool(needed) and all(names <= present for names in needed)

    @staticmethod
    def is_unread(problem: Problem, labels: Labels, subject: Subject) -> bool:
        """Whether a problem outlasts its readings (`outlasts_reading`) and the subject has none that could raise it with these labels."""
        return problem.outlasts_reading and not any(
            labels_of({**subject.base, **{name: text for name, text in own.items() if name not in condition.without}})
            == labels
            for condition in problem.when
            for own, _ in subject.series.get(condition.metric, ())
        )

    def evaluate(self, problem: Problem, subject: Subject, wall_s: float) -> dict[Labels, float]:
        """The series for which the problem holds, by the labels that the problem gets, with their values."""
        return {labels: found.value for labels, found in self.findings(problem, subject, wall_s).items()}

    def findings(
        self, problem: Problem, subject: Subject, wall_s: float, conditions: Iterable[Condition] | None = None
    ) -> dict[Labels, Finding]:
        """The same as `evaluate`, with the limits. `conditions` are the problem's conditions that can hold; by default all of them."""
        found: dict[Labels, Finding] = {}
        for condition in problem.when if conditions is None else conditions:
            reading = condition.metric or self._records[condition.record].metric
            more = {"reading": reading.removeprefix("dcim_")} if problem.has_reading else {}
            for labels, value in self._holding(condition, subject, problem.name, wall_s):
                kept = {name: text for name, text in labels.items() if name not in condition.without}
                key = labels_of({**subject.base, **kept, **more})
                if key not in found:
                    found[key] = Finding(value, *self._limit_of(condition, labels, subject))
        return found

    def _limit_of(self, condition: Condition, labels: Mapping[str, str], subject: Subject) -> tuple[float | None, str]:
        """The limit of a condition for a series, and the source of that limit."""
        for bound in (condition.above, condition.below):
            if isinstance(bound, Limit):
                metric = bound.metric or self._records[bound.record].metric
                return self.limit(bound, labels, subject), subject.sources.get(metric, condition.limit_source or DEVICE)
            if bound is not None:
                return bound, condition.limit_source or CONSTANT
        return None, ""

    def holds(self, condition: Condition, subject: Subject) -> bool:
        """Whether the condition holds for any series of the subject."""
        return bool(self._holding(condition, subject, "", 0.0))

    def _holding(
        self, condition: Condition, subject: Subject, problem: str, wall_s: float
    ) -> Sequence[tuple[Mapping[str, str], float]]:
        """The series of the subject for which the condition holds, with their values."""
        if condition.cause and subject.cause not in condition.cause:
            return ()
        # Most conditions compare a reading with a constant, or with a limit that the device does not state.
        passed: Sequence[tuple[Mapping[str, str], float]] = (
            self._passing_plain(condition, subject)
            if _is_plain(condition)
            else list(self._passing(condition, subject, problem, wall_s))
        )
        if not passed or any(self.holds(inner, subject) for inner in condition.unless):
            return ()
        return passed if all(self.holds(inner, subject) for inner in condition.also) else ()

    def _passing(
        self, condition: Condition, subject: Subject, problem: str, wall_s: float
    ) -> Iterator[tuple[Mapping[str, str], float]]:
        """Each series that meets the condition itself, with its value. `also` and `unless` are not checked: they concern the subject."""
        remembers = condition.after or condition.fell
        for labels, raw in self._series_of(condition, subject):
            if not _is_selected(condition, labels, subject):
                continue
            if condition.states:
                reached = True
                if condition.after is not None:
                    normal = float(raw in condition.after.states)
                    key = labels_of({**subject.base, **labels})
                    reached = self.memory.reached(problem, key, normal, condition, wall_s)
                if reached and raw in condition.states:
                    yield {**labels, "state": str(raw)}, 1.0
                continue
            value = None if isinstance(raw, str) else self._divided(condition.per, labels, raw, subject)
            if value is None:
                continue
            value *= condition.times
            passes = self._compare(condition, labels, value, subject)
            if remembers:
                key = labels_of({**subject.base, **labels})
                # Both must be called in any case, because they also remember the value.
                has_fallen = self.memory.has_fallen(problem, key, value, condition, wall_s)
                passes = self.memory.reached(problem, key, value, condition, wall_s) and has_fallen and passes
            if passes:
                yield labels, value

    def _passing_plain(self, condition: Condition, subject: Subject) -> Sequence[tuple[Mapping[str, str], float]]:
        """What `_passing` finds for a plain condition, in a third of the time."""
        rows = subject.series.get(condition.metric)
        if not rows:
            return ()
        above, below, equals, times = condition.above, condition.below, condition.equals, condition.times
        if equals is None and (isinstance(above, Limit) or isinstance(below, Limit)):
            bound = above if above is not None else below
            if isinstance(bound, Limit) and next(self._series_of(bound, subject), None) is None:
                return ()
            numbers = [(labels, raw * times) for labels, raw in rows if not isinstance(raw, str)]
            return [(labels, value) for labels, value in numbers if self._compare(condition, labels, value, subject)]
        # Values are within the ranges of the catalogue, so none is infinite.
        low = above if isinstance(above, float | int) else -math.inf
        high = below if isinstance(below, float | int) else math.inf
        numbers = [(labels, raw * times) for labels, raw in rows if not isinstance(raw, str)]
        if equals is not None:
            return [each for each in numbers if each[1] == equals]
        return [each for each in numbers if low < each[1] < high]

    def _compare(self, condition: Condition, labels: Mapping[str, str], value: float, subject: Subject) -> bool:
        """Whether a value meets the condition. False if the subject lacks the limit that it is compared with."""
        if condition.equals is not None:
            return value == condition.equals
        for bound, sign in ((condition.above, 1), (condition.below, -1)):
            if bound is None:
                continue
            limit = self.limit(bound, labels, subject) if isinstance(bound, Limit) else bound
            return limit is not None and (value - limit) * sign > 0
        return True

    def limit(self, bound: Limit, labels: Mapping[str, str], subject: Subject) -> float | None:
        """What a reading with these labels is compared with; None if the subject has no such limit."""
        for own, raw in self._series_of(bound, subject):
            if not all(own.get(name) in texts for name, texts in bound.where.items()):
                continue
            # As `on (labels that both have)` in Prometheus: a limit without a phase limits every phase.
            if all(labels.get(name, text) == text for name, text in own.items() if name not in bound.where) and (
                not isinstance(raw, str)
            ):
                return raw * bound.times + bound.plus
        return None

    def _series_of(self, source: Condition | Limit, subject: Subject) -> Iterator[tuple[Mapping[str, str], Value]]:
        """The subject's series that a condition or a limit asks about: those of a metric, or those of a recorded value."""
        if source.record in self._counted:
            yield from subject.series.get(source.record, ())
        elif source.record:
            yield from self._recorded(self._records[source.record], subject)
        else:
            yield from subject.series.get(source.metric, ())

    def _recorded(self, record: Record, subject: Subject) -> Iterator[tuple[Mapping[str, str], Value]]:
        """A recorded value of the table (`records`), computed from the subject's series as Prometheus records it."""
        if record.count:
            states = [raw for _, raw in subject.series.get(record.metric, ())]
            if states:
                yield {}, float(sum(raw in record.states for raw in states))
            return
        if any(self.holds(inner, subject) for inner in record.unless):
            return
        for labels, raw in subject.series.get(record.metric, ()):
            value = None if isinstance(raw, str) else self._divided(record.per, labels, raw, subject)
            if value is not None and (value > 0 or not record.positive):
                yield labels, value

    def _divided(self, per: str, labels: Mapping[str, str], value: float, subject: Subject) -> float | None:
        """The value divided by that of the metric `per` with the same labels; None if there is none. Unchanged if `per` is empty."""
        if not per:
            return value
        divisor = self.limit(Limit(metric=per), labels, subject)
        return value / divisor if divisor is not None and divisor > 0 else None
