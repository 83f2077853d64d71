"""The files of an outbox on disk: an append-only log of messages, bounded in bytes and age, which also records lost messages.

Once `commit` has returned, its messages outlive a killed process and a power cut. The mark beside the segments is written only after
that: a kill between the two leaves a mark that is behind the log, which is harmless, while a mark ahead of it would report messages
as lost that never existed.

The log's files are in the folder `<path>.segments`. A process has it to itself: it holds a lock on the file `lock` in it. An outbox of
the version before, an SQLite file at `<path>`, is moved into the log when it is opened.
"""

import logging
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rackflow.documents import Numbers
from rackflow.errors import ConfigError
from rackflow.outbox.epochs import EpochBase, forget_epochs, numbers_of_keys
from rackflow.outbox.loading import Opened, folder_of, keep_damaged, load_folder
from rackflow.outbox.mark import Mark, MarkFile
from rackflow.outbox.rangeset import Range, RangeSet
from rackflow.outbox.record import Stamp
from rackflow.outbox.record_index import RecordIndex
from rackflow.outbox.seam import Message
from rackflow.outbox.segment import SEGMENT_BYTES
from rackflow.outbox.segments import Segments
from rackflow.outbox.state import Limits, Totals
from rackflow.process.files import check_regular, claim, make_folder, sync

if TYPE_CHECKING:
    from rackflow.outbox.format1 import Format1Outbox

log = logging.getLogger(__name__)
# A segment is at most this part of the limit, so that dropping the oldest whole one costs little; and no smaller than four blocks.
SEGMENTS_AT_LEAST: Final = 16
SMALLEST_SEGMENT_BYTES: Final = 16 * 1024
# Held messages that are dropped at a time when the outbox is too large: few, so that not many more than necessary are dropped.
EVICT_MESSAGES: Final = 64
# If a restart seems to have taken longer than this, the wall clock was wrong before or after it (no battery, 1970), and messages do not age
# by that time: keeping old messages longer only costs disk space, but a backlog that expires by mistake is lost.
LONGEST_AWAY_MS: Final = 30 * 86_400_000


class OutboxLog:
    """An outbox's files, opened for one epoch. Outside, a message's key is its number in that epoch; earlier epochs have keys up to 0.

    Raises ConfigError if another process has them open or a newer Rackflow wrote them, OSError if the disk refuses. A damaged file is
    set aside as `<path>.damaged`, its readable messages are kept, and the others are counted as `torn`. `present` are the keys that
    were there when it was opened.
    """

    def __init__(self, path: Path, epoch: str, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self._opened_s = time.monotonic()
        self._age_from_ms = 0
        self._base = 0
        """Inside the files keys count through all epochs: this is the last key before the epoch."""
        self.evicted: list[Range] = []
        """Keys of messages dropped because of the limits. The reader (`jobs.DiskThread`) empties it."""
        folder = folder_of(path)
        for each in (path, path.with_name(path.name + ".mark"), folder / "mark", folder / "lock"):
            check_regular(each, "outbox")
        if not folder.exists():
            make_folder(folder.parent)
            folder.mkdir(mode=0o750)
            sync(folder.parent)
        if not folder.is_dir():
            raise ConfigError(f"outbox: {folder} is not a folder; choose another path")
        # Closed in the reverse order; the lock last, since another process may begin then.
        self._open = ExitStack()
        self._open.callback(os.close, _open_claimed(folder / "lock", path))
        self._mark = MarkFile(folder / "mark")
        self._open.callback(self._mark.close)
        try:
            opened = load_folder(folder, self._mark.read())
            size = max(SMALLEST_SEGMENT_BYTES, min(SEGMENT_BYTES, limits.size_bytes // SEGMENTS_AT_LEAST))
            self._segments = Segments(
                path=path, folder=folder, segment_bytes=size, limit_bytes=limits.size_bytes, opened=opened
            )
            self._open.callback(self._segments.close)
            self._state = opened.state
            self._begin(opened, epoch)
        except BaseException:
            self.close()
            raise
        self.present = self._outside(self._segments.waiting)

    @property
    def totals(self) -> Totals:
        """Figures of the contents."""
        return self._state.totals

    @property
    def collectors(self) -> list[tuple[str, str]]:
        """The collectors that have reported, with the names of their ledgers."""
        return self._state.collectors

    def save_collectors(self, collectors: Sequence[tuple[str, str]]) -> None:
        """Keep on disk which collectors have reported, with the names of their ledgers. Raises OSError."""
        self._state.collectors = list(collectors)
        self._state.changed.add("collectors")
        self._segments.write((), self._stamp())

    def commit(
        self,
        messages: Sequence[Message],
        deletions: Sequence[Range],
        spare: frozenset[int],
        held: Sequence[int] = (),
        losses: Sequence[Numbers] = (),
    ) -> None:
        """Write messages, free the keys `deletions`, and drop messages beyond the limits, except the keys in `spare`.

        Keys of `held` are dropped first, because the broker refuses these messages at present. `losses` are messages that were dropped
        before they reached the files; they are only recorded. On return everything is on disk. After an OSError some of it may be; the
        same commit may then be repeated, with more messages.
        """
        base, segments, stamp = self._base, self._segments, self._stamp()
        freed = [(first + base, last + base) for first, last in deletions]
        # Before the messages are written, so that the newest file records with them what is free in it.
        for first, last in freed:
            segments.free(first, last)
        self._state.count_losses(losses)
        # If the commit is a repetition, some messages were written by the first try, or were dropped since.
        new = [
            Message(each.key + base, each.topic, each.payload, each.time_ms)
            for each in messages
            if each.key + base > segments.highest
        ]
        segments.write(new, stamp)
        # Once more, for messages that were freed after this commit, or a first try of it, had begun to write them.
        for first, last in freed:
            segments.free(first, last)
        evicted = self._evict_held([key + base for key in held])
        evicted += self._evict(stamp.age_ms, sorted(key + base for key in spare))
        if evicted:
            self.evicted += self._outside(evicted)
            segments.write((), stamp)
        segments.write_freed(stamp)
        segments.compact()
        if self._state.changed:
            segments.write((), stamp)
        self._count()

    def read(self, after: int, below: int, most: int) -> list[Message]:
        """Up to `most` messages with keys between `after` and `below`, both excluded, in order. Raises OSError."""
        base = self._base
        found = self._segments.read(after + base + 1, below + base, most)
        if self._state.changed:
            # Damage was found.
            self._segments.write((), self._stamp())
            self._count()
        return [Message(each.key - base, each.topic, each.payload, each.time_ms) for each in found]

    def read_keys(self, keys: Sequence[int]) -> list[Message]:
        """The messages with these keys, as far as they are still there, in order. Raises OSError."""
        return [message for key in keys for message in self.read(key - 1, key + 1, 1)]

    def close(self) -> None:
        """Close the files, and let another process have them."""
        self._open.close()

    def _begin(self, opened: Opened, epoch: str) -> None:
        away_ms = _wall_ms() - opened.stamp.wall_ms
        self._age_from_ms = opened.stamp.age_ms + (away_ms if 0 < away_ms < LONGEST_AWAY_MS else 0)
        self._opened_s = time.monotonic()
        self._state.count_torn(opened.missing)
        if (former := _former(self._path)) is not None:
            self._move(former, opened.written)
        totals = self.totals
        self._base = totals.last_key
        oldest = self._segments.waiting.first
        epochs = forget_epochs(totals.epochs, oldest if oldest is not None else totals.last_key + 1)
        totals.epochs = [*(each for each in epochs if each.base != self._base), EpochBase(self._base, epoch)]
        self._state.changed.add("epochs")
        # This begins a new file, so that the state is safe before damaged files are replaced.
        self._segments.write((), self._stamp())
        self._mend(opened)
        self._count()

    def _mend(self, opened: Opened) -> None:
        """Set damaged files aside, and keep what is readable of them."""
        for path in opened.broken:
            keep_damaged(path, self._path)
            path.unlink()
        for file in (*opened.damaged, *opened.short):
            if file in opened.damaged:
                keep_damaged(file.path, self._path)
            self._segments.rewrite([file])
        for name in (*opened.broken, *(file.path for file in opened.damaged)):
            self.totals.damaged += 1
            log.error(
                "outbox=%s: %s was damaged and is set aside as %s.damaged; what could be read of it is kept",
                *(self._path, name.name, self._path),
            )

    def _move(self, former: "Format1Outbox", written: int) -> None:
        """Move the messages of the version before into the log, with their order, epochs, numbers and ages.

        Its epochs are recorded first, so that a repetition after a kill gives each message the same key, and those that are here
        already are not written again. It is deleted last.
        """
        totals, state, segments = self.totals, self._state, self._segments
        bases = {each.epoch: each.base for each in totals.epochs}
        offset = totals.last_key
        if former.epochs and totals.epochs and totals.epochs[-1].epoch == former.epochs[-1].epoch:
            # A move that was interrupted: no epoch has begun since. What is here already is the beginning of what is to be moved.
            offset, segments.highest = totals.epochs[-1].base - former.epochs[-1].base, written
        totals.epochs += [
            EpochBase(each.base + offset, each.epoch) for each in former.epochs if each.epoch not in bases
        ]
        totals.last_key = max(totals.last_key, offset + former.last_key)
        state.count_losses(former.losses)
        state.collectors = sorted({**dict(former.collectors), **dict(state.collectors)}.items())
        state.changed |= {"epochs", "losses", "collectors"}
        segments.write((), self._stamp())
        moved = 0
        for messages, age_ms in former.messages():
            new = [
                Message(each.key + offset, each.topic, each.payload, each.time_ms)
                for each in messages
                if each.key + offset > segments.highest
            ]
            segments.write(new, Stamp(self._age_ms() - age_ms))
            moved += len(new)
        missing = RangeSet((first + offset, last + offset) for first, last in former.missing())
        state.count_torn(missing.difference(segments.waiting))
        segments.highest = totals.last_key
        totals.damaged += former.damaged
        segments.write((), self._stamp())
        former.remove()
        log.info(
            "outbox=%s: %d messages of the version before were moved to %s", *(self._path, moved, folder_of(self._path))
        )

    def _evict_held(self, held: Sequence[int]) -> list[Range]:
        evicted: list[Range] = []
        for at in range(0, len(held), EVICT_MESSAGES):
            if self._segments.live_bytes <= self._limits.size_bytes:
                break
            for first, last in RangeSet((key, key) for key in sorted(held[at : at + EVICT_MESSAGES])):
                evicted += self._drop(first, last, "refused")
        return evicted

    def _evict(self, now_ms: int, spare: Sequence[int]) -> list[Range]:
        """Drop what is too old, and the oldest files while the outbox is full. Returns the keys of what was dropped.

        The oldest messages go first, by key, whatever their topic: gaps in the middle of a backlog would be harder to explain. If the
        outbox is full, a whole file goes, because that frees its space at once. Messages in flight (`spare`) stay: they may be confirmed at
        any moment.
        """
        expired_ms = now_ms - int(self._limits.age_s * 1000)
        evicted: list[Range] = []
        for file in self._segments.files:
            is_full = self._segments.live_bytes > self._limits.size_bytes
            expired, full, is_whole_file = _doomed(file.index, expired_ms, is_full=is_full)
            for reason, keys in (("expired", expired), ("full", full)):
                for key in spare:
                    keys.take(key, key)
                for first, last in keys:
                    evicted += self._drop(first, last, reason)
            if not is_whole_file:
                break
        return evicted

    def _drop(self, first: int, last: int, reason: str) -> list[Range]:
        """Free messages, and count them under the reason."""
        found = self._segments.free(first, last)
        for low, high in found:
            self.totals.dropped[reason] = self.totals.dropped.get(reason, 0) + high - low + 1
            self._state.count_losses(numbers_of_keys(self.totals.epochs, low, high, reason))
        return found

    def _count(self) -> None:
        """Update the figures of the contents, then the mark."""
        totals, segments = self.totals, self._segments
        totals.messages = len(segments.waiting)
        totals.used_bytes = segments.live_bytes
        oldest, totals.oldest_ms = totals.last_key + 1, 0
        for file in segments.files:
            if (position := file.index.oldest()) is not None:
                oldest, totals.oldest_ms = segments.waiting.first or oldest, file.index.times_ms[position]
                break
        self._mark.write(Mark(oldest, totals.last_key, tuple(totals.epochs)))

    def _outside(self, keys: Iterable[Range]) -> list[Range]:
        return [(first - self._base, last - self._base) for first, last in keys]

    def _stamp(self) -> Stamp:
        return Stamp(self._age_ms(), _wall_ms())

    def _age_ms(self) -> int:
        """The outbox's own clock, ms: it runs while it is open and across restarts, and ignores jumps of the wall clock.

        An agent without a clock battery starts in 1970 and then jumps to now, which would otherwise expire its whole backlog.
        """
        return self._age_from_ms + int((time.monotonic() - self._opened_s) * 1000)


def _doomed(index: RecordIndex, expired_ms: int, *, is_full: bool) -> tuple[RangeSet, RangeSet, bool]:
    """Of a file, the keys that were kept before `expired_ms`, and those that go because the outbox is full; and whether no others stay."""
    expired, full = RangeSet(), RangeSet()
    oldest = index.oldest()
    for position in range(len(index) if oldest is None else oldest, len(index)):
        if index.kept_ms[position] < expired_ms:
            expired.add(*index.keys(position))
        elif is_full:
            full.add(*index.keys(position))
        else:
            return expired, full, False
    return expired, full, True


def _wall_ms() -> int:
    return int(time.time() * 1000)


def _former(path: Path) -> "Format1Outbox | None":
    """The outbox of the version before at this path; None if there is none. Raises ConfigError or OSError."""
    if not any(each.exists() for each in (path, path.with_name(f"{path.name}.mark"))):
        return None
    # It needs SQLite, which takes 1.5 MB of an agent, and is there for one start after an upgrade.
    from rackflow.outbox.format1 import find_format1  # noqa: PLC0415

    return find_format1(path)


def _open_claimed(path: Path, outbox: Path) -> int:
    """Keep other processes away from an outbox until the descriptor is closed. Raises OSError, or ConfigError if another one has it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o640)
    try:
        claim(descriptor, f"outbox {outbox}")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
