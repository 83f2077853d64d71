"""The report of a simulated October of the edge site: its figures, its page, and one clear line where there is none."""

import argparse
import csv
import math
import re
import shutil
import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from collector.cli import main
from collector.config import load_collector_config
from collector.report.command import report
from collector.report.rows import Row, Rows, as_csv
from collector.report.sheet import render
from rackflow import ConfigError, RackflowError
from rackflow.site import parse_site
from tests.collector.report.month import HOUR, START_S, Silence, Site, energy_j, factor, october
from tests.collector.report.table import from_csv
from tests.terminal import last_count, on_a_terminal

GOLDEN = Path(__file__).parent / "october.csv"
AFTER_S = datetime(2026, 11, 23, tzinfo=UTC).timestamp()


def config_in(folder: Path, **more: object) -> Path:
    data = {
        "store": {"kind": "file", "path": str(folder / "points")},
        "dead_letter": str(folder / "dead.jsonl"),
        **more,
    }
    file = folder / "collector.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    return file


def records_in(folder: Path) -> Path:
    return folder / "books-rackflow-collector.db"


def write(folder: Path, now_s: float = AFTER_S, zone: str = "UTC", **more: object) -> tuple[Rows, str]:
    """The rows of the CSV file, and the page."""
    config = load_collector_config(config_in(folder, **more))
    arguments = argparse.Namespace(month="2026-10", timezone=zone, output=folder / "out")
    table, page = report(config, arguments, now_s)
    return Rows(from_csv(table.read_text(encoding="utf-8"))), page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("october")
    october(records_in(folder))
    return folder


def month_of(rows: Rows, figure: str, place: str = "edge") -> Row:
    [row] = rows.of(figure, "month", place)
    return row


def test_energies_are_what_the_meters_counted_whatever_was_silent(folder: Path) -> None:
    rows, _ = write(folder)
    for figure, role in (("energy_facility", "facility"), ("energy_it", "it"), ("energy_cooling", "cooling")):
        row = month_of(rows, figure)
        assert row.value == pytest.approx(energy_j(role, 744) / 3.6e6, rel=1e-9)
        assert row.coverage == 1.0
    whole = energy_j("facility", 744), energy_j("it", 744)
    assert month_of(rows, "pue").value == pytest.approx(whole[0] / whole[1])
    assert "6 h hold energy spread evenly" in month_of(rows, "energy_facility").rests_on


def test_emissions_are_those_of_each_hour_with_its_factor(folder: Path) -> None:
    rows, _ = write(folder)
    location = market = 0.0
    for at in range(20 * 24):
        if 8 * 24 <= at < 15 * 24:  # the days with gaps, whose energy is spread over their hours
            continue
        kwh = (energy_j("facility", at + 1) - energy_j("facility", at)) / 3.6e6
        location += kwh * factor(HOUR + at).grams_per_kwh / 1000
        market += max(kwh - 12, 0) * factor(HOUR + at).grams_per_kwh / 1000
    for figure, expected in (("carbon_location", location), ("carbon_market", market)):
        days = rows.of(figure, "day", "edge")
        chosen = [row.value or 0.0 for row in (*days[:8], *days[15:20])]
        assert math.fsum(chosen) == pytest.approx(expected, rel=1e-9)
    row = month_of(rows, "carbon_estimated_hours")
    assert row.value == pytest.approx(264 / 744)
    assert (
        "factor file (measured, lifecycle) 480 h; factor electricity-maps-2024 (estimated, lifecycle) 264 h"
        in row.rests_on
    )


def test_polls_that_were_expected_and_did_not_come_are_not_received(folder: Path) -> None:
    rows, _ = write(folder)
    assert month_of(rows, "polls_expected", "gw/meter-main").value == pytest.approx(744 * 4)
    away = month_of(rows, "polls_not_received", "gw/meter-main").value
    silent = month_of(rows, "polls_not_received", "gw/ups-a").value
    assert (away, silent) == (23, 23 + 48 * 4 - 1)
    assert [row.place for row in rows.of("telemetry_available", "day") if row.value == 0] == ["gw/ups-a"]


def test_the_table_is_the_golden_one(folder: Path) -> None:
    rows, _ = write(folder)
    chosen = [
        row
        for row in rows.rows
        if row.period in {"month", "hour_of_day"} or row.start.startswith(("2026-10-09", "2026-10-20"))
    ]
    text = as_csv(row for row in chosen if row.period != "hour" or row.start[11:13] in {"09", "12"})
    (folder / GOLDEN.name).write_text(text, encoding="utf-8")
    golden = GOLDEN.read_text(encoding="utf-8")
    assert text == golden, f"not the golden table; put {folder / GOLDEN.name} in its place if it is right"


def test_the_page_says_nothing_that_is_not_in_the_table(folder: Path) -> None:
    rows, page = write(folder)
    about = re.search(r'<p class="dim">(.*?)</p>', page)
    notices = re.findall(r"<li>(.*?)</li>", page)
    assert about is not None
    again = render(
        rows,
        site="edge",
        title="edge, 2026-10",
        about=about[1],
        notices=notices,
        csv_name="rackflow-edge-2026-10.csv",
    )
    assert again == page


class _Balanced(HTMLParser):
    """Fails where a tag is closed that is not open; lists what is left open, and every attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen += [(tag, name, value) for name, value in attrs]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_accessible_and_needs_nothing_else(folder: Path) -> None:
    _, page = write(folder)
    parser = _Balanced()
    parser.feed(page)
    assert parser.open == []
    ids = [value for _, name, value in parser.seen if name == "id"]
    assert len(ids) == len(set(ids))
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(pictures) == 5
    for picture in pictures:
        root = ET.fromstring(picture)  # noqa: S314 - our own
        assert [child.tag for child in root][:2] == ["title", "desc"]
        assert (root.get("aria-labelledby") or "").split() == [root[0].get("id"), root[1].get("id")]
    assert page.count("<details><summary>As a table</summary><div><table") == 5
    assert not {name for _, name, _ in parser.seen} & {"src", "href", "srcset", "onload", "onclick"}
    assert not re.search(r"https?:|//|@import|<script|<link|<img|<iframe", page)
    assert all(url.startswith("#") and url[1:] in ids for url in re.findall(r"url\((.*?)\)", page))


def test_an_unfinished_month_is_reported_so_far_and_what_is_not_metered_is_unknown(tmp_path: Path) -> None:
    site = Site(records_in(tmp_path), [Silence("meter-it", 2, 1000)])
    site.run(12.5)
    rows, page = write(tmp_path, START_S + 12.6 * 3600)
    assert "<h1>edge, 2026-10 so far</h1>" in page
    assert "The month is not over." in page
    assert month_of(rows, "energy_facility").coverage == 1.0
    assert month_of(rows, "energy_it").coverage == pytest.approx(2 / 12)
    pue = month_of(rows, "pue")
    assert pue.value is None
    assert pue.coverage == pytest.approx(2 / 12)
    assert "meter-it read for 0 of 60 min (9 h)" in pue.rests_on
    assert '<div class="tile un"><span>Interim PUE</span><b>unknown</b>' in page


def test_the_page_names_the_end_of_the_records_and_kills_of_the_collector(tmp_path: Path) -> None:
    Site(records_in(tmp_path)).run(10)
    with closing(sqlite3.connect(records_in(tmp_path))) as db, db:
        db.execute("UPDATE life SET ended = 0")
    Site(records_in(tmp_path)).run(2, 12)
    rows, page = write(tmp_path, START_S + 48.1 * 3600)
    assert "The collector was killed 1 time." in page
    assert "The collector&#x27;s records end at 2026-10-01T14:00+00:00: everything later is unknown." in page
    assert month_of(rows, "telemetry_available").rests_on == (
        "at least: counts of half a minute are lost where the collector was killed, after 2026-10-01T10:00:00+00:00"
    )
    assert month_of(rows, "energy_facility").coverage == pytest.approx(14 / 48)


def test_one_of_several_collectors_does_not_tell_availability(tmp_path: Path) -> None:
    Site(records_in(tmp_path)).run(2)
    rows, page = write(tmp_path, START_S + 7300, shared=True)
    assert "The subscription is shared" in page
    row = month_of(rows, "telemetry_available")
    assert (row.value, rows.of("polls_expected", "month")) == (None, [])


def test_days_are_those_of_the_time_zone(folder: Path) -> None:
    rows, page = write(folder, zone="Europe/Berlin")
    assert "times in Europe/Berlin" in page
    days = rows.of("energy_facility", "day", "edge")
    [long] = [day for day in days if day.start == "2026-10-25T00:00+02:00"]
    assert long.end == "2026-10-26T00:00+01:00"
    at = (24 * 24 + 22, 24 * 24 + 47)
    assert long.value == pytest.approx((energy_j("facility", at[1]) - energy_j("facility", at[0])) / 3.6e6)
    assert all(one.end == other.start for one, other in pairwise(days))
    write(folder, zone="Asia/Kolkata")


SITE = (
    "site: edge\ntimezone: Asia/Kolkata\nelectrical: {continuous_load_factor: 1.0, volts: 230, frequency_hertz: 50}\n"
    "rooms: []\nrows: []\nracks: []\nfeeds: []\n"
)


def test_without_a_zone_the_days_are_those_of_the_site_and_else_of_utc_which_is_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("TZ", "America/New_York")  # the zone of the machine does not count
    page = tmp_path / "rackflow-edge-2026-10.html"

    def printed(*arguments: str) -> str:
        words = ["--month", "2026-10", "--output", str(tmp_path), *arguments]
        assert main(["report", str(tmp_path / "collector.yaml"), *words]) == 0
        return capsys.readouterr().err

    config_in(tmp_path)
    assert printed() == "days are those of UTC; --timezone, or `timezone` of the site file, names another zone\n"
    assert "times in UTC" in page.read_text(encoding="utf-8")
    config_in(tmp_path, site_file="site.yaml")
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    assert printed() == ""
    assert "times in Asia/Kolkata" in page.read_text(encoding="utf-8")
    assert printed("--timezone", "UTC") == ""
    assert "times in UTC" in page.read_text(encoding="utf-8")


def test_a_zone_that_a_site_file_cannot_have_is_refused_with_its_line() -> None:
    with pytest.raises(
        ConfigError, match=r"s:2: timezone: 'Calcutta' is not a time zone; did you mean Asia/Calcutta\?"
    ):
        parse_site(SITE.replace("Asia/Kolkata", "'Calcutta '"), "s")


def test_records_of_an_hour_that_is_not_over_say_when_to_try_again(tmp_path: Path) -> None:
    Site(records_in(tmp_path)).run(0.75)
    with pytest.raises(RackflowError, match=r"first hour is over at 2026-10-01T01:00\+00:00; try again then"):
        write(tmp_path, START_S + 2700)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--month", "2026-13"], 78, "--month: '2026-13' is not a month; write it like 2026-10"),
        (["--month", "2026-10", "--timezone", "Mars"], 78, "--timezone: 'Mars' is not a time zone"),
        (
            ["--month", "2024-02"],
            1,
            "no whole hour of 2024-02; they cover 2026-10-01T00:00+00:00 to 2026-10-01T02:00+00:00; name a month within",
        ),
        (["--month", "2999-01"], 1, "--month: 2999-01 has not begun; name an earlier one"),
        (["--month", "2026-10", "--output", "/dev/null/x"], 1, "cannot be written: Not a directory"),
    ],
)
def test_what_cannot_be_reported_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, said: str
) -> None:
    Site(records_in(tmp_path)).run(1.75)
    assert main(["report", str(config_in(tmp_path)), *arguments]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = captured.err.splitlines()
    assert said in line


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (None, "no such file; the collector creates its records when it first runs: start it, or correct derive.state"),
        (b"no database at all", "restore a backup"),
        (b"", "no such table: hour; correct the path"),
    ],
)
def test_records_that_cannot_be_read_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: bytes | None, said: str
) -> None:
    if damage is not None:
        records_in(tmp_path).write_bytes(damage)
    assert main(["report", str(config_in(tmp_path)), "--month", "2026-10"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_cell_that_a_spreadsheet_would_run_is_quoted() -> None:
    row = Row("f", "=cmd()", "month", "a", "b", None, "u", None, "-1")
    [cells] = csv.DictReader(as_csv([row]).splitlines())
    assert (cells["place"], cells["rests_on"], cells["value"]) == ("'=cmd()", "'-1", "")


def test_a_report_shows_what_it_has_read_and_counted_on_a_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For example `hours counted ━━━━━━ 1488/1488 0:00:00`: each of October's 744 hours counts in the month and in its day."""
    words = ["report", str(config_in(folder)), "--month", "2026-10", "--output", str(folder / "seen")]
    shown = on_a_terminal(*words)
    read, records, _ = last_count(shown, "records read")
    assert read == records == str(2 * 744)  # an hour of energy and one of polls
    assert last_count(shown, "hours counted") == ("744", "744", "0:00:00")
    out = capsys.readouterr().out
    assert out == f"{folder}/seen/rackflow-edge-2026-10.csv\n{folder}/seen/rackflow-edge-2026-10.html\n"
