"""SQLite's errors in the terms of whoever keeps something in a file: the disk refuses, or the file is damaged."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""Primary result codes of a file that is no database, or a damaged one."""
_ERRNO: Final = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_READONLY: errno.EROFS}


def code(error: sqlite3.Error) -> int:
    """SQLite's primary result code."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def corruption(why: str) -> sqlite3.DatabaseError:
    """What SQLite raises for a damaged file, for damage that it did not see itself."""
    error = sqlite3.DatabaseError(why)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


@contextmanager
def as_os_error() -> Iterator[None]:
    """Whatever SQLite raises in the block is raised as an OSError: the disk refuses."""
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(_ERRNO.get(code(error), errno.EIO), str(error)) from error


def set_aside(path: Path) -> Path:
    """Rename file and log to `<name>.damaged`, over any that was there; returns the new path. Raises OSError."""
    aside = path.with_name(path.name + ".damaged")
    for suffix in ("", "-wal"):
        source, target = path.with_name(path.name + suffix), aside.with_name(aside.name + suffix)
        target.unlink(missing_ok=True)
        if source.exists():
            source.rename(target)
    return aside
