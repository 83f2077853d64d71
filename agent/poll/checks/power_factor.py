"""Rejects a power factor of 0 beside a power that is not 0: the device does not measure it, and sends 0 instead. Pure.

A line that draws kilowatts cannot have it. Shown as 0, it would make every dashboard's worst power factor that of a device without one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from agent.poll.checks.power import MIN_POWER
from agent.poll.per_plan import PerPlan, class_of_each_series
from agent.profile import Plan
from agent.readings import Readings
from rackflow.catalogue import PollClass
from rackflow.series import metric_of, parse_series_key, series_key

_FACTOR: Final = "power_factor_ratio"
# Of a UPS's output, the power of the whole has a name of its own.
_POWERS: Final = ("power_watts", "total_power_watts")


class PowerFactorCheck:
    """Checks the lines of one device. `begin` is called with each plan, `reject` with the readings of each poll."""

    def __init__(self) -> None:
        # By poll class: each power factor, with the active power of the same line.
        self._lines: Mapping[PollClass, Sequence[tuple[str, str]]] = {}
        self._last: dict[PollClass, Mapping[str, float]] = {}

    def begin(self, plan: Plan) -> None:
        """Look at the lines of this plan from now on."""
        self._lines, self._last = _planned_lines(plan), {}

    @property
    def is_needed(self) -> bool:
        """Whether this plan has anything to look at; if not, `reject` need not be called."""
        return bool(self._lines)

    def reject(self, poll: PollClass, readings: Readings) -> None:
        """Move power factors that are not measured to `bad` (`sentinel`)."""
        self._last[poll] = readings.values
        for factor, power in self._lines.get(poll, ()):
            if readings.values.get(factor) != 0.0:
                continue
            watts = next((last[power] for last in self._last.values() if power in last), 0.0)
            # Below this, rounding to whole watts may explain it.
            if abs(watts) >= MIN_POWER:
                del readings.values[factor]
                readings.bad[factor] = "sentinel"


def _lines(classes: Mapping[str, PollClass]) -> Iterator[tuple[str, str]]:
    for key in sorted(classes):
        if metric_of(key).endswith(_FACTOR):
            metric, labels = parse_series_key(key)
            level = metric.removesuffix(_FACTOR)
            powers = (series_key(f"{level}{name}", labels) for name in _POWERS)
            if power := next((each for each in powers if each in classes), None):
                yield key, power


def _plan_lines(plan: Plan) -> dict[PollClass, list[tuple[str, str]]]:
    classes = class_of_each_series(plan)
    planned: dict[PollClass, list[tuple[str, str]]] = {}
    for factor, power in _lines(classes):
        planned.setdefault(classes[factor], []).append((factor, power))
    return planned


_planned_lines = PerPlan(_plan_lines)
