"""Ranges of message numbers: how they join, and what is joined first once there are too many of them."""

from rackflow.documents import Numbers
from rackflow.outbox.numbers import MAX_RANGES, EpochBase, add_range, added, bounded, gaps, numbers_of_keys, ranges


def full(first: int, last: int, epoch: str = "E1", reason: str = "full") -> Numbers:
    return Numbers(epoch=epoch, first=first, last=last, reason=reason)


def test_a_range_joins_those_of_its_epoch_and_reason_that_it_touches_or_overlaps() -> None:
    assert add_range([full(1, 3)], full(4, 5)) == [full(1, 5)]
    assert add_range([full(4, 9)], full(1, 5)) == [full(1, 9)]
    assert add_range([full(1, 3)], full(5, 5)) == [full(1, 3), full(5, 5)]
    assert add_range([full(1, 3)], full(4, 5, reason="expired")) == [full(1, 3), full(4, 5, reason="expired")]
    assert add_range([full(1, 3)], full(4, 5, epoch="E2")) == [full(1, 3), full(4, 5, epoch="E2")]


def test_beyond_the_limit_the_two_oldest_ranges_of_an_epoch_and_reason_become_one() -> None:
    many = [full(at, at + 1) for at in range(10, 10 * (MAX_RANGES + 1), 10)]
    assert len(many) == MAX_RANGES
    assert add_range(many, full(5000, 5001)) == [full(10, 21), *many[2:], full(5000, 5001)]
    swapped = [many[1], many[0], *many[2:]]
    assert add_range(swapped, full(5000, 5001))[0] == full(10, 21)


def test_the_oldest_range_without_another_of_its_kind_goes_itself() -> None:
    alone = full(1, 1, epoch="E0")
    many = [alone, *(full(at, at + 1) for at in range(10, 10 * MAX_RANGES, 10))]
    assert len(many) == MAX_RANGES
    assert add_range(many, full(5000, 5001)) == [*many[1:], full(5000, 5001)]


def test_a_range_joins_one_that_comes_right_behind_it_and_none_with_a_gap_on_either_side() -> None:
    assert add_range([full(4, 5)], full(1, 3)) == [full(1, 5)]
    assert add_range([full(5, 6)], full(1, 3)) == [full(5, 6), full(1, 3)]
    assert add_range([full(1, 2), full(7, 8)], full(3, 6)) == [full(1, 8)]


def test_as_many_ranges_as_the_status_may_have_are_kept_one_by_one() -> None:
    assert MAX_RANGES == 200
    many = [full(at, at + 1) for at in range(10, 10 * MAX_RANGES, 10)]
    assert add_range(many, full(5000, 5001)) == [*many, full(5000, 5001)]


def test_of_very_many_ranges_the_oldest_and_the_newest_hundred_are_reported() -> None:
    ranges = [full(at, at) for at in range(1, 501)]
    assert bounded(ranges[:200]) == ranges[:200]
    assert bounded(ranges[:201]) == [*ranges[:100], *ranges[101:201]]
    assert bounded(ranges) == [*ranges[:100], *ranges[400:]]


def test_keys_are_numbers_of_the_epoch_that_they_belong_to_in_whatever_order_epochs_are_given() -> None:
    epochs = [EpochBase(10, "E2"), EpochBase(0, "E1"), EpochBase(25, "E3")]
    found = [(each.epoch, each.first, each.last, each.reason) for each in numbers_of_keys(epochs, 8, 30, "torn")]
    assert found == [("E1", 8, 10, "torn"), ("E2", 1, 15, "torn"), ("E3", 1, 5, "torn")]
    assert [each.epoch for each in numbers_of_keys(epochs, 11, 25)] == ["E2"]


def test_counts_of_the_file_and_of_the_process_are_added_reason_by_reason() -> None:
    assert added({"full": 3, "torn": 1}, {"full": 2, "disk": 7}) == {"full": 5, "torn": 1, "disk": 7}


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
