"""The data sheets of a simulated site: battery runtimes, pumps and thermal limits, as manufacturers and commissioning give them.

Tests fill the collector's section `derive` from it, so that figures are computed with the data that a real site would have.
"""

from typing import Any, Final

from rackflow.site import Site, Ups
from simulator.world.cdu import DESIGN_RISE_K
from simulator.world.hydraulics import PUMPS_REQUIRED
from simulator.world.loop import LOW_FLOW_FILM, PLATE_J_PER_K_W, PLATE_RISE_K, THROTTLE_C
from simulator.world.network import new_ups
from simulator.world.world import COLD_SHARE

# Loads over a UPS's rating for which the data sheet has runtimes; the usual columns of such tables.
LOADS: Final = (0.1, 0.25, 0.5, 0.75, 1.0)


def data_sheet(site: Site) -> dict[str, Any]:
    """The values that the site file leaves out, in the form of the collector's section `derive`.

    The standing ratio is the conductance of plates without flow over the one at design flow. It is scaled to the site file's
    `chip_rise_kelvin`, which includes half of the coolant's own rise.
    """
    in_site_file = any(rack.chip_limit_celsius is not None for rack in site.racks.values())
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
        "thermal": ({} if in_site_file else chips)
        | {"chip_standing_ratio": round(standing, 3), "supply_volume_ratio": COLD_SHARE},
    }


def runtimes(ups: Ups, volts: float) -> dict[float, float]:
    """Runtimes (whole seconds) of a new, full battery by load (W)."""
    # Computed with the simulator's own UPS model, so the data sheet is exact; real ones are at best as good.
    found = new_ups(ups, volts)
    times = {}
    for load in LOADS:
        found.output_w = [load * ups.rated_power_w / 3] * 3
        times[load * ups.rated_power_w] = float(round(found.battery.runtime_s(found.battery_draw_w)))
    return times
