"""Reads what can still be read of a damaged outbox file."""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from zlib import crc32

from rackflow.outbox.seam import Message

SALVAGE_ROWS: Final = 256


def readable(path: Path) -> Iterator[list[Message]]:
    """Messages of a damaged file: from the front until it makes no sense, then from the back."""
    for order in ("ASC", "DESC"):
        some: list[Message] = []
        with contextlib.suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path)) as db:
            query = f"SELECT key, topic, payload, time_ms, crc FROM message ORDER BY key {order}"  # noqa: S608 - one of two words
            for row in db.execute(query):
                if isinstance(row[2], bytes) and crc32(row[2]) == row[4]:
                    some.append(Message(*row[:4]))
                if len(some) == SALVAGE_ROWS:
                    yield some
                    some = []
        yield some
