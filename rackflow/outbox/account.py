"""Translates between the keys of an outbox on disk and the message numbers that agents and collectors exchange. Pure.

Keys of the present epoch are its message numbers. Messages of earlier epochs have keys of 0 and below.
"""

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from rackflow.documents import Numbers, Stored
from rackflow.outbox.numbers import EpochBase, numbers_of_keys
from rackflow.outbox.rangeset import Range, RangeSet
from rackflow.outbox.state import EPOCHS_KEPT


def bases_of(epochs: Sequence[EpochBase]) -> list[EpochBase]:
    """The epochs of a file, oldest first, each with the key before its first message. Keys in the file are translated to outside ones."""
    return [EpochBase(each.base - epochs[-1].base, each.epoch) for each in epochs]


def durable_keys(report: Stored, bases: Sequence[EpochBase], handed_out: int) -> list[Range]:
    """The keys that a collector reports as durable, ascending. Unknown epochs, and keys above `handed_out` (never sent), are ignored."""
    found = list[Range]()
    for each, end in zip(bases, [*(later.base for later in bases[1:]), handed_out], strict=True):
        for first, last in report.durable.get(each.epoch, ()):
            if first + each.base <= end:
                found.append((first + each.base, min(last + each.base, end)))
    return found


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


def ended_epochs(epochs: Sequence[EpochBase]) -> list[Numbers]:
    """The latest of the earlier epochs that had messages, each as the range of all of its numbers."""
    return [
        Numbers(epoch=each.epoch, first=1, last=later.base - each.base)
        for each, later in pairwise(epochs[-EPOCHS_KEPT:])
        if later.base > each.base
    ]
