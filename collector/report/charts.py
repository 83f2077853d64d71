"""The report's charts over days and hours, each with its table.

Unmetered parts of a day are always hatched: a bar that is low because of a gap must not look like saved energy.
"""

from collections.abc import Sequence

from collector.report.display import NAMES, coverage, display_value
from collector.report.frame import Chart, day_names, day_table, legend
from collector.report.rows import Row, Rows
from collector.report.svg import LEFT, RIGHT, TOP, WIDTH, Scale, axis, dot, drawing, line, rect, text, up_to

# In units of the drawing, which is 760 wide (svg.py) and scaled to the page.
_HEIGHT = 230.0
_FOOT = 34.0
_INNER = WIDTH - LEFT - RIGHT
_STACK = (("energy_it", "c1", "IT"), ("energy_cooling", "c2", "cooling"), ("energy_other", "c3", "other"))


def energy_chart(rows: Rows, site: str) -> Chart | None:
    """Energy by day, stacked by use; None if there is none."""
    days = rows.of("energy_facility", "day", site)
    parts = [each for each in _STACK if any(row.value is not None for row in rows.of(each[0], "day", site))]
    if not days or not parts:
        return None
    stacks = [[(css, rows.at(name, site, "day", day.start)) for name, css, _ in parts] for day in days]
    totals = [sum(max(0.0, row.value) for _, row in each if row and row.value) for each in stacks]
    scale = up_to(max(totals), _HEIGHT - _FOOT, TOP)
    found = [axis(scale, "kWh")]
    day_width = _INNER / len(days)
    for at, stack in enumerate(stacks):
        base = 0.0
        for css, row in stack:
            if row is not None and row.value is not None and row.value > 0:
                top = scale.at(base + row.value)
                title = f"{row.start[:10]}: {NAMES[row.figure]} {display_value(row)}, {coverage(row)} of hours"
                found.append(
                    _bar(at=at, day_width=day_width, top=top, height=scale.at(base) - top, css=css, title=title)
                )
                base += row.value
    has_cooling = any(name == "energy_cooling" for name, _, _ in parts)
    names = [(css, word if word != "other" or has_cooling else "cooling and other") for _, css, word in parts]
    found += [
        _days(days, day_width),
        _strip(days, day_width, "energy"),
        legend([*names, ("url(#energy-h)", "hours not metered")], _HEIGHT - 2),
    ]
    note = "Each day's energy in hours that are metered whole. Below the bars: the part of the day that is not."
    title = "Energy by day"
    figures = ["energy_facility", *(name for name, _, _ in parts)]
    return Chart(title, note, drawing("energy", title, note, _HEIGHT, found), day_table(rows, site, figures, days))


def pue_chart(rows: Rows, site: str) -> Chart | None:
    """PUE by day, above its coverage; None if it is never known."""
    days = rows.of("pue", "day", site)
    values = [row.value for row in days if row.value is not None]
    if not values:
        return None
    # The axis does not start at 0, because then all days would look alike. A margin of at least 0.02 on each side keeps noise from
    # filling the chart.
    # PUE cannot be below 1, so the axis ends there unless meters disagree.
    margin = max(0.1 * (max(values) - min(values)), 0.02)
    lowest = min(values) if min(values) < 1 else max(1.0, min(values) - margin)
    scale = Scale(lowest, max(values) + margin, _HEIGHT - _FOOT, TOP)
    day_width = _INNER / len(days)
    found = []
    for at, row in enumerate(days):
        lacking = 1 - (row.coverage or 0.0)
        if lacking > 0:
            found.append(
                rect(
                    x=LEFT + at * day_width,
                    y=TOP,
                    width=day_width,
                    height=_HEIGHT - _FOOT - TOP,
                    style=f'fill="url(#pue-h)" opacity="{0.25 + 0.75 * lacking:.2f}"',
                    title=f"{coverage(row)} of hours",
                )
            )
    found.append(axis(scale, "PUE"))
    spots = [
        (LEFT + (at + 0.5) * day_width, scale.at(row.value)) for at, row in enumerate(days) if row.value is not None
    ]
    run: list[tuple[float, float]] = []
    for spot in spots:
        # The line is broken at unknown days: it must not suggest values that nobody measured.
        if run and spot[0] - run[-1][0] > 1.5 * day_width:
            found.append(line(run, "l1"))
            run = []
        run.append(spot)
    found.append(line(run, "l1"))
    for spot, row in zip(spots, (row for row in days if row.value is not None), strict=True):
        found.append(dot(*spot, "c1", f"{row.start[:10]}: PUE {display_value(row)}, {coverage(row)} of hours"))
    found += [
        _days(days, day_width),
        legend([("c1", "PUE"), ("url(#pue-h)", "hours not metered; unknown below half of the day")], _HEIGHT - 2),
    ]
    title, note = "PUE by day", "Energy of the facility over energy of IT, in hours in which both are metered."
    return Chart(title, note, drawing("pue", title, note, _HEIGHT, found), day_table(rows, site, ["pue"], days))


def carbon_chart(rows: Rows, site: str) -> Chart | None:
    """Emissions by hour of the day, and the grid's carbon intensity; None if emissions are never known."""
    hours = rows.of("carbon_location", "hour_of_day", site)
    if not any(row.value is not None for row in hours):
        return None
    market = [rows.at("carbon_market", site, "hour_of_day", row.start) for row in hours]
    grid = [rows.at("carbon_intensity", site, "hour_of_day", row.start) for row in hours]
    scale = up_to(max(row.value for row in (*hours, *market) if row and row.value is not None), _HEIGHT - _FOOT, TOP)
    # Two axes: emissions depend on both the load and the grid, and showing the grid's intensity separates the two.
    right = up_to(max((row.value for row in grid if row and row.value is not None), default=1.0), _HEIGHT - _FOOT, TOP)
    hour_width = (_INNER - 40) / len(hours)
    found = [axis(scale, "kg CO2e"), axis(right, "g/kWh", "right")]
    for at, pair in enumerate(zip(hours, market, strict=True)):
        for which, row in enumerate(pair):
            if row is not None and row.value is not None:
                top = scale.at(row.value)
                found.append(
                    rect(
                        x=LEFT + at * hour_width + hour_width * (0.12 + 0.38 * which),
                        y=top,
                        width=hour_width * 0.36,
                        height=scale.at(0) - top,
                        style=f'class="{("c3", "c2")[which]}"',
                        title=f"{row.start}: {NAMES[row.figure]} {display_value(row)}, {coverage(row)} of hours",
                    )
                )
        found.append(text(LEFT + (at + 0.5) * hour_width, _HEIGHT - _FOOT + 14, hours[at].start[:2]))
    spots = [
        (LEFT + (at + 0.5) * hour_width, right.at(row.value))
        for at, row in enumerate(grid)
        if row and row.value is not None
    ]
    found += [
        line(spots, "l1"),
        legend([("c3", "location-based"), ("c2", "market-based"), ("c1", "intensity of the grid")], _HEIGHT - 2),
    ]
    title = "Emissions by hour of the day"
    note = "Sums over the month of what was emitted in each hour of the day, and the grid's intensity then, weighted by energy."
    figures = ["carbon_location", "carbon_market", "carbon_intensity"]
    return Chart(
        title,
        note,
        drawing("carbon", title, note, _HEIGHT, found),
        day_table(rows, site, figures, hours, "hour_of_day"),
    )


def _bar(*, at: int, day_width: float, top: float, height: float, css: str, title: str) -> str:
    return rect(
        x=LEFT + at * day_width + 0.1 * day_width,
        y=top,
        width=0.8 * day_width,
        height=height,
        style=f'class="{css}"',
        title=title,
    )


def _days(days: Sequence[Row], day_width: float) -> str:
    return day_names([row.start[:10] for row in days], day_width, _HEIGHT - _FOOT + 18)


def _strip(days: Sequence[Row], day_width: float, name: str) -> str:
    """A strip below the days that shows which part of each day is not metered."""
    found = []
    for at, row in enumerate(days):
        lacking = 1 - (row.coverage or 0.0)
        if lacking > 0:
            found.append(
                rect(
                    x=LEFT + at * day_width,
                    y=_HEIGHT - _FOOT + 1,
                    width=day_width * lacking,
                    height=5,
                    style=f'fill="url(#{name}-h)"',
                    title=f"{row.start[:10]}: {coverage(row)} of hours; {row.rests_on}",
                )
            )
    return "".join(found)
