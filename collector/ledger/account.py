"""Calculates the account of an epoch from its chunks: sums, and the ranges of numbers that are missing.

Every number is counted once: produced = stored + dropped + in flight + missing. If sources contradict each other, what
this collector received itself takes precedence over what an agent says.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import pairwise
from operator import or_

from collector.ledger.epochs import CHUNK, FULL, Chunk, EpochKey, EpochRecord

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Missing:
    """Numbers `first` to `last`, both included, that nobody accounts for, and the times of the messages around them, ms; 0 is unknown."""

    first: int
    last: int
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class EpochAccount:
    """The account of one epoch, in messages: produced = stored + dropped + in flight + missing."""

    key: EpochKey
    known_from: int
    seen_ms: int
    produced: int
    stored: int
    duplicates: int
    in_flight: int
    dropped: Counter[str] = field(default_factory=Counter)
    missing: list[Missing] = field(default_factory=list)

    @property
    def missing_messages(self) -> int:
        """How many messages are missing."""
        return sum(run.last - run.first + 1 for run in self.missing)


def account_of(record: EpochRecord, chunks: Sequence[Chunk]) -> EpochAccount:
    """The account of one epoch; `chunks` are all of its chunks, by number.

    A number that has several states counts as the first of: stored, dead letter, waiting on the collector's disk, dropped by
    the agent, still with the agent. So a message that arrived before the agent dropped it is stored, and a message that was
    refused once and stored later is not lost.
    """
    stored = join(run for chunk in chunks for run in _stored(chunk))
    dropped: Counter[str] = Counter()
    taken = list(stored)
    for reason in sorted({reason for chunk in chunks for reason in chunk.dead}):
        rest = _without([run for chunk in chunks for run in _runs(chunk.dead.get(reason, 0), chunk.number)], taken)
        dropped[f"dead_letter_{reason}"] += _count(rest)
        taken = join([*taken, *rest])
    own = _without([run for chunk in chunks for run in _runs(chunk.held, chunk.number)], taken)
    taken = join([*taken, *own])
    said = [last for _, last in record.held] + [last for _, last, _ in record.dropped]
    # The highest number known from messages or statements. Later numbers are unknown, and do not count as missing.
    highest = max([record.ended, *said, taken[-1][1] if taken else 0])
    known_from = max(1, record.known_from) if taken or record.known_from else highest + 1
    gaps = _without([(known_from, highest)] if known_from <= highest else [], taken)
    produced = _count(taken) + _count(gaps)
    for first, last, reason in record.dropped:
        gaps, found = _out_of(gaps, (first, last))
        dropped[reason] += found
    in_flight = _count(own)
    for first, last in record.held:
        gaps, found = _out_of(gaps, (first, last or highest))
        in_flight += found
    times = _Times(chunks)
    return EpochAccount(
        key=record.key,
        known_from=known_from,
        seen_ms=record.seen_ms,
        produced=produced,
        stored=_count(stored),
        duplicates=record.duplicates,
        in_flight=in_flight,
        dropped=+dropped,
        missing=[Missing(first, last, *times.around(first, last)) for first, last in gaps],
    )


def merge(
    one: tuple[EpochRecord, Sequence[Chunk]], other: tuple[EpochRecord, Sequence[Chunk]]
) -> tuple[EpochRecord, list[Chunk]]:
    """Merge what two collectors know of one epoch. A message that both stored is a duplicate.

    Of the ranges that the agent still holds, the newer record's (`seen_ms`) count, because these ranges shrink. Drops and the
    last number only grow, so those of both count. `known_from` is the higher one: messages that the older collector missed
    before the newer one existed may have gone to a third, so one collector alone does not make them missing.
    """
    cuts = sorted(
        {edge for _, chunks in (one, other) for each in chunks for edge in (each.number, each.number + each.span)}
    )
    found: dict[int, Chunk] = {}
    twice = 0
    for chunk in (piece for _, chunks in (one, other) for each in chunks for piece in _cut(each, cuts)):
        have = found.get(chunk.number)
        if have is None:
            found[chunk.number] = chunk
            continue
        twice += (have.stored & chunk.stored).bit_count() * chunk.span
        have.stored |= chunk.stored
        have.held |= chunk.held
        for reason, bits in chunk.dead.items():
            have.dead[reason] = have.dead.get(reason, 0) | bits
        have.widen(chunk.first_ms, chunk.last_ms)
    first, second = one[0], other[0]
    newer = max((first, second), key=lambda record: (record.seen_ms, record.held, record.known_from))
    record = replace(
        newer,
        known_from=max(first.known_from, second.known_from),
        born_ms=min(first.born_ms, second.born_ms),
        duplicates=first.duplicates + second.duplicates + twice,
        ended=max(first.ended, second.ended),
        dropped=sorted({*first.dropped, *second.dropped}),
    )
    return record, [found[number] for number in sorted(found)]


def join(ranges: Iterable[Range]) -> list[Range]:
    """Ranges in order; ranges that touch or overlap are joined."""
    joined: list[Range] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return joined


def _stored(chunk: Chunk) -> list[Range]:
    if chunk.stored == FULL:
        return [(chunk.number * CHUNK + 1, (chunk.number + chunk.span) * CHUNK)]
    return _runs(chunk.stored, chunk.number)


def _runs(bits: int, number: int) -> list[Range]:
    # Bit tricks on whole runs instead of a loop over 512 bits: a chunk usually has one run or two.
    found, at = [], number * CHUNK + 1
    while bits:
        skip = (bits & -bits).bit_length() - 1
        bits >>= skip
        length = (~bits & (bits + 1)).bit_length() - 1
        bits >>= length
        found.append((at + skip, at + skip + length - 1))
        at += skip + length
    return found


def _without(ranges: Sequence[Range], taken: Sequence[Range]) -> list[Range]:
    """The parts of `ranges` that are not in `taken`. Both are in order; `taken` has no overlaps."""
    left: list[Range] = []
    for start, last in ranges:
        first = start
        at = bisect_right(taken, first, key=lambda each: each[0])
        for other_first, other_last in taken[max(0, at - 1) :]:
            if other_first > last:
                break
            if first < other_first:
                left.append((first, other_first - 1))
            first = max(first, other_last + 1)
        if first <= last:
            left.append((first, last))
    return left


def _out_of(gaps: list[Range], wanted: Range) -> tuple[list[Range], int]:
    left = _without(gaps, [wanted])
    return left, _count(gaps) - _count(left)


def _count(ranges: Iterable[Range]) -> int:
    return sum(last - first + 1 for first, last in ranges)


def _cut(chunk: Chunk, cuts: list[int]) -> list[Chunk]:
    end = chunk.number + chunk.span
    edges = cuts[bisect_left(cuts, chunk.number) : bisect_right(cuts, end)]
    return [replace(chunk, number=first, span=last - first, dead=dict(chunk.dead)) for first, last in pairwise(edges)]


class _Times:
    """Times around a gap, from the times of the chunks beside it."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self._chunks = chunks

    def around(self, first: int, last: int) -> Range:
        """The times between which messages `first` to `last` were made, as closely as the chunks show, ms; 0 is unknown.

        A chunk has only the times of its earliest and latest message. If a chunk begins with the gap, the time before the gap
        comes from the chunk before; if it ends with the gap, the time after the gap comes from the next chunk. (Using the
        chunk's own last time for the time after the gap made `--since` hide recent losses.)
        """
        chunks, low, high = self._chunks, (first - 1) // CHUNK, (last - 1) // CHUNK
        at = bisect_right(chunks, low, key=lambda each: each.number) - 1
        inside = at >= 0 and chunks[at].number == low
        if inside and not _known(chunks[at]) & (1 << (first - 1) % CHUNK) - 1:
            inside, at = False, at - 1
        from_ms = 0 if at < 0 else chunks[at].first_ms if inside else chunks[at].last_ms
        at = bisect_left(chunks, high, key=lambda each: each.number)
        inside = at < len(chunks) and chunks[at].number == high
        if inside and not _known(chunks[at]) >> (last - 1) % CHUNK + 1:
            inside, at = False, at + 1
        to_ms = 0 if at >= len(chunks) else chunks[at].last_ms if inside else chunks[at].first_ms
        return min(from_ms, to_ms) if to_ms else from_ms, max(from_ms, to_ms) if to_ms else 0


def _known(chunk: Chunk) -> int:
    """The bits of all messages that the chunk's times include."""
    return reduce(or_, chunk.dead.values(), chunk.stored | chunk.held)
