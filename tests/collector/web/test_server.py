"""What the server does with a whole request: headers, TLS versions, the pace of a host, pages that are kept, parts that do not work."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from collector.web import View, access, server
from collector.web.web_config import load_access
from rackflow import RackflowError
from tests.collector.running import until
from tests.collector.web.serving import Content, ask, certificate, serving


@dataclass
class Faulty(Content):
    """A view whose ledger cannot be read, and with parts of the collector that do not work."""

    ledger_fault: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)

    def view(self) -> View:
        return replace(super().view(), ledger=self.read_ledger, faults=lambda: self.faults)

    def read_ledger(self) -> bytes:
        if self.ledger_fault:
            raise RackflowError(self.ledger_fault)
        return self.ledger_page


def written(folder: Path, text: str) -> str:
    path = folder / "web.yml"
    path.write_text(text, encoding="utf-8")
    return str(path)


async def test_the_headers_of_the_web_configuration_are_on_every_answer_also_on_refusals(tmp_path: Path) -> None:
    headers = "{X-Frame-Options: deny, Strict-Transport-Security: max-age=63072000}"
    async with serving(web_config=written(tmp_path, f"http_server_config: {{headers: {headers}}}")) as served:
        for path in ("/", "/metrics", "/api/v1/site", "/healthz", "/nowhere", "/metrics?class=none"):
            found = (await ask(served.port, path))[1]
            assert (found["X-Frame-Options"], found["Strict-Transport-Security"]) == ("deny", "max-age=63072000"), path


@pytest.mark.parametrize(
    ("versions", "taken"),
    [
        ("min_version: TLS13", {"TLSv1.3"}),
        ("max_version: TLS12", {"TLSv1.2"}),
        ("min_version: TLS12", {"TLSv1.2", "TLSv1.3"}),
    ],
)
async def test_only_the_tls_versions_of_the_web_configuration_are_spoken(
    versions: str, taken: set[str], tmp_path: Path
) -> None:
    certificate(tmp_path, "a")
    text = f"tls_server_config: {{cert_file: a.pem, key_file: a.key, {versions}}}"
    spoken = set()
    async with serving(web_config=written(tmp_path, text)) as served:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = ssl.create_default_context(cafile=tmp_path / "a.pem")
            client.minimum_version = client.maximum_version = version
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=client)
            except (ssl.SSLError, ConnectionError):
                continue
            spoken.add(writer.get_extra_info("ssl_object").version())
            writer.close()
    assert spoken == taken


async def test_a_client_without_a_certificate_gets_in_where_one_is_only_verified_if_given(tmp_path: Path) -> None:
    for name, ca in (("ca", None), ("server", None), ("prometheus", "ca"), ("stranger", None)):
        certificate(tmp_path, name, ca)
    section = (
        "cert_file: server.pem, key_file: server.key, client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem"
    )
    async with serving(web_config=written(tmp_path, f"tls_server_config: {{{section}}}")) as served:

        async def status(client: str | None) -> int:
            context = ssl.create_default_context(cafile=tmp_path / "server.pem")
            if client is not None:
                context.load_cert_chain(tmp_path / f"{client}.pem", tmp_path / f"{client}.key")
            return (await ask(served.port, context=context))[0]

        assert (await status(None), await status("prometheus")) == (200, 200)
        with pytest.raises((OSError, IndexError)):  # closed without an answer, or by an alert
            await status("stranger")


def test_a_new_secret_of_systemd_is_noticed_beside_one_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    for name in ("one", "two"):
        (tmp_path / name).write_text("0123456789abcdef0123456789abcdef")
        (tmp_path / name).chmod(0o600)
    tokens = f"{{a: 'file:{tmp_path}/one', b: 'credential:two'}}"
    found = load_access(Path(written(tmp_path, f"bearer_auth_tokens: {tokens}")))
    assert found.changes() == ()
    (tmp_path / "two").write_text("fedcba9876543210fedcba9876543210-new")
    assert found.changes() != ()


async def test_a_web_configuration_that_cannot_be_used_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "RELOAD_S", 0.02)
    path = written(tmp_path, "http_server_config: {headers: {X-Frame-Options: deny}}")
    async with serving(web_config=path) as served:
        written(tmp_path, "http_server_config: {header: {}}")
        await until(lambda: served.failures.counts["http", "ConfigError"] > 0, "counted")
        for _ in range(20):  # looks as often again, at least once
            await asyncio.sleep(server.RELOAD_S)
        assert served.failures.counts == {("http", "ConfigError"): 1}
        assert (await ask(served.port))[1]["X-Frame-Options"] == "deny"
        # Another mistake is another report.
        written(tmp_path, "http_server_config: {headers: {Server: x}}")
        await until(lambda: served.failures.counts["http", "ConfigError"] == 2, "counted again")


async def test_a_host_that_asks_too_often_is_told_when_to_come_back_and_its_connection_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(access, "REQUESTS_PER_S", 0.001)
    monkeypatch.setattr(access, "BURST", 1.0)
    content = Content()
    async with serving(content) as served, AsyncExitStack() as stack:
        assert [(await ask(served.port))[0] for _ in range(2)] == [200, 200]
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        stack.callback(writer.close)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = await reader.read()  # to its end, although the client would keep it
        assert answer.startswith(b"HTTP/1.1 429 ")
        assert b"Retry-After: 1" in answer
        assert (served.server.refused["rate"], content.renders) == (1, ["metrics", "metrics"])
        # Another host is not meant.
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, local_addr=("127.0.0.2", 0))
        stack.callback(writer.close)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")


async def test_a_host_that_asks_a_little_too_often_waits_for_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "REQUESTS_PER_S", 2.0)
    monkeypatch.setattr(access, "BURST", 0.0)
    async with serving() as served:
        began = asyncio.get_running_loop().time()
        answers = await asyncio.gather(*(ask(served.port) for _ in range(4)))
        assert [status for status, _, _ in answers] == [200] * 4
        assert asyncio.get_running_loop().time() - began >= 3 / 2.0 * 0.99


async def test_connections_that_wait_for_their_next_request_give_way_to_a_new_one() -> None:
    async with serving(connections_limit=8) as served, AsyncExitStack() as stack:
        opened = []
        for _ in range(8):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            stack.callback(writer.close)
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            await reader.readuntil(b"dcim_up 1\n")
            opened.append((reader, writer))
        assert (await ask(served.port))[0] == 200
        assert (served.server.refused["evicted"], served.server.refused["busy"]) == (1, 0)
        # The one that has waited longest was closed, and the youngest is asked again.
        assert await opened[0][0].read() == b""
        reader, writer = opened[-1]
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")


async def test_of_the_pages_with_outlets_those_that_somebody_looks_at_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site has thousands of devices, and each page is as long as the site."""
    monkeypatch.setattr(server, "_MAX_PAGES", 2)
    content = Content()
    async with serving(content, share_s=15) as served:

        async def look(device: int) -> int:
            await ask(served.port, f"/plain?outlets=cas1%2F{device}")
            return content.renders.count(f"page cas1/{device}")

        assert [await look(device) for device in (0, 1, 0, 2)] == [1] * 4
        assert await look(0) == 1, "looked at not long ago"
        assert await look(1) == 2, "the one that nobody has looked at for longest was let go"


async def test_a_ledger_that_cannot_be_read_is_reported_and_no_fault_of_the_page() -> None:
    content = Faulty(ledger_fault="ledger: disk I/O error\x1b[2J")
    async with serving(content) as served:
        status, _, body = await ask(served.port, "/ledger")
        assert (status, body.startswith(b"ledger: disk I/O error"), b"\x1b" in body) == (503, True, False)
        assert served.failures.counts == {}


async def test_readiness_is_a_status_that_a_probe_understands() -> None:
    content = Faulty()
    async with serving(content) as served:
        assert (await ask(served.port, "/readyz"))[::2] == (200, b"ready\n")
        content.faults = {"store": "away"}
        status, _, body = await ask(served.port, "/readyz")
        assert (status, body.startswith(b"store: away; ")) == (503, True)


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [("shwo=problems", 400, "shwo"), ("show=nothing", 400, "nothing"), ("site=x", 404, "no such site")],
)
async def test_a_stream_of_what_there_is_not_says_so(query: str, status: int, word: str) -> None:
    async with serving() as served:
        found, headers, body = await ask(served.port, f"/api/v1/events?{query}")
        assert (found, headers["Content-Type"].partition(";")[0]) == (status, "application/json")
        assert word in json.loads(body)["error"]
        assert served.server.streams == 0


async def test_the_printed_scrape_configuration_has_the_address_that_was_asked_for(tmp_path: Path) -> None:
    certificate(tmp_path, "a")
    context = ssl.create_default_context(cafile=tmp_path / "a.pem")
    text = "tls_server_config: {cert_file: a.pem, key_file: a.key}"
    async with serving() as plain, serving(web_config=written(tmp_path, text)) as secured:
        for path in ("/sd", "/api/v1/sd"):
            for served, scheme, tls in ((plain, "http", None), (secured, "https", context)):
                named = {"Host": f"localhost:{served.port}"}
                _, _, body = await ask(served.port, path, named, context=tls)
                (group,) = json.loads(body)
                assert group["targets"] == [f"localhost:{served.port}"]
                assert (group["labels"]["__scheme__"], group["labels"]["__metrics_path__"]) == (scheme, "/metrics")
