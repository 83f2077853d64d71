"""A breaker trips when the standard says so, and has cooled down when somebody closes it again."""

import pytest

from simulator.world.breaker import Breaker


def trips_after_s(load: float, most_s: int = 7200, breaker: Breaker | None = None) -> int | None:
    """Seconds until a breaker of 16 A trips at so many times its rating; None if it has not within `most_s`."""
    one = breaker or Breaker(16.0)
    for second in range(1, most_s + 1):
        one.advance(load * one.rating_a, 1.0)
        if one.tripped:
            return second
    return None


@pytest.mark.parametrize(
    ("load", "expected_s"), [(1.0, None), (1.13, None), (1.45, 112), (2.55, 27), (7.9, 3), (8.1, 1)]
)
def test_a_breaker_trips_when_it_must_and_not_before(load: float, expected_s: int | None) -> None:
    """IEC 60898-1: 1.13 times its rating is held, 1.45 times trips within an hour, 2.55 times within 1 to 60 s, a short circuit at once."""
    found = trips_after_s(load)
    assert found == expected_s if expected_s is None else found == pytest.approx(expected_s, abs=1)


def test_a_breaker_that_is_closed_again_has_cooled_down() -> None:
    one = Breaker(16.0)
    assert trips_after_s(1.45, breaker=one) is not None
    one.reset()
    assert not one.tripped
    assert trips_after_s(1.45, breaker=one) == trips_after_s(1.45)


def test_an_overload_that_ends_in_time_trips_nothing() -> None:
    one = Breaker(16.0)
    assert trips_after_s(1.45, 60, one) is None
    assert trips_after_s(1.0, breaker=one) is None
