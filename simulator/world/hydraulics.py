"""Pumps, pipes and filters of one secondary loop: finds the pressure at which all flows agree.

Pressures are Pa, flows m3/s. Every resistance is turbulent: pressure = resistance * flow^2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MAX_RPM: Final = 6000
SHUT_OFF_HEAD_RATIO: Final = 1.6
"""Pressure of a pump at full speed without flow, of the design pressure."""
PUMPS_REQUIRED: Final = 2
"""Two of three pumps carry a CDU, where the site file does not say it."""
PUMP_EFFICIENCY: Final = 0.62
MOTOR_EFFICIENCY: Final = 0.9
SOLVER_STEPS: Final = 50


@dataclass(frozen=True, slots=True)
class Branch:
    """One CDU as its loop sees it: a pump curve, head = shut-off * speed^2 - bend * flow^2, and what resists inside."""

    head_pa: float
    bend: float
    resistance: float

    def flow(self, pressure_pa: float) -> float:
        """Through the CDU, against this pressure; its check valve lets nothing back."""
        spare = self.head_pa - pressure_pa
        return (spare / (self.bend + self.resistance)) ** 0.5 if spare > 0 else 0.0


def solve(branches: Sequence[Branch], loop_resistance: float) -> tuple[float, list[float]]:
    """Pressure over the racks and the flow of each CDU, so that the flows together meet the loop's own resistance."""
    low, high = 0.0, max((branch.head_pa for branch in branches), default=0.0)
    for _ in range(SOLVER_STEPS):
        middle = (low + high) / 2
        flow = sum(branch.flow(middle) for branch in branches)
        low, high = (middle, high) if loop_resistance * flow * flow > middle else (low, middle)
    return low, [branch.flow(low) for branch in branches]
