"""Converts 16-bit registers to numbers and text, in every type and word order.

Whatever the registers hold, this module must not raise: an exception here would end the agent, not only the poll.
"""

import math
import struct
from collections.abc import Sequence
from typing import Final, Literal

NumberType = Literal[
    "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64", "bcd16", "bcd32", "ascii", "bool"
]
WordOrder = Literal["big", "little", "big-swapped", "little-swapped"]
"""Order of the bytes of a 32-bit value ABCD on the wire. Modbus itself only defines the byte order of one register (high byte first).

`big` ABCD, `little` DCBA (words and bytes reversed), `big-swapped` BADC (bytes swapped), `little-swapped` CDAB (words swapped).
"""

WORDS: dict[NumberType, int] = {
    "uint16": 1,
    "int16": 1,
    "bcd16": 1,
    "bool": 1,
    "uint32": 2,
    "int32": 2,
    "bcd32": 2,
    "float32": 2,
    "uint64": 4,
    "int64": 4,
    "float64": 4,
}
_FORMATS: dict[NumberType, str] = {
    "uint32": ">I",
    "int32": ">i",
    "uint64": ">Q",
    "int64": ">q",
    "float32": ">f",
    "float64": ">d",
}
# The sign of a register in two's complement, and what a register counts up to.
SIGN: Final = 0x8000
WORD: Final = 0x10000
# Smallest normal numbers (IEEE 754).
_SMALLEST: dict[NumberType, float] = {"float32": 2.0**-126, "float64": 2.0**-1022}


def words_of(kind: NumberType, words: int | None) -> int:
    """How many registers a value of this type takes; `words` is used for ascii only."""
    return (words or 1) if kind == "ascii" else WORDS[kind]


def is_one_word(kind: NumberType, order: WordOrder) -> bool:
    """Whether a value of this type is the number in its only register, as it is on the wire."""
    return kind == "bool" or (kind == "uint16" and order in {"big", "little-swapped"})


def is_signed_word(kind: NumberType, order: WordOrder) -> bool:
    """Whether a value of this type is the number in its only register, in two's complement."""
    return kind == "int16" and order in {"big", "little-swapped"}


def decode(registers: Sequence[int], kind: NumberType, order: WordOrder) -> int | float | str | None:
    """The value, or None if the registers hold a NaN, an infinity, a subnormal number or a BCD digit above 9."""
    # Most values are of these types, so they skip the conversion to bytes.
    if kind in {"bool", "uint16", "int16"}:
        word = registers[0]
        if kind != "bool" and order not in {"big", "little-swapped"}:
            word = (word & 0xFF) << 8 | word >> 8
        return word - WORD if kind == "int16" and word & SIGN else word
    if kind == "ascii":
        return _text(registers, order)
    raw = _bytes(registers, order)
    if kind in {"bcd16", "bcd32"}:
        digits = raw.hex()
        return int(digits) if digits.isdecimal() else None
    value: int | float = struct.unpack(_FORMATS[kind], raw)[0]
    if isinstance(value, float) and not _is_usual(value, kind):
        return None
    return value


def _text(registers: Sequence[int], order: WordOrder) -> str:
    """The text in these registers, without its padding.

    The order of words is one of numbers: also a device that sends the low word of a number first has its texts from left to right.
    """
    raw = _bytes(registers, "big-swapped" if order in {"little", "big-swapped"} else "big")
    if not any(raw[::2]):  # a letter to a register, as Carlo Gavazzi's ET112 and ET340 have their serial numbers
        raw = raw[1::2]
    # Devices pad text with NUL or spaces; some leave older text after the NUL.
    return raw.split(b"\0")[0].decode("ascii", "replace").strip()


def _is_usual(value: float, kind: NumberType) -> bool:
    """Whether a float may be a reading: finite, and not subnormal.

    No meter sends 1e-38 of anything, but half of all floats look like that in the wrong word order: 25.5 read as CDAB is 2e-41.
    """
    return math.isfinite(value) and (value == 0 or abs(value) >= _SMALLEST[kind])


def _bytes(registers: Sequence[int], order: WordOrder) -> bytes:
    words = reversed(registers) if order in {"little", "little-swapped"} else registers
    end: Literal["little", "big"] = "little" if order in {"little", "big-swapped"} else "big"
    return b"".join(word.to_bytes(2, end) for word in words)
