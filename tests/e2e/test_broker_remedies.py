"""An agent and a collector that get no connection to their broker log what to check."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.influxdb import InfluxEngine, InfluxFront
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port

AGENT = "agent: gw-1\nlabels: {{site: t1}}\nbroker: {broker}\ndevices: []\n"
COLLECTOR = """broker: {broker}
store: {{kind: file, path: {folder}/points}}
dead_letter: {folder}/dead.jsonl
listen: 127.0.0.1:0
"""
ACCOUNT = "check broker.username and broker.password"


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    folder = tmp_path / "broker"
    folder.mkdir()
    server = Mosquitto(folder, passwords={"a": "right"})
    server.start()
    yield server
    server.stop()


def complaint(side: str, config: str, folder: Path) -> str:
    """What it logs when it is not connected, the first time."""
    path = folder / f"{side}.yaml"
    path.write_text(config, encoding="utf-8")
    words = [sys.executable, "-m", side, "run", str(path)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=os.environ, cwd=folder) as process:
        assert process.stderr is not None
        try:
            return next((line for line in process.stderr if "not connected" in line), "it ended without naming it")
        finally:
            process.kill()


@pytest.mark.parametrize(("side", "text"), [("agent", AGENT), ("collector", COLLECTOR)])
@pytest.mark.parametrize(
    ("broker", "remedy"),
    [
        ("{port: UNUSED}", "Connection refused; check broker.host and broker.port, and that the broker runs"),
        ("{port: PORT, username: a, password: wrong}", ACCOUNT),
        ("{port: PORT, username: a, password: right, tls: true}", "broker.port"),
        ("{host: no-such-host.invalid}", "check the name, and this machine's DNS servers"),
    ],
)
def test_a_program_that_gets_no_connection_logs_what_to_check(
    side: str, text: str, broker: str, remedy: str, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    broker = broker.replace("UNUSED", str(free_port())).replace("PORT", str(mosquitto.port))
    assert remedy in complaint(side, text.format(broker=broker, folder=tmp_path), tmp_path)


@pytest.mark.parametrize(("side", "text"), [("agent", AGENT), ("collector", COLLECTOR)])
def test_a_web_server_in_place_of_the_broker_is_called_something_else(side: str, text: str, tmp_path: Path) -> None:
    for folder in ("engine", "front"):
        (tmp_path / folder).mkdir()
    # nginx alone: nothing listens where it forwards to.
    engine = InfluxEngine(tmp_path / "engine")
    engine.port = free_port()
    web = InfluxFront(tmp_path / "front", engine)
    web.start()
    try:
        said = complaint(side, text.format(broker=f"{{port: {web.port}}}", folder=tmp_path), tmp_path)
    finally:
        web.stop()
    assert "see whether broker.port is that of an MQTT 5 broker: something else answers there" in said
