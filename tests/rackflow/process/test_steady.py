"""When records may be deleted: only after the wall clock has kept pace with the monotonic one for an hour."""

import pytest

from rackflow.process.steady import SteadyClock

WALL_S = 1_795_000_000.0
HOUR_S = 3600.0


def running() -> SteadyClock:
    """The clock of a process that has run for an hour since monotonic second 100."""
    clock = SteadyClock()
    assert not clock.is_steady(WALL_S, 100.0)
    assert not clock.is_steady(WALL_S + HOUR_S - 1.0, 100.0 + HOUR_S - 1.0)
    assert clock.is_steady(WALL_S + HOUR_S, 100.0 + HOUR_S)
    return clock


@pytest.mark.parametrize("step_s", [0.0, 60.0, -60.0])
def test_steps_as_those_of_ntp_change_nothing(step_s: float) -> None:
    assert running().is_steady(WALL_S + HOUR_S + 10.0 + step_s, 100.0 + HOUR_S + 10.0)


@pytest.mark.parametrize("jump_s", [61.0, -61.0, 365 * 86_400.0, -365 * 86_400.0])
def test_after_a_jump_in_either_direction_the_hour_begins_anew(jump_s: float) -> None:
    clock, jumped_s = running(), HOUR_S + 10.0

    def is_steady(after_s: float) -> bool:
        return clock.is_steady(WALL_S + jump_s + jumped_s + after_s, 100.0 + jumped_s + after_s)

    assert not is_steady(0.0)
    assert not is_steady(HOUR_S - 1.0)
    assert is_steady(HOUR_S)


def test_a_clock_that_comes_back_from_a_jump_has_jumped_twice() -> None:
    clock = running()
    assert not clock.is_steady(WALL_S + 86_400.0 + HOUR_S + 10.0, 100.0 + HOUR_S + 10.0)
    assert not clock.is_steady(WALL_S + HOUR_S + 20.0, 100.0 + HOUR_S + 20.0)
    assert not clock.is_steady(WALL_S + 2 * HOUR_S + 15.0, 100.0 + 2 * HOUR_S + 15.0)
    assert clock.is_steady(WALL_S + 2 * HOUR_S + 20.0, 100.0 + 2 * HOUR_S + 20.0)


def test_time_in_which_nobody_asked_is_no_jump() -> None:
    """A machine that was busy for half an hour."""
    assert running().is_steady(WALL_S + 1.5 * HOUR_S, 100.0 + 1.5 * HOUR_S)
