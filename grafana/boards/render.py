"""Panels as Grafana's JSON.

The colour below the lowest threshold is grey and green begins at a real value, because Grafana shows "No data" in that lowest
colour. Colour never stands alone: states have words, and numbers are written.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from grafana.boards.catalogued import Limits, Unit, help_of, limits_of, metrics_in, problems_of, unit_of
from grafana.boards.panels import GREEN, GREY, ORANGE, RED, Influx, Panel, Query, Words

Json = dict[str, Any]

# Below every value that a metric can have: the widest range of the catalogue begins at -1e9.
LOWEST: Final = -1e12
PROMETHEUS: Final = {"type": "prometheus", "uid": "${datasource}"}
INFLUXDB: Final = {"type": "influxdb", "uid": "${datasource}"}
NO_DATA: Final = "no data"
INSTANT: Final = frozenset({"stat", "bargauge", "table", "tiles"})
"""Kinds that show the present: a range's last value would go on looking current."""
LAST: Final = {"calcs": ["lastNotNull"], "fields": "", "values": False}
MOST_TILES: Final = 200


def panel_json(panel: Panel, number: int, grid: Mapping[str, int]) -> Json:
    """The panel at its place."""
    influx = any(isinstance(query, Influx) for query in panel.queries)
    source = INFLUXDB if influx else PROMETHEUS
    limits = _limits(panel)
    body: Json = {
        "id": number,
        "type": "stat" if panel.kind == "tiles" else panel.kind,
        "title": panel.title,
        "description": described(panel),
        "gridPos": dict(grid),
        "datasource": source,
        "targets": [
            _target(panel, query, letter, source) for query, letter in zip(panel.queries, "ABCDEFGHIJKL", strict=False)
        ],
        "fieldConfig": {"defaults": _defaults(panel, limits), "overrides": list(_overrides(panel))},
        "options": _OPTIONS[panel.kind](panel),
        "links": _runbook_links(panel),
    }
    if transformations := _transformations(panel):
        body["transformations"] = transformations
    return body


def _limits(panel: Panel) -> Limits:
    if panel.limits is not None:
        return panel.limits
    first = panel.queries[0]
    if isinstance(first, Query):
        return limits_of(panel.of, first.expr)
    # The labels that InfluxQL selects, as PromQL writes them: `failure = 'pumps'` as `failure="pumps"`.
    return limits_of(panel.of, first.statement.replace(" = '", '="').replace("'", '"'))


def described(panel: Panel) -> str:
    """The panel's own sentence, and what its metrics are by the catalogue."""
    expressions = [query.expr for query in panel.queries if isinstance(query, Query)]
    names = dict.fromkeys(name for expr in expressions for name in metrics_in(expr))
    names |= {} if names or not panel.of else {panel.of: None}
    lines = [f"`{name}`: {help_of(name)}" for name in names]
    return "\n\n".join([panel.why, *lines] if panel.why else lines)


def _target(panel: Panel, query: Query | Influx, letter: str, source: Mapping[str, str]) -> Json:
    if isinstance(query, Influx):
        return {
            "refId": letter,
            "datasource": source,
            "query": query.statement,
            "rawQuery": True,
            "resultFormat": "time_series",
            "alias": query.alias,
        }
    instant = panel.kind in INSTANT
    table = panel.kind in {"table", "tiles"}
    return {
        "refId": letter,
        "datasource": source,
        "expr": query.expr,
        "legendFormat": query.legend or ("__auto" if not table else ""),
        "instant": instant,
        "range": not instant,
        "format": "table" if table else "time_series",
    }


def steps(limits: Limits, base: str = GREEN) -> list[Json]:
    """Thresholds in base units, with grey below all values."""
    if limits.falling:
        found = [(RED, LOWEST), (ORANGE, limits.critical), (base, limits.warning)]
        if limits.critical is None:
            found = [(ORANGE, LOWEST), (base, limits.warning)]
        elif limits.warning is None:
            found = [(RED, LOWEST), (base, limits.critical)]
    else:
        found = [(base, LOWEST), (ORANGE, limits.warning), (RED, limits.critical)]
    return [{"color": GREY, "value": None}, *({"color": colour, "value": at} for colour, at in found if at is not None)]


def _thresholds(limits: Limits, base: str, unit: Unit, *, lines: bool) -> Json:
    found = steps(limits, base)
    for step in found:
        if step["value"] not in {None, LOWEST}:
            step["value"] = round(step["value"] * unit.factor, 9)
    # In a chart only the limits are drawn, and nothing is drawn where there is no data.
    if lines:
        found = [{"color": "transparent", "value": None}, *(step for step in found[1:] if step["value"] != LOWEST)]
    return {"mode": "absolute", "steps": found}


def mappings(words: Words) -> list[Json]:
    """Words of values; a value that is missing is named as such, in grey."""
    found: list[Json] = [
        {"type": "special", "options": {"match": "null+nan", "result": {"text": NO_DATA, "color": GREY, "index": 0}}}
    ]
    if words:
        options = {
            (value if isinstance(value, str) else f"{value:g}"): {"text": text, "color": colour, "index": index}
            for index, (value, (text, colour)) in enumerate(words.items(), start=1)
        }
        found.append({"type": "value", "options": options})
    return found


def _unit(panel: Panel) -> Unit:
    if panel.unit is not None:
        return panel.unit
    return unit_of(panel.of) if panel.of else Unit("short")


def _defaults(panel: Panel, limits: Limits) -> Json:
    unit = _unit(panel)
    chart = panel.kind == "timeseries"
    body: Json = {
        "unit": unit.id,
        "noValue": NO_DATA,
        "thresholds": _thresholds(limits, panel.base, unit, lines=chart),
        "mappings": mappings(panel.words),
        "color": {"mode": "palette-classic" if chart else "thresholds"},
        "custom": _custom(panel),
    }
    if panel.decimals is not None:
        body["decimals"] = panel.decimals
    if panel.link and panel.kind != "table":
        body["links"] = [{"title": "Open", "url": panel.link, "targetBlank": False}]
    if unit.id == "percentunit" and panel.kind in {"bargauge", "timeseries"}:
        body["min"] = 0
    if panel.kind == "bargauge" and unit.id == "percentunit":
        body["max"] = 1
    return body


def _chart_custom(panel: Panel) -> Json:
    limited = _limits(panel) != Limits()
    return {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 60 if panel.stacked else 0,
        "showPoints": "auto",
        # A line over a gap would look like data.
        "spanNulls": False,
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if limited else "off"},
    }


def _custom(panel: Panel) -> Json:
    match panel.kind:
        case "timeseries":
            return _chart_custom(panel)
        case "state-timeline":
            return {"fillOpacity": 80, "lineWidth": 0}
        case "table":
            return {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True}
        case _:
            return {}


_COLOURED: Final = {"id": "custom.cellOptions", "value": {"type": "color-background", "mode": "basic"}}


def _overrides(panel: Panel) -> Iterator[Json]:
    """Of tables: unit, limits and words of each column, and where a click leads."""
    if panel.kind != "table":
        return
    own = {heading: panel.of for name, heading in panel.columns.items() if name == "Value"}
    for heading, metric in {**own, **panel.cells}.items():
        limits = panel.limits if panel.limits is not None and heading in own else limits_of(metric)
        unit = _unit(panel) if heading in own else unit_of(metric)
        properties: list[Json] = [
            {"id": "unit", "value": unit.id},
            {"id": "thresholds", "value": _thresholds(limits, panel.base, unit, lines=False)},
        ]
        if limits != Limits():
            properties.append(_COLOURED)
        yield {"matcher": {"id": "byName", "options": heading}, "properties": properties}
    for heading, words in panel.tints.items():
        properties = [{"id": "mappings", "value": mappings(words)}, _COLOURED]
        yield {"matcher": {"id": "byName", "options": heading}, "properties": properties}
    if panel.link:
        first = next(iter(panel.columns.values()))
        link = {"title": "Open", "url": panel.link, "targetBlank": False}
        yield {"matcher": {"id": "byName", "options": first}, "properties": [{"id": "links", "value": [link]}]}


def _transformations(panel: Panel) -> list[Json]:
    if panel.kind not in {"table", "tiles"}:
        return []
    found: list[Json] = [{"id": "merge", "options": {}}] if len(panel.queries) > 1 else []
    found.append({"id": "filterFieldsByName", "options": {"include": {"names": list(panel.columns)}}})
    if panel.kind == "tiles":
        name = next(iter(panel.columns))
        return [*found, {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": name, "desc": False}]}}]
    order = {name: index for index, name in enumerate(panel.columns)}
    renamed = {name: heading for name, heading in panel.columns.items() if name != heading}
    options = {"indexByName": order, "renameByName": renamed, "excludeByName": {}, "includeByName": {}}
    return [*found, {"id": "organize", "options": options}]


def _runbook_links(panel: Panel) -> list[Json]:
    """What to do about each problem that is about the panel's metric."""
    names: Sequence[str] = [panel.of, *panel.cells.values()]
    problems = {problem.name: problem for name in names if name for problem in problems_of(name)}
    return [
        {"title": f"What to do: {problem.name}", "url": f"${{runbooks}}{problem.runbook}", "targetBlank": True}
        for problem in problems.values()
    ]


def _stat_options(panel: Panel) -> Json:
    tiles = panel.kind == "tiles"
    reduce = (
        {"calcs": ["lastNotNull"], "fields": "/^Value$/", "values": True, "limit": MOST_TILES} if tiles else dict(LAST)
    )
    named = tiles or bool(isinstance(panel.queries[0], Query) and panel.queries[0].legend)
    return {
        "reduceOptions": reduce,
        "colorMode": "background_solid" if tiles else "background",
        "graphMode": "none",
        "justifyMode": "center",
        "orientation": "auto",
        "textMode": "value_and_name" if named else "value",
        "wideLayout": not tiles,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }


def _bar_options(_: Panel) -> Json:
    return {
        "reduceOptions": dict(LAST),
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "color",
        "namePlacement": "auto",
        "sizing": "auto",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 300,
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
    }


def _table_options(panel: Panel) -> Json:
    sort = [{"displayName": panel.sort.lstrip("-"), "desc": panel.sort.startswith("-")}] if panel.sort else []
    footer = {"show": False, "reducer": ["sum"], "countRows": False, "fields": []}
    return {"showHeader": True, "cellHeight": "sm", "frameIndex": 0, "sortBy": sort, "footer": footer}


def _chart_options(_: Panel) -> Json:
    return {
        "legend": {"showLegend": True, "displayMode": "table", "placement": "right", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _timeline_options(_: Panel) -> Json:
    return {
        "mergeValues": True,
        "showValue": "auto",
        "alignValue": "left",
        "rowHeight": 0.85,
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }


def _heatmap_options(panel: Panel) -> Json:
    return {
        "calculate": True,
        "calculation": {
            "xBuckets": {"mode": "count", "value": "60"},
            "yBuckets": {"mode": "count", "value": "20"},
        },
        "cellGap": 1,
        "color": {
            "mode": "scheme",
            "scheme": "Viridis",  # told apart by people who see no red or green
            "steps": 64,
            "exponent": 0.5,
            "fill": "dark-orange",
            "reverse": False,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "unit": _unit(panel).id},
    }


_OPTIONS: Final = {
    "stat": _stat_options,
    "tiles": _stat_options,
    "bargauge": _bar_options,
    "table": _table_options,
    "timeseries": _chart_options,
    "state-timeline": _timeline_options,
    "heatmap": _heatmap_options,
}
