"""Between keys of an outbox and message numbers of its epochs. Epoch A had the messages 1 to 10, B none, and C is the present one."""

from rackflow.documents import Numbers, Stored
from rackflow.outbox.account import bases_of, durable_keys, ended_epochs, undelivered_numbers
from rackflow.outbox.numbers import EpochBase
from rackflow.outbox.rangeset import RangeSet

IN_FILE = [EpochBase(40, "A"), EpochBase(50, "B"), EpochBase(50, "C")]
BASES = [EpochBase(-10, "A"), EpochBase(0, "B"), EpochBase(0, "C")]


def reported(**durable: list[tuple[int, int]]) -> Stored:
    return Stored(agent="gw-1", collector="c", ledger="l", time=1, durable=durable)


def test_keys_of_the_present_epoch_are_its_numbers() -> None:
    assert bases_of(IN_FILE) == BASES


def test_a_report_names_messages_of_each_epoch() -> None:
    assert durable_keys(reported(A=[(1, 2), (10, 10)], C=[(1, 4)]), BASES, 5) == [(-9, -8), (0, 0), (1, 4)]


def test_a_report_with_numbers_beyond_an_epoch_says_nothing_about_the_next_one() -> None:
    """Otherwise one that is wrong about an epoch of last week would delete what was never delivered."""
    assert durable_keys(reported(A=[(9, 99)], B=[(1, 3)]), BASES, 5) == [(-1, 0)]


def test_a_report_cannot_name_what_was_not_sent_yet() -> None:
    assert durable_keys(reported(C=[(4, 9), (10, 12)], unknown=[(1, 5)]), BASES, 5) == [(4, 5)]


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
