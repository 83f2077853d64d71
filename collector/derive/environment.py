"""Air temperatures in front of and behind racks. Only the site file says where each sensor hangs."""

from collections.abc import Iterable, Mapping

from collector.derive.engine import Label, Planner
from rackflow.site import Sensor, Site

_TEMPERATURE = "dcim_env_temperature_celsius"
# Places that some devices state themselves (front_top, rear_bottom): the front of a rack is its inlet.
_SIDES = {"front": "inlet", "rear": "outlet"}


def plan_rack_air(planner: Planner, site: Site | None, devices: Iterable[str]) -> None:
    """Publish the temperature of each sensor in front of or behind a rack, with `position` and the rack as labels.

    The site file says where a sensor hangs. What a device states itself counts for sensors that the file does not have.
    """
    described: set[tuple[str, str]] = set()
    for sensor in site.sensors.values() if site is not None else ():
        if sensor.measures == "air" and site is not None:
            device, own = sensor.device or sensor.id, _own(sensor)
            found = planner.series(device, _TEMPERATURE, **own)
            described.update((device, key) for key, _ in found)
            # A sensor that the site file names has its figure from the start, so that it shows as missing if it never reports.
            for labels in (own,) if own else [each for _, each in found]:
                if sensor.position != "ambient":
                    _publish(planner, device, tuple(site.place(sensor.id).items()), sensor.position, labels)
    for device in devices:
        for key, labels in planner.series(device, _TEMPERATURE):
            side = _SIDES.get(labels.get("position", "").partition("_")[0])
            if side is not None and (device, key) not in described:
                place = tuple(each for each in planner.place_of(device) if each[0] not in {"feed", "device"})
                _publish(planner, device, place, side, labels)


def _own(sensor: Sensor) -> dict[str, str]:
    return {"sensor": sensor.sensor} if sensor.sensor else {}


def _publish(planner: Planner, device: str, place: tuple[Label, ...], position: str, labels: Mapping[str, str]) -> None:
    slots = planner.each(device, _TEMPERATURE, **labels)
    slot = slots[0] if slots else planner.reading(device, _TEMPERATURE, **labels)
    sensor: tuple[Label, ...] = (("sensor", labels["sensor"]),) if labels.get("sensor") else ()
    planner.publish(
        "dcim_rack_air_temperature_celsius", slot, *place, ("device", device), ("position", position), *sensor
    )
