"""Figures of one CDU: heat against tabulated fluid properties, and absence where an input is missing."""

import pytest

from agent.poll.derive import Inputs, PlannedInputs, derive, derive_cdu, derive_steps, inputs_among
from agent.profile.normalising.slots import Decoder, slot_of
from agent.readings import Readings
from rackflow.catalogue import catalogue
from rackflow.fluids import known_fluid
from rackflow.physics import LEAST_HEAT_W, dew_point_celsius
from rackflow.process.slices import run_through
from rackflow.series import series_key

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
    assert known_fluid(fluid).volumetric_heat_capacity(celsius) == pytest.approx(megajoules * 1e6, rel=1e-3)


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


def test_a_unit_whose_facility_water_is_not_measured_is_not_judged_against_the_air() -> None:
    readings = Readings()
    readings.values |= {
        "dcim_cdu_supply_temperature_celsius{loop=secondary}": 30.0,
        "dcim_cdu_return_temperature_celsius{loop=secondary}": 38.0,
        "dcim_cdu_air_temperature_celsius{position=inlet}": 24.0,
    }
    derive(readings, "cdu", {"primary": "water", "secondary": "pg25"})
    assert "dcim_cdu_approach_celsius" not in readings.values
    assert "dcim_cdu_effectiveness_ratio" not in readings.values


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


def test_a_dew_point_that_cannot_be_read_is_not_replaced_by_a_derived_one() -> None:
    key = "dcim_env_dew_point_celsius{sensor=a}"
    values = {"dcim_env_temperature_celsius{sensor=a}": 24.0, "dcim_env_relative_humidity_ratio{sensor=a}": 0.6}
    readings = Readings(values=dict(values), bad={key: "decode"})
    derive(readings, "env", {})
    assert (readings.values, readings.bad) == (values, {key: "decode"})


def test_a_single_phase_device_that_lists_three_rows_has_no_unbalance() -> None:
    current = "dcim_pdu_phase_current_amperes{{inlet=1,phase={}}}".format
    for currents, known in (((8.0, 0.0, 0.0), False), ((8.0, 4.0, 0.0), True)):
        values = dict(zip(map(current, ("L1", "L2", "L3")), currents, strict=True))
        readings = Readings(values=dict(values))
        derive(readings, "pdu", {})
        found = {*readings.values, *readings.bad} - {*values}
        with_neutral = Readings(values=values | {current("N"): 8.0})
        derive(with_neutral, "pdu", {})
        assert found == {*with_neutral.values, *with_neutral.bad} - {*values, current("N")}, "a neutral is no phase"
        assert found == ({"dcim_pdu_current_unbalance_ratio{inlet=1}"} if known else set())


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


def test_an_inlet_that_lacks_a_phase_in_this_poll_does_not_hide_the_inlet_behind_it() -> None:
    current = "dcim_pdu_phase_current_amperes"
    values = {f"{current}{{inlet={inlet},phase=L{at}}}": 8.0 + at for inlet in (1, 2) for at in (1, 2, 3)}
    inputs = run_through(inputs_among(list(values), "pdu"))
    del values[f"{current}{{inlet=1,phase=L2}}"]
    readings = Readings(values=values)
    run_through(derive_steps(readings, "pdu", {}, inputs))
    found = {key: value for key, value in readings.values.items() if "unbalance" in key}
    assert found == {"dcim_pdu_current_unbalance_ratio{inlet=2}": pytest.approx(0.1)}


PRIMARY_SUPPLY, PRIMARY_RETURN, PRIMARY_FLOW, PRIMARY_HEAT = (
    each.replace("secondary", "primary") for each in (SUPPLY, RETURN, FLOW, HEAT)
)
APPROACH, EFFECTIVENESS, IMBALANCE = (
    f"dcim_cdu_{what}" for what in ("approach_celsius", "effectiveness_ratio", "heat_imbalance_ratio")
)
AIR = "dcim_cdu_air_temperature_celsius{position=inlet}"
AMBIENT, HUMIDITY, DEW_POINT = (
    f"dcim_cdu_{what}"
    for what in ("ambient_temperature_celsius", "ambient_relative_humidity_ratio", "dew_point_celsius")
)


def cdu(coolant: dict[str, str], **values: float) -> Readings:
    names = {
        "supply": SUPPLY,
        "back": RETURN,
        "flow": FLOW,
        "cold": PRIMARY_SUPPLY,
        "warm": PRIMARY_RETURN,
        "facility": PRIMARY_FLOW,
        "air": AIR,
        "ambient": AMBIENT,
        "humidity": HUMIDITY,
        "dew": DEW_POINT,
    }
    readings = Readings(values={names[name]: value for name, value in values.items()})
    derive(readings, "cdu", coolant)
    return readings


@pytest.mark.parametrize(("fluid", "watts"), [("water", 166_325), ("pg25", 160_300)])
def test_heat_is_of_the_fluid_in_the_loop_at_the_mean_temperature(fluid: str, watts: float) -> None:
    """4 L/s from 35 to 45 degC: density and heat capacity of CoolProp at 40 degC (992.22 and 4179.4; 1009.91 and 3968.6)."""
    capacity = {"water": 992.22 * 4179.4, "pg25": 1009.91 * 3968.6}[fluid]
    values = cdu({"secondary": fluid}, supply=35.0, back=45.0, flow=0.004).values
    assert values[HEAT] == pytest.approx(0.004 * capacity * 10, rel=3e-4)
    assert values[HEAT] == pytest.approx(watts, rel=3e-3)
    assert values[DELTA] == 10.0
    assert values[PER_HEAT] == pytest.approx(0.004 / values[HEAT])


def test_a_rise_of_temperature_has_no_rounding_dirt_and_loses_nothing_that_was_measured() -> None:
    assert cdu({"secondary": "water"}, supply=30.1, back=40.3).values[DELTA] == 10.2
    assert cdu({"secondary": "water"}, supply=30.0, back=31.0000014).values[DELTA] == 1.000001
    assert cdu({}, supply=40.3, cold=30.1).values[APPROACH] == 10.2
    assert cdu({}, supply=31.0000014, cold=30.0).values[APPROACH] == 1.000001


def test_a_loop_that_heats_has_negative_heat_and_no_flow_per_heat() -> None:
    readings = cdu({"secondary": "water"}, supply=30.0, back=29.0, flow=0.002)
    assert readings.values[DELTA] == -1.0
    assert readings.values[HEAT] == pytest.approx(-8326, rel=2e-3)
    assert PER_HEAT not in readings.values
    assert readings.bad == {}


def test_heat_beyond_what_a_unit_can_carry_is_rejected_with_its_reason() -> None:
    readings = cdu({"secondary": "water"}, supply=20.0, back=60.0, flow=0.05)
    assert readings.bad == {HEAT: "range"}
    assert HEAT not in readings.values


def test_flow_per_heat_is_reported_from_five_hundred_watts_on() -> None:
    litre_per_s, kelvin = 0.001, 0.125
    below = cdu({"secondary": "water"}, supply=20.0, back=20.0 + kelvin * 0.95, flow=litre_per_s).values
    above = cdu({"secondary": "water"}, supply=20.0, back=20.0 + kelvin, flow=litre_per_s).values
    assert below[HEAT] == pytest.approx(496, abs=2)
    assert above[HEAT] == pytest.approx(522, abs=2)
    assert (PER_HEAT in below, PER_HEAT in above) == (False, True)
    flow = LEAST_HEAT_W / known_fluid("water").volumetric_heat_capacity(20.5)
    just = cdu({"secondary": "water"}, supply=20.0, back=21.0, flow=flow).values
    assert just[HEAT] == LEAST_HEAT_W
    assert PER_HEAT in just


def test_a_loop_without_flow_does_not_hide_the_loop_behind_it() -> None:
    coolant = {"primary": "water", "secondary": "pg25"}
    values = cdu(coolant, cold=20.0, warm=30.0, supply=32.0, back=42.0, flow=0.004).values
    assert PRIMARY_HEAT not in values
    assert HEAT in values
    values = cdu(coolant, cold=20.0, facility=0.004, supply=32.0, back=42.0, flow=0.004).values
    assert PRIMARY_HEAT not in values
    assert HEAT in values


def test_each_loop_has_its_own_fluid_and_its_own_heat() -> None:
    coolant = {"primary": "water", "secondary": "pg25"}
    values = cdu(coolant, cold=20.0, warm=30.0, facility=0.004, supply=32.0, back=42.0, flow=0.004).values
    assert values[PRIMARY_HEAT] == pytest.approx(0.004 * 997.05 * 4181.3 * 10, rel=5e-4)
    assert values[HEAT] == pytest.approx(0.004 * 1011.47 * 3961.4 * 10, rel=5e-4)
    assert values[IMBALANCE] == pytest.approx(values[PRIMARY_HEAT] / values[HEAT] - 1)
    assert values[IMBALANCE] == pytest.approx(0.04, abs=3e-3)


def test_the_heat_of_one_loop_says_nothing_of_the_other() -> None:
    coolant = {"primary": "water", "secondary": "pg25"}
    assert IMBALANCE not in cdu(coolant, cold=20.0, warm=30.0, facility=0.004).values
    assert IMBALANCE not in cdu(coolant, supply=32.0, back=42.0, flow=0.004).values


def test_facility_water_decides_before_the_air() -> None:
    values = cdu({"secondary": "pg25"}, supply=32.0, back=42.0, cold=28.0, air=20.0).values
    assert values[APPROACH] == 4.0
    assert values[EFFECTIVENESS] == pytest.approx(10 / 14)
    values = cdu({"secondary": "pg25"}, supply=32.0, back=42.0, air=20.0).values
    assert values[APPROACH] == 12.0
    assert values[EFFECTIVENESS] == pytest.approx(10 / 22)
    # Facility water at freezing point is facility water.
    assert cdu({}, supply=32.0, back=42.0, cold=0.0, air=20.0).values[APPROACH] == 32.0


def test_without_a_temperature_of_either_loop_the_exchangers_figures_are_unknown() -> None:
    told = {APPROACH, EFFECTIVENESS, IMBALANCE}
    assert not told & cdu({}, back=42.0, cold=28.0).values.keys()
    assert not told & cdu({}, supply=32.0, back=42.0).values.keys()
    assert told & cdu({}, supply=32.0, cold=28.0).values.keys() == {APPROACH}


@pytest.mark.parametrize(
    ("values", "dew_point"),
    [
        ({"ambient": 24.0, "humidity": 0.6}, 15.75),
        ({"ambient": 24.0, "humidity": 0.6, "dew": 11.0}, 11.0),
        ({"ambient": 24.0}, None),
        ({"humidity": 0.6}, None),
    ],
)
def test_a_unit_gets_its_dew_point_unless_it_says_one(values: dict[str, float], dew_point: float | None) -> None:
    found = cdu({}, **values).values.get(DEW_POINT)
    assert found == (None if dew_point is None else pytest.approx(dew_point, abs=0.02))


def test_dew_points_are_of_each_sensor_with_the_temperature_at_its_own_place() -> None:
    temperature, humidity, dew = (
        f"dcim_env_{what}" for what in ("temperature_celsius", "relative_humidity_ratio", "dew_point_celsius")
    )
    values = {
        f"{temperature}{{position=inlet,sensor=a}}": 24.0,
        f"{temperature}{{position=outlet,sensor=a}}": 40.0,
        f"{humidity}{{position=inlet,sensor=a}}": 0.6,
        f"{temperature}{{sensor=b}}": 20.0,
        f"{humidity}{{sensor=b}}": 0.0,
        f"{temperature}{{sensor=c}}": 0.5,
    }
    readings = Readings(values=dict(values))
    derive(readings, "pdu", {})
    found = {key: value for key, value in readings.values.items() if key.startswith(dew)}
    assert found == {f"{dew}{{sensor=a}}": pytest.approx(15.75, abs=0.02)}
    assert readings.bad == {}


@pytest.mark.parametrize(
    ("device_class", "current", "unbalance", "labels"),
    [
        ("pdu", "dcim_pdu_phase_current_amperes", "dcim_pdu_current_unbalance_ratio", {"inlet": "1"}),
        ("ups", "dcim_ups_output_current_amperes", "dcim_ups_output_current_unbalance_ratio", {}),
        ("meter", "dcim_meter_current_amperes", "dcim_meter_current_unbalance_ratio", {"role": "it"}),
    ],
)
def test_unbalance_of_each_class_of_device(
    device_class: str, current: str, unbalance: str, labels: dict[str, str]
) -> None:
    measured = {"L1": 6.0, "L2": 10.0, "L3": 11.0, "N": 40.0}
    amperes = {series_key(current, {**labels, "phase": phase}): value for phase, value in measured.items()}
    volts = {key.replace("amperes", "volts"): 230.0 + at for at, key in enumerate(amperes)}
    readings = Readings(values=amperes | volts)
    derive(readings, device_class, {})
    assert {name: value for name, value in readings.values.items() if "unbalance" in name} == {
        series_key(unbalance, labels): pytest.approx(3 / 9)
    }
    other = Readings(values=dict(amperes))
    derive(other, "env", {})
    assert not any("unbalance" in name for name in other.values)


def test_figures_of_a_cooling_unit_are_of_cooling_units_alone() -> None:
    readings = Readings(values={SUPPLY: 30.0, RETURN: 40.0, FLOW: 0.002})
    derive(readings, "crah", {"secondary": "water"})
    assert readings.values.keys() == {SUPPLY, RETURN, FLOW}


def test_inputs_are_found_once_for_each_plan_and_none_where_no_figure_is_made() -> None:
    metric = catalogue()["dcim_pdu_phase_current_amperes"]
    decoder = Decoder("1.3.6", 1, 1)
    slots = tuple(slot_of(f"{metric.name}{{phase={phase}}}", metric, (decoder,)) for phase in ("L1", "L2", "L3"))
    planned = PlannedInputs()
    assert planned.of("fast", slots) is None, "they must be found first"
    found = run_through(planned.find_steps("fast", slots, "pdu"))
    first, second, third = (slot.key for slot in slots)
    assert found == Inputs((), (("dcim_pdu_current_unbalance_ratio", (first, second, third)),), makes_any=True)
    assert planned.of("fast", slots) is found
    assert planned.of("fast", slots[:2]) is None, "it is another plan"
    assert run_through(planned.find_steps("fast", slots[:2], "pdu")).phases == (), "two phases have no unbalance"
    assert not run_through(planned.find_steps("slow", slots, "env")).makes_any
    assert run_through(planned.find_steps("slow", (), "cdu")).makes_any
    humidity = catalogue()["dcim_env_relative_humidity_ratio"]
    sensor = slot_of(f"{humidity.name}{{sensor=s1}}", humidity, (decoder,))
    assert run_through(planned.find_steps("normal", (sensor,), "env")).makes_any, "a device with sensors alone"
