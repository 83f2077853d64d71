"""Figures learned over minutes to weeks: mean losses, clogging of filters, and the highest power of a rack.

Times are monotonic seconds: a wall clock that is set forward by a month would age two weeks of hours and drop all days at once. Nothing
survives a restart: these figures are then unknown until enough has been seen again.
"""

from collections import deque
from dataclasses import dataclass, field

from collector.derive.engine import HOUR_S, LEAST_OF_HOUR_S, PeriodMean

# Resistance over that of the clean filter at which it should be changed. Makers give a differential pressure instead, which depends on
# the flow; twice the clean one is the usual rule of thumb for it. A chosen value.
CLOGGED_RATIO = 2.0
# The trend is that of the last two weeks: a filter clogs faster after work on the loop, and an older rate would hide it.
_TREND_HOURS = 14 * 24
# Over less than a day, the slope shows the daily course of load and temperature, not the filter.
_MIN_TREND_HOURS = 24
# "A year or more": a straight line through two weeks says nothing about a time beyond a year.
LONGEST_S = 365 * 86_400.0
# Five minutes are 30 polls at the default 10 s. Breakers and cables heat up over minutes: shorter peaks need no reserve.
_BLOCK_S = 300.0
# Long enough for weekly and monthly jobs, short enough that a rack that was emptied frees its reserve within a month.
PEAK_DAYS = 30
_DAY_S = 86_400.0


@dataclass(slots=True)
class FiveMinuteMean:
    """The mean of the last complete five minutes.

    For differences of two readings, such as what a UPS loses: they are not read in one moment, and a load step between them would show
    as a loss, or a gain, many times too large.
    """

    _block: PeriodMean = field(default_factory=lambda: PeriodMean(_BLOCK_S))
    _ended: int = 0
    _last: float | None = None

    def add(self, value: float, now: float) -> float | None:
        """One sample; None until five minutes have been seen from their beginning."""
        mean = self._block.add(value, now)
        if mean is not None:
            self._ended += 1
            if self._ended > 1:  # the first period was not seen from its beginning
                self._last = mean
        return self._last


@dataclass(slots=True)
class Clogging:
    """How clogged one filter is, and when it reaches the limit.

    Resistance is pressure over flow squared, which stays the same at any flow. The lowest hourly mean ever seen counts as the clean
    filter, so a filter that is already clogged when the collector starts is taken for clean.
    """

    _hour: PeriodMean = field(default_factory=lambda: PeriodMean(HOUR_S, LEAST_OF_HOUR_S))
    _means: deque[tuple[float, float]] = field(default_factory=lambda: deque[tuple[float, float]](maxlen=_TREND_HOURS))
    _clean: float | None = None
    _running_s: float = 0.0
    _time_to_limit_s: float | None = None
    """Computed once an hour, with each new mean, and not when asked for, which is in every cycle: the trend of two weeks takes 0.1 ms."""

    def add(self, resistance: float, now: float, running_s: float | None = None) -> None:
        """Take one sample, Pa/(m3/s)2. If the filter's running time `running_s` went back, it was changed: learn again."""
        if running_s is not None:
            if running_s < self._running_s:
                self._means.clear()
                self._clean = self._time_to_limit_s = None
                self._hour = PeriodMean(HOUR_S, LEAST_OF_HOUR_S)
            self._running_s = running_s
        mean = self._hour.add(resistance, now)
        if mean is not None:
            self._means.append((self._hour.ended_s, mean))
            self._clean = mean if self._clean is None else min(self._clean, mean)
            self._time_to_limit_s = self._trend_s()

    def ratio(self) -> float | None:
        """Last hourly mean over the lowest, at least 1; None before an hour has passed."""
        return self._means[-1][1] / self._clean if self._clean is not None and self._clean > 0 else None

    def time_to_limit_s(self) -> float | None:
        """Seconds until the ratio reaches `CLOGGED_RATIO`, 0 to a year; None before a day has passed.

        Uses the least-squares line of the last two weeks, so that a single hour with a stuck valve does not change its direction.
        """
        return self._time_to_limit_s

    def _trend_s(self) -> float | None:
        ratio = self.ratio()
        if ratio is None or self._clean is None or len(self._means) < _MIN_TREND_HOURS:
            return None
        count = len(self._means)
        mean_t = sum(at for at, _ in self._means) / count
        mean_r = sum(each for _, each in self._means) / count
        spread = sum((at - mean_t) ** 2 for at, _ in self._means)
        if ratio >= CLOGGED_RATIO:
            return 0.0
        slope = sum((at - mean_t) * (each - mean_r) for at, each in self._means) / spread / self._clean
        return min((CLOGGED_RATIO - ratio) / slope, LONGEST_S) if slope > 0 else LONGEST_S


@dataclass(slots=True)
class PeakPower:
    """The highest five-minute mean of each of the last 30 days."""

    _block: PeriodMean = field(default_factory=lambda: PeriodMean(_BLOCK_S))
    _days: dict[int, tuple[float, int]] = field(default_factory=dict)
    """The highest mean of each day, W, and of how many."""

    def add(self, watts: float, now: float) -> None:
        """Take one sample of power, W."""
        mean = self._block.add(watts, now)
        if mean is None:
            return
        ended, day = (int(at // _DAY_S) for at in (self._block.ended_s, now))
        highest, blocks = self._days.get(ended, (mean, 0))
        self._days[ended] = max(highest, mean), blocks + 1
        for old in [each for each in self._days if each <= day - PEAK_DAYS]:
            del self._days[old]

    def highest(self) -> float | None:
        """The highest mean, W; None before a day's worth of means, since most loads have a daily peak."""
        return max(highest for highest, _ in self._days.values()) if self._blocks() >= _DAY_S / _BLOCK_S else None

    def share(self) -> float:
        """Share of the 30 days that has been seen, 0 to 1."""
        whole_days, today = PEAK_DAYS * _DAY_S / _BLOCK_S, 0.0
        if len(self._days) >= PEAK_DAYS:  # the last of the days is not over
            whole_days -= _DAY_S / _BLOCK_S
            today = self._days[max(self._days)][1]
        return min(1.0, self._blocks() / (whole_days + today))

    def _blocks(self) -> int:
        return sum(blocks for _, blocks in self._days.values())
