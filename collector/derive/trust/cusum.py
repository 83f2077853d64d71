"""A two-sided CUSUM test (Page, 1954): tells when a ratio has left the level that it was minutes_learned at."""

from dataclasses import dataclass

LEARN_MINUTES = 60
SLACK = 0.03
LIMIT = 1.0
"""Sum of the deviations beyond the slack, over minutes: 1 %/h is found within five hours of its start, at 5 to 6 %."""
_MINUTE_S = 60.0
_RECENT = 1 / 15


@dataclass(slots=True)
class Cusum:
    """Samples are averaged over minutes; the mean of the first hour is the level. Page (1954)."""

    level: float = 0.0
    minutes_learned: int = 0
    above: float = 0.0
    below: float = 0.0
    recent: float = 0.0
    """How far from the level it has been lately, over a quarter of an hour or so."""
    _sum: float = 0.0
    _count: int = 0
    _minute: int = -1

    @property
    def alarmed(self) -> bool:
        """Whether the ratio has drifted."""
        return max(self.above, self.below) >= LIMIT

    def has_shifted(self, *, up: bool) -> bool:
        """Whether it is on its way in this direction: enough to bear another one out that has arrived."""
        return (self.above if up else self.below) >= LIMIT / 4

    @property
    def trained(self) -> bool:
        """Whether the level is known."""
        return self.minutes_learned >= LEARN_MINUTES

    def sample(self, value: float, now: float) -> None:
        """One sample at `now`, seconds."""
        minute = int(now // _MINUTE_S)
        if minute != self._minute and self._count:
            self._add_minute(self._sum / self._count)
            self._sum, self._count = 0.0, 0
        self._minute = minute
        self._sum += value
        self._count += 1

    def _add_minute(self, mean: float) -> None:
        if not self.trained:
            self.minutes_learned += 1
            self.level += (mean - self.level) / self.minutes_learned
            return
        deviation = mean - self.level
        self.recent += _RECENT * (deviation - self.recent)
        # Bounded, so that what is repaired is trusted again after a while.
        self.above = min(max(0.0, self.above + deviation - SLACK), 2 * LIMIT)
        self.below = min(max(0.0, self.below - deviation - SLACK), 2 * LIMIT)
