"""The power that a site imports, generates with PV and exports at this moment, and which of its incomers have voltage."""

from collector.derive.engine import Planner
from collector.derive.power import metered_w
from rackflow.site import Site

_VOLTAGE = "dcim_meter_voltage_volts"
# Below 50 V no equipment works, whatever its rating. The problem DcimMeterDark has the same limit.
MIN_VOLTS = 50.0


def plan_own_power(planner: Planner, site: Site) -> None:
    """Plan the figures of incomers, of PV behind the site's meters, and of the power exported through those meters."""
    for meter in site.meters_of("facility"):
        if meter.incomer:
            volts = planner.each(meter.id, _VOLTAGE) or [planner.reading(meter.id, _VOLTAGE)]
            live = planner.step((), lambda known: float(max(known) >= MIN_VOLTS), optional=volts, min_share=0.0)
            planner.publish_of("dcim_incomer_live", meter.id, live)
    pv_meters = [meter for meter in site.meters_of("pv") if meter.behind is not None]
    if pv_meters:
        pv_w = planner.total(planner.step((metered_w(planner, each.id),), abs) for each in pv_meters)
        planner.publish("dcim_site_pv_watts", pv_w)
    behind = dict.fromkeys(meter.behind for meter in site.meters.values() if meter.behind is not None)
    if behind:
        out = [planner.step((metered_w(planner, each),), lambda watts: max(0.0, -watts)) for each in behind]
        planner.publish("dcim_site_export_watts", planner.total(out))
