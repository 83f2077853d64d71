"""What is current: the latest reading of each series, and the state of each device and agent. No I/O; times are arguments.

It is rebuilt from messages after a restart and holds nothing that must survive one.
"""

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
