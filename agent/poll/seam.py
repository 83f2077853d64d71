"""The interface of a poller, the same for SNMP and Modbus."""

from typing import Protocol

from agent.readings import Identified, Readings
from rackflow.catalogue import PollClass


class DevicePoller(Protocol):
    """One device, whatever protocol it speaks."""

    async def open(self) -> Identified:
        """Connect, recognise, identify and plan. Raises DeviceError."""

    async def poll(self, poll_class: PollClass, now: float) -> Readings:
        """Readings of one class; `now` is Unix seconds. Raises DeviceError if nothing could be read."""

    async def close(self) -> None:
        """Free what `open` acquired."""
