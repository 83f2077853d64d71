"""Notices a Modbus unit that sends the words of its long numbers in another order than its profile says, and takes none of them then.

Many meters let somebody choose the order, and firmware of one family differs in it. Of 231.25 V in the wrong order comes 2.004 V, of a
counter of 12,345 one of 809 million: both within the metric's range, so each number alone looks right. All of them together do not:
some are out of range, tiny, or whole multiples of 65,536, and in another order they are not. Numbers of one register have no order
and are read as before. Pure.
"""

import logging
import math
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from agent.modbus import Block, Field, WordOrder, decode
from agent.profile import Decoder, Plan, RawValue, Slot
from agent.readings import Readings
from rackflow.catalogue import Metric

log = logging.getLogger(__name__)

ORDERS: Final[tuple[WordOrder, ...]] = ("big", "little", "big-swapped", "little-swapped")
# How much a number looks like a reading.
IMPOSSIBLE, ODD, USUAL = 0, 1, 2
# Votes for another order that suffice. One may come by chance: a counter of more than 16 million looks smaller with its words swapped
# once in 256. And one odd number must not cost the others their readings.
MIN_VOTES: Final = 2
# Raw numbers beyond it are odd: of a load none is so large, and a counter gets there after years. With less than this they are usual.
LARGE: Final = 2**24
# Floats closer to 0 than this are odd: the noise of a meter without load, or two words swapped. Chosen.
TINY: Final = 1e-6
# Answers that are kept. A unit whose refusals change has its requests made anew each time.
MAX_BLOCKS: Final = 500

_Reader = tuple[Decoder, Metric]


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
        self._contradicted: dict[WordOrder, WordOrder] = {}
        self._bad: set[str] = set()

    def note(self, block: Block, registers: Sequence[int]) -> None:
        """Keep the registers of an answer: what they would be in another order cannot be told from a number."""
        if self._answers.pop(block, None) is None and len(self._answers) >= MAX_BLOCKS:
            self._answers.clear()
        # Behind the others, of which a block that was split may have the same registers.
        self._answers[block] = registers

    def begin(self, plan: Plan) -> None:
        """Look at the long numbers of this plan from now on, and at those that were answered while it was made."""
        self._readers, self._keys, self._groups, self._bad = {}, {}, {}, set()
        fields = (each for part in plan.classes.values() for block in part.blocks for each in block.fields)
        for each in fields:
            if each.words > 1 and each.kind != "ascii":
                self._groups.setdefault(each.order, set()).add(each.ref)
        refs: set[str] = set().union(*self._groups.values())
        for slot in (slot for part in plan.classes.values() for slot in part.slots) if refs else ():
            self._add(slot, refs)
        self._judge(self._readers.keys())

    def hide(self, raw: dict[str, RawValue]) -> None:
        """Take out of a poll's answers the numbers whose order is in doubt, so that another source may stand in for them."""
        for order in self._contradicted:
            raw.update(dict.fromkeys(self._groups[order] & raw.keys()))

    def reject(self, readings: Readings, raw: dict[str, RawValue]) -> bool:
        """Give the hidden numbers their reason. Whether this poll has shown another order, so that it must be normalised again.

        Somebody may choose another order while the unit is polled. Then a number becomes odd, or impossible that was not so before, and
        those of this poll are looked at; as long as the order is in doubt, with each poll. One odd number alone proves nothing.
        """
        known = self._keys.keys() & raw.keys() if self._keys and (readings.bad or self._contradicted) else set()
        bad = {key for ref in known for key in self._keys[ref] if key in readings.bad}
        before = set(self._contradicted)
        is_one_odd = any(_is_odd(raw[ref]) for ref in self._readers.keys() & raw.keys())
        if self._contradicted or bad - self._bad or is_one_odd:
            self._judge(raw.keys())
        for key in bad if before or self._contradicted else ():
            if readings.bad[key] == "null":
                readings.bad[key] = "decode"
        self._bad = (self._bad - {key for ref in known for key in self._keys[ref]}) | bad
        return not self._contradicted.keys() <= before

    def _add(self, slot: Slot, refs: set[str]) -> None:
        for decoder in slot.decoders:
            used = refs.intersection((*decoder.refs, *([slot.gate.ref] if slot.gate else [])))
            for ref in used:
                self._keys.setdefault(ref, set()).add(slot.key)
            # Of codes, bits and sums nothing follows about one number.
            if decoder.ref in used and decoder.is_number and not decoder.words and not decoder.parts:
                self._readers.setdefault(decoder.ref, []).append((decoder, slot.metric))

    def _judge(self, refs: Collection[str]) -> None:
        votes: dict[WordOrder, dict[WordOrder, int]] = {}
        for ref, (each, words) in self._long_numbers(refs).items():
            grades = _grades(each, words, self._readers[ref])
            for other in ORDERS if grades else ():
                difference = grades[other] - grades[each.order]
                counted = votes.setdefault(each.order, {})
                counted[other] = counted.get(other, 0) + (difference > 0) - (difference < 0)
        found: dict[WordOrder, WordOrder] = {}
        for order, counted in votes.items():
            best = max(counted, key=lambda other: counted[other])
            if counted[best] >= MIN_VOTES:
                found[order] = best
        for order, known in self._contradicted.items():
            # Once in doubt, the profile's order has to look better again.
            if order not in found and votes.get(order, {}).get(known, 0) >= 0:
                found[order] = known
        self._contradict(found)

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
    """By order: how much the number looks like a reading. Empty for 0 and for what stands for "no reading", which show no order."""
    if not any(words) or len(words) < each.words or _is_mark(each, words, readers):
        return {}
    return {order: min(_grade(each, words, order, *reader) for reader in readers) for order in ORDERS}


def _is_mark(each: Field, words: Sequence[int], readers: Iterable[_Reader]) -> bool:
    if all(word in (0x7FFF, 0x8000, 0xFFFF, 0) for word in words):
        return True
    if each.kind in ("float32", "float64"):
        first = decode(words, "uint32" if each.kind == "float32" else "uint64", each.order)
        bits, exponent = (23, 0xFF) if each.kind == "float32" else (52, 0x7FF)
        if isinstance(first, int) and first >> bits & exponent == exponent:
            return True
    number = decode(words, each.kind, each.order)
    return isinstance(number, int | float) and any(decoder.is_sentinel(number) for decoder, _ in readers)


def _grade(each: Field, words: Sequence[int], order: WordOrder, decoder: Decoder, metric: Metric) -> int:
    number = decode(words, each.kind, order)
    if not isinstance(number, int | float) or decoder.is_sentinel(number):
        return IMPOSSIBLE
    value = (number + decoder.shift) * decoder.numerator / decoder.denominator + decoder.offset
    value = abs(value) if decoder.absolute or 0 < -value <= metric.magnitude else value
    windows = decoder.expect or metric.expect
    within = not windows or any(low <= value <= high for low, high in windows)
    if not math.isfinite(value) or not metric.plausible(value) or not within:
        return IMPOSSIBLE
    return ODD if _is_odd(number) else USUAL


def _is_odd(number: RawValue) -> bool:
    """Also whole multiples of 65,536: one number in 65,536 is so by chance, and with two words swapped every number below 65,536."""
    if not isinstance(number, int | float) or not number:
        return False
    return abs(number) >= LARGE or abs(number) < TINY or (isinstance(number, int) and not number % 2**16)
