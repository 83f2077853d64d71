"""What is current: the latest reading of each series, each device and each agent. No I/O; `now` is an argument."""

from collector.latest.latest import DEVICE_COST, Latest, Verdict
from collector.latest.state import AgentState, DeviceState, LatestValue

__all__ = [
    "DEVICE_COST",
    "AgentState",
    "DeviceState",
    "Latest",
    "LatestValue",
    "Verdict",
]
