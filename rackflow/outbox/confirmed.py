"""Keeps confirmed messages for a while, to republish them if the connection breaks.

A broker confirms messages that it has only in memory and writes its state to disk now and then (mosquitto: `autosave_interval`).
If it is killed in between, it comes back with the sessions and queues of the last write: neither the session-present flag nor
reason code 16 (no matching subscribers) tells that messages are gone, or which. So everything confirmed shortly before a connection
broke is published once more, and the collector drops the numbers it knows.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

# How long a new connection must have worked before anything is republished. The collector tries again within 5 s (its
# largest pause, `BACKOFF_S`) and must have subscribed: a broker without persistence drops messages that have no subscriber.
SETTLE_S: Final = 10.0
# A message is kept for at most this many times `keep_s`. Each republication is confirmed anew and starts the time again; on a
# link that breaks every minute the same messages would otherwise go out for ever, and never be deleted.
MAX_KEEP_FACTOR: Final = 10


class Confirmed:
    """Keys confirmed within the last `keep_s` seconds. Times are arguments, in monotonic seconds.

    After a connection breaks, all keys are kept until they have been republished, however long that takes.
    """

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._kept: OrderedDict[int, tuple[float, float]] = OrderedDict()
        """By key: the times of the last and the first confirmation. In the order of the last confirmation."""
        self._republishing: dict[int, float] = {}
        """The time of the first confirmation of each key that is being republished."""
        self._works_since: float | None = None
        self._broken = False
        self.first: int | None = None
        """The lowest key that may have to be republished after a break; None if there is none."""

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: int) -> bool:
        return key in self._kept

    def __iter__(self) -> Iterator[int]:
        return iter(self._kept)

    def add(self, key: int, now_s: float) -> list[int]:
        """A key was confirmed. Returns the keys whose messages can be deleted now, including this one if it is not kept."""
        first_s = self._republishing.pop(key, now_s)
        if now_s - first_s >= MAX_KEEP_FACTOR * self._keep_s:
            return [key]
        self._kept[key] = now_s, first_s
        self._works_since = now_s if self._works_since is None else self._works_since
        return [] if self._broken else self._due(now_s)

    def interrupt(self) -> None:
        """The connection broke: the kept keys stay until they have been republished."""
        self._works_since = None
        self._broken = bool(self._kept)
        self.first = min(self._kept, default=None)

    def take_repeats(self, now_s: float) -> list[int]:
        """Keys to republish now: once after each break, when the new connection has worked for a while. They are no longer kept.

        If `keep_s` is less than `SETTLE_S`, the wait is only `keep_s`: after that the messages would be too old.
        """
        if not self._broken or self._works_since is None or now_s - self._works_since < min(SETTLE_S, self._keep_s):
            return []
        longest_s = MAX_KEEP_FACTOR * self._keep_s
        self._republishing = {
            key: first_s for key, first_s in self._republishing.items() if now_s - first_s < longest_s
        }
        self._republishing |= {key: first_s for key, (_, first_s) in self._kept.items()}
        return self.clear()

    def clear(self) -> list[int]:
        """Forget all keys and return them."""
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
