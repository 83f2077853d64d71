"""A set of message keys as ranges, 16 bytes each, because an outbox of 1 GiB holds a million messages."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import TypeAlias

Range: TypeAlias = tuple[int, int]
"""First and last key, both included."""


class RangeSet:
    """A set of integers. `len` is how many there are; iterating gives the ranges, ascending, and none touches the next."""

    __slots__ = ("_count", "_firsts", "_lasts")

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._firsts = array("q")
        self._lasts = array("q")
        self._count = 0
        for first, last in ranges:
            self.add(first, last)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: int) -> bool:
        at = bisect_left(self._lasts, key)
        return at < len(self._lasts) and self._firsts[at] <= key

    def __iter__(self) -> Iterator[Range]:
        return zip(self._firsts, self._lasts, strict=True)

    @property
    def first(self) -> int | None:
        """The lowest key; None if the set is empty."""
        return self._firsts[0] if self._firsts else None

    @property
    def last(self) -> int | None:
        """The highest key; None if the set is empty."""
        return self._lasts[-1] if self._lasts else None

    def first_from(self, key: int) -> int | None:
        """The lowest key that is not below this one."""
        at = bisect_left(self._lasts, key)
        return max(key, self._firsts[at]) if at < len(self._lasts) else None

    def add(self, first: int, last: int) -> None:
        """Add all keys from `first` to `last`."""
        # Nearly every key follows the highest one. Measured: 0.2 µs this way, 1.4 µs the other.
        lasts = self._lasts
        if lasts and lasts[-1] == first - 1:
            lasts[-1] = last
            self._count += last - first + 1
            return
        # Ranges that overlap or touch the new one.
        low, high = bisect_left(self._lasts, first - 1), bisect_right(self._firsts, last + 1)
        if low < high:
            first, last = min(first, self._firsts[low]), max(last, self._lasts[high - 1])
            self._count -= sum(self._lasts[at] - self._firsts[at] + 1 for at in range(low, high))
        self._firsts[low:high] = array("q", (first,))
        self._lasts[low:high] = array("q", (last,))
        self._count += last - first + 1

    def within(self, first: int, last: int) -> list[Range]:
        """The ranges between `first` and `last`, both included."""
        low, high = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
        return [(max(first, self._firsts[at]), min(last, self._lasts[at])) for at in range(low, high)]

    def take(self, first: int, last: int) -> list[Range]:
        """Remove the keys from `first` to `last`; returns those that were there."""
        found = self.within(first, last)
        if found:
            low, high = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
            left = [(self._firsts[low], first - 1)] if self._firsts[low] < first else []
            right = [(last + 1, self._lasts[high - 1])] if self._lasts[high - 1] > last else []
            self._firsts[low:high] = array("q", (each for each, _ in (*left, *right)))
            self._lasts[low:high] = array("q", (each for _, each in (*left, *right)))
            self._count -= sum(end - start + 1 for start, end in found)
        return found

    def head(self, most: int) -> list[Range]:
        """The lowest `most` keys."""
        found: list[Range] = []
        for first, last in self:
            if most <= 0:
                break
            found.append((first, min(last, first + most - 1)))
            most -= last - first + 1
        return found

    def intersection(self, other: "RangeSet") -> "RangeSet":
        """The keys that are in both."""
        few, many = sorted((self, other), key=lambda each: len(each._firsts))  # noqa: SLF001 - of the same class
        return RangeSet(each for first, last in few for each in many.within(first, last))

    def difference(self, other: "RangeSet") -> "RangeSet":
        """The keys that are in this and not in the other."""
        found = RangeSet(self)
        for first, last in other:
            found.take(first, last)
        return found
