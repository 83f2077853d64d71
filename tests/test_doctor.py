"""`rackflow doctor`: names what is wrong with a configuration and all that it needs, and what to do."""

import asyncio
import contextlib
import ctypes
import json
import resource
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiomqtt
import pytest

from collector.config import load_collector_config
from collector.doctor import who_reads
from collector.web import load_access
from rackflow.command import main
from rackflow.process.certificates import Certificate
from rackflow.process.doctor import (
    Finding,
    check_certificates,
    check_clock,
    check_descriptors,
    check_secrets,
    render_findings,
)
from rackflow.process.doctor_disks import check_disk
from rackflow.process.unset_clock import warn_of_unset_clock
from rackflow.recording.snmprec import read_snmprec
from simulator.snmp.agent import SnmpDevice
from tests.servers.deployed_broker import DeployedBroker, make_certificates
from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt_account import connected, with_password
from tests.servers.ports import free_port
from tests.servers.victoriametrics import VictoriaMetrics

RECORDING = Path(__file__).resolve().parents[1] / "simulator" / "recordings" / "apc-ups.snmprec"
AGENT = """
agent: gw-1
labels: {{site: t1}}
broker: {{port: {port}, username: gw-1, password: {password}}}
outbox: {{mode: disk, path: {folder}/outbox.db}}
credentials: {{c: {{community: public}}}}
devices:
  - {{id: ups-1, host: 127.0.0.2, port: {snmp}, credential: c, serial_number: OTHER, timeout_s: 5, retries: 0}}
  - {{id: gone, host: 127.0.0.3, port: {snmp}, credential: c, timeout_s: 0.3, retries: 0}}
  - {{id: nameless, host: no-such-host.invalid, credential: c, timeout_s: 0.3, retries: 0}}
  - {{id: off, host: 127.0.0.9, credential: c, enabled: false}}
"""
COLLECTOR = """
broker: {{port: {port}, username: collector, password: pw}}
store: {{kind: influxdb, url: "{url}", bucket: b, dialect: victoriametrics}}
dead_letter: {folder}/dead.jsonl
outbox: {{path: {folder}/nowhere/outbox.db}}
"""
ACCESS = """user gw-1
topic write rackflow/v1/t1/gw-1/#
topic read rackflow/v1/t1/gw-1/stored/+
user collector
topic read rackflow/v1/#
user nobody
"""


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker with accounts, whose access list is that of `ACCESS`."""
    folder = tmp_path / "broker"
    folder.mkdir()
    access = folder / "acl"
    access.write_text(ACCESS, encoding="utf-8")
    access.chmod(0o600)
    accounts = {"gw-1": "pw", "collector": "pw", "nobody": "pw"}
    server = Mosquitto(folder, passwords=accounts, extra=[f"acl_file {access}"])
    server.start()
    yield server
    server.stop()


@pytest.fixture
def victoriametrics(tmp_path: Path) -> Iterator[VictoriaMetrics]:
    folder = tmp_path / "vm"
    folder.mkdir()
    server = VictoriaMetrics(folder)
    server.start()
    yield server
    server.stop()


async def doctor(
    capfd: pytest.CaptureFixture[str], path: Path, text: str, *options: str
) -> tuple[int, list[dict[str, Any]]]:
    await asyncio.to_thread(path.write_text, text, encoding="utf-8")
    status = await asyncio.to_thread(main, ["doctor", str(path), "--output", "json", *options])
    return status, json.loads(capfd.readouterr().out)


def statuses(findings: list[dict[str, Any]], *checks: str) -> list[str]:
    return [finding["status"] for finding in findings if finding["check"] in checks]


def of(findings: list[dict[str, Any]], check: str) -> dict[str, Any]:
    return next(finding for finding in findings if finding["check"] == check)


async def test_an_agents_devices_broker_names_and_files_are_looked_at(
    mosquitto: Mosquitto, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    device = SnmpDevice(read_snmprec(RECORDING), host="127.0.0.2", port=free_port())
    snmp = await device.start()
    text = AGENT.format(port=mosquitto.port, password="pw", folder=tmp_path, snmp=snmp)
    try:
        status, findings = await doctor(capfd, tmp_path / "agent.yaml", text)
    finally:
        await device.stop()
    assert status == 1
    assert statuses(findings, "configuration", "outbox", "broker", "broker rights", "descriptors", "name") == ["ok"] * 7
    assert of(findings, "permissions")["status"] == "failed"
    [name] = [each["found"] for each in findings if each["check"] == "names" and each["status"] == "failed"]
    assert "no-such-host.invalid" in name
    found = of(findings, "device ups-1")
    assert (found["status"], found["remedy"]) == (
        "warning",
        "another device answers there: correct host or serial_number",
    )
    assert "SIM000000002, the configuration says OTHER" in found["found"]
    gone = of(findings, "device gone")
    assert (gone["status"], gone["found"].partition(":")[0]) == ("failed", "unreachable")
    assert f"UDP port {snmp} is in use" in gone["remedy"]
    # In the order of the file, whoever answers first; and none that is disabled.
    polled = [finding["check"] for finding in findings if finding["check"].startswith("device ")]
    assert polled == ["device ups-1", "device gone", "device nameless"]


async def test_a_device_that_does_not_tell_its_serial_number_is_no_other_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    device = SnmpDevice(read_snmprec(RECORDING), host="127.0.0.2", port=free_port())
    device.remove("1.3.6.1.4.1.318.1.1.1.1.2.3.0")
    text = AGENT.format(port=9, password="pw", folder=tmp_path, snmp=await device.start())
    try:
        _, findings = await doctor(capfd, tmp_path / "agent.yaml", text)
    finally:
        await device.stop()
    assert of(findings, "device ups-1")["status"] == "ok"


async def test_an_account_that_may_write_documents_and_no_readings_is_reported(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    access = tmp_path / "acl"
    access.write_text("user gw-1\ntopic write rackflow/v1/t1/gw-1/device/+\n", encoding="utf-8")
    access.chmod(0o600)
    server = Mosquitto(tmp_path / "b", passwords={"gw-1": "pw"}, extra=[f"acl_file {access}"])
    with server.serving():
        text = AGENT.format(port=server.port, password="pw", folder=tmp_path, snmp=9)
        _, findings = await doctor(capfd, tmp_path / "agent.yaml", text, "--no-devices")
    denied = [each["found"] for each in findings if each["check"] == "broker rights"]
    assert denied == [
        f"the account may not write rackflow/v1/t1/gw-1/{each}/rackflow-doctor" for each in ("batch", "event")
    ]


async def test_an_access_list_that_keeps_from_an_agent_what_is_stored_is_reported_with_the_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    access = tmp_path / "acl"
    access.write_text("user gw-1\ntopic write rackflow/v1/t1/gw-1/#\n", encoding="utf-8")
    access.chmod(0o600)
    server = Mosquitto(tmp_path / "b", passwords={"gw-1": "pw"}, extra=[f"acl_file {access}"])
    with server.serving():
        text = AGENT.format(port=server.port, password="pw", folder=tmp_path, snmp=9)
        _, findings = await doctor(capfd, tmp_path / "agent.yaml", text, "--no-devices")
    [failed] = [each for each in findings if each["check"] == "broker rights" and each["status"] == "failed"]
    assert "the account may not read rackflow/v1/t1/gw-1/stored/+: no collector can tell" in failed["found"]
    assert "`topic read rackflow/v1/t1/gw-1/stored/+` below `user gw-1`" in failed["remedy"]


async def test_the_shipped_access_list_lets_an_agent_read_what_is_stored(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nobody but a collector may write there, so only a collector's report shows that the account may read."""
    accounts = {"t1/gw-1": "pw", "rackflow-collector": "pw"}
    with DeployedBroker(tmp_path / "broker", accounts).serving() as broker:
        text = AGENT.format(port=broker.port, password="pw", folder=tmp_path, snmp=9)
        text = text.replace("username: gw-1", "username: t1/gw-1")
        _, before = await doctor(capfd, tmp_path / "agent.yaml", text, "--no-devices")
        async with connected(with_password(broker.port, "rackflow-collector")) as collector:
            await collector.publish("rackflow/v1/t1/gw-1/stored/rackflow-collector", b"{}", retain=True)
        _, after = await doctor(capfd, tmp_path / "agent.yaml", text, "--no-devices")
    assert statuses(before, "broker rights") == ["ok", "warning"]
    assert "pattern read rackflow/v1/%u/stored/+" in before[-2]["remedy"] + before[-1]["remedy"]
    assert statuses(after, "broker rights") == ["ok", "ok"]


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ("nobody, password: pw", "broker rights: the account may not write rackflow/v1/t1/gw-1/batch/: access list"),
        ("gw-1, password: wrong", "broker: Not authorized: check broker.username and broker.password"),
    ],
)
async def test_an_account_that_is_wrong_or_may_not_write_is_reported(
    account: str, expected: str, mosquitto: Mosquitto, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = AGENT.format(port=mosquitto.port, password="pw", folder=tmp_path, snmp=9)
    text = text.replace("username: gw-1, password: pw", f"username: {account}")
    status, findings = await doctor(capfd, tmp_path / "agent.yaml", text, "--no-devices")
    assert status == 1
    check, found, remedy = expected.split(": ")
    finding = of(findings, check)
    assert finding["status"] == "failed"
    assert found in finding["found"]
    assert remedy in finding["remedy"]
    assert not any(each["check"].startswith("device ") for each in findings)


async def test_a_collectors_broker_store_and_files_are_looked_at(
    mosquitto: Mosquitto, victoriametrics: VictoriaMetrics, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = COLLECTOR.format(port=mosquitto.port, url=victoriametrics.url, folder=tmp_path)
    async with aiomqtt.Client(
        "127.0.0.1", mosquitto.port, username="gw-1", password="pw", protocol=aiomqtt.ProtocolVersion.V5
    ) as agent:
        await agent.publish("rackflow/v1/t1/gw-1/status", b"{}", qos=1, retain=True)
    status, findings = await doctor(capfd, tmp_path / "collector.yaml", text)
    assert status == 1
    assert statuses(findings, "broker", "broker rights", "store", "ledger", "dead letters") == ["ok"] * 5
    assert of(findings, "outbox")["found"] == f"{tmp_path}/nowhere: no such folder"
    assert of(findings, "store")["found"].endswith("a point was written (rackflow_doctor) and read back")
    assert "unconfirmed messages at a time, of any size" in of(findings, "broker")["found"]

    # mosquitto grants the subscription of an account that its access list lets read nothing.
    status, findings = await doctor(capfd, tmp_path / "collector.yaml", text.replace("collector", "nobody", 1))
    rights = of(findings, "broker rights")
    assert rights["status"] == "warning"
    assert "nothing comes from rackflow/v1/+/+/status" in rights["found"]
    assert rights["remedy"].startswith("start an agent, or let the account read rackflow/v1/#")

    gone = COLLECTOR.format(port=free_port(), url=f"http://127.0.0.1:{free_port()}", folder=tmp_path)
    status, findings = await doctor(capfd, tmp_path / "collector.yaml", gone)
    assert status == 1
    assert statuses(findings, "broker", "broker rights", "store") == ["failed", "failed"]


@pytest.mark.parametrize(
    ("listen", "web", "status", "words"),
    [
        ("127.0.0.1:0", None, "ok", "for this host only"),
        ("0.0.0.0:0", None, "warning", "everybody who reaches it may read the pages on 0.0.0.0"),
        ("0.0.0.0:0", f"bearer_auth_tokens: {{a: 'sha256:{'0' * 64}'}}", "warning", "1 token"),
    ],
)
def test_the_doctor_reports_who_may_read_a_collectors_pages(
    listen: str, web: str | None, status: str, words: str, tmp_path: Path
) -> None:
    text = COLLECTOR.format(port=free_port(), url=f"http://127.0.0.1:{free_port()}", folder=tmp_path)
    if web is not None:
        (tmp_path / "web.yml").write_text(web, encoding="utf-8")
        text += f"http: {{web_config: {tmp_path / 'web.yml'}}}\n"
    (tmp_path / "collector.yaml").write_text(f"{text}listen: '{listen}'\n", encoding="utf-8")
    config = load_collector_config(tmp_path / "collector.yaml")
    found = who_reads(config, load_access(config.http.web_config))
    assert (found.status, words in found.found) == (status, True)


def test_a_configuration_that_is_wrong_is_the_only_thing_that_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text("agent: a\nlabels: {site: s}\ndevices: [{id: x}]\n", encoding="utf-8")
    assert main(["doctor", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("failed   configuration  ")
    assert "devices[0]: host is required" in lines[1]
    assert lines[-1] == "1 ok, 0 warnings, 1 failed (configuration)"


def test_the_fault_of_a_disk_is_named(tmp_path: Path) -> None:
    assert check_disk("outbox", tmp_path / "outbox.db").status == "ok"
    missing = check_disk("outbox", tmp_path / "none" / "outbox.db")
    assert (missing.status, missing.remedy) == (
        "failed",
        f"create it: mkdir -p {tmp_path}/none, and give it to the service's account",
    )


@pytest.mark.parametrize("place", ["/proc/outbox.db", "/sys/outbox.db", "/sys/none/outbox.db"])
def test_the_file_systems_of_the_kernel_take_no_outbox_of_root_either(place: str) -> None:
    if not Path(place).parents[-2].is_dir():
        pytest.skip("only Linux has it")
    found = check_disk("outbox", Path(place))
    assert (found.status, found.check) == ("failed", "outbox")


def test_a_disk_in_memory_without_a_limit_is_no_fault() -> None:
    # It has no blocks either.
    assert check_disk("outbox", Path("/dev/shm/outbox.db")).status != "failed"  # noqa: S108 - nothing is written


def test_the_last_line_names_no_more_checks_than_fit_it() -> None:
    silent = [Finding(f"device d{number}", "failed", "timeout") for number in range(7)]
    last = render_findings(silent, "table").splitlines()[-1]
    assert last == ("0 ok, 0 warnings, 7 failed (device d0, device d1, device d2, device d3, device d4 and 2 more)")


@pytest.mark.parametrize(
    ("most", "needed", "status", "found"),
    [
        (4096, 4096, "ok", "at most 4,096, about 4,096 needed"),
        (4096, 4097, "failed", "at most 4,096 files can be open, about 4,097 are needed"),
        (resource.RLIM_INFINITY, 2**40, "ok", "no limit, about 1,099,511,627,776 needed"),
    ],
)
def test_more_devices_than_descriptors_are_reported(
    most: int, needed: int, status: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, most))
    seen = check_descriptors(needed)
    assert (seen.status, seen.found) == (status, found)
    assert (seen.status == "failed") == ("LimitNOFILE" in seen.remedy)


async def test_each_device_that_is_polled_needs_four_descriptors_and_a_list_in_memory_is_a_warning(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    device = "  - {{id: ups-{at}, host: 127.0.0.2, credential: c, enabled: {enabled}}}\n"
    devices = "".join(device.format(at=at, enabled="true" if at < 300 else "false") for at in range(400))
    text = (
        "agent: gw-1\nlabels: {site: t1}\nbroker: {port: 9}\noutbox: {mode: memory}\n"
        f"credentials: {{c: {{community: public}}}}\ndevices:\n{devices}"
    )
    _, findings = await doctor(capfd, tmp_path / "agent.yaml", text, "--no-devices")
    assert "about 1,400" in of(findings, "descriptors")["found"]
    assert "400 devices, 300 enabled" in of(findings, "configuration")["found"]
    outbox = of(findings, "outbox")
    assert outbox["status"] == "warning"
    assert outbox["found"] == "in memory: messages that wait are lost when the agent ends"


def test_a_disk_on_which_an_outbox_does_not_fit_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, status in ((1024**3, "ok"), (1024**3 - 1, "warning")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        seen = check_disk("outbox", tmp_path / "outbox.db")
        assert (seen.status, seen.found) == (status, f"{tmp_path / 'outbox.db'}: 1.0 GiB free")


@pytest.mark.parametrize(("state", "status"), [(0, "ok"), (1, "ok"), (5, "warning"), (-1, None)])
def test_a_clock_is_synchronised_or_not_or_nobody_can_say(
    state: int, status: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As adjtimex(2) says: 5 is a clock that nothing disciplines, 1 one before a leap second, -1 that it may not be asked."""
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace(adjtimex=lambda _: state))
    found = check_clock()
    assert (found.status if found is not None else None) == status


def test_a_clock_that_was_never_set_is_reported_by_doctor_and_at_the_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    warn_of_unset_clock()
    assert caplog.text == ""
    monkeypatch.setattr(time, "time", lambda: 86_400.0)
    seen = check_clock()
    assert seen is not None
    assert (seen.status, seen.found) == ("failed", "says 1970-01-02, so it was never set")
    warn_of_unset_clock()
    assert "the clock says 1970-01-02, so it was never set, and times are wrong until it is: set it" in caplog.text


@pytest.mark.parametrize(("days", "status"), [(15, "ok"), (13, "warning")])
def test_doctor_shows_when_the_agents_certificate_ends_and_takes_its_account_from_the_name_in_it(
    days: int, status: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pki = tmp_path / "pki"
    make_certificates(pki, "ca", "cas1")
    make_certificates(pki, "agent", "cas1/gw-1", days=days)
    own = pki / "agents" / "cas1" / "gw-1"
    path = tmp_path / "agent.yaml"
    files = f"ca_file: {pki / 'ca.crt'}, cert_file: {own}.crt, key_file: {own}.key"
    text = f"agent: gw-1\nlabels: {{site: cas1}}\nbroker: {{port: {free_port()}, tls: true, {files}}}\ndevices: []\n"
    path.write_text(text, encoding="utf-8")
    main(["doctor", str(path), "--no-devices", "--output", "json"])
    findings = json.loads(capsys.readouterr().out)
    found = of(findings, "certificates")
    assert found["status"] == status
    assert found["found"].startswith("cas1/gw-1 ends 20")
    assert "account cas1/gw-1 (by its certificate): " in of(findings, "broker")["found"]


def test_a_certificate_that_has_ended_is_a_failure_and_the_first_to_end_is_named() -> None:
    found = check_certificates([Certificate("later", 4_000_000_000.0), Certificate("web", 1_700_000_000.0)])
    assert found == Finding("certificates", "failed", "web ended 2023-11-14", "renew it (docs/how-to/broker.md, Renew)")
    assert check_certificates([]) is None


def test_a_file_without_secrets_may_be_read_by_everybody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent.yaml"
    text = "agent: a\nlabels: {site: s}\nbroker: {port: 1, username: a, password: env:DOCTOR_PW}\ndevices: []\n"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("DOCTOR_PW", "x")
    main(["doctor", str(path), "--no-devices", "--output", "json"])
    assert of(json.loads(capsys.readouterr().out), "permissions")["status"] == "ok"
    path.write_text(text.replace("env:DOCTOR_PW", "hunter2"), encoding="utf-8")
    main(["doctor", str(path), "--no-devices", "--output", "json"])
    printed = capsys.readouterr().out
    assert of(json.loads(printed), "permissions")["status"] == "failed"
    assert "hunter2" not in printed
    path.chmod(0o640)
    main(["doctor", str(path), "--no-devices", "--output", "json"])
    assert of(json.loads(capsys.readouterr().out), "permissions")["status"] == "ok"


@pytest.mark.parametrize(
    ("line", "is_secret"),
    [
        ("password: hunter2", True),
        ("password: 'hunter2'", True),
        ("community: private", True),
        ("auth_key: k", True),
        ("priv_key: k", True),
        ("token: t", True),
        ("{username: a, password: hunter2}", True),
        ("community: public-but-not-quite", True),
        ("password: nullable", True),
        ("password: null-and-void", True),
        ("password: ~/x", True),
        ("password: environment", True),
        ("password: public", True),  # only a community is known to all
        ('"password": hunter2', True),
        ("broker: {'password': hunter2}", True),
        ("credentials:\n  v3: {auth_key : k}", True),
        ("broker:\n  password:\n    hunter2", True),
        ("# password: hunter2", True),
        ('"password": "env:PW"', False),
        ("'community': public", False),
        ("broker:\n  password:\n    env:PW", False),
        ("password: env:PW", False),
        ("password: 'env:PW'", False),
        ('password: "file:/etc/pw"', False),
        ("token: credential:token", False),
        ("community: public", False),
        ("community: 'public'  # as shipped", False),
        ("{community: public}", False),
        ("{community: public, port: 161}", False),
        ("password: null", False),
        ("password: ~", False),
        ("password:\nusername: a", False),
        ("password: # none\nusername: a", False),
        ("web_config: web.yml", False),
    ],
)
def test_a_secret_in_a_file_that_everybody_can_read_is_found(line: str, tmp_path: Path, *, is_secret: bool) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(f"agent: a\n{line}\n", encoding="utf-8")
    path.chmod(0o604)
    found = check_secrets(path)
    assert found is not None
    assert (found.status, "chmod 640" in found.remedy) == (("failed", True) if is_secret else ("ok", False))
    path.chmod(0o640)
    readable_by_group = check_secrets(path)
    assert readable_by_group is not None
    assert readable_by_group.status == "ok"


def test_what_systemd_creates_at_the_first_start_is_not_a_failure_before_it() -> None:
    place = Path("/var/lib/rackflow-collector")
    if place.exists():
        pytest.skip("the collector's unit has run on this machine")
    found = check_disk("ledger", place / "ledger.db")
    assert (found.status, found.found) == ("warning", f"{place} is not there yet")


def test_a_table_keeps_the_lines_of_a_remedy_and_counts_in_plain_english() -> None:
    silent = Finding("device d1", "failed", "timeout: no answer", "one of these:\nthe address\nthe port")
    assert render_findings([silent, Finding("clock", "warning", "nothing synchronises it")], "table") == (
        "failed   device d1  timeout: no answer\n"
        "                    -> one of these:\n"
        "                    -> the address\n"
        "                    -> the port\n"
        "warning  clock      nothing synchronises it\n"
        "0 ok, 1 warning (clock), 1 failed (device d1)"
    )


async def test_a_silent_device_has_a_line_for_each_reason(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    text = AGENT.format(port=port, password="pw", folder=tmp_path, snmp=port)
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as deaf:
        deaf.bind(("127.0.0.2", port))  # it takes every request and answers none
        _, findings = await doctor(capfd, tmp_path / "agent.yaml", text)
    assert len(of(findings, "device ups-1")["remedy"].split("\n")) > 3
