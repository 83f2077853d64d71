"""How the API writes times, ages and numbers."""

from math import inf, nan

import pytest

from collector.api.numbers import coarse_age, iso, iso_ms, rounded

DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_790_000_000.25, "2026-09-21T14:13:20.250Z"),
        (-5.0, "1970-01-01T00:00:00.000Z"),
        (1e15, "9999-12-31T23:59:59.000Z"),
    ],
)
def test_a_time_is_iso_8601_in_utc_and_one_that_is_none_is_the_nearest(seconds: float, said: str) -> None:
    assert iso(seconds) == iso_ms(seconds * 1000) == said


@pytest.mark.parametrize(
    ("seconds", "age_s"),
    [
        (0.0, 1.0),
        (1.0, 1.0),
        (1.001, 2.0),
        (5.1, 10.0),
        (61.0, 120.0),
        (3600.0, 3600.0),
        (3601.0, 7200.0),
        (DAY_S, DAY_S),
        (DAY_S + 1, 2 * DAY_S),
        (2 * DAY_S, 2 * DAY_S),
        (2 * DAY_S + 1, 3 * DAY_S),
        (inf, None),
        (nan, None),
        (None, None),
    ],
)
def test_an_age_is_rounded_up_and_one_that_is_a_step_stays(seconds: float | None, age_s: float | None) -> None:
    assert coarse_age(seconds) == age_s


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (1234.56, 1235.0),
        (123_456.0, 123_500.0),
        (-12.346, -12.35),
        (0.00123456, 0.001235),
        (1000.0, 1000.0),
        (0.0, 0.0),
        (inf, None),
        (nan, None),
        (None, None),
    ],
)
def test_a_number_has_four_digits(value: float | None, sent: float | None) -> None:
    assert rounded(value) == sent


def test_a_number_can_have_fewer_digits() -> None:
    assert [rounded(each, 2) for each in (0.1234, 9.96, 123.0)] == [0.12, 10.0, 120.0]
