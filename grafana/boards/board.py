"""A board: its question, its variables, its panels in rows, and what all boards have in common."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana.boards.panels import ORANGE, RED, Row, firing
from grafana.boards.render import INFLUXDB, PROMETHEUS, Json, panel_json

SCHEMA_VERSION: Final = 41
"""Of Grafana 12.0, which later ones read and migrate."""
TAG: Final = "dcim"
WIDTH: Final = 24
PLACES: Final = ("site", "room", "row", "rack")
INFLUX: Final = "influxdb"
SOURCES: Final = {
    "prometheus": ("prometheus", "Prometheus", "rackflow-prometheus"),
    "victoriametrics": ("prometheus", "VictoriaMetrics", "rackflow-victoriametrics"),
    INFLUX: (INFLUX, "InfluxDB", "rackflow-influxdb"),
}
"""Plugin, name and uid of each data source that grafana/provisioning sets up."""


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard. `uid` is its address and file name; `variables` are labels to choose by, each within those before it."""

    uid: str
    title: str
    question: str
    variables: Sequence[str]
    rows: Sequence[Row]
    device_class: str = ""
    """Only devices of this class can be chosen."""
    alerts: str = ""
    """Only alerts of these subsystems are marked on charts: `power|cooling`; all when empty."""
    source: str = "prometheus"
    since: str = "now-30m"
    refresh: str = "10s"
    """No faster than data comes: safety readings each second, figures every 5 s, scrapes every 5 s."""


def board_json(board: Board, runbook_base: str) -> Json:
    """The dashboard as Grafana keeps it. `runbook_base` is what is put before the path of a runbook section."""
    plugin = SOURCES[board.source][0]
    return {
        "uid": board.uid,
        "title": f"Rackflow: {board.title}",
        "description": board.question,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "refresh": board.refresh,
        "time": {"from": board.since, "to": "now"},
        "timezone": "browser",
        "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m"]},
        "templating": {"list": [_source(board), _runbooks(runbook_base), *_variables(board)]},
        "annotations": {"list": list(_annotations(board)) if plugin == "prometheus" else []},
        "links": [_link_to_boards(), _link_to_runbooks()],
        "panels": list(_panels(board)),
    }


def _panels(board: Board) -> Iterator[Json]:
    number, top = 0, 0
    for row in board.rows:
        number += 1
        repeat = {"repeat": row.repeat} if row.repeat else {}
        grid = {"h": 1, "w": WIDTH, "x": 0, "y": top}
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "gridPos": grid,
            "collapsed": False,
            "panels": [],
        } | repeat
        top += 1
        for height, panels in row.lines:
            left = 0
            for panel in panels:
                number += 1
                yield panel_json(panel, number, {"h": height, "w": panel.width, "x": left, "y": top})
                left += panel.width
            top += height


def _source(board: Board) -> Json:
    plugin, name, uid = SOURCES[board.source]
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": plugin,
        "current": {"selected": True, "text": name, "value": uid},
        "refresh": 1,
        "regex": "",
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "options": [],
    }


def _runbooks(address: str) -> Json:
    value = {"selected": True, "text": address, "value": address}
    return {"name": "runbooks", "type": "constant", "query": address, "current": value, "hide": 2, "options": [value]}


def _variables(board: Board) -> Iterator[Json]:
    influx = board.source == INFLUX
    for index, name in enumerate(board.variables):
        query = _tag_values(name) if influx else _label_values(board, name, board.variables[:index])
        held: Any = query if influx else {"query": query, "refId": f"variable-{name}"}
        yield {
            "name": name,
            "label": name.capitalize(),
            "type": "query",
            "datasource": INFLUXDB if influx else PROMETHEUS,
            "query": held,
            "refresh": 2,
            "sort": 7,  # by name, numbers in their order
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
            "options": [],
            "regex": "",
            "hide": 0,
        }


def _label_values(board: Board, name: str, before: Sequence[str]) -> str:
    # Devices that are silent have both: what cannot be seen now can still be chosen.
    by_class = name == "device" and board.device_class
    metric = "dcim_device_info" if by_class else "dcim_device_observed"
    where = [f'{label}=~"${label}"' for label in before]
    where += [f'device_class=~"{board.device_class}"'] if by_class else []
    return f"label_values({metric}{{{', '.join(where)}}}, {name})" if where else f"label_values({metric}, {name})"


def _tag_values(name: str) -> str:
    # No condition on other tags: SHOW TAG VALUES with one reads every series of the time range.
    return f'SHOW TAG VALUES FROM "dcim_device" WITH KEY = "{name}"'


def _annotations(board: Board) -> Iterator[Json]:
    """Problems as marks on every chart, by severity."""
    subsystem = (f'subsystem=~"{board.alerts}"',) if board.alerts else ()
    for severity, colour in (("critical", RED), ("warning", ORANGE)):
        yield {
            "name": f"Problems, {severity}",
            "datasource": PROMETHEUS,
            "enable": True,
            "hide": False,
            "iconColor": colour,
            "expr": firing(f'severity="{severity}"', *subsystem),
            "step": "30s",
            "titleFormat": "{{alertname}}",
            "textFormat": "{{device}} {{rack}} {{loop}} {{feed}}",
            "tagKeys": "severity,subsystem",
            "useValueForTime": False,
        }


def _link_to_boards() -> Json:
    return {
        "title": "Boards",
        "type": "dashboards",
        "icon": "external link",
        "tooltip": "",
        "url": "",
        "tags": [TAG],
        "asDropdown": True,
        "targetBlank": False,
        "includeVars": True,
        "keepTime": True,
    }


def _link_to_runbooks() -> Json:
    return {
        "title": "Runbook",
        "type": "link",
        "icon": "doc",
        "tooltip": "What to do about each problem",
        "url": "${runbooks}deploy/RUNBOOK.md",
        "tags": [],
        "asDropdown": False,
        "targetBlank": True,
        "includeVars": False,
        "keepTime": False,
    }
