"""Ranges of message numbers: how they join, and what is joined first once there are too many of them."""

from rackflow.documents import Numbers
from rackflow.outbox.numbers import MAX_RANGES, add_range


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
