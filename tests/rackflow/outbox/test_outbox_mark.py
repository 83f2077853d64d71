"""Marks beside an outbox's file: what a process that died in between has left of them."""

import os
from pathlib import Path

import pytest

from rackflow.outbox.epochs import EpochBase
from rackflow.outbox.mark import MAX_KEY, Mark, MarkFile


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


def test_a_mark_takes_the_place_of_the_one_before_and_can_be_written_on_after_a_close(tmp_path: Path) -> None:
    path = tmp_path / "mark"
    marks = [Mark(1, 10, tuple(EpochBase(at, f"E{at}") for at in range(count))) for count in (5, 1, 3)]
    mark = MarkFile(path)
    for each in marks:
        mark.write(each)
        assert MarkFile(path).read() == each
        assert path.read_bytes().count(b"\n") == 1
        assert path.read_bytes().endswith(b"\n")
        mark.close()
    # A close after a close ends nobody else's file.
    with path.open("rb") as other:
        mark.close()
        assert other.read()


def test_an_outbox_that_holds_nothing_has_a_mark_too(tmp_path: Path) -> None:
    for empty in (Mark(1, 0, ()), Mark(8, 7, (EpochBase(0, "E1"),)), Mark(MAX_KEY, MAX_KEY - 1, ())):
        mark = MarkFile(tmp_path / "mark")
        mark.write(empty)
        mark.close()
        assert MarkFile(tmp_path / "mark").read() == empty


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0" * 80,
        "{",
        "7",
        "[]",
        "[" * 100_000,
        '{"first": 1, "last": 9}',
        '{"first": 1, "runs": []}',
        '{"first": "x", "last": 9, "runs": []}',
        '{"first": null, "last": 9, "runs": []}',
        '{"first": 1e999, "last": 9, "runs": []}',
        '{"first": 1, "last": 9, "runs": [7]}',
        '{"first": 1, "last": 9, "runs": [[0]]}',
        # A mark ahead of the log would report messages as lost that never existed.
        '{"first": 11, "last": 9, "runs": []}',
        '{"first": -1, "last": 9, "runs": []}',
        f'{{"first": 1, "last": {MAX_KEY}, "runs": []}}',
    ],
)
def test_what_is_no_mark_counts_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mark"
    path.write_text(text + "\n")
    assert MarkFile(path).read() is None


def test_a_mark_that_is_missing_or_no_file_counts_as_none(tmp_path: Path) -> None:
    assert MarkFile(tmp_path / "mark").read() is None
    (tmp_path / "folder").mkdir()
    assert MarkFile(tmp_path / "folder").read() is None
    # Opening it would wait for a writer for ever.
    os.mkfifo(tmp_path / "pipe")
    assert MarkFile(tmp_path / "pipe").read() is None


def test_a_mark_that_lost_power_while_it_grew_is_read_without_the_zeros(tmp_path: Path) -> None:
    path, written = tmp_path / "mark", Mark(1, 2, (EpochBase(0, "E1"),))
    mark = MarkFile(path)
    mark.write(written)
    mark.close()
    path.write_bytes(path.read_bytes().rstrip(b"\n") + bytes(20))
    assert MarkFile(path).read() == written
