"""Detects fouling of a CDU's heat exchanger and a control valve that does not follow. No I/O; each class keeps the state of one unit."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from collector.derive.engine import HOUR_S, LEAST_OF_HOUR_S, PeriodMean, Result, Unknown, Value

# A film's conductance follows the flow to the power of 0.8 (Dittus-Boelter, turbulent flow in channels).
_FILM_EXPONENT = 0.8
# Below these limits, the resistance is mostly the error of the probes (0.3 K each, IEC 60751 class A with its cable).
_LEAST_SPAN_K = 1.0
_LEAST_HEAT_RATIO = 0.2


class _Operation(NamedTuple):
    """What a CDU measures at one moment: W, degC and m3/s. Fields without `primary_` are those of the secondary side."""

    heat_w: float
    supply_c: float
    return_c: float
    primary_supply_c: float
    primary_return_c: float
    flow: float
    primary_flow: float


@dataclass(slots=True)
class Fouling:
    """Thermal resistance of an exchanger over that of the clean one, brought to equal flows.

    Resistance is the logarithmic mean temperature difference over the heat. Flows change it without any fouling, so it is divided by the
    resistance of the boundary films at the present flows. The lowest hourly mean ever seen counts as clean, as for filters: an exchanger
    that is fouled when the collector starts is taken for clean.
    """

    rated_w: float
    _reference: tuple[float, float] | None = None
    _clean: float | None = None
    _hour: PeriodMean = field(default_factory=lambda: PeriodMean(HOUR_S, LEAST_OF_HOUR_S))
    _last: float | None = None

    def update(self, values: Sequence[Value | None], now: float) -> tuple[Result]:
        """`values`: heat (W), secondary supply, return, primary supply, return (degC), secondary and primary flow (m3/s)."""
        resistance = self._resistance(_Operation(*(float(each or 0.0) for each in values)))
        mean = self._hour.end(now)
        if mean is not None:
            self._last = mean
            self._clean = mean if self._clean is None else min(self._clean, mean)
        if resistance is not None:
            self._hour.add(resistance, now)
        if self._last is None or not self._clean:
            return (Unknown("less than an hour at a load of 20 % or more has been seen"),)
        return (self._last / self._clean,)

    def _resistance(self, now: "_Operation") -> float | None:
        """Thermal resistance at the flows of the first sample, K/W; None if load, temperatures or flows are too small to tell."""
        hot_k, cold_k = now.return_c - now.primary_return_c, now.supply_c - now.primary_supply_c
        flows = (now.flow, now.primary_flow)
        if now.heat_w < _LEAST_HEAT_RATIO * self.rated_w or min(hot_k, cold_k) < _LEAST_SPAN_K or min(flows) <= 0:
            return None
        if self._reference is None:
            self._reference = flows
        mean_k = (hot_k - cold_k) / math.log(hot_k / cold_k) if abs(hot_k - cold_k) > 1e-6 else hot_k  # noqa: PLR2004
        films = [
            math.pow(flow / reference, -_FILM_EXPONENT) for flow, reference in zip(flows, self._reference, strict=True)
        ]
        return mean_k / now.heat_w / (sum(films) / 2)


# Below 30 % of its rating an exchanger's approach is small, fouled or not.
LOADED_RATIO = 0.3
# The approach is a mean of the loaded time within this window, and unknown with less than _LEAST_LOADED_S of it. Chosen values: a shorter
# window follows load steps instead of fouling.
_LOADED_S = 1800.0
_LEAST_LOADED_S = 300.0


@dataclass(slots=True)
class LoadedApproach:
    """Mean approach of the last half hour, while the exchanger carried at least 30 % of its rated heat. A load that dips changes little."""

    _samples: deque[tuple[float, float, float]] = field(default_factory=deque)
    _at: float = -math.inf

    def update(self, values: Sequence[Value | None], now: float) -> tuple[Result]:
        """`values`: approach (K) and heat over rating."""
        approach_k, load = (float(each or 0.0) for each in values)
        # A sample stands for the time since the one before it, at most a minute.
        span_s = min(now - self._at, 60.0) if self._at > -math.inf else 0.0
        self._at = now
        if load >= LOADED_RATIO and span_s:
            self._samples.append((now, approach_k, span_s))
        while self._samples and now - self._samples[0][0] >= _LOADED_S:
            self._samples.popleft()
        seen_s = sum(span for _, _, span in self._samples)
        if seen_s < _LEAST_LOADED_S:
            return (Unknown(f"less than 5 minutes at {LOADED_RATIO:.0%} of the rated heat within half an hour"),)
        return (sum(approach * span for _, approach, span in self._samples) / seen_s,)


# A control loop that works brings its supply back to within 1 to 2 K within some minutes.
_ERROR_K = 2.0
STUCK_S = 600.0
# A valve that is asked to move and has moved less than this in ten minutes does not follow. Actuators resolve 1 %, so one step to and fro
# is none, and two are. In between, as 0.51 - 0.5 is slightly more than 0.01.
_STILL = 0.015
# A valve that is fully open or closed cannot do more: then the water or the load is the cause, not the valve.
_END = 0.05
# m3/s of secondary flow below which the unit stands by: 6 L/min. Its supply then takes the temperature of the room, and its valve rests.
_NO_FLOW_M3_PER_S = 1e-4


@dataclass(slots=True)
class ValveStuck:
    """1 if a valve that could still move stood still for ten minutes, although supply was off its set point throughout; else 0."""

    _since: float | None = None
    _sign: int = 0
    _low: float = 0.0
    _high: float = 0.0
    _at: float = -math.inf

    def update(self, values: Sequence[Value | None], now: float) -> tuple[Result]:
        """`values`: position (0 to 1, open cools), supply and its set point (degC), and the secondary flow (m3/s), None if not known."""
        position, supply_c, setpoint_c = (float(each or 0.0) for each in values[:3])
        if any(each is not None and float(each) < _NO_FLOW_M3_PER_S for each in values[3:]):
            self._since = None
            return (0.0,)
        error_k = supply_c - setpoint_c
        sign = 1 if error_k > _ERROR_K else -1 if error_k < -_ERROR_K else 0
        has_way = position < 1 - _END if sign > 0 else position > _END
        if not sign or not has_way or sign != self._sign or now - self._at > STUCK_S / 2 or self._since is None:
            self._since = now if sign and has_way else None
            self._low = self._high = position
        self._sign, self._at = sign, now
        self._low, self._high = min(self._low, position), max(self._high, position)
        if self._high - self._low > _STILL:
            self._since, self._low, self._high = now, position, position
        return (float(self._since is not None and now - self._since >= STUCK_S),)
