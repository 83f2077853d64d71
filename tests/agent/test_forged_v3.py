"""Forged SNMPv3 answers to a whole agent and to the commands: what they print, what is counted."""

import asyncio
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli import main
from rackflow.process.limits import OPEN_FILES
from tests.agent.running import listening
from tests.agent.snmp.forger import Forger
from tests.agent.snmp.v3_messages import V3
from tests.servers.mosquitto import Mosquitto
from tests.servers.snmpd import AUTH_KEY, PRIV_KEY, Snmpd
from tests.servers.waiting import eventually

CONFIG = """
agent: gw-1
labels: {{site: t1}}
broker: {{port: {broker}}}
credentials: {{v3: {{version: "3", user: sha256, auth: sha256, auth_key: {auth}, priv: aes128, priv_key: {priv}}}}}
intervals: {{normal: 0.5}}
devices: [{{id: ups-1, host: 127.0.0.1, port: {port}, credential: v3, timeout_s: {timeout}, retries: 0, engine: {engine}}}]
"""


def write_config(folder: Path, port: int, broker: int = 1, engine: str = "gufo", timeout_s: float = 1.0) -> Path:
    path = folder / "agent.yaml"
    text = CONFIG.format(port=port, broker=broker, engine=engine, timeout=timeout_s, auth=AUTH_KEY, priv=PRIV_KEY)
    path.write_text(text, encoding="utf-8")
    return path


def wrong_code(_: bytes, answer: bytes) -> list[bytes]:
    message = V3.parse(answer)
    return [replace(message, mac=bytes(len(message.mac))).encode()]


@pytest.mark.parametrize("engine", ["gufo", "pysnmp"])
@pytest.mark.parametrize("command", ["read", "discover", "walk"])
async def test_commands_take_the_true_answer_and_no_forged_one(
    snmpd: Snmpd, tmp_path: Path, capfd: pytest.CaptureFixture[str], engine: str, command: str
) -> None:
    async with Forger(snmpd.port).serving() as forger:
        path = str(write_config(tmp_path, forger.own_port, engine=engine))
        port = ["--port", str(forger.own_port)]
        line = {
            "read": ["read", "ups-1", "--config", path],
            "discover": ["discover", "127.0.0.1/32", "--config", path, *port],
            "walk": ["walk", "127.0.0.1", "--config", path, *port],
        }[command]
        forger.on_data = wrong_code
        status = await asyncio.to_thread(main, line)
        printed = capfd.readouterr()
        assert "answers cannot be verified" in printed.out + printed.err
        assert status == (0 if command == "discover" else 1)
        if command == "walk":
            return  # the true answers are those of test_forgeries.py
        write_config(tmp_path, forger.own_port, engine=engine, timeout_s=5.0)
        forger.on_data = lambda request, answer: [*wrong_code(request, answer), answer]
        await asyncio.to_thread(main, line)
        printed = capfd.readouterr()
        assert "Linux" in printed.out + printed.err, "its sysDescr"


async def test_a_whole_agent_publishes_how_many_it_refused(mosquitto: Mosquitto, snmpd: Snmpd, tmp_path: Path) -> None:
    key = "dcim_agent_snmp_refused_datagrams_total{peer=ups-1,reason=digest}"
    async with Forger(snmpd.port).serving() as forger, listening(mosquitto) as listener:
        forger.on_data = wrong_code
        config = write_config(tmp_path, forger.own_port, mosquitto.port)
        with (tmp_path / "agent.log").open("wb") as log:
            line = [sys.executable, "-m", "agent", "run", str(config)]
            agent = await asyncio.create_subprocess_exec(*line, stderr=log)
            try:
                await eventually(lambda: any(batch.values.get(key, 0) > 0 for batch in listener.batches("gw-1")), key)
                await eventually(
                    lambda: any(batch.error == "auth" for batch in listener.batches("ups-1")), "failed polls"
                )
            finally:
                agent.terminate()
                await agent.wait()
    assert "refused 1 SNMPv3 datagrams" in (tmp_path / "agent.log").read_text(encoding="utf-8")


def test_an_agent_may_open_as_many_files_as_the_system_allows() -> None:
    """Three for each SNMPv3 device; the usual limit is 1,024."""
    script = (
        "import resource\n"
        "from rackflow.process.limits import raise_open_files\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))\n"
        "raise_open_files()\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n"
    )
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert int(found.stdout) == (OPEN_FILES if hard < 0 else min(hard, OPEN_FILES))
