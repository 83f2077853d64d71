"""Notices that a Modbus unit sends its numbers of several registers in another word order than its profile says, and rejects them. Pure.

In many meters the word order is a setting, and firmware versions of one family differ in it. Read in the wrong order, 231.25 V becomes
2.004 V, and a counter of 12,345 becomes 809 million: both within the metric's range, so a single number looks right. All numbers together
do not: some are out of range, tiny, or whole multiples of 65,536, and in the right order they are not. Numbers of one register have no word
order and are used as usual.
"""

import logging
import math
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from agent.modbus import Block, Field, WordOrder, decode
from agent.profile import Decoder, Plan, RawValue, Slot
from agent.readings import Readings
from rackflow.catalogue import Metric

log = logging.getLogger(__name__)

ORDERS: Final[tuple[WordOrder, ...]] = ("big", "little", "big-swapped", "little-swapped")
# Grades of how much a number looks like a reading.
IMPOSSIBLE, ODD, USUAL = 0, 1, 2
# Votes that are needed for another order. A single one may be chance: of counters above 16 million, one in 256 looks smaller with its words
# swapped. And one odd number must not cost the others their readings.
MIN_VOTES: Final = 2
# Raw numbers above this count as odd: no load is that large, and a counter reaches it only after years.
LARGE: Final = 2**24
# Where steps are so fine that LARGE means less than these values (base units), a number is odd above these: a meter in steps of 0.15 uV
# sends 1.5e9 for 230 V. They are LARGE times the finest step that is common: 0.1 mA, 10 mV, 10 mW and 1 s. Larger ones would make wrong
# numbers of usual meters look right. Of other units, the metric's range decides. Counters have LARGE at every scale: the higher the limit,
# the more of a correct counter's other orders are below it (1 in 256 for LARGE; 2 in 5 for 17 MWh in steps of 36 J), and no range speaks
# against them.
LARGE_VALUES: Final = {"amperes": LARGE / 10_000, "seconds": float(LARGE)} | dict.fromkeys(
    ("volts", "watts", "vars", "voltamperes"), LARGE / 100
)
# Floats closer to 0 than this are odd: the noise of a meter without load, or two words swapped. Chosen.
TINY: Final = 1e-6
# Most answers that are kept. A block may have several, because its requests are split differently when refusals change.
MAX_BLOCKS: Final = 500


class _Reader(NamedTuple):
    """What reads a number, and the raw number from which on it is odd."""

    decoder: Decoder
    metric: Metric
    large: float


class WordOrders:
    """The word orders of one unit. `note` gets each answer, `begin` is called with each plan, the others with each poll."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._answers: dict[Block, Sequence[int]] = {}
        # By reference of a number in several registers: what reads it.
        self._readers: dict[str, list[_Reader]] = {}
        self._keys: dict[str, set[str]] = {}
        # By the order that the profile says: the references of its long numbers.
        self._groups: dict[WordOrder, set[str]] = {}
        # By order: its long number, if it has only one.
        self._only: dict[WordOrder, Field | None] = {}
        self._contradicted: dict[WordOrder, WordOrder] = {}
        self._bad: set[str] = set()

    def forget(self) -> None:
        """Forget what was found: it is another unit, or has other firmware. Call it before `begin`, which judges by the last answers."""
        self._contradicted = {}

    def note(self, block: Block, registers: Sequence[int]) -> None:
        """Keep the registers of an answer: a decoded number does not show what it would be in another word order."""
        if not block.has_long_numbers:
            return
        if self._answers.pop(block, None) is None and len(self._answers) >= MAX_BLOCKS:
            self._answers.clear()
        # Removed first, so that the newest answer is the last one: answers of a split block may hold the same registers.
        self._answers[block] = registers

    def begin(self, plan: Plan) -> None:
        """Look at the long numbers of this plan from now on, and at those that were answered while it was made."""
        self._readers, self._keys, self._groups, self._bad = {}, {}, {}, set()
        fields = (each for part in plan.classes.values() for block in part.blocks for each in block.fields)
        self._only = {}
        for each in fields:
            if each.words > 1 and each.kind != "ascii":
                group = self._groups.setdefault(each.order, set())
                group.add(each.ref)
                self._only[each.order] = each if len(group) == 1 else None
        refs: set[str] = set().union(*self._groups.values())
        for slot in (slot for part in plan.classes.values() for slot in part.slots) if refs else ():
            self._add(slot, refs)
        self._judge(self._readers.keys())

    def hide(self, raw: dict[str, RawValue]) -> None:
        """Remove the numbers whose order is in doubt from a poll's answers, so that the readings' other sources are used."""
        for order in self._contradicted:
            raw.update(dict.fromkeys(self._groups[order] & raw.keys()))

    def reject(self, readings: Readings, raw: dict[str, RawValue]) -> bool:
        """Reject the hidden numbers. Returns whether this poll has shown another order, so that it must be normalised again.

        The order may be changed at the unit while it is polled. A number that becomes odd or impossible suggests that, and then all numbers
        of the poll are judged; while the order is in doubt, those of every poll. One odd number alone proves nothing.
        """
        if not self._keys:
            return False
        # Empty in nearly every poll, and then not looked for.
        asked = self._keys.keys() & raw.keys() if readings.bad or self._contradicted else set()
        bad = {key for ref in asked for key in self._keys[ref] if key in readings.bad}
        before = set(self._contradicted)
        is_one_odd = any(
            _is_odd(raw[ref], reader.large)
            for ref in self._readers.keys() & raw.keys()
            for reader in self._readers[ref]
        )
        if self._contradicted or bad - self._bad or is_one_odd:
            self._judge(raw.keys())
        for key in bad if before or self._contradicted else ():
            if readings.bad[key] == "null":
                readings.bad[key] = "decode"
        if bad or self._bad:
            self._bad = (self._bad - {key for ref in asked for key in self._keys[ref]}) | bad
        return not self._contradicted.keys() <= before

    def _add(self, slot: Slot, refs: set[str]) -> None:
        for decoder in slot.decoders:
            used = refs.intersection((*decoder.refs, *([slot.gate.ref] if slot.gate else [])))
            for ref in used:
                self._keys.setdefault(ref, set()).add(slot.key)
            # Codes, bits and sums say nothing about the plausibility of one number.
            if decoder.ref in used and decoder.is_number and not decoder.words and not decoder.parts:
                self._readers.setdefault(decoder.ref, []).append(
                    _Reader(decoder, slot.metric, large_from(decoder, slot.metric))
                )

    def _judge(self, refs: Collection[str]) -> None:
        """Let the numbers of these references vote: for each order in which they look better than in the profile's, against a worse one."""
        votes: dict[WordOrder, dict[WordOrder, int]] = {}
        for ref, (each, words) in self._long_numbers(refs).items():
            grades = _grades(each, words, self._readers[ref])
            if not grades:
                continue
            expected = grades[each.order]
            counted = votes.setdefault(each.order, dict.fromkeys(ORDERS, 0))
            for other, grade in grades.items():
                if grade < expected:
                    counted[other] -= 1
                elif grade > expected and self._counts(each, expected):
                    counted[other] += 1
        found: dict[WordOrder, WordOrder] = {}
        for order, counted in votes.items():
            best = max(counted, key=lambda other: counted[other])
            if counted[best] >= self._votes_needed(order):
                found[order] = best
        for order, known in self._contradicted.items():
            # Once in doubt, the profile's order has to look better again.
            if order not in found and votes.get(order, {}).get(known, 0) >= 0:
                found[order] = known
        self._contradict(found)

    def _votes_needed(self, order: WordOrder) -> int:
        """A unit's only long number has one vote. Of a float that is enough: 19.5 degC are 4e-8 degC with their words swapped.

        So it is of a number of 64 bits that is impossible: its low word is on top, and it would be in range whenever that is small. See
        `_counts`.
        """
        only = self._only.get(order)
        return 1 if only and only.kind not in ("uint32", "int32", "bcd32") else MIN_VOTES

    def _counts(self, each: Field, grade: int) -> bool:
        """Whether a number that looks better in another order speaks for it.

        That a counter of 64 bits is large does not, if it is the unit's only long number: beyond 16 million, one in 256 looks smaller with
        its bytes swapped.
        """
        only = self._only.get(each.order)
        return only is None or only.ref != each.ref or each.kind not in ("uint64", "int64") or grade == IMPOSSIBLE

    def _contradict(self, found: dict[WordOrder, WordOrder]) -> None:
        before, self._contradicted = self._contradicted, found
        for order, best in self._contradicted.items():
            if before.get(order) != best:
                log.warning(
                    "device=%s its numbers of several registers are not read: they look like word order %r, its profile says %r",
                    self._device,
                    best,
                    order,
                )

    def _long_numbers(self, refs: Collection[str]) -> dict[str, tuple[Field, Sequence[int]]]:
        found: dict[str, tuple[Field, Sequence[int]]] = {}
        for block, registers in self._answers.items():
            for each in block.fields:
                if each.ref in self._readers and each.ref in refs:
                    found[each.ref] = each, registers[each.offset : each.offset + each.words]
        return found


def _grades(each: Field, words: Sequence[int], readers: Iterable[_Reader]) -> dict[WordOrder, int]:
    """How much the number looks like a reading in each word order. Empty for 0 and for sentinels, which look the same in every order."""
    if not any(words) or len(words) < each.words or _is_mark(each, words, readers):
        return {}
    return {order: min(_grade(each, words, order, reader) for reader in readers) for order in ORDERS}


def _is_mark(each: Field, words: Sequence[int], readers: Iterable[_Reader]) -> bool:
    if all(word in (0x7FFF, 0x8000, 0xFFFF, 0) for word in words):
        return True
    if each.kind in ("float32", "float64"):
        first = decode(words, "uint32" if each.kind == "float32" else "uint64", each.order)
        bits, exponent = (23, 0xFF) if each.kind == "float32" else (52, 0x7FF)
        if isinstance(first, int) and first >> bits & exponent == exponent:
            return True
    number = decode(words, each.kind, each.order)
    return isinstance(number, int | float) and any(each.decoder.is_sentinel(number) for each in readers)


def _grade(each: Field, words: Sequence[int], order: WordOrder, reader: _Reader) -> int:
    decoder, metric, large = reader
    number = decode(words, each.kind, order)
    if not isinstance(number, int | float) or decoder.is_sentinel(number):
        return IMPOSSIBLE
    value = (number + decoder.shift) * decoder.numerator / decoder.denominator + decoder.offset
    value = abs(value) if decoder.drops_sign(value, metric) else value
    windows = decoder.expect or metric.expect
    within = not windows or any(low <= value <= high for low, high in windows)
    if not math.isfinite(value) or not metric.plausible(value) or not within:
        return IMPOSSIBLE
    return ODD if _is_odd(number, large) else USUAL


def large_from(decoder: Decoder, metric: Metric) -> float:
    """The raw number from which on its size is odd. Offsets, which are small beside it, do not count."""
    if metric.type == "counter":
        return LARGE
    value = LARGE_VALUES.get(metric.unit, max((abs(end) for ends in metric.ranges for end in ends), default=0.0))
    return max(LARGE, value * decoder.denominator / abs(decoder.numerator)) if math.isfinite(value) else LARGE


def _is_odd(number: RawValue, large: float) -> bool:
    """Whether a number is unlikely to be a reading: one of this size or more, for example.

    Multiples of 65,536 are: a correct number is one by chance once in 65,536 times, but with swapped words every number below 65,536 is.
    """
    if not isinstance(number, int | float) or not number:
        return False
    return abs(number) >= large or abs(number) < TINY or (isinstance(number, int) and not number % 2**16)
