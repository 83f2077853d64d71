"""How much of the racks' power goes into the liquid, averaged so that neither the loop's lag nor the load's steps show in it. Pure.

Heat arrives at the CDU only after the coolant has gone round the loop, while power changes within seconds: their quotient at one moment
was 0.3 to 1.5 in a healthy hall with training jobs. Over a window the two agree, except for heat that the coolant stored or released.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from collector.derive.engine import Result, Unknown, Value
from rackflow.fluids import volumetric_heat_capacity
from rackflow.physics import LEAST_HEAT_W

# Full length of the window. Jobs dip every 20 to 60 s and pause for a minute, and coolant comes round in one to three minutes: a
# quarter of an hour holds several of each.
WINDOW_S = 900.0
# Shortest window, and how many times the loop's lag it must be: what cold plates store is worth some seconds of power, and is not known.
LEAST_WINDOW_S = 120.0
LEAST_LAGS = 3.0
# Longest time without a reading within a window.
LONGEST_GAP_S = 60.0
# A window at the longest cycle of 5 s has 180 samples; at 1 s, every fifth is kept.
_KEEP_EVERY_S = 4.9


@dataclass(slots=True)
class HeatCapture:
    """The capture of one loop: `supply_share` of its `volume_m3` of coolant is as cold as the supply, the rest as warm as the return."""

    coolant: str
    volume_m3: float
    supply_share: float = 0.0
    _heat_j: float = 0.0
    _power_j: float = 0.0
    _last: tuple[float, float, float] | None = None
    _capacity: float = 0.0
    _stored_j: float = 0.0
    _stored_at: tuple[float, float] | None = None
    """When the coolant's temperatures were last known, and their mean, weighted by volume."""
    _kept: deque[tuple[float, float, float, float]] = field(default_factory=deque)
    """Time, heat and energy since the beginning, and heat that the coolant stored since then, J."""

    def update(self, values: Sequence[Value | None], now: float) -> tuple[Result, Result]:
        """Share captured, and heat left for the air, W. `values`: heat, power, and the loop's supply and return if known."""
        heat_w, power_w = (float(each or 0.0) for each in values[:2])
        supply_c, return_c = (None if each is None else float(each) for each in values[2:4])
        self._integrate(heat_w, power_w, now)
        self._store(supply_c, return_c, now)
        if not self._kept or now - self._kept[-1][0] >= _KEEP_EVERY_S:
            self._kept.append((now, self._heat_j, self._power_j, self._stored_j))
        while len(self._kept) > 1 and now - self._kept[1][0] >= WINDOW_S:
            self._kept.popleft()
        since, heat_j, power_j, was_stored_j = self._kept[0]
        span_s = now - since
        if span_s < self._least_s(heat_w, supply_c, return_c):
            few = Unknown("the loop's lag is not averaged out yet")
            return few, few
        mean_w = (self._power_j - power_j) / span_s
        if mean_w < LEAST_HEAT_W:
            little = Unknown(f"less than {LEAST_HEAT_W:g} W of power")
            return little, little
        captured = (self._heat_j - heat_j + self._stored_j - was_stored_j) / (self._power_j - power_j)
        # Slightly more heat than power is an error of the meters, not negative heat into the air. Much more makes the reading suspect.
        return captured, power_w * max(0.0, 1.0 - captured)

    def _integrate(self, heat_w: float, power_w: float, now: float) -> None:
        if self._last is not None and now - self._last[0] > LONGEST_GAP_S:
            self._kept.clear()
            self._last = None
        if self._last is not None:
            at, heat_before_w, power_before_w = self._last
            self._heat_j += (heat_before_w + heat_w) / 2 * (now - at)
            self._power_j += (power_before_w + power_w) / 2 * (now - at)
        self._last = now, heat_w, power_w

    def _store(self, supply_c: float | None, return_c: float | None, now: float) -> None:
        """Add the heat by which the coolant has warmed up. While a temperature is unknown, nothing is known to be stored or released."""
        if supply_c is None or return_c is None:
            return
        if not self._capacity:
            # Looked up once: if it followed the temperature, its own change would show up as stored heat.
            self._capacity = volumetric_heat_capacity(self.coolant, return_c) or 0.0
        mean_c = (1 - self.supply_share) * return_c + self.supply_share * supply_c
        # After a longer time it may have warmed up before the window.
        if self._stored_at is not None and now - self._stored_at[0] <= LONGEST_GAP_S:
            self._stored_j += self._capacity * self.volume_m3 * (mean_c - self._stored_at[1])
        self._stored_at = now, mean_c

    def _least_s(self, heat_w: float, supply_c: float | None, return_c: float | None) -> float:
        """The shortest window: a multiple of the loop's lag.

        One turn of the coolant takes volume / flow, which equals the heat it holds above supply temperature over the heat it carries.
        """
        if supply_c is None or return_c is None or heat_w < LEAST_HEAT_W:
            return LEAST_WINDOW_S
        lag_s = self._capacity * self.volume_m3 * max(return_c - supply_c, 0.0) / heat_w
        return min(max(LEAST_WINDOW_S, LEAST_LAGS * lag_s), WINDOW_S)
