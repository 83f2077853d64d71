"""A stop while owners are being written."""

import asyncio
import sqlite3
from pathlib import Path

from tests.collector.ingest_rig import BATCH
from tests.collector.receive.test_owners import THIEF, admitted, of, opened
from tests.collector.running import until


async def test_what_is_being_written_when_the_collector_stops_is_written(tmp_path: Path) -> None:
    """A stop cancels the save, whose thread goes on: the file must not be closed under it."""
    owners, file = opened(tmp_path)
    with sqlite3.connect(file.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        admitted(owners, BATCH)
        saving = asyncio.create_task(file.save())
        await until(lambda: not owners._dirty, "the thread has the rows")  # noqa: SLF001 - nothing else shows it

        async def stop() -> None:
            saving.cancel()
            await asyncio.wait([saving])
            await file.close()

        stopping = asyncio.create_task(stop())
        for _ in range(20):
            await asyncio.sleep(0)
        other.execute("ROLLBACK")
        await stopping
    other.close()
    assert saving.cancelled()
    owners, file = opened(tmp_path)
    assert admitted(owners, of(THIEF, BATCH)) == "owner"
    await file.close()
