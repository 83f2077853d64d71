"""What is remembered of objects that are never answered, without a device. `test_silent_objects.py` has what that costs one."""

from agent.snmp.silent import (
    FIRST_S,
    FURTHER_TRIES,
    FURTHER_TRIES_WITH_LOSSES,
    LONGEST_S,
    LOSSY_S,
    MAX_DOUBTFUL,
    PAUSE_S,
    ROW_BY_ROW_S,
    TOO_LARGE_TIMES,
    TOO_LARGE_TIMES_WITH_LOSSES,
    WALKS,
    SilentObjects,
)


def test_a_silent_object_is_left_out_for_ten_seconds_then_for_twice_as_long_up_to_ten_minutes() -> None:
    silent = SilentObjects()
    assert not silent
    assert silent.note_silent("hung", 0.0)
    assert silent
    assert "hung" in silent
    now_s, pause_s = 0.0, FIRST_S
    for _ in range(9):
        assert silent.parted(["good", "hung"], now_s + pause_s - 0.1) == (["good"], "")
        now_s += pause_s
        assert silent.parted(["good", "hung"], now_s) == (["good"], "hung")
        assert not silent.note_silent("hung", now_s)
        pause_s = min(2 * pause_s, LONGEST_S)
    assert pause_s == LONGEST_S
    silent.ask_all_again()
    assert silent.parted(["hung"], now_s) == ([], "hung")
    silent.note_answered(["hung"], now_s)
    assert not silent


def test_of_several_the_one_that_has_waited_longest_is_asked_for_and_the_others_follow_its_answer() -> None:
    silent = SilentObjects()
    for at_s, oid in enumerate(["first", "second", "third"]):
        silent.note_silent(oid, float(at_s))
    assert silent.parted(["third", "second", "first"], FIRST_S + 5) == ([], "first")
    assert silent.take(["third", "second", "good"]) == ["third", "second"]
    assert silent.doubtful(["third", "good", "second"], 0.0) == ["third", "second"]


def test_where_requests_are_lost_objects_are_doubted_after_two_silences_in_a_row() -> None:
    silent = SilentObjects()
    for at_s in (0.0, 10.0):
        silent.note_unanswered(["a", "b"])
        assert silent.doubtful(["a", "b"], at_s) == ["a", "b"]
        silent.note_answered(["a"], at_s)  # a smaller request shows no loss
        silent.note_answered(["b", "c"], at_s)
    silent.note_unanswered(["a", "b"])
    assert silent.doubtful(["a", "b"], 20.0) == []
    silent.note_answered(["b"], 20.0)
    silent.note_unanswered(["a", "b"])
    assert silent.doubtful(["a", "b"], 30.0) == ["a"]
    assert silent.doubtful(["a", "b"], LOSSY_S) == ["a", "b"], "losses are long ago"


def test_with_each_plan_another_silent_object_is_asked_for_first() -> None:
    """Otherwise one that is never answered would be first for ever, and those behind it, which are well again, in no plan."""
    silent = SilentObjects()
    for place, oid in enumerate(["a", "b", "c"], 1):
        silent.note_silent(oid, float(place))
    asked: list[str] = []
    for at_s in (100.0, 200.0, 300.0, 400.0):
        silent.ask_all_again()
        asked.append(silent.parted(["c", "b", "a"], at_s)[1])
        silent.note_silent(asked[-1], at_s)
    assert asked == ["a", "b", "c", "a"]


def test_a_request_is_too_large_only_if_none_as_large_was_answered_in_between() -> None:
    silent = SilentObjects()
    assert not silent.are_too_large(20)
    assert silent, "the answer to one of that size must be noted"
    silent.note_answered([str(number) for number in range(20)], 0.0)
    assert not silent
    assert not silent.are_too_large(20)
    silent.note_answered([str(number) for number in range(19)], 0.0)
    assert silent.are_too_large(20)
    assert not silent


def test_where_a_silent_request_was_answered_later_a_size_must_be_silent_more_often() -> None:
    """It was the network that had lost it."""
    oids = [str(number) for number in range(20)]
    silent = SilentObjects()
    silent.note_unanswered(oids)
    silent.note_answered(oids[:10], 0.0)
    assert [silent.are_too_large(20) for _ in range(TOO_LARGE_TIMES)][-1], "answers to smaller ones show no loss"
    assert silent.further_tries == FURTHER_TRIES
    silent.note_unanswered(oids)
    silent.note_answered(oids, 0.0)
    assert silent.further_tries == FURTHER_TRIES_WITH_LOSSES, "of a single object, too"
    found = [silent.are_too_large(20) for _ in range(TOO_LARGE_TIMES_WITH_LOSSES)]
    assert found == [False] * (TOO_LARGE_TIMES_WITH_LOSSES - 1) + [True]


def test_a_card_that_was_silent_about_everything_is_not_searched_for_a_minute() -> None:
    silent = SilentObjects()
    assert silent.may_search(100.0)
    silent.give_up(100.0)
    assert not silent.may_search(99.9 + PAUSE_S)
    assert silent.may_search(100.0 + PAUSE_S)


def test_columns_are_walked_row_by_row_after_two_silent_walks_or_for_a_day_where_a_row_was_silent() -> None:
    silent = SilentObjects()
    for _ in range(WALKS):
        assert not silent.is_walked_by_row("column", 0.0)
        silent.note_walk("column", was_silent=True)
    assert silent.is_walked_by_row("column", 0.0)
    assert not silent.is_walked_by_row("other", 0.0)
    silent.note_walk("column", was_silent=False)
    assert not silent.is_walked_by_row("column", 0.0)
    silent.note_silent_row(100.0)
    assert silent.is_walked_by_row("other", 99.0 + ROW_BY_ROW_S)
    assert not silent.is_walked_by_row("other", 100.0 + ROW_BY_ROW_S)


def test_with_an_object_known_to_be_silent_one_walk_is_enough() -> None:
    silent = SilentObjects()
    silent.note_silent("hung", 0.0)
    assert not silent.is_walked_by_row("column", 0.0)
    silent.note_walk("column", was_silent=True)
    assert silent.is_walked_by_row("column", 0.0)


def test_what_is_remembered_is_bounded() -> None:
    silent = SilentObjects()
    oids = [str(number) for number in range(2 * MAX_DOUBTFUL)]
    for begin in range(0, len(oids), 20):
        silent.note_unanswered(oids[begin : begin + 20])
    assert silent.doubtful(oids, 0.0) == oids[MAX_DOUBTFUL:]
