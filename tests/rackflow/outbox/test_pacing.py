"""The backlog is sent as fast as collectors store it: the queue in the broker is known from when live messages become durable."""

import pytest

from rackflow.outbox.pacing import LEAST_SHARE, QUEUE_S, SILENT_S, START_SHARE, STEP_S, BacklogPace


def live(pace: BacklogPace, from_s: float, to_s: float) -> None:
    """A live message each second, whose key is its second."""
    for at_s in range(round(from_s), round(to_s)):
        pace.confirmed(at_s, float(at_s))


def test_the_rate_begins_low_and_grows_with_each_report_that_shows_no_queue() -> None:
    pace = BacklogPace(500.0)
    pace.begin(0.0, has_reports=True)
    assert pace.per_s(0.0) == 500.0 * START_SHARE == 20.0
    rates = []
    for at_s in range(2, 24, 2):
        live(pace, at_s - 2, at_s)
        pace.stored(at_s - 1, float(at_s))
        rates.append(round(pace.per_s(float(at_s))))
    assert rates == [28, 39, 55, 77, 108, 151, 211, 295, 413, 500, 500]


def test_a_queue_halves_it_once_until_that_can_be_seen() -> None:
    pace = BacklogPace(500.0)
    pace.begin(0.0, has_reports=True)
    pace.stored(0, 1.0)
    assert pace.per_s(1.0) == 28.0
    live(pace, 1, 10)
    # Nothing after second 6 is durable: the first one that waits has waited for 3 s.
    pace.stored(6, 10.0)
    assert pace.per_s(10.0) == 14.0
    pace.stored(7, 11.0)
    assert pace.per_s(11.0) == 14.0
    pace.stored(8, 10.0 + STEP_S)
    assert pace.per_s(10.0 + STEP_S) == 7.0


@pytest.mark.parametrize(("takes_s", "is_queue"), [(1.9, False), (4.0, True)])
def test_a_store_that_takes_long_is_no_queue_but_seconds_are(takes_s: float, *, is_queue: bool) -> None:
    pace = BacklogPace(500.0)
    pace.begin(0.0, has_reports=True)
    for at_s in range(300):
        pace.confirmed(at_s, float(at_s))
        pace.stored(at_s - 1, at_s + takes_s)
    assert (pace.per_s(302.0) < 20.0) is is_queue


def test_words_that_do_not_come_are_a_queue_and_a_silent_site_is_none() -> None:
    pace = BacklogPace(500.0)
    pace.begin(0.0, has_reports=True)
    assert pace.per_s(100.0) == 20.0
    live(pace, 100, 101)
    assert pace.per_s(100.0 + SILENT_S) == 20.0
    assert pace.per_s(101.0 + SILENT_S) == 10.0


def test_it_never_falls_below_the_least() -> None:
    pace = BacklogPace(500.0)
    pace.begin(0.0, has_reports=True)
    live(pace, 1, 2)
    for at_s in range(10, 1000, 10):
        pace.stored(0, float(at_s))
    assert pace.per_s(1000.0) == 500.0 * LEAST_SHARE == 1.0


@pytest.mark.parametrize("is_withdrawn", [False, True])
def test_without_a_collectors_report_it_is_the_configured_rate(*, is_withdrawn: bool) -> None:
    pace = BacklogPace(500.0)
    pace.begin(0.0, has_reports=is_withdrawn)
    if is_withdrawn:
        pace.collectors_gone()
    live(pace, 1, 60)
    assert pace.per_s(60.0) == 500.0


def test_old_messages_do_not_hide_how_late_live_ones_are() -> None:
    pace = BacklogPace(500.0)
    pace.begin(0.0, has_reports=True)
    pace.confirmed(1000, 1.0)
    # Hundreds of them come between two live messages, so that one always came just before.
    pace.confirmed(5, 2.9)
    pace.confirmed(1001, 3.0)
    pace.stored(1000, 4.0)
    assert pace.per_s(4.0) == 28.0
    pace.stored(1000, 8.0)
    assert pace.per_s(8.0) == 14.0


def test_the_queue_that_is_too_long_and_the_time_until_a_decision_is_seen_are_seconds() -> None:
    """As tried out by `benchmarks/scaling`."""
    assert (QUEUE_S, STEP_S, SILENT_S) == (1.0, 3.0, 6.0)


def test_messages_within_a_quarter_of_a_second_count_as_one_so_that_an_hour_can_be_remembered() -> None:
    pace = BacklogPace(500.0)
    pace.begin(0.0, has_reports=True)
    for key, at_s in ((1, 10.0), (2, 10.24), (3, 10.25)):
        pace.confirmed(key, at_s)
    pace.stored(1, 14.0)
    # The third one is the first that is known to wait: for 3.75 s.
    assert pace.per_s(14.0) == 10.0
    pace.begin(0.0, has_reports=True)
    for key, at_s in ((1, 10.0), (2, 10.24)):
        pace.confirmed(key, at_s)
    pace.stored(1, 18.0)
    assert pace.per_s(18.0) == 28.0


def test_a_store_that_has_become_slower_is_a_queue_for_a_minute_and_usual_after_that() -> None:
    """0.25 s until a message is stored, and 1.9 s from the 60th second on, for ever: the backlog must not crawl for ever."""
    pace, rates = BacklogPace(500.0), []
    pace.begin(0.0, has_reports=True)
    for at_s in range(160):
        stored_s = at_s + (0.25 if at_s < 60 else 1.9)
        pace.confirmed(at_s, float(at_s))
        pace.stored(at_s - 1, stored_s)
        rates.append(pace.per_s(stored_s))
    assert (rates[59], rates[60], rates[115], rates[159]) == (500.0, 250.0, 1.0, 500.0)


def test_a_rate_that_was_halved_grows_again_only_when_the_queue_can_have_shrunk() -> None:
    pace = BacklogPace(500.0)
    pace.begin(0.0, has_reports=True)
    pace.confirmed(1, 1.0)
    pace.stored(0, 10.0)
    assert pace.per_s(10.0) == 10.0
    for at_s, per_s in ((11.0, 10.0), (12.9, 10.0), (13.0, 14.0)):
        pace.stored(1, at_s)
        assert pace.per_s(at_s) == per_s


def test_a_report_that_came_just_now_is_no_silence() -> None:
    """A message that the collector does not know yet is a moment old, whatever was before it."""
    pace = BacklogPace(500.0)
    pace.begin(0.0, has_reports=True)
    pace.confirmed(1, 100.0)
    pace.stored(0, 101.0)
    assert pace.per_s(101.0) == 28.0
    assert pace.per_s(101.0 + SILENT_S) == 28.0
    assert pace.per_s(101.1 + SILENT_S) == 14.0
