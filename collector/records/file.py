"""The file of hourly records: one SQLite file that survives kills, written in one transaction every 30 s.

Hours, emissions and the counters' last readings are saved in one transaction: after a restart, half of a save would count energy twice or
not at all. The report and later versions read the tables, columns and encoded fields, so these must stay compatible.
"""

import logging
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path

import msgspec

from collector.derive import HOUR_S, Head, Hour, SiteRecords
from collector.receive import Counts, ExpectedDevice, PolledDevice, add
from rackflow.process.files import make_folder
from rackflow.process.sqlite import (
    CORRUPT,
    as_os_error,
    code,
    connect_to_write,
    corruption,
    set_aside,
)
from rackflow.process.steady import SteadyClock

log = logging.getLogger(__name__)
# A whole year, and a month in which to report it. A chosen value.
KEPT_H = 400 * 24
# How much longer a device is kept: it is noted once an hour, and may have gone with a later one.
DEVICE_MARGIN_H = 24
# Not WITHOUT ROWID, as files of earlier versions have it: there, a row of more than 1,002 bytes has a page of 4 kB for the rest of it
# (https://sqlite.org/fileformat2.html#b_tree_pages), and 400 days of 5,000 devices with 40 meters took 90 MB instead of 34.
SCHEMA = """
CREATE TABLE IF NOT EXISTS life (started_s REAL PRIMARY KEY, saved_s REAL, ended INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS site (site TEXT PRIMARY KEY, head BLOB) STRICT;
CREATE TABLE IF NOT EXISTS hour (site TEXT, hour INTEGER, body BLOB, PRIMARY KEY (site, hour)) STRICT;
CREATE TABLE IF NOT EXISTS device (
    id INTEGER PRIMARY KEY, site TEXT, agent TEXT, device TEXT, class TEXT, enrolled BLOB,
    UNIQUE (site, agent, device)) STRICT;
CREATE TABLE IF NOT EXISTS device_seen (id INTEGER PRIMARY KEY, hour INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS polls (site TEXT, hour INTEGER, body BLOB, PRIMARY KEY (site, hour)) STRICT;
"""
# How long SQLite waits for a lock that the report or a backup holds.
BUSY_S = 5.0
# Errors raised while decoding rows that do not fit together.
MALFORMED = (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError)
# A row of 100,000 devices has 4 MB before compression. The bound keeps an edited file from filling memory.
MAX_BODY_BYTES = 32 * 1024 * 1024
Rows = dict[int, list[float]]
"""Polls of one hour by the number of the device: expected, answered, unanswered."""


@dataclass(slots=True)
class Snapshot:
    """What one save writes."""

    sites: Mapping[str, SiteRecords]
    """Head and changed hours, by site."""
    counts: Counts
    """Polls that came since the last save; they are added to those in the file."""
    enrolled: Mapping[PolledDevice, ExpectedDevice]
    """All devices of which polls are expected now."""


class RecordsFile:
    """The file of one collector. May be used from several threads. Raises OSError if it cannot be read or written.

    A damaged file is set aside as `<name>.damaged` and a new one is begun, at the start and at any save, because the collector must start
    even without its records.
    """

    def __init__(
        self, path: Path, wall_s: Callable[[], float] = time.time, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = path
        self._wall_s = wall_s
        self._now_s = now_s
        self._clock = SteadyClock()
        self._noted_hour = self._deleted_hour = 0
        """The last hour in which it was noted which devices there are, and that in which old rows were deleted."""
        self._damage: sqlite3.DatabaseError | None = None
        """Why the file has to be set aside, until that worked; it is closed meanwhile."""
        self._is_aside = False
        """Whether the damaged file is set aside, and no new one could be opened yet."""
        self._is_new = False
        """Whether the file is a new one, and no call of `save` has returned that yet."""
        self._one = threading.Lock()  # a cancelled save still runs in its thread when the last one begins
        self.sites: dict[str, SiteRecords] = {}
        self.enrolled: dict[PolledDevice, ExpectedDevice] = {}
        with as_os_error():
            make_folder(path.parent)
            try:
                self._db = self._open()
            except sqlite3.DatabaseError as error:
                self._db = self._renew(error)

    def save(self, snapshot: Snapshot) -> bool:
        """Make a snapshot durable in one transaction, and delete what is older than 400 days, once the clock can be trusted.

        Returns whether it is all that the file has: what was saved before is in a damaged one.
        """
        with self._one, as_os_error():
            if self._damage is None:
                try:
                    self._write(snapshot)
                except sqlite3.DatabaseError as error:
                    if code(error) not in CORRUPT:
                        raise
                    self._damage, self._is_new = error, True
            if self._damage is not None:
                self._db = self._renew(self._damage)  # if the disk refuses this, the next save tries it again
                self._damage = None
                self._write(snapshot)
            is_new, self._is_new = self._is_new, False
            return is_new

    def close(self, *, ended: bool) -> None:
        """Close the file. `ended` records that everything was saved before; otherwise the report names the span as incomplete."""
        with self._one, as_os_error(), closing(self._db) as db:
            db.execute(
                "UPDATE life SET saved_s = ?, ended = ? WHERE started_s = ?", (self._wall_s(), ended, self._began)
            )

    def _open(self) -> sqlite3.Connection:
        db = connect_to_write(self.path, SCHEMA, BUSY_S)
        try:
            self.sites, self.enrolled = load_sites(db), load_enrolled(db)
            self._began = self._wall_s()
            # `ended` stays 0 until `close` sets it: a killed collector leaves 0, and the report sees it.
            db.execute("INSERT OR REPLACE INTO life VALUES (?, ?, 0)", (self._began, self._began))
        except sqlite3.DatabaseError:
            db.close()
            raise
        return db

    def _renew(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        if code(error) not in CORRUPT:  # a full disk or a locked file: the written data is intact
            raise error
        if hasattr(self, "_db"):
            self._db.close()
        if not self._is_aside:
            aside = set_aside(self.path)
            self._is_aside = True
            log.error(
                "records file damaged, set aside; counting starts from zero path=%s aside=%s error=%s",
                self.path,
                aside,
                error,
            )
        # A full disk may refuse this; what was begun must not be set aside then in place of the damaged file.
        db = self._open()
        self._is_aside = False
        return db

    def _write(self, snapshot: Snapshot) -> None:
        now_s = self._wall_s()
        with self._db as db:
            # IMMEDIATE takes the write lock at once: a deferred transaction that reads first fails with SQLITE_BUSY, without waiting, if
            # somebody else wrote meanwhile.
            db.execute("BEGIN IMMEDIATE")
            for site, records in snapshot.sites.items():
                db.execute("INSERT OR REPLACE INTO site VALUES (?, ?)", (site, msgspec.json.encode(records.head)))
                rows = [(site, number, pack(hour)) for number, hour in records.hours.items()]
                db.executemany("INSERT OR REPLACE INTO hour VALUES (?, ?, ?)", rows)
            hour = int(now_s // HOUR_S)
            numbers = _enrol(db, snapshot, hour)
            for number, counts in snapshot.counts.items():
                for site in {who.site for who in counts}:
                    here = {numbers[who]: row for who, row in counts.items() if who.site == site}
                    _add_polls(db, site, number, here)
            is_steady = self._clock.is_steady(now_s, self._now_s())
            # Once an hour: these look at each row.
            if hour != self._noted_hour:
                _note_devices(db, hour)
            if hour != self._deleted_hour and is_steady:
                _delete_old(db, now_s, hour)
            db.execute("UPDATE life SET saved_s = ? WHERE started_s = ?", (now_s, self._began))
        # Only once it is on disk.
        self._noted_hour, self._deleted_hour = hour, hour if is_steady else self._deleted_hour


def _enrol(db: sqlite3.Connection, snapshot: Snapshot, hour: int) -> dict[PolledDevice, int]:
    """Numbers of all devices. A device without expected polls keeps its number for 400 days, because past hours refer to it."""
    db.execute("UPDATE device SET enrolled = NULL WHERE enrolled IS NOT NULL")
    counted = {who for counts in snapshot.counts.values() for who in counts} - snapshot.enrolled.keys()
    db.executemany(
        "INSERT INTO device (site, agent, device, class, enrolled) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET class = excluded.class, enrolled = excluded.enrolled",
        [(*who, each.device_class, msgspec.json.encode(each)) for who, each in snapshot.enrolled.items()],
    )
    db.executemany(
        "INSERT OR IGNORE INTO device (site, agent, device, class) VALUES (?, ?, ?, 'unknown')", sorted(counted)
    )
    found = db.execute("SELECT site, agent, device, id FROM device")
    numbers = {PolledDevice(site, agent, device): number for site, agent, device, number in found}
    db.executemany("INSERT OR REPLACE INTO device_seen VALUES (?, ?)", [(numbers[who], hour) for who in counted])
    return numbers


def _delete_old(db: sqlite3.Connection, now_s: float, hour: int) -> None:
    """Delete what is older than 400 days, and devices that are in no hour any more: names come and go, with every replaced device."""
    for table in ("hour", "polls"):
        db.execute(f"DELETE FROM {table} WHERE hour < ?", (hour - KEPT_H,))  # noqa: S608 - constants
    db.execute("DELETE FROM life WHERE saved_s < ?", (now_s - KEPT_H * HOUR_S,))
    gone = "SELECT id FROM device_seen WHERE hour < ?"
    oldest = hour - KEPT_H - DEVICE_MARGIN_H
    db.execute(f"DELETE FROM device WHERE enrolled IS NULL AND id IN ({gone})", (oldest,))  # noqa: S608 - constants
    db.execute("DELETE FROM device_seen WHERE id NOT IN (SELECT id FROM device)")


def _note_devices(db: sqlite3.Connection, hour: int) -> None:
    """Note that the devices that are polled are there. A file of an earlier version does not say of the others when they were."""
    db.execute(
        "INSERT INTO device_seen SELECT id, ? FROM device WHERE enrolled IS NOT NULL OR id NOT IN (SELECT id FROM device_seen)"
        " ON CONFLICT DO UPDATE SET hour = excluded.hour",
        (hour,),
    )


def _add_polls(db: sqlite3.Connection, site: str, hour: int, counts: Rows) -> None:
    found = db.execute("SELECT body FROM polls WHERE site = ? AND hour = ?", (site, hour)).fetchone()
    rows = unpack_polls(found[0]) if found else {}
    for number, row in counts.items():
        add(rows.setdefault(number, [0.0, 0.0, 0.0]), row)
    db.execute("INSERT OR REPLACE INTO polls VALUES (?, ?, ?)", (site, hour, pack_polls(rows)))


def load_sites(db: sqlite3.Connection) -> dict[str, SiteRecords]:
    """Energy records of all sites. Raises DatabaseError if they are damaged."""
    try:
        sites = {
            site: SiteRecords(msgspec.json.decode(head, type=Head)) for site, head in db.execute("SELECT * FROM site")
        }
        # What was metered is nearly always what was metered in the hour before: a third of the memory of a year of 40 meters, once.
        same: dict[tuple[str, ...], tuple[str, ...]] = {}
        for site, number, body in db.execute("SELECT site, hour, body FROM hour ORDER BY hour"):
            hour = unpack(body)
            if hour.terms is not None:
                quantities = same.setdefault(hour.terms.quantities, hour.terms.quantities)
                hour.terms = replace(hour.terms, quantities=quantities)
            sites.setdefault(site, SiteRecords()).hours[number] = hour
    except MALFORMED as error:
        raise corruption(str(error)) from error
    return sites


def load_enrolled(db: sqlite3.Connection) -> dict[PolledDevice, ExpectedDevice]:
    """Devices of which polls are expected. Raises DatabaseError if they are damaged."""
    query = "SELECT site, agent, device, enrolled FROM device WHERE enrolled IS NOT NULL"
    try:
        return {PolledDevice(*who): msgspec.json.decode(text, type=ExpectedDevice) for *who, text in db.execute(query)}
    except MALFORMED as error:
        raise corruption(str(error)) from error


def pack(hour: Hour) -> bytes:
    """The row of one hour: 281 bytes for a site with three meters."""
    return zlib.compress(msgspec.json.encode(hour))


def unpack(body: bytes) -> Hour:
    """The hour of a row. Raises DatabaseError if it is damaged."""
    return msgspec.json.decode(_inflate(body), type=Hour)


def pack_polls(rows: Rows) -> bytes:
    """The row of one hour of polls: columns of device numbers, as differences, and of each count.

    Columns of nearly equal numbers compress well: 3,000 devices take 1.4 kB an hour, 16 MB in 400 days.
    """
    numbers = sorted(rows)
    steps = [after - before for before, after in pairwise([0, *numbers])]
    columns = [[round(rows[number][at], 6) for number in numbers] for at in range(3)]
    return zlib.compress(msgspec.json.encode([steps, *columns]))


def unpack_polls(body: bytes) -> Rows:
    """Counts by the number of the device. Raises DatabaseError if the row is damaged."""
    return dict(_columns(_inflate(body)))


def _columns(text: bytes) -> Iterator[tuple[int, list[float]]]:
    try:
        steps, *columns = msgspec.json.decode(text, type=tuple[list[int], list[float], list[float], list[float]])
        rows = list(zip(accumulate(steps), *columns, strict=True))
    except MALFORMED as error:
        raise corruption(str(error)) from error
    for number, *counts in rows:
        yield number, counts


def _inflate(body: bytes) -> bytes:
    try:
        inflating = zlib.decompressobj()
        text = inflating.decompress(body, MAX_BODY_BYTES)
    except (zlib.error, TypeError) as error:
        raise corruption(str(error)) from error
    if not inflating.eof:
        raise corruption("a row is cut short, or larger than any that Rackflow writes")
    return text
