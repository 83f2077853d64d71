"""Where readings begin to contradict each other: each limit just below and just above, by itself, and for how long."""

from collections.abc import Mapping

import pytest

from collector.derive.trust.contradictions import (
    AirSensor,
    Contradiction,
    Contradictions,
    MeteredSide,
    Phase,
    impossible_air,
    impossible_power,
)

L1 = Phase("L1", "p1", "i1", "v1", "s1")
L2 = Phase("L2", "p2", "i2", "v2", "")
ONE = MeteredSide("input", (L1,), "")
SUM = MeteredSide("input", (Phase("L1", "p1", "", "", ""), Phase("L2", "p2", "", "", "")), "total")


def power(meter: MeteredSide, values: Mapping[str, float], device: str = "d") -> list[Contradiction]:
    return [*impossible_power(meter, device, lambda of, key: values.get(key) if of == device else None)]


def names(meter: MeteredSide, values: Mapping[str, float]) -> dict[str, bool]:
    """Name -> whether it is above what it is held against."""
    return {each.name: each.above for each in power(meter, values)}


# At 1000 VA power may be 1.15 times as much and 150 W, and a fifth less 150 W at least.
@pytest.mark.parametrize(
    ("watts", "expected"),
    [
        (1300.0, {}),
        (1300.1, {"input_current_L1": True, "input_power_L1": True}),
        (50.0, {}),
        (49.9, {"input_current_L1": False, "input_power_L1": False}),
        (-1300.0, {}),
        (-1300.1, {"input_current_L1": True, "input_power_L1": True}),
        (0.0, {"input_current_L1": False, "input_power_L1": False}),
    ],
)
def test_power_must_be_what_volts_times_amperes_carry(watts: float, expected: dict[str, bool]) -> None:
    assert names(ONE, {"p1": watts, "i1": 5.0, "v1": 200.0}) == expected


def test_at_low_load_coarse_readings_may_differ() -> None:
    assert names(ONE, {"p1": 149.0, "i1": 0.0, "v1": 230.0}) == {}
    assert names(ONE, {"p1": 0.0, "i1": 3.2, "v1": 230.0}) == {}


@pytest.mark.parametrize("lacks", ["p1", "i1", "v1"])
def test_what_is_not_read_contradicts_nothing(lacks: str) -> None:
    values = {"p1": 9000.0, "i1": 5.0, "v1": 200.0}
    assert len(power(ONE, values)) == 2
    assert power(ONE, {key: value for key, value in values.items() if key != lacks}) == []
    assert power(MeteredSide("input", (Phase("L1", "p1", "i1", "", ""),), ""), values) == []


@pytest.mark.parametrize(
    ("apparent", "expected"),
    [
        (9000.0, {"input_current_L1"}),  # agrees with power
        (1000.0, {"input_power_L1"}),  # agrees with volts and amperes
        (100_000.0, {"input_power_L1"}),  # with none: power is what no second quantity bears out
    ],
)
def test_apparent_power_decides(apparent: float, expected: set[str]) -> None:
    values = {"p1": 9000.0, "i1": 5.0, "v1": 200.0, "s1": apparent}
    assert names(ONE, values).keys() == expected
    [found] = power(ONE, values)
    assert found.key == ("p1" if expected == {"input_power_L1"} else "i1")
    assert found.keys == ("p1", "i1", "v1")
    assert found.device == "d"


def test_each_phase_is_reported_separately() -> None:
    values = {"p1": 900.0, "i1": 5.0, "v1": 200.0, "p2": 9000.0, "i2": 5.0, "v2": 200.0}
    assert names(MeteredSide("output", (L1, L2), ""), values).keys() == {"output_power_L2", "output_current_L2"}


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        (2000.0, {}),
        (2529.0, {}),
        (2530.0, {"input_total_power": True}),
        (1551.0, {}),
        (1549.0, {"input_total_power": False}),
        (-2000.0, {"input_total_power": False}),
    ],
)
def test_a_total_may_be_fifteen_per_cent_and_150_w_off_its_phases(total: float, expected: dict[str, bool]) -> None:
    """Off by 15 % of the larger of both: 150 + 0.15 * 2529 = 529, 150 + 0.15 * 2000 = 450."""
    values = {"p1": 1200.0, "p2": 800.0, "total": total}
    assert names(SUM, values) == expected
    for found in power(SUM, values):
        assert (found.key, found.keys) == ("total", ("total", "p1", "p2"))


def test_a_total_of_power_that_is_given_back_may_be_as_far_off() -> None:
    """Regeneration, or a current transformer that is mounted the other way round."""
    values = {"p1": -1200.0, "p2": -800.0}
    assert names(SUM, values | {"total": -2529.0}) == {}
    assert names(SUM, values | {"total": -2530.0}) == {"input_total_power": False}


def test_a_total_without_all_of_its_phases_is_no_contradiction() -> None:
    assert names(SUM, {"p1": 1200.0, "total": 9000.0}) == {}
    assert names(SUM, {"p1": 1200.0, "p2": 800.0}) == {}
    assert names(MeteredSide("input", SUM.phases, ""), {"p1": 1200.0, "p2": 800.0, "": 9000.0}) == {}


def sensor(at: int, *, behind: bool = False, has: str = "th") -> AirSensor:
    keys = (f"{kind}{at}" if kind in has else "" for kind in "thd")
    return AirSensor(f"d{at}", str(at), behind, *keys)


def air(sensors: list[AirSensor], values: Mapping[str, float]) -> dict[tuple[str, str], bool]:
    """Name and key -> whether it is above."""
    return {(each.name, each.key): each.above for each in impossible_air(sensors, lambda _, key: values.get(key))}


THREE = [sensor(at, has="t") for at in (1, 2, 3)]


@pytest.mark.parametrize(
    ("celsius", "expected"),
    [
        (42.0, {}),
        (42.1, {("temperature_3", "t3"): True}),
        (2.0, {}),
        (1.9, {("temperature_3", "t3"): False}),
    ],
)
def test_an_inlet_may_be_twenty_kelvin_off_the_middle_of_its_room(
    celsius: float, expected: dict[tuple[str, str], bool]
) -> None:
    assert air(THREE, {"t1": 21.0, "t2": 22.0, "t3": 22.0}) == {}
    assert air(THREE, {"t1": 22.0, "t2": 22.0, "t3": celsius}) == expected


def test_two_sensors_are_too_few_and_the_middle_is_of_those_that_are_read() -> None:
    assert air(THREE, {"t1": 22.0, "t3": 90.0}) == {}
    four = [*THREE, sensor(4, has="t")]
    assert air(four, {"t1": 22.0, "t2": 23.0, "t4": 90.0}) == {("temperature_4", "t4"): True}
    assert air(THREE[:2], {"t1": 22.0, "t2": 90.0}) == {}


def test_air_behind_a_rack_may_be_hot_but_is_as_moist_as_the_room() -> None:
    rear = [*(sensor(at, has="td") for at in (1, 2)), sensor(3, behind=True, has="td")]
    values = {"t1": 22.0, "t2": 22.0, "t3": 50.0, "d1": 9.0, "d2": 9.0, "d3": 9.0}
    assert air(rear, values) == {}
    assert air(rear, values | {"d3": 20.0}) == {("humidity_3", "d3"): True}


@pytest.mark.parametrize(("celsius", "above"), [(19.0, None), (19.1, True), (-1.0, None), (-1.1, False)])
def test_a_dew_point_may_be_ten_kelvin_off_the_middle(celsius: float, above: bool | None) -> None:  # noqa: FBT001 - a case
    three = [sensor(at, has="d") for at in (1, 2, 3)]
    expected = {} if above is None else {("humidity_3", "d3"): above}
    assert air(three, {"d1": 9.0, "d2": 9.0, "d3": celsius}) == expected


def test_without_dew_point_it_is_that_of_temperature_and_humidity() -> None:
    """23 degrees and 45 % are a dew point of 10.4, 62 % of 15.3 and 95 % of 22.1."""
    three = [sensor(at) for at in (1, 2, 3)]
    values = {"t1": 23.0, "t2": 23.0, "t3": 23.0, "h1": 0.45, "h2": 0.45, "h3": 0.62}
    assert air(three, values) == {}
    assert air(three, values | {"h3": 0.95}) == {("humidity_3", "h3"): True}
    assert air(three, {key: value for key, value in values.items() if key != "h1"} | {"h3": 0.95}) == {}


def test_a_temperature_that_is_off_takes_its_dew_point_along() -> None:
    three = [sensor(at, has="td") for at in (1, 2, 3)]
    found = air(three, {"t1": 22.0, "t2": 22.0, "t3": 73.0, "d1": 9.0, "d2": 9.0, "d3": 9.0})
    assert found == {("temperature_3", "t3"): True, ("temperature_3", "d3"): True}


class Watch:
    """Contradictions of one power meter over time."""

    def __init__(self, life_s: float = 30.0) -> None:
        self.found = Contradictions()
        self._life_s = life_s

    def update(self, now: float, values: Mapping[str, float], meter: MeteredSide = ONE) -> set[str]:
        lives = {"p1": self._life_s, "i1": 10.0, "v1": 10.0, "p2": 10.0, "i2": 10.0, "v2": 10.0, "total": 10.0}
        self.found.update({"d": [meter]}, {}, lambda _, key: values.get(key), lambda _, key: lives[key], now)
        return {name for _, name in self.found.named}


ABOVE = {"p1": 9000.0, "i1": 5.0, "v1": 200.0, "s1": 1000.0}
BELOW = {"p1": 9.0, "i1": 5.0, "v1": 200.0, "s1": 1000.0}


@pytest.mark.parametrize(("life_s", "patience_s"), [(9.0, 60.0), (30.0, 60.0), (45.0, 90.0), (180.0, 360.0)])
def test_it_is_named_after_a_minute_and_six_polls_of_the_slowest_of_them(life_s: float, patience_s: float) -> None:
    watch = Watch(life_s)
    assert watch.update(0.0, ABOVE) == set()
    assert watch.update(patience_s - 0.5, ABOVE) == set()
    assert watch.found.suspects == set()
    assert watch.update(patience_s, ABOVE) == {"input_power_L1"}
    assert watch.found.suspects == {("d", "p1")}
    assert watch.update(patience_s + 5, {"p1": 900.0, "i1": 5.0, "v1": 200.0}) == set()
    assert watch.found.suspects == set()


def test_what_swings_about_what_it_should_be_is_no_contradiction() -> None:
    """Above, then below: each for half a minute, as of loads that step between two polls."""
    watch = Watch()
    assert not any(watch.update(float(at), ABOVE if at // 30 % 2 else BELOW) for at in range(0, 600, 5))


def test_a_pause_starts_over() -> None:
    watch = Watch()
    for at in range(0, 600, 5):
        assert not watch.update(float(at), ABOVE if at % 60 else {})


def test_where_a_phase_is_off_its_total_is_acquitted() -> None:
    meter = MeteredSide("input", (L1, L2), "total")
    right = {"i1": 5.0, "v1": 200.0, "i2": 5.0, "v2": 200.0, "p2": 900.0, "total": 1800.0}
    watch = Watch(10.0)
    watch.update(0.0, right | {"p1": 9000.0, "s1": 1000.0}, meter)
    assert watch.update(60.0, right | {"p1": 9000.0, "s1": 1000.0}, meter) == {"input_power_L1"}
    watch = Watch(10.0)
    watch.update(0.0, right | {"p1": 900.0, "total": 9000.0}, meter)
    assert watch.update(60.0, right | {"p1": 900.0, "total": 9000.0}, meter) == {"input_total_power"}
    assert watch.found.suspects == {("d", "total")}


def test_a_phase_of_the_input_does_not_acquit_the_output() -> None:
    """A UPS: a phase of its input is off, and beside it the total of its output."""
    output = MeteredSide("output", (Phase("L1", "q1", "", "", ""),), "whole")
    values = ABOVE | {"q1": 900.0, "whole": 9000.0}
    found = Contradictions()
    for now in (0.0, 60.0):
        found.update({"d": [ONE, output]}, {}, lambda _, key: values.get(key), lambda *_: 10.0, now)
    assert found.named == {("d", "input_power_L1"), ("d", "output_total_power")}


def test_air_sensors_are_named_after_a_minute() -> None:
    found = Contradictions()
    values = {"t1": 22.0, "t2": 22.0, "t3": 90.0}
    for now in (0.0, 59.0, 60.0):
        assert found.named == set()
        found.update({}, {"room": THREE}, lambda _, key: values.get(key), lambda *_: 10.0, now)
    assert found.named == {("d3", "temperature_3")}
    assert found.suspects == {("d3", "t3")}


def test_what_could_not_be_judged_once_is_judged_again() -> None:
    def fails(_: str, key: str) -> float:
        raise ValueError(key)

    found = Contradictions()
    meters, rooms = {"d": [ONE]}, {"room": THREE}
    found.update(meters, rooms, fails, lambda *_: 10.0, 0.0)
    assert {("d", "p1"), ("d3", "t3")} <= found.unjudged
    found.update(meters, rooms, lambda *_: None, lambda *_: 10.0, 5.0)
    assert found.unjudged == set()
