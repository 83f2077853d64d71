"""Rejects a power factor of 0 beside a power that is not 0: the device does not measure it, and sends 0 instead. Pure.

A line that draws kilowatts cannot have it. Shown as 0, it would make every dashboard's worst power factor that of a device without one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from agent.poll.checks.line_check import Compared, LineCheck, lines_of_plan
from agent.poll.checks.power import MIN_POWER
from rackflow.catalogue import PollClass
from rackflow.series import metric_of, parse_series_key, series_key

_FACTOR: Final = "power_factor_ratio"
_POWER: Final = "power_watts"


def _lines(classes: Mapping[str, PollClass]) -> Iterator[Compared]:
    """Each power factor, with the active power of the same line."""
    for key in sorted(classes):
        if metric_of(key).endswith(_FACTOR):
            metric, labels = parse_series_key(key)
            power = series_key(f"{metric.removesuffix(_FACTOR)}{_POWER}", labels)
            if power in classes:
                yield key, (power,)


class PowerFactorCheck(LineCheck):
    """Rejects power factors that are not measured."""

    planned = lines_of_plan(_lines)
    reason = "sentinel"

    def cannot_be(self, value: float, others: Sequence[str]) -> bool:
        """See `LineCheck.cannot_be`."""
        # Below MIN_POWER, rounding to whole watts may explain it.
        return value == 0.0 and abs(self.latest(others[0])) >= MIN_POWER
