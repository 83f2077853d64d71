"""A figure with what it rests on: inputs with values and ages, formula, and what is missing."""

from typing import Any

import pytest

from collector.api.requests import Ambiguous, BadRequest, NotThere
from collector.derive.engine.explain import MAX_INPUTS
from rackflow.catalogue import catalogue
from tests.collector.api.shown import Shown, powered


def test_a_figure_names_each_reading_it_is_computed_from() -> None:
    """Rack a1's power is the sum of two PDUs'; one was read three seconds before the other."""
    shown = Shown()
    powered(shown)
    shown.readings.take("pdu-a1-b", {"pdu_input_power_watts{inlet=1}": 2400.0}, 103.0)
    shown.derive(104.0)
    figure = shown.get("figures/{metric}", 104.0, metric="dcim_rack_power_watts", rack="a1")
    assert (figure["value"], figure["unit"], figure["basis"], figure["age_seconds"]) == (
        4700.0,
        "watts",
        "readings",
        4.0,
    )
    assert figure["formula"] == "sum of the power of its rack PDUs, or of its power shelves"
    assert [(each["device"], each["value"], each["age_seconds"]) for each in figure["inputs"]] == [
        ("pdu-a1-a", 2300.0, 4.0),
        ("pdu-a1-b", 2400.0, 1.0),
    ]
    assert figure["inputs"][0]["metric"] == "dcim_pdu_input_power_watts"


def test_an_unknown_figure_names_what_is_missing_first() -> None:
    """With the reason, and the inputs that are there behind it."""
    shown = Shown()
    powered(shown)
    for now in (102.0, 112.0):
        shown.readings.take("pdu-a2-b1", {}, now, up=False)
        shown.readings.take("pdu-a2-a1", {"pdu_input_power_watts{inlet=1}": 10_500.0}, now)
    shown.derive(113.0)
    figure = shown.get("figures/{metric}", 113.0, metric="dcim_rack_power_watts", rack="a2")
    assert figure["value"] is None
    assert figure["inputs"][0]["device"] == "pdu-a2-b1"
    assert (figure["inputs"][0]["value"], figure["inputs"][0]["reason"]) == (None, "does not answer")
    assert [each["age_seconds"] is None for each in figure["inputs"]] == [True, False, False, False]
    assert figure["inputs_total"] == 4
    assert [each["reason"] for each in figure["inputs"][1:]] == [None] * 3
    assert figure["missing"] == ["pdu-a2-b1 pdu_input_power_watts{inlet=1}: does not answer"]


def test_of_a_choice_only_the_chosen_reading_is_an_input() -> None:
    """A PDU that states its total and its phases is counted by its total."""
    shown = Shown()
    shown.readings.take(
        "pdu-a1-a", {"pdu_input_power_watts{inlet=1}": 2300.0, "pdu_phase_power_watts{inlet=1,phase=L1}": 2200.0}
    )
    shown.readings.take("pdu-a1-b", {"pdu_phase_power_watts{inlet=1,phase=L1}": 2100.0})
    shown.derive()
    figure = shown.get("figures/{metric}", metric="dcim_rack_power_watts", rack="a1")
    assert figure["value"] == 4400.0
    assert [each["series"] for each in figure["inputs"]] == [
        "dcim_pdu_input_power_watts{inlet=1}",
        "dcim_pdu_phase_power_watts{inlet=1,phase=L1}",
    ]


def test_figures_of_learned_state_and_of_records_say_what_feeds_them() -> None:
    """Losses come from five minutes of input and output, PUE from hours of meters."""
    shown = Shown()
    powered(shown)
    both = {"ups_output_total_power_watts": 23_000.0, "ups_input_total_power_watts": 24_000.0}
    shown.readings.take("ups-b", both, 102.0, device_class="ups")
    shown.derive(103.0)
    losses = shown.get("figures/{metric}", 103.0, metric="dcim_ups_losses_watts", device="ups-b")
    assert (losses["basis"], [each["value"] for each in losses["inputs"]]) == ("learned", [24_000.0, 23_000.0])
    pue = shown.get("figures/{metric}", 103.0, metric="dcim_site_interim_pue_ratio", window="hour")
    assert pue["basis"] == "records"
    assert {"meter-it", "meter-main"} <= {each["device"] for each in pue["inputs"]}


def test_a_request_that_fits_several_figures_is_told_which_labels_distinguish_them() -> None:
    """And one that fits none gets nothing."""
    shown = Shown()
    powered(shown)
    with pytest.raises(Ambiguous, match=r"2 figures .* rack=a1; .* rack=a2"):
        shown.get("figures/{metric}", metric="dcim_rack_power_watts")
    with pytest.raises(NotThere):
        shown.get("figures/{metric}", metric="dcim_rack_power_watts", rack="z9")
    with pytest.raises(NotThere):
        shown.get("figures/{metric}", metric="no_such_metric")


def test_every_figure_can_be_explained_and_every_input_is_there_or_says_why_not() -> None:
    """Whatever the figure is made of."""
    shown = Shown()
    powered(shown)
    items = shown.get("figures", limit="1000")["items"]
    assert len(items) > 60
    for item in items:
        figure = shown.get("figures/{metric}", metric=item["metric"], **item["labels"])
        assert figure["value"] == item["value"]
        assert len(figure["inputs"]) <= MAX_INPUTS
        assert all((each["value"] is None) == bool(each["reason"]) for each in figure["inputs"])
        if figure["value"] is not None and figure["basis"] == "readings" and figure["share"] == 1.0:
            assert not [each for each in figure["inputs"] if each["value"] is None], item


def test_figures_come_in_pages() -> None:
    """Unknown ones included."""
    shown = Shown()
    powered(shown)
    first = shown.get("figures", limit="7")
    rest = shown.get("figures", limit="1000", cursor=first["next"])
    assert (len(first["items"]), first["total"]) == (7, 7 + len(rest["items"]))
    assert rest["next"] is None
    survives = shown.get("figures", metric="dcim_site_survives_feed_loss")
    assert [each["labels"]["feed"] for each in survives["items"]] == ["A", "B"]
    with pytest.raises(BadRequest):
        shown.get("figures", cursor="-1")


def test_figures_of_a_place_are_found_behind_any_number_of_others() -> None:
    """As the page asks for those of one rack: a hall of 100 racks has 600 loads on the loss of a feed."""
    shown = Shown()
    powered(shown)

    def asked(labels: str) -> dict[str, Any]:
        return shown.get("figures", metric="dcim_rack_feed_loss_load_ratio", labels=labels, limit="1")

    found = asked("feed=B,rack=a2")
    assert (found["items"][0]["labels"]["rack"], found["items"][0]["labels"]["feed"]) == ("a2", "B")
    assert found["total"] == 3  # its phases
    assert asked("rack=a2")["total"] == 6
    for none in ("rack=z9", "rack=a1,rack=a2", "ups=a2"):
        assert asked(none) == {"items": [], "next": None, "total": 0}
    assert asked("")["total"] > 6
    for text in ("rack", "rack=", "=a1", "rack=a1,", ",rack=a1", "rack=a=1"):
        with pytest.raises(BadRequest, match="write them as in feed=A,rack=b07"):
            asked(text)


def test_readings_come_in_pages_each_of_them_once() -> None:
    shown = Shown()
    powered(shown)
    whole = shown.get("series", limit="1000")["items"]
    assert len(whole) > 6
    found, cursor = list[Any](), ""
    while cursor is not None:
        page = shown.get("series", limit="3", cursor=cursor)
        assert len(page["items"]) <= 3
        found += page["items"]
        cursor = page["next"]
    assert found == whole


def test_every_figure_that_is_derived_says_what_it_rests_on() -> None:
    """Readings, or what is missing; and what the site file states says that. None of one device rests on the meters of the site."""
    shown = Shown()
    powered(shown)
    explained: dict[str, dict[str, Any]] = {}
    for figure in shown.scene().figures.source:
        name, labels = figure.output.metric.name, dict(figure.output.labels)
        if name not in explained:
            explained[name] = shown.get("figures/{metric}", 101.0, metric=name, **labels)
    assert len(explained) > 35
    silent = {
        name
        for name, each in explained.items()
        if not (each["inputs"] or each["missing"] or each["basis"] == "site_file")
    }
    assert silent == set()
    assert {name for name, each in explained.items() if not each["formula"]} == set()
    of_one_device = {
        name: each for name, each in explained.items() if name.startswith(("dcim_pdu_", "dcim_cdu_", "dcim_ups_"))
    }
    for name, each in of_one_device.items():
        devices = {one["device"] for one in each["inputs"]}
        assert not devices & {"meter-main", "meter-it"}, name
    breaker = explained["dcim_pdu_phase_thermal_load_ratio"]
    assert (breaker["basis"], {one["metric"] for one in breaker["inputs"]}) == (
        "learned",
        {"dcim_pdu_phase_current_amperes"},
    )
    assert explained["dcim_device_nominal_voltage_volts"]["basis"] == "site_file"


def test_every_derived_metric_of_the_catalogue_has_a_formula_and_a_reason() -> None:
    derived = [metric for metric in catalogue().values() if metric.derived]
    assert len(derived) > 70
    assert [metric.name for metric in derived if not (metric.formula and metric.source and metric.help)] == []
