"""The physics: what goes in comes out at every stage, the heat balance closes, and the same seed gives the same world."""

from functools import cache
from pathlib import Path

import pytest

from rackflow.fluids import known_fluid
from rackflow.site import Site, load_site, parse_site
from simulator.site.maker import campus, site_yaml
from simulator.world import World
from simulator.world.air import relative_humidity
from simulator.world.battery import Battery
from simulator.world.exchanger import effectiveness
from simulator.world.hydraulics import Branch, operating_point
from simulator.world.instruments import Instruments
from simulator.world.truth import truth
from simulator.world.ups import Ups

SITES = Path(__file__).resolve().parents[3] / "simulator" / "sites"
NAMES = ("edge", "ai-hall")


@cache
def site(name: str) -> Site:
    return load_site(SITES / f"{name}.yaml")


@cache
def settled(name: str) -> World:
    """After a quarter of an hour; to look at only."""
    world = World(site(name), seed=3)
    world.advance(900)
    return world


@pytest.mark.parametrize("name", NAMES)
def test_energy_in_is_energy_out_and_energy_stored(name: str) -> None:
    world = World(site(name), seed=1)
    for _ in range(20):
        world.advance(97)
        energy = world.energy
        assert energy.rejected_j + world.stored_j == pytest.approx(energy.taken_j, rel=1e-9)
    assert 0.6 < world.energy.equipment_j / world.energy.taken_j < 1


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_gives_what_it_takes_less_its_losses(name: str) -> None:
    network = settled(name).network
    for ups in network.ups.values():
        assert sum(ups.input_w) == pytest.approx(sum(ups.output_w) + ups.loss_w + ups.battery.power_w / 0.9, rel=1e-9)
    for node, panel in network.panels.items():
        hanging = [pdu for pdu in network.pdus.values() if pdu.section.fed_by == node]
        below = sum((sum(pdu.power_w) + pdu.cable_loss_w for pdu in hanging), 0.0)
        below += sum(each.power_w / len(each.sources) for each in network.consumers.values() if node in each.sources)
        fed = [other for other, sources in network.sources.items() if node in sources]
        below += sum(sum(network.loads[other]) + network.panels[other].loss_w for other in fed)
        assert sum(panel.power_w) == pytest.approx(below, rel=1e-9)
    carried = sum(sum(pdu.power_w) - 9 for pdu in network.pdus.values())
    assert carried == pytest.approx(sum(rack.supplied_w for rack in network.racks.values()), rel=1e-9)


def test_a_pdu_obeys_ohm_and_its_power_factor() -> None:
    for pdu in settled("ai-hall").network.pdus.values():
        for volts, amperes, factor, watts in zip(pdu.volts, pdu.amperes, pdu.power_factor, pdu.power_w, strict=True):
            assert volts * amperes * factor == pytest.approx(watts, rel=1e-9)
        assert 0 < min(pdu.volts) < max(pdu.source_volts)


def test_flow_and_temperature_rise_give_the_heat_of_the_racks() -> None:
    """The mean over some minutes, because coolant and cold plates store the steps of the load."""
    world = settled("ai-hall").copy()
    measured = given = 0.0
    for _ in range(600):
        world.advance(1)
        for loop in world.loops.values():
            given += sum(
                world.network.racks[rack].supplied_w * world.site.racks[rack].liquid_share for rack in loop.plates
            )
            for cdu in loop.cdus:
                capacity = known_fluid("pg25").volumetric_heat_capacity((cdu.supply_c + loop.return_c) / 2)
                measured += cdu.flow * capacity * (loop.return_c - cdu.supply_c)
    assert measured == pytest.approx(given, rel=0.01)


def test_the_heat_exchanger_closes_between_both_sides() -> None:
    world = settled("ai-hall")
    for cdu in world.cdus.values():
        primary = world.primaries[cdu.section.primaries[0]]
        taken = cdu.primary_flow * primary.capacity * (cdu.primary_return_c - primary.supply_c)
        assert taken == pytest.approx(cdu.heat_w, rel=0.01)
        assert primary.supply_c < cdu.supply_c < world.loops[cdu.section.secondary].return_c


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_world_whatever_the_steps(name: str) -> None:
    one, other, third = (World(site(name), seed=seed) for seed in (5, 5, 6))
    one.advance(120)
    for _ in range(60):
        other.advance(2)
    third.advance(120)
    shown = [
        {device: Instruments(each).read_without_faults(device) for device in each.site.devices}
        for each in (one, other, third)
    ]
    assert shown[0] == shown[1]
    assert shown[0] != shown[2]


def test_training_steps_by_half_within_seconds() -> None:
    world = World(site("ai-hall"), seed=1)
    watts = []
    for _ in range(600):
        world.advance(1)
        watts.append(world.network.racks["hall-1-d1"].supplied_w)
    falls = [before / max(1, after) for before, after in zip(watts, watts[3:], strict=False)]
    assert max(falls) > 1.7
    assert 40e3 < min(watts) < max(watts) < 250e3


def test_a_battery_lasts_as_designed_and_more_than_twice_as_long_at_half_load() -> None:
    battery = Battery(100e3, {100e3: 420}, 480)
    assert battery.runtime_s(100e3) == pytest.approx(420, abs=1)
    assert battery.runtime_s(50e3) > 2.1 * 420  # as Peukert found
    began = battery.available_j + battery.bound_j
    seconds = 0
    while not battery.empty:
        battery.discharge(100e3, 1)
        seconds += 1
    assert seconds == pytest.approx(420, abs=2)
    assert began - battery.available_j - battery.bound_j == pytest.approx(100e3 * seconds)
    drawn = sum(battery.recharge(10) * 10 for _ in range(3000))
    assert battery.charge > 0.99
    assert drawn - battery.loss_j == pytest.approx(100e3 * seconds + battery.stored_j, rel=1e-6)


@pytest.mark.parametrize(("load_w", "seconds"), [(50_000, 920), (100_000, 410), (75_000, 570)])
def test_a_ups_on_battery_lasts_as_its_data_sheet_says(load_w: float, seconds: float) -> None:
    ups = World(site("edge")).network.ups["ups-a"]
    ups.carry([load_w / 3] * 3, 1)
    lasted = 0
    while ups.supply([0.0] * 3, 1)[0] > 0:
        ups.carry([load_w / 3] * 3, 1)
        lasted += 1
    assert lasted == pytest.approx(seconds, rel=0.02)


def test_a_data_sheet_is_met_at_its_lowest_and_its_highest_load() -> None:
    sheet = {25e3: 3000.0, 50e3: 1150.0, 100e3: 300.0}
    battery = Battery(100e3, sheet, 480, 0.8)
    battery.health = 1.0
    assert {load: battery.runtime_s(load) for load in (25e3, 100e3)} == pytest.approx(
        {25e3: 3000, 100e3: 300}, rel=1e-3
    )
    battery.health = battery.initial_health
    assert 0.7 * 300 < battery.runtime_s(100e3) < 0.8 * 300  # a smaller battery is a worse one under the same load


def test_chips_and_pumps_are_those_of_the_site_file() -> None:
    text = SITES.joinpath("ai-hall.yaml").read_text(encoding="utf-8")
    warm = "chip_limit_celsius: 75, chip_rise_kelvin: 17"
    cooler = text.replace(warm, "chip_limit_celsius: 60, chip_rise_kelvin: 25").replace(
        "pumps_required: 2", "pumps_required: 3"
    )
    worlds = [World(parse_site(each, "ai-hall"), seed=1) for each in (text, cooler)]
    hottest = []
    for world in worlds:
        world.advance(240)
        loop = world.loops["hall-1-a-tcs"]
        hottest.append(max((plates.celsius, plates.throttle) for plates in loop.plates.values()))
        assert all(truth(world)[f"dcim_cdu_pumps_spare{{device={cdu}}}"] == 3 - len(world.cdus[cdu].running)
                   for cdu in world.cdus)  # fmt: skip
    assert hottest[1][0] > hottest[0][0] + 3
    assert len(worlds[1].cdus["hall-1-a-cdu-1"].running) == 3
    plates = worlds[1].loops["hall-1-a-tcs"].plates["hall-1-a1"]
    plates.celsius = 60 + 6.5
    assert plates.throttle == pytest.approx(0.5)


def test_the_efficiency_of_a_ups_rises_with_its_load() -> None:
    found = []
    for load in (0.1, 0.25, 0.5, 1.0):
        ups = Ups("u", 100e3, 230.0, Battery(100e3, {100e3: 420}, 480))
        ups.supply([230.0] * 3, 1)
        taken = sum(ups.carry([load * 100e3 / 3] * 3, 1))
        found.append(load * 100e3 / taken)
    assert found == sorted(found)
    assert found[0] < 0.9
    assert 0.955 < found[2] < found[3] < 0.97


def test_pumps_in_parallel_find_the_point_where_their_curves_meet_the_loop() -> None:
    branch = Branch(head_pa=400e3, resistance=1.5e9)
    pressure, flows = operating_point([branch, branch], 4e8)
    assert flows[0] == pytest.approx(flows[1])
    assert 4e8 * sum(flows) ** 2 == pytest.approx(pressure, rel=1e-6)
    assert branch.head_pa - 1.5e9 * flows[0] ** 2 == pytest.approx(pressure, rel=1e-6)
    alone, (most,) = operating_point([branch], 4e8)
    assert alone < pressure
    assert flows[0] < most < sum(flows)


@pytest.mark.parametrize(
    ("transfer", "least", "most", "expected"),
    [(1000, 1000, 1000, 0.5), (0, 1000, 2000, 0), (1000, 1000, 1e9, 0.632), (1e6, 1000, 2000, 1)],
)
def test_the_effectiveness_of_a_counter_flow_exchanger_is_the_textbooks(
    transfer: float, least: float, most: float, expected: float
) -> None:
    """Against the textbook's limits: NTU/(1+NTU) for equal streams, 1-exp(-NTU) against an endless one, 1 at the end."""
    assert effectiveness(transfer, least, most) == pytest.approx(expected, abs=1e-3)


def test_humidity_of_air_with_a_dew_point() -> None:
    assert relative_humidity(24.0, 15.76) == pytest.approx(0.60, abs=0.002)
    assert relative_humidity(20.0, 20.0) == pytest.approx(1.0, abs=1e-3)


def test_a_campus_is_a_sound_site_of_any_size() -> None:
    found = parse_site(site_yaml(campus(200)), "campus")
    assert len(found.racks) == 200
    assert len(found.devices) > 1000
    world = World(found, seed=1)
    world.advance(30)
    assert world.energy.rejected_j + world.stored_j == pytest.approx(world.energy.taken_j, rel=1e-9)


def test_a_cooling_unit_on_a_pdu_of_one_phase_runs_and_its_power_is_accounted_for() -> None:
    text = (SITES / "edge.yaml").read_text(encoding="utf-8")
    changed = text.replace("from: [A], room: room-1}", "from: [pdu-a10-a], room: room-1}").replace(
        "id: crac-1, rated_cooling_w: 60000", "id: crac-1, rated_cooling_w: 6000"
    )
    assert changed.count("pdu-a10-a]") == 1
    world = World(parse_site(changed, "edge"), seed=1)
    world.advance(60)
    unit, pdu = world.network.consumers["crac-1"], world.network.pdus["pdu-a10-a"]
    assert unit.live
    assert unit.power_w > 500
    assert sum(pdu.power_w) > unit.power_w
    energy = world.energy
    assert energy.taken_j == pytest.approx(energy.rejected_j + world.stored_j, rel=1e-9)
    pdu.breaker.tripped = True
    world.advance(2)
    assert not unit.live
