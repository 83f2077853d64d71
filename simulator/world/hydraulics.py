"""Pumps, pipes and filters of one secondary loop: finds the pressure at which all flows agree.

Pressures are Pa, flows m3/s. Every resistance is turbulent: pressure = resistance * flow^2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Typical values, chosen; not from one product.
MAX_RPM: Final = 6000
# Pressure of a pump at full speed without flow, over the design pressure.
SHUT_OFF_HEAD_RATIO: Final = 1.6
# If the site file does not say how many pumps a CDU needs, two of its three carry the flow and the third is on standby.
PUMPS_REQUIRED: Final = 2
# Hydraulic over shaft power, and shaft over electrical power, of centrifugal pumps of a few kilowatts with inverter drives.
PUMP_EFFICIENCY: Final = 0.62
MOTOR_EFFICIENCY: Final = 0.9
# Bisection: 50 halvings resolve the pressures here beyond a double's precision, so flows agree to rounding.
SOLVER_STEPS: Final = 50


@dataclass(frozen=True, slots=True)
class Branch:
    """One CDU as a branch of its loop: a pump curve, pressure = head_pa - bend * flow^2, less its own resistance * flow^2."""

    head_pa: float
    bend: float
    resistance: float

    def flow(self, pressure_pa: float) -> float:
        """Flow through the CDU against this pressure, m3/s. A check valve prevents reverse flow."""
        spare = self.head_pa - pressure_pa
        return (spare / (self.bend + self.resistance)) ** 0.5 if spare > 0 else 0.0


def solve(branches: Sequence[Branch], loop_resistance: float) -> tuple[float, list[float]]:
    """Pressure over the racks (Pa) and the flow of each CDU (m3/s), at which the sum of flows meets the loop's resistance.

    Bisection rather than Newton's method: a branch's flow has an infinite slope at the point where its check valve closes.
    """
    low, high = 0.0, max((branch.head_pa for branch in branches), default=0.0)
    # `Branch.flow` written out: this is asked for fifty times a step, and calls would take three quarters of the solver's time.
    curves = [(branch.head_pa, branch.bend + branch.resistance) for branch in branches]
    for _ in range(SOLVER_STEPS):
        middle = (low + high) / 2
        flow = 0.0
        for head, resistance in curves:
            if head > middle:
                flow += ((head - middle) / resistance) ** 0.5
        if loop_resistance * flow * flow > middle:
            low = middle
        else:
            high = middle
    return low, [branch.flow(low) for branch in branches]
