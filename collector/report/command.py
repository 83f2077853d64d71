"""The command `report`: a CSV file and a page for each site and month."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from collector.config import CollectorConfig
from collector.ledger import accounts, read_page
from collector.receive import HOUR_S
from collector.report.energy import energy_rows
from collector.report.period import Period, month
from collector.report.read import SiteMonth, read_books, within_month
from collector.report.sheet import render
from collector.report.telemetry import telemetry_rows
from collector.report.tidy import Rows, as_csv
from rackflow import RackflowError


def add_report(command: argparse.ArgumentParser) -> None:
    """Arguments beside the configuration."""
    command.add_argument(
        "--month", required=True, metavar="YYYY-MM", help="like 2026-10; the present one is told so far"
    )
    command.add_argument(
        "--timezone", default="UTC", metavar="ZONE", help="of days and hours, like Africa/Casablanca (default UTC)"
    )
    command.add_argument(
        "--output", type=Path, default=Path(), metavar="FOLDER", help="where the files go (default: here)"
    )


def report(config: CollectorConfig, arguments: argparse.Namespace, now_s: float) -> list[Path]:
    """Write the report of each site; returns the files. Raises ConfigError or RackflowError."""
    period = month(arguments.month, arguments.timezone, now_s)
    if period.first * HOUR_S >= now_s:
        raise RackflowError(f"--month: {period.name} has not begun; name an earlier one")
    written = []
    for books in read_books(config.records_path, period):
        told = _with_ledger(books, config)
        rows = Rows([*energy_rows(told), *telemetry_rows(told)])
        stem = f"rackflow-{told.site}-{period.name}"
        title = f"{told.site}, {period.name}" + ("" if period.is_over else " so far")
        page = render(rows, told.site, title, about(period, now_s), list(_notices(told)), f"{stem}.csv")
        for suffix, text in ((".csv", as_csv(rows.rows)), (".html", page)):
            written.append(_write(arguments.output / f"{stem}{suffix}", text))
    return written


def _with_ledger(books: SiteMonth, config: CollectorConfig) -> SiteMonth:
    fault, found = "", []
    try:
        found = within_month(accounts([read_page(config.ledger_path)]), books)
    except RackflowError as error:
        fault = str(error)
    return SiteMonth(
        *(books.site, books.period, books.hours, books.polls, books.devices, books.saved_s, books.killed),
        accounts=found,
        ledger_fault=fault,
        is_shared=config.shared,
    )


def about(period: Period, now_s: float) -> str:
    """Which time the report covers, and when it was made."""
    said = f"Energy, carbon and telemetry from {period.iso(period.first)} to {period.iso(period.until)}, times in {period.zone_name}"
    made = period.local(int(now_s // HOUR_S)).strftime("%Y-%m-%d")
    return f"{said}. {'' if period.is_over else 'The month is not over. '}Made on {made} by Rackflow."


def _notices(books: SiteMonth) -> Iterator[str]:
    """What a reader must know before the figures."""
    period = books.period
    last = int(books.saved_s // HOUR_S)
    if last < period.until - 1:
        yield f"The collector kept its books until {period.iso(last)} only: what came later is unknown."
    if any(period.local(hour).minute for hour in (period.first, period.end)):
        yield "The time zone's offset is no whole hour: an hour belongs to the day that it begins in."
    spread = sum(bool(entry.spread_s) for hour, entry in books.hours.items() if hour < period.until)
    if spread:
        yield (
            f"In {spread} of {len(period.hours())} hours a counter was silent for more than a quarter of an hour: its energy is "
            "right over the gap, and spread evenly over the hours in it."
        )
    if books.killed:
        yield f"The collector was killed {len(books.killed)} times: counts of polls are too low by up to half a minute each."
    if books.is_shared:
        yield "The subscription is shared: availability of telemetry is unknown, and the account is this collector's alone."
    if books.ledger_fault:
        yield f"No account of messages: {books.ledger_fault}"


def _write(path: Path, text: str) -> Path:
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise RackflowError(f"--output: {path} cannot be written: {error.strerror}; name another folder") from error
    return path
