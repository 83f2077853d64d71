"""An outbox of the version before is moved into the log: nothing is lost, whatever happens meanwhile, and a newer one is refused."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from rackflow import ConfigError
from rackflow.documents import Numbers
from rackflow.outbox import Limits, Message
from rackflow.outbox.epochs import EpochBase
from rackflow.outbox.loading import folder_of
from rackflow.outbox.log import OutboxLog
from rackflow.outbox.record import FORMAT as SEGMENT_FORMAT
from rackflow.outbox.record import Head
from rackflow.process.sqlite import APPLICATION, FORMAT
from tests.rackflow.outbox.format1_file import write_former
from tests.rackflow.outbox.test_outbox_file import NOBODY, keys, lost, messages, opened


def test_messages_are_moved_with_order_epoch_number_and_age(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    kept = [each for each in messages(1, 10) if each.key not in {2, 3, 7}]
    losses, collectors = [("E0", 4, 5, "full")], [("c", "ledger-1")]
    write_former(path, kept, [(0, "E1"), (6, "E2")], age_ms=59_000, kept_ms=0, losses=losses, collectors=collectors)
    log = opened(tmp_path, "E3", age_s=60.0)
    assert keys(log) == [-9, -6, -5, -4, -2, -1, 0]
    assert [each.payload for each in log.read(-10, 1, 100)] == [each.payload for each in kept]
    assert log.totals.epochs == [EpochBase(0, "E1"), EpochBase(6, "E2"), EpochBase(10, "E3")]
    assert lost(log) == losses
    assert (log.collectors, log.present) == (collectors, [(-9, -9), (-6, -4), (-2, 0)])
    assert (log.totals.damaged, log.totals.dropped["torn"]) == (0, 0)
    assert [each.name for each in tmp_path.iterdir()] == ["outbox.db.segments"]
    log.close()
    # 59 of 60 seconds old: one more and a bit, and they expire.
    write_former(tmp_path / "old.db", kept, age_ms=61_000, kept_ms=0)
    old = OutboxLog(tmp_path / "old.db", "E9", Limits(10_000_000, 60.0))
    old.commit([], [], NOBODY)
    assert (old.totals.messages, old.totals.dropped["expired"]) == (0, 7)
    old.close()


@pytest.mark.parametrize(
    ("written_s_ago", "left"),
    [(3_000, 3), (3_700, 0), (29 * 86_400, 0), (31 * 86_400, 3), (-60, 3)],
    ids=["under an hour ago", "longer ago", "29 days ago", "longer than a clock is trusted", "in the future"],
)
def test_messages_grow_older_while_no_agent_runs(tmp_path: Path, written_s_ago: float, left: int) -> None:
    """They were new when the file was last written, and are kept for an hour."""
    path = tmp_path / "outbox.db"
    write_former(path, messages(1, 3), age_ms=5_000, kept_ms=5_000)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE state SET wall_ms = wall_ms - ?", (int(written_s_ago * 1000),))
    log = opened(tmp_path, "E2", age_s=3_600.0)
    log.commit([], [], NOBODY)
    assert (log.totals.messages, log.totals.dropped["expired"]) == (left, 3 - left)
    log.close()


def test_every_interrupted_move_leads_to_the_same_log(tmp_path: Path) -> None:
    """A copy of the file is put beside a log that has some, or all, of its messages."""
    path = tmp_path / "outbox.db"
    write_former(path, messages(1, 600, 100))
    (tmp_path / "copy").mkdir()
    for name in ("outbox.db", "outbox.db.mark"):
        shutil.copyfile(tmp_path / name, tmp_path / "copy" / name)
    opened(tmp_path, "E2").close()
    [segment] = folder_of(path).glob("*.seg")
    whole = segment.read_bytes()
    for length in (48, 60, 500, 3_000, 20_000, len(whole) // 2, len(whole)):
        folder = tmp_path / f"cut-{length}"
        shutil.copytree(tmp_path / "copy", folder)
        folder_of(folder / "outbox.db").mkdir()
        # What a move that was killed there had written: no epoch has begun, so no mark either.
        (folder_of(folder / "outbox.db") / segment.name).write_bytes(whole[:length])
        log = opened(folder, "E2")
        found = [each.payload.split()[0] for each in log.read(-(10**6), 10**6, 10**6)]
        assert set(found) == {b"%d" % number for number in range(1, 601)}
        assert log.totals.dropped["torn"] == 0
        log.close()


def test_going_back_and_forth_between_versions_keeps_what_waits_in_both(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    log = opened(tmp_path, "E1")
    log.commit(messages(1, 3), [], NOBODY)
    log.close()
    # The version before does not know of the log: it begins an outbox of its own.
    write_former(path, messages(1, 2), [(0, "E2")])
    log = opened(tmp_path, "E3")
    assert keys(log) == [-4, -3, -2, -1, 0]
    assert log.totals.epochs == [EpochBase(0, "E1"), EpochBase(3, "E2"), EpochBase(5, "E3")]
    log.close()


def test_what_the_mark_beside_the_file_saw_and_the_file_has_not_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    write_former(path, messages(1, 3))
    (tmp_path / "outbox.db.mark").write_text('{"first": 1, "last": 6, "runs": [[0, "E1"]]}', encoding="utf-8")
    log = opened(tmp_path, "E2")
    assert (keys(log), lost(log)) == ([-5, -4, -3], [("E1", 4, 6, "torn")])
    log.close()


def test_a_payload_of_the_file_that_is_not_what_was_written_is_torn_and_no_one_else(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    write_former(path, messages(1, 5))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE message SET payload = x'313233' WHERE key = 3")
    log = opened(tmp_path, "E2")
    assert (keys(log), lost(log)) == ([-4, -3, -1, 0], [("E1", 3, 3, "torn")])
    assert (log.totals.dropped["torn"], log.totals.damaged) == (1, 1)
    assert (tmp_path / "outbox.db.damaged").exists()
    log.close()


def test_a_page_of_the_file_that_is_lost_costs_the_messages_on_it(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    write_former(path, messages(1, 400, 20_000))
    with path.open("r+b") as raw:
        raw.seek(path.stat().st_size // 2)
        raw.write(b"\xff" * 400_000)
    log = opened(tmp_path, "E2")
    assert 300 < log.totals.messages < 400
    assert log.totals.dropped["torn"] == 400 - log.totals.messages
    assert sum(last - first + 1 for _, first, last, why in lost(log) if why == "torn") == 400 - log.totals.messages
    log.close()


def test_a_file_that_another_process_has_open_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    write_former(path, messages(1, 3))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ConfigError, match=r"outbox\.db is in use by another process; end that one"):
            opened(tmp_path, "E2")
    log = opened(tmp_path, "E2")
    assert keys(log) == [-2, -1, 0]
    log.close()


def test_a_mark_without_a_file_tells_what_was_in_it(tmp_path: Path) -> None:
    (tmp_path / "outbox.db.mark").write_text('{"first": 4, "last": 6, "runs": [[0, "E1"]]}', encoding="utf-8")
    log = opened(tmp_path, "E2")
    assert (keys(log), log.totals.losses) == ([], [Numbers(epoch="E1", first=4, last=6, reason="torn")])
    assert not (tmp_path / "outbox.db.mark").exists()
    log.commit([Message(1, "t", b"x", int(time.time()))], [], NOBODY)
    assert log.totals.last_key == 7
    log.close()


def test_a_file_of_a_newer_version_is_refused_with_the_remedy_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    write_former(path, messages(1, 3))
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {FORMAT + 1}")
        db.execute(f"PRAGMA application_id = {APPLICATION + FORMAT + 1}")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"was written by a newer Rackflow .* install that version again"):
        opened(tmp_path, "E2")
    assert path.read_bytes() == before


def test_a_segment_of_a_newer_version_is_refused_with_the_remedy_and_not_touched(tmp_path: Path) -> None:
    opened(tmp_path, "E1").close()
    [segment] = folder_of(tmp_path / "outbox.db").glob("*.seg")
    newer = Head(1, 7, format=SEGMENT_FORMAT + 1).encode() + b"of the next version"
    segment.write_bytes(newer)
    with pytest.raises(ConfigError) as error:
        opened(tmp_path, "E2")
    assert str(error.value) == (
        f"{segment}: was written by a newer Rackflow (format {SEGMENT_FORMAT + 1}, this one knows up to {SEGMENT_FORMAT});"
        " install that version again, or restore a copy from before the upgrade"
    )
    assert segment.read_bytes() == newer
    # A flipped bit in the number does not make a file newer.
    flipped = bytearray(Head(1, 7).encode())
    flipped[8] ^= 64
    segment.write_bytes(flipped)
    log = opened(tmp_path, "E2")
    assert log.totals.damaged == 1
    log.close()
