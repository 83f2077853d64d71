"""The latest figures: what /metrics and the store have of each, what it rests on, and why it is unknown."""

from collections import defaultdict

import msgspec

from collector.derive.engine.graph import Figure
from collector.derive.latest_figures import LatestFigures
from collector.latest import Latest
from collector.web.exposition import render
from tests.at_once import at_once
from tests.collector.derive.campus import campus_readings, two_sites
from tests.collector.derive.hall import Readings, name_of


def exposed(latest: LatestFigures, now: float = 0.0) -> dict[str, str]:
    families: dict[str, list[str]] = defaultdict(list)
    at_once(latest.expose_steps)(families, now)
    lines = [line for found in families.values() for line in found]
    found = dict(line.rstrip("\n").rsplit(" ", 1) for line in lines)
    assert len(found) == len(lines)
    return found


def of_rack(readings: Readings, rack: str) -> list[Figure]:
    figures = readings.figures()
    return [figures[f"rack_power_watts{{rack={rack}}}"], figures[f"rack_power_utilisation_ratio{{rack={rack}}}"]]


def overdriven() -> Readings:
    """Two PDUs of rack a1 (hall), each within what a PDU may say, together six times what the rack is designed for."""
    readings = Readings()
    readings.currents("pdu-a1-a", 100.0, watts=300_000.0)
    readings.currents("pdu-a1-b", 100.0, watts=300_000.0)
    return readings


def test_a_figure_out_of_its_catalogue_range_is_unknown_and_its_reason_names_the_result() -> None:
    figures = overdriven().figures()
    assert figures["rack_power_watts{rack=a1}"].value == 600_000.0
    ratio = figures["rack_power_utilisation_ratio{rack=a1}"]
    assert ratio.value is None
    [reason] = ratio.missing
    assert reason.startswith("result ")
    assert reason.endswith(" is not plausible")
    assert float(reason.split()[1]) > ratio.output.high
    latest = LatestFigures(10.0)
    latest.put("t1", [ratio], 0.0)
    assert latest.unknown(0.0) == [(ratio, reason)]
    labels = f'{{{ratio.output.text},figure="rack_power_utilisation_ratio"}}'
    assert exposed(latest) == {f"dcim_figure_known{labels}": "0", f"dcim_figure_inputs_ratio{labels}": "1.0"}
    tags = f"{ratio.output.tags},"
    [line] = latest.lines([ratio], "collector", 7)
    assert line.startswith("dcim_figure,agent=collector,")
    assert set(tags.strip(",").split(",")) < set(line.split(" ")[0].split(","))
    assert line.endswith(" known=0.0,inputs_ratio=1.0 7")


def test_figures_are_taken_down_when_three_cycles_pass_without_a_new_one() -> None:
    latest = LatestFigures(10.0)
    figures = of_rack(campus_readings(), "n1")
    latest.put("t2", figures, 100.0)
    assert latest.current(129.9) == latest.of("t2", 129.9) == figures
    assert latest.current(130.0) == []
    assert (latest.of("t2", 130.0), latest.of("t1", 129.9)) == ((), ())
    assert exposed(latest, 130.0) == {}
    latest.put("t2", figures[:1], 120.0)
    assert latest.current(149.9) == figures[:1]
    latest.keep(["t1"])
    assert latest.current(121.0) == []


def test_two_sites_keep_their_figures_beside_each_other() -> None:
    small, campus = two_sites()
    latest = LatestFigures(10.0)
    for site, readings in (("t1", small), ("t2", campus)):
        latest.put(site, list(readings.figures().values()), 0.0)
    found = exposed(latest)
    of_cdu = {
        name: value
        for name, value in found.items()
        if name.startswith("dcim_cdu_cooling_load") and 'device="cdu-1"' in name
    }
    assert [name.partition('site="')[2][:2] for name in of_cdu] == ["t1", "t2"]
    assert next(iter(of_cdu.values())) == "0.3"
    assert len(set(of_cdu.values())) == 2
    latest.keep(["t2"])
    assert {figure.output.text.split(",")[0] for figure in latest.current(0.0)} == {'site="t2"'}
    latest.put("t2", [], 1.0)
    assert exposed(latest, 1.0) == {}


def test_a_known_figure_is_reported_with_its_share_and_the_age_of_its_oldest_input() -> None:
    readings = campus_readings()
    readings.currents("pdu-n1-a", 12.0, 12.0, 12.0, now=104.0)
    power = readings.figures(110.0)["rack_power_watts{rack=n1}"]
    latest = LatestFigures(10.0)
    latest.put("t2", [power], 0.0)
    labels = f'{{{power.output.text},figure="rack_power_watts"}}'
    assert exposed(latest) == {
        f"dcim_rack_power_watts{{{power.output.text}}}": repr(power.value),
        f"dcim_figure_known{labels}": "1",
        f"dcim_figure_inputs_ratio{labels}": "1.0",
        f"dcim_figure_oldest_input_seconds{labels}": "10.0",
    }
    text, series = render(Latest(10), 0.0, latest)
    assert series == 4
    assert f"dcim_rack_power_watts{{{power.output.text}}} {power.value!r}\n" in text
    assert latest.lines([power], "c", 7) == [
        f"{power.output.metric.measurement},agent=c{power.output.tags} {power.output.metric.field}={power.value!r} 7"
    ]


def test_of_a_figure_that_is_known_by_half_of_its_inputs_the_store_says_so() -> None:
    [power] = [each for each in campus_readings().figures().values() if name_of(each) == "rack_power_watts{rack=n1}"]
    half = msgspec.structs.replace(power, value=2300.0, share=0.5)
    lines = LatestFigures(10.0).lines([half], "c", 7)
    assert [line.rpartition(" ")[0].rpartition(" ")[2] for line in lines] == [
        "power_watts=2300.0",
        "known=1.0,inputs_ratio=0.5",
    ]


def test_the_quality_of_a_figure_is_that_of_its_worst_series() -> None:
    """One series of several that is unknown makes the figure at that place unknown; the least share and the oldest count."""
    figures = [
        figure
        for figure in campus_readings().figures().values()
        if name_of(figure).startswith("rack_survives_feed_loss{rack=n1,feed=A")
    ]
    assert len(figures) > 1
    first, second, *_ = figures
    worse = Figure(second.output, 1.0, 9.0, 0.5, ("x",))
    latest = LatestFigures(10.0)
    latest.put("t2", [Figure(first.output, 1.0, 3.0, 0.75), worse], 0.0)
    found = exposed(latest)
    rests = {name.partition("{")[0]: value for name, value in found.items() if name.startswith("dcim_figure_")}
    assert rests == {
        "dcim_figure_known": "1",
        "dcim_figure_inputs_ratio": "0.5",
        "dcim_figure_oldest_input_seconds": "9.0",
    }
    latest.put("t2", [Figure(first.output, None, 3.0, 0.25, ("a", "b")), worse], 0.0)
    found = exposed(latest)
    rests = {name.partition("{")[0]: value for name, value in found.items() if name.startswith("dcim_figure_")}
    assert rests == {"dcim_figure_known": "0", "dcim_figure_inputs_ratio": "0.25"}
    assert [words for _, words in latest.unknown(0.0)] == ["a; b"]
