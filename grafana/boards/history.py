"""The same questions to each store's history: what happened over days and months.

The three boards have the same panels, so that an operator who changes the store finds what he knows. Prometheus and
VictoriaMetrics are asked in PromQL; the names in VictoriaMetrics are the catalogue's, because measurement and field are joined.
"""

from dataclasses import dataclass, field
from typing import Final

from grafana.boards.board import INFLUX, Board
from grafana.boards.catalogued import unit_of
from grafana.boards.panels import ROW, Influx, Panel, Query, Row, chart, over, shown
from rackflow.catalogue import split_name

PLACES: Final = ("site", "room", "row")


@dataclass(frozen=True, slots=True)
class Past:
    """One chart: `metric` of each series, then `within` over the series of each value of `by` (sum, max or min)."""

    title: str
    metric: str
    within: str
    by: str
    where: dict[str, str] = field(default_factory=dict)
    per_hour: bool = False
    """Of counters: how much it grew each hour."""


PANELS: Final = (
    Past("Power by meter", "dcim_meter_power_watts", "sum", "role"),
    Past(
        "Energy by meter, each hour",
        "dcim_meter_energy_joules_total",
        "sum",
        "role",
        {"direction": "import"},
        per_hour=True,
    ),
    Past("Power of the rack PDUs by row", "dcim_pdu_input_power_watts", "sum", "row"),
    Past("Warmest breaker of a PDU phase by row", "dcim_pdu_phase_thermal_load_ratio", "max", "row"),
    Past("Least headroom of a breaker by feed", "dcim_pdu_phase_headroom_amperes", "min", "feed"),
    Past("Highest load of a UPS by feed", "dcim_ups_output_load_ratio", "max", "feed"),
    Past("Least time on battery by feed", "dcim_ups_battery_runtime_seconds", "min", "feed"),
    Past("Highest battery temperature by feed", "dcim_ups_battery_temperature_celsius", "max", "feed"),
    Past("Heat of the CDUs by row", "dcim_cdu_heat_removed_watts", "sum", "row", {"loop": "secondary"}),
    Past(
        "Highest supply temperature by row", "dcim_cdu_supply_temperature_celsius", "max", "row", {"loop": "secondary"}
    ),
    Past("Lowest flow of a CDU by row", "dcim_cdu_flow_cubic_meters_per_second", "min", "row", {"loop": "secondary"}),
    Past("Least dew-point margin by row", "dcim_cdu_dew_point_margin_celsius", "min", "row"),
    Past("Warmest air sensor by row", "dcim_env_temperature_celsius", "max", "row"),
    Past("Highest load of what remains without a feed", "dcim_rack_feed_loss_load_ratio", "max", "feed"),
    Past("Interim PUE of an hour", "dcim_site_interim_pue_ratio", "max", "category", {"window": "hour"}),
)
# How each series is brought to the chart's interval: sums and means of power need means, limits need the extreme.
_EACH: Final = {"sum": "avg_over_time", "max": "max_over_time", "min": "min_over_time"}
_EACH_INFLUX: Final = {"sum": "mean", "max": "max", "min": "min"}


def promql(past: Past) -> Panel:
    """The chart for Prometheus or VictoriaMetrics."""
    where = tuple(f'{name}="{value}"' for name, value in past.where.items())
    if past.per_hour:
        each = f"increase({ROW.select(past.metric, *where, at='[1h]')})"
    else:
        each = f"{_EACH[past.within]}({ROW.select(past.metric, *where, at='[$__interval]')})"
    expr = over(f"{past.within} by ({past.by})", f"max without (instance, job) ({each})")
    return chart(past.title, [Query(shown(expr, past.metric), f"{{{{{past.by}}}}}")], 8, past.metric)


def influxql(past: Past) -> Panel:
    """The chart for InfluxDB: first each series by interval, then over the series."""
    measurement, name = split_name(past.metric)
    places = [f'"{place}" =~ /^${place}$/' for place in PLACES]
    conditions = ["$timeFilter", *places, *(f"\"{tag}\" = '{value}'" for tag, value in past.where.items())]
    unit = unit_of(past.metric)
    if past.per_hour:
        inner = f'non_negative_difference(last("{name}"))'
        interval = "1h"
    else:
        inner, interval = f'{_EACH_INFLUX[past.within]}("{name}")', "$__interval"
    where = " AND ".join(conditions)
    each = f'SELECT {inner} AS "each" FROM "{measurement}" WHERE {where} GROUP BY time({interval}), *'  # noqa: S608 - constants
    # InfluxQL does not read 3.6e+06.
    scale = (
        "" if unit.factor == 1 else f" / {round(1 / unit.factor)}" if unit.factor < 1 else f" * {round(unit.factor)}"
    )
    groups = f'time({interval}), "{past.by}"'
    statement = f'SELECT {past.within}("each"){scale} FROM ({each}) WHERE $timeFilter GROUP BY {groups} fill(none)'  # noqa: S608 - as above
    return Panel("timeseries", past.title, [Influx(statement, f"$tag_{past.by}")], 8, past.metric)


def _board(store: str, name: str) -> Board:
    draw = influxql if store == INFLUX else promql
    panels = [draw(past) for past in PANELS]
    lines = [(8, panels[start : start + 3]) for start in range(0, len(panels), 3)]
    return Board(
        uid=f"dcim-history-{store}",
        title=f"history in {name}",
        question=f"What happened over days and months? From {name}.",
        variables=PLACES,
        rows=[Row("Over days and months", lines)],
        source=store,
        since="now-7d",
        refresh="5m",
    )


BOARDS: Final = (
    _board("prometheus", "Prometheus"),
    _board(INFLUX, "InfluxDB"),
    _board("victoriametrics", "VictoriaMetrics"),
)
