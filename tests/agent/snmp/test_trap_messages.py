"""What the octets of a trap say, at the edges of what is read; `test_traps.py` has traps that net-snmp sends."""

import pytest

from agent.snmp.repair import OBJECT_IDENTIFIER, OCTETS, SEQUENCE, Unreadable, element
from agent.snmp.traps import Trap
from agent.snmp.traps.message import MAX_OID_OCTETS, MAX_TEXT_OCTETS, MAX_TEXTS, TRAP, TRAP_OID_NAME, dotted, read_pdu

UPTIME = bytes.fromhex("2b06010201010300")
COLD_START = bytes.fromhex("2b0601060301010501")
TEXT_NAME = bytes.fromhex("2b06010401823e02")


def bind(name: bytes, kind: int, value: bytes) -> bytes:
    return element(SEQUENCE, element(OBJECT_IDENTIFIER, name) + element(kind, value))


def told(*objects: bytes) -> Trap:
    """What a trap of v2c with these objects says."""
    return read_pdu(TRAP, bytes.fromhex("020101020100020100") + element(SEQUENCE, b"".join(objects)))


WHAT = bind(TRAP_OID_NAME, OBJECT_IDENTIFIER, COLD_START)


def texts_of(*values: bytes) -> tuple[str, ...]:
    return told(bind(UPTIME, 0x43, b"\7"), WHAT, *(bind(TEXT_NAME, OCTETS, each) for each in values)).texts


def test_the_name_of_a_trap_is_its_second_object_or_its_first_where_the_time_is_left_out() -> None:
    time, other = bind(UPTIME, 0x43, b"\7"), bind(TEXT_NAME, OCTETS, b"on")
    assert told(time, WHAT) == told(WHAT) == Trap("1.3.6.1.6.3.1.1.5.1")
    assert told(WHAT, other) == Trap("1.3.6.1.6.3.1.1.5.1", ("on",))
    for objects in ((), (time,), (time, other, WHAT), (time, bind(TRAP_OID_NAME, OCTETS, COLD_START))):
        with pytest.raises(Unreadable):
            told(*objects)


def test_a_trap_with_several_texts_has_the_first_ones() -> None:
    found = texts_of(b"", *(f"text {number}".encode() for number in range(9)))
    assert found == tuple(f"text {number}" for number in range(8))
    assert len(found) == MAX_TEXTS
    assert Trap("1.3.6.1.4.1.318.0.5", found[:2]).text == "1.3.6.1.4.1.318.0.5: text 0, text 1"
    assert Trap("1.3.6.1.4.1.318.0.5").text == "1.3.6.1.4.1.318.0.5"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"abc\xe9", "abc\xe9"),  # three quarters are ASCII
        (b"ab\xe9", ""),
        (b"fan\x07stopped", ""),
        (b"fan\tstopped\n", "fan stopped"),
        (b"\0on\0\0", ""),
        (b"on\0\0", "on"),
        # Cut in the middle of a character.
        (b"a" + "é".encode() * 600, "a" + "é" * 511),
        (b"a" * MAX_TEXT_OCTETS, "a" * MAX_TEXT_OCTETS),
        # Not cut, and so no UTF-8 with half a character at its end.
        (b"a" * (MAX_TEXT_OCTETS - 2) + b"\xc3", "a" * (MAX_TEXT_OCTETS - 2) + "\xc3"),
    ],
)
def test_a_text_is_mostly_ascii_or_utf_8_in_one_line(value: bytes, text: str) -> None:
    assert texts_of(value) == ((text,) if text else ())


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("00", "0.0"),
        ("27", "0.39"),
        ("28", "1.0"),
        ("4f", "1.39"),
        ("50", "2.0"),
        ("8100", "2.48"),
        ("9080 80804f", "2.4294967295"),
        ("2b8fffffff7f", "1.3.4294967295"),
    ],
)
def test_an_object_identifier_has_numbers_of_32_bits(octets: str, text: str) -> None:
    assert dotted(bytes.fromhex(octets)) == text


@pytest.mark.parametrize(
    "octets",
    [b"", b"\x2b\x81", bytes.fromhex("9080808050"), b"\x2b" + b"\xff" * 600 + b"\x7f", bytes(MAX_OID_OCTETS + 1)],
    ids=["nothing", "cut off", "33 bits", "endless", "too long"],
)
def test_what_is_no_object_identifier_is_unreadable(octets: bytes) -> None:
    with pytest.raises(Unreadable):
        dotted(octets)


def test_the_longest_object_identifier_is_read() -> None:
    assert dotted(bytes(MAX_OID_OCTETS)) == ".".join("0" * (MAX_OID_OCTETS + 1))
