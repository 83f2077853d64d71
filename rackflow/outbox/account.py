"""The account in an agent's status: ranges of message numbers that collectors will not get, or not yet. Pure."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from rackflow.documents import Numbers
from rackflow.outbox.epochs import EPOCHS_KEPT, EpochBase, numbers_of_keys
from rackflow.outbox.rangeset import RangeSet

# A status document is retained and sent again at each connection, so its account must stay small: 200 ranges are about
# 17 kB of JSON. Beyond that the two oldest ranges of one epoch and reason are merged, including the gap between them: the
# ledger then counts messages in that gap as dropped if they do not arrive. (Those that arrived stay stored.)
MAX_RANGES: Final = 200


def undelivered_numbers(bases: Sequence[EpochBase], present: RangeSet, first: int, last: int) -> list[Numbers]:
    """For each epoch, one range from its first to its last message that is `present`, within the keys `first` to `last`.

    The gaps inside are left out, because an epoch has many of them and a collector does not need them.
    """
    found = list[Numbers]()
    base_of = {each.epoch: each.base for each in bases}
    for numbers in numbers_of_keys(bases, first, last):
        base = base_of[numbers.epoch]
        here = present.within(numbers.first + base, numbers.last + base)
        if here:
            found.append(msgspec.structs.replace(numbers, first=here[0][0] - base, last=here[-1][1] - base))
    return found


def bounded(found: list[Numbers]) -> list[Numbers]:
    """The oldest and the newest of very many ranges, since the status must stay small. The others follow as these are freed."""
    return found if len(found) <= MAX_RANGES else [*found[: MAX_RANGES // 2], *found[-MAX_RANGES // 2 :]]


def ended_epochs(epochs: Sequence[EpochBase]) -> list[Numbers]:
    """The latest of the earlier epochs that had messages, each as the range of all of its numbers."""
    return [
        Numbers(epoch=each.epoch, first=1, last=later.base - each.base)
        for each, later in pairwise(epochs[-EPOCHS_KEPT:])
        if later.base > each.base
    ]


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


def added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """The sums of two counts of dropped messages, by reason."""
    return {reason: one.get(reason, 0) + other.get(reason, 0) for reason in {**one, **other}}
