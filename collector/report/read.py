"""Reads records and ledger beside a running collector, one month of each site."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

from collector.derive import Hour
from collector.ledger import EpochAccount
from collector.receive import HOUR_S
from collector.records import Rows, unpack, unpack_polls
from collector.report.period import Period
from rackflow import RackflowError
from rackflow.process.sqlite import CORRUPT, code


@dataclass(frozen=True, slots=True)
class Device:
    """A device that polls were expected of."""

    agent: str
    name: str
    device_class: str

    @property
    def place(self) -> str:
        """How it is named in the report."""
        return f"{self.agent}/{self.name}"


@dataclass(frozen=True, slots=True)
class SiteMonth:
    """One site in one month. `killed` are spans, in seconds since 1970, of which the last counts were lost."""

    site: str
    period: Period
    hours: Mapping[int, Hour]
    polls: Mapping[int, Rows]
    devices: Mapping[int, Device]
    saved_s: float
    killed: Sequence[tuple[float, float]] = ()
    accounts: Sequence[EpochAccount] = field(default_factory=list)
    ledger_fault: str = ""
    is_shared: bool = False


def read_books(path: Path, period: Period) -> list[SiteMonth]:
    """All sites of which the books say anything in the period. Raises RackflowError."""
    if not path.exists():
        raise RackflowError(f"{path}: there are no books; a collector writes them as soon as it runs")
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5.0)) as db:
            db.execute("BEGIN")
            found = _read(db, period)
            span = db.execute("SELECT min(hour), max(hour) FROM (SELECT hour FROM hour UNION SELECT hour FROM polls)")
            first, last = span.fetchone()
    except sqlite3.Error as error:
        what = "are damaged" if code(error) in CORRUPT else "cannot be read"
        raise RackflowError(f"{path}: the books {what}: {error}") from error
    if not found:
        has = f"they have {period.iso(first)} to {period.iso(last + 1)}" if first is not None else "they are empty"
        raise RackflowError(f"{path}: the books have no whole hour of {period.name}; {has}")
    return found


def _read(db: sqlite3.Connection, period: Period) -> list[SiteMonth]:
    within = (period.first, period.until)
    hours: dict[str, dict[int, Hour]] = {}
    for site, number, body in db.execute("SELECT * FROM hour WHERE hour >= ? AND hour < ? ORDER BY hour", within):
        hours.setdefault(site, {})[number] = unpack(body)
    polls: dict[str, dict[int, Rows]] = {}
    for site, number, body in db.execute("SELECT * FROM polls WHERE hour >= ? AND hour < ?", within):
        polls.setdefault(site, {})[number] = unpack_polls(body)
    devices: dict[str, dict[int, Device]] = {}
    for number, site, *names in db.execute("SELECT id, site, agent, device, class FROM device"):
        devices.setdefault(site, {})[number] = Device(*names)
    lives = db.execute("SELECT started_s, saved_s, ended FROM life ORDER BY started_s").fetchall()
    saved_s = max((saved_s for _, saved_s, _ in lives), default=0.0)
    killed = [
        (saved, after)
        for (_, saved, ended), (after, _, _) in pairwise(lives)
        if not ended and after >= period.first * HOUR_S and saved < period.until * HOUR_S
    ]
    return [
        SiteMonth(site, period, hours.get(site, {}), polls.get(site, {}), devices.get(site, {}), saved_s, killed)
        for site in sorted(hours.keys() | polls.keys())
    ]


def within_month(found: Iterable[EpochAccount], books: SiteMonth) -> list[EpochAccount]:
    """The account of a site's agents: epochs that were alive in the month, and of what is missing that of the month."""
    first_ms, until_ms = books.period.first * HOUR_S * 1000, books.period.until * HOUR_S * 1000
    chosen = [sums for sums in found if sums.key.site == books.site and sums.seen_ms >= first_ms]
    for sums in chosen:
        sums.missing[:] = [
            run for run in sums.missing if (not run.to_ms or run.to_ms >= first_ms) and run.from_ms < until_ms
        ]
    return chosen
