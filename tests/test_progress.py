"""Commands that may wait for a network show on a terminal how far they are; tests of the others stand beside each command."""

import asyncio
import re
import time
from pathlib import Path

from agent.cli import main as agent
from collector.ledger.file import LedgerFile
from rackflow.command import main as rackflow
from rackflow.recording.snmprec import read_snmprec
from simulator.cli import main as simulator
from simulator.snmp import SnmpDevice
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.terminal import last_count, on_a_terminal

RECORDING = Path(__file__).resolve().parents[1] / "simulator" / "recordings" / "apc-ups.snmprec"


async def test_read_counts_its_requests() -> None:
    device = SnmpDevice(read_snmprec(RECORDING), host="127.0.0.2", port=free_port())
    port = str(await device.start())
    try:
        shown = await asyncio.to_thread(on_a_terminal, "read", "127.0.0.2", "--port", port, program=agent)
    finally:
        await device.stop()
    # How many there will be follows from the answers. After the bar, each of them is listed with its time.
    *_, done = re.findall(r"requests [━╸╺ ]+ (\d+)/\?", shown)
    assert int(done) == shown.count(" ms  ") > 1


def test_the_doctor_counts_what_it_waits_for(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(f"agent: a\nlabels: {{site: s}}\nbroker: {{port: {free_port()}}}\ndevices: []\n", encoding="utf-8")
    shown = on_a_terminal("doctor", str(path), program=agent, status=1)
    assert last_count(shown, "names and broker")[:2] == ("2", "2")
    path = tmp_path / "collector.yaml"
    store = f"store: {{kind: file, path: {tmp_path}/points}}\ndead_letter: {tmp_path}/dead.jsonl\n"
    path.write_text(f"broker: {{host: 127.0.0.1, port: {free_port()}}}\n{store}", encoding="utf-8")
    shown = on_a_terminal("doctor", str(path), status=1)
    assert last_count(shown, "names, broker, store")[:2] == ("3", "3")


def test_forget_counts_the_documents(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    server = Mosquitto(folder)
    server.start()
    try:
        path = tmp_path / "collector.yaml"
        store = f"store: {{kind: file, path: {tmp_path}/points}}\ndead_letter: {tmp_path}/dead.jsonl\n"
        path.write_text(f"broker: {{host: 127.0.0.1, port: {server.port}}}\n{store}", encoding="utf-8")
        shown = on_a_terminal("forget", str(path), "s/a/pdu-1")
    finally:
        server.stop()
    assert last_count(shown, "documents")[:2] == ("1", "1")


def test_the_ledger_counts_the_ledgers_that_it_reads(tmp_path: Path) -> None:
    paths = [tmp_path / "ledger-one.db", tmp_path / "ledger-two.db"]
    for each in paths:
        LedgerFile(each, 400, time.time).close()
    path = tmp_path / "collector.yaml"
    store = f"store: {{kind: file, path: {tmp_path}/points}}\ndead_letter: {tmp_path}/dead.jsonl\nledger: {paths[0]}\n"
    path.write_text(f"broker: {{host: 127.0.0.1}}\n{store}", encoding="utf-8")
    shown = on_a_terminal("ledger", str(path), "--with", str(paths[1]), status=1)
    assert last_count(shown, "ledgers")[:2] == ("2", "2")


def test_profiles_and_completion_count_what_they_read() -> None:
    shown = on_a_terminal("profiles", "list", program=agent)
    done, total, _ = last_count(shown, "profiles")
    assert int(done) == int(total) > 200
    shown = on_a_terminal("completion", "bash", program=rackflow)
    done, total, _ = last_count(shown, "commands")
    assert int(done) == int(total) > 10


def test_a_simulation_counts_what_it_builds_and_starts(tmp_path: Path) -> None:
    # A folder that is missing ends the command once all devices answer.
    more = ("--socket", str(tmp_path / "sim.sock"), "--agent-config", str(tmp_path / "absent" / "agent.yaml"))
    shown = on_a_terminal("run", "demo", *more, program=simulator, status=78)
    assert last_count(shown, "site read and built")[:2] == ("2", "2")
    assert last_count(shown, "devices")[:2] == ("26", "26")
