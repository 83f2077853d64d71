"""The mean over periods of the steady clock, for figures that are learned from hour to hour. No I/O."""

from dataclasses import dataclass

HOUR_S = 3600.0
# Samples of an hour must be spread over this much of it where the lowest hour counts as clean for good, as for a filter or an exchanger: a
# moment alone in its hour, in which pumps start or temperatures have not followed the load yet, would be the lowest.
LEAST_OF_HOUR_S = HOUR_S / 2


@dataclass(slots=True)
class PeriodMean:
    """The mean over periods of `length_s` that begin at whole multiples of it. Times are monotonic seconds."""

    length_s: float
    least_s: float = 0.0
    """Seconds between the first and the last sample of a period below which it has no mean."""
    ended_s: float = 0.0
    """When the last period with a mean ended; after a gap that is long before the sample that follows it."""
    _period: int = -1
    _first: float = 0.0
    _last: float = 0.0
    _sum: float = 0.0
    _count: int = 0

    def add(self, value: float, now: float) -> float | None:
        """Take one sample; return the mean of the period that it ended, if any."""
        ended = self.end(now)
        if not self._count:
            self._period, self._first = int(now // self.length_s), now
        self._last = now
        self._sum += value
        self._count += 1
        return ended

    def end(self, now: float) -> float | None:
        """The mean of the period that is over, once; None while it lasts, and if too little of it was seen."""
        if not self._count or int(now // self.length_s) == self._period:
            return None
        ended = None
        if self._last - self._first >= self.least_s:
            ended, self.ended_s = self._sum / self._count, (self._period + 1) * self.length_s
        self._sum, self._count = 0.0, 0
        return ended
