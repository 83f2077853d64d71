"""Modbus requests at the exact limits: gaps, the most registers of one request, and what is left of a refused block."""

from dataclasses import replace
from typing import TYPE_CHECKING, cast, get_args

from hypothesis import given
from hypothesis import strategies as st

from agent.modbus.registers import NumberType, WordOrder, decode, words_of
from agent.modbus.requests import Block, Field, RegisterValue, coalesce, split_block

if TYPE_CHECKING:
    from rackflow.register_tables import RegisterTable

Limits = tuple[int, int]
"""Most registers of one request, and most registers nobody asked for between two values."""


def limits(max_registers: int = 125, max_gap: int = 8) -> Limits:
    return max_registers, max_gap


def wanted(
    ref: str, address: int, kind: str = "uint16", length: int | None = None, order: WordOrder = "big"
) -> RegisterValue:
    number = cast("NumberType", kind)
    return RegisterValue(ref, "holding", address, words_of(number, length), number, order)


def requests(device: Limits, *places: str) -> list[tuple[str, int, int]]:
    """Blocks for registers given as `address`, `address/type` or `table:address/type`."""
    values = []
    for place in places:
        where, _, kind = place.partition("/")
        table, _, address = where.rpartition(":")
        number = cast("NumberType", kind or "uint16")
        register_table = cast("RegisterTable", table or "holding")
        values.append(RegisterValue(place, register_table, int(address), words_of(number, None), number, "big"))
    return [(block.table, block.address, block.count) for block in coalesce(values, *device)]


def test_a_gap_is_bridged_up_to_what_the_device_takes() -> None:
    assert requests(limits()) == []
    assert requests(limits(max_gap=8), "100", "109") == [("holding", 100, 10)]
    assert requests(limits(max_gap=8), "100", "110") == [("holding", 100, 1), ("holding", 110, 1)]
    assert requests(limits(max_gap=0), "100", "101") == [("holding", 100, 2)]
    assert requests(limits(max_gap=0), "100", "102") == [("holding", 100, 1), ("holding", 102, 1)]


def test_a_gap_begins_behind_the_last_word_of_a_wide_value() -> None:
    assert requests(limits(max_gap=2), "100/float64", "106") == [("holding", 100, 7)]
    assert requests(limits(max_gap=2), "100/float64", "107") == [("holding", 100, 4), ("holding", 107, 1)]


def test_one_request_holds_as_many_registers_as_the_device_gives_and_no_more() -> None:
    assert requests(limits(10), "100", "105", "109") == [("holding", 100, 10)]
    assert requests(limits(10), "100", "105", "110") == [("holding", 100, 6), ("holding", 110, 1)]
    assert requests(limits(10), "100", "105", "108/uint32") == [("holding", 100, 10)]
    assert requests(limits(10), "100", "105", "109/uint32") == [("holding", 100, 6), ("holding", 109, 2)]
    assert requests(limits(4), "100/uint32", "102/uint32", "104/uint32") == [("holding", 100, 4), ("holding", 104, 2)]


def test_a_new_request_begins_at_its_own_first_register() -> None:
    every = [str(address) for address in range(30)]
    assert requests(limits(12), *every) == [("holding", 0, 12), ("holding", 12, 12), ("holding", 24, 6)]


def test_tables_are_never_mixed_and_the_order_of_a_profile_does_not_matter() -> None:
    assert requests(limits(), "input:100", "holding:101", "coil:101", "discrete:100", "holding:100") == [
        ("coil", 101, 1),
        ("discrete", 100, 1),
        ("holding", 100, 2),
        ("input", 100, 1),
    ]


def test_a_short_value_inside_a_long_one_does_not_shorten_the_request() -> None:
    assert requests(limits(), "100/uint64", "101", "104") == [("holding", 100, 5)]
    text, inside = wanted("text", 100, "ascii", length=20), wanted("inside", 102)
    (block,) = coalesce([text, inside], *limits())
    assert (block.address, block.count) == (100, 20)


def test_a_field_is_read_at_its_place_in_the_block_in_its_own_word_order() -> None:
    low, plain = wanted("low", 101, "int32", order="little-swapped"), wanted("plain", 98)
    (block,) = coalesce([low, plain], *limits())
    assert block == Block(
        "holding",
        98,
        5,
        (Field("plain", 0, 1, "uint16", "big"), Field("low", 3, 2, "int32", "little-swapped")),
    )


BLOCK = Block(
    "input",
    200,
    12,
    (
        Field("a", 0, 2, "uint32", "big"),
        Field("b", 2, 1, "uint16", "big"),
        Field("c", 6, 4, "uint64", "little"),
        Field("d", 7, 1, "uint16", "big"),
        Field("e", 10, 2, "float32", "big"),
    ),
)


def kept(*names: str, whole: bool = True) -> list[Block]:
    return list(split_block(BLOCK, dict.fromkeys(names), whole=whole))


REGISTERS = 8


@st.composite
def fields(draw: st.DrawFn) -> Field:
    kind: NumberType = draw(st.sampled_from(get_args(NumberType)))
    words = words_of(kind, draw(st.integers(1, 3)))
    return Field("", draw(st.integers(0, REGISTERS - words)), words, kind, draw(st.sampled_from(get_args(WordOrder))))


@given(
    found=st.lists(fields(), min_size=1, max_size=6),
    registers=st.lists(st.integers(0, 0xFFFF), min_size=REGISTERS, max_size=REGISTERS),
)
def test_a_block_decodes_its_fields_as_each_would_be_alone(found: list[Field], registers: list[int]) -> None:
    named = [replace(each, ref=f"field {number}") for number, each in enumerate(found)]
    block = Block("holding", 0, REGISTERS, tuple(named))
    alone = {
        each.ref: decode(registers[each.offset : each.offset + each.words], each.kind, each.order) for each in named
    }
    assert list(block.values(registers).items()) == list(alone.items())
    assert block.has_long_numbers is any(each.words > 1 and each.kind != "ascii" for each in named)


def test_the_sign_of_a_field_of_one_register_is_read_in_each_word_order() -> None:
    orders: tuple[WordOrder, ...] = get_args(WordOrder)
    block = Block("holding", 0, 4, tuple(Field(order, at, 1, "int16", order) for at, order in enumerate(orders)))
    assert orders == ("big", "little", "big-swapped", "little-swapped")
    assert [*block.values([0x7FFF, 0x80FF, 0xFF7F, 0x8000]).values()] == [32767, -128, 32767, -32768]
    assert [*block.values([0xFFFF, 0xFFFF, 0xF6FF, 0xFFF6]).values()] == [-1, -1, -10, -10]


def test_a_block_that_loses_nothing_stays_one_request() -> None:
    assert kept("a", "b", "c", "d", "e") == [BLOCK]


def test_a_refused_block_is_asked_for_without_its_gaps() -> None:
    assert kept("a", "b", "c", "d", "e", whole=False) == [
        Block("input", 200, 3, (Field("a", 0, 2, "uint32", "big"), Field("b", 2, 1, "uint16", "big"))),
        Block(
            "input",
            206,
            6,
            (
                Field("c", 0, 4, "uint64", "little"),
                Field("d", 1, 1, "uint16", "big"),
                Field("e", 4, 2, "float32", "big"),
            ),
        ),
    ]


def test_a_block_that_loses_a_field_is_cut_there() -> None:
    assert kept("a", "c", "e") == [
        Block("input", 200, 2, (Field("a", 0, 2, "uint32", "big"),)),
        Block("input", 206, 6, (Field("c", 0, 4, "uint64", "little"), Field("e", 4, 2, "float32", "big"))),
    ]
    assert kept("b", "d") == [
        Block("input", 202, 1, (Field("b", 0, 1, "uint16", "big"),)),
        Block("input", 207, 1, (Field("d", 0, 1, "uint16", "big"),)),
    ]
    assert kept() == []
