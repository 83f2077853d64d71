"""`doctor` reads its point back: from both engines, and from what is none or swallows points."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from collector.store import read_back
from collector.store.influx import InfluxStore
from tests.servers.influxdb import InfluxDB
from tests.servers.victoriametrics import VictoriaMetrics

NOW_MS = int(time.time() * 1000)


@asynccontextmanager
async def answering(pages: Mapping[str, tuple[int, str]]) -> AsyncIterator[str]:
    """A web server with these pages, status and text, in place of an engine."""

    async def answer(request: web.Request) -> web.Response:
        status, text = pages.get(request.path, (404, "not here"))
        return web.Response(status=status, text=text)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site.name
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("engine", [InfluxDB, VictoriaMetrics])
async def test_a_point_is_read_back_from_the_engine_that_has_it(
    engine: type[InfluxDB] | type[VictoriaMetrics], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine(tmp_path).serving() as server:
        await read_what_was_written(server.url, monkeypatch)


async def read_what_was_written(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = InfluxStore(url, "o", "rackflow", "", 5.0)
    await store.write([f"rackflow_doctor value=1 {NOW_MS}"])
    await store.close()
    assert await read_back(url, "rackflow", "", "rackflow_doctor", NOW_MS) == ("found", "")
    monkeypatch.setattr("collector.store.reading_back.WITHIN_S", 0.5)
    assert (await read_back(url, "rackflow", "", "rackflow_doctor", NOW_MS - 1))[0] == "missing"


@pytest.mark.parametrize(
    ("pages", "found"),
    [
        ({}, ("unknown", "HTTP 404 Not Found")),
        ({"/query": (401, "{}"), "/api/v1/export": (401, "{}")}, ("unknown", "HTTP 401 Unauthorized")),
        ({"/query": (200, "<html>log in</html>")}, ("unknown", "HTTP 404 Not Found")),
        ({"/api/v1/export": (200, "[1, 2]")}, ("unknown", "HTTP 200 OK")),
        ({"/query": (200, '{"results": 5}'), "/api/v1/export": (200, "")}, ("missing", "")),
        ({"/query": (200, '{"results": [{"statement_id": 0}]}')}, ("missing", "")),
        ({"/query": (200, f'{{"results": [{{"series": [{{"values": [[{NOW_MS}, 1]]}}]}}]}}')}, ("found", "")),
        ({"/api/v1/export": (200, f'{{"values": [1], "timestamps": [{NOW_MS}]}}\n')}, ("found", "")),
    ],
)
async def test_only_an_engine_that_answers_can_miss_a_point(
    pages: Mapping[str, tuple[int, str]], found: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.store.reading_back.WITHIN_S", 0.5)
    async with answering(pages) as url:
        assert await read_back(url, "rackflow", "secret", "rackflow_doctor", NOW_MS) == found
