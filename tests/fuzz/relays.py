"""Relays between a poller and a simulated device: they spoil the device's answers, one after another, as a list says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import cast

from tests.fuzz.answers import Spoil
from tests.servers.loop_server import loop_server

MBAP = 6
"""Octets of a Modbus TCP header up to and with its length field (Modbus messaging on TCP/IP 1.0b, 3.1.3)."""


@dataclass
class Relay:
    """Applies the spoils in turn, from the start again after the last one."""

    spoils: Sequence[Spoil]
    answered: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self._next = cycle(self.spoils)

    def spoilt(self, answer: bytes) -> list[bytes]:
        self.answered += 1
        try:
            return next(self._next)(answer)
        except (ValueError, IndexError):  # the answer has nothing that this spoil could change
            return [answer]


class _Towards(asyncio.DatagramProtocol):
    """The side that speaks to the device on behalf of one peer."""

    def __init__(self, relay: Relay, back: asyncio.DatagramTransport, peer: tuple[str, int]) -> None:
        self._relay, self._back, self._peer = relay, back, peer

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - asyncio's signature
        for answer in self._relay.spoilt(data):
            if not self._back.is_closing():
                self._back.sendto(answer, self._peer)


class _Front(asyncio.DatagramProtocol):
    """The side that the poller sees."""

    def __init__(self, relay: Relay, device: tuple[str, int]) -> None:
        self._relay, self._device = relay, device
        self._behind: dict[tuple[str, int], asyncio.DatagramTransport] = {}
        self._making: set[asyncio.Task[None]] = set()
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own class of UDP transports is no subclass of DatagramTransport before Python 3.12.
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if behind := self._behind.get(addr):
            behind.sendto(data)
            return
        task = asyncio.get_running_loop().create_task(self._connect(data, addr), name="fuzz-relay")
        self._making.add(task)
        task.add_done_callback(self._making.discard)

    async def _connect(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self.transport is not None
        front = self.transport
        behind, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Towards(self._relay, front, addr), remote_addr=self._device
        )
        self._behind[addr] = behind
        behind.sendto(data)

    def close(self) -> None:
        for behind in self._behind.values():
            behind.close()
        if self.transport is not None:
            self.transport.close()


@asynccontextmanager
async def udp_relay(port: int, spoils: Sequence[Spoil]) -> AsyncIterator[Relay]:
    """In front of the SNMP device on `port`."""
    relay = Relay(spoils)
    transport, front = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Front(relay, ("127.0.0.1", port)), local_addr=("127.0.0.1", 0)
    )
    relay.port = transport.get_extra_info("sockname")[1]
    try:
        yield relay
    finally:
        front.close()


@asynccontextmanager
async def tcp_relay(port: int, spoils: Sequence[Spoil]) -> AsyncIterator[Relay]:
    """In front of the Modbus TCP server on `port`."""
    relay = Relay(spoils)
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        serving.add(task)
        # Streams log the cancellation of a handler as an error, so it ends quietly instead.
        with (
            contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError),
            # Closed even if the end comes while the device is being connected to.
            contextlib.closing(writer),
        ):
            from_device, to_device = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.closing(to_device):
                while True:
                    to_device.write(await _frame(reader))
                    for answer in relay.spoilt(await _frame(from_device)):
                        writer.write(answer)
                    await writer.drain()

    async with loop_server(serve) as relay.port:
        try:
            yield relay
        finally:
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(MBAP)
    return head + await reader.readexactly(int.from_bytes(head[4:6], "big"))
