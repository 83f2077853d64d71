"""An uptime over wraps of its counter, restarts and silences; pure."""

import pytest

from agent.poll.uptime import UPTIME_SLACK_S, WRAP_SLACK_S, Uptime

HOUR_S = 3600.0
WRAP_S = 42_949_672.96  # 2^32 hundredths, 497 days


def read(uptime: Uptime, seconds: float, now: float) -> float | None:
    """What the uptime is after a sysUpTime that shows `seconds`."""
    return uptime.update(int(seconds * 100), now)


def test_a_counter_that_wraps_goes_on_and_is_no_restart() -> None:
    uptime = Uptime()
    assert read(uptime, WRAP_S - HOUR_S, now=0.0) == pytest.approx(WRAP_S - HOUR_S)
    assert read(uptime, HOUR_S, now=2 * HOUR_S) == pytest.approx(WRAP_S + HOUR_S)
    assert not uptime.has_restarted


def test_a_counter_that_wraps_for_the_second_time_goes_on_as_well() -> None:
    uptime = Uptime()
    read(uptime, WRAP_S - HOUR_S, now=0.0)
    read(uptime, HOUR_S, now=2 * HOUR_S)
    assert read(uptime, WRAP_S - HOUR_S, now=WRAP_S) == pytest.approx(2 * WRAP_S - HOUR_S)
    assert read(uptime, HOUR_S, now=WRAP_S + 2 * HOUR_S) == pytest.approx(2 * WRAP_S + HOUR_S)
    assert not uptime.has_restarted


def test_a_restart_behind_a_wrap_begins_at_nothing() -> None:
    uptime = Uptime()
    read(uptime, WRAP_S - HOUR_S, now=0.0)
    read(uptime, HOUR_S, now=2 * HOUR_S)
    assert read(uptime, 30.0, now=3 * HOUR_S) == pytest.approx(30.0)
    assert read(uptime, 90.0, now=3 * HOUR_S + 60.0) == pytest.approx(90.0)
    assert uptime.has_restarted


def test_an_uptime_that_begins_anew_long_before_the_wrap_is_a_restart() -> None:
    uptime = Uptime()
    read(uptime, 10 * HOUR_S, now=0.0)
    assert read(uptime, 30.0, now=60.0) == pytest.approx(30.0)
    assert uptime.has_restarted


def test_near_the_wrap_clocks_may_differ_by_a_minute_and_not_by_more() -> None:
    for off_s, is_restart in ((WRAP_SLACK_S - 1, False), (WRAP_SLACK_S + 1, True)):
        uptime = Uptime()
        read(uptime, WRAP_S - 100.0, now=0.0)
        read(uptime, 100.0 + off_s, now=200.0)
        assert uptime.has_restarted is is_restart, off_s


@pytest.mark.parametrize(("off_s", "is_restart"), [(59.0, False), (61.0, True)])
def test_a_minute_is_sixty_seconds_and_the_wrap_may_come_early_as_well(off_s: float, *, is_restart: bool) -> None:
    uptime = Uptime()
    read(uptime, WRAP_S - 100.0, now=0.0)
    read(uptime, 100.0 - off_s, now=200.0)
    assert uptime.has_restarted is is_restart


@pytest.mark.parametrize(("off_s", "is_restart"), [(1790.0, False), (1810.0, True)])
def test_after_ten_hours_clocks_may_differ_by_half_an_hour(off_s: float, *, is_restart: bool) -> None:
    """A twentieth of the time since the last reading."""
    uptime = Uptime()
    read(uptime, WRAP_S - HOUR_S, now=0.0)
    read(uptime, 9 * HOUR_S + off_s, now=10 * HOUR_S)
    assert uptime.has_restarted is is_restart


@pytest.mark.parametrize(("grown_s", "has_run_on"), [(610.9, True), (611.1, False), (589.1, True), (588.9, False)])
def test_after_ten_minutes_of_silence_an_uptime_may_be_eleven_seconds_off(grown_s: float, *, has_run_on: bool) -> None:
    """Five, and a hundredth of the time."""
    uptime = Uptime()
    read(uptime, HOUR_S, now=0.0)
    assert uptime.update_after_silence(round((HOUR_S + grown_s) * 100), 600.0) is has_run_on


def test_after_a_silence_a_device_has_run_on_if_its_uptime_has_grown_by_that_time() -> None:
    for grown_s, has_run_on in ((600.0, True), (600.0 + UPTIME_SLACK_S, True), (630.0, False), (10.0, False)):
        uptime = Uptime()
        read(uptime, HOUR_S, now=0.0)
        assert uptime.update_after_silence(int((HOUR_S + grown_s) * 100), 600.0) is has_run_on, grown_s


def test_after_each_of_several_silences_the_uptime_is_compared_with_the_last_one() -> None:
    uptime = Uptime()
    read(uptime, HOUR_S, now=0.0)
    for silences in range(1, 6):
        assert uptime.update_after_silence(int((HOUR_S + 600 * silences) * 100), 600.0 * silences)
    assert not uptime.update_after_silence(int((HOUR_S + 3000 + 700) * 100), 3600.0), "it is 100 s ahead"


def test_an_uptime_that_stands_still_is_no_restart() -> None:
    """Some cards count it every few seconds only, and would be planned anew with each poll."""
    uptime = Uptime()
    for now in (0.0, 1.0, 2.0):
        assert read(uptime, HOUR_S, now) == HOUR_S
    assert not uptime.has_restarted


def test_a_device_that_restarts_while_it_starts_has_not_run_on() -> None:
    uptime = Uptime()
    read(uptime, 3.0, now=0.0)
    assert not uptime.update_after_silence(100, 1.0)
    assert uptime.has_restarted


def test_an_invalid_uptime_is_ignored() -> None:
    uptime = Uptime()
    assert not uptime.update_after_silence(100, 1.0), "nothing to compare it with"
    assert [uptime.update(value, 2.0) for value in (None, -1, 2**32, b"soon")] == [None] * 4
    assert [Uptime().update(value, 2.0) for value in (0, 2**32 - 1)] == [0.0, WRAP_S - 0.01]
    assert not uptime.update_after_silence(None, 3.0)
    assert not uptime.has_restarted
