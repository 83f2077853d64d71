"""Ranges of keys in an outbox file, and ranges of message numbers as an agent's status reports them.

A *key* counts through all epochs of a file, a *number* starts at 1 in each epoch. Only the list of epoch bases connects the two.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rackflow.documents import Numbers

# A status document is retained and sent again at each connection, so its account must stay small: 200 ranges are about
# 17 kB of JSON. Beyond that the two oldest ranges of one epoch and reason are merged, including the gap between them: the
# ledger then counts messages in that gap as dropped if they do not arrive. (Those that arrived stay stored.)
MAX_RANGES: Final = 200


@dataclass(frozen=True, slots=True)
class EpochBase:
    """Where an epoch begins among the keys of a file: its message with number n has key `base + n`."""

    base: int
    epoch: str


def ranges(keys: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Sorted keys as ranges, both ends included."""
    first = last = None
    for key in keys:
        if last is None or first is None:
            first = key
        elif key != last + 1:
            yield first, last
            first = key
        last = key
    if first is not None and last is not None:
        yield first, last


def gaps(first: int, last: int, present: Collection[int]) -> list[tuple[int, int]]:
    """Ranges of the keys from `first` to `last` that are not present."""
    found = []
    expected = first
    for low, high in ranges(sorted(key for key in present if first <= key <= last)):
        if expected < low:
            found.append((expected, low - 1))
        expected = high + 1
    return [*found, (expected, last)] if expected <= last else found


def numbers_of_keys(epochs: Sequence[EpochBase], first: int, last: int, reason: str = "") -> list[Numbers]:
    """The keys from `first` to `last` as message numbers of the epochs they belong to."""
    ordered = sorted(epochs, key=lambda each: each.base)
    found = []
    for at, each in enumerate(ordered):
        end = ordered[at + 1].base if at + 1 < len(ordered) else last
        low, high = max(first, each.base + 1), min(last, end)
        if low <= high:
            found.append(Numbers(epoch=each.epoch, first=low - each.base, last=high - each.base, reason=reason))
    return found


def add_range(found: Sequence[Numbers], more: Numbers) -> list[Numbers]:
    """Add a range, joined with the ranges of the same epoch and reason that it touches or overlaps."""
    first, last = more.first, more.last
    kept = []
    for each in found:
        same = (each.epoch, each.reason) == (more.epoch, more.reason)
        if same and each.first <= last + 1 and first <= each.last + 1:
            first, last = min(first, each.first), max(last, each.last)
        else:
            kept.append(each)
    kept.append(Numbers(epoch=more.epoch, first=first, last=last, reason=more.reason))
    return kept if len(kept) <= MAX_RANGES else _shorter(kept)


def _shorter(found: list[Numbers]) -> list[Numbers]:
    """Remove one range: join the oldest with the next of the same epoch and reason; if there is none, drop the oldest."""
    oldest = found[0]
    for at, each in enumerate(found[1:], 1):
        if (each.epoch, each.reason) == (oldest.epoch, oldest.reason):
            rest = [*found[1:at], *found[at + 1 :]]
            hull = Numbers(
                epoch=each.epoch,
                first=min(each.first, oldest.first),
                last=max(each.last, oldest.last),
                reason=each.reason,
            )
            return [hull, *rest]
    return found[1:]


def bounded(found: list[Numbers]) -> list[Numbers]:
    """The oldest and the newest of very many ranges, since the status must stay small. The others follow as these are freed."""
    return found if len(found) <= MAX_RANGES else [*found[: MAX_RANGES // 2], *found[-MAX_RANGES // 2 :]]


def added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """The sums of two counts."""
    return {reason: one.get(reason, 0) + other.get(reason, 0) for reason in {**one, **other}}
