"""Messages that are not on disk yet: which of them are freed, and which must wait for the thread that writes them."""

import pytest

from rackflow.outbox.seam import Message
from rackflow.outbox.unsaved import Unsaved


def unsaved(*keys: int) -> Unsaved:
    found = Unsaved()
    for key in keys:
        found.add(Message(key, "t", b"x" * key, 1000 + key))
    return found


def test_it_knows_how_much_it_holds_and_since_when() -> None:
    messages = unsaved(3, 4, 9)
    assert (messages.size_bytes, messages.oldest_ms) == (16, 1003)
    messages.remove(3)
    messages.remove(3)
    assert (messages.size_bytes, messages.oldest_ms) == (13, 1004)
    messages.remove(4)
    messages.remove(9)
    assert (messages.size_bytes, messages.oldest_ms) == (0, 0)


@pytest.mark.parametrize("keys", [(3, 4, 9), (3, 9), tuple(range(3, 10))], ids=["some", "few", "all"])
def test_both_ends_of_a_range_belong_to_it_however_it_is_gone_through(keys: tuple[int, ...]) -> None:
    assert unsaved(*keys).keys_between(3, 9) == list(keys)
    assert unsaved(*keys).keys_between(4, 8) == [key for key in keys if 4 <= key <= 8]
    assert unsaved(*keys).keys_between(-100, 2) == []


def test_what_is_freed_before_anything_was_written_is_gone() -> None:
    messages = unsaved(1, 2, 3)
    messages.remove_freed(1, 2)
    assert list(messages.messages) == [3]


def test_what_is_freed_while_it_is_written_stays_until_it_can_be_deleted_on_disk() -> None:
    messages = unsaved(1, 2)
    assert [each.key for each in messages.begin_write()] == [1, 2]
    messages.add(Message(3, "t", b"", 1003))
    messages.remove_freed(1, 3)
    assert list(messages.messages) == [1, 2]
    messages.end_write()
    messages.remove_freed(1, 3)
    assert not messages.messages


def test_the_oldest_is_the_first_that_is_not_spared() -> None:
    assert unsaved(1, 2, 3).oldest({1, 3}) == 2
    assert unsaved(1).oldest({1}) is None
