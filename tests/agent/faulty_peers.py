"""Faulty devices on loopback: an SNMP agent and a Modbus server that answer whatever bytes a test wants."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from rackflow.errors import DeviceError, DeviceProtocolError, DeviceTimeout
from tests.servers.loop_server import loop_server

NULL = b"\x05\x00"
NO_SUCH_INSTANCE = b"\x81\x00"
END_OF_MIB = b"\x82\x00"
GET, GETNEXT, RESPONSE, GETBULK, REPORT = 0xA0, 0xA1, 0xA2, 0xA5, 0xA8
TOO_BIG, NO_SUCH_NAME, GEN_ERR = 1, 2, 5


def tlv(tag: int, content: bytes) -> bytes:
    """One BER element."""
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each BER element in a row."""
    at = 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size & 0x80:
            size, at = int.from_bytes(data[at : at + (size & 0x7F)], "big"), at + (size & 0x7F)
        yield tag, data[at : at + size]
        at += size


def integer(value: int) -> bytes:
    """A BER INTEGER."""
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid_octets(oid: str) -> bytes:
    """A BER OBJECT IDENTIFIER."""
    first, second, *rest = map(int, oid.split("."))
    octets = bytearray([first * 40 + second])
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(number & 0x7F | 0x80)
        octets += bytes(reversed(groups))
    return tlv(6, bytes(octets))


def oid_text(content: bytes) -> str:
    """Dotted form of an OBJECT IDENTIFIER's content."""
    numbers = [content[0] // 40, content[0] % 40]
    number = 0
    for octet in content[1:]:
        number = number << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    return ".".join(map(str, numbers))


def order(oid: str) -> tuple[int, ...]:
    """Sort key of an OID."""
    return tuple(map(int, oid.split(".")))


@dataclass(frozen=True)
class Request:
    """A v1 or v2c request, taken apart."""

    version: int
    community: bytes
    kind: int
    request_id: bytes
    repetitions: int
    binds: bytes

    @classmethod
    def parse(cls, datagram: bytes) -> "Request":
        """Take a datagram apart."""
        ((_, message),) = elements(datagram)
        (_, version), (_, community), (kind, pdu) = elements(message)
        (_, request_id), _, (_, repetitions), (_, binds) = elements(pdu)
        return cls(version[0], community, kind, request_id, int.from_bytes(repetitions, "big"), binds)

    @property
    def oids(self) -> list[str]:
        """What is asked."""
        return [oid_text(next(iter(elements(bind)))[1]) for _, bind in elements(self.binds)]

    def answer(
        self, binds: bytes | None = None, status: int = 0, index: int = 0, request_id: bytes = b"", kind: int = RESPONSE
    ) -> bytes:
        """A response; without `binds` the request's own come back, as a v1 or v2c error has them."""
        pdu = tlv(2, request_id or self.request_id) + integer(status) + integer(index)
        pdu += tlv(0x30, self.binds if binds is None else binds)
        return tlv(0x30, tlv(2, bytes([self.version])) + tlv(4, self.community) + tlv(kind, pdu))


Behaviour = Callable[[Request], list[bytes]]


@dataclass
class FaultyAgent(asyncio.DatagramProtocol):
    """An SNMP agent (v1, v2c) over `objects`, OID to BER value; `behaviour`, while set, answers in its place."""

    objects: dict[str, bytes]
    behaviour: Behaviour | None = None
    max_binds: int = 1000
    failing: set[str] = field(default_factory=set)
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    own_socket: socket.socket | None = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one request."""
        assert self.own_socket is not None
        request = Request.parse(data)
        self.requests.append(request)
        for answer in (self.behaviour or self.good)(request):
            # Not through the transport: before Python 3.13 it never sends an empty datagram (gh-115199).
            self.own_socket.sendto(answer, addr)

    def good(self, request: Request) -> list[bytes]:
        """The answer of an agent that follows the protocol."""
        oids = request.oids
        failing = next((index for index, oid in enumerate(oids, 1) if oid in self.failing), 0)
        if failing:
            return [request.answer(status=GEN_ERR, index=failing)]
        found = self.found(request, oids)
        if len(found) > self.max_binds:
            return [request.answer(b"" if request.version else None, status=TOO_BIG)]
        if request.version == 0:
            absent = next((index for index, (_, value) in enumerate(found, 1) if value[0] & 0x80), 0)
            if absent:
                return [request.answer(status=NO_SUCH_NAME, index=absent)]
        return [request.answer(b"".join(bind(*pair) for pair in found))]

    def found(self, request: Request, oids: list[str]) -> list[tuple[str, bytes]]:
        """Names and values of the answer."""
        if request.kind == GET:
            return [(oid, self.objects.get(oid, NO_SUCH_INSTANCE)) for oid in oids]
        (start,) = oids
        rows = sorted((oid for oid in self.objects if order(oid) > order(start)), key=order)
        rows = rows[: request.repetitions if request.kind == GETBULK else 1]
        return [(oid, self.objects[oid]) for oid in rows] or [(start, END_OF_MIB)]

    @asynccontextmanager
    async def serving(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator["FaultyAgent"]:
        """On this port, or one of its own, for the time of the block."""
        loop = asyncio.get_running_loop()
        self.own_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.own_socket.bind((host, port))
        self.port = self.own_socket.getsockname()[1]
        transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=self.own_socket)
        try:
            yield self
        finally:
            transport.close()


def bind(oid: str, value: bytes) -> bytes:
    """One pair of a response."""
    return tlv(0x30, oid_octets(oid) + value)


def cut_short(request: Request) -> list[bytes]:
    return [request.answer()[:-3]]


SNMP_FAULTS: dict[str, tuple[Behaviour, type[DeviceError]]] = {
    "silence": (lambda _: [], DeviceTimeout),
    "garbage": (lambda _: [b"hello"], DeviceProtocolError),
    "empty datagram": (lambda _: [b""], DeviceProtocolError),
    "truncated": (cut_short, DeviceProtocolError),
    "empty pair": (lambda request: [request.answer(tlv(0x30, b""))], DeviceProtocolError),
    "wrong request id": (lambda request: [request.answer(request_id=b"\x01")], DeviceTimeout),
    "other community": (lambda request: [replace(request, community=b"other").answer()], DeviceTimeout),
    "other version": (lambda request: [replace(request, version=0).answer()], DeviceProtocolError),
    "endless wrong ids": (lambda request: [request.answer(request_id=b"\x01")] * 50, DeviceTimeout),
}
"""What a device does instead of answering, and the error that this must raise."""


Reply = Callable[[bytes], list[bytes | float | None]]
"""From a request frame to a list of actions: bytes to send, seconds to wait, None to close the connection."""


@dataclass
class FaultyModbus:
    """A TCP server that hands each request frame to `reply`; counts the connections it has taken."""

    reply: Reply
    port: int = 0
    connections: int = 0
    open: int = 0
    frames: list[bytes] = field(default_factory=list)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            while frame := await reader.read(512):
                self.frames.append(frame)
                for step in self.reply(frame):
                    if step is None:
                        return
                    if isinstance(step, float):
                        await asyncio.sleep(step)
                    else:
                        writer.write(step)
                        await writer.drain()
        except ConnectionError:
            return  # the client has hung up on us, which some tests want
        finally:
            self.open -= 1
            self._serving.discard(task)
            writer.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FaultyModbus"]:
        """On a port of its own, for the time of the block."""
        try:
            async with loop_server(self._serve) as self.port:
                yield self
        finally:
            if self._serving:
                await asyncio.wait(self._serving, timeout=60)
