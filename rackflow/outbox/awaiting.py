"""Decides when messages that the broker confirmed, and no collector has stored, are sent again or given up. Pure.

PUBACK means that the broker has a message, but a broker can still lose it: a queue limit, a deleted session, a kill, a disk. A collector
reports what it has stored. If it reports a later message and not this one, this one was probably lost and is sent again.

Times are arguments, in monotonic seconds.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rackflow.outbox.rangeset import Range, RangeSet

# How long a message may be missing from the reports before it is sent again; it doubles each time the same message is sent again, up to
# LONGEST_GRACE_S. A report is up to 2 s old, a write to the store may take a few seconds, and collectors behind one subscription are
# not equally fast. Sending a message twice costs little, so the first time is short. Chosen values.
GRACE_S: Final = 10.0
LONGEST_GRACE_S: Final = 600.0
# How many repetitions have their own time: 10, 20, 40, … and the seventh, 640 s, reaches the longest.
LEVELS: Final = 7
# Each time is extended at random by up to half, because after an outage all agents of a site would otherwise repeat in the same second.
JITTER: Final = 0.5
# While no collector reports, confirmed messages are deleted by their age, in this many groups rather than one by one. So a message is kept
# for up to an eighth longer than required.
GROUPS: Final = 8


@dataclass(frozen=True, slots=True)
class Round:
    """Keys that count as lost if they are still awaited at `due_s` although a message above `fence` is durable.

    `fence` is the highest key that had been sent when the round began. A broker keeps the order of a client's messages, so only a durable
    message above the fence shows that messages of the round were lost. So nothing is sent again only because a collector is still working
    through a queue of an hour.
    """

    keys: RangeSet
    fence: int
    due_s: float


class Awaiting:
    """Keys of confirmed messages. While no collector has ever reported, they are kept for `keep_s` only."""

    def __init__(self, keep_s: float, draw: Callable[[], float] = random.random) -> None:
        self.keys = RangeSet()
        self._keep_s = keep_s
        self._draw = draw
        self._repeated = [RangeSet() for _ in range(LEVELS)]
        """By level, from 1 on: keys that were sent again this many times, whether they are awaited at present or not."""
        self._rounds: list[Round | None] = [None] * LEVELS
        self._groups: deque[tuple[float, RangeSet]] = deque()
        """Keys by the time of their confirmation, while no collector has reported."""
        self._reports_required = False

    def confirm(self, key: int, now_s: float) -> None:
        """Note that the broker has confirmed a message."""
        self.keys.add(key, key)
        if self._reports_required:
            return
        if not self._groups or now_s - self._groups[-1][0] >= self._keep_s / GROUPS:
            self._groups.append((now_s, RangeSet()))
        self._groups[-1][1].add(key, key)

    def remove(self, first: int, last: int) -> None:
        """Stop awaiting these messages: they are durable, or were dropped."""
        self.keys.take(first, last)
        for level in self._repeated:
            if level:
                level.take(first, last)

    def expired(self, now_s: float) -> list[Range]:
        """Keys that were confirmed `keep_s` ago; none while reports are required."""
        found: list[Range] = []
        longest_s = self._keep_s + self._keep_s / GROUPS if self._keep_s else 0.0
        while self._groups and now_s - self._groups[0][0] >= longest_s:
            found += self._groups.popleft()[1].intersection(self.keys)
        return found

    def require_reports(self) -> None:
        """Note that a collector has reported: from now on only reports delete messages."""
        self._reports_required = True
        self._groups.clear()

    def collectors_gone(self, now_s: float) -> None:
        """Note that no collector reads these messages any more: those whose report is awaited now are kept for `keep_s`."""
        self._reports_required = False
        self._groups = deque([(now_s, RangeSet(self.keys))])
        self._rounds = [None] * LEVELS

    def missing(self, highest: int | None, fence: int, now_s: float) -> list[Range]:
        """Keys to send again; they are no longer awaited. `highest` is the highest durable key, `fence` the highest key sent so far."""
        found: list[Range] = []
        moved: list[tuple[int, RangeSet]] = []
        for level, waiting in enumerate(self._rounds):
            if waiting is None or highest is None or highest <= waiting.fence or now_s < waiting.due_s:
                continue
            self._rounds[level] = None
            lost = waiting.keys.intersection(self.keys)
            found += lost
            moved.append((level, lost))
        for level, lost in moved:
            above = self._repeated[min(level + 1, LEVELS - 1)]
            for first, last in lost:
                self.keys.take(first, last)
                self._repeated[level].take(first, last)
                above.add(first, last)
        for level in range(LEVELS):
            if self._rounds[level] is None and (keys := self._of_level(level)):
                pause_s = min(GRACE_S * 2**level, LONGEST_GRACE_S) * (1 + JITTER * self._draw())
                self._rounds[level] = Round(keys, fence, now_s + pause_s)
        return found

    def _of_level(self, level: int) -> RangeSet:
        """The awaited keys that were sent again `level` times, `LEVELS - 1` times or more for the last level."""
        if level:
            return self.keys.intersection(self._repeated[level])
        found = RangeSet(self.keys)
        for above in self._repeated[1:]:
            for first, last in above:
                found.take(first, last)
        return found
