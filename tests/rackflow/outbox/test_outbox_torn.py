"""What of an outbox's file was torn off or damaged: counted once, told after every restart, and no number given twice."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from rackflow.documents import Numbers
from rackflow.outbox.mark import Mark, MarkFile
from rackflow.outbox.numbers import Run
from tests.rackflow.outbox.test_outbox_file import NOBODY, keys, lost, messages, opened, opened_and_closed


@pytest.mark.parametrize(("first", "torn"), [(1, [("E1", 4, 6)]), (5, [("E1", 5, 6)])])
def test_what_the_mark_saw_and_the_file_has_not_is_torn(
    tmp_path: Path, first: int, torn: Sequence[tuple[str, int, int]]
) -> None:
    """A log cut short: numbers up to 3 are in the file, those up to 6 were. None is given to another message."""
    file = opened(tmp_path)
    file.commit(messages(1, 3), [], NOBODY)
    file.close()
    mark = MarkFile(tmp_path / "outbox.db.mark")
    mark.write(Mark(first, 6, (Run(0, "E1"),)))
    mark.close()
    file = opened(tmp_path, "E2")
    expected = [(*each, "torn") for each in torn]
    assert lost(file) == expected
    assert file.totals.dropped["torn"] == sum(last - low + 1 for _, low, last in torn)
    file.commit(messages(1, 1), [], NOBODY)
    assert file.totals.last_key == 7
    file.close()
    assert lost(opened_and_closed(tmp_path, "E3")) == expected


def test_a_mark_of_just_what_the_file_has_loses_nothing(tmp_path: Path) -> None:
    file = opened(tmp_path)
    file.commit(messages(1, 3), [], NOBODY)
    file.close()
    file = opened_and_closed(tmp_path, "E2")
    assert (lost(file), file.totals.dropped["torn"]) == ([], 0)


def test_a_payload_that_is_not_what_was_written_is_torn_and_no_one_else(tmp_path: Path) -> None:
    file = opened(tmp_path)
    file.commit(messages(1, 5), [], NOBODY)
    file.close()
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as db, db:
        db.execute("UPDATE message SET payload = x'313233' WHERE key = 3")
        db.execute("UPDATE message SET payload = x'00' WHERE key = 4")
    file = opened(tmp_path, "E2")
    assert keys(file) == [-4, -3, 0]
    assert lost(file) == [("E1", 3, 4, "torn")]
    assert (file.totals.dropped["torn"], file.totals.damaged, file.totals.messages) == (2, 1, 3)
    file.commit(messages(1, 1), [], NOBODY)
    file.close()
    file = opened(tmp_path, "E3")
    assert (lost(file), file.totals.damaged) == ([("E1", 3, 4, "torn")], 0)
    file.close()


def test_a_commit_that_finds_damage_still_does_all_that_it_was_to_do(tmp_path: Path) -> None:
    before = opened(tmp_path, "E1")
    before.commit(messages(1, 4000, 2_000), [], NOBODY)
    before.close()
    file = opened(tmp_path, "E2")
    path = tmp_path / "outbox.db"
    with path.open("r+b") as raw:
        raw.seek(path.stat().st_size // 2)
        raw.write(b"\xff" * 400_000)
    file.lost = [Numbers(epoch="E2", first=3, last=4, reason="disk")]
    file.commit(messages(5, 6), [(-3999, -10)], NOBODY)
    assert file.totals.damaged == 1
    # What was confirmed is deleted, what was dropped before it reached the disk is recorded, what was put is there.
    assert keys(file) == [*range(-9, 1), 5, 6]
    assert ("E2", 3, 4, "disk") in lost(file)
    file.close()
    # The next epoch's keys follow: its first message is not taken for one that is there.
    again = opened(tmp_path, "E3")
    again.commit(messages(1, 1), [], NOBODY)
    assert keys(again) == [*range(-15, -5), -1, 0, 1]
    again.close()
