"""Flow of standing pumps, coolant that comes back colder, more heat than the racks take: each alone, at its limit and its time."""

import pytest

from tests.collector.derive.trust.watched_cdu import (
    DELTA,
    FLOW,
    HEAT,
    MINUTE_S,
    PRIMARY_DELTA,
    PRIMARY_FLOW,
    PUMP,
    SPEED,
    Unit,
    follow,
    seconds,
)

LOOPS = {"secondary": (FLOW, DELTA), "primary": (PRIMARY_FLOW, PRIMARY_DELTA)}
STANDING: dict[str, float | str] = {FLOW: 0.0015, PUMP: "stopped"}


def over(unit: Unit, values: dict[str, float | str], last: float, first: float = 0.0) -> list[float]:
    """Polled every ten seconds: when somebody was named."""
    return [now for now in seconds(first, last) if unit.take(now, values)]


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_flow_of_pumps_that_stand_is_named_after_a_minute(state: str) -> None:
    unit = Unit()
    shown: dict[str, float | str] = {FLOW: 0.0015, PUMP: state, "pump_state{pump=2}": "stopped"}
    assert unit.take(0.0, shown) == {}
    assert unit.take(59.9, shown) == {}
    assert unit.distrusted == {}
    assert unit.take(60.0, shown) == {"secondary_flow": "impossible"}
    assert unit.distrusted == dict.fromkeys([FLOW, *follow()], "impossible")


@pytest.mark.parametrize(
    "shown",
    [
        {FLOW: 0.0015, PUMP: "stopped", "pump_state{pump=2}": "running"},
        {FLOW: 0.0015, PUMP: "running"},
        {FLOW: 0.0015, PUMP: "unknown"},
        {FLOW: 0.0015, PUMP: "standby"},
        {FLOW: 0.0015},
        {FLOW: 1e-4, PUMP: "stopped"},
        {PRIMARY_FLOW: 0.0015, PUMP: "stopped"},
        {PUMP: "stopped"},
    ],
    ids=[
        "another pump runs",
        "runs",
        "not known",
        "stands by",
        "no pump is reported",
        "creeping",
        "facility pumps",
        "no flow meter",
    ],
)
def test_a_possible_flow_is_not_named(shown: dict[str, float | str]) -> None:
    assert over(Unit(), shown, 600.0) == []


def test_a_little_more_than_creeping_is_flow() -> None:
    assert over(Unit(), {FLOW: 1.01e-4, PUMP: "stopped"}, 60.0) == [60.0]


def test_what_is_interrupted_starts_over_and_what_is_repaired_is_trusted_at_once() -> None:
    unit = Unit()
    assert over(unit, STANDING, 50.0) == []
    assert unit.take(55.0, {PUMP: "running"}) == {}
    assert over(unit, STANDING, 120.0, first=60.0) == [120.0]
    assert unit.take(130.0, {PUMP: "running"}) == {}
    assert unit.distrusted == {}


def test_a_flow_meter_that_is_no_longer_read_is_not_suspected_by_its_last_reading() -> None:
    unit = Unit()
    unit.take(0.0, STANDING)
    for now in seconds(10.0, 90.0):
        assert unit.take(now, {PUMP: "stopped"}) == {}


@pytest.mark.parametrize("loop", LOOPS)
def test_coolant_that_comes_back_colder_is_distrusted_at_once_and_named_after_a_minute(loop: str) -> None:
    flow, delta = LOOPS[loop]
    unit = Unit()
    shown: dict[str, float | str] = {flow: 0.0015, delta: -2.1}
    ends = [f"{end}_temperature_celsius{{loop={loop}}}" for end in ("supply", "return")]
    assert unit.take(0.0, shown) == {}
    assert unit.distrusted == dict.fromkeys([*ends, *follow(loop)], "impossible")
    assert unit.take(59.9, shown) == {}
    assert unit.take(60.0, shown) == {f"{loop}_temperature": "impossible"}
    assert unit.distrusted == dict.fromkeys([*ends, *follow(loop)], "impossible")
    assert unit.take(70.0, {flow: 0.0015, delta: 5.0}) == {}
    assert unit.distrusted == {}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(("litres_s", "kelvin"), [(1.5, -2.0), (0.1, -9.0), (1.5, 9.0), (None, -9.0), (1.5, None)])
def test_a_little_colder_or_standing_coolant_is_possible(
    loop: str, litres_s: float | None, kelvin: float | None
) -> None:
    flow, delta = LOOPS[loop]
    unit = Unit()
    shown: dict[str, float | str] = {}
    if litres_s is not None:
        shown[flow] = litres_s / 1000
    if kelvin is not None:
        shown[delta] = kelvin
    assert over(unit, shown, 120.0) == []
    assert unit.distrusted == {}


def test_of_two_loops_with_a_fault_each_is_named() -> None:
    shown: dict[str, float | str] = {FLOW: 0.0015, DELTA: -9.0, PRIMARY_FLOW: 0.0015, PRIMARY_DELTA: -9.0}
    unit = Unit()
    over(unit, shown, 60.0)
    assert unit.watch.named == {"secondary_temperature": "impossible", "primary_temperature": "impossible"}


def heated(unit: Unit, heat_w: float, power_w: float | None, first: float, last: float) -> list[float]:
    """A CDU that shows nothing but its heat, beside the power of its racks: when its heat was named."""
    found = []
    for now in seconds(first, last):
        named = unit.take(now, {HEAT: heat_w}, power_w)
        assert named in ({}, {"secondary_heat": "impossible"})
        if named:
            found.append(now)
    return found


def test_heat_three_times_too_much_is_named_after_two_minutes_with_all_that_follows_from_it() -> None:
    unit = Unit()
    assert heated(unit, 10_000.0, 10_000.0, 0.0, 1190.0) == []
    assert heated(unit, 30_000.0, 10_000.0, 1200.0, 1310.0) == []
    assert unit.distrusted == {}
    assert heated(unit, 30_000.0, 10_000.0, 1320.0, 1400.0) == list(seconds(1320.0, 1400.0))
    assert unit.distrusted == dict.fromkeys(follow(), "impossible")
    assert heated(unit, 10_000.0, 10_000.0, 1410.0, 1500.0) == []
    assert unit.distrusted == {}


@pytest.mark.parametrize(("heat_w", "is_named"), [(13_500.0, False), (13_501.0, True)])
def test_heat_may_be_thirty_per_cent_and_five_hundred_watts_above_the_power(
    heat_w: float,
    is_named: bool,  # noqa: FBT001 - a case
) -> None:
    unit = Unit()
    heated(unit, 10_000.0, 10_000.0, 0.0, 1190.0)
    assert bool(heated(unit, heat_w, 10_000.0, 1200.0, 1400.0)) == is_named


def test_heat_of_the_last_ten_minutes_may_still_come() -> None:
    """Racks that took 30 kW until second 600 leave their heat in the coolant: it may come for ten minutes, and two."""
    unit = Unit()
    heated(unit, 10_000.0, 30_000.0, 0.0, 590.0)
    found = heated(unit, 30_000.0, 10_000.0, 600.0, 1400.0)
    assert found[0] == 590 // 60 * 60 + 10 * MINUTE_S + 120.0


def test_within_a_minute_the_highest_power_counts() -> None:
    unit = Unit()
    for now in seconds(0.0, 1000.0):
        assert unit.take(now, {HEAT: 30_000.0}, 25_000.0 if now % 300 == 20 else 10_000.0) == {}


def test_nothing_is_said_before_power_is_known_for_ten_minutes_in_a_row() -> None:
    unit = Unit()
    assert heated(unit, 30_000.0, 10_000.0, 0.0, 650.0) == []
    assert heated(unit, 30_000.0, 10_000.0, 660.0, 660.0) == [660.0]  # the tenth minute begins at 540
    assert heated(unit, 30_000.0, None, 670.0, 670.0) == []
    # It is not known for a cycle after each new plan, and these ten minutes are not lost by that.
    assert heated(unit, 30_000.0, 10_000.0, 680.0, 1320.0)[0] == 680.0 + 120.0


@pytest.mark.parametrize(("pause_s", "is_named"), [(60.0, True), (70.0, False)])
@pytest.mark.parametrize("is_silent", [True, False])
def test_a_minute_without_power_is_a_gap(
    pause_s: float,
    is_named: bool,  # noqa: FBT001 - a case
    is_silent: bool,  # noqa: FBT001 - a case
) -> None:
    unit = Unit()
    heated(unit, 10_000.0, 10_000.0, 0.0, 590.0)
    start = 590.0 + pause_s
    if not is_silent:
        heated(unit, 10_000.0, None, 600.0, start - 10)
    assert bool(heated(unit, 30_000.0, 10_000.0, start, start + 130.0)) == is_named


def test_after_a_gap_ten_minutes_of_power_are_enough_again() -> None:
    unit = Unit()
    heated(unit, 10_000.0, 10_000.0, 0.0, 590.0)
    assert heated(unit, 10_000.0, 10_000.0, 720.0, 1400.0) == []
    assert heated(unit, 30_000.0, 10_000.0, 1410.0, 1530.0) == [1530.0]


def test_pumps_and_power_alone_say_nothing_of_heat() -> None:
    unit = Unit()
    for now in seconds(0.0, 1500.0):
        assert unit.take(now, {FLOW: 0.0015 + now * 1e-9, SPEED: 0.5, PUMP: "running"}, 100_000.0) == {}
