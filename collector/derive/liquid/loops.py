"""Figures of secondary loops, from CDUs to racks: heat balance, capture, redundancy and ride-through.

A loop's heat is the sum over its CDUs. It is unknown if one CDU's heat is: a partial sum would look like more margin.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from collector.derive.engine import Planner, Result, Unknown, Value
from collector.derive.liquid.capture import HeatCapture
from collector.derive.liquid.cooling import healthy_pumps
from collector.derive.liquid.metrics import FLOW, HEAT, PUMP, RETURN, SUPPLY
from collector.derive.liquid.ride_through import RideThrough, Thermal
from collector.derive.power import RackPower, firm
from rackflow.physics import LEAST_HEAT_W, heat_imbalance_ratio
from rackflow.site import Cdu, Site


def plan_loops(planner: Planner, site: Site, racks: Mapping[str, RackPower], thermal: Thermal) -> dict[str, int]:
    """Plan the figures of every secondary loop; return the slot of each loop's heat, W."""
    found: dict[str, int] = {}
    for loop in site.loops.values():
        cdus = [cdu for cdu in site.cdus.values() if cdu.secondary == loop.id]
        if loop.kind != "secondary" or not cdus:
            continue
        label = ("loop", loop.id)
        heat = planner.total(planner.reading(cdu.id, HEAT, loop="secondary") for cdu in cdus)
        found[loop.id] = heat
        planner.publish("dcim_loop_heat_watts", heat, label)
        if all(cdu.primary for cdu in cdus):
            primary = planner.total(planner.reading(cdu.id, HEAT, loop="primary") for cdu in cdus)
            planner.publish("dcim_loop_heat_imbalance_ratio", planner.step((primary, heat), _imbalance), label)
        # Capacity left without the largest CDU (N+1). The largest, because any of them may fail.
        rated = [cdu.rated_cooling_w for cdu in cdus]
        firm_w = firm(rated, 1)
        margin = planner.step((heat,), lambda watts, firm=firm_w: firm - watts)
        planner.publish("dcim_loop_redundancy_margin_watts", margin, label)
        # A CDU with one healthy pump counts: its pump redundancy is a figure of its own.
        healthy = [planner.step((healthy_pumps(planner, cdu.id),), lambda count: float(count > 0)) for cdu in cdus]
        spare = planner.step(healthy, lambda *up, needed=loop.cdus_required: sum(up) - needed)
        planner.publish("dcim_loop_cdus_spare", spare, label)
        if loop.racks:
            power = planner.total(racks[rack].total for rack in loop.racks)
            outputs = [("dcim_loop_heat_capture_ratio", (label,)), ("dcim_loop_air_heat_watts", (label,))]
            memory = partial(HeatCapture, loop.coolant, loop.volume_m3, thermal.supply_volume_ratio)
            temperatures = [_mean(planner, cdus, metric) for metric in (SUPPLY, RETURN)]
            planner.remember("capture", (heat, power), memory, outputs, optional=temperatures)
        if len(cdus) > 1:
            _flow_shares(planner, cdus)
    ride_through = RideThrough(planner, site, racks, found, thermal)
    for name in found:
        ride_through.plan(site.loops[name])
    return found


def _imbalance(primary_w: float, secondary_w: float) -> Result:
    ratio = heat_imbalance_ratio(primary_w, secondary_w)
    return Unknown(f"less than {LEAST_HEAT_W:g} W of heat") if ratio is None else ratio


def _mean(planner: Planner, cdus: Sequence[Cdu], metric: str) -> int:
    """Slot of the mean temperature that the CDUs of a loop measure on its side."""
    slots = [planner.reading(cdu.id, metric, loop="secondary") for cdu in cdus]
    return slots[0] if len(slots) == 1 else planner.step(slots, lambda *celsius: sum(celsius) / len(celsius))


def _flow_shares(planner: Planner, cdus: Sequence[Cdu]) -> None:
    """Publish each CDU's part of the loop's flow over its part of the rating, among those whose pumps run.

    CDUs on one loop share its flow according to their pumps and pipes. One that carries much less than its part has a closed valve, a
    clogged filter or air in it. The loop's total does not show that, because the others carry more.
    """
    flows = [planner.reading(cdu.id, FLOW, loop="secondary") for cdu in cdus]
    running = [planner.step(planner.each_or_missing(cdu.id, PUMP), _any_runs) for cdu in cdus]
    rated = [cdu.rated_cooling_w for cdu in cdus]
    for at, cdu in enumerate(cdus):
        share = planner.step((*flows, *running), partial(_flow_share, rated=rated, at=at))
        planner.publish_of("dcim_cdu_flow_share_ratio", cdu.id, share)


def _any_runs(*states: Value) -> Result:
    if "running" in states:
        return 1.0
    return Unknown("a pump's state is unknown") if "unknown" in states else 0.0


def _flow_share(*values: float, rated: Sequence[float], at: int) -> Result:
    flows, running = values[: len(rated)], values[len(rated) :]
    if not running[at]:
        return Unknown("its pumps do not run")
    together = [each for each, runs in enumerate(running) if runs]
    if len(together) < 2:  # noqa: PLR2004 - one alone shares with nobody
        return Unknown("no other CDU of the loop runs")
    whole = sum(flows[each] for each in together)
    if whole <= 0:
        return Unknown("no CDU of the loop measures any flow")
    return flows[at] / whole * sum(rated[each] for each in together) / rated[at]
