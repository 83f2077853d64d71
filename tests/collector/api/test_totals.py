"""A total of the site with the readings that it is computed from: the number that the page shows, and no other."""

import pytest

from collector.api.requests import NotThere
from collector.derive.engine import NO_SLOT, Figure, output_of
from rackflow.site import parse_site
from tests.collector.api.shown import Shown, powered
from tests.collector.derive.hall import hall

NO_IT_METER = ("  - {id: meter-it, role: it, category: 1, measures: [ups-a1, ups-a2, ups-b]}\n", "")
PV_BEHIND = (
    ("{id: meter-pv, role: pv}", "{id: meter-pv, role: pv, behind: meter-main}"),
    ("contracts: [{id: pv-roof, meter: meter-pv}]\n", ""),
)
PDUS = ("pdu-a1-a", "pdu-a1-b", "pdu-a2-a1", "pdu-a2-a2", "pdu-a2-b1", "pdu-a2-b2")


def inputs(shown: Shown, total: str, now: float = 102.0) -> dict[str, float | str | None]:
    """By device, or by rack if the input is a figure."""
    found = shown.get("totals/{total}", now, total=total)["inputs"]
    return {each["device"] or each["labels"].get("rack", each["metric"]): each["value"] for each in found}


def test_each_total_is_the_number_of_the_site_and_names_what_it_is_computed_from() -> None:
    shown = Shown(hall(*PV_BEHIND))
    powered(shown)
    shown.readings.take("meter-pv", {"meter_power_watts{role=pv}": -3_000.0}, 101.0, device_class="meter")
    shown.derive(101.5)
    totals = shown.get("site", 102.0)["totals"]
    assert inputs(shown, "facility") == {"meter-main": 52_000.0, "meter-pv": -3_000.0}
    assert inputs(shown, "it") == {"meter-it": 46_600.0}
    assert inputs(shown, "pue") == inputs(shown, "facility") | inputs(shown, "it")
    intensity = "dcim_grid_carbon_intensity_grams_per_kilowatt_hour"
    assert inputs(shown, "carbon") == inputs(shown, "facility") | {intensity: 619.71}
    values = {name: shown.get("totals/{total}", 102.0, total=name)["value"] for name in ("facility", "it", "pue")}
    assert values == {"facility": 55_000.0, "it": 46_600.0, "pue": totals["pue"]["value"]}
    carbon = shown.get("totals/{total}", 102.0, total="carbon")
    assert (carbon["value"], carbon["unit"]) == (totals["carbon_grams_per_hour"]["location"], "grams_per_hour")
    facility = shown.get("totals/{total}", 102.0, total="facility")
    assert [each["age_seconds"] for each in facility["inputs"]] == [2.0, 1.0]
    assert facility["window_seconds"] is None  # it is of now, and no mean
    pue = shown.get("totals/{total}", 102.0, total="pue")
    assert (pue["window_seconds"], pue["unknown"], pue["it_from"]) == (0.0, None, "meters")
    with pytest.raises(NotThere, match="there are facility, it, pue, carbon"):
        shown.get("totals/{total}", total="water")


def test_emissions_are_computed_with_the_factor_that_is_known_beside_one_that_is_not() -> None:
    shown = Shown()
    powered(shown)
    figures = shown.figures.of(shown.site.id, 102.0)
    known = next(each for each in figures if each.output.metric.name.startswith("dcim_grid_carbon_intensity"))
    labels = tuple(dict(known.output.labels, source="http", quality="measured").items())
    silent = Figure(output_of(known.output.metric.name, labels, NO_SLOT), None, 0.0, 0.0, ("no answer",))
    shown.figures.put(shown.site.id, [silent, *figures], 101.0)
    assert shown.get("totals/{total}", 102.0, total="carbon")["value"] == 32_220.0  # 52 kW at 619.71 g/kWh
    shown.figures.put(shown.site.id, [silent], 103.0)
    assert shown.get("totals/{total}", 104.0, total="carbon")["value"] is None


def test_it_power_without_meters_comes_from_racks_and_without_a_site_file_from_their_pdus() -> None:
    shown = Shown(hall(NO_IT_METER))
    powered(shown)
    assert inputs(shown, "it") == {"a1": 4600.0, "a2": 42_000.0}
    assert shown.get("totals/{total}", total="it")["it_from"] == "racks"
    plain = Shown(described=False)
    plain.readings.take("pdu-1", {"pdu_phase_power_watts{inlet=1,phase=L1}": 800.0})
    plain.readings.latest.device("t1", "pdu-1").labels.update(rack="a1", feed="A")  # type: ignore[union-attr]
    found = plain.get("totals/{total}", total="it")
    assert (found["value"], found["it_from"]) == (800.0, "pdus")
    assert [each["metric"] for each in found["inputs"]] == ["dcim_pdu_phase_power_watts"]
    assert plain.get("totals/{total}", total="facility")["inputs"] == []


def test_a_pdu_whose_agent_names_no_feed_counts_for_its_rack_and_for_the_site() -> None:
    """The label is only needed to say what the loss of a feed does; without its PDU a rack would seem to take half of its power."""
    plain = Shown(described=False)
    for pdu, place, watts in (("pdu-1", {"feed": "A"}, 800.0), ("pdu-2", {}, 700.0)):
        plain.readings.places[pdu] = {"rack": "a1", "room": "h"} | place
        plain.readings.take(pdu, {"pdu_input_power_watts{inlet=1}": watts})
    rack = plain.get("floor")["racks"]["a1"]
    assert (rack["values"]["power_watts"], [*rack["feeds"]]) == (1500.0, ["A"])
    assert plain.get("site")["totals"]["it_power_watts"] == 1500.0
    assert [(each["device"], each["value"]) for each in plain.get("totals/{total}", total="it")["inputs"]] == [
        ("pdu-1", 800.0),
        ("pdu-2", 700.0),
    ]


def test_an_unknown_total_names_the_meter_that_is_missing_first_and_why() -> None:
    shown = Shown()
    powered(shown)
    shown.readings.take("meter-main", {}, 102.0, device_class="meter", up=False)
    found = shown.get("totals/{total}", 140.0, total="pue")
    assert (found["value"], found["unknown"]) == (None, "no_facility")
    assert (found["inputs"][0]["device"], found["inputs"][0]["value"]) == ("meter-main", None)
    assert found["inputs"][0]["reason"]
    silent = Shown()
    silent.readings.take("meter-it", {"meter_power_watts{role=it}": 46_600.0}, device_class="meter")
    (missing,) = silent.get("totals/{total}", total="facility")["inputs"]
    assert (missing["device"], missing["reason"]) == ("meter-main", "nothing has ever been heard of it")


@pytest.mark.parametrize(
    ("facility_w", "it_w", "reason"),
    [
        (52_000.0, 46_600.0, None),
        (33_300.0, 35_400.0, "below_it"),
        (52_000.0, 0.0, "no_load"),
    ],
)
def test_a_pue_that_is_not_known_says_why(facility_w: float, it_w: float, reason: str | None) -> None:
    """Also where no UPS is on battery, and IT takes more than the facility as far as the meters say."""
    shown = Shown()
    shown.readings.take("meter-main", {"meter_power_watts{role=facility}": facility_w}, device_class="meter")
    shown.derive(100.5)
    assert shown.get("site", 100.5)["totals"]["pue_unknown"] == "no_it"
    shown.readings.take("meter-it", {"meter_power_watts{role=it}": it_w}, device_class="meter")
    shown.derive(101.5)
    totals = shown.get("site", 101.5)["totals"]
    assert ((totals["pue"] is None), totals["pue_unknown"]) == (reason is not None, reason)
    assert shown.get("totals/{total}", 101.5, total="pue")["unknown"] == reason
    assert Shown().get("site")["totals"]["pue_unknown"] == "no_facility"


def test_a_meter_that_does_not_answer_or_that_nobody_sees_says_which_and_comes_first() -> None:
    shown = Shown(hall(*PV_BEHIND))
    powered(shown)
    shown.readings.take("meter-main", {}, 140.0, device_class="meter", up=False)
    shown.readings.take("meter-pv", {"meter_power_watts{role=pv}": -3_000.0}, 140.0, device_class="meter")
    found = shown.get("totals/{total}", 141.0, total="facility")["inputs"]
    assert [(each["device"], each["reason"]) for each in found] == [
        ("meter-main", "does not answer"),
        ("meter-pv", None),
    ]
    found = shown.get("totals/{total}", 300.0, total="facility")["inputs"]
    assert {each["reason"] for each in found} == {"agent gw is silent"}
    shown.readings.take("meter-main", {"meter_power_watts{role=facility}": 52_000.0}, 301.0, device_class="meter")
    found = shown.get("totals/{total}", 301.5, total="facility")["inputs"]
    assert [(each["device"], each["value"]) for each in found] == [("meter-pv", None), ("meter-main", 52_000.0)]


def test_racks_take_the_place_of_an_it_meter_that_does_not_answer() -> None:
    """As the number on the page does."""
    shown = Shown()
    powered(shown)
    assert shown.get("totals/{total}", 102.0, total="it")["it_from"] == "meters"
    shown.readings.take("meter-it", {}, 103.0, device_class="meter", up=False)
    for pdu in PDUS:
        shown.readings.take(pdu, {"pdu_input_power_watts{inlet=1}": 2_000.0}, 135.0)
    shown.derive(136.0)
    found = shown.get("totals/{total}", 136.5, total="it")
    assert (found["value"], found["it_from"]) == (12_000.0, "racks")
    assert inputs(shown, "it", 136.5).keys() == {"a1", "a2"}


@pytest.mark.parametrize("with_phases", [True, False])
def test_an_it_meter_that_answers_and_is_not_trusted_is_not_what_it_power_comes_from(*, with_phases: bool) -> None:
    """The page must list what the number is the sum of: the meter's phases, if they are trusted, else the racks."""
    shown = Shown()
    watts: dict[str, float | str] = {f"meter_phase_power_watts{{phase=L{at},role=it}}": 1_500.0 for at in (1, 2, 3)}
    if with_phases:  # its total contradicts them
        watts["meter_power_watts{role=it}"] = 46_600.0
    else:  # they contradict its currents
        watts |= {f"meter_current_amperes{{phase=L{at},role=it}}": 200.0 for at in (1, 2, 3)}
        watts |= {f"meter_voltage_volts{{phase=L{at},role=it}}": 230.0 for at in (1, 2, 3)}
    for at in range(12):
        for pdu in PDUS:
            shown.readings.take(pdu, {"pdu_input_power_watts{inlet=1}": 2_000.0}, 100.0 + 10 * at)
        shown.readings.take("meter-it", watts, 100.0 + 10 * at, device_class="meter")
        shown.derive(101.0 + 10 * at)
    found = shown.get("totals/{total}", 212.0, total="it")
    listed = {each["device"] or each["labels"]["rack"]: each["value"] for each in found["inputs"]}
    if with_phases:
        assert (found["value"], found["it_from"], listed) == (4_500.0, "meters", {"meter-it": 1_500.0})
    else:
        assert (found["value"], found["it_from"], listed) == (12_000.0, "racks", {"a1": 4_000.0, "a2": 8_000.0})
    assert sum(each["value"] for each in found["inputs"]) == found["value"]
    assert shown.get("totals/{total}", 212.0, total="pue")["it_from"] == found["it_from"]


def test_of_a_site_without_racks_it_power_is_that_of_its_meter_by_its_phases_too() -> None:
    """There is no other way to know it, and the meter itself is known in two ways."""
    ups = "ups: [{id: ups-a, from: [A], rated_power_w: 100000, room: hall}]\n"
    meter = "meters: [{id: meter-it, role: it, category: 1, measures: [ups-a]}]\n"
    bare = "electrical: {continuous_load_factor: 0.8, volts: 230}\nrooms: [{id: hall}]\nrows: []\nracks: []\nfeeds: [{id: A}]\n"
    shown = Shown(parse_site(f"site: t1\n{bare}{ups}{meter}", "bare.yaml"))
    phases = {f"meter_phase_power_watts{{phase=L{at},role=it}}": 1_500.0 for at in (1, 2, 3)}
    shown.readings.take("meter-it", phases | {"meter_power_watts{role=it}": 4_600.0}, 100.0, device_class="meter")
    shown.derive(101.0)
    found = shown.get("totals/{total}", 102.0, total="it")
    assert (found["value"], found["it_from"]) == (4_600.0, "meters")
    shown.readings.take("meter-it", phases, 140.0, device_class="meter")
    shown.derive(141.0)
    found = shown.get("totals/{total}", 142.0, total="it")
    assert (found["value"], found["it_from"]) == (4_500.0, "meters")
    assert shown.get("site", 142.0)["totals"]["it_power_watts"] == found["value"]


def test_what_it_power_comes_from_is_that_of_the_cycle_that_made_the_number() -> None:
    """Not of a moment later: beside a number of the racks, the meter that answers again is not yet its source."""
    shown = Shown()
    powered(shown)
    shown.readings.take("meter-it", {}, 103.0, device_class="meter", up=False)
    shown.readings.take("meter-it", {}, 113.0, device_class="meter", up=False)
    shown.derive(114.0)
    shown.readings.take("meter-it", {"meter_power_watts{role=it}": 50_000.0}, 115.0, device_class="meter")
    found = shown.get("totals/{total}", 115.5, total="it")
    assert (found["value"], found["it_from"]) == (46_600.0, "racks")
    shown.derive(119.0)
    found = shown.get("totals/{total}", 119.5, total="it")
    assert (found["value"], found["it_from"]) == (50_000.0, "meters")
