"""What is known of each device that polls are expected of: its intervals, since when, when it was heard last, and what it is counted."""

import pytest

from collector.receive.poll_counts import (
    HOUR_S,
    MAX_ROWS_OF_AGENT,
    ExpectedDevice,
    PollCounts,
    Polled,
    PolledDevice,
    add,
)

PDU = PolledDevice("s", "gw", "pdu-1")
START_S = 500_000 * HOUR_S + 0.0
MONTH_S = 31 * 86_400.0


def poll(
    at_s: float, interval_s: float = 10.0, *, up: bool = True, name: str = "normal", device_class: str = "pdu"
) -> Polled:
    return Polled(PDU, device_class, name, interval_s, START_S + at_s, up)


def known(*polls: Polled) -> ExpectedDevice:
    """What is known of the device after these polls."""
    poll_counts = PollCounts()
    poll_counts.count(polls)
    return poll_counts.enrolled[PDU]


def row(poll_counts: PollCounts) -> list[float]:
    """Expected, answered, unanswered over all hours."""
    found = [0.0, 0.0, 0.0]
    for rows in poll_counts.counts.values():
        add(found, rows[PDU])
    return found


def test_the_first_poll_enrols_a_device() -> None:
    assert known(poll(5)) == ExpectedDevice("pdu", START_S + 5, START_S + 5, START_S + 5, {"normal": 10.0}, {"normal"})
    assert known(poll(5, up=False)) == ExpectedDevice(
        "pdu", START_S + 5, START_S + 5, START_S + 5, {"normal": 10.0}, set()
    )


@pytest.mark.parametrize(
    ("polls", "interval_s"),
    [
        ((poll(0, 10), poll(10, 20)), 20),  # another interval is configured
        ((poll(0, 20), poll(20, 10)), 10),
        ((poll(0, 10), poll(10, 60, up=False)), 10),  # dead: asked less often, and expected as before
        ((poll(0, 10), poll(10, 5, up=False)), 10),
        ((poll(0, 60, up=False), poll(60, 10, up=False)), 10),  # never answered: the shortest pause seen
        ((poll(0, 10, up=False), poll(10, 60, up=False)), 10),
        ((poll(0, 10, up=False), poll(10, 20)), 20),
        ((poll(0, 10), poll(10, 60, up=False), poll(70, 30)), 30),
    ],
)
def test_how_often_a_device_is_polled_follows_from_the_polls_that_it_answered(
    polls: tuple[Polled, ...], interval_s: float
) -> None:
    assert known(*polls).intervals == {"normal": interval_s}


def test_each_class_is_expected_for_itself() -> None:
    device = known(poll(0, 10), poll(0, 2, name="fast"), poll(0, 60, up=False, name="slow"))
    assert device.intervals == {"normal": 10.0, "fast": 2.0, "slow": 60.0}
    assert device.sure == {"normal", "fast"}
    assert device.rate() == pytest.approx(1 / 10 + 1 / 2 + 1 / 60)


def test_the_class_is_the_latest_and_the_last_poll_is_that_of_the_latest_time() -> None:
    device = known(poll(100), poll(200, device_class="ups"), poll(50, device_class="ups"))
    assert (device.device_class, device.heard_s, device.since_s) == ("ups", START_S + 200, START_S + 50)


@pytest.mark.parametrize(
    ("before_s", "is_expected"), [(MONTH_S - 1, True), (MONTH_S, False), (MONTH_S + 1, False), (0.0, False)]
)
def test_a_backlog_of_less_than_a_month_was_expected_too(before_s: float, is_expected: bool) -> None:  # noqa: FBT001 - a case
    poll_counts = PollCounts()
    poll_counts.count([poll(0, 100.0), poll(-before_s, 100.0)])
    assert row(poll_counts) == pytest.approx([before_s / 100 if is_expected else 0.0, 2, 0])
    assert poll_counts.enrolled[PDU].since_s == START_S - (before_s if is_expected else 0.0)


def test_a_backlog_is_expected_once_however_it_comes() -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(0), poll(-100), poll(-50), poll(-100)])
    assert row(poll_counts) == pytest.approx([10, 4, 0])


def test_a_late_poll_is_counted_in_its_own_hour() -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(3600), poll(3599.9), poll(7199, up=False)])
    assert poll_counts.counts[500_000][PDU] == pytest.approx([0.01, 1, 0])
    assert poll_counts.counts[500_001][PDU] == [0, 1, 1]


@pytest.mark.parametrize(
    ("polls", "unanswered"),
    [
        ((poll(10, up=False), poll(20, up=False)), 2),  # at its usual interval: one each
        ((poll(10, 60, up=False),), 6),  # a pause of a minute stands for six
        ((poll(10, 60, up=False), poll(70, 60, up=False)), 12),
        ((poll(10, 3, up=False),), 1),  # never less than one
    ],
)
def test_a_poll_that_was_not_answered_stands_for_those_of_its_pause(
    polls: tuple[Polled, ...], unanswered: float
) -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(0), *polls])
    assert row(poll_counts) == pytest.approx([0, 1, unanswered])


def test_what_an_agent_says_of_its_intervals_takes_the_place_of_what_was_seen() -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(0), poll(0, name="fast")])
    poll_counts.set_intervals(PDU, {})
    assert poll_counts.enrolled[PDU].intervals == {"normal": 10.0, "fast": 10.0}
    poll_counts.set_intervals(PDU, {"slow": 300.0})
    assert (poll_counts.enrolled[PDU].intervals, poll_counts.enrolled[PDU].sure) == ({"slow": 300.0}, {"slow"})
    poll_counts.count([poll(10, 60, up=False, name="slow")])
    assert poll_counts.enrolled[PDU].intervals == {"slow": 300.0}  # said by the agent: no poll changes it downwards


def test_what_was_expected_is_shared_out_by_the_hour_and_never_twice() -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(1800, 10)])
    poll_counts.expect(START_S + 9000, {})
    poll_counts.expect(START_S + 9000, {})
    poll_counts.expect(START_S + 8000, {})  # a clock that was set back
    assert {hour: rows[PDU][0] for hour, rows in poll_counts.counts.items()} == pytest.approx(
        {500_000: 180, 500_001: 360, 500_002: 180}
    )
    assert poll_counts.enrolled[PDU].until_s == START_S + 9000
    poll_counts.expect(START_S + 9010, {})
    assert row(poll_counts)[0] == pytest.approx(721)


def test_a_device_goes_when_its_own_agent_names_it_no_more_and_counts_until_then() -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(0)])
    poll_counts.expect(START_S + 100, {("s", "other"): frozenset(), ("other", "gw"): frozenset()})
    assert PDU in poll_counts.enrolled
    poll_counts.expect(START_S + 200, {("s", "gw"): frozenset({"pdu-2"})})
    assert PDU not in poll_counts.enrolled
    assert row(poll_counts)[0] == pytest.approx(20)


def test_silence_is_counted_from_the_last_poll() -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(0), poll(1000), poll(500)])
    poll_counts.expect(START_S + 1000 + MONTH_S, {})
    assert PDU in poll_counts.enrolled
    poll_counts.expect(START_S + 1000.5 + MONTH_S, {})
    assert poll_counts.enrolled == {}


def test_counts_that_could_not_be_kept_are_added_to_those_that_came_since() -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(0), poll(10, up=False)])
    counts = poll_counts.take()
    assert poll_counts.counts == {}
    poll_counts.count([poll(20), poll(3600)])
    poll_counts.give_back(counts)
    assert poll_counts.take() == {500_000: {PDU: [0, 2, 1]}, 500_001: {PDU: [0, 1, 0]}}


def test_a_restart_takes_over_who_is_expected_and_leaves_the_file_alone() -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(0)])
    kept = poll_counts.enrolled
    later = PollCounts(kept)
    later.expect(START_S + 2 * MONTH_S, {})
    assert later.enrolled == {}
    assert PDU in kept


def test_of_a_device_with_two_classes_a_poll_at_its_usual_interval_stands_for_itself() -> None:
    poll_counts = PollCounts()
    poll_counts.count([poll(0), poll(0, 2.0, name="fast"), poll(10, up=False)])
    assert row(poll_counts) == pytest.approx([0, 2, 1])
    poll_counts.count([poll(20, 60, up=False)])  # in a pause it is asked in no class at all
    assert row(poll_counts) == pytest.approx([0, 2, 1 + 60 * 0.6])


def test_polls_dated_through_many_hours_cost_their_agent_s_rows_and_nobody_else_s() -> None:
    """Messages may be dated through 400 days; each hour of a device would be a row in memory and on disk."""
    poll_counts = PollCounts()
    for hour in range(MAX_ROWS_OF_AGENT + 100):
        poll_counts.count([Polled(PolledDevice("s", "stolen", "x"), "pdu", "normal", 10.0, hour * 3600.0, True)])  # noqa: FBT003
    for who in (PolledDevice("s", "gw", "y"), PolledDevice("t", "stolen", "x")):
        poll_counts.count([Polled(who, "pdu", "normal", 10.0, 0.0, True)])  # noqa: FBT003 - up
    rows = [who[:2] for hour in poll_counts.counts.values() for who in hour]
    assert rows.count(("s", "stolen")) == MAX_ROWS_OF_AGENT
    assert (rows.count(("s", "gw")), rows.count(("t", "stolen"))) == (1, 1)
    poll_counts.take()
    poll_counts.count([Polled(PolledDevice("s", "stolen", "x"), "pdu", "normal", 10.0, 0.0, True)])  # noqa: FBT003 - up
    assert len(poll_counts.counts) == 1
