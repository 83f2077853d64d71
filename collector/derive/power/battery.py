"""Models how long a battery lasts at a load, from the runtimes of its data sheet, its charge and its health.

A time that is too long is the dangerous error. Against 84 simulated discharges the median error is 0.3 % and the worst 2.3 % too long
(docs/explanation/truth.md), if the configured health is that of a discharge test.
"""

import math
from collections.abc import Mapping, Sequence

from rackflow.site.power import PEUKERT

# "A day or more": the power law has no data below the lowest load of the data sheet, and no load would give infinity.
LONGEST_S = 86_400.0
# Keeps the logarithm of a load share finite; far beyond any real one.
_LARGEST_SHARE = 1e300


class Battery:
    """A battery with runtimes in seconds by load in watts, as the data sheet gives them for a new, full one.

    Between two loads, and beyond them, runtime follows a power law (Peukert): t = t1 * (P1 / P) ** k, with k from the two points next to
    the load, or `peukert` if there is only one. A straight line between points would be too long: the law is convex.
    """

    def __init__(self, runtimes: Mapping[float, float], health: float = 1.0, peukert: float = PEUKERT) -> None:
        self._points = sorted(runtimes.items())
        self._health = health
        self._peukert = peukert

    def runtime_s(self, load_w: float, charge: float, health: float | None = None, on_battery_s: float = 0.0) -> float:
        """Seconds that the battery carries `load_w` at a charge and health of 0 to 1; at most a day.

        Charge counts down from full, and the capacity lost to age is missing at the end: charge - (1 - health) of a new battery's capacity
        is left. A battery with that part of its capacity lasts as long as a whole one at the load divided by that part. Multiplying the
        full runtime by the charge instead was too long by a quarter at 60 % charge.

        `on_battery_s`, the time of the discharge so far, bounds the result: that time is used up, whatever charge the UPS states. A UPS
        that derives charge from voltage shows too much right after the load is taken over. `health` takes precedence over that of the
        constructor.
        """
        whole = min(self._health if health is None else health, 1.0)
        left = charge - (1.0 - whole)
        if left <= 0 or whole <= 0:
            return 0.0
        if load_w <= 0:
            return LONGEST_S
        seconds = min(self._full_s(load_w / left), self._full_s(load_w / whole) - on_battery_s, LONGEST_S)
        return max(seconds, 0.0)

    def _full_s(self, load_w: float) -> float:
        power_w, full_s, exponent = self._segment(load_w)
        share = power_w / load_w
        # Bounded before `log` and `exp`: a remaining capacity near zero makes the load infinite, and at a load near zero a steep power
        # law would overflow a float.
        if share <= 0:
            return 0.0
        log_s = math.log(full_s) + exponent * math.log(min(share, _LARGEST_SHARE))
        return math.exp(min(log_s, math.log(10 * LONGEST_S)))

    def _segment(self, load_w: float) -> tuple[float, float, float]:
        points: Sequence[tuple[float, float]] = self._points
        if len(points) == 1:
            return (*points[0], self._peukert)
        at = next((index for index, (power, _) in enumerate(points) if power >= load_w), len(points) - 1)
        at = max(at, 1)
        (low_w, low_s), (high_w, high_s) = points[at - 1], points[at]
        # Differences of logarithms, and no quotients: these are finite for any two loads and times of a site file.
        span = math.log(high_w) - math.log(low_w)
        exponent = (math.log(low_s) - math.log(high_s)) / span if span > 0 else self._peukert
        return low_w, low_s, exponent
