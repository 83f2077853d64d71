"""Groups registers into as few Modbus requests as a device allows.

A request takes one round trip whether it reads 1 register or 100, and units behind one gateway share the link, so the number of
requests decides how often a device can be polled.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from agent.modbus.registers import SIGN, WORD, NumberType, WordOrder, decode, is_one_word, is_signed_word
from rackflow.register_tables import RegisterTable


@dataclass(frozen=True, slots=True)
class Field:
    """One value inside a block: its reference, its offset from the block's address in registers, and its type."""

    ref: str
    offset: int
    words: int
    kind: NumberType
    order: WordOrder


@dataclass(frozen=True, slots=True)
class Block:
    """One Modbus request and the fields that its answer holds."""

    table: RegisterTable
    address: int
    count: int
    fields: tuple[Field, ...]
    has_long_numbers: bool = field(init=False, compare=False, repr=False)
    """Whether a field is a number of several registers, whose order of words may be another than the profile says."""
    _refs: tuple[str, ...] = field(init=False, compare=False, repr=False)
    _first_words: Callable[[Sequence[int]], tuple[int, ...]] = field(init=False, compare=False, repr=False)
    _signed: tuple[tuple[str, int], ...] = field(init=False, compare=False, repr=False)
    _others: tuple[Field, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # What `values` needs, worked out once. With two more offsets, `itemgetter` always returns a tuple; `zip` drops them.
        signed = [each for each in self.fields if is_signed_word(each.kind, each.order)]
        others = [each for each in self.fields if not is_one_word(each.kind, each.order) and each not in signed]
        for name, value in (
            ("has_long_numbers", any(each.words > 1 and each.kind != "ascii" for each in self.fields)),
            ("_refs", tuple(each.ref for each in self.fields)),
            ("_first_words", itemgetter(*(each.offset for each in self.fields), 0, 0)),
            ("_signed", tuple((each.ref, each.offset) for each in signed)),
            ("_others", tuple(others)),
        ):
            object.__setattr__(self, name, value)

    def values(self, registers: Sequence[int]) -> Mapping[str, int | float | str | None]:
        """The value of each field in an answer of `count` registers, by reference; see `decode`.

        All fields are first taken as one register, in a single call: most are, and a call of `decode` for each of 30 took a thirtieth of
        the CPU of polling Modbus. Of signed ones, only those below 0 differ.
        """
        found: dict[str, int | float | str | None] = dict(zip(self._refs, self._first_words(registers), strict=False))
        for ref, offset in self._signed:
            if registers[offset] & SIGN:
                found[ref] = registers[offset] - WORD
        for each in self._others:
            found[each.ref] = decode(registers[each.offset : each.offset + each.words], each.kind, each.order)
        return found

    def __hash__(self) -> int:
        # Blocks are keys of what each poll has answered: a hash over all fields was a fortieth of the CPU of polling Modbus.
        return hash((self.table, self.address, self.count))


@dataclass(frozen=True, slots=True)
class RegisterValue:
    """One value to be read: `words` registers of a table from a 0-based wire address, and how they are decoded."""

    ref: str
    table: RegisterTable
    address: int
    words: int
    kind: NumberType
    order: WordOrder


def coalesce(wanted: Iterable[RegisterValue], max_registers: int, max_gap: int) -> Iterator[Block]:
    """Group values into as few requests as the device allows.

    Neighbours share a request if at most `max_gap` unused registers lie between them and the request stays within
    `max_registers`. Both limits depend on the device: some refuse any request that touches an unmapped register (gap 0), many
    answer fewer than the 125 registers of the specification. Values may overlap (a bit field and one of its bits).
    """
    # `end` is the end of the whole group, not of its last value: a long value may end after a value that begins later.
    group: list[RegisterValue] = []
    end = 0
    for each in sorted(wanted, key=lambda each: (each.table, each.address, each.words)):
        fits = group and each.table == group[0].table and each.address - end <= max_gap
        if group and not (fits and max(end, each.address + each.words) - group[0].address <= max_registers):
            yield _block(group, end)
            group = []
        end = max(end, each.address + each.words) if group else each.address + each.words
        group.append(each)
    if group:
        yield _block(group, end)


def _block(group: Sequence[RegisterValue], end: int) -> Block:
    start = group[0].address
    fields = tuple(
        Field(ref=each.ref, offset=each.address - start, words=each.words, kind=each.kind, order=each.order)
        for each in group
    )
    return Block(group[0].table, start, end - start, fields)


def split_block(block: Block, used: Mapping[str, None], *, whole: bool) -> Iterator[Block]:
    """The requests for the fields of a block that are still `used`.

    With `whole`, a block that keeps all its fields stays as it is. Otherwise it is cut at every gap: the device refused it, or
    refused one of its fields, so the registers between its fields may be the reason and are no longer read.
    """
    fields = sorted((each for each in block.fields if each.ref in used), key=lambda each: each.offset)
    if whole and len(fields) == len(block.fields):
        yield block
        return
    run: list[Field] = []
    end = 0
    for each in fields:
        if run and each.offset > end:
            yield _run_block(block, run, end)
            run = []
        run.append(each)
        end = max(end, each.offset + each.words)
    if run:
        yield _run_block(block, run, end)


def _run_block(block: Block, run: Sequence[Field], end: int) -> Block:
    first = run[0].offset
    fields = tuple(
        Field(ref=each.ref, offset=each.offset - first, words=each.words, kind=each.kind, order=each.order)
        for each in run
    )
    return Block(block.table, block.address + first, end - first, fields)


def parts_of(block: Block) -> list[Block]:
    """Smaller requests for the fields of a block that was refused: its runs without gaps, or else its two halves.

    Halving finds one register among 16 in 8 requests, where asking one by one takes 16.
    """
    every = dict.fromkeys(each.ref for each in block.fields)
    runs = list(split_block(block, every, whole=False))
    if len(runs) > 1:
        return runs
    fields = sorted(block.fields, key=lambda each: each.offset)
    middle = len(fields) // 2
    halves = (dict.fromkeys(each.ref for each in half) for half in (fields[:middle], fields[middle:]))
    return [part for half in halves for part in split_block(block, half, whole=False)]


def field_alone(block: Block, wanted: Field) -> Block:
    """The request for one field of a block and nothing else."""
    return _run_block(block, [wanted], wanted.offset + wanted.words)
