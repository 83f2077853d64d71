"""Makes outboxes of the version before: SQLite files as it left them."""

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from zlib import crc32

from rackflow.outbox import Message
from rackflow.outbox.format1 import SCHEMA
from rackflow.process.sqlite import stamp_format


def write_former(
    path: Path,
    messages: Iterable[Message],
    runs: Sequence[tuple[int, str]] = ((0, "E1"),),
    age_ms: int = 1000,
    kept_ms: int = 1000,
    losses: Sequence[tuple[str, int, int, str]] = (),
    collectors: Sequence[tuple[str, str]] = (),
) -> None:
    """An outbox with these messages, whose keys count through all epochs, and its mark."""
    rows = [(each.key, each.time_ms, kept_ms, each.topic, each.payload, crc32(each.payload)) for each in messages]
    last = max((row[0] for row in rows), default=0)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(SCHEMA)
        stamp_format(db)
        with db:
            db.executemany("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)", rows)
            db.executemany("INSERT INTO run VALUES (?, ?)", runs)
            db.executemany("INSERT INTO loss VALUES (?, ?, ?, ?)", losses)
            db.executemany("INSERT INTO heard VALUES (?, ?)", collectors)
            db.execute(
                "UPDATE state SET last_key = ?, age_ms = ?, wall_ms = ?", (last, age_ms, int(time.time() * 1000))
            )
    first = min((row[0] for row in rows), default=last + 1)
    mark = {"first": first, "last": last, "runs": [list(run) for run in runs]}
    path.with_name(path.name + ".mark").write_text(json.dumps(mark) + "\n", encoding="utf-8")
