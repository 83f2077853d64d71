"""Faults of sensors: what is shown leaves the truth, and the world does not notice. Scenarios bring faults in time."""

from pathlib import Path

import pytest

from rackflow.errors import ConfigError
from rackflow.site import load_site
from simulator.models.cdu_registers import cdu_registers
from simulator.site.scenario import Timeline, load_scenario
from simulator.site.simulation import Simulation
from simulator.wire.modbus import CduFromReadings
from simulator.world.faults import KINDS, Fault
from tests.simulator.faulty import Site
from tests.simulator.wire.test_fleet import SITES

CDU = "hall-1-a-cdu-1"
SUPPLY = "dcim_cdu_supply_temperature_celsius{loop=secondary}"
FLOW = "dcim_cdu_flow_cubic_meters_per_second{loop=secondary}"


@pytest.fixture
def hall() -> Site:
    return Site("ai-hall")


def test_a_stuck_sensor_keeps_its_value_while_the_world_moves(hall: Site) -> None:
    before = hall.shown(CDU, SUPPLY)
    hall.begin("sensor_stuck", CDU, point=SUPPLY)
    hall.begin("valve_stuck", CDU, value=0.0)
    hall.world.advance(120)
    assert hall.shown(CDU, SUPPLY) == before
    assert hall.instruments.read_without_faults(CDU)[SUPPLY] != pytest.approx(before, abs=1)


def test_a_drifting_sensor_leaves_the_truth(hall: Site) -> None:
    fault = hall.begin("sensor_drift", CDU, point=SUPPLY, value=0.01)
    hall.shown(CDU, SUPPLY)
    hall.world.advance(100)
    assert hall.shown(CDU, SUPPLY) - float(hall.instruments.read_without_faults(CDU)[SUPPLY]) == pytest.approx(
        1.0, abs=0.05
    )
    hall.faults.end(fault)
    assert hall.shown(CDU, SUPPLY) == hall.instruments.read_without_faults(CDU)[SUPPLY]


def test_a_noisy_sensor_scatters_around_the_truth(hall: Site) -> None:
    hall.begin("sensor_noise", CDU, point=SUPPLY, value=0.5)
    errors = []
    for _ in range(200):
        hall.world.advance(1)
        errors.append(hall.shown(CDU, SUPPLY) - float(hall.instruments.read_without_faults(CDU)[SUPPLY]))
    assert abs(sum(errors) / len(errors)) < 0.15
    assert (sum(error**2 for error in errors) / len(errors)) ** 0.5 == pytest.approx(0.5, rel=0.2)


def test_swapped_sensors_show_each_other(hall: Site) -> None:
    back = "dcim_cdu_return_temperature_celsius{loop=secondary}"
    hall.begin("sensor_swapped", CDU, point=SUPPLY, other=back)
    true = hall.instruments.read_without_faults(CDU)
    assert (hall.shown(CDU, SUPPLY), hall.shown(CDU, back)) == (true[back], true[SUPPLY])


def test_a_cdu_with_swapped_probes_still_answers(hall: Site) -> None:
    hall.begin("sensor_swapped", CDU, point=SUPPLY, other="dcim_cdu_return_temperature_celsius{loop=secondary}")
    shown = CduFromReadings(hall.instruments, CDU)
    supply, back = cdu_registers(shown).read("holding", 0x9001, 2)
    assert supply > back
    assert cdu_registers(shown).read("holding", 0xA034, 1) == [0]  # its own heat has no sign


def test_a_meter_shows_the_voltage_of_what_it_measures() -> None:
    edge = Site("edge")
    edge.begin("mains_loss", "A")
    edge.world.advance(5)
    volts = "dcim_meter_voltage_volts{phase=L1}"
    assert edge.shown("meter-it", volts) == pytest.approx(230, rel=0.02)  # behind its UPS
    assert edge.shown("meter-main", volts) == pytest.approx(230, rel=0.02)  # of the feed that is left


def test_a_saturated_sensor_and_a_changed_unit(hall: Site) -> None:
    hall.begin("sensor_saturated", CDU, point=FLOW, value=0.1)
    hall.begin("sensor_unit_changed", CDU, point=SUPPLY)
    hall.begin("sensor_unit_changed", CDU, point="dcim_cdu_power_watts", value=0.001)
    true = hall.instruments.read_without_faults(CDU)
    assert hall.shown(CDU, FLOW) == 0.1
    assert hall.shown(CDU, SUPPLY) == pytest.approx(float(true[SUPPLY]) * 1.8 + 32)
    assert hall.shown(CDU, "dcim_cdu_power_watts") == pytest.approx(float(true["dcim_cdu_power_watts"]) / 1000)


def test_a_scenario_begins_and_ends_its_faults_in_time(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(
        "faults:\n- {fault: mains_loss, target: A, at_s: 20, for_s: 60}\n- {fault: overload, target: a01, at_s: 5}\n"
    )
    timeline = Timeline()
    timeline.plan(load_scenario(path).faults)
    seen = []
    for now in range(0, 101, 5):
        begin, end = timeline.take_due(now)
        for fault in begin:
            timeline.begin(fault, now)
        seen += [(now, "begin", each.fault) for each in begin] + [(now, "end", each.fault.fault) for each in end]
    assert seen == [(5, "begin", "overload"), (20, "begin", "mains_loss"), (80, "end", "mains_loss")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "faults: [{fault: mains_los, target: A}]",
            ":1: faults[0].fault: unknown fault 'mains_los'; did you mean 'mains_loss'?",
        ),
        ("faults: [{fault: mains_loss}]", ":1: faults[0].target: is required; add it"),
        (
            "faults: [{fault: phase_loss, target: A}]",
            ":1: faults[0]: phase_loss needs phase; add it: `phase: L1` in a scenario, `--phase L1` with a command",
        ),
        (
            "faults: [{fault: overload, target: a, phase: L1}]",
            ":1: faults[0]: phase does not belong to overload; remove it",
        ),
        ("faults: [{fault: overload, target: a, at: 3}]", ":1: faults[0].at: unknown key; did you mean 'at_s'?"),
        ("", ": the file is empty"),
    ],
)
def test_a_scenario_with_a_mistake_is_refused_with_its_place_and_remedy(
    tmp_path: Path, text: str, expected: str
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load_scenario(path)
    assert str(raised.value).startswith(f"{path}{expected}")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"fault": "mains_loss", "target": "C"}, "mains_loss: unknown feed 'C'; known are A, B"),
        (
            {"fault": "breaker_trip", "target": "pdu-a01"},
            "breaker_trip: unknown PDU, panel with a breaker, or input of a transfer switch 'pdu-a01'; did you mean",
        ),
        ({"fault": "pump_failure", "target": "x", "pump": 1}, "pump_failure: unknown CDU 'x'; the site has none"),
        (
            {"fault": "sensor_stuck", "target": "ups-a", "point": "x"},
            "sensor_stuck: device 'ups-a' has no reading 'x'; it has",
        ),
        ({"fault": "sensor_stuck", "target": "x", "point": "x"}, "sensor_stuck: the site has no device 'x'"),
        ({"fault": "timeout", "target": "x"}, "timeout: the site has no device 'x' on the network"),
        ({"fault": "lying_table", "target": "meter-it"}, "lying_table: device 'meter-it' speaks Modbus"),
    ],
)
def test_a_fault_that_its_target_cannot_have_is_refused_by_name(fault: dict[str, object], expected: str) -> None:
    simulation = Simulation(load_site(SITES / "edge.yaml"))
    with pytest.raises(ConfigError) as raised:
        simulation.plan([Fault.model_validate(fault)])
    assert str(raised.value).startswith(expected)


def test_every_fault_is_documented() -> None:
    page = (SITES.parent.parent / "docs" / "reference" / "simulator.md").read_text(encoding="utf-8")
    assert not [kind for kind in sorted(KINDS) if f"`{kind}`" not in page]
