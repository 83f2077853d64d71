"""The files of an outbox together: what waits, what is free, and what is missing, by files made record by record."""

from pathlib import Path

import pytest

from rackflow.documents import Numbers
from rackflow.outbox.epochs import EpochBase
from rackflow.outbox.loading import load_folder
from rackflow.outbox.mark import Mark
from rackflow.outbox.record import RECORD, STATE, Encoder, Stamp
from rackflow.outbox.segment import new_head, segment_name
from rackflow.outbox.state import State
from tests.rackflow.outbox.test_segment import load, messages


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
    assert opened.state.totals.last_key == 9, "the next run begins behind it"
    assert opened.missing == [(3, 9)]


def test_the_clock_of_an_outbox_goes_on_from_its_latest_moment_whichever_file_has_it(tmp_path: Path) -> None:
    late, early = Stamp(5000, 1_795_000_005_000), Stamp(1000, 1_795_000_001_000)
    load(tmp_path, ("put", 1, 2), stamps=[late])
    load(tmp_path, ("put", 3, 4), head=new_head(2, 2), stamps=[early])
    assert load_folder(tmp_path, None).stamp == late
    latest = Stamp(6000, 1_795_000_006_000)
    load(tmp_path, ("put", 5, 6), head=new_head(3, 4), stamps=[latest])
    assert load_folder(tmp_path, None).stamp == latest


def cut_at(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def test_a_file_that_ends_too_early_costs_the_messages_up_to_the_next_file_and_is_used_on(tmp_path: Path) -> None:
    load(tmp_path, ("put", 1, 2))
    load(tmp_path, ("put", 5, 6), head=new_head(2, 4))
    load(tmp_path, ("put", 7, 8), head=new_head(3, 6))
    opened = load_folder(tmp_path, None)
    assert (opened.missing, list(opened.waiting)) == ([(3, 4)], [(1, 2), (5, 8)])
    assert [each.number for each in opened.short] == [1]
    assert (opened.damaged, opened.broken) == ([], [])


def test_half_a_record_at_the_end_of_a_file_is_cut_off(tmp_path: Path) -> None:
    whole = load(tmp_path, ("put", 1, 2)).segment.end
    load(tmp_path, ("put", 1, 2), ("put", 3, 4))
    path = tmp_path / segment_name(1)
    cut_at(path, whole + 10)
    opened = load_folder(tmp_path, None)
    assert list(opened.waiting) == [(1, 2)]
    assert path.stat().st_size == whole


def test_a_file_that_ends_in_half_a_record_although_more_was_written_is_damaged(tmp_path: Path) -> None:
    whole = load(tmp_path, ("put", 1, 2)).segment.end
    load(tmp_path, ("put", 1, 2), ("put", 3, 4))
    cut_at(tmp_path / segment_name(1), whole + 10)
    opened = load_folder(tmp_path, Mark(1, 4, ()))
    assert opened.missing == [(3, 4)]
    assert ([each.number for each in opened.damaged], opened.short) == ([1], [])


def test_an_unreadable_file_costs_its_own_messages_and_none_that_went_before(tmp_path: Path) -> None:
    """Messages 1 to 100 were delivered, and their files are gone."""
    load(tmp_path, ("put", 101, 104), head=new_head(5, 100))
    (tmp_path / segment_name(6)).write_bytes(b"nothing that can be read")
    load(tmp_path, ("put", 109, 110), head=new_head(7, 108))
    opened = load_folder(tmp_path, None)
    assert (opened.missing, list(opened.waiting)) == ([(105, 108)], [(101, 104), (109, 110)])
    assert (opened.broken, opened.last_number) == ([tmp_path / segment_name(6)], 7)


def test_a_file_that_was_deleted_because_its_messages_were_delivered_is_no_loss(tmp_path: Path) -> None:
    load(tmp_path, ("put", 1, 2))
    load(tmp_path, ("put", 5, 6), head=new_head(3, 4))
    opened = load_folder(tmp_path, None)
    assert (opened.missing, opened.short, list(opened.waiting)) == ([], [], [(1, 2), (5, 6)])


def test_what_is_counted_as_lost_is_not_lost_once_more_at_each_start(tmp_path: Path) -> None:
    """Messages 1 and 2 of a run that begins behind key 100: their record is damaged, and an earlier start has counted them."""
    state = State()
    state.totals.epochs = [EpochBase(100, "E1")]
    state.count_losses([Numbers(epoch="E1", first=1, last=2, reason="torn")])
    head = new_head(1, 100)
    encoder, data = Encoder(head.salt), head.encode()
    data += encoder.record(len(data), STATE, state.encode([]), Stamp(0))
    unreadable = encoder.messages(len(data), messages(101, 102), Stamp(0), compress=False)
    data += unreadable[: RECORD.size] + bytes(len(unreadable) - RECORD.size)
    data += encoder.messages(len(data), messages(103, 104), Stamp(0), compress=False)
    (tmp_path / segment_name(1)).write_bytes(data)
    load(tmp_path, ("put", 105, 106), head=new_head(2, 104))
    opened = load_folder(tmp_path, None)
    assert (opened.missing, list(opened.waiting)) == ([], [(103, 106)])


def test_a_copy_that_somebody_made_in_the_folder_does_not_keep_the_outbox_from_opening(tmp_path: Path) -> None:
    load(tmp_path, ("put", 1, 2))
    copy = tmp_path / f"copy of {segment_name(1)}"
    copy.write_bytes((tmp_path / segment_name(1)).read_bytes())
    opened = load_folder(tmp_path, None)
    assert (list(opened.waiting), opened.missing, opened.broken) == ([(1, 2)], [], [copy])


@pytest.mark.parametrize(
    ("freed", "waiting"),
    [
        ((2, 3), [(1, 4)]),  # its own messages are all in the first file, which is the one that is used
        ((1, 4), [(1, 4)]),
    ],
)
def test_a_file_of_which_a_kill_left_only_copies_frees_nothing(
    tmp_path: Path, freed: tuple[int, int], waiting: list[tuple[int, int]]
) -> None:
    load(tmp_path, ("put", 1, 4))
    load(tmp_path, ("put", 1, 4), ("freed", *freed), head=new_head(2, 0))
    opened = load_folder(tmp_path, None)
    assert (list(opened.waiting), opened.missing) == (waiting, [])


def test_keys_below_those_of_a_file_are_none_of_its_own_though_they_follow_without_a_gap(tmp_path: Path) -> None:
    load(tmp_path, ("put", 1, 4))
    load(tmp_path, ("put", 5, 8), ("freed", 1, 2), head=new_head(2, 4))
    opened = load_folder(tmp_path, None)
    assert (list(opened.waiting), len(opened.waiting)) == ([(1, 8)], 8)


def test_an_outbox_whose_files_are_gone_still_knows_its_runs_and_has_lost_what_the_mark_says(tmp_path: Path) -> None:
    """Nothing was left in it in the first case: an outbox that was empty has lost nothing."""
    runs = (EpochBase(0, "E1"), EpochBase(3, "E2"))
    for mark, missing in ((Mark(6, 5, runs), []), (Mark(4, 5, runs), [(4, 5)])):
        opened = load_folder(tmp_path, mark)
        assert (opened.state.totals.epochs, opened.missing) == (list(runs), missing)
        assert (opened.highest, opened.written) == (5, 0)
