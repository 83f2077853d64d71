"""The broker as deploy/ sets it up: its configurations, access list and start script in a real Mosquitto."""

import getpass
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rackflow.process.mqtt import BrokerError
from tests.servers.deployed_broker import adapted
from tests.servers.mqtt_account import DENIED, connected, with_password
from tests.servers.ports import accepts
from tests.servers.process import Server, find_program

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
ACL = DEPLOY / "mosquitto" / "rackflow.acl"


class StartedByScript(Server):
    """Mosquitto as compose starts it, below another folder."""

    program = "sh"
    package = "dash"

    def command(self) -> list[str]:
        """See `Server.command`."""
        for name in ("config", "data"):
            (self.folder / name).mkdir(exist_ok=True)
        shipped = (DEPLOY / "compose" / "mosquitto.conf").read_text(encoding="utf-8")
        # Started by root it would change to a user who cannot read a test's folder.
        own = f"user {getpass.getuser()}\nlog_dest stdout\n"
        text = adapted(shipped, [self.port], {"/mosquitto/": self.folder}) + own
        (self.folder / "config" / "mosquitto.conf").write_text(text, encoding="utf-8")
        (self.folder / "config" / "rackflow.acl").write_text(ACL.read_text(encoding="utf-8"), encoding="utf-8")
        return [str(DEPLOY / "compose" / "start-mosquitto.sh")]

    def ready(self) -> bool:
        """See `Server.ready`."""
        return accepts(self.port)


@pytest.fixture
def compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StartedByScript]:
    server = StartedByScript(tmp_path / "compose")
    monkeypatch.setenv("FOLDER", str(server.folder))
    for name in ("AGENT", "COLLECTOR", "MONITOR"):
        monkeypatch.setenv(f"RACKFLOW_{name}_PASSWORD", name.lower())
    # Debian keeps the broker where a plain user's PATH does not look.
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin")
    with server.serving():
        yield server


async def test_compose_gives_each_of_its_accounts_its_rights(compose: StartedByScript) -> None:
    """What the accounts may do in detail is in test_deploy_accounts.py; the access list is the same file."""
    own = "rackflow/v1/compose/compose-agent/status"
    with pytest.raises(BrokerError):
        async with connected(with_password(compose.port, "rackflow-collector", "wrong")):
            pass
    async with (
        connected(with_password(compose.port, "rackflow-collector", "collector")) as collector,
        connected(with_password(compose.port, "compose/compose-agent", "agent")) as agent,
        connected(with_password(compose.port, "monitor", "monitor")) as monitor,
    ):
        await collector.subscribe("rackflow/v1/#")
        await monitor.subscribe("$SYS/broker/uptime")
        assert await agent.publish("rackflow/v1/compose/other/status", b"forged") == DENIED
        assert await agent.publish(own, b"own") == 0
        await collector.wait_for(own, b"own")
        await monitor.wait_for_topic("$SYS/broker/uptime")
        assert {topic for topic, _ in monitor.received} == {"$SYS/broker/uptime"}
    assert (compose.folder / "data" / "passwords").read_text(encoding="utf-8").count(":$7$") == 3


def health_of_compose(port: int, password: str) -> int:
    """Exit status of the broker's health check, as the container's runtime runs it, here with a port."""
    services = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    how, words = services["mosquitto"]["healthcheck"]["test"]
    assert how == "CMD-SHELL"
    program = find_program("mosquitto_sub", "mosquitto-clients")
    # Compose makes one dollar of two; the shell sees the rest.
    text = words.replace("$$", "$").replace("mosquitto_sub ", f"{program} -p {port} ")
    environment = {"RACKFLOW_MONITOR_PASSWORD": password}
    return subprocess.run(["/bin/sh", "-c", text], env=environment, timeout=60, check=False).returncode


def test_the_health_check_of_compose_gets_an_answer_and_notices_a_wrong_password(compose: StartedByScript) -> None:
    assert health_of_compose(compose.port, "monitor") == 0
    assert health_of_compose(compose.port, "wrong") != 0


@pytest.mark.parametrize("password", ["correct:horse", "correct ", " correct"])
def test_a_password_that_would_be_cut_short_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    """`mosquitto_passwd -U` took `correct` for the first one: the agent was refused, and whoever guessed the word was not."""
    (tmp_path / "data").mkdir()
    passwords = {"AGENT": "a", "COLLECTOR": password, "MONITOR": "m"}
    for name, text in passwords.items():
        monkeypatch.setenv(f"RACKFLOW_{name}_PASSWORD", text)
    monkeypatch.setenv("FOLDER", str(tmp_path))
    script = DEPLOY / "compose" / "start-mosquitto.sh"
    done = subprocess.run(["sh", str(script)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "has a colon" in done.stderr) == (1, True)
    assert password not in done.stderr
    assert not (tmp_path / "data" / "passwords").exists()


def test_both_brokers_have_the_same_limits() -> None:
    wanted = r"^((?:max_|memory_|autosave_|persistent_|allow_|use_)\w+ .+|persistence true)$"
    settings = [
        set(re.findall(wanted, (DEPLOY / folder / "mosquitto.conf").read_text(encoding="utf-8"), re.MULTILINE))
        for folder in ("compose", "mosquitto")
    ]
    assert settings[0] == settings[1]
    assert len(settings[0]) == 13
