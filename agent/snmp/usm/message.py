"""Reads the header of an SNMPv3 message (RFC 3412, 6; RFC 3414, 2.4), and writes the request that asks a device for its engine. No I/O.

Anybody on the network can send these octets, so the reader is total: whatever it is given, it returns a `Message` or raises
`MalformedMessage`. It decrypts nothing and reads no values.
"""

# BER is read here and not with pyasn1, which takes about a millisecond for this header, a hundred times the whole check. One regular
# expression finds all elements of the header: 3 us on a machine where reading them one by one in Python takes 17 us.

import re
from functools import cache
from typing import Final, NamedTuple

from agent.snmp.repair import element, number_element
from rackflow.errors import RackflowError

# Tags of BER and of SNMP's PDUs (RFC 3416, 3), and the bits of msgFlags (RFC 3412, 6.4).
INTEGER, OCTET_STRING, OBJECT_ID, SEQUENCE = 0x02, 0x04, 0x06, 0x30
GET, RESPONSE, REPORT = 0xA0, 0xA2, 0xA8
AUTH_FLAG: Final = 1
PRIV_FLAG: Final = 2
REPORTABLE_FLAG: Final = 4
LEVEL_FLAGS: Final = AUTH_FLAG | PRIV_FLAG
MAX_INTEGER: Final = 2**31 - 1
"""Of msgID, engine boots and engine time (RFC 3412, 6; RFC 3414, 2.4)."""
ENGINE_ID_OCTETS: Final = range(5, 33)
"""Length of an engine id (RFC 3411, 5)."""
SALT_OCTETS: Final = 8
"""Of the privacy parameters of DES and AES (RFC 3414, 8.2.4; RFC 3826, 3.1.4)."""
USM_STATS: Final = bytes.fromhex("2b060106030f0101")
"""1.3.6.1.6.3.15.1.1, usmStats (RFC 3414, 5): the objects that a Report names."""
# Least that a manager must accept (RFC 3412, 6). The answer to the request for an engine takes about 110 octets.
MIN_MAX_SIZE: Final = b"\x02\x02\x01\xe4"

# A length, of one octet or in the long form; the indefinite form (0x80) is forbidden (RFC 3417, 8).
_LENGTH: Final = rb"([\x00-\x7f]|\x81.|\x82..|\x83...|\x84....)"
# Length and octets of a number from 0 to MAX_INTEGER. Five octets are that with a leading zero, which some agents write.
_NUMBER: Final = rb"\x02(\x01[\x00-\x7f]|\x02[\x00-\x7f].|\x03[\x00-\x7f]..|\x04[\x00-\x7f]...|\x05\x00[\x00-\x7f]...)"


def _octets(most: int) -> bytes:
    """Length and octets of an OCTET STRING of at most this many octets. No length fits two alternatives, so there is no backtracking."""
    return rb"\x04(" + b"|".join(re.escape(bytes([size])) + rb".{%d}" % size for size in range(most, -1, -1)) + rb")"


@cache
def _header() -> re.Pattern[bytes]:
    """The expression for a message's header. Compiled for the first message: that takes 5 ms, and an agent may have no SNMPv3 device."""
    return re.compile(
        # The message and its version, 3
        rb"\x30" + _LENGTH + rb"\x02\x01\x03"
        # msgGlobalData: msgID, msgMaxSize, msgFlags, msgSecurityModel 3
        rb"\x30" + _LENGTH + rb"(" + _NUMBER + _NUMBER + rb"\x04\x01(.)\x02\x01\x03)"
        # msgSecurityParameters: engine id and user's name of at most 32 octets (RFC 3411, 5; RFC 3414, 2.4), code of at most 48
        # (RFC 7860, 4.2.1; longer ones are read, to be refused as wrong), salt of at most 8
        rb"\x04" + _LENGTH + rb"(\x30" + _LENGTH + rb")"
        rb"(" + _octets(32) + _NUMBER + _NUMBER + _octets(32) + _octets(64) + _octets(SALT_OCTETS) + rb")"
        # A scopedPDU or a ciphertext
        rb"([\x04\x30])" + _LENGTH,
        re.DOTALL,
    )


# The group of the expression above that holds msgAuthenticationParameters.
_MAC_GROUP: Final = 15
_ELEMENT: Final = re.compile(rb"(.)" + _LENGTH, re.DOTALL)


class MalformedMessage(RackflowError):
    """Octets that are no SNMPv3 message with the User-based Security Model."""


class Message(NamedTuple):
    """The header of a message. Positions are offsets into its datagram; `pdu` is the tag of a plaintext's PDU, 0 in a ciphertext."""

    # A named tuple and not a frozen dataclass, because a dataclass takes 2 us longer to make, for every datagram.

    msg_id: int
    flags: int
    engine: bytes
    boots: int
    time: int
    user: bytes
    mac_at: int
    mac_end: int
    pdu: int
    pdu_at: int
    pdu_end: int

    @property
    def level(self) -> int:
        """The security level: its flags of authentication and privacy."""
        return self.flags & LEVEL_FLAGS


def read_message(data: bytes) -> Message:
    """Read a datagram. Raises MalformedMessage, and nothing else, for any octets."""
    found = _header().match(data)
    if found is None:
        raise MalformedMessage("no SNMPv3 message of the User-based Security Model")
    groups = found.groups()
    size, global_size, global_data, msg_id, _, flag = groups[:6]
    params_size, sequence, sequence_size, params, engine, boots, time, user, _, salt, tag, body_size = groups[6:]
    flags, end, pdu_at = flag[0], len(data), found.end()
    if (
        found.end(1) + _number_of(size) != end
        or pdu_at + _number_of(body_size) != end
        or _number_of(global_size) != len(global_data)
        or _number_of(params_size) != len(sequence) + len(params)
        or _number_of(sequence_size) != len(params)
    ):
        raise MalformedMessage("lengths that do not agree")
    if flags & PRIV_FLAG:
        if not flags & AUTH_FLAG or salt[0] != SALT_OCTETS or tag[0] != OCTET_STRING:
            raise MalformedMessage("privacy without authentication, salt or ciphertext")
        pdu, pdu_end = 0, end
    else:
        if tag[0] != SEQUENCE:
            raise MalformedMessage("no scopedPDU")
        pdu, pdu_at, pdu_end = _plain_pdu(data, pdu_at, end)
    mac_at, mac_end = found.span(_MAC_GROUP)
    return Message(
        int.from_bytes(msg_id[1:], "big"),
        flags,
        engine[1:],
        int.from_bytes(boots[1:], "big"),
        int.from_bytes(time[1:], "big"),
        user[1:],
        mac_at + 1,
        mac_end,
        pdu,
        pdu_at,
        pdu_end,
    )


def without_tail(data: bytes) -> bytes:
    """The message without octets behind it, which net-snmp ignores as well. What is no message stays as it is."""
    found = _ELEMENT.match(data)
    end = found.end() + _number_of(found[2]) if found is not None else 0
    return data[:end] if 0 < end < len(data) else data


def body_of(data: bytes) -> tuple[int, int, bytes]:
    """Where the content of the message and its scopedPDU or ciphertext begin, and the salt. Raises MalformedMessage."""
    found = _header().match(data)
    if found is None:
        raise MalformedMessage("no SNMPv3 message of the User-based Security Model")
    salt, body = found.re.groups - 2, found.re.groups - 1
    return found.end(1), found.start(body), found[salt][1:]


class Request(NamedTuple):
    """What an answer must agree with. `level` is the flags of authentication and privacy."""

    msg_id: int
    level: int
    engine: bytes
    user: bytes


def read_request(data: bytes) -> Request:
    """Read a request that our own library has made; its lengths are not checked. Raises MalformedMessage."""
    found = _header().match(data)
    if found is None:
        raise MalformedMessage("no SNMPv3 request of the User-based Security Model")
    msg_id, flag, engine, user = found.group(4, 6, 11, 14)
    return Request(int.from_bytes(msg_id[1:], "big"), flag[0] & LEVEL_FLAGS, engine[1:], user[1:])


def report_number(data: bytes, message: Message) -> int:
    """Which object of usmStats a plaintext Report names: 1 to 6, 0 for any other. Raises MalformedMessage."""
    at, end = message.pdu_at, message.pdu_end
    for _ in range(3):  # request-id, error-status, error-index
        _, at = _element(data, at, end, INTEGER)
    at, end = _element(data, at, end, SEQUENCE)
    if at == end:
        return 0
    at, end = _element(data, at, end, SEQUENCE)
    at, end = _element(data, at, end, OBJECT_ID)
    size = len(USM_STATS)
    # usmStats, the object's number and the instance, 0.
    return data[at + size] if end - at == size + 2 and data[at : at + size] == USM_STATS and data[end - 1] == 0 else 0


def discovery_request(msg_id: int, request_id: int) -> bytes:
    """A request without user and engine, which a device answers with a Report that tells its engine id (RFC 3414, 4)."""
    flags = element(OCTET_STRING, bytes([REPORTABLE_FLAG]))
    header = element(SEQUENCE, number_element(INTEGER, msg_id) + MIN_MAX_SIZE + flags + number_element(INTEGER, 3))
    empty = element(OCTET_STRING, b"")
    parameters = element(
        SEQUENCE, empty + number_element(INTEGER, 0) + number_element(INTEGER, 0) + empty + empty + empty
    )
    pdu = element(
        GET,
        number_element(INTEGER, request_id)
        + number_element(INTEGER, 0)
        + number_element(INTEGER, 0)
        + element(SEQUENCE, b""),
    )
    scoped = element(SEQUENCE, empty + empty + pdu)
    return element(SEQUENCE, number_element(INTEGER, 3) + header + element(OCTET_STRING, parameters) + scoped)


def _element(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends; it must have this tag and lie before `end`."""
    found = _ELEMENT.match(data, at, end)
    if found is None or found[1][0] != tag:
        raise MalformedMessage("an element is missing or of another type")
    at = found.end()
    stop = at + _number_of(found[2])
    if stop > end:
        raise MalformedMessage("an element is longer than its message")
    return at, stop


def _number_of(length: bytes) -> int:
    """The number that the octets of a length mean."""
    return length[0] if len(length) == 1 else int.from_bytes(length[1:], "big")


def _plain_pdu(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Tag, begin and end of the PDU in the content of a plaintext scopedPDU, which ends the message."""
    _, at = _element(data, at, end, OCTET_STRING)  # contextEngineID
    _, at = _element(data, at, end, OCTET_STRING)  # contextName
    if at >= end:
        raise MalformedMessage("no PDU")
    tag = data[at]
    at, pdu_end = _element(data, at, end, tag)
    if pdu_end != end:
        raise MalformedMessage("octets behind the PDU")
    return tag, at, pdu_end
