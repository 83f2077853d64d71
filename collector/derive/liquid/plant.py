"""Figures of facility cooling: what chillers, dry coolers and pumps of a primary loop have left, and air units that stand in for others."""

from collections.abc import Iterable, Sequence
from functools import partial

from collector.derive.engine import Planner, Result, Unknown, Value
from collector.derive.liquid.metrics import AIR_HEAT, HEAT, heats_of_air_units
from collector.derive.power import able_of, able_share, firm, metered_w, plan_fault, redundant
from rackflow.site import AirUnit, Chiller, DryCooler, FacilityPump, Loop, Site

_AIR_STATE = "dcim_crah_unit_state"
_HEALTHY = ("running", "standby")
# Power from which a facility pump counts as running. Drives in standby take 20 to 60 W, and the pumps of a hall some kilowatts.
PUMP_RUNS_W = 200.0


def plan_plant(planner: Planner, site: Site) -> None:
    """Plan the figures of every primary loop with plant, and of every group of air units."""
    for loop in site.loops.values():
        chillers = [each for each in site.chillers.values() if each.loop == loop.id]
        coolers = [each for each in site.dry_coolers.values() if each.loop == loop.id]
        pumps = [each for each in site.facility_pumps.values() if each.loop == loop.id]
        if chillers or coolers:
            _heat_rejection(planner, site, loop, [chillers, coolers])
        if pumps:
            _facility_pumps(planner, site, loop, pumps)
    for group in site.air_groups.values():
        _air_group(planner, group.id, group.required, [u for u in site.air_units.values() if u.group == group.id])


def _heat_rejection(planner: Planner, site: Site, loop: Loop, kinds: Sequence[Sequence[Chiller | DryCooler]]) -> None:
    """Publish the share of what the plant can reject, and what is left when one of each kind fails.

    One of each kind may be missing: at the design weather they carry the heat together.
    """
    heat = _heat_into(planner, site, loop.id)
    units = [each for kind in kinds for each in kind]
    faults = [plan_fault(planner, each.id, each.fault) for each in units]
    rated = _ratings(units)
    share = planner.step((heat, *faults), partial(able_share, rated=rated))
    planner.publish("dcim_loop_heat_rejection_load_ratio", share, ("loop", loop.id))
    required = (loop.chillers_required, loop.dry_coolers_required)
    counts = [len(kind) for kind in kinds]
    spare = [redundant(count, needed) for count, needed in zip(counts, required, strict=True)]
    margin = planner.step((heat, *faults), partial(_margin, rated=rated, counts=counts, spare=spare))
    planner.publish("dcim_loop_heat_rejection_margin_watts", margin, ("loop", loop.id))


def _margin(
    heat_w: float, *faults: float, rated: Sequence[float], counts: Sequence[int], spare: Sequence[int]
) -> float:
    left, at = 0.0, 0
    for count, redundant_units in zip(counts, spare, strict=True):
        part = slice(at, at + count)
        left += firm(able_of(rated[part], faults[part]), redundant_units)
        at += count
    return left - heat_w


def _facility_pumps(planner: Planner, site: Site, loop: Loop, pumps: Sequence[FacilityPump]) -> None:
    """Publish how many pumps run, by their own meters, and how many there are beyond those required.

    A meter cannot tell a pump in standby from one that has failed. While too few run, each one that stands still counts as failed, whatever
    its contact reports.
    """
    spare = redundant(len(pumps), loop.facility_pumps_required)
    required = len(pumps) - spare
    meters = {meter.measures[0]: meter.id for meter in site.meters.values() if len(meter.measures) == 1}
    label = ("loop", loop.id)
    faults = [plan_fault(planner, each.id, each.fault) for each in pumps]
    metered = [metered_w(planner, meters[each.id]) for each in pumps if each.id in meters]
    if len(metered) == len(pumps):
        running = planner.step(metered, lambda *watts: float(sum(each >= PUMP_RUNS_W for each in watts)))
        planner.publish("dcim_loop_facility_pumps_running", running, label)
        left = planner.step((*metered, *faults), partial(_pumps_left, required=required))
    elif all(each.fault is not None for each in pumps):
        left = planner.step(faults, lambda *now, needed=required: now.count(0.0) - needed)
    else:
        unknown = next(each.id for each in pumps if each.id not in meters)
        missing = f"site file: no meter measures {unknown} alone, and not every pump of {loop.id} has a fault contact"
        left = planner.step((), lambda: 0.0, missing_config=missing)
    planner.publish("dcim_loop_facility_pumps_spare", left, label)


def _pumps_left(*values: float, required: int) -> float:
    count = len(values) // 2
    runs = [watts >= PUMP_RUNS_W for watts in values[:count]]
    able = [moves or not fault for moves, fault in zip(runs, values[count:], strict=True)]
    return float((sum(runs) if sum(runs) < required else sum(able)) - required)


def _heat_into(planner: Planner, site: Site, loop: str) -> int:
    """Slot of all heat that a primary loop has to take, W.

    A CDU on two loops counts on both: each must carry it while the other is away. Its heat is that of its primary side where it measures
    that, and of its secondary side otherwise.
    """
    slots = []
    for cdu in site.cdus.values():
        if loop in cdu.primaries:
            sides = [each for each in ("primary", "secondary") if planner.has(cdu.id, HEAT, loop=each)]
            slots.append(planner.first(*(planner.reading(cdu.id, HEAT, loop=each) for each in sides or ["secondary"])))
    return planner.total([*slots, *heats_of_air_units(planner, site, {loop})])


def _air_group(planner: Planner, name: str, required: int, units: Iterable[AirUnit]) -> None:
    """Publish how many healthy units there are beyond those required, and the power left if the others fail."""
    members = list(units)
    healthy = [planner.step(planner.each_or_missing(each.id, _AIR_STATE), _is_healthy) for each in members]
    spare = planner.step(healthy, partial(_spare, required=required))
    planner.publish("dcim_air_group_units_spare", spare, ("group", name))
    taken = planner.total(planner.sum_of(each.id, AIR_HEAT) for each in members)
    firm_w = firm(_ratings(members), redundant(len(members), required))
    planner.publish(
        "dcim_air_group_redundancy_margin_watts", planner.step((taken,), partial(_left, of=firm_w)), ("group", name)
    )


def _is_healthy(*states: Value) -> Result:
    if "unknown" in states:
        return Unknown("a unit's state is unknown")
    return float(all(state in _HEALTHY for state in states))


def _spare(*healthy: float, required: int) -> float:
    return sum(healthy) - required


def _left(watts: float, *, of: float) -> float:
    return of - watts


def _ratings(units: Iterable[Chiller | DryCooler | AirUnit]) -> list[float]:
    return [each.rated_cooling_w for each in units]
