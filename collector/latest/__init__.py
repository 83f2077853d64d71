""""""

from collector.latest.latest import Latest
from collector.latest.state import AgentState, DeviceState, LatestValue

__all__ = [
    "AgentState",
    "DeviceState",
    "Latest",
    "LatestValue",
]
