"""Calculates the account of an epoch from its chunks: sums, and the ranges of numbers that are missing.

Every number is counted once: produced = stored + dropped + in flight + missing. If sources contradict each other, what
this collector received itself takes precedence over what an agent says.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from heapq import heappop, heappush
from itertools import accumulate, pairwise
from operator import or_

from collector.ledger.epochs import CHUNK, FULL, Chunk, EpochKey, EpochRecord

Range = tuple[int, int]
"""First and last number, both included."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Missing numbers `first` to `last`, both included, and the times of the messages before and after them, ms; 0 is unknown."""

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
    missing_messages: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    missing: list[Missing] = field(default_factory=list)


def account_of(record: EpochRecord, chunks: Sequence[Chunk]) -> EpochAccount:
    """The account of one epoch with its missing ranges; `chunks` are all of its chunks, by number.

    A number that has several states counts as the first of: stored, dead letter, waiting on the collector's disk, dropped by
    the agent, still with the agent. So a message that arrived before the agent dropped it is stored, and a message that was
    refused once and stored later is not lost. Linear in the number of ranges.
    """
    sums = sums_of(record, chunks)
    taken = join(run for chunk in chunks for run in known_runs(chunk))
    highest = _highest(record, chunks)
    gaps = _without([(sums.known_from, highest)] if sums.known_from <= highest else [], taken)
    claimed = [(first, last) for first, last, _ in _claims(record, sums.known_from, highest)]
    times = _Times(chunks)
    return replace(sums, missing=[Missing(*gap, *times.around(*gap)) for gap in _without(gaps, claimed)])


def sums_of(record: EpochRecord, chunks: Sequence[Chunk]) -> EpochAccount:
    """The account of one epoch without its missing ranges: `missing_messages` is right, `missing` is empty.

    It counts bits instead of making ranges. Behind a shared subscription each collector has every second number, so an epoch of ten million
    messages has five million ranges, but only 20,000 chunks.
    """
    reasons = sorted({reason for chunk in chunks for reason in chunk.dead})
    dropped: Counter[str] = Counter()
    stored = waiting = 0
    for chunk in chunks:
        stored += chunk.stored.bit_count() * chunk.span
        counted = chunk.stored
        for reason in reasons if chunk.dead else ():
            new = chunk.dead.get(reason, 0) & ~counted
            dropped[f"dead_letter_{reason}"] += new.bit_count() * chunk.span
            counted |= new
        waiting += (chunk.waiting & ~counted).bit_count() * chunk.span
    numbers = _KnownNumbers(chunks)
    highest = _highest(record, chunks)
    known_from = max(1, record.known_from) if numbers.count or record.known_from else highest + 1
    missing = numbers.unknown_between(known_from, highest) if known_from <= highest else 0
    produced = numbers.count + missing
    in_flight = waiting
    for first, last, drop_reason in _claims(record, known_from, highest):
        claimed = numbers.unknown_between(first, last)
        missing -= claimed
        if drop_reason is None:  # still with the agent
            in_flight += claimed
        else:
            dropped[drop_reason] += claimed
    return EpochAccount(
        key=record.key,
        known_from=known_from,
        seen_ms=record.seen_ms,
        produced=produced,
        stored=stored,
        duplicates=record.duplicates,
        in_flight=in_flight,
        dropped=+dropped,
        missing_messages=missing,
    )


class _KnownNumbers:
    """How many numbers of an epoch the collector knows: stored, waiting or dead-lettered. `chunks` are in order."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self._chunks = chunks
        # For each chunk: how many numbers are known up to its end.
        self._up_to = list(accumulate(_known(chunk).bit_count() * chunk.span for chunk in chunks))

    @property
    def count(self) -> int:
        """All of them."""
        return self._up_to[-1] if self._up_to else 0

    def unknown_between(self, first: int, last: int) -> int:
        """How many numbers from `first` to `last`, both included, are not known."""
        return last - first + 1 - (self._below(last + 1) - self._below(first))

    def _below(self, number: int) -> int:
        at = bisect_right(self._chunks, (number - 1) // CHUNK, key=lambda each: each.number) - 1
        if at < 0:
            return 0
        chunk, before = self._chunks[at], self._up_to[at - 1] if at else 0
        if number > (chunk.number + chunk.span) * CHUNK:
            return self._up_to[at]
        inside = number - 1 - chunk.number * CHUNK
        if chunk.span > 1:  # every message of it is stored
            return before + inside
        return before + (_known(chunk) & (1 << inside) - 1).bit_count()


def _highest(record: EpochRecord, chunks: Sequence[Chunk]) -> int:
    """The highest number known from messages or statements. Later numbers are unknown, and do not count as missing."""
    said = [last for _, last in record.undelivered] + [last for _, last, _ in record.dropped]
    last_run = next((runs for chunk in reversed(chunks) if (runs := known_runs(chunk))), [(0, 0)])
    return max([record.ended, *said, last_run[-1][1]])


def _claims(record: EpochRecord, lowest: int, highest: int) -> list[tuple[int, int, str | None]]:
    """The agent's claims about numbers from `lowest` to `highest`, in order and without overlaps.

    Each is the first and the last number, and the reason of a drop; None means that the agent still has these messages.

    Where claims overlap, a drop takes precedence over undelivered, and otherwise the first claim. One pass over the sorted ends, so the
    time grows with the number of claims; subtracting each claim from a list of gaps took claims times gaps.
    """
    said: list[tuple[int, int, str | None]] = [*record.dropped]
    said += [(first, last or highest, None) for first, last in record.undelivered]
    ends: dict[int, list[int]] = {}
    for at, (first, last, _) in enumerate(said):
        begin, end = max(first, lowest), min(last, highest) + 1
        if begin < end:
            ends.setdefault(begin, []).append(at)
            ends.setdefault(end, []).append(at)
    found: list[tuple[int, int, str | None]] = []
    heap: list[int] = []
    begun: set[int] = set()
    ended: set[int] = set()
    for edge, following in pairwise(sorted(ends)):
        for at in ends[edge]:
            if at in begun:
                ended.add(at)
            else:
                begun.add(at)
                heappush(heap, at)
        while heap and heap[0] in ended:
            heappop(heap)
        if heap:
            found.append((edge, following - 1, said[heap[0]][2]))
    return found


def merge(
    one: tuple[EpochRecord, Sequence[Chunk]], other: tuple[EpochRecord, Sequence[Chunk]]
) -> tuple[EpochRecord, list[Chunk]]:
    """Merge what two collectors know of one epoch. A message that both stored is a duplicate.

    Of the ranges that the agent has not delivered, the newer record's (`seen_ms`) count, because these ranges shrink. Drops and the
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
        have.waiting |= chunk.waiting
        for reason, bits in chunk.dead.items():
            have.dead[reason] = have.dead.get(reason, 0) | bits
        have.widen(chunk.first_ms, chunk.last_ms)
    first, second = one[0], other[0]
    newer = max((first, second), key=lambda record: (record.seen_ms, record.undelivered, record.known_from))
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


def known_runs(chunk: Chunk) -> list[Range]:
    """Numbers that are stored, on the collector's own disk, or in the dead-letter file."""
    if chunk.stored == FULL:
        return [(chunk.number * CHUNK + 1, (chunk.number + chunk.span) * CHUNK)]
    return _runs(_known(chunk), chunk.number)


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
    """The parts of `ranges` that are not in `taken`. Both are in order and without overlaps; one pass over both."""
    left: list[Range] = []
    at = 0
    for start, last in ranges:
        first = start
        while at < len(taken) and taken[at][1] < first:
            at += 1
        inside = at
        while inside < len(taken) and taken[inside][0] <= last:
            if first < taken[inside][0]:
                left.append((first, taken[inside][0] - 1))
            first = taken[inside][1] + 1
            inside += 1
        at = max(at, inside - 1)  # the last one may reach into the next range
        if first <= last:
            left.append((first, last))
    return left


def _cut(chunk: Chunk, cuts: list[int]) -> list[Chunk]:
    end = chunk.number + chunk.span
    edges = cuts[bisect_left(cuts, chunk.number) : bisect_right(cuts, end)]
    return [replace(chunk, number=first, span=last - first, dead=dict(chunk.dead)) for first, last in pairwise(edges)]


class _Times:
    """Times around a gap, from the times of the chunks beside it."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self._chunks = chunks

    def around(self, first: int, last: int) -> tuple[int, int]:
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
    return reduce(or_, chunk.dead.values(), chunk.stored | chunk.waiting)
