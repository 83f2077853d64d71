"""Which messages are stored, waiting or dead, in memory; `file` makes it durable."""

from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal

from collector.ledger.book import CHUNK, FULL, Book, Changes, Chunk, Entry, Key, Statement
from collector.ledger.epoch import born_ms
from rackflow.documents import Numbers

MOST_CHUNKS = 20_000
MOST_BOOKS = 50_000
MOST_LIVES = 2_000
MOST_RUNS = 1_000
Verdict = Literal["new", "duplicate"]


class Ledger:
    """All books. Of open chunks at most about `limit` stay in memory; ask `absent` before touching a number.

    There are at most `books`, of one agent at most `lives`: beyond that its new life takes the place of the one that was
    silent for longest, and of an agent that is not known nothing is noted. `turned_away` counts both.
    """

    def __init__(
        self, created_ms: int, limit: int = MOST_CHUNKS, books: int = MOST_BOOKS, lives: int = MOST_LIVES
    ) -> None:
        self._created_ms = created_ms
        self._limit = limit
        self._most_books = books
        self._most_lives = lives
        self.books: dict[Key, Book] = {}
        self.turned_away = Counter[str]()
        self._lives: dict[tuple[str, str], dict[str, Book]] = {}
        self._next_place = 0
        self._forgotten: set[Key] = set()
        self._chunks: OrderedDict[tuple[Key, int], Chunk] = OrderedDict()
        self._dirty_books: set[Key] = set()
        self._dirty: dict[tuple[Key, int], Chunk] = {}
        self._gone: set[tuple[Key, int]] = set()

    def take(self, entry: Entry) -> Verdict:
        """The message is stored now, or it was before, which counts as a duplicate."""
        book, place, bit = self._place(entry)
        if book is None:
            return "new"
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
        return bool(chunk.stored & bit) if chunk is not None else book.covers(index)

    def waits(self, entry: Entry) -> bool:
        """Whether a message waits on the collector's own disk; its chunk must not be absent."""
        chunk = self._chunks.get((entry.key, (entry.seq - 1) // CHUNK))
        return chunk is not None and bool(chunk.held & 1 << (entry.seq - 1) % CHUNK)

    def state(self, statement: Statement) -> None:
        """Take over what an agent says. It speaks of its own epoch, of those it names, and of those that were before."""
        key, account = statement.key, statement.account
        own = self._book(key, 1, statement.wall_ms, following=False)
        if own is None:
            return
        held, dropped, ended = (_by_epoch(said) for said in (account.held, account.dropped, account.ended))
        for epoch, book in self._lives[key[:2]].items():
            said = held.get(epoch, ()), dropped.get(epoch, ()), ended.get(epoch, ())
            if book.place <= own.place or any(said):
                self._restate(book, *said, present=book is own)

    def _restate(
        self,
        book: Book,
        still: Sequence[Numbers],
        lost: Sequence[Numbers],
        over: Sequence[Numbers],
        *,
        present: bool,
    ) -> None:
        held = [(each.first, 0 if present else each.last) for each in still[:MOST_RUNS]]
        dropped = [(each.first, each.last, each.reason) for each in lost[:MOST_RUNS]]
        if len(dropped) < len(book.dropped):
            known = set(dropped)
            dropped += [each for each in book.dropped if each not in known][: MOST_RUNS - len(dropped)]
        ended = max([book.ended, *(each.last for each in over)])
        if (held, dropped, ended) != (book.held, book.dropped, book.ended):
            book.held, book.dropped, book.ended = held, dropped, ended
            self._dirty_books.add(book.key)

    def absent(self, entries: Iterable[Entry]) -> set[tuple[Key, int]]:
        """Chunks that are on disk only: read them and `put` them back."""
        found = set()
        for entry in entries:
            index = (entry.seq - 1) // CHUNK
            book = self.books.get(entry.key)
            if book is None or index > book.top or (entry.key, index) in self._chunks or book.covers(index):
                continue
            found.add((entry.key, index))
        return found

    def put(self, key: Key, chunk: Chunk) -> None:
        """An open chunk from disk, or an empty one where there is none."""
        self._chunks.setdefault((key, chunk.number), chunk)

    def restore(self, book: Book) -> None:
        """A book from disk, with its chunks in a row; the open ones stay there until they are needed."""
        self._add(book)
        self._next_place = max(self._next_place, book.place + 1)

    def forget(self, before_ms: int) -> list[Key]:
        """Let go of epochs that nothing was heard of since."""
        old = [book.key for book in self.books.values() if book.seen_ms < before_ms]
        if old:
            self._let_go(set(old))
        return old

    def _let_go(self, keys: set[Key]) -> None:
        for key in keys:
            lives = self._lives[key[:2]]
            del self.books[key], lives[key.epoch]
            if not lives:
                del self._lives[key[:2]]
        for found in (self._chunks, self._dirty):
            for place in [place for place in found if place[0] in keys]:
                del found[place]
        self._dirty_books -= keys
        self._gone = {place for place in self._gone if place[0] not in keys}
        self._forgotten |= keys

    def changes(self) -> Changes:
        """What has changed since the last call; `unsaved` takes it back."""
        found = Changes(
            list(self._forgotten),
            [self.books[key] for key in self._dirty_books if key in self.books],
            [(key, chunk) for (key, _), chunk in self._dirty.items()],
            list(self._gone),
        )
        self._forgotten, self._dirty_books, self._dirty, self._gone = set(), set(), {}, set()
        return found

    def unsaved(self, changes: Changes) -> None:
        """Changes could not be made durable: they are changes still."""
        self._forgotten |= set(changes.forgotten)
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

    def _place(self, entry: Entry) -> tuple[Book | None, Chunk | None, int]:
        """Book (None where there is no room), chunk (None where all of it is stored) and bit of a message."""
        key = entry.key
        book = self._book(key, entry.seq, entry.wall_ms, following=True)
        if book is None:
            return None, None, 0
        book.seen_ms = max(book.seen_ms, entry.wall_ms)
        self._dirty_books.add(key)
        index, bit = (entry.seq - 1) // CHUNK, 1 << (entry.seq - 1) % CHUNK
        chunk = self._chunks.get((key, index))
        if chunk is None:
            if book.covers(index):
                return book, None, bit
            chunk = self._chunks[key, index] = Chunk(index, entry.time_ms, entry.time_ms)
            book.top = max(book.top, index)
        else:
            self._chunks.move_to_end((key, index))
        return book, chunk, bit

    def _book(self, key: Key, seq: int, wall_ms: int, *, following: bool) -> Book | None:
        book = self.books.get(key)
        if book is None:
            lives = self._lives.get(key[:2], {})
            # A ledger that is older than the agent's life can vouch for it from the first number on.
            known = any(epoch < key.epoch for epoch in lives) and born_ms(key.epoch) > self._created_ms
            if not self._make_room(lives):
                return None
            book = Book(key, 1 if known else seq if following else 0, wall_ms, wall_ms, place=self._next_place)
            self._next_place += 1
            self._add(book)
            self._dirty_books.add(key)
        elif following and book.known_from == 0:
            book.known_from = seq
        return book

    def _add(self, book: Book) -> None:
        self.books[book.key] = book
        self._lives.setdefault(book.key[:2], {})[book.key.epoch] = book

    def _make_room(self, lives: dict[str, Book]) -> bool:
        """For one more life of an agent; False where there is none, and the agent has none to give up."""
        if len(self.books) < self._most_books and len(lives) < self._most_lives:
            return True
        self.turned_away["forgotten" if lives else "refused"] += 1
        if lives:
            self._let_go({min(lives.values(), key=lambda book: (book.seen_ms, book.place)).key})
        return bool(lives)

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


def _by_epoch(said: Sequence[Numbers]) -> dict[str, list[Numbers]]:
    ordered = sorted(said, key=lambda each: each.epoch)
    return {epoch: list(some) for epoch, some in groupby(ordered, key=lambda each: each.epoch)}
