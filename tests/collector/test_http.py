"""The collector's requests over HTTP to a host that has a name."""

import aiohttp
import pytest
from aiohttp import web

from collector.http import connector, get_bounded


async def test_a_host_is_found_by_its_name_and_one_that_nobody_knows_is_named() -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "localhost", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession(connector=connector(1)) as session:
            assert await get_bounded(session, f"http://localhost:{port}/", 100) == b"hello"
            with pytest.raises(aiohttp.ClientConnectorDNSError, match=r"no-such-host\.invalid"):
                await get_bounded(session, f"http://no-such-host.invalid:{port}/", 100)
    finally:
        await runner.cleanup()
