"""Rejects a reactive power above the apparent power of its line, which is physically impossible. Pure.

Firmware that copies a signed 16-bit number into an unsigned cell turns -300 var into 65,236 var. Both are within the metric's range.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Final

from agent.poll.checks.line_check import Compared, LineCheck, lines_of_plan
from agent.poll.checks.power import MIN_POWER
from rackflow.catalogue import PollClass
from rackflow.series import metric_of, parse_series_key, series_key

# Accepted ratio of reactive power to volts x amperes. It can never be above 1 (apparent power is the root of the sum of both squares), but
# the values may come from two polls between which the load changed. Chosen.
MAX_RATIO: Final = 1.5
_REACTIVE: Final = "reactive_power_vars"


def _lines(classes: Mapping[str, PollClass]) -> Iterator[Compared]:
    """Each reactive power, with its apparent power, or its volts and amperes."""
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


class ReactiveCheck(LineCheck):
    """Rejects reactive powers that no load has."""

    planned = lines_of_plan(_lines)
    reason = "range"

    def cannot_be(self, value: float, others: Sequence[str]) -> bool:
        """See `LineCheck.cannot_be`."""
        # Below this, rounding to whole watts or amperes may explain it.
        if abs(value) < MIN_POWER:
            return False
        apparent = abs(prod(map(self.latest, others)))
        # A device that does not measure apparent power sends 0.
        return apparent > 0.0 and abs(value) > MAX_RATIO * (apparent + MIN_POWER)
