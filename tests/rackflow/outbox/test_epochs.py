"""Between keys of an outbox and message numbers of its epochs. Epoch A had the messages 1 to 10, B none, and C is the present one."""

from rackflow.documents import Numbers, Stored
from rackflow.outbox.epochs import EPOCHS_KEPT, EpochBase, bases_of, durable_keys, forget_epochs, numbers_of_keys

IN_FILE = [EpochBase(40, "A"), EpochBase(50, "B"), EpochBase(50, "C")]
BASES = [EpochBase(-10, "A"), EpochBase(0, "B"), EpochBase(0, "C")]


def reported(**durable: list[tuple[int, int]]) -> Stored:
    return Stored(agent="gw-1", collector="c", ledger="l", time=1, durable=durable)


def test_keys_are_numbers_of_the_epoch_that_they_belong_to_in_whatever_order_epochs_are_given() -> None:
    epochs = [EpochBase(10, "E2"), EpochBase(0, "E1"), EpochBase(25, "E3")]
    found = [(each.epoch, each.first, each.last, each.reason) for each in numbers_of_keys(epochs, 8, 30, "torn")]
    assert found == [("E1", 8, 10, "torn"), ("E2", 1, 15, "torn"), ("E3", 1, 5, "torn")]
    assert [each.epoch for each in numbers_of_keys(epochs, 11, 25)] == ["E2"]


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


def test_the_last_message_of_an_epoch_belongs_to_it() -> None:
    epochs = [EpochBase(0, "E1"), EpochBase(5, "E2")]
    found = [(each.epoch, each.first, each.last) for each in numbers_of_keys(epochs, 1, 7)]
    assert found == [("E1", 1, 5), ("E2", 1, 2)]


def test_an_epoch_is_remembered_as_long_as_its_last_message_is_here() -> None:
    epochs = [EpochBase(at, f"E{at}") for at in range(EPOCHS_KEPT + 5)]
    assert forget_epochs(epochs, 5)[0] == EpochBase(4, "E4")
    assert forget_epochs(epochs, 6)[0] == EpochBase(5, "E5")
    assert forget_epochs(epochs[:EPOCHS_KEPT], 6) == epochs[:EPOCHS_KEPT]


def test_keys_of_the_present_epoch_are_its_numbers() -> None:
    assert bases_of(IN_FILE) == BASES


def test_a_report_names_messages_of_each_epoch() -> None:
    assert durable_keys(reported(A=[(1, 2), (10, 10)], C=[(1, 4)]), BASES, 5) == [(-9, -8), (0, 0), (1, 4)]


def test_a_report_with_numbers_beyond_an_epoch_says_nothing_about_the_next_one() -> None:
    """Otherwise one that is wrong about an epoch of last week would delete what was never delivered."""
    assert durable_keys(reported(A=[(9, 99)], B=[(1, 3)]), BASES, 5) == [(-1, 0)]


def test_a_report_cannot_name_what_was_not_sent_yet() -> None:
    assert durable_keys(reported(C=[(4, 9), (10, 12)], unknown=[(1, 5)]), BASES, 5) == [(4, 5)]
