"""Figures of liquid loops: in go CDUs' heat and racks' power, out come balance, capture, redundancy and ride-through; pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from collector.derive.cooling import HEAT, SUPPLY, healthy_pumps
from collector.derive.electrical import RackPower
from collector.derive.frame import Compute, Unknown, Value
from collector.derive.planner import Planner
from rackflow.fluids import volumetric_heat_capacity
from rackflow.physics import LEAST_HEAT_W, heat_imbalance_ratio
from rackflow.site import Loop, Rack, Site

LONGEST_S = 86_400.0


SUPPLY_LIMIT_C = 45.0


@dataclass(frozen=True, slots=True)
class Chips:
    """Chips of one kind. A kilowatt of accelerator with its cold plate stores 393 J/K (0.5 kg copper, 50 mL coolant)."""

    limit_c: float = 90.0
    rise_k: float = 15.0
    """Above supply temperature at design power."""
    capacity_s_per_k: float = 0.393
    """J/K per W of design power."""


@dataclass(frozen=True, slots=True)
class Thermal:
    """Limits and capacities for all loops and racks, instead of what the site file says of each; see `rackflow.site`."""

    supply_limit_celsius: float | None = None
    chip_limit_celsius: float | None = None
    chip_rise_kelvin: float | None = None
    chip_heat_capacity_seconds_per_kelvin: float | None = None

    def supply_limit_of(self, loop: Loop) -> float:
        """The limit of a loop's supply, degC."""
        return _given(self.supply_limit_celsius, loop.max_supply_celsius, SUPPLY_LIMIT_C)

    def chips_of(self, rack: Rack) -> Chips:
        """The chips of a rack."""
        usual = Chips()
        own = rack.chip_heat_capacity_seconds_per_kelvin
        return Chips(
            _given(self.chip_limit_celsius, rack.chip_limit_celsius, usual.limit_c),
            _given(self.chip_rise_kelvin, rack.chip_rise_kelvin, usual.rise_k),
            _given(self.chip_heat_capacity_seconds_per_kelvin, own, usual.capacity_s_per_k),
        )


def _given(override: float | None, own: float | None, usual: float) -> float:
    found = own if override is None else override
    return usual if found is None else found


def plan_loops(planner: Planner, site: Site, racks: Mapping[str, RackPower], thermal: Thermal) -> dict[str, int]:
    """Figures of every secondary loop; returns the slot of each loop's heat."""
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
        rated = [cdu.rated_cooling_w for cdu in cdus]
        firm_w = sum(rated) - max(rated)
        margin = planner.step((heat,), lambda watts, firm=firm_w: firm - watts)
        planner.publish("dcim_loop_redundancy_margin_watts", margin, label)
        healthy = [planner.step((healthy_pumps(planner, cdu.id),), lambda count: float(count > 0)) for cdu in cdus]
        spare = planner.step(healthy, lambda *up, needed=loop.cdus_required: sum(up) - needed)
        planner.publish("dcim_loop_cdus_spare", spare, label)
        if loop.racks:
            power = planner.total(racks[rack].total for rack in loop.racks)
            planner.publish("dcim_loop_heat_capture_ratio", planner.step((heat, power), _capture), label)
            planner.publish(
                "dcim_loop_air_heat_watts", planner.step((heat, power), lambda heat, all_: all_ - heat), label
            )
    for name in found:
        _ride_through(planner, site, site.loops[name], found, thermal)
    return found


def _imbalance(primary_w: float, secondary_w: float) -> Value:
    ratio = heat_imbalance_ratio(primary_w, secondary_w)
    return Unknown(f"less than {LEAST_HEAT_W:g} W of heat") if ratio is None else ratio


def _capture(heat_w: float, power_w: float) -> Value:
    return heat_w / power_w if power_w >= LEAST_HEAT_W else Unknown(f"less than {LEAST_HEAT_W:g} W of power")


def _supplies(planner: Planner, site: Site, loop: str) -> int:
    """Slot of the warmest supply of a loop."""
    slots = [planner.reading(cdu.id, SUPPLY, loop="secondary") for cdu in site.cdus.values() if cdu.secondary == loop]
    return slots[0] if len(slots) == 1 else planner.step(slots, max)


def _ride_through(planner: Planner, site: Site, loop: Loop, heats: Mapping[str, int], thermal: Thermal) -> None:
    supply, heat = _supplies(planner, site, loop.id), heats[loop.id]

    def publish(failure: str, slot: int) -> None:
        planner.publish("dcim_loop_ride_through_seconds", slot, ("loop", loop.id), ("failure", failure))

    limit_c = thermal.supply_limit_of(loop)
    publish("primary_flow", planner.step((supply, heat), _until_limit([loop], limit_c)))
    racks = [rack for each in loop.racks if (rack := site.racks[each]).liquid_share]
    if racks:
        design_w = sum(rack.design_power_w * rack.liquid_share for rack in racks)
        publish(
            "pumps", planner.step((supply, heat), _until_chip(design_w, {thermal.chips_of(rack) for rack in racks}))
        )
    primaries = {cdu.primary for cdu in site.cdus.values() if cdu.secondary == loop.id}
    if len(primaries) == 1 and (primary := primaries.pop()) is not None:
        # All loops that this one shares facility water with warm up together.
        sharing = {cdu.secondary for cdu in site.cdus.values() if cdu.primary == primary}
        loops = [site.loops[primary], *(site.loops[each] for each in sorted(sharing))]
        total = planner.total(heats[each] for each in sorted(sharing))
        publish("heat_rejection", planner.step((supply, total), _until_limit(loops, limit_c)))


def _until_limit(loops: Sequence[Loop], limit_c: float) -> Compute:
    """T = (T_limit - T) * sum(V * rho * cp) / Q."""

    def seconds(supply_c: float, heat_w: float) -> Value:
        if heat_w < LEAST_HEAT_W:
            return Unknown(f"less than {LEAST_HEAT_W:g} W of heat")
        capacities = [volumetric_heat_capacity(loop.coolant, (supply_c + limit_c) / 2) for loop in loops]
        known = [each * loop.volume_m3 for each, loop in zip(capacities, loops, strict=True) if each is not None]
        if len(known) < len(loops):
            return Unknown("a temperature is outside of what the coolant's properties are known for")
        return min(max(limit_c - supply_c, 0.0) * sum(known) / heat_w, LONGEST_S)

    return seconds


def _until_chip(design_w: float, kinds: Collection[Chips]) -> Compute:
    """T = (T_limit - T_chip) * C / Q with T_chip = T_supply + rise * Q / Q_design; of several kinds of chips the first to get there.

    Racks are taken to share the loop's heat as they would at design power.
    """

    def seconds(supply_c: float, heat_w: float) -> Value:
        if heat_w < LEAST_HEAT_W:
            return Unknown(f"less than {LEAST_HEAT_W:g} W of heat")
        load = heat_w / design_w
        left = [(chips.limit_c - supply_c - chips.rise_k * load, chips.capacity_s_per_k) for chips in kinds]
        return min(LONGEST_S, *(max(kelvin, 0.0) * capacity / load for kelvin, capacity in left))

    return seconds
