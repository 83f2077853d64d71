"""Reads files that may be anything, and makes files and folders survive a power cut."""

import os
import stat
from pathlib import Path

from rackflow.errors import ConfigError


def read_regular(path: Path, most_bytes: int) -> tuple[bytes, int]:
    """At most so many bytes from the start of a file, and its mode. Raises OSError, or ConfigError if it is no regular file or path."""
    try:
        # Opening a pipe would otherwise wait for a writer, and a device file may never end.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ConfigError(f"{path}: is not a regular file; correct the path")
            return file.read(most_bytes), stat.S_IMODE(mode)
    except ValueError:
        raise ConfigError(f"{str(path)!r}: is not a path") from None


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


def check_regular(path: Path, what: str) -> None:
    """Raise ConfigError if there is a folder, pipe or socket at `path`: opening a pipe waits for ever."""
    if path.is_dir() or path.is_fifo() or path.is_socket():
        raise ConfigError(f"{what}: {path} is not a regular file; choose another path")
