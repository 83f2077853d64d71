"""Index of the records in one segment file: which keys each holds, and how many of its messages still wait. Pure.

36 bytes a record in memory, however many messages it has: 2 million messages that each came alone take 72 MB, and those that came
by tens 7 MB. Which keys wait exactly is known to the log's `RangeSet`.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator

from rackflow.outbox.rangeset import Range


class RecordIndex:
    """One entry for each record of messages, by ascending keys; `position` is the place of an entry in the arrays."""

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
        """Bytes of the waiting messages. A record in which only some messages wait counts in proportion."""
        self._begin = 0
        """All entries before this one are free."""

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

    def add(self, offset: int, size: int, *, first: int, count: int, kept_ms: int, time_ms: int) -> None:
        """Add a record after the others: `size` bytes at `offset` with `count` waiting messages, whose keys begin with `first`.

        `kept_ms` and `time_ms` are those of the record's first message (see `Stamp`).
        """
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
        """Mark messages as free. All of them that are in this file must have been waiting."""
        for position in self.between(first, last):
            gone = min(last, self.firsts[position] + self.counts[position] - 1) - max(first, self.firsts[position]) + 1
            live, size, count = self.live[position], self.sizes[position], self.counts[position]
            self.live[position] = live - gone
            self.messages -= gone
            # Whole numbers, and exactly 0 once all are gone.
            self.live_bytes -= size * live // count - size * (live - gone) // count

    def between(self, first: int, last: int) -> Iterator[int]:
        """Positions of the entries that have any key of this range."""
        position = max(0, bisect_right(self.firsts, first) - 1)
        while position < len(self.firsts) and self.firsts[position] <= last:
            if self.firsts[position] + self.counts[position] > first:
                yield position
            position += 1

    def oldest(self) -> int | None:
        """Position of the first entry with a waiting message."""
        while self._begin < len(self.live) and not self.live[self._begin]:
            self._begin += 1
        return self._begin if self._begin < len(self.live) else None

    def keys(self, position: int) -> Range:
        """First and last key of an entry."""
        return self.firsts[position], self.firsts[position] + self.counts[position] - 1
