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
def test_decoding_is_total(words: list[int], kind: NumberType, order: WordOrder) -> None:
    value = decode(words[: words_of(kind, 4)], kind, order)
    assert not isinstance(value, float) or math.isfinite(value)


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(ORDERS))
def test_integers_in_every_order(number: int, order: WordOrder) -> None:
    assert decode(encode(struct.pack(">q", number), order), "int64", order) == number
    assert decode(encode(struct.pack(">Q", number % 2**64), order), "uint64", order) == number % 2**64
    assert decode(encode(struct.pack(">i", number >> 32), order), "int32", order) == number >> 32
    assert decode(encode(struct.pack(">h", number >> 48), order), "int16", order) == number >> 48
    assert decode(encode(struct.pack(">H", number % 2**16), order), "uint16", order) == number % 2**16


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.sampled_from(ORDERS))
def test_floats_in_every_order(number: float, order: WordOrder) -> None:
    assert decode(encode(struct.pack(">f", number), order), "float32", order) == number
    assert decode(encode(struct.pack(">d", number), order), "float64", order) == number


@pytest.mark.parametrize("pattern", [b"\x7f\xc0\x00\x00", b"\xff\xff\xff\xff", b"\x7f\x80\x00\x00"])
def test_a_float_that_is_no_number_is_nothing(pattern: bytes) -> None:
    assert decode(encode(pattern, "big"), "float32", "big") is None


def test_binary_coded_decimal_and_text() -> None:
    assert decode([0x1234], "bcd16", "big") == 1234
    assert decode([0x1234, 0x5678], "bcd32", "little-swapped") == 56781234
    assert decode([0x12AB], "bcd16", "big") is None
    assert decode(encode(b"iEM3155\0", "big"), "ascii", "big") == "iEM3155"
