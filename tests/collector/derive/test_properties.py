"""What holds of every derived figure, whatever arrives when."""

from collections.abc import Mapping, Sequence

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.latest.shelf_life import shelf_life_s
from rackflow import catalogue
from rackflow.process.yaml import load_yaml_text
from rackflow.site import parse_site
from tests.collector.derive.hall import Readings, hall, hall_text
from tests.collector.derive.power.test_switches import SWITCH

SITE = hall(
    ("pdus:\n", SWITCH),
    (
        "from: [A], rated_power_w: 100000, room",
        "from: [A], rated_power_w: 100000, battery: {runtimes: {50000: 840}}, room",
    ),
    ('sensor: "1", rack: a2', 'sensor: "1.1", humidity_sensor: "1.2", rack: a2'),
)
DEVICES = (
    "pdu-a1-s",
    "ats-1",
    "box-1",
    "meter-main",
    "pdu-a1-a",
    "pdu-a1-b",
    "pdu-a2-a1",
    "pdu-a2-a2",
    "pdu-a2-b1",
    "pdu-a2-b2",
    "cdu-1",
    "cdu-2",
    "ups-a1",
    "ups-a2",
    "ups-b",
)
Poll = tuple[str, float, float]
"""Device, when it was polled, and a number that all its readings grow with."""

polls = st.lists(
    st.tuples(st.sampled_from(DEVICES), st.floats(100.0, 200.0).map(lambda at: round(at, 1)), st.floats(1.0, 60.0)),
    max_size=25,
    unique_by=lambda poll: poll[:2],
)


def values_of(device: str, size: float) -> dict[str, float | str]:
    """What a device tells, but for rack PDUs."""
    if device.startswith("ups"):
        found = {"ups_output_total_power_watts": size * 1000, "ups_battery_charge_ratio": size / 60}
        return {**found, "ups_battery_runtime_seconds": 600.0}
    if device.startswith("ats"):
        usable = {f"ats_source_usable{{source={source}}}": 1.0 for source in "ab"}
        return {**usable, "ats_selected_source": "a" if size < 30 else "b"}
    if device.startswith("box"):
        return {
            "env_temperature_celsius{sensor=1.1}": 20 + size / 4,
            "env_relative_humidity_ratio{sensor=1.2}": size / 60,
        }
    if device.startswith("meter"):
        return {"meter_power_watts{role=facility}": size * 5000}
    found = {f"cdu_heat_removed_watts{{loop={loop}}}": size * 1000 for loop in ("primary", "secondary")}
    more = {"cdu_supply_temperature_celsius{loop=secondary}": 20 + size / 4, "cdu_dew_point_celsius": 10.0}
    return {**found, **more, "cdu_pump_state{pump=1}": "running", "cdu_pumps_required": 1.0}


def take(readings: Readings, poll: Poll, taken: float | None = None) -> None:
    device, now, size = poll
    if device.startswith("pdu"):
        readings.currents(device, *([size] if "a1-" in device else [size, size / 2, size / 3]), now=now, taken=taken)
    else:
        device_class = {"ats": "ats", "ups": "ups", "box": "env", "met": "meter", "cdu": "cdu"}[device[:3]]
        readings.take(device, values_of(device, size), now, device_class=device_class, taken=taken)


# What the site file states, and the bounds of what is not known: of no rack is it certain that it is lost.
FROM_THE_SITE_FILE = (
    "dcim_grid",
    "dcim_carbon",
    "dcim_device_nominal",
    "dcim_cdu_supply_temperature_limit",
    "dcim_site_racks_lost_on_feed_loss_at_least",
    "dcim_site_racks_unknown",
)


@settings(max_examples=60, deadline=None)
@given(polls, st.floats(200.0, 260.0))
def test_no_figure_rests_on_a_stale_reading(sent: Sequence[Poll], now: float) -> None:
    readings = Readings(SITE)
    for poll in sorted(sent, key=lambda each: each[1]):
        take(readings, poll)
    life_s = shelf_life_s(10.0)
    fresh = {device for device, at, _ in sent if now < at + life_s}
    for name, figure in readings.figures(now).items():
        assert figure.oldest_s <= life_s
        assert 0.0 <= figure.share <= 1.0
        assert (figure.value is None) <= bool(figure.missing), name
        if not fresh and not figure.output.metric.name.startswith(FROM_THE_SITE_FILE):
            assert figure.value is None, name
    # the same with only what is fresh: the stale readings have changed nothing
    only = Readings(SITE)
    for poll in sorted(sent, key=lambda each: each[1]):
        if now < poll[1] + life_s:
            take(only, poll)
    assert {name: figure.value for name, figure in only.figures(now).items()} == {
        name: figure.value for name, figure in readings.figures(now).items()
    }


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_order_of_arrival_changes_nothing(data: st.DataObject) -> None:
    sent = data.draw(
        st.lists(
            st.tuples(st.sampled_from(DEVICES), st.just(100.0), st.floats(1.0, 60.0)), unique_by=lambda poll: poll[0]
        )
    )
    shuffled = data.draw(st.permutations(sent))
    first, second = Readings(SITE), Readings(SITE)
    for poll in sent:
        take(first, poll)
    for poll in shuffled:
        take(second, poll)
    assert first.figures() == second.figures()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_of_several_polls_of_a_device_the_newest_counts_whatever_the_order_of_arrival(data: st.DataObject) -> None:
    sent = data.draw(
        st.lists(
            st.tuples(st.sampled_from(DEVICES), st.integers(85, 100), st.floats(1.0, 60.0)),
            unique_by=lambda poll: poll[:2],
            max_size=40,
        )
    )
    newest = {device: (taken, size) for device, taken, size in sorted(sent, key=lambda poll: poll[1])}
    shuffled, only = Readings(SITE), Readings(SITE)
    for device, taken, size in data.draw(st.permutations(sent)):
        take(shuffled, (device, 100.0, size), taken)
    for device, (taken, size) in newest.items():
        take(only, (device, 100.0, size), taken)
    assert shuffled.figures() == only.figures()


SCALES = st.tuples(*(st.floats(0.85, 1.2) for _ in range(3)))
"""Of watts, amperes and seconds."""
LARGE = {"_w": "watts", "_a": "amperes", "_s": "seconds", "_m3": "cubic_meters", "_seconds_per_kelvin": "seconds"}
"""Units of the site file's keys, by how they end."""


def factors(watts: float, amperes: float, seconds: float) -> dict[str, float]:
    """By how much numbers of each unit change when watts, amperes and seconds get another size.

    Volts follow from both. The heat capacity of coolant is no input, but a property: so volumes follow the joules. Kelvins stay.
    """
    joules = watts * seconds
    return {
        "watts": watts,
        "amperes": amperes,
        "seconds": seconds,
        "joules": joules,
        "volts": watts / amperes,
        "cubic_meters": joules,
        "cubic_meters_per_second": watts,
        "cubic_meters_per_joule": 1.0,
        "celsius": 1.0,
        "ratio": 1.0,
        "": 1.0,
    }


def scaled(node: object, by: Mapping[str, float], key: str = "") -> object:
    """A part of a site file in other sizes of the units."""
    if isinstance(node, dict):
        if key == "runtimes":
            return {load * by["watts"]: seconds * by["seconds"] for load, seconds in node.items()}
        return {name: scaled(value, by, name) for name, value in node.items()}
    if isinstance(node, list):
        return [scaled(each, by, key) for each in node]
    if isinstance(node, int | float):
        unit = "volts" if key == "volts" else next((unit for end, unit in LARGE.items() if key.endswith(end)), "")
        return node * by[unit]
    return node


SHEETED = hall_text(
    (
        "from: [A], rated_power_w: 100000, room",
        "from: [A], rated_power_w: 100000, battery: {runtimes: {50000: 840, 90000: 300}}, room",
    ),
    ("liquid_share: 0.8,", "liquid_share: 0.8, chip_heat_capacity_seconds_per_kelvin: 0.5,"),
    ("pdus:\n", SWITCH),
)


def all_figures(by: Mapping[str, float]) -> dict[str, tuple[str, float]]:
    """Unit and value of every figure, of a loaded site in other sizes of the units."""
    readings = Readings(parse_site(yaml.safe_dump(scaled(load_yaml_text(SHEETED, "hall"), by)), "scaled"))

    def put(device: str, device_class: str, values: Mapping[str, float | str]) -> None:
        known = catalogue()
        own = {
            key: value if isinstance(value, str) else value * by[known[f"dcim_{key.partition('{')[0]}"].unit]
            for key, value in values.items()
        }
        readings.take(device, own, device_class=device_class)

    for size, device in enumerate(DEVICES, 11):
        if device.startswith("pdu"):
            amperes = [1.0 * size] if "a1-" in device else [1.0 * size, size / 2, size / 3]
            values: dict[str, float | str] = {
                f"pdu_phase_current_amperes{{inlet=1,phase=L{at}}}": each for at, each in enumerate(amperes, 1)
            }
            volts: dict[str, float | str] = {
                f"pdu_phase_voltage_volts{{inlet=1,phase=L{at}}}": 230.0 for at in (1, 2, 3)
            }
            put(device, "pdu", {**values, **volts, "pdu_input_power_watts{inlet=1}": sum(amperes) * 230})
        else:
            classes = {"ats": "ats", "ups": "ups", "box": "env", "met": "meter", "cdu": "cdu"}
            put(device, classes[device[:3]], {**values_of(device, float(size)), **MORE.get(device[:3], {})})
    return {
        name: (figure.output.metric.unit, figure.value)
        for name, figure in readings.figures().items()
        if figure.value is not None and not name.startswith(("grid_", "carbon_"))
    }


MORE: dict[str, dict[str, float | str]] = {"cdu": {"cdu_power_watts": 900.0, "cdu_dew_point_celsius": 10.0}}


@settings(max_examples=25, deadline=None)
@given(SCALES)
def test_units_multiply_out(sizes: tuple[float, float, float]) -> None:
    """Every figure changes as its unit says when watts, amperes and seconds get another size: formulas that mix units up do not."""
    by = factors(*sizes)
    usual, other = all_figures(factors(1.0, 1.0, 1.0)), all_figures(by)
    assert usual.keys() == other.keys()
    assert len({name.partition("{")[0] for name in usual}) >= 20
    for name, (unit, value) in usual.items():
        assert other[name][1] == pytest.approx(value * by[unit], rel=1e-9, abs=1e-9), name
