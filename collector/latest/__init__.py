"""What is current: the latest reading of each series, and the state of each device and agent. No I/O; times are arguments.

It is rebuilt from messages after a restart and holds nothing that must survive one.

| module | what |
|---|---|
| `latest` | applies batches, statuses and descriptions; drops readings that have expired |
| `state` | what is known of one device and one agent, and which of two messages is the later one |
| `shelf_life` | how long a reading is current |
| `agent_clock` | how wrong an agent's clock is, so that backlog is not taken for live |
| `observed` | which devices are observed, which agents are silent, and why |
"""

from collector.latest.latest import DEVICE_COST, BatchOutcome, Latest
from collector.latest.observed import CAUSES, Cause, Observations, words_of
from collector.latest.shelf_life import shelf_life_s
from collector.latest.state import AgentState, DeviceState, LatestValue, has_other_series, is_other_unit

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
