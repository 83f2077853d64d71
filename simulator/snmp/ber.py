"""Encodes and decodes SNMP v1 and v2c messages (X.690, RFC 1157, RFC 3416).

It exists because a pysnmp engine takes 70 ms and 0.9 MB per device, and a campus has thousands of devices.
"""

import ipaddress
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rackflow.recording import (
    COUNTER32,
    COUNTER64,
    GAUGE32,
    INTEGER,
    IP_ADDRESS,
    NULL,
    OBJECT_IDENTIFIER,
    OPAQUE_FLOAT,
    TIMETICKS,
    Record,
)
from simulator.snmp.objects import OIDS_KEPT, Absent, Binding, Key

# Tags of PDUs (RFC 3416, 3).
GET, NEXT, RESPONSE, SET, BULK = 0xA0, 0xA1, 0xA2, 0xA3, 0xA5
_REQUESTS: Final = (GET, NEXT, SET, BULK)
# Tags of BER's own types (X.690, 8).
_INTEGER, _OCTETS, _NULL, _OID, _SEQUENCE = 2, 4, 5, 6, 0x30
_INTEGERS: Final = frozenset({INTEGER, COUNTER32, GAUGE32, TIMETICKS, COUNTER64})
_ABSENT: Final = {Absent.NO_SUCH_OBJECT: 0x80, Absent.NO_SUCH_INSTANCE: 0x81, Absent.END_OF_MIB_VIEW: 0x82}
# X.690, 8.1.3: the top bit of the length octet marks the long form. In an OID the same bit says that more octets follow.
_MORE: Final = 0x80
# X.690, 8.19.4: the first two arcs share one number, 40 times the first plus the second.
_SECOND_ARC: Final = 40
# Lists of variables whose OIDs are remembered. One has up to 1.5 kB.
REQUESTS_KEPT: Final = 2048


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `first` and `second` are error-status and error-index, or GETBULK's non-repeaters and max-repetitions."""

    version: int
    community: bytes
    kind: int
    number: int
    first: int
    second: int
    keys: tuple[Key, ...]
    bindings: bytes
    """The variable bindings as they came: SNMP v1 wants them back unchanged in an error (RFC 1157, 4.1.2)."""


def decode_request(data: bytes) -> Request:
    """Decode a message. Raises ValueError for anything that is not a request of SNMP v1 or v2c."""
    try:
        (message,) = _each(data, _SEQUENCE)
        (version_tag, version), (community_tag, community), (kind, pdu) = _parts(message)
        (_, number), (_, first), (_, second), (list_tag, bindings) = _parts(pdu)
        keys = _decode_keys(bindings)
    # Truncated messages end in an IndexError; wrong counts of values end in a ValueError by unpacking.
    except (IndexError, struct.error) as error:
        raise ValueError(str(error)) from error
    found = int.from_bytes(version, "big")
    if (version_tag, community_tag, list_tag) != (_INTEGER, _OCTETS, _SEQUENCE) or found > 1 or kind not in _REQUESTS:
        raise ValueError("no request of SNMP v1 or v2c")
    return Request(
        version=found,
        community=community,
        kind=kind,
        number=_signed(number),
        first=_signed(first),
        second=_signed(second),
        keys=keys,
        bindings=bindings,
    )


# Pollers ask for the same objects again and again, and all devices of a family have the same.
@lru_cache(REQUESTS_KEPT)
def _decode_keys(bindings: bytes) -> tuple[Key, ...]:
    keys = []
    for binding in _each(bindings, _SEQUENCE):
        (oid_tag, oid), _ = _parts(binding)
        if oid_tag != _OID:
            raise ValueError("a variable has no OID")
        keys.append(_decode_oid(oid))
    return tuple(keys)


def _signed(octets: bytes) -> int:
    return int.from_bytes(octets, "big", signed=True)


def encode_response(request: Request, bindings: bytes, error: int = 0, index: int = 0) -> bytes:
    """The response to a request with these variable bindings; `error` and `index` are error-status and error-index."""
    head = _integer(request.number) + _integer(error) + _integer(index)
    pdu = _wrapped(RESPONSE, head + _wrapped(_SEQUENCE, bindings))
    return _wrapped(_SEQUENCE, _integer(request.version) + _wrapped(_OCTETS, request.community) + pdu)


def encode_bindings(bindings: Iterable[Binding]) -> bytes:
    """The variable bindings in BER, without the sequence around them."""
    return b"".join(map(encode_binding, bindings))


def encode_binding(binding: Binding) -> bytes:
    """One variable binding in BER."""
    key, answer = binding
    return _wrapped(_SEQUENCE, _encode_oid(key) + _value(answer))


def _value(answer: Record | Absent) -> bytes:
    if isinstance(answer, Absent):
        return _wrapped(_ABSENT[answer], b"")
    # A recording's tag is the BER tag in decimal, so that most types need no table.
    tag, value = int(answer.tag), answer.value
    if answer.tag in _INTEGERS:
        return _integer(value if isinstance(value, int) else 0, tag)
    if answer.tag == NULL:
        return _wrapped(_NULL, b"")
    if answer.tag == OBJECT_IDENTIFIER:
        return _encode_oid(tuple(map(int, str(value).split("."))))
    if answer.tag == IP_ADDRESS:
        return _wrapped(tag, ipaddress.IPv4Address(str(value)).packed)
    octets = OPAQUE_FLOAT + struct.pack(">f", value) if isinstance(value, float) else value
    return _wrapped(tag, octets if isinstance(octets, bytes) else b"")


def _integer(value: int, tag: int = _INTEGER) -> bytes:
    return _wrapped(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _wrapped(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < _MORE:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _MORE | len(length))) + length + content


@lru_cache(OIDS_KEPT)
def _encode_oid(key: Key) -> bytes:
    """With its tag and length."""
    # X.690, 8.19.2: base 128, most significant group first.
    octets = bytearray()
    for arc in (key[0] * _SECOND_ARC + key[1], *key[2:]):
        part = [arc & 0x7F]
        while arc := arc >> 7:
            part.append(arc & 0x7F | _MORE)
        octets += bytes(reversed(part))
    return _wrapped(_OID, bytes(octets))


@lru_cache(OIDS_KEPT)
def _decode_oid(content: bytes) -> Key:
    arcs, arc = [], 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if not octet & _MORE:
            arcs.append(arc)
            arc = 0
    # The first arc is at most 2; the second is limited to 39 only if the first is below 2.
    first = min(arcs[0] // _SECOND_ARC, 2)
    return (first, arcs[0] - _SECOND_ARC * first, *arcs[1:])


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each of a sequence of values. Raises ValueError if the lengths do not add up."""
    found, at = [], 0
    while at < len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size & _MORE:
            octets = size & 0x7F
            size = int.from_bytes(data[at : at + octets], "big")
            at += octets
        if at + size > len(data):
            raise ValueError("a value is longer than its message")
        found.append((tag, data[at : at + size]))
        at += size
    return found


def _each(data: bytes, tag: int) -> list[bytes]:
    parts = _parts(data)
    if any(found != tag for found, _ in parts):
        raise ValueError("another type than expected")
    return [content for _, content in parts]
