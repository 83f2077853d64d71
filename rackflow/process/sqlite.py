"""Opens SQLite files, and translates SQLite's errors: either the disk refuses, or the file is damaged.

The two need opposite reactions. If the disk refuses (full, read-only, busy), the operation is retried and the file is left alone; a
damaged file is set aside, because retrying never helps.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from rackflow.errors import ConfigError
from rackflow.process.files import RAISE_LIMIT, no_files_left

# Primary result codes for a file that is damaged or not a database (https://sqlite.org/rescode.html). All other codes are about
# the disk, not the file.
CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# The number of the tables' format, in the header of every database: raised when an older Rackflow could not go on with a file. Files
# from before the number was written have 0, and the tables of 1.
FORMAT: Final = 1
APPLICATION: Final = 0x52460000  # "RF", then the format again
DAMAGED: Final = (
    "restore a backup (`rackflow restore`), or start the collector, which begins anew and keeps it as *.damaged"
)
"""What to do about a file that is damaged, for the end of a command's message."""
_ERRNO: Final = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_READONLY: errno.EROFS}


def code(error: sqlite3.Error) -> int:
    """SQLite's primary result code: the low byte of the extended one."""
    # A flipped bit in the schema's format number: the one kind of damage for which SQLite gives the general code of wrong SQL.
    if str(error) == "unsupported file format":
        return sqlite3.SQLITE_CORRUPT
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def fault_and_remedy(error: Exception, damaged: str) -> str:
    """An error message for a file that could not be read: the fault and the remedy. `damaged` is the wording for a damaged file."""
    if isinstance(error, sqlite3.Error) and code(error) == sqlite3.SQLITE_ERROR:
        # A table that is not there: the file is empty, or another program's.
        return f"cannot be read: {error}; correct the path, or start the collector once, which makes its tables"
    if isinstance(error, sqlite3.Error) and code(error) == sqlite3.SQLITE_CANTOPEN and no_files_left():
        return f"cannot be read: {os.strerror(errno.EMFILE)}; {RAISE_LIMIT}"
    if isinstance(error, sqlite3.Error) and code(error) not in CORRUPT:
        return f"cannot be read: {error}; it needs the account that may read it, or sudo, and a disk that works"
    return f"{damaged}: {error}; {DAMAGED}"


def corruption(why: str) -> sqlite3.DatabaseError:
    """The error that SQLite raises for a damaged file. For damage that SQLite does not notice itself."""
    error = sqlite3.DatabaseError(why)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


class _Connection(sqlite3.Connection):
    """Reports damage that Python's own module stumbles over as damage.

    sqlite3 decodes SQLite's messages as UTF-8, and they can quote a schema with flipped bits.
    """

    def execute(self, *arguments: Any) -> sqlite3.Cursor:  # noqa: ANN401 - passed on as they are
        try:
            return super().execute(*arguments)
        except UnicodeDecodeError as error:
            raise corruption(f"it has text that is not UTF-8: {error.object[:80]!r}") from error

    def executescript(self, script: str, /) -> sqlite3.Cursor:
        try:
            return super().executescript(script)
        except UnicodeDecodeError as error:
            raise corruption(f"it has text that is not UTF-8: {error.object[:80]!r}") from error


def _decoded(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        # sqlite3 alone would raise an OperationalError, which looks like a disk that refuses, and be tried again for ever.
        raise corruption(f"it has text that is not UTF-8: {octets[:80]!r}") from error


def connect(database: Path | str, **settings: Any) -> sqlite3.Connection:  # noqa: ANN401 - passed on as they are
    """`sqlite3.connect`, with every sign of damage raised as the error of a damaged file. Raises sqlite3.Error."""
    db = sqlite3.connect(database, factory=_Connection, **settings)
    db.text_factory = _decoded
    return db


def connect_to_write(path: Path, schema: str, timeout_s: float) -> sqlite3.Connection:
    """Open a file that this process alone writes, from several threads, and make the tables of `schema` that it lacks.

    Raises sqlite3.Error, that of a damaged file if its tables are others, or ConfigError if a newer Rackflow wrote it. `timeout_s` is how
    long to wait for a lock that a reader holds.
    """
    db = connect(path, check_same_thread=False, timeout=timeout_s, isolation_level=None)
    try:
        check_tables(db, schema)
        # WAL, so that others can read beside it, and a commit is one append and one fsync. FULL syncs the log at each commit; NORMAL syncs
        # only at checkpoints, and a power cut could lose what counted as saved (https://sqlite.org/pragma.html#pragma_synchronous).
        # Builds of SQLite differ in the default.
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(schema)
        stamp_format(db)
    except (sqlite3.DatabaseError, ConfigError):
        db.close()
        raise
    return db


def connect_to_read(path: Path, timeout_s: float, *, still: bool = False) -> sqlite3.Connection:
    """Open a file that another process may be writing, without changing it. Raises sqlite3.Error.

    `timeout_s` is how long to wait for a lock. With `still`, the caller knows that no process writes the file; SQLite then creates no
    files beside it.
    """
    return connect(f"file:{quote(str(path))}?mode=ro{'&immutable=1' if still else ''}", uri=True, timeout=timeout_s)


def _path_of(db: sqlite3.Connection) -> str:
    return str(db.execute("PRAGMA database_list").fetchone()[2])


def check_format(db: sqlite3.Connection) -> None:
    """Raise ConfigError if a newer Rackflow wrote the file: neither rewriting it nor setting it aside as damaged would be right.

    Both numbers of the file's header must say so; a single flipped bit does not make a file newer.
    """
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (written,) = db.execute("PRAGMA user_version").fetchone()
    if written > FORMAT and application == APPLICATION + written:
        raise ConfigError(
            f"{_path_of(db)}: was written by a newer Rackflow (format {written}, this one knows up to {FORMAT});"
            " install that version again, or restore a copy from before the upgrade"
        )


def stamp_format(db: sqlite3.Connection) -> None:
    """Write the format's number into the header of a file that lacks it. Raises sqlite3.Error."""
    for pragma, number in (("application_id", APPLICATION + FORMAT), ("user_version", FORMAT)):
        if db.execute(f"PRAGMA {pragma}").fetchone()[0] != number:
            db.execute(f"PRAGMA {pragma} = {number}")


def check_tables(db: sqlite3.Connection, schema: str) -> None:
    """Raise the error of a damaged file unless all tables in it are what `schema` makes. An empty file is right.

    Raises ConfigError, as `check_format` does, if a newer Rackflow wrote it.

    Call it before any other statement. A view in place of a table can run for ever, and a trigger does what its author wants; neither
    is ever ours. Further columns and tables are allowed, as a newer version may have added them.
    """
    check_format(db)
    # Functions and virtual tables in the file's own schema are not run (https://sqlite.org/pragma.html#pragma_trusted_schema).
    db.execute("PRAGMA trusted_schema = OFF")
    found = {name: (kind, sql or "") for name, kind, sql in db.execute("SELECT name, type, sql FROM sqlite_schema")}
    for name, (kind, sql) in found.items():
        # A flipped bit can make a name a blob.
        if not all(isinstance(part, str) for part in (name, kind, sql)):
            raise corruption("its schema is damaged")
        if kind in {"view", "trigger"} or sql[:20].upper().startswith("CREATE VIRTUAL"):
            raise corruption(f"it has a {kind} {name[:64]!r}, which is not of Rackflow")
    with closing(sqlite3.connect(":memory:")) as model:
        model.executescript(schema)
        wanted = {
            name: [row[1] for row in model.execute(f"PRAGMA table_info({name})")]
            for (name,) in model.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        }
    tables = {name for name, (kind, _) in found.items() if kind == "table" and not name.startswith("sqlite_")}
    if tables and not tables & wanted.keys():
        raise corruption("it is the database of another program")
    for name in wanted.keys() & found.keys():
        columns = {row[1] for row in db.execute(f"PRAGMA table_info({name})")}
        if missing := [column for column in wanted[name] if column not in columns]:
            raise corruption(f"table {name} lacks {', '.join(missing)}")
        if "STRICT" not in found[name][1].rpartition(")")[2].upper():
            raise corruption(f"table {name} takes values of any type")


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
