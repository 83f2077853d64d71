"""What a reader of a report is told before its figures: where records end, what was spread, what was lost, and not accounted for."""

import argparse
import html
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from collector.config import load_collector_config
from collector.derive import Hour
from collector.records.file import pack
from collector.report.command import report
from rackflow import RackflowError
from tests.collector.report.test_read import END_S, FIRST_S, NOW_S, OCTOBER, records
from tests.collector.report.test_report import config_in, records_in


def notices(
    folder: Path, lives: list[tuple[float, float, int]], zone: str = "UTC", *, spread: bool = False
) -> list[str]:
    file = records(records_in(folder), lives)
    if spread:
        with closing(sqlite3.connect(file)) as db, db:
            hour = pack(Hour({"facility:m": 1.0}, {"facility:m": 3600.0}, {"facility:m": 1800.0}))
            db.execute("UPDATE hour SET body = ? WHERE hour = ?", (hour, OCTOBER.first))
    arguments = argparse.Namespace(month="2026-10", timezone=zone, output=folder / "out")
    pages = [
        each for each in report(load_collector_config(config_in(folder)), arguments, NOW_S) if each.suffix == ".html"
    ]
    (found,) = re.findall('<ul class="notices">(.*?)</ul>', pages[-1].read_text(encoding="utf-8"))
    return [html.unescape(each) for each in re.findall("<li>(.*?)</li>", found)]


WHOLE = [(FIRST_S, END_S, 1)]


def test_of_a_whole_month_only_the_ledger_that_is_not_there_is_said(tmp_path: Path) -> None:
    (said,) = notices(tmp_path, WHOLE)
    assert said.startswith("Messages cannot be accounted for: ")


@pytest.mark.parametrize(("saved_s", "is_said"), [(END_S - 3600, False), (END_S - 3601, True)])
def test_records_that_end_before_the_last_hour_say_so(saved_s: float, is_said: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a case
    said = notices(tmp_path, [(FIRST_S, saved_s, 1)])
    ends = "The collector's records end at 2026-10-31T22:00+00:00: everything later is unknown."
    assert (ends in said) is is_said
    assert len(said) == 1 + is_said


@pytest.mark.parametrize(("zone", "is_said"), [("Asia/Kolkata", True), ("Europe/Berlin", False)])
def test_an_offset_of_half_an_hour_is_said(zone: str, is_said: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a case
    said = notices(tmp_path, [(FIRST_S - 86_400, END_S + 86_400, 1)], zone)
    assert any(each.startswith("The time zone's offset is not a whole hour") for each in said) is is_said


def test_energy_that_was_spread_and_kills_are_counted(tmp_path: Path) -> None:
    lives = [(FIRST_S, FIRST_S + 60, 0), (FIRST_S + 90, FIRST_S + 600, 0), (FIRST_S + 700, END_S, 1)]
    said = notices(tmp_path, lives, spread=True)
    assert said[0].startswith("In 1 of 744 hours a counter gave no reading for more than a quarter of an hour.")
    assert said[1].startswith("The collector was killed 2 times. Each time up to half a minute")


def test_a_month_that_has_not_begun_is_not_reported(tmp_path: Path) -> None:
    records(records_in(tmp_path), WHOLE)
    config = load_collector_config(config_in(tmp_path))
    for month, zone in (("2026-12", "UTC"), ("2027-01", None)):
        arguments = argparse.Namespace(month=month, timezone=zone, output=tmp_path / "out")
        with pytest.raises(RackflowError, match=rf"--month: {month} has not begun; name an earlier one"):
            report(config, arguments, NOW_S)
