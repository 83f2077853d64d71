"""What the ledger holds: one record per epoch of an agent, and its message numbers in chunks of 512 bits.

An epoch is one run of an agent process; each start begins a new epoch, with numbers from 1. Numbers are kept as
bits, not as intervals: behind a shared subscription each collector sees only every second or third number, and there
would then be millions of new intervals a day, while a bit costs the same whoever has the next number. Adjacent chunks of
which every message is stored are one entry (`span`), so that a single collector keeps a handful of rows per epoch.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from rackflow.documents import Account

# Message numbers per chunk. A chosen value: a larger chunk makes fewer rows, but each commit rewrites every chunk it touched, 64
# bytes of bits each time. It is part of the file's format and of `/ledger`: changing it needs a migration.
CHUNK = 512
FULL = (1 << CHUNK) - 1
# The alphabet of a ULID, which leaves out I, L, O and U (https://github.com/ulid/spec).
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# A ULID has 26 characters, of which the first 10 are its time.
_ULID_LENGTH = 26
_ULID_TIME_LENGTH = 10


class EpochKey(NamedTuple):
    """Names one epoch of one agent. `key[:2]`, site and name, is the key of the agent wherever something is kept by agent."""

    site: str
    agent: str
    epoch: str


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One message. `time_ms` is its own time, `wall_ms` when it was received, both ms since 1970.

    `dead` is the reason why it went to the dead-letter file; empty if it did not.
    """

    key: EpochKey
    seq: int
    time_ms: int
    wall_ms: int
    dead: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """What an agent's status says about its numbers. `key` is the epoch that sent it, `wall_ms` when it was received."""

    key: EpochKey
    account: Account
    wall_ms: int


@dataclass(frozen=True, slots=True)
class Retirement:
    """An operator has declared an agent gone for good. Its epochs last seen until `wall_ms` are kept, but not on /metrics."""

    site: str
    agent: str
    wall_ms: int


@dataclass(slots=True)
class Chunk:
    """Message numbers from `512 * number + 1` on, one bit each.

    `stored`, `waiting` (on the collector's own disk) and `dead` (by reason) are bit sets. `span` is above 1 only where
    all messages are stored. `first_ms` and `last_ms` are the earliest and latest message times.
    """

    number: int
    first_ms: int
    last_ms: int
    stored: int = 0
    waiting: int = 0
    dead: dict[str, int] = field(default_factory=dict)
    span: int = 1

    @property
    def is_empty(self) -> bool:
        """Whether no message of it is known."""
        return not (self.stored or self.waiting or self.dead)

    def widen(self, first_ms: int, last_ms: int) -> None:
        """Include the times of more messages."""
        self.first_ms, self.last_ms = min(self.first_ms, first_ms), max(self.last_ms, last_ms)


@dataclass(slots=True)
class EpochRecord:
    """What is known of one epoch, except its open chunks."""

    key: EpochKey
    known_from: int
    """Numbers below it never count as missing: this collector may not have been there for them. 0 until a message was seen."""
    born_ms: int
    seen_ms: int
    duplicates: int = 0
    ended: int = 0
    """The epoch's last number, as reported by a later epoch of the agent; 0 while unknown."""
    undelivered: list[tuple[int, int]] = field(default_factory=list)
    """Ranges the agent last said it still has; a last number of 0 means "and everything after"."""
    dropped: list[tuple[int, int, str]] = field(default_factory=list)
    last_chunk: int = -1
    full: list[Chunk] = field(default_factory=list)
    """Chunks of which every message is stored, by number."""
    order: int = 0
    """Epochs are numbered in the order they were first seen in, not by clocks, which may be wrong."""

    def covers(self, index: int) -> bool:
        """Whether every message of a chunk is stored."""
        at = bisect_right(self.full, index, key=lambda each: each.number)
        return at > 0 and index < self.full[at - 1].number + self.full[at - 1].span


@dataclass(slots=True)
class Changes:
    """What the next commit has to make durable.

    `forgotten` are epochs to delete, `merged_away` are chunks that were merged into another one, `retired` are agents gone for good.
    """

    forgotten: list[EpochKey]
    epochs: list[EpochRecord]
    chunks: list[tuple[EpochKey, Chunk]]
    merged_away: list[tuple[EpochKey, int]]
    retired: list[Retirement] = field(default_factory=list)


def born_ms(epoch: str) -> int:
    """When an epoch began by the agent's clock, ms since 1970: the first 48 bits of a ULID. 0 if it is not a ULID."""
    if len(epoch) != _ULID_LENGTH or not all(letter in CROCKFORD for letter in epoch):
        return 0
    born = 0
    for letter in epoch[:_ULID_TIME_LENGTH]:
        born = born * len(CROCKFORD) + CROCKFORD.index(letter)
    return born
