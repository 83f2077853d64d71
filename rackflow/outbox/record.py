"""Bytes of an outbox's segment file: a header, then records one after the other. Pure. All numbers are little-endian.

    header, 48 bytes  magic "RFoutbox" (8), format (2), 0 (2), number (8), salt (8), after key (8), last key (8), CRC-32 of these (4)
    record, 52 bytes  magic (4), kind (1), flags (1), count (2), length of the body (4), CRC-32 of the body (4), first key (8),
                      age of the outbox in ms (8), wall clock in ms (8), time of the first message in ms (8), CRC-32 of these (4)
    MESSAGES          per message: time in ms (8), bytes of topic (4) and payload (4); then each topic with its payload.
                      Keys follow each other from the first key on. Flag 1: the body is compressed (zlib)
    FREED             pairs of first and last key (8 + 8), of messages in the same file
    STATE             JSON (`state.StateRecord`)

Both checksums of a record include the file's salt, a random number, and the record's offset. So neither the remains of an earlier file in
the same disk blocks nor a copy of a record inside a payload is taken for a record. Header and body have separate checksums, so that the
search for the next record behind damage checks headers only: its time is proportional to the file, whatever lengths the damaged part
states.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from rackflow.documents import MAX_PAYLOAD_BYTES
from rackflow.outbox.mark import MAX_KEY
from rackflow.outbox.rangeset import Range
from rackflow.outbox.seam import Message

FORMAT: Final = 2
"""Raised when an older Rackflow could not go on with a file. 1 was an SQLite database (`format1.py`)."""
MESSAGES, FREED, STATE = 1, 2, 3
ZLIB: Final = 1
MAGIC: Final = b"RFoutbox"
RECORD_MAGIC: Final = b"\xf5RF\x9d"
HEADER: Final = struct.Struct("<8sHHQQqqI")
RECORD: Final = struct.Struct("<4sBBHIIqqqqI")
_ORIGIN: Final = struct.Struct("<QQ")
_CRC: Final = struct.Struct("<I")
_MESSAGE: Final = struct.Struct("<qII")
_RANGE: Final = struct.Struct("<qq")
# The longest message is a dead letter, which quotes a refused document in base64 (4/3 of its length) with a few words. A record has many
# small messages or one large one. Rackflow never writes longer ones.
MAX_MESSAGE_BYTES: Final = 4 * MAX_PAYLOAD_BYTES
MAX_BODY_BYTES: Final = MAX_MESSAGE_BYTES + 1024 * 1024
# Ranges of keys in one record: 64 kB of them, well below MAX_BODY_BYTES.
FREED_AT_ONCE: Final = 4096


@dataclass(frozen=True, slots=True)
class Head:
    """A file's header.

    `after_key` is the last key before this file's. `last_key` is the last one in a file that was written whole, and 0 in one that is
    appended to.
    """

    number: int
    salt: int
    after_key: int = 0
    last_key: int = 0
    format: int = FORMAT

    def encode(self) -> bytes:
        """The header's bytes."""
        found = HEADER.pack(MAGIC, self.format, 0, self.number, self.salt, self.after_key, self.last_key, 0)[:-4]
        return found + _CRC.pack(crc32(found))


def decode_head(data: bytes) -> Head | None:
    """The header at the beginning of a file; None if there is no valid one."""
    if len(data) < HEADER.size:
        return None
    magic, written, _, number, salt, after_key, last_key, check = HEADER.unpack_from(data)
    # In every format, the last four of the 48 bytes are the checksum, so that a newer file can be distinguished from a damaged one.
    if magic != MAGIC or check != crc32(data[: HEADER.size - 4]):
        return None
    if not (0 <= last_key <= MAX_KEY and 0 <= after_key <= MAX_KEY and number <= MAX_KEY):
        return None
    return Head(number=number, salt=salt, after_key=after_key, last_key=last_key, format=written)


@dataclass(frozen=True, slots=True)
class Stamp:
    """When something was kept: on the outbox's own clock, and on the wall clock (0 where a record was rewritten later)."""

    age_ms: int
    wall_ms: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """A record's header, and where its body is."""

    offset: int
    kind: int
    flags: int
    count: int
    length: int
    body_check: int
    first_key: int
    stamp: Stamp
    time_ms: int

    @property
    def end(self) -> int:
        """Where the next record begins."""
        return self.offset + RECORD.size + self.length

    @property
    def last_key(self) -> int:
        """The last key of a record of messages."""
        return self.first_key + self.count - 1


class Encoder:
    """Makes records for one file."""

    def __init__(self, salt: int) -> None:
        self._salt = salt

    def record(  # noqa: PLR0913 - the fields of a record
        self, offset: int, kind: int, body: bytes, stamp: Stamp, *, first_key: int = 0, count: int = 0, time_ms: int = 0, flags: int = 0
    ) -> bytes:  # fmt: skip
        """A record, to be written at this offset, which its checksums include."""
        origin = crc32(_ORIGIN.pack(self._salt, offset))
        check = crc32(body, origin)
        values = kind, flags, count, len(body), check, first_key, stamp.age_ms, stamp.wall_ms, time_ms
        head = RECORD.pack(RECORD_MAGIC, *values, 0)[:-4]
        return head + _CRC.pack(crc32(head, origin)) + body

    def messages(self, offset: int, messages: Sequence[Message], stamp: Stamp, *, compress: bool) -> bytes:
        """A record of messages whose keys follow each other."""
        heads, texts = list[bytes](), list[bytes]()
        for each in messages:
            topic = each.topic.encode("utf-8", "surrogatepass")
            heads.append(_MESSAGE.pack(each.time_ms, len(topic), len(each.payload)))
            texts += (topic, each.payload)
        body, flags = b"".join((*heads, *texts)), 0
        if compress:
            smaller = zlib.compress(body, 1)
            if len(smaller) < len(body):
                body, flags = smaller, ZLIB
        first = messages[0]
        return self.record(
            offset,
            MESSAGES,
            body,
            stamp,
            first_key=first.key,
            count=len(messages),
            time_ms=first.time_ms,
            flags=flags,
        )

    def freed(self, offset: int, ranges: Sequence[Range], stamp: Stamp) -> bytes:
        """Records of keys whose messages are free, one or several."""
        found = b""
        for at in range(0, len(ranges), FREED_AT_ONCE):
            body = b"".join(_RANGE.pack(*each) for each in ranges[at : at + FREED_AT_ONCE])
            found += self.record(offset + len(found), FREED, body, stamp)
        return found


def decode_record(data: bytes, offset: int, salt: int, at: int | None = None) -> Record | None:
    """The header of a record at this offset of a file; None if there is no valid one. The body is not looked at.

    `data` is the whole file; if it is only a part of it, `at` is the position of the record in `data`.
    """
    at = offset if at is None else at
    head = data[at : at + RECORD.size]
    if len(head) < RECORD.size or head[:4] != RECORD_MAGIC:
        return None
    _, kind, flags, count, length, body_check, first_key, age_ms, wall_ms, time_ms, check = RECORD.unpack(head)
    if check != crc32(head[:-4], crc32(_ORIGIN.pack(salt, offset))):
        return None
    found = Record(offset, kind, flags, count, length, body_check, first_key, Stamp(age_ms, wall_ms), time_ms)
    # Somebody may have edited the file, checksums and all.
    is_possible = length <= MAX_BODY_BYTES and abs(age_ms) <= MAX_KEY and 0 <= wall_ms <= MAX_KEY
    if kind == MESSAGES:
        is_possible = is_possible and count > 0 and first_key >= 1 and found.last_key <= MAX_KEY
    return found if is_possible else None


def is_whole(record: Record, body: bytes, salt: int) -> bool:
    """Whether a body is what was written."""
    return len(body) == record.length and crc32(body, crc32(_ORIGIN.pack(salt, record.offset))) == record.body_check


def decode_messages(record: Record, body: bytes) -> list[Message] | None:
    """The messages of a record whose body is whole; None if they are not what this module writes."""
    try:
        if record.flags & ZLIB:
            inflating = zlib.decompressobj()
            # Bounded, because a small compressed body may expand to a very large one.
            body = inflating.decompress(body, MAX_BODY_BYTES)
            if not inflating.eof:
                return None
        at, found = _MESSAGE.size * record.count, list[Message]()
        for number in range(record.count):
            time_ms, topic_bytes, payload_bytes = _MESSAGE.unpack_from(body, _MESSAGE.size * number)
            topic, payload = body[at : at + topic_bytes], body[at + topic_bytes : at + topic_bytes + payload_bytes]
            at += topic_bytes + payload_bytes
            found.append(Message(record.first_key + number, topic.decode("utf-8", "surrogatepass"), payload, time_ms))
    except (zlib.error, struct.error, UnicodeDecodeError):
        return None
    return found if at == len(body) else None


def decode_freed(body: bytes) -> Iterator[Range]:
    """The ranges of a record of freed keys."""
    for first, last in _RANGE.iter_unpack(body[: len(body) // _RANGE.size * _RANGE.size]):
        if 1 <= first <= last <= MAX_KEY:
            yield first, last


@dataclass(slots=True)
class Scan:
    """What a file has: its whole records with their bodies' places, and where it was damaged.

    `holes` are positions in `records`: something unreadable stood before that record. `end` is where the last whole record ends, and
    `has_rest` whether anything but zeros is behind it.
    """

    records: list[Record]
    holes: list[int]
    end: int
    has_rest: bool


def scan(data: bytes, salt: int) -> Scan:
    """Find all whole records of a file, also those behind damage."""
    found = Scan([], [], HEADER.size, has_rest=False)
    offset, is_broken = HEADER.size, False
    while offset < len(data):
        record = decode_record(data, offset, salt)
        if record is None:
            is_broken = True
            offset = data.find(RECORD_MAGIC, offset + 1)
            if offset < 0:
                break
            continue
        body_at = offset + RECORD.size
        offset = record.end
        if not is_whole(record, data[body_at:offset], salt):
            is_broken = True
            continue
        if is_broken:
            found.holes.append(len(found.records))
            is_broken = False
        found.records.append(record)
        found.end = offset
    found.has_rest = bool(data[found.end :].strip(b"\0"))
    return found
