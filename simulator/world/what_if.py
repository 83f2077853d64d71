"""The consequences of failures, found by letting them happen to a copy of the world.

A simulation instead of a formula, because the collector's formulas are tested against these values and must not share a mistake
with them.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal

from rackflow.site import Site
from simulator.world.cdu import PUMPS
from simulator.world.instruments import LINES
from simulator.world.load import ConstantLoad
from simulator.world.loop import SecondaryLoop
from simulator.world.network import RackSupply
from simulator.world.switch import Switch
from simulator.world.truth import add_figure, name_of, parallel_ups
from simulator.world.world import World

Failure = Literal["pumps", "primary_flow", "heat_rejection"]
FAILURES: Final[tuple[Failure, ...]] = ("pumps", "primary_flow", "heat_rejection")
# How far ahead a ride-through is searched. Beyond a quarter of an hour operators have other means, and each search simulates the
# whole site second by second.
MAX_SEARCH_S: Final = 900.0
# Highest supply temperature of a secondary loop if the site file has none; the same default as the collector's.
SUPPLY_LIMIT_C: Final = 45.0
# A plant whose target is raised by this much rejects no heat: the water stays far below that target.
_NO_REJECTION_K: Final = 1000.0
# Time after the loss of a feed at which loads have settled on the other one: transfer switches and power supplies act within a
# step, and the resulting loads are complete one step later.
_SETTLE_S: Final = 2.0
# A rack counts as supplied if this much of its demand is; the rest allows for rounding.
_SUPPLIED_RATIO: Final = 0.999


def what_if_truth(world: World) -> dict[str, float]:
    """Consequences, at the present load, of losing each feed, and of losing pumps, primary flow and heat rejection of each loop."""
    found: dict[str, float] = {}
    for feed in world.network.feeds:
        other = copy_with_constant_load(world)
        other.network.feeds[feed].lost = True
        for ups in other.network.ups.values():
            if feed == other.site.feed_of(ups.id):
                ups.forced_bypass = True  # the battery does not count: what remains is the other feed
        other.advance(_SETTLE_S)
        _put_feed_loss(found, other, feed)
    for loop in world.loops.values():
        for failure in FAILURES:
            if failure == "pumps" or all(cdu.section.primaries for cdu in loop.cdus):
                lasts_s = ride_through_s(world, loop.section.id, failure)
                add_figure(found, "loop_ride_through_seconds", lasts_s, loop=loop.section.id, failure=failure)
    return found


def copy_with_constant_load(world: World) -> World:
    """A copy of the world whose racks keep their present demand, so that a load step is not mistaken for a consequence."""
    other = world.copy()
    other.loads = {rack: ConstantLoad(load.watts(world.time_s)) for rack, load in world.loads.items()}
    return other


def ride_through_s(world: World, loop: str, failure: Failure, max_s: float = MAX_SEARCH_S) -> float:
    """Seconds until the first rack slows down (failure of pumps) or the supply reaches its limit (the other failures)."""
    other = copy_with_constant_load(world)
    mine = other.loops[loop]
    if failure == "pumps":
        for cdu in mine.cdus:
            cdu.failed_pumps.update(PUMPS)
        return _until(other, lambda: max(each.celsius - each.limit_c for each in mine.plates.values()), 0.0, max_s)
    if failure == "primary_flow":
        for cdu in mine.cdus:
            cdu.valve, cdu.valve_stuck = 0.0, True
    else:
        for name in {name for cdu in mine.cdus for name in cdu.section.primaries}:
            other.primaries[name].warm_k = _NO_REJECTION_K
    limit_c = mine.section.max_supply_celsius
    return _until(other, lambda: _supply_c(mine), SUPPLY_LIMIT_C if limit_c is None else limit_c, max_s)


def _supply_c(loop: SecondaryLoop) -> float:
    return max(cdu.supply_c for cdu in loop.cdus)


def _until(world: World, celsius: Callable[[], float], limit_c: float, max_s: float) -> float:
    """Seconds until `celsius` reaches the limit, interpolated within the step that reaches it; at most `max_s`."""
    began, now = world.time_s, celsius()
    while now < limit_c:
        if world.time_s - began >= max_s:
            return max_s
        before, last_s = now, world.time_s
        world.advance(1.0)
        now = celsius()
        if now >= limit_c:
            return last_s - began + (limit_c - before) / (now - before)
    return world.time_s - began


def ups_holdup_s(world: World, ups: str, max_s: float) -> float:
    """Seconds until a UPS drops its load after its feed is lost, mains and generator."""
    other = copy_with_constant_load(world)
    feed = other.site.feed_of(ups)
    if feed is not None:
        other.network.feeds[feed].lost = True
    began = other.time_s
    other.advance(1.0)
    while other.network.ups[ups].mode == "battery" and other.time_s - began < max_s:
        other.advance(1.0)
    return other.time_s - began


def _put_feed_loss(found: dict[str, float], world: World, feed: str) -> None:
    """Add the figures of a world that has lost this feed: of each rack, of what is above the racks, and of the site."""
    network, limit = world.network, world.site.electrical.continuous_load_factor
    dark = 0
    lost = set[str]()
    for rack, supply in network.racks.items():
        fed = supply.supplied_w >= _SUPPLIED_RATIO * supply.demand_w
        if not fed:
            dark += 1
        loads = _rack_loads(world, supply, feed)
        for line, share in loads.items():
            load = share / limit
            add_figure(found, "rack_feed_loss_load_ratio", load, rack=rack, feed=feed, phase=line)
            add_figure(found, "rack_survives_feed_loss", float(fed and load <= 1), rack=rack, feed=feed, phase=line)
        if not fed or any(share > limit for share in loads.values()):
            lost.add(rack)
    add_figure(found, "site_racks_dark_on_feed_loss", float(dark), feed=feed)
    add_figure(found, "site_racks_lost_on_feed_loss", float(len(lost)), feed=feed)
    above = {**_ups_loads(world, feed), **_panel_loads(world, feed)}
    for (metric, kind, name, of_phase), load in above.items():
        labels = {kind: name, "feed": feed} | ({"phase": of_phase} if of_phase else {})
        add_figure(found, metric, load, **labels)
    survives = not lost and all(load <= 1 for load in above.values())
    add_figure(found, "site_survives_feed_loss", float(survives), feed=feed)


def _rack_loads(world: World, supply: RackSupply, feed: str) -> dict[str, float]:
    """By phase, what the breakers of a rack's PDUs that are left carry, of their rating."""
    by_phase = [(0.0, 0.0)] * len(LINES)
    for pdu, _ in supply.dual_corded:
        for phase, amperes, live in zip(pdu.phases, pdu.amperes, pdu.live, strict=True):
            if live:
                sum_a, rated = by_phase[phase]
                by_phase[phase] = (sum_a + amperes, rated + pdu.section.breaker_a)
    loads = {line: amperes / rated for line, (amperes, rated) in zip(LINES, by_phase, strict=True) if rated}
    for switch in {pdu.section.fed_by for pdu, _ in supply.single_corded}:
        _add_switched(loads, world.network.switches[switch], feed, world.site)
    return loads


def _add_switched(loads: dict[str, float], switch: Switch, feed: str, site: Site) -> None:
    """Raise `loads` to what the breaker of a switch's other input carries, by the phases of the input that is lost."""
    for source, section in switch.section.inputs.items():
        if site.feed_of(section.fed_by) == feed:
            for amperes, line in zip(switch.amperes, section.phases, strict=False):
                load = amperes / switch.breakers["b" if source == "a" else "a"].rating_a
                loads[line] = max(load, loads.get(line, 0.0))


_Load = Mapping[tuple[str, str, str, str], float]
"""Load ratio by metric, label, the label's value, and phase."""


def _ups_loads(world: World, feed: str) -> _Load:
    ups = world.network.ups
    return {
        ("ups_feed_loss_load_ratio", "group", name_of(group), ""): sum(sum(ups[each].output_w) for each in group)
        / sum(ups[each].rated_w for each in group)
        for group in parallel_ups(world.site)
        if world.site.feed_of(group[0]) != feed
    }


def _panel_loads(world: World, feed: str) -> _Load:
    """Currents of the rack PDUs below each panel, over what the panel's breaker may carry continuously."""
    site, found = world.site, dict[tuple[str, str, str, str], float]()
    for panel in site.panels.values():
        if panel.breaker_a is None or site.feed_of(panel.id) == feed:
            continue
        limit_a = site.electrical.continuous_load_factor * panel.breaker_a
        for line, amperes in zip(LINES, _amperes_below(world, panel.id), strict=True):
            found["panel_feed_loss_load_ratio", "panel", panel.id, line] = amperes / limit_a
    return found


def _amperes_below(world: World, panel: str) -> list[float]:
    """Currents of the rack PDUs below a panel, by the supply's phases, A.

    PDUs behind a transfer switch count only while the switch takes its load from this panel.
    """
    site, network = world.site, world.network
    amperes = [0.0] * len(LINES)
    below = site.downstream(panel)
    for pdu in (network.pdus[each] for each in site.pdus if each in below):
        if pdu.section.fed_by not in site.transfer_switches:
            for phase, each in zip(pdu.phases, pdu.amperes, strict=True):
                amperes[phase] += each
    for switch in (network.switches[each] for each in site.transfer_switches if each in below):
        source = switch.section.inputs[switch.selected]
        if panel in site.above(source.fed_by):
            for line, each in zip(source.phases, switch.amperes, strict=False):
                amperes[LINES.index(line)] += each
    return amperes
