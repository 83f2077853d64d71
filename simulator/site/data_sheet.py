"""What manufacturers and commissioning tests would say of a simulated site: battery runtimes and thermal limits.

The collector's section `derive` is filled from it, so that figures are judged with the data a real site would have.
"""

from typing import Any, Final

from rackflow.site import Site, Ups
from simulator.world.cdu import DESIGN_RISE_K
from simulator.world.hydraulics import PUMPS_REQUIRED
from simulator.world.loop import LOW_FLOW_FILM, PLATE_J_PER_K_W, PLATE_RISE_K, THROTTLE_C
from simulator.world.network import new_ups
from simulator.world.world import COLD_SHARE

LOADS: Final = (0.1, 0.25, 0.5, 0.75, 1.0)
"""Of a UPS's rating, that its data sheet has runtimes for."""


def data_sheet(site: Site) -> dict[str, Any]:
    """What the site file does not say: runtimes of batteries, pumps that a unit needs, what chips and cold plates are like."""
    told = any(rack.chip_limit_celsius is not None for rack in site.racks.values())
    chips = {
        "chip_limit_celsius": THROTTLE_C,
        "chip_rise_kelvin": PLATE_RISE_K,
        "chip_heat_capacity_seconds_per_kelvin": PLATE_J_PER_K_W,
    }
    standing = LOW_FLOW_FILM * PLATE_RISE_K / (PLATE_RISE_K - DESIGN_RISE_K / 2)
    return {
        "batteries": {
            ups.id: {"runtimes": runtimes(ups, site.electrical.volts)}
            for ups in site.ups.values()
            if ups.battery is None
        },
        "pumps_required": {cdu.id: PUMPS_REQUIRED for cdu in site.cdus.values() if cdu.pumps_required is None},
        "thermal": ({} if told else chips)
        | {"chip_standing_ratio": round(standing, 3), "supply_volume_ratio": COLD_SHARE},
    }


def runtimes(ups: Ups, volts: float) -> dict[float, float]:
    """Whole seconds by watts of load, of a new, full battery."""
    found = new_ups(ups, volts)
    times = {}
    for load in LOADS:
        found.output_w = [load * ups.rated_power_w / 3] * 3
        times[load * ups.rated_power_w] = float(round(found.battery.runtime_s(found.battery_draw_w)))
    return times
