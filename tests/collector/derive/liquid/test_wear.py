"""Wear and leaks of a CDU, from its readings to the figures: each figure gets the readings, the rating and the volumes that it needs."""

from collections.abc import Callable, Mapping

import pytest

from rackflow.fluids import density
from tests.collector.derive.hall import Readings, hall

Values = dict[str, float | str]
MINUTE_S = 60.0
SIDES: Values = {
    "cdu_heat_removed_watts{loop=secondary}": 100_000.0,
    "cdu_supply_temperature_celsius{loop=secondary}": 30.0,
    "cdu_return_temperature_celsius{loop=secondary}": 38.0,
    "cdu_supply_temperature_celsius{loop=primary}": 26.0,
    "cdu_return_temperature_celsius{loop=primary}": 34.0,
    "cdu_flow_cubic_meters_per_second{loop=secondary}": 0.003,
    "cdu_flow_cubic_meters_per_second{loop=primary}": 0.004,
}


def followed(
    cdu: str, values: Callable[[int], Values], minutes: int, readings: Readings | None = None, every: int = 1
) -> Mapping[str, float | None]:
    """The unit's figures after so many minutes, by name; `values` gives its readings at each."""
    readings = readings or Readings()
    found: dict[str, float | None] = {}
    for minute in range(0, minutes + 1, every):
        now = minute * MINUTE_S
        readings.take(cdu, values(minute), now, device_class="cdu", interval_s=every * MINUTE_S)
        figures = readings.figures(now + 1.0)
        found = {name: each.value for name, each in figures.items() if f"device={cdu}" in name}
    return {name.replace(f"device={cdu},", "").replace(f"device={cdu}", ""): value for name, value in found.items()}


def test_an_exchanger_whose_sides_drift_apart_is_fouled() -> None:
    """From the third hour on, the same heat takes 6.4 K instead of 4 K."""

    def at(minute: int) -> Values:
        colder = 2.4 if minute >= 120 else 0.0
        primary = {"cdu_supply_temperature_celsius{loop=primary}": 26.0 - colder}
        return SIDES | primary | {"cdu_return_temperature_celsius{loop=primary}": 34.0 - colder}

    found = followed("cdu-1", at, 181)
    assert found["cdu_exchanger_fouling_ratio{}"] == pytest.approx(1.6)


def test_less_than_a_fifth_of_the_units_own_rating_says_nothing_of_fouling() -> None:
    """It is rated 200 kW."""

    def clean(watts: float) -> float | None:
        heat: Values = {"cdu_heat_removed_watts{loop=secondary}": watts}
        return followed("cdu-1", lambda _: SIDES | heat, 62)["cdu_exchanger_fouling_ratio{}"]

    assert clean(39_999.0) is None
    assert clean(40_000.0) == pytest.approx(1.0)


def test_a_unit_that_the_site_file_does_not_have_is_followed_without_its_rating() -> None:
    level: Values = {"cdu_reservoir_level_ratio{reservoir=1}": 0.8}
    found = followed("cdu-9", lambda _: SIDES | level, 70)
    assert "cdu_exchanger_fouling_ratio{}" not in found
    assert found["cdu_reservoir_empty_seconds{reservoir=1}"] == 365 * 86_400.0


@pytest.mark.parametrize(("flow", "is_stuck"), [(0.0, 0.0), (0.00009, 0.0), (0.003, 1.0), (None, 1.0)])
def test_the_valve_of_a_unit_that_stands_by_rests_and_is_not_stuck(flow: float | None, is_stuck: float) -> None:
    """Its supply takes the temperature of the room, and stays below the set point for as long as it stands by."""
    at_rest: Values = {
        "cdu_supply_temperature_celsius{loop=secondary}": 24.0,
        "cdu_supply_temperature_setpoint_celsius{loop=secondary}": 32.0,
        "cdu_valve_position_ratio{valve=1}": 0.1,
        "cdu_pump_state{pump=1}": "standby",
    }
    flowing: Values = {} if flow is None else {"cdu_flow_cubic_meters_per_second{loop=secondary}": flow}
    assert followed("cdu-1", lambda _: at_rest | flowing, 12)["cdu_valve_stuck{valve=1}"] == is_stuck


def test_a_valve_that_stands_is_stuck_and_one_that_moves_is_not() -> None:
    """Supply is 3 K above its set point for eleven minutes."""

    def at(minute: int) -> Values:
        supply: Values = {"cdu_supply_temperature_celsius{loop=secondary}": 33.0}
        setpoint: Values = {"cdu_supply_temperature_setpoint_celsius{loop=secondary}": 30.0}
        valves: Values = {
            "cdu_valve_position_ratio{valve=1}": 0.4,
            "cdu_valve_position_ratio{valve=2}": 0.4 + 0.02 * minute,
        }
        return supply | setpoint | valves

    found = followed("cdu-1", at, 11)
    assert (found["cdu_valve_stuck{valve=1}"], found["cdu_valve_stuck{valve=2}"]) == (1.0, 0.0)


def test_each_loops_pressure_is_compared_with_that_of_ten_minutes_before() -> None:
    """The secondary loop loses 1 kPa a minute."""

    def at(minute: int) -> Values:
        return {
            "cdu_return_pressure_pascals{loop=secondary}": 200_000.0 - 1000.0 * minute,
            "cdu_return_pressure_pascals{loop=primary}": 300_000.0,
        }

    found = followed("cdu-1", at, 12)
    assert found["cdu_return_pressure_change_pascals{loop=secondary}"] == -10_000.0
    assert found["cdu_return_pressure_change_pascals{loop=primary}"] == 0.0


def test_a_pressure_of_a_unit_that_names_no_loop_counts_too() -> None:
    found = followed("cdu-1", lambda minute: {"cdu_return_pressure_pascals": 200_000.0 - 1000.0 * minute}, 12)
    assert found["cdu_return_pressure_change_pascals{}"] == -10_000.0


def test_the_approach_counts_while_the_unit_is_loaded() -> None:
    """At half of its rating, not at a quarter."""

    def at(watts: float) -> float | None:
        values: Values = {"cdu_heat_removed_watts{loop=secondary}": watts, "cdu_approach_celsius": 5.0}
        values["cdu_supply_temperature_celsius{loop=primary}"] = 27.0
        return followed("cdu-1", lambda _: values, 6)["cdu_loaded_approach_celsius{}"]

    assert (at(100_000.0), at(50_000.0)) == (5.0, None)


def test_the_approach_to_air_is_not_judged_as_one_to_water() -> None:
    values: Values = {"cdu_heat_removed_watts{loop=secondary}": 100_000.0, "cdu_approach_celsius": 9.0}
    values["cdu_air_temperature_celsius{position=inlet}"] = 23.0
    assert "cdu_loaded_approach_celsius{}" not in followed("cdu-1", lambda _: values, 6)


def with_reservoir() -> Readings:
    """The hall, whose loop of 400 L of PG25 has a reservoir of 100 L."""
    return Readings(hall(("volume_m3: 0.4,", "volume_m3: 0.4, reservoir_m3: 0.1,")))


def test_a_litre_an_hour_is_lost_from_the_reservoir_of_the_units_loop() -> None:
    def at(minute: int) -> Values:
        return {"cdu_reservoir_level_ratio{reservoir=1}": 0.8 - 0.01 * minute / 60}

    found = followed("cdu-1", at, 360, with_reservoir(), every=4)
    assert found["cdu_coolant_loss_cubic_meters_per_second{reservoir=1}"] == pytest.approx(0.001 / 3600, rel=1e-3)
    assert found["cdu_reservoir_empty_seconds{reservoir=1}"] == pytest.approx(74 * 3600, rel=1e-3)


@pytest.mark.parametrize("lost_l_per_h", [0, 1])
def test_what_the_loops_coolant_contracts_by_is_not_lost(lost_l_per_h: int) -> None:
    """In six hours supply falls from 34 to 18 degrees and return from 46 to 30; the level falls with their mean, and by a leak."""

    def volume(celsius: float) -> float:
        return 1 / (density("pg25", celsius) or 0.0)

    def at(minute: int) -> Values:
        colder = 16 * minute / 360
        contracted = 4 * (volume(40.0 - colder) / volume(40.0) - 1)
        return {
            "cdu_supply_temperature_celsius{loop=secondary}": 34.0 - colder,
            "cdu_return_temperature_celsius{loop=secondary}": 46.0 - colder,
            "cdu_reservoir_level_ratio{reservoir=1}": 0.8 + contracted - 0.01 * lost_l_per_h * minute / 60,
        }

    assert at(360)["cdu_reservoir_level_ratio{reservoir=1}"] == pytest.approx(0.770 - 0.06 * lost_l_per_h, abs=0.001)
    found = followed("cdu-1", at, 360, with_reservoir(), every=4)
    loss = found["cdu_coolant_loss_cubic_meters_per_second{reservoir=1}"]
    assert loss == pytest.approx(lost_l_per_h * 0.001 / 3600, rel=1e-2)


def test_until_enough_was_seen_a_figure_says_so() -> None:
    readings = Readings()
    readings.take("cdu-1", {"cdu_reservoir_level_ratio{reservoir=1}": 0.8}, device_class="cdu")
    figure = readings.figures()["cdu_reservoir_empty_seconds{device=cdu-1,reservoir=1}"]
    assert (figure.value, figure.share, figure.missing) == (None, 1.0, ("less than half an hour has been seen",))


def test_a_figure_without_one_of_its_seven_readings_names_it() -> None:
    readings = Readings()
    supply = "cdu_supply_temperature_celsius{loop=primary}"
    readings.take("cdu-1", {key: value for key, value in SIDES.items() if key != supply}, device_class="cdu")
    figure = readings.figures()["cdu_exchanger_fouling_ratio{device=cdu-1}"]
    assert figure.value is None
    assert figure.share == pytest.approx(6 / 7)
    assert figure.missing == (f"cdu-1 {supply}: not received",)
