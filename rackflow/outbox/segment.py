"""One segment file of an outbox: read at start, appended to, read from. Every call blocks, and raises OSError if the disk refuses."""

import contextlib
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rackflow.errors import ConfigError
from rackflow.outbox.rangeset import Range, RangeSet
from rackflow.outbox.record import (
    FORMAT,
    FREED,
    HEADER,
    MAX_BODY_BYTES,
    MESSAGES,
    RECORD,
    STATE,
    Encoder,
    Head,
    Stamp,
    decode_freed,
    decode_head,
    decode_messages,
    decode_record,
    is_whole,
    scan,
)
from rackflow.outbox.record_index import RecordIndex
from rackflow.outbox.seam import Message
from rackflow.outbox.state import StateRecord, decode_state
from rackflow.process.files import read_regular, sync

# New messages go into a file until it has this size. Larger files would keep more bytes of freed messages; smaller ones would be many
# files.
SEGMENT_BYTES: Final = 4 * 1024 * 1024
# Rackflow writes no longer file, because the last record begins before the file is full. Anything beyond this length is not read.
MAX_FILE_BYTES: Final = 2 * SEGMENT_BYTES + 2 * MAX_BODY_BYTES
# A write of fewer bytes is compressed, and goes into space that was filled with zeros in advance. Both because a disk writes whole blocks
# of 4 kB: five small groups a second would otherwise cost two or three times their bytes, and a growing file adds 12 kB of the file
# system's journal to each sync (ext4), ten times the messages of a small site. For larger groups the gain is small, and zlib takes 10 to
# 20 µs a kB.
SMALL_BYTES: Final = 16 * 1024
AHEAD_BYTES: Final = 128 * 1024
BLOCK_BYTES: Final = 4096
NEW: Final = ".new"
"""Ending of a file that is being rewritten."""


class Segment:
    """A file that this process has made or read. `end` is where its last whole record ends."""

    def __init__(self, path: Path, head: Head, end: int, descriptor: int = -1) -> None:
        self.path = path
        self.head = head
        self.end = end
        self.index = RecordIndex()
        self.encoder = Encoder(head.salt)
        self.allocated = end
        """Bytes of the file, with the zeros that were written ahead."""
        self._descriptor = descriptor
        """Open for writing; -1 if this file is not the one that new messages go to."""

    @property
    def number(self) -> int:
        """The place of this file among the others."""
        return self.head.number

    @property
    def last_key(self) -> int:
        """The last key that was ever written to this file; 0 if there was none."""
        return max(self.head.last_key, self.index.last if len(self.index) else 0)

    def write(self, data: bytes, *, durable: bool) -> None:
        """Append records; with `durable` they outlive a power cut on return."""
        if durable and len(data) < SMALL_BYTES and self.end + len(data) > self.allocated:
            allocated = (self.end + len(data) + AHEAD_BYTES) // BLOCK_BYTES * BLOCK_BYTES
            # Zeros and not fallocate(2), which leaves blocks marked as unwritten: changing each mark is in the journal again. Block by
            # block, because newer kernels keep what is written at once as one large page, and write all of it when a part changes.
            while self.allocated < allocated:
                block = bytes(BLOCK_BYTES - self.allocated % BLOCK_BYTES)
                _write_all(self._descriptor, block, self.allocated)
                self.allocated += len(block)
        _write_all(self._descriptor, data, self.end)
        if durable:
            os.fdatasync(self._descriptor)
        self.end += len(data)
        self.allocated = max(self.allocated, self.end)

    def write_freed(self, ranges: list[Range], stamp: Stamp) -> None:
        """Record in an older file, which no longer receives new messages, which of its messages are free.

        Not synced. If the power fails before the kernel writes it (up to half a minute), messages are sent again that a collector has
        already stored; it recognises their numbers. A sync of every file that a report of a collector touches would cost more than all
        messages of a small site.
        """
        data = self.encoder.freed(self.end, ranges, stamp)
        descriptor = os.open(self.path, os.O_WRONLY)
        try:
            _write_all(descriptor, data, self.end)
        finally:
            os.close(descriptor)
        self.end += len(data)

    def seal(self) -> None:
        """Close the file for new messages. Never raises: if trimming it fails, the file is merely longer than necessary."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.end)
            os.close(self._descriptor)
            self._descriptor = -1

    def read(self, position: int) -> list[Message] | None:
        """The messages of a record; None if it is damaged, or the file is gone."""
        index = self.index
        try:
            with self.path.open("rb", buffering=0) as file:
                data = os.pread(file.fileno(), index.sizes[position], index.offsets[position])
        except FileNotFoundError:
            return None
        found = _messages_of(data, index.offsets[position], self.head.salt)
        if found is None:
            return None
        first, last = index.keys(position)
        return [message for message in found if first <= message.key <= last]


def _messages_of(data: bytes, offset: int, salt: int) -> list[Message] | None:
    record, body = decode_record(data, offset, salt, at=0), data[RECORD.size :]
    if record is None or record.kind != MESSAGES or not is_whole(record, body, salt):
        return None
    return decode_messages(record, body)


def begin_segment(folder: Path, head: Head, state: bytes, stamp: Stamp) -> Segment:
    """Make a file for new messages that begins with the whole state. File and name are on disk on return."""
    path = folder / segment_name(head.number)
    data = head.encode() + Encoder(head.salt).record(HEADER.size, STATE, state, stamp)
    return Segment(path, head, len(data), _create(path, data))


def rewrite_segment(path: Path, head: Head, groups: Iterable[tuple[list[Message], int]]) -> Segment:
    """Replace a file by one with these messages, each group with its age: either is on disk at any moment. At least one group is given.

    Compressed, since these stay for long.
    """
    made = Segment(path, head, HEADER.size)
    parts, freed, following = [head.encode()], list[Range](), head.after_key + 1
    for messages, kept_ms in groups:
        first = messages[0]
        part = made.encoder.messages(made.end, messages, Stamp(kept_ms), compress=True)
        made.index.add(
            made.end, len(part), first=first.key, count=len(messages), kept_ms=kept_ms, time_ms=first.time_ms
        )
        if first.key > following:
            freed.append((following, first.key - 1))
        following = messages[-1].key + 1
        parts.append(part)
        made.end += len(part)
    # If a part of this file is damaged later, this record shows which keys were not in it.
    parts.append(made.encoder.freed(made.end, freed, Stamp(0)))
    made.end += len(parts[-1])
    made.allocated = made.end
    new = path.with_name(path.name + NEW)
    os.close(_create(new, b"".join(parts)))
    new.rename(path)
    return made


def _create(path: Path, data: bytes) -> int:
    descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o640)
    try:
        _write_all(descriptor, data, 0)
        os.fsync(descriptor)
        sync(path.parent)
    except BaseException:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    return descriptor


def segment_name(number: int) -> str:
    """Names sort as numbers do."""
    return f"{number:012}.seg"


def new_head(number: int, after_key: int, last_key: int = 0) -> Head:
    """The header of a new file."""
    return Head(number, int.from_bytes(secrets.token_bytes(8)), after_key, last_key)


@dataclass(slots=True)
class Loaded:
    """What was found in a file when it was opened.

    `holes` are ranges of keys between which something could not be read, `freed` ranges whose messages are free. `damaged`: something other
    than the end of the last write was unreadable.
    """

    segment: Segment
    freed: RangeSet = field(default_factory=RangeSet)
    states: list[StateRecord] = field(default_factory=list)
    stamp: Stamp = field(default_factory=lambda: Stamp(0))
    holes: list[Range] = field(default_factory=list)
    damaged: bool = False
    has_rest: bool = False
    """Whether anything but zeros is behind its last whole record."""


def load_segment(path: Path, after_key: int) -> Loaded | None:
    """Read a file whose messages have keys above `after_key`: others are in an earlier file, too. None if it has no valid header.

    Raises ConfigError if a newer Rackflow wrote it, or if it is no regular file.
    """
    data, _ = read_regular(path, MAX_FILE_BYTES)
    head = decode_head(data)
    if head is None or segment_name(head.number) != path.name:
        return None
    if head.format > FORMAT:
        raise ConfigError(
            f"{path}: was written by a newer Rackflow (format {head.format}, this one knows up to {FORMAT});"
            " install that version again, or restore a copy from before the upgrade"
        )
    found = scan(data, head.salt)
    loaded = Loaded(Segment(path, head, found.end), damaged=bool(found.holes), has_rest=found.has_rest)
    highest, is_after_hole = max(after_key, head.after_key), False
    for at, record in enumerate(found.records):
        is_after_hole |= at in found.holes
        body = data[record.offset + RECORD.size : record.end]
        if record.stamp.wall_ms and record.stamp.age_ms >= loaded.stamp.age_ms:
            loaded.stamp = record.stamp
        if record.kind == FREED:
            for first, last in decode_freed(body):
                loaded.freed.add(first, last)
        elif record.kind == STATE and (state := decode_state(body)) is not None:
            loaded.states.append(state)
        elif record.kind == MESSAGES and record.last_key > highest:
            first = max(record.first_key, highest + 1)
            if is_after_hole and first > highest + 1:
                loaded.holes.append((highest + 1, first - 1))
            is_after_hole = False
            highest = record.last_key
            size = record.end - record.offset
            loaded.segment.index.add(
                record.offset,
                size,
                first=first,
                count=highest - first + 1,
                kept_ms=record.stamp.age_ms,
                time_ms=record.time_ms,
            )
    return loaded


def cut(loaded: Loaded) -> None:
    """Truncate the file after its last whole record: removes space filled with zeros, or half a record. Raises OSError."""
    if loaded.segment.path.stat().st_size > loaded.segment.end:
        os.truncate(loaded.segment.path, loaded.segment.end)


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written
