"""The account in an agent's status. Epoch A had the messages 1 to 10, B none, and C is the present one."""

from rackflow.documents import Numbers
from rackflow.outbox.account import MAX_RANGES, add_range, added, bounded, ended_epochs, undelivered_numbers
from rackflow.outbox.epochs import EpochBase
from rackflow.outbox.rangeset import RangeSet

IN_FILE = [EpochBase(40, "A"), EpochBase(50, "B"), EpochBase(50, "C")]
BASES = [EpochBase(-10, "A"), EpochBase(0, "B"), EpochBase(0, "C")]


def full(first: int, last: int, epoch: str = "E1", reason: str = "full") -> Numbers:
    return Numbers(epoch=epoch, first=first, last=last, reason=reason)


def test_what_is_left_of_each_epoch_is_one_range_from_its_first_to_its_last_message() -> None:
    present = RangeSet([(-6, -5), (-2, -2), (3, 3), (7, 8)])
    assert undelivered_numbers(BASES, present, -9, 9) == [
        Numbers(epoch="A", first=4, last=8),
        Numbers(epoch="C", first=3, last=8),
    ]


def test_epochs_that_ended_are_reported_with_all_of_their_numbers_and_empty_ones_are_not() -> None:
    assert ended_epochs(IN_FILE) == [Numbers(epoch="A", first=1, last=10)]


def test_of_the_twenty_latest_epochs_those_that_ended_are_reported() -> None:
    epochs = [EpochBase(10 * at, f"E{at}") for at in range(40)]
    assert [each.epoch for each in ended_epochs(epochs)] == [f"E{at}" for at in range(20, 39)]


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


def test_counts_of_the_file_and_of_the_process_are_added_reason_by_reason() -> None:
    assert added({"full": 3, "torn": 1}, {"full": 2, "disk": 7}) == {"full": 5, "torn": 1, "disk": 7}
