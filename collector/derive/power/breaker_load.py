"""The load of a breaker: its thermal state, the demand over a quarter of an hour, and the level between dips of the load. No I/O.

A training job lets its power dip for seconds again and again. A limit that must be exceeded without a break is then never exceeded,
and a mean hides how high the load is between the dips. These three figures change with neither.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from collector.derive.engine import Result, Unknown, Value
from rackflow.site import BreakerCurve

# Demand is metered over 15 minutes by most utilities (IEC 62053-61 meters; ANSI C12), and cables reach their temperature in about that.
DEMAND_MINUTES = 15
# The level is reported after five minutes, the time of the shortest of the rules of thumb for a breaker's overload (IEC 60898-1 lets it
# trip within an hour at 1.45 times its rating).
LEVEL_MINUTES = 5
# The current that is exceeded for a third of each minute: with dips of up to two thirds of the time, it is still that between them.
LEVEL_SHARE = 2 / 3
# Longest time without a reading over which minutes are taken as one stretch. Beyond it the load may have been anything.
LONGEST_GAP_S = 120.0
MINUTE_S = 60.0
# Samples kept of one minute; at one cycle a second there are 60.
MAX_SAMPLES = 120


@dataclass(slots=True)
class BreakerLoad:
    """The load of one phase of one breaker. All values are shares of its rating.

    Its bimetal is one body that warms with the square of the current: dh/dt = (r^2 - h) / T, exact for a constant r between two
    samples. The square root of h is the steady current that would make it as warm. At the curve's `holds` it may trip.
    """

    curve: BreakerCurve
    _heat: float = 0.0
    _at: float = -math.inf
    _minute: int = -1
    _samples: list[float] = field(default_factory=list)
    _minutes: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=DEMAND_MINUTES))

    def update(self, values: Sequence[Value | None], now: float) -> tuple[Result, Result, Result]:
        """Thermal load, demand and level between dips. `values` are the current and the site file's rating, then the device's, if any."""
        amperes, *ratings = (float(each) for each in values if each is not None)
        rating_a = min((each for each in ratings if each > 0), default=0.0)
        if rating_a <= 0:
            unrated = Unknown("the rating is zero")
            return unrated, unrated, unrated
        load = amperes / rating_a
        self._count(load, now)
        self._warm(load, now)
        thermal = math.sqrt(self._heat)
        # Beyond the magnetic release's lower limit it may trip at once, however cool it is.
        return (load if load >= self.curve.magnetic else thermal), self._demand(), self._level()

    def _warm(self, load: float, now: float) -> None:
        # The first current counts as if it had flowed for ever: what was before is not known, and assuming a cold breaker would err on the
        # unsafe side. After a long gap the formula gives the same.
        share = 1.0 - math.exp(-(now - self._at) / self.curve.time_constant_s) if self._at > -math.inf else 1.0
        self._heat += (load * load - self._heat) * share
        self._at = now

    def _count(self, load: float, now: float) -> None:
        if now - self._at > LONGEST_GAP_S:
            self._minutes.clear()
            self._samples.clear()
            self._minute = int(now // MINUTE_S)
        minute = int(now // MINUTE_S)
        if minute != self._minute and self._samples:
            ranked = sorted(self._samples)
            self._minutes.append(
                (sum(ranked) / len(ranked), ranked[min(int(LEVEL_SHARE * len(ranked)), len(ranked) - 1)])
            )
            self._samples.clear()
        self._minute = minute
        if len(self._samples) < MAX_SAMPLES:
            self._samples.append(load)

    def _demand(self) -> Result:
        if len(self._minutes) < DEMAND_MINUTES:
            return Unknown("less than 15 minutes have been seen")
        return sum(mean for mean, _ in self._minutes) / len(self._minutes)

    def _level(self) -> Result:
        if len(self._minutes) < LEVEL_MINUTES:
            return Unknown("less than 5 minutes have been seen")
        return sum(level for _, level in self._minutes) / len(self._minutes)
