"""The outbox on disk where things happen at once: confirmations during a write, breaks during a read, restarts after losses."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rackflow.documents import Numbers
from rackflow.outbox.disk import DiskOutbox
from rackflow.outbox.jobs import READ_MESSAGES
from rackflow.outbox.lanes import MAX_LIVE
from rackflow.outbox.state import Limits
from tests.rackflow.outbox.test_outbox import fill, on_disk, take
from tests.rackflow.outbox.test_outbox_disk import keys_in
from tests.servers.waiting import eventually

LONG_S = 3600.0


@asynccontextmanager
async def slow_disk(outbox: DiskOutbox) -> AsyncIterator[None]:
    """Something holds the disk's thread as a slow disk would; on the way out the disk answers."""
    release = threading.Event()
    blocker = asyncio.get_running_loop().run_in_executor(outbox._thread.executor, release.wait, 30)  # noqa: SLF001 - the disk's
    try:
        yield
    finally:
        release.set()
        await blocker


async def durable(outbox: DiskOutbox, key: int) -> None:
    async with asyncio.timeout(30):
        while not outbox.stats().durable:
            await outbox.saved(key)
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("confirmed_s", [0.0, LONG_S])
async def test_a_confirmation_while_its_write_is_under_way_neither_loses_nor_resurrects(
    tmp_path: Path, confirmed_s: float
) -> None:
    """Messages 2 to 6 leave from memory because the disk is slow; 3 is confirmed before their commit has come back."""
    path = tmp_path / "outbox.db"
    async with on_disk(path, confirmed_s=confirmed_s) as outbox:
        fill(outbox, 1)
        assert await outbox.saved(1)
        async with slow_disk(outbox):
            fill(outbox, 5)
            assert await take(outbox, 6) == [1, 2, 3, 4, 5, 6]
            outbox.done(3)
            assert outbox.stats().messages == 5
        await durable(outbox, 6)
        assert outbox.stats().messages == 5
        outbox.rewind()
        assert await take(outbox, 5) == [1, 2, 4, 5, 6]
        for key in (1, 2):
            outbox.done(key)
        assert outbox.stats().messages == 3
    if confirmed_s == 0:
        assert keys_in(path) == {4, 5, 6}
    async with on_disk(path, "E2", confirmed_s=confirmed_s) as outbox:
        payloads = [(await outbox.take()).payload.strip() for _ in range(3)]
        assert payloads == [b"4", b"5", b"6"]
        assert outbox.stats().messages == 3


async def test_a_confirmation_while_the_backlog_is_read_is_not_undone_by_what_was_read(tmp_path: Path) -> None:
    async with on_disk(tmp_path / "outbox.db") as outbox:
        fill(outbox, 3)
        assert await outbox.saved(3)
        assert await take(outbox, 3) == [1, 2, 3]
        async with slow_disk(outbox):
            outbox.rewind()
            async with asyncio.timeout(30):
                while outbox.stats().durable:  # the read is under way, and slow
                    await outbox.saved(4)
                    await asyncio.sleep(0.02)
            outbox.done(2)
        assert await take(outbox, 2) == [1, 3]
        assert outbox.stats().messages == 2


async def test_all_that_was_confirmed_while_the_disk_was_slow_is_out_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    async with on_disk(path) as outbox:
        fill(outbox, 1)
        assert await outbox.saved(1)
        async with slow_disk(outbox):
            fill(outbox, 3)
            for key in await take(outbox, 4):
                outbox.done(key)
            assert outbox.stats().messages == 0
            # These are put behind the write that is under way, and confirmed before theirs begins.
            fill(outbox, 2)
            for key in await take(outbox, 2):
                outbox.done(key)
            fill(outbox, 1)
        await durable(outbox, 7)
        assert outbox.stats().messages == 1
    assert keys_in(path) == {7}


async def test_a_backlog_of_several_reads_comes_in_order_and_once(tmp_path: Path) -> None:
    path, count = tmp_path / "outbox.db", 2 * READ_MESSAGES + 1
    async with on_disk(path) as outbox:
        fill(outbox, count)
        assert await outbox.saved(count)
    async with on_disk(path, "E2") as outbox:
        stats = outbox.stats()
        assert stats.account.undelivered == [Numbers(epoch="E1", first=1, last=count)]
        assert stats.account.ended == [Numbers(epoch="E1", first=1, last=count)]
        assert (stats.messages, stats.oldest_ms) == (count, 5)
        assert await take(outbox, count) == list(range(1 - count, 1))
        for key in range(1 - count, 1):
            outbox.done(key)
        assert (outbox.stats().messages, outbox.stats().oldest_ms, outbox.stats().account.undelivered) == (0, 0, [])
    assert keys_in(path) == set()


@pytest.mark.parametrize("count", [READ_MESSAGES - 1, READ_MESSAGES, READ_MESSAGES + 1])
async def test_a_backlog_of_exactly_one_read_is_not_reported_as_more(tmp_path: Path, count: int) -> None:
    path = tmp_path / "outbox.db"
    async with on_disk(path) as outbox:
        fill(outbox, count)
        assert await outbox.saved(count)
    async with on_disk(path, "E2") as outbox:
        for key in await take(outbox, count):
            outbox.done(key)
        fill(outbox, 1)
        assert await outbox.saved(1)
        assert outbox.stats().messages == 1
        assert outbox.stats().account.undelivered == []


async def test_a_break_while_half_of_the_backlog_is_out_brings_all_of_it_again(tmp_path: Path) -> None:
    path, count = tmp_path / "outbox.db", READ_MESSAGES + 50
    async with on_disk(path) as outbox:
        fill(outbox, count)
        assert await outbox.saved(count)
    async with on_disk(path, "E2") as outbox:
        some = await take(outbox, 100)
        for key in some[:40]:
            outbox.done(key)
        outbox.rewind()
        assert outbox.stats().account.undelivered == [Numbers(epoch="E1", first=41, last=count)]
        assert await take(outbox, count - 40) == list(range(41 - count, 1))


async def test_live_goes_before_a_backlog_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    async with on_disk(path) as outbox:
        fill(outbox, 3)
        assert await outbox.saved(3)
        assert await take(outbox, 1) == [1]
        outbox.rewind()
        fill(outbox, 2)
        assert await outbox.saved(5)
        assert await take(outbox, 5) == [4, 5, 1, 2, 3]


async def test_messages_dropped_from_memory_are_reported_after_the_disk_is_back_and_after_a_restart(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "mount"
    folder.write_text("a file where the folder should be", encoding="utf-8")
    outbox = DiskOutbox(folder / "outbox.db", "E1", Limits(10_000_000, LONG_S), 1000, memory_bytes=5000)
    await outbox.open()
    fill(outbox, 12, size=500)
    lost = [Numbers(epoch="E1", first=1, last=2, reason="disk")]
    assert (outbox.stats().dropped["disk"], outbox.stats().account.dropped) == (2, lost)
    folder.unlink()
    await outbox.close()
    assert outbox.stats().account.dropped == lost
    async with on_disk(folder / "outbox.db", "E2") as again:
        assert again.stats().account.dropped == lost
        assert again.stats().messages == 10


async def test_drops_of_each_reason_are_reported_after_a_restart(tmp_path: Path) -> None:
    """As the status tells them: the collector asks for every number."""
    path = tmp_path / "outbox.db"
    async with on_disk(path, limit=200_000) as outbox:
        fill(outbox, 400, size=1000)
        assert await outbox.saved(400)
        dropped = outbox.stats().dropped
        before = outbox.stats().account.dropped
        assert dropped["full"] == before[0].last > 200
        assert [(each.first, each.reason) for each in before] == [(1, "full")]
        assert outbox.stats().size_bytes <= 200_000
    async with on_disk(path, "E2") as outbox:
        assert outbox.stats().account.dropped == before
        assert outbox.stats().account.undelivered == [Numbers(epoch="E1", first=before[0].last + 1, last=400)]
        assert outbox.stats().messages == 400 - before[0].last


async def test_what_memory_just_holds_while_the_disk_refuses_is_kept(tmp_path: Path) -> None:
    blocked = tmp_path / "mount"
    blocked.write_text("", encoding="utf-8")
    outbox = DiskOutbox(blocked / "outbox.db", "E1", Limits(10_000_000, LONG_S), 1000, memory_bytes=5000)
    await outbox.open()
    fill(outbox, 10, size=500)
    stats = outbox.stats()
    assert (stats.messages, stats.size_bytes, stats.dropped["disk"], stats.oldest_ms) == (10, 5000, 0, 5)
    assert await take(outbox, 2) == [1, 2]
    fill(outbox, 1, size=500)  # what is in flight is not the one that goes
    assert outbox.stats().account.dropped == [Numbers(epoch="E1", first=3, last=3, reason="disk")]
    assert await take(outbox, 8) == [4, 5, 6, 7, 8, 9, 10, 11]
    outbox.done(1)
    assert (outbox.stats().messages, outbox.stats().size_bytes) == (9, 4500)
    await outbox.close()


async def test_while_the_disk_refuses_what_is_no_longer_live_is_sent_from_memory(tmp_path: Path) -> None:
    blocked = tmp_path / "mount"
    blocked.write_text("", encoding="utf-8")
    outbox = DiskOutbox(blocked / "outbox.db", "E1", Limits(10_000_000, LONG_S), 1_000_000)
    await outbox.open()
    fill(outbox, MAX_LIVE + 3)
    assert await take(outbox, MAX_LIVE + 3) == [*range(4, MAX_LIVE + 4), 1, 2, 3]
    await outbox.close()


async def test_what_was_confirmed_takes_room_in_the_file_until_it_is_forgotten(tmp_path: Path) -> None:
    now_s = [0.0]
    async with on_disk(tmp_path / "outbox.db", limit=10_000_000, confirmed_s=1.0, clock=lambda: now_s[0]) as outbox:
        fill(outbox, 500, size=1000)
        assert await outbox.saved(500)
        for key in await take(outbox, 500):
            outbox.confirmed(key)
        assert (outbox.stats().messages, outbox.stats().oldest_ms) == (0, 0)
        assert outbox.stats().size_bytes > 500_000
        now_s[0] += 1.01  # the time that it is kept for
        fill(outbox, 1)
        for key in await take(outbox, 1):
            outbox.confirmed(key)
        async with asyncio.timeout(30):
            while outbox.stats().size_bytes >= 500_000:
                now_s[0] += 0.1
                fill(outbox, 1)
                (key,) = await take(outbox, 1)
                assert await outbox.saved(key)
                outbox.confirmed(key)  # what was confirmed long enough ago is forgotten at a later confirmation


async def test_what_is_just_being_written_is_not_dropped_to_make_room_in_memory(tmp_path: Path) -> None:
    """It is on disk a moment later, and dropping it would not even give its memory back before that."""
    path = tmp_path / "outbox.db"
    outbox = DiskOutbox(path, "E1", Limits(10_000_000, LONG_S), 1000, memory_bytes=5000)
    await outbox.open()
    fill(outbox, 8, size=500)
    async with slow_disk(outbox):
        writing = asyncio.create_task(outbox.step(), name="write")
        await eventually(lambda: outbox._places.unsaved.being_written, "the write is under way")  # noqa: SLF001 - nothing else shows it
        fill(outbox, 4, size=500)
        assert outbox.stats().account.dropped == [Numbers(epoch="E1", first=9, last=10, reason="disk")]
    await writing
    await outbox.close()
    assert keys_in(path) == {1, 2, 3, 4, 5, 6, 7, 8, 11, 12}


async def test_a_held_message_that_is_just_being_written_is_not_dropped_either(tmp_path: Path) -> None:
    folder = tmp_path / "mount"
    folder.write_text("a file where the folder should be", encoding="utf-8")
    outbox = DiskOutbox(folder / "outbox.db", "E1", Limits(10_000_000, LONG_S), 1000, memory_bytes=5000)
    await outbox.open()
    fill(outbox, 8, size=500)
    assert await take(outbox, 1) == [1]
    outbox.hold(1)
    folder.unlink()
    async with slow_disk(outbox):
        writing = asyncio.create_task(outbox.step(), name="write")
        await eventually(lambda: outbox._places.unsaved.being_written, "the write is under way")  # noqa: SLF001 - as above
        fill(outbox, 4, size=500)
        assert outbox.stats().account.dropped == [Numbers(epoch="E1", first=9, last=10, reason="disk")]
    await writing
    await outbox.close()
    assert keys_in(folder / "outbox.db") == {1, 2, 3, 4, 5, 6, 7, 8, 11, 12}


async def test_a_resumed_message_that_is_confirmed_while_it_is_read_is_not_handed_out_again(tmp_path: Path) -> None:
    outbox = DiskOutbox(tmp_path / "outbox.db", "E1", Limits(10_000_000, LONG_S, LONG_S), 1000)
    await outbox.open()
    fill(outbox, 1)
    await outbox.step()
    assert await take(outbox, 1) == [1]
    outbox.hold(1)
    outbox.resume("t", "all")
    taking = asyncio.create_task(outbox.take(), name="take")
    async with slow_disk(outbox):
        reading = asyncio.create_task(outbox.step(), name="read")
        await eventually(lambda: not outbox.stats().durable, "the read is under way, and slow")
        outbox.confirmed(1)
    await reading
    fill(outbox, 1)
    await outbox.step()
    assert (await taking).key == 2
    await outbox.close()


async def test_messages_in_flight_are_not_dropped_to_make_room_on_disk(tmp_path: Path) -> None:
    """They are delivered a moment later, and would be reported as lost all the same."""
    async with on_disk(tmp_path / "outbox.db", limit=200_000) as outbox:
        fill(outbox, 20, size=1000)
        assert await outbox.saved(20)
        assert await take(outbox, 20) == list(range(1, 21))
        fill(outbox, 600, size=1000)
        assert await outbox.saved(620)
        dropped = outbox.stats().account.dropped
        assert dropped
        assert min(each.first for each in dropped) == 21
        for key in range(1, 21):
            outbox.confirmed(key)
        assert outbox.stats().account.dropped == dropped
