"""The world's inner truth: in goes the world, out come the figures that others derive from readings, without any rounding; pure.

Keys are series keys with the labels that tell the series apart: device, rack, loop, feed, phase, failure.
"""

from typing import Final

from rackflow.physics import effectiveness_ratio
from rackflow.series import series_key
from rackflow.site import Site
from simulator.world.air import moisture_c
from simulator.world.cdu import PUMPS, Cdu
from simulator.world.instruments import LINES
from simulator.world.load import HeldLoad
from simulator.world.loop import SecondaryLoop
from simulator.world.switch import Switch
from simulator.world.world import World

LONGEST_S: Final = 900.0
"""How long a question of the kind 'how long until' is followed up."""


def truth(world: World) -> dict[str, float]:
    """Figures of this moment."""
    found: dict[str, float] = {}
    for rack, supply in world.network.racks.items():
        watts = sum(sum(pdu.power_w) for pdu, _ in supply.pdus)
        _put(found, "rack_power_watts", watts, rack=rack)
        _put(found, "rack_power_utilisation_ratio", watts / world.site.racks[rack].design_power_w, rack=rack)
    for name, ups in world.network.ups.items():
        draw = max(sum(ups.output_w) + ups.loss_w, 1.0)
        _put(found, "ups_losses_watts", sum(ups.input_w) - sum(ups.output_w), device=name)
        _put(found, "ups_modelled_runtime_seconds", ups.battery.lasts_s(draw), device=name)
        _put(found, "ups_battery_charge_ratio", ups.battery.charge, device=name)
    for loop in world.loops.values():
        for cdu in loop.cdus:
            _put_cdu(found, world, loop, cdu)
        _put_loop(found, world, loop)
    ledger = world.ledger
    _put(found, "site_energy_taken_joules", ledger.taken_j)
    _put(found, "site_energy_rejected_joules", ledger.rejected_j)
    _put(found, "site_energy_stored_joules", world.stored_j)
    _put(found, "site_equipment_energy_joules", ledger.equipment_j)
    return found


def truth_if(world: World) -> dict[str, float]:
    """What would follow, at the present load, from the loss of each feed and of all pumps of each loop: it happens to a copy."""
    found: dict[str, float] = {}
    for feed in world.network.feeds:
        other = _held(world)
        other.network.feeds[feed].lost = True
        for ups in other.network.ups.values():
            if feed in _feeds_above(other, ups.id):
                ups.forced_bypass = True  # the battery does not count: what remains is the other feed
        other.advance(2.0)
        _put_feed_loss(found, other, feed)
    for loop in world.loops.values():
        _put(found, "loop_ride_through_seconds", _ride_through_s(world, loop), loop=loop.section.id, failure="pumps")
    return found


def _held(world: World) -> World:
    """A copy whose racks go on asking for what they ask for now: a step of the load must not pass for an effect."""
    other = world.copy()
    other.loads = {rack: HeldLoad(load.watts(world.time_s)) for rack, load in world.loads.items()}
    return other


def _put(found: dict[str, float], metric: str, value: float, **labels: str) -> None:
    found[series_key(f"dcim_{metric}", labels)] = value


def _put_cdu(found: dict[str, float], world: World, loop: SecondaryLoop, cdu: Cdu) -> None:
    name = cdu.section.id
    heat = secondary_heat_w(loop, cdu)
    _put(found, "cdu_heat_removed_watts", heat, device=name, loop="secondary")
    _put(found, "cdu_cooling_load_ratio", heat / cdu.section.rated_cooling_w, device=name)
    _put(found, "cdu_dew_point_margin_celsius", cdu.supply_c - moisture_c(world.time_s), device=name)
    _put(found, "cdu_pumps_spare", len(PUMPS) - len(cdu.failed_pumps) - cdu.pumps_at_work, device=name)
    if cdu.section.primary is None:
        return
    primary = world.primaries[cdu.section.primary]
    _put(found, "cdu_heat_removed_watts", cdu.heat_w, device=name, loop="primary")
    _put(found, "cdu_approach_celsius", cdu.supply_c - primary.supply_c, device=name)
    ratio = effectiveness_ratio(loop.return_c, cdu.supply_c, primary.supply_c)
    if ratio is not None:
        _put(found, "cdu_effectiveness_ratio", ratio, device=name)


def secondary_heat_w(loop: SecondaryLoop, cdu: Cdu) -> float:
    """What the coolant brings to a CDU, W."""
    return cdu.flow * loop.capacity((cdu.supply_c + loop.return_c) / 2) * (loop.return_c - cdu.supply_c)


def _put_loop(found: dict[str, float], world: World, loop: SecondaryLoop) -> None:
    name = loop.section.id
    heat = sum(secondary_heat_w(loop, cdu) for cdu in loop.cdus)
    power = sum(sum(sum(pdu.power_w) for pdu, _ in world.network.racks[rack].pdus) for rack in loop.plates)
    _put(found, "loop_heat_watts", heat, loop=name)
    _put(found, "loop_air_heat_watts", power - heat, loop=name)
    if power > 0:
        _put(found, "loop_heat_capture_ratio", heat / power, loop=name)


def _feeds_above(world: World, node: str) -> set[str]:
    feed = world.site.feed_of(node)
    return {feed} if feed else set()


def _put_feed_loss(found: dict[str, float], world: World, feed: str) -> None:
    limit = world.site.electrical.continuous_load_factor
    dark = 0
    for rack, supply in world.network.racks.items():
        dark += supply.got_w < 0.999 * supply.asked_w
        by_phase = [(0.0, 0.0)] * 3
        for pdu, _ in supply.corded:
            for phase, amperes, live in zip(pdu.phases, pdu.amperes, pdu.live, strict=True):
                if live:
                    sum_a, rated = by_phase[phase]
                    by_phase[phase] = (sum_a + amperes, rated + pdu.section.breaker_a)
        loads = {line: amperes / rated for line, (amperes, rated) in zip(LINES, by_phase, strict=True) if rated}
        for switch in {pdu.section.fed_by for pdu, _ in supply.single}:
            _add_switched(loads, world.network.switches[switch], feed, world.site)
        for line, load in loads.items():
            _put(found, "rack_feed_loss_load_ratio", load / limit, rack=rack, feed=feed, phase=line)
    _put(found, "site_racks_dark_on_feed_loss", float(dark), feed=feed)


def _add_switched(loads: dict[str, float], switch: Switch, feed: str, site: Site) -> None:
    """By the phases of the input that is lost, what the breaker of the other one carries."""
    for source, section in switch.section.inputs.items():
        if site.feed_of(section.fed_by) == feed:
            for amperes, line in zip(switch.amperes, section.phases, strict=False):
                load = amperes / switch.breakers["b" if source == "a" else "a"].rating_a
                loads[line] = max(load, loads.get(line, 0.0))


def _ride_through_s(world: World, loop: SecondaryLoop) -> float:
    """Until the first rack's plates are so hot that it slows down."""
    other = _held(world)
    mine = other.loops[loop.section.id]
    for cdu in mine.cdus:
        cdu.failed_pumps.update(PUMPS)
    began, left_k = other.time_s, _left_k(mine)
    while left_k > 0:
        if other.time_s - began >= LONGEST_S:
            return LONGEST_S
        before_k, before_s = left_k, other.time_s
        other.advance(1.0)
        left_k = _left_k(mine)
        if left_k <= 0:  # between two steps in proportion
            return before_s - began + before_k / (before_k - left_k)
    return 0.0


def _left_k(loop: SecondaryLoop) -> float:
    return min(plates.limit_c - plates.celsius for plates in loop.plates.values())
