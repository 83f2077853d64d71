"""A collector stops within 10 s at whichever moment it is told to, and is noticed from outside when it stands still."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collector.run import Collector
from tests.collector.documents import batch
from tests.collector.running import STOP_WITHIN_S, config_for, publish, publisher, running, until
from tests.servers.captures import REPOSITORY
from tests.servers.loop_server import loop_server
from tests.servers.mosquitto import Mosquitto
from tests.servers.notify import NotifyListener
from tests.servers.ports import accepts, free_port
from tests.servers.waiting import eventually

BUSY_S = 60.0
"""What a busy machine may add to the start of a process."""


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 377, 1000, 5000])
async def test_a_collector_stops_after_any_number_of_turns(mosquitto: Mosquitto, tmp_path: Path, steps: int) -> None:
    outbox = {"path": str(tmp_path / "outbox.sqlite")}
    collector = Collector(config_for(mosquitto.port, tmp_path, outbox=outbox))
    task = asyncio.create_task(collector.run())
    for _ in range(steps):
        await asyncio.sleep(0)
    collector.stop()
    async with asyncio.timeout(STOP_WITHIN_S):
        await task


def open_files(folder: Path) -> set[str]:
    """The names of the files in this folder that this process has open."""
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that this looks with
            found.add(each.readlink())
    return {str(each.relative_to(folder)) for each in found if each.is_relative_to(folder)}


async def test_a_collector_that_has_stopped_has_no_file_open_and_listens_no_more(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Whatever it had opened: else the next one in this process finds its ledger in use."""
    config = config_for(mosquitto.port, tmp_path, outbox={"path": str(tmp_path / "outbox")})
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, batch("cdu-07"))
        await client.publish("rackflow/v1/cas1/gw-3/batch/cdu-07", b"no document", qos=1)
        await until(lambda: bool(one.collector.stats().points_stored), "stored")
        opened = [config.ledger_path, config.owners_path, config.records_path]
        await eventually(config.dead_letter.exists, "a dead letter")
        found = open_files(tmp_path)
        assert {str(each.relative_to(tmp_path)) for each in opened} <= found
        assert any(each.startswith("outbox") for each in found)
    assert open_files(tmp_path) == set()
    assert not accepts(int(one.url.rpartition(":")[2]))


@asynccontextmanager
async def silent_store() -> AsyncIterator[int]:
    """A server that takes connections and never answers."""

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass

    async with loop_server(serve) as port:
        yield port


async def test_messages_that_nobody_handles_are_a_standstill_and_a_store_that_fails_is_none(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Limit: 60 s and the store's timeout, after which a write that is not answered counts as the store's fault."""
    async with silent_store() as port:
        store = {"kind": "influxdb", "url": f"http://127.0.0.1:{port}", "bucket": "b", "org": "o", "timeout_s": 2}
        async with running(config_for(mosquitto.port, tmp_path, store)) as it, publisher(mosquitto.port) as client:
            await it.ready()
            collector, now_s = it.collector, time.monotonic()
            assert [collector.standstill(now_s + after_s) for after_s in (0, 1e6)] == ["", ""], "it is idle"
            now_s += 1e6
            await publish(client, batch())
            await eventually(lambda: collector.stats().points_waiting > 0, "a message waits")
            assert [collector.standstill(now_s + after_s) for after_s in (0, 61)] == ["", ""]
            assert collector.standstill(now_s + 63) == "messages waiting: 1; none was made durable for 62 s"
            await it.fault("store")
            assert collector.standstill(now_s + 64) == ""


async def test_a_process_tells_its_service_manager_how_it_is(
    mosquitto: Mosquitto, tmp_path: Path, manager: NotifyListener
) -> None:
    data = config_for(mosquitto.port, tmp_path).model_dump(mode="json", exclude_unset=True)
    file = tmp_path / "collector.yaml"
    file.write_text(json.dumps(data | {"listen": f"127.0.0.1:{free_port()}"}), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "collector", "run", str(file)),
        cwd=REPOSITORY,
        env=os.environ | {"NOTIFY_SOCKET": str(manager.path)},
        stderr=subprocess.PIPE,
    )
    await eventually(lambda: manager.count("READY=1") == 1 and manager.count("WATCHDOG=1") >= 3, "it works", BUSY_S)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(STOP_WITHIN_S):
        _, log = await process.communicate()
    assert process.returncode == 0, log
    assert manager.count("STOPPING=1") == 1
