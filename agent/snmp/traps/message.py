"""Reads traps and informs of SNMP v1 and v2c, and the PDUs of those of v3 (RFC 1157, 4.1.6; RFC 3416, 4.2.6 and 4.2.7). No I/O.

Anybody on the network can send these octets, so the readers are total: they return or raise `Unreadable`.
"""

import itertools
from collections.abc import Iterator
from typing import Final, NamedTuple

from agent.snmp.repair import INTEGER, OBJECT_IDENTIFIER, OCTETS, RESPONSE, SEQUENCE, Unreadable, element, elements

TRAP_V1: Final = 0xA4
INFORM: Final = 0xA6
TRAP: Final = 0xA7
# Numbers of the versions in a message.
V1, V2C, V3 = 0, 1, 3
VERSIONS: Final = {V1: "1", V2C: "2c", V3: "3"}
# snmpTrapOID.0, which says what a notification is (RFC 3418, 2): the second object of each.
TRAP_OID_NAME: Final = bytes.fromhex("2b060106030101040100")  # 1.3.6.1.6.3.1.1.4.1.0
# Where generic traps of v1 lie among those of v2 (RFC 3584, 3.1); 6 says that the vendor's own number does.
GENERIC: Final = "1.3.6.1.6.3.1.1.5"
ENTERPRISE_SPECIFIC: Final = 6
# Names of the notifications of RFC 3418, 2, RFC 2863, 6, and RFC 1628, which devices of all vendors send.
NAMES: Final = {
    f"{GENERIC}.1": "coldStart",
    f"{GENERIC}.2": "warmStart",
    f"{GENERIC}.3": "linkDown",
    f"{GENERIC}.4": "linkUp",
    f"{GENERIC}.5": "authenticationFailure",
    "1.3.6.1.2.1.33.2.1": "upsTrapOnBattery",
    "1.3.6.1.2.1.33.2.2": "upsTrapTestCompleted",
    "1.3.6.1.2.1.33.2.3": "upsTrapAlarmEntryAdded",
    "1.3.6.1.2.1.33.2.4": "upsTrapAlarmEntryRemoved",
    # What RFC 3584, 3.1 makes of them where a card sends them as v1, with enterprise 1.3.6.1.2.1.33.2.
    "1.3.6.1.2.1.33.2.0.1": "upsTrapOnBattery",
    "1.3.6.1.2.1.33.2.0.2": "upsTrapTestCompleted",
    "1.3.6.1.2.1.33.2.0.3": "upsTrapAlarmEntryAdded",
    "1.3.6.1.2.1.33.2.0.4": "upsTrapAlarmEntryRemoved",
}
# snmpTrapCommunity.0 (RFC 3584, 4.1.3): proxies append the community, which is a secret and no text for an event.
COMMUNITY_NAME: Final = bytes.fromhex("2b0601060312010400")
# Texts of one trap that are kept: what is wrong is among the first, if it is said in words at all. An event's text has its own limit.
MAX_TEXTS: Final = 8
# Objects that are read for texts: real traps have up to twenty or so. A datagram has room for thousands, and reading them all took 0.3 s
# of a slow core, for each datagram of whoever forges a device's address.
MAX_OBJECTS: Final = 64
# Octets of one text that are read; an event keeps fewer characters.
MAX_TEXT_OCTETS: Final = 1024
# An object identifier has at most 128 sub-identifiers (RFC 2578, 3.5) of five octets each.
MAX_OID_OCTETS: Final = 640
# A text that is no UTF-8 counts as Latin-1 if most of it is ASCII: MAC addresses, dates and flags are octets, too, and hardly ever are.
MIN_ASCII_SHARE: Final = 0.75
# A sub-identifier has 32 bits (RFC 2578, 3.5), so at most five octets of seven bits.
MAX_SUBID: Final = 2**32 - 1
CONTINUES: Final = 0x80
# Octets below are ASCII.
LATIN: Final = 0x80


class Trap(NamedTuple):
    """What a device tells. `texts` are the objects that are printable texts; `is_inform` asks for a confirmation."""

    oid: str
    texts: tuple[str, ...] = ()
    is_inform: bool = False

    @property
    def text(self) -> str:
        """One line for people: `upsTrapOnBattery (1.3.6.1.2.1.33.2.1): "on battery"`."""
        name = f"{NAMES[self.oid]} ({self.oid})" if self.oid in NAMES else self.oid
        return f"{name}: {', '.join(self.texts)}" if self.texts else name


def version_of(datagram: bytes) -> int:
    """The number of a message's version. Raises Unreadable for what is no message."""
    _, message = _next(elements(datagram), SEQUENCE)
    _, version = _next(elements(message), INTEGER)
    return int.from_bytes(version, signed=True)


class PlainMessage(NamedTuple):
    """A message of v1 or v2c, whose PDU has not been looked at."""

    version: int
    community: bytes
    tag: int
    pdu: bytes

    def trap(self) -> Trap:
        """What it tells. Raises Unreadable."""
        if (self.tag == TRAP_V1) != (self.version == V1):
            raise Unreadable
        return _read_v1(self.pdu) if self.tag == TRAP_V1 else read_pdu(self.tag, self.pdu)


def open_plain(datagram: bytes) -> PlainMessage:
    """A message of v1 or v2c. Raises Unreadable."""
    _, message = _next(elements(datagram), SEQUENCE)
    parts = elements(message)
    _, version = _next(parts, INTEGER)
    _, community = _next(parts, OCTETS)
    return PlainMessage(int.from_bytes(version, signed=True), community, *_next(parts))


def read_pdu(tag: int, content: bytes) -> Trap:
    """The trap or inform in a PDU of v2c or v3. Raises Unreadable, for every other PDU too."""
    if tag not in {TRAP, INFORM}:
        raise Unreadable
    parts = elements(content)
    for _ in range(3):  # request-id, error-status, error-index
        _next(parts, INTEGER)
    binds = _binds(_next(parts, SEQUENCE)[1])
    # The time comes first (RFC 3416, 4.2.6); where a device has left it out, it is clear what is meant.
    for name, kind, value in binds[:2]:
        if name == TRAP_OID_NAME and kind == OBJECT_IDENTIFIER:
            return Trap(dotted(value), _texts(binds), tag == INFORM)
    raise Unreadable


def confirmation(datagram: bytes) -> bytes:
    """The answer to an inform of v2c: the same with a Response in place of the request (RFC 3416, 4.2.7)."""
    _, message = _next(elements(datagram), SEQUENCE)
    version, community, (_, pdu) = list(elements(message))[:3]
    return element(SEQUENCE, element(*version) + element(*community) + element(RESPONSE, pdu))


def dotted(content: bytes) -> str:
    """An object identifier with dots. Raises Unreadable."""
    if not 0 < len(content) <= MAX_OID_OCTETS or content[-1] & CONTINUES:
        raise Unreadable
    numbers, number = [], 0
    for octet in content:
        number = number << 7 | octet & 0x7F
        if number > MAX_SUBID + 80:  # the first two numbers are one: 40 x first + second (X.690, 8.19.4)
            raise Unreadable
        if not octet & CONTINUES:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def _read_v1(pdu: bytes) -> Trap:
    parts = elements(pdu)
    enterprise = dotted(_next(parts, OBJECT_IDENTIFIER)[1])
    _next(parts)  # agent-addr: whoever forwards a trap may write into it what it likes
    generic = int.from_bytes(_next(parts, INTEGER)[1], signed=True)
    specific = int.from_bytes(_next(parts, INTEGER)[1], signed=True)
    _next(parts)  # time-stamp
    binds = _binds(_next(parts, SEQUENCE)[1])
    if not 0 <= generic <= ENTERPRISE_SPECIFIC:
        raise Unreadable
    if generic != ENTERPRISE_SPECIFIC:
        return Trap(f"{GENERIC}.{generic + 1}", _texts(binds))
    # RFC 3584 appends .0 always. Where an enterprise already ends so, the vendor's MIB has its traps right below it, and net-snmp reads
    # them like this, too.
    return Trap(f"{enterprise.removesuffix('.0')}.0.{specific}", _texts(binds))


def _binds(content: bytes) -> list[tuple[bytes, int, bytes]]:
    """Name, type and content of each of the first objects. Names stay as they are encoded: of most of them nobody reads it."""
    found = []
    for tag, pair in itertools.islice(elements(content), MAX_OBJECTS):
        if tag != SEQUENCE:
            raise Unreadable
        parts = elements(pair)
        _, name = _next(parts, OBJECT_IDENTIFIER)
        found.append((name, *_next(parts)))
    return found


def _texts(binds: list[tuple[bytes, int, bytes]]) -> tuple[str, ...]:
    """The values that are texts to people."""
    texts = (_text(value) for name, kind, value in binds if kind == OCTETS and name != COMMUNITY_NAME)
    return tuple(itertools.islice(filter(None, texts), MAX_TEXTS))


def _text(value: bytes) -> str:
    """A value as one line of text, empty if it is none: MAC addresses, dates and flags are octets, too."""
    value = value.rstrip(b"\0")[:MAX_TEXT_OCTETS]
    try:
        # What is cut in the middle of a character, or sent in Latin-1, is no UTF-8.
        text = value.decode(errors="ignore" if len(value) == MAX_TEXT_OCTETS else "strict")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
        if sum(octet < LATIN for octet in value) < MIN_ASCII_SHARE * len(value):
            return ""
    # Line breaks and tabs are those of a display; any other control character is no text.
    text = " ".join(text.split())
    return text if text.isprintable() else ""


def _next(parts: Iterator[tuple[int, bytes]], tag: int | None = None) -> tuple[int, bytes]:
    """The next element, which must have this tag. Raises Unreadable."""
    found = next(parts, None)
    if found is None or tag not in {None, found[0]}:
        raise Unreadable
    return found
