"""Figures of each CDU: dew-point margin, pump redundancy, load, and the heat it moves.

A CDU has these figures with and without a site file. With one, rooms and their sensors, ratings and required pumps come from it and
take precedence over the unit's own values.
"""

from collections.abc import Iterable, Mapping, Sequence

from collector.derive.engine import Planner, Result, Unknown, Value, ratio
from collector.derive.liquid.metrics import HEAT, PUMP, SUPPLY
from collector.derive.liquid.wear import plan_wear
from rackflow.physics import LEAST_HEAT_W, dew_point_celsius
from rackflow.site import Site

_HEALTHY = ("running", "standby")
_AIR = ("dcim_env_dew_point_celsius", "dcim_env_temperature_celsius", "dcim_env_relative_humidity_ratio")
# Half of a room's sensors are enough for the worst dew point: air of a room is mixed, so one dead probe must not suppress the warning of
# condensation. The inputs ratio of the figure says what share was known.
_MIN_SENSOR_SHARE = 0.5


def plan_cdus(planner: Planner, site: Site | None, cdus: Iterable[str], pumps_required: Mapping[str, int]) -> None:
    """Plan the figures of every CDU in the site file or among the devices. `pumps_required` is by CDU and comes from the configuration."""
    described = site.cdus if site is not None else {}
    paired = plan_dew_points(planner, site) if site is not None else {}
    for cdu in dict.fromkeys([*described, *cdus]):
        _dew_point_margin(planner, site, cdu, paired)
        own = described[cdu].pumps_required if cdu in described else None
        _pumps(planner, cdu, pumps_required.get(cdu, own))
        heat = planner.reading(cdu, HEAT, loop="secondary")
        if site is not None and cdu in described:
            rated_w = described[cdu].rated_cooling_w
            load = planner.step((heat,), lambda watts, of=rated_w: ratio(watts, of))
        else:
            load = planner.step((heat, planner.reading(cdu, "dcim_cdu_rated_cooling_watts")), ratio)
        planner.publish_of("dcim_cdu_cooling_load_ratio", cdu, load)
        plan_wear(planner, site, cdu, load)
        if planner.has(cdu, "dcim_cdu_power_watts"):
            power = planner.reading(cdu, "dcim_cdu_power_watts")
            planner.publish_of("dcim_cdu_coefficient_of_performance_ratio", cdu, planner.step((heat, power), _cop))


def healthy_pumps(planner: Planner, cdu: str) -> int:
    """Slot of the number of pumps that run or stand by; unknown if any pump's state is unknown."""
    return planner.step(planner.each_or_missing(cdu, PUMP), _count_healthy)


def _count_healthy(*states: Value) -> Result:
    if "unknown" in states:
        return Unknown("a pump's state is unknown")
    return float(sum(state in _HEALTHY for state in states))


def _pumps(planner: Planner, cdu: str, configured: int | None) -> None:
    """Healthy pumps beyond the number needed, which comes from the configuration or, without that, from the unit."""
    healthy = healthy_pumps(planner, cdu)
    if configured is not None:
        spare = planner.step((healthy,), lambda count, needed=configured: count - needed)
    else:
        required = planner.reading(cdu, "dcim_cdu_pumps_required")
        spare = planner.step((healthy, required), lambda count, needed: count - needed)
    planner.publish_of("dcim_cdu_pumps_spare", cdu, spare)


def plan_dew_points(planner: Planner, site: Site) -> dict[str, int]:
    """Slots of dew points by sensor, for devices that list temperature and humidity as two sensors; the site file pairs them.

    Raritan PX3 and HW group STE2 do so. Only the site file can tell which two are in the same place.
    """
    dew_point, *metrics = _AIR
    found: dict[str, int] = {}
    for sensor in site.sensors.values():
        device = sensor.device or sensor.id
        if sensor.humidity_sensor is None or planner.has(device, dew_point, sensor=sensor.sensor or ""):
            continue
        labels = (sensor.sensor or "", sensor.humidity_sensor)
        needs = [planner.reading(device, metric, sensor=each) for metric, each in zip(metrics, labels, strict=True)]
        found[sensor.id] = planner.step(needs, _dew_point)
        planner.publish_of(dew_point, device, found[sensor.id], ("sensor", labels[0]))
    return found


def _dew_point_margin(planner: Planner, site: Site | None, cdu: str, paired: Mapping[str, int]) -> None:
    supply = planner.reading(cdu, SUPPLY, loop="secondary")
    own_air = (
        "dcim_cdu_dew_point_celsius",
        "dcim_cdu_ambient_temperature_celsius",
        "dcim_cdu_ambient_relative_humidity_ratio",
    )
    points = _dew_points(planner, cdu, own_air, {})
    if site is not None and cdu in site.cdus:
        loop = site.loops[site.cdus[cdu].secondary]
        rooms = {site.rows[site.racks[rack].row].room for rack in loop.racks} | {site.place(cdu).get("room")}
        for room in sorted(room for room in rooms if room):
            for sensor in site.sensors_at(room=room):
                if sensor.id in paired:
                    points.append(paired[sensor.id])
                elif sensor.measures == "air":
                    own = {"sensor": sensor.sensor} if sensor.sensor else {}
                    device = sensor.device or sensor.id
                    points += _dew_points(planner, device, _AIR, own)
    # A sensor in both rooms counts once. Without any, the unit's own dew point is named as missing.
    points = list(dict.fromkeys(points)) or [planner.reading(cdu, "dcim_cdu_dew_point_celsius")]
    margin = planner.step((supply,), lambda now, dew: now - max(dew), optional=points, min_share=_MIN_SENSOR_SHARE)
    planner.publish_of("dcim_cdu_dew_point_margin_celsius", cdu, margin)


def _dew_points(planner: Planner, device: str, metrics: Sequence[str], labels: Mapping[str, str]) -> list[int]:
    """Slots of the dew points of a device, or only of its sensors with these labels.

    A dew point that the device states is preferred. Otherwise it is computed from temperature and humidity of the same sensor, because
    two places differ in temperature. A sensor that never sent a humidity does not count as missing.
    """
    dew_point, temperature, humidity = metrics
    if found := planner.each(device, dew_point, **labels):
        return found
    if not planner.values_of(device, humidity, "sensor"):
        return _by_magnus(planner, device, (temperature, humidity), labels)
    sensors = [each for each in planner.values_of(device, humidity, "sensor") if labels.get("sensor", each) == each]
    return [slot for each in sensors for slot in _by_magnus(planner, device, (temperature, humidity), {"sensor": each})]


def _by_magnus(planner: Planner, device: str, metrics: Sequence[str], labels: Mapping[str, str]) -> list[int]:
    if not all(planner.has(device, metric, **labels) for metric in metrics):
        return []
    return [planner.step([planner.reading(device, metric, **labels) for metric in metrics], _dew_point)]


def _dew_point(celsius: float, humidity_ratio: float) -> Result:
    found = dew_point_celsius(celsius, humidity_ratio)
    return Unknown("temperature or humidity is outside of Magnus' formula") if found is None else found


def _cop(heat_w: float, power_w: float) -> Result:
    if heat_w < LEAST_HEAT_W or power_w <= 0:
        return Unknown(f"less than {LEAST_HEAT_W:g} W of heat, or no power")
    return heat_w / power_w
