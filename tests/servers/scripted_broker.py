"""A hostile broker: it sends whatever bytes a test gives it, and records what it receives."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

from tests.servers.loop_server import end_server

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
    _is_over: bool = False

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["ScriptedBroker"]:
        """Listening inside the block."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self._is_over = True
            await end_server(server, self._writers)

    async def say(self, *pieces: bytes) -> None:
        """Send each piece on the newest connection, with a turn of the loop in between."""
        for piece in pieces:
            self._writers[-1].write(piece)
            await asyncio.sleep(0)

    def stop_reading(self) -> None:
        """Read nothing more from the newest connection."""
        cast("asyncio.Transport", self._writers[-1].transport).pause_reading()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_over:
            writer.transport.abort()
            return
        self._writers.append(writer)
        with contextlib.suppress(ConnectionError):
            self.heard += await reader.read(65536)
            self.connections += 1
            writer.write(self.connack)
            while data := await reader.read(65536):
                self.heard += data
        self.is_left.set()
