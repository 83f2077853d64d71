"""A two-sided CUSUM test: tells when a ratio has left the level at which it was learned.

It sums up how far each minute's mean is from the level, minus a slack for noise (E. S. Page, Continuous inspection schemes,
Biometrika 41, 1954). Summing finds a slow drift long before a limit on single values could, without accusing a noisy sensor.
Samples are natural logarithms of ratios, so 0.01 is about 1 % and up and down count alike.
"""

from dataclasses import dataclass, field
from math import isfinite

from collector.derive.engine import PeriodMean

# One hour covers several cycles of pumps and control valves, so that the level is not that of one moment of a control loop. A sensor that
# is wrong already while the level is learned is not found: this test sees change only.
LEARN_MINUTES = 60
# A minute's mean may be off by 3 % without counting. The slack must exceed the systematic deviations of a healthy unit, such as the heat
# lost in pipes, which is a larger share at low load. With 0.5 % of noise on every sensor and a load that swings by a quarter over the day,
# the sum of 48 healthy hours never exceeds 0.01. The price is that a lasting error of less than 3 % is never named.
SLACK = 0.03
# Sum of deviations beyond the slack, over minutes: for example 5 % beyond the slack for 20 minutes. A drift of 1 % an hour is named within
# five hours of its start, when it has reached 5 to 6 %; the promise is 10 %.
LIMIT = 1.0
# A quarter of the sum is enough for a second quantity to confirm which of two sides has drifted: it is never an alarm by itself.
_SHIFTED_PART = 1 / 4
_MINUTE_S = 60.0
# Weight of the newest minute in `recent`: an exponential mean over about a quarter of an hour.
_RECENT_WEIGHT = 1 / 15


@dataclass(slots=True)
class Cusum:
    """Learns the level as the mean of the first hour, then sums up deviations from it, upwards and downwards apart.

    Samples are averaged over minutes first: otherwise a faster poll would find a drift sooner, and noise, too.
    """

    level: float = 0.0
    minutes_learned: int = 0
    above: float = 0.0
    below: float = 0.0
    recent: float = 0.0
    """Mean deviation from the level over about the last quarter of an hour."""
    _minute: PeriodMean = field(default_factory=lambda: PeriodMean(_MINUTE_S))

    @property
    def alarmed(self) -> bool:
        """Whether the ratio has drifted."""
        return max(self.above, self.below) >= LIMIT

    def has_shifted(self, *, up: bool) -> bool:
        """Whether the ratio has clearly moved in this direction: enough to confirm another ratio's alarm, not to raise one."""
        return (self.above if up else self.below) >= LIMIT * _SHIFTED_PART

    @property
    def trained(self) -> bool:
        """Whether the level is known."""
        return self.minutes_learned >= LEARN_MINUTES

    def sample(self, value: float, now: float) -> None:
        """Take one sample, a logarithm of a ratio, at `now` in monotonic seconds."""
        if not isfinite(value):  # inf or NaN would stay in the learned level for ever
            return
        mean = self._minute.add(value, now)
        if mean is not None:
            self._add_minute(mean)

    def _add_minute(self, mean: float) -> None:
        if not self.trained:
            self.minutes_learned += 1
            self.level += (mean - self.level) / self.minutes_learned
            return
        deviation = mean - self.level
        self.recent += _RECENT_WEIGHT * (deviation - self.recent)
        # Bounded at twice the limit: a repaired sensor is trusted again after half an hour (the slack takes 0.03 a minute), however long
        # it was wrong.
        self.above = min(max(0.0, self.above + deviation - SLACK), 2 * LIMIT)
        self.below = min(max(0.0, self.below - deviation - SLACK), 2 * LIMIT)
