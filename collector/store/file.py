"""Stores points in a folder, as gzip files by UTC day for `influx write --compression gzip`.

Each write is a gzip member of its own (RFC 1952, 2.2: members follow each other), so that a power cut can damage only the
write it interrupts, which was not acknowledged. Times are in ns, the tool's default. What cannot be read is an unfinished write only if
no whole write follows it. Otherwise a disk has damaged the file: it is kept beside a new one that has all writes that can be read.

A file has one writer, which writes at an offset of its own: a second collector with the same folder would overwrite what the first has
acknowledged. So each file is claimed while it is open.
"""

import asyncio
import contextlib
import gzip
import logging
import mmap
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rackflow import ConfigError, RackflowError, StoreError
from rackflow.process.files import claim, make_folder, remedy_of_writing, sync
from rackflow.process.threads import in_thread

log = logging.getLogger(__name__)
# Bytes of a file that are unpacked at a time: bounds memory.
_CHUNK_BYTES = 1 << 20
# The same where each member is looked at by itself: what is behind its end is copied once more.
_MEMBER_BYTES = 1 << 16
# zlib's way of asking for gzip headers (https://zlib.net/manual.html, inflateInit2).
_GZIP = zlib.MAX_WBITS | 16
# How each of our members begins: deflate, no flags, no time (RFC 1952, 2.3.1). A random place looks like it once in 2^64.
_HEAD = b"\x1f\x8b\x08" + bytes(5)
# Measured on 5,000 lines of outlets with random values: level 3 packs 12.8 times in 3.1 ms a MB, 1 packs 12.0 times in 2.4 ms, 5 packs
# 14.5 times in 5.2 ms. With 5, compression took a tenth of the collector's CPU.
_LEVEL = 3
# Whoever imports the files is of the collector's group.
_MODE = 0o640


class FileStore:
    """Appends to `points-YYYY-MM-DD.lp.gz`, named by the UTC day of writing. `wall_s` is the clock, seconds since 1970.

    `on_torn` is called with the number of bytes that could not be read when a file was opened: an unfinished write, which was cut off, or
    damage. Raises RackflowError if the folder cannot be used, ConfigError if another process writes to it.
    """

    def __init__(self, folder: Path, wall_s: Callable[[], float], on_torn: Callable[[int], None]) -> None:
        self._folder = folder
        self._wall_s = wall_s
        self._on_torn = on_torn
        self._path = Path()
        self._length = 0
        self._file: int | None = None
        # New messages and those that waited on disk are stored by two tasks: without turns both would write at the same offset.
        self._turn = asyncio.Lock()
        try:
            make_folder(folder)
            today = self._path_now()
            if not today.exists():
                self._end_former()
            self._open(today)
        except OSError as error:
            raise RackflowError(
                f"store.path: {folder} cannot be written: {error.strerror}; {remedy_of_writing(error, folder)}"
            ) from error

    def _path_now(self) -> Path:
        return self._folder / f"points-{datetime.fromtimestamp(self._wall_s(), UTC):%Y-%m-%d}.lp.gz"

    def _open(self, path: Path) -> None:
        self._close()
        # Claimed before it is looked at: what another process is writing at this moment looks like an unfinished write.
        file = _open_claimed(path)
        is_rescued = False
        try:
            length = sound_length(path)
            if length < os.fstat(file).st_size and next(whole_writes(path, length), None) is not None:
                length, is_rescued = self._rescue(path), True
        except BaseException:
            os.close(file)
            raise
        if is_rescued:
            # The name is now that of another file.
            os.close(file)
            file = _open_claimed(path)
        self._file, self._path, self._length = file, path, length
        if torn := os.fstat(file).st_size - length:
            log.warning("cut off an unfinished write, its messages come again: file=%s bytes=%d", path, torn)
            os.ftruncate(file, length)
            self._on_torn(torn)
        sync(self._folder)

    def _end_former(self) -> None:
        """Cut off an unfinished write of a former day: a collector killed before midnight may start after it, and opens another file.

        Raises ConfigError if a collector that has not written since midnight runs.
        """
        former = max(self._folder.glob("points-*.lp.gz"), default=None)
        if former is None:
            return
        try:
            self._open(former)
        except OSError as error:  # whoever imported it may have made it read-only
            log.warning("not looked through for an unfinished write: file=%s error=%s", former, error)

    def _rescue(self, path: Path) -> int:
        """Replace a damaged file by one with its writes that can be read, and keep it as `<name>.damaged`. Returns the new one's length."""
        aside, new = path.with_name(f"{path.name}.damaged"), path.with_name(f"{path.name}.new")
        # A former one may have what this one lacks.
        number = 1
        while aside.exists():
            number += 1
            aside = path.with_name(f"{path.name}.damaged-{number}")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE), "wb") as target:
            for write in whole_writes(path, 0):
                target.write(write)
            target.flush()
            os.fsync(target.fileno())
            length = target.tell()
        lost = path.stat().st_size - length
        try:
            # A power cut must leave either the damaged file or the new one under this name.
            aside.hardlink_to(path)
        except OSError:  # a file system without hard links
            path.rename(aside)
        new.replace(path)
        log.error(
            "file of points was damaged; it is kept beside a new one, which has what can be read: file=%s kept=%s bytes_lost=%d",
            path,
            aside.name,
            lost,
        )
        self._on_torn(lost)
        return length

    async def write(self, lines: Sequence[str]) -> None:
        """See `Store.write`."""
        # Compression and fsync take milliseconds each and would block the event loop.
        try:
            async with self._turn:
                await in_thread(partial(self._append, lines), "store-file-write")
        except ConfigError as error:  # another process has claimed the file of a new day
            raise StoreError(str(error), retryable=True) from error
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}", retryable=True) from error

    def _append(self, lines: Sequence[str]) -> None:
        member = gzip.compress(("000000\n".join(lines) + "000000\n").encode(), _LEVEL, mtime=0)
        path = self._path_now()
        if path != self._path or self._file is None or _is_gone(path, self._file):
            self._open(path)
        file = self._file
        if file is None:
            raise OSError(f"{path} is not open")
        try:
            done = 0
            # At an offset, not appended: the next write must overwrite one that failed half-way.
            while done < len(member):
                done += os.pwrite(file, member[done:], self._length + done)
            os.fsync(file)
        except OSError:
            # Readers must not find half a member between two whole ones. If truncating fails, too, the next write overwrites it.
            os.ftruncate(file, self._length)
            raise
        self._length += len(member)

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    async def close(self) -> None:
        """See `Store.close`."""
        self._close()


def _open_claimed(path: Path) -> int:
    """Open a file of points, and keep other writers away until it is closed. Raises OSError, or ConfigError if it has another writer."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    try:
        claim(file, f"store.path: {path}")
    except ConfigError:
        os.close(file)
        raise
    except OSError as error:  # a file system without locks
        log.warning("cannot be locked, so nothing keeps a second collector away: file=%s error=%s", path, error)
    return file


def _is_gone(path: Path, file: int) -> bool:
    """Whether the open file does not stand under its name any more: somebody moved it away to import it, or deleted it."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(path.stat(), os.fstat(file)):
            return False
    log.warning("file of points was moved or deleted, a new one is begun: file=%s", path)
    return True


def sound_length(path: Path) -> int:
    """Bytes of the complete gzip members at the start of a file; the rest is an unfinished write."""
    sound = read = 0
    member = zlib.decompressobj(_GZIP)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            read += len(chunk)
            while chunk:
                try:
                    member.decompress(chunk)
                except zlib.error:
                    return sound
                if not member.eof:
                    break
                chunk = member.unused_data
                sound = read - len(chunk)
                member = zlib.decompressobj(_GZIP)
    return sound


def whole_writes(path: Path, start: int) -> Iterator[bytes]:
    """The complete gzip members from `start` on, also those behind one that cannot be read."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(_HEAD, start)
        while at >= 0:
            end = _end_of_member(content, at)
            if end:
                yield content[at:end]
            at = content.find(_HEAD, end or at + 1)


def _end_of_member(content: mmap.mmap, start: int) -> int:
    """Where the gzip member that begins there ends; 0 if it is not complete, or damaged."""
    member = zlib.decompressobj(_GZIP)
    try:
        for at in range(start, len(content), _MEMBER_BYTES):
            chunk = content[at : at + _MEMBER_BYTES]
            member.decompress(chunk)
            if member.eof:
                return at + len(chunk) - len(member.unused_data)
    except zlib.error:
        return 0
    return 0
