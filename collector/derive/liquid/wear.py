"""Plans what wears or leaks in a CDU: fouling of its exchanger, a valve that sticks, falling pressure, a reservoir that empties."""

from functools import partial

from collector.derive.engine import Planner
from collector.derive.liquid.coolant_loss import PressureChange, ReservoirFall
from collector.derive.liquid.exchanger import Fouling, LoadedApproach, ValveStuck
from collector.derive.liquid.metrics import FLOW, HEAT, RETURN, SUPPLY
from rackflow.site import Site

_SETPOINT = "dcim_cdu_supply_temperature_setpoint_celsius"


def plan_wear(planner: Planner, site: Site | None, cdu: str, load: int) -> None:
    """Plan the figures of one CDU for which it has the measurements. `load` is the slot of its heat over its rating."""
    # A unit that gives its heat to the air has an approach of 8 K and more when it is clean: the limit is one between liquids.
    if planner.has(cdu, "dcim_cdu_approach_celsius") and planner.has(cdu, SUPPLY, loop="primary"):
        outputs = [("dcim_cdu_loaded_approach_celsius", planner.place_of(cdu))]
        planner.remember("approach", (planner.reading(cdu, "dcim_cdu_approach_celsius"), load), LoadedApproach, outputs)
    if site is not None and cdu in site.cdus and planner.has(cdu, FLOW, loop="primary"):
        needs = [planner.reading(cdu, HEAT, loop="secondary")]
        needs += [
            planner.reading(cdu, each, loop=loop) for loop in ("secondary", "primary") for each in (SUPPLY, RETURN)
        ]
        needs += [planner.reading(cdu, FLOW, loop=loop) for loop in ("secondary", "primary")]
        fouling = partial(Fouling, site.cdus[cdu].rated_cooling_w)
        outputs = [("dcim_cdu_exchanger_fouling_ratio", planner.place_of(cdu))]
        planner.remember("fouling", needs, fouling, outputs)
    if planner.has(cdu, _SETPOINT, loop="secondary"):
        for valve, position in planner.labelled(cdu, "dcim_cdu_valve_position_ratio", "valve").items():
            needs = [position, *(planner.reading(cdu, each, loop="secondary") for each in (SUPPLY, _SETPOINT))]
            labels = (*planner.place_of(cdu), ("valve", valve))
            flow = [planner.reading(cdu, FLOW, loop="secondary")]
            planner.remember("valve", needs, ValveStuck, [("dcim_cdu_valve_stuck", labels)], optional=flow)
    for _, found in planner.series(cdu, "dcim_cdu_return_pressure_pascals"):
        loop = {"loop": found["loop"]} if "loop" in found else {}
        pressure = planner.reading(cdu, "dcim_cdu_return_pressure_pascals", **loop)
        labels = (*planner.place_of(cdu), *loop.items())
        planner.remember("pressure", (pressure,), PressureChange, [("dcim_cdu_return_pressure_change_pascals", labels)])
    _reservoirs(planner, site, cdu)


def _reservoirs(planner: Planner, site: Site | None, cdu: str) -> None:
    loop = site.loops[site.cdus[cdu].secondary] if site is not None and cdu in site.cdus else None
    for reservoir, level in planner.labelled(cdu, "dcim_cdu_reservoir_level_ratio", "reservoir").items():
        temperatures = [planner.reading(cdu, each, loop="secondary") for each in (SUPPLY, RETURN)]
        mean = planner.step(temperatures, lambda *celsius: sum(celsius) / len(celsius))
        memory = (
            partial(ReservoirFall, "water")
            if loop is None
            else partial(ReservoirFall, loop.coolant, loop.volume_m3, loop.reservoir_m3)
        )
        labels = (*planner.place_of(cdu), ("reservoir", reservoir))
        outputs = [
            ("dcim_cdu_reservoir_empty_seconds", labels),
            ("dcim_cdu_coolant_loss_cubic_meters_per_second", labels),
        ]
        planner.remember("reservoir", (level,), memory, outputs, optional=(mean,))
