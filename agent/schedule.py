"""When to poll: fixed rates with spread phases, deadlines, and back-off for a device that does not answer.

No clock: `now` is monotonic seconds, an argument everywhere.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from rackflow.catalogue import PollClass

DEADLINE_SHARE = 0.9
MAX_DEADLINE_S = 30.0
DEAD_AFTER_FAILURES = 3
MAX_RETRY_S = 60.0
ROUNDING = 1e-6
"""In cycles: a cycle that is due this very moment has come, whatever the last bits of the clock say."""


def phase(device: str, what: str) -> float:
    """Where in a cycle a device's turn is: [0, 1), the same in every run, spread evenly over devices."""
    return int.from_bytes(blake2b(f"{device}/{what}".encode(), digest_size=6).digest()) / 2**48


@dataclass(frozen=True, slots=True)
class DuePoll:
    """One poll that is to be made now. `skipped` cycles of its class went by unpolled since the last one."""

    poll_class: PollClass
    interval_s: float
    deadline_s: float
    skipped: int


class _Cycle:
    """One poll class of one device. Cycle n is due at (n + phase) x interval: nothing adds up, so nothing drifts."""

    __slots__ = ("_first", "_number", "_phase", "deadline_s", "due_at", "interval_s", "poll_class")

    def __init__(self, poll_class: PollClass, interval_s: float, share: float, now: float) -> None:
        self.poll_class = poll_class
        self.interval_s = interval_s
        self.deadline_s = min(interval_s * DEADLINE_SHARE, MAX_DEADLINE_S)
        self.due_at = now
        self._phase = share
        self._number = 0
        self._first = True

    def take(self, now: float) -> DuePoll:
        cycles = now / self.interval_s - self._phase
        if self._first:
            # The first poll comes at once; a cycle due in less than half an interval would only repeat it.
            self._number = math.floor(cycles + 0.5)
            self._first = False
            skipped = 0
        else:
            passed = max(math.floor(cycles + ROUNDING), self._number)
            skipped = passed - self._number
            self._number = passed
        self._number += 1
        self.due_at = (self._number + self._phase) * self.interval_s
        return DuePoll(self.poll_class, self.interval_s, self.deadline_s, skipped)


class DeviceSchedule:
    """The polls of one device, one after the other. Every class is due at once, and from then on at its fixed rate.

    Classes that are due together go in a round, the shortest interval first; no class goes twice before the round is
    over, so that a device too slow for its shortest class is still asked for the others.
    """

    def __init__(self, device: str, intervals: Mapping[PollClass, float], now: float) -> None:
        by_length = sorted(intervals.items(), key=lambda item: item[1])
        self._cycles = [
            _Cycle(poll_class, seconds, phase(device, poll_class), now) for poll_class, seconds in by_length
        ]
        self._round: list[_Cycle] = []

    def next_at(self) -> float:
        """When the next poll is due; may have gone by."""
        return min(cycle.due_at for cycle in self._cycles)

    def take(self, now: float) -> DuePoll | None:
        """The poll to make now, or None. Cycles that went by meanwhile are skipped and counted, never caught up."""
        if not self._round:
            # Last is next, because a list gives up its last element cheaply.
            self._round = [cycle for cycle in reversed(self._cycles) if cycle.due_at <= now]
        return self._round.pop().take(now) if self._round else None


class Breaker:
    """Whether a device counts as dead, and how long to leave it alone.

    Three failures in a row make it dead; then every attempt is a probe, after a pause between the shortest interval and
    a ceiling that doubles up to 60 s, drawn evenly (`draw` gives [0, 1)). One success makes it alive.
    """

    def __init__(self, shortest_s: float, draw: Callable[[], float]) -> None:
        self.shortest_s = shortest_s
        self._draw = draw
        self._failures = 0

    @property
    def dead(self) -> bool:
        """Whether only probes are made."""
        return self._failures >= DEAD_AFTER_FAILURES

    def succeeded(self) -> bool:
        """Note a success; True where the device was dead."""
        was_dead, self._failures = self.dead, 0
        return was_dead

    def failed(self) -> float:
        """Note a failure. Returns how many seconds to wait before the next attempt where nothing else is due."""
        self._failures += 1
        if not self.dead:
            return self.shortest_s
        doublings = min(self._failures - DEAD_AFTER_FAILURES + 1, 16)
        ceiling_s = max(self.shortest_s, min(self.shortest_s * 2.0**doublings, MAX_RETRY_S))
        extra_s: float = (ceiling_s - self.shortest_s) * self._draw()
        return self.shortest_s + extra_s
