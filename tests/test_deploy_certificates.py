"""The TLS listener of deploy/mosquitto, with certificates that make-certificates made: who comes in, and who does not."""

import asyncio
import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from collector.cli import main
from collector.ledger import accounts, read_snapshot
from rackflow.errors import ConfigError
from rackflow.process.broker import Broker, remedy_for
from rackflow.process.mqtt import BrokerError
from tests.agent.running import Devices
from tests.agent.running import config_for as agent_config_for
from tests.agent.running import running as agent_running
from tests.collector.running import config_for as collector_config_for
from tests.collector.running import running as collector_running
from tests.servers.deployed_broker import SCRIPT, DeployedBroker, make_certificates
from tests.servers.mqtt_account import DENIED, connected, with_certificate
from tests.servers.process import find_program

OWN = "rackflow/v1/cas1/gw-1"
SERIES = 'dcim_device_up{site="cas1",room="r1",device="ups-a1",agent="gw-1"}'


def new_pki(folder: Path) -> Path:
    make_certificates(folder, "ca", "cas1")
    make_certificates(folder, "broker", "localhost", "127.0.0.1")
    make_certificates(folder, "agent", "cas1/gw-1")
    make_certificates(folder, "collector", "rackflow-collector")
    return folder


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[DeployedBroker]:
    pki = new_pki(tmp_path / "pki")
    with DeployedBroker(tmp_path / "broker", {"monitor": "pw"}, pki).serving() as server:
        yield server


def ends_in(days: int, value: float) -> bool:
    return days - 1 < (value - time.time()) / 86_400 <= days


def pki_of(broker: DeployedBroker) -> Path:
    assert broker.pki is not None
    return broker.pki


def agent(broker: DeployedBroker, certificate: Path | None = None, **more: object) -> Broker:
    pki = pki_of(broker)
    return with_certificate(
        broker.tls_port, pki / "ca.crt", certificate or pki / "agents" / "cas1" / "gw-1.crt", **more
    )


def collector(broker: DeployedBroker) -> Broker:
    pki = pki_of(broker)
    return with_certificate(broker.tls_port, pki / "ca.crt", pki / "collectors" / "rackflow-collector.crt")


async def use(settings: Broker) -> int:
    """Connect and publish a status; the reason code. With TLS 1.3 a refusal of the certificate comes after the handshake."""
    async with connected(settings) as account:
        return await account.publish(f"{OWN}/status", b"online")


async def refused(settings: Broker) -> str:
    """Connect until the broker refuses it and says how. A reload takes a moment, and the broker does not tell when it is done.

    Now and then its alert is lost (see `explain`): then the error names the certificate, too, and the next attempt says more.
    """
    async with asyncio.timeout(30):
        while True:
            try:
                await use(settings)
            except BrokerError as error:
                if "refuses the TLS certificate" in str(error):
                    return str(error)
                if "check cert_file and key_file" not in str(error):
                    raise


def openssl(*arguments: str, folder: Path) -> str:
    command = [find_program("openssl", "openssl"), *arguments]
    # NAMES is what make-certificates gives to the section of the broker's certificate.
    environment = {"NAMES": "DNS:unused"}
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True, timeout=60
    ).stdout


def expired(pki: Path) -> Path:
    """A certificate of agent cas1/gw-1 that the authority made, and that ended in 2021."""
    (pki / "old").mkdir()
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "old/a.key", folder=pki)
    openssl("req", "-new", "-key", "old/a.key", "-subj", r"/CN=cas1\/gw-1", "-out", "old/a.csr", folder=pki)
    dates = ("-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
    openssl(
        *("ca", "-batch", "-notext", "-config", "openssl.cnf", "-extensions", "client", "-rand_serial", *dates),
        *("-in", "old/a.csr", "-out", "old/a.crt"),
        folder=pki,
    )
    return pki / "old" / "a.crt"


async def test_the_certificate_is_the_account(broker: DeployedBroker) -> None:
    """User name and password that a client gives in addition to its certificate are ignored."""
    as_another = agent(broker, username="rackflow-collector", password="any")
    async with connected(collector(broker)) as reader, connected(as_another, "rackflow-collector") as writer:
        await reader.subscribe("rackflow/v1/#")
        assert await writer.publish("rackflow/v1/cas2/gw-1/status", b"forged") == DENIED
        assert await writer.publish("rackflow/v1/cas1/gw-2/status", b"forged") == DENIED
        assert await writer.publish(f"{OWN}/stored/rackflow-collector", b"forged") == DENIED
        assert await writer.publish(f"{OWN}/status", b"online") == 0
        await reader.wait_for(f"{OWN}/status", b"online")
        await writer.subscribe("rackflow/v1/#")
        await reader.publish("rackflow/v1/cas1/gw-2/stored/rackflow-collector", b"of another")
        await reader.publish(f"{OWN}/stored/rackflow-collector", b"durable")
        await writer.wait_for(f"{OWN}/stored/rackflow-collector", b"durable")
    assert writer.received == [(f"{OWN}/stored/rackflow-collector", b"durable")]


async def test_an_expired_certificate_is_refused(broker: DeployedBroker) -> None:
    settings = agent(broker, expired(pki_of(broker)), timeout_s=60)
    # At once, and not after the time in which the broker must answer.
    assert "it has expired; renew cert_file" in await refused(settings)
    assert await use(agent(broker)) != DENIED


async def test_a_certificate_of_another_authority_is_refused(broker: DeployedBroker, tmp_path: Path) -> None:
    foreign = new_pki(tmp_path / "foreign")
    assert "issued by the broker's authority" in await refused(agent(broker, foreign / "agents" / "cas1" / "gw-1.crt"))


async def test_a_client_without_a_certificate_is_refused(broker: DeployedBroker) -> None:
    password = {"username": "monitor", "password": "pw"}
    assert "set cert_file and key_file" in await refused(
        with_certificate(broker.tls_port, pki_of(broker) / "ca.crt", None, **password)
    )


async def test_the_brokers_certificate_is_none_for_clients(broker: DeployedBroker) -> None:
    assert "must allow client authentication" in await refused(agent(broker, pki_of(broker) / "broker.crt"))


async def test_a_reload_refuses_a_revoked_certificate_and_a_restart_ends_its_connection(broker: DeployedBroker) -> None:
    pki = pki_of(broker)
    make_certificates(pki, "agent", "cas1/gw-2")
    other = agent(broker, pki / "agents" / "cas1" / "gw-2.crt")
    async with connected(agent(broker)) as open_before:
        for account in ("cas1/gw-1", "cas1/gw-2"):
            assert f"1 certificates of {account}" in make_certificates(pki, "revoke", account)
        broker.install_certificates()
        broker.reload()
        assert "it was revoked" in await refused(other)
        assert await open_before.publish(f"{OWN}/status") != DENIED  # known: what the how-to page says of a reload
        broker.restart()
        await open_before.lost()
    with pytest.raises(BrokerError):
        await use(agent(broker))
    async with connected(collector(broker)):
        pass


async def test_a_renewed_certificate_works_and_so_does_the_one_before(broker: DeployedBroker, tmp_path: Path) -> None:
    issued = pki_of(broker) / "agents" / "cas1"
    before = tmp_path / "gw-1.crt"
    for suffix in (".crt", ".key"):
        before.with_suffix(suffix).write_bytes((issued / "gw-1").with_suffix(suffix).read_bytes())
    make_certificates(pki_of(broker), "agent", "cas1/gw-1")
    assert before.read_bytes() != (issued / "gw-1.crt").read_bytes()
    assert await use(agent(broker, before)) != DENIED
    assert await use(agent(broker)) != DENIED
    # A lost key: all certificates of the account end at once.
    assert "2 certificates of cas1/gw-1" in make_certificates(pki_of(broker), "revoke", "cas1/gw-1")
    broker.install_certificates()
    broker.restart()
    for certificate in (before, issued / "gw-1.crt"):
        with pytest.raises(BrokerError):
            await use(agent(broker, certificate))


def make_expired(pki: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate of the broker that was made ten days ago for one day."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    with monkeypatch.context() as then:
        then.setenv("LD_PRELOAD", str(library))
        then.setenv("FAKETIME", "-10d")
        make_certificates(pki, "broker", "localhost", "127.0.0.1", days=1)


@pytest.mark.parametrize(
    ("pretender", "remedy"),
    [
        ("foreign authority", "set broker.ca_file to the authority of the broker's certificate"),
        ("agent's certificate", "a certificate that is not for a server"),
        ("other name", "set broker.host to a name or address that the broker's certificate has"),
        ("expired", "renew the broker's certificate, or set this machine's clock"),
    ],
)
async def test_agents_refuse_a_broker_that_is_not_theirs_and_say_what_to_do(
    tmp_path: Path, pretender: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pki = new_pki(tmp_path / "pki")
    authority = pki / "ca.crt"
    if pretender == "foreign authority":
        authority = new_pki(tmp_path / "own") / "ca.crt"
    elif pretender == "agent's certificate":
        for suffix in ("crt", "key"):
            (pki / f"broker.{suffix}").write_bytes((pki / "agents" / "cas1" / f"gw-1.{suffix}").read_bytes())
    elif pretender == "expired":
        make_expired(pki, monkeypatch)
    else:
        make_certificates(pki, "broker", "broker.example", "192.0.2.1")
    with DeployedBroker(tmp_path / "broker", {"monitor": "pw"}, pki).serving() as server:
        settings = with_certificate(server.tls_port, authority, pki / "agents" / "cas1" / "gw-1.crt")
        with pytest.raises(BrokerError) as refusal:
            await use(settings)
    assert "certificate verify failed" in str(refusal.value)
    assert remedy in remedy_for(str(refusal.value)), refusal.value


async def test_agent_and_collector_work_with_the_shipped_files(broker: DeployedBroker, tmp_path: Path) -> None:
    """The whole path over TLS. The collector's session outlives it, so that what was sent meanwhile is stored later."""
    reached = collector(broker).model_dump(exclude_unset=True)
    agent_config = agent_config_for(broker, "ups-a1", labels={"site": "cas1", "room": "r1"})
    agent_config = agent_config.model_copy(update={"broker": agent(broker)})
    collector_config = collector_config_for(broker.port, tmp_path, broker=reached, client_id="rackflow-collector")
    async with agent_running(agent_config, Devices()) as sender:
        async with collector_running(collector_config) as receiver:
            await receiver.ready()
            await receiver.reaches(SERIES, lambda value: value == 1)
            assert sender.publisher.fault is None
            # Both say until when the certificates count that they log in with, the one that the broker shows them, and its authority's.
            of_agent, authority = 'site="cas1",agent="gw-1",', 'component="authority",subject="cas1_Rackflow_CA"'
            for labels, days in (
                ('component="collector",subject="rackflow-collector"', 760),
                ('component="broker",subject="broker"', 760),
                (authority, 3650),
                (of_agent + 'component="agent",subject="cas1/gw-1"', 760),
                (of_agent + 'component="broker",subject="broker"', 760),
                (of_agent + authority, 3650),
            ):
                expiry = f"dcim_certificate_expiry_timestamp_seconds{{{labels}}}"
                await receiver.reaches(expiry, partial(ends_in, days))
        async with collector_running(collector_config) as receiver:
            await receiver.reaches(SERIES, lambda value: value == 1)
    account = read_snapshot(collector_config.ledger_path)
    (sums,) = accounts([account])
    assert sums.missing == []
    assert sums.stored > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("agent", "../gw-1"), "no name"),
        (("agent", "cas1"), "SITE/AGENT"),
        (("agent", "cas1/gw/1"), "no name"),
        (("agent", "cas1/+"), "no name"),
        (("agent", f"{'s' * 40}/{'a' * 40}"), "64 characters"),
        (("collector", "a/b"), "no name"),
        (("collector", "broker"), "choose another"),
        (("broker", "bro ker"), "no host name"),
        (("broker", "1.2.3.4,DNS:evil"), "no address"),
        (("revoke", "cas1/gw-9"), "no valid certificate"),
        (("ca", "again"), "has an authority already"),
        (("frobnicate",), "usage"),
    ],
)
def test_the_script_says_what_it_cannot_do(
    arguments: tuple[str, ...], says: str, authority: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "pki"
    shutil.copytree(authority, folder)
    before = sorted(folder.rglob("*"))
    found = subprocess.run([SCRIPT, folder, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode in {1, 2}
    assert says in found.stderr + found.stdout
    assert sorted(folder.rglob("*")) == before


def test_keys_and_accounts_are_readable_by_their_owner_alone(authority: Path) -> None:
    """Certificates and the list of revoked ones are readable for everybody, and only they are copied to other hosts; keys are not."""
    assert {key.stat().st_mode & 0o777 for key in authority.rglob("*.key")} == {0o600}
    public = {each for each in authority.rglob("*") if each.suffix in {".crt", ".pem"}}
    own = [each for each in authority.rglob("*") if each not in public]
    assert {each.stat().st_mode & 0o077 for each in own} == {0}


@pytest.mark.parametrize(
    ("name", "right", "wrong"), [("agents/cas1/gw-1", "client", "server"), ("broker", "server", "client")]
)
def test_a_certificate_is_for_its_own_side_only(name: str, right: str, wrong: str, authority: Path) -> None:
    check = ("verify", "-x509_strict", "-CAfile", "ca.crt", "-purpose")
    assert openssl(*check, f"ssl{right}", f"{name}.crt", folder=authority).endswith("OK\n")
    with pytest.raises(subprocess.CalledProcessError):
        openssl(*check, f"ssl{wrong}", f"{name}.crt", folder=authority)


def test_certificates_last_two_years_and_the_list_of_revoked_ones_ten(authority: Path) -> None:
    year = 365 * 86_400
    assert openssl("x509", "-in", "broker.crt", "-noout", "-checkend", str(2 * year), folder=authority)
    until = openssl("crl", "-in", "crl.pem", "-noout", "-nextupdate", folder=authority).partition("=")[2].strip()
    assert ssl.cert_time_to_seconds(until) - time.time() > 9.9 * year
    assert "cas1/gw-1" in make_certificates(authority, "list")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_pki(tmp_path_factory.mktemp("authority"))


def test_a_key_with_a_pass_phrase_is_named_and_nothing_asks_for_it(authority: Path, tmp_path: Path) -> None:
    certificate = authority / "agents" / "cas1" / "gw-1.crt"
    key = tmp_path / "locked.key"
    command = ("pkey", "-in", str(certificate.with_suffix(".key")), "-aes256", "-passout", "pass:x", "-out", str(key))
    openssl(*command, folder=tmp_path)
    broker = Broker(tls=True, cert_file=certificate, key_file=key)
    with pytest.raises(ConfigError, match="pass phrase; remove it"):
        broker.tls_context()


@pytest.mark.parametrize("option", ["ca_file", "cert_file"])
def test_what_is_no_certificate_file_is_named(option: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, why in (
        (pipe, "not a regular file"),
        (tmp_path, "not a regular file"),
        (tmp_path / "no", "does not exist"),
    ):
        broker = Broker.model_validate({"tls": True, option: path})
        with pytest.raises(ConfigError, match=f"{path} (is )?{why}"):
            broker.tls_context()


async def test_an_operator_with_a_certificate_forgets_an_agent_that_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As docs/how-to/retire.md says it: this listener takes no account with a password alone."""
    pki = new_pki(tmp_path / "pki")
    make_certificates(pki, "collector", "operator")
    broker = DeployedBroker(tmp_path / "broker", {"monitor": "pw"}, pki)
    with broker.serving():
        async with connected(agent(broker)) as account:
            # 16: it is kept, and nobody listens.
            assert await account.publish(f"{OWN}/device/ups-a1", b"{}", retain=True) == 16
        config = tmp_path / "collector.yaml"
        own = collector(broker).model_dump(mode="json", exclude_none=True)
        store = {"kind": "file", "path": str(tmp_path / "points")}
        config.write_text(
            json.dumps({"broker": own, "store": store, "dead_letter": str(tmp_path / "dead.jsonl")}), encoding="utf-8"
        )
        operator = str(pki / "collectors" / "operator")
        by_certificate = ("--username", "operator", "--cert-file", f"{operator}.crt", "--key-file", f"{operator}.key")
        command = ["forget", str(config), "cas1/gw-1", "--force", *by_certificate]
        assert await asyncio.to_thread(main, command) == 0, capsys.readouterr().err
        assert "forgot cas1/gw-1/ups-a1" in capsys.readouterr().out
