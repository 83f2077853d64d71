"""The files of an outbox together: what waits, what is free, and what is missing, by files made record by record."""

from pathlib import Path

from rackflow.outbox.loading import load_folder
from rackflow.outbox.mark import Mark
from rackflow.outbox.record import Stamp
from rackflow.outbox.segment import new_head
from tests.rackflow.outbox.test_segment import load


def test_what_a_file_frees_are_its_own_messages_and_none_of_another_file(tmp_path: Path) -> None:
    load(tmp_path, ("put", 1, 4), ("freed", 1, 1), ("freed", 4, 4))
    load(tmp_path, ("put", 5, 8), ("freed", 1, 6), head=new_head(2, 4))
    opened = load_folder(tmp_path, None)
    assert list(opened.waiting) == [(2, 3), (7, 8)]
    assert [each.index.messages for each in opened.segments] == [2, 2]
    assert (opened.missing, opened.highest) == ([], 8)


def test_what_was_free_already_is_not_missing_though_its_record_is_damaged(tmp_path: Path) -> None:
    load(tmp_path, ("put", 1, 2), ("broken", 3, 6), ("put", 7, 8), ("freed", 3, 4))
    opened = load_folder(tmp_path, None)
    assert (opened.missing, list(opened.waiting)) == ([(5, 6)], [(1, 2), (7, 8)])
    assert load_folder(tmp_path, Mark(6, 8, ())).missing == [(6, 6)], "the mark knows what was free before it"


def test_no_key_is_given_again_that_was_given_before_a_file_was_begun(tmp_path: Path) -> None:
    load(tmp_path, ("put", 1, 2))
    load(tmp_path, head=new_head(2, 9))
    opened = load_folder(tmp_path, None)
    assert (opened.highest, opened.written, opened.last_number) == (9, 9, 2)
    assert opened.missing == [(3, 9)]


def test_the_clock_of_an_outbox_goes_on_from_its_latest_moment_whichever_file_has_it(tmp_path: Path) -> None:
    late, early = Stamp(5000, 1_795_000_005_000), Stamp(1000, 1_795_000_001_000)
    load(tmp_path, ("put", 1, 2), stamps=[late])
    load(tmp_path, ("put", 3, 4), head=new_head(2, 2), stamps=[early])
    assert load_folder(tmp_path, None).stamp == late
    latest = Stamp(6000, 1_795_000_006_000)
    load(tmp_path, ("put", 5, 6), head=new_head(3, 4), stamps=[latest])
    assert load_folder(tmp_path, None).stamp == latest
