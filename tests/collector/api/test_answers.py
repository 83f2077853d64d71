"""Answers and totals that are made of figures: how many lines they have, which of them, and what is said of what is unknown."""

from collections.abc import Mapping
from typing import Any

import pytest

from collector.api.answers import MAX_LINES
from collector.derive import Figure, group_name
from collector.derive.engine import NO_SLOT, output_of
from rackflow.physics import LEAST_HEAT_W
from tests.collector.api.shown import Shown, powered
from tests.collector.api.test_blame import ONE_FEED
from tests.collector.derive.hall import hall

IT_KEY = "dcim_meter_power_watts{role=it}"


def figure(name: str, value: float | None, **labels: str) -> Figure:
    return Figure(output_of(f"dcim_{name}", [*labels.items()], NO_SLOT), value, 1.0, 1.0, ())


def with_figures(*figures: Figure) -> Shown:
    shown = Shown()
    shown.figures.put(shown.site.id, figures, 101.0)
    return shown


def answers(*figures: Figure) -> Mapping[str, Any]:
    found: Mapping[str, Any] = with_figures(*figures).get("site", 102.0)["answers"]
    return found


def test_of_hundreds_of_loops_the_worst_have_a_line_and_the_other_questions_keep_theirs() -> None:
    loops = [figure("loop_cdus_spare", float(at != 20), loop=f"l{at:02}") for at in range(30)]
    feeds = [figure("site_survives_feed_loss", 1.0, feed=feed) for feed in ("A", "B")]
    lines = [each["id"] for each in answers(*loops, *feeds)["survives"]]
    assert lines == [
        "feed_loss:A",
        "feed_loss:B",
        "cdu_loss:l20",
        *(f"cdu_loss:l{at:02}" for at in range(MAX_LINES // 4 - 1)),
    ]


def test_an_answer_has_a_bounded_number_of_lines() -> None:
    feeds = [figure("site_survives_feed_loss", 1.0, feed=f"f{at}") for at in range(MAX_LINES + 5)]
    times = [figure("loop_ride_through_seconds", 60.0 + at, loop="l", failure=f"f{at}") for at in range(MAX_LINES + 5)]
    found = answers(*feeds, *times)
    assert (len(found["survives"]), len(found["time_left"])) == (MAX_LINES, MAX_LINES)


def test_a_ups_that_stands_alone_is_lost_with_its_feed_and_has_no_line_of_its_own() -> None:
    pair = group_name(("ups-a1", "ups-a2"))
    margins = [figure("ups_redundancy_margin_watts", -5.0, group=group, feed="A") for group in (pair, "ups-b")]
    assert [each["id"] for each in answers(*margins)["survives"]] == [f"ups_loss:{pair}"]


@pytest.mark.parametrize(
    ("heat_w", "lines"), [(LEAST_HEAT_W - 1, ["x"]), (LEAST_HEAT_W, ["x", "y"]), (None, ["x", "y"])]
)
def test_a_loop_at_rest_is_none_of_which_the_time_is_not_known(heat_w: float | None, lines: list[str]) -> None:
    """Without heat it has no such time, and lasts longer than any that has."""
    found = answers(
        figure("loop_ride_through_seconds", None, loop="y", failure="pumps"),
        figure("loop_heat_watts", heat_w, loop="y"),
        figure("loop_ride_through_seconds", 90.0, loop="x", failure="pumps"),
        figure("loop_heat_watts", 50_000.0, loop="x"),
    )["time_left"]
    of_pumps = [each["what"]["loop"] for each in found if each["what"]["key"] == "pumps_stop"]
    assert sorted(of_pumps) == lines


def test_a_sensor_that_is_not_trusted_is_counted_and_named() -> None:
    def trust(*figures: Figure) -> dict[str, Any]:
        return next(each for each in answers(*figures)["trust"] if each["id"] == "sensors_suspect")

    heat = figure("loop_heat_watts", 50_000.0, loop="tcs")
    assert [trust()[name] for name in ("value", "state")] == [None, "unknown"]
    assert [trust(heat)[name] for name in ("value", "state")] == [0, "good"]
    suspect = trust(
        heat, figure("device_reading_suspect", 1.0, device="cdu-1", reading="secondary_flow", reason="frozen")
    )
    assert (suspect["value"], suspect["state"], suspect["figure"]["labels"]["device"]) == (1, "bad", "cdu-1")


def test_the_margin_of_a_rack_to_condensation_is_unknown_while_that_of_one_of_its_cdus_is() -> None:
    """It may be the smaller one."""
    for margin, shown_k in ((6.0, 5.0), (None, None)):
        both = [
            figure("cdu_dew_point_margin_celsius", each, device=cdu)
            for cdu, each in (("cdu-1", margin), ("cdu-2", 5.0))
        ]
        assert with_figures(*both).get("floor", 102.0)["racks"]["a2"]["values"]["dew_point_margin_kelvin"] == shown_k


def test_a_total_counts_all_of_its_inputs_and_shows_no_value_of_one_that_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = Shown()
    powered(shown)
    assert shown.get("totals/{total}", total="it")["inputs"][0]["value"] == 46_600.0
    shown.readings.engine.distrusted = {("meter-it", IT_KEY): "impossible"}
    (suspect,) = (each for each in shown.get("totals/{total}", 102.0, total="it")["inputs"] if each["device"])
    assert (suspect["value"], suspect["age_seconds"], suspect["reason"]) == (None, None, "suspect, impossible")
    monkeypatch.setattr("collector.api.totals._MAX_INPUTS", 1)
    pue = shown.get("totals/{total}", 103.0, total="pue")
    assert len(pue["inputs"]) == 1 < pue["inputs_total"]


def test_a_figure_with_just_the_labels_that_were_asked_for_comes_before_one_with_more() -> None:
    shown = with_figures(
        figure("rack_survives_feed_loss", 1.0, rack="a1", feed="A"),
        figure("rack_survives_feed_loss", 0.0, rack="a1", feed="A", phase="L1"),
    )
    found = shown.get("figures/{metric}", 102.0, metric="dcim_rack_survives_feed_loss", rack="a1", feed="A")
    assert (found["value"], found["labels"]) == (1.0, {"rack": "a1", "feed": "A"})


def test_of_very_many_that_are_to_blame_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.api.explained._MAX_BLAMED", 0)
    shown = Shown(hall(ONE_FEED))
    powered(shown)
    figure_of_a = shown.get("figures/{metric}", metric="dcim_site_survives_feed_loss", feed="A")
    assert (figure_of_a["blamed"], figure_of_a["blamed_total"]) == ([], 1)
