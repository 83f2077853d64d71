"""Figures of each CDU: in go its series and the sensors around it, out come dew-point margin, pump redundancy, load; pure."""

from collections.abc import Iterable

from collector.derive.frame import Unknown, Value
from collector.derive.planner import Planner
from rackflow.physics import LEAST_HEAT_W
from rackflow.site import Site

SUPPLY = "dcim_cdu_supply_temperature_celsius"
HEAT = "dcim_cdu_heat_removed_watts"
_HEALTHY = ("running", "standby")
_LEAST_SENSORS = 0.5
"""Air of a room is mixed: the worst of half of its sensors still says something, and the share is told."""


def plan_cdus(planner: Planner, site: Site | None, cdus: Iterable[str]) -> None:
    """Figures of every CDU that the site file or the readings know."""
    described = site.cdus if site is not None else {}
    for cdu in dict.fromkeys([*described, *cdus]):
        _dew_point_margin(planner, site, cdu)
        _pumps(planner, cdu)
        heat = planner.reading(cdu, HEAT, loop="secondary")
        if site is not None and cdu in described:
            rated_w = described[cdu].rated_cooling_w
            load = planner.step((heat,), lambda watts, of=rated_w: watts / of)
        else:
            load = planner.step((heat, planner.reading(cdu, "dcim_cdu_rated_cooling_watts")), _quotient)
        planner.publish_of("dcim_cdu_cooling_load_ratio", cdu, load)
        if planner.has(cdu, "dcim_cdu_power_watts"):
            power = planner.reading(cdu, "dcim_cdu_power_watts")
            planner.publish_of("dcim_cdu_coefficient_of_performance_ratio", cdu, planner.step((heat, power), _cop))


def plan_ups_losses(planner: Planner, devices: Iterable[str]) -> None:
    """What each UPS that measures both sides turns into heat."""
    for ups in devices:
        sides = []
        for side in ("input", "output"):
            metrics = (f"dcim_ups_{side}_total_power_watts", f"dcim_ups_{side}_power_watts")
            ways = [planner.sum_of(ups, metric) for metric in metrics if planner.has(ups, metric)]
            if ways:
                sides.append(planner.first(*ways))
        if len(sides) == 2:  # noqa: PLR2004 - input and output
            planner.publish_of("dcim_ups_losses_watts", ups, planner.step(sides, lambda taken, given: taken - given))


def healthy_pumps(planner: Planner, cdu: str) -> int:
    """Slot of how many pumps run or stand by; unknown where one does not say."""
    pumps = planner.each(cdu, "dcim_cdu_pump_state") or [planner.reading(cdu, "dcim_cdu_pump_state")]
    return planner.step(pumps, _count_healthy)


def _count_healthy(*states: Value) -> Value:
    if "unknown" in states:
        return Unknown("a pump's state is unknown")
    return float(sum(state in _HEALTHY for state in states))


def _pumps(planner: Planner, cdu: str) -> None:
    required = planner.reading(cdu, "dcim_cdu_pumps_required")
    spare = planner.step((healthy_pumps(planner, cdu), required), lambda healthy, needed: healthy - needed)
    planner.publish_of("dcim_cdu_pumps_spare", cdu, spare)


def _dew_point_margin(planner: Planner, site: Site | None, cdu: str) -> None:
    supply = planner.reading(cdu, SUPPLY, loop="secondary")
    points = planner.each(cdu, "dcim_cdu_dew_point_celsius")
    if site is not None and cdu in site.cdus:
        loop = site.loops[site.cdus[cdu].secondary]
        rooms = {site.rows[site.racks[rack].row].room for rack in loop.racks} | {site.place(cdu).get("room")}
        for room in sorted(room for room in rooms if room):
            for sensor in site.sensors_at(room=room):
                if sensor.measures == "air":
                    own = {"sensor": sensor.sensor} if sensor.sensor else {}
                    device = sensor.device or sensor.id
                    found = planner.each(device, "dcim_env_dew_point_celsius", **own)
                    points += found or [planner.reading(device, "dcim_env_dew_point_celsius", **own)]
    points = list(dict.fromkeys(points)) or [planner.reading(cdu, "dcim_cdu_dew_point_celsius")]
    margin = planner.step((supply,), lambda now, dew: now - max(dew), some=points, least=_LEAST_SENSORS)
    planner.publish_of("dcim_cdu_dew_point_margin_celsius", cdu, margin)


def _quotient(above: float, below: float) -> Value:
    return above / below if below > 0 else Unknown("the rating is zero")


def _cop(heat_w: float, power_w: float) -> Value:
    if heat_w < LEAST_HEAT_W or power_w <= 0:
        return Unknown(f"less than {LEAST_HEAT_W:g} W of heat, or no power")
    return heat_w / power_w
