"""Streams of Modbus TCP as a broken peer sends them: frames of this and other requests, whole and damaged, in any cut."""

from collections.abc import Sequence

from hypothesis import strategies as st

from agent.modbus.frames import MAX_OCTETS, Reader
from agent.modbus.wire import GarbageError

OWN, UNIT = 5, 1
Piece = tuple[int, int, int, bytes]
"""Transaction number, length that is claimed beyond the true one, unit, PDU."""

_pdus = st.one_of(
    st.binary(max_size=260),
    st.lists(st.integers(0, 0xFFFF), max_size=125).map(
        lambda values: bytes([3, 2 * len(values)]) + b"".join(value.to_bytes(2) for value in values)
    ),
    st.tuples(st.integers(0x80, 0xFF), st.integers(0, 255)).map(bytes),
    st.binary(max_size=60).map(lambda rest: b"\x2b\x0e" + rest),
)
pieces: st.SearchStrategy[Piece] = st.tuples(
    st.sampled_from((OWN, OWN, 0, 4, 6, 0xFFFF)), st.sampled_from((0, 0, 0, 0, 1, -1, 200)), st.integers(0, 3), _pdus
)
cuts = st.lists(st.integers(1, 300), max_size=40)


def frame(piece: Piece) -> bytes:
    """The piece as it goes over the wire."""
    number, more, unit, pdu = piece
    return number.to_bytes(2) + b"\0\0" + max(0, len(pdu) + 1 + more).to_bytes(2) + bytes([unit]) + pdu


def is_answered_rightly(stream: Sequence[Piece], sizes: Sequence[int]) -> int:
    """Feed the stream to a reader; returns how many chunks it took. Raises AssertionError where it takes a wrong answer."""
    reader, octets, taken, answers = Reader(), b"".join(map(frame, stream)), 0, []
    reader.expect(OWN, UNIT, frozenset())
    chunks = []
    for size in sizes:
        chunks.append(octets[:size])
        octets = octets[size:]
    try:
        for chunk in (*chunks, octets):
            taken += 1
            if (answer := reader.feed(chunk)) is not None:
                answers.append(answer)
            assert reader.left <= MAX_OCTETS
    except GarbageError as error:
        assert str(error)  # noqa: PT017 - one of two outcomes
        return taken
    assert len(answers) <= 1, "one request has one answer"
    for answer in answers:
        assert answer.number in {OWN, 0}
        assert all(0 <= value <= 0xFFFF for value in answer.values)
    if answers and all(more == 0 and pdu for _, more, _, pdu in stream):
        # Frames are whole, so the first that may be the answer is it.
        number, _, _, pdu = next(each for each in stream if each[0] == OWN or (each[0] == 0 and each[2] == UNIT))
        assert (answers[0].number, answers[0].function) == (number, pdu[0] & 0x7F)
    return taken
