"""One connection to the ledger's file for all that writer, drain and sweep do at once, and a disk that refuses: each commit is whole."""

import asyncio
import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from collector.ledger.account import account_of
from collector.ledger.epochs import Entry, EpochKey
from collector.ledger.file import PAUSE_S, LedgerFile
from collector.ledger.ledger import MAX_OPEN_CHUNKS
from collector.ledger.tables import read_snapshot
from rackflow import RackflowError
from rackflow.process.steady import STEADY_S
from tests.collector.running import ledger_locked, until
from tests.rackflow.outbox.test_outbox_disk import files_no_larger_than

WALL_S = 1_795_468_800.0
WALL_MS = int(WALL_S * 1000)
ROUNDS, CALLS, AGENTS = 10, 6, 40
"""So many rounds, each of so many calls at once that enter a message of so many agents: a commit takes a while."""


KEY = EpochKey("cas1", "gw-3", "E")


def of_agents(seq: int, wall_ms: int = WALL_MS) -> list[Entry]:
    return [Entry(EpochKey("cas1", f"gw-{at}", "E"), seq, wall_ms, wall_ms) for at in range(AGENTS)]


async def test_what_several_enter_at_once_is_all_on_disk_once_each_was_told_so(tmp_path: Path) -> None:
    """Two transactions at once would be one, and whoever fails would take back what the other one was told is durable."""
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: WALL_S)
    for each in range(ROUNDS):
        seqs = range(1 + each * CALLS, 1 + (each + 1) * CALLS)
        enter = [ledger.record if seq % 2 else ledger.record_waiting for seq in seqs]
        assert all(await asyncio.gather(*(one(of_agents(seq)) for one, seq in zip(enter, seqs, strict=True))))
        sums = [account_of(*pair) for pair in read_snapshot(ledger.path).epochs]
        assert {(one.stored, one.in_flight) for one in sums} == {((each + 1) * CALLS // 2,) * 2}
        assert len(sums) == AGENTS
    assert (ledger.failures["write"], ledger.fault) == (0, None)
    ledger.close()


async def test_what_is_entered_while_old_epochs_are_deleted_is_all_on_disk(tmp_path: Path) -> None:
    now_s = 0.0
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: WALL_S + now_s)
    await ledger.sweep(now_s)
    now_s = STEADY_S
    for each in range(ROUNDS):
        old = [entry.key._replace(epoch="OLD") for entry in of_agents(1)]
        assert await ledger.record([Entry(key, 1, 1, 1) for key in old])
        recording = [ledger.record(of_agents(1 + each * CALLS + more)) for more in range(CALLS)]
        *told, _ = await asyncio.gather(*recording, ledger.sweep(now_s))
        assert all(told)
        pages = read_snapshot(ledger.path).epochs
        assert {record.key.epoch for record, _ in pages} == {"E"}
        assert {account_of(*pair).stored for pair in pages} == {(each + 1) * CALLS}
    assert (ledger.failures["write"], ledger.fault) == (0, None)
    ledger.close()


def names_in(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


@contextmanager
def disk_that_refuses_reads(path: Path) -> Iterator[None]:
    """Whoever has the file open in this process can no longer read it."""
    files = Path("/proc/self/fd")
    found = [int(each.name) for each in files.iterdir() if each.exists() and each.resolve() == path.resolve()]
    former = [os.dup(descriptor) for descriptor in found]
    write_only = os.open(path, os.O_WRONLY)
    try:
        for descriptor in found:
            os.dup2(write_only, descriptor)
        yield
    finally:
        for descriptor, good in zip(found, former, strict=True):
            os.dup2(good, descriptor)
            os.close(good)
        os.close(write_only)


async def test_while_what_is_stored_cannot_be_read_nothing_is_entered_over_it(tmp_path: Path) -> None:
    """A chunk that was begun anew would make all that it had missing, and an agent's messages of it would be stored again."""
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: WALL_S)
    assert await ledger.record([Entry(KEY, seq, WALL_MS, WALL_MS) for seq in range(1, 6)])
    ledger.close()
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: WALL_S)
    with closing(sqlite3.connect(ledger.path)) as other:
        # What the ledger's own connection has in memory of the file counts no more.
        other.execute("UPDATE ledger SET created_ms = created_ms")
        other.commit()
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with disk_that_refuses_reads(ledger.path):
        recording = asyncio.create_task(ledger.record([Entry(KEY, 6, WALL_MS, WALL_MS)]), name="recording")
        await until(lambda: ledger.failures["write"] > 0, "it was tried")
        assert not recording.done()
    assert await recording
    [pair] = read_snapshot(ledger.path).epochs
    assert account_of(*pair).stored == 6
    ledger.close()


async def test_a_disk_that_refuses_is_tried_again_after_pauses_that_grow_to_five_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is acknowledged meanwhile, so with longer ones the broker's queue would overflow after the disk works again."""
    bounds: list[float] = []
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: WALL_S)

    def no_pause(_: float, highest: float) -> float:
        bounds.append(highest)
        return 0.0

    monkeypatch.setattr(random, "uniform", no_pause)
    with files_no_larger_than(1024):
        recording = asyncio.create_task(ledger.record([Entry(KEY, 1, WALL_MS, WALL_MS)]), name="recording")
        await until(lambda: len(bounds) > 6, "it was tried several times")
    assert await recording
    assert bounds[:7] == [0.2, 0.4, 0.8, 1.6, 3.2, *PAUSE_S[1:] * 2]
    ledger.close()


async def test_chunks_that_are_on_disk_do_not_stay_in_memory_for_ever(tmp_path: Path) -> None:
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: WALL_S)
    many = [Entry(EpochKey("cas1", f"gw-{at}", "E"), 1, WALL_MS, WALL_MS) for at in range(MAX_OPEN_CHUNKS + 10)]
    assert await ledger.record(many)
    assert len(ledger.ledger.unloaded(many)) == 10
    ledger.close()


async def test_who_reads_the_ledger_holds_no_commit_up(tmp_path: Path) -> None:
    """`rackflow-collector ledger`, a backup and the account of /metrics read it beside the collector, for as long as that takes."""
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: WALL_S)
    assert await ledger.record([Entry(KEY, 1, WALL_MS, WALL_MS)])
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM epoch").fetchone() == (1,)
        async with asyncio.timeout(30):
            assert await ledger.record([Entry(KEY, 2, WALL_MS, WALL_MS)])
    assert ledger.failures["write"] == 0
    ledger.close()


async def test_a_sound_ledger_that_cannot_be_written_at_a_start_is_not_set_aside(tmp_path: Path) -> None:
    """Its numbers would be gone, and with them what is stored already and what is missing. The service manager tries again."""
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: WALL_S)
    assert await ledger.record([Entry(KEY, 1, WALL_MS, WALL_MS)])
    ledger.close()
    before = names_in(tmp_path)
    with ledger_locked(ledger.path), pytest.raises(RackflowError, match="cannot be used"):
        LedgerFile(tmp_path / "ledger.db", 400, lambda: WALL_S)
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: WALL_S)
    assert await ledger.are_new([Entry(KEY, 1, WALL_MS, WALL_MS)]) == [False]
    ledger.close()
    assert names_in(tmp_path) == before
