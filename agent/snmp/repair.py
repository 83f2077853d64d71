"""Makes an SNMP answer readable that a library would refuse as a whole because of one value in it. No I/O.

net-snmp's tools read such answers too: they ignore octets behind the message, lengths with leading zeros, and types that they do not
know. Here an empty text takes the place of a value that cannot be read, so that it costs its own object, and a walk gets past it.
Messages of v1 and v2c are repaired whole, those of v3 from the inside (`repair_v3.py`).
"""

from collections.abc import Iterator
from typing import Final

# Tags of BER and of SNMP (RFC 1157, RFC 3416).
SEQUENCE: Final = 0x30
RESPONSE: Final = 0xA2
INTEGER: Final = 0x02
OCTETS: Final = 0x04
# Replaces an unreadable value: an empty OCTET STRING, which no decoder takes for a number, a name or a state. NULL was rejected, because
# gufo_snmp 0.13.0 ends a walk by GETNEXT at a NULL.
NOTHING: Final = b"\x04\x00"
OBJECT_IDENTIFIER: Final = 0x06
# Tag to the least and largest length of its content: RFC 2578, 7.1, and RFC 3416, 3 for the three exceptions. 64 bits without a sign
# need 9.
LENGTHS: Final = {
    INTEGER: (1, 8),
    OCTETS: (0, 65535),
    0x05: (0, 0),
    OBJECT_IDENTIFIER: (1, 640),
    0x40: (4, 4),  # IpAddress
    0x41: (1, 5),  # Counter32
    0x42: (1, 5),  # Gauge32
    0x43: (1, 5),  # TimeTicks
    0x44: (0, 65535),  # Opaque
    0x46: (1, 9),  # Counter64
    0x80: (0, 0),
    0x81: (0, 0),
    0x82: (0, 0),
}
# UInteger32 of RFC 1442 was dropped for Gauge32, which is written the same way.
UINTEGER32: Final = 0x47
GAUGE32: Final = 0x42
GET: Final = 0xA0
# noSuchObject and noSuchInstance.
ABSENT: Final = frozenset({0x80, 0x81})
UNSIGNED: Final = frozenset({0x41, GAUGE32, 0x43, 0x46})
LONG_FORM: Final = 0x80


class Unreadable(Exception):
    """There is no BER element at this position, or not the expected one."""


def repaired(datagram: bytes, *, of_get: bool = True) -> bytes:
    """The answer with an empty text for each unreadable value, and without trailing octets and repeated pairs.

    Any other datagram is returned unchanged. `of_get`: whether the request was a GET, which may be answered with noSuchInstance.
    """
    try:
        tag, message = next(elements(datagram))
        version, community, (kind, pdu) = list(elements(message))[:3]
        if (tag, kind) != (SEQUENCE, RESPONSE):
            return datagram
        response = repaired_response(pdu, of_get=of_get)
    except (Unreadable, ValueError, StopIteration):
        return datagram
    return element(SEQUENCE, element(*version) + element(*community) + response)


def repaired_response(content: bytes, *, of_get: bool = True) -> bytes:
    """A repaired Response-PDU, from the content of one. Raises Unreadable or ValueError if it is malformed or contains an invalid OID."""
    request, status, index, (_, binds) = list(elements(content))[:4]
    pairs = [_pair(each, of_get=of_get) for _, each in elements(binds)]
    # gufo_snmp 0.13.0 refuses an answer to GETNEXT that has its pair twice.
    once = b"".join(pair for pair, before in zip(pairs, [b"", *pairs], strict=False) if pair != before)
    return element(RESPONSE, b"".join(element(*each) for each in (request, status, index)) + element(SEQUENCE, once))


def request_id(datagram: bytes) -> bytes:
    """The octets of the request-id of a v1 or v2c message; empty if the datagram is not such a message."""
    return kind_and_id(datagram)[1]


def kind_and_id(datagram: bytes) -> tuple[int, bytes]:
    """The tag of the PDU in a v1 or v2c message, and the octets of its request-id; 0 and empty if the datagram is not such a message."""
    try:
        _, message = next(elements(datagram))
        _, _, (kind, pdu) = list(elements(message))[:3]
        return kind, next(elements(pdu))[1]
    except (Unreadable, ValueError, StopIteration):
        return 0, b""


def _pair(content: bytes, *, of_get: bool) -> bytes:
    """A repaired pair of OID and value. Raises Unreadable if the OID is invalid: then it is unknown what the value belongs to."""
    pair = elements(content)
    tag, name = next(pair, (0, b""))
    if tag != OBJECT_IDENTIFIER or not _is_oid(name):
        raise Unreadable
    try:
        value = _value(*next(pair, (0, b"")), of_get=of_get)
    except Unreadable:
        value = NOTHING
    return element(SEQUENCE, element(tag, name) + value)


def _value(tag: int, content: bytes, *, of_get: bool) -> bytes:
    if tag in ABSENT and not of_get:
        # No answer to GETNEXT may have it (RFC 3416, 4.2.2), but some do. gufo_snmp 0.13.0 panics.
        return NOTHING
    tag = GAUGE32 if tag == UINTEGER32 else tag
    if tag in UNSIGNED and content and content[0] >= LONG_FORM and len(content) in {4, 8}:
        # Some agents leave out the leading zero octet of an unsigned number that uses all of its 32 or 64 bits; pysnmp then reads it as
        # negative.
        content = b"\0" + content
    low, high = LENGTHS.get(tag, (1, 0))
    if not low <= len(content) <= high or (tag == OBJECT_IDENTIFIER and not _is_oid(content)):
        return NOTHING
    return element(tag, content)


def _is_oid(content: bytes) -> bool:
    return bool(content) and content[-1] < LONG_FORM


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each BER element. Raises Unreadable where there is no valid element."""
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise Unreadable
        tag, size, at = data[at], data[at + 1], at + 2
        if size & LONG_FORM:
            octets = size & 0x7F
            # 0x80 alone is the indefinite form, which SNMP forbids (RFC 3417, 8).
            if not octets or at + octets > len(data):
                raise Unreadable
            size, at = int.from_bytes(data[at : at + octets]), at + octets
        if at + size > len(data):
            raise Unreadable
        yield tag, data[at : at + size]
        at += size


def element(tag: int, content: bytes) -> bytes:
    """One BER element, with its length encoded in as few octets as possible."""
    size = len(content)
    if size < LONG_FORM:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, LONG_FORM | len(octets))) + octets + content


def number_element(tag: int, value: int) -> bytes:
    """The element of a number from 0 on: an INTEGER, or a type with the same octets, as a Counter32."""
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1))
