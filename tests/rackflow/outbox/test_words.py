"""Whose word makes a message durable: anybody's, or that of all collectors that are required."""

from rackflow.outbox.words import MAX_COLLECTORS, Words


def test_without_requirements_every_word_counts_and_one_that_ever_spoke_is_enough() -> None:
    words = Words()
    assert (words.heard, words.highest) == (False, None)
    assert words.hear("a", "l1", [(1, 3), (7, 9)]) == [(1, 3), (7, 9)]
    assert words.hear("b", "l2", [(4, 4)]) == [(4, 4)]
    assert (words.heard, words.highest) == (True, 9)
    assert words.known == [("a", "l1"), ("b", "l2")]
    assert Words(known=words.known).heard


def test_an_empty_word_is_a_word() -> None:
    words = Words()
    assert words.hear("a", "l1", []) == []
    assert (words.heard, words.highest) == (True, None)


def test_two_required_collectors_must_both_have_a_message() -> None:
    words = Words(require=["a", "b"])
    assert words.heard  # before the first word: the broker's confirmation frees nothing
    assert words.hear("a", "l1", [(1, 10)]) == []
    assert words.hear("stranger", "l9", [(1, 10)]) == []
    assert words.highest is None
    assert words.hear("b", "l2", [(3, 5), (9, 12)]) == [(3, 5), (9, 10)]
    assert words.highest == 10
    # A document need not repeat what an earlier one said.
    assert words.hear("a", "l1", [(11, 11)]) == [(3, 5), (9, 11)]


def test_what_a_required_collector_had_before_its_disk_was_lost_does_not_count_any_more() -> None:
    words = Words(require=["a", "b"])
    words.hear("a", "l1", [(1, 10)])
    words.hear("a", "another ledger", [(9, 10)])
    assert words.hear("b", "l2", [(1, 10)]) == [(9, 10)]


def test_claims_of_messages_that_are_gone_are_forgotten() -> None:
    words = Words(require=["a", "b"])
    words.hear("a", "l1", [(1, 10)])
    words.trim(8)
    assert words.hear("b", "l2", [(1, 20)]) == [(8, 10)]
    words.trim(30)
    words.trim(40)
    assert words.hear("b", "l2", [(1, 20)]) == []


def test_a_word_that_is_taken_back_leaves_an_agent_without_collectors() -> None:
    words = Words()
    words.hear("a", "l1", [(1, 1)])
    words.withdraw("stranger")
    assert words.heard
    words.withdraw("a")
    assert not words.heard


def test_invented_collectors_fill_nothing() -> None:
    words = Words()
    for at in range(MAX_COLLECTORS + 50):
        words.hear(f"c{at}", "l", [])
    words.hear("c0", "l2", [])
    assert len(words.known) == MAX_COLLECTORS
    assert ("c0", "l2") in words.known
    words.remember([("old", "l")])
    assert ("old", "l") in words.known


def test_a_required_collector_that_took_its_word_back_must_give_it_again() -> None:
    """It reads these messages no more, so what it had said it had frees nothing."""
    words = Words(require=["a", "b"])
    words.hear("a", "l1", [(1, 10)])
    words.withdraw("a")
    assert words.hear("b", "l2", [(1, 10)]) == []
    assert words.hear("a", "l1", [(1, 4)]) == [(1, 4)]


def test_what_a_collector_says_now_counts_before_what_an_earlier_life_had_heard() -> None:
    words = Words()
    words.hear("a", "new", [])
    words.remember([("a", "old"), ("b", "l2")])
    assert words.known == [("a", "new"), ("b", "l2")]
