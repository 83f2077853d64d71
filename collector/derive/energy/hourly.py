"""Energy by the hour from counters and powers: complete hours, gaps spread and marked, late readings sorted in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from collector.derive.energy.carbon import Factor

HOUR_S = 3600
WINDOWS_H: Mapping[str, int] = {"hour": 1, "day": 24, "month": 30 * 24, "year": 365 * 24}
LONGEST_POWER_GAP_S = 60.0
_LONGEST_COUNTER_GAP_S = 7 * 86_400.0
SPREAD_GAP_S = 900.0
"""Between two readings of a counter that lie further apart, how the energy fell to the hours is not known."""
_GAPS = 100
"""Of one quantity, that late readings may still fill."""
_ROUNDING_S = 1e-3
_WHOLE = 0.98
"""Part of an hour that must be covered for the hour to count."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What an hour is accounted by: its quantities, where IT is metered, contracted J by profile, and carbon factors."""

    quantities: tuple[str, ...]
    category: str
    profile_j: float | None
    factor: Factor | None
    residual: float | None


class Gap(NamedTuple):
    """Two readings of a counter, with nothing known between them."""

    start_s: float
    start: float
    end_s: float
    end: float

    @property
    def is_long(self) -> bool:
        """Whether how the energy fell to the hours is not known."""
        return self.end_s - self.start_s > SPREAD_GAP_S


@dataclass(slots=True)
class Hour:
    """What was counted in one hour, by quantity, for how many seconds of it, and for how many of these evenly over a gap."""

    amount: dict[str, float] = field(default_factory=dict)
    covered_s: dict[str, float] = field(default_factory=dict)
    spread_s: dict[str, float] = field(default_factory=dict)
    terms: Terms | None = None

    def has(self, quantity: str) -> bool:
        """Whether the whole hour was counted."""
        return self.covered_s.get(quantity, 0.0) >= _WHOLE * HOUR_S


class HourlyTotals:
    """Hours of one site, by number since 1970; those older than a year are forgotten."""

    def __init__(self) -> None:
        self.hours: dict[int, Hour] = {}
        self.changed: set[int] = set()
        self.last: dict[str, tuple[float, float]] = {}
        """Of each quantity the last time and reading: what passes over a restart is a gap like any other."""
        self.gaps: dict[str, list[Gap]] = {}
        self._forgotten = 0

    def count(self, quantity: str, value: float | None, wall_s: float) -> None:
        """A counter's reading. A gap is spread evenly; after a reset, or a gap of a week, counting begins anew."""
        if value is None:
            return
        before = self.last.get(quantity)
        self.last[quantity] = wall_s, value
        if before is not None and wall_s > before[0]:
            gap_s = wall_s - before[0]
            if value >= before[1] and gap_s <= _LONGEST_COUNTER_GAP_S:
                self._fill(quantity, Gap(*before, wall_s, value))

    def integrate(self, quantity: str, watts: float | None, wall_s: float) -> None:
        """A power, from which energy follows by the trapezoid between two readings that are close enough."""
        before = self.last.pop(quantity, None)
        if watts is None:
            return
        self.last[quantity] = wall_s, watts
        if before is not None and 0 < wall_s - before[0] <= LONGEST_POWER_GAP_S:
            energy_j = (watts + before[1]) / 2 * (wall_s - before[0])
            self._spread(quantity, Gap(before[0], 0.0, wall_s, energy_j))

    def refine(self, quantity: str, value: float, at_s: float) -> bool:
        """A counter's reading that comes after later ones: within a gap that was spread evenly, it parts the gap in two.

        False while the gap is still open, and later readings are yet to come.
        """
        if quantity not in self.last or self.last[quantity][0] < at_s:
            return False
        gaps = self.gaps.get(quantity, [])
        for gap in gaps:
            if gap.start_s < at_s < gap.end_s and gap.start <= value <= gap.end:
                gaps.remove(gap)
                self._spread(quantity, gap, sign=-1)
                self._fill(quantity, Gap(gap.start_s, gap.start, at_s, value))
                self._fill(quantity, Gap(at_s, value, gap.end_s, gap.end))
                break
        return True

    def forget(self, hour: int, passing: Iterable[str]) -> None:
        """Let go of the hours that no window before `hour` reaches, and after a day of the quantities that are passing."""
        if hour == self._forgotten:
            return
        self._forgotten = hour
        for old in [each for each in self.hours if each < hour - WINDOWS_H["year"]]:
            del self.hours[old]
        short = frozenset(passing)
        for number, entry in self.hours.items():
            if number < hour - WINDOWS_H["day"]:
                for quantity in [each for each in entry.amount if each in short]:
                    for counted in (entry.amount, entry.covered_s, entry.spread_s):
                        counted.pop(quantity, None)
                    self.changed.add(number)

    def window(self, hours: int, now_hour: int, quantities: Iterable[str]) -> list[Hour]:
        """The hours of a window that ends with the last complete hour, in which all these quantities were counted."""
        wanted = tuple(quantities)
        found = (self.hours.get(hour) for hour in range(now_hour - hours, now_hour))
        return [hour for hour in found if hour is not None and all(hour.has(each) for each in wanted)]

    def unsettled(self) -> list[int]:
        """Hours of late that have no terms yet."""
        hours = self.hours
        return [number for number in self.changed if number in hours and hours[number].terms is None]

    def settle(self, hour: int, terms: Terms) -> None:
        """An hour that something was counted in is accounted by these terms."""
        entry = self.hours.get(hour)
        if entry is not None and entry.terms != terms:
            entry.terms = terms
            self.changed.add(hour)

    def _fill(self, quantity: str, gap: Gap) -> None:
        self._spread(quantity, gap)
        if gap.is_long:
            gaps = self.gaps.setdefault(quantity, [])
            gaps.append(gap)
            del gaps[:-_GAPS]

    def _spread(self, quantity: str, gap: Gap, sign: int = 1) -> None:
        """Put what was counted over a gap into its hours, by the time in each; with `sign` -1, take it out again."""
        at = gap.start_s
        while at < gap.end_s:
            number = int(at // HOUR_S)
            until = min(gap.end_s, (number + 1.0) * HOUR_S)
            hour = self.hours.setdefault(number, Hour())
            part = (until - at) / (gap.end_s - gap.start_s)
            amount = sign * (gap.end - gap.start) * part
            hour.amount[quantity] = hour.amount.get(quantity, 0.0) + amount
            hour.covered_s[quantity] = hour.covered_s.get(quantity, 0.0) + sign * (until - at)
            if gap.is_long:
                hour.spread_s[quantity] = hour.spread_s.get(quantity, 0.0) + sign * (until - at)
                if hour.spread_s[quantity] < _ROUNDING_S:
                    del hour.spread_s[quantity]
            self.changed.add(number)
            at = until


def total(hours: Iterable[Hour], quantity: str) -> float:
    """Sum of one quantity."""
    return sum(hour.amount.get(quantity, 0.0) for hour in hours)
