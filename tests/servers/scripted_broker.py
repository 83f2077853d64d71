"""A hostile broker: it sends whatever bytes a test gives it, and records what it receives."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

from tests.servers.loop_server import loop_server

CONNACK = b"\x20\x03\x00\x00\x00"


@dataclass
class ScriptedBroker:
    """`connack` answers the first bytes of each connection; then `say` sends."""

    connack: bytes = CONNACK
    port: int = 0
    connections: int = 0
    heard: bytearray = field(default_factory=bytearray)
    """All bytes received from clients, over all connections."""
    is_left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client has ended its connection."""
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["ScriptedBroker"]:
        """Listening inside the block."""
        async with loop_server(self._serve) as self.port:
            yield self

    async def say(self, *pieces: bytes) -> None:
        """Send each piece on the newest connection, with a turn of the loop in between."""
        for piece in pieces:
            self._writers[-1].write(piece)
            await asyncio.sleep(0)

    def stop_reading(self) -> None:
        """Read nothing more from the newest connection."""
        cast("asyncio.Transport", self._writers[-1].transport).pause_reading()

    def hang_up(self) -> None:
        """End the newest connection."""
        self._writers[-1].close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(ConnectionError):
            self.heard += await reader.read(65536)
            self.connections += 1
            writer.write(self.connack)
            while data := await reader.read(65536):
                self.heard += data
        self.is_left.set()
