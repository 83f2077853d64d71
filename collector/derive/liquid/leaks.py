"""Leaks by the loop that they belong to, and where along its rope each is."""

from collections.abc import Iterator

from collector.derive.engine import Planner
from rackflow.site import Sensor, Site

_LEAK, _POSITION = "dcim_leak_detected", "dcim_leak_position_meters"


def plan_leaks(planner: Planner, site: Site) -> None:
    """Plan the leaks of each loop with detectors, and the position on each rope of known length."""
    by_loop: dict[str, list[int]] = {}
    for sensor in site.sensors.values():
        if sensor.measures != "leak":
            continue
        device, own = sensor.device or sensor.id, {"sensor": sensor.sensor} if sensor.sensor else {}
        for loop in _loops_of(site, sensor):
            by_loop.setdefault(loop, []).extend(planner.each_or_missing(device, _LEAK, **own))
        if sensor.length_m is not None:
            for slot in planner.each(device, _POSITION, **own)[:1]:
                share = planner.step((slot,), lambda meters, of=sensor.length_m: meters / of)
                label = ("sensor", sensor.sensor or sensor.id)
                planner.publish_of("dcim_leak_rope_position_ratio", device, share, label)
    for loop, slots in by_loop.items():
        # A leak that is known counts although another detector is silent.
        wet = planner.step((), lambda known: float(sum(known)), optional=slots, min_share=0.0)
        planner.publish("dcim_loop_leaks_detected", wet, ("loop", loop))


def _loops_of(site: Site, sensor: Sensor) -> Iterator[str]:
    """The loop along which a detector lies, or those of the unit under which it lies: it may be the coolant of either side."""
    if sensor.loop is not None:
        yield sensor.loop
    under = sensor.under
    if under is None:
        return
    if under in site.cdus:
        yield from dict.fromkeys((site.cdus[under].secondary, *site.cdus[under].primaries))
    elif under in site.air_units:
        loop = site.air_units[under].primary
        yield from [loop] if loop else []
    else:
        units = {**site.chillers, **site.dry_coolers, **site.facility_pumps}
        yield units[under].loop
