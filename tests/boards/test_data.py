"""Every expression of every board and rule, asked of real databases that the simulator filled."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from grafana.boards import dashboards
from grafana.boards.catalogued import metrics_in
from grafana.boards.panels import LINES
from rackflow.process.yaml import load_yaml_file
from tests.boards.catalogue_page import SITE as CATALOGUE
from tests.boards.hall import RULES, Hall, fill
from tests.expressions import SCRAPE_LABELS, Selector, labels_of, metrics_of, parse

Panel = dict[str, Any]
Labels = list[dict[str, str]]

# What no simulated device reports, or not within a minute. These are asked of a page made of the catalogue instead.
ABSENT: Final = {
    "dcim_cdu_coolant_conductivity_siemens_per_meter": "the simulator has no water treatment",
    "dcim_cdu_coolant_ph": "as above",
    "dcim_cdu_coolant_turbidity_ntu": "as above",
    "dcim_cdu_exchanger_fouling_ratio": "learned over many minutes",
    "dcim_cdu_flow_share_ratio": "both CDUs must run",
    "dcim_cdu_reservoir_empty_seconds": "its CDU has float switches",
    "dcim_cdu_reservoir_level_ratio": "as above",
    "dcim_cdu_return_pressure_change_pascals": "a change over ten minutes",
    "dcim_cdu_valve_stuck": "its CDU reports no valve",
    "dcim_certificate_expiry_timestamp_seconds": "no TLS here",
    "dcim_circuit_current_amperes": "no panel with metered circuits",
    "dcim_circuit_rated_current_amperes": "as above",
    "dcim_device_reading_suspect": "a minute must pass before a reading is suspected",
    "dcim_air_group_redundancy_margin_watts": "its air units are no group",
    "dcim_air_group_units_spare": "as above",
    "dcim_generator_delivered_watts": "no generator",
    "dcim_generator_load_ratio": "as above",
    "dcim_generator_redundancy_margin_watts": "as above",
    "dcim_generator_running_load_ratio": "as above",
    "dcim_generator_takeover_overdue_seconds": "as above",
    "dcim_generator_units_missing": "as above",
    "dcim_incomer_live": "one main",
    "dcim_leak_rope_position_ratio": "its rope tells no place",
    "dcim_loop_facility_pumps_running": "no plant of the facility",
    "dcim_loop_facility_pumps_spare": "as above",
    "dcim_loop_heat_rejection_load_ratio": "as above",
    "dcim_loop_heat_rejection_margin_watts": "as above",
    "dcim_loop_leaks_detected": "its rope lies on no loop",
    "dcim_plant_unit_fault": "no plant of the facility",
    "dcim_rack_shelf_feed_loss_load_ratio": "its racks have PDUs",
    "dcim_rack_shelf_load_ratio": "as above",
    "dcim_rack_shelf_redundancy_margin_watts": "as above",
    "dcim_site_export_watts": "no PV",
    "dcim_site_pv_self_consumption_ratio": "as above",
    "dcim_site_pv_share_ratio": "as above",
    "dcim_site_pv_watts": "as above",
    "dcim_loop_air_heat_watts": "from several times the loop's lag on",
    "dcim_loop_heat_capture_ratio": "as above",
    "dcim_meter_current_thd_ratio": "its meters measure no harmonics",
    "dcim_pdu_breaker_tripped": "its PDUs have no breakers of their own",
    "dcim_pdu_current_thd_ratio": "its PDUs measure no harmonics",
    "dcim_pdu_phase_demand_load_ratio": "a mean of 15 minutes",
    "dcim_pdu_phase_level_load_ratio": "from five minutes on",
    "dcim_pdu_residual_current_amperes": "nor residual currents",
    "dcim_rack_stranded_power_watts": "the highest mean of five minutes",
    "dcim_site_erf_ratio": "no heat meter",
    "dcim_site_wue_liters_per_kilowatt_hour": "no water meter",
    "dcim_ups_losses_watts": "a mean of five minutes",
}
MADE_LABEL: Final = re.compile(r'"(\w+)", "[^"]*", "')
"""The label that a label_replace() makes."""
LEGEND_LABEL: Final = re.compile(r"(?:\{\{|\$tag_)(\w+)")


def panels() -> Iterator[tuple[str, str, Panel]]:
    """Board, data source and panel."""
    for _, text in dashboards():
        board = json.loads(text)
        source = board["templating"]["list"][0]["current"]["value"].removeprefix("rackflow-")
        yield from ((board["uid"], source, panel) for panel in board["panels"] if panel["type"] != "row")


def filled(text: str, site: str) -> str:
    """The text with its variables replaced."""
    values = {"$__rate_interval": "10s", "$__interval": "10s", "$timeFilter": "time > now() - 6h", "$site": site}
    for variable, value in values.items():
        text = text.replace(variable, value)
    return re.sub(r"\$(room|row|rack|device)\b", ".*", text)


def rules() -> list[dict[str, Any]]:
    """Alerts and recorded rules."""
    return [rule for group in load_yaml_file(RULES)["groups"] for rule in group["rules"]]


def with_companions() -> set[str]:
    """What the page made of the catalogue has: absent metrics and those that an expression joins them with, and what rules read.

    Rules look for what is wrong with any device; most kinds of devices are not in a small hall.
    """
    expressions = [target["expr"] for _, _, panel in panels() for target in panel["targets"] if "expr" in target]
    read = [set(metrics_in(expression)) for expression in expressions]
    of_rules = {name for rule in rules() for name in metrics_in(rule["expr"])}
    return ABSENT.keys() | of_rules | {name for names in read if names & ABSENT.keys() for name in names}


def site_of(text: str, own: str) -> str:
    return CATALOGUE if set(metrics_in(text)) & ABSENT.keys() else own


def found(hall: Hall, source: str, target: dict[str, Any], site: str = "boards") -> Labels:
    """Labels of the series that a target gives."""
    if "query" in target:
        rows = hall.rows(filled(target["query"], site))
        return [{key: str(value) for key, value in row.items() if key not in {"name", "time"}} for row in rows]
    expression = filled(target["expr"], site_of(target["expr"], site))
    if target["instant"]:
        return [sample.labels for sample in hall.now(expression)]
    return hall.past(expression, source)


def complaints(panel: Panel, target: dict[str, Any], series: Labels) -> Iterator[str]:
    """What is wrong with what a target gave."""
    if not series:
        yield "gives no data"
        return
    legend = target.get("alias", target.get("legendFormat", ""))
    for name in LEGEND_LABEL.findall(legend):
        if not any(name in labels for labels in series):
            yield f"no series has the label {name} of its legend"
    if columns := shown_columns(panel):
        lacking = [name for name in columns if not any(name in labels for labels in series)]
        # Several queries are joined, and each has some of the columns; which labels an alert has depends on what it is about.
        if lacking and len(panel["targets"]) == 1 and "ALERTS" not in target["expr"]:
            yield f"no row has the columns {lacking}"
    elif panel["type"] != "heatmap" and "query" not in target:
        names = Counter(legend_of(legend, labels) for labels in series)
        yield from (f"{count} series are called {name!r}" for name, count in names.items() if count > 1)
    if panel["type"] == "timeseries" and len({*map(str, series)}) > LINES:
        yield f"{len(series)} lines"


def shown_columns(panel: Panel) -> list[str]:
    """Labels that a table or its tiles show."""
    kept = [
        each["options"]["include"]["names"]
        for each in panel.get("transformations", [])
        if each["id"] == "filterFieldsByName"
    ]
    return [name for names in kept for name in names if not name.startswith("Value")]


def legend_of(legend: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), legend)


def board_complaints(hall: Hall) -> Iterator[str]:
    for uid, source, panel in panels():
        for target in panel["targets"]:
            series = found(hall, source, target)
            yield from (
                f"{uid}, {panel['title']} {target['refId']}: {what}" for what in complaints(panel, target, series)
            )


def variable_complaints(hall: Hall) -> Iterator[str]:
    """Variables offer something, and annotations are accepted."""
    for _, text in dashboards():
        board = json.loads(text)
        for variable in board["templating"]["list"]:
            if variable["type"] == "query" and isinstance(variable["query"], str):
                if not hall.rows(variable["query"]):
                    yield f"{board['uid']}: nothing to choose for {variable['name']}"
            elif variable["type"] == "query":
                inner, _, label = variable["query"]["query"].removeprefix("label_values(")[:-1].rpartition(", ")
                if not any(label in sample.labels for sample in hall.now(filled(inner, "boards"))):
                    yield f"{board['uid']}: nothing to choose for {label}"
        for annotation in board["annotations"]["list"]:
            hall.now(filled(annotation["expr"], "boards"))


def selector_text(selector: Selector) -> str:
    """Without the labels that make it an alarm: a healthy hall must have the series, and not the state."""
    kept = [
        f'{label}{operator}"{value}"'
        for label, operator, value in selector.matchers
        if label in {"__name__", "role", "loop"}
    ]
    return f"{selector.name}{{{', '.join(kept)}}}"


# Records that have values only while an agent, room or row has lost its devices (tests/collector/problems/test_blind_agent.py plays that),
# or a CDU its flow.
ONLY_IN_TROUBLE = {
    "agent:dcim_silent:info",
    "group:dcim_agent_sees_nothing:ratio",
    "group:dcim_agent_sees_nothing_dark_elsewhere:count",
    "group:dcim_agent_sees_nothing_going_dark:count",
    "group:dcim_agent_sees_nothing_dark_of_one_feed:count",
    "group:dcim_agent_sees_nothing_waited_for:count",
    "device:dcim_agent_sees_nothing:info",
    "group:dcim_room_silent:ratio",
    "device:dcim_room_silent:info",
    "group:dcim_row_silent:ratio",
    "device:dcim_row_silent:info",
    "device:dcim_feed_lost_shown:info",
    "held:dcim_cdu_flow_low:value",
}


def rule_complaints(hall: Hall) -> Iterator[str]:
    """Rules are accepted, what they read is there, and their words use labels that it has."""
    recorded = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
    for rule in rules():
        name = rule.get("record", rule.get("alert"))
        result = hall.now(rule["expr"])
        if "record" in rule and not result and name not in ONLY_IN_TROUBLE:
            yield f"{name}: records nothing"
        seen = {*SCRAPE_LABELS, *rule.get("labels", ()), *MADE_LABEL.findall(rule["expr"])}
        read = 0
        for selector in parse(rule["expr"]).selectors:
            samples = hall.now(selector_text(selector)) if selector.name != "up" else []
            if not samples and selector.name in recorded and selector.name not in ONLY_IN_TROUBLE:
                samples = hall.now(recorded[selector.name])  # some are recorded twice a minute
            seen |= {label for sample in samples for label in sample.labels}
            seen.update(*map(labels_of, metrics_of(selector)))  # parts of the words in brackets are optional
            if selector.name in ONLY_IN_TROUBLE:
                seen |= {"site", "agent"}
            read += bool(samples) or selector.name in {"up", *ONLY_IN_TROUBLE}
        words = " ".join(rule.get("annotations", {}).values())
        if read or result:
            lacking = set(re.findall(r"\$labels\.(\w+)", words)) - seen
            yield from (f"{name}: nothing that it reads has the label {label}" for label in lacking)
        else:
            yield f"{name}: nothing that it reads is there"


def test_every_expression_of_boards_and_rules_gives_what_is_shown(tmp_path: Path) -> None:
    """One test, because the site is simulated, polled and stored once for all of them."""
    with ExitStack() as stack:
        hall = fill(tmp_path, stack, absent=with_companions())
        faults = [*board_complaints(hall), *variable_complaints(hall), *rule_complaints(hall)]
        assert not faults, "\n".join(faults)
