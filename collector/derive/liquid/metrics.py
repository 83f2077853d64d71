"""What several figures of cooling read: metrics of CDUs, and the heat that air units take."""

from collections.abc import Collection

from collector.derive.engine import Planner
from rackflow.site import Site

SUPPLY = "dcim_cdu_supply_temperature_celsius"
RETURN = "dcim_cdu_return_temperature_celsius"
HEAT = "dcim_cdu_heat_removed_watts"
FLOW = "dcim_cdu_flow_cubic_meters_per_second"
PUMP = "dcim_cdu_pump_state"
AIR_HEAT = "dcim_crah_cooling_output_watts"


def heats_of_air_units(planner: Planner, site: Site, primaries: Collection[str]) -> list[int]:
    """Slots of the heat, W, that the air units on these primary loops take.

    Few air units report it. Requiring it from all would leave figures unknown at most sites, so those that do not are left out.
    """
    units = [each.id for each in site.air_units.values() if each.primary in primaries]
    return [planner.sum_of(each, AIR_HEAT) for each in units if planner.has(each, AIR_HEAT)]
