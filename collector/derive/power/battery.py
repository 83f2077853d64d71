"""How long a battery lasts at a load, from the runtimes of its data sheet, its charge and its health."""

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

    def runtime_s(self, load_w: float, charge: float, health: float | None = None, on_battery_s: float = 0.0) -> float:
        """Seconds that the battery carries `load_w` at a charge and health of 0 to 1; at most a day.

        Charge counts from full, and what age has taken is missing at the end: of a new battery's capacity, charge - (1 -
        health) is left. A battery with that part of the capacity lasts as a whole one at the load over that part. What the
        load has taken at its rate in `on_battery_s` does not come back at once: it lasts no longer than from full, less that.
        """
        whole = min(self._health if health is None else health, 1.0)
        left = charge - (1.0 - whole)
        if left <= 0:
            return 0.0
        if load_w <= 0:
            return LONGEST_S
        seconds = min(self._full_s(load_w / left), self._full_s(load_w / whole) - on_battery_s, LONGEST_S)
        return max(seconds, 0.0)

    def _full_s(self, load_w: float) -> float:
        power_w, full_s, exponent = self._segment(load_w)
        log_s = math.log(full_s) + exponent * math.log(power_w / load_w)
        return math.exp(min(log_s, math.log(10 * LONGEST_S)))

    def _segment(self, load_w: float) -> tuple[float, float, float]:
        points: Sequence[tuple[float, float]] = self._points
        if len(points) == 1:
            return (*points[0], self._peukert)
        at = next((index for index, (power, _) in enumerate(points) if power >= load_w), len(points) - 1)
        at = max(at, 1)
        (low_w, low_s), (high_w, high_s) = points[at - 1], points[at]
        return low_w, low_s, math.log(low_s / high_s) / math.log(high_w / low_w)
