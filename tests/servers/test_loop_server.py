"""A server on a test's own loop leaves nothing open behind it, at whatever moment its test is over."""

import asyncio
import gc
import socket
import warnings

import pytest

from tests.servers.loop_server import TURNS_TO_HANDLER, loop_server


@pytest.mark.parametrize("turns", range(TURNS_TO_HANDLER + 2))
def test_a_connection_on_its_way_to_its_handler_is_closed_at_the_end(turns: int) -> None:
    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def test() -> None:
        async with loop_server(serve) as port:
            peers.append(socket.create_connection(("127.0.0.1", port)))
            for _ in range(turns):
                await asyncio.sleep(0)

    peers: list[socket.socket] = []
    gc.collect()
    with warnings.catch_warnings(record=True) as left_open:
        warnings.simplefilter("always", ResourceWarning)
        asyncio.run(test())
        gc.collect()
    peers[0].close()
    assert not left_open
