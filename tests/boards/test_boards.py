"""The boards as code: what every panel keeps to, whichever board it is on."""

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest

from grafana.boards import BOARDS, RUNBOOK_BASE, dashboards
from grafana.boards.catalogued import Limits, limits_of, unit_of
from grafana.boards.panels import GREEN, GREY, LINES, SITE, counted
from grafana.boards.render import LOWEST, steps
from rackflow.process.yaml import load_yaml_file
from tests.boards.schema import UNITS, schema_faults
from tests.expressions import faults

ROOT: Final = Path(__file__).resolve().parents[2]
RULES: Final = ROOT / "deploy" / "prometheus" / "rules" / "dcim.rules.yml"
PROVISIONING: Final = ROOT / "grafana" / "provisioning"
TEXTS: Final = dict(dashboards())
FILES: Final = {name: json.loads(text) for name, text in TEXTS.items()}
# Labels that a place with many devices has many values of: a line for each would make a chart illegible.
MANY: Final = {"device", "rack", "phase", "sensor", "outlet", "bank", "filter", "inlet", "pump"}
GROUPING: Final = re.compile(r"\(*(?:max|min|sum|avg|count) by \(([^)]*)\)")
Panel = dict[str, Any]

every_board = pytest.mark.parametrize("name", FILES)


def panels(name: str) -> Iterator[Panel]:
    yield from (panel for panel in FILES[name]["panels"] if panel["type"] != "row")


def expressions(name: str) -> Iterator[tuple[str, str]]:
    """Where an expression is, and the expression."""
    for panel in panels(name):
        yield from ((panel["title"], target["expr"]) for target in panel["targets"] if "expr" in target)
    for annotation in FILES[name]["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]
    for variable in FILES[name]["templating"]["list"]:
        if variable["type"] == "query" and isinstance(variable["query"], dict):
            yield variable["name"], variable["query"]["query"].removeprefix("label_values(").rpartition(", ")[0]


@cache
def recorded() -> dict[str, str]:
    """Recording rules, name to expression."""
    rules = [rule for group in load_yaml_file(RULES)["groups"] for rule in group["rules"]]
    return {rule["record"]: rule["expr"] for rule in rules if "record" in rule}


def named_by(expression: str) -> set[str]:
    """Labels that tell the series of an expression apart, by its outermost aggregation."""
    outermost = GROUPING.match(expression)
    return set(outermost[1].split(", ")) if outermost else set()


def plain(expression: str) -> str:
    """Without what `faults` does not read: Grafana's variables, and `@ end()`."""
    return re.sub(r"\$__?\w+", "5m", re.sub(r"\$(site|room|row|rack|device)\b", ".*", expression)).replace(
        " @ end()", ""
    )


@every_board
def test_grafanas_own_schema_takes_every_board(name: str) -> None:
    assert schema_faults(FILES[name]) == []


@every_board
def test_units_are_grafanas(name: str) -> None:
    for panel in panels(name):
        overrides = [each["properties"] for each in panel["fieldConfig"]["overrides"]]
        units = [panel["fieldConfig"]["defaults"]["unit"]]
        units += [each["value"] for properties in overrides for each in properties if each["id"] == "unit"]
        assert all(unit in UNITS or unit.startswith("suffix: ") for unit in units), (panel["title"], units)


@every_board
def test_expressions_name_only_what_the_catalogue_has(name: str) -> None:
    for where, expression in expressions(name):
        assert faults(plain(expression), recorded()) == [], where


@every_board
def test_a_number_is_asked_for_the_present_and_a_chart_for_the_past(name: str) -> None:
    """The last value of a range goes on looking current after its device fell silent."""
    for panel in panels(name):
        past = panel["type"] in {"timeseries", "state-timeline", "heatmap"}
        for target in panel["targets"]:
            assert target.get("instant", not past) is not past, panel["title"]


@every_board
def test_no_data_is_never_green(name: str) -> None:
    for panel in panels(name):
        defaults = panel["fieldConfig"]["defaults"]
        first = defaults["thresholds"]["steps"][0]
        assert first["value"] is None
        assert first["color"] == ("transparent" if panel["type"] == "timeseries" else GREY), panel["title"]
        (absent,) = [each for each in defaults["mappings"] if each["type"] == "special"]
        assert absent["options"] == {"match": "null+nan", "result": {"text": "no data", "color": GREY, "index": 0}}
        for _, expression in expressions(name):
            assert "vector(" not in expression, "a constant is data, whatever is missing"


@every_board
def test_charts_have_few_lines_however_large_the_site(name: str) -> None:
    for panel in panels(name):
        for target in panel["targets"] if panel["type"] == "timeseries" else ():
            ranked = f"topk({LINES}, " in target.get("expr", "") or f"bottomk({LINES}, " in target.get("expr", "")
            legend = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
            assert ranked or not legend & MANY, panel["title"]
            assert ranked or not named_by(target.get("expr", "")) & MANY, panel["title"]


@every_board
def test_panels_have_ids_of_their_own_and_do_not_overlap(name: str) -> None:
    found = FILES[name]["panels"]
    assert len({panel["id"] for panel in found}) == len(found)
    taken: set[tuple[int, int]] = set()
    for panel in found:
        at = panel["gridPos"]
        cells = set(product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


@every_board
def test_every_query_goes_to_the_chosen_data_source(name: str) -> None:
    board = FILES[name]
    chosen = {"type": board["templating"]["list"][0]["query"], "uid": "${datasource}"}
    asked = [*panels(name), *(target for panel in panels(name) for target in panel["targets"])]
    asked += [*board["annotations"]["list"], *(each for each in board["templating"]["list"] if each["type"] == "query")]
    assert all(each["datasource"] == chosen for each in asked)


@every_board
def test_links_lead_to_boards_and_to_variables_that_they_have(name: str) -> None:
    for address in re.findall(r'"url": "(/d/[^"]*)"', TEXTS[name]):
        uid, _, query = address.removeprefix("/d/").partition("?")
        target = FILES[f"{uid}.json"]
        variables = {variable["name"] for variable in target["templating"]["list"]}
        assert {*re.findall(r"var-(\w+)=", query), "datasource"} <= variables, address
        assert query.endswith("${__url_time_range}"), address


@every_board
def test_each_problem_of_a_panel_links_to_its_section_of_the_runbook(name: str) -> None:
    runbook = (ROOT / "deploy" / "RUNBOOK.md").read_text(encoding="utf-8")
    sections = {heading.strip().lower() for heading in re.findall(r"^#+ (.*)$", runbook, re.MULTILINE)}
    anchors = re.findall(r"\$\{runbooks\}deploy/RUNBOOK\.md#(dcim\w+)", TEXTS[name])
    assert set(anchors) <= sections
    assert anchors or "history" not in name


def test_the_address_of_the_runbook_is_absolute_and_can_be_chosen() -> None:
    assert RUNBOOK_BASE.startswith("https://")
    for _, text in dashboards("https://wiki.dc/pages/"):
        variables = {each["name"]: each for each in json.loads(text)["templating"]["list"]}
        assert variables["runbooks"]["query"] == variables["runbooks"]["current"]["value"] == "https://wiki.dc/pages/"


def test_the_address_of_the_runbook_can_be_replaced_in_the_files() -> None:
    """As the how-to does it, since an installed package has no generator."""
    found = "https://wiki.dc/pages/"
    assert {name: text.replace(RUNBOOK_BASE, found) for name, text in TEXTS.items()} == dict(dashboards(found))


def test_what_is_committed_is_what_the_code_says() -> None:
    committed = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "grafana" / "dashboards").iterdir()}
    assert committed == TEXTS


def test_there_are_nine_boards_and_a_history_for_each_store() -> None:
    assert [board.uid for board in BOARDS] == [
        "dcim-site",
        "dcim-power",
        "dcim-racks",
        "dcim-liquid",
        "dcim-ups",
        "dcim-pdu",
        "dcim-green",
        "dcim-plant",
        "dcim-telemetry",
        "dcim-history-prometheus",
        "dcim-history-influxdb",
        "dcim-history-victoriametrics",
    ]


def test_data_sources_are_provisioned_for_every_board() -> None:
    files = (PROVISIONING / "datasources").glob("*.yaml")
    sources = {each["uid"]: each for file in files for each in load_yaml_file(file)["datasources"]}
    for board in FILES.values():
        chosen = board["templating"]["list"][0]
        source = sources[chosen["current"]["value"]]
        assert (source["type"], source["name"]) == (chosen["query"], chosen["current"]["text"])
        assert source["editable"] is False
    assert [source["uid"] for source in sources.values() if source.get("isDefault")] == ["rackflow-prometheus"]


def test_limits_on_panels_are_those_of_the_problems() -> None:
    assert limits_of("dcim_ups_output_load_ratio") == Limits(0.8, 1.0)
    assert limits_of("dcim_cdu_dew_point_margin_celsius") == Limits(warning=2.0, falling=True)
    flow_per_heat = limits_of("dcim_cdu_flow_per_heat_cubic_meters_per_joule", '{loop="secondary"}')
    assert flow_per_heat.warning is not None
    assert flow_per_heat.warning * unit_of("dcim_cdu_flow_per_heat_cubic_meters_per_joule").factor == pytest.approx(1.0)


def test_a_panel_about_no_metric_has_no_limits_of_its_own() -> None:
    assert limits_of("") == Limits()


@every_board
def test_every_panel_says_what_it_shows(name: str) -> None:
    assert [panel["title"] for panel in panels(name) if not panel["description"]] == []


def test_a_limit_of_one_loop_is_none_of_the_others() -> None:
    name = "dcim_cdu_supply_temperature_celsius"
    assert limits_of(name, f'{name}{{loop="secondary"}}').critical == 45.0
    assert limits_of(name, f'{name}{{loop="primary"}}').critical is None


def test_the_worst_are_those_at_the_end_of_the_range() -> None:
    assert SITE.worst("dcim_ups_output_load_ratio", "device") == (
        'max by (device) (dcim_ups_output_load_ratio{site=~"$site"})'
        ' and topk(12, max by (device) (dcim_ups_output_load_ratio{site=~"$site"} @ end()))'
    )


def evaluated(folder: Path, expression: str, series: dict[str, float], expected: dict[str, float]) -> str:
    """What Prometheus complains of when it evaluates an expression over constant series; empty if all is as expected."""
    asked = {
        "expr": plain(expression),
        "eval_time": "5m",
        "exp_samples": [{"labels": labels, "value": value} for labels, value in expected.items()],
    }
    given = [{"series": name, "values": f"{value}x5"} for name, value in series.items()]
    tests = {"evaluation_interval": "1m", "tests": [{"input_series": given, "promql_expr_test": [asked]}]}
    (folder / "test.yml").write_text(json.dumps(tests), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr if done.returncode else ""


def test_a_ups_without_a_rating_is_no_load_of_the_others(tmp_path: Path) -> None:
    """Nor a rating without power a reserve. Three of four families of UPSs report none."""
    (expression,) = (text for title, text in expressions("dcim-power.json") if title == "UPS load against ratings")
    series = {
        'dcim_ups_output_power_watts{site="s",feed="A",device="both",phase="L1"}': 20e3,
        'dcim_ups_output_power_watts{site="s",feed="A",device="both",phase="L2"}': 10e3,
        'dcim_ups_rated_power_watts{site="s",feed="A",device="both"}': 60e3,
        'dcim_ups_output_total_power_watts{site="s",feed="A",device="unrated"}': 40e3,
        'dcim_ups_rated_power_watts{site="s",feed="A",device="silent"}': 60e3,
        'dcim_ups_output_total_power_watts{site="s",feed="B",device="unrated"}': 40e3,
    }
    assert evaluated(tmp_path, expression, series, {'{site="s", feed="A"}': 0.5}) == ""


@pytest.mark.parametrize(
    ("title", "expected"), [("Facility power", 100e3), ("IT power", 80e3), ("PUE, last hour (estimate)", 1.25)]
)
def test_a_meter_that_gives_the_power_of_each_phase_alone_counts_as_on_the_page(
    title: str, expected: float, tmp_path: Path
) -> None:
    """And one that gives both counts once."""
    (expression,) = (text for each, text in expressions("dcim-site.json") if each == title)
    series = {
        'dcim_meter_power_watts{site="s",device="main-1",role="facility"}': 70e3,
        'dcim_meter_phase_power_watts{site="s",device="main-1",role="facility",phase="L1"}': 70e3,
        'dcim_meter_phase_power_watts{site="s",device="main-2",role="facility",phase="L1"}': 20e3,
        'dcim_meter_phase_power_watts{site="s",device="main-2",role="facility",phase="L2"}': 10e3,
        'dcim_meter_phase_power_watts{site="s",device="it",role="it",phase="L1"}': 80e3,
        'dcim_rack_power_watts{site="s",rack="r"}': 1e3,
    }
    assert evaluated(tmp_path, expression, series, {'{site="s"}': expected}) == ""


@pytest.mark.parametrize("title", ["Facility power", "IT power", "PUE, last hour (estimate)"])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_meter_below_another_counts_once_and_a_silent_incomer_is_no_power_of_0(
    title: str,
    is_known: bool,  # noqa: FBT001 - a case
    tmp_path: Path,
) -> None:
    """Prometheus cannot know either. Where the collector derives the sums, these count, and without one there is no value."""
    (expression,) = (text for each, text in expressions("dcim-site.json") if each == title)
    series = {
        'dcim_meter_power_watts{site="s",device="main-1",role="facility"}': 70e3,
        'dcim_meter_power_watts{site="s",device="it",role="it"}': 80e3,
        'dcim_meter_power_watts{site="s",device="it-below-it",role="it"}': 40e3,
        'dcim_figure_known{site="s",figure="site_facility_watts"}': float(is_known),
        'dcim_figure_known{site="s",figure="site_it_watts"}': float(is_known),
    }
    if is_known:
        series |= {'dcim_site_facility_watts{site="s"}': 100e3, 'dcim_site_it_watts{site="s"}': 80e3}
    expected = {"Facility power": 100e3, "IT power": 80e3}.get(title, 1.25)
    found = {'{site="s"}': expected} if is_known else {}
    assert evaluated(tmp_path, expression, series, found) == ""


@pytest.mark.parametrize(("known", "expected"), [(1.0, {'{site="s"}': 60e3}), (0.0, {}), (None, {'{site="s"}': 50e3})])
def test_the_mains_less_what_leaves_are_as_the_collector_derives_them(
    known: float | None, expected: dict[str, float], tmp_path: Path
) -> None:
    """A second incomer may be silent. Meters are summed here only where no collector derives the sum."""
    expression = next(text for each, text in expressions("dcim-plant.json") if each == "Power by its source")
    series = {'dcim_meter_power_watts{site="s",device="main-1",role="facility"}': 50e3}
    if known is not None:
        series['dcim_figure_known{site="s",figure="site_mains_watts"}'] = known
    if known:
        series['dcim_site_mains_watts{site="s"}'] = 60e3
    assert evaluated(tmp_path, expression, series, expected) == ""


def test_colours_go_from_grey_over_green_to_red() -> None:
    assert [(step["color"] == GREEN, step["value"]) for step in steps(Limits(0.8, 1.0))] == [
        (False, None),
        (True, LOWEST),
        (False, 0.8),
        (False, 1.0),
    ]
    assert [(step["color"] == GREEN, step["value"]) for step in steps(Limits(600, 300, falling=True))] == [
        (False, None),
        (False, LOWEST),
        (False, 300),
        (True, 600),
    ]


def test_every_reported_unit_has_one_of_grafana() -> None:
    shown = {board.uid: [panel.of for row in board.rows for _, line in row.lines for panel in line] for board in BOARDS}
    for uid, names in shown.items():
        assert all(unit_of(name) for name in names if name), uid
    assert unit_of("dcim_site_interim_pue_ratio").id == "short"
    assert unit_of("dcim_ups_output_load_ratio").id == "percentunit"


def test_a_count_of_what_is_wrong_needs_a_proof_that_it_would_be_seen() -> None:
    assert counted("count(bad)", "count(seen)") == "count(bad) or 0 * count(seen)"


def test_selectors_follow_the_boards_variables_and_count_each_series_once() -> None:
    assert SITE("dcim_device_up", 'agent="gw-1"') == (
        'max without (instance, job) (dcim_device_up{site=~"$site", agent="gw-1"})'
    )


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("dcim_ups_output_power", "no metric"),
        ('sum(rate(dcim_pdu_outlets_total{phase="L1"}[5m]))', "no metric"),
        ('dcim_ups_output_power_watts{loop="primary"}', "has no label loop"),
        ('dcim_ups_output_source{state="batery"} == 1', "never has state=batery"),
        ('dcim_cdu_flow_cubic_meters_per_second{loop=~"secondary|third"}', "never has loop=third"),
        ("sum by (loop) (dcim_ups_output_power_watts)", "grouping by loop"),
        ('{__name__=~"dcim_leaks?_seen"} == 1', "no metric"),
        ("a:dcim_nothing:sum > 1", "no metric"),
    ],
)
def test_wrong_names_are_found(expression: str, fault: str) -> None:
    assert fault in "; ".join(faults(expression, recorded()))
