"""Renders the report's page: one HTML file without scripts, fonts or network, so that it can be archived and printed.

It shows rows and computes nothing, so that page and CSV file cannot contradict each other.
"""

from collections.abc import Iterable, Sequence
from importlib.resources import files
from string import Template

from collector.report.charts import carbon_chart, energy_chart, pue_chart
from collector.report.display import NAMES, coverage, display_value
from collector.report.frame import Chart
from collector.report.maps import availability_map, carbon_free_map
from collector.report.rows import Row, Rows
from collector.report.telemetry import OF_AGENT
from rackflow.escape import escape_html as escape
from rackflow.plural import count_of

# Chosen to keep the page printable; all rows are in the CSV file.
DEVICES_SHOWN = 50
EPOCHS_SHOWN = 50
_TILES = (
    *("energy_facility", "energy_it", "pue", "carbon_location", "carbon_market", "carbon_free_energy"),
    *("wue", "erf", "ref", "telemetry_available"),
)
_POLLS = ("polls_expected", "polls_answered", "polls_unanswered", "polls_not_received")
_CHARTS = (energy_chart, pue_chart, carbon_chart, carbon_free_map, availability_map)


def render(rows: Rows, *, site: str, title: str, about: str, notices: Sequence[str], csv_name: str) -> str:
    """The page of a month's report as HTML.

    `about` is the line below the title, `notices` are shown above the figures, `csv_name` is the file that has all rows.
    """
    month = [row for row in rows.rows if row.period == "month" and row.place == site]
    by_name = {row.figure: row for row in month}
    charts = [chart for make in _CHARTS if (chart := make(rows, site)) is not None]
    sections = [
        _figures(row for row in month if row.figure not in _POLLS),
        *map(_chart, charts),
        _devices(rows, site),
        _account(rows),
    ]
    page = Template(files("collector.report").joinpath("report.html").read_text(encoding="utf-8"))
    return page.substitute(
        title=escape(title),
        about=escape(about),
        notices=f'<ul class="notices">{"".join(f"<li>{escape(each)}</li>" for each in notices)}</ul>'
        if notices
        else "",
        tiles="".join(_tile(by_name[name]) for name in _TILES if name in by_name),
        sections="".join(sections),
        foot=f"Every figure of this page is in {escape(csv_name)}, unrounded, with the inputs it rests on.",
    )


def _tile(row: Row) -> str:
    css = "tile" if row.value is not None else "tile un"
    small = f"{coverage(row)} of hours" if row.value is not None else row.rests_on
    return f'<div class="{css}"><span>{escape(_name(row))}</span><b>{_value(row)}</b><span>{escape(small)}</span></div>'


def _value(row: Row) -> str:
    value, _, unit = display_value(row).partition(" ")
    return f"{escape(value)} <small>{escape(unit)}</small>" if unit else escape(value)


def _name(row: Row) -> str:
    if row.figure == "pue":
        # ISO/IEC 30134-2: a PUE over less than a year is interim, and must name the category of the IT meter.
        category = next((word for word in row.rests_on.split("; ") if word.startswith("category ")), "")
        return f"Interim PUE, {category}" if category else "Interim PUE"
    return NAMES.get(row.figure, row.figure.replace("_", " "))


def _figures(rows: Iterable[Row]) -> str:
    body = "".join(
        f'<tr><th>{escape(_name(row))}</th><td>{escape(display_value(row))}</td><td>{coverage(row)}</td><td class="why">'
        f"{escape(row.rests_on)}</td></tr>"
        for row in rows
    )
    head = '<thead><tr><th>figure</th><th>value</th><th>coverage</th><th style="text-align:left">rests on</th></tr></thead>'
    return f'<section class="long"><h2>The month</h2><table>{head}<tbody>{body}</tbody></table></section>'


def _chart(chart: Chart) -> str:
    return (
        f'<section><h2>{escape(chart.title)}</h2><p class="note">{escape(chart.note)}</p>{chart.picture}'
        f"<details><summary>As a table</summary><div>{chart.table}</div></details></section>"
    )


def _devices(rows: Rows, site: str) -> str:
    month = [row for row in rows.of("telemetry_available", "month") if row.value is not None]
    if not month:
        return ""
    agents = [row for row in month if row.place == site or row.place.endswith(OF_AGENT)]
    devices = sorted((row for row in month if row not in agents), key=lambda row: (row.value or 0.0, row.place))
    body = []
    for row in [*sorted(agents, key=lambda row: row.place != site), *devices[:DEVICES_SHOWN]]:
        polls = "".join(
            f"<td>{display_value(rows.at(name, row.place, 'month', row.start), unit=False)}</td>" for name in _POLLS
        )
        body.append(
            f"<tr><th>{escape(row.place)} <small>{escape(row.rests_on)}</small></th><td>{display_value(row)}</td>{polls}</tr>"
        )
    heads = "".join(f"<th>{each}</th>" for each in ("answered", "expected", "answered", "not answered", "not received"))
    left = len(devices) - DEVICES_SHOWN
    more = f'<p class="note">and {count_of(left, "device")} with better values, in the CSV file</p>' if left > 0 else ""
    return (
        '<section class="long"><h2>Polls by device</h2><p class="note">The site, its agents, and its devices, the worst first. '
        "<i>Not answered</i>: the device was polled and did not answer. <i>Not received</i>: nothing of the poll is stored.</p>"
        f"<table><thead><tr><th>place</th>{heads}</tr></thead><tbody>{''.join(body)}</tbody></table>{more}</section>"
    )


def _account(rows: Rows) -> str:
    epochs: dict[str, list[Row]] = {}
    for row in rows.rows:
        if row.period == "epoch":
            epochs.setdefault(row.place, []).append(row)
    if not epochs:
        return ""
    body = []
    latest = sorted(epochs.items(), key=lambda item: item[1][0].end, reverse=True)
    # The latest first, because people ask about those.
    for place, own in latest[:EPOCHS_SHOWN]:
        of = {row.figure.removeprefix("messages_"): row for row in own}
        cells = "".join(
            f"<td>{display_value(of.get(name), unit=False)}</td>"
            for name in ("produced", "stored", "in_flight", "missing")
        )
        dropped = "; ".join(
            f"{name.removeprefix('dropped_').replace('_', ' ')}: {display_value(row, unit=False)}"
            for name, row in of.items()
            if name.startswith("dropped_")
        )
        body.append(
            f"<tr><th>{escape(place)}<br><small>{own[0].start or '?'} to {own[0].end}</small></th>{cells}"
            f'<td class="why">{escape(dropped)}</td></tr>'
        )
    heads = "".join(f"<th>{each}</th>" for each in ("produced", "stored", "in flight", "missing", "dropped"))
    gaps = "".join(
        f"<li>{escape(row.place)}: {display_value(row)}, from {row.start or '?'} to {row.end or '?'} ({escape(row.rests_on)})</li>"
        for row in rows.of("messages_missing_run", "gap")
    )
    more = len(latest) - EPOCHS_SHOWN
    return (
        '<section class="long"><h2>Account of messages</h2><p class="note">One line per run (epoch) of an agent that lived in the '
        "month. Counts cover the whole run, missing messages the month alone; times are in UTC. Missing: neither stored nor dropped with "
        "a reason.</p>"
        f"<table><thead><tr><th>agent/epoch</th>{heads}</tr></thead><tbody>{''.join(body)}</tbody></table>"
        + (f'<p class="note">and {count_of(more, "older run")}, in the CSV file</p>' if more > 0 else "")
        + (f"<ul>{gaps}</ul>" if gaps else "")
        + "</section>"
    )
