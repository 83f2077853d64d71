"""The collector's own disk: what is kept there is there, and leaves it only when store and ledger have it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from collector.counters import Counters
from collector.flow.prepared import PreparedMessage
from collector.flow.spill import UNBOUNDED, Spill
from collector.ledger.account import account_of
from collector.ledger.epochs import Entry, EpochKey
from collector.ledger.file import LedgerFile
from collector.ledger.tables import read_snapshot
from collector.receive.dead_letters import DeadLetters
from collector.receive.delivery import Delivery
from collector.store.persistence import Persistence
from rackflow import StoreError
from tests.collector.running import ledger_locked, until
from tests.collector.store.test_persistence import Engine

KEY = EpochKey("cas1", "gw-3", "01JD5Z")
WALL_MS = 1_795_468_800_000


def delivery(seq: int) -> Delivery:
    payload = str(seq).encode()
    return Delivery(
        topic=f"topic/{seq}",
        payload=payload,
        size_bytes=len(payload),
        qos=1,
        mid=seq,
        connection=1,
        mono_s=7.0,
        wall_s=(WALL_MS + seq) / 1000,
    )


def again(held: Delivery) -> PreparedMessage:
    """Two points a message, of the time of its receipt; those of number 13 nobody can use."""
    seq = int(held.payload)
    assert (held.topic, held.size_bytes) == (f"topic/{seq}", len(held.payload))
    tag = ",x=bad" if seq == 13 else ""
    return PreparedMessage([f"m{tag} f={at}.0 {held.wall_ms}" for at in (1, 2)], Entry(KEY, seq, WALL_MS, WALL_MS))


@dataclass
class Rig:
    """A spill on disk, with what drains it."""

    spill: Spill
    engine: Engine
    ledger: LedgerFile
    persistence: Persistence

    def draining(self, most_lines: int = 1000) -> asyncio.Task[None]:
        work = self.spill.drain(self.persistence, self.ledger, again, most_lines)
        return asyncio.create_task(work, name="draining")

    def stored(self) -> tuple[int, dict[str, int]]:
        """Messages that the ledger's file says are stored, and dropped by reason."""
        [pair] = read_snapshot(self.ledger.path).epochs
        sums = account_of(*pair)
        return sums.stored, dict(sums.dropped)


@asynccontextmanager
async def rig(folder: Path, limit_bytes: int = 1 << 30, path: Path | None = None) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        letters = DeadLetters(folder / "dead.jsonl", 1 << 20)
        stack.callback(letters.close)
        ledger = LedgerFile(folder / "ledger.db", 400, time.time)
        stack.callback(ledger.close)
        spill = Spill(path or folder / "outbox.db", "collector", limit_bytes, 100_000.0)
        stack.push_async_callback(spill.close)
        await spill.open()
        engine = Engine()
        yield Rig(spill, engine, ledger, Persistence(engine, letters, Counters()))


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def test_what_is_kept_is_there_after_a_restart_and_is_stored_in_order_under_its_time(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        assert await one.spill.add([delivery(seq) for seq in (1, 2, 3)])
        assert one.spill.stats().messages == 3
    async with rig(tmp_path) as one:
        assert one.spill.stats().messages == 3
        task = one.draining()
        await until(lambda: one.spill.stats().messages == 0, "drained")
        await ended(task)
        assert one.engine.stored == [f"m f={at}.0 {WALL_MS + seq}" for seq in (1, 2, 3) for at in (1, 2)]
        assert one.stored() == (3, {})
    async with rig(tmp_path) as one:
        assert one.spill.stats().messages == 0


async def test_what_a_disk_refuses_is_not_kept_and_is_not_stored_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The broker has it still, and sends it again. The log says so, and not what is true of an agent: that a restart loses it."""
    folder = tmp_path / "mount"
    folder.write_text("a file where the folder should be", encoding="utf-8")
    async with rig(tmp_path, path=folder / "outbox.db") as one:
        assert not await one.spill.add([delivery(1), delivery(2)])
        assert one.spill.stats().messages == 0
        assert "are not acknowledged, and the broker keeps them; check the disk" in caplog.text
        assert "lost" not in caplog.text
        folder.unlink()
        kept = False
        async with asyncio.timeout(30):
            while not kept:
                kept = await one.spill.add([delivery(3)])
                await asyncio.sleep(0.05)
        assert one.spill.stats().messages == 1


async def test_what_was_acknowledged_is_kept_for_as_long_as_the_store_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(tmp_path) as one:
        assert await one.spill.add([delivery(1)])
    weeks_on = time.time() + 29 * 86_400
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: weeks_on)
        async with rig(tmp_path) as one:
            assert await one.spill.add([delivery(2)])
            assert one.spill.stats().messages == 2
            assert sum(one.spill.stats().dropped.values()) == 0


async def test_a_spill_at_its_limit_takes_no_more(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        assert await one.spill.add([delivery(1)])
        size_bytes = one.spill.stats().size_bytes
    async with rig(tmp_path, limit_bytes=size_bytes) as one:
        assert one.spill.stats().limit_bytes == size_bytes
        assert not await one.spill.add([delivery(2)])
        assert one.spill.stats().messages == 1
    async with rig(tmp_path, limit_bytes=size_bytes + 1) as one:
        assert await one.spill.add([delivery(2)])
        assert one.spill.stats().messages == 2
    # The outbox below it makes room by deleting the oldest, which were acknowledged; its own limit is above that of any disk.
    assert UNBOUNDED.size_bytes >= 1 << 50


async def test_nothing_leaves_the_disk_before_the_ledger_has_it(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        assert await one.spill.add([delivery(1), delivery(2)])
        with ledger_locked(one.ledger.path):
            task = one.draining()
            await until(lambda: one.ledger.failures["write"] > 0, "the ledger could not be written")
            assert len(one.engine.stored) == 4
            assert one.spill.stats().messages == 2
        await until(lambda: one.spill.stats().messages == 0, "drained")
        await ended(task)
        assert one.stored() == (2, {})


async def test_a_drain_that_is_stopped_before_the_ledger_is_written_leaves_the_message_on_disk(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        assert await one.spill.add([delivery(1)])
        with ledger_locked(one.ledger.path):
            task = one.draining()
            await until(lambda: len(one.engine.stored) == 2, "stored")
            one.ledger.stop()
            async with asyncio.timeout(30):
                await task
        assert one.spill.stats().messages == 1


async def test_a_drain_that_is_stopped_while_the_store_is_away_calls_nothing_stored(tmp_path: Path) -> None:
    """The message was acknowledged, so this disk has the only copy."""
    async with rig(tmp_path) as one:
        assert await one.spill.add([delivery(1)])
        one.engine.failures = [StoreError("away", retryable=True)] * 1000
        task = one.draining()
        await until(lambda: one.persistence.fault is not None, "the store is away")
        one.persistence.stopping.set()
        async with asyncio.timeout(30):
            await task
        assert read_snapshot(one.ledger.path).epochs == []
    async with rig(tmp_path) as one:
        assert one.spill.stats().messages == 1


async def test_a_message_of_which_every_point_is_refused_is_dead_and_leaves_the_disk(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        assert await one.spill.add([delivery(12), delivery(13)])
        task = one.draining()
        await until(lambda: one.spill.stats().messages == 0, "drained")
        await ended(task)
        assert one.stored() == (1, {"dead_letter_store": 1})
        assert len(one.engine.stored) == 2


async def test_what_came_once_more_and_was_stored_from_there_is_not_stored_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        assert await one.ledger.record([Entry(KEY, 2, WALL_MS, WALL_MS)])
        assert await one.spill.add([delivery(seq) for seq in (1, 2, 3)])
        task = one.draining()
        await until(lambda: one.spill.stats().messages == 0, "drained")
        await ended(task)
        assert {line.split()[-1] for line in one.engine.stored} == {str(WALL_MS + seq) for seq in (1, 3)}


@pytest.mark.parametrize("most_lines", [5, 6])
async def test_a_write_has_no_more_points_than_it_may_but_for_the_last_message(tmp_path: Path, most_lines: int) -> None:
    async with rig(tmp_path) as one:
        assert await one.spill.add([delivery(seq) for seq in range(1, 11)])
        task = one.draining(most_lines)
        await until(lambda: one.spill.stats().messages == 0, "drained")
        await ended(task)
        assert one.engine.writes == [6, 6, 6, 2]
