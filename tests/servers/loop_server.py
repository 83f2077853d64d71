"""A server that a test runs on its own loop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

TURNS_TO_HANDLER = 4
"""Turns of the loop from a connection that asyncio has accepted to its handler: the transport, the protocol, the handler's task. No
future tells when they are over, and none of them waits for anything else."""


@contextlib.asynccontextmanager
async def loop_server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Have `serve` handle each connection inside the block; gives the port on loopback. After it every connection has ended.

    One that is only told to end does so in a later turn of the loop, and one that asyncio has accepted reaches its handler some
    turns later. If the test is over by then, it is never closed, and that is reported as the fault of whichever test runs when it
    is found.
    """
    writers: list[asyncio.StreamWriter] = []
    is_over = False

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        if not is_over:
            await serve(reader, writer)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        is_over = True
        # Closed only when nothing is on its way: asyncio loses a connection whose server is closed before it has a transport.
        for listening in server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        for _ in range(TURNS_TO_HANDLER):
            await asyncio.sleep(0)
        server.close()
        for writer in writers:
            writer.transport.abort()
        for writer in writers:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        await server.wait_closed()
