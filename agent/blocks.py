"""Modbus requests: in go the registers that are wanted, out come the fewest blocks within the device's limits; pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.family import Profile, Source
from agent.registers import NumberType, WordOrder, words_of
from rackflow.mbrec import RegisterTable


@dataclass(frozen=True, slots=True)
class Field:
    """One value inside a block of registers: its reference, its place in the block and how it is decoded."""

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


def coalesce(profile: Profile, wanted: Sequence[tuple[str, Source]]) -> Iterator[Block]:
    """Registers as few requests: neighbours share one across gaps that the device takes, within its maximum."""
    limits = profile.modbus
    places = []
    for ref, source in wanted:
        kind: NumberType = source.type or "uint16"
        table: RegisterTable = source.table or limits.table
        places.append(
            (table, source.register_ or 0, words_of(kind, source.length), kind, source.order or limits.order, ref)
        )
    group: list[tuple[RegisterTable, int, int, NumberType, WordOrder, str]] = []
    end = 0
    for place in sorted(places, key=lambda place: place[:3]):
        table, address, words = place[:3]
        fits = group and table == group[0][0] and address - end <= limits.max_gap
        if group and not (fits and max(end, address + words) - group[0][1] <= limits.max_registers):
            yield _block(group, end)
            group = []
        end = max(end, address + words) if group else address + words
        group.append(place)
    if group:
        yield _block(group, end)


def _block(group: Sequence[tuple[RegisterTable, int, int, NumberType, WordOrder, str]], end: int) -> Block:
    start = group[0][1]
    fields = tuple(Field(ref, address - start, words, kind, order) for _, address, words, kind, order, ref in group)
    return Block(group[0][0], start, end - start, fields)


def kept_parts(block: Block, used: Mapping[str, None], *, whole: bool) -> Iterator[Block]:
    fields = sorted((field for field in block.fields if field.ref in used), key=lambda field: field.offset)
    if whole and len(fields) == len(block.fields):
        yield block
        return
    run: list[Field] = []
    end = 0
    for field in fields:
        if run and field.offset > end:
            yield _run_block(block, run, end)
            run = []
        run.append(field)
        end = max(end, field.offset + field.words)
    if run:
        yield _run_block(block, run, end)


def _run_block(block: Block, run: Sequence[Field], end: int) -> Block:
    first = run[0].offset
    fields = tuple(Field(field.ref, field.offset - first, field.words, field.kind, field.order) for field in run)
    return Block(block.table, block.address + first, end - first, fields)
