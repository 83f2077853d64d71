"""Clients that open connections and say nothing, too little or too slowly take nobody's scrape."""

import asyncio
import gc
import gzip
import logging
import os
import resource
import socket
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
import uvloop

from collector.web import connections
from tests.collector.running import until
from tests.collector.web.serving import Content, ask, serving


async def opened(port: int, stack: AsyncExitStack, text: bytes) -> asyncio.StreamReader:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    stack.callback(writer.close)
    writer.write(text)
    return reader


@pytest.mark.parametrize("text", [b"", b"GET /metr", b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
async def test_nine_hundred_half_open_requests_leave_room_for_a_scrape(text: bytes) -> None:
    """The limit is 64; beyond it the oldest that waits for its client gives way."""
    async with serving(connections_limit=64) as served, AsyncExitStack() as stack:
        for _ in range(900):
            await opened(served.port, stack, text)
        status, _, body = await ask(served.port)
        assert (status, body) == (200, b"dcim_up 1\n")
        refused = served.server.refused
        assert refused["evicted"] >= 900 - 64
        assert refused["busy"] == 0


async def test_a_request_whose_head_does_not_come_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that sends a byte now and then, too: the time is that of the whole head."""
    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    async with serving() as served, AsyncExitStack() as stack:
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        stack.callback(writer.close)
        writer.write(b"GET /metrics HTTP/1.1\r\nX: ")
        # uvloop raises RuntimeError for a write right after the end.
        with pytest.raises((ConnectionError, RuntimeError)):  # noqa: PT012 - until the server ends it
            for _ in range(1000):
                writer.write(b"G")
                await writer.drain()
                await asyncio.sleep(0.01)
        assert served.server.refused["timeout"] == 1


async def test_a_reader_that_does_not_read_is_ended_and_costs_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of 20 MB waits for its client part by part, not as a copy in the buffer of each connection."""
    monkeypatch.setattr(connections, "RESPONSE_S", 1.5)
    content = Content("x" * 20_000_000)
    async with serving(content) as served, AsyncExitStack() as stack:
        for _ in range(3):
            await opened(served.port, stack, b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await until(lambda: len(content.renders) >= 1, "rendered")
        assert (await ask(served.port, "/healthz"))[0] == 200
        await until(lambda: served.server.refused["timeout"] == 3, "all three ended")
        assert served.failures.counts == {}


async def test_a_connection_is_kept_for_the_next_scrape() -> None:
    async with serving() as served, AsyncExitStack() as stack:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        stack.callback(writer.close)
        for _ in range(3):
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(10) == b"dcim_up 1\n"


async def test_a_body_is_refused_and_not_waited_for() -> None:
    async with serving() as served, AsyncExitStack() as stack:
        head = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000\r\n\r\n"
        reader = await opened(served.port, stack, head)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413")
        await until(lambda: served.server.refused["body"] == 1, "counted")


async def test_a_page_that_raises_answers_500_and_the_others_go_on() -> None:
    content = Content(failing=frozenset({"metrics"}))
    async with serving(content) as served:
        assert (await ask(served.port, "/metrics"))[0] == 500
        assert (await ask(served.port, "/"))[0] == 200
        assert (await ask(served.port, "/nowhere"))[0] == 404
        assert served.failures.counts == {("metrics", "ZeroDivisionError"): 1}


async def test_a_page_comes_compressed_to_who_takes_it() -> None:
    async with serving() as served:
        _, headers, body = await ask(served.port, headers={"Accept-Encoding": "gzip"})
        assert (headers["Content-Encoding"], gzip.decompress(body)) == ("gzip", b"dcim_up 1\n")
        _, headers, body = await ask(served.port, headers={"Accept-Encoding": "gzip;q=0, identity"})
        assert "Content-Encoding" not in headers
        assert body == b"dcim_up 1\n"


async def test_gc_pauses_writes_no_traceback_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as served, AsyncExitStack() as stack:
        for garbage in (
            b"\x16\x03\x01\x00\xa5\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"G" * 100_000,
            b"GET /\x00 HTTP/1.1\r\n\r\n",
        ):
            reader = await opened(served.port, stack, garbage)
            with suppress(ConnectionError):
                assert b" 400 " in await reader.read()
        assert (await ask(served.port))[0] == 200
    assert [record for record in caplog.records if record.exc_info] == []


async def test_slow_readers_of_one_host_take_no_place_from_another() -> None:
    """All 16 places are taken by requests that are being answered; the scrape comes from another address."""
    content = Content("x" * 5_000_000)
    async with serving(content, connections_limit=16, share_s=15) as served, AsyncExitStack() as stack:
        for _ in range(16):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port, local_addr=("127.0.0.2", 0))
            stack.callback(writer.close)
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert await reader.readexactly(12) == b"HTTP/1.1 200"
        assert (await ask(served.port, "/healthz"))[0] == 200
        assert served.server.refused["evicted"] == 1
        # The host that has all places gets no more of them.
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, local_addr=("127.0.0.2", 0))
        stack.callback(writer.close)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert await reader.readexactly(12) == b"HTTP/1.1 200"
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, local_addr=("127.0.0.2", 0))
        stack.callback(writer.close)
        with suppress(ConnectionError):
            assert await reader.read() == b""
        assert served.server.refused["busy"] == 1


def sockets() -> int:
    """How many sockets this process has open."""
    return sum(
        str(each.readlink()).startswith("socket:") for each in Path("/proc/self/fd").iterdir() if each.is_symlink()
    )


async def half_open(port: int, clients: list[socket.socket]) -> None:
    """Connect all of them within one turn of the loop, and send nothing."""
    for client in clients:
        client.setblocking(False)  # noqa: FBT003 - its only form
        client.connect_ex(("127.0.0.1", port))
    await asyncio.sleep(0)


async def those_that_give_way_at_once_keep_no_socket(_: pytest.MonkeyPatch) -> None:
    """They are given up before they are served; their sockets stayed open until they were garbage."""
    gc.disable()
    try:
        async with serving(connections_limit=8) as served, AsyncExitStack() as stack:
            clients = [stack.enter_context(socket.socket()) for _ in range(100)]
            before = sockets()
            await half_open(served.port, clients)
            await until(lambda: served.server.refused["evicted"] == 92, "the first ones gave way")
            await until(lambda: sockets() <= before + 8, "their sockets are closed")
    finally:
        gc.enable()


async def a_process_that_may_open_few_files_keeps_some_for_other_parts(_: pytest.MonkeyPatch) -> None:
    """The ledger could not be read for as long as somebody held connections, and no page was served."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with serving(connections_limit=256) as served, AsyncExitStack() as stack:
        clients = [stack.enter_context(socket.socket()) for _ in range(60)]
        highest = os.dup(0)
        os.close(highest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 30, hard))
        try:
            await half_open(served.port, clients)
            await until(lambda: served.server.refused["evicted"] >= 60 - 30, "some were given up")
            assert (await ask(served.port))[0] == 200
            opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(8)]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for each in opened:
        os.close(each)


async def connections_come_back_after_files_have_run_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """They were few until the next restart, and screens took them from each other, after a moment in which something else had all files."""
    monkeypatch.setattr(connections, "RAISE_S", 0.3)
    logged: list[str] = []

    def note(record: logging.LogRecord) -> bool:
        logged.append(record.getMessage())
        return True

    monkeypatch.setattr(connections.log, "filters", [note])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with serving(connections_limit=64) as served, AsyncExitStack() as stack:
        clients = [stack.enter_context(socket.socket()) for _ in range(60)]
        highest = os.dup(0)
        os.close(highest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
        try:
            await half_open(served.port, clients[:1])
            await until(lambda: any("there are at most 8 connections" in line for line in logged), "it has no file")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

        async def take_fifty() -> bool:
            """Whether fifty connections are open at a time, and none of them gave way."""
            before = served.server.refused["evicted"]
            waiting = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(50)]
            assert (await ask(served.port))[0] == 200
            for _, writer in waiting:
                writer.close()
            return served.server.refused["evicted"] == before

        deadline = time.monotonic() + 30.0
        while not await take_fifty():
            assert time.monotonic() < deadline, "there are few for ever"
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize(
    "scenario",
    [
        test_a_request_whose_head_does_not_come_is_ended,
        test_a_reader_that_does_not_read_is_ended_and_costs_little_memory,
        those_that_give_way_at_once_keep_no_socket,
        a_process_that_may_open_few_files_keeps_some_for_other_parts,
        connections_come_back_after_files_have_run_short,
    ],
)
def test_connections_end_on_either_event_loop(
    scenario: Callable[[pytest.MonkeyPatch], Coroutine[None, None, None]],
    new_loop: Callable[[], asyncio.AbstractEventLoop],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A collector runs on uvloop where there is one, whose transports are none of asyncio's classes: no limit of time ended any."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scenario(monkeypatch))
