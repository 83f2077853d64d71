"""Ranges of message numbers, kept as short as possible."""

from collections.abc import Sequence

from rackflow.documents import Numbers

MOST_RANGES = 200
"""As many as an agent's status may carry; beyond it the two oldest of one epoch and reason become one, gap and all."""


def add_range(ranges: Sequence[Numbers], more: Numbers) -> list[Numbers]:
    """Ranges with one more, joined where it continues or overlaps one of the same epoch and reason."""
    first, last = more.first, more.last
    kept = []
    for each in ranges:
        same = (each.epoch, each.reason) == (more.epoch, more.reason)
        if same and each.first <= last + 1 and first <= each.last + 1:
            first, last = min(first, each.first), max(last, each.last)
        else:
            kept.append(each)
    kept.append(Numbers(epoch=more.epoch, first=first, last=last, reason=more.reason))
    return kept if len(kept) <= MOST_RANGES else _shorter(kept)


def _shorter(ranges: list[Numbers]) -> list[Numbers]:
    oldest = ranges[0]
    for at, each in enumerate(ranges[1:], 1):
        if (each.epoch, each.reason) == (oldest.epoch, oldest.reason):
            rest = [*ranges[1:at], *ranges[at + 1 :]]
            hull = Numbers(
                epoch=each.epoch,
                first=min(each.first, oldest.first),
                last=max(each.last, oldest.last),
                reason=each.reason,
            )
            return [hull, *rest]
    return ranges[1:]
