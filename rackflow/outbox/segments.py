"""The segment files of an outbox as one log: append, free, read, rewrite. Every call blocks, and raises OSError if the disk refuses.

The state in memory is authoritative, and the disk follows: what could not be written is written with the next group. After a failed write
or sync, the segment is abandoned and a new one is begun, because a kernel reports a failed sync only once: a second sync of the same file
succeeds although the data are lost (fsync(2)).
"""

import contextlib
import logging
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rackflow.outbox.loading import Opened, keep_damaged
from rackflow.outbox.rangeset import Range
from rackflow.outbox.record import STATE, Stamp
from rackflow.outbox.seam import Message
from rackflow.outbox.segment import SMALL_BYTES, Segment, begin_segment, new_head, rewrite_segment
from rackflow.process.files import sync

log = logging.getLogger(__name__)
# Messages of one record: reading one of them reads them all.
RECORD_BYTES: Final = 64 * 1024
RECORD_MESSAGES: Final = 256
# Freed space that is tolerated, in segments; and the share of a segment's bytes that must be free before it is rewritten: with less, a disk
# would be written again for little space. So files are at most 1 / (1 - SPARSE) times as large as what waits in them, and this space more.
SLACK_SEGMENTS: Final = 2
SPARSE: Final = 0.25
# Files beyond twice those that are needed before neighbours are joined: each start of the process begins one.
SMALL_FILES: Final = 64


class Segments:
    """Files whose keys ascend from one to the next; new messages go to the last one. Keys are those inside of the files."""

    def __init__(self, path: Path, folder: Path, segment_bytes: int, limit_bytes: int, opened: Opened) -> None:
        self._path = path
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._record_bytes = min(RECORD_BYTES, segment_bytes // 4)
        self._limit_bytes = limit_bytes
        self._state = opened.state
        self.files: list[Segment] = opened.segments
        """By ascending number and keys."""
        self.waiting = opened.waiting
        """Keys of the messages that are here and not free."""
        self.highest = opened.highest
        """The highest key that was written to any file."""
        self._last_number = opened.last_number
        self._freed: dict[int, list[Range]] = {}
        """By file number: freed keys that are not recorded on disk yet."""
        self._is_usable = False
        """Whether the last file may be written to."""
        self._last_read: tuple[Segment, int, list[Message]] | None = None
        """The record that was read last."""

    @property
    def live_bytes(self) -> int:
        """Bytes of the messages that wait."""
        return sum(each.index.live_bytes for each in self.files)

    def write(self, messages: Sequence[Message], stamp: Stamp) -> None:
        """Append messages, changes of the state, and what is free in the newest file. Messages and state outlive a power cut on return."""
        state, groups = self._state, list(_groups(messages, self._record_bytes))
        is_small = sum(len(message.payload) for message in messages) < SMALL_BYTES
        if not messages and not state.changed and (not self._is_usable or self.files[-1].number not in self._freed):
            return
        while True:
            file = self._newest(stamp)
            data, added = bytearray(), list[tuple[int, int, list[Message]]]()
            if free := self._freed.get(file.number):
                data += file.encoder.freed(file.end, free, stamp)
            if state.changed:
                data += file.encoder.record(file.end + len(data), STATE, state.encode(), stamp)
            is_empty = not len(file.index)
            while groups and (file.end + len(data) < self._segment_bytes or (is_empty and not added)):
                offset = file.end + len(data)
                record = file.encoder.messages(offset, groups[0], stamp, compress=is_small)
                added.append((offset, len(record), groups.pop(0)))
                data += record
            if data:
                self._append(file, bytes(data), durable=bool(added or state.changed))
            state.changed.clear()
            self._freed.pop(file.number, None)
            for offset, size, group in added:
                self._index(file, offset, size, group, stamp)
            if not groups:
                return

    def free(self, first: int, last: int) -> list[Range]:
        """Free these messages. Returns the keys that were waiting until now."""
        found = self.waiting.take(first, last)
        for low, high in found:
            for file in self._with_keys(low, high):
                here = max(low, file.index.first), min(high, file.index.last)
                file.index.free(*here)
                self._freed.setdefault(file.number, []).append(here)
        return found

    def write_freed(self, stamp: Stamp) -> None:
        """Record freed keys in older files, and delete files that are entirely free.

        The newest file records its own with its next group.
        """
        newest = self.files[-1] if self._is_usable else None
        for number in list(self._freed):
            at = bisect_left(self.files, number, key=lambda each: each.number)
            file = self.files[at]
            if file is newest:
                continue
            if file.index.messages:
                file.write_freed(self._freed[number], stamp)
            else:
                file.path.unlink(missing_ok=True)
                del self.files[at]
            del self._freed[number]

    def read(self, following: int, below: int, most: int) -> list[Message]:
        """Up to `most` messages with keys from `following` on and lower than `below`, in order."""
        found: list[Message] = []
        while len(found) < most:
            key = self.waiting.first_from(following)
            if key is None or key >= below:
                break
            messages = self._record_of(key)
            if messages is None:
                continue
            for message in messages:
                if key <= message.key < below and message.key in self.waiting and len(found) < most:
                    found.append(message)
            following = messages[-1].key + 1
        return found

    def compact(self) -> None:
        """Rewrite mostly free files as one, if free space takes more than what waits, or there are very many files.

        One at a time, so that no commit takes long. A backlog that is sent in order is deleted file by file without this; it is for
        messages that stay between others that went, such as those of a topic that the broker refuses.
        """
        sealed = self.files[:-1] if self._is_usable else self.files
        size = sum(each.end for each in sealed)
        waiting = sum(each.index.live_bytes for each in sealed)
        # While much room is left, rewriting later saves writes; near the limit, the files must not take much more than it.
        most = min(2 * waiting, max(waiting, self._limit_bytes)) + SLACK_SEGMENTS * self._segment_bytes
        if size > most:
            at = min(range(len(sealed)), key=lambda each: sealed[each].index.live_bytes / sealed[each].end)
            if sealed[at].index.live_bytes <= (1 - SPARSE) * sealed[at].end:
                self.rewrite(self._neighbours(sealed, at))
        elif len(sealed) > SMALL_FILES + 2 * size // self._segment_bytes:
            at = min(range(len(sealed) - 1), key=lambda each: sealed[each].end + sealed[each + 1].end)
            self.rewrite(self._neighbours(sealed, at))

    def rewrite(self, files: Sequence[Segment]) -> None:
        """Write the waiting messages of neighbouring files into a new one that replaces the first. Unreadable ones count as `torn`.

        A kill before the other files are deleted leaves their messages twice. The copy in the first file is used when they are read again.
        """
        groups, torn = list[tuple[list[Message], int]](), list[Range]()
        for file in files:
            for position in range(len(file.index)):
                if not file.index.live[position]:
                    continue
                messages, keys = file.read(position), file.index.keys(position)
                if messages is None:
                    torn += self.waiting.within(*keys)
                    continue
                waiting = [each for each in messages if each.key in self.waiting]
                groups += [(group, file.index.kept_ms[position]) for group in _groups(waiting, self._record_bytes)]
        place, rewritten = self.files.index(files[0]), list[Segment]()
        if groups:
            head = new_head(files[0].number, groups[0][0][0].key - 1, groups[-1][0][-1].key)
            rewritten = [rewrite_segment(files[0].path, head, groups)]
        # From here on the new file is the one that is read, whatever else fails.
        self.files[place : place + len(files)] = rewritten
        for file in files:
            self._freed.pop(file.number, None)
        for low, high in torn:
            self.waiting.take(low, high)
        self._state.count_torn(torn)
        sync(self._folder)
        for file in files[len(rewritten) :]:
            # A file that could not be deleted does no harm: when it is read, all of its messages are duplicates.
            with contextlib.suppress(OSError):
                file.path.unlink()

    def close(self) -> None:
        """Close the files."""
        for file in self.files:
            file.seal()

    def _newest(self, stamp: Stamp) -> Segment:
        """The file to append to; a new one, if there is none or it is full."""
        if self._is_usable and (self.files[-1].end < self._segment_bytes or not len(self.files[-1].index)):
            return self.files[-1]
        head = new_head(self._last_number + 1, self.highest)
        known = [(each.number, each.last_key) for each in self.files]
        file = begin_segment(self._folder, head, self._state.encode(known), stamp)
        if self.files:
            self.files[-1].seal()
        self._last_number = file.number
        self.files.append(file)
        self._is_usable = True
        self._state.changed.clear()
        return file

    def _append(self, file: Segment, data: bytes, *, durable: bool) -> None:
        try:
            file.write(data, durable=durable)
        except OSError:
            self._is_usable = False
            file.seal()
            raise

    def _index(self, file: Segment, offset: int, size: int, group: Sequence[Message], stamp: Stamp) -> None:
        first, last = group[0].key, group[-1].key
        file.index.add(offset, size, first=first, count=len(group), kept_ms=stamp.age_ms, time_ms=group[0].time_ms)
        self.waiting.add(first, last)
        self.highest = last
        self._state.totals.last_key = max(self._state.totals.last_key, last)

    def _with_keys(self, first: int, last: int) -> Iterator[Segment]:
        """The files that may have messages of these keys, ascending."""
        at = bisect_left(self.files, first, key=lambda each: max(each.last_key, each.head.after_key))
        for file in self.files[at:]:
            if len(file.index):
                if file.index.first > last:
                    return
                if file.index.last >= first:
                    yield file

    def _neighbours(self, sealed: Sequence[Segment], at: int) -> list[Segment]:
        """A file and those behind it that fit into one together."""
        found, size = [sealed[at]], sealed[at].index.live_bytes
        for each in sealed[at + 1 :]:
            size += each.index.live_bytes
            if size > self._segment_bytes:
                break
            found.append(each)
        return found

    def _record_of(self, key: int) -> list[Message] | None:
        """The messages of the record that a waiting message is in. None if it is damaged: it is counted, and waits no more."""
        file = next(self._with_keys(key, key))
        position = next(file.index.between(key, key))
        if self._last_read is not None and self._last_read[:2] == (file, position):
            return self._last_read[2]
        messages = file.read(position)
        if messages:
            self._last_read = file, position, messages
            return messages
        # Flipped bits, or somebody has deleted the file.
        if self._is_usable and file is self.files[-1]:
            file.seal()
            self._is_usable = False
        keep_damaged(file.path, self._path)
        before = len(self.waiting)
        self.rewrite([file])
        self._state.totals.damaged += 1
        log.error(
            "outbox=%s: %s was damaged and is set aside as %s.damaged; %d messages could not be read",
            *(self._path, file.path.name, self._path, before - len(self.waiting)),
        )
        return None


def _groups(messages: Sequence[Message], most_bytes: int) -> Iterator[list[Message]]:
    """Rows in groups for one record each: consecutive keys, at most RECORD_MESSAGES messages and `most_bytes`."""
    group, size = list[Message](), 0
    for message in messages:
        if group and (message.key != group[-1].key + 1 or size >= most_bytes or len(group) >= RECORD_MESSAGES):
            yield group
            group, size = [], 0
        group.append(message)
        size += len(message.payload)
    if group:
        yield group
