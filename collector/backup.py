"""Copies a collector's state while it runs, and puts a copy back: ledger, hourly records, owners, and problems with their history.

Not in it: readings, which are in the store; dead letters, which only grow; and the outbox, which changes several times a second and
empties itself.
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from collector.config import CollectorConfig
from collector.ledger import NO_LEDGER
from collector.problems import history_files, is_known_format, remembered_file
from rackflow import ConfigError, RackflowError
from rackflow.process.files import make_folder, remedy_of_writing, sync, unreadable
from rackflow.process.progress import Done, progress_of_bytes
from rackflow.process.sqlite import CORRUPT, DAMAGED, check_format, code, connect_to_read
from rackflow.version import installed_version

LIST: Final = "backup.json"
# A save of a running collector takes some 45 ms; a machine whose disk is slow gets a while longer.
BUSY_S: Final = 30.0
# Where the files are that a restore replaced, beside the new ones.
REPLACED: Final = ".before-restore"
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
    if not files["ledger"].exists():
        raise RackflowError(f"{files['ledger']}: there is no ledger; {NO_LEDGER}")
    partial = folder.with_name(folder.name + ".partial")
    for each in (folder, partial):
        if each.exists():
            raise RackflowError(f"{each}: exists already; choose another folder, or delete it")
    try:
        make_folder(partial.parent)
        # Nobody but its owner may read it: it has the names of all devices.
        partial.mkdir(mode=0o700)
        with progress_of_bytes("copied and checked", sum(map(_size, files.values()))) as done:
            copied = {what: _copy(path, partial, done) for what, path in files.items() if path.exists()}
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


def restore_backup(config: CollectorConfig, folder: Path) -> Backup:
    """Put a backup in the place of a stopped collector's state; what was there is kept beside it as `NAME.before-restore`.

    Everything is checked before anything is replaced. Raises ConfigError if the collector runs or the backup is another collector's,
    RackflowError if it is damaged or of a newer version, or the disk refuses.
    """
    backup = read_backup(folder)
    if backup.client_id != config.client_id:
        raise ConfigError(
            f"{folder}: is the state of collector {backup.client_id!r}, and this one is {config.client_id!r}; two collectors"
            f" must not have one ledger: use its own backup, or set broker.client_id: {backup.client_id}"
        )
    files = state_files(config)
    try:
        # All before the first file is replaced: the configuration may put each in a folder of its own.
        for each in dict.fromkeys(path.parent for path in files.values()):
            make_folder(each)
        with _stopped(files["ledger"]), progress_of_bytes("restored", _bytes_of(backup)) as done:
            for what, path in files.items():
                _replace(folder, backup.files.get(what), path, done)
    except OSError as error:
        what = f"{error.filename or folder}: cannot be restored: {error.strerror or error}"
        raise RackflowError(f"{what}; {remedy_of_writing(error)}, and restore it once more") from error
    return backup


def read_backup(folder: Path) -> Backup:
    """The list of a backup, after every file in it was checked. Raises RackflowError naming the file."""
    where = folder / LIST
    try:
        backup = msgspec.json.decode(where.read_bytes(), type=Backup)
        with progress_of_bytes("checked", _bytes_of(backup)) as done:
            for copied in backup.files.values():
                _check(folder / Path(copied.name).name, copied, done)
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


def _check(path: Path, copied: Copied, done: Done) -> None:
    if path.stat().st_size != copied.size_bytes or _sha256(path, done) != copied.sha256:
        raise RackflowError(f"{path}: is damaged: it is not what {LIST} says; use another backup")
    if path.suffix == ".db":
        with closing(connect_to_read(path, 0.0, still=True)) as db:
            check_format(db)
    elif ".jsonl" in path.name and not is_known_format(path):
        raise RackflowError(f"{path}: was written by a newer Rackflow; restore it with that version")


def _copy(path: Path, folder: Path, done: Done) -> Copied:
    """Copy one file, and read the copy. Each byte counts half when it was copied, half when the copy was read."""
    target = folder / path.name

    def half(amount: float) -> None:
        done(amount / 2)

    if path.suffix != ".db":
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


def _replace(folder: Path, copied: Copied | None, path: Path, done: Done) -> None:
    """Replace one file by its copy, or take it away if the backup has none. A kill leaves the old or the new file, never half of one."""
    owner = (path if path.exists() else path.parent).stat()
    fresh = None
    if copied is not None:
        fresh = path.with_name(path.name + ".restoring")
        with (folder / Path(copied.name).name).open("rb") as source, fresh.open("wb") as target:
            while chunk := source.read(CHUNK_BYTES):
                target.write(chunk)
                done(len(chunk))
        # The service's own user must be able to write it, whoever runs the command.
        os.chown(fresh, owner.st_uid, owner.st_gid)
        fresh.chmod(0o600)
        sync(fresh)
    # With its logs: SQLite would apply an old log to the new file.
    for suffix in ("-wal", "-shm", ""):
        old = path.with_name(path.name + suffix)
        if old.exists():
            old.replace(path.with_name(path.name + REPLACED + suffix))
    if fresh is not None:
        fresh.replace(path)
    sync(path.parent)


@contextmanager
def _stopped(ledger: Path) -> Iterator[None]:
    """Keep a collector from starting meanwhile. Raises ConfigError if one runs."""
    with ledger.with_name(ledger.name + ".lock").open("ab") as lock:
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
