"""Rejects impossible limits (thresholds and ratings) that a device states for its own readings, because alerts compare readings with them.

If firmware sends its limits in another scale than its readings, a phase of 16 A has a limit of 1.6 A, and every rack would raise a
critical alarm. The range check of a single metric cannot notice that. So a limit is rejected as `range`
- if it contradicts its neighbour: a low threshold that is not below the high one, a warning above the rating, watts above voltamperes;
- if its neighbour in the same table is out of range: both have the same scale;
- if it is far from what power and load in percent imply: 3 kW at 30 % imply a rating of 10 kW, not 100 kW;
- if the low-runtime threshold of a UPS is above its runtime although the battery is full: seconds where the profile has minutes;
- if the reading that it limits exceeds it several times: no breaker carries three times its rating until the next poll. Somebody who
  deliberately sets a threshold to a third of the load finds it in `bad`; the device's own alarms are published in any case.

Thresholds are polled once a minute, so that an alarm ends soon after its threshold was corrected, and ratings once an hour. They are
checked then, against the latest readings. A limit that readings have disproved in two polls in a row stays rejected until it changes,
because at night the load may fall below it. One poll rejects it for the moment: a breaker carries a short circuit or an inrush current for
seconds, as when power comes back and the agent starts, and that must not disprove its limit. Ratings, which are read once an hour, need no
two in a row: a load that is above three times a wrong one at every other hour would raise an alarm in the hours between. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.poll.checks.power import MIN_VOLTS
from agent.poll.per_plan import PerPlan, class_of_each_series
from agent.profile import Plan, RawValue, Slot, normalise_answers
from agent.readings import Readings
from rackflow.catalogue import PollClass
from rackflow.series import metric_of, parse_series_key

# A reading of more than this many times its limit disproves the limit. Three phases reported as one sum have three times the current of
# each; at more than that a breaker of any curve trips within a minute. A limit too small by ten is found at any load above a third.
MAX_OVERLOAD: Final = 3.0
# How far a voltage may be from what a UPS is set to. Line to line is 1.73 times line to neutral, 200 V twice 100 V: a voltage of that
# kind is compared with the wrong rating. No UPS supplies its load with two thirds of its voltage.
MAX_VOLTAGE_RATIO: Final = 1.5
# How far a rating may be from power / load, as a factor. A load in percent of volt-amperes beside a power in watts is off by 1.7 at most.
MAX_RATING_RATIO: Final = 3.0
# Least load and power for that comparison: a nearly idle UPS reports 0 or 1 %, and half of its watts are its own losses.
MIN_LOAD: Final = 0.1
MIN_LOAD_W: Final = 100.0
# A low-runtime threshold is impossible if it exceeds the runtime by more than this factor while the charge is at least this. The factor is
# above 1 because the runtime of an old battery may really be below its threshold.
MAX_RUNTIME_RATIO: Final = 1.5
FULL: Final = 0.95
# Tolerance between the watts and the volt-amperes of one rating, because each is rounded separately.
MAX_POWER_FACTOR: Final = 1.05

# The reading that each metric is an upper limit of.
_UPPER: Final = {
    "dcim_pdu_input_rated_current_amperes": "dcim_pdu_input_current_amperes",
    "dcim_pdu_input_rated_power_watts": "dcim_pdu_input_power_watts",
    "dcim_pdu_phase_rated_current_amperes": "dcim_pdu_phase_current_amperes",
    "dcim_pdu_phase_warning_current_amperes": "dcim_pdu_phase_current_amperes",
    "dcim_pdu_bank_rated_current_amperes": "dcim_pdu_bank_current_amperes",
    "dcim_pdu_bank_warning_current_amperes": "dcim_pdu_bank_current_amperes",
    "dcim_pdu_outlet_rated_current_amperes": "dcim_pdu_outlet_current_amperes",
    "dcim_circuit_rated_current_amperes": "dcim_circuit_current_amperes",
}
_VOLTAGES: Final = {"dcim_ups_rated_output_voltage_volts": "dcim_ups_output_voltage_volts"}
_LOW_BATTERY: Final = "dcim_ups_low_battery_threshold_seconds"
_BATTERY: Final = ("dcim_ups_battery_runtime_seconds", "dcim_ups_battery_charge_ratio")
_RATINGS: Final = ("dcim_ups_rated_power_watts", "dcim_ups_rated_apparent_power_voltamperes")
# Metrics of a UPS's load and power: of the whole UPS, or of each phase.
_LOADS: Final = (
    ("dcim_ups_output_total_load_ratio", "dcim_ups_output_total_power_watts"),
    ("dcim_ups_output_load_ratio", "dcim_ups_output_power_watts"),
    ("dcim_ups_output_load_ratio", "dcim_ups_output_apparent_power_voltamperes"),
)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two limits with the same labels, of which `lower` must not be above `upper` times `tolerance`."""

    lower: str
    upper: str
    strict: bool = False
    """Equal values are a contradiction as well: a device on which neither is set sends two zeros."""
    tolerance: float = 1.0
    lower_only: bool = False
    """Only the lower one is rejected: a warning threshold set too high must not cost the rating, which a critical alarm needs."""


_ENV: Final = "dcim_env_{}_{}_threshold_{}"
_PAIRS: Final = (
    _Pair(_ENV.format("temperature", "low", "celsius"), _ENV.format("temperature", "high", "celsius"), strict=True),
    _Pair(
        _ENV.format("relative_humidity", "low", "ratio"), _ENV.format("relative_humidity", "high", "ratio"), strict=True
    ),
    _Pair("dcim_pdu_phase_warning_current_amperes", "dcim_pdu_phase_rated_current_amperes", lower_only=True),
    _Pair("dcim_pdu_bank_warning_current_amperes", "dcim_pdu_bank_rated_current_amperes", lower_only=True),
    _Pair(
        "dcim_ups_rated_power_watts",
        "dcim_ups_rated_apparent_power_voltamperes",
        tolerance=MAX_POWER_FACTOR,
    ),
)
_LIMITS: Final = {*_UPPER, *_VOLTAGES, _LOW_BATTERY, *(each.lower for each in _PAIRS), *(each.upper for each in _PAIRS)}


@dataclass(frozen=True, slots=True)
class _PlannedLimits:
    """The limits of a plan."""

    readings: Mapping[str, Sequence[str]]
    """By key of a limit: the keys of the readings that it limits."""
    pairs: Sequence[tuple[_Pair, str, str]]
    """Limits that must be in order, with the keys of the lower and the upper one."""
    classes: frozenset[PollClass]
    """The poll classes that limits are read in."""
    limited: Mapping[PollClass, Sequence[Slot]]
    """By poll class: the slots of the readings that are limited."""


class LimitCheck:
    """Checks the limits of one device. `begin` is called with each plan, `reject` with the readings of each poll."""

    def __init__(self) -> None:
        self._planned = _PlannedLimits({}, (), frozenset(), {})
        self._last: dict[PollClass, Mapping[str, float]] = {}
        # By limit: the value that readings have disproved; and the value that one poll has disproved so far.
        self._refuted: dict[str, float] = {}
        self._doubted: dict[str, float] = {}

    def forget(self) -> None:
        """Forget what was found: the device is another one, or has rebooted."""
        self._refuted.clear()
        self._doubted.clear()

    def begin(self, plan: Plan, known: Mapping[str, RawValue]) -> None:
        """Look at the limits of this plan from now on. `known` are the answers that it was made with."""
        self._planned = _planned_limits(plan)
        self._last = {poll: normalise_answers(slots, known).values for poll, slots in self._planned.limited.items()}

    @property
    def is_needed(self) -> bool:
        """Whether this plan has anything to look at; if not, `reject` need not be called."""
        return bool(self._planned.classes)

    def reject(self, poll: PollClass, readings: Readings) -> None:
        """Move limits that cannot be to `bad` (`range`)."""
        if poll in self._last:
            self._last[poll] = readings.values
        if poll not in self._planned.classes:
            return
        values = {key: value for each in self._last.values() for key, value in each.items()} | readings.values
        refuted = {
            key for key in self._planned.readings if key in readings.values and self._is_refuted(key, values, poll)
        }
        for pair, lower, upper in self._planned.pairs:
            refuted |= _contradictory(pair, lower, upper, readings)
        for key in refuted & readings.values.keys():
            del readings.values[key]
            readings.bad[key] = "range"

    def _is_refuted(self, key: str, values: Mapping[str, float], poll: PollClass) -> bool:
        """Whether the readings that a limit applies to disprove it, in this poll or in two polls (see above)."""
        limit, limited_keys = values[key], self._planned.readings[key]
        if self._refuted.get(key) == limit:
            return True
        self._refuted.pop(key, None)
        limited = [values[each] for each in limited_keys if each in values]
        is_refuted = _is_impossible(key, limit, limited, are_all_there=len(limited) == len(limited_keys))
        if is_refuted and self._doubted.get(key) == limit:
            self._refuted[key] = limit
        elif is_refuted:
            self._doubted[key] = limit
        elif poll != "inventory":
            self._doubted.pop(key, None)
        return is_refuted


_INVOLVED: Final = {
    *_LIMITS,
    *_UPPER.values(),
    *_VOLTAGES.values(),
    *_BATTERY,
    *(metric for metrics in _LOADS for metric in metrics),
}


def _loads(by_metric: Mapping[str, Sequence[tuple[str, Mapping[str, str]]]]) -> list[str]:
    """Keys of all loads of a UPS, followed by the keys of the same number of powers; empty if loads and powers cannot be matched."""
    for load, power in _LOADS:
        loads, powers = by_metric.get(load, ()), by_metric.get(power, ())
        if loads and sorted(str(labels) for _, labels in loads) == sorted(str(labels) for _, labels in powers):
            return [*(key for key, _ in loads), *(key for key, _ in powers)]
    return []


def _is_impossible(key: str, limit: float, limited: Sequence[float], *, are_all_there: bool) -> bool:
    """Whether a limit cannot be, beside the readings of one poll that it applies to. `are_all_there`: whether none of them is missing."""
    metric = metric_of(key)
    if metric in _VOLTAGES:
        live = [volts for volts in limited if volts >= MIN_VOLTS]
        return bool(live) and not any(
            limit <= volts * MAX_VOLTAGE_RATIO and volts <= limit * MAX_VOLTAGE_RATIO for volts in live
        )
    if key == _LOW_BATTERY:
        return are_all_there and _is_beyond(limit, *limited)
    if metric in _RATINGS:
        return are_all_there and _is_far(limit, limited)
    return any(abs(each) > MAX_OVERLOAD * limit for each in limited)


def _is_beyond(threshold_s: float, runtime_s: float, charge: float) -> bool:
    return charge >= FULL and 0.0 < MAX_RUNTIME_RATIO * runtime_s < threshold_s


def _is_far(rating: float, values: Sequence[float]) -> bool:
    """Whether a rating is impossible with these loads and powers: the first half of `values` are loads, the second half powers."""
    count = len(values) // 2
    load, power = sum(values[:count]) / max(1, count), sum(values[count:])
    if load < MIN_LOAD or power < MIN_LOAD_W:
        return False
    implied = power / load
    return rating > MAX_RATING_RATIO * implied or implied > MAX_RATING_RATIO * rating


def _pairs(limits: Mapping[str, None]) -> Iterator[tuple[_Pair, str, str]]:
    for key in limits:
        metric, brace, labels = key.partition("{")
        for pair in _PAIRS:
            other = f"{pair.upper}{brace}{labels}"
            if metric == pair.lower and other in limits:
                yield pair, key, other


def _contradictory(pair: _Pair, lower: str, upper: str, readings: Readings) -> set[str]:
    low, high = readings.values.get(lower), readings.values.get(upper)
    if low is None or high is None:
        is_wrong = "range" in (readings.bad.get(lower), readings.bad.get(upper))
    else:
        is_wrong = low > high * pair.tolerance or (pair.strict and low == high)
    if not is_wrong:
        return set()
    return {lower} if pair.lower_only else {lower, upper}


def _plan_limits(plan: Plan) -> _PlannedLimits:
    classes = class_of_each_series(plan)
    named = {key: parse_series_key(key) for key in classes if metric_of(key) in _INVOLVED}
    limits = [key for key, (metric, _) in named.items() if metric in _LIMITS]
    by_metric: dict[str, list[tuple[str, Mapping[str, str]]]] = {}
    for key, (metric, labels) in named.items():
        by_metric.setdefault(metric, []).append((key, labels))
    readings: dict[str, list[str]] = {}
    for key in limits:
        metric, labels = named[key]
        limited = _UPPER.get(metric) or _VOLTAGES.get(metric, "")
        # A circuit's rating applies to each of its phases.
        if found := [other for other, theirs in by_metric.get(limited, ()) if labels.items() <= theirs.items()]:
            readings[key] = found
        elif metric in _RATINGS:
            readings[key] = _loads(by_metric)
        elif key == _LOW_BATTERY and all(each in by_metric for each in _BATTERY):
            readings[key] = [*_BATTERY]
    wanted = {key for keys in readings.values() for key in keys}
    slots = {poll: [slot for slot in part.slots if slot.key in wanted] for poll, part in plan.classes.items()}
    return _PlannedLimits(
        readings,
        list(_pairs(dict.fromkeys(limits))),
        frozenset(classes[key] for key in limits),
        {poll: each for poll, each in slots.items() if each},
    )


_planned_limits = PerPlan(_plan_limits)
