"""Which messages are stored: in go their numbers, out come the chunks and statements that prove it; pure, in memory.

A chunk is 512 numbers as the bits of an int, so that numbers divided among collectors cost no more than those in a row.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from collector.ledger_epoch import born_ms
from rackflow.documents import Account

CHUNK = 512
FULL = (1 << CHUNK) - 1
MOST_CHUNKS = 20_000
HIGHEST = 2**53
Verdict = Literal["new", "duplicate"]


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

    `held` and `dropped` are what the agent said last, `ended` is its last number; 0 where unknown or open-ended.
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


@dataclass(slots=True)
class Changes:
    """What is to be made durable: books, chunks by key, and numbers of chunks that became part of another."""

    books: list[Book]
    chunks: list[tuple[Key, Chunk]]
    gone: list[tuple[Key, int]]


class Ledger:
    """All books. Of open chunks at most about `limit` stay in memory; ask `absent` before touching a number."""

    def __init__(self, created_ms: int, limit: int = MOST_CHUNKS) -> None:
        self._created_ms = created_ms
        self._limit = limit
        self.books: dict[Key, Book] = {}
        self._chunks: OrderedDict[tuple[Key, int], Chunk] = OrderedDict()
        self._dirty_books: set[Key] = set()
        self._dirty: dict[tuple[Key, int], Chunk] = {}
        self._gone: set[tuple[Key, int]] = set()

    def take(self, entry: Entry) -> Verdict:
        """The message is stored now, or it was before, which counts as a duplicate."""
        book, place, bit = self._place(entry)
        if place is None or place.stored & bit:
            book.duplicates += 1
            return "duplicate"
        place.stored |= bit
        place.held &= ~bit
        for reason in [reason for reason, bits in place.dead.items() if bits & bit]:
            place.dead[reason] &= ~bit
            if not place.dead[reason]:
                del place.dead[reason]
        self._touch(entry, place)
        if place.stored == FULL:
            self._fill(book, place)
        return "new"

    def hold(self, entry: Entry) -> None:
        """The message waits on the collector's own disk."""
        _, place, bit = self._place(entry)
        if place is not None and not place.stored & bit:
            place.held |= bit
            self._touch(entry, place)

    def bury(self, entry: Entry) -> None:
        """The message is in the dead-letter file, for the reason `entry.dead`."""
        _, place, bit = self._place(entry)
        if place is not None and not place.stored & bit:
            place.held &= ~bit
            place.dead[entry.dead] = place.dead.get(entry.dead, 0) | bit
            self._touch(entry, place)

    def stored(self, entry: Entry) -> bool:
        """Whether a message is stored; its chunk must not be absent."""
        book = self.books.get(entry.key)
        index, bit = (entry.seq - 1) // CHUNK, 1 << (entry.seq - 1) % CHUNK
        if book is None:
            return False
        chunk = self._chunks.get((entry.key, index))
        return bool(chunk.stored & bit) if chunk is not None else _covered(book, index)

    def state(self, statement: Statement) -> None:
        """Take over what an agent says. It speaks of its own epoch, of those it names, and of those that were before."""
        key, account = statement.key, statement.account
        own = self._book(key, 1, statement.wall_ms, following=False)
        before = list(self.books).index(key)
        spoken = {each.epoch for each in (*account.held, *account.dropped, *account.ended)}
        for at, book in enumerate(self.books.values()):
            if book.key[:2] == key[:2] and (at <= before or book.key.epoch in spoken):
                self._restate(book, account, present=book is own)

    def _restate(self, book: Book, account: Account, *, present: bool) -> None:
        epoch = book.key.epoch
        held = [(each.first, 0 if present else each.last) for each in account.held if each.epoch == epoch]
        said = [(each.first, each.last, each.reason) for each in account.dropped if each.epoch == epoch]
        dropped = (
            said if len(said) >= len(book.dropped) else [*said, *(each for each in book.dropped if each not in said)]
        )
        ended = max([book.ended, *(each.last for each in account.ended if each.epoch == epoch)])
        if (held, dropped, ended) != (book.held, book.dropped, book.ended):
            book.held, book.dropped, book.ended = held, dropped, ended
            self._dirty_books.add(book.key)

    def absent(self, entries: Iterable[Entry]) -> set[tuple[Key, int]]:
        """Chunks that are on disk only: read them and `put` them back."""
        found = set()
        for entry in entries:
            index = (entry.seq - 1) // CHUNK
            book = self.books.get(entry.key)
            if book is None or index > book.top or (entry.key, index) in self._chunks or _covered(book, index):
                continue
            found.add((entry.key, index))
        return found

    def put(self, key: Key, chunk: Chunk) -> None:
        """An open chunk from disk, or an empty one where there is none."""
        self._chunks.setdefault((key, chunk.number), chunk)

    def restore(self, book: Book) -> None:
        """A book from disk, with its chunks in a row; the open ones stay there until they are needed."""
        self.books[book.key] = book

    def forget(self, before_ms: int) -> list[Key]:
        """Let go of epochs that nothing was heard of since."""
        old = [book.key for book in self.books.values() if book.seen_ms < before_ms]
        for key in old:
            del self.books[key]
        for place in [place for place in self._chunks if place[0] not in self.books]:
            del self._chunks[place]
        return old

    def changes(self) -> Changes:
        """What has changed since the last call; `unsaved` takes it back."""
        found = Changes(
            [self.books[key] for key in self._dirty_books if key in self.books],
            [(key, chunk) for (key, _), chunk in self._dirty.items()],
            list(self._gone),
        )
        self._dirty_books, self._dirty, self._gone = set(), {}, set()
        return found

    def unsaved(self, changes: Changes) -> None:
        """Changes could not be made durable: they are changes still."""
        self._dirty_books |= {book.key for book in changes.books}
        self._gone |= set(changes.gone)
        for key, chunk in changes.chunks:
            self._dirty.setdefault((key, chunk.number), chunk)

    def trim(self) -> None:
        """Let go of the chunks that were used longest ago, but of none that has changed."""
        for place in list(self._chunks)[: max(0, len(self._chunks) - self._limit)]:
            if place not in self._dirty:
                del self._chunks[place]

    def chunks(self, key: Key) -> list[Chunk]:
        """What is in memory of one epoch, in order."""
        found = [chunk for (own, _), chunk in self._chunks.items() if own == key]
        return sorted([*found, *self.books[key].full], key=lambda chunk: chunk.number)

    def _place(self, entry: Entry) -> tuple[Book, Chunk | None, int]:
        """Book, chunk (None where all of it is stored) and bit of a message."""
        key = entry.key
        book = self._book(key, entry.seq, entry.wall_ms, following=True)
        book.seen_ms = max(book.seen_ms, entry.wall_ms)
        self._dirty_books.add(key)
        index, bit = (entry.seq - 1) // CHUNK, 1 << (entry.seq - 1) % CHUNK
        chunk = self._chunks.get((key, index))
        if chunk is None:
            if _covered(book, index):
                return book, None, bit
            chunk = self._chunks[key, index] = Chunk(index, entry.time_ms, entry.time_ms)
            book.top = max(book.top, index)
        else:
            self._chunks.move_to_end((key, index))
        return book, chunk, bit

    def _book(self, key: Key, seq: int, wall_ms: int, *, following: bool) -> Book:
        book = self.books.get(key)
        if book is None:
            # A ledger that is older than the agent's life can vouch for it from the first number on.
            older = any(other[:2] == key[:2] and other.epoch < key.epoch for other in self.books)
            known = older and born_ms(key.epoch) > self._created_ms
            book = self.books[key] = Book(key, 1 if known else seq if following else 0, wall_ms, wall_ms)
            self._dirty_books.add(key)
        elif following and book.known_from == 0:
            book.known_from = seq
        return book

    def _touch(self, entry: Entry, chunk: Chunk) -> None:
        chunk.widen(entry.time_ms, entry.time_ms)
        self._dirty[entry.key, chunk.number] = chunk

    def _fill(self, book: Book, chunk: Chunk) -> None:
        """A chunk of which all is stored becomes part of the one before it, and takes in the one behind it."""
        key, full = book.key, book.full
        del self._chunks[key, chunk.number]
        at = bisect_left(full, chunk.number, key=lambda each: each.number)
        if at < len(full) and full[at].number == chunk.number + 1:
            self._join(book, chunk, full.pop(at))
        if at and full[at - 1].number + full[at - 1].span == chunk.number:
            self._join(book, full[at - 1], chunk)
        else:
            full.insert(at, chunk)
            self._gone.discard((key, chunk.number))

    def _join(self, book: Book, first: Chunk, second: Chunk) -> None:
        first.span += second.span
        first.widen(second.first_ms, second.last_ms)
        self._dirty[book.key, first.number] = first
        self._dirty.pop((book.key, second.number), None)
        self._gone.add((book.key, second.number))


def _covered(book: Book, index: int) -> bool:
    at = bisect_right(book.full, index, key=lambda each: each.number)
    return at > 0 and index < book.full[at - 1].number + book.full[at - 1].span
