"""Keeps the owners of devices on disk (SQLite), one file per collector.

Owners are written up to a second after they are known, apart from receiving and storing: a disk that refuses must not stop
messages. What could not be written is written with the next change. After a kill within that second, a device belongs to the first agent
that publishes about it.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from collector.receive.owners import Owners, Row
from rackflow.process.files import make_folder
from rackflow.process.sqlite import CORRUPT, as_os_error, code, connect_to_write, set_aside
from rackflow.process.steady import SteadyClock
from rackflow.process.threads import in_thread

log = logging.getLogger(__name__)
# A new device is rare, and hundreds of them come together when an agent starts: one write for all of them.
WRITE_S = 1.0
# How often expired owners are removed. Nothing expires in less than a day, so ten minutes are often enough.
SWEEP_S = 600.0
# How long SQLite waits for a lock that a backup holds.
BUSY_S = 5.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS owner (
    site TEXT, device TEXT, agent TEXT, heard_ms INTEGER, former TEXT, until_ms INTEGER,
    PRIMARY KEY (site, device)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS agent (
    site TEXT, agent TEXT, heard_ms INTEGER, PRIMARY KEY (site, agent)) STRICT, WITHOUT ROWID;
"""


class OwnersFile:
    """The file of one collector. Raises OSError if it cannot be opened; a damaged file is set aside, and a new one is begun."""

    def __init__(self, path: Path, owners: Owners, wall_s: Callable[[], float] = time.time) -> None:
        self.path = path
        self._owners = owners
        self._wall_s = wall_s
        self._clock = SteadyClock()
        self._failing = False
        self.is_new = not path.exists()
        with as_os_error():
            make_folder(path.parent)
            try:
                self._db = self._open()
            except sqlite3.DatabaseError as error:
                if code(error) not in CORRUPT:
                    raise
                aside = set_aside(path)
                log.error(  # noqa: TRY400 - one line
                    "owners=%s was damaged (%s): set aside as %s; devices belong to whoever speaks about them first, except"
                    " those in `owners` and in the site file",
                    *(path, error, aside),
                )
                self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        db = connect_to_write(self.path, SCHEMA, BUSY_S)
        try:
            rows = [
                Row(*row) for row in db.execute("SELECT site, device, agent, heard_ms, former, until_ms FROM owner")
            ]
            agents = list(db.execute("SELECT site, agent, heard_ms FROM agent"))
        except sqlite3.DatabaseError:
            db.close()
            raise
        self._owners.restore(rows, agents, round(self._wall_s() * 1000))
        return db

    async def run(self) -> None:
        """Write what changes, until cancelled."""
        swept = time.monotonic()
        while True:
            await asyncio.sleep(WRITE_S)
            if time.monotonic() - swept > SWEEP_S:
                swept = time.monotonic()
                self.sweep(swept)
            await self.save()

    def sweep(self, now_s: float) -> None:
        """Forget who was silent for a month, once the clock can be trusted: anybody may claim what is forgotten. `now_s` is monotonic."""
        wall_s = self._wall_s()
        if self._clock.is_steady(wall_s, now_s):
            self._owners.sweep(round(wall_s * 1000))

    async def save(self) -> bool:
        """Write what changed; return whether it is on disk. If not, it is written the next time."""
        rows, agents = self._owners.changes()
        if not rows and not agents:
            return True
        try:
            # A cancelled save is waited for: `close` must not use the connection while the thread writes.
            await in_thread(partial(self._write, rows, agents), "owners-save")
        except asyncio.CancelledError:
            # Whether the thread succeeded is not known. Writing the same rows once more changes nothing.
            self._owners.put_back(rows, agents)
            raise
        except OSError as error:
            self._owners.put_back(rows, agents)
            if not self._failing:
                log.warning("owners=%s not written, tried again: error=%s", self.path, error)
            self._failing = True
            return False
        self._failing = False
        return True

    def _write(self, rows: list[Row | tuple[str, str]], agents: list[tuple[str, str, int | None]]) -> None:
        with as_os_error(), self._db as db:
            db.execute("BEGIN IMMEDIATE")
            gone = [row for row in rows if not isinstance(row, Row)]
            db.executemany("DELETE FROM owner WHERE site = ? AND device = ?", gone)
            kept = [row for row in rows if isinstance(row, Row)]
            db.executemany("INSERT OR REPLACE INTO owner VALUES (?, ?, ?, ?, ?, ?)", kept)
            db.executemany(
                "DELETE FROM agent WHERE site = ? AND agent = ?", [each[:2] for each in agents if each[2] is None]
            )
            db.executemany(
                "INSERT OR REPLACE INTO agent VALUES (?, ?, ?)", [each for each in agents if each[2] is not None]
            )

    async def close(self) -> None:
        """Write what is left, and close the file."""
        await self.save()
        self._db.close()
