"""Reads numbers and texts out of raw cells. Every conversion of what a device sent goes through here.

A device can send anything in any cell: NaN, infinity, 400 digits, 64 kB of octets that are not text. Whatever it sends, numbers returned
here are finite, texts are short, nothing is raised, and a value takes microseconds. Callers can therefore use `int()`, scales and powers
of ten without further checks.
"""

import math
from collections.abc import Iterable
from typing import Final

RawValue = int | float | bytes | str | None
"""One answer of a device, as the SNMP and Modbus clients give it."""

ANY_TEXT: Final = "*"
"""As a word of a condition: any text that is not blank."""

# Padding that devices put around a text: blanks (also no-break spaces), line ends, NULs.
_PADDING: Final = " \t\r\n\xa0\0"
MAX_TEXT: Final = 1024
"""Longest text that is used; the rest is cut off. SNMP's DisplayString has at most 255 characters (RFC 2579), Modbus' ascii at most 250."""
# Digits, sign, point, exponent and padding of any number that a device prints. Python reads longer ones, too, but in time that
# grows with the square of their length.
MAX_NUMBER_TEXT: Final = 512
# No integer type of SNMP or Modbus has more than 64 bits. A longer number comes from a faulty device or library, and Python may refuse to
# convert it to text (sys.set_int_max_str_digits).
MAX_WIRE_INT: Final = 2**64

# The largest and smallest numbers of 32 and 64 bits, with and without sign, and of a 32-bit float.
_ENDS_OF_32_BITS: Final = (2147483647, 2147483648, 4294967295, -2147483648)
_ENDS_OF_64_BITS: Final = (2**63 - 1, 2**63, 2**64 - 1, -(2**63))
_LARGEST_FLOAT: Final = 3.4028234663852886e38
LARGE_ENDS: Final = frozenset(
    {
        *(end / part for end in _ENDS_OF_32_BITS for part in (1, 10, 100)),
        *_ENDS_OF_64_BITS,
        _LARGEST_FLOAT,
        -_LARGEST_FLOAT,
    }
)
"""Largest and smallest numbers of 32- and 64-bit integers and 32-bit floats, and a tenth and a hundredth of them (a text may have the scale
applied). Devices send them for "no reading", whatever their documents say, and no measurement reaches them."""
ENDS_OF_16_BITS: Final = frozenset(
    {32767, 32768, -32768, *range(65532, 65536), 655350, 6553.5, 655.35, 3276.7, 327.67, -3276.8, -327.68}
)
"""The same for 16 bits, and the numbers just below 65535, with which some devices say why there is no reading. A load may have one of these
values by chance and is then missing for one poll. They are not used for counters, which may keep such a value for hours."""

NINES: Final = frozenset({-999, -9999, -99999, -999999, -999.9, -9999.9, -99999.9})
"""Numbers of nines that devices send for "no reading" in texts and signed cells, also with a decimal. A reading may be one by chance."""
NINES_OF_LOADS: Final = frozenset({9999, 99999, 9999.9})
"""Positive nines are sentinels of currents and powers only. Other quantities may stay at one: a runtime whose display has no more digits, a
power factor of 0.9999."""


def plain_number(value: RawValue) -> int | float | None:
    """A raw value as a finite number, or None. Text counts if it is a decimal number and nothing else.

    Python also reads `nan`, `inf` and `1e400` as floats. They are refused, because int() of them raises when bits, codes or
    scales are taken from a cell.
    """
    if isinstance(value, bytes | str):
        return _number_of_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def whole_number(value: RawValue) -> int | None:
    """A raw value as a whole number, or None: 2 and 2.0 are, 2.5 is not."""
    number = plain_number(value)
    return int(number) if number is not None and number == int(number) else None


def plain_text(value: RawValue) -> str:
    """A raw value as text of at most MAX_TEXT characters; what is not UTF-8 becomes U+FFFD, and no value an empty text."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value[:MAX_TEXT].decode("utf-8", "replace")
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if isinstance(value, int) and not -MAX_WIRE_INT < value < MAX_WIRE_INT:
        return ""
    return str(value)


def bare_text(value: RawValue) -> str:
    """A raw value as text, without the blanks and NULs that devices pad with."""
    return plain_text(value).strip(_PADDING)


def folded_text(value: RawValue) -> str:
    """A raw value as text for comparisons: without case, and without the blanks and NULs that devices pad with."""
    return bare_text(value).casefold()


def code_of(value: RawValue) -> int | str:
    """A raw value as it is compared with a profile's codes: a whole number, however it is sent (1, 1.0, "1"), or the folded text."""
    number = whole_number(value)
    return folded_text(value) if number is None else number


def lowest_bits(bits: Iterable[int], number: int) -> int:
    """The number that these bits of another one form, the first as the lowest."""
    return sum((number >> bit & 1) << at for at, bit in enumerate(bits))


def has_word(text: str, words: Iterable[str]) -> bool:
    """Whether the folded text has one of the words in it."""
    return any(bool(text) if word == ANY_TEXT else word.casefold() in text for word in words)


def _number_of_text(text: bytes | str) -> int | float | None:
    if len(text) > MAX_NUMBER_TEXT:
        return None
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    # Padding is blanks, NULs and line ends. Any other control character shows that these are the octets of a binary number. Python takes
    # some of them for blanks: the two octets of 2864 (0x0B 0x30) would be read as "0".
    text = text.rstrip("\0\r\n ").lstrip(" ")
    if not text.isprintable() or "_" in text:  # Python reads 1_000 as a thousand
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
