"""The outbox's SQLite file: in go messages and the keys that are done, out come messages again, after a crash too. It blocks."""

import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from zlib import crc32

from rackflow.documents import Numbers
from rackflow.errors import ConfigError
from rackflow.numbers import add_range
from rackflow.outbox import Message
from rackflow.outbox_mark import Mark, MarkFile, Run, gaps, numbers, ranges
from rackflow.outbox_salvage import readable, set_aside
from rackflow.sqlite import SENSELESS, code, senseless, translated

log = logging.getLogger(__name__)
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS message (
    key INTEGER PRIMARY KEY, time_ms INTEGER, kept_ms INTEGER, topic TEXT, payload BLOB, crc INTEGER)
    STRICT;
CREATE TABLE IF NOT EXISTS run (base INTEGER PRIMARY KEY, epoch TEXT) STRICT;
CREATE TABLE IF NOT EXISTS loss (epoch TEXT, first INTEGER, last INTEGER, reason TEXT) STRICT;
CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY, last_key INTEGER, age_ms INTEGER, wall_ms INTEGER) STRICT;
INSERT OR IGNORE INTO state VALUES (1, 0, 0, 0);
"""
INSERT: Final = "INSERT OR IGNORE INTO message VALUES (?, ?, ?, ?, ?, ?)"
SELECT: Final = (
    "SELECT key - ?, topic, payload, time_ms, crc FROM message WHERE key > ? AND key < ? ORDER BY key LIMIT ?"
)
OLDEST: Final = "SELECT key, time_ms FROM message WHERE key >= ? ORDER BY key LIMIT 1"
RUNS_KEPT: Final = 20
EVICT_ROWS: Final = 64
VACUUM_PAGES: Final = 256
WAL_BYTES: Final = 4 * 1024 * 1024
LONGEST_REST_MS: Final = 30 * 86_400_000
"""A restart after longer than this by the wall clock is a clock that was wrong: messages do not age by it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the file may hold: bytes on disk (its write-ahead log of 4 MiB comes on top), and seconds.

    What was confirmed stays for `confirmed_s` while the file is less than half full.
    """

    size_bytes: int
    age_s: float
    confirmed_s: float = 0.0


@dataclass(slots=True)
class Totals:
    """What is in the file, and what was dropped since it was opened. `losses` are ranges, older ones included.

    `oldest_key` and `oldest_ms` (0 for none) are of the oldest message; `last_key` is the file's highest number ever.
    """

    messages: int = 0
    used_bytes: int = 0
    oldest_ms: int = 0
    oldest_key: int = 0
    last_key: int = 0
    damaged: int = 0
    dropped: dict[str, int] = field(default_factory=lambda: {"full": 0, "expired": 0, "torn": 0})
    losses: list[Numbers] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)


class OutboxFile:
    """One file, opened for one epoch. A message's key is its number in that epoch; those of earlier ones are 0 and below.

    Raises ConfigError where another process has it, OSError where the disk refuses. A file that SQLite cannot make sense
    of is set aside as `<name>.damaged`, what can be read of it is taken over, and the rest is counted as `torn`. What is
    below `lowest` is confirmed; `confirmed` are the keys of those that were there when it was opened.
    """

    def __init__(self, path: Path, epoch: str, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self._mark = MarkFile(path.with_name(path.name + ".mark"))
        self._opened_s = time.monotonic()
        self._age_from_ms = 0
        self._base = 0
        """The file numbers all messages through: this is the last number before the epoch."""
        self.totals = Totals()
        self.lost: Sequence[Numbers] = ()  # by whoever writes; remembered at the next commit
        with translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._db = self._open()
                self._take_mark()
            except sqlite3.DatabaseError as error:
                self._renew(error, ())
            base = self._base = self.totals.last_key
            self.lowest = (mark.first if (mark := self._mark.read()) else 1) - base
            found = self._db.execute("SELECT key FROM message WHERE key < ? ORDER BY key", (self.lowest + base,))
            self.confirmed = [key - base for (key,) in found]
            self._db.execute("INSERT OR REPLACE INTO run VALUES (?, ?)", (base, epoch))
            self.totals.runs = [*(run for run in self.totals.runs if run.base != base), Run(base, epoch)]
            self._count()

    def commit(self, rows: Sequence[Message], done: Sequence[int], spare: frozenset[int]) -> None:
        """Keep rows, forget keys that are done, evict what is too much or too old but for the keys in `spare`.

        All of that is on disk on return, or nothing is. Raises OSError.
        """
        base = self._base
        numbered = [replace(row, key=row.key + base) for row in rows]
        with translated():
            try:
                self._commit(numbered, [key + base for key in done], frozenset(key + base for key in spare))
            except sqlite3.DatabaseError as error:
                self._start_afresh(error, numbered)

    def read(self, after: int, below: int, most: int) -> list[Message]:
        """Messages with keys between the two, in order. Raises OSError."""
        base = self._base
        values = base, after + base, below + base, most
        with translated():
            try:
                found = self._db.execute(SELECT, values).fetchall()
                if any(crc32(row[2]) != row[4] for row in found):
                    raise senseless("a payload is not what was written")
            except sqlite3.DatabaseError as error:
                self._start_afresh(error, ())
                found = self._db.execute(SELECT, values).fetchall()
        return [Message(*row[:4]) for row in found]

    def close(self) -> None:
        self._db.close()
        self._mark.close()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=0.2)
        try:
            for pragma in (
                "locking_mode = EXCLUSIVE",
                "auto_vacuum = INCREMENTAL",
                "journal_mode = WAL",
                "synchronous = FULL",
                f"journal_size_limit = {WAL_BYTES}",
            ):
                db.execute(f"PRAGMA {pragma}")
            db.executescript(SCHEMA)
            problem = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if problem != "ok":
                raise senseless(problem)
            self._load(db)
        except sqlite3.DatabaseError as error:
            db.close()
            if code(error) == sqlite3.SQLITE_BUSY:
                raise ConfigError(f"outbox {self._path} is in use by another process; give each its own") from error
            raise
        return db

    def _load(self, db: sqlite3.Connection) -> None:
        totals = self.totals
        totals.last_key, age_ms, wall_ms = db.execute("SELECT last_key, age_ms, wall_ms FROM state").fetchone()
        self._age_from_ms = age_ms + (rest if 0 < (rest := int(time.time() * 1000) - wall_ms) < LONGEST_REST_MS else 0)
        self._opened_s = time.monotonic()
        (totals.messages,) = db.execute("SELECT count(*) FROM message").fetchone()
        totals.runs = [Run(*row) for row in db.execute("SELECT base, epoch FROM run ORDER BY base")][-RUNS_KEPT:]
        found = db.execute("SELECT epoch, first, last, reason FROM loss ORDER BY rowid").fetchall()
        totals.losses = [Numbers(epoch=row[0], first=row[1], last=row[2], reason=row[3]) for row in found]

    def _take_mark(self) -> None:
        """Whatever the mark has seen committed and the file has not is torn off: its log was cut short."""
        mark = self._mark.read()
        if mark is not None and mark.last > self.totals.last_key:
            self._lose(mark, [(max(mark.first, self.totals.last_key + 1), mark.last)])

    def _lose(self, mark: Mark, missing: list[tuple[int, int]]) -> None:
        totals = self.totals
        known = {run.base: run for run in (*mark.runs, *totals.runs)}
        totals.runs = [known[base] for base in sorted(known)][-RUNS_KEPT:]
        for first, last in missing:
            totals.dropped["torn"] += last - first + 1
            for lost in numbers(totals.runs, first, last, "torn"):
                totals.losses = add_range(totals.losses, lost)
        totals.last_key = max(totals.last_key, mark.last)
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", [(r.base, r.epoch) for r in totals.runs])
            self._write_state(self._age_ms())

    def _start_afresh(self, error: sqlite3.DatabaseError, rows: Sequence[Message]) -> None:
        if code(error) in SENSELESS:
            self._db.close()
        self._renew(error, rows)
        self._count()

    def _renew(self, error: sqlite3.DatabaseError, rows: Sequence[Message]) -> None:
        """Set a senseless file aside and go on with what can be read of it, and with `rows`. Other errors are raised."""
        if code(error) not in SENSELESS:
            raise error
        aside = set_aside(self._path)
        before = self.totals
        self.totals = Totals(damaged=before.damaged + 1, dropped=before.dropped, losses=before.losses, runs=before.runs)
        self._db = self._open()
        self.totals.losses, self.totals.runs = before.losses, before.runs
        now_ms = self._age_ms()
        for some in (rows, *readable(aside)):
            with self._transaction():
                self._insert(some, now_ms)
        present = {key for (key,) in self._db.execute("SELECT key FROM message")}
        log.error(
            "outbox=%s was damaged (%s): set aside as %s; %d messages saved", self._path, error, aside, len(present)
        )
        mark = self._mark.read() or Mark(max(present, default=0) + 1, max(present, default=0), ())
        self._lose(mark, gaps(mark.first, mark.last, present))

    def _insert(self, rows: Sequence[Message], now_ms: int) -> None:
        values = [(row.key, row.time_ms, now_ms, row.topic, row.payload, crc32(row.payload)) for row in rows]
        self.totals.messages += self._db.executemany(INSERT, values).rowcount if values else 0

    def _delete(self, keys: Iterable[tuple[int, int]]) -> None:
        ranges_of_keys = list(keys)
        if ranges_of_keys:
            cursor = self._db.executemany("DELETE FROM message WHERE key BETWEEN ? AND ?", ranges_of_keys)
            self.totals.messages -= cursor.rowcount

    def _commit(self, rows: Sequence[Message], done: Sequence[int], spare: frozenset[int]) -> None:
        now_ms, before = self._age_ms(), self.totals
        totals = self.totals = replace(before, dropped=dict(before.dropped))
        try:
            with self._transaction():
                self._insert(rows, now_ms)
                self._delete(ranges(sorted(done)))
                totals.last_key = max(totals.last_key, rows[-1].key if rows else 0)
                for lost in self.lost:
                    totals.losses = add_range(totals.losses, lost)
                self._evict(now_ms, spare)
                self._write_state(now_ms, losses=totals.losses is not before.losses)
        except sqlite3.DatabaseError:
            self.totals = before
            raise
        self._count()

    def _evict(self, now_ms: int, spare: frozenset[int]) -> None:
        expired_ms = now_ms - int(self._limits.age_s * 1000)
        query = "SELECT key, kept_ms FROM message WHERE key > ? ORDER BY key LIMIT ?"
        after = 0
        while rows := self._db.execute(query, (after, EVICT_ROWS)).fetchall():
            after = rows[-1][0]
            reason = (
                "expired" if rows[0][1] < expired_ms else "full" if self._used_bytes() > self._limits.size_bytes else ""
            )
            keys = [key for key, kept_ms in rows if key not in spare and (reason == "full" or kept_ms < expired_ms)]
            if not reason:
                return
            self._delete(ranges(keys))
            for first, last in ranges(keys):
                for lost in numbers(self.totals.runs, first, last, reason):
                    self.totals.losses = add_range(self.totals.losses, lost)
            self.totals.dropped[reason] += len(keys)

    def _write_state(self, now_ms: int, *, losses: bool = True) -> None:
        db, totals = self._db, self.totals
        values = totals.last_key, now_ms, int(time.time() * 1000)
        db.execute("UPDATE state SET last_key = ?, age_ms = ?, wall_ms = ?", values)
        if losses:
            db.execute("DELETE FROM loss")
            rows = [(each.epoch, each.first, each.last, each.reason) for each in totals.losses]
            db.executemany("INSERT INTO loss VALUES (?, ?, ?, ?)", rows)

    def _count(self) -> None:
        """Figures of what is in the file now, and the mark that goes with them; gives back what the file does not need."""
        if self._pragma("freelist_count") > VACUUM_PAGES:
            self._db.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
        totals = self.totals
        totals.used_bytes = self._used_bytes()
        row = self._db.execute(OLDEST, (self.lowest + self._base,)).fetchone()
        oldest, totals.oldest_ms = row or (totals.last_key + 1, 0)
        totals.oldest_key = oldest - self._base
        self._mark.write(Mark(oldest, totals.last_key, tuple(totals.runs)))

    def _used_bytes(self) -> int:
        return (self._pragma("page_count") - self._pragma("freelist_count")) * self._pragma("page_size")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def _age_ms(self) -> int:
        """Time that passed for the messages in the file: no jump of the wall clock counts."""
        return self._age_from_ms + int((time.monotonic() - self._opened_s) * 1000)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
