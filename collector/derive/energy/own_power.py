"""The power that a site and its IT use, that PV generates and that is exported at this moment, and which incomers have voltage."""

from collections.abc import Mapping

from collector.derive.energy.accounting import it_power, mains_power, site_power
from collector.derive.engine import Planner
from collector.derive.power import RackPower, metered_w
from rackflow.site import Site

_VOLTAGE = "dcim_meter_voltage_volts"
# Below 50 V no equipment works, whatever its rating. The problem DcimMeterDark has the same limit.
MIN_VOLTS = 50.0


def plan_own_power(planner: Planner, site: Site, racks: Mapping[str, RackPower]) -> None:
    """Plan the figures of what the site uses, of incomers, of PV behind its meters, and of the power exported through those."""
    _site_and_it(planner, site, racks)
    for meter in site.meters_of("facility"):
        if meter.incomer:
            volts = planner.each_or_missing(meter.id, _VOLTAGE)
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


def _site_and_it(planner: Planner, site: Site, racks: Mapping[str, RackPower]) -> None:
    """Publish the two powers that the page shows, too, and that of the mains.

    Prometheus can sum meters, but knows neither which of them is below another nor that one is silent.
    """
    for metric, watts in (
        ("dcim_site_mains_watts", mains_power(planner, site)),
        ("dcim_site_facility_watts", site_power(planner, site)),
        ("dcim_site_it_watts", it_power(planner, site, racks)),
    ):
        if watts is not None:
            planner.publish(metric, watts)
