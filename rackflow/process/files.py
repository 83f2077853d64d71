"""Reads files that may be anything, keeps them to one process, and makes files and folders survive a power cut."""

import codecs
import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import IO, Final

from rackflow.errors import ConfigError

# What to do about errors that people make themselves; others are of the disk, and say enough.
_REMEDIES: Final = {
    errno.ENOTDIR: "correct the path",
    errno.EISDIR: "name a file in it",
    errno.EACCES: "it needs the account that may read it, or sudo",
    errno.ELOOP: "it is a link to itself",
}
RAISE_LIMIT: Final = "raise the limit of open files: ulimit -n, or LimitNOFILE= of the unit"
"""What to do where a process may open no more files."""
_REMEDIES_OF_WRITING: Final = {
    errno.ENOSPC: "make room on its disk",
    errno.EDQUOT: "make room within its owner's quota",
    errno.EACCES: "it needs the account that may write there, or sudo",
    errno.EPERM: "it needs the account that may write there, or sudo",
    errno.EMFILE: RAISE_LIMIT,
    errno.EROFS: "its disk is mounted read-only; repair it, or choose another path",
}
FULL_BYTES: Final = 64 * 1024
"""A disk with less space than this for anybody but root is full."""


def unreadable(path: Path, error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read, and what to do, as one line."""
    if isinstance(error, UnicodeDecodeError):
        if is_utf16(error.object):
            return f"{path}: cannot be read: is UTF-16, as Windows' Notepad and PowerShell write it; save it as UTF-8"
        return (
            f"{path}: cannot be read: byte {error.start + 1} is not UTF-8; correct the path, or save the text as UTF-8"
        )
    if error.errno == errno.ENOENT:
        return f"{path}: no such file; correct the path"
    remedy = _REMEDIES.get(error.errno or 0)
    return f"{path}: cannot be read: {error.strerror or error}{f'; {remedy}' if remedy else ''}"


def in_use(what: str) -> str:
    """A file that another process keeps for itself: nearly always the same command, which runs already."""
    return f"{what} is in use by another process; end that one if it is the same command, or give each its own"


def lock_path(path: Path) -> Path:
    """The file beside `path` that is claimed in its place: others may read `path`, or it is replaced at each save."""
    return path.with_name(path.name + ".lock")


def claim(file: int | IO[bytes], what: str) -> None:
    """Keep other processes away until this open file is closed, however this process ends. `what` is the file, to people.

    Raises ConfigError if another process has claimed it, OSError if its file system has no locks; the file stays open.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError(in_use(what)) from error


def remedy_of_writing(error: OSError, path: Path | None = None) -> str:
    """What to do about a file or folder that cannot be written or copied, for the end of a message.

    With `path` its disk is looked at where the error does not say why: SQLite calls a full disk a `disk I/O error`, or says that it is
    unable to open a file.
    """
    remedy = _REMEDIES_OF_WRITING.get(error.errno or 0)
    if remedy is None and no_files_left():
        remedy = _REMEDIES_OF_WRITING[errno.EMFILE]
    if remedy is None and path is not None and (refusal := refusal_of_disk(path)):
        remedy = _REMEDIES_OF_WRITING[refusal]
    return remedy or "choose another path, or repair the disk"


def no_files_left() -> bool:
    """Whether this process may open no more files, which SQLite does not say."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno == errno.EMFILE
    return False


def mode_of(path: Path) -> int:
    """Type and permissions of what is at a path; 0 if nothing is there, or this account may not look, for which `Path.exists` raises."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def is_absent(path: Path) -> bool:
    """Whether nothing is at a path. False as well where this account may not look: opening it says why, and `Path.exists` raises."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def files_with(folder: Path, ending: str) -> list[Path]:
    """The files of a folder whose names end so, sorted. Raises OSError.

    `Path.glob` takes a folder that this account may not read for an empty one.
    """
    return sorted(each for each in folder.iterdir() if each.name.endswith(ending))


def refusal_of_disk(path: Path) -> int | None:
    """ENOSPC if the disk of this path, which need not be there, is full, EROFS if it is mounted read-only; None otherwise."""
    place = path.absolute()
    while not mode_of(place) and place != place.parent:
        place = place.parent
    try:
        disk = os.statvfs(place)
    except OSError:
        return None
    if disk.f_flag & os.ST_RDONLY:
        return errno.EROFS
    # Less than SQLite needs beside a database that it opens (its index of the log has 32 kB), and 0 files where they are counted.
    is_full = disk.f_bavail * disk.f_frsize < FULL_BYTES or (disk.f_files > 0 and disk.f_favail == 0)
    return errno.ENOSPC if is_full else None


def file_in_the_way(path: Path) -> Path | None:
    """What stands where this path needs a folder, such as `/etc/hosts` of `/etc/hosts/ledger.db`; None if nothing does."""
    nearest = next(each for each in path.absolute().parents if mode_of(each))  # there is always the root
    return None if stat.S_ISDIR(mode_of(nearest)) else nearest


def is_utf16(octets: bytes) -> bool:
    """Whether a text file was saved as UTF-16: it begins with a byte order mark, and its letters have a zero byte each."""
    return octets.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b"\0" in octets[:200]


def read_regular(path: Path, most_bytes: int) -> tuple[bytes, int]:
    """The first `most_bytes` bytes of a file, and its mode. Raises OSError, or ConfigError if it is not a regular file or a valid path."""
    try:
        # Opening a pipe would otherwise wait for a writer, and a device file may never end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except ValueError:
        raise ConfigError(f"{str(path)!r}: is not a path") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            # As `open` would. What is made of its descriptor does not close it, and a command or a disk is often tried again.
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise ConfigError(f"{path}: is not a regular file; correct the path")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most_bytes), stat.S_IMODE(mode)
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, are on disk. Raises OSError.

    fsync of a file does not sync its name: after a power cut a new file or folder is found only if the folder that names it was synced,
    too (fsync(2)).
    """
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def make_folder(path: Path) -> None:
    """Make a folder, if it is not there, and those above it; a power cut leaves them. Raises OSError."""
    absent = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    # Every folder that was just made, not only the last one: each is a name in the folder above it.
    for each in absent:
        sync(each.parent)


def replace_durably(path: Path, content: bytes) -> None:
    """Put `content` in the place of a file in one step. A kill or a power cut leaves the old file or the new one. Raises OSError.

    Without the first sync a file system may have the new name on disk before the content, and a power cut leaves an empty file
    (ext4 with `noauto_da_alloc`, XFS). Takes two waits for the disk: not for an event loop's own thread.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_bytes(content)
        sync(fresh)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync(path.parent)


def check_regular(path: Path, what: str) -> None:
    """Raise ConfigError if there is a folder, pipe or socket at `path`: opening a pipe waits for ever."""
    mode = mode_of(path)
    if stat.S_ISDIR(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        raise ConfigError(f"{what}: {path} is not a regular file; choose another path")
