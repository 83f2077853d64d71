"""Copies a collector's state while it runs, and puts a copy back: ledger, hourly records, owners, and problems with their history.

Not in it: readings, which are in the store; dead letters, which only grow; and the outbox, which changes several times a second and
empties itself.
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

from collector.config import CollectorConfig
from collector.ledger import NO_LEDGER
from collector.problems import history_files, is_known_format, remembered_file
from rackflow import ConfigError, RackflowError
from rackflow.process.files import is_absent, lock_path, make_folder, mode_of, remedy_of_writing, sync, unreadable
from rackflow.process.progress import Done, progress_of_bytes
from rackflow.process.sqlite import CORRUPT, DAMAGED, check_format, code, connect_to_read, corruption
from rackflow.version import installed_version

LIST: Final = "backup.json"
# A save of a running collector takes some 45 ms; a machine whose disk is slow gets a while longer.
BUSY_S: Final = 30.0
# Where the files are that a restore replaced, beside the new ones. Of a further restore, while they are there: `.before-restore-2`.
REPLACED: Final = ".before-restore"
_LOGS: Final = ("-wal", "-shm")
DATABASES: Final = frozenset({"ledger", "records", "owners"})
"""Which of the files are SQLite's, whatever the configuration calls them: a copy of the file alone lacks what is in its log."""
# How much is read between two steps of the progress bar: 4 MiB, some 10 ms on a disk of 400 MB/s.
CHUNK_BYTES: Final = 4 * 2**20


class Copied(msgspec.Struct, frozen=True):
    """One file of a backup."""

    name: str
    sha256: str
    size_bytes: int


class Backup(msgspec.Struct, frozen=True):
    """What `backup.json` says about the files beside it."""

    schema: int
    client_id: str
    version: str
    """Version of Rackflow that made it."""
    time: str
    """When, UTC, ISO 8601."""
    files: dict[str, Copied]
    """By what they are: ledger, records, owners, problems, what their conditions remember, history and the history before it."""


def state_files(config: CollectorConfig) -> dict[str, Path]:
    """The files of a collector's state, by what they are. Those that nothing has been written to yet do not exist."""
    history, before = history_files(config.problems_path)
    return {
        "ledger": config.ledger_path,
        "records": config.records_path,
        "owners": config.owners_path,
        "problems": config.problems_path,
        "remembered": remembered_file(config.problems_path),
        # In this order: if the one gives way meanwhile, both have it, and nothing is in neither.
        "history": history,
        "history_before": before,
    }


def make_backup(config: CollectorConfig, folder: Path) -> Backup:
    """Copy the state into a new folder, beside a running collector or without one.

    Every copy is of one moment, and the ledger is copied first: what it lacks is delivered again by the agents, so that it may be older
    than the others, never newer. Raises RackflowError, and then leaves no folder.
    """
    files = state_files(config)
    if is_absent(files["ledger"]):
        raise RackflowError(f"{files['ledger']}: there is no ledger; {NO_LEDGER}")
    partial = folder.with_name(folder.name + ".partial")
    for each in (folder, partial):
        if mode_of(each):
            raise RackflowError(f"{each}: exists already; choose another folder, or delete it")
    try:
        make_folder(partial.parent)
        # Nobody but its owner may read it: it has the names of all devices.
        partial.mkdir(mode=0o700)
        with progress_of_bytes("copied and checked", sum(map(_size, files.values()))) as done:
            copied = _copy_all(files, partial, done)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        backup = Backup(schema=1, client_id=config.client_id, version=installed_version(), time=now, files=copied)
        _write(partial / LIST, msgspec.json.format(msgspec.json.encode(backup), indent=2) + b"\n")
        sync(partial)
        partial.rename(folder)
        sync(folder.parent)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise RackflowError(
            f"{folder}: cannot be written: {error.strerror or error}; {remedy_of_writing(error)}"
        ) from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return backup


def restore_backup(config: CollectorConfig, folder: Path) -> tuple[Backup, str]:
    """Put a backup in the place of a stopped collector's state; returns it, and what is behind the names of the files that were there.

    That is `.before-restore`, or with a number if an earlier restore has kept files under that name: after a wrong backup, or a disk
    that refused half-way, those are the only ones with what the collector itself had last. Everything is checked, and copied into the
    state's folder, before anything is replaced. Raises ConfigError if the collector runs or the backup is another collector's,
    RackflowError if it is damaged or of a newer version, or the disk refuses.
    """
    backup = read_backup(folder)
    if backup.client_id != config.client_id:
        raise ConfigError(
            f"{folder}: is the state of collector {backup.client_id!r}, and this one is {config.client_id!r}; two collectors"
            f" must not have one ledger: use its own backup, or set client_id: {backup.client_id}"
        )
    files = state_files(config)
    try:
        for each in files.values():
            make_folder(each.parent)
        with _stopped(files["ledger"]), progress_of_bytes("restored", _bytes_of(backup)) as done:
            fresh = {files[what]: _fresh(files[what]) for what in files if what in backup.files}
            try:
                for what, copied in backup.files.items():
                    if (path := files.get(what)) is not None:
                        _copy_back(folder / Path(copied.name).name, path, done)
                kept = _free_suffix(files.values())
                for what, path in files.items():
                    _replace(path, fresh.get(path), kept, is_database=what in DATABASES)
            finally:
                for each in fresh.values():
                    with suppress(OSError):
                        each.unlink()
    except OSError as error:
        what = f"{error.filename or folder}: cannot be restored: {error.strerror or error}"
        raise RackflowError(f"{what}; {remedy_of_writing(error)}, and restore it once more") from error
    return backup, kept


def read_backup(folder: Path) -> Backup:
    """The list of a backup, after every file in it was checked. Raises RackflowError naming the file."""
    where = folder / LIST
    try:
        backup = msgspec.json.decode(where.read_bytes(), type=Backup)
        with progress_of_bytes("checked", _bytes_of(backup)) as done:
            for what, copied in backup.files.items():
                _check(folder / Path(copied.name).name, copied, done, is_database=what in DATABASES)
    except FileNotFoundError as error:
        raise RackflowError(f"{error.filename}: no such file; name a folder that `backup` has made") from error
    except OSError as error:
        raise RackflowError(unreadable(Path(error.filename or where), error)) from error
    except (msgspec.DecodeError, sqlite3.Error) as error:
        raise RackflowError(
            f"{where}: is not a backup's list, or a file of it is damaged: {error}; use another backup"
        ) from error
    if backup.schema != 1:
        raise RackflowError(f"{where}: was made by a newer Rackflow ({backup.version}); restore it with that version")
    if "ledger" not in backup.files:
        raise RackflowError(f"{where}: names no ledger; use another backup")
    return backup


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        # Not there, or giving way to another at this moment. It is only for the bar; copying it is what counts, and says what is wrong.
        return 0


def _bytes_of(backup: Backup) -> int:
    return sum(copied.size_bytes for copied in backup.files.values())


def _check(path: Path, copied: Copied, done: Done, *, is_database: bool) -> None:
    if path.stat().st_size != copied.size_bytes or _sha256(path, done) != copied.sha256:
        raise RackflowError(f"{path}: is damaged: it is not what {LIST} says; use another backup")
    if is_database:
        with closing(connect_to_read(path, 0.0, still=True)) as db:
            check_format(db)
    elif ".jsonl" in path.name and not is_known_format(path):
        raise RackflowError(f"{path}: was written by a newer Rackflow; restore it with that version")


def _copy_all(files: Mapping[str, Path], folder: Path, done: Done) -> dict[str, Copied]:
    """Copy the files that there are. Files of one name from two folders, or with the name of the list, get what they are before it."""
    copied: dict[str, Copied] = {}
    for what, path in files.items():
        if not is_absent(path):
            taken = {LIST, *(each.name for each in copied.values())}
            name = f"{what}-{path.name}" if path.name in taken else path.name
            copied[what] = _copy(path, folder / name, done, is_database=what in DATABASES)
    return copied


def _copy(path: Path, target: Path, done: Done, *, is_database: bool) -> Copied:
    """Copy one file, and read the copy. Each byte counts half when it was copied, half when the copy was read."""

    def half(amount: float) -> None:
        done(amount / 2)

    if not is_database:
        if ".jsonl" in path.name and not is_known_format(path):
            raise RackflowError(f"{path}: was written by a newer Rackflow; use that version")
        content = path.read_bytes()
        _write(target, content)
        half(len(content))
    else:
        # SQLite's own backup: one moment, with what is still in the write-ahead log, beside a process that writes.
        try:
            with (
                closing(connect_to_read(path, BUSY_S)) as source,
                closing(sqlite3.connect(target)) as copy,
            ):
                check_format(source)
                copy_pages(source, copy, half)
                # Its answer may have two lines, of which the first only says which database.
                problem = copy.execute("PRAGMA integrity_check(1)").fetchone()[0].replace("\n", " ")
                if problem != "ok":
                    raise RackflowError(f"{path}: is damaged: {problem}; {DAMAGED}")
                # A single file, which needs no log beside it.
                copy.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            remedy = DAMAGED if code(error) in CORRUPT else "see whether its disk works and has room, and try again"
            if code(error) == sqlite3.SQLITE_CANTOPEN:
                remedy = "it needs the account that may read it, or sudo, and a disk that works"
            raise RackflowError(f"{path}: cannot be copied: {error}; {remedy}") from error
        sync(target)
    target.chmod(0o600)
    return Copied(target.name, _sha256(target, half), target.stat().st_size)


def copy_pages(source: sqlite3.Connection, copy: sqlite3.Connection, done: Done) -> None:
    """Copy a database as it is at this moment, in steps. Raises sqlite3.Error."""
    (page_bytes,) = source.execute("PRAGMA page_size").fetchone()
    copied = 0

    def stepped(_status: int, remaining: int, total: int) -> None:
        nonlocal copied
        done((total - remaining - copied) * page_bytes)
        copied = total - remaining

    # A transaction of ours around all steps: without one, each step looks again, and what a collector has written since makes SQLite
    # begin again (https://sqlite.org/c3ref/backup_finish.html): beside one that writes each second, a large file would never be done.
    source.execute("BEGIN")
    source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    source.backup(copy, pages=max(1, CHUNK_BYTES // page_bytes), progress=stepped)
    source.execute("COMMIT")


def _fresh(path: Path) -> Path:
    """Where a file of a backup waits until all of them are on the disk of the state."""
    return path.with_name(path.name + ".restoring")


def _copy_back(source: Path, path: Path, done: Done) -> None:
    """Copy one file of a backup beside the one that it will replace."""
    fresh = _fresh(path)
    with source.open("rb") as copied, fresh.open("wb") as target:
        while chunk := copied.read(CHUNK_BYTES):
            target.write(chunk)
            done(len(chunk))
    # The service's own user must be able to write it, whoever runs the command.
    owner = (path if path.exists() else path.parent).stat()
    os.chown(fresh, owner.st_uid, owner.st_gid)
    fresh.chmod(0o600)
    sync(fresh)


def _free_suffix(files: Iterable[Path]) -> str:
    """`.before-restore`, with the first number under which no earlier restore has kept any of these files or their logs."""
    names = [path.with_name(path.name + REPLACED) for path in files]
    taken = {each.name for folder in {path.parent for path in names} for each in folder.iterdir()}
    numbers = ("" if at == 1 else f"-{at}" for at in count(1))
    return REPLACED + next(
        number
        for number in numbers
        if not any(path.name + number + log in taken for path in names for log in ("", *_LOGS))
    )


def _replace(path: Path, fresh: Path | None, kept: str, *, is_database: bool) -> None:
    """Replace one file, or take it away if the backup has none. A kill leaves the old or the new file, never half of one."""
    # A log goes as well, into the file that is kept or beside it: SQLite would apply it to the new file.
    if not (is_database and _kept_as_one_file(path, path.with_name(path.name + kept))):
        for log in (*_LOGS, ""):
            old = path.with_name(path.name + log)
            if old.exists():
                old.replace(path.with_name(path.name + kept + log))
    if fresh is not None:
        fresh.replace(path)
    sync(path.parent)


def _kept_as_one_file(path: Path, kept: Path) -> bool:
    """Keep a database that has a log, as a killed collector leaves it, as one file, which can be renamed by itself.

    Returns whether that was done. One that is damaged or of a newer version, or whose disk refuses, is left as it is, with its log: SQLite
    would write the log into it.
    """
    logs = [each for each in (path.with_name(path.name + log) for log in _LOGS) if each.exists()]
    if not logs or not path.exists():
        return False
    owner = path.stat()
    try:
        with closing(connect_to_read(path, 0.0)) as source, closing(sqlite3.connect(kept)) as copy:
            check_format(source)
            copy_pages(source, copy, lambda _: None)
            if copy.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
                raise corruption("the copy is damaged")
            copy.execute("PRAGMA journal_mode = DELETE")
        os.chown(kept, owner.st_uid, owner.st_gid)
        kept.chmod(0o600)
        sync(kept)
    except (sqlite3.Error, ConfigError, OSError):
        kept.unlink(missing_ok=True)
        return False
    for each in (*logs, path):
        each.unlink()
    return True


@contextmanager
def _stopped(ledger: Path) -> Iterator[None]:
    """Keep a collector from starting meanwhile. Raises ConfigError if one runs."""
    with lock_path(ledger).open("ab") as lock:
        if not os.geteuid():
            # root makes it where it is missing. As with the files beside it, the service's own user must be able to open it.
            owner = ledger.parent.stat()
            os.fchown(lock.fileno(), owner.st_uid, owner.st_gid)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"ledger {ledger} is in use: stop the collector before a restore") from error
        yield


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    sync(path)


def _sha256(path: Path, done: Done) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            done(len(chunk))
    return digest.hexdigest()
