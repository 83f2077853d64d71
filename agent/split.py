"""Splits the batch of one poll into several that fit a limit of size. Pure.

With thousands of outlets, or a broker with a small packet limit, every poll would otherwise be lost as a whole. Each part is a message
with its own number, and says which part it is, so that receivers count one poll.
"""

from typing import Final

import msgspec

from rackflow.documents import MAX_PARTS, Batch, Part, encode

# Upper bound of one reading, a series key with a value, state or reason: the longest metric name with four labels of 64 characters is
# shorter.
LARGEST_READING_BYTES: Final = 512
# Everything in a batch beside its readings: names, times, and six labels of 64 characters.
OVERHEAD_BYTES: Final = 2048
# Stands in for the message number while the size is measured. The real number, which has fewer digits, is assigned by the outbox.
LONGEST_SEQ: Final = 2**53
READINGS: Final = ("values", "states", "bad")


def split_batch(batch: Batch, limit_bytes: int) -> list[Batch]:
    """Batches with at most `limit_bytes` of payload each; the batch itself if it fits.

    A batch of one reading is never split, even if it is too large. Raises ContractError if a value is not finite.
    """
    count = len(batch.values) + len(batch.states) + len(batch.bad)
    # Encoding twice would cost every poll, so only a batch that might be too large is measured.
    if count * LARGEST_READING_BYTES + OVERHEAD_BYTES <= limit_bytes:
        return [batch]
    if count <= 1 or _size(batch) <= limit_bytes:
        return [batch]
    # A part that is split again, for a limit that was learnt later, goes on from its own number: only the first part of a poll may
    # have number 1.
    before = Part(number=1, of=1, rejected=len(batch.bad)) if batch.part is msgspec.UNSET else batch.part
    longest = Part(number=MAX_PARTS, of=MAX_PARTS, rejected=before.rejected)
    found = _halved(msgspec.structs.replace(batch, part=longest), limit_bytes)
    of = min(before.of + len(found) - 1, MAX_PARTS)
    return [
        msgspec.structs.replace(
            each, part=Part(number=min(before.number + at, MAX_PARTS), of=of, rejected=before.rejected)
        )
        for at, each in enumerate(found)
    ]


def _halved(batch: Batch, limit_bytes: int) -> list[Batch]:
    count = len(batch.values) + len(batch.states) + len(batch.bad)
    if count <= 1 or _size(batch) <= limit_bytes:
        return [batch]
    left = count // 2
    first: dict[str, dict[str, object]] = {}
    second: dict[str, dict[str, object]] = {}
    for name in READINGS:
        readings = list(getattr(batch, name).items())
        first[name], second[name] = dict(readings[:left]), dict(readings[left:])
        left = max(0, left - len(readings))
    halves = (msgspec.structs.replace(batch, **half) for half in (first, second))
    return [each for half in halves for each in _halved(half, limit_bytes)]


def _size(batch: Batch) -> int:
    return len(encode(msgspec.structs.replace(batch, seq=LONGEST_SEQ)))
