"""Skips the evaluation of a device whose new readings cannot change the result of any condition. Pure.

Nearly every poll of a healthy device differs from the one before by some watts, far from any limit. After an evaluation that found
no problem, each number gets a range within which every comparison has the same result. States, and limits that readings are compared with,
must not change at all. As long as this holds, the next evaluation would find nothing either. Checking the ranges takes a tenth of its time.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from collector.derive import SiteLimit
from collector.latest import DeviceState, LatestValue
from collector.problems.conditions import MAX_FAMILIES, Evaluator, Subject, Value
from collector.problems.feed_reserve import METRICS as RESERVE_METRICS
from collector.problems.shares import Shares
from collector.problems.subjects import NeededSeries
from collector.problems.table import Condition, Limit, Record

# The distance that a range keeps from a limit, relative and absolute. Conditions multiply the reading where a range divides the limit, so
# the ends of a range may be wrong by some units in the last place, 1e-16.
_MARGIN = 1e-9
# Some devices leave their ranges with every poll, for example if two counters are compared. Checking them would be wasted effort, so such a
# device is evaluated 2, 4, 8, … times without a check.
_MAX_PAUSE = 64
# How long a device may go without an evaluation if a condition remembers when a series had a value (`after`). The remembered time is then
# up to five minutes too old, which does not matter, because such conditions look back for at least a day (`within_s`).
_REMEMBERED_S = 300.0
DeviceKey = tuple[str, str]
"""Site and device."""
Rows = Sequence[tuple[Mapping[str, str], LatestValue]]


class _Comparison(NamedTuple):
    """A comparison of a metric with a bound. Before it, the value is divided by those of the metrics `per`, and multiplied by `times`."""

    bound: float | Limit
    times: float
    per: tuple[str, ...]


@dataclass(slots=True)
class _Family:
    """How the conditions use each metric, for all devices with the same set of metrics."""

    comparisons: dict[str, list[_Comparison]] = field(default_factory=dict)
    exact: set[str] = field(default_factory=set)
    """Metrics whose values must not change at all: states, limits and divisors."""
    remembers: bool = False
    """Whether a condition remembers when a reading was last there."""

    def add(self, condition: Condition, records: Mapping[str, Record]) -> None:
        """Note how a condition, and those inside of it, use metrics."""
        metric, pers = condition.metric, [condition.per]
        if condition.record:
            record = records[condition.record]
            metric = record.metric
            pers.append(record.per)
            self._record(record, records)
            if record.changes_within_s:
                self.exact.add(metric)
                self.remembers = True
                return
        if condition.states or condition.fell is not None:
            self.exact.add(metric)
        after = condition.after.at_least if condition.after is not None else None
        for bound in (condition.equals, condition.above, condition.below, after):
            if bound is not None:
                self._compare(metric, _Comparison(bound, condition.times, tuple(each for each in pers if each)))
            if isinstance(bound, Limit):
                self._bound(bound, records)
        self.exact.update(pers)
        self.remembers = self.remembers or condition.after is not None or condition.fell is not None
        for inner in (*condition.unless, *condition.also):
            self.add(inner, records)

    def _record(self, record: Record, records: Mapping[str, Record]) -> None:
        if record.count:
            self.exact.add(record.metric)
        if record.positive:
            self._compare(record.metric, _Comparison(0.0, 1.0, ()))
        for inner in record.unless:
            self.add(inner, records)

    def _bound(self, bound: Limit, records: Mapping[str, Record]) -> None:
        if not bound.record:
            self.exact.add(bound.metric)
            return
        record = records[bound.record]
        self.exact.update((record.metric, record.per))
        self._record(record, records)

    def _compare(self, metric: str, comparison: _Comparison) -> None:
        comparisons = self.comparisons.setdefault(metric, [])
        if comparison not in comparisons:
            comparisons.append(comparison)


@dataclass(frozen=True, slots=True)
class Settled:
    """A device without problems, and the conditions under which its next readings cannot cause one.

    `ranges` lists series with the least and highest values that they may take, `exact` series with values that must not change.
    """

    device: DeviceState
    labels: Mapping[str, str]
    agent: str
    device_class: str
    limits: Sequence[SiteLimit]
    needed: NeededSeries
    ranges: Sequence[tuple[Rows, float, float]]
    exact: Sequence[tuple[Rows, Sequence[Value]]]
    until: float
    """When it is evaluated in any case (monotonic)."""
    is_ups: bool
    """Whether its load or battery runtime is shown with the problems of its feed."""

    def holds(self) -> bool:
        """Whether no condition can have another result with the present readings."""
        for rows, low, high in self.ranges:
            # All are numbers: a metric with states is among `exact`.
            values: list[float] = [entry.value for _, entry in rows]  # type: ignore[misc]
            if min(values) < low or max(values) > high:
                return False
        return all([entry.value for _, entry in rows] == values for rows, values in self.exact)


class SettledDevices:
    """The devices that have no problem, as far as their next readings can decide it without an evaluation."""

    def __init__(self, evaluator: Evaluator, shares: Shares, records: Mapping[str, Record]) -> None:
        self._evaluator, self._shares, self._records = evaluator, shares, records
        self._families: dict[tuple[str, ...], _Family] = {}
        self._settled: dict[DeviceKey, Settled] = {}
        self._pauses: dict[DeviceKey, tuple[int, int]] = {}
        """For how many evaluations a device is not checked, and how many of them remain."""

    def find(
        self, device: DeviceState, limits: Sequence[SiteLimit], needed: NeededSeries, now: float
    ) -> Settled | None:
        """What `note` has kept of the device, if it still applies and an evaluation of its present readings would find nothing."""
        key = device.site, device.device
        found = self._settled.get(key)
        if found is None:
            return None
        if (
            found.needed is needed
            and found.device is device
            and found.labels is device.labels
            and found.limits is limits
            and found.agent == device.agent
            and found.device_class == device.device_class
            and now < found.until
        ):
            if found.holds():
                if self._pauses:
                    self._pauses.pop(key, None)
                return found
            pause = min(2 * self._pauses.get(key, (1, 0))[0], _MAX_PAUSE)
            self._pauses[key] = pause, pause
        del self._settled[key]
        return None

    def note(
        self, device: DeviceState, limits: Sequence[SiteLimit], needed: NeededSeries, subject: Subject, now: float
    ) -> None:
        """Note a device whose evaluation found nothing. It must have no expired reading, and no problem that is still tracked."""
        key = device.site, device.device
        pause, left = self._pauses.get(key, (0, 0))
        if left:
            self._pauses[key] = pause, left - 1
            return
        family = self._family(subject)
        ranges: list[tuple[Rows, float, float]] = []
        exact: list[tuple[Rows, Sequence[Value]]] = []
        for name, rows in needed.series:
            comparisons = family.comparisons.get(name, ())
            values = [entry.value for _, entry in rows]
            if name in family.exact or (comparisons and any(isinstance(each, str) for each in values)):
                exact.append((rows, values))
            elif comparisons:
                ranges += self._ranges(rows, comparisons, subject)
        is_ups = not RESERVE_METRICS.isdisjoint(subject.series)
        self._settled[key] = Settled(
            device=device,
            labels=device.labels,
            agent=device.agent,
            device_class=device.device_class,
            limits=limits,
            needed=needed,
            ranges=tuple(ranges),
            exact=tuple(exact),
            until=now + _REMEMBERED_S if family.remembers else math.inf,
            is_ups=is_ups,
        )

    def forget_absent(self, present: Collection[DeviceKey]) -> None:
        """Forget devices that are gone."""
        for known in (self._settled, self._pauses):
            for gone in [key for key in known if key not in present]:
                del known[gone]

    def _family(self, subject: Subject) -> _Family:
        metrics = tuple(subject.series)
        found = self._families.get(metrics)
        if found is None:
            if len(self._families) >= MAX_FAMILIES:
                self._families.clear()
            found = self._families[metrics] = _Family()
            decidable = [each for _, conditions in self._evaluator.decidable_by(subject) for each in conditions]
            for condition in (*decidable, *self._shares.conditions_of(subject)):
                found.add(condition, self._records)
        return found

    def _ranges(
        self, rows: Rows, comparisons: Iterable[_Comparison], subject: Subject
    ) -> Iterator[tuple[Rows, float, float]]:
        by_range: dict[tuple[float, float], list[tuple[Mapping[str, str], LatestValue]]] = {}
        for row in rows:
            thresholds = [
                threshold
                for comparison in comparisons
                if (threshold := self._threshold(comparison, row[0], subject)) is not None
            ]
            if thresholds:
                by_range.setdefault(range_of(float(row[1].value), thresholds), []).append(row)
        for (low, high), found in by_range.items():
            # Nearly always all of them, which the device has as a list already.
            yield rows if len(found) == len(rows) else found, low, high

    def _threshold(self, comparison: _Comparison, labels: Mapping[str, str], subject: Subject) -> float | None:
        """The value at which the result of a comparison changes; None if it never does."""
        bound = comparison.bound
        limit = self._evaluator.limit(bound, labels, subject) if isinstance(bound, Limit) else bound
        for name in comparison.per:
            divisor = self._evaluator.limit(Limit(metric=name), labels, subject)
            if limit is None or divisor is None or divisor <= 0:
                return None
            limit *= divisor
        return limit / comparison.times if limit is not None and comparison.times else None


def range_of(value: float, thresholds: Iterable[float]) -> tuple[float, float]:
    """The least and highest values that are on the same side of each threshold; the value alone if it is too near to one."""
    low, high = -math.inf, math.inf
    for threshold in thresholds:
        margin = _MARGIN * max(1.0, abs(threshold))
        if value > threshold + margin:
            low = max(low, threshold + margin)
        elif value < threshold - margin:
            high = min(high, threshold - margin)
        else:
            return value, value
    return low, high
