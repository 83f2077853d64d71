"""Faults of power: each shows its effect in the world."""

import pytest

from simulator.world.load import ConstantLoad
from simulator.world.truth import truth
from simulator.world.what_if import what_if_truth
from tests.simulator.faulty import Site


@pytest.fixture
def edge() -> Site:
    return Site("edge")


def test_after_a_mains_loss_the_ups_carries_until_the_generator_does(edge: Site) -> None:
    network = edge.world.network
    fault = edge.begin("mains_loss", "A")
    edge.world.advance(5)
    assert edge.mode("ups-a") == "battery"
    assert edge.mode("ups-b") == "normal"
    assert sum(network.feeds["A"].power_w) == 0
    assert edge.shown("ups-a", "dcim_ups_battery_current_amperes") < 0
    assert edge.shown("ups-a", "dcim_ups_on_battery_seconds") == pytest.approx(5, abs=1)
    assert edge.all_served()
    charge = network.ups["ups-a"].battery.charge
    assert charge < 1
    edge.world.advance(60)  # the generator starts within 25 s, the UPS waits 10 s more
    assert edge.mode("ups-a") == "normal"
    assert edge.shown("ups-a", "dcim_ups_battery_current_amperes") > 0
    edge.world.advance(7200)
    assert network.ups["ups-a"].battery.charge > charge
    assert edge.shown("ups-a", "dcim_ups_input_faults_total") == 1
    edge.faults.end(fault)
    assert edge.balanced()


def test_mains_loss_without_a_generator_ends_in_the_dark_and_the_other_feed_carries_all(edge: Site) -> None:
    network = edge.world.network
    edge.begin("mains_loss", "B")
    lasts = network.ups["ups-b"].battery.runtime_s(sum(network.ups["ups-b"].output_w) + network.ups["ups-b"].loss_w)
    began, before = edge.world.time_s, sum(network.ups["ups-a"].output_w)
    while edge.mode("ups-b") != "none" and edge.world.time_s < began + 7200:
        edge.world.advance(5)
    # Losses on battery are less than on mains, and the load moves meanwhile.
    assert edge.world.time_s - began == pytest.approx(lasts, rel=0.15)
    edge.world.advance(2)
    assert sum(network.pdus["pdu-a01-b"].power_w) == 0
    assert edge.all_served()
    assert sum(network.ups["ups-a"].output_w) > 1.8 * before
    assert edge.balanced()


def test_feed_loss_moves_the_load_at_once_where_there_is_no_ups_between(edge: Site) -> None:
    edge.begin("feed_loss", "A")
    edge.world.advance(300)
    assert edge.mode("ups-a") == "battery"  # no generator helps a line that is open
    assert edge.world.network.feeds["A"].volts == [0, 0, 0]


def test_battery_failing_under_load_shows_only_under_load(edge: Site) -> None:
    edge.begin("battery_failing", "ups-b", value=0.05)
    edge.world.advance(10)
    assert edge.shown("ups-b", "dcim_ups_battery_charge_ratio") == 1
    claimed = edge.shown("ups-b", "dcim_ups_battery_runtime_seconds")
    true = truth(edge.world)["dcim_ups_modelled_runtime_seconds{device=ups-b}"]
    assert true < 0.1 * claimed
    edge.begin("mains_loss", "B")
    edge.world.advance(true + 10)
    assert edge.mode("ups-b") == "none"
    assert edge.instruments.read("ups-b")["dcim_ups_battery_state"] == "depleted"


def test_a_ups_on_bypass_passes_the_mains_on_with_all_their_faults(edge: Site) -> None:
    fault = edge.begin("ups_bypass", "ups-a")
    edge.world.advance(2)
    ups = edge.world.network.ups["ups-a"]
    assert edge.mode("ups-a") == "bypass"
    assert ups.output_volts == ups.input_volts
    assert ups.loss_w < 600
    edge.begin("mains_loss", "A")
    edge.world.advance(2)
    assert edge.mode("ups-a") == "none"
    edge.faults.end(fault)


def test_a_tripped_breaker_silences_one_pdu_and_loads_the_other(edge: Site) -> None:
    pdus = edge.world.network.pdus
    before = sum(pdus["pdu-a01-b"].power_w)
    fault = edge.begin("breaker_trip", "pdu-a01-a")
    edge.world.advance(1)
    assert sum(pdus["pdu-a01-a"].power_w) == 0
    assert sum(pdus["pdu-a01-b"].power_w) == pytest.approx(2 * before, rel=0.1)
    edge.faults.end(fault)
    edge.world.advance(1)
    assert sum(pdus["pdu-a01-a"].power_w) > 0


def test_phase_loss_moves_the_supplies_of_that_phase(edge: Site) -> None:
    pdu, other = (edge.world.network.pdus[f"pdu-a01-{feed}"] for feed in "ab")
    before = list(other.power_w)
    edge.begin("phase_loss", "pdu-a01-a", phase="L2")
    edge.world.advance(1)
    assert pdu.volts[1] == pdu.power_w[1] == 0
    assert pdu.power_w[0] > 0
    assert other.power_w[1] == pytest.approx(2 * before[1], rel=0.1)
    assert other.power_w[0] == pytest.approx(before[0], rel=0.05)


def test_phase_loss_of_a_feed_puts_the_ups_on_battery(edge: Site) -> None:
    edge.begin("phase_loss", "A", phase="L3")
    edge.world.advance(2)
    assert edge.shown("ups-a", "dcim_ups_input_voltage_volts{phase=L3}") == 0
    assert edge.mode("ups-a") == "battery"


def test_a_transfer_switch_takes_the_other_source_and_goes_back_after_a_while(edge: Site) -> None:
    switch = edge.world.network.switches["ats-a10"]
    before = {ups: sum(edge.world.network.ups[ups].output_w) for ups in ("ups-net-a", "ups-net-b")}
    load = sum(switch.power_w)
    assert (switch.selected, load > 100) == ("a", True)
    bypass = edge.begin("ups_bypass", "ups-net-a")
    lost = edge.begin("feed_loss", "A")
    edge.world.advance(1)
    assert (switch.selected, switch.transfers) == ("b", 1)
    assert edge.all_served()
    assert edge.shown("ats-a10", "dcim_ats_source_usable{source=a}") == 0
    assert edge.shown("ats-a10", "dcim_ats_redundant") == 0
    # the rack's two-corded part moves to the other UPS as well
    after = sum(edge.world.network.ups["ups-net-b"].output_w)
    assert after == pytest.approx(sum(before.values()), rel=0.05)
    assert sum(edge.world.network.ups["ups-net-a"].output_w) == 0
    edge.faults.end(lost)
    edge.faults.end(bypass)
    edge.world.advance(20)
    assert (switch.selected, switch.transfers) == ("b", 1)  # the preferred source must be good for a while
    edge.world.advance(30)
    assert (switch.selected, switch.transfers) == ("a", 2)
    assert edge.balanced()


def test_feed_loss_moves_a_transfer_switch_when_the_battery_before_it_is_empty(edge: Site) -> None:
    switch = edge.world.network.switches["ats-a10"]
    edge.begin("battery_failing", "ups-net-a", value=0.02)
    edge.begin("feed_loss", "A")
    edge.world.advance(2)
    assert (edge.mode("ups-net-a"), switch.selected) == ("battery", "a")
    edge.world.advance(600)
    assert (edge.mode("ups-net-a"), switch.selected) == ("none", "b")
    assert edge.all_served()


def test_a_stuck_transfer_switch_drops_what_has_one_cord_and_nothing_else(edge: Site) -> None:
    rack = edge.world.network.racks["a10"]
    stuck = edge.begin("switch_stuck", "ats-a10")
    trip = edge.begin("breaker_trip", "ats-a10.a")
    edge.world.advance(1)
    assert rack.supplied_w == pytest.approx(0.8 * rack.demand_w)
    assert edge.world.network.switches["ats-a10"].selected == "a"
    edge.faults.end(stuck)
    edge.world.advance(1)
    assert edge.world.network.switches["ats-a10"].transfers == 1
    assert edge.all_served()
    edge.faults.end(trip)


def test_overload_trips_the_remaining_breaker_after_a_while(edge: Site) -> None:
    """What fits two feeds and not one: losing a feed takes the rack down, and not at once."""
    edge.begin("overload", "a01", value=4.0)
    edge.world.advance(60)
    rack = edge.world.network.racks["a01"]
    assert rack.supplied_w > 8000
    assert edge.all_served()
    edge.begin("breaker_trip", "pdu-a01-a")
    edge.world.advance(2)
    assert edge.all_served()
    assert edge.instruments.read("pdu-a01-b")["dcim_pdu_load_state"] == "overload"
    edge.world.advance(900)
    assert edge.world.network.pdus["pdu-a01-b"].breaker.tripped
    assert rack.supplied_w == 0


def test_what_if_a_feed_is_lost_says_what_happens_when_it_is(edge: Site) -> None:
    edge.world.loads = {rack: ConstantLoad(5000) for rack in edge.world.loads}
    edge.world.advance(10)
    expected = what_if_truth(edge.world)
    fault = edge.begin("breaker_trip", "panel-a")
    edge.world.advance(5)
    for rack in ("a01", "a09"):
        pdu = edge.world.network.pdus[f"pdu-{rack}-b"]
        for phase, amperes in enumerate(pdu.amperes, 1):
            ratio = expected[f"dcim_rack_feed_loss_load_ratio{{feed=A,phase=L{phase},rack={rack}}}"]
            assert amperes / 16 == pytest.approx(ratio, rel=1e-3)
    assert expected["dcim_site_racks_dark_on_feed_loss{feed=A}"] == 0
    edge.begin("breaker_trip", "ats-a10.a")
    edge.world.advance(1)
    carried = edge.world.network.pdus["pdu-a10-s"].amperes[0] / 16
    both = edge.world.network.pdus["pdu-a10-b"].amperes[0] + edge.world.network.pdus["pdu-a10-a"].amperes[0]
    ratio = expected["dcim_rack_feed_loss_load_ratio{feed=A,phase=L1,rack=a10}"]
    assert ratio == pytest.approx(max(carried, both / 16), rel=0.02)
    edge.faults.end(fault)
    edge.world.advance(1)
    edge.begin("breaker_trip", "pdu-a05-b")
    edge.world.advance(1)
    assert what_if_truth(edge.world)["dcim_site_racks_dark_on_feed_loss{feed=A}"] == 1
    assert edge.all_served()  # asking has changed nothing
