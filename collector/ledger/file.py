"""The ledger on disk (SQLite). If a call returns True, its entries are durable; only then may messages be acknowledged.

The order is: points in the store, then the ledger, then the acknowledgement. A kill between the first two leaves a message that
is stored and not in the ledger: the broker sends it again and it is written once more to the same points. After a kill between
the last two the broker also sends it again, and the ledger knows it. Any other order could lose a message, or account for one
that is not stored.
"""

import asyncio
import logging
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from collector.ledger.epochs import Changes, Entry, EpochKey, Retirement, Statement
from collector.ledger.ledger import Ledger
from collector.ledger.tables import MALFORMED, SCHEMA, begin, load_chunk, load_epochs, load_retirements, save
from rackflow import RackflowError
from rackflow.process.files import check_regular, claim, lock_path, make_folder, remedy_of_writing
from rackflow.process.sqlite import (
    CORRUPT,
    as_os_error,
    code,
    connect_to_write,
    corruption,
    set_aside,
)
from rackflow.process.steady import SteadyClock
from rackflow.process.threads import in_thread

log = logging.getLogger(__name__)
# First and largest upper bound, in seconds, of the pause before a failed write is tried again; the pause is random below it. During
# the pause nothing is acknowledged and the broker's queue grows, so the largest pause is short.
PAUSE_S = (0.2, 5.0)
# How long SQLite waits for a lock that a reader (`rackflow-collector ledger`, a backup) holds. In WAL mode readers block
# nothing but a checkpoint, so a second is ample.
BUSY_S = 1.0
DAY_MS = 86_400_000
T = TypeVar("T")
LedgerItem = Entry | Statement | Retirement
"""What the ledger records for one message: its number, what a status says about numbers, or that an agent is gone for good."""


class LedgerFile:
    """One SQLite file and the part of it that is in memory. `wall_s` is the clock, seconds since 1970.

    All file work is done in threads, one piece at a time. A damaged file is set aside as `<name>.damaged`, counted, and a new
    one is begun: the ledger must never keep telemetry from being stored. Raises ConfigError if another process has the
    file, RackflowError if it cannot be created or opened.
    """

    def __init__(self, path: Path, days: int, wall_s: Callable[[], float]) -> None:
        self.path = path
        self.fault: str | None = None
        self.failures: Counter[str] = Counter({"damaged": 0, "forgotten": 0, "refused": 0, "write": 0})
        self._days = days
        self._wall_s = wall_s
        self._stopping = asyncio.Event()
        self._lock = asyncio.Lock()
        self._changed_epochs: set[EpochKey] = set()
        self._changed_agents: set[tuple[str, str]] = set()
        self._closed = False
        self._clock = SteadyClock()
        try:
            make_folder(path.parent)
            for each in (path, lock_path(path)):
                check_regular(each, "ledger")
            # Two collectors would overwrite each other's account. Not by SQLite's exclusive mode, which would also shut out readers of it.
            self._lock_file = lock_path(path).open("ab")
            try:
                claim(self._lock_file, f"ledger {path}")
                with as_os_error():
                    self._db = self._open_or_begin()
            except BaseException:
                self._lock_file.close()
                raise
        except OSError as error:
            raise RackflowError(
                f"ledger: {path} cannot be used: {error.strerror}; {remedy_of_writing(error, path)}"
            ) from error

    async def are_new(self, entries: Sequence[Entry]) -> list[bool]:
        """For each message, whether it is not stored yet; a number that occurs twice is new once.

        If the disk cannot be read, they count as new: storing a message twice is harmless, skipping it would lose it.
        """
        seen = set[tuple[EpochKey, int]]()
        async with self._lock:
            if absent := self.ledger.unloaded(entries):
                await self._try(partial(self._load, frozenset(absent)))
            new = []
            for entry in entries:
                new.append((entry.key, entry.seq) not in seen and not self.ledger.is_stored(entry))
                seen.add((entry.key, entry.seq))
            return new

    async def record(self, stored: Sequence[LedgerItem]) -> bool:
        """Record messages as stored or dead, and agents' statements. Returns False if stopped before they were on disk."""
        return await self._record(stored, waiting=False)

    async def record_waiting(self, entries: Sequence[Entry]) -> bool:
        """Record messages as waiting on the collector's own disk. Returns False if stopped before the entries were on disk."""
        return await self._record(entries, waiting=True)

    def take_changed_epochs(self) -> set[EpochKey]:
        """Epochs with something new on disk since the last call. For one caller, `LedgerWatch`, which keeps the account of each."""
        taken, self._changed_epochs = self._changed_epochs, set()
        return taken

    def take_changed_agents(self) -> set[tuple[str, str]]:
        """Agents, by site and name, with something new on disk since the last call. For one caller, which publishes what is stored."""
        taken, self._changed_agents = self._changed_agents, set()
        return taken

    def stop(self) -> None:
        """Let calls that are retrying return False."""
        self._stopping.set()

    async def sweep(self, now_s: float) -> None:
        """Delete epochs of which nothing was received for `days`, once the clock can be trusted. `now_s` is monotonic."""
        wall_s = self._wall_s()
        if not self._clock.is_steady(wall_s, now_s):
            return
        async with self._lock:
            before_ms = int(wall_s * 1000) - self._days * DAY_MS
            if self.ledger.forget(before_ms):
                changes = self.ledger.changes()
                await self._try(partial(self._save, changes), changes)

    def close(self) -> None:
        """Close the file and let another process have it."""
        self._db.close()
        self._lock_file.close()

    async def _record(self, entries: Sequence[LedgerItem], *, waiting: bool) -> bool:
        """Apply the items in memory and commit them, trying again until that worked or `stop` was called. See `record`."""
        numbered = [entry for entry in entries if isinstance(entry, Entry)]
        async with self._lock:
            ceiling_s, highest_s = PAUSE_S
            applied_to: Ledger | None = None
            while True:
                absent = self.ledger.unloaded(numbered)
                # Nearly always there is nothing to load, and a thread for it would cost as much as one for saving.
                if not absent or await self._try(partial(self._load, frozenset(absent))):
                    if applied_to is not self.ledger:
                        # Applied only after all chunks are loaded, because a chunk begun empty would overwrite the one on disk. And only
                        # once per ledger, because each repetition would count as a duplicate. (A damaged file begins a new ledger.)
                        applied_to = self.ledger
                        self._apply(entries, waiting=waiting)
                    changes = applied_to.changes()
                    if await self._try(partial(self._save, changes), changes):
                        self._changed_epochs |= {record.key for record in changes.epochs}
                        self._changed_agents |= {record.key[:2] for record in changes.epochs}
                        self._changed_agents |= {(each.site, each.agent) for each in changes.retired}
                        applied_to.trim()
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

    def _apply(self, entries: Sequence[LedgerItem], *, waiting: bool) -> None:
        """Apply the items in memory; `waiting` if messages are on the collector's own disk, and not in the store yet."""
        for entry in entries:
            if isinstance(entry, Statement):
                self.ledger.apply_statement(entry)
            elif isinstance(entry, Retirement):
                self.ledger.retire(entry)
            elif entry.dead:
                self.ledger.mark_dead(entry)
            elif waiting:
                self.ledger.mark_waiting(entry)
            else:
                self.ledger.mark_stored(entry)
        if rejected := self.ledger.rejected:
            if not any(self.failures[why] for why in rejected):
                log.error(
                    "ledger=%s has no room for more epochs: %s; some messages are not accounted for. Look for an agent that"
                    " restarts all the time, or for accounts that publish under invented names",
                    *(self.path, dict(rejected)),
                )
            self.failures.update(rejected)
            rejected.clear()

    def _load(self, wanted: frozenset[tuple[EpochKey, int]]) -> bool:
        for key, number in wanted:
            with _damage():
                chunk = load_chunk(self._db, key, number)
            self.ledger.add_chunk(key, chunk)
        return True

    def _save(self, changes: Changes) -> bool:
        save(self._db, changes)
        return True

    async def _try(self, work: Callable[[], T], changes: Changes | None = None) -> T | None:
        """Do `work` in a thread. Returns None if the disk refuses; `changes` are then put back for the next commit."""
        ledger = self.ledger
        try:
            with as_os_error():
                if self._closed:
                    self._db, self._closed = self._open_or_begin(), False
                    return None  # the work was planned with the old ledger
                try:
                    found = await in_thread(work, "ledger-file")
                except sqlite3.DatabaseError as error:
                    if code(error) in CORRUPT:
                        # `_closed` stays set if setting aside fails (a full or read-only disk), and the next call
                        # tries again.
                        self._db.close()
                        self._closed = True
                        self._db, self._closed = self._begin_new(error), False
                        return None
                    raise
        except OSError as error:
            self.failures["write"] += 1
            if self.fault is None:
                log.error(  # noqa: TRY400 - one line
                    "ledger=%s not written, nothing is acknowledged until it is: error=%s", self.path, error
                )
            self.fault = str(error)
            if changes is not None:
                ledger.put_back(changes)
            return None
        if self.fault is not None:
            log.warning("ledger=%s is written again, messages are acknowledged again", self.path)
        self.fault = None
        return found

    def _open(self) -> sqlite3.Connection:
        """Open the file and read the ledger in it. Raises DatabaseError if it is damaged."""
        db = connect_to_write(self.path, SCHEMA, BUSY_S)
        try:
            _, created_ms = begin(db, int(self._wall_s() * 1000))
            # SQLite notices damage only when it reads the page. Checked here, the file is set aside before anything relies on it.
            # integrity_check also compares the indexes with their tables, which quick_check does not.
            problem = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if problem != "ok":
                raise corruption(problem)
            ledger = Ledger(created_ms)
            with _damage():
                for record in load_epochs(db):
                    ledger.restore(record)
                for retirement in load_retirements(db):
                    ledger.restore_retirement(retirement)
        except sqlite3.DatabaseError:
            db.close()
            raise
        self.ledger = ledger
        return db

    def _open_or_begin(self) -> sqlite3.Connection:
        """Open the file; one that is damaged is set aside, and a new one begun."""
        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            return self._begin_new(error)

    def _begin_new(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        """Set a damaged file aside and begin a new one. Raises `error` again if it is of another kind."""
        if code(error) not in CORRUPT:
            raise error
        aside = set_aside(self.path)
        self.failures["damaged"] += 1
        log.error(
            "ledger=%s was damaged (%s): set aside as %s, a new one is begun; earlier messages are not accounted for",
            *(self.path, error, aside),
        )
        return self._open()


@contextmanager
def _damage() -> Iterator[None]:
    """Rows that do not fit together are damage: a page in the wrong place, or an edited file, passes SQLite's own checks."""
    try:
        yield
    except MALFORMED as error:
        raise corruption(f"rows that do not fit together: {error!r}") from error
