"""SNMP peers that misbehave: UDP servers whose answers are made byte by byte, so that each fault is exactly one fault."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

NULL = b"\x05\x00"
NO_SUCH_INSTANCE = b"\x81\x00"


def tlv(tag: int, body: bytes) -> bytes:
    """One BER element."""
    size = len(body)
    length = bytes([size]) if size < 0x80 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + body


def integer(number: int) -> bytes:
    """An INTEGER of up to four bytes."""
    return tlv(2, number.to_bytes(max(1, (number.bit_length() + 8) // 8), "big", signed=True))


def elements(data: bytes) -> list[tuple[int, bytes]]:
    """Tags and bodies of consecutive BER elements."""
    found = []
    at = 0
    while at < len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(data[at : at + count], "big")
            at += count
        found.append((tag, data[at : at + size]))
        at += size
    return found


@dataclass(frozen=True)
class Question:
    """One request as it came: `names` are encoded OIDs."""

    head: bytes
    request_id: bytes
    names: Sequence[bytes]

    def answer(
        self, values: Sequence[bytes], *, status: int = 0, index: int = 0, request_id: bytes | None = None
    ) -> bytes:
        """A response with one value a name; fewer values make a shorter response."""
        varbinds = b"".join(tlv(0x30, tlv(6, name) + value) for name, value in zip(self.names, values, strict=False))
        pdu = tlv(2, request_id or self.request_id) + integer(status) + integer(index) + tlv(0x30, varbinds)
        return tlv(0x30, self.head + tlv(0xA2, pdu))

    def empty_varbind(self) -> bytes:
        """A response whose only varbind is an empty SEQUENCE."""
        pdu = tlv(2, self.request_id) + integer(0) + integer(0) + tlv(0x30, tlv(0x30, b""))
        return tlv(0x30, self.head + tlv(0xA2, pdu))


def parse(datagram: bytes) -> Question:
    """A v1 or v2c request."""
    ((_, message),) = elements(datagram)
    version, community, (_, pdu) = elements(message)
    request_id, _, _, (_, varbinds) = elements(pdu)
    names = [elements(varbind)[0][1] for _, varbind in elements(varbinds)]
    return Question(tlv(*version) + tlv(*community), request_id[1], names)


Behaviour = Callable[[Question], Sequence[bytes]]


class _Server(asyncio.DatagramProtocol):
    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        for datagram in self._behaviour(parse(data)):
            self._transport.sendto(datagram, addr)


@asynccontextmanager
async def faulty_snmp(behaviour: Behaviour) -> AsyncIterator[int]:
    """A peer with that behaviour; yields its port."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Server(behaviour), local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
