"""Months, their days and hours, in zones that change their clocks and in those that do not."""

import sys
import zoneinfo
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.report.period import month
from rackflow import ConfigError

LATER_S = datetime(2027, 6, 1, tzinfo=zoneinfo.ZoneInfo("UTC")).timestamp()
ZONES = (
    "UTC",
    "Africa/Casablanca",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Europe/Paris",
    "America/St_Johns",
    "Pacific/Chatham",
    "America/Havana",
    "Asia/Beirut",
    "Pacific/Apia",
)


@pytest.mark.parametrize(
    ("name", "zone", "hours", "longest", "shortest"),
    [
        ("2026-10", "UTC", 744, 24, 24),
        ("2026-10", "Europe/Berlin", 745, 25, 24),
        ("2026-03", "Europe/Berlin", 743, 24, 23),
        ("2026-11", "America/New_York", 721, 25, 24),
        ("2026-02", "Africa/Casablanca", 673, 25, 24),  # back to UTC for Ramadan
        ("2028-02", "UTC", 696, 24, 24),
    ],
)
def test_a_month_has_as_many_hours_as_clocks_say(name: str, zone: str, hours: int, longest: int, shortest: int) -> None:
    period = month(name, zone, LATER_S if name < "2027" else LATER_S + 1e8)
    assert len(period.hours()) == hours
    assert period.is_over
    lengths = [len(day) for _, day in period.days()]
    assert (max(lengths), min(lengths)) == (longest, shortest)


def test_hours_are_reported_with_their_offset_so_that_no_hour_appears_twice() -> None:
    period = month("2026-10", "Europe/Berlin", LATER_S)
    assert period.iso(period.first) == "2026-10-01T00:00+02:00"
    assert period.iso(period.end) == "2026-11-01T00:00+01:00"
    starts = [period.iso(hour) for hour in period.hours()]
    assert len(set(starts)) == len(starts)
    assert {"2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"} <= set(starts)


@given(st.integers(2021, 2027), st.integers(1, 12), st.sampled_from(ZONES))
def test_days_share_out_the_hours_of_the_month(year: int, number: int, zone: str) -> None:
    period = month(f"{year}-{number:02}", zone, LATER_S + 1e8)
    days = period.days()
    assert [hour for _, hours in days for hour in hours] == list(period.hours())
    assert {day[:7] for day, _ in days} == {period.name}
    following = month(f"{year + number // 12}-{number % 12 + 1:02}", zone, LATER_S + 1e8)
    assert following.first == period.end


def test_a_month_that_goes_on_ends_with_the_last_whole_hour() -> None:
    now_s = datetime.fromisoformat("2026-10-03T05:59:00+00:00").timestamp()
    period = month("2026-10", "UTC", now_s)
    assert (len(period.hours()), period.is_over) == (53, False)
    assert [len(hours) for _, hours in period.days()] == [24, 24, 5]


@pytest.mark.parametrize("name", ["2026-13", "2026-00", "2026-1", "october", "2026-10-01", "0000-01", "9999-12"])
def test_what_is_no_month_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="--month: "):
        month(name, "UTC", LATER_S)


@pytest.mark.parametrize(
    ("zone", "near"),
    [
        ("europe/paris", "Europe/Paris"),
        ("Paris", "Europe/Paris"),
        ("Africa/Casablanka", "Africa/Casablanca"),
        ("new york", "America/New_York"),
        ("utc", "UTC"),
    ],
)
def test_a_zone_that_is_nearly_right_is_named(zone: str, near: str) -> None:
    with pytest.raises(ConfigError, match=f"--timezone: {zone!r} is not a time zone; did you mean {near}\\?"):
        month("2026-10", zone, LATER_S)


@pytest.mark.parametrize(
    "zone", ["Mars/Base", "../etc/passwd", "", "x\0y", "localtime", "right/Europe/Paris", "Europe", "+01:00"]
)
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(ConfigError, match="--timezone: "):
        month("2026-10", zone, LATER_S)


def test_a_system_without_time_zones_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slim container image: the name of the zone is right."""
    for name in [*sys.modules, "tzdata"]:
        if name.partition(".")[0] == "tzdata":
            monkeypatch.setitem(sys.modules, name, None)
    zoneinfo.ZoneInfo.clear_cache()
    zoneinfo.reset_tzpath(to=())
    try:
        with pytest.raises(ConfigError, match="no time zones; install tzdata"):
            month("2026-10", "Europe/Berlin", LATER_S)
        assert month("2026-10", "UTC", LATER_S).name == "2026-10"
    finally:
        zoneinfo.reset_tzpath()
