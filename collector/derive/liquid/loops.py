"""Figures of secondary loops, from CDUs to racks: heat balance, capture, redundancy and ride-through.

A loop's heat is the sum over its CDUs. It is unknown if one CDU's heat is: a partial sum would look like more margin.
"""

from collections.abc import Mapping

from collector.derive.engine import Planner, Result, Unknown
from collector.derive.liquid.cooling import HEAT, healthy_pumps
from collector.derive.liquid.ride_through import RideThrough, Thermal
from collector.derive.power import RackPower
from rackflow.physics import LEAST_HEAT_W, heat_imbalance_ratio
from rackflow.site import Site


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
        firm_w = sum(rated) - max(rated)
        margin = planner.step((heat,), lambda watts, firm=firm_w: firm - watts)
        planner.publish("dcim_loop_redundancy_margin_watts", margin, label)
        # A CDU with one healthy pump counts: its pump redundancy is a figure of its own.
        healthy = [planner.step((healthy_pumps(planner, cdu.id),), lambda count: float(count > 0)) for cdu in cdus]
        spare = planner.step(healthy, lambda *up, needed=loop.cdus_required: sum(up) - needed)
        planner.publish("dcim_loop_cdus_spare", spare, label)
        if loop.racks:
            power = planner.total(racks[rack].total for rack in loop.racks)
            planner.publish("dcim_loop_heat_capture_ratio", planner.step((heat, power), _capture), label)
            planner.publish(
                "dcim_loop_air_heat_watts", planner.step((heat, power), lambda heat, all_: all_ - heat), label
            )
    ride_through = RideThrough(planner, site, racks, found, thermal)
    for name in found:
        ride_through.plan(site.loops[name])
    return found


def _imbalance(primary_w: float, secondary_w: float) -> Result:
    ratio = heat_imbalance_ratio(primary_w, secondary_w)
    return Unknown(f"less than {LEAST_HEAT_W:g} W of heat") if ratio is None else ratio


def _capture(heat_w: float, power_w: float) -> Result:
    # The same limit as for heat: below it, both numbers are near their resolution, and the ratio means little.
    return heat_w / power_w if power_w >= LEAST_HEAT_W else Unknown(f"less than {LEAST_HEAT_W:g} W of power")
