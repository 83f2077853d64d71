"""Translates SQLite's errors: either the disk refuses, or the file is damaged.

The two need opposite reactions. If the disk refuses (full, read-only, busy), the operation is retried and the file is left alone; a
damaged file is set aside, because retrying never helps.
"""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

# Primary result codes for a file that is damaged or not a database (https://sqlite.org/rescode.html). All other codes are about
# the disk, not the file.
CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_ERRNO: Final = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_READONLY: errno.EROFS}


def code(error: sqlite3.Error) -> int:
    """SQLite's primary result code: the low byte of the extended one."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def corruption(why: str) -> sqlite3.DatabaseError:
    """The error that SQLite raises for a damaged file. For damage that SQLite does not notice itself."""
    error = sqlite3.DatabaseError(why)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


@contextmanager
def as_os_error() -> Iterator[None]:
    """Turn every SQLite error raised in the block into an OSError: the disk refuses."""
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(_ERRNO.get(code(error), errno.EIO), str(error)) from error


def set_aside(path: Path) -> Path:
    """Rename a database and its log to `<name>.damaged`, replacing what was there; returns the new path. Raises OSError.

    The log is renamed too: it holds the latest commits of this file, and SQLite would apply it to the new file. Only the latest
    damaged file is kept, so that a failing disk does not fill up with them.
    """
    aside = path.with_name(path.name + ".damaged")
    for suffix in ("", "-wal"):
        source, target = path.with_name(path.name + suffix), aside.with_name(aside.name + suffix)
        target.unlink(missing_ok=True)
        if source.exists():
            source.rename(target)
    return aside
