"""Agents whose clocks are wrong are shown all the same, and what is only late is not: told apart through `Latest`."""

import pytest

from collector.latest import Latest
from tests.collector.documents import SUPPLY
from tests.collector.polls import NOW_S, Agent, hello, samples, shown, up

HOUR_S = 3600.0


def test_an_agent_whose_clock_is_an_hour_behind_is_shown_after_15_s_of_the_same_delay() -> None:
    """Until then it may as well be an hour's backlog."""
    latest = Latest(1000)
    agent = Agent(latest, clock_s=-HOUR_S)
    assert [agent.polls(after_s) for after_s in (0.0, 5.0, 10.0, 14.9)] == ["stale"] * 4
    assert samples(latest, 14.9).keys() == {'dcim_agent_clock_offset_seconds{site="cas1",agent="gw-3"}'}
    assert agent.polls(15.0, 33.0) == "live"
    assert (shown(latest, 15.0), up(latest, 15.0)) == ({"cas1/cdu-07": "33.0"}, {"cas1/cdu-07 gw-3": "1"})
    assert agent.polls(16.0, 34.0) == "live"
    assert shown(latest, 45.9) == {"cas1/cdu-07": "34.0"}
    assert shown(latest, 46.0) == {}


@pytest.mark.parametrize(("jitter_s", "verdict"), [(1.0, "live"), (-1.0, "live"), (1.1, "stale"), (-1.1, "stale")])
def test_a_delay_that_varies_by_more_than_a_second_is_not_steady(jitter_s: float, verdict: str) -> None:
    latest = Latest(1000)
    agent = Agent(latest, clock_s=-HOUR_S)
    agent.polls(0.0)
    agent.arrives(agent.made(10.0 - jitter_s), 10.0)
    assert agent.arrives(agent.made(15.0 - jitter_s), 15.0) == verdict
    assert agent.arrives(agent.made(25.0 - jitter_s), 25.0) == "live"


def test_messages_that_are_held_up_on_their_way_do_not_undo_what_is_known_of_a_clock() -> None:
    """A busy gateway or a radio link delays one message in five by two seconds. Its devices are observed all the same."""
    latest = Latest(1000)
    agent = Agent(latest, clock_s=-3 * 24 * HOUR_S)
    verdicts = [agent.arrives(agent.made(n - (2.0 if n % 5 == 3 else 0.0)), float(n)) for n in range(120)]
    assert verdicts == ["stale"] * 15 + ["live"] * 105


def test_an_error_that_was_measured_while_all_messages_were_held_up_becomes_smaller_without_a_gap() -> None:
    latest = Latest(1000)
    agent = Agent(latest, clock_s=-HOUR_S)
    for n in range(20):
        agent.arrives(agent.made(n - 25.0), float(n))
    assert [agent.polls(20.0 + n) for n in range(20)] == ["live"] * 20
    assert agent.arrives(agent.made(9.5), 40.0) == "stale"  # now it is known to the second: this one is 30.5 s late


def test_messages_that_come_ever_later_are_late_and_no_wrong_clock() -> None:
    """A queue that grows by a third of a second each second, in front of a collector that is too slow."""
    latest = Latest(1000)
    agent = Agent(latest)
    assert {agent.arrives(agent.made(n - 40.0 - n / 3), float(n)) for n in range(120)} == {"stale"}


def test_the_offset_of_a_clock_that_was_set_back_is_shown_once_it_is_certain() -> None:
    latest = Latest(1000)
    agent = Agent(latest)
    series = 'dcim_agent_clock_offset_seconds{site="cas1",agent="gw-3"}'
    for n in range(60):
        agent.polls(float(n))
    agent.clock_s = -HOUR_S
    for n in range(60, 75):
        agent.polls(float(n))
    assert float(samples(latest, 74.0)[series]) == 0.0  # it may as well be backlog
    agent.polls(75.0)
    assert samples(latest, 75.0)[series] == "-3600.0"


def test_the_backlog_of_an_agent_whose_clock_is_behind_stays_backfill() -> None:
    """What it made before comes with lower numbers, beside what it makes now; it must not undo what is known of the clock."""
    latest = Latest(1000)
    agent = Agent(latest, clock_s=-HOUR_S)
    backlog = [agent.made(-900.0 + n, 1.0) for n in range(30)]
    for n, old in enumerate(backlog):
        at = float(n)
        assert agent.polls(at, 33.0) == ("live" if n >= 15 else "stale"), n
        assert agent.arrives(old, at) == "stale", n
    assert shown(latest, 29.0) == {"cas1/cdu-07": "33.0"}


def test_backlog_that_comes_as_fast_as_it_was_made_says_nothing_of_the_clock() -> None:
    """Its numbers are lower than that of a message which came before it."""
    latest = Latest(1000)
    agent = Agent(latest)
    backlog = [agent.made(n - 900.0) for n in range(30)]
    assert agent.polls(0.0) == "live"
    assert {agent.arrives(old, 1.0 + n) for n, old in enumerate(backlog)} == {"stale"}


@pytest.mark.parametrize(("late_s", "verdict"), [(30.0, "live"), (30.1, "stale")])
@pytest.mark.parametrize("clock_s", [0.0, -HOUR_S, HOUR_S], ids=["right", "behind", "ahead"])
def test_a_message_is_late_by_what_its_agent_s_clock_does_not_explain(
    clock_s: float, late_s: float, verdict: str
) -> None:
    latest = Latest(1000)
    agent = Agent(latest, clock_s=clock_s)
    old = agent.made(20.0 - late_s)
    for n in range(21):
        agent.polls(float(n))
    assert agent.arrives(old, 20.0) == verdict


def test_backfill_of_an_agent_whose_clock_is_ahead_does_not_bring_back_a_device_that_is_gone() -> None:
    latest = Latest(1000)
    agent = Agent(latest, clock_s=HOUR_S)
    old = agent.made(-900.0, device="gone")
    assert [agent.polls(float(n)) for n in range(16)] == ["live"] * 16
    assert agent.arrives(old, 16.0) == "stale"
    assert up(latest, 16.0) == {"cas1/cdu-07 gw-3": "1"}


def test_a_clock_that_is_set_right_is_believed_with_the_next_message() -> None:
    latest = Latest(1000)
    agent = Agent(latest, clock_s=-HOUR_S)
    for n in range(20):
        agent.polls(float(n))
    agent.clock_s = 0.0
    old = agent.made(-HOUR_S)
    assert agent.polls(20.0, 35.0) == "live"
    assert agent.arrives(old, 20.5) == "stale"
    assert shown(latest, 21.0) == {"cas1/cdu-07": "35.0"}


def test_the_clock_of_a_new_epoch_is_judged_again() -> None:
    """Its numbers begin at 1, below those of the epoch before."""
    latest = Latest(1000)
    agent = Agent(latest, clock_s=-HOUR_S)
    for n in range(40):
        agent.polls(float(n))
    restarted = Agent(latest, clock_s=-2 * HOUR_S, epoch="f")
    latest.apply_status(hello("gw-3", "cdu-07", epoch="f"), NOW_S)
    verdicts = [restarted.polls(40.0 + n, 36.0) for n in range(17)]
    assert verdicts == ["stale"] * 15 + ["live"] * 2
    assert shown(latest, 56.0) == {"cas1/cdu-07": "36.0"}


def test_the_clock_of_one_agent_says_nothing_of_another_one_s() -> None:
    latest = Latest(1000)
    behind, right = Agent(latest, clock_s=-HOUR_S), Agent(latest, "gw-4")
    for n in range(20):
        behind.polls(float(n), device="a")
        right.polls(float(n), device="x")
    assert right.arrives(right.made(-HOUR_S + 20.0, device="x"), 20.0) == "stale"
    assert up(latest, 20.0) == {"cas1/a gw-3": "1", "cas1/x gw-4": "1"}
    offset = "dcim_agent_clock_offset_seconds"
    assert float(samples(latest, 20.0)[f'{offset}{{site="cas1",agent="gw-3"}}']) == -3600.0
    assert float(samples(latest, 20.0)[f'{offset}{{site="cas1",agent="gw-4"}}']) == 0.0


def test_the_clock_offset_forgets_after_two_windows_of_five_minutes() -> None:
    """The least delay of the present window and the one before; a clock that was corrected shows by then."""
    latest = Latest(1000)
    agent = Agent(latest, clock_s=2.0)
    series = 'dcim_agent_clock_offset_seconds{site="cas1",agent="gw-3"}'
    agent.polls(0.0)
    agent.clock_s = 1.0
    agent.polls(299.0)
    assert samples(latest, 299.0)[series] == "2.0"
    agent.polls(300.0)
    agent.polls(599.0)
    assert samples(latest, 599.0)[series] == "2.0"
    agent.polls(600.0)
    assert samples(latest, 600.0)[series] == "1.0"


def test_readings_of_one_epoch_are_ordered_by_number_and_not_by_arrival() -> None:
    """A late message of a poll class neither shows its value nor makes the device look fresh."""
    latest = Latest(1000)
    agent = Agent(latest)
    late, late_other = agent.made(-1.0, 1.0), agent.made(-1.0, 1.0, poll=("normal", 5.0))
    agent.polls(0.0, 2.0)
    assert agent.arrives(late, 20.0) == "live"
    assert agent.arrives(late_other, 21.0) == "live"
    assert shown(latest, 29.9) == {"cas1/cdu-07": "2.0"}
    assert up(latest, 29.9) == {"cas1/cdu-07 gw-3": "1"}
    assert up(latest, 30.0) == {"cas1/cdu-07 gw-3": "?"}
    assert shown(latest, 30.0) == {}


def test_within_an_epoch_a_higher_number_takes_precedence_over_a_later_time() -> None:
    latest = Latest(1000)
    agent = Agent(latest)
    agent.polls(10.0, 1.0)
    agent.clock_s = -12.0
    agent.polls(11.0, 2.0)
    assert [reading.value for reading in latest.readings_of("cas1", "cdu-07").values()] == [2.0]
    [reading] = latest.readings_of("cas1", "cdu-07").values()
    assert reading.origin.seq == 2
    assert reading.series.metric.name == SUPPLY.partition("{")[0]


def test_the_newest_poll_that_comes_again_after_a_late_one_is_a_duplicate() -> None:
    """It does not prolong anything."""
    latest = Latest(1000)
    agent = Agent(latest)
    late, newest = agent.made(-1.0, 1.0), agent.made(0.0, 2.0)
    assert agent.arrives(newest, 0.0) == "live"
    assert agent.arrives(late, 10.0) == "live"
    assert agent.arrives(newest, 20.0) == "duplicate"
    assert up(latest, 30.0) == {"cas1/cdu-07 gw-3": "?"}
    assert shown(latest, 30.0) == {}


def test_after_what_was_there_expired_the_next_message_is_taken_whatever_its_number() -> None:
    """From the very moment of expiry on."""
    latest = Latest(1000)
    agent = Agent(latest, seq=10)
    agent.polls(0.0, 1.0)
    agent.seq = 0
    agent.polls(29.9, 2.0)
    assert [reading.value for reading in latest.readings_of("cas1", "cdu-07").values()] == [1.0]
    agent.polls(30.0, 3.0)
    assert [reading.value for reading in latest.readings_of("cas1", "cdu-07").values()] == [3.0]
    assert up(latest, 59.9) == {"cas1/cdu-07 gw-3": "1"}
    assert up(latest, 60.0) == {"cas1/cdu-07 gw-3": "?"}


def test_a_poll_class_that_is_no_longer_polled_is_forgotten_when_its_time_is_over() -> None:
    """Its short interval no longer decides when the device is silent."""
    for after_s, is_up in ((29.9, "?"), (30.0, "1")):
        latest = Latest(1000)
        agent = Agent(latest)
        agent.polls(0.0)
        agent.arrives(agent.made(after_s, poll=("slow", 60.0)), after_s)
        assert up(latest, after_s + 40.0) == {"cas1/cdu-07 gw-3": is_up}


def test_two_late_messages_with_punctual_ones_between_them_are_no_wrong_clock() -> None:
    """They were 20 s late by chance, 16 s apart; backlog is not shown because of that."""
    latest = Latest(1000)
    agent = Agent(latest)
    agent.arrives(agent.made(-20.0), 0.0)
    assert [agent.polls(float(after_s)) for after_s in range(1, 16)] == ["live"] * 15
    agent.arrives(agent.made(-4.0), 16.0)
    assert agent.arrives(agent.made(-29.0), 16.1) == "stale"
