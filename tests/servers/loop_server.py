"""The end of a server that a test runs on its own loop."""

import asyncio
import contextlib
from collections.abc import Iterable


async def end_server(server: asyncio.Server, writers: Iterable[asyncio.StreamWriter]) -> None:
    """Listen no more, and wait until every connection has ended.

    One that is only told to end does so in a later turn of the loop. If the test is over by then, it is never closed, and that is
    reported as the fault of whichever test runs when it is found. Connections that are taken from now on must end themselves.
    """
    server.close()
    for writer in writers:
        writer.transport.abort()
    for writer in writers:
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    await server.wait_closed()
