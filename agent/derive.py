"""Figures of one device from one of its polls: in go readings of a CDU, out come heat removed, temperature rise and flow per heat."""

from collections.abc import Mapping

from agent.fluids import FLUIDS, VALID_CELSIUS
from agent.readings import Readings
from rackflow.catalogue import catalogue
from rackflow.series import series_key

LEAST_HEAT_W = 500.0
"""Below this, flow per heat says nothing: it is the quotient of two numbers near their resolution."""


def derive_cdu(readings: Readings, coolant: Mapping[str, str]) -> None:
    """Add the derived figures of every loop whose flow and both temperatures came with this poll.

    heat = flow * density(T) * heat capacity(T) * (return - supply), T being the mean of both temperatures.
    """
    for loop, fluid_name in coolant.items():
        label = {"loop": loop}
        values = readings.values
        supply = values.get(series_key("dcim_cdu_supply_temperature_celsius", label))
        back = values.get(series_key("dcim_cdu_return_temperature_celsius", label))
        if supply is None or back is None:
            continue
        _put(readings, "dcim_cdu_delta_temperature_celsius", label, round(back - supply, 6))
        flow = values.get(series_key("dcim_cdu_flow_cubic_meters_per_second", label))
        mean = (supply + back) / 2
        fluid = FLUIDS.get(fluid_name)
        if flow is None or fluid is None or not VALID_CELSIUS[0] <= mean <= VALID_CELSIUS[1]:
            continue
        heat_w = flow * fluid.volumetric_heat_capacity(mean) * (back - supply)
        _put(readings, "dcim_cdu_heat_removed_watts", label, heat_w)
        if heat_w >= LEAST_HEAT_W:
            _put(readings, "dcim_cdu_flow_per_heat_cubic_meters_per_joule", label, flow / heat_w)


def _put(readings: Readings, metric: str, label: Mapping[str, str], value: float) -> None:
    key = series_key(metric, label)
    if catalogue()[metric].plausible(value):
        readings.values[key] = value
    else:
        readings.bad[key] = "range"
