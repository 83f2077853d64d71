"""The SQLite file of an outbox. Every call blocks, so `DiskOutbox` makes them all in one thread.

Once `commit` has returned, its messages outlive a killed process and a power cut. The mark beside the file is written
only after that: a kill between the two leaves a mark that is behind the file, which is harmless, while a mark ahead of the
file would report messages as lost that never existed.
"""

import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from zlib import crc32

from rackflow.documents import MAX_PAYLOAD_BYTES, Numbers
from rackflow.errors import ConfigError
from rackflow.outbox.mark import MAX_KEY, Mark, MarkFile
from rackflow.outbox.numbers import Run, add_range, gaps, numbers_of_keys, ranges
from rackflow.outbox.rangeset import Range
from rackflow.outbox.seam import Message
from rackflow.outbox.words import MAX_COLLECTORS
from rackflow.process.sqlite import (
    CORRUPT,
    as_os_error,
    check_regular,
    check_tables,
    code,
    connect,
    corruption,
    set_aside,
    stamp_format,
)

log = logging.getLogger(__name__)
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS message (
    key INTEGER PRIMARY KEY, time_ms INTEGER, kept_ms INTEGER, topic TEXT, payload BLOB, crc INTEGER)
    STRICT;
CREATE TABLE IF NOT EXISTS run (base INTEGER PRIMARY KEY, epoch TEXT) STRICT;
CREATE TABLE IF NOT EXISTS loss (epoch TEXT, first INTEGER, last INTEGER, reason TEXT) STRICT;
CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY, last_key INTEGER, age_ms INTEGER, wall_ms INTEGER) STRICT;
INSERT OR IGNORE INTO state VALUES (1, 0, 0, 0);
CREATE TABLE IF NOT EXISTS heard (collector TEXT PRIMARY KEY, ledger TEXT) STRICT;
"""
# A message is a document of the contract; an entry that quotes a refused one has its base64 and a few words more.
MAX_ROW_BYTES: Final = 4 * MAX_PAYLOAD_BYTES
# OR IGNORE, because messages salvaged from a damaged file, and the rows of the commit that found the damage, may be inserted twice.
INSERT: Final = "INSERT OR IGNORE INTO message VALUES (?, ?, ?, ?, ?, ?)"
SELECT: Final = (
    "SELECT key - ?, topic, payload, time_ms, crc FROM message WHERE key > ? AND key < ? ORDER BY key LIMIT ?"
)
OLDEST: Final = "SELECT key, time_ms FROM message ORDER BY key LIMIT 1"
# Rows that no version of this module writes: somebody else has edited the file. Lengths are read without reading the contents.
IMPOSSIBLE: Final = f"""
SELECT EXISTS (SELECT 1 FROM message WHERE key NOT BETWEEN 1 AND {MAX_KEY} OR topic IS NULL OR length(topic) > 65535 OR time_ms IS NULL
        OR kept_ms IS NULL OR crc IS NULL OR payload IS NULL OR length(payload) > {MAX_ROW_BYTES})
    OR EXISTS (SELECT 1 FROM run WHERE base NOT BETWEEN 0 AND {MAX_KEY} OR epoch IS NULL OR length(epoch) > 256)
    OR EXISTS (SELECT 1 FROM loss WHERE epoch IS NULL OR reason IS NULL OR first IS NULL OR last IS NULL OR first < 1 OR last < first
        OR last > {MAX_KEY})
    OR (SELECT count(*) FROM loss) > 10000
    OR (SELECT count(*) FROM run) > 10000
    OR (SELECT count(*) FROM heard) > {MAX_COLLECTORS}
    OR EXISTS (SELECT 1 FROM heard WHERE collector IS NULL OR ledger IS NULL OR length(collector) > 64 OR length(ledger) > 256)
    OR (SELECT count(*) FROM state) <> 1
    OR EXISTS (SELECT 1 FROM state WHERE one <> 1 OR last_key IS NULL OR last_key NOT BETWEEN 0 AND {MAX_KEY} OR age_ms IS NULL
        OR age_ms NOT BETWEEN 0 AND {MAX_KEY} OR wall_ms IS NULL OR wall_ms NOT BETWEEN 0 AND {MAX_KEY})
"""  # noqa: S608 - constants
# With the same limits: the file may have been edited.
SALVAGE: Final = f"""
SELECT key, topic, payload, time_ms, crc FROM message
    WHERE key BETWEEN 1 AND {MAX_KEY} AND length(payload) <= {MAX_ROW_BYTES} AND length(topic) <= 65535
"""  # noqa: S608 - constants
# Epochs without a message left whose last number is still reported; and all of which messages are here. The word of a collector names
# epochs, so that those beyond this are only freed by age. So many restarts with messages of all of them waiting are a crash loop.
RUNS_KEPT: Final = 20
MAX_RUNS: Final = 5_000
# Messages deleted at a time when the file is too large: few, so that little more is deleted than necessary.
EVICT_ROWS: Final = 64
# Free pages (1 MiB at 4 KiB each) beyond which a commit gives back as many to the file system. Fewer would be needed again
# for the next messages; more at once would make one commit slow.
VACUUM_PAGES: Final = 256
# SQLite's log is cut back to this after a checkpoint: 1,000 pages of 4 KiB, its own checkpoint threshold
# (https://sqlite.org/pragma.html#pragma_wal_autocheckpoint).
WAL_BYTES: Final = 4 * 1024 * 1024
# If a restart seems to have taken longer than this, the wall clock was wrong before or after (no battery, 1970), and the time
# does not age messages: keeping old messages longer only costs disk space, expiring a backlog by mistake loses it.
LONGEST_REST_MS: Final = 30 * 86_400_000
# Messages in one transaction while a damaged file is copied: bounds memory, and how much another fault undoes.
SALVAGE_ROWS: Final = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the file: bytes on disk (the write-ahead log of 4 MiB comes on top), and age in seconds.

    While no collector has ever spoken, confirmed messages stay for `confirmed_s`, and only while the file is less than half full.
    """

    size_bytes: int
    age_s: float
    confirmed_s: float = 0.0


@dataclass(slots=True)
class Totals:
    """Figures of the file's contents, and how many messages were dropped since it was opened, by reason.

    `losses` are the numbers of dropped messages, also of earlier epochs. `oldest_key` and `oldest_ms` are of the oldest message
    (0 if there is none); `last_key` is the highest key that the file ever had.
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
    """One file, opened for one epoch. Outside, a message's key is its number in that epoch; earlier epochs have keys up to 0.

    Raises ConfigError if another process has the file open, OSError if the disk refuses. A damaged file is set aside as
    `<name>.damaged`, its readable messages are copied, and the others are counted as `torn`. `present` are the keys that it held when
    it was opened, and `heard` the collectors that had spoken by then, with the names of their ledgers.
    """

    def __init__(self, path: Path, epoch: str, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self._mark = MarkFile(path.with_name(path.name + ".mark"))
        self._opened_s = time.monotonic()
        self._age_from_ms = 0
        self._base = 0
        """Inside the file keys count through all epochs: this is the last key before the epoch."""
        self.totals = Totals()
        self.evicted: list[Range] = []
        """Messages that the last commit deleted because of the limits."""
        self.heard: list[tuple[str, str]] = []
        self.lost: Sequence[Numbers] = ()
        """Messages that were dropped before they reached the file; the next commit records them."""
        with as_os_error():
            path.parent.mkdir(parents=True, exist_ok=True)
            for each in (path, path.with_name(path.name + ".mark")):
                check_regular(each, "outbox")
            try:
                self._db = self._open()
                self._check_mark()
            except sqlite3.DatabaseError as error:
                self._rebuild(error, ())
            base = self._base = self.totals.last_key
            self.present = self._present()
            self.heard = self._db.execute("SELECT collector, ledger FROM heard").fetchall()
            self._db.execute("INSERT OR REPLACE INTO run VALUES (?, ?)", (base, epoch))
            self.totals.runs = [*(run for run in self.totals.runs if run.base != base), Run(base, epoch)]
            self._count()

    def remember(self, heard: Sequence[tuple[str, str]]) -> None:
        """Keep which collectors have spoken, with the names of their ledgers. Raises OSError."""
        with as_os_error(), self._transaction():
            self._db.execute("DELETE FROM heard")
            self._db.executemany("INSERT INTO heard VALUES (?, ?)", heard)
        self.heard = list(heard)

    def commit(
        self, rows: Sequence[Message], done: Sequence[int], spare: frozenset[int], held: Sequence[int] = ()
    ) -> None:
        """Write rows, delete keys that are done, and evict messages beyond the limits, except the keys in `spare`.

        Keys of `held` are evicted first: nobody takes these messages, and they must not cost those that somebody takes.
        One transaction: on return all of it is on disk, and after an OSError nothing is.
        """
        base = self._base
        numbered = [replace(row, key=row.key + base) for row in rows]
        with as_os_error():
            keys, spare_keys = [key + base for key in done], frozenset(key + base for key in spare)
            held_keys = [key + base for key in held]
            try:
                self._commit(numbered, keys, spare_keys, held_keys)
            except sqlite3.DatabaseError as error:
                self._recover(error, numbered)
                # Repeat the whole commit on the rebuilt file: the caller assumes that deletions and losses are recorded, and the
                # file's highest key must be that of `rows`, or the next epoch would give the same keys to other messages.
                self._commit(numbered, keys, spare_keys, held_keys)

    def read(self, after: int, below: int, most: int) -> list[Message]:
        """Up to `most` messages with keys between `after` and `below`, both excluded, in order. Raises OSError."""
        base = self._base
        values = base, after + base, below + base, most
        with as_os_error():
            try:
                found = self._db.execute(SELECT, values).fetchall()
                # SQLite has no checksums: a page with flipped bits may be well-formed, and only our checksum shows the damage.
                if any(crc32(row[2]) != row[4] for row in found):
                    raise corruption("a payload has the wrong checksum")
            except sqlite3.DatabaseError as error:
                self._recover(error, ())
                found = self._db.execute(SELECT, values).fetchall()
        return [Message(*row[:4]) for row in found]

    def read_keys(self, keys: Sequence[int]) -> list[Message]:
        """The messages with these keys, as far as they are still there, in order. Raises OSError."""
        return [message for key in keys for message in self.read(key - 1, key + 1, 1)]

    def close(self) -> None:
        self._db.close()
        self._mark.close()

    def _open(self) -> sqlite3.Connection:
        # A short timeout: a lock on this file belongs to another agent and will not go away.
        db = connect(self._path, isolation_level=None, check_same_thread=False, timeout=0.2)
        try:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            check_tables(db, SCHEMA)
            for pragma in (
                # Exclusive, before WAL: two agents on one file would give out the same messages, and SQLite then needs no
                # shared memory (`-shm`), which network and flash file systems may lack (https://sqlite.org/wal.html#noshm).
                "locking_mode = EXCLUSIVE",
                # This has an effect only before the first table is created.
                "auto_vacuum = INCREMENTAL",
                "journal_mode = WAL",
                # Each commit syncs the log before it returns. NORMAL would only sync at checkpoints, and a power cut would
                # take back messages that a collector, which uses the same file, has already acknowledged to the broker.
                "synchronous = FULL",
                f"journal_size_limit = {WAL_BYTES}",
                # Debian's SQLite overwrites what is deleted with zeros, which writes each message twice. Readings are no secrets.
                "secure_delete = OFF",
            ):
                db.execute(f"PRAGMA {pragma}")
            db.executescript(SCHEMA)
            stamp_format(db)
            # Reads every page once; the full check would also compare indexes, and this file has none.
            problem = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if problem != "ok":
                raise corruption(problem)
            if db.execute(IMPOSSIBLE).fetchone()[0]:
                raise corruption("it has rows that Rackflow never writes")
            self._load(db)
        except ConfigError:
            db.close()
            raise
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
        totals.runs = [Run(*row) for row in db.execute("SELECT base, epoch FROM run ORDER BY base")]
        self._forget_runs(db)
        found = db.execute("SELECT epoch, first, last, reason FROM loss ORDER BY rowid").fetchall()
        totals.losses = [Numbers(epoch=row[0], first=row[1], last=row[2], reason=row[3]) for row in found]

    def _check_mark(self) -> None:
        """Record messages that the mark lists as committed but the file lacks: its write-ahead log was cut short or deleted.

        SQLite treats a torn log as a shorter one and opens the file without an error, so only the mark shows the loss.
        """
        mark = self._mark.read()
        if mark is not None and mark.last > self.totals.last_key:
            self._record_torn(mark, [(max(mark.first, self.totals.last_key + 1), mark.last)])

    def _record_torn(self, mark: Mark, missing: list[tuple[int, int]]) -> None:
        totals = self.totals
        known = {run.base: run for run in (*mark.runs, *totals.runs)}
        totals.runs = [known[base] for base in sorted(known)][-MAX_RUNS:]
        for first, last in missing:
            totals.dropped["torn"] += last - first + 1
            for lost in numbers_of_keys(totals.runs, first, last, "torn"):
                totals.losses = add_range(totals.losses, lost)
        totals.last_key = max(totals.last_key, mark.last)
        # Written at once and not with the next commit: a kill before that commit would hide the loss.
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", [(r.base, r.epoch) for r in totals.runs])
            self._write_state(self._age_ms())

    def _recover(self, error: sqlite3.DatabaseError, rows: Sequence[Message]) -> None:
        if code(error) in CORRUPT:
            self._db.close()
        self._rebuild(error, rows)
        self._count()

    def _rebuild(self, error: sqlite3.DatabaseError, rows: Sequence[Message]) -> None:
        """Set a damaged file aside and continue with its readable messages and `rows`. Raises any other error again.

        `rows` are written first, since they are newest and this fault must not lose them. A kill in the middle leaves the other
        messages in the `.damaged` file; the mark still covers them, so they are counted.
        """
        if code(error) not in CORRUPT:
            raise error
        aside = set_aside(self._path)
        before = self.totals
        self.totals = Totals(damaged=before.damaged + 1, dropped=before.dropped, losses=before.losses, runs=before.runs)
        self._db = self._open()
        # `_open` has loaded the losses and runs of the new, empty file.
        self.totals.losses, self.totals.runs = before.losses, before.runs
        if self.heard:
            self.remember(self.heard)
        now_ms = self._age_ms()
        for some in (rows, *salvage(aside)):
            with self._transaction():
                self._insert(some, now_ms)
        present = {key for (key,) in self._db.execute("SELECT key FROM message")}
        log.error(
            "outbox=%s was damaged (%s): set aside as %s; %d messages could be read and are kept",
            *(self._path, error, aside, len(present)),
        )
        mark = self._mark.read() or Mark(max(present, default=0) + 1, max(present, default=0), ())
        self._record_torn(mark, gaps(mark.first, mark.last, present))

    def _insert(self, rows: Sequence[Message], now_ms: int) -> None:
        values = [(row.key, row.time_ms, now_ms, row.topic, row.payload, crc32(row.payload)) for row in rows]
        self.totals.messages += self._db.executemany(INSERT, values).rowcount if values else 0

    def _delete(self, keys: Iterable[tuple[int, int]]) -> None:
        ranges_of_keys = list(keys)
        if ranges_of_keys:
            cursor = self._db.executemany("DELETE FROM message WHERE key BETWEEN ? AND ?", ranges_of_keys)
            self.totals.messages -= cursor.rowcount

    def _commit(self, rows: Sequence[Message], done: Sequence[int], spare: frozenset[int], held: Sequence[int]) -> None:
        now_ms, before = self._age_ms(), self.totals
        # Works on a copy, so that a failed commit changes no figures.
        totals = self.totals = replace(before, dropped=dict(before.dropped))
        try:
            with self._transaction():
                self._insert(rows, now_ms)
                self._delete(ranges(sorted(done)))
                totals.last_key = max(totals.last_key, rows[-1].key if rows else 0)
                for lost in self.lost:
                    totals.losses = add_range(totals.losses, lost)
                evicted = self._evict_held(held)
                evicted += self._evict(now_ms, spare)
                self._write_state(now_ms, losses=totals.losses is not before.losses)
        except sqlite3.DatabaseError:
            self.totals = before
            raise
        self.evicted = [(first - self._base, last - self._base) for first, last in evicted]
        self._count()

    def _evict_held(self, held: Sequence[int]) -> list[Range]:
        evicted: list[Range] = []
        for at in range(0, len(held), EVICT_ROWS):
            if self._used_bytes() <= self._limits.size_bytes:
                break
            keys = held[at : at + EVICT_ROWS]
            marks = ", ".join("?" * len(keys))
            found = self._db.execute(f"SELECT key FROM message WHERE key IN ({marks}) ORDER BY key", keys)  # noqa: S608 - only question marks
            present = [key for (key,) in found]
            self._drop(present, "refused")
            evicted += ranges(present)
        return evicted

    def _drop(self, keys: Sequence[int], reason: str) -> None:
        """Delete messages, and count them under the reason."""
        self._delete(ranges(keys))
        for first, last in ranges(keys):
            for lost in numbers_of_keys(self.totals.runs, first, last, reason):
                self.totals.losses = add_range(self.totals.losses, lost)
        self.totals.dropped[reason] = self.totals.dropped.get(reason, 0) + len(keys)

    def _evict(self, now_ms: int, spare: frozenset[int]) -> list[Range]:
        # The oldest go first, in key order, whatever their topic: gaps in the middle of a backlog would be harder to explain.
        # Messages in flight (`spare`) may be confirmed at any moment and stay.
        expired_ms = now_ms - int(self._limits.age_s * 1000)
        query = "SELECT key, kept_ms FROM message WHERE key > ? ORDER BY key LIMIT ?"
        after = 0
        evicted: list[Range] = []
        while rows := self._db.execute(query, (after, EVICT_ROWS)).fetchall():
            after = rows[-1][0]
            reason = (
                "expired" if rows[0][1] < expired_ms else "full" if self._used_bytes() > self._limits.size_bytes else ""
            )
            keys = [key for key, kept_ms in rows if key not in spare and (reason == "full" or kept_ms < expired_ms)]
            if not reason:
                break
            self._drop(keys, reason)
            evicted += ranges(keys)
        return evicted

    def _write_state(self, now_ms: int, *, losses: bool = True) -> None:
        db, totals = self._db, self.totals
        values = totals.last_key, now_ms, int(time.time() * 1000)
        db.execute("UPDATE state SET last_key = ?, age_ms = ?, wall_ms = ?", values)
        if losses:
            db.execute("DELETE FROM loss")
            rows = [(each.epoch, each.first, each.last, each.reason) for each in totals.losses]
            db.executemany("INSERT INTO loss VALUES (?, ?, ?, ?)", rows)

    def _count(self) -> None:
        """Update the figures of the file's contents, then the mark; give free pages back to the file system."""
        if self._pragma("freelist_count") > VACUUM_PAGES:
            self._db.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
        totals = self.totals
        totals.used_bytes = self._used_bytes()
        row = self._db.execute(OLDEST).fetchone()
        oldest, totals.oldest_ms = row or (totals.last_key + 1, 0)
        totals.oldest_key = oldest - self._base
        self._mark.write(Mark(oldest, totals.last_key, tuple(totals.runs)))

    def _present(self) -> list[Range]:
        keys = (key for (key,) in self._db.execute("SELECT key FROM message ORDER BY key"))
        return [(first - self._base, last - self._base) for first, last in ranges(keys)]

    def _forget_runs(self, db: sqlite3.Connection) -> None:
        """Forget old epochs of which no message is left. Each start begins one."""
        runs = self.totals.runs
        (oldest,) = db.execute("SELECT coalesce(min(key), 1 << 62) FROM message").fetchone()
        without = sum(later.base < oldest for later in runs[1:])
        gone = max(0, min(without, len(runs) - RUNS_KEPT), len(runs) - MAX_RUNS)
        if gone:
            db.execute("DELETE FROM run WHERE base < ?", (runs[gone].base,))
            self.totals.runs = runs[gone:]

    def _used_bytes(self) -> int:
        # Pages in use, not the file's size: deleted messages leave free pages and the file stays as large, so eviction would never end.
        return (self._pragma("page_count") - self._pragma("freelist_count")) * self._pragma("page_size")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def _age_ms(self) -> int:
        """The file's own clock, ms: it runs while the file is open and across restarts, and ignores jumps of the wall clock.

        `kept_ms` of a message is on this clock. An agent without a clock battery starts in 1970 and then jumps to now, which
        would otherwise expire its whole backlog.
        """
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


def salvage(path: Path) -> Iterator[list[Message]]:
    """The readable messages of a damaged file, in groups.

    The file is read by key from the front until SQLite fails, and then from the back: one damaged page in the middle loses only
    the messages on it. Only payloads whose checksum is right are taken, and a message may be given twice.
    """
    for order in ("ASC", "DESC"):
        some: list[Message] = []
        with contextlib.suppress(sqlite3.DatabaseError), closing(connect(path)) as db:
            check_tables(db, SCHEMA)
            query = f"{SALVAGE} ORDER BY key {order}"
            for row in db.execute(query):
                if isinstance(row[2], bytes) and crc32(row[2]) == row[4] and _is_message(row):
                    some.append(Message(*row[:4]))
                if len(some) == SALVAGE_ROWS:
                    yield some
                    some = []
        yield some


def _is_message(row: tuple[object, ...]) -> bool:
    return isinstance(row[1], str) and isinstance(row[3], int)
