"""Translates a dashboard of `grafana/dashboards/` into one of Perses. Pure.

Perses has a migration of its own; it reads CUE schemas of each plugin, which the plugins' npm packages do not carry. Of a dashboard this
takes what a picture shows: rows, places, expressions, names of series, thresholds and the words for values. What Perses cannot show is
drawn in the nearest way: a bar gauge as bars, a heat map as one line of cells for each series.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Json = Mapping[str, Any]
# A picture is of the whole site.
_SELECTED = re.compile(r"\$\{?(?:site|room|row|rack|device)(?::\w+)?\}?")
_BY: Final = re.compile(r"\w+ by \(([^)]*)\)")
_SET: Final = {"$__rate_interval": "1m", "$__interval": "15s", "$__range": "1h"}
_UNITS: Final = {"percentunit": "percent-decimal", "s": "seconds"}
# Perses has no such units: they stand in the title.
_WORDS: Final = {
    "celsius": "°C",
    "watt": "W",
    "kwatth": "kWh",
    "amp": "A",
    "flowlpm": "L/min",
    "ops": "1/s",
    "pressurekpa": "kPa",
    "volt": "V",
    "massg": "g",
    "hertz": "Hz",
}
# Grafana has no lower end of a scale: the first colour with a reading begins here (`grafana/boards/render.py`).
_LOWEST: Final = -1e11
_GROUP_WIDTH: Final = 24


def board(grafana: Json) -> dict[str, Any]:
    """A dashboard of Perses."""
    panels: dict[str, Any] = {}
    layouts: list[dict[str, Any]] = []
    for title, members in _rows(grafana["panels"]):
        items = []
        top = min(each["gridPos"]["y"] for each in members)
        for each in members:
            name, place = f"p{each['id']}", each["gridPos"]
            panels[name] = _panel(each)
            at = {"x": place["x"], "y": place["y"] - top, "width": place["w"], "height": place["h"]}
            items.append(at | {"content": {"$ref": f"#/spec/panels/{name}"}})
        display = {"title": title, "collapse": {"open": True}} if title else None
        layouts.append({"kind": "Grid", "spec": {"display": display, "items": items}})
    spec = {
        "display": {"name": grafana["title"]},
        "panels": panels,
        "layouts": layouts,
        "variables": [],
        "duration": "1h",
    }
    return {"kind": "Dashboard", "metadata": {"name": grafana["uid"], "project": "rackflow"}, "spec": spec}


def expression(text: str) -> str:
    """An expression with everything selected."""
    for name, value in _SET.items():
        text = text.replace(name, value)
    return _SELECTED.sub(".*", text)


def _rows(panels: Sequence[Json]) -> Iterator[tuple[str, list[Json]]]:
    title, members = "", list[Json]()
    for panel in panels:
        if panel["type"] != "row":
            members.append(panel)
            continue
        if members:
            yield title, members
        title, members = panel["title"], []
    if members:
        yield title, members


def _panel(grafana: Json) -> dict[str, Any]:
    defaults = grafana["fieldConfig"]["defaults"]
    unit = _WORDS.get(defaults.get("unit", ""), str(defaults.get("unit", "")).partition("suffix: ")[2])
    title = grafana["title"] + (f" ({unit})" if unit else "")
    queries = [_query(each) for each in grafana.get("targets", ()) if "expr" in each]
    plugin = _PLUGINS[grafana["type"]](grafana, defaults)
    return {"kind": "Panel", "spec": {"display": {"name": title}, "plugin": plugin, "queries": queries}}


def _query(target: Json) -> dict[str, Any]:
    legend = target.get("legendFormat", "")
    if legend == "__auto" and (by := _BY.match(target["expr"])):
        legend = " ".join(f"{{{{{label}}}}}" for label in by[1].split(", ") if label != "site")
    named = {"seriesNameFormat": legend} if legend not in ("", "__auto") else {}
    spec = {"query": expression(target["expr"]), **named}
    return {"kind": "TimeSeriesQuery", "spec": {"plugin": {"kind": "PrometheusTimeSeriesQuery", "spec": spec}}}


def _stat(grafana: Json, defaults: Json) -> dict[str, Any]:
    shows_names = "name" in grafana.get("options", {}).get("textMode", "")
    spec = {
        "calculation": "last-number",
        "format": _format(defaults),
        "thresholds": _thresholds(defaults),
        "mappings": _mappings(defaults),
        "colorMode": "background_solid",
        "legendMode": "on" if shows_names else "off",
    }
    return {"kind": "StatChart", "spec": spec}


def _lines(grafana: Json, defaults: Json) -> dict[str, Any]:
    del grafana
    spec = {
        "legend": {"position": "right", "mode": "table", "size": "small", "values": ["last-number"]},
        "yAxis": {"format": _format(defaults)},
        "visual": {"lineWidth": 1.25, "areaOpacity": 0.05, "connectNulls": False},
    }
    return {"kind": "TimeSeriesChart", "spec": spec}


def _bars(grafana: Json, defaults: Json) -> dict[str, Any]:
    del grafana
    return {"kind": "BarChart", "spec": {"calculation": "last-number", "format": _format(defaults), "sort": "desc"}}


def _cells(grafana: Json, defaults: Json) -> dict[str, Any]:
    del grafana
    return {"kind": "StatusHistoryChart", "spec": {"mappings": _mappings(defaults)}}


def _table(grafana: Json, defaults: Json) -> dict[str, Any]:
    del defaults
    hidden = [{"name": "timestamp", "hide": True}]
    if "dateTime" in str(grafana["fieldConfig"]["overrides"]):
        hidden.append({"name": "value", "hide": True})  # a time, as a number
    spec = {"density": "compact", "columnSettings": hidden, "transforms": [{"kind": "MergeSeries", "spec": {}}]}
    return {"kind": "Table", "spec": spec}


_PLUGINS: Final = {
    "stat": _stat,
    "timeseries": _lines,
    "bargauge": _bars,
    "state-timeline": _cells,
    "heatmap": _cells,
    "table": _table,
}


def _format(defaults: Json) -> dict[str, Any]:
    unit = _UNITS.get(defaults.get("unit", ""), "decimal")
    return {"unit": unit, "shortValues": True} if unit == "decimal" else {"unit": unit, "decimalPlaces": 1}


def _thresholds(defaults: Json) -> dict[str, Any]:
    steps = [each for each in defaults["thresholds"]["steps"] if each["value"] is not None]
    lowest = [each["color"] for each in steps if each["value"] < _LOWEST]
    base = lowest[-1] if lowest else defaults["thresholds"]["steps"][0]["color"]
    beyond = [{"value": each["value"], "color": each["color"]} for each in steps if each["value"] >= _LOWEST]
    return {"defaultColor": base, "steps": beyond}


def _mappings(defaults: Json) -> list[dict[str, Any]]:
    found = []
    for mapping in defaults.get("mappings", ()):
        if mapping["type"] == "value":
            for value, result in mapping["options"].items():
                shown = {"value": result["text"], "color": result["color"]}
                found.append({"kind": "Value", "spec": {"value": value, "result": shown}})
    return found
