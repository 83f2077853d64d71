"""Frames of Modbus TCP: the answer is found in any cut of the stream, nothing else is taken for it, and what is no Modbus is said."""

import asyncio
from collections.abc import Iterable

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from agent.modbus.frames import MAX_OCTETS, SHOWN, Reader, request
from agent.modbus.tcp import MAX_NUMBER, TcpWire
from agent.modbus.wire import Answer, GarbageError
from rackflow.errors import DeviceUnreachable
from tests.agent.faulty_peers import FaultyModbus
from tests.agent.modbus.modbus_peers import answer, connected, fails, target_of
from tests.servers.waiting import eventually


def reader(number: int = 5) -> Reader:
    found = Reader()
    found.expect(number, 1, frozenset())
    return found


def fed(found: Reader, chunks: Iterable[bytes]) -> list[Answer]:
    return [each for chunk in chunks if (each := found.feed(chunk)) is not None]


@given(
    st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=125),
    st.lists(st.integers(1, 40), max_size=30),
    st.binary(max_size=5),
)
def test_the_answer_is_found_however_the_stream_is_cut(values: list[int], cuts: list[int], behind: bytes) -> None:
    asked = request(5, 1, 3, 0, len(values))
    late, own = answer(asked, 1, 2, tid=4), answer(asked, *values)
    stream, chunks = late + own + behind, []
    for cut in cuts:
        chunks.append(stream[:cut])
        stream = stream[cut:]
    (found,) = fed(reader(), [each for each in (*chunks, stream) if each])
    assert (found.number, found.function, found.values) == (5, 3, values)


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20), st.booleans())
def test_whatever_comes_is_an_answer_nothing_or_garbage(chunks: list[bytes], waiting: bool) -> None:  # noqa: FBT001 - drawn
    found = reader() if waiting else Reader()
    try:
        answers = fed(found, chunks)
    except GarbageError as error:
        assert str(error)  # noqa: PT017 - one of two outcomes
        return
    assert len(answers) <= waiting
    assert found.left <= MAX_OCTETS


def test_requests_are_byte_for_byte_those_of_the_standard() -> None:
    """Modbus Application Protocol V1.1b3, 6.3 and 6.21."""
    assert request(0x0102, 17, 3, 0x006B, 3) == b"\x01\x02\x00\x00\x00\x06\x11\x03\x00\x6b\x00\x03"
    assert request(0x0102, 17, 0x2B, 0, 0) == b"\x01\x02\x00\x00\x00\x05\x11\x2b\x0e\x01\x00"


def test_the_longest_frame_is_taken_and_one_octet_more_is_no_modbus() -> None:
    """A PDU has 253 octets at most (V1.1b3, 4.1): here an identification of one object."""
    text = b"x" * (253 - 9)
    pdu = b"\x2b\x0e\x01\x01\x00\x00\x01\x00" + bytes([len(text)]) + text
    (told,) = fed(reader(), [b"\x00\x05\x00\x00\x00\xfe\x01" + pdu])
    assert told.texts == [text]
    with pytest.raises(GarbageError):
        fed(reader(), [b"\x00\x05\x00\x00\x00\xff\x01" + pdu + b"x"])


def test_an_identification_may_be_empty_or_cut() -> None:
    (empty,) = fed(reader(), [b"\x00\x05\x00\x00\x00\x08\x01\x2b\x0e\x01\x01\x00\x00\x00"])
    assert empty.texts == []
    (cut,) = fed(reader(), [b"\x00\x05\x00\x00\x00\x05\x01\x2b\x0e\x01\x01"])
    assert cut.texts is None
    # The second object is cut off behind its number, where its length would be.
    (half,) = fed(reader(), [b"\x00\x05\x00\x00\x00\x0c\x01\x2b\x0e\x01\x01\x00\x00\x02\x00\x01X\x01"])
    assert half.texts == [b"X"]


def test_a_shortened_exception_behind_a_late_answer_is_the_answer() -> None:
    late = answer(request(4, 1, 3, 0, 1), 7)
    (refusal,) = fed(reader(), [late + b"\x00\x05\x00\x00\x00\x02\x01\x83\x02"])
    assert refusal.code == 2


@pytest.mark.parametrize("protocol", [b"\x00\x01", b"\x01\x00"])
def test_a_frame_of_another_protocol_is_no_reading(protocol: bytes) -> None:
    """The protocol identifier of Modbus is 0 (Messaging on TCP/IP V1.0b, 3.1.3); the rest would be an answer."""
    with pytest.raises(GarbageError, match="no Modbus TCP"):
        reader().feed(b"\x00\x05" + protocol + b"\x00\x05\x01\x03\x02\x00\x07")


def test_the_error_for_garbage_quotes_its_beginning() -> None:
    with pytest.raises(GarbageError, match="sent 1000 bytes") as caught:
        fed(reader(), [b"HTTP/1.1 400 " + b"x" * 987])
    assert repr(b"HTTP/1.1 400 xxxxxxxxxxx") in str(caught.value)
    assert (SHOWN, "x" * 12 in str(caught.value)) == (24, False)


def test_bits_and_exceptions_and_identifications_are_read() -> None:
    head = b"\x00\x05\x00\x00\x00"
    (bits,) = fed(reader(), [head + b"\x05\x01\x01\x02\x05\x80"])
    assert bits.values == [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    (refusal,) = fed(reader(), [head + b"\x03\x01\x83\x02"])
    assert (refusal.function, refusal.code) == (3, 2)
    (shortened,) = fed(reader(), [head + b"\x02\x01\x83\x02"])
    assert shortened.code == 2, "some devices forget an octet in the length of an exception"
    (told,) = fed(reader(), [head + b"\x0e\x01\x2b\x0e\x01\x01\x00\x00\x01\x00\x04ACME"])
    assert told.texts == [b"ACME"]
    (all_three,) = fed(reader(), [head + b"\x14\x01\x2b\x0e\x01\x01\x00\x00\x03\x00\x04ACME\x01\x01X\x02\x011"])
    assert all_three.texts == [b"ACME", b"X", b"1"], "vendor, product and revision"
    (other,) = fed(reader(), [head + b"\x05\x01\x2b\x0d\x00\x00"])
    assert other.texts is None, "another encapsulated interface"
    (longer,) = fed(reader(), [head + b"\x0b\x01\x2b\x0d\x01\x01\x00\x00\x01\x00\x01X"])
    assert longer.texts is None, "also where its octets could be read as texts"


def test_a_peer_that_sends_without_end_is_reported_and_nothing_of_it_is_kept() -> None:
    found = reader()
    stranger = answer(request(9, 1, 3, 0, 100), *range(100))
    with pytest.raises(GarbageError, match="no answer among them"):
        fed(found, [stranger] * (MAX_OCTETS // len(stranger) + 1))
    assert found.left == 0
    assert "transaction number 9, not 5" in found.came


def test_what_came_for_earlier_requests_is_not_held_against_the_next_one() -> None:
    """A connection lasts for months; the bound is for one request."""
    found = reader()
    stranger = answer(request(9, 1, 3, 0, 100), *range(100))
    fed(found, [stranger] * (MAX_OCTETS // len(stranger)))
    asked = request(6, 1, 3, 0, 100)
    found.expect(6, 1, frozenset())
    assert found.came == ""
    own = answer(asked, *range(100))
    assert [each.number for each in fed(found, [stranger, own[:20], own[20:]])] == [6]


def test_an_answer_that_comes_unasked_is_not_kept_for_the_next_request() -> None:
    found = Reader(number=5, unit=1)
    assert found.feed(answer(request(0, 1, 3, 0, 1), 7)) is None
    found.expect(6, 1, frozenset())
    (own,) = fed(found, [answer(request(6, 1, 3, 0, 1), 8)])
    assert own.values == [8]


async def test_octets_behind_an_answer_cost_a_connection_and_no_reading() -> None:
    async with FaultyModbus(lambda frame: [answer(frame, 7, 8) + b"\0\0\0"]).serving() as server:
        async with connected(target_of(server.port)) as client:
            for _ in range(3):
                assert await client.read(1, "holding", 0, 2) == [7, 8]
        assert server.connections == 3


async def test_transaction_numbers_begin_anew_at_one_when_they_are_used_up() -> None:
    """They have 16 bits, and 0 is what devices send that do not number their answers."""
    async with FaultyModbus(lambda frame: [answer(frame, 7)]).serving() as server:
        wire = TcpWire(server.port)
        await wire.connect("127.0.0.1")
        wire._number = MAX_NUMBER - 1  # noqa: SLF001 - instead of 65,534 requests
        found = [await wire.ask(1, 3, 0, 1, frozenset()) for _ in range(2)]
        wire.close()
    assert [each.number for each in found] == [MAX_NUMBER, 1]


async def test_gc_pauses_that_comes_unasked_ends_the_connection_before_the_next_request() -> None:
    async with (
        FaultyModbus(lambda frame: [answer(frame, 7), 0.05, b"HTTP/1.1 408"]).serving() as server,
        connected(target_of(server.port)) as client,
    ):
        assert await client.read(1, "holding", 0, 1) == [7]
        await eventually(lambda: server.open == 0, "the client hangs up")
        assert await client.read(1, "holding", 0, 1) == [7]


def test_the_loop_of_a_running_agent_reads_and_notices_the_end_of_a_connection() -> None:
    """An agent runs on uvloop, whose transports are no subclasses of asyncio's."""

    async def life() -> None:
        async with (
            FaultyModbus(lambda frame: [answer(frame, 7)] if len(server.frames) < 2 else [None]).serving() as server,
            connected(target_of(server.port)) as client,
        ):
            assert await client.read(1, "holding", 0, 1) == [7]
            async with fails(DeviceUnreachable, "closed the connection"):
                await client.read(1, "holding", 0, 1)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(life())


def unnumbered(unit: int, *values: int) -> bytes:
    """An answer of a device that does not number its answers."""
    return answer(request(0, unit, 3, 0, len(values)), *values)


def test_an_answer_without_a_number_is_taken_from_the_unit_that_was_asked_and_from_no_other() -> None:
    found = reader()
    assert fed(found, [unnumbered(7, 4711)]) == []
    assert found.came.startswith("an answer of unit 7, not 1, without a transaction number")
    (own,) = fed(found, [unnumbered(1, 230)])
    assert (own.number, own.values) == (0, [230])


def test_answers_of_another_unit_or_number_are_taken_where_the_device_is_set_up_for_them() -> None:
    found = Reader()
    found.expect(5, 1, frozenset({"other_unit"}))
    assert [each.values for each in fed(found, [unnumbered(7, 230)])] == [[230]]
    found.expect(6, 1, frozenset({"other_transaction"}))
    (own,) = fed(found, [answer(request(9, 1, 3, 0, 1), 231)])
    assert (own.number, own.values) == (6, [231])
    found.expect(7, 1, frozenset({"other_unit"}))
    assert fed(found, [answer(request(9, 7, 3, 0, 1), 232)]) == [], "its number is another request's"


def test_an_answer_under_the_number_of_another_polled_unit_is_taken_only_where_the_link_is_set_up_for_it() -> None:
    """A gateway numbers a late answer of unit 2 after the request to unit 1; one that answers under any unit's number is set up so."""
    asked = request(5, 2, 3, 0, 1)
    found = Reader(polled=frozenset({1, 2}))
    found.expect(5, 1, frozenset())
    assert fed(found, [answer(asked, 230)]) == []
    found.expect(5, 1, frozenset({"other_unit"}))
    assert [each.values for each in fed(found, [answer(asked, 230)])] == [[230]]


def test_of_an_answer_that_is_sent_again_nothing_is_kept_and_the_first_one_counts() -> None:
    """What stays would look like a stream that is out of step, and cost the connection."""
    asked = request(5, 1, 3, 0, 1)
    found = Reader()
    found.expect(5, 1, frozenset({"other_transaction"}))
    first = found.feed(answer(asked, 7) + answer(asked, 8, tid=9))
    assert first is not None
    assert first.values == [7]
    assert found.left == 0
    assert found.feed(answer(asked, 9)) is None


def test_an_answer_to_a_request_that_was_given_up_is_none() -> None:
    found = reader()
    late = answer(request(5, 1, 3, 0, 1), 7)
    assert found.feed(late[:8]) is None
    assert found.give_up() == 8
    assert found.feed(late[8:]) is None


def test_what_is_no_modbus_behind_an_answer_does_not_cost_the_answer() -> None:
    found = reader()
    rest = b"HTTP/1.1 408 Request Timeout"
    (own,) = fed(found, [answer(request(5, 1, 3, 0, 1), 230) + rest])
    assert (own.values, found.left) == ([230], len(rest))


@pytest.mark.parametrize(
    ("pdu", "why"),
    [
        (b"\x03\x04\x00\xe6", "sent 2 bytes of data where it says 4"),
        (b"\x01\x02\x05", "sent 1 bytes of data where it says 2"),
        (b"\x03", "sent 0 bytes of data where it says 0"),
    ],
)
def test_an_answer_that_is_cut_short_in_a_whole_frame_is_no_reading(pdu: bytes, why: str) -> None:
    with pytest.raises(GarbageError, match=why):
        fed(reader(), [b"\x00\x05\x00\x00\x00" + bytes([1 + len(pdu)]) + b"\x01" + pdu])


def test_an_exception_without_its_code_is_an_exception() -> None:
    (refusal,) = fed(reader(), [b"\x00\x05\x00\x00\x00\x02\x01\x83"])
    assert (refusal.function, refusal.code) == (3, 0)
