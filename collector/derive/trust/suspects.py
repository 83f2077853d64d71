"""Detects sensor readings of a CDU that cannot be trusted: frozen, drifting, or physically impossible.

A suspect reading is left out of every derived figure, so a false positive hides an answer that an operator needs. All limits are
therefore slow, except for coolant that returns colder than it was supplied, which is left out at once. Tests keep two promises: 48
simulated healthy hours raise nothing, and a flow meter drifting by 1 % an hour is named before it is 10 % off. No clock: `now` is
an argument, monotonic seconds. Nothing here survives a restart: the learned levels would be wrong if a sensor was exchanged
meanwhile.
"""

import math
from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from collector.derive.engine import Reading
from collector.derive.trust.cusum import Cusum
from rackflow.physics import LEAST_HEAT_W
from rackflow.series import metric_of

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
# No healthy flow meter or temperature probe in a running loop shows exactly the same number for an hour; noise alone moves it.
_FROZEN_AFTER_S = 3600.0
# How many times longer than its longest rest so far a value may stay unchanged. A fixed time alone would accuse coarse sensors: at
# steady load a probe in steps of 0.1 K rests for minutes (four, in the simulated hall), one in whole degrees for a large part of an
# hour. In 20 minutes of that hall no healthy value rested more than twice as long as ever before; 50 is chosen far above, and a higher
# factor would leave a stuck probe in the figures for a day.
_FROZEN_REST_FACTOR = 50.0
# Before a value has changed this often, its longest rest says little about how it moves. Chosen: a few minutes of polls for most sensors.
_MIN_CHANGES = 20
# How long a contradiction must last. Values of one batch are polled up to one interval apart, so a load step makes them contradict each
# other for a poll or two: in a simulated AI hall, power is up to 3.9 times volts times amperes then. Power and cooling are polled every 1
# to 10 s by default, so a minute is at least six polls.
SUSTAINED_S = 60.0
# m3/s below which a loop counts as standing: 6 L/min, where meters read low or creep about zero. CDUs move 100 L/min and more.
_NO_FLOW_M3_PER_S = 1e-4
# Coolant cannot return colder than it was supplied. 2 K covers two class B probes (0.3 K + 0.005 * t: 0.5 K each at 40 degC, IEC 60751)
# and the time that a change of supply temperature takes to reach the return.
_MIN_RETURN_RISE_K = -2.0
# Share of the highest heat seen below which the balance is not judged: heat lost to the air and to pipes does not fall with the load,
# so it is a larger part of a small one and would look like a drift.
_MIN_LOAD_SHARE = 0.2
# Heat reaches the CDU later than the power that made it, and heat stored in chips and coolant comes out later still, but at no higher
# rate than it went in. Heat is therefore compared with the highest power of this many minutes. Coolant turns over in one or two minutes.
_HEAT_DELAY_MINUTES = 10
# Heat in the liquid over the highest electrical power of the racks that it cools. Direct-to-chip cooling takes 0.70 to 0.85 of it, and
# physics ends at 1 plus the pumps' part. In a simulated AI hall whose load steps, healthy units reach 0.82 (2.4 if compared with the power
# of the moment). The rest is for meters: 1 % power, 5 % flow, 0.1 K steps of a rise of 5 to 10 K. A scale wrong by 10 is far beyond.
_MAX_HEAT_CAPTURE_RATIO = 1.3
# Pumps that start again bring hot coolant for one or two turns of the loop: real heat, and more than the racks take at that moment.
_RESTART_HEAT_S = 120.0
# Natural logarithm by which two ratios must both have moved to count as moved together: 5 %. A drift is named at about this level anyway,
# and healthy units stay below it (0.7 % in 48 simulated hours).
_MIN_SHARED_DRIFT = 0.05


@dataclass(slots=True)
class HoldTimer:
    """Reports conditions that have held without interruption for their required time.

    One batch mixes values polled up to an interval apart, so a contradiction seen once may come from a load step; one that lasts does not.
    """

    _since: dict[Hashable, float] = field(default_factory=dict)

    def update(self, holding: Mapping[Condition, float], now: float) -> Iterator[Condition]:
        """Yield each condition that has held for its required seconds, the mapping's value. Conditions not in the mapping start over."""
        for gone in self._since.keys() - holding.keys():
            del self._since[gone]
        for each, least_s in holding.items():
            if now - self._since.setdefault(each, now) >= least_s:
                yield each


@dataclass(slots=True)
class _Stillness:
    """How long one series stays unchanged. It is frozen if it has been unchanged far longer than ever before."""

    value: float = math.nan
    since: float = 0.0
    longest_s: float = 0.0
    changes: int = 0

    def update(self, value: float, now: float) -> bool:
        """Take the current value; return whether it is frozen."""
        if value != self.value:
            if self.changes:  # nothing rested before the first value
                self.longest_s = max(self.longest_s, now - self.since)
            self.changes += 1
            self.value, self.since = value, now
        if self.changes <= _MIN_CHANGES or value == 0:  # a loop at rest shows no flow for hours
            return False
        return now - self.since > max(_FROZEN_AFTER_S, _FROZEN_REST_FACTOR * self.longest_s)


@dataclass(slots=True)
class _TenMinuteMaximum:
    """The highest power of the last ten minutes, to compare heat with (see `_HEAT_DELAY_MINUTES`)."""

    _minutes: deque[tuple[int, float]] = field(
        default_factory=lambda: deque[tuple[int, float]](maxlen=_HEAT_DELAY_MINUTES)
    )

    def update(self, value: float | None, now: float) -> float | None:
        """Take the current power, W; return the highest, or None before ten minutes have been seen in a row.

        After a gap of a minute it starts over: the power during the gap may have been higher than any value seen. A shorter one is no gap:
        the power is unknown for one cycle after each new plan.
        """
        minute, minutes = int(now // 60), self._minutes
        if value is None:
            return None
        if minutes and minute > minutes[-1][0] + 1:
            minutes.clear()
            return None
        if minutes and minutes[-1][0] == minute:
            minutes[-1] = (minute, max(value, minutes[-1][1]))
        else:
            minutes.append((minute, value))
        return max(each for _, each in minutes) if len(minutes) == _HEAT_DELAY_MINUTES else None


@dataclass(slots=True)
class CduWatch:
    """Watches one CDU from cycle to cycle."""

    suspects: dict[str, Reason] = field(default_factory=dict)
    """Keys of the series that no figure may use now, with the reason."""
    named: dict[str, Reason] = field(default_factory=dict)
    """Readings that an operator is shown as suspect, with the reason."""
    _stillness: dict[str, _Stillness] = field(default_factory=dict)
    _balance: Cusum = field(default_factory=Cusum)
    """Secondary heat over primary heat: constant except for losses, so a change shows that one of the two drifts."""
    _pumping: Cusum = field(default_factory=Cusum)
    """Secondary flow over pump speed: constant in a loop whose valves do not move, so a change points to the flow meter."""
    _capture: Cusum = field(default_factory=Cusum)
    """Secondary heat over the racks' power: constant as long as the same racks are cooled."""
    _sustained: HoldTimer = field(default_factory=HoldTimer)
    _excess_heat: HoldTimer = field(default_factory=HoldTimer)
    _power: _TenMinuteMaximum = field(default_factory=_TenMinuteMaximum)
    _highest_heat_w: float = 0.0
    """The highest heat that lasted for a whole minute of the clock. One wrong reading, kept for good, would end the search for drifts."""
    _lowest_of_minute: tuple[int, float] = (-1, 0.0)

    def update(
        self, readings: Mapping[str, Reading], now: float, power_w: float | None, *, is_certain: bool = True
    ) -> None:
        """Judge the latest readings. `power_w` is the electrical power of the racks that this CDU cools, None if unknown.

        It is the most that these may take unless `is_certain`: good for what is impossible, but with no constant ratio to the heat.
        A stale reading is not judged: it would look frozen.
        """
        current = {key: each.value for key, each in readings.items() if key.startswith(_CDU) and now < each.expires_at}
        numbers = {key: value for key, value in current.items() if isinstance(value, float | int)}
        self.named = {}
        self.suspects = {}
        self._frozen(numbers, now)
        self._impossible(current, numbers, now, power_w)
        self._drifting(numbers, now, power_w if is_certain else None)

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
                # Suspect at once, and named after a minute: the three values come from one poll, so no load step explains them.
                self.suspects.update(dict.fromkeys(holding[loop][1], "impossible"))
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
        minute, lowest_w = self._lowest_of_minute
        if minute == int(now // 60):
            self._lowest_of_minute = minute, min(lowest_w, secondary_w)
        else:
            self._highest_heat_w = max(self._highest_heat_w, lowest_w)
            self._lowest_of_minute = int(now // 60), secondary_w
        if secondary_w >= max(LEAST_HEAT_W, _MIN_LOAD_SHARE * self._highest_heat_w):
            if primary_w >= LEAST_HEAT_W:
                self._balance.sample(_log_ratio(secondary_w, primary_w), now)
            if power_w is not None and power_w >= LEAST_HEAT_W:
                self._capture.sample(_log_ratio(secondary_w, power_w), now)
            speeds = [
                value for key, value in numbers.items() if key.startswith(f"{_CDU}pump_speed_ratio") and value > 0
            ]
            flow = numbers.get(FLOW["secondary"], 0.0)
            if speeds and flow > _NO_FLOW_M3_PER_S:
                self._pumping.sample(_log_ratio(flow, sum(speeds) / len(speeds) or min(speeds)), now)
        pumping, capture = self._pumping, self._capture
        if (
            not self._balance.minutes_learned
            and pumping.alarmed
            and capture.alarmed
            and _moved_together(pumping.recent, capture.recent)
        ):
            # The unit does not show its primary side, so there is no balance. Both other ratios contain the secondary flow, and only
            # a drifting flow meter moves both equally: a clogging filter moves only the first, added racks only the second.
            self._suspect("secondary_flow", "drifting", [FLOW["secondary"], *_computed_from(FLOW["secondary"])])
        if self._balance.alarmed:
            for reading, keys in self._drifting_side():
                self._suspect(reading, "drifting", keys)

    def _drifting_side(self) -> Iterable[tuple[str, list[str]]]:
        """Which side has left the balance of both loops, as readings, each with the series that depend on it.

        The balance alone cannot tell. If a third ratio moved the same way, the secondary side is suspect. If one is trained and did not
        move, the secondary side is confirmed and the primary side is suspect. Without a third ratio, both are suspect.
        """
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


def _log_ratio(above: float, below: float) -> float:
    """The logarithm of a ratio of two numbers above 0, however small or large they are."""
    return math.log(above) - math.log(below)


def _moved_together(one: float, other: float) -> bool:
    """Whether two ratios, as logarithms, have moved the same way and about as far, within a factor of two."""
    least, most = sorted((abs(one), abs(other)))
    return one * other > 0 and least > _MIN_SHARED_DRIFT and most < 2 * least


def _computed_from(key: str) -> list[str]:
    """Series that the agent computes from this reading; if it is suspect, they are, too."""
    loop = "primary" if "loop=primary" in key else "secondary"
    return [HEAT[loop], f"{_CDU}flow_per_heat_cubic_meters_per_joule{{loop={loop}}}", f"{_CDU}heat_imbalance_ratio"]


def _reading_name(key: str) -> str:
    """The label `reading` of a series key, such as `secondary_flow`. These names are public and must not change."""
    loop = "primary" if "loop=primary" in key else "secondary"
    quantity = metric_of(key).removeprefix(_CDU).partition("_cubic")[0].partition("_celsius")[0]
    return f"{loop}_{quantity}"
