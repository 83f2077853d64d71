"""The command `report`: writes a CSV file and a page for each site, for one month."""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from collector.config import CollectorConfig
from collector.ledger import accounts, read_snapshot
from collector.receive import HOUR_S
from collector.report.energy import energy_rows
from collector.report.period import Period, month
from collector.report.read import SiteMonth, read_records, within_month
from collector.report.rows import Rows, as_csv
from collector.report.sheet import render
from collector.report.telemetry import steps_of, telemetry_rows
from rackflow import RackflowError
from rackflow.plural import count_of
from rackflow.process.files import replace_durably
from rackflow.process.progress import progress


def add_report(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `report`, apart from the configuration."""
    command.add_argument(
        "--month",
        required=True,
        metavar="YYYY-MM",
        help="for example 2026-10; the present month is reported up to the last whole hour",
    )
    command.add_argument(
        "--timezone",
        metavar="ZONE",
        help="time zone of days and hours, for example Africa/Casablanca (default: timezone of the site file, else UTC)",
    )
    command.add_argument(
        "--output", type=Path, default=Path(), metavar="FOLDER", help="folder to write to (default: this one)"
    )


def report(config: CollectorConfig, arguments: argparse.Namespace, now_s: float, zone: str | None = None) -> list[Path]:
    """Write the report of each site, and return the paths. Raises ConfigError or RackflowError.

    Args:
        config: The collector's configuration, which names the records.
        arguments: What `add_report` describes.
        now_s: Seconds since 1970.
        zone: The time zone of the site file, for a report without `--timezone`.
    """
    period = month(arguments.month, zone or "UTC" if arguments.timezone is None else arguments.timezone, now_s)
    if period.first * HOUR_S >= now_s:
        raise RackflowError(f"--month: {period.name} has not begun; name an earlier one")
    written = []
    found = [_with_ledger(site_month, config) for site_month in read_records(config.records_path, period)]
    with progress("hours counted", sum(map(steps_of, found))) as done:
        for each in found:
            rows = Rows([*energy_rows(each), *telemetry_rows(each, done)])
            stem = f"rackflow-{each.site}-{period.name}"
            title = f"{each.site}, {period.name}" + ("" if period.is_over else " so far")
            page = render(
                rows,
                site=each.site,
                title=title,
                about=about(period, now_s),
                notices=list(_notices(each)),
                csv_name=f"{stem}.csv",
            )
            for suffix, text in ((".csv", as_csv(rows.rows)), (".html", page)):
                written.append(_write(arguments.output / f"{stem}{suffix}", text))
    return written


def _with_ledger(site_month: SiteMonth, config: CollectorConfig) -> SiteMonth:
    # The report is also written without a ledger: its figures do not depend on it, and a notice says what is missing.
    fault, found = "", []
    try:
        found = within_month(accounts([read_snapshot(config.ledger_path)]), site_month)
    except RackflowError as error:
        fault = str(error)
    return replace(site_month, accounts=found, ledger_fault=fault, is_shared=config.shared)


def about(period: Period, now_s: float) -> str:
    """One line on the page: the time that the report covers, and when it was made."""
    said = f"Energy, carbon and telemetry from {period.iso(period.first)} to {period.iso(period.until)}, times in {period.zone_name}"
    made = period.local(int(now_s // HOUR_S)).strftime("%Y-%m-%d")
    return f"{said}. {'' if period.is_over else 'The month is not over. '}Made on {made} by Rackflow."


def _notices(site_month: SiteMonth) -> Iterator[str]:
    """What a reader must know before trusting the figures."""
    period = site_month.period
    last = int(site_month.saved_s // HOUR_S)
    if last < period.until - 1:
        yield f"The collector's records end at {period.iso(last)}: everything later is unknown."
    if any(period.local(hour).minute for hour in (period.first, period.end)):
        yield "The time zone's offset is not a whole hour: each hour counts in the day in which it begins."
    spread = sum(bool(entry.spread_s) for hour, entry in site_month.hours.items() if hour < period.until)
    if spread:
        yield (
            f"In {spread} of {len(period.hours())} hours a counter gave no reading for more than a quarter of an hour. The energy of "
            "the whole gap is right; it is spread evenly over the hours of the gap."
        )
    if site_month.killed:
        yield f"The collector was killed {count_of(len(site_month.killed), 'time')}. Each time up to half a minute of poll counts was lost."
    if site_month.is_shared:
        yield "The subscription is shared: availability of telemetry is unknown, and messages are accounted for this collector only."
    if site_month.ledger_fault:
        yield f"Messages cannot be accounted for: {site_month.ledger_fault}"


def _write(path: Path, text: str) -> Path:
    # In one step, so that nobody finds half a report under its name, not even after an interrupted run.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_durably(path, text.encode())
    except OSError as error:
        raise RackflowError(f"--output: {path} cannot be written: {error.strerror}; choose another folder") from error
    return path
