"""Who may read the pages: names, passwords and certificates, against real clients; files as `promtool` reads them."""

import asyncio
import base64
import hashlib
import socket
import ssl
import subprocess
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import bcrypt
import pytest
import uvloop

from collector.ledger import encode_snapshot, read_any
from collector.ledger.tables import LedgerSnapshot
from collector.web import access, server, web_config
from collector.web.access import MAX_DELAY_S, Authentication, Hosts, Pace
from collector.web.web_config import load_access
from rackflow import ConfigError, RackflowError
from tests.collector.running import until
from tests.collector.web.serving import Content, ask, certificate, serving
from tests.servers.ports import free_port


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:9420", True),
        ("[::1]:9420", True),
        ("10.1.2.3", True),
        ("localhost:9420", True),
        ("rackflow-collector:9420", True),
        ("collector.internal", True),
        ("Metrics.Example.com.:9420", True),
        (None, True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("evil.example:9420", False),
        ("metrics.example.com.evil.example", False),
        ("collector.local.evil.example", False),
        ("collector.internal.example", False),
        ("", False),
        (":9420", False),
    ],
)
def test_a_name_that_somebody_else_may_own_is_refused(host: str | None, allowed: bool) -> None:  # noqa: FBT001 - a table
    assert Hosts(["metrics.example.com"]).allows(host) is allowed
    assert Hosts(None).allows(host)


def test_a_collector_may_be_addressed_by_its_machines_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "DCIM-1.example.com")
    for host, is_allowed in (("dcim-1.example.com:9420", True), ("dcim-2.example.com:9420", False)):
        assert Hosts([]).allows(host) is is_allowed


async def test_a_website_that_borrows_the_address_reads_nothing() -> None:
    """DNS rebinding: the browser connects to the collector, and names the website as host."""
    content = Content()
    async with serving(content) as served:
        for path in ("/", "/metrics", "/ledger", "/readyz"):
            status, _, body = await ask(served.port, path, {"Host": "evil.example"})
            assert status == 421
            assert b"http: hosts" in body
        assert content.renders == []
        assert served.server.refused["host"] == 4
    async with serving(hosts=["evil.example"]) as served:
        assert (await ask(served.port, headers={"Host": "evil.example"}))[0] == 200
    async with serving(hosts="any") as served:
        assert (await ask(served.port, headers={"Host": "other.example"}))[0] == 200


def basic(name: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def written(folder: Path, text: str) -> Path:
    path = folder / "web.yml"
    path.write_text(text, encoding="utf-8")
    return path


async def test_without_the_right_password_nothing_but_the_health_check_answers(tmp_path: Path) -> None:
    path = written(tmp_path, f"basic_auth_users: {{prometheus: '{hashed('s3cret')}'}}")
    async with serving(web_config=str(path)) as served:
        assert (await ask(served.port, "/healthz"))[0] == 200
        for path_of in ("/", "/metrics", "/ledger", "/readyz"):
            status, headers, _ = await ask(served.port, path_of)
            assert (status, headers["WWW-Authenticate"][:5]) == (401, "Basic")
        assert (await ask(served.port, headers={"Authorization": basic("prometheus", "s3cret")}))[0] == 200
        # With a password a website gets no further, so that any name is good.
        named = {"Authorization": basic("prometheus", "s3cret"), "Host": "metrics.example.com"}
        assert (await ask(served.port, headers=named))[0] == 200
        assert (await ask(served.port, headers={"Authorization": basic("prometheus", "wrong")}))[0] == 401


async def test_wrong_passwords_are_slowed_down_and_right_ones_are_not() -> None:
    now = [0.0]
    auth = Authentication({"a": hashed("right")}, {}, lambda: now[0])
    assert await auth.check(basic("a", "right"), "10.0.0.1") == "allowed"
    assert await auth.check(basic("a", "wrong"), "10.0.0.1") == "refused"
    assert await auth.check(basic("a", "other"), "10.0.0.1") == "later"
    assert await auth.check(basic("a", "right"), "10.0.0.1") == "allowed"
    assert await auth.check(basic("b", "right"), "10.0.0.2") == "refused"
    now[0] += 1.0
    assert await auth.check(basic("a", "other"), "10.0.0.1") == "refused"


async def test_a_right_password_is_remembered_for_its_name_and_no_other() -> None:
    """What is remembered is a digest of both: where one ends and the other begins counts."""
    auth = Authentication({"ops": hashed("s3cret")}, {})
    assert await auth.check(basic("ops", "s3cret"), "10.0.0.1") == "allowed"
    for at, (name, password) in enumerate((("op", "ss3cret"), ("opss", "3cret"), ("root", "s3cret"))):
        assert await auth.check(basic(name, password), f"10.0.1.{at}") == "refused", name


async def test_many_guesses_at_a_time_are_refused_without_being_checked() -> None:
    auth = Authentication({"a": hashed("right")}, {})
    found = await asyncio.gather(*(auth.check(basic("a", f"guess {at}"), f"10.0.0.{at}") for at in range(50)))
    assert found.count("later") == 42
    assert await auth.check(basic("a", "right"), "10.0.1.0") == "allowed", "once these are over"


async def test_what_is_behind_the_seventy_second_byte_of_a_password_counts() -> None:
    """No hash of bcrypt depends on it."""
    auth = Authentication({"a": hashed("x" * 72)}, {})
    assert await auth.check(basic("a", "x" * 73), "10.0.0.1") == "refused"
    assert await auth.check(basic("a", "x" * 72).replace("Basic", "basic"), "10.0.0.1") == "allowed"


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic !!", "Bearer x", "Basic " + base64.b64encode(b"a").decode(), "Basic " + base64.b64encode(b"\xff:x").decode(),
     basic("a", "x" * 73), basic("a", "nul\0")],
)  # fmt: skip
async def test_what_is_no_name_and_password_is_refused(header: str | None) -> None:
    assert await Authentication({"a": hashed("right")}, {}).check(header, "10.0.0.1") == "refused"


TOKEN = "0123456789abcdef0123456789abcdef"


def sha256(token: str) -> str:
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


async def test_a_token_opens_every_page_and_a_browser_gives_it_as_the_password_of_its_name(tmp_path: Path) -> None:
    path = written(tmp_path, f"bearer_auth_tokens: {{grafana: '{sha256(TOKEN)}'}}")
    async with serving(web_config=str(path)) as served:
        assert (await ask(served.port, "/healthz"))[0] == 200
        for header in (f"Bearer {TOKEN}", f"bearer  {TOKEN}", basic("grafana", TOKEN)):
            assert (await ask(served.port, headers={"Authorization": header}))[0] == 200
        status, headers, body = await ask(served.port)
        assert (status, b"token" in body) == (401, True)
        # A browser asks for a name and a password only where this is offered.
        assert headers["WWW-Authenticate"].startswith(("Basic", "Bearer"))
        assert served.server.refused["password"] == 1


def test_a_password_is_offered_before_a_token_because_some_browsers_look_at_the_first_alone() -> None:
    kinds = [each.partition(" ")[0] for each in Authentication({}, {"t": sha256(TOKEN)[7:]}).challenges]
    assert kinds == ["Basic", "Bearer"]


async def test_what_is_not_a_token_is_refused_and_guessing_is_slow_but_never_for_who_knows_it() -> None:
    now = [0.0]
    auth = Authentication(
        {"a": hashed("right")}, {"t": sha256(TOKEN)[7:], "u": sha256(TOKEN[::-1])[7:]}, lambda: now[0]
    )
    wrong = ["Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Bearer {sha256(TOKEN)[7:]}", "Bearer \udcff",
             f"Bearer {'x' * 9000}",
             f"Token {TOKEN}", basic("a", TOKEN), basic("", TOKEN), basic("t", TOKEN[::-1])]  # fmt: skip
    for at, header in enumerate(wrong):
        assert await auth.check(header, f"10.0.0.{at}") == "refused", header
    for peer in ("10.0.0.0", "10.0.1.0"):
        assert await auth.check(f"Bearer {TOKEN[::-1]}", peer) == "allowed"
        assert await auth.check(basic("t", TOKEN), peer) == "allowed"
    # Wrong ones of either kind share one pace.
    assert await auth.check("Bearer wrong", "10.0.0.0") == "later"
    assert await auth.check(basic("a", "wrong"), "10.0.0.0") == "later"
    now[0] += 1.0
    assert await auth.check(basic("a", "wrong"), "10.0.0.0") == "refused"


async def answered(port: int, token: str, wanted: set[int]) -> None:
    """Ask with a token until the answer is one of these."""
    for _ in range(300):
        if (await ask(port, headers={"Authorization": f"Bearer {token}"}))[0] in wanted:
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"never one of {wanted}")


async def test_a_token_in_a_file_is_replaced_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "RELOAD_S", 0.05)
    secret = tmp_path / "token"
    secret.write_text(f"{TOKEN}\n")
    secret.chmod(0o600)
    path = written(tmp_path, f"bearer_auth_tokens: {{grafana: 'file:{secret}'}}")
    async with serving(web_config=str(path)) as served:
        assert (await ask(served.port, headers={"Authorization": f"Bearer {TOKEN}"}))[0] == 200
        secret.write_text(f"{TOKEN[::-1]}\n")
        # The old one is asked with: wrong ones are answered ever later.
        await answered(served.port, TOKEN, {401, 429})
        await answered(served.port, TOKEN[::-1], {200})


@pytest.mark.parametrize("source", ["env:RACKFLOW_TEST_TOKEN", "credential:token", "file:FOLDER/token", sha256(TOKEN)])
def test_a_token_comes_from_where_other_secrets_do(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RACKFLOW_TEST_TOKEN", TOKEN)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    path = written(tmp_path, f"bearer_auth_tokens: {{a: '{source.replace('FOLDER', str(tmp_path))}'}}")
    access = load_access(path)
    assert access.tokens == (("a", sha256(TOKEN)[7:]),)
    assert TOKEN not in repr(access)


def trusting(folder: Path, name: str, client: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=folder / f"{name}.pem")
    if client is not None:
        context.load_cert_chain(folder / f"{client}.pem", folder / f"{client}.key")
    return context


@pytest.mark.parametrize("reader", ["read_text_file", "read_secret", "_context"])
def test_a_file_that_is_replaced_while_it_is_read_counts_as_changed(
    reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate(tmp_path, "old")
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    secret.chmod(0o600)
    tls = "tls_server_config: {cert_file: old.pem, key_file: old.key}"
    path = written(tmp_path, f"{tls}\nbearer_auth_tokens: {{a: 'file:{secret}'}}")
    assert load_access(path).changes() == ()
    read = getattr(web_config, reader)
    replaced = {"read_text_file": path, "read_secret": secret, "_context": tmp_path / "old.pem"}[reader]

    def then_replace(*args: object) -> object:
        found = read(*args)
        new = tmp_path / "new"
        new.write_bytes(replaced.read_bytes() + b"\n")
        new.replace(replaced)
        return found

    monkeypatch.setattr(web_config, reader, then_replace)
    access = load_access(path)
    assert access.changes() != ()
    replaced.unlink()
    assert access.changes() != ()


async def test_a_new_certificate_is_used_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is open goes on; a file that cannot be used changes nothing."""
    monkeypatch.setattr(server, "RELOAD_S", 0.05)
    certificate(tmp_path, "old")
    certificate(tmp_path, "new")
    for name in ("pem", "key"):
        (tmp_path / f"used.{name}").write_bytes((tmp_path / f"old.{name}").read_bytes())
    path = written(tmp_path, "tls_server_config: {cert_file: used.pem, key_file: used.key}")
    async with serving(web_config=str(path)) as served:
        assert (await ask(served.port, context=trusting(tmp_path, "old")))[0] == 200
        (tmp_path / "used.pem").write_text("no certificate", encoding="utf-8")
        await until(lambda: served.failures.counts["http", "ConfigError"] == 1, "counted")
        assert (await ask(served.port, context=trusting(tmp_path, "old")))[0] == 200
        for name in ("key", "pem"):
            (tmp_path / f"new.{name}").replace(tmp_path / f"used.{name}")
        (tmp_path / "new.pem").write_bytes((tmp_path / "used.pem").read_bytes())
        deadline = asyncio.get_running_loop().time() + 20
        while True:
            try:
                assert (await ask(served.port, context=trusting(tmp_path, "new")))[0] == 200
                break
            except ssl.SSLError:
                assert asyncio.get_running_loop().time() < deadline
                await asyncio.sleep(0.02)


async def test_only_clients_with_a_certificate_of_the_authority_get_in(tmp_path: Path) -> None:
    certificate(tmp_path, "ca")
    certificate(tmp_path, "server")
    certificate(tmp_path, "prometheus", "ca")
    certificate(tmp_path, "stranger")
    section = "cert_file: server.pem, key_file: server.key, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem"
    async with serving(web_config=str(written(tmp_path, f"tls_server_config: {{{section}}}"))) as served:
        known = trusting(tmp_path, "server", "prometheus")
        assert (await ask(served.port, context=known))[0] == 200
        # With TLS a website gets no further than the handshake, so that any name is good.
        assert (await ask(served.port, headers={"Host": "metrics.example.com"}, context=known))[0] == 200
        for client in (None, "stranger"):
            with pytest.raises((OSError, IndexError)):  # closed without an answer, or by an alert
                await ask(served.port, context=trusting(tmp_path, "server", client))
        with pytest.raises((OSError, IndexError)):
            await ask(served.port)  # plain HTTP


GOOD = [
    "{}",
    "basic_auth_users: {a: HASH}",
    "http_server_config: {http2: false, headers: {X-Frame-Options: deny}}",
    "tls_server_config: {cert_file: a.pem, key_file: a.key}",
    "tls_server_config: {cert_file: a.pem, key_file: a.key, min_version: TLS13}",
    "tls_server_config: {cert_file: a.pem, key_file: a.key, client_auth_type: VerifyClientCertIfGiven, client_ca_file: a.pem}",
]
BAD = [
    ("tls_server_config: {cert: a.pem, key_file: a.key}", "tls_server_config.cert: unknown key"),
    ("tls_server_config: {cert_file: a.pem}", "tls_server_config.key_file: is required"),
    (
        "tls_server_config: {cert_file: a.pem, key_file: a.pem}",
        "tls_server_config: a certificate or key cannot be used",
    ),
    ("tls_server_config:\n  cert_file: b.pem\n  key_file: a.key", "yml:2: tls_server_config.cert_file: "),
    ("tls_server_config:\n  cert_file: a.pem\n  key_file: b.key", "b.key: no such file; correct the path"),
    ("tls_server_config: {cert_file: a.pem, key_file: a.key, client_ca_file: a.pem}", "belong together"),
    ("http_server_config: {headers: {Server: x}}", "'Server' cannot be set"),
    ("basic_auth_user: {a: HASH}", "did you mean 'basic_auth_users'?"),
]
OURS = [
    ("basic_auth_users: {a: s3cret}", "the password of 'a' is no bcrypt hash"),
    ("basic_auth_users: {a: HUGE}", "cost 31"),
    ("bearer_auth_tokens: {a: s3cret}", "the token of 'a' must be `sha256:` with 64"),
    ("bearer_auth_tokens: {a: 's3cret0123456789abcdef0123456789'}", "the token of 'a' must be `sha256:` with 64"),
    ("bearer_auth_tokens: {a: 'file:token'}", "token: is not an absolute path"),
    ("bearer_auth_tokens: {a: 'env:RACKFLOW_NO_SUCH'}", "environment variable RACKFLOW_NO_SUCH is not set"),
    ("bearer_auth_tokens: {a: 'env:HOME'}", "the token of 'a' must have 22 to 1024"),
    ("bearer_auth_tokens: {'a:b': 'env:HOME'}", "has no colon"),
    ("basic_auth_users: {17: HASH}", "a name must be a text"),
    ("{basic_auth_users: {a: HASH}, bearer_auth_tokens: {a: 'sha256:" + "0" * 64 + "'}}", "rename one of them"),
    ("", "is empty"),
    ("tls_server_config: {cert_file: a.pem, key_file: a.key, min_version: TLS10}", "min_version"),
    (
        "tls_server_config: {cert_file: a.pem, key_file: a.key, min_version: TLS13, max_version: TLS12}",
        "min_version is above max_version",
    ),
    ("tls_server_config: {cert_file: a.pem, key_file: a.key, client_auth_type: RequestClientCert}", "client_auth_type"),
    ('http_server_config: {headers: {X-Frame-Options: "a\\r\\nb"}}', "no header may have"),
]


def file_of(folder: Path, text: str) -> Path:
    certificate(folder, "a")
    return written(folder, text.replace("HASH", f"'{hashed('x')}'").replace("HUGE", f"'$2b$31${'a' * 53}'"))


def promtool(path: Path) -> bool:
    return (
        subprocess.run(
            ["promtool", "check", "web-config", path.name], cwd=path.parent, capture_output=True, check=False
        ).returncode
        == 0
    )


@pytest.mark.parametrize("text", GOOD)
def test_files_that_prometheus_takes_are_taken(text: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, text)
    assert promtool(path)
    load_access(path)


@pytest.mark.parametrize(("text", "message"), BAD)
def test_files_that_prometheus_refuses_are_refused_with_a_reason(text: str, message: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, text)
    assert not promtool(path)
    with pytest.raises(ConfigError) as found:
        load_access(path)
    assert message in str(found.value)
    assert str(found.value).startswith(f"{path}:")


@pytest.mark.parametrize(("text", "message"), OURS)
def test_what_cannot_be_done_here_is_refused_and_no_password_is_shown(text: str, message: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, text)
    with pytest.raises(ConfigError) as found:
        load_access(path)
    assert message in str(found.value)
    assert "s3cret" not in str(found.value)


async def scenario(folder: Path) -> None:
    """TLS: a scrape before, during and after 300 connections that never finish their handshake."""
    certificate(folder, "a")
    path = written(folder, "tls_server_config: {cert_file: a.pem, key_file: a.key}")
    async with serving(web_config=str(path), connections_limit=32) as served, AsyncExitStack() as stack:
        assert (await ask(served.port, context=trusting(folder, "a")))[0] == 200
        for _ in range(300):
            _, writer = await asyncio.open_connection("127.0.0.1", served.port)
            stack.callback(writer.close)
        assert (await ask(served.port, context=trusting(folder, "a")))[0] == 200
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        stack.callback(writer.close)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")  # plain HTTP where TLS is spoken
        with suppress(ConnectionError):
            await reader.read()
        assert (await ask(served.port, context=trusting(folder, "a")))[0] == 200
        assert served.server.refused["evicted"] >= 300 - 32
        assert served.failures.counts == {}


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_unfinished_handshakes_leave_room_for_a_scrape(
    new_loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
) -> None:
    """On both event loops: the collector runs on uvloop where there is one."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scenario(tmp_path))


def test_a_host_that_asks_all_the_time_waits_and_another_does_not() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    delays = [pace.delay_s("10.0.0.1") for _ in range(1000)]
    assert delays[:99] == [0.0] * 99
    assert delays[150] == pytest.approx(0.5, abs=0.02)
    assert delays[-1] is None
    assert pace.delay_s("10.0.0.2") == 0.0
    now[0] += 10.0
    assert pace.delay_s("10.0.0.1") == 0.0


def test_what_was_refused_takes_no_turn_so_that_a_host_is_answered_again_within_seconds() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    assert [pace.delay_s("10.0.0.1") for _ in range(5000)][-1] is None
    now[0] += MAX_DELAY_S
    assert pace.delay_s("10.0.0.1") is not None


def test_hosts_whose_pace_is_known_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with IPv6 has as many addresses as it likes. The one that has not asked for longest is forgotten."""
    monkeypatch.setattr(access, "_MAX_PEERS", 2)
    pace = Pace(lambda: 0.0)
    for host in ("::1", "::2"):
        assert [pace.delay_s(host) for _ in range(150)][-1] == pytest.approx(0.49, abs=0.02)
    assert pace.delay_s("::1") == pytest.approx(0.5, abs=0.02)
    assert pace.delay_s("::3") == 0.0
    assert pace.delay_s("::1") == pytest.approx(0.51, abs=0.02)
    assert pace.delay_s("::2") == 0.0, "it was forgotten"


async def test_another_collectors_ledger_is_read_with_name_and_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error names the address, and not the password. A proxy of the environment is not asked."""
    monkeypatch.setenv("LEDGER_PASSWORD", "s3cret")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    content = Content(ledger_page=encode_snapshot(LedgerSnapshot("a", 1, [])))
    path = written(tmp_path, f"basic_auth_users: {{other: '{hashed('s3cret')}'}}")
    async with serving(content, web_config=str(path)) as served:
        url = f"http://other:env:LEDGER_PASSWORD@127.0.0.1:{served.port}/ledger"
        assert (await asyncio.to_thread(read_any, url)).ledger == "a"
        with pytest.raises(RackflowError) as found:
            await asyncio.to_thread(read_any, f"http://other:hunter2@127.0.0.1:{served.port}/ledger")
    where = f"http://127.0.0.1:{served.port}/ledger"
    assert str(found.value).startswith(f"{where}: HTTP Error 401: Unauthorized; give an account")


async def test_the_password_for_another_collectors_ledger_is_not_sent_to_where_an_answer_redirects() -> None:
    asked: list[str] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(f"HTTP/1.1 307 Moved\r\nLocation: {moved}\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    async with await asyncio.start_server(redirect, "127.0.0.1") as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        moved = f"http://{address}/elsewhere"
        with pytest.raises(RackflowError, match=f"it is redirected to {moved}; give that address"):
            await asyncio.to_thread(read_any, f"http://other:s3cret@{address}/ledger")
    assert [each.splitlines()[0] for each in asked] == ["GET /ledger HTTP/1.1"]


async def test_without_a_password_every_address_but_the_health_check_is_closed(tmp_path: Path) -> None:
    path = written(tmp_path, f"basic_auth_users: {{other: '{hashed('s3cret')}'}}")
    async with serving(web_config=str(path)) as served:
        addresses = [each.canonical for each in served.server._make_app().router.resources()]  # noqa: SLF001 - all there are
        assert len(addresses) > 20
        answers = {each: (await ask(served.port, each.replace("{", "").replace("}", "")))[0] for each in addresses}
    assert [each for each, status in answers.items() if status != 401] == ["/healthz"]
    assert answers["/healthz"] == 200
