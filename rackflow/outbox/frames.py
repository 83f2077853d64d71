"""Index of one segment file: which messages are in which record, and how many of them still wait. Pure.

36 bytes a record in memory, however many messages it has: 2 million messages that each came alone take 72 MB, and those that came
by tens 7 MB. Which keys wait exactly is known to the log's `RangeSet`.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator

from rackflow.outbox.rangeset import Range


class Frames:
    """Records of messages, by ascending keys. A frame is the position of one of them here."""

    __slots__ = (
        "_begin",
        "counts",
        "firsts",
        "kept_ms",
        "live",
        "live_bytes",
        "messages",
        "offsets",
        "sizes",
        "times_ms",
    )

    def __init__(self) -> None:
        self.offsets = array("I")
        self.sizes = array("I")
        self.firsts = array("q")
        self.counts = array("H")
        self.live = array("H")
        """How many of a record's messages still wait."""
        self.kept_ms = array("q")
        """When the record was kept, on the outbox's own clock."""
        self.times_ms = array("q")
        """Time of the record's first message."""
        self.messages = 0
        """How many messages wait."""
        self.live_bytes = 0
        """Bytes of the messages that wait. Of a record whose messages partly wait, their share."""
        self._begin = 0
        """All frames before this one are free."""

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def first(self) -> int:
        """The lowest key; there must be one."""
        return self.firsts[0]

    @property
    def last(self) -> int:
        """The highest key; there must be one."""
        return self.firsts[-1] + self.counts[-1] - 1

    def add(self, offset: int, size: int, first: int, count: int, kept_ms: int, time_ms: int) -> None:
        """Add a record behind the others: `count` messages from key `first` on, all of which wait."""
        self.offsets.append(offset)
        self.sizes.append(size)
        self.firsts.append(first)
        self.counts.append(count)
        self.live.append(count)
        self.kept_ms.append(kept_ms)
        self.times_ms.append(time_ms)
        self.messages += count
        self.live_bytes += size

    def free(self, first: int, last: int) -> None:
        """These messages wait no more. All of them did so far, as far as they are here."""
        for frame in self.between(first, last):
            gone = min(last, self.firsts[frame] + self.counts[frame] - 1) - max(first, self.firsts[frame]) + 1
            live, size, count = self.live[frame], self.sizes[frame], self.counts[frame]
            self.live[frame] = live - gone
            self.messages -= gone
            # Whole numbers, and exactly 0 once all are gone.
            self.live_bytes -= size * live // count - size * (live - gone) // count

    def between(self, first: int, last: int) -> Iterator[int]:
        """The frames that have any key of this range."""
        frame = max(0, bisect_right(self.firsts, first) - 1)
        while frame < len(self.firsts) and self.firsts[frame] <= last:
            if self.firsts[frame] + self.counts[frame] > first:
                yield frame
            frame += 1

    def oldest(self) -> int | None:
        """The first frame of which a message waits."""
        while self._begin < len(self.live) and not self.live[self._begin]:
            self._begin += 1
        return self._begin if self._begin < len(self.live) else None

    def keys(self, frame: int) -> Range:
        """First and last key of a frame."""
        return self.firsts[frame], self.firsts[frame] + self.counts[frame] - 1
