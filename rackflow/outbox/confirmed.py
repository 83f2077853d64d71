"""Keeps what the broker confirmed for a while, to be published again if the connection breaks.

A broker confirms what it has in memory and writes it to disk now and then. One that dies in between knows neither that it lost
messages nor which, so everything confirmed shortly before a connection broke is sent once more. The collector knows the numbers it
has and drops them.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

SETTLE_S: Final = 10.0
"""A connection that works for this long: by then those who subscribe are back as well, and hear what is said again."""
MOST_REPEATS: Final = 10
"""A message is kept for at most this many times `keep_s`, however often connections break."""


class Confirmed:
    """Keys confirmed within the last `keep_s` seconds; time is an argument, in monotonic seconds.

    Nothing is forgotten from the moment a connection breaks until what is kept was said again.
    """

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._kept: OrderedDict[int, tuple[float, float]] = OrderedDict()
        """By key, in the order of their last confirmation: when that was, and when the first one was."""
        self._again: dict[int, float] = {}
        """First confirmations of those that are being said again."""
        self._works_since: float | None = None
        self._broken = False
        self.first: int | None = None
        """The lowest key of those that may have to be said again; None where there is none."""

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: int) -> bool:
        return key in self._kept

    def __iter__(self) -> Iterator[int]:
        return iter(self._kept)

    def add(self, key: int, now_s: float) -> list[int]:
        """One more is confirmed. Returns keys to forget, this one included where it is not kept."""
        first_s = self._again.pop(key, now_s)
        if now_s - first_s >= MOST_REPEATS * self._keep_s:
            return [key]
        self._kept[key] = now_s, first_s
        self._works_since = now_s if self._works_since is None else self._works_since
        return [] if self._broken else self._due(now_s)

    def interrupt(self) -> None:
        """The connection has broken; what is kept stays until it was said again."""
        self._works_since = None
        self._broken = bool(self._kept)
        self.first = min(self._kept, default=None)

    def repeat(self, now_s: float) -> list[int]:
        """Keys to be said again now: once, when a connection after a break has worked for a while. They are confirmed no more."""
        if not self._broken or self._works_since is None or now_s - self._works_since < min(SETTLE_S, self._keep_s):
            return []
        longest_s = MOST_REPEATS * self._keep_s
        self._again = {key: first_s for key, first_s in self._again.items() if now_s - first_s < longest_s}
        self._again |= {key: first_s for key, (_, first_s) in self._kept.items()}
        return self.clear()

    def clear(self) -> list[int]:
        """Let go of all of them; returns their keys."""
        keys = list(self._kept)
        self._kept.clear()
        self._broken, self.first = False, None
        return keys

    def _due(self, now_s: float) -> list[int]:
        due = []
        for key, (last_s, _) in self._kept.items():
            if now_s - last_s < self._keep_s:
                break
            due.append(key)
        for key in due:
            del self._kept[key]
        return due
