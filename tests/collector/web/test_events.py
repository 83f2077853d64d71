"""Streams over HTTP: who shows something is told what changes, and who does not read is dropped."""

import asyncio
import contextlib
import gc
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from collector.api import live
from collector.derive import Figure
from collector.web import connections, events, server
from tests.collector.api.shown import Shown, powered
from tests.collector.running import until
from tests.collector.web.serving import Content, ask, serving


@asynccontextmanager
async def stream(
    port: int, show: str, context: ssl.SSLContext | None = None, authorization: str = "", host: str = "127.0.0.1"
) -> AsyncIterator[asyncio.StreamReader]:
    """One stream from an address of loopback, after its head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, local_addr=(host, 0))
    try:
        head = f"GET /api/v1/events?show={show} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}\r\n"
        writer.write(head.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in answer.splitlines()[0], answer
        assert b"text/event-stream" in answer
        assert b"\r\nX-Accel-Buffering: no\r\n" in answer, "nginx would hold back what changes"
        assert b"\r\nCache-Control: no-store\r\n" in answer
        yield reader
    finally:
        writer.close()


async def next_event(reader: asyncio.StreamReader) -> tuple[str, Any]:
    """Type and data of the next event; what is no event is passed over."""
    async with asyncio.timeout(30):
        fields: dict[str, str] = {}
        while True:
            line = (await reader.readuntil(b"\n")).decode().rstrip("\r\n")
            # aiohttp sends in chunks, whose sizes stand between.
            name, colon, text = line.partition(": ")
            if colon and name in {"event", "id", "data"}:
                fields[name] = text
            if "data" in fields and "event" in fields:
                return fields["event"], json.loads(fields["data"])


def serving_hall() -> tuple[Shown, Content]:
    """A site whose readings the test changes."""
    shown = Shown()
    powered(shown)
    return shown, Content(api=shown.api)


async def test_a_stream_brings_the_document_and_then_its_changes() -> None:
    """Within the second, and for the parts that are shown only."""
    shown, content = serving_hall()
    async with serving(content) as served, stream(served.port, "problems,device:cdu-1") as reader:
        found = dict([await next_event(reader), await next_event(reader)])
        assert found["problems"] == {
            "whole": {"complete": True, "causes": [], "more": 0, "problems": {}, "beginning": {}}
        }
        assert found["device:cdu-1"]["whole"]["id"] == "cdu-1"
        shown.problem("DcimSmoke", device="x")
        part, data = await next_event(reader)
        assert part == "problems"
        (cause,) = data["patch"]["causes"]
        assert data["patch"]["problems"][cause]["name"] == "DcimSmoke"


async def test_a_page_that_opens_is_not_empty_until_the_next_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody shows anything a round comes every 5 s, here every hour; a second page finds the server in the pause of the first's."""
    monkeypatch.setattr(events, "SAMPLE_S", 3600.0)
    shown, content = serving_hall()
    async with (
        serving(content) as served,
        stream(served.port, "problems") as one,
        stream(served.port, "device:cdu-1") as other,
    ):
        assert [(await next_event(each))[0] for each in (one, other)] == ["problems", "device:cdu-1"]
        shown.problem("DcimSmoke", device="x")
        assert (await next_event(one))[0] == "problems", "and each second from then on"


async def test_a_part_that_is_not_there_says_so() -> None:
    """And is told when it comes."""
    shown, content = serving_hall()
    async with serving(content) as served, stream(served.port, "device:new-1") as reader:
        assert await next_event(reader) == ("device:new-1", {"whole": {"error": "no such device"}})
        shown.readings.take("new-1", {"cdu_approach_celsius": 3.0}, 200.0, device_class="cdu")
        part, data = await next_event(reader)
        assert (part, data["patch"]["id"], data["patch"]["error"]) == ("device:new-1", "new-1", None)


async def test_streams_are_bounded_and_one_that_ends_makes_room() -> None:
    """Beyond the limit a client is told to come back."""
    _, content = serving_hall()
    async with serving(content) as served:
        opened = [stream(served.port, "problems") for _ in range(events.MAX_STREAMS)]
        for each in opened:
            await each.__aenter__()
        status, headers, body = await ask(served.port, "/api/v1/events?show=problems")
        assert (status, headers["Retry-After"]) == (503, "10")
        assert "too many streams" in json.loads(body)["error"]
        assert (await ask(served.port, "/healthz"))[0] == 200
        await asyncio.gather(*(each.__aexit__(None, None, None) for each in opened))
        await until(lambda: served.server.streams < events.MAX_STREAMS, "a stream less", timeout_s=60)
        async with stream(served.port, "problems") as reader:
            assert (await next_event(reader))[0] == "problems"


async def test_a_host_with_all_streams_gives_one_up_for_a_host_without_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest one. A script that opens streams and forgets them would otherwise keep every screen of a control room grey."""
    monkeypatch.setattr(events, "MAX_STREAMS", 2)
    _, content = serving_hall()
    async with (
        serving(content) as served,
        stream(served.port, "device:cdu-1", host="127.0.0.2") as oldest,
        stream(served.port, "device:cdu-1", host="127.0.0.2"),
        stream(served.port, "problems") as reader,
    ):
        assert (await next_event(reader))[0] == "problems"
        with contextlib.suppress(ConnectionError):
            await oldest.read()
        assert served.server.streams == 2
        # With one each, nobody gives way any more.
        assert (await ask(served.port, "/api/v1/events?show=problems"))[0] == 503
        assert (served.server.refused["evicted"], served.server.refused["busy"]) == (1, 1)


async def test_a_host_gives_none_up_for_one_that_would_then_have_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else two hosts would take the last stream from each other for ever."""
    monkeypatch.setattr(events, "MAX_STREAMS", 3)
    _, content = serving_hall()
    async with (
        serving(content) as served,
        stream(served.port, "device:cdu-1", host="127.0.0.2"),
        stream(served.port, "device:cdu-1", host="127.0.0.2"),
        stream(served.port, "problems") as reader,
    ):
        assert (await next_event(reader))[0] == "problems"
        await until(lambda: served.server.streams == 3, "all of them")
        async with asyncio.timeout(10):  # a stream that is let in has no end
            assert (await ask(served.port, "/api/v1/events?show=problems"))[0] == 503
        assert (served.server.refused["evicted"], served.server.refused["busy"]) == (0, 1)


async def test_a_host_that_shows_all_parts_gives_one_up_for_a_host_without_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_PARTS", 2)
    _, content = serving_hall()
    async with (
        serving(content) as served,
        stream(served.port, "device:cdu-1", host="127.0.0.2"),
        stream(served.port, "device:ups-1", host="127.0.0.2") as newer,
        stream(served.port, "problems") as reader,
    ):
        assert (await next_event(reader))[0] == "problems"
        assert (await next_event(newer))[0] == "device:ups-1"
        assert served.server.streams == 2


async def test_what_nobody_shows_any_more_makes_room_for_what_somebody_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts are bounded, too: otherwise the devices that were looked at since the start would keep out all others."""
    monkeypatch.setattr(live, "MAX_PARTS", 2)
    monkeypatch.setattr(live, "IDLE_S", 0.0)
    monkeypatch.setattr(events, "SAMPLE_S", 0.1)
    _, content = serving_hall()
    async with serving(content) as served:
        async with stream(served.port, "device:cdu-1,device:ups-1") as reader:
            await next_event(reader)
            assert (await ask(served.port, "/api/v1/events?show=problems"))[0] == 503
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(AssertionError):
                    async with stream(served.port, "problems,site") as reader:
                        assert (await next_event(reader))[0] in {"problems", "site"}
                        return
                await asyncio.sleep(0.05)


async def test_a_stream_in_which_nothing_changes_stays_open_and_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than any other answer may take; a comment keeps proxies from ending it."""
    monkeypatch.setattr(connections, "RESPONSE_S", 2.0)
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.4)
    _, content = serving_hall()
    async with serving(content) as served, stream(served.port, "problems") as reader:
        await next_event(reader)
        begun = time.monotonic()
        while time.monotonic() < begun + 3.0:
            async with asyncio.timeout(30):
                await reader.readuntil(b": \n\n")


async def test_a_client_that_does_not_read_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds no more than the buffers of its connection, and nobody waits for it."""
    monkeypatch.setattr(events, "SLOW_S", 0.2)
    shown, content = serving_hall()
    for at in range(12):  # 4 MB, more than the kernel takes for a connection
        values = {f"pdu_outlet_power_watts{{outlet={outlet}}}": 1.0 + at for outlet in range(2000)}
        shown.readings.take(f"pdu-{at}", dict(values), 100.0)
    show = ",".join(f"device:pdu-{at}" for at in range(12))
    async with serving(content) as served, stream(served.port, "problems") as quick:
        await next_event(quick)
        # Before it connects, so that the kernel's buffers stay small on both sides.
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", served.port))
        slow.sendall(f"GET /api/v1/events?show={show} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        await until(lambda: served.server.refused["slow"] == 1, "dropped", timeout_s=60)
        shown.problem("DcimSmoke", device="x")
        assert (await next_event(quick))[0] == "problems"
        slow.close()


async def test_a_client_on_a_slow_link_gets_what_takes_it_longer_than_a_part_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A phone on which the floor of a campus takes half a minute: dropped before the end, it would ask again for ever."""
    monkeypatch.setattr(events, "SLOW_S", 3.0)
    monkeypatch.setattr(connections, "RESPONSE_S", 4.0)
    shown, content = serving_hall()
    values = {f"pdu_outlet_power_watts{{outlet={outlet}}}": 1.0 for outlet in range(9_000)}
    shown.readings.take("pdu-0", dict(values), 100.0)
    async with serving(content) as served:
        # As small as they are on a slow link. On loopback they grow to some megabytes, in which a whole event is "sent" at once.
        open_sockets = [each for each in gc.get_objects() if isinstance(each, socket.socket) and each.fileno() >= 0]
        here = [each for each in open_sockets if each.family == socket.AF_INET and each.getsockname()[1] == served.port]
        here[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", served.port))
        slow.setblocking(False)  # noqa: FBT003 - the method's signature
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(slow, b"GET /api/v1/events?show=device:pdu-0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        got, end, begun = 0, b"", time.monotonic()
        while not end.endswith(b"\n\n\r\n") or got < 400_000:
            async with asyncio.timeout(60):
                read = await loop.sock_recv(slow, 16_384)
            assert read, f"dropped after {got} bytes: {served.server.refused}"
            got, end = got + len(read), (end + read)[-8:]
            await asyncio.sleep(len(read) / 80_000)  # the link takes so long for these bytes
        assert time.monotonic() - begun > 5.0
        assert served.server.refused["slow"] == 0
        slow.close()


async def test_a_page_that_was_open_before_the_first_message_is_connected_to_the_site_that_comes() -> None:
    """Without a site file nobody knows the site before: the stream of none ends, and its client asks again."""
    shown = Shown(described=False)
    async with serving(Content(api=shown.api)) as served:
        async with stream(served.port, "site") as reader:
            assert (await next_event(reader))[1]["whole"]["site"] == ""
            powered(shown)
            async with asyncio.timeout(30):
                await reader.read()
        async with stream(served.port, "site") as reader:
            assert (await next_event(reader))[1]["whole"]["site"] == shown.site.id


async def test_a_stream_ends_when_its_password_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was let in by what held before; its browser asks again, and is asked for a password."""
    monkeypatch.setattr(server, "RELOAD_S", 0.05)
    _, content = serving_hall()
    hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
    config = tmp_path / "web.yml"
    config.write_text(f"basic_auth_users: {{ops: '{hashed}'}}\n", encoding="utf-8")
    right = "Authorization: Basic b3BzOnJpZ2h0\r\n"
    async with serving(content, web_config=str(config)) as served:
        assert (await ask(served.port, "/api/v1/events?show=problems"))[0] == 401
        assert (await ask(served.port, "/api/v1/site"))[0] == 401
        async with stream(served.port, "problems", authorization=right) as reader:
            await next_event(reader)
            config.write_text(f"basic_auth_users: {{other: '{hashed}'}}\n", encoding="utf-8")
            async with asyncio.timeout(30):
                await reader.read()


async def test_readings_are_sampled_for_their_lines_and_for_pue_also_while_nobody_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "SAMPLE_S", 0.1)
    _, content = serving_hall()
    figures_of, asked = content.api.sources.figures, list[str]()

    def figures(site: str, now: float) -> Sequence[Figure]:
        asked.append(site)
        return figures_of(site, now)

    object.__setattr__(content.api.sources, "figures", figures)
    async with serving(content) as served:
        await until(lambda: len(asked) >= 2, "sampled", timeout_s=30)
        assert served.server.streams == 0


async def test_a_server_stops_although_streams_are_open() -> None:
    """Within the time that a stop has; browsers connect again by themselves."""
    _, content = serving_hall()
    async with serving(content) as served:
        context = stream(served.port, "problems")
        reader = await context.__aenter__()
        await next_event(reader)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 30.0
    await reader.read()
    await context.__aexit__(None, None, None)


async def test_a_head_request_does_not_stream() -> None:
    """Link checkers ask with HEAD."""
    _, content = serving_hall()
    async with serving(content) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        request = "HEAD /api/v1/events?show=site HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        async with asyncio.timeout(30):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200")
        assert served.server.streams == 0
