"""Energy by the hour, from counters and from powers. `counters.py` decides which steps of a counter are energy.

Figures use only complete hours, so each hour records for how many seconds every quantity was counted. No joule may be counted twice: a
counter's increase over a gap is spread over the gap's hours, and a late reading from inside the gap removes that before it divides the
gap in two. Times are wall-clock seconds since 1970, hours are numbered from there in UTC.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from collector.derive.energy.carbon import Factor
from collector.derive.energy.counters import UNBOUND, Bound, Counter

HOUR_S = 3600
WINDOWS_H: Mapping[str, int] = {"hour": 1, "day": 24, "month": 30 * 24, "year": 365 * 24}
# Power is not integrated between two readings further apart than this: a load may have been off in between, and a power reading, unlike a
# counter, does not show it. A minute is six polls at the default 10 s, so single lost polls do no harm.
LONGEST_POWER_GAP_S = 60.0
# How long a counter that was read may be unheard of before the power beside it is integrated instead. After a restart of the collector
# powers come within seconds and counters, which are polled once a minute, later; until then both would be counted. Chosen value: longer
# than a restart, and than most outages of an agent, after which neither is known; short beside the day of a report.
COUNTER_AWAITED_S = 3600.0
# A counter that was silent for longer is not trusted to be the same meter with the same base. A chosen value: a week covers an agent that
# fails before a holiday.
_LONGEST_COUNTER_GAP_S = 7 * 86_400.0
# If two readings of a counter are further apart than this, the distribution of its energy over the hours is an estimate and marked as
# one. Utilities bill by the quarter of an hour, which is well above the 60 s at which counters are polled.
SPREAD_GAP_S = 900.0
# Gaps of one quantity that late readings may still divide. A backlog fills a handful; the bound keeps the gaps of a link that breaks
# every quarter of an hour from adding up. The oldest are dropped and stay spread evenly.
_MAX_GAPS = 100
# Rounding error of floats, in seconds, that may be left when a gap is taken out again.
_ROUNDING_S = 1e-3
# Share of an hour that must be covered for it to count. The other 2 % are 72 s, so the restart of a collector or an agent does not cost
# the hour. For a power without a counter, the energy of the missing seconds is not counted.
_MIN_HOUR_SHARE = 0.98
# Hours that must follow each other before old ones are forgotten by the clock, so that one clock hour at least was whole: a clock that is a
# year ahead for a moment must not cost the year.
_STEADY_HOURS = 2
# Quantities looked at in one slice, about 2 ms.
QUANTITIES_PER_SLICE = 10_000


@dataclass(frozen=True, slots=True)
class Terms:
    """The rules by which an hour is accounted. Kept with the hour, because the site file and the factors may change later."""

    quantities: tuple[str, ...]
    """What was expected to be metered then. Otherwise a meter added later would count as missing in every hour before."""
    category: str
    """Where IT energy is metered, ISO/IEC 30134-2 category 1 to 3."""
    profile_j: float | None
    """Contracted energy without a meter, from its profile by hour of the day."""
    factor: Factor | None
    """Carbon factor of the grid; None if nothing is known of it."""
    residual: float | None
    """g CO2e/kWh for energy that no contract covers; None means the grid's own factor."""


class Gap(NamedTuple):
    """Two readings of a counter, wall-clock seconds and counter's unit, with nothing known in between."""

    start_s: float
    start: float
    end_s: float
    end: float

    @property
    def is_long(self) -> bool:
        """Whether the energy of single hours in it is an estimate."""
        return self.end_s - self.start_s > SPREAD_GAP_S


@dataclass(slots=True)
class Hour:
    """What was counted in one hour, by quantity, such as `facility:meter-main`. The field names are the format on disk."""

    amount: dict[str, float] = field(default_factory=dict)
    """J, or m3 of water."""
    covered_s: dict[str, float] = field(default_factory=dict)
    """Seconds of the hour that were counted."""
    spread_s: dict[str, float] = field(default_factory=dict)
    """Seconds of these in which a long gap was spread evenly; a quantity without any has no entry."""
    terms: Terms | None = None
    lost_s: dict[str, float] = field(default_factory=dict)
    """Seconds of the hour that a jump or impossible values of a counter cost; a quantity without any has no entry."""

    def has(self, quantity: str) -> bool:
        """Whether practically the whole hour was counted."""
        return self.covered_s.get(quantity, 0.0) >= _MIN_HOUR_SHARE * HOUR_S

    def copy(self) -> "Hour":
        """The hour as it is now. With 40 meters it takes 4 microseconds."""
        return Hour(dict(self.amount), dict(self.covered_s), dict(self.spread_s), self.terms, dict(self.lost_s))


class HourlyTotals:
    """The hours of one site. Those older than a year are forgotten here; the records on disk keep them for 400 days."""

    def __init__(self) -> None:
        self.hours: dict[int, Hour] = {}
        """By number since 1970."""
        self.changed: set[int] = set()
        """Hours that changed since they were last saved."""
        self.last: dict[str, tuple[float, float]] = {}
        """Last time and reading of each quantity. Saved too, so that a restart of the collector is a gap like any other."""
        self.powers: set[str] = set()
        """Quantities whose last reading is a power: the meter had no counter then."""
        self.counters: dict[str, Counter] = {}
        """What is known of each counter in addition to its last reading; saved with it."""
        self.jumps: dict[str, int] = {}
        """How often each counter jumped; saved, too."""
        self.gaps: dict[str, list[Gap]] = {}
        """Long gaps that a late reading may still divide."""
        self._forgotten = 0
        """Hour of the last call of `forget_steps`."""
        self._steady = 0
        """For how many hours without a break it was called."""
        self._dropped_until = 0
        """The quantities that are kept for a day are gone from all hours before this one."""

    def count(self, quantity: str, value: float | None, wall_s: float, bound: Bound = UNBOUND) -> None:
        """Take a counter's reading, None if it is unknown. An impossible step is not counted as energy, and its time counts as lost.

        After a gap of more than a week, and after a clock that was set back, counting starts over.
        """
        counter = self.counters.get(quantity)
        if quantity in self.powers:
            self.powers.remove(quantity)
            self.last.pop(quantity, None)
        before = self.last.get(quantity)
        if counter is None:
            counter = self.counters[quantity] = Counter(wall_s if before is None else before[0])
        counter.note(bound.power_w, wall_s)
        if value is None:
            return
        if before is None or not 0 < wall_s - before[0] <= _LONGEST_COUNTER_GAP_S:
            self.last[quantity] = wall_s, value
            counter.begin(wall_s)
            return
        found = counter.update(before, value, wall_s, bound)
        self.last[quantity] = found.last
        if found.counted is not None:
            self._fill(quantity, Gap(*found.counted))
        if found.bridged is not None:
            self._spread(quantity, Gap(*found.bridged), is_covered=False)
        if found.lost is not None:
            self._lose(quantity, *found.lost)
        if found.regained is not None:
            self._lose(quantity, *found.regained, sign=-1)
        if found.jumped:
            self.jumps[quantity] = self.jumps.get(quantity, 0) + 1

    def is_away(self, quantity: str) -> bool:
        """Whether a counter shows a value now that it cannot have reached by counting."""
        counter = self.counters.get(quantity)
        return counter is not None and counter.away is not None and not counter.away.is_late

    def integrate(self, quantity: str, watts: float | None, wall_s: float) -> None:
        """Take a power, W or None if it is unknown; energy is the trapezoid between two readings that are close enough.

        Nothing is integrated while the counter of the same quantity is awaited: its next reading says what was used meanwhile.
        """
        if quantity in self.counters:
            counted = self.last.get(quantity)
            if counted is not None and 0 <= wall_s - counted[0] <= COUNTER_AWAITED_S:
                return
            del self.counters[quantity]
        self.powers.add(quantity)
        # Removed first: while the power is unknown, nothing may be integrated across the pause. What a counter showed is too old to
        # be taken for a power.
        before = self.last.pop(quantity, None)
        if watts is None:
            return
        self.last[quantity] = wall_s, watts
        if before is not None and 0 < wall_s - before[0] <= LONGEST_POWER_GAP_S:
            energy_j = (watts + before[1]) / 2 * (wall_s - before[0])
            self._spread(quantity, Gap(before[0], 0.0, wall_s, energy_j))

    def refine(self, quantity: str, value: float, at_s: float) -> bool:
        """Take a counter's reading that arrives after later ones: if it is inside an evenly spread gap, it divides the gap in two.

        Return False while the gap is still open, that is, before a reading after `at_s` is known: try again later. A reading outside of
        every gap, or not between the counts at the gap's ends, changes nothing.
        """
        if quantity not in self.last or self.last[quantity][0] < at_s:
            return False
        gaps = self.gaps.get(quantity, [])
        for gap in gaps:
            if gap.start_s < at_s < gap.end_s and gap.start <= value <= gap.end:
                # Take the gap out first, then put both halves in: the energy inside must never be counted twice.
                gaps.remove(gap)
                self._spread(quantity, gap, sign=-1)
                self._fill(quantity, Gap(gap.start_s, gap.start, at_s, value))
                self._fill(quantity, Gap(at_s, value, gap.end_s, gap.end))
                break
        return True

    def forget_steps(self, hour: int, kept_a_day: Iterable[str]) -> Generator[None, None, None]:
        """Forget hours that no window before `hour` reaches, and the quantities `kept_a_day` after a day. Works once an hour.

        Yields after each slice: a year of 150 meters took 90 ms.
        """
        if hour == self._forgotten:
            return
        self._steady = self._steady + 1 if hour == self._forgotten + 1 else 0
        self._forgotten = hour
        if self._steady < _STEADY_HOURS:
            return
        for old in [each for each in self.hours if each < hour - WINDOWS_H["year"]]:
            del self.hours[old]
        self._forget_quantities((hour - WINDOWS_H["year"]) * HOUR_S)
        short, looked_at = frozenset(kept_a_day), 0
        until = hour - WINDOWS_H["day"]
        # Hours before `_dropped_until` need no second look: these quantities come from powers, which are never integrated into the past.
        for number in [each for each in self.hours if self._dropped_until <= each < until]:
            looked_at += 1 + len(self.hours[number].amount)
            if looked_at >= QUANTITIES_PER_SLICE:
                looked_at = 0
                yield
            self._drop(number, short)
        self._dropped_until = until

    def _forget_quantities(self, before_s: float) -> None:
        """Forget quantities that were last read before this time, such as those of a meter that is not in the site file any more."""
        seen_s = {quantity: counter.changed_s for quantity, counter in self.counters.items()}
        seen_s |= {quantity: at_s for quantity, (at_s, _) in self.last.items()}
        for quantity in {*seen_s, *self.powers, *self.jumps, *self.gaps}:
            # One without any reading is a power that is unknown now, or jumped as a counter and has not been read since.
            if seen_s.get(quantity, 0.0) < before_s:
                self.powers.discard(quantity)
                for known in (self.last, self.counters, self.jumps, self.gaps):
                    known.pop(quantity, None)

    def _drop(self, number: int, quantities: frozenset[str]) -> None:
        entry = self.hours[number]
        for quantity in [each for each in entry.amount if each in quantities]:
            for counted in (entry.amount, entry.covered_s, entry.spread_s, entry.lost_s):
                counted.pop(quantity, None)
            self.changed.add(number)

    def window(self, length: int, now_hour: int, quantities: Iterable[str]) -> Iterator[tuple[int, Hour]]:
        """Those hours of the window, which ends with the last complete hour, in which all these quantities were counted; by number."""
        wanted = tuple(quantities)
        for number in range(now_hour - length, now_hour):
            hour = self.hours.get(number)
            if hour is not None and all(hour.has(each) for each in wanted):
                yield number, hour

    def without_terms(self) -> list[int]:
        """Changed hours that have no terms yet, such as those that a gap was spread over."""
        hours = self.hours
        return [number for number in self.changed if number in hours and hours[number].terms is None]

    def set_terms(self, hour: int, terms: Terms) -> None:
        """Account an hour by these terms, if anything was counted in it."""
        entry = self.hours.get(hour)
        if entry is not None and entry.terms != terms:
            entry.terms = terms
            self.changed.add(hour)

    def _fill(self, quantity: str, gap: Gap) -> None:
        self._spread(quantity, gap)
        if gap.is_long:
            gaps = self.gaps.setdefault(quantity, [])
            gaps.append(gap)
            del gaps[:-_MAX_GAPS]

    def _spread(self, quantity: str, gap: Gap, sign: int = 1, *, is_covered: bool = True) -> None:
        """Add what was counted over a gap to its hours, in proportion to the time in each; `sign` -1 takes it out again."""
        for hour, part_s in self._hours_of(gap.start_s, gap.end_s):
            amount = sign * (gap.end - gap.start) * part_s / (gap.end_s - gap.start_s)
            hour.amount[quantity] = hour.amount.get(quantity, 0.0) + amount
            if not is_covered:
                continue
            hour.covered_s[quantity] = hour.covered_s.get(quantity, 0.0) + sign * part_s
            if gap.is_long:
                _add_seconds(hour.spread_s, quantity, sign * part_s)

    def _lose(self, quantity: str, start_s: float, end_s: float, sign: int = 1) -> None:
        for hour, part_s in self._hours_of(start_s, end_s):
            _add_seconds(hour.lost_s, quantity, sign * part_s)

    def _hours_of(self, start_s: float, end_s: float) -> Iterator[tuple[Hour, float]]:
        """The hours that a span of time touches, each with its seconds of it. They count as changed."""
        at = start_s
        while at < end_s:
            number = int(at // HOUR_S)
            until = min(end_s, (number + 1.0) * HOUR_S)
            self.changed.add(number)
            yield self.hours.setdefault(number, Hour()), until - at
            at = until


def _add_seconds(seconds: dict[str, float], quantity: str, more_s: float) -> None:
    """Add to the seconds of a quantity; one without any has no entry."""
    seconds[quantity] = seconds.get(quantity, 0.0) + more_s
    if seconds[quantity] < _ROUNDING_S:
        del seconds[quantity]
