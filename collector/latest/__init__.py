"""What is current: the latest reading of each series, each device and each agent. No I/O; `now` is an argument."""

from collector.latest.latest import Latest
from collector.latest.state import AgentState, DeviceState, LatestValue

__all__ = [
    "AgentState",
    "DeviceState",
    "Latest",
    "LatestValue",
]
