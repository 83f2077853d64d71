"""Which sensors cannot be trusted: frozen, drifting, or contradicting what physics or other sensors say.

`suspects` watches the sensors of a CDU, with the test in `cusum`; `contradictions` compares power with volts times amperes, totals with
sums, and air sensors of a room.
"""

from collector.derive.trust.contradictions import AirSensor, Contradictions, MeteredSide, Numbers, plan_air, plan_meters
from collector.derive.trust.suspects import CduWatch

__all__ = [
    "AirSensor",
    "CduWatch",
    "Contradictions",
    "MeteredSide",
    "Numbers",
    "plan_air",
    "plan_meters",
]
