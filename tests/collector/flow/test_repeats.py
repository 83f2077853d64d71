"""A message that comes again while it waits on the collector's own disk: it is one, in the store and in every count."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from collector.assemble import drain_check
from collector.counters import Counters
from collector.flow.ingest import Ingest, IngestSettings, Senders
from collector.flow.spill import Spill
from collector.flow.writer import Flush, Writer
from collector.latest.latest import Latest
from collector.ledger.file import LedgerFile
from collector.receive.clones import Clones
from collector.receive.dead_letters import DeadLetters
from collector.receive.delivery import Delivery
from collector.receive.owners import Owners
from collector.receive.poll_counts import Polled
from collector.receive.usage import Usage
from collector.store.file import FileStore
from collector.store.influx import InfluxStore
from collector.store.persistence import Persistence
from rackflow import encode
from tests.collector.documents import batch, now_ms
from tests.collector.ingest_rig import BUDGETS
from tests.collector.running import topic_of, until
from tests.collector.store_contents import points
from tests.servers.ports import free_port


@pytest.mark.parametrize("time_ms", [5_000, None], ids=["impossible time", "its own time"])
async def test_a_message_that_comes_again_is_stored_and_counted_once(tmp_path: Path, time_ms: int | None) -> None:
    """Under the first time that it was given, where its own cannot be."""
    counters, counted, acknowledged = Counters(), list[Polled](), list[Delivery]()
    wall_ms = now_ms()
    one = batch(time_ms=time_ms or wall_ms)
    payload = encode(one)
    first = Delivery(topic_of(one), payload, len(payload), 1, 1, 1, time.monotonic(), wall_ms / 1000)
    async with AsyncExitStack() as stack:
        letters = DeadLetters(tmp_path / "dead.jsonl", 1 << 20)
        stack.callback(letters.close)
        ledger = LedgerFile(tmp_path / "ledger.db", 400, time.time)
        stack.callback(ledger.close)
        away = InfluxStore(f"http://127.0.0.1:{free_port()}", "", "dcim", "", 1.0)
        stack.push_async_callback(away.close)
        spill = Spill(tmp_path / "outbox.db", "collector", 1 << 20, 1000.0)
        stack.push_async_callback(spill.close)
        await spill.open()
        ingest = Ingest(
            Latest(1000),
            letters,
            counters,
            Senders(Owners(BUDGETS), Usage(BUDGETS), Clones()),
            IngestSettings("influxdb", None, 400),
        )
        persistence, flush = Persistence(away, letters, counters), Flush(1000, 0.01, 100)
        writer = Writer(
            persistence,
            flush,
            ledger,
            counters,
            acknowledge=acknowledged.append,
            spill=spill.add,
            is_draining=drain_check(spill),
            count_polls=counted.extend,
        )
        writing = asyncio.create_task(writer.run(), name="writing")
        for number, delivery in enumerate((first, replace(first, mid=2, wall_s=first.wall_s + 5)), 1):
            await writer.put(delivery, ingest.process(delivery))
            await until(lambda: len(acknowledged) == number, "acknowledged")  # noqa: B023 - awaited here
        writer.stop()
        await writing
        assert spill.stats().messages == 2
        assert drain_check(spill)()
        assert len(counted) == 1
        store = FileStore(tmp_path / "points", time.time, lambda _: None)
        stack.push_async_callback(store.close)
        draining = asyncio.create_task(
            spill.drain(Persistence(store, letters, counters), ledger, ingest.reprocess, 1000), name="draining"
        )
        await until(lambda: spill.stats().messages == 0, "drained")
        draining.cancel()
        await asyncio.wait([draining])
        assert not drain_check(spill)()
        [book] = ledger.ledger.epochs.values()
        assert book.duplicates == 1
    found = [line for line in points(tmp_path) if line.startswith("dcim_cdu,")]
    assert [int(line.rpartition(" ")[2]) for line in found] == [wall_ms * 1_000_000]
