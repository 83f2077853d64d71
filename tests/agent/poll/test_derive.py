"""Figures of one CDU: heat against tabulated fluid properties, and absence where an input is missing."""

import pytest

from agent.poll.derive import derive, derive_cdu
from agent.readings import Readings
from rackflow.fluids import FLUIDS
from rackflow.physics import dew_point_celsius

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


def test_a_heat_exchanger_is_judged_by_both_loops() -> None:
    values = {
        "dcim_cdu_supply_temperature_celsius{loop=primary}": 28.0,
        "dcim_cdu_return_temperature_celsius{loop=primary}": 36.0,
        "dcim_cdu_flow_cubic_meters_per_second{loop=primary}": 0.002,
        SUPPLY: 32.0,
        RETURN: 42.0,
        FLOW: 0.0016,
    }
    readings = Readings(values=values)
    derive(readings, "cdu", {"primary": "water", "secondary": "water"})
    assert readings.values["dcim_cdu_approach_celsius"] == 4.0
    assert readings.values["dcim_cdu_effectiveness_ratio"] == pytest.approx(10 / 14)
    # 2 L/s * 8 K against 1.6 L/s * 10 K: the same heat but for the 0.2 % that water differs between 32 and 37 degC
    assert readings.values["dcim_cdu_heat_imbalance_ratio"] == pytest.approx(0.0, abs=3e-3)


def test_a_unit_without_facility_water_approaches_the_air() -> None:
    readings = Readings(values={SUPPLY: 38.0, "dcim_cdu_air_temperature_celsius{position=inlet}": 25.0})
    derive(readings, "cdu", {"secondary": "pg25"})
    assert readings.values["dcim_cdu_approach_celsius"] == 13.0


@pytest.mark.parametrize(
    ("celsius", "humidity", "dew_point"), [(24.0, 0.60, 15.8), (30.0, 0.60, 21.4), (20.0, 1.0, 20.0)]
)
def test_dew_points_are_those_of_the_tables(celsius: float, humidity: float, dew_point: float) -> None:
    found = dew_point_celsius(celsius, humidity)
    assert found == pytest.approx(dew_point, abs=0.05)


def test_a_sensor_gets_its_dew_point_unless_it_says_one() -> None:
    values = {
        "dcim_env_temperature_celsius{sensor=a}": 24.0,
        "dcim_env_relative_humidity_ratio{sensor=a}": 0.6,
        "dcim_env_temperature_celsius{sensor=b}": 24.0,
        "dcim_env_relative_humidity_ratio{sensor=b}": 0.6,
        "dcim_env_dew_point_celsius{sensor=b}": 15.0,
        "dcim_env_relative_humidity_ratio{sensor=c}": 0.6,
    }
    readings = Readings(values=dict(values))
    derive(readings, "env", {})
    assert readings.values["dcim_env_dew_point_celsius{sensor=a}"] == pytest.approx(15.75, abs=0.02)
    assert readings.values["dcim_env_dew_point_celsius{sensor=b}"] == 15.0
    assert "dcim_env_dew_point_celsius{sensor=c}" not in readings.values


def test_unbalance_is_the_largest_deviation_over_the_mean_of_each_inlet() -> None:
    current = "dcim_pdu_phase_current_amperes"
    values = {f"{current}{{inlet=1,phase=L{at}}}": amperes for at, amperes in ((1, 10.0), (2, 12.0), (3, 8.0))}
    values |= {f"{current}{{inlet=2,phase=L{at}}}": 0.1 * at for at in (1, 2, 3)}
    values |= {f"{current}{{inlet=3,phase=L{at}}}": 5.0 for at in (1, 2)}
    readings = Readings(values=values)
    derive(readings, "pdu", {})
    found = {key: value for key, value in readings.values.items() if "unbalance" in key}
    # mean 10, deviation 2; the second inlet is below half an ampere, the third has not all of its phases
    assert found == {"dcim_pdu_current_unbalance_ratio{inlet=1}": pytest.approx(0.2)}
