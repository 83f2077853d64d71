"""Recordings of SNMP devices: in goes an `.snmprec` file (`OID|tag|value` a line), out come typed records in OID order; pure."""

import struct
from dataclasses import dataclass
from pathlib import Path

from rackflow.errors import ConfigError

INTEGER, OCTETS, NULL, OID, ADDRESS, COUNTER32, GAUGE32, TIMETICKS, OPAQUE, COUNTER64 = "2", "4", "5", "6", "64", "65", "66", "67", "68", "70"
TAGS = (INTEGER, OCTETS, NULL, OID, ADDRESS, COUNTER32, GAUGE32, TIMETICKS, OPAQUE, COUNTER64)
_NUMBERS = (INTEGER, COUNTER32, GAUGE32, TIMETICKS, COUNTER64)
_OPAQUE_FLOAT = b"\x9f\x78\x04"


@dataclass(frozen=True, slots=True)
class Record:
    """One instance. `tag` is the ASN.1 tag as a decimal word, without variation or hex mark.

    Numbers are int, OCTET STRING is bytes, OID and IpAddress are dotted text, NULL is None, an Opaque float is float.
    """

    oid: str
    tag: str
    value: int | float | bytes | str | None


def read_snmprec(path: Path) -> tuple[Record, ...]:
    """The records of a file. Raises ConfigError naming the file, and the line where one is wrong."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; give the path of a recording") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return parse_snmprec(data, str(path))


def parse_snmprec(data: bytes, where: str) -> tuple[Record, ...]:
    """Records sorted by OID; where an OID is given twice, the last counts. Raises ConfigError as `where:line: what`."""
    found: dict[tuple[int, ...], Record] = {}
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip() or line.startswith(b"#"):
            continue
        try:
            place, record = _record(line)
        except (ValueError, struct.error) as error:
            shown = line[:60].decode("utf-8", "replace")
            raise ConfigError(f"{where}:{number}: {shown!r} is not OID|tag|value: {error}") from error
        found[place] = record
    if not found:
        raise ConfigError(f"{where}: holds no records")
    return tuple(found[place] for place in sorted(found))


def _record(line: bytes) -> tuple[tuple[int, ...], Record]:
    parts = line.split(b"|", 2)
    if len(parts) != 3:  # noqa: PLR2004 - OID, tag, value
        raise ValueError("two bars are needed")
    place = tuple(int(part) for part in parts[0].decode("ascii").strip().strip(".").split("."))
    if len(place) < 2 or min(place) < 0:  # noqa: PLR2004 - the shortest OID
        raise ValueError("the OID is not dotted decimal")
    tag, _, variation = parts[1].decode("ascii").strip().partition(":")
    is_hex, is_escaped = tag.endswith("x"), tag.endswith("e")
    tag = tag.rstrip("xe")
    if tag not in TAGS:
        raise ValueError(f"tag {tag!r} is not known")
    raw = bytes.fromhex(parts[2].decode("ascii")) if is_hex else parts[2]
    if is_escaped:
        raw = raw.decode("unicode_escape").encode("latin-1", "replace")
    value = _varied(raw) if variation else _value(tag, raw, is_hex=is_hex)
    return place, Record(".".join(map(str, place)), tag, value)


def _value(tag: str, raw: bytes, *, is_hex: bool) -> int | float | bytes | str | None:
    if tag in _NUMBERS:
        return int(raw)
    if tag == OCTETS:
        return raw
    if tag == NULL:
        return None
    if tag == OPAQUE:
        if raw.startswith(_OPAQUE_FLOAT):
            number: float = struct.unpack(">f", raw[3:7])[0]
            return number
        return raw
    if tag == ADDRESS and is_hex:
        return ".".join(map(str, raw))
    return raw.decode("ascii").strip()


def _varied(raw: bytes) -> int | bytes:
    """A simulated variation (`min=1,max=5,initial=2`) stands for the number that it begins with."""
    settings = dict(part.split(b"=", 1) for part in raw.split(b",") if b"=" in part)
    for name in (b"initial", b"value", b"min"):
        if name in settings:
            try:
                return int(float(settings[name]))
            except ValueError:
                return settings[name]
    return 0


def dump_snmprec(records: tuple[Record, ...]) -> bytes:
    """The text of a recording; the inverse of `parse_snmprec`."""
    return b"".join(_line(record) for record in records)


def _line(record: Record) -> bytes:
    tag, value = record.tag, record.value
    head = f"{record.oid}|{tag}".encode()
    if value is None:
        return head + b"|\n"
    if isinstance(value, float):
        return head + b"x|" + (_OPAQUE_FLOAT + struct.pack(">f", value)).hex().encode() + b"\n"
    if isinstance(value, bytes):
        plain = value.isascii() and value.decode("ascii").isprintable() and value == value.strip()
        return head + (b"|" + value if plain else b"x|" + value.hex().encode()) + b"\n"
    return head + f"|{value}\n".encode()
