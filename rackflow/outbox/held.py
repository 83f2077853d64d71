"""Keys of messages that are held back, because the other side refuses their topic. Pure.

Only keys are kept, 8 bytes each: a topic may be refused for as long as the outbox lasts, and a disk outbox of 1 GiB holds a
million messages, which must not be in memory.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import Literal, TypeAlias

Which: TypeAlias = Literal["oldest", "newest", "all"]
"""Which messages of a topic to hand out again: one, to ask whether the topic is still refused, or all of them."""


class HeldKeys:
    """Keys by topic, each topic's in ascending order."""

    def __init__(self) -> None:
        self._topics: dict[str, array[int]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def has(self, topic: str, key: int) -> bool:
        """Whether this message is held."""
        keys = self._topics.get(topic)
        if keys is None:
            return False
        at = bisect_left(keys, key)
        return at < len(keys) and keys[at] == key

    @property
    def first(self) -> int | None:
        """The lowest key; None if there is none."""
        return min((keys[0] for keys in self._topics.values()), default=None)

    @property
    def last(self) -> int | None:
        """The highest key; None if there is none."""
        return max((keys[-1] for keys in self._topics.values()), default=None)

    def oldest(self, most: int) -> Iterator[int]:
        """The lowest keys of all topics, ascending."""
        return islice(merge(*self._topics.values()), most)

    def from_key(self, key: int) -> int | None:
        """The lowest key that is not below `key`."""
        found = ((keys, bisect_left(keys, key)) for keys in self._topics.values())
        return min((keys[at] for keys, at in found if at < len(keys)), default=None)

    def add(self, topic: str, key: int) -> None:
        """Hold a message. A probe that was refused again has a lower key than those that came meanwhile."""
        keys = self._topics.setdefault(topic, array("q"))
        keys.insert(bisect_left(keys, key), key)
        self._count += 1

    def take(self, topic: str, which: Which) -> list[int]:
        """Remove and return keys of a topic, ascending."""
        keys = self._topics.get(topic)
        if keys is None:
            return []
        if which == "all":
            found = keys.tolist()
            del keys[:]
        else:
            found = [keys.pop(0 if which == "oldest" else -1)]
        self._count -= len(found)
        if not keys:
            del self._topics[topic]
        return found

    def remove_between(self, first: int, last: int) -> None:
        """Remove all keys from `first` to `last`: these messages are gone."""
        for topic, keys in list(self._topics.items()):
            low, high = bisect_left(keys, first), bisect_right(keys, last)
            if low < high:
                del keys[low:high]
                self._count -= high - low
                if not keys:
                    del self._topics[topic]
