"""Builds request frames of Modbus TCP, and finds the answer in the octets received. No I/O.

A frame is a header of seven octets (transaction number, protocol, length of what follows, unit; Modbus Messaging on TCP/IP V1.0b, 3.1.3)
and a PDU (function and data; Modbus Application Protocol V1.1b3).
"""

import struct
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from agent.modbus.seam import OddAnswer
from agent.modbus.wire import BIT_FUNCTIONS, IDENTIFY, REGISTER_FUNCTIONS, Answer, GarbageError, hint

# The MBAP header: transaction, protocol, length and unit (Modbus Messaging on TCP/IP V1.0b, 3.1.3).
HEADER_OCTETS: Final = 7
# Length field: unit and PDU. A PDU has 253 octets at most (V1.1b3, 4.1). Two are the least that is taken: see `_frame_end`.
SHORTEST: Final = 2
LONGEST: Final = 254
# Set in the function code of an exception response (V1.1b3, 7).
EXCEPTION: Final = 0x80
# Late answers to earlier requests, of 260 octets each, may come before the one that is waited for. A peer that sends this much
# without that answer speaks another protocol, or never stops sending. Chosen value.
MAX_OCTETS: Final = 16 * 1024
# Octets of an unreadable answer that the error message quotes.
SHOWN: Final = 24

_HEAD = struct.Struct(">HHHB")
_PROTOCOL_LENGTH = struct.Struct(">HH")
_READ = struct.Struct(">HHHBBHH")
# Basic identification, as one stream, from the first object (V1.1b3, 6.21).
_IDENTIFY_PDU = bytes([IDENTIFY, 0x0E, 0x01, 0x00])
_IDENTIFICATION: Final = 0x0E
_REGISTERS = [struct.Struct(f">{count}H") for count in range(128)]
_BITS = [[octet >> at & 1 for at in range(8)] for octet in range(256)]


def request(number: int, unit: int, function: int, address: int, count: int) -> bytes:
    """A request to read bits or registers, or for the identification, which has neither address nor count."""
    if function == IDENTIFY:
        return _HEAD.pack(number, 0, 1 + len(_IDENTIFY_PDU), unit) + _IDENTIFY_PDU
    return _READ.pack(number, 0, 6, unit, function, address, count)


@dataclass(slots=True)
class Reader:
    """Finds the answer to one request after the other in a stream of octets.

    A late answer to an earlier request must not be taken for the one that is waited for: that would be a valid-looking reading of the
    wrong register or unit. The transaction number distinguishes them: one request is outstanding, and a number is used again only after
    65,535 requests. Some devices always answer as unit 0, 1 or 255, so another unit's number is accepted while the transaction number
    matches, unless it is that of one of `polled`, the units that are read over this link: a gateway numbers what comes from its serial line
    after the request that waits, also where that is a late answer to the one before.
    """

    polled: AbstractSet[int] = frozenset()
    number: int = 0
    unit: int = 0
    accepts: frozenset[OddAnswer] = frozenset()
    waiting: bool = False
    came: str = ""
    """The last answer that was not accepted, in words for an error message; empty if there was none."""
    _buffer: bytes = b""
    _octets: int = 0

    @property
    def left(self) -> int:
        """Octets of an incomplete frame that nobody asked for. If there are any, it is unknown where the next frame begins."""
        return len(self._buffer)

    def expect(self, number: int, unit: int, accepts: frozenset[OddAnswer]) -> None:
        """Wait for the answer to this request from now on."""
        self.number, self.unit, self.accepts = number, unit, accepts
        self.waiting, self.came, self._octets = True, "", 0

    def give_up(self) -> int:
        """Wait no longer. Returns how many octets of an incomplete frame have been received."""
        self.waiting = False
        return len(self._buffer)

    def feed(self, data: bytes) -> Answer | None:
        """Process received octets. Returns the answer if it is complete. Raises GarbageError if they are not Modbus TCP."""
        buffer = self._buffer + data if self._buffer else data
        self._octets += len(data)
        answer: Answer | None = None
        at = 0
        while len(buffer) - at > HEADER_OCTETS:
            try:
                end = _frame_end(buffer, at)
            except GarbageError:
                if answer is None:
                    raise
                # The answer itself is valid. The rest stays in the buffer, and `left` reports it.
                break
            if end > len(buffer):
                break
            if self.waiting and (number := self._number_of(buffer, at)) is not None:
                self.waiting = False
                answer = parse_pdu(buffer[at + HEADER_OCTETS : end], number)
            # Frames that nobody waits for are dropped: late answers to requests that were given up, or repeated answers.
            at = end
        self._buffer = buffer[at:][:MAX_OCTETS]
        if self.waiting and self._octets > MAX_OCTETS:
            raise GarbageError(f"sent {self._octets} bytes and no answer among them")
        return answer

    def _number_of(self, buffer: bytes, at: int) -> int | None:
        """The frame's transaction number if it is the answer that is waited for, else None. 0 is a device that does not number."""
        number: int = int.from_bytes(buffer[at : at + 2])
        unit = buffer[at + HEADER_OCTETS - 1]
        if number == self.number:
            if unit == self.unit or unit not in self.polled or "other_unit" in self.accepts:
                return number
            self.came = f"an answer of unit {unit}, not {self.unit}{hint('other_unit')}"
            return None
        if number:
            if "other_transaction" in self.accepts:
                return self.number
            self.came = f"an answer with transaction number {number}, not {self.number}{hint('other_transaction')}"
            return None
        if unit != self.unit and "other_unit" not in self.accepts:
            self.came = f"an answer of unit {unit}, not {self.unit}, without a transaction number{hint('other_unit')}"
            return None
        return 0


def _frame_end(buffer: bytes, at: int) -> int:
    """Offset of the end of the frame that begins at `at`. The buffer must hold its header and one more octet. Raises GarbageError."""
    protocol, length = _PROTOCOL_LENGTH.unpack_from(buffer, at + 2)
    if protocol or not SHORTEST <= length <= LONGEST:
        raise GarbageError(
            f"sent {len(buffer) - at} bytes that are no Modbus TCP, beginning with {bytes(buffer[at : at + SHOWN])!r}"
        )
    # Some devices forget one octet in the length of an exception, which has unit, function and code.
    forgotten = length == SHORTEST and len(buffer) - at == HEADER_OCTETS + 2 and buffer[at + HEADER_OCTETS] >= EXCEPTION
    return at + HEADER_OCTETS - 1 + int(length) + forgotten


def parse_pdu(pdu: bytes, number: int) -> Answer:
    """Parse a PDU. Raises GarbageError if it is cut short, or has a function code that is never requested."""
    function = pdu[0]
    if function & EXCEPTION:
        return Answer(number, function & ~EXCEPTION, pdu[1] if len(pdu) > 1 else 0)
    if function in REGISTER_FUNCTIONS or function in BIT_FUNCTIONS:
        octets = pdu[1] if len(pdu) > 1 else 0
        data = pdu[2 : 2 + octets]
        if len(data) < octets or len(pdu) == 1:
            raise GarbageError(f"sent {len(data)} bytes of data where it says {octets}")
        if function in REGISTER_FUNCTIONS:
            layout = _REGISTERS[octets // 2]
            return Answer(number, function, values=list(layout.unpack_from(data)))
        return Answer(number, function, values=[bit for octet in data for bit in _BITS[octet]])
    if function == IDENTIFY:
        return Answer(number, function, texts=_texts(pdu))
    raise GarbageError(f"answered function {function}, which nobody asked for, in {len(pdu)} bytes")


def _texts(pdu: bytes) -> list[bytes] | None:
    """The objects of an identification; None for another type of encapsulated interface (V1.1b3, 6.19)."""
    if len(pdu) < HEADER_OCTETS or pdu[1] != _IDENTIFICATION:
        return None
    texts, at = [], HEADER_OCTETS
    while at + 2 <= len(pdu):
        texts.append(pdu[at + 2 : at + 2 + pdu[at + 1]])
        at += 2 + pdu[at + 1]
    return texts
