"""The broker as deploy/ sets it up: its configurations, access list and start script in a real Mosquitto."""

import asyncio
import getpass
import os
import re
from pathlib import Path

import aiomqtt
import pytest

from tests.servers.ports import accepts
from tests.servers.process import Server

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
ACL = DEPLOY / "mosquitto" / "rackflow.acl"


def adapted(conf: Path, port: int, places: dict[str, Path]) -> str:
    """The configuration with this port, this user, and its folders replaced."""
    text = re.sub(
        r"^listener \d+.*$", f"listener {port} 127.0.0.1", conf.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    for place, folder in places.items():
        text = text.replace(place, f"{folder}/")
    # Started by root it would change to a user who cannot read a test's folder.
    return f"{text}\nuser {getpass.getuser()}\nlog_dest stdout\n"


class StartedByScript(Server):
    """Mosquitto as compose starts it, below another folder."""

    program = "sh"
    package = "dash"

    def command(self) -> list[str]:
        """See `Server.command`."""
        for name in ("config", "data"):
            (self.folder / name).mkdir(exist_ok=True)
        text = adapted(DEPLOY / "compose" / "mosquitto.conf", self.port, {"/mosquitto/": self.folder})
        (self.folder / "config" / "mosquitto.conf").write_text(text, encoding="utf-8")
        (self.folder / "config" / "rackflow.acl").write_text(ACL.read_text(encoding="utf-8"), encoding="utf-8")
        return [str(DEPLOY / "compose" / "start-mosquitto.sh")]

    def ready(self) -> bool:
        """See `Server.ready`."""
        return accepts(self.port)


class ByHand(Server):
    """Mosquitto with the configuration for a host of its own, and the password file that the script made."""

    program = "mosquitto"
    package = "mosquitto"

    def command(self) -> list[str]:
        """See `Server.command`."""
        places = {"/etc/mosquitto/": self.folder, "/var/lib/mosquitto/": self.folder}
        text = adapted(DEPLOY / "mosquitto" / "mosquitto.conf", self.port, places)
        (self.folder / "mosquitto.conf").write_text(text, encoding="utf-8")
        (self.folder / "rackflow.acl").write_text(ACL.read_text(encoding="utf-8"), encoding="utf-8")
        return ["-c", str(self.folder / "mosquitto.conf")]

    def ready(self) -> bool:
        """See `Server.ready`."""
        return accepts(self.port)


def client(port: int, user: str, password: str) -> aiomqtt.Client:
    return aiomqtt.Client(
        "127.0.0.1", port, username=user, password=password, protocol=aiomqtt.ProtocolVersion.V5, timeout=5
    )


async def check_rights(port: int) -> None:
    """Passwords count, an agent writes below its own topic only, the collector reads and does not write."""
    with pytest.raises(aiomqtt.MqttError):
        async with client(port, "collector", "wrong"):
            pass
    async with client(port, "collector", "c") as collector, client(port, "compose-agent", "a") as agent:
        await collector.subscribe("rackflow/v1/#", qos=1)
        await collector.subscribe("$SYS/broker/uptime")
        # A broker tells an MQTT 5 client that a publish was refused, and delivers it to nobody; paho has no error for it.
        await agent.publish("rackflow/v1/s/other/status", b"forged", qos=1)
        await collector.publish("rackflow/v1/s/compose-agent/status", b"forged too", qos=1)
        await agent.publish("rackflow/v1/s/compose-agent/status", b"own", qos=1)
        seen = []
        async with asyncio.timeout(10):
            async for message in collector.messages:
                seen.append((message.topic.value, message.payload))
                if message.payload == b"own":
                    break
        await agent.subscribe("rackflow/v1/#", qos=1)
        await agent.publish("rackflow/v1/s/compose-agent/batch/d", b"unread", qos=1)
        await agent.publish("rackflow/v1/s/compose-agent/batch/d", b"unread", qos=1)
        assert len(agent.messages) == 0
    assert [payload for topic, payload in seen if not topic.startswith("$SYS")] == [b"own"]
    assert "$SYS/broker/uptime" in [topic for topic, _ in seen]


async def test_both_brokers_give_the_same_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compose = StartedByScript(tmp_path / "compose")
    monkeypatch.setenv("FOLDER", str(compose.folder))
    monkeypatch.setenv("RACKFLOW_AGENT_PASSWORD", "a")
    monkeypatch.setenv("RACKFLOW_COLLECTOR_PASSWORD", "c")
    # Debian keeps the broker where a plain user's PATH does not look.
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin")
    with compose.serving():
        passwords = (compose.folder / "data" / "passwords").read_text(encoding="utf-8")
        assert passwords.count(":$7$") == 2
        await check_rights(compose.port)
    by_hand = ByHand(tmp_path / "by-hand")
    (by_hand.folder / "rackflow.passwd").write_text(passwords, encoding="utf-8")
    with by_hand.serving():
        await check_rights(by_hand.port)


def test_both_brokers_have_the_same_limits() -> None:
    wanted = r"^((?:max_|autosave_|persistent_)\w+ .+|persistence true|allow_anonymous false)$"
    settings = [
        set(re.findall(wanted, (DEPLOY / folder / "mosquitto.conf").read_text(encoding="utf-8"), re.MULTILINE))
        for folder in ("compose", "mosquitto")
    ]
    assert settings[0] == settings[1]
    assert len(settings[0]) == 9
