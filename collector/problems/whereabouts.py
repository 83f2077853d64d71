"""Where the sensor of a problem is: a message about a leak must say which rope is wet, and at which metre. Pure."""

from collections.abc import Mapping

from collector.problems.conditions import Subject
from rackflow.site import Site

LEAK_POSITION = "dcim_leak_position_meters"
"""How far along its rope a detector says that it is wet."""


def sensor_places(site: Site) -> dict[tuple[str, str, str], str]:
    """Name and place of each sensor in the site file, by site, device and label `sensor`, which is "" for all sensors of the device."""
    found: dict[tuple[str, str, str], str] = {}
    for sensor in site.sensors.values():
        place = site.place(sensor.id)
        # The narrowest is enough: a rack's row and room are known by its name.
        kind = next((each for each in ("rack", "row", "room") if each in place), "")
        parts = [sensor.id]
        parts += [f"under {sensor.under}"] if sensor.under is not None else []
        parts += [f"along loop {sensor.loop}"] if sensor.loop is not None else []
        parts += [f"{kind} {place[kind]}"] if kind else []
        parts += [f"{sensor.length_m:g} m long"] if sensor.length_m is not None else []
        found[site.id, sensor.device or sensor.id, sensor.sensor or ""] = ", ".join(parts)
    return found


def whereabouts(places: Mapping[tuple[str, str, str], str], labels: Mapping[str, str], subject: Subject) -> str:
    """A sentence for a problem whose labels name a sensor; empty if nothing more is known of it."""
    own = labels.get("sensor", "")
    if not own:
        return ""
    site, device = labels.get("site", ""), labels.get("device", "")
    place = places.get((site, device, own)) or places.get((site, device, ""), "")
    positions = [
        raw
        for found, raw in subject.series.get(LEAK_POSITION, ())
        if found.get("sensor") == own and not isinstance(raw, str)
    ]
    at = f" at {positions[0]:.1f} m" if positions else ""
    return f" Sensor: {place or own}{at}." if place or at else ""
