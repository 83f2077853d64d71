"""What is current: the latest reading of each series, and the state of each device and agent. No I/O; times are arguments.

It is rebuilt from messages after a restart and holds nothing that must survive one.

`latest` applies batches, statuses and descriptions, and drops readings that have expired. `state` has what is known of one device and one
agent: how long a reading is current, which of two messages is the later one, and how wrong an agent's clock is. `observed` decides which
devices are observed, which agents are silent, and why.
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
