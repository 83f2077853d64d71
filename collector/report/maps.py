"""The report's colour maps, hours or places by days, each with its table."""

from collections.abc import Sequence

from collector.report.display import display_value
from collector.report.frame import Chart, day_names, grid, legend
from collector.report.rows import Row, Rows
from collector.report.svg import LEFT, RIGHT, WIDTH, drawing, rect, text
from collector.report.telemetry import OF_AGENT
from rackflow.plural import count_of

# Chosen so that the map fits on one printed page with the site and its agents; all devices are in the CSV file.
WORST = 30
# Lower bounds of the colours, with their words. Availability has more steps close to 1: 99.9 % of polls in a month are 43 min
# without data, 99 % are 7 h. "none" (exactly 0) has its own colour.
_AVAILABLE = ((0.999, "99.9 %"), (0.99, "99 %"), (0.95, "95 %"), (0.8, "80 %"), (1e-12, "less"), (0.0, "none"))
_FREE = ((0.8, "80 %"), (0.6, "60 %"), (0.4, "40 %"), (0.2, "20 %"), (0.0, "less"))
_NAME, _TOP = 200.0, 6.0


def carbon_free_map(rows: Rows, site: str) -> Chart | None:
    """Carbon-free energy by hour and day; None if it is never known."""
    hours = rows.of("carbon_free_energy", "hour", site)
    if not any(row.value is not None for row in hours):
        return None
    days = list(dict.fromkeys(row.start[:10] for row in hours))
    column_width, line_height = (WIDTH - LEFT - RIGHT) / len(days), 11.0
    by_hour: dict[tuple[str, int], list[Row]] = {}
    for row in hours:
        by_hour.setdefault((row.start[:10], int(row.start[11:13])), []).append(row)
    found = [text(LEFT - 6, _TOP + each * line_height + 9, f"{each:02}", "end") for each in range(0, 24, 3)]
    for (day, hour), same_name in by_hour.items():
        # When clocks are set back, two hours have the same name: both are drawn, each half as wide.
        width = column_width / len(same_name)
        for part, row in enumerate(same_name):
            found.append(
                rect(
                    x=LEFT + days.index(day) * column_width + part * width,
                    y=_TOP + hour * line_height,
                    width=width - 0.6,
                    height=line_height - 0.6,
                    style=_colour(row, _FREE, "q", "free"),
                    title=f"{row.start}: {display_value(row)}",
                )
            )
    foot = _TOP + 24 * line_height
    found += [day_names(days, column_width, foot + 14), _colour_legend(_FREE, "q", "free", foot + 30)]
    title = "Carbon-free energy by hour"
    note = "Hours of the day run downwards, days to the right. Contracted energy counts only in its own hour, the rest as the grid."
    table = grid(
        "hour", days, [(f"{hour:02}:00", [by_hour.get((day, hour), []) for day in days]) for hour in range(24)]
    )
    return Chart(title, note, drawing("free", title, note, foot + 40, found), table)


def availability_map(rows: Rows, site: str) -> Chart | None:
    """Availability of telemetry by day: the site, its agents and its worst devices. None if it is unknown."""
    month = [row for row in rows.of("telemetry_available", "month") if row.value is not None]
    if not month:
        return None
    ranked = sorted(month, key=lambda row: (row.value or 0.0, row.place))
    agents = [row for row in ranked if row.place.endswith(OF_AGENT)][:WORST]
    devices = [row for row in ranked if row.place != site and not row.place.endswith(OF_AGENT)]
    chosen = [*(row for row in ranked if row.place == site), *agents, *devices[:WORST]]
    days = list(dict.fromkeys(row.start for row in rows.of("telemetry_available", "day")))
    line_height = 14.0
    column_width = (WIDTH - RIGHT - _NAME - 58) / len(days)
    found: list[str] = []
    table = []
    for at, row in enumerate(chosen):
        line_y = _TOP + at * line_height
        name = row.place if len(row.place) <= 32 else f"{row.place[:31]}…"  # noqa: PLR2004 - what fits beside the chart
        found += [
            text(_NAME - 6, line_y + 11, name, "end"),
            text(WIDTH - RIGHT, line_y + 11, display_value(row), "end"),
        ]
        cells = [rows.at("telemetry_available", row.place, "day", day) for day in days]
        table.append((row.place, [[cell] if cell else [] for cell in cells]))
        for column, cell in enumerate(cells):
            if cell is not None:
                found.append(
                    rect(
                        x=_NAME + column * column_width,
                        y=line_y + 1,
                        width=column_width - 0.6,
                        height=line_height - 1.6,
                        style=_colour(cell, _AVAILABLE, "a", "tele"),
                        title=f"{row.place} {cell.start[:10]}: {display_value(cell)}",
                    )
                )
    foot = _TOP + len(chosen) * line_height
    found += [
        day_names([day[:10] for day in days], column_width, foot + 14, _NAME),
        _colour_legend(_AVAILABLE, "a", "tele", foot + 30),
    ]
    title = "Telemetry by day"
    shown_of = f"{min(WORST, len(devices))} of {count_of(len(devices), 'device')}, the worst first"
    note = f"Share of the expected polls that were answered and stored: the site, its agents, and {shown_of}."
    return Chart(
        title,
        note,
        drawing("tele", title, note, foot + 40, found),
        grid("place", [day[:10] for day in days], table),
    )


def _colour(row: Row, steps: Sequence[tuple[float, str]], letter: str, name: str) -> str:
    """The style of a cell: the class `letter` with the number of its step, or the hatching of the drawing `name` if it is unknown."""
    if row.value is None:
        return f'fill="url(#{name}-h)"'
    # The last step has what is below all others: a ratio may be negative where a meter is wrong.
    return f'class="{letter}{next((at for at, (least, _) in enumerate(steps) if row.value >= least), len(steps) - 1)}"'


def _colour_legend(steps: Sequence[tuple[float, str]], letter: str, name: str, y: float) -> str:
    entries = [(f"{letter}{at}", f"≥ {word}" if word[0].isdigit() else word) for at, (_, word) in enumerate(steps)]
    return legend([*entries, (f"url(#{name}-h)", "unknown")], y)
