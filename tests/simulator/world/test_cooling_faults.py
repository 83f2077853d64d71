"""Faults of cooling: each shows its effect in the world."""

import pytest

from simulator.world.cdu import Cdu
from simulator.world.load import ConstantLoad
from simulator.world.what_if import what_if_truth
from tests.simulator.faulty import Site

ROW, LOOP = "hall-1-a", "hall-1-a-tcs"
CDU = f"{ROW}-cdu-1"
SUPPLY = "dcim_cdu_supply_temperature_celsius{loop=secondary}"


@pytest.fixture
def hall() -> Site:
    return Site("ai-hall")


@pytest.fixture
def edge() -> Site:
    return Site("edge")


def cdu_of(site: Site) -> Cdu:
    return site.world.cdus[CDU]


def test_a_failed_pump_is_replaced_by_the_standby(hall: Site) -> None:
    cdu, flow = cdu_of(hall), cdu_of(hall).flow
    fault = hall.begin("pump_failure", CDU, pump=1)
    hall.world.advance(3)
    assert cdu.flow < 0.9 * flow
    assert hall.instruments.read(CDU)["dcim_cdu_pump_state{pump=1}"] == "failed"
    hall.world.advance(60)
    assert cdu.running == {2, 3}
    assert cdu.flow == pytest.approx(flow, rel=0.03)
    hall.faults.end(fault)
    assert hall.instruments.read_without_faults(CDU)["dcim_cdu_pump_state{pump=1}"] == "standby"


def test_without_one_cdu_the_others_carry_its_loop(hall: Site) -> None:
    loop = hall.world.loops[LOOP]
    total, others = loop.flow, [cdu.flow for cdu in loop.cdus[1:]]
    hall.begin("all_pumps_failure", CDU)
    hall.world.advance(60)
    assert cdu_of(hall).flow == 0
    assert loop.flow == pytest.approx(total, rel=0.03)
    assert all(after.flow > 1.4 * before for after, before in zip(loop.cdus[1:], others, strict=True))
    hall.world.advance(240)
    assert loop.supply_c == pytest.approx(32, abs=2.5)


def test_without_any_pump_the_racks_throttle_as_soon_as_the_truth_says(hall: Site) -> None:
    hall.world.loads = {rack: ConstantLoad(100e3) for rack in hall.world.loads}
    hall.world.advance(120)
    expected = what_if_truth(hall.world)[f"dcim_loop_ride_through_seconds{{failure=pumps,loop={LOOP}}}"]
    assert 5 < expected < 120
    loop, began = hall.world.loops[LOOP], hall.world.time_s
    for cdu in loop.cdus:
        hall.begin("all_pumps_failure", cdu.section.id)
    while min(plates.throttle for plates in loop.plates.values()) == 1:
        hall.world.advance(1)
    assert hall.world.time_s - began == pytest.approx(expected, abs=2)
    hall.world.advance(300)
    assert hall.world.network.racks[f"{ROW}1"].supplied_w < 60e3
    assert max(plates.celsius for plates in loop.plates.values()) < 110
    assert hall.balanced()


def test_a_blocked_filter_costs_pressure_and_flow(hall: Site) -> None:
    cdu, flow, pressure = cdu_of(hall), cdu_of(hall).flow, cdu_of(hall).filter_pa
    hall.begin("filter_blocked", CDU, value=15)
    hall.world.advance(120)
    assert cdu.flow < 0.8 * flow
    assert cdu.filter_pa > 3 * pressure
    assert cdu.filter_pa / cdu.flow**2 == pytest.approx(15 * pressure / flow**2, rel=1e-6)


def test_a_fouled_exchanger_opens_the_valve(hall: Site) -> None:
    cdu, valve = cdu_of(hall), cdu_of(hall).valve
    hall.begin("exchanger_fouled", CDU, value=3)
    hall.world.advance(300)
    assert cdu.valve > valve + 0.05


def test_a_stuck_valve_lets_the_supply_temperature_go(hall: Site) -> None:
    hall.begin("valve_stuck", CDU, value=0.05)
    hall.world.advance(300)
    assert cdu_of(hall).valve == 0.05
    assert hall.shown(CDU, SUPPLY) > 34


def test_a_warm_primary_loop_warms_everything(hall: Site) -> None:
    fault = hall.begin("primary_warm", "hall-1-fws", value=12)
    hall.world.advance(900)
    assert hall.world.primaries["hall-1-fws"].supply_c == pytest.approx(38, abs=0.5)
    assert hall.shown(CDU, SUPPLY) > 38
    hall.faults.end(fault)
    hall.world.advance(900)
    assert hall.shown(CDU, SUPPLY) == pytest.approx(32, abs=1.5)
    assert hall.balanced()


def test_a_slow_leak_wets_the_rope_long_before_the_reservoir_is_low(hall: Site) -> None:
    loop = hall.world.loops[LOOP]
    hall.begin("leak", LOOP, value=0.5)
    hall.world.advance(10)
    assert not loop.leak_detected
    hall.world.advance(50)
    assert loop.lost_m3 == pytest.approx(0.5e-3, rel=0.05)
    assert hall.shown(f"{ROW}-leak", "dcim_leak_detected{sensor=1.floor}") == 1
    assert hall.shown("hall-1-b-leak", "dcim_leak_detected{sensor=1.floor}") == 0
    assert hall.instruments.read(CDU)["dcim_cdu_reservoir_level_state"] == "ok"
    assert loop.level == pytest.approx(1 - 0.5e-3 / (0.12 * loop.section.volume_m3), rel=0.01)


def test_a_burst_empties_the_reservoir_and_the_pumps_draw_air(hall: Site) -> None:
    loop = hall.world.loops[LOOP]
    flow, pressure = loop.flow, hall.shown(CDU, "dcim_cdu_return_pressure_pascals{loop=secondary}")
    hall.begin("burst", LOOP)
    hall.world.advance(60)
    assert hall.instruments.read(CDU)["dcim_cdu_reservoir_level_state"] == "low"
    assert hall.shown(CDU, "dcim_cdu_return_pressure_pascals{loop=secondary}") < 0.3 * pressure
    assert loop.flow < 0.5 * flow


def test_air_in_the_loop_costs_flow_and_is_driven_out(hall: Site) -> None:
    loop, speed = hall.world.loops[LOOP], cdu_of(hall).speed
    hall.begin("air_in_loop", LOOP, value=0.1)
    hall.world.advance(2)
    assert loop.pressure_pa < 170e3
    hall.world.advance(60)
    assert cdu_of(hall).speed > 1.05 * speed
    hall.world.advance(1000)
    assert loop.gas_fraction < 0.02


def test_without_an_air_unit_the_room_gets_warm(edge: Site) -> None:
    for unit in ("crac-1", "crac-2"):
        edge.begin("air_unit_failure", unit)
    before = edge.shown("pdu-a01-a", "dcim_env_temperature_celsius{sensor=1}")
    edge.world.advance(600)
    assert edge.shown("pdu-a01-a", "dcim_env_temperature_celsius{sensor=1}") > before + 3
    assert edge.balanced()
