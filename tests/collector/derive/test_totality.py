"""No step raises and no figure is anything but a finite number, whatever the site file allows and devices send."""

import math
from collections.abc import Mapping
from random import Random
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.derive import Settings
from collector.derive.site_figures import SiteFigures
from collector.latest import Latest
from collector.readings import SeriesKeys, resolve
from rackflow import Batch, ConfigError, catalogue
from rackflow.process.bulkhead import Failures
from rackflow.site import Site, parse_site
from tests.collector.derive.campus import CAMPUS, campus, campus_readings

WALL_S = 1_795_468_800.0
DERIVED = {"dcim_pdu", "dcim_ups", "dcim_cdu", "dcim_ats", "dcim_env", "dcim_meter", "dcim_crah"}
LABELS: Mapping[str, tuple[str, ...]] = {
    "inlet": ("1",),
    "phase": ("L1", "L2", "L3"),
    "loop": ("primary", "secondary"),
    "pump": ("1", "2"),
    "filter": ("1",),
    "sensor": ("1", "2"),
    "source": ("a", "b"),
    "role": ("facility", "makeup", "heat_reuse"),
    "direction": ("import", "export"),
}
USED = frozenset(
    key
    for readings in (campus_readings(),)
    for key in (readings.figures() and readings.engine.make_plan().metrics_used)
    if catalogue()[key].measurement in DERIVED
)
"""Every metric that the figures of a rich site ask for."""


def keys_of(device_class: str) -> list[str]:
    """Series keys of a class of device, with every combination of the labels that figures tell apart."""
    keys = []
    for name in sorted(USED):
        metric = catalogue()[name]
        if metric.measurement != f"dcim_{device_class}":
            continue
        own = [label for label in metric.labels if label in LABELS]
        combined: list[tuple[str, ...]] = [()]
        for label in own:
            combined = [(*head, f"{label}={value}") for head in combined for value in LABELS[label]]
        keys += [f"{name}{{{','.join(sorted(each))}}}" if each else name for each in combined]
    return keys


SEEDS = st.integers(0, 2**32)
CLASSES = {"pdu": "pdu", "ups": "ups", "cdu": "cdu", "sts": "ats", "box": "env", "met": "meter", "cra": "crah"}


def odd_numbers(name: str) -> list[float]:
    """The ends of a metric's range, and the smallest numbers that are in it."""
    metric = catalogue()[name]
    candidates = [0.0, 5e-324, 1e-300, 1e-3, 1.0, 50.0, 600.0, 30_000.0, 1e9, 1e18, 1e300, -1.0, -40.0]
    candidates += [edge for pair in metric.ranges for edge in pair if math.isfinite(edge)]
    return [each for each in candidates if metric.plausible(each)]


def batches(random: Random, site: Site, at_s: float, seq: int) -> list[Batch]:
    found = []
    for number, device in enumerate(site.devices):
        device_class = CLASSES.get(device[:3])
        if device_class is None:
            continue
        values: dict[str, float] = {}
        states: dict[str, str] = {}
        for key in keys_of(device_class):
            metric = catalogue()[key.partition("{")[0]]
            if random.random() < 0.25:
                continue
            if metric.states:
                states[key] = random.choice(metric.states)
            else:
                values[key] = random.choice(odd_numbers(metric.name))
        up = random.random() < 0.9
        made = Batch(
            agent="gw", epoch="e", seq=seq + number, time=int(at_s * 1000), device=device, device_class=device_class,
            poll="fast", interval_s=10.0, duration_s=0.1, up=up, error=None if up else "timeout",
            labels={"site": site.id}, values=values if up else {}, states=states if up else {},
        )  # fmt: skip
        found.append(made)
    return found


def derive_oddly(seed: int, site: Site) -> None:
    """Three cycles half an hour apart, so that what is learned from cycle to cycle has met odd values, too."""
    random = Random(seed)  # noqa: S311 - thousands of numbers are too many for Hypothesis to draw one by one
    failures, latest, keys = Failures(), Latest(1_000_000), SeriesKeys()
    engine = SiteFigures(site.id, site, Settings(), failures)
    for cycle in range(3):
        now = 100.0 + 1800.0 * cycle
        for batch in batches(random, site, WALL_S + now, 1 + 1000 * cycle):
            readings = resolve(batch, keys)
            assert not readings.skipped, readings.skipped
            latest.apply_batch(site.id, batch, readings, now, WALL_S + now)
        for figure in engine.cycle(latest, now + 1, WALL_S + now + 1):
            assert figure.value is None or math.isfinite(figure.value), figure
            assert math.isfinite(figure.oldest_s), figure
            assert 0.0 <= figure.share <= 1.0, figure
            assert figure.value is not None or figure.missing or figure.share == 0.0, figure
    assert failures.counts == {}


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_odd_readings_of_a_rich_site_give_figures_or_reasons(seed: int) -> None:
    derive_oddly(seed, campus())


WATTS = st.sampled_from([5e-324, 1e-300, 1e-3, 1.0, 25_000.0, 1e9])
AMPERES = st.sampled_from([5e-324, 1e-300, 1.0, 32.0, 10_000.0])
RUNTIMES = [{1.0: 5.0}, {5e-324: 1e9, 1e9: 5e-324}, {1.0: 600.0, 1.0000000000000002: 599.9}, {1e-300: 2.0, 1.0: 1.0}]
RATINGS: dict[str, st.SearchStrategy[Any]] = {
    "design_power_w": WATTS,
    "rated_power_w": WATTS,
    "rated_cooling_w": WATTS,
    "breaker_a": AMPERES,
    "liquid_share": st.sampled_from([5e-324, 0.5, 1.0]),
    "battery": st.sampled_from([{"runtimes": each} for each in RUNTIMES]),
}


@st.composite
def odd_sites(draw: st.DrawFn) -> Site | None:
    """The campus without some of its devices, and with ratings that the schema allows and nothing has; None if it is refused."""
    data: dict[str, Any] = yaml.safe_load(CAMPUS.read_text(encoding="utf-8"))
    for section in ("air_units", "contracts", "sensors", "cdus", "transfer_switches", "pdus", "ups"):
        data[section] = data[section][draw(st.sampled_from([0, 0, 1, 2, 99])) :]
    served = {cdu["secondary"] for cdu in data["cdus"]} | {cdu["primary"] for cdu in data["cdus"]}
    data["loops"] = [each for each in data["loops"] if each["id"] in served or each["kind"] == "primary"]
    everything = [each for found in data.values() if isinstance(found, list) for each in found]
    names = {each["id"] for each in everything}
    data["loops"] = [each for each in data["loops"] if names.issuperset(each.get("racks", ()))]
    for each in everything:
        _supply(each, names)
        for key, rating in RATINGS.items():
            if key in each and draw(st.booleans()):
                each[key] = draw(rating)
    if draw(st.booleans()):
        data["electrical"]["volts"] = draw(st.sampled_from([100, 480]))
    try:
        return parse_site(yaml.safe_dump(data), "odd.yaml")
    except ConfigError:
        return None


def _supply(device: dict[str, Any], names: set[str]) -> None:
    """What stands below something that is gone is supplied by a feed instead."""
    for each, feed in ((device, "B"), (device.get("a"), "A"), (device.get("b"), "B")):
        if isinstance(each, dict) and isinstance(each.get("from"), str) and each["from"] not in names:
            each["from"] = feed
    if isinstance(device.get("from"), list):
        device["from"] = [name for name in device["from"] if name in names] or ["A"]


@settings(max_examples=25, deadline=None)
@given(odd_sites(), SEEDS)
def test_odd_sites_give_figures_or_reasons(site: Site | None, seed: int) -> None:
    if site is not None:
        derive_oddly(seed, site)


HEAD = "site: s\nelectrical: {continuous_load_factor: 0.8, volts: 230}\nrooms: [{id: r}]\nrows: [{id: a, room: r}]\n"


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 3),
    st.lists(st.lists(st.sampled_from("ABC"), max_size=3, unique=True), max_size=3),
    SEEDS,
)
def test_any_number_of_feeds_reaches_any_number_of_racks(feeds: int, cords: list[list[str]], seed: int) -> None:
    """No racks, no feeds, racks without cords, and feeds that reach only racks with a single cord."""
    there = "ABC"[:feeds]
    racks = [{"id": f"k{at}", "row": "a", "design_power_w": 10_000} for at in range(len(cords))]
    pdus = [
        {"id": f"pdu-{at}-{feed}", "rack": f"k{at}", "from": feed, "breaker_a": 32, "phases": ["L1"]}
        for at, some in enumerate(cords)
        for feed in some
        if feed in there
    ]
    sections = {"racks": racks, "feeds": [{"id": each} for each in there], "pdus": pdus}
    try:
        site = parse_site(HEAD + yaml.safe_dump(sections), "odd.yaml")
    except ConfigError:
        return
    derive_oddly(seed, site)
