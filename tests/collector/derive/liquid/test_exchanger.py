"""Fouling, approach and valves of a CDU, each by itself: from which moment they are known, and what is no fault."""

import pytest

from collector.derive.engine import Result, Unknown
from collector.derive.liquid.exchanger import Fouling, LoadedApproach, ValveStuck

STEP_S = 10


def stuck(*courses: tuple[float, float, int], setpoint_c: float = 20.0) -> Result:
    """Whether a valve is stuck after these courses: its position, the supply's temperature, and for how many seconds."""
    valve, now = ValveStuck(), 0.0
    last: Result = Unknown("nothing was seen")
    for position, supply_c, seconds in courses:
        for _ in range(seconds // STEP_S):
            (last,) = valve.update([position, supply_c, setpoint_c], now)
            now += STEP_S
    return last


def test_a_valve_that_stands_half_open_for_ten_minutes_while_the_supply_is_too_warm_is_stuck() -> None:
    assert stuck((0.5, 23.0, 600)) == 0.0
    assert stuck((0.5, 23.0, 610)) == 1.0
    assert stuck((0.5, 22.0, 3600)) == 0.0, "two kelvin are what a control loop needs"


@pytest.mark.parametrize(
    ("position", "supply_c", "is_stuck"),
    [
        (0.97, 25.0, 0.0),  # as far open as it goes: more water is not to be had
        (0.03, 15.0, 0.0),  # closed, and still too cold: the load is small
        (0.97, 15.0, 1.0),  # it could close
        (0.03, 25.0, 1.0),  # it could open
    ],
)
def test_a_valve_at_its_end_is_stuck_only_if_it_should_go_the_other_way(
    position: float, supply_c: float, is_stuck: float
) -> None:
    assert stuck((position, supply_c, 1200)) == is_stuck


def test_a_supply_that_swings_from_too_warm_to_too_cold_restarts_the_ten_minutes() -> None:
    assert stuck((0.5, 25.0, 400), (0.5, 15.0, 400)) == 0.0
    assert stuck((0.5, 25.0, 400), (0.5, 15.0, 610)) == 1.0


def test_a_valve_that_moved_once_and_then_stands_is_stuck() -> None:
    assert stuck((0.5, 23.0, 300), (0.6, 23.0, 600)) == 0.0
    assert stuck((0.5, 23.0, 300), (0.6, 23.0, 610)) == 1.0


def test_a_unit_that_stood_by_for_some_minutes_restarts_the_ten_minutes() -> None:
    """Its supply takes the temperature of the room, and its valve rests."""
    valve, found = ValveStuck(), list[Result]()
    for step in range(130):
        flow = 0.0 if 40 <= step < 65 else 0.002
        found += valve.update([0.5, 23.0, 20.0, flow], float(step * STEP_S))
    assert found.index(1.0) == 65 + 60
    assert set(found) == {0.0, 1.0}


@pytest.mark.parametrize("position", [0.28, 0.5])
def test_a_valve_that_moves_to_and_fro_by_one_step_is_stuck_and_one_that_moves_by_two_is_not(position: float) -> None:
    """Actuators resolve a hundredth of their way: 0.51 - 0.50 and 0.29 - 0.28 are a hundredth, and not the same number."""
    for steps, is_stuck in ((1, 1.0), (2, 0.0)):
        course = [((round(position * 100) + (steps if at % 2 else 0)) / 100, 23.0, 300) for at in range(8)]
        assert stuck(*course) == is_stuck


@pytest.mark.parametrize(("pause_s", "is_stuck"), [(300.0, 1.0), (301.0, 0.0)])
def test_a_valve_of_which_nothing_was_heard_for_five_minutes_restarts_the_ten_minutes(
    pause_s: float, is_stuck: float
) -> None:
    valve = ValveStuck()
    for now in range(0, 400, STEP_S):
        valve.update([0.5, 23.0, 20.0], float(now))
    assert valve.update([0.5, 23.0, 20.0], 390.0 + pause_s) == (is_stuck,)


def test_the_lowest_hour_ever_seen_is_that_of_the_clean_exchanger() -> None:
    """Collectors start while an exchanger is fouled, and it is cleaned later."""
    fouling, found = Fouling(100_000.0), list[Result]()
    last: Result = Unknown("nothing was seen")
    for hour, difference_k in enumerate((8.0, 4.0, 8.0, 8.0)):
        for minute in range(60):
            readings = [50_000.0, 20.0 + difference_k, 30.0 + difference_k, 20.0, 30.0, 0.001, 0.001]
            (last,) = fouling.update(readings, hour * 3600.0 + minute * 60.0)
        found.append(last)
    assert isinstance(found[0], Unknown)
    assert found[1:] == [1.0, 1.0, pytest.approx(2.0)]


def test_a_moment_of_load_alone_in_its_hour_is_not_the_clean_exchanger() -> None:
    """The load has stepped up, and the temperatures have not followed yet when the hour ends."""
    fouling, last = Fouling(100_000.0), None
    fouling.update([90_000.0, 28.0, 38.0, 20.0, 30.0, 0.001, 0.001], 3595.0)
    for minute in range(60, 181):
        (last,) = fouling.update([50_000.0, 28.0, 38.0, 20.0, 30.0, 0.001, 0.001], minute * 60.0)
    assert last == pytest.approx(1.0)


@pytest.mark.parametrize(
    "odd",
    [
        [50_000.0, 20.1, 38.0, 20.0, 30.0, 0.001, 0.001],  # the ends differ by less than sensors err
        [50_000.0, 19.0, 38.0, 20.0, 30.0, 0.001, 0.001],  # colder than what cools it: a sensor errs
        [50_000.0, 28.0, 30.1, 20.0, 30.0, 0.001, 0.001],
        [50_000.0, 28.0, 38.0, 20.0, 30.0, 0.0, 0.001],  # heat without flow
        [50_000.0, 28.0, 38.0, 20.0, 30.0, 0.001, 0.0],
        [15_000.0, 21.1, 31.1, 20.0, 30.0, 0.001, 0.001],  # hardly any load
    ],
)
def test_readings_from_which_no_fouling_follows_are_passed_over(odd: list[float]) -> None:
    fouling, last = Fouling(100_000.0), None
    for minute in range(181):
        readings = odd if 60 <= minute < 120 else [50_000.0, 28.0, 38.0, 20.0, 30.0, 0.001, 0.001]
        (last,) = fouling.update(readings, minute * 60.0)
    assert last == pytest.approx(1.0)


def test_the_approach_is_known_after_five_minutes_of_load_and_is_that_of_the_loaded_time() -> None:
    approach, found = LoadedApproach(), list[Result]()
    for step in range(32):
        found.append(approach.update([5.0, 0.3], float(step * STEP_S))[0])
    assert isinstance(found[29], Unknown)
    assert found[30:] == [5.0, 5.0]
    # A load that dips has a small approach, which says nothing about the exchanger.
    assert approach.update([1.0, 0.29], 320.0) == (5.0,)


def test_the_approach_is_that_of_the_last_half_hour() -> None:
    approach, last = LoadedApproach(), None
    for step in range(720):
        (last,) = approach.update([5.0 if step < 360 else 9.0, 0.5], float(step * STEP_S))
        if step == 450:
            assert last == pytest.approx(7.0, abs=0.1)
    assert last == 9.0


def test_a_sample_after_a_pause_stands_for_a_minute_at_most() -> None:
    approach = LoadedApproach()
    approach.update([4.0, 0.5], 0.0)
    for now in (600.0, 1200.0, 1260.0, 1320.0):
        assert isinstance(approach.update([4.0, 0.5], now)[0], Unknown)
    assert approach.update([10.0, 0.5], 1380.0)[0] == pytest.approx((4 * 4 + 10) / 5)


def test_temperatures_that_differ_by_a_kelvin_at_both_ends_tell_of_fouling() -> None:
    """Below that they differ by little more than two sensors do."""
    for difference_k, is_known in ((1.0, True), (0.99, False)):
        fouling, last = Fouling(100_000.0), None
        for minute in range(125):
            readings = [50_000.0, 20.0 + difference_k, 30.0 + difference_k, 20.0, 30.0, 0.001, 0.001]
            (last,) = fouling.update(readings, minute * 60.0)
        assert (last == 1.0) is is_known
