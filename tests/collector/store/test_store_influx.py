"""What each answer of an engine means: try again, try again slowly, or refused for good."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from collector.store.influx import SLOW_RETRY_S, InfluxStore, is_loopback
from rackflow import StoreError
from tests.servers.influxdb import InfluxDB
from tests.servers.ports import free_port
from tests.servers.victoriametrics import VmAuth

# Leads to this host, but does not look like it.
ELSEWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound to it
LINE = "dcim_cdu,device=cdu-07 supply_temperature_celsius=32.125 1795468800123"


def store_at(url: str, timeout_s: float = 5.0) -> InfluxStore:
    """A store for tests."""
    return InfluxStore(url, "org", "rackflow", "token", timeout_s)


async def fault_of(url: str, line: str = LINE, timeout_s: float = 5.0) -> StoreError:
    """The error of one write."""
    store = store_at(url, timeout_s)
    try:
        with pytest.raises(StoreError) as raised:
            await store.write([line])
    finally:
        await store.close()
    return raised.value


@asynccontextmanager
async def answering(
    status: int, headers: dict[str, str] | None = None, delay_s: float = 0.0, text: str = '{"error":"as told"}'
) -> AsyncIterator[str]:
    """A peer that answers every write in one way."""

    async def handle(asked: web.Request) -> web.Response:
        await asked.read()
        await asyncio.sleep(delay_s)
        return web.Response(status=status, text=text, headers=headers)

    app = web.Application()
    app.router.add_post("/api/v2/write", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_write_arrives_with_its_own_time(influxdb: InfluxDB) -> None:
    """Twice is once."""
    store = store_at(influxdb.url)
    await store.write([LINE, LINE.replace("32.125", "33.5").replace("123", "124")])
    await store.write([LINE])
    await store.close()
    rows = influxdb.query("SELECT supply_temperature_celsius AS t FROM dcim_cdu")
    assert [(row["time"], row["t"]) for row in rows] == [(1795468800123, 32.125), (1795468800124, 33.5)]


async def test_only_refusals_of_the_points_themselves_by_a_real_influxdb_are_final(influxdb: InfluxDB) -> None:
    """A broken line, a conflict of types, a database that is not there, an engine that is away."""
    broken = await fault_of(influxdb.url, "dcim_cdu,device=x")
    assert not broken.retryable
    assert "unable to parse" in str(broken)
    store = store_at(influxdb.url)
    await store.write([LINE])
    await store.close()
    conflict = await fault_of(influxdb.url, LINE.replace("32.125", '"warm"'))
    assert not conflict.retryable
    influxdb.engine.stop()
    assert (await fault_of(influxdb.url)).retryable
    influxdb.front.stop()
    assert (await fault_of(influxdb.url)).retryable


@pytest.mark.parametrize(
    ("status", "headers", "retryable", "retry_after_s"),
    [
        (400, {}, False, None),
        (422, {}, False, None),
        (413, {}, False, None),
        (401, {}, True, SLOW_RETRY_S),
        (403, {}, True, SLOW_RETRY_S),
        (404, {}, True, SLOW_RETRY_S),
        (405, {}, True, SLOW_RETRY_S),
        (429, {"Retry-After": "7"}, True, 7.0),
        (503, {"Retry-After": "300"}, True, 300.0),
        (503, {"Retry-After": "0"}, True, None),  # growing pauses, and no request after the other
        (503, {"Retry-After": "604800"}, True, 300.0),  # a week by mistake: nothing would be stored for so long
        (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, True, SLOW_RETRY_S),
        (503, {}, True, None),
        (500, {}, True, None),
        (200, {}, True, None),
    ],
)
async def test_only_a_status_that_names_a_fault_in_the_data_is_final(
    *, status: int, headers: dict[str, str], retryable: bool, retry_after_s: float | None
) -> None:
    """Only what names a fault in the data is for good."""
    async with answering(status, headers) as url:
        error = await fault_of(url)
    assert (error.retryable, error.retry_after_s) == (retryable, retry_after_s)


@pytest.mark.parametrize("status", [201, 204])
async def test_created_and_no_content_are_stored(status: int) -> None:
    """InfluxDB 3 answers 201, all others 204."""
    async with answering(status) as url:
        store = store_at(url)
        await store.write([LINE])
        await store.close()


async def test_a_write_names_organisation_bucket_and_account_and_the_time_s_unit() -> None:
    """InfluxDB 2 takes nothing without them; the engine of the other tests asks for no organisation and no token."""
    asked_for: list[dict[str, str]] = []

    async def handle(asked: web.Request) -> web.Response:
        asked_for.append({**asked.query, "account": asked.headers.get("Authorization", "")})
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/api/v2/write", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        store = store_at(f"http://127.0.0.1:{runner.addresses[0][1]}")
        await store.write([LINE])
        await store.close()
    finally:
        await runner.cleanup()
    assert asked_for == [{"org": "org", "bucket": "rackflow", "precision": "ms", "account": "Token token"}]


async def test_a_proxy_s_page_is_one_line_that_fits_into_a_log() -> None:
    async with answering(502, text="<html>\n<p>Bad\tGateway</p>\n" + "x" * 5000) as url:
        text = str(await fault_of(url))
    assert text.startswith("HTTP 502 Bad Gateway: <html> <p>Bad Gateway</p> xxx")
    assert len(text) < 350


async def test_a_token_that_a_proxy_repeats_is_not_in_the_error(tmp_path: Path) -> None:
    """It is logged, and shown on /readyz. Of a long answer the end is cut off, which could leave half of the token."""
    with VmAuth(tmp_path, "the-new-token").serving() as proxy:
        for token in ("the-token-of-before", "t" * 400):
            store = InfluxStore(proxy.url, "org", "rackflow", token, 5.0)
            with pytest.raises(StoreError) as refused:
                await store.write([LINE])
            await store.close()
            assert "auth token" in str(refused.value)
            assert token[:20] not in str(refused.value)


async def test_a_silent_or_absent_store_is_tried_again() -> None:
    """Both are for later."""
    async with answering(204, delay_s=1.0) as url:
        silence = await fault_of(url, timeout_s=0.2)
        assert (silence.retryable, "no answer within" in str(silence)) == (True, True)
    assert (await fault_of(f"http://127.0.0.1:{free_port()}")).retryable


async def test_a_store_is_found_by_name_and_one_that_has_no_address_is_for_later() -> None:
    async with answering(204) as url:
        store = store_at(url.replace("127.0.0.1", "localhost"))
        await store.write([LINE])
        await store.close()
    error = await fault_of("http://no-such-host.invalid:8086")
    assert error.retryable
    assert "cannot resolve no-such-host.invalid" in str(error)


async def test_what_goes_to_another_host_is_compressed_and_arrives_as_it_was(influxdb: InfluxDB) -> None:
    assert [is_loopback(f"http://{each}:8086") for each in ("127.0.0.1", "localhost", "[::1]")] == [True] * 3
    assert [is_loopback(f"http://{each}:8086") for each in (ELSEWHERE, "db", "10.0.0.7", "[fd00::1]")] == [False] * 4
    lines = [f"dcim_far,device=d{at} x={at}.5 1795468800123" for at in range(50)]
    for url in (influxdb.url, influxdb.url.replace("127.0.0.1", ELSEWHERE)):
        store = store_at(url)
        await store.write(lines)
        await store.close()
        rows = influxdb.query("SELECT count(x) AS n FROM dcim_far")
        assert [row["n"] for row in rows] == [50]


async def test_only_to_another_host_is_compressed() -> None:
    encodings: list[str] = []

    async def handle(asked: web.Request) -> web.Response:
        encodings.append(asked.headers.get("Content-Encoding", ""))
        assert (await asked.read()).decode() == LINE
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/api/v2/write", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        for host in ("127.0.0.1", ELSEWHERE):
            store = store_at(f"http://{host}:{runner.addresses[0][1]}")
            await store.write([LINE])
            await store.close()
    finally:
        await runner.cleanup()
    assert encodings == ["", "gzip"]
