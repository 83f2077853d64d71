"""A battery's time at a load: in go the runtimes of its data sheet, charge and health, out come seconds; pure."""

import math
from collections.abc import Mapping, Sequence

from rackflow.site.power import PEUKERT

LONGEST_S = 86_400.0


class Battery:
    """Runtimes in seconds by load in watts, as the data sheet gives them for a new, full battery.

    Between two loads, and beyond them, runtime follows a power law (Peukert): t = t1 * (P1 / P) ** k, with k from the two
    points next to the load.
    """

    def __init__(self, runtimes: Mapping[float, float], health: float = 1.0, peukert: float = PEUKERT) -> None:
        self._points = sorted(runtimes.items())
        self._health = health
        self._peukert = peukert

    def runtime_s(self, load_w: float, charge: float, health: float | None = None) -> float:
        """Seconds that the battery carries `load_w` at a charge and health of 0 to 1; at most a day."""
        if load_w <= 0:
            return LONGEST_S
        power_w, full_s, exponent = self._segment(load_w)
        log_s = math.log(full_s) + exponent * math.log(power_w / load_w)
        factor = charge * (self._health if health is None else min(health, 1.0))
        return min(math.exp(min(log_s, math.log(LONGEST_S))) * factor, LONGEST_S)

    def _segment(self, load_w: float) -> tuple[float, float, float]:
        points: Sequence[tuple[float, float]] = self._points
        if len(points) == 1:
            return (*points[0], self._peukert)
        at = next((index for index, (power, _) in enumerate(points) if power >= load_w), len(points) - 1)
        at = max(at, 1)
        (low_w, low_s), (high_w, high_s) = points[at - 1], points[at]
        return low_w, low_s, math.log(low_s / high_s) / math.log(high_w / low_w)
