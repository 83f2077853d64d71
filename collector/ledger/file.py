"""The ledger on disk. A call that returns True has made its entries durable; only then may messages be acknowledged."""

import asyncio
import fcntl
import logging
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from collector.ledger.book import Book, Changes, Entry, Key, Statement
from collector.ledger.ledger import Ledger
from collector.ledger.tables import create, load_books, load_chunk, save
from rackflow import ConfigError, RackflowError
from rackflow.process.sqlite import SENSELESS, code, senseless, set_aside, translated
from rackflow.process.threads import in_thread

log = logging.getLogger(__name__)
PAUSE_S = (0.2, 5.0)
"""First and largest upper bound of the pause before a write is tried again; the pause itself is random below it."""
BUSY_S = 1.0
JUMP_S = 60.0
STEADY_S = 3600.0
"""For so long the wall clock must have gone like the monotonic one, before by it anything is deleted."""
DAY_MS = 86_400_000
T = TypeVar("T")


class LedgerFile:
    """One SQLite file and what of it is in memory. `wall_s` is the clock. All file work is done in threads.

    A file that makes no sense is set aside as `<name>.damaged`, counted, and a new one is begun.
    """

    def __init__(self, path: Path, days: int, wall_s: Callable[[], float]) -> None:
        self.path = path
        self.fault: str | None = None
        self.failures: Counter[str] = Counter({"damaged": 0, "forgotten": 0, "refused": 0, "write": 0})
        self._days = days
        self._wall_s = wall_s
        self._stopping = asyncio.Event()
        self._one = asyncio.Lock()
        self.touched: set[Key] = set()
        self._closed = False
        self._steady_s = self._ahead_s = 0.0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = path.with_name(path.name + ".lock").open("ab")
            try:
                self._claim()
                with translated():
                    self._db = self._reopen()
            except BaseException:
                self._lock.close()
                raise
        except OSError as error:
            raise RackflowError(f"ledger: {path} cannot be used: {error.strerror}; choose another path") from error

    async def fresh(self, entries: Sequence[Entry]) -> list[bool]:
        """Which of some messages are not stored yet, each once. Where the disk does not say, they are taken for new."""
        seen = set[tuple[Key, int]]()
        async with self._one:
            if absent := self.ledger.absent(entries):
                await self._try(partial(self._load, frozenset(absent)))
            news = []
            for entry in entries:
                news.append((entry.key, entry.seq) not in seen and not self.ledger.stored(entry))
                seen.add((entry.key, entry.seq))
            return news

    async def enter(self, stored: Sequence[Entry | Statement]) -> bool:
        """Note messages as stored or dead, and what agents say; False when stopped before it was on disk."""
        return await self._note(stored, waiting=False)

    async def hold(self, entries: Sequence[Entry]) -> bool:
        """Note messages as waiting on the collector's own disk; False when stopped before it was on disk."""
        return await self._note(entries, waiting=True)

    def stop(self) -> None:
        """Do not try again."""
        self._stopping.set()

    async def sweep(self, now_s: float) -> None:
        """Forget epochs that ended long ago, by a clock that has been right for a while; `now_s` is monotonic."""
        wall_s = self._wall_s()
        if abs(wall_s - now_s - self._ahead_s) > JUMP_S:
            self._ahead_s, self._steady_s = wall_s - now_s, now_s
        if now_s - self._steady_s < STEADY_S:
            return
        async with self._one:
            before_ms = int(wall_s * 1000) - self._days * DAY_MS
            if self.ledger.forget(before_ms):
                changes = self.ledger.changes()
                await self._try(partial(self._save, changes), changes)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
        self._lock.close()

    async def _note(self, entries: Sequence[Entry | Statement], *, waiting: bool) -> bool:
        numbered = [entry for entry in entries if isinstance(entry, Entry)]
        async with self._one:
            ceiling_s, highest_s = PAUSE_S
            noted: Ledger | None = None
            while True:
                absent = self.ledger.absent(numbered)
                if await self._try(partial(self._load, frozenset(absent))):
                    if noted is not self.ledger:
                        # Not before all chunks are there: what is on disk would be written over.
                        noted = self.ledger
                        self._mark(entries, waiting=waiting)
                    changes = noted.changes()
                    if await self._try(partial(self._save, changes), changes):
                        self.touched |= {book.key for book in changes.books}
                        noted.trim()
                        return True
                if self._stopping.is_set():
                    return False
                pause_s = random.uniform(0, ceiling_s)  # noqa: S311 - jitter
                ceiling_s = min(ceiling_s * 2, highest_s)
                try:
                    async with asyncio.timeout(pause_s):
                        await self._stopping.wait()
                except TimeoutError:
                    continue

    def _mark(self, entries: Sequence[Entry | Statement], *, waiting: bool) -> None:
        for entry in entries:
            if isinstance(entry, Statement):
                self.ledger.state(entry)
            elif entry.dead:
                self.ledger.bury(entry)
            elif waiting:
                self.ledger.hold(entry)
            else:
                self.ledger.take(entry)
        if turned_away := self.ledger.turned_away:
            if not any(self.failures[why] for why in turned_away):
                log.error("ledger=%s has no room for so many lives of agents: %s", self.path, dict(turned_away))
            self.failures.update(turned_away)
            turned_away.clear()

    def _load(self, wanted: frozenset[tuple[Key, int]]) -> bool:
        for key, number in wanted:
            self.ledger.put(key, load_chunk(self._db, key, number))
        return True

    def _save(self, changes: Changes) -> bool:
        save(self._db, changes)
        return True

    async def _try(self, work: Callable[[], T], changes: Changes | None = None) -> T | None:
        """The work's result, done in a thread; None where the disk refuses, and then `changes` are changes still."""
        ledger = self.ledger
        try:
            with translated():
                if self._closed:
                    self._db, self._closed = self._reopen(), False
                    return None
                try:
                    found = await in_thread(work, "ledger-file")
                except sqlite3.DatabaseError as error:
                    if code(error) in SENSELESS:
                        self._db.close()
                        self._closed = True
                        self._db, self._closed = self._renew(error), False
                        return None
                    raise
        except OSError as error:
            self.failures["write"] += 1
            if self.fault is None:
                log.error("ledger=%s not written: %s", self.path, error)  # noqa: TRY400 - one line
            self.fault = str(error)
            if changes is not None:
                ledger.unsaved(changes)
            return None
        if self.fault is not None:
            log.warning("ledger=%s is written again", self.path)
        self.fault = None
        return found

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, check_same_thread=False, timeout=BUSY_S, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            _, created_ms = create(db, int(self._wall_s() * 1000))
            problem = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if problem != "ok":
                raise senseless(problem)
            ledger = Ledger(created_ms)
            for book in _books(db):
                ledger.restore(book)
        except sqlite3.DatabaseError:
            db.close()
            raise
        self.ledger = ledger
        return db

    def _claim(self) -> None:
        """Two collectors would write over each other's account."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"ledger {self.path} is in use by another process; give each its own") from error

    def _reopen(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            return self._renew(error)

    def _renew(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        """Set a senseless file aside and begin a new one; other errors are raised."""
        if code(error) not in SENSELESS:
            raise error
        aside = set_aside(self.path)
        self.failures["damaged"] += 1
        log.error("ledger=%s was damaged (%s): set aside as %s; it begins anew", self.path, error, aside)
        return self._open()


def _books(db: sqlite3.Connection) -> list[Book]:
    try:
        return load_books(db)
    except (KeyError, TypeError, ValueError, AttributeError, msgspec.MsgspecError) as error:
        raise senseless(f"rows mean nothing: {error!r}") from error
