"""Figures of one CDU: heat against tabulated fluid properties, and absence where an input is missing."""

import pytest

from agent.derive import derive_cdu
from agent.fluids import FLUIDS
from agent.readings import Readings

SUPPLY = "dcim_cdu_supply_temperature_celsius{loop=secondary}"
RETURN = "dcim_cdu_return_temperature_celsius{loop=secondary}"
FLOW = "dcim_cdu_flow_cubic_meters_per_second{loop=secondary}"
HEAT = "dcim_cdu_heat_removed_watts{loop=secondary}"
DELTA = "dcim_cdu_delta_temperature_celsius{loop=secondary}"
PER_HEAT = "dcim_cdu_flow_per_heat_cubic_meters_per_joule{loop=secondary}"


@pytest.mark.parametrize(
    ("fluid", "celsius", "megajoules"),
    [
        ("water", 20, 4.176),
        ("water", 30, 4.162),
        ("water", 60, 4.115),
        ("pg25", 20, 3.996),
        ("pg25", 45, 4.009),
        ("pg25", 60, 4.009),
    ],
)
def test_volumetric_heat_capacity_against_the_tables(fluid: str, celsius: float, megajoules: float) -> None:
    assert FLUIDS[fluid].volumetric_heat_capacity(celsius) == pytest.approx(megajoules * 1e6, rel=1e-3)


def test_a_kilowatt_takes_a_litre_and_a_half_a_minute_at_ten_kelvin() -> None:
    readings = Readings(values={SUPPLY: 30.0, RETURN: 40.0, FLOW: 150.0 / 60000})
    derive_cdu(readings, {"secondary": "pg25"})
    assert readings.values[DELTA] == 10.0
    assert readings.values[HEAT] == pytest.approx(100_000, rel=5e-3)
    assert readings.values[PER_HEAT] * 6e7 == pytest.approx(1.5, rel=5e-3)


@pytest.mark.parametrize("missing", [SUPPLY, RETURN, FLOW])
def test_without_an_input_there_is_no_heat(missing: str) -> None:
    values = {SUPPLY: 30.0, RETURN: 40.0, FLOW: 0.002}
    del values[missing]
    readings = Readings(values=values)
    derive_cdu(readings, {"secondary": "pg25"})
    assert HEAT not in readings.values
    assert PER_HEAT not in readings.values


def test_a_loop_without_flow_removes_nothing_and_has_no_flow_per_heat() -> None:
    readings = Readings(values={SUPPLY: 30.0, RETURN: 40.0, FLOW: 0.0})
    derive_cdu(readings, {"secondary": "pg25"})
    assert readings.values[HEAT] == 0.0
    assert PER_HEAT not in readings.values


def test_a_fluid_that_is_not_known_gives_the_temperature_rise_only() -> None:
    readings = Readings(values={SUPPLY: 30.0, RETURN: 40.0, FLOW: 0.002})
    derive_cdu(readings, {"secondary": "brine"})
    assert readings.values.keys() == {SUPPLY, RETURN, FLOW, DELTA}
