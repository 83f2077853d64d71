"""Polls that came beside those expected: outages, dead devices, backlogs, restarts, devices that go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.receive.poll_counts import (
    HOUR_S,
    LONGEST_SILENCE_S,
    MAX_CAUGHT_UP,
    Counts,
    ExpectedDevice,
    PollCounts,
    Polled,
    PolledDevice,
)

PDU = PolledDevice("s", "gw", "pdu-1")
START_S = 500_000 * HOUR_S + 0.0


def poll(
    at_s: float, *, up: bool = True, interval_s: float = 10.0, who: PolledDevice = PDU, name: str = "normal"
) -> Polled:
    return Polled(who=who, device_class="pdu", poll=name, interval_s=interval_s, time_s=START_S + at_s, up=up)


def sums(counts: Counts, who: PolledDevice = PDU) -> list[float]:
    return [sum(rows[who][at] for rows in counts.values() if who in rows) for at in range(3)]


def test_polls_that_all_came_are_as_many_as_were_expected() -> None:
    poll_counts = PollCounts()
    poll_counts.count(poll(at) for at in range(0, 7200, 10))
    poll_counts.expect(START_S + 7200, {})
    counts = poll_counts.take()
    assert [counts[500_000 + at][PDU] for at in (0, 1)] == [[360.0, 360.0, 0.0]] * 2
    assert poll_counts.take() == {}


def test_an_outage_is_expected_and_not_there_until_its_backlog_comes() -> None:
    poll_counts = PollCounts()
    poll_counts.count(poll(at) for at in range(0, 1200, 10))
    poll_counts.expect(START_S + 7200, {})
    assert sums(poll_counts.take()) == pytest.approx([720, 120, 0])
    poll_counts.count(poll(at) for at in range(1200, 7200, 10))  # late, in the hours of their own time
    counts = poll_counts.take()
    assert [counts[500_000 + at][PDU][1] for at in (0, 1)] == [240, 360]


def test_a_device_that_is_forgotten_while_the_others_are_counted_is_not_expected() -> None:
    """Counting the hours of a long pause takes many slices, and between two of them an agent may say that a device is gone."""
    poll_counts, other = PollCounts(), PDU._replace(device="pdu-2")
    poll_counts.count([poll(0), poll(0, who=other)])
    poll_counts.take()
    steps = poll_counts.expect_steps(START_S + 600 * HOUR_S, {})
    next(steps)
    next(steps)
    poll_counts.forget("s", "gw", "pdu-2")
    assert list(steps) == []
    counts = poll_counts.take()
    assert sums(counts) == pytest.approx([600 * 360, 0, 0])
    assert sums(counts, other) == [0, 0, 0]


def test_a_backlog_from_before_the_first_poll_was_expected_too() -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(3600)])
    poll_counts.count([poll(1800)])
    poll_counts.expect(START_S + 3600, {})
    assert sums(poll_counts.take()) == pytest.approx([180, 2, 0])


def test_a_device_that_is_dead_is_asked_less_often_than_expected() -> None:
    poll_counts = PollCounts()
    classes = (("fast", 5.0), ("normal", 10.0))
    poll_counts.count(poll(0, name=name, interval_s=interval_s) for name, interval_s in classes)
    poll_counts.count([poll(5, up=False, interval_s=5.0, name="fast")])
    poll_counts.count(poll(at, up=False, interval_s=60.0, name="fast") for at in range(10, 3600, 60))
    poll_counts.expect(START_S + 3610, {})
    expected, answered, unanswered = sums(poll_counts.take())
    assert expected == pytest.approx(3610 * 0.3)
    assert answered == 2
    assert unanswered == pytest.approx(1 + 60 * 60 * 0.3)


def test_a_device_that_never_answered_is_expected_as_often_as_it_was_asked_at_first() -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(0, up=False), *(poll(at, up=False, interval_s=60.0) for at in range(30, 3600, 60))])
    poll_counts.expect(START_S + 3600, {})
    assert sums(poll_counts.take())[:2] == pytest.approx([360, 0])


def test_what_an_agent_says_of_its_intervals_counts() -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(0), poll(0, name="fast", interval_s=5.0)])
    poll_counts.set_intervals(PDU, {"normal": 20.0})
    poll_counts.set_intervals(PolledDevice("s", "gw", "other"), {"normal": 20.0})
    poll_counts.expect(START_S + 3600, {})
    assert sums(poll_counts.take())[0] == pytest.approx(180)
    assert set(poll_counts.enrolled) == {PDU}


def test_a_device_that_is_no_longer_configured_is_not_expected() -> None:
    poll_counts = PollCounts()
    agent = PolledDevice("s", "gw", "gw")
    poll_counts.count([poll(0), poll(0, who=agent)])
    poll_counts.expect(START_S + 60, {("s", "gw"): frozenset({"pdu-1"})})
    assert set(poll_counts.enrolled) == {PDU, agent}
    poll_counts.expect(START_S + 120, {("s", "gw"): frozenset({"pdu-2"}), ("s", "other"): frozenset()})
    poll_counts.expect(START_S + 3600, {})
    counts = poll_counts.take()
    assert sums(counts)[0] == pytest.approx(12)
    assert sums(counts, agent)[0] == pytest.approx(360)


def test_what_is_silent_for_a_month_is_let_go() -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(0)])
    poll_counts.expect(START_S + LONGEST_SILENCE_S, {})
    assert PDU in poll_counts.enrolled
    poll_counts.expect(START_S + LONGEST_SILENCE_S + 1, {})
    assert not poll_counts.enrolled


def test_polls_are_expected_over_a_restart_of_the_collector() -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(0)])
    poll_counts.expect(START_S + 600, {})
    later = PollCounts(poll_counts.enrolled)
    later.expect(START_S + 3600, {})
    assert sums(poll_counts.take())[0] + sums(later.take())[0] == pytest.approx(360)


def test_a_week_without_a_collector_is_expected_of_every_device_and_the_present_hour_has_room() -> None:
    """Of 1,000 devices of one agent, which are 168,000 hours: each save has some of them, and those that come are counted meanwhile."""
    week_s, devices = 7 * 86_400.0, [PolledDevice("s", "gw", f"pdu-{number}") for number in range(1000)]
    poll_counts = PollCounts(
        {
            who: ExpectedDevice(
                device_class="pdu",
                since_s=START_S,
                until_s=START_S,
                heard_s=START_S,
                intervals={"normal": 10.0},
                sure={"normal"},
            )
            for who in devices
        }
    )
    expected, answered = dict.fromkeys(devices, 0.0), dict.fromkeys(devices, 0.0)
    for save in range(1, 25):
        at_s = week_s + 30.0 * save
        poll_counts.count(poll(at_s, who=who) for who in devices)
        poll_counts.expect(START_S + at_s, {("s", "gw"): frozenset(who.device for who in devices)})
        counts = poll_counts.take()
        assert sum(map(len, counts.values())) <= MAX_CAUGHT_UP + 2 * len(devices)
        for rows in counts.values():
            for who, row in rows.items():
                expected[who] += row[0]
                answered[who] += row[1]
    assert set(answered.values()) == {24}
    assert {round(each, 6) for each in expected.values()} == {round((week_s + 30.0 * 24) / 10, 6)}


def test_a_device_that_is_gone_is_expected_up_to_its_end_although_that_takes_several_saves() -> None:
    devices = [PolledDevice("s", "gw", f"pdu-{number}") for number in range(MAX_CAUGHT_UP)]
    poll_counts = PollCounts(
        {
            who: ExpectedDevice(
                device_class="pdu", since_s=START_S, until_s=START_S, heard_s=START_S, intervals={"n": 10.0}
            )
            for who in devices
        }
    )
    total = 0.0
    for save in range(1, 5):
        poll_counts.expect(START_S + 3 * HOUR_S, {("s", "gw"): frozenset()})
        total += sums(poll_counts.take(), devices[0])[0]
        assert len(poll_counts.enrolled) == (MAX_CAUGHT_UP if save < 3 else 0)
    assert total == pytest.approx(3 * 360)


def test_polls_are_expected_again_after_a_clock_that_was_weeks_ahead() -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(0), *(poll(at) for at in range(10, 600, 10))])
    poll_counts.expect(START_S + 20 * 86_400, {})
    poll_counts.count(poll(at) for at in range(600, 1200, 10))
    poll_counts.expect(START_S + 600, {})
    poll_counts.take()
    poll_counts.count(poll(at) for at in range(1200, 1800, 10))
    poll_counts.expect(START_S + 1800, {})
    assert sums(poll_counts.take())[:2] == pytest.approx([120, 60])


@given(st.lists(st.floats(0, 40_000), min_size=1, max_size=30), st.sets(st.floats(0, 50_000), max_size=5))
def test_expected_is_the_time_since_the_first_poll_whatever_the_order(times: list[float], asked: set[float]) -> None:
    poll_counts = PollCounts()
    for at in sorted(asked):
        poll_counts.expect(START_S + at, {})
    poll_counts.count(poll(at) for at in times)
    poll_counts.expect(START_S + 60_000, {})
    counts = poll_counts.take()
    expected, answered, _ = sums(counts)
    assert expected == pytest.approx((60_000 - min(times)) / 10)
    assert answered == len(times)
    poll_counts.give_back(counts)
    assert poll_counts.take() == counts


def test_what_was_retired_is_expected_no_more_and_what_was_counted_stays() -> None:
    """A device, then a whole agent; a namesake of another agent, and one at another site, stay."""
    other, namesake = PolledDevice("s", "gw", "pdu-2"), PolledDevice("s", "gw-2", "pdu-1")
    elsewhere = PolledDevice("t", "gw", "pdu-1")
    poll_counts = PollCounts()
    for who in (PDU, other, namesake, elsewhere):
        poll_counts.count(poll(at, who=who) for at in range(0, 600, 10))
    poll_counts.expect(START_S + 600, {})
    poll_counts.forget("s", "gw", "pdu-1")
    assert poll_counts.enrolled.keys() == {other, namesake, elsewhere}
    poll_counts.expect(START_S + 1200, {})
    poll_counts.forget("s", "gw")
    assert poll_counts.enrolled.keys() == {namesake, elsewhere}
    poll_counts.expect(START_S + 1800, {})
    counts = poll_counts.take()
    assert [sums(counts, who)[0] for who in (PDU, other, namesake, elsewhere)] == pytest.approx([60, 120, 180, 180])
    assert sums(counts)[1] == 60
