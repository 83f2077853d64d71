"""Marks beside an outbox's file: what a process that died in between has left of them."""

from pathlib import Path

from rackflow.documents import Numbers
from rackflow.outbox.mark import Mark, MarkFile
from rackflow.outbox.numbers import EpochBase, gaps, numbers_of_keys, ranges


def test_a_mark_that_was_written_over_and_not_yet_cut_off_counts(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db.mark"
    long, short = Mark(100, 200, (EpochBase(0, "E1"), EpochBase(50, "E2"))), Mark(7, 9, (EpochBase(0, "E1"),))
    mark = MarkFile(path)
    mark.write(long)
    old = path.read_bytes()
    mark.write(short)
    mark.close()
    new = path.read_bytes()
    path.write_bytes(new + old[len(new) :])
    assert MarkFile(path).read() == short


def test_keys_as_ranges() -> None:
    assert list(ranges([])) == []
    assert list(ranges([4])) == [(4, 4)]
    assert list(ranges([0, 1, 2, 4, 6, 7])) == [(0, 2), (4, 4), (6, 7)]


def test_gaps_between_keys_ends_included() -> None:
    assert gaps(1, 5, {1, 2, 3, 4, 5}) == []
    assert gaps(1, 5, {2, 4}) == [(1, 1), (3, 3), (5, 5)]
    assert gaps(2, 4, {1, 5}) == [(2, 4)]
    assert gaps(2, 4, {2, 4}) == [(3, 3)]
    assert gaps(3, 2, set()) == []


def test_keys_are_converted_to_numbers_of_their_epochs() -> None:
    """Bases are the last key before a life; they may come in any order."""
    lives = [EpochBase(10, "E2"), EpochBase(0, "E1"), EpochBase(10, "E3"), EpochBase(15, "E4")]
    expected = [
        Numbers(epoch="E1", first=9, last=10, reason="full"),
        Numbers(epoch="E3", first=1, last=5, reason="full"),
        Numbers(epoch="E4", first=1, last=1, reason="full"),
    ]
    assert numbers_of_keys(lives, 9, 16, "full") == expected
    assert numbers_of_keys(lives, 10, 10) == [Numbers(epoch="E1", first=10, last=10)]
    assert numbers_of_keys(lives, 11, 11) == [Numbers(epoch="E3", first=1, last=1)]
