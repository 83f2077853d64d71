"""Which sensors cannot be trusted: frozen, drifting, or contradicting what physics or other sensors say."""

from collector.derive.trust.contradictions import AirSensor, Contradictions, MeteredSide, Numbers, plan_air, plan_meters
from collector.derive.trust.suspects import CduWatch
from collector.derive.trust.trends import Clogging, FiveMinuteMean, PeakPower

__all__ = [
    "AirSensor",
    "CduWatch",
    "Clogging",
    "Contradictions",
    "FiveMinuteMean",
    "MeteredSide",
    "Numbers",
    "PeakPower",
    "plan_air",
    "plan_meters",
]
