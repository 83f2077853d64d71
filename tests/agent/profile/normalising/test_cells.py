"""Numbers and texts out of raw cells: what devices pad with, which texts are numbers, how long they may be, and what means "no reading"."""

import math

import pytest

from agent.profile.normalising.cells import (
    ENDS_OF_16_BITS,
    LARGE_ENDS,
    MAX_NUMBER_TEXT,
    MAX_TEXT,
    NINES,
    NINES_OF_LOADS,
    RawValue,
    bare_text,
    code_of,
    folded_text,
    has_word,
    plain_number,
    plain_text,
    whole_number,
)

PADDING = (" ", "\t", "\r", "\n", "\0", "\xa0", " \0\r\n")


@pytest.mark.parametrize("padding", PADDING, ids=repr)
def test_a_text_is_the_same_with_whatever_a_device_puts_around_it(padding: str) -> None:
    for raw in (f"{padding}On Line{padding}", f"{padding}On Line{padding}".encode()):
        assert (bare_text(raw), folded_text(raw), code_of(raw)) == ("On Line", "on line", "on line")
    assert bare_text(padding) == ""
    assert plain_text(f"{padding}a") == f"{padding}a", "as it is in an identity"


def test_what_stands_within_a_text_and_whatever_can_be_printed_stays() -> None:
    assert bare_text("a \t\xa0\0b") == "a \t\xa0\0b"
    printable = "".join(map(chr, range(0x21, 0x7F)))
    assert all(bare_text(f"{each}{printable}{each}") == f"{each}{printable}{each}" for each in printable)


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (b"230.1", 230.1),
        (b" 230 ", 230),
        (b"230\0\0", 230),
        (b"230\r\n", 230),
        (b"  -5 \r\n\0", -5),
        ("+7", 7),
        ("1e3", 1000.0),
        # Octets of binary numbers: Python takes the first of each for a blank.
        (b"\x0b0", None),
        (b"\t7", None),
        (b"\n7", None),
        (b"7\x0b", None),
        (b"1_000", None),
        (b"1e400", None),
        (b"-1e400", None),
        (b"nan", None),
        (b"inf", None),
        (b"0x10", None),
        (b"", None),
        (b"\xb2", None),
        (math.inf, None),
        (2.5, 2.5),
        (None, None),
    ],
    ids=repr,
)
def test_a_text_is_a_number_if_it_is_a_decimal_number_and_nothing_else(raw: RawValue, number: float | None) -> None:
    assert plain_number(raw) == number


def test_a_number_has_as_many_digits_as_a_device_may_print_and_no_more() -> None:
    """With padding: a longer text takes Python a time that grows with the square of its length."""
    fits = "0" * (MAX_NUMBER_TEXT - 3) + "230"
    assert plain_number(fits) == 230
    assert plain_number(fits.encode()) == 230
    assert plain_number("0" + fits) is None
    assert plain_number("230".ljust(MAX_NUMBER_TEXT)) == 230
    assert MAX_NUMBER_TEXT == 512


def test_a_text_is_cut_where_no_device_means_more_and_odd_octets_are_shown_as_such() -> None:
    assert plain_text("x" * 70_000) == plain_text(b"x" * 70_000) == "x" * MAX_TEXT
    assert MAX_TEXT == 1024
    assert plain_text("Zürich".encode()) == "Zürich"
    assert plain_text(b"a\xff") == "a\ufffd"
    assert (plain_text(None), plain_text(2**64), plain_text(-(2**64)), plain_text(2**64 - 1)) == (
        *("", "", ""),
        str(2**64 - 1),
    )


def test_a_code_is_the_same_however_it_is_sent() -> None:
    assert [code_of(each) for each in (2, 2.0, "2", b" 2 ", "2.0")] == [2] * 5
    assert [whole_number(each) for each in (2.5, "2.5", "two", None)] == [None] * 4
    assert code_of("2.5") == "2.5"


def test_a_word_is_found_in_any_case_and_any_text_is_one_that_is_not_blank() -> None:
    assert has_word(folded_text("ALARM: Leak"), ["leak"])
    assert has_word(folded_text("alarm: leak"), ["Leak"])
    assert not has_word(folded_text("ok"), ["leak", "alarm"])
    assert has_word("x", ["*"])
    assert not has_word("", ["*"])


def test_numbers_that_devices_send_for_no_reading() -> None:
    """Ends of integers of 16, 32 and 64 bits and of floats, also with a scale applied, and rows of nines with and without a decimal."""
    assert {
        *(32767, 3276.7, 327.67),
        *(32768, -32768, -3276.8, -327.68),
        *(65532, 65533, 65534, 65535, 6553.5, 655.35, 655350),
    } == ENDS_OF_16_BITS
    bits = (2147483647, 2147483648, 4294967295, -2147483648)
    wide = (9223372036854775807, 9223372036854775808, 18446744073709551615, -9223372036854775808)
    floats = (3.4028234663852886e38, -3.4028234663852886e38)
    scaled = (each / part for each in bits for part in (10, 100))
    assert {*bits, *scaled, *wide, *floats} == LARGE_ENDS
    assert {-999, -9999, -99999, -999999, -999.9, -9999.9, -99999.9} == NINES
    assert {9999, 99999, 9999.9} == NINES_OF_LOADS
