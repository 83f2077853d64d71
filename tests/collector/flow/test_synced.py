"""What the collector confirms is on disk, and not only in the kernel's memory: system calls in their order."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.collector.documents import batch
from tests.collector.running import config_for, publish, publisher
from tests.servers.captures import REPOSITORY
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.strace import SYNCS, Call, calls, on_disk, said, synced, traced, tracing, writes
from tests.servers.waiting import eventually
from tests.servers.web import answers

PUBACK = "@"
"""0x40, the first byte of MQTT's acknowledgement."""
STORE = """
import asyncio, os, sys
from pathlib import Path
from collector.store.file import FileStore

now_s = 1_795_468_800.0

async def main():
    global now_s
    os.write(1, b"first day")
    store = FileStore(Path(sys.argv[1]), lambda: now_s, lambda _: None)
    await store.write(["m f=1.0 1"])
    os.write(1, b"first is stored")
    now_s += 86_400
    await store.write(["m f=2.0 2"])
    os.write(1, b"second is stored")
    await store.write(["m f=3.0 3"])
    os.write(1, b"third is stored")

asyncio.run(main())
"""
LEDGER = """
import asyncio, os, sys
from pathlib import Path
from collector.ledger.epochs import Entry, EpochKey
from collector.ledger.file import LedgerFile

async def main():
    ledger = LedgerFile(Path(sys.argv[1]), 400, lambda: 1_795_468_800.0)
    key = EpochKey("cas1", "gw-3", "01JD5Z")
    os.write(1, b"entering")
    await ledger.record([Entry(key, 1, 1, 1)])
    os.write(1, b"entered")
    await ledger.record_waiting([Entry(key, 2, 1, 1)])
    os.write(1, b"held")

asyncio.run(main())
"""
RECORDS = """
import os, sys
from pathlib import Path
from collector.records import RecordsFile
from tests.collector.records.test_file import snapshot

records = RecordsFile(Path(sys.argv[1]), lambda: 1_795_468_800.0)
os.write(1, b"saving")
records.save(snapshot(answered=3))
os.write(1, b"saved")
"""
OWNERS = """
import asyncio, os, sys
from pathlib import Path
from collector.receive.owners import Owners
from collector.receive.owners_file import OwnersFile
from tests.collector.ingest_rig import BATCH, BUDGETS
from tests.collector.receive.test_owners import admitted

async def main():
    owners = Owners(BUDGETS)
    file = OwnersFile(Path(sys.argv[1]), owners)
    admitted(owners, BATCH)
    os.write(1, b"saving")
    assert await file.save()
    os.write(1, b"saved")

asyncio.run(main())
"""


@pytest.mark.parametrize("program", [RECORDS, OWNERS], ids=["records", "owners"])
def test_hourly_records_and_owners_that_are_saved_are_on_disk(program: str, tmp_path: Path) -> None:
    found = traced(tmp_path, program, tmp_path / "state.db")
    assert on_disk(found, "/state.db-wal", said(found, "saving"), said(found, "saved"))


def test_a_write_to_the_file_store_is_on_disk_with_the_name_of_its_file(tmp_path: Path) -> None:
    """A file of which the folder was not synced may be gone after a power cut, however well its content was."""
    folder = tmp_path / "points"
    found = traced(tmp_path, STORE, folder)
    begun, first, second, third = (
        said(found, text) for text in ("first day", "first is stored", "second is stored", "third is stored")
    )
    assert on_disk(found, ".lp.gz", begun, first)
    assert synced(found, str(folder), begun, first)
    assert on_disk(found, ".lp.gz", first, second)
    assert synced(found, str(folder), first, second)
    assert on_disk(found, ".lp.gz", second, third)


def test_a_new_folder_of_the_file_store_is_on_disk_with_its_own_name(tmp_path: Path) -> None:
    found = traced(tmp_path, STORE, tmp_path / "new" / "points")
    begun, first = said(found, "first day"), said(found, "first is stored")
    assert synced(found, str(tmp_path), begun, first)
    assert synced(found, str(tmp_path / "new"), begun, first)


def test_what_the_ledger_has_entered_or_held_is_on_disk(tmp_path: Path) -> None:
    found = traced(tmp_path, LEDGER, tmp_path / "new" / "state" / "ledger.db")
    entering, entered, held = (said(found, text) for text in ("entering", "entered", "held"))
    made = {call.path for call in found if call.name in SYNCS and call.begun < entering.begun}
    assert {str(tmp_path), str(tmp_path / "new")} <= made, "the folders that it is in"
    assert on_disk(found, "/ledger.db-wal", entering, entered)
    assert on_disk(found, "/ledger.db-wal", entered, held)


async def test_a_message_is_acknowledged_after_its_points_and_after_its_number(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """The whole collector: points synced, then the ledger, then the acknowledgement on the wire."""
    trace, file, port = tmp_path / "trace", tmp_path / "collector.yaml", free_port()
    data = config_for(mosquitto.port, tmp_path).model_dump(mode="json", exclude_unset=True)
    file.write_text(json.dumps(data | {"listen": f"127.0.0.1:{port}"}), encoding="utf-8")  # JSON is YAML
    command = tracing(trace, [sys.executable, "-m", "collector", "run", str(file)])
    process = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stderr=asyncio.subprocess.DEVNULL)
    try:
        await eventually(lambda: answers(f"http://127.0.0.1:{port}/readyz"), "ready", timeout_s=60)
        async with publisher(mosquitto.port) as client:
            await publish(client, batch())
        await eventually(lambda: any(_is_puback(call) for call in calls(trace)), "acknowledged")
    finally:
        process.terminate()
        await process.wait()
    found = calls(trace)
    acknowledged = next(call for call in found if _is_puback(call))
    points = writes(found, ".lp.gz", found[0], acknowledged)
    assert points
    assert all(synced(found, call.path, call, acknowledged) for call in points)
    assert on_disk(found, ".db-wal", points[-1], acknowledged)


def _is_puback(call: Call) -> bool:
    return call.path.startswith("socket:") and f'"{PUBACK}' in call.text
