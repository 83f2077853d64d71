"""A broker whose answers a test chooses: reason codes that mosquitto never sends, DISCONNECT, garbage, or closing the connection.

Only what an MQTT 5 publisher needs: CONNECT, PUBLISH of QoS 1, SUBSCRIBE, PINGREQ and DISCONNECT.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tests.servers.loop_server import loop_server

Answer: TypeAlias = tuple[Literal["puback", "disconnect", "hang up", "silence", "garbage"], int]
ACCEPTED: Answer = ("puback", 0)


@dataclass
class RefusingBroker:
    """`answer` decides by topic and payload. `accepted` are accepted messages in order, `connections` how many were opened.

    A subscription is not answered, or ends the connection, or is accepted or refused. What is retained is sent with the second acceptance:
    a broker may send it before or after its answer.
    """

    answer: Callable[[str, bytes], Answer] = lambda *_: ACCEPTED
    ends_subscribers: bool = False
    accepts_subscribers: bool = False
    refuses_subscribers: bool = False
    """By "not authorized", where it would accept them."""
    retained: bytes = b""
    """A whole PUBLISH packet."""
    subscriptions: int = 0
    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["RefusingBroker"]:
        """Listening inside the block."""
        async with loop_server(self._serve) as self.port:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind = (await reader.readexactly(1))[0]
                body = await reader.readexactly(await _length(reader))
                if kind >> 4 == 1:
                    self.connections += 1
                    writer.write(bytes((0x20, 3, 0, 0, 0)))
                elif kind >> 4 == 3 and not self._publish(body, writer):
                    break
                elif kind >> 4 == 8:
                    self.subscriptions += 1
                    if self.ends_subscribers:
                        break
                    if self.accepts_subscribers:
                        code = 0x87 if self.refuses_subscribers else 1
                        writer.write(self.retained * (self.subscriptions == 2) + bytes((0x90, 4, *body[:2], 0, code)))
                elif kind >> 4 == 12:
                    writer.write(bytes((0xD0, 0)))
                elif kind >> 4 == 14:
                    break
        writer.close()

    def _publish(self, body: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer one PUBLISH; False if the connection is to end."""
        end = 2 + int.from_bytes(body[:2])
        topic, mid, payload = body[2:end].decode(), body[end : end + 2], body[end + 3 :]
        how, code = self.answer(topic, payload)
        if how == "disconnect":
            writer.write(bytes((0xE0, 2, code, 0)))
        elif how == "garbage":
            writer.write(b"\x30\xff\xff\xff\x7f")  # a packet of 256 MB, of which this is all
        elif how == "puback":
            if not code:
                self.accepted.append((topic, payload))
            writer.write(bytes((0x40, 4, *mid, code, 0)))
        return how in ("puback", "silence", "garbage")


async def _length(reader: asyncio.StreamReader) -> int:
    """A variable byte integer (MQTT 5, 1.5.5)."""
    value = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value
