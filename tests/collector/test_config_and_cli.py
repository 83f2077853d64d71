"""Configuration faults are one line and exit 78; the command runs, listens, and stops cleanly on SIGTERM."""

import asyncio
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from collector.budgets import AgentBudget
from collector.cli import main
from collector.config import CollectorConfig, load_collector_config
from collector.run import Collector
from rackflow.errors import ConfigError
from rackflow.process.config import check_config
from tests.collector.derive.hall import HALL
from tests.collector.documents import batch
from tests.collector.running import config_for, publish, publisher
from tests.servers.captures import REPOSITORY
from tests.servers.deployed_broker import make_certificates
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.waiting import PATIENCE_S, eventually
from tests.servers.web import answers, request

BAD = sorted((Path(__file__).parent / "bad_config").glob("*.yaml"))
SECRET = "hunter2-hunter2"
ACCOUNT = "broker: {{tls: true, cert_file: {folder}/pki/collectors/collector.crt, key_file: {folder}/pki/collectors/collector.key}}"


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
@pytest.mark.parametrize("command", ["check", "run"])
def test_bad_configuration_is_one_line_and_exit_78(
    file: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names file, key and remedy; nothing is started."""
    expected = file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# expect: ")
    assert main([command, str(file)]) == 78
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = captured.err.splitlines()
    assert line.startswith(str(file))
    assert line.endswith(expected)


def test_a_missing_file_is_a_bad_configuration_and_no_command_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is not there is a bad configuration; no command is a usage error."""
    assert main(["check", str(tmp_path / "none.yaml")]) == 78
    assert capsys.readouterr().err == f"{tmp_path / 'none.yaml'}: no such file; correct the path\n"
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2


def write_config(folder: Path, **more: object) -> Path:
    """A good configuration."""
    data = {
        "store": {"kind": "file", "path": str(folder / "points")},
        "dead_letter": str(folder / "dead.jsonl"),
        "listen": f"127.0.0.1:{free_port()}",
        **more,
    }
    file = folder / "collector.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    return file


def test_check_says_ok_and_secrets_do_not_leak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither repr nor a dump shows a password or token."""
    store = {"kind": "influxdb", "url": "http://127.0.0.1:1", "bucket": "b", "token": SECRET}
    file = write_config(tmp_path, store=store, broker={"username": "u", "password": SECRET})
    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: ok\n"
    config = load_collector_config(file)
    assert SECRET not in repr(config) + str(config) + json.dumps(config.model_dump(mode="json"))


def test_carbon_factors_are_beside_the_configuration_and_check_says_if_they_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They were looked for in the folder in which the collector was started, and nobody was told. It starts without them, though."""
    file = write_config(tmp_path, carbon={"path": "factors.csv"})
    factors = tmp_path / "factors.csv"
    assert main(["check", str(file)]) == 78
    line = next(at for at, each in enumerate(file.read_text().splitlines(), 1) if "factors.csv" in each)
    assert capsys.readouterr().err == f"{file}:{line}: carbon.path: {factors}: no such file; correct the path\n"
    config = load_collector_config(file)
    assert config.carbon is not None
    assert config.carbon.path == factors
    factors.write_text("time,grams_per_kwh\n", encoding="utf-8")
    assert main(["check", str(file)]) == 0


def test_port_in_use_is_one_line_and_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        file = write_config(tmp_path, listen=listen, log_level="error")
        assert main(["run", str(file)]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{file}: listen: {listen} cannot be used: ")
    assert "address already in use" in line.lower()


def test_store_that_cannot_be_written_is_one_line_and_exit_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "points").write_text("", encoding="utf-8")
    assert main(["run", str(write_config(tmp_path, log_level="error"))]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert "store.path: " in line


async def test_sigterm_stops_it_cleanly_with_the_last_flush(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """What had arrived is on disk, though no flush was due, and the exit status is 0."""
    store = {"kind": "file", "path": str(tmp_path / "points"), "flush_s": 60.0}
    file = write_config(tmp_path, broker={"port": mosquitto.port}, store=store)
    url = f"http://{load_collector_config(file).listen}"
    command = (sys.executable, "-m", "collector", "run", str(file))
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=subprocess.PIPE)
    try:
        await eventually(lambda: answers(f"{url}/readyz"), "ready", timeout_s=60)
        # What reloads an agent would end a collector for good: systemd takes it for a clean end.
        process.send_signal(signal.SIGHUP)
        async with publisher(mosquitto.port) as client:
            await publish(client, batch())
        await eventually(lambda: answers(f"{url}/healthz"), "healthy")
        name = b"dcim_collector_messages_received_total 1.0"
        await eventually(lambda: name in request(f"{url}/metrics").body, "received")
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            _, log = await process.communicate()
        assert process.returncode == 0
        assert b"Traceback" not in log
        assert b"SIGHUP does not reload a collector; restart it" in log
        assert log.splitlines()[-1].endswith(b'msg="stopped client=rackflow-collector"')
        [points] = (tmp_path / "points").glob("*.lp.gz")
        assert len(gzip.decompress(points.read_bytes()).splitlines()) == 2
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize(
    "named",
    [
        {"broker": {"tls": True, "ca_file": "FILE"}},
        {"site_file": "FILE"},
        {"http": {"web_config": "FILE"}},
    ],
    ids=lambda each: next(iter(each)),
)
def test_a_collector_in_a_program_refuses_a_file_that_is_none_before_it_creates_anything(
    named: dict[str, object], tmp_path: Path
) -> None:
    """The command has checked all of them; a program that makes a `Collector` of a configuration has not."""
    file = tmp_path / "named"
    file.write_text("- neither a certificate\n- nor a site\n", encoding="utf-8")
    config = config_for(free_port(), tmp_path, **json.loads(json.dumps(named).replace("FILE", str(file))))

    async def run() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await Collector(config).run()

    with pytest.raises(ConfigError):
        asyncio.run(run())
    assert list(tmp_path.iterdir()) == [file]


def test_one_agent_may_poll_a_whole_large_site_unless_a_budget_says_otherwise() -> None:
    def budget(**budgets: object) -> tuple[int, int]:
        data = {"store": {"kind": "file", "path": "points"}, "dead_letter": "dead", "budgets": budgets}
        common = check_config(data, CollectorConfig, "test").agent_budgets(site_devices=3000).common
        return common.devices, common.series

    assert budget() == (3000, 200_000)
    assert budget(devices=500) == (500, 200_000)
    assert budget(series=10_000) == (500, 10_000)
    plain = check_config({"store": {"kind": "file", "path": "p"}, "dead_letter": "d"}, CollectorConfig, "test")
    assert plain.agent_budgets().common.devices == 400
    # The twelve families of a campus cost 54 series a device: as many devices as an agent may have fit with all that they say.
    assert plain.agent_budgets().common.series >= 400 * 54
    assert plain.agent_budgets().common.bytes >= 400 * (3_000 + 54 * 800)


def test_files_beside_the_dead_letters_are_named_for_the_collector_and_are_found_again_after_an_upgrade() -> None:
    """Two collectors of one folder would write over each other's; and under another name energy and problems would begin anew."""
    data = {"store": {"kind": "file", "path": "points"}, "dead_letter": "dead", "client_id": "a:1"}
    names = {key: path.name for key, path in check_config(data, CollectorConfig, "test").written_paths().items()}
    assert names == {
        "dead_letter": "dead",
        "owners": "owners-a_1.db",
        "ledger": "ledger-a_1.db",
        "derive.state": "books-a_1.db",
        "problems.state": "problems-a_1.json",
        "store.path": "points",
    }


def test_every_command_finds_mistakes_in_the_file_of_maintenance_windows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also the start: a collector without the windows would wake people for the work that is in them."""
    (tmp_path / "windows.yaml").write_text("version: 1\nwindows: [{}]\n", encoding="utf-8")
    assert main(["rules", str(write_config(tmp_path, problems={"maintenance": "windows.yaml"}))]) == 78
    assert capsys.readouterr().err.startswith(f"{tmp_path / 'windows.yaml'}:2: windows[0]")


def test_a_single_agent_has_what_its_own_budget_says_and_else_what_all_have() -> None:
    budgets = {
        "devices": 300,
        "series": 50_000,
        "bytes": 1_000_000,
        "agents": 7,
        "sites": 3,
        "agent": {
            "s": {"a": {"devices": 5}, "b": {"series": 2_000}, "c": {"bytes": 70_000}, "d": {"series": 10}},
        },
    }
    data = {"store": {"kind": "file", "path": "points"}, "dead_letter": "dead", "budgets": budgets}
    found = check_config(data, CollectorConfig, "test").agent_budgets(site_devices=3000)
    assert (found.common, found.agents, found.sites) == (AgentBudget(300, 50_000, 1_000_000), 7, 3)
    assert found.own == {
        ("s", "a"): AgentBudget(5, 50_000, 1_000_000),
        # A device costs series, and half of them are for readings.
        ("s", "b"): AgentBudget(100, 2_000, 1_000_000),
        ("s", "c"): AgentBudget(300, 50_000, 70_000),
        ("s", "d"): AgentBudget(1, 10, 1_000_000),
    }


@pytest.mark.parametrize(
    ("lines", "key", "other"),
    [
        ("outbox: {path: dead.jsonl}", "outbox.path", "dead_letter"),
        ("outbox: {path: ./kept/../dead.jsonl}", "outbox.path", "dead_letter"),
        ("ledger: dead.jsonl", "ledger", "dead_letter"),
        ("outbox: {path: a.db}\nderive: {state: a.db}", "derive.state", "outbox.path"),
        ("problems: {state: points}", "store.path", "problems.state"),
        ("outbox: {path: ledger-rackflow-collector.db}", "outbox.path", "ledger"),
        ("derive: {state: owners-rackflow-collector.db}", "derive.state", "owners"),
    ],
)
def test_two_keys_never_write_one_file(
    lines: str, key: str, other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An outbox at the path of the dead letters set them aside as a damaged outbox."""
    path = tmp_path / "collector.yaml"
    path.write_text(f"store: {{kind: file, path: points}}\ndead_letter: dead.jsonl\n{lines}\n", encoding="utf-8")
    assert main(["check", str(path)]) == 78
    assert f"{key}: is the path of `{other}`, too; give each its own" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "key", "owner"),
    [
        ("dead_letter: {config}", "dead_letter", "this configuration itself"),
        ("dead_letter: dead.jsonl\nledger: {folder}/link.yaml", "ledger", "this configuration itself"),
        (
            "dead_letter: dead.jsonl\nsite_file: site.yaml\noutbox: {{path: {folder}/site.yaml}}",
            "outbox.path",
            "of `site_file`",
        ),
        (
            "dead_letter: {folder}/factors.csv\ncarbon: {{path: {folder}/factors.csv}}",
            "dead_letter",
            "of `carbon.path`",
        ),
        *(
            (
                f"dead_letter: dead.jsonl\n{read}\nderive: {{{{state: {{folder}}/{file}}}}}",
                "derive.state",
                f"of `{owner}`",
            )
            for read, file, owner in (
                ("problems: {{limits: {folder}/limits.yaml}}", "limits.yaml", "problems.limits"),
                ("problems: {{maintenance: {folder}/windows.yaml}}", "windows.yaml", "problems.maintenance"),
                ("http: {{web_config: {folder}/web.yaml}}", "web.yaml", "http.web_config"),
                ("broker: {{tls: true, ca_file: {folder}/pki/ca.crt}}", "pki/ca.crt", "broker.ca_file"),
                (ACCOUNT, "pki/collectors/collector.crt", "broker.cert_file"),
                (ACCOUNT, "pki/collectors/collector.key", "broker.key_file"),
            )
        ),
    ],
)
def test_no_file_that_the_collector_reads_is_written_over(
    lines: str, key: str, owner: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first dead letter would have been appended to the configuration."""
    path = tmp_path / "collector.yaml"
    (tmp_path / "link.yaml").symlink_to(path)
    (tmp_path / "site.yaml").write_text(HALL.read_text(encoding="utf-8"), encoding="utf-8")
    for file, content in (("limits.yaml", "problems: {}\n"), ("windows.yaml", "version: 1\n"), ("web.yaml", "{}\n")):
        (tmp_path / file).write_text(content, encoding="utf-8")
    if "pki" in lines:
        make_certificates(tmp_path / "pki", "ca", "cas1")
        make_certificates(tmp_path / "pki", "collector", "collector")
    text = lines.format(config=path, folder=tmp_path)
    path.write_text(f"store: {{kind: file, path: points}}\n{text}\n", encoding="utf-8")
    assert main(["check", str(path)]) == 78
    said = capsys.readouterr().err
    assert f"{key}: is the file {owner}, which would be written over; name another" in said
    line = next(at for at, each in enumerate(text.splitlines(), 2) if each.startswith(key.partition(".")[0]))
    assert f"{path}:{line}: " in said


def test_check_refuses_a_folder_in_place_of_a_file_and_a_file_in_place_of_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, points, dead = tmp_path / "collector.yaml", tmp_path / "points", tmp_path / "dead.jsonl"
    path.write_text(f"store: {{kind: file, path: {points}}}\ndead_letter: {dead}\n", encoding="utf-8")
    points.touch()
    dead.mkdir()
    assert main(["check", str(path)]) == 78
    said = capsys.readouterr().err
    assert f"dead_letter: {dead} is no regular file; name a file in it" in said
    assert f"store.path: {points} is no folder; choose another path" in said


def test_a_list_of_something_else_is_named_by_its_key_alone() -> None:
    with pytest.raises(ConfigError) as raised:
        check_config({"sites": [{"id": "cas1"}]}, CollectorConfig, "c")
    assert "c: sites[0]: is a section, and a single text is expected; write one" in str(raised.value)
    assert "[constrained-str]" not in str(raised.value)
