"""Numbers, words and charts of the report's page, each against a literal example."""

import re

import pytest

from collector.report.charts import carbon_chart, energy_chart, pue_chart
from collector.report.display import NAMES, coverage, display_value
from collector.report.frame import day_names, day_table, grid, legend
from collector.report.maps import availability_map, carbon_free_map
from collector.report.rows import PeriodKind, Row, Rows, as_csv
from collector.report.sheet import DEVICES_SHOWN, EPOCHS_SHOWN, render
from collector.report.svg import Scale, axis, nice, up_to
from tests.collector.report.table import from_csv

DAYS = ("2026-10-01T00:00+00:00", "2026-10-02T00:00+00:00", "2026-10-03T00:00+00:00", "2026-10-04T00:00+00:00")


def row(  # noqa: PLR0913, PLR0917 - the fields of a row, most of which are usually the same
    figure: str,
    value: float | None,
    unit: str = "kWh",
    period: PeriodKind = "day",
    start: str = DAYS[0],
    share: float | None = 1.0,
    place: str = "edge",
    rests_on: str = "",
) -> Row:
    return Row(figure, place, period, start, f"end of {start}", value, unit, share, rests_on)


def rects(picture: str, css: str) -> list[tuple[float, float, float, float]]:
    """x, y, width and height of the rectangles of one class."""
    found = re.findall(
        rf'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" {re.escape(css)}>', picture
    )
    return [(float(x), float(y), float(wide), float(high)) for x, y, wide, high in found]


def classes(picture: str, letter: str) -> list[str]:
    """Colours of a map's cells, without those of its legend, which are 10 by 10."""
    return re.findall(rf'<rect [^>]*height="(?!10\.0)[^>]*class="({letter}\d)">', picture)


@pytest.mark.parametrize(
    ("figure", "value", "unit", "said", "bare"),
    [
        ("pue", 1.30349, "ratio", "1.303", "1.303"),
        ("cue", 0.34567, "kgCO2e/kWh", "0.3457 kgCO2e/kWh", "0.3457"),
        ("wue", 1.23456, "L/kWh", "1.235 L/kWh", "1.235"),
        ("energy_it", 999.94, "kWh", "999.9 kWh", "999.9"),
        ("energy_it", 1000.0, "kWh", "1,000 kWh", "1,000"),
        ("energy_other", -1234.5, "kWh", "-1,234 kWh", "-1,234"),
        ("polls_answered", 12.0, "polls", "12 polls", "12"),
        ("messages_stored", 12.0, "messages", "12 messages", "12"),
        ("pue_category", 2.0, "category", "category 2", "category 2"),
        ("carbon_free_energy", 0.51239, "ratio", "51.2 %", "51.2"),
        ("carbon_free_energy", 0.99999, "ratio", "99.9 %", "99.9"),
        ("telemetry_available", 0.9999999, "ratio", "99.999 %", "99.999"),
        ("telemetry_available", 1.0, "ratio", "100.000 %", "100.000"),
        ("telemetry_available", 0.0, "ratio", "0.000 %", "0.000"),
        ("erf", None, "ratio", "unknown", "unknown"),
    ],
)
def test_each_figure_has_its_decimals_and_unit(
    figure: str, value: float | None, unit: str, said: str, bare: str
) -> None:
    assert (display_value(row(figure, value, unit)), display_value(row(figure, value, unit), unit=False)) == (
        said,
        bare,
    )


def test_a_row_that_is_not_there_is_a_dash() -> None:
    assert (display_value(None), coverage(None), coverage(row("pue", 1.2, share=None))) == ("-", "-", "-")


def test_coverage_has_one_decimal_where_it_needs_one() -> None:
    assert [coverage(row("pue", 1.2, share=each)) for each in (1.0, 0.975, 0.9987, 0.0)] == [
        "100%",
        "97.5%",
        "99.9%",
        "0%",
    ]


def test_axes_end_at_round_values() -> None:
    assert [nice(each) for each in (1, 1.1, 2.1, 5.1, 0.03, 300, 0)] == [1, 2, 5, 10, pytest.approx(0.05), 500, 1]
    assert [up_to(each, 0, 1).high for each in (47, 50, 51, 0)] == [50, 50, 60, 1]
    assert Scale(0, 50, 0, 1).ticks() == [0, 10, 20, 30, 40, 50]
    assert Scale(1.0, 1.32, 0, 1).ticks() == pytest.approx([1.0, 1.1, 1.2, 1.3])
    assert [Scale(10, 20, 196, 24).at(each) for each in (10, 15, 20)] == [196, 110, 24]


def test_values_of_an_axis_have_the_decimals_of_its_steps() -> None:
    def values(high: float, low: float = 0.0) -> list[str]:
        return re.findall(r">([\d.,]+)</text>", axis(Scale(low, high, 196, 24), "kWh"))

    assert values(2000) == ["0", "500", "1,000", "1,500", "2,000"]
    assert values(1.32, 1.0) == ["1.0", "1.1", "1.2", "1.3"]
    assert values(1.06, 1.0) == ["1.00", "1.02", "1.04", "1.06"]


def test_the_left_axis_has_lines_across_and_the_right_one_none() -> None:
    scale = Scale(0, 50, 196, 24)
    assert axis(scale, "kWh").count("<path") == 6
    assert '<path d="M62 110.0H746"' in axis(Scale(0, 2, 196, 24), "kWh")
    assert axis(scale, "kWh").count('<text x="56.0"') == 7
    assert "<path" not in axis(scale, "g/kWh", "right")
    assert axis(scale, "g/kWh", "right").count('<text x="710.0"') == 7


def test_narrow_columns_have_every_other_day() -> None:
    days = [each[:10] for each in DAYS] + ["2026-10-10"]
    assert re.findall(r">(\d+)</text>", day_names(days, 16, 0)) == ["1", "2", "3", "4", "10"]
    assert re.findall(r">(\d+)</text>", day_names(days, 15.9, 0)) == ["1", "3", "10"]
    middles = re.findall(r'x="([\d.]+)"', day_names(days, 32, 0))
    assert middles == ["78.0", "110.0", "142.0", "174.0", "206.0"], "the first column begins at 62"


def test_entries_of_a_legend_do_not_overlap() -> None:
    assert legend([("c1", "IT"), ("url(#x)", "none")], 20) == (
        '<rect x="62.0" y="11.0" width="10.0" height="10.0" class="c1"></rect>'
        '<text x="76.0" y="20.0" text-anchor="start" class="t">IT</text>'
        '<rect x="103.2" y="11.0" width="10.0" height="10.0" fill="url(#x)"></rect>'
        '<text x="117.2" y="20.0" text-anchor="start" class="t">none</text>'
    )


def test_the_table_of_a_chart_has_each_day_with_its_coverage() -> None:
    rows = Rows(
        [
            row("energy_it", 12.5, start=DAYS[0], share=0.5),
            row("pue", 1.25, "ratio"),
            row("energy_it", None, start=DAYS[1]),
        ]
    )
    table = day_table(rows, "edge", ["pue", "energy_it"], rows.of("energy_it", "day"))
    assert table == (
        "<table><thead><tr><th>day</th><th>PUE</th><th>Energy of IT</th><th>coverage</th></tr></thead><tbody>"
        "<tr><th>2026-10-01</th><td>1.250</td><td>12.5 kWh</td><td>100%</td></tr>"
        "<tr><th>2026-10-02</th><td>-</td><td>unknown</td><td>100%</td></tr></tbody></table>"
    )


def test_the_table_of_a_map_has_both_hours_of_one_name() -> None:
    twice = [row("carbon_free_energy", 0.5, "ratio"), row("carbon_free_energy", 0.6, "ratio")]
    assert grid("hour", ["2026-10-25"], [("02:00", [twice])]) == (
        '<table class="wide"><thead><tr><th>hour, %</th><th>25</th></tr></thead>'
        "<tbody><tr><th>02:00</th><td>50.0 / 60.0</td></tr></tbody></table>"
    )


def test_the_days_energy_is_stacked_and_what_was_not_metered_is_hatched() -> None:
    rows = Rows(
        [
            row("energy_facility", 50.0),
            row("energy_facility", None, start=DAYS[1], share=0.25, rests_on="meter-main was silent"),
            row("energy_it", 30.0),
            row("energy_it", None, start=DAYS[1]),
            row("energy_cooling", 20.0),
            row("energy_other", -12.0),
        ]
    )
    chart = energy_chart(rows, "edge")
    assert chart is not None
    # The axis is 172 high and ends at 50 kWh; a column is 342 wide, its bar 80 % of it.
    assert rects(chart.picture, 'class="c1"')[0] == (96.2, 92.8, 273.6, 103.2)
    assert rects(chart.picture, 'class="c2"')[0] == (96.2, 24.0, 273.6, 68.8)
    assert len(rects(chart.picture, 'class="c3"')) == 1, "its entry in the legend: energy below zero has no bar"
    assert "<title>2026-10-01: Energy of IT 30.0 kWh, 100% of hours</title>" in chart.picture
    assert rects(chart.picture, 'fill="url(#energy-h)"')[0] == (404.0, 197.0, 256.5, 5.0)
    assert "<title>2026-10-02: 25% of hours; meter-main was silent</title>" in chart.picture


def test_without_a_meter_of_cooling_the_rest_includes_it() -> None:
    both = [row("energy_facility", 50.0), row("energy_other", 20.0)]
    bare, metered = energy_chart(Rows(both), "edge"), energy_chart(Rows([*both, row("energy_cooling", 5.0)]), "edge")
    assert bare is not None
    assert metered is not None
    assert ">cooling and other</text>" in bare.picture
    assert ">other</text>" in metered.picture
    assert energy_chart(Rows([row("energy_facility", 50.0), row("energy_it", None)]), "edge") is None


def test_the_line_of_pue_is_broken_at_an_unknown_day() -> None:
    values = (1.2, 1.4, None, 1.3)
    days = [
        row("pue", each, "ratio", start=day, share=0.4 if each is None else 1.0)
        for each, day in zip(values, DAYS, strict=True)
    ]
    chart = pue_chart(Rows(days), "edge")
    assert chart is not None
    # The axis is from 1.18 to 1.42; a day is 171 wide.
    assert re.findall(r'points="(.*?)"', chart.picture) == ["147.5,181.7 318.5,38.3", "660.5,110.0"]
    assert chart.picture.count("<circle") == 3
    assert "<title>2026-10-04: PUE 1.300, 100% of hours</title>" in chart.picture
    assert rects(chart.picture, 'fill="url(#pue-h)" opacity="0.70"') == [(404.0, 24.0, 171.0, 172.0)]
    assert pue_chart(Rows([row("pue", None, "ratio")]), "edge") is None


@pytest.mark.parametrize(("values", "first"), [((1.01, 1.3), "1.00"), ((0.95, 1.3), "0.95")])
def test_the_axis_of_pue_ends_at_one_unless_meters_disagree(values: tuple[float, float], first: str) -> None:
    chart = pue_chart(
        Rows(row("pue", each, "ratio", start=day) for each, day in zip(values, DAYS, strict=False)), "edge"
    )
    assert chart is not None
    spots = [float(each.split(",")[1]) for each in re.findall(r"points=\"(.*?)\"", chart.picture)[0].split(" ")]
    low, high = float(first), max(values) + 0.1 * (max(values) - min(values))
    assert spots == [pytest.approx(196 - 172 * (each - low) / (high - low), abs=0.1) for each in values]


def test_emissions_have_two_bars_an_hour_and_the_grids_intensity_an_axis_of_its_own() -> None:
    hours = [
        row(name, value, unit, "hour_of_day", start)
        for start, values in (("00:00", (40.0, 50.0, 300.0)), ("01:00", (20.0, None, 150.0)))
        for (name, unit), value in zip(
            (("carbon_location", "kgCO2e"), ("carbon_market", "kgCO2e"), ("carbon_intensity", "g/kWh")),
            values,
            strict=True,
        )
    ]
    chart = carbon_chart(Rows(hours), "edge")
    assert chart is not None
    # An hour is 322 wide; the left axis ends at 50 kg, the right one at 300 g/kWh.
    assert rects(chart.picture, 'class="c3"')[:2] == [(100.6, 58.4, 115.9, 137.6), (422.6, 127.2, 115.9, 68.8)]
    assert rects(chart.picture, 'class="c2"')[0] == (223.0, 24.0, 115.9, 172.0)
    assert re.findall(r'points="(.*?)"', chart.picture) == ["223.0,24.0 545.0,110.0"]
    assert "<title>00:00: Emissions, market-based 50.0 kgCO2e, 100% of hours</title>" in chart.picture
    assert chart.table.startswith("<table><thead><tr><th>hour of day</th><th>Emissions, location-based</th>")
    assert "<tr><th>01:00</th><td>20.0 kgCO2e</td><td>unknown</td><td>150.0 g/kWh</td><td>100%</td></tr>" in chart.table


def test_a_colour_begins_at_its_lower_bound() -> None:
    shares = (1.0, 0.8, 0.7999, 0.6, 0.4, 0.2, 0.1999, 0.0)
    hours = [
        row("carbon_free_energy", share, "ratio", "hour", f"2026-10-01T{at:02}:00+00:00")
        for at, share in enumerate(shares)
    ]
    chart = carbon_free_map(Rows(hours), "edge")
    assert chart is not None
    assert classes(chart.picture, "q") == ["q0", "q0", "q1", "q1", "q2", "q3", "q4", "q4"]
    assert "<title>2026-10-01T01:00+00:00: 80.0 %</title>" in chart.picture


def test_two_hours_of_one_name_are_half_as_wide() -> None:
    starts = ("2026-10-25T01:00+02:00", "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00")
    chart = carbon_free_map(Rows(row("carbon_free_energy", 0.9, "ratio", "hour", each) for each in starts), "edge")
    assert chart is not None
    assert rects(chart.picture, 'class="q0"')[:3] == [
        (62.0, 17.0, 683.4, 10.4),
        (62.0, 28.0, 341.4, 10.4),
        (404.0, 28.0, 341.4, 10.4),
    ]


def test_availability_is_shown_of_the_site_its_agents_and_its_worst_devices() -> None:
    shares = {"edge": 0.9, "north/*": 0.8, "south/*": 0.7, **{f"north/d{at:02}": 1 - at / 100 for at in range(31)}}
    rows = Rows(
        row("telemetry_available", share, "ratio", period, DAYS[0], place=place)
        for period in ("month", "day")
        for place, share in shares.items()
    )
    chart = availability_map(rows, "edge")
    assert chart is not None
    places = re.findall(r"<tr><th>(.*?)</th>", chart.table)[1:]
    assert places[:5] == ["edge", "south/*", "north/*", "north/d30", "north/d29"]
    assert places[-1] == "north/d01", "the best of 31 devices is left out"
    assert chart.note.endswith("the site, its agents, and 30 of 31 devices, the worst first.")


def test_the_colour_of_a_day_says_how_many_of_its_polls_were_answered() -> None:
    shares = (1.0, 0.999, 0.9989, 0.99, 0.95, 0.8, 0.7999, 0.0)
    days = [f"2026-10-0{at}T00:00+00:00" for at in range(1, 9)]
    cells = [row("telemetry_available", share, "ratio", start=day) for share, day in zip(shares, days, strict=True)]
    chart = availability_map(Rows([*cells, row("telemetry_available", 0.7, "ratio", "month")]), "edge")
    assert chart is not None
    assert classes(chart.picture, "a") == ["a0", "a0", "a1", "a1", "a2", "a3", "a4", "a5"]
    # Names take 200 of 760, values 72 with the margin; the other 488 are those of eight days.
    assert rects(chart.picture, 'class="a2"')[0] == (444.0, 7.0, 60.4, 12.4)
    bounds = re.findall(r'text-anchor="start" class="t">(.*?)</text>', chart.picture)
    assert bounds == ["≥ 99.9 %", "≥ 99 %", "≥ 95 %", "≥ 80 %", "less", "none", "unknown"]


def test_a_device_that_came_later_has_no_cell_before_and_a_long_name_is_cut() -> None:
    just, long = "north/" + 26 * "a", "north/" + 27 * "a"
    rows = [row("telemetry_available", 1.0, "ratio", "month", place=place) for place in (just, long)]
    cells = [row("telemetry_available", 1.0, "ratio", start=day, place=just) for day in DAYS[:2]]
    chart = availability_map(
        Rows([*rows, *cells, row("telemetry_available", 1.0, "ratio", start=DAYS[1], place=long)]), "edge"
    )
    assert chart is not None
    assert [y for _, y, _, _ in rects(chart.picture, 'class="a0"')[:3]] == [7.0, 7.0, 21.0]
    assert 'viewBox="0 0 760 74"' in chart.picture
    assert f"<tr><th>{long}</th><td></td><td>100.000</td></tr>" in chart.table
    assert f">{just}</text>" in chart.picture
    assert f">north/{25 * 'a'}…</text>" in chart.picture


def page(rows: list[Row]) -> str:
    return render(Rows(rows), site="edge", title="t", about="a", notices=(), csv_name="x.csv")


def test_a_tile_shows_its_coverage_or_what_is_missing() -> None:
    text = page(
        [
            row("pue", 1.25, "ratio", "month", share=0.875, rests_on="meter-it; category 2"),
            row("energy_it", 31248.0, "kWh", "month"),
            row("wue", None, "L/kWh", "month", rests_on="meter-water was silent"),
        ]
    )
    assert re.findall(r'<div class="(tile|tile un)"><span>(.*?)</span><b>(.*?)</b><span>(.*?)</span>', text) == [
        ("tile", "Energy of IT", "31,248 <small>kWh</small>", "100% of hours"),
        ("tile", "Interim PUE, category 2", "1.250", "87.5% of hours"),
        ("tile un", "WUE", "unknown", "meter-water was silent"),
    ]
    assert "<th>a new figure</th><td>3.0 h</td>" in page([row("a_new_figure", 3.0, "h", "month")])


def polls(place: str, counts: tuple[float, float, float, float]) -> list[Row]:
    names = ("polls_expected", "polls_answered", "polls_unanswered", "polls_not_received")
    found = [row(name, count, "polls", "month", place=place) for name, count in zip(names, counts, strict=True)]
    share = counts[1] / counts[0]
    day = row("telemetry_available", share, "ratio", place=place)
    return [row("telemetry_available", share, "ratio", "month", place=place, rests_on="pdu"), day, *found]


def test_polls_are_listed_for_the_site_its_agents_and_the_worst_devices_first() -> None:
    rows = [
        *polls("edge", (100, 90, 4, 6)),
        *polls("a/*", (100, 90, 4, 6)),
        *polls("a/poor", (50, 40, 4, 6)),
        *polls("a/good", (50, 50, 0, 0)),
    ]
    text = page(rows)
    found = re.findall(r"<tr><th>([^<]*?) <small>pdu</small></th>(.*?)</tr>", text)
    assert [(place, re.findall("<td>(.*?)</td>", cells)) for place, cells in found] == [
        ("edge", ["90.000 %", "100", "90", "4", "6"]),
        ("a/*", ["90.000 %", "100", "90", "4", "6"]),
        ("a/poor", ["80.000 %", "50", "40", "4", "6"]),
        ("a/good", ["100.000 %", "50", "50", "0", "0"]),
    ]
    assert re.findall(r'<div class="tile">.*?<b>(.*?)</b>', text) == ["90.000 <small>%</small>"], "the site's own"
    assert "with better values" not in text
    assert "Polls expected" not in text, "the table of the month leaves the counts to this one"


@pytest.mark.parametrize(("more", "said"), [(1, "and 1 device with better"), (2, "and 2 devices with better")])
def test_devices_that_are_not_listed_are_counted(more: int, said: str) -> None:
    totals = [*polls("edge", (100, 90, 10, 0)), *polls("a/*", (100, 90, 10, 0))]  # no devices
    devices = [each for at in range(DEVICES_SHOWN + more) for each in polls(f"a/{at}", (100, 100 - at, at, 0))]
    text = page([*totals, *devices])
    assert f"{said} values, in the CSV file" in text
    assert f"<th>a/{more} <small>" in text
    assert f"<th>a/{more - 1} <small>" not in text
    assert "with better values" not in page(
        [each for at in range(DEVICES_SHOWN) for each in polls(f"a/{at}", (100, 90, 10, 0))]
    )


def run_of(place: str, end: str) -> list[Row]:
    names = (
        "messages_produced",
        "messages_stored",
        "messages_in_flight",
        "messages_missing",
        "messages_dropped_too_large",
    )
    counts = zip(names, (1009.0, 1000.0, 5.0, 3.0, 1.0), strict=True)
    return [Row(name, place, "epoch", "", end, count, "messages", None) for name, count in counts]


def test_the_account_lists_the_latest_runs_first_with_what_was_dropped() -> None:
    gap = Row("messages_missing_run", "north", "gap", "", "", 3.0, "messages", None, "messages 4 to 6")
    text = page([*run_of("north/1", "2026-10-01"), *run_of("north/2", "2026-10-02"), gap])
    found = re.findall(r"<tr><th>([^<]*?)<br><small>(.*?)</small></th>(.*?)<td class=\"why\">(.*?)</td></tr>", text)
    assert [(place, times, re.findall("<td>(.*?)</td>", cells), dropped) for place, times, cells, dropped in found] == [
        ("north/2", "? to 2026-10-02", ["1,009", "1,000", "5", "3"], "too large: 1"),
        ("north/1", "? to 2026-10-01", ["1,009", "1,000", "5", "3"], "too large: 1"),
    ]
    assert "<ul><li>north: 3 messages, from ? to ? (messages 4 to 6)</li></ul>" in text
    assert "older run" not in text
    assert "<ul>" not in page(run_of("north/1", "2026-10-01"))


@pytest.mark.parametrize(
    ("more", "said"), [(1, "and 1 older run, in the CSV file"), (2, "and 2 older runs, in the CSV file")]
)
def test_runs_that_are_not_listed_are_counted(more: int, said: str) -> None:
    text = page([each for at in range(EPOCHS_SHOWN + more) for each in run_of(f"n/{at}", f"2026-{at:03}")])
    assert said in text
    assert f"<th>n/{more}<br>" in text
    assert f"<th>n/{more - 1}<br>" not in text
    assert "older run" not in page([each for at in range(EPOCHS_SHOWN) for each in run_of(f"n/{at}", "2026-10-01")])


def test_a_csv_file_has_ten_digits_and_reads_back() -> None:
    rows = [
        Row("energy_it", "edge", "day", "2026-10-01", "2026-10-02", 1234.5678, "kWh", 0.5, "meter-it, category 1"),
        Row("pue", "edge", "month", "2026-10-01", "2026-11-01", None, "ratio", None, "meter-it was silent"),
    ]
    text = as_csv(rows)
    assert text == (
        "figure,place,period,from,to,value,unit,coverage,rests_on\n"
        'energy_it,edge,day,2026-10-01,2026-10-02,1234.5678,kWh,0.5,"meter-it, category 1"\n'
        "pue,edge,month,2026-10-01,2026-11-01,,ratio,,meter-it was silent\n"
    )
    assert from_csv(text) == rows
    assert as_csv([row("pue", 4 / 3, "ratio")]).splitlines()[1].split(",")[5] == "1.333333333"


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@sum"])
def test_a_name_that_a_spreadsheet_would_run_is_quoted(name: str) -> None:
    assert f",'{name}," in as_csv([row("pue", -1.5, "ratio", place=name)])
    assert ",-1.5," in as_csv([row("pue", -1.5, "ratio", place=name)]), "a number stays one"


def test_names_of_others_are_text_on_the_page_and_have_no_control_characters_in_the_file() -> None:
    """They come with messages: a page that is archived must not run what a device calls itself."""
    rows = polls("a/<script>", (100, 90, 4, 6))
    text = render(Rows(rows), site="edge", title="<i>", about="<i>", notices=["<i>"], csv_name="<i>.csv")
    assert "<th>a/&lt;script&gt; <small>" in text
    assert "<script>" not in text
    assert "<i>" not in text.replace("<i>Not answered</i>", "").replace("<i>Not received</i>", "")
    assert "\x1b" not in as_csv([row("pue", 1.0, "ratio", place="edge\x1b[2J")])


def test_the_figures_that_are_published_have_tiles_in_a_fixed_order() -> None:
    names = ["energy_facility", "energy_it", "pue", "carbon_location", "carbon_market", "carbon_free_energy"]
    names += ["wue", "erf", "ref", "telemetry_available"]
    rows = [row(name, 1.0, "ratio", "month") for name in [*reversed(names), "energy_cooling"]]
    text = page([*rows, row("telemetry_available", 1.0, "ratio")])
    found = [NAMES[name].replace("PUE", "Interim PUE") for name in names]
    assert re.findall(r'<div class="tile"><span>(.*?)</span>', text) == found


def test_rows_are_found_by_figure_period_and_place() -> None:
    here, there, month = (
        row("pue", 1.2, "ratio"),
        row("pue", 1.3, "ratio", place="b"),
        row("pue", 1.4, "ratio", "month"),
    )
    rows = Rows([here, there, month])
    assert (rows.of("pue", "day"), rows.of("pue", "day", "b"), rows.of("pue", "hour")) == ([here, there], [there], [])
    assert (rows.at("pue", "edge", "month", DAYS[0]), rows.at("pue", "edge", "month", DAYS[1])) == (month, None)


def test_a_ratio_below_zero_has_the_last_colour_and_does_not_end_the_report() -> None:
    """A contract's meter that counted backwards gave one hour less than no carbon-free energy."""
    hours = [
        row("carbon_free_energy", value, "ratio", "hour", f"2026-10-01T{hour:02}:00+00:00")
        for hour, value in enumerate((0.9, -1.4))
    ]
    chart = carbon_free_map(Rows(hours), "edge")
    assert chart is not None
    assert classes(chart.picture, "q") == ["q0", "q4"]
