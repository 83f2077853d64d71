"""Detects leaks before a leak rope is wet, by falling pressure and a falling reservoir level. No I/O; each class keeps one unit's state."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from collector.derive.engine import PeriodMean, Result, Unknown, Value
from rackflow.fluids import density

MINUTE_S = 60.0
# Minutes between the two means that are compared. A chosen value: pumps settle within seconds, and a leak that matters lowers the pressure
# within minutes.
PRESSURE_MINUTES = 10
# Longest time without a reading. Beyond it, what was before is not compared with what is now.
LONGEST_GAP_S = 300.0
# Six hours of five-minute means: a leak of a litre an hour takes 5 % of a reservoir of 120 litres.
_PERIOD_S = 300.0
_PERIODS = 72
# Fewer periods than half an hour show waves in the reservoir instead of a trend.
_LEAST_PERIODS = 6
# A fall that counts: more than the resolution of float and ultrasonic gauges (1 %), and well beyond what the line does not explain.
_LEAST_FALL = 0.02
# The fall must also exceed this many times the scatter around the line: three standard deviations are rarely chance.
_SCATTERS = 3.0
# A fall from one period to the next but one that may be a loss that happened once, as when a filter is changed: its own, and not a trend.
# A step looks like a fall of up to 1.5 times its height, so a lower one stays below _LEAST_FALL. Gauges resolve 1 %, which must be less.
_STEP = 0.0125
# A reservoir that rose by so much between two periods was filled.
_REFILL = 0.02
# "A year or more": a slower fall is evaporation, or the gauge.
LONGEST_S = 365 * 86_400.0


@dataclass(slots=True)
class PressureChange:
    """The change of a pressure over ten minutes, Pa: the mean of the last minute minus the mean of the minute ten minutes earlier."""

    _minute: PeriodMean = field(default_factory=lambda: PeriodMean(MINUTE_S))
    _at: float = -math.inf
    _means: deque[tuple[float, float]] = field(default_factory=deque)
    """When each minute ended, and its mean. A minute without a reading has none."""

    def update(self, values: Sequence[Value | None], now: float) -> tuple[Result]:
        """See the class."""
        if now - self._at > LONGEST_GAP_S:
            self._means.clear()
            self._minute = PeriodMean(MINUTE_S)
        self._at = now
        mean = self._minute.add(float(values[0] or 0.0), now)
        means, span_s = self._means, PRESSURE_MINUTES * MINUTE_S
        if mean is not None:
            means.append((self._minute.ended_s, mean))
            while means[-1][0] - means[0][0] > span_s:
                means.popleft()
        if not means or means[-1][0] - means[0][0] < span_s:
            return (Unknown("there is no reading of ten minutes before"),)
        return (means[-1][1] - means[0][1],)


@dataclass(slots=True)
class ReservoirFall:
    """How long a reservoir lasts, and how much coolant is lost, from the trend of its level.

    Coolant contracts when it cools, which lowers the level without a leak: of a loop's 1000 L of water, 8 K between night and day are
    2.5 L. Where the site file states the volumes of loop and reservoir, the level is brought back to the temperature of the beginning.
    """

    coolant: str
    loop_m3: float | None = None
    reservoir_m3: float | None = None
    _at: float = -math.inf
    _first_c: float | None = None
    _gained: float = 0.0
    _period: PeriodMean = field(default_factory=lambda: PeriodMean(_PERIOD_S))
    _means: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_PERIODS))
    """When each period ended, and its mean level."""

    def update(self, values: Sequence[Value | None], now: float) -> tuple[Result, Result]:
        """Seconds until it is empty, and m3/s lost. `values`: level, and the loop's mean temperature if known."""
        level = float(values[0] or 0.0)
        celsius = None if values[1] is None else float(values[1])
        if now - self._at > LONGEST_GAP_S:
            self._begin()
        self._at = now
        self._add(level - self._expanded(celsius), now)
        if len(self._means) < _LEAST_PERIODS:
            few = Unknown("less than half an hour has been seen")
            return few, few
        rate = self._rate()
        left_s = min(level / rate, LONGEST_S) if rate > 0 else LONGEST_S
        if self.reservoir_m3 is None:
            return left_s, Unknown("site file: its loop has no reservoir_m3")
        return left_s, rate * self.reservoir_m3

    def _begin(self) -> None:
        self._means.clear()
        self._first_c, self._gained = None, 0.0
        self._period = PeriodMean(_PERIOD_S)

    def _expanded(self, celsius: float | None) -> float:
        """The share of the reservoir that the coolant has gained by warming up since the beginning.

        While its temperature is unknown, it is the last one: without any, the level would seem to step.
        """
        if celsius is None or self.loop_m3 is None or self.reservoir_m3 is None:
            return self._gained
        if self._first_c is None:
            self._first_c = celsius
        first, now = density(self.coolant, self._first_c), density(self.coolant, celsius)
        if first is not None and now is not None and now > 0:
            self._gained = self.loop_m3 * (first / now - 1) / self.reservoir_m3
        return self._gained

    def _add(self, level: float, now: float) -> None:
        mean = self._period.add(level, now)
        if mean is not None:
            if self._means and mean > self._means[-1][1] + _REFILL:
                self._means.clear()
            self._means.append((self._period.ended_s, mean))

    def _rate(self) -> float:
        """Fall of the level, 1/s, by the least-squares line; 0 if it is not certain.

        If it stepped, by the two parallel lines before and after the step: only a fall that goes on is one.
        """
        parts = [_around_mean(each) for each in _without_step(list(self._means))]
        points = [point for part in parts for point in part]
        slope = sum(at * level for at, level in points) / sum(at**2 for at, _ in points)
        scatter = math.sqrt(sum((level - slope * at) ** 2 for at, level in points) / (len(points) - len(parts) - 1))
        fall = -slope * (self._means[-1][0] - self._means[0][0])
        return -slope if fall >= max(_LEAST_FALL, _SCATTERS * scatter) else 0.0


def _without_step(means: list[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """The means before and after a loss that happened once, without the period in which it did; all in one if there was none."""
    falls = [before - after for (_, before), (_, after) in zip(means, means[2:], strict=False)]
    at = max(range(len(falls)), key=falls.__getitem__)
    later = means[at + 2 :]
    # Of a leak that began suddenly, each later period brings half as much as two; if it is split, it is found half an hour later.
    goes_on = len(later) > 1 and (later[0][1] - later[-1][1]) / (len(later) - 1) >= falls[at] / 4
    return [means[: at + 1], later] if falls[at] >= _STEP and not goes_on else [means]


def _around_mean(means: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Times and levels less their means."""
    mean_at, mean_level = (sum(each) / len(means) for each in zip(*means, strict=True))
    return [(at - mean_at, level - mean_level) for at, level in means]
