"""The interface between a simulated device and the socket that speaks for it."""

import asyncio
from typing import Any, Protocol

from simulator.snmp.objects import SnmpObjects


class LinkedDevice(Protocol):
    """A device as its link sees it."""

    port: int
    mute: bool
    delay_s: float
    requests: int
    objects: SnmpObjects


class Link(asyncio.DatagramProtocol):
    """A device's socket. What arrives waits for the device's delay, and is dropped while it is mute."""

    def __init__(self, device: LinkedDevice) -> None:
        self.device = device
        self.transport: asyncio.DatagramTransport | None = None
        self._closed = asyncio.Event()

    @property
    def bad_communities(self) -> int:
        """Requests with a community that is not ours."""
        raise NotImplementedError

    def set_boots(self, boots: int) -> None:
        """The device has booted once more."""

    def receive(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Answer a message."""
        raise NotImplementedError

    async def close(self) -> None:
        """Free the port."""
        if self.transport:
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
        if not self.device.mute and not self._closed.is_set():
            self.receive(data, addr)
