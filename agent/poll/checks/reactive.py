"""Rejects a reactive power above the apparent power of its line, which is physically impossible. Pure.

Firmware that copies a signed 16-bit number into an unsigned cell turns -300 var into 65,236 var. Both are within the metric's range.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from agent.poll.checks.power import MIN_POWER
from agent.poll.per_plan import PerPlan, class_of_each_series
from agent.profile import Plan
from agent.readings import Readings
from rackflow.catalogue import PollClass
from rackflow.series import metric_of, parse_series_key, series_key

# Accepted ratio of reactive power to volts x amperes. It can never be above 1 (apparent power is the root of the sum of both squares), but
# the values may come from two polls between which the load changed. Chosen.
MAX_RATIO: Final = 1.5
_REACTIVE: Final = "reactive_power_vars"


class ReactiveCheck:
    """Checks the lines of one device. `begin` is called with each plan, `reject` with the readings of each poll."""

    def __init__(self) -> None:
        # By poll class: each reactive power, with its apparent power, or its volts and amperes.
        self._lines: Mapping[PollClass, Sequence[tuple[str, tuple[str, ...]]]] = {}
        self._last: dict[PollClass, Mapping[str, float]] = {}

    def begin(self, plan: Plan) -> None:
        """Look at the lines of this plan from now on."""
        self._lines, self._last = _planned_lines(plan), {}

    @property
    def is_needed(self) -> bool:
        """Whether this plan has anything to look at; if not, `reject` need not be called."""
        return bool(self._lines)

    def reject(self, poll: PollClass, readings: Readings) -> None:
        """Move reactive powers that cannot be to `bad` (`range`)."""
        self._last[poll] = readings.values
        for key, factors in self._lines.get(poll, ()):
            # Below this, rounding to whole watts or amperes may explain it.
            if abs(readings.values.get(key, 0.0)) < MIN_POWER:
                continue
            apparent = 1.0
            for factor in factors:
                apparent *= next((last[factor] for last in self._last.values() if factor in last), 0.0)
            # A device that does not measure apparent power sends 0.
            if apparent and abs(readings.values[key]) > MAX_RATIO * (abs(apparent) + MIN_POWER):
                del readings.values[key]
                readings.bad[key] = "range"


def _lines(classes: Mapping[str, PollClass]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key in sorted(classes):
        if not metric_of(key).endswith(_REACTIVE):
            continue
        metric, labels = parse_series_key(key)
        level = metric.removesuffix(_REACTIVE)
        apparent = series_key(f"{level}apparent_power_voltamperes", labels)
        # Volts and amperes of a meter's phase have no `phase_` in their name.
        line = level.replace("meter_phase_", "meter_")
        factors = tuple(series_key(f"{line}{name}", labels) for name in ("voltage_volts", "current_amperes"))
        if apparent in classes:
            yield key, (apparent,)
        elif "phase" in labels and all(factor in classes for factor in factors):
            yield key, factors


def _plan_lines(plan: Plan) -> dict[PollClass, list[tuple[str, tuple[str, ...]]]]:
    classes = class_of_each_series(plan)
    planned: dict[PollClass, list[tuple[str, tuple[str, ...]]]] = {}
    for key, factors in _lines(classes):
        planned.setdefault(classes[key], []).append((key, factors))
    return planned


_planned_lines = PerPlan(_plan_lines)
