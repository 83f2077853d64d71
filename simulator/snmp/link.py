"""The interface between a simulated device and its socket."""

import asyncio
from typing import Any, Protocol

from simulator.snmp.objects import SnmpObjects


class LinkedDevice(Protocol):
    """The part of a device that its link uses."""

    port: int
    mute: bool
    delay_s: float
    requests: int
    objects: SnmpObjects


class Link(asyncio.DatagramProtocol):
    """A device's socket. Messages wait for the device's delay and are dropped while it is mute."""

    def __init__(self, device: LinkedDevice) -> None:
        self.device = device
        self.transport: asyncio.DatagramTransport | None = None
        self._closed = asyncio.Event()

    @property
    def bad_communities(self) -> int:
        """Requests with an unknown community."""
        raise NotImplementedError

    def set_boots(self, boots: int) -> None:
        """Called when the device boots. Only SNMPv3 has engine boots, so this does nothing unless overridden."""

    def receive(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Answer a message."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close the socket and wait until the port is free."""
        if self.transport:
            # asyncio closes the socket only in the loop's next turn; a restart on the same port must wait for it.
            self.transport.close()
            await self._closed.wait()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Called by asyncio."""
        self._closed.set()

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Called by asyncio."""
        if self.device.delay_s > 0:
            asyncio.get_running_loop().call_later(self.device.delay_s, self._receive, data, addr)
        else:
            self._receive(data, addr)

    def _receive(self, data: bytes, addr: tuple[Any, ...]) -> None:
        # Checked after the delay, not before: a device that loses power also drops the waiting requests.
        if not self.device.mute and not self._closed.is_set():
            self.receive(data, addr)
