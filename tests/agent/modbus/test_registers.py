"""Decoding of registers: total over types and word orders, and the inverse of how devices encode."""

import math
import struct
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.modbus.registers import NumberType, WordOrder, decode, words_of

TYPES: list[NumberType] = list(get_args(NumberType))
ORDERS: list[WordOrder] = list(get_args(WordOrder))
registers = st.lists(st.integers(0, 0xFFFF), min_size=4, max_size=4)


def encode(raw: bytes, order: WordOrder) -> list[int]:
    """Words as a device of that order sends them: ABCD, DCBA, BADC or CDAB."""
    words = [raw[at : at + 2] for at in range(0, len(raw), 2)]
    if order in {"little", "little-swapped"}:
        words.reverse()
    if order in {"little", "big-swapped"}:
        words = [word[::-1] for word in words]
    return [int.from_bytes(word, "big") for word in words]


@given(registers, st.sampled_from(TYPES), st.sampled_from(ORDERS))
def test_any_registers_are_a_finite_number_a_text_or_nothing(
    words: list[int], kind: NumberType, order: WordOrder
) -> None:
    value = decode(words[: words_of(kind, 4)], kind, order)
    assert not isinstance(value, float) or math.isfinite(value)


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(ORDERS))
def test_an_integer_is_read_in_every_word_order(number: int, order: WordOrder) -> None:
    assert decode(encode(struct.pack(">q", number), order), "int64", order) == number
    assert decode(encode(struct.pack(">Q", number % 2**64), order), "uint64", order) == number % 2**64
    assert decode(encode(struct.pack(">i", number >> 32), order), "int32", order) == number >> 32
    assert decode(encode(struct.pack(">h", number >> 48), order), "int16", order) == number >> 48
    assert decode(encode(struct.pack(">H", number % 2**16), order), "uint16", order) == number % 2**16


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False, width=32), st.sampled_from(ORDERS))
def test_a_float_is_read_in_every_word_order(number: float, order: WordOrder) -> None:
    assert decode(encode(struct.pack(">f", number), order), "float32", order) == number
    assert decode(encode(struct.pack(">d", number), order), "float64", order) == number


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("number", [5.6e-41, -1e-38, 2.0**-126 - 2.0**-149])
def test_a_float_that_only_another_word_order_makes_so_small_is_nothing(number: float, order: WordOrder) -> None:
    assert decode(encode(struct.pack(">f", number), order), "float32", order) is None
    assert decode(encode(struct.pack(">d", number), order), "float64", order) == number
    assert decode(encode(struct.pack(">f", 2.0**-126), order), "float32", order) == 2.0**-126


@pytest.mark.parametrize("pattern", [b"\x7f\xc0\x00\x00", b"\xff\xff\xff\xff", b"\x7f\x80\x00\x00"])
def test_a_float_that_is_no_number_is_nothing(pattern: bytes) -> None:
    assert decode(encode(pattern, "big"), "float32", "big") is None


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("uint16", 1),
        ("int16", 1),
        ("bcd16", 1),
        ("bool", 1),
        ("uint32", 2),
        ("int32", 2),
        ("bcd32", 2),
        ("float32", 2),
        ("uint64", 4),
        ("int64", 4),
        ("float64", 4),
    ],
)
def test_a_number_takes_as_many_registers_as_its_type_has_whatever_the_length(kind: NumberType, words: int) -> None:
    assert [words_of(kind, length) for length in (None, 1, 7)] == [words, words, words]


def test_text_takes_as_many_registers_as_the_profile_says() -> None:
    assert [words_of("ascii", length) for length in (None, 1, 16)] == [1, 1, 16]


@pytest.mark.parametrize(
    ("kind", "order", "registers_of", "value"),
    [
        ("uint16", "big", [0xFF38], 65336),
        ("int16", "big", [0xFF38], -200),
        ("int16", "little-swapped", [0xFF38], -200),
        ("int16", "big-swapped", [0x38FF], -200),
        ("uint16", "little", [0x38FF], 65336),
        ("uint32", "big", [0x0001, 0x86A0], 100_000),
        ("uint32", "little-swapped", [0x86A0, 0x0001], 100_000),
        ("uint32", "big-swapped", [0x0100, 0xA086], 100_000),
        ("uint32", "little", [0xA086, 0x0100], 100_000),
        ("uint32", "big", [0xFFFF, 0xFFFF], 2**32 - 1),
        ("int32", "big", [0xFFFF, 0xFFFE], -2),
        ("uint64", "big", [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE], 2**64 - 2),
        ("int64", "big", [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE], -2),
        ("uint64", "little-swapped", [4, 3, 2, 1], 0x0001_0002_0003_0004),
        ("float32", "big", [0x42F6, 0xE979], 123.45600128173828),
        ("float32", "little-swapped", [0xE979, 0x42F6], 123.45600128173828),
        ("float64", "big", [0xC05E, 0xDD2F, 0x1A9F, 0xBE77], -123.456),
        ("bool", "little", [1], 1),
        ("bool", "big", [0], 0),
        ("bcd16", "big-swapped", [0x3412], 1234),
        ("bcd32", "big", [0x0012, 0x3456], 123456),
    ],
)
def test_registers_mean_what_their_type_and_order_say(
    kind: NumberType, order: WordOrder, registers_of: list[int], value: float
) -> None:
    assert decode(registers_of, kind, order) == value


@pytest.mark.parametrize("pattern", [b"\x7f\xf8" + 6 * b"\0", b"\x7f\xf0" + 6 * b"\0", b"\xff\xf0" + 6 * b"\0"])
def test_a_double_that_is_no_number_is_nothing(pattern: bytes) -> None:
    assert decode(encode(pattern, "big"), "float64", "big") is None


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"iEM3155\0junk", "iEM3155"), (b"  PDU 7 \0\0", "PDU 7"), (b"\0\0\0\0", ""), (b"T\xb0C\0", "T\ufffdC")],
)
def test_text_ends_at_the_first_null_and_has_no_spaces_about_it(raw: bytes, text: str) -> None:
    assert decode(encode(raw, "big"), "ascii", "big") == text
    assert decode(encode(raw, "big-swapped"), "ascii", "big-swapped") == text


@pytest.mark.parametrize("order", ["big", "little-swapped"])
def test_text_stands_from_left_to_right_whatever_the_order_of_words(order: WordOrder) -> None:
    """Carlo Gavazzi's meters send the low word of a number first, and their serial number as everybody would write it."""
    assert decode(encode(b"KY1234567\0\0\0\0\0", "big"), "ascii", order) == "KY1234567"


def test_text_in_registers_of_low_octets_first_has_its_letters_in_turn() -> None:
    assert decode(encode(b"KY1234567\0", "big-swapped"), "ascii", "little") == "KY1234567"


def test_a_letter_to_a_register_is_a_text() -> None:
    assert decode([ord(letter) for letter in "KV02701"], "ascii", "little-swapped") == "KV02701"
    assert decode([0, 0], "ascii", "big") == ""


def test_binary_coded_decimals_and_texts_are_read() -> None:
    assert decode([0x1234], "bcd16", "big") == 1234
    assert decode([0x1234, 0x5678], "bcd32", "little-swapped") == 56781234
    assert decode([0x12AB], "bcd16", "big") is None
    assert decode(encode(b"iEM3155\0", "big"), "ascii", "big") == "iEM3155"
