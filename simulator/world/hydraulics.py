"""Pumps, pipes and filters of one secondary loop: finds its operating point, the pressure at which all flows agree.

Pressures are Pa, flows m3/s. Every resistance is turbulent: pressure = resistance * flow^2.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

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


class Branch(NamedTuple):
    """One CDU as a branch of its loop: the pressure that it delivers is `head_pa - resistance * flow^2`."""

    head_pa: float
    """Pressure of its pumps without flow."""
    resistance: float
    """Pa/(m3/s)^2: how fast the pumps' pressure falls with the flow, and what filter and exchanger take."""

    def flow(self, pressure_pa: float) -> float:
        """Flow through the CDU against this pressure, m3/s. A check valve prevents reverse flow."""
        spare = self.head_pa - pressure_pa
        return (spare / self.resistance) ** 0.5 if spare > 0 else 0.0


def operating_point(branches: Sequence[Branch], loop_resistance: float) -> tuple[float, list[float]]:
    """The pressure over the racks (Pa) at which the CDUs deliver what the racks let through, and the flow of each CDU (m3/s).

    Bisection rather than Newton's method: a branch's flow has an infinite slope at the point where its check valve closes.
    """
    low, high = 0.0, max((branch.head_pa for branch in branches), default=0.0)
    for _ in range(SOLVER_STEPS):
        middle = (low + high) / 2
        flow = 0.0
        # `Branch.flow` written out: calls, or a list of flows, make this loop three times as slow, and it runs for every loop and second.
        for head, resistance in branches:
            if head > middle:
                flow += ((head - middle) / resistance) ** 0.5
        if loop_resistance * flow * flow > middle:
            low = middle
        else:
            high = middle
    return low, [branch.flow(low) for branch in branches]
