"""What of an answer is repaired, octet by octet; test_odd_answers.py has the same over the wire."""

import pytest

from agent.snmp.repair import (
    NOTHING,
    RESPONSE,
    SEQUENCE,
    Unreadable,
    element,
    elements,
    repaired,
    repaired_response,
    request_id,
)

NAME = b"\x2b\x06\x01"
OID = element(6, NAME)


def response(*binds: bytes, kind: int = RESPONSE, outer: int = SEQUENCE) -> bytes:
    """An answer of v2c with the request-id 7 and these pairs."""
    numbers = element(2, b"\x07") + element(2, b"\x00") + element(2, b"\x01")
    pairs = element(SEQUENCE, b"".join(element(SEQUENCE, each) for each in binds))
    return element(outer, element(2, b"\x01") + element(4, b"public") + element(kind, numbers + pairs))


def value_of(value: bytes) -> bytes:
    """What becomes of a value in an answer."""
    found = repaired(response(OID + value))
    assert found.startswith(response(OID + NOTHING)[:1])
    return found[found.index(OID) + len(OID) :]


@pytest.mark.parametrize(
    ("tag", "content", "expected"),
    [
        (0x47, b"\x05", element(0x42, b"\x05")),  # UInteger32 is a Gauge32
        (0x41, b"\x80\0\0\0", element(0x41, b"\0\x80\0\0\0")),
        (0x42, b"\xff" * 4, element(0x42, b"\0" + b"\xff" * 4)),
        (0x43, b"\xff" * 4, element(0x43, b"\0" + b"\xff" * 4)),
        (0x46, b"\xff" * 8, element(0x46, b"\0" + b"\xff" * 8)),
        (0x46, b"\xff" * 4, element(0x46, b"\0" + b"\xff" * 4)),
        (0x41, b"\x7f\xff\xff\xff", element(0x41, b"\x7f\xff\xff\xff")),
        (0x41, b"\xff\xff", element(0x41, b"\xff\xff")),  # a negative number, which no counter of two octets is
        (0x41, b"\xff" * 3, element(0x41, b"\xff" * 3)),
        (2, b"\xff" * 4, element(2, b"\xff" * 4)),  # -1
        (0x41, b"", NOTHING),
        (0x41, b"\0" * 6, NOTHING),
        (0x46, b"\0" * 10, NOTHING),
        (2, b"", NOTHING),
        (2, b"\1" * 8, element(2, b"\1" * 8)),
        (2, b"\1" * 9, NOTHING),
        (0x40, b"\1" * 3, NOTHING),
        (0x40, b"\1" * 4, element(0x40, b"\1" * 4)),
        (5, b"", element(5, b"")),
        (5, b"\0", NOTHING),
        (0x81, b"", element(0x81, b"")),
        (4, b"", element(4, b"")),
        (6, b"", NOTHING),
        (6, b"\x2b\x86", NOTHING),  # its last number goes on
        (6, NAME, element(6, NAME)),
        (0x45, b"abc", NOTHING),
        (12, b"abc", NOTHING),
    ],
)
def test_a_value_is_as_it_was_or_mended_or_nothing(tag: int, content: bytes, expected: bytes) -> None:
    assert value_of(element(tag, content)) == expected


@pytest.mark.parametrize("value", [b"", b"\x04", b"\x04\x05ab", b"\x04\x80ab", b"\x04\x82\x01"])
def test_a_value_that_is_cut_or_absent_is_nothing(value: bytes) -> None:
    assert value_of(value) == NOTHING


@pytest.mark.parametrize("name", [b"", element(4, NAME), element(6, b""), element(6, b"\x2b\x86")])
def test_a_value_without_a_name_makes_the_answer_what_it_was(name: bytes) -> None:
    answer = response(OID + element(2, b"\1"), name + element(0x45, b"a"))
    assert repaired(answer) == answer


@pytest.mark.parametrize(("kind", "outer"), [(0xA0, SEQUENCE), (RESPONSE, 0x31), (0xA8, SEQUENCE)])
def test_what_is_no_response_is_left_alone(kind: int, outer: int) -> None:
    message = response(OID + element(0x45, b"a"), kind=kind, outer=outer)
    assert repaired(message) == message


def test_octets_behind_an_answer_are_gone_and_lengths_are_short() -> None:
    answer = response(OID + element(4, b"x" * 200))
    assert repaired(answer + b"zz") == answer
    assert repaired(response(OID + b"\x04\x82\x00\x01a")) == response(OID + element(4, b"a"))
    with pytest.raises(ValueError, match="not enough"):
        repaired_response(element(2, b"\1"))


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65_536])
def test_an_element_is_read_as_it_was_written_with_the_fewest_octets(size: int) -> None:
    content = b"x" * size
    written = element(4, content)
    assert list(elements(written + written)) == [(4, content), (4, content)]
    octets = 0 if size < 128 else (size.bit_length() + 7) // 8
    assert len(written) == 2 + octets + size


@pytest.mark.parametrize("cut", [b"\x04", b"\x04\x01", b"\x04\x80", b"\x04\x80a", b"\x04\x82\x01", b"\x04\x81\x02a"])
def test_what_is_cut_or_of_no_length_is_unreadable(cut: bytes) -> None:
    with pytest.raises(Unreadable):
        list(elements(cut))


def test_the_request_id_is_that_of_the_pdu() -> None:
    assert request_id(response(OID + NOTHING)) == b"\x07"
    assert [request_id(each) for each in (b"", b"\x30\x02\x05\x00", response()[:-3])] == [b"", b"", b""]
