"""Figures of one poll from any readings that the catalogue takes for plausible: finite, plausible, and never an exception."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.poll.derive import derive
from agent.readings import Readings
from rackflow.catalogue import catalogue
from rackflow.series import parse_series_key

INPUTS = (
    *("_temperature_celsius", "_dew_point_celsius", "_flow_cubic_meters_per_second", "_humidity_ratio"),
    *("output_current_amperes", "phase_current_amperes", "meter_current_amperes"),
)
LABELS: dict[str, list[str]] = {
    "cdu": ["", "{loop=primary}", "{loop=secondary}", "{position=inlet}"],
    "pdu": ["{inlet=1,phase=L1}", "{inlet=1,phase=L2}", "{inlet=1,phase=L3}", "{phase=L1}", "{inlet=1}"],
    "ups": ["{phase=L1}", "{phase=L2}", "{phase=L3}", ""],
    "meter": ["{phase=L1}", "{phase=L2}", "{phase=L3}", ""],
    "env": ["{sensor=1}", "{position=front_top,sensor=1}", ""],
}


def plausible(metric: str) -> st.SearchStrategy[float]:
    """Any value of one of the metric's ranges, their ends most of all."""
    low, high = catalogue()[metric].ranges[0]
    low, high = max(low, -1e300), min(high, 1e300)
    ends = [
        low,
        high,
        math.nextafter(low, high),
        math.nextafter(high, low),
        min(max(0.0, low), high),
        min(5e-324 + low, high),
    ]
    return st.one_of(st.sampled_from(ends), st.floats(low, high))


@pytest.mark.parametrize("device_class", sorted(LABELS))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_plausible_readings_give_plausible_figures(device_class: str, data: st.DataObject) -> None:
    metrics = [
        metric.name
        for metric in catalogue().values()
        if metric.measurement == f"dcim_{device_class}" and metric.ranges and metric.name.endswith(INPUTS)
    ]
    values: dict[str, float] = {}
    for metric in metrics:
        for labels in LABELS[device_class]:
            if data.draw(st.booleans()):
                values[f"{metric}{labels}"] = data.draw(plausible(metric))
    readings = Readings(values=dict(values))
    derive(
        readings,
        device_class,
        dict.fromkeys(("primary", "secondary"), data.draw(st.sampled_from(["water", "pg25", "eg40", "oil"]))),
    )
    for key in readings.values.keys() - values.keys():
        assert catalogue()[parse_series_key(key)[0]].plausible(readings.values[key])
    assert all(map(math.isfinite, readings.values.values()))
