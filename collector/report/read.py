"""Reads one month of each site from the hourly records, and selects the matching part of the ledger."""

import sqlite3
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

from collector.derive import Hour
from collector.ledger import EpochAccount, born_ms
from collector.receive import HOUR_S
from collector.records import SCHEMA, Rows, unpack, unpack_polls
from collector.report.period import Period
from rackflow import RackflowError
from rackflow.process.files import is_absent
from rackflow.process.progress import progress
from rackflow.process.sqlite import DAMAGED, check_tables, connect_to_read, fault_and_remedy


@dataclass(frozen=True, slots=True)
class Device:
    """A device that was expected to answer polls."""

    agent: str
    name: str
    device_class: str

    @property
    def place(self) -> str:
        """Its name in the report."""
        return f"{self.agent}/{self.name}"


class PackedPolls(Mapping[int, Rows]):
    """Polls by hour, each unpacked when it is asked for: a month of 5,000 devices is 3 MB packed, and 1 GB unpacked.

    An hour that is damaged, or has polls of a device that is not among `devices`, raises RackflowError.
    """

    def __init__(self, path: Path, devices: Container[int]) -> None:
        self.bodies: dict[int, bytes] = {}
        self._path = path
        self._devices = devices

    def __getitem__(self, hour: int) -> Rows:
        try:
            rows = unpack_polls(self.bodies[hour])
        except sqlite3.Error as error:
            raise RackflowError(f"{self._path}: the records {fault_and_remedy(error, 'are damaged')}") from error
        if not all(number in self._devices for number in rows):
            raise RackflowError(
                f"{self._path}: the records are damaged: polls of a device that is not there; {DAMAGED}"
            )
        return rows

    def __iter__(self) -> Iterator[int]:
        return iter(self.bodies)

    def __len__(self) -> int:
        return len(self.bodies)


@dataclass(frozen=True, slots=True)
class SiteMonth:
    """One site in one month.

    `hours` and `polls` are by hour since 1970. `killed` are pairs (last save, next start), in seconds since 1970, between which a
    killed collector lost its counts.
    """

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


def read_records(path: Path, period: Period) -> list[SiteMonth]:
    """Read all sites that have records in the period. Raises RackflowError if there are none, or they cannot be read."""
    if is_absent(path):
        raise RackflowError(
            f"{path}: no such file; the collector creates its records when it first runs: start it, or correct derive.state"
        )
    try:
        # Read-only: a report must not create the file, or upgrade it under a running collector. A save takes some 45 ms, so
        # 5 s is more than enough to wait for its lock.
        with closing(connect_to_read(path, 5.0)) as db:
            check_tables(db, SCHEMA)
            # One transaction: the collector may save between two statements, and hours and polls must be from the same save.
            db.execute("BEGIN")
            found = _read(db, period, path)
            span = db.execute("SELECT min(hour), max(hour) FROM (SELECT hour FROM hour UNION SELECT hour FROM polls)")
            first, last = span.fetchone()
    except (TypeError, ValueError, OverflowError) as error:
        raise RackflowError(f"{path}: the records are damaged: rows that do not fit together; {DAMAGED}") from error
    except sqlite3.Error as error:
        raise RackflowError(f"{path}: the records {fault_and_remedy(error, 'are damaged')}") from error
    if not found:
        if first is not None and period.until <= first < period.end:
            raise RackflowError(f"{path}: the records' first hour is over at {period.iso(first + 1)}; try again then")
        has = (
            f"they cover {period.iso(first)} to {period.iso(last + 1)}; name a month within, or another collector's file"
            if first is not None
            else "they are empty; wait until the collector has run for a whole hour with figures (section `derive`)"
        )
        raise RackflowError(f"{path}: the records have no whole hour of {period.name}; {has}")
    return found


def _read(db: sqlite3.Connection, period: Period, path: Path) -> list[SiteMonth]:
    within = (period.first, period.until)
    hours: dict[str, dict[int, Hour]] = {}
    polls: dict[str, PackedPolls] = {}
    devices: dict[str, dict[int, Device]] = {}
    with progress("records read", sum(_count(db, table, within) for table in ("hour", "polls"))) as done:
        for number, site, *names in db.execute("SELECT id, site, agent, device, class FROM device"):
            devices.setdefault(site, {})[number] = Device(*names)
        for site, number, body in db.execute("SELECT * FROM hour WHERE hour >= ? AND hour < ? ORDER BY hour", within):
            hours.setdefault(site, {})[number] = unpack(body)
            done()
        for site, number, body in db.execute("SELECT * FROM polls WHERE hour >= ? AND hour < ?", within):
            polls.setdefault(site, PackedPolls(path, devices.get(site, {}))).bodies[number] = body
            done()
    lives = db.execute("SELECT started_s, saved_s, ended FROM life ORDER BY started_s").fetchall()
    saved_s = max((saved_s for _, saved_s, _ in lives), default=0.0)
    # A collector run that did not mark its end was killed; its counts after the last save are lost.
    killed = [
        (saved, after)
        for (_, saved, ended), (after, _, _) in pairwise(lives)
        if not ended and after >= period.first * HOUR_S and saved < period.until * HOUR_S
    ]
    return [
        SiteMonth(
            site=site,
            period=period,
            hours=hours.get(site, {}),
            polls=polls.get(site, {}),
            devices=devices.get(site, {}),
            saved_s=saved_s,
            killed=killed,
        )
        for site in sorted(hours.keys() | polls.keys())
    ]


def _count(db: sqlite3.Connection, table: Literal["hour", "polls"], within: tuple[int, int]) -> int:
    found = db.execute(f"SELECT count(*) FROM {table} WHERE hour >= ? AND hour < ?", within)  # noqa: S608 - one of two names
    (count,) = found.fetchone()
    return int(count)


def within_month(found: Iterable[EpochAccount], site_month: SiteMonth) -> list[EpochAccount]:
    """The accounts of a site's agents: epochs that lived in the month, and their missing messages of that month.

    Missing messages with unknown times (0) are included: leaving them out would hide a loss. The other counts are those of the whole
    epoch, because the ledger keeps no time of each message.
    """
    period = site_month.period
    first_ms, until_ms, end_ms = (hour * HOUR_S * 1000 for hour in (period.first, period.until, period.end))
    chosen = [
        sums
        for sums in found
        # An epoch without a time in its name (0) may have begun at any time.
        if sums.key.site == site_month.site and sums.seen_ms >= first_ms and born_ms(sums.key.epoch) < end_ms
    ]
    return [_missing_within(sums, first_ms, until_ms) for sums in chosen]


def _missing_within(sums: EpochAccount, first_ms: int, until_ms: int) -> EpochAccount:
    runs = [run for run in sums.missing if (not run.to_ms or run.to_ms >= first_ms) and run.from_ms < until_ms]
    return replace(sums, missing=runs, missing_messages=sum(run.last - run.first + 1 for run in runs))
