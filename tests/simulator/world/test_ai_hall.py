"""The simulated AI hall: generators, chillers, PV behind the main, and racks on busways."""

import pytest

from simulator.wire.fleet import Fleet, families
from simulator.world import World
from simulator.world.faults import Fault, Faults
from simulator.world.instruments import Instruments
from simulator.world.metering import meter_w
from tests.collector.derive.ai_hall import ai_hall


@pytest.fixture
def world() -> World:
    return World(ai_hall())


def begin(world: World, fault: str, target: str) -> None:
    Faults(world, Instruments(world)).begin(Fault(fault=fault, target=target))


def watts(world: World, meter: str) -> float:
    return sum(meter_w(world, meter))


def lose_mains(world: World, *, seconds: float) -> None:
    for feed in ("A", "B"):
        begin(world, "mains_loss", feed)
    world.advance(seconds)


def test_a_generators_meter_shows_nothing_while_mains_are_there(world: World) -> None:
    world.advance(60)
    assert watts(world, "gen-meter") == 0
    lose_mains(world, seconds=10)
    assert watts(world, "gen-meter") == 0  # they have not started yet: 15 s
    world.advance(40)  # and UPSs come back from their batteries one by one
    assert watts(world, "gen-meter") == pytest.approx(sum(sum(feed.power_w) for feed in world.network.feeds.values()))
    assert watts(world, "gen-meter") > 50_000
    # The mains' meters show nothing meanwhile, and the roof behind them feeds nobody without a grid.
    assert watts(world, "main-1") == watts(world, "main-2") == 0
    for feed in world.network.feeds.values():
        feed.mains = True
    world.advance(2)
    assert watts(world, "gen-meter") == 0
    assert min(watts(world, "main-1"), watts(world, "main-2")) > 10_000


def test_generators_share_the_load_and_one_of_three_may_fail(world: World) -> None:
    begin(world, "generator_failure", "gen-2")
    lose_mains(world, seconds=30)
    one, failed, three = (world.network.generators[f"gen-{at}"].power_w for at in (1, 2, 3))
    assert one == three > 100_000
    assert failed == 0
    begin(world, "generator_failure", "gen-1")
    begin(world, "generator_failure", "gen-3")
    world.advance(2)
    assert all(max(feed.volts) == 0 for feed in world.network.feeds.values())


def test_generators_that_are_overloaded_open_their_breakers_until_the_mains_are_back() -> None:
    world = World(ai_hall(("rated_power_w: 400 kW, start_s", "rated_power_w: 50 kW, start_s")))
    lose_mains(world, seconds=60)
    assert all(max(feed.volts) == 0 for feed in world.network.feeds.values())
    for feed in world.network.feeds.values():
        feed.mains = True
    world.advance(2)
    assert all(max(feed.volts) > 200 for feed in world.network.feeds.values())


def test_the_roof_lowers_what_comes_in_and_what_is_left_over_goes_out(world: World) -> None:
    world.time_s = 43_200.0  # noon
    world.advance(1)
    roof = watts(world, "pv-roof")
    assert roof == pytest.approx(0.08 * 264_000, rel=0.01)
    taken = sum(sum(feed.power_w) for feed in world.network.feeds.values())
    plant = sum(primary.power_w for primary in world.primaries.values())
    assert watts(world, "main-1") + watts(world, "main-2") == pytest.approx(taken + plant - roof)
    for rack in world.load_factor:
        world.load_factor[rack] = 0.0
    world.advance(300)
    assert watts(world, "main-1") < 0
    assert world.meters_exported_j["main-1"] > 0
    readings = Instruments(world).read("main-1")
    assert readings["dcim_meter_energy_joules_total{direction=export}"] == world.meters_exported_j["main-1"]


def test_a_rack_on_busways_is_read_from_the_meters_in_its_tap_off_boxes(world: World) -> None:
    world.advance(30)
    taps = [watts(world, f"tap-a1-{feed}{at}") for feed in "ab" for at in (1, 2)]
    rack = world.network.racks["a1"]
    assert sum(taps) == pytest.approx(rack.supplied_w, rel=0.001)
    named = dict(families(world.site))
    assert not [name for name in named if name.startswith("shelf-")]
    assert named["tap-a1-a1"] == "schneider-iem3000"


def test_a_meter_in_a_tap_off_box_dies_with_its_busway(world: World) -> None:
    fleet = Fleet(world, Instruments(world), only=("tap-a1-a1", "tap-a1-b1", "main-1"))
    begin(world, "breaker_trip", "bus-a")
    world.advance(1)
    fleet.follow_power()
    assert [fleet.devices[each].server.mute for each in ("tap-a1-a1", "tap-a1-b1", "main-1")] == [True, False, False]


def test_a_loop_whose_dry_coolers_fail_is_carried_by_its_chillers_until_they_are_too_few(world: World) -> None:
    world.advance(120)
    warm = world.primaries["fws-b"].supply_c
    begin(world, "plant_failure", "dry-b1")
    world.advance(1200)
    # fws-b has nothing left and warms up; its CDU has changed over to fws-a, which carries both.
    assert world.primaries["fws-b"].supply_c > warm + 3
    assert {cdu.primary for cdu in world.cdus.values()} == {"fws-a"}
    assert watts(world, "chiller-meter") > 0


def test_ropes_along_a_loop_and_under_its_cdu_get_wet_when_it_leaks(world: World) -> None:
    ropes = [f"dcim_leak_detected{{sensor={at}}}" for at in (1, 2, 3)]
    assert [Instruments(world).read("box-1")[rope] for rope in ropes] == [0.0, 0.0, 0.0]
    begin(world, "burst", "tcs")
    world.advance(30)
    assert [Instruments(world).read("box-1")[rope] for rope in ropes] == [1.0, 1.0, 1.0]


def test_a_standby_facility_pump_replaces_a_failed_one_and_without_any_no_heat_leaves(world: World) -> None:
    loop = world.primaries["fws-a"]
    world.advance(5)
    assert [each.power_w > 0 for each in loop.pumps.values()] == [True, False]
    begin(world, "plant_failure", "pump-a1")
    world.advance(2)
    assert [each.power_w > 0 for each in loop.pumps.values()] == [False, True]
    assert loop.heat_w > 0
    begin(world, "plant_failure", "pump-a2")
    world.advance(2)
    assert loop.heat_w == 0


def test_an_incomer_sees_its_own_feed_and_reads_nothing_without_it(world: World) -> None:
    begin(world, "mains_loss", "A")
    world.advance(1)
    dead, live = (Instruments(world).read(each) for each in ("main-1", "main-2"))
    assert dead["dcim_meter_voltage_volts{phase=L1}"] == 0.0
    assert dead["dcim_meter_frequency_hertz"] == 0.0
    assert float(live["dcim_meter_frequency_hertz"]) == pytest.approx(50, abs=0.1)
    assert dead["dcim_meter_power_watts"] == pytest.approx(0.0)
    assert isinstance(dead["dcim_meter_power_watts"], float)
    assert float(live["dcim_meter_voltage_volts{phase=L1}"]) > 200
