"""SIGHUP waits while a service starts: systemd takes a process that it ends for one that ended well, and starts no other."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rackflow.process.commands import EXIT_CONFIG
from rackflow.process.hang_up import hang_up_waits
from tests.servers.captures import REPOSITORY
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.waiting import eventually

# SIGHUP comes when the module of the command begins to be imported, long before there is a handler.
PROGRAM = """
import os, signal, sys

class Hangup:
    def find_spec(self, name, *_):
        if name == sys.argv[1] + ".commands_run":
            os.kill(os.getpid(), signal.SIGHUP)

sys.meta_path.insert(0, Hangup())
side = __import__(sys.argv[1] + ".cli", fromlist=["main"])
sys.exit(side.main(sys.argv[2:]))
"""


def agent_config(broker: Mosquitto, _: Path) -> dict[str, object]:
    return {"agent": "gw-1", "labels": {"site": "t1"}, "broker": {"port": broker.port}, "devices": []}


def collector_config(broker: Mosquitto, folder: Path) -> dict[str, object]:
    return {
        "broker": {"port": broker.port},
        "store": {"kind": "file", "path": str(folder / "points")},
        "dead_letter": str(folder / "dead.jsonl"),
        "listen": f"127.0.0.1:{free_port()}",
    }


@pytest.mark.parametrize(
    ("side", "make", "says"),
    [("agent", agent_config, "reloaded removed=0"), ("collector", collector_config, "SIGHUP does not reload")],
)
async def test_a_hang_up_during_the_start_is_handled_once_it_has_started(
    mosquitto: Mosquitto, tmp_path: Path, side: str, make: object, says: str
) -> None:
    assert callable(make)
    config = tmp_path / f"{side}.yaml"
    config.write_text(json.dumps(make(mosquitto, tmp_path)), encoding="utf-8")
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, side, "run", str(config)), cwd=REPOSITORY, stderr=stderr
        )
    try:
        await eventually(
            lambda: process.returncode is not None or says in log.read_text(encoding="utf-8"), "handled", timeout_s=60
        )
        assert process.returncode is None, log.read_text(encoding="utf-8")
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("side", ["agent", "collector"])
def test_a_start_that_fails_says_so_by_its_status_although_a_hang_up_came(tmp_path: Path, side: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, side, "run", str(tmp_path / "missing.yaml")],
        cwd=REPOSITORY,
        check=False,
        stderr=subprocess.PIPE,
    )
    assert ended.returncode == EXIT_CONFIG, ended.stderr
    assert b"missing.yaml" in ended.stderr


def test_programs_that_are_started_later_inherit_no_mask() -> None:
    """A broker of a test, or an editor, would never get its SIGHUP."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with hang_up_waits():
        assert signal.SIGHUP in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    asked = subprocess.run(
        [sys.executable, "-c", "import signal; print(signal.SIGHUP in signal.pthread_sigmask(signal.SIG_BLOCK, ()))"],
        check=True,
        stdout=subprocess.PIPE,
    )
    assert asked.stdout.split() == [b"False"]
