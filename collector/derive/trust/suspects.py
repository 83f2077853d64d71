"""Detects sensor readings that cannot be trusted: frozen, drifting, or physically impossible.

A suspect reading is left out of every derived figure, so a false positive hides an answer that an operator needs. All limits are
therefore slow and one-sided. Tests keep two promises: 48 simulated healthy hours raise nothing, and a flow meter drifting by 1 % an
hour is named before it is 10 % off. No clock: `now` is an argument.
"""

import math
from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from collector.derive.engine import Reading
from collector.derive.trust.cusum import Cusum
from rackflow.physics import LEAST_HEAT_W

Reason = Literal["frozen", "drifting", "impossible"]
Condition = TypeVar("Condition", bound=Hashable)
_CDU = "dcim_cdu_"
FLOW = {loop: f"{_CDU}flow_cubic_meters_per_second{{loop={loop}}}" for loop in ("primary", "secondary")}
HEAT = {loop: f"{_CDU}heat_removed_watts{{loop={loop}}}" for loop in ("primary", "secondary")}
DELTA = {loop: f"{_CDU}delta_temperature_celsius{{loop={loop}}}" for loop in ("primary", "secondary")}
_TEMPERATURES = {
    loop: tuple(f"{_CDU}{end}_temperature_celsius{{loop={loop}}}" for end in ("supply", "return"))
    for loop in ("primary", "secondary")
}
_FROZEN_AFTER_S = 3600.0
_FROZEN_REST_FACTOR = 50.0
_MIN_CHANGES = 20
SUSTAINED_S = 60.0
_NO_FLOW_M3_PER_S = 1e-4
_MIN_RETURN_RISE_K = -2.0
_MIN_LOAD_SHARE = 0.2
_HEAT_DELAY_MINUTES = 10
_MAX_HEAT_CAPTURE_RATIO = 1.3
_RESTART_HEAT_S = 120.0
"""Pumps that start again bring hot coolant for one or two turns of the loop."""
_MIN_SHARED_DRIFT = 0.05


@dataclass(slots=True)
class HoldTimer:
    """Since when things hold without a break: what holds for long enough is no accident of polls of several moments."""

    _since: dict[Hashable, float] = field(default_factory=dict)

    def update(self, holding: Mapping[Condition, float], now: float) -> Iterator[Condition]:
        """Of all that holds at `now`, what has done so for as many seconds as it is given."""
        for gone in self._since.keys() - holding.keys():
            del self._since[gone]
        for each, least_s in holding.items():
            if now - self._since.setdefault(each, now) >= least_s:
                yield each


@dataclass(slots=True)
class _Stillness:
    """How one series moves: it is frozen when it rests far longer than it ever did. Coarse sensors rest long."""

    value: float = math.nan
    since: float = 0.0
    longest_s: float = 0.0
    changes: int = 0

    def update(self, value: float, now: float) -> bool:
        if value != self.value:
            if self.changes:
                self.longest_s = max(self.longest_s, now - self.since)
            self.changes += 1
            self.value, self.since = value, now
        rests_s = now - self.since
        return (
            self.changes > _MIN_CHANGES
            and value != 0
            and rests_s > max(_FROZEN_AFTER_S, _FROZEN_REST_FACTOR * self.longest_s)
        )


@dataclass(slots=True)
class _TenMinuteMaximum:
    """The highest of ten minutes: heat that has been stored comes out at no higher rate than it went in."""

    _minutes: deque[tuple[int, float]] = field(
        default_factory=lambda: deque[tuple[int, float]](maxlen=_HEAT_DELAY_MINUTES)
    )

    def update(self, value: float | None, now: float) -> float | None:
        """With this sample; None before ten minutes have been seen in a row."""
        minute, minutes = int(now // 60), self._minutes
        if value is None or (minutes and minute > minutes[-1][0] + 1):
            minutes.clear()
            return None
        if minutes and minutes[-1][0] == minute:
            minutes[-1] = (minute, max(value, minutes[-1][1]))
        else:
            minutes.append((minute, value))
        return max(each for _, each in minutes) if len(minutes) == _HEAT_DELAY_MINUTES else None


@dataclass(slots=True)
class CduWatch:
    """What is remembered of one CDU. `suspects` are series keys with the reason; `named` what an operator is told."""

    suspects: dict[str, Reason] = field(default_factory=dict)
    named: dict[str, Reason] = field(default_factory=dict)
    _stillness: dict[str, _Stillness] = field(default_factory=dict)
    _balance: Cusum = field(default_factory=Cusum)
    _pumping: Cusum = field(default_factory=Cusum)
    _capture: Cusum = field(default_factory=Cusum)
    _sustained: HoldTimer = field(default_factory=HoldTimer)
    _excess_heat: HoldTimer = field(default_factory=HoldTimer)
    _power: _TenMinuteMaximum = field(default_factory=_TenMinuteMaximum)
    _highest_heat_w: float = 0.0

    def update(self, held: Mapping[str, Reading], now: float, power_w: float | None) -> None:
        """One cycle. `power_w` is the electrical power of the racks that this CDU alone cools, if it is known."""
        current = {key: each.value for key, each in held.items() if key.startswith(_CDU) and now < each.expires_at}
        numbers = {key: value for key, value in current.items() if isinstance(value, float | int)}
        self.named = {}
        self.suspects = {}
        self._frozen(numbers, now)
        self._impossible(current, numbers, now, power_w)
        self._drifting(numbers, now, power_w)

    def _frozen(self, numbers: Mapping[str, float], now: float) -> None:
        watched = {*FLOW.values(), *(key for pair in _TEMPERATURES.values() for key in pair)}
        for key in watched:
            if key not in numbers:
                self._stillness.pop(key, None)
            elif self._stillness.setdefault(key, _Stillness()).update(numbers[key], now):
                self._suspect(_reading_name(key), "frozen", [key, *_computed_from(key)])

    def _impossible(
        self, current: Mapping[str, float | str], numbers: Mapping[str, float], now: float, power_w: float | None
    ) -> None:
        holding: dict[str, tuple[str, list[str]]] = {}
        pumps = {value for key, value in current.items() if key.startswith(f"{_CDU}pump_state")}
        standing = bool(pumps) and pumps <= {"stopped", "failed"}
        if standing and numbers.get(FLOW["secondary"], 0.0) > _NO_FLOW_M3_PER_S:
            holding["flow"] = ("secondary_flow", [FLOW["secondary"], *_computed_from(FLOW["secondary"])])
        for loop, flow in FLOW.items():
            if numbers.get(flow, 0.0) > _NO_FLOW_M3_PER_S and numbers.get(DELTA[loop], 0.0) < _MIN_RETURN_RISE_K:
                holding[loop] = (f"{loop}_temperature", [*_TEMPERATURES[loop], *_computed_from(flow)])
                self.suspects.update(dict.fromkeys(holding[loop][1], "impossible"))  # all of one poll: at once
        for what in self._sustained.update(dict.fromkeys(holding, SUSTAINED_S), now):
            self._suspect(holding[what][0], "impossible", holding[what][1])
        most_w = self._power.update(power_w, now)
        too_hot = (
            most_w is not None and numbers.get(HEAT["secondary"], 0.0) > _MAX_HEAT_CAPTURE_RATIO * most_w + LEAST_HEAT_W
        )
        for _ in self._excess_heat.update({"heat": _RESTART_HEAT_S} if too_hot else {}, now):
            self._suspect("secondary_heat", "impossible", _computed_from(FLOW["secondary"]))

    def _drifting(self, numbers: Mapping[str, float], now: float, power_w: float | None) -> None:
        secondary_w, primary_w = (numbers.get(HEAT[loop], 0.0) for loop in ("secondary", "primary"))
        self._highest_heat_w = max(self._highest_heat_w, secondary_w)
        # Losses to the air and to pipes weigh more at low load: there the balance says nothing.
        if secondary_w >= max(LEAST_HEAT_W, _MIN_LOAD_SHARE * self._highest_heat_w):
            if primary_w >= LEAST_HEAT_W:
                self._balance.sample(math.log(secondary_w / primary_w), now)
            if power_w is not None and power_w >= LEAST_HEAT_W:
                self._capture.sample(math.log(secondary_w / power_w), now)
            speeds = [
                value for key, value in numbers.items() if key.startswith(f"{_CDU}pump_speed_ratio") and value > 0
            ]
            flow = numbers.get(FLOW["secondary"], 0.0)
            if speeds and flow > _NO_FLOW_M3_PER_S:
                self._pumping.sample(math.log(flow / (sum(speeds) / len(speeds))), now)
        pumping, capture = self._pumping, self._capture
        if (
            not self._balance.minutes_learned
            and pumping.alarmed
            and capture.alarmed
            and _moved_together(pumping.recent, capture.recent)
        ):
            # Where the unit does not show its primary side: of all that changes, only the meter moves both by the same.
            self._suspect("secondary_flow", "drifting", [FLOW["secondary"], *_computed_from(FLOW["secondary"])])
        if self._balance.alarmed:
            for reading, keys in self._drifting_side():
                self._suspect(reading, "drifting", keys)

    def _drifting_side(self) -> Iterable[tuple[str, list[str]]]:
        """Who left the balance of both loops: a third quantity that agrees with one side acquits it."""
        second = [FLOW["secondary"], *_computed_from(FLOW["secondary"])]
        first = [FLOW["primary"], *_computed_from(FLOW["primary"])]
        up = self._balance.above > self._balance.below
        if self._pumping.has_shifted(up=up):
            return [("secondary_flow", second)]
        if self._capture.has_shifted(up=up):
            return [("secondary_temperature" if self._pumping.trained else "secondary_heat", second)]
        if self._capture.trained or self._pumping.trained:
            return [("primary_heat", first)]
        return [("secondary_heat", second), ("primary_heat", first)]

    def _suspect(self, reading: str, reason: Reason, keys: Iterable[str]) -> None:
        self.named.setdefault(reading, reason)
        for key in keys:
            self.suspects.setdefault(key, reason)


def _moved_together(one: float, other: float) -> bool:
    """Whether two ratios, as logarithms, have moved the same way and about as far."""
    least, most = sorted((abs(one), abs(other)))
    return one * other > 0 and least > _MIN_SHARED_DRIFT and most < 2 * least


def _computed_from(key: str) -> list[str]:
    """Condition the agent computes from a reading is no better than it."""
    loop = "primary" if "loop=primary" in key else "secondary"
    return [HEAT[loop], f"{_CDU}flow_per_heat_cubic_meters_per_joule{{loop={loop}}}", f"{_CDU}heat_imbalance_ratio"]


def _reading_name(key: str) -> str:
    loop = "primary" if "loop=primary" in key else "secondary"
    quantity = key.removeprefix(_CDU).partition("_cubic")[0].partition("_celsius")[0].partition("{")[0]
    return f"{loop}_{quantity}"
