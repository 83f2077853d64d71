"""The outbox's file under what disks and processes do to it: killed, cut short, full, slow, shared, old."""

import asyncio
import contextlib
import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackflow.documents import Numbers
from rackflow.errors import ConfigError
from rackflow.outbox.disk import DiskOutbox
from rackflow.outbox.loading import folder_of
from rackflow.outbox.log import OutboxLog
from rackflow.outbox.seam import Message
from rackflow.outbox.state import Limits
from tests.rackflow.outbox.test_outbox import fill, on_disk, take
from tests.servers.waiting import eventually

REPOSITORY = Path(__file__).resolve().parents[3]
LIMITS = Limits(10_000_000, 3600)
WRITER = """
import asyncio, sys
from pathlib import Path
from rackflow.outbox.disk import DiskOutbox
from rackflow.outbox.state import Limits

async def main():
    outbox = DiskOutbox(Path(sys.argv[1]), "E1", Limits(10_000_000, 3600), 1000)
    await outbox.open()
    keeping = asyncio.create_task(outbox.run())
    while True:
        for _ in range(20):
            key = outbox.put("t", lambda seq: str(seq).encode().ljust(1000), 5)
        await outbox.saved(key)
        print(key, flush=True)

asyncio.run(main())
"""


def messages(first: int, last: int, size: int = 100) -> list[Message]:
    return [Message(key, "t", f"{key}".encode().ljust(size), 7) for key in range(first, last + 1)]


def keys_in(path: Path, epoch: str = "E9") -> set[int]:
    """The numbers of epoch E1 that a new epoch finds in the file."""
    file = OutboxLog(path, epoch, LIMITS)
    found = file.read(-(10**6), 10**6, 10**6)
    file.close()
    return {int(message.payload) for message in found}


async def test_another_epoch_finds_what_the_one_before_left_and_tells_both_apart(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    async with on_disk(path, "E1") as outbox:
        fill(outbox, 4)
        assert await take(outbox, 1) == [1]
        outbox.done(1)
    async with on_disk(path, "E2") as outbox:
        fill(outbox, 2)
        assert await outbox.saved(2)
        account = outbox.stats().account
        assert account.ended == [Numbers(epoch="E1", first=1, last=4)]
        assert account.undelivered == [Numbers(epoch="E1", first=2, last=4)]
        payloads = []
        async with asyncio.timeout(30):
            for _ in range(5):
                message = await outbox.take()
                payloads.append(message.payload.split()[0])
                outbox.done(message.key)
        assert sorted(payloads) == [b"1", b"2", b"2", b"3", b"4"]
        assert outbox.stats().messages == 0
        assert outbox.stats().account.undelivered == []


def test_what_was_saved_outlives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    for attempt in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            told = [int(process.stdout.readline()) for _ in range(3 + attempt)]
            os.kill(process.pid, signal.SIGKILL)
        found = keys_in(path)
        assert set(range(1, told[-1] + 1)) <= found
        # Whole groups or none of them, and nobody has heard of the one that was under way.
        assert found == set(range(1, max(found) + 1))
        shutil.rmtree(folder_of(path))


@given(st.integers(0, 9), st.floats(0, 1), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_file_cut_short_gives_what_it_still_has_and_counts_the_rest(which: int, where: float, closed: bool) -> None:  # noqa: FBT001 - drawn
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a" / "outbox.db"
        file = OutboxLog(path, "E1", Limits(500_000, 3600))
        for first in range(1, 301, 20):
            file.commit(messages(first, first + 19, 700), [(max(1, first - 40), first - 31)], frozenset())
        expected = {message.key for message in file.read(0, 10**6, 10**6)}
        if not closed:
            shutil.copytree(path.parent, Path(folder) / "b")  # as a killed process leaves it
            path = Path(folder) / "b" / "outbox.db"
        file.close()
        files = sorted(folder_of(path).glob("*.seg"))
        cut = files[which % len(files)]
        os.truncate(cut, int(cut.stat().st_size * where))
        again = OutboxLog(path, "E2", LIMITS)
        found = {int(message.payload) for message in again.read(-(10**6), 10**6, 10**6)}
        lost = {
            number for each in again.totals.losses for number in range(each.first, each.last + 1) if each.epoch == "E1"
        }
        assert {each.reason for each in again.totals.losses} <= {"torn"}
        assert expected <= found | lost
        assert again.totals.dropped["torn"] >= len(expected - found)
        again.commit(messages(1, 5), [], frozenset())
        assert [message.key for message in again.read(0, 100, 10)] == [1, 2, 3, 4, 5]
        again.close()


def test_a_file_that_is_no_database_is_set_aside_once_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.write_bytes(b"not a database" * 1000)
    file = OutboxLog(path, "E1", LIMITS)
    assert file.totals.damaged == 1
    assert path.with_name("outbox.db.damaged").read_bytes().startswith(b"not a database")
    file.commit(messages(1, 3), [], frozenset())
    file.close()
    assert keys_in(path) == {1, 2, 3}


def test_damage_that_shows_while_it_is_used_costs_the_unreadable_only(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    file = OutboxLog(path, "E1", LIMITS)
    file.commit(messages(1, 400, 20_000), [], frozenset())
    file.close()
    file = OutboxLog(path, "E2", LIMITS)
    largest = max(folder_of(path).glob("*.seg"), key=lambda each: each.stat().st_size)
    with largest.open("r+b") as raw:
        raw.seek(largest.stat().st_size // 2)
        raw.write(b"\xff" * 400_000)
    damaged = largest.read_bytes()
    found = {int(message.payload) for message in file.read(-1000, 1, 1000)}
    assert 300 < len(found) < 400
    assert file.totals.damaged == 1
    assert file.totals.dropped["torn"] == 400 - len(found)
    assert path.with_name("outbox.db.damaged").read_bytes() == damaged
    file.commit(messages(1, 2), [], frozenset())
    file.close()


def test_a_file_of_which_nothing_can_be_read_is_set_aside_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    file = OutboxLog(path, "E1", LIMITS)
    file.commit(messages(1, 3), [], frozenset())
    file.close()
    broken = folder_of(path) / "000000000900.seg"
    broken.write_bytes(b"nothing that can be read")
    file = OutboxLog(path, "E2", LIMITS)
    assert path.with_name("outbox.db.damaged").read_bytes() == b"nothing that can be read"
    assert (file.totals.damaged, broken.exists()) == (1, False)
    file.close()


async def test_one_file_has_one_user(tmp_path: Path) -> None:
    async with on_disk(tmp_path / "outbox.db"):
        with pytest.raises(ConfigError, match=r"outbox\.db is in use by another process; end that one"):
            OutboxLog(tmp_path / "outbox.db", "E2", LIMITS)


def test_beyond_its_bytes_the_oldest_goes_and_the_file_shrinks_again(tmp_path: Path) -> None:
    file = OutboxLog(tmp_path / "outbox.db", "E1", Limits(1_000_000, 3600))
    for first in range(1, 2001, 100):
        file.commit(messages(first, first + 99, 2000), [], frozenset({3}))
    assert file.totals.used_bytes <= 1_000_000
    kept = [message.key for message in file.read(0, 10**6, 10**6)]
    assert kept[0] == 3
    assert kept[-1] == 2000
    assert file.totals.dropped["full"] == 2000 - len(kept)
    lost = {number for each in file.totals.losses for number in range(each.first, each.last + 1)}
    assert lost == set(range(1, 2001)) - set(kept)
    for _ in range(20):
        file.commit([], [(1, 2000)], frozenset())
    file.close()
    assert sum(each.stat().st_size for each in folder_of(tmp_path / "outbox.db").glob("*.seg")) < 200_000


def test_what_is_too_old_goes_by_time_that_passed_and_not_by_a_clock_that_jumps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = OutboxLog(tmp_path / "outbox.db", "E1", Limits(10_000_000, 60))
    file.commit(messages(1, 100), [], frozenset())
    with monkeypatch.context() as patched:
        jumped = time.time() + 40 * 365 * 86400
        patched.setattr(time, "time", lambda: jumped)
        file.commit(messages(101, 101), [], frozenset())
    assert file.totals.messages == 101
    file.close()
    with monkeypatch.context() as patched:
        two_minutes_on = jumped + 120
        patched.setattr(time, "time", lambda: two_minutes_on)
        file = OutboxLog(tmp_path / "outbox.db", "E2", Limits(10_000_000, 60))
        file.commit([], [], frozenset())
        assert file.totals.messages == 0
        assert file.totals.losses == [Numbers(epoch="E1", first=1, last=101, reason="expired")]
        file.close()


@contextlib.contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """A disk that is full, as far as this process can tell."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


async def test_a_full_disk_stops_nothing_and_all_is_on_disk_once_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    async with on_disk(path) as outbox:
        fill(outbox, 10, size=1000)
        assert await outbox.saved(10)
        with files_no_larger_than(48):
            fill(outbox, 10, size=1000)
            assert not await outbox.saved(20)
            assert not outbox.stats().durable
            assert await take(outbox, 20) == list(range(1, 21))
            outbox.done(15)
            fill(outbox, 2, size=1000)
            assert await take(outbox, 2) == [21, 22]
            outbox.rewind()
            assert outbox.stats().messages == 21
        async with asyncio.timeout(30):
            while not outbox.stats().durable:
                await outbox.saved(22)
                await asyncio.sleep(0.05)
        assert await outbox.saved(22)
        assert sorted(await take(outbox, 21)) == sorted({*range(1, 23)} - {15})
    assert keys_in(path) == {*range(1, 23)} - {15}


async def test_a_disk_that_refused_is_tried_again_although_nothing_more_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """All devices may be silent while somebody makes room."""
    async with on_disk(tmp_path / "outbox.db") as outbox:
        with files_no_larger_than(48):
            fill(outbox, 1, size=1000)
            assert not await outbox.saved(1)
        await eventually(lambda: outbox.stats().durable, "it is on disk")
        assert await outbox.saved(1)
    assert [each.levelname for each in caplog.records] == ["ERROR", "WARNING"], (
        "what has failed, and that it works again"
    )


def test_after_a_sync_that_failed_the_messages_are_written_into_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel says once that it lost data: another sync of the same file succeeds although they are gone."""
    path = tmp_path / "outbox.db"
    file = OutboxLog(path, "E1", LIMITS)
    file.commit(messages(1, 3), [], frozenset())

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fail)
        with pytest.raises(OSError, match="Input/output error"):
            file.commit(messages(4, 6), [], frozenset())
    file.commit(messages(4, 6), [], frozenset())
    file.close()
    assert sorted(each.name for each in folder_of(path).glob("*.seg")) == ["000000000001.seg", "000000000002.seg"]
    (folder_of(path) / "000000000001.seg").unlink()
    assert keys_in(path) == {4, 5, 6}


async def test_a_disk_that_refuses_is_not_taken_for_well_because_nothing_waits_to_be_written(tmp_path: Path) -> None:
    """A collector's: what is not on disk stays with the broker, and leaves the outbox at once."""
    outbox = DiskOutbox(tmp_path / "outbox.db", "E1", LIMITS, 100_000)
    await outbox.open()
    with files_no_larger_than(48):
        fill(outbox, 1, size=1000)
        await outbox.step()
        outbox.done(1)
        for _ in range(3):
            await outbox.step()
            assert not outbox.stats().durable
    await outbox.step()
    assert outbox.stats().durable
    await outbox.close()


async def test_a_disk_that_is_away_from_the_start_is_taken_when_it_comes(tmp_path: Path) -> None:
    folder = tmp_path / "mount"
    folder.write_text("a file where the folder should be", encoding="utf-8")
    path = folder / "outbox.db"
    async with on_disk(path) as outbox:
        fill(outbox, 3)
        assert not await outbox.saved(3)
        assert await take(outbox, 1) == [1]
        outbox.done(1)
        folder.unlink()
        async with asyncio.timeout(30):
            while not outbox.stats().durable:
                await outbox.saved(3)
                await asyncio.sleep(0.05)
    assert keys_in(path) == {2, 3}


async def test_what_memory_cannot_hold_while_the_disk_refuses_is_counted(tmp_path: Path) -> None:
    blocked = tmp_path / "mount"
    blocked.write_text("", encoding="utf-8")
    outbox = DiskOutbox(blocked / "outbox.db", "E1", LIMITS, 1000, memory_bytes=5000)
    await outbox.open()
    fill(outbox, 12, size=500)
    stats = outbox.stats()
    assert stats.dropped["disk"] == 2
    assert stats.account.dropped == [Numbers(epoch="E1", first=1, last=2, reason="disk")]
    assert await take(outbox, 1) == [3]
    await outbox.close()


async def test_large_messages_after_small_ones_take_no_more_memory_while_the_disk_refuses(tmp_path: Path) -> None:
    """Batches of devices that did not answer are small, and those of devices that are back are large."""
    blocked = tmp_path / "mount"
    blocked.write_text("", encoding="utf-8")
    outbox = DiskOutbox(blocked / "outbox.db", "E1", LIMITS, 1000, memory_bytes=5000)
    await outbox.open()
    fill(outbox, 50, size=100)
    fill(outbox, 10, size=2000)
    assert outbox.stats().size_bytes == 2 * 2000
    assert outbox.stats().dropped["disk"] == 58
    fill(outbox, 1, size=6000)
    assert (outbox.stats().size_bytes, outbox.stats().messages) == (0, 0), "one that is too large alone"
    await outbox.close()


async def test_the_loop_never_waits_for_a_slow_disk(tmp_path: Path) -> None:
    """Something holds the disk's thread as long as a slow disk would: messages come out of memory meanwhile."""
    async with on_disk(tmp_path / "outbox.db") as outbox:
        fill(outbox, 1)
        assert await outbox.saved(1)
        release = threading.Event()
        blocker = asyncio.get_running_loop().run_in_executor(outbox._thread.executor, release.wait, 30)  # noqa: SLF001 - the disk's
        fill(outbox, 5)
        try:
            assert await take(outbox, 6) == [1, 2, 3, 4, 5, 6]
            assert not outbox.stats().durable
        finally:
            release.set()
        await blocker
        async with asyncio.timeout(30):
            while not outbox.stats().durable:
                await outbox.saved(6)
                await asyncio.sleep(0.05)
