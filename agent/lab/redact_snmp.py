"""Takes names, places, addresses and serial numbers out of the recording of an SNMP device. No I/O.

Recordings are passed on and end up in public repositories, so this module redacts too much rather than too little.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address

from rackflow.recording import IP_ADDRESS, Record

LEFT_OUT = tuple(f"1.3.6.1.2.1.{group}" for group in (2, 3, 4, 5, 6, 7, 10, 11, 15, 16, 17, 25, 31, 55, 92))
"""Groups of mib-2 about addresses, routes, neighbours and traffic: they describe the network, not the device."""
PRIVATE = b"<private>"
_SYSTEM = ("1.3.6.1.2.1.1.4.0", "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.6.0")
"""sysContact, sysName and sysLocation (RFC 3418)."""
NAMED = (*_SYSTEM, "1.3.6.1.2.1.33.1.1.5.0", "1.3.6.1.2.1.33.1.1.6.0")
"""Those, and upsIdentName and upsIdentAttachedDevices (RFC 1628), which an administrator sets."""
# Shorter names and serial numbers would also be found, and replaced, in unrelated values.
_SHORT = 3

_ENTITY = "1.3.6.1.2.1.47.1.1.1.1."
OWN_NUMBERS = tuple(f"{_ENTITY}{column}." for column in (11, 14, 15, 18, 19))
"""entPhysicalSerialNum, Alias, AssetID, Uris and UUID (RFC 6933): what tells one device from others of its kind, or an operator wrote."""
VERSIONS = ("1.3.6.1.2.1.33.1.1.3.", "1.3.6.1.2.1.33.1.1.4.", *(f"{_ENTITY}{column}." for column in (8, 9, 10)))
"""upsIdentUPSSoftwareVersion, AgentSoftwareVersion (RFC 1628), entPhysicalHardwareRev, FirmwareRev and SoftwareRev: no addresses."""

# Does not match 0.0.0.0, which replaces redacted addresses.
_IPV4 = re.compile(rb"\b(?!0\.0\.0\.0)(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}\b")
# Before a number such as 6.8.2.1: it is a version, which tells those who write a profile what the recording is of, and no address.
_VERSION = re.compile(
    rb"(?i)(?:^|[^a-z])(?:v|ver|version|firmware|fw|rev|revision|release|build|boot|bios|software|sw|app|aos)[\s:.=_-]*$"
)
# How far before a number the word is looked for. A chosen value, longer than any word of the expression above.
_VERSION_WORD_OCTETS = 24
_MAC = re.compile(rb"\b[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}\b")
# The same without colons: 00C0B7112233, 00c0.b711.2233 or 00 C0 B7 11 22 33. A date or numbers match as well; `_bare_mac` tells them apart.
_MAC_WITHOUT_COLONS = re.compile(
    rb"(?<!\w)(?:[0-9A-Fa-f]{12}|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2}|[0-9A-Fa-f]{2}(?: [0-9A-Fa-f]{2}){5})(?!\w)"
)
# Begins only where a word does: otherwise a text of 64 kB without an @ takes minutes, because every octet is tried as the beginning.
_MAIL = re.compile(rb"(?<![\w.+-])[\w.+-]++@[\w-]+\.[\w.-]+")
# May contain the MAC address of its interface (RFC 4291, appendix A). A time such as 12:30:45 matches as well; `_ipv6` tells them apart.
_IPV6 = re.compile(rb"(?<![\w:])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])")
_SERIAL = re.compile(rb"(\bS/?N:?\s*|\b(?i:serial(?: number| no\.?)?):?\s*)([A-Za-z0-9-]{5,})")
_IPV4_OCTETS, _MAC_OCTETS, _IPV6_OCTETS = 4, 6, 16
# A serial number that is a number is replaced wherever it stands if it has as many digits. A shorter one may as well be a reading. Chosen.
_NUMBER_DIGITS = 6


def redacted(
    records: Iterable[Record],
    serials: Collection[str],
    versions: Iterable[str] = (),
    serial_objects: Collection[str] = (),
) -> Iterator[Record]:
    """Records without what is private, and without the groups that describe the network (LEFT_OUT).

    `serials` are the serial numbers found by identifying the device, `versions` its firmware and model. What looks like an address in
    these (3.6.0.5) is none, wherever it stands. `serial_objects` are objects that hold nothing but a serial number: whatever they hold is
    taken out, also a number, and a text of odd octets.
    """
    everything, own = list(records), [each.encode() for each in versions]
    private = _Private(
        serials=[serial.encode() for serial in serials if len(serial) > _SHORT],
        numbers=frozenset(serial for serial in serials if serial.isdecimal() and len(serial) >= _NUMBER_DIGITS),
        serial_objects=serial_objects,
        # Vendors repeat name, place and contact in objects of their own; a name from the factory may be that of the model.
        names={
            each.value.strip() for each in everything if each.oid in _SYSTEM and isinstance(each.value, bytes)
        }.difference(own),
        versions=frozenset(each for text in own for each in _IPV4.findall(text)),
    )
    groups = tuple(f"{group}." for group in LEFT_OUT)
    return (private.taken_out_of(record) for record in everything if not record.oid.startswith(groups))


@dataclass(frozen=True, slots=True)
class _Private:
    """What is private about one device, as far as it is known: the rest is found by its form (`_clean`)."""

    serials: Collection[bytes]
    numbers: Collection[str]
    """Serial numbers that are numbers, as they may stand in an object of a number."""
    serial_objects: Collection[str]
    names: Collection[bytes]
    versions: frozenset[bytes]
    """Versions that look like addresses. These are not private."""

    def taken_out_of(self, record: Record) -> Record:
        """The record with something else in the place of what is private."""
        oid, value = record.oid, record.value
        is_own_number = oid.startswith(OWN_NUMBERS) or oid in self.serial_objects
        if oid in NAMED or (is_own_number and isinstance(value, bytes) and value):
            return Record(oid, record.tag, PRIVATE)
        if isinstance(value, int) and (is_own_number or str(value) in self.numbers):
            return Record(oid, record.tag, 0)
        if record.tag == IP_ADDRESS:
            return Record(oid, record.tag, "0.0.0.0")  # noqa: S104 - a placeholder, nothing binds to it
        if isinstance(value, bytes):
            is_name = len(value) > _SHORT and value.strip() in self.names
            versions_here = _IPV4.findall(value) if oid.startswith(VERSIONS) else ()
            clean = PRIVATE if is_name else _clean(value, self.serials, self.versions.union(versions_here))
            return Record(oid, record.tag, clean)
        return record


def _address(found: re.Match[bytes], versions: Collection[bytes]) -> bytes:
    if found[0] in versions:
        return found[0]
    before = found.string[max(0, found.start() - _VERSION_WORD_OCTETS) : found.start()]
    return found[0] if _VERSION.search(before) else b"0.0.0.0"


def _ipv6(found: re.Match[bytes]) -> bytes:
    try:
        IPv6Address(found[0].decode())
    except AddressValueError:
        return found[0]  # a time, or a part of one
    return b"::"


def _bare_mac(found: re.Match[bytes]) -> bytes:
    # With a letter among its digits.
    return found[0] if found[0].upper() == found[0].lower() else b"000000000000"


def _is_address(value: bytes) -> bool:
    """Whether these octets are most likely an address: no text, and neither flags nor a count, which begin with zeros."""
    if value.isascii() and value.rstrip(b"\0").decode().replace("\n", "").replace("\r", "").isprintable():
        return False
    if len(value) == _IPV4_OCTETS:
        # That of a host (InetAddress, RFC 4001): flags in four octets mostly have a zero at either end. From 224 on are groups.
        return 0 < value[0] < 224 and value[-1] != 0  # noqa: PLR2004 - as said
    if len(value) == _MAC_OCTETS:
        return value[:3] != bytes(3)
    return len(value) == _IPV6_OCTETS and not value.isascii()


def _clean(value: bytes, known: Iterable[bytes], versions: Collection[bytes]) -> bytes:
    for serial in known:
        value = value.replace(serial, PRIVATE)
    if _is_address(value):
        return bytes(len(value))
    value = _IPV4.sub(lambda found: _address(found, versions), value)
    value = _MAC.sub(b"00:00:00:00:00:00", value)
    value = _MAC_WITHOUT_COLONS.sub(_bare_mac, value)
    value = _IPV6.sub(_ipv6, value)
    value = _MAIL.sub(PRIVATE, value)
    return _SERIAL.sub(rb"\1" + PRIVATE, value)
