"""A web configuration that is replaced while the collector runs: in pieces, or before what it names."""

import asyncio
import ssl
import threading
from pathlib import Path

import pytest

from collector.web import connections, server
from collector.web.web_config import Access
from tests.collector.running import until
from tests.collector.web.serving import Content, ask, certificate, serving
from tests.collector.web.test_access import basic, hashed, trusting, written


def nothing(look: int) -> None:
    """Happens before most looks."""


class Looks:
    """Counts how often the collector looks whether a file has changed; `before` is called before each look, with its number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.before = nothing
        look = Access.changes

        def changes(access: Access) -> object:
            self.count += 1
            self.before(self.count)
            return look(access)

        monkeypatch.setattr(Access, "changes", changes)
        monkeypatch.setattr(server, "RELOAD_S", 0.05)


async def test_while_the_file_is_rewritten_nobody_gets_in_without_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long one is written in several pieces: here the second one comes just before the second look."""
    path = written(tmp_path, f"basic_auth_users: {{a: '{hashed('old')}'}}")
    looks, is_asked = Looks(monkeypatch), threading.Event()

    def write(look: int) -> None:
        if look == 1:
            path.write_text("http_server_config: {http2: false}\n", encoding="utf-8")
        elif look == 2:
            assert is_asked.wait(60)
            with path.open("a", encoding="utf-8") as rest:
                rest.write(f"basic_auth_users: {{a: '{hashed('new')}'}}\n")

    looks.before = write
    new = {"Authorization": basic("a", "new")}
    async with serving(web_config=str(path)) as served:
        await until(lambda: looks.count == 2, "half of it is there, and was looked at")
        assert (await ask(served.port))[0] == 401
        is_asked.set()
        await until(lambda: looks.count >= 5, "the rest was looked at twice, and read")
        assert (await ask(served.port, headers=new))[0] == 200
        assert (await ask(served.port))[0] == 401
        assert served.failures.counts == {}


async def test_a_file_that_is_empty_lets_nobody_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`htpasswd ... > web.yml` empties it before it asks for the password."""
    path = written(tmp_path, f"basic_auth_users: {{a: '{hashed('old')}'}}")
    Looks(monkeypatch)
    async with serving(web_config=str(path)) as served:
        path.write_text("", encoding="utf-8")
        await until(lambda: served.failures.counts["http", "ConfigError"] == 1, "counted")
        assert (await ask(served.port))[0] == 401
        assert (await ask(served.port, headers={"Authorization": basic("a", "old")}))[0] == 200


async def test_a_certificate_that_comes_after_the_file_that_names_it_is_used_once_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is reported once that it is missing, however often it is looked for."""
    certificate(tmp_path, "old")
    path = written(tmp_path, "tls_server_config: {cert_file: old.pem, key_file: old.key}")
    looks = Looks(monkeypatch)
    async with serving(web_config=str(path)) as served:
        written(tmp_path, "tls_server_config: {cert_file: new.pem, key_file: new.key}")
        await until(lambda: served.failures.counts["http", "ConfigError"] == 1, "counted")
        counted_at = looks.count
        await until(lambda: looks.count >= counted_at + 5, "looked for again")
        assert served.failures.counts["http", "ConfigError"] == 1
        certificate(tmp_path, "new")
        deadline = asyncio.get_running_loop().time() + 20
        while True:
            try:
                assert (await ask(served.port, context=trusting(tmp_path, "new")))[0] == 200
                break
            except (ssl.SSLError, ConnectionError):  # it may have connected just before the new one is used
                assert asyncio.get_running_loop().time() < deadline
                await asyncio.sleep(0.02)


async def answer_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The first line of the answer to one more request over an open connection; empty if it was ended."""
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(3)
    except (ConnectionError, asyncio.IncompleteReadError):
        return b""
    return head.splitlines()[0]


async def test_who_was_let_in_by_an_authority_that_is_withdrawn_is_let_in_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that asks every few seconds keeps its connection, and its certificate is looked at when it connects only."""
    for name in ("site", "old-clients", "new-clients"):
        certificate(tmp_path, name)
    tls = "tls_server_config: {cert_file: site.pem, key_file: site.key, client_auth_type: RequireAndVerifyClientCert"
    path = written(tmp_path, f"{tls}, client_ca_file: old-clients.pem}}")
    looks = Looks(monkeypatch)
    async with serving(web_config=str(path)) as served:
        context = trusting(tmp_path, "site", "old-clients")
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=context)
        try:
            assert b" 200 " in await answer_on(reader, writer)
            written(tmp_path, f"{tls}, client_ca_file: new-clients.pem}}")
            changed_at = looks.count
            await until(lambda: looks.count >= changed_at + 4, "looked at twice, and read")
            assert await answer_on(reader, writer) == b"", "a certificate of the old authority still opens the pages"
        finally:
            writer.close()
        renewed = trusting(tmp_path, "site", "new-clients")
        assert (await ask(served.port, "/healthz", context=renewed))[0] == 200


async def test_a_response_under_way_is_finished_when_the_certificate_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then its connection ends, although the client would keep it."""
    certificate(tmp_path, "site")
    path = written(tmp_path, "tls_server_config: {cert_file: site.pem, key_file: site.key}")
    looks = Looks(monkeypatch)
    content = Content("x" * 8_000_000)
    async with serving(content, web_config=str(path)) as served:
        context = trusting(tmp_path, "site")
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=context)
        try:
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"Content-Length: 8000000\r\n" in head
            with path.open("a", encoding="utf-8") as more:
                more.write("\nhttp_server_config: {http2: false}\n")
            changed_at = looks.count
            await until(lambda: looks.count >= changed_at + 4, "looked at twice, and read")
            assert len(await reader.readexactly(8_000_000)) == 8_000_000
            async with asyncio.timeout(connections.IDLE_S / 2):
                assert await reader.read() == b""
        finally:
            writer.close()
