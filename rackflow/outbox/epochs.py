"""Epochs of an outbox on disk: which of its keys are which message numbers. Pure.

A *key* counts through all epochs of a file; a *number* starts at 1 in each epoch, and is what agents and collectors exchange. Only the
list of epoch bases connects the two. In the file keys are 1 and above. Outside of it (`bases_of`) keys of the present epoch are its message
numbers, and messages of earlier epochs have keys of 0 and below.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rackflow.documents import Numbers, Stored
from rackflow.outbox.rangeset import Range

# EPOCHS_KEPT: empty epochs whose last number is still reported to collectors. MAX_EPOCHS: all epochs; only a crash loop reaches it. A
# collector cannot report messages of a forgotten epoch as stored, so they are deleted by age.
EPOCHS_KEPT: Final = 20
MAX_EPOCHS: Final = 5_000


@dataclass(frozen=True, slots=True)
class EpochBase:
    """Where an epoch begins among the keys of a file: its message with number n has key `base + n`."""

    base: int
    epoch: str


def bases_of(epochs: Sequence[EpochBase]) -> list[EpochBase]:
    """The epochs of a file, oldest first, each with the key before its first message. Keys in the file are translated to outside ones."""
    return [EpochBase(each.base - epochs[-1].base, each.epoch) for each in epochs]


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


def durable_keys(report: Stored, bases: Sequence[EpochBase], handed_out: int) -> list[Range]:
    """The keys that a collector reports as durable, ascending. Unknown epochs, and keys above `handed_out` (never sent), are ignored."""
    found = list[Range]()
    for each, end in zip(bases, [*(later.base for later in bases[1:]), handed_out], strict=True):
        for first, last in report.durable.get(each.epoch, ()):
            if first + each.base <= end:
                found.append((first + each.base, min(last + each.base, end)))
    return found


def forget_epochs(epochs: list[EpochBase], oldest_key: int) -> list[EpochBase]:
    """The epochs without the old ones that have no message left. Each start of the process begins an epoch, so they must be dropped."""
    without = sum(later.base < oldest_key for later in epochs[1:])
    gone = max(0, min(without, len(epochs) - EPOCHS_KEPT), len(epochs) - MAX_EPOCHS)
    return epochs[gone:]
