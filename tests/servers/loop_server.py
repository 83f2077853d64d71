"""A server that a test runs on its own loop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable


@contextlib.asynccontextmanager
async def loop_server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Have `serve` handle each connection inside the block; gives the port on loopback. After it every connection has ended.

    One that is only told to end does so in a later turn of the loop. If the test is over by then, it is never closed, and that is
    reported as the fault of whichever test runs when it is found.
    """
    writers: list[asyncio.StreamWriter] = []
    is_over = False

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if is_over:
            writer.transport.abort()
            return
        writers.append(writer)
        await serve(reader, writer)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        is_over = True
        server.close()
        for writer in writers:
            writer.transport.abort()
        for writer in writers:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        await server.wait_closed()
