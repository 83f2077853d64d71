"""What is learned over hours and days: levels, clogging of filters, the highest power of a month."""

import pytest

from collector.derive.trends import Clogging, FiveMinuteMean, PeakPower
from tests.turns import counting_calls

HOUR_S = 3600.0
DAY_S = 86_400.0
YEAR_S = 365 * DAY_S


def test_a_level_is_the_mean_of_five_minutes_that_were_seen_whole() -> None:
    level = FiveMinuteMean()
    assert level.add(900.0, 250.0) is None
    assert level.add(100.0, 300.0) is None  # the first five minutes began before it
    assert level.add(200.0, 599.0) is None
    assert level.add(7.0, 600.0) == 150.0
    assert level.add(9.0, 899.0) == 150.0
    assert level.add(9.0, 900.0) == 8.0


def clogged(*hourly: float, start_h: int = 0) -> Clogging:
    """A filter that had these resistances, each for an hour; the last hour has just ended."""
    clogging = Clogging()
    for at, resistance in enumerate((*hourly, 1e9), start_h):
        an_hour(clogging, resistance, at * HOUR_S)
    return clogging


def an_hour(clogging: Clogging, resistance: float, begin_s: float, running_s: float | None = None) -> None:
    """An hour that was seen whole."""
    clogging.add(resistance, begin_s, running_s)
    clogging.add(resistance, begin_s + HOUR_S - 1, running_s)


def test_clogging_is_the_last_hour_over_the_lowest_one() -> None:
    assert Clogging().ratio() is None
    clogging = Clogging()
    clogging.add(5.0, 0.0)
    clogging.add(7.0, 3599.0)
    assert clogging.ratio() is None
    clogging.add(100.0, 3600.0)
    assert clogging.ratio() == 1.0  # the hour that is not over does not count
    assert clogged(4.0, 6.0).ratio() == 1.5
    assert clogged(4.0, 2.0, 3.0).ratio() == 1.5
    assert clogged(4.0, 2.0).ratio() == 1.0


def test_before_a_day_has_passed_nothing_is_said_of_the_time_left() -> None:
    assert clogged(*[1.0] * 23).time_to_limit_s() is None
    assert clogged(*[1.0] * 24).time_to_limit_s() == YEAR_S
    assert Clogging().time_to_limit_s() is None


def test_the_time_left_is_worked_out_once_an_hour_and_not_in_every_cycle() -> None:
    """After two weeks it is 0.1 ms: with 400 filters, 40 ms of each cycle."""
    clogging = clogged(*[1.0 + at / 1000 for at in range(400)])
    with counting_calls() as calls:
        left_h = {round((clogging.time_to_limit_s() or 0.0) / HOUR_S, 6) for _ in range(100)}
        assert calls() < 1000
    assert left_h == {601.0}


def test_a_new_filter_is_not_judged_until_it_was_observed_for_a_day() -> None:
    clogging = Clogging()
    for at in range(30):
        an_hour(clogging, 1.0 + at / 100, at * HOUR_S, at * HOUR_S)
    assert clogging.time_to_limit_s() is not None
    clogging.add(1.0, 30 * HOUR_S, 0.0)
    assert clogging.time_to_limit_s() is None
    # Nor is the line drawn through the hours of the former one.
    for at in range(30, 54):
        assert clogging.time_to_limit_s() is None
        an_hour(clogging, 1.0, at * HOUR_S, (at - 30) * HOUR_S)
    clogging.add(1.0, 54 * HOUR_S, 24 * HOUR_S)
    assert clogging.time_to_limit_s() == YEAR_S


@pytest.mark.parametrize(
    ("resistances", "left_h"),
    [
        ([10 + 0.1 * at for at in range(31)], 70),  # 13 of 20, and 0.1 an hour
        ([10 + 0.1 * at for at in range(100)], 1),
        ([10 + 0.1 * at for at in range(101)], 0),
        ([10 + 0.1 * at for at in range(120)], 0),
        ([20 - 0.1 * at for at in range(50)], 8760),
        ([10 + 1e-6 * at for at in range(50)], 8760),  # a thousand years are shown as one
        ([10.0 if at % 2 else 10.001 for at in range(50)], 8760),
    ],
)
def test_the_time_left_follows_from_a_line_through_the_observed_levels(resistances: list[float], left_h: float) -> None:
    assert clogged(*resistances, start_h=1000).time_to_limit_s() == pytest.approx(left_h * HOUR_S, abs=1e-3)


def test_the_trend_of_a_filter_rests_on_its_last_two_weeks() -> None:
    """It has nearly doubled at once, and has rested for two weeks since: what was before does not count."""
    clogging = clogged(*[6.03] * 168, *[12.0] * 336)
    assert clogging.time_to_limit_s() == YEAR_S
    assert clogging.ratio() == pytest.approx(12 / 6.03)
    shorter = clogged(*[6.03] * 168, *[12.0] * 335).time_to_limit_s()
    assert shorter is not None
    assert shorter < YEAR_S


@pytest.mark.parametrize(("running_s", "is_new"), [(99.0, True), (100.0, False), (101.0, False), (None, False)])
def test_a_running_time_that_goes_back_is_a_new_filter(running_s: float | None, is_new: bool) -> None:  # noqa: FBT001 - a case
    clogging = Clogging()
    an_hour(clogging, 4.0, 0.0, 50.0)
    an_hour(clogging, 8.0, HOUR_S, 90.0)
    clogging.add(12.0, 2 * HOUR_S, 100.0)
    assert clogging.ratio() == 2.0
    clogging.add(1.0, 2 * HOUR_S + 60, running_s)
    clogging.add(1.0, 3 * HOUR_S - 1, running_s)
    assert clogging.ratio() == (None if is_new else 2.0)
    an_hour(clogging, 5.0, 3 * HOUR_S, running_s)
    assert clogging.ratio() == pytest.approx(1.0 if is_new else 14 / 3 / 4)  # of the new filter's own hour
    if not is_new:
        return
    clogging.add(1.0, 4 * HOUR_S, running_s)
    assert clogging.ratio() == 5.0


def test_a_moment_alone_in_its_hour_is_not_the_clean_filter() -> None:
    """The collector started a second before the full hour, or the pumps did."""
    clogging = Clogging()
    clogging.add(1.0, HOUR_S - 1)
    for hour in (1, 2, 3):
        an_hour(clogging, 4.0, hour * HOUR_S)
    clogging.add(1.0, 5 * HOUR_S - 1800)
    clogging.add(1.0, 5 * HOUR_S - 1)
    an_hour(clogging, 4.0, 5 * HOUR_S)
    clogging.add(4.0, 6 * HOUR_S)
    assert clogging.ratio() == 1.0


def fed(peak: PeakPower, watts: float, first_s: float, last_s: float) -> PeakPower:
    """One sample every five minutes, from the first second up to the last."""
    at = first_s
    while at <= last_s:
        peak.add(watts, at)
        at += 300.0
    return peak


def test_the_peak_is_known_after_a_day_of_five_minutes() -> None:
    peak = PeakPower()
    assert peak.share() == 0.0
    fed(peak, 5.0, 0.0, DAY_S - 300)
    assert peak.highest() is None  # 287 of 288 are over
    fed(peak, 5.0, DAY_S, DAY_S)
    assert peak.highest() == 5.0
    assert peak.share() == pytest.approx(1 / 30)


def test_the_peak_is_the_highest_mean_not_the_highest_sample() -> None:
    peak = fed(PeakPower(), 5.0, 0.0, DAY_S)
    peak.add(105.0, DAY_S + 10)  # a mean of 55 with the sample before
    fed(peak, 5.0, DAY_S + 300, DAY_S + 900)
    assert peak.highest() == 55.0


@pytest.mark.parametrize(("days", "highest"), [(29, 50.0), (30, 5.0)])
def test_a_peak_is_forgotten_after_thirty_days(days: int, highest: float) -> None:
    peak = fed(PeakPower(), 5.0, 0.0, DAY_S - 600)
    fed(peak, 50.0, DAY_S - 300, DAY_S - 300)
    # The mean of a day's last five minutes is known on the next day, and counts there.
    fed(peak, 5.0, DAY_S, (1 + days) * DAY_S + 600)
    assert peak.highest() == highest


@pytest.mark.parametrize("gap_days", [27, 40])
def test_after_a_month_without_power_one_mean_is_no_peak(gap_days: int) -> None:
    peak = fed(PeakPower(), 50.0, 0.0, 4 * DAY_S)
    begin = (4 + gap_days) * DAY_S
    fed(peak, 5.0, begin, begin + 600)
    if gap_days < 30:
        assert peak.highest() == 50.0
        return
    assert peak.highest() is None
    assert peak.share() == pytest.approx(2 / 288 / 30)
    fed(peak, 5.0, begin + 900, begin + DAY_S)
    assert peak.highest() == 5.0


def test_the_share_ends_at_one() -> None:
    assert fed(PeakPower(), 5.0, 0.0, 31 * DAY_S).share() == 1.0
