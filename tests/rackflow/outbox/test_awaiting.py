"""When a message that the broker confirmed is sent again, and when it may go. Times are in seconds."""

from rackflow.outbox.awaiting import GRACE_S, GROUPS, LEVELS, LONGEST_GRACE_S, Awaiting


def awaiting(keep_s: float = 0.0, jitter: float = 0.0) -> Awaiting:
    return Awaiting(keep_s, draw=lambda: jitter)


def test_what_a_later_message_overtook_is_sent_again_after_the_grace() -> None:
    waiting = awaiting()
    for key in (1, 2, 3):
        waiting.confirm(key, 0.0)
    waiting.remove(1, 1)
    waiting.remove(3, 3)
    assert waiting.missing(3, 3, 0.0) == []
    # 4 was sent after all of them.
    waiting.confirm(4, 1.0)
    waiting.remove(4, 4)
    assert waiting.missing(4, 4, GRACE_S - 0.1) == []
    assert waiting.missing(4, 4, GRACE_S) == [(2, 2)]
    assert 2 not in waiting.keys


def test_while_nothing_that_was_sent_later_is_durable_nothing_is_sent_again() -> None:
    """A collector that works through an hour's queue has the rest of it before it in order."""
    waiting = awaiting()
    for key in range(1, 101):
        waiting.confirm(key, 0.0)
    assert waiting.missing(None, 100, 0.0) == []
    for done in range(1, 100):
        waiting.remove(done, done)
        assert waiting.missing(done, 500, 1000.0 * done) == []


def test_the_jitter_only_makes_it_later() -> None:
    waiting = awaiting(jitter=1.0)
    waiting.confirm(1, 0.0)
    waiting.missing(None, 1, 0.0)
    assert waiting.missing(2, 2, 1.5 * GRACE_S - 0.1) == []
    assert waiting.missing(2, 2, 1.5 * GRACE_S) == [(1, 1)]


def test_the_same_message_is_sent_again_ever_more_seldom_and_others_are_not_held_up_by_that() -> None:
    waiting, now_s, times = awaiting(), 0.0, list[float]()
    waiting.confirm(1, now_s)
    while len(times) < LEVELS + 3:
        if waiting.missing(10**6, 10, now_s):
            times.append(now_s)
            waiting.confirm(1, now_s)
            waiting.missing(10**6, 10, now_s)
        now_s += 1.0
    pauses = [after - before for before, after in zip([0.0, *times], times, strict=False)]
    assert pauses == [10, 20, 40, 80, 160, 320, 600, 600, 600, 600]
    waiting.confirm(5, now_s)
    waiting.missing(10**6, 10, now_s)
    assert waiting.missing(10**6, 10, now_s + GRACE_S) == [(5, 5)]
    # Once it is durable, its key starts anew.
    waiting.remove(1, 1)
    assert waiting.missing(10**6, 10, now_s + 10 * LONGEST_GRACE_S) == []


def test_the_grace_of_a_message_sent_again_begins_when_the_broker_has_it_again() -> None:
    """Behind a long backlog it takes a while, and a message that is on its way is not lost a second time."""
    waiting = awaiting()
    waiting.confirm(1, 0.0)
    waiting.missing(None, 1, 0.0)
    assert waiting.missing(2, 2, GRACE_S) == [(1, 1)]
    assert waiting.missing(2, 2, GRACE_S + 1) == []
    waiting.confirm(1, 29.0)
    assert waiting.missing(2, 2, 29.0) == []
    assert waiting.missing(4, 4, 29.0 + 2 * GRACE_S - 0.1) == []
    assert waiting.missing(4, 4, 29.0 + 2 * GRACE_S) == [(1, 1)]


def test_without_a_collector_a_message_is_kept_for_its_time_and_an_eighth_at_most() -> None:
    waiting = awaiting(keep_s=80.0)
    for second in range(200):
        waiting.confirm(second, float(second))
        gone = {key for first, last in waiting.expired(float(second)) for key in range(first, last + 1)}
        for key in gone:
            assert 80 <= second - key <= 80 + 80 / GROUPS
            waiting.remove(key, key)
    assert waiting.keys.first == 110


def test_where_nothing_is_to_be_kept_it_goes_at_once() -> None:
    waiting = awaiting()
    waiting.confirm(7, 5.0)
    assert waiting.expired(5.0) == [(7, 7)]


def test_once_a_collector_has_reported_time_frees_nothing_until_it_withdraws_its_report() -> None:
    waiting = awaiting(keep_s=80.0)
    waiting.confirm(1, 0.0)
    waiting.require_reports()
    waiting.confirm(2, 0.0)
    waiting.require_reports()
    assert waiting.expired(1000.0) == []
    waiting.collectors_gone(2000.0)
    assert waiting.expired(2079.0) == []
    assert waiting.expired(2091.0) == [(1, 2)]


def test_what_is_confirmed_after_the_last_collector_left_has_its_own_time() -> None:
    waiting = awaiting(keep_s=80.0)
    waiting.require_reports()
    waiting.confirm(1, 0.0)
    waiting.collectors_gone(1000.0)
    waiting.confirm(2, 1050.0)
    assert waiting.expired(1091.0) == [(1, 1)]
    waiting.remove(1, 1)
    assert waiting.expired(1141.0) == [(2, 2)]


def test_after_a_pause_everything_goes_whose_time_is_over() -> None:
    waiting = awaiting(keep_s=80.0)
    for key, now_s in ((1, 0.0), (2, 20.0), (3, 40.0), (4, 990.0)):
        waiting.confirm(key, now_s)
    assert waiting.expired(1000.0) == [(1, 1), (2, 2), (3, 3)]


def test_a_message_sent_last_before_the_grace_began_shows_nothing_and_the_next_one_does() -> None:
    waiting = awaiting()
    waiting.confirm(1, 0.0)
    assert waiting.missing(None, 3, 0.0) == []
    assert waiting.missing(3, 9, 1000.0) == []
    assert waiting.missing(4, 9, 1000.0) == [(1, 1)]


def test_a_collector_that_comes_after_the_last_one_left_has_its_own_time_for_what_waits() -> None:
    """It has just begun: what it lacks is in its queue, and not lost."""
    waiting = awaiting(keep_s=80.0)
    waiting.require_reports()
    waiting.confirm(1, 0.0)
    waiting.missing(None, 1, 0.0)
    waiting.collectors_gone(5.0)
    waiting.require_reports()
    assert waiting.missing(9, 9, 60.0) == []
    assert waiting.missing(10, 10, 60.0 + GRACE_S) == [(1, 1)]


def confirm(waiting: Awaiting, keys: list[int], now_s: float) -> None:
    for key in keys:
        waiting.confirm(key, now_s)


def test_a_run_of_messages_that_was_lost_is_sent_again_whole_and_later_each_time() -> None:
    waiting, lost = awaiting(), [(1, 2), (5, 6)]
    confirm(waiting, [1, 2, 3, 4, 5, 6], 0.0)
    waiting.remove(3, 4)
    assert waiting.missing(None, 6, 0.0) == []
    assert waiting.missing(7, 7, 10.0) == lost
    assert list(waiting.keys) == []
    for sent_at_s, before_s, due_s in ((10.0, 29.0, 30.0), (30.0, 69.0, 70.0), (70.0, 149.0, 150.0)):
        confirm(waiting, [1, 2, 5, 6], sent_at_s)
        assert waiting.missing(7, 7, sent_at_s) == []
        assert waiting.missing(99, 7, before_s) == []
        assert waiting.missing(99, 7, due_s) == lost
    confirm(waiting, [1, 2, 5, 6], 150.0)
    waiting.remove(1, 6)
    assert list(waiting.keys) == []
    # Stored at last: a message of these numbers would begin with the short time again.
    confirm(waiting, [1, 2], 200.0)
    assert waiting.missing(99, 7, 200.0) == []
    assert waiting.missing(99, 7, 210.0) == [(1, 2)]


def test_what_is_confirmed_after_a_collectors_first_report_is_kept_until_it_is_stored_however_long() -> None:
    """The collector's store may be away for a day, and the broker may lose its queue meanwhile."""
    waiting = awaiting(keep_s=80.0)
    waiting.require_reports()
    waiting.confirm(1, 0.0)
    assert waiting.expired(86_400.0) == []
    assert 1 in waiting.keys


def test_a_collector_that_has_stored_nothing_yet_has_nothing_sent_again_however_often_it_reports() -> None:
    waiting = awaiting()
    waiting.confirm(1, 0.0)
    for now_s in (0.0, 2.0, 1000.0):
        assert waiting.missing(None, 1, now_s) == []
