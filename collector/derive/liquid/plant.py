"""Figures of facility cooling: what chillers and dry coolers of a primary loop have left, and air units that stand in for each other."""

from collections.abc import Iterable
from functools import partial

from collector.derive.engine import Planner, Result, Unknown, Value, ratio
from collector.derive.liquid.cooling import HEAT
from collector.derive.power import firm
from rackflow.site import AirUnit, Chiller, DryCooler, Site

_AIR_HEAT = "dcim_crah_cooling_output_watts"
_AIR_STATE = "dcim_crah_unit_state"
_HEALTHY = ("running", "standby")


def plan_plant(planner: Planner, site: Site) -> None:
    """Plan the figures of every primary loop with plant, and of every group of air units."""
    for loop in site.loops.values():
        chillers = [each for each in site.chillers.values() if each.loop == loop.id]
        coolers = [each for each in site.dry_coolers.values() if each.loop == loop.id]
        if not chillers and not coolers:
            continue
        heat = _heat_into(planner, site, loop.id)
        rated_w = sum(_ratings(chillers)) + sum(_ratings(coolers))
        share = planner.step((heat,), partial(_share, of=rated_w))
        planner.publish("dcim_loop_heat_rejection_load_ratio", share, ("loop", loop.id))
        # One of each kind may be missing: at the design weather they carry the heat together.
        firm_w = sum(
            firm(_ratings(units), required)
            for units, required in ((chillers, loop.chillers_required), (coolers, loop.dry_coolers_required))
            if units
        )
        margin = planner.step((heat,), partial(_left, of=firm_w))
        planner.publish("dcim_loop_heat_rejection_margin_watts", margin, ("loop", loop.id))
    for group in site.air_groups.values():
        _air_group(planner, group.id, group.required, [u for u in site.air_units.values() if u.group == group.id])


def _heat_into(planner: Planner, site: Site, loop: str) -> int:
    """Slot of all heat that a primary loop has to take, W.

    A CDU on two loops counts on both: each must carry it while the other is away. Its heat is that of its primary side where it measures
    that, and of its secondary side otherwise. Few air units say how much heat they take; those that do not are left out.
    """
    slots = []
    for cdu in site.cdus.values():
        if loop in cdu.primaries:
            sides = [each for each in ("primary", "secondary") if planner.has(cdu.id, HEAT, loop=each)]
            slots.append(planner.first(*(planner.reading(cdu.id, HEAT, loop=each) for each in sides or ["secondary"])))
    units = [each.id for each in site.air_units.values() if each.primary == loop]
    slots += [planner.sum_of(each, _AIR_HEAT) for each in units if planner.has(each, _AIR_HEAT)]
    return planner.total(slots)


def _air_group(planner: Planner, name: str, required: int, units: Iterable[AirUnit]) -> None:
    """Publish how many healthy units there are beyond those required, and the power left if the others fail."""
    members = list(units)
    healthy = [planner.step(_states(planner, each.id), _is_healthy) for each in members]
    spare = planner.step(healthy, partial(_spare, required=required))
    planner.publish("dcim_air_group_units_spare", spare, ("group", name))
    taken = planner.total(planner.sum_of(each.id, _AIR_HEAT) for each in members)
    firm_w = firm(_ratings(members), required)
    planner.publish(
        "dcim_air_group_redundancy_margin_watts", planner.step((taken,), partial(_left, of=firm_w)), ("group", name)
    )


def _states(planner: Planner, unit: str) -> list[int]:
    return planner.each(unit, _AIR_STATE) or [planner.reading(unit, _AIR_STATE)]


def _is_healthy(*states: Value) -> Result:
    if "unknown" in states:
        return Unknown("a unit's state is unknown")
    return float(all(state in _HEALTHY for state in states))


def _spare(*healthy: float, required: int) -> float:
    return sum(healthy) - required


def _left(watts: float, *, of: float) -> float:
    return of - watts


def _share(watts: float, *, of: float) -> Result:
    return ratio(watts, of)


def _ratings(units: Iterable[Chiller | DryCooler | AirUnit]) -> list[float]:
    return [each.rated_cooling_w for each in units]
