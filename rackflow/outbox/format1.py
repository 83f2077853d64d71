"""Reads the outbox of the version before, an SQLite file (format 1), so that its messages can be moved. Every call blocks.

The file may be cut short, damaged or edited, and its writer may have been killed. It is treated as the version before treated it: a
damaged file is set aside as `<path>.damaged`, its readable messages are moved, and the mark beside it shows which ones are missing.
"""

import contextlib
import logging
import sqlite3
import time
from array import array
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from rackflow.documents import MAX_PAYLOAD_BYTES, Numbers
from rackflow.errors import ConfigError
from rackflow.outbox.epochs import EpochBase
from rackflow.outbox.mark import MAX_KEY, MarkFile
from rackflow.outbox.rangeset import Range, RangeSet
from rackflow.outbox.seam import Message
from rackflow.outbox.stored_reports import MAX_COLLECTORS
from rackflow.process.files import in_use
from rackflow.process.sqlite import CORRUPT, as_os_error, check_tables, code, connect, corruption, set_aside

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
# As `record.MAX_MESSAGE_BYTES`: a dead letter quotes its message in base64.
MAX_ROW_BYTES: Final = 4 * MAX_PAYLOAD_BYTES
# Rows that no version wrote: somebody else has edited the file. Lengths are read without reading the contents.
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
SELECT: Final = f"""
SELECT key, topic, payload, time_ms, crc, kept_ms FROM message
    WHERE key BETWEEN ? AND {MAX_KEY} AND length(payload) <= {MAX_ROW_BYTES} AND length(topic) <= 65535
"""  # noqa: S608 - constants
# Messages moved at a time: bounds memory.
MOVED_ROWS: Final = 256
# Longest time since the file was last written that is added to the age of its messages. If it seems longer than a month, a wrong clock is
# more likely.
_LONGEST_REST_MS: Final = 30 * 86_400_000


def find_format1(path: Path) -> "Format1Outbox | None":
    """The outbox of the version before at this path; None if there is none.

    Raises ConfigError if another process has it open, or a newer Rackflow wrote it; OSError if the disk refuses.
    """
    if not path.exists() and not _mark_of(path).exists():
        return None
    with as_os_error():
        return Format1Outbox(path)


class Format1Outbox:
    """An SQLite outbox. Its keys count through all epochs, from 1 on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark = MarkFile(_mark_of(path)).read()
        self.epochs: list[EpochBase] = []
        self.losses: list[Numbers] = []
        self.collectors: list[tuple[str, str]] = []
        self.last_key = 0
        self.damaged = 0
        self._age_ms = 0
        self._found = RangeSet()
        """Keys of the messages that were read."""
        try:
            with closing(self._connect()) as db:
                # Exclusive, so that no agent of the version before has it, or starts meanwhile.
                db.execute("BEGIN EXCLUSIVE")
                db.execute("COMMIT")
                self._load(db)
        except sqlite3.DatabaseError as error:
            if code(error) == sqlite3.SQLITE_BUSY:
                raise ConfigError(in_use(f"outbox {path}")) from error
            self._count_damage(error)
        self._torn_from = self.last_key + 1
        if (mark := self._mark) is not None and (self.damaged or mark.last > self.last_key):
            known = {each.base: each for each in (*mark.epochs, *self.epochs)}
            self.epochs = [known[base] for base in sorted(known)]
            self.last_key = max(self.last_key, mark.last)

    def messages(self) -> Iterator[tuple[list[Message], int]]:
        """The readable messages by ascending key, in groups that were kept at the same time, each with its age in ms."""
        with as_os_error():
            try:
                if not self.damaged:
                    with closing(self._connect()) as db, closing(db.execute(f"{SELECT} ORDER BY key", (1,))) as rows:
                        yield from self._groups(rows, is_sound=True)
            except sqlite3.DatabaseError as error:
                self._count_damage(error)
            if self.damaged:
                yield from self._groups(self._salvaged(), is_sound=False)

    def missing(self) -> list[Range]:
        """Keys of messages that should be there, to be asked after all were read."""
        mark = self._mark
        if mark is None:
            return []
        first = mark.first if self.damaged else max(mark.first, self._torn_from)
        return list(RangeSet([(first, mark.last)]).difference(self._found)) if first <= mark.last else []

    def remove(self) -> None:
        """Delete the file, or set it aside if it is damaged. Raises OSError.

        The mark is deleted first: without its file, a mark would report all messages as lost.
        """
        _mark_of(self._path).unlink(missing_ok=True)
        if self.damaged:
            set_aside(self._path)
        for suffix in ("-wal", "-shm", ""):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _connect(self) -> sqlite3.Connection:
        # A short timeout: a lock on this file belongs to another process and will not go away.
        db = connect(self._path, isolation_level=None, timeout=0.2)
        try:
            # Before the first statement: SQLite then needs no shared memory beside the file.
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            check_tables(db, SCHEMA)
        except BaseException:
            db.close()
            raise
        return db

    def _load(self, db: sqlite3.Connection) -> None:
        # Older files lack the tables that were added later.
        db.executescript(SCHEMA)
        problem = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise corruption(problem)
        if db.execute(IMPOSSIBLE).fetchone()[0]:
            raise corruption("it has rows that Rackflow never writes")
        last_key, age_ms, wall_ms = db.execute("SELECT last_key, age_ms, wall_ms FROM state").fetchone()
        rest_ms = int(time.time() * 1000) - wall_ms
        self._age_ms = age_ms + (rest_ms if 0 < rest_ms < _LONGEST_REST_MS else 0)
        self.epochs = [EpochBase(*row) for row in db.execute("SELECT base, epoch FROM run ORDER BY base")]
        found = db.execute("SELECT epoch, first, last, reason FROM loss ORDER BY rowid")
        self.losses = [Numbers(epoch=row[0], first=row[1], last=row[2], reason=row[3]) for row in found]
        self.collectors = db.execute("SELECT collector, ledger FROM heard").fetchall()
        (highest,) = db.execute("SELECT coalesce(max(key), 0) FROM message").fetchone()
        self.last_key = max(last_key, highest)

    def _count_damage(self, error: sqlite3.DatabaseError) -> None:
        if code(error) not in CORRUPT:
            raise error
        self.damaged = 1
        # str(error) and not the error itself: a kept log record would keep its traceback, and with it the file open and locked.
        log.error("outbox=%s was damaged (%s); what can be read of it is kept", self._path, str(error))

    def _groups(self, rows: Iterable[tuple[Any, ...]], *, is_sound: bool) -> Iterator[tuple[list[Message], int]]:
        some: list[Message] = []
        kept_ms = 0
        try:
            for row in rows:
                if crc32(row[2]) != row[4]:
                    # SQLite has no checksums: a page with flipped bits may be well-formed, and only this one shows the damage.
                    if is_sound:
                        raise corruption("a payload has the wrong checksum")
                    continue
                if some and (row[5] != kept_ms or len(some) == MOVED_ROWS):
                    yield some, self._age_ms - kept_ms
                    some = []
                kept_ms = row[5]
                some.append(Message(*row[:4]))
                self._found.add(row[0], row[0])
        except sqlite3.DatabaseError:
            if some:
                yield some, self._age_ms - kept_ms
            raise
        if some:
            yield some, self._age_ms - kept_ms

    def _salvaged(self) -> Iterator[tuple[Any, ...]]:
        """The readable rows of a damaged file that were not read yet, ascending.

        It is read by key from the front until SQLite fails, and then from the back: one damaged page in the middle loses only the
        messages on it.
        """
        last = self._found.last or 0
        with contextlib.suppress(sqlite3.DatabaseError), closing(self._connect()) as db:
            for row in db.execute(f"{SELECT} ORDER BY key", (last + 1,)):
                last = row[0]
                yield row
        behind = array("q")
        with contextlib.suppress(sqlite3.DatabaseError), closing(self._connect()) as db:
            for (key,) in db.execute("SELECT key FROM message WHERE key > ? ORDER BY key DESC", (last,)):
                behind.append(key)
        with contextlib.suppress(sqlite3.DatabaseError), closing(self._connect()) as db:
            for key in reversed(behind):
                with contextlib.suppress(sqlite3.DatabaseError):
                    yield from db.execute(f"{SELECT} AND key <= ? ORDER BY key", (key, key))


def _mark_of(path: Path) -> Path:
    return path.with_name(path.name + ".mark")
