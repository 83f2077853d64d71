"""Sensors that stand still: each of the six alone, and how long a rest must be beside those that the sensor had before."""

import pytest

from tests.collector.derive.hall import Readings, hall
from tests.collector.derive.trust.watched_cdu import FLOW, SUPPLY, Unit, follow

SENSORS = {
    f"{what}{unit}{{loop={loop}}}": f"{loop}_{what}"
    for loop in ("secondary", "primary")
    for what, unit in (
        ("flow", "_cubic_meters_per_second"),
        ("supply_temperature", "_celsius"),
        ("return_temperature", "_celsius"),
    )
}


def moving(unit: Unit, key: str, changes: int, rest_s: float = 10.0, start: float = 1e6) -> float:
    """A sensor that shows `changes` values, each for so long; returns when the last one came. It goes on being polled."""
    now = start
    for at in range(changes):
        now = start + at * rest_s
        assert unit.take(now, {key: 30.0 + at}) == {}
    return now


@pytest.mark.parametrize(("key", "name"), SENSORS.items(), ids=SENSORS.values())
def test_each_sensor_that_stands_still_is_named_alone_and_takes_its_heat_along(key: str, name: str) -> None:
    unit = Unit()
    last = moving(unit, key, 21)
    assert unit.again(last + 3600.0) == {}
    assert unit.distrusted == {}
    assert unit.again(last + 3601.0) == {name: "frozen"}
    loop = name.partition("_")[0]
    assert unit.distrusted == dict.fromkeys([key, *follow(loop)], "frozen")


@pytest.mark.parametrize(("changes", "is_named"), [(20, False), (21, True)])
def test_a_sensor_that_hardly_ever_moved_may_rest(changes: int, is_named: bool) -> None:  # noqa: FBT001 - a case
    unit = Unit()
    last = moving(unit, SUPPLY, changes)
    assert bool(unit.again(last + 10 * 3600.0)) == is_named


def test_a_coarse_sensor_is_frozen_after_fifty_of_its_longest_rests() -> None:
    """One rest of 100 s among many of 10 s: it may rest for 5000 s, not for an hour."""
    unit = Unit()
    last = moving(unit, SUPPLY, 10)
    last = moving(unit, SUPPLY, 15, start=last + 100.0)
    assert unit.again(last + 5000.0) == {}
    assert unit.again(last + 5001.0) == {"secondary_supply_temperature": "frozen"}


def test_a_standing_loop_shows_no_flow_for_hours_and_is_not_frozen() -> None:
    unit = Unit()
    last = moving(unit, FLOW, 30)
    assert unit.take(last + 10, {FLOW: 0.0}) == {}
    assert unit.take(last + 86_400, {FLOW: 0.0}) == {}


def test_a_sensor_that_moves_again_is_trusted_at_once() -> None:
    unit = Unit()
    last = moving(unit, SUPPLY, 21)
    assert unit.again(last + 4000.0)
    assert unit.take(last + 4010.0, {SUPPLY: 29.0}) == {}
    assert unit.distrusted == {}


def test_a_sensor_that_was_not_read_is_learned_again() -> None:
    """While it is away nobody knows whether it rested; what it had shown before is forgotten."""
    unit = Unit()
    last = moving(unit, SUPPLY, 21)
    assert unit.show(last + 30.0) == {}  # its last reading holds until then, not longer
    assert unit.take(last + 40.0, {SUPPLY: 50.0}) == {}
    assert unit.again(last + 7240.0) == {}


def test_a_figure_of_a_frozen_sensor_is_unknown_and_says_so() -> None:
    readings = Readings(hall())
    key = "cdu_flow_cubic_meters_per_second{loop=secondary}"
    heat = {"cdu_heat_removed_watts{loop=secondary}": 50_000.0}
    for at in range(22):
        readings.take("cdu-1", {key: 0.002 + at * 1e-5, **heat}, 100.0 + at * 10, device_class="cdu")
        readings.figures(100.0 + at * 10)
    for now, value, missing in (
        (3909.0, 100_000.0, ()),
        (3915.0, None, ("cdu-1 cdu_heat_removed_watts{loop=secondary}: suspect, frozen",)),
    ):
        readings.take("cdu-1", {key: 0.00221, **heat}, now, device_class="cdu")
        readings.take("cdu-2", heat, now, device_class="cdu")
        figure = readings.figures(now)["loop_heat_watts{loop=tcs}"]
        assert (figure.value, figure.missing) == (value, missing)
