"""What the ledger holds: messages by number, in chunks, in one book for each life of an agent.

A chunk is 512 numbers as the bits of an int, so that numbers divided among collectors cost no more than those in a row.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from rackflow.documents import Account

CHUNK = 512
FULL = (1 << CHUNK) - 1


class Key(NamedTuple):
    """One life of one agent."""

    site: str
    agent: str
    epoch: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One message. `time_ms` is its own time, `wall_ms` that of receipt; `dead` is why it went to the dead letters."""

    key: Key
    seq: int
    time_ms: int
    wall_ms: int
    dead: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """What an agent says of its numbers; `key` is of the life that says it, `wall_ms` the time of receipt."""

    key: Key
    account: Account
    wall_ms: int


@dataclass(slots=True)
class Chunk:
    """Numbers from `512 * number + 1` on, by bit; `span` chunks in a row where all are stored. Times are messages', ms."""

    number: int
    first_ms: int
    last_ms: int
    stored: int = 0
    held: int = 0
    dead: dict[str, int] = field(default_factory=dict)
    span: int = 1

    def widen(self, first_ms: int, last_ms: int) -> None:
        """Take the times of more messages in."""
        self.first_ms, self.last_ms = min(self.first_ms, first_ms), max(self.last_ms, last_ms)


@dataclass(slots=True)
class Book:
    """What is known of one epoch. Below `known_from` nothing counts as missing: the ledger was not there yet.

    `held` and `dropped` are what the agent said last, `ended` is its last number; 0 where unknown or open-ended. Of two
    lives the one with the higher `place` was heard of later.
    """

    key: Key
    known_from: int
    born_ms: int
    seen_ms: int
    duplicates: int = 0
    ended: int = 0
    held: list[tuple[int, int]] = field(default_factory=list)
    dropped: list[tuple[int, int, str]] = field(default_factory=list)
    top: int = -1
    full: list[Chunk] = field(default_factory=list)
    place: int = 0

    def covers(self, index: int) -> bool:
        """Whether all of a chunk is stored."""
        at = bisect_right(self.full, index, key=lambda each: each.number)
        return at > 0 and index < self.full[at - 1].number + self.full[at - 1].span


@dataclass(slots=True)
class Changes:
    """What is to be made durable: epochs that are forgotten, then books, chunks, and chunks that became part of another."""

    forgotten: list[Key]
    books: list[Book]
    chunks: list[tuple[Key, Chunk]]
    gone: list[tuple[Key, int]]
