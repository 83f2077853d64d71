"""What comes into the site, is generated on it, and leaves it at this moment, and which of its incomers have voltage."""

from collector.derive.engine import Planner
from collector.derive.power import metered_w
from rackflow.site import Site

_VOLTAGE = "dcim_meter_voltage_volts"
# Below 50 V nothing works, whatever its rating; as DcimMeterDark.
MIN_VOLTS = 50.0


def plan_own_power(planner: Planner, site: Site) -> None:
    """Plan the figures of incomers, of PV behind the site's meters, and of what leaves through those."""
    for meter in site.meters_of("facility"):
        if meter.incomer:
            volts = planner.each(meter.id, _VOLTAGE) or [planner.reading(meter.id, _VOLTAGE)]
            live = planner.step((), lambda known: float(max(known) >= MIN_VOLTS), optional=volts, min_share=0.0)
            planner.publish_of("dcim_incomer_live", meter.id, live)
    roofs = [meter for meter in site.meters_of("pv") if meter.behind is not None]
    if roofs:
        own = planner.total(planner.step((metered_w(planner, each.id),), abs) for each in roofs)
        planner.publish("dcim_site_pv_watts", own)
    behind = dict.fromkeys(meter.behind for meter in site.meters.values() if meter.behind is not None)
    if behind:
        out = [planner.step((metered_w(planner, each),), lambda watts: max(0.0, -watts)) for each in behind]
        planner.publish("dcim_site_export_watts", planner.total(out))
