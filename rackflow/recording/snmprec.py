"""Recordings of SNMP devices in snmpsim's format: lines `OID|tag|value` in the order of a walk.

snmpsim's format was chosen because many recordings of real devices use it, for example those of LibreNMS. Odd values must be
read as they are, because recordings exist to test odd devices.
"""

import ipaddress
import re
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from rackflow.errors import ConfigError
from rackflow.process.files import is_utf16, unreadable

RecordValue = int | float | bytes | str | None
"""INTEGER, Counter, Gauge, TimeTicks: int. OCTET STRING and Opaque: bytes, an Opaque float: float. OID, IpAddress: str. NULL: None."""

# The format writes the BER tag of each type as a decimal number (RFC 2578, 7.1 and RFC 1155 for the application types from 64 on).
INTEGER: Final = "2"
OCTET_STRING: Final = "4"
NULL: Final = "5"
OBJECT_IDENTIFIER: Final = "6"
IP_ADDRESS: Final = "64"
COUNTER32: Final = "65"
GAUGE32: Final = "66"
TIMETICKS: Final = "67"
OPAQUE: Final = "68"
COUNTER64: Final = "70"
TYPES: Final = {
    INTEGER: "INTEGER",
    OCTET_STRING: "OCTET STRING",
    NULL: "NULL",
    OBJECT_IDENTIFIER: "OBJECT IDENTIFIER",
    IP_ADDRESS: "IpAddress",
    COUNTER32: "Counter32",
    GAUGE32: "Gauge32",
    TIMETICKS: "TimeTicks",
    OPAQUE: "Opaque",
    COUNTER64: "Counter64",
}
"""What each tag is called (RFC 2578, 7.1)."""

RANGES: Final = {
    # INTEGER is 32 bits with a sign (RFC 2578, 7.1.1), but there are recordings of devices that send unsigned values in it.
    INTEGER: (-(2**31), 2**32 - 1),
    COUNTER32: (0, 2**32 - 1),
    GAUGE32: (0, 2**32 - 1),
    TIMETICKS: (0, 2**32 - 1),
    COUNTER64: (0, 2**64 - 1),
}
OPAQUE_FLOAT: Final = b"\x9f\x78\x04"
"""First octets of an Opaque that wraps a 32-bit float (net-snmp's extension)."""

# Numbers are bounded in digits before they are converted: int() of a very long line would take long, and beyond 4,300 digits it
# raises an error of its own.
_OID = re.compile(rb"\d{1,10}(?:\.\d{1,10})+")
_TAG = re.compile(rb"(\d+)([xe]?)(?::(\w+))?")
_DECIMAL = re.compile(rb"\s*[+-]?\d{1,40}\s*")
_ESCAPE = re.compile(rb"\\(?:[abfnrtv\\'\"]|x[0-9A-Fa-f]{2}|[0-3]?[0-7]{1,2})")
# LibreNMS replaces IP addresses by this text before it publishes a recording.
_REDACTED = b"<private>"
# RFC 2578, 7.1.3: an arc is at most 2^32 - 1.
_MAX_ARC = 2**32 - 1


class Record(msgspec.Struct, frozen=True, gc=False):
    """One object instance. `oid` has no leading dot; `tag` is one of the type tags above.

    A msgspec struct, because a simulated campus has a million of them and makes thousands in a second.
    """

    oid: str
    tag: str
    value: RecordValue

    @property
    def key(self) -> tuple[int, ...]:
        """The OID as numbers. Sorting by it gives the order of a walk; sorting by text would not (1.10 before 1.9)."""
        return tuple(map(int, self.oid.split(".")))


def read_snmprec(path: Path, faults: list[str] | None = None) -> tuple[Record, ...]:
    """Read a recording; its records are in the order of a walk. See `parse_snmprec`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(unreadable(path, error)) from error
    return parse_snmprec(content, str(path), faults)


def parse_snmprec(content: bytes, where: str, faults: list[str] | None = None) -> tuple[Record, ...]:
    """The records of a recording's content, in the order of a walk.

    An invalid line is reported in `faults` as `where:line: what`, and the others are read: published recordings are edited by hand, to
    take out addresses and serial numbers. Raises ConfigError if no line is left, and without `faults` at the first such line.

    Lines may come in any order and end in LF or CRLF; `#` starts a comment. If an OID is given twice, the last value counts, as in
    snmpsim.
    """
    # Bytes, not text: values may hold any octets, and splitlines() would also split at the control characters among them.
    if is_utf16(content):
        raise ConfigError(f"{where}: is UTF-16, as PowerShell's > writes it; save it as UTF-8, or redirect with cmd")
    found: dict[tuple[int, ...], Record] = {}
    for number, line in enumerate(content.split(b"\n"), start=1):
        text = line.removesuffix(b"\r")
        if not text.strip() or text.startswith(b"#"):
            continue
        try:
            record = _parse_line(text)
            found[_key(record)] = record
        except ValueError as error:
            fault = f"{where}:{number}: {error}"
            if faults is None:
                raise ConfigError(fault) from error
            faults.append(fault)
    if not found:
        raise ConfigError(faults[0] if faults else f"{where}: the recording has no records")
    return tuple(found[key] for key in sorted(found))


def dump_snmprec(records: Iterable[Record]) -> bytes:
    """The content of a recording with these records. Lines end in LF; octets that are not printable ASCII are written in hex."""
    return b"".join(b"|".join((record.oid.encode(), *_render(record))) + b"\n" for record in records)


def _key(record: Record) -> tuple[int, ...]:
    key = record.key
    if max(key) > _MAX_ARC:
        raise ValueError(f"an arc of the OID {record.oid} is above {_MAX_ARC}")
    return key


def _parse_line(line: bytes) -> Record:
    """Raises ValueError with what is wrong."""
    # At most two splits: a value may contain the separator.
    fields = line.split(b"|", 2)
    if len(fields) < 3:  # noqa: PLR2004 - OID, tag, value
        raise ValueError("not OID|tag|value")
    oid, tag, raw = fields
    oid = oid.strip().removeprefix(b".")
    if not _OID.fullmatch(oid):
        raise ValueError(f"{_show(oid)} is not a numeric OID of two arcs or more")
    parts = _TAG.fullmatch(tag.strip())
    if not parts or (kind := parts[1].decode()) not in _DECODERS:
        raise ValueError(
            f"the tag {_show(tag)} is not known; known are {', '.join(_DECODERS)}, with x for hex and e for escapes"
        )
    if parts[3]:
        raw = _start_of_variation(parts[3], raw)
    encoding = parts[2]
    if encoding == b"x":
        raw = _unhex(raw)
    elif encoding == b"e":
        raw = _unescape(raw)
    return Record(oid.decode(), kind, _decode(kind, raw, packed=bool(encoding)))


def _start_of_variation(module: bytes, options: bytes) -> bytes:
    """The initial value of a line with a variation module of snmpsim, from its option `value=…` or `initial=…`.

    The module itself (a value that changes with time) is not supported: a recording stands for one moment.
    """
    if options.startswith(b"value="):
        return options.removeprefix(b"value=")
    for option in options.split(b","):
        name, _, value = option.partition(b"=")
        if name.strip() == b"initial":
            return value
    raise ValueError(f"the variation {_show(module)} has no value= or initial=")


def _decode(kind: str, raw: bytes, *, packed: bool) -> RecordValue:
    if packed and kind in RANGES:
        raise ValueError(f"the tag {kind} holds a decimal number, not octets")
    if packed and kind == IP_ADDRESS:
        if len(raw) != 4:  # noqa: PLR2004 - the length of an IPv4 address
            raise ValueError(f"{len(raw)} octets, not the 4 of an IPv4 address")
        return str(ipaddress.IPv4Address(raw))
    return _DECODERS[kind](raw)


def _number(kind: str) -> Callable[[bytes], int]:
    low, high = RANGES[kind]

    def decode(raw: bytes) -> int:
        if not _DECIMAL.fullmatch(raw):
            raise ValueError(f"{_show(raw)} is not a decimal number")
        value = int(raw)
        if not low <= value <= high:
            raise ValueError(f"{value} is outside {low}..{high}")
        return value

    return decode


def _null(raw: bytes) -> None:
    if raw.strip():
        raise ValueError(f"NULL has no value, not {_show(raw)}")


def _object_identifier(raw: bytes) -> str:
    oid = raw.strip().removeprefix(b".")
    if not _OID.fullmatch(oid):
        raise ValueError(f"{_show(raw)} is not a numeric OID")
    return oid.decode()


def _ip_address(raw: bytes) -> str:
    text = raw.strip()
    # A redacted address is kept as an object, because whether an object exists can decide how a device is recognised.
    if text == _REDACTED:
        return "0.0.0.0"  # noqa: S104 - a value, not an address to bind to
    try:
        return str(ipaddress.IPv4Address(text.decode("ascii")))
    except ValueError:
        raise ValueError(f"{_show(raw)} is not an IPv4 address") from None


def _opaque(raw: bytes) -> bytes | float:
    if len(raw) == len(OPAQUE_FLOAT) + 4 and raw.startswith(OPAQUE_FLOAT):
        value: float = struct.unpack(">f", raw[-4:])[0]
        return value
    return raw


def _unhex(raw: bytes) -> bytes:
    try:
        return bytes.fromhex(raw.decode("ascii"))
    except ValueError:
        raise ValueError(f"{_show(raw)} is not hexadecimal") from None


def _unescape(raw: bytes) -> bytes:
    # Checked first: the codec "unicode_escape" would accept more than snmpsim does (\N{...}, \u...), and warn about the rest.
    if b"\\" in _ESCAPE.sub(b"", raw):
        raise ValueError(f"{_show(raw)} has an escape that is not known")
    return raw.decode("unicode_escape").encode("latin-1")


def _show(raw: bytes) -> str:
    # The start is enough to find the place, and a damaged recording may have lines of megabytes.
    return repr(raw[:60].decode("utf-8", "replace"))


def _render(record: Record) -> tuple[bytes, bytes]:
    tag, value = record.tag.encode(), record.value
    if isinstance(value, float):
        value = OPAQUE_FLOAT + struct.pack(">f", value)
    if isinstance(value, bytes):
        plain = record.tag == OCTET_STRING and all(0x20 <= octet < 0x7F for octet in value)  # noqa: PLR2004 - printable ASCII
        return (tag, value) if plain else (tag + b"x", value.hex().encode())
    return tag, b"" if value is None else str(value).encode()


_DECODERS: Final[dict[str, Callable[[bytes], RecordValue]]] = {
    INTEGER: _number(INTEGER),
    OCTET_STRING: bytes,
    NULL: _null,
    OBJECT_IDENTIFIER: _object_identifier,
    IP_ADDRESS: _ip_address,
    COUNTER32: _number(COUNTER32),
    GAUGE32: _number(GAUGE32),
    TIMETICKS: _number(TIMETICKS),
    OPAQUE: _opaque,
    COUNTER64: _number(COUNTER64),
}
