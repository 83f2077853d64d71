"""What is current: the latest reading of each series, and the state of each device and agent. No I/O; times are arguments.

It is rebuilt from messages after a restart and holds nothing that must survive one.
"""

from collector.latest.latest import DEVICE_COST, BatchOutcome, Latest
from collector.latest.observed import CAUSES, Cause, Observations, words_of
from collector.latest.state import AgentState, DeviceState, LatestValue, has_other_series, is_other_unit, shelf_life_s

__all__ = [
    "CAUSES",
    "DEVICE_COST",
    "AgentState",
    "BatchOutcome",
    "Cause",
    "DeviceState",
    "Latest",
    "LatestValue",
    "Observations",
    "has_other_series",
    "is_other_unit",
    "shelf_life_s",
    "words_of",
]
