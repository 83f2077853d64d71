"""The ledger with its rows against plain sets: any order of messages, statements, failed commits and restarts."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.epoch import new_epoch
from collector.ledger.account import account_of
from collector.ledger.epochs import CHUNK, Entry, EpochKey, Statement, born_ms
from collector.ledger.ledger import Ledger
from collector.ledger.tables import SCHEMA, begin, load_chunk, load_chunks, load_epochs, save
from rackflow.documents import Account, Numbers

CREATED_MS = 1_795_468_750_000
EPOCHS = [new_epoch(ms, 1) for ms in (CREATED_MS - 50_000, CREATED_MS + 50_000, CREATED_MS + 90_000)]
KEYS = st.sampled_from([EpochKey("cas1", agent, epoch) for agent in ("gw-3", "gw-4") for epoch in EPOCHS])
SEQ = st.integers(1, 3 * CHUNK)
RUN = st.tuples(SEQ, st.sampled_from([1, 1, 1, 7, CHUNK, CHUNK + 1, 2 * CHUNK]))
RANGES = st.lists(
    st.tuples(st.sampled_from(EPOCHS), SEQ, st.integers(0, 99), st.sampled_from(["full", "age"])), max_size=3
)


@dataclass
class Life:
    """What a book ought to say, in sets."""

    known_from: int
    stored: set[int] = field(default_factory=set)
    held: set[int] = field(default_factory=set)
    dead: dict[int, set[str]] = field(default_factory=dict)
    duplicates: int = 0
    said_held: list[tuple[int, int]] = field(default_factory=list)
    said_dropped: list[tuple[int, int, str]] = field(default_factory=list)
    ended: int = 0

    def sums(self) -> tuple[int, int, int, int, Counter[str], set[int]]:
        """Produced, stored, duplicates, in flight, dropped, missing."""
        taken = self.stored | self.held | self.dead.keys()
        lasts = [last for _, last in self.said_held] + [last for _, last, _ in self.said_dropped]
        highest = max([self.ended, *lasts, *taken])
        first = self.known_from or (1 if taken else highest + 1)
        gaps = set(range(first, highest + 1)) - taken
        produced, in_flight = len(taken | gaps), len(self.held - self.stored - self.dead.keys())
        dropped = Counter(f"dead_letter_{min(why)}" for why in self.dead.values())
        for low, high, why in self.said_dropped:
            found = gaps & set(range(low, high + 1))
            dropped[why] += len(found)
            gaps -= found
        for low, last in self.said_held:
            coming = gaps & set(range(low, (last or highest) + 1))
            in_flight += len(coming)
            gaps -= coming
        return produced, len(self.stored), self.duplicates, in_flight, +dropped, gaps


class LedgerModel(RuleBasedStateMachine):
    """One chunk in memory, so that most of what is asked for has to come from disk."""

    @initialize()
    def begin(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.executescript(SCHEMA)
        begin(self.db, CREATED_MS)
        self.ledger = Ledger(CREATED_MS, 1)
        self.lives: dict[EpochKey, Life] = {}

    def life(self, key: EpochKey, seq: int) -> Life:
        """`seq` is 0 where it is not a message that makes the life known."""
        if key not in self.lives:
            older = any(other[:2] == key[:2] and other.epoch < key.epoch for other in self.lives)
            self.lives[key] = Life(1 if older and born_ms(key.epoch) > CREATED_MS else seq)
        life = self.lives[key]
        life.known_from = life.known_from or seq
        return life

    def entries(self, key: EpochKey, run: tuple[int, int], dead: str = "") -> Iterable[Entry]:
        """With their chunks in memory."""
        found = [Entry(key, seq, seq, seq, dead) for seq in range(run[0], run[0] + run[1])]
        for place in self.ledger.unloaded(found):
            self.ledger.add_chunk(place[0], load_chunk(self.db, *place))
        return found

    @rule(key=KEYS, run=RUN)
    def take(self, key: EpochKey, run: tuple[int, int]) -> None:
        for entry in self.entries(key, run):
            life = self.life(key, entry.seq)
            assert self.ledger.is_stored(entry) == (entry.seq in life.stored)
            self.ledger.mark_stored(entry)
            life.duplicates += entry.seq in life.stored
            life.stored.add(entry.seq)
            life.held.discard(entry.seq)
            life.dead.pop(entry.seq, None)

    @rule(key=KEYS, run=RUN)
    def hold(self, key: EpochKey, run: tuple[int, int]) -> None:
        for entry in self.entries(key, run):
            life = self.life(key, entry.seq)
            self.ledger.mark_waiting(entry)
            life.held |= {entry.seq} - life.stored

    @rule(key=KEYS, run=RUN, why=st.sampled_from(["schema", "store"]))
    def bury(self, key: EpochKey, run: tuple[int, int], why: str) -> None:
        for entry in self.entries(key, run, why):
            life = self.life(key, entry.seq)
            self.ledger.mark_dead(entry)
            if entry.seq not in life.stored:
                life.held.discard(entry.seq)
                life.dead.setdefault(entry.seq, set()).add(why)

    @rule(key=KEYS, undelivered=RANGES, dropped=RANGES, ended=RANGES)
    def state(
        self,
        key: EpochKey,
        undelivered: list[tuple[str, int, int, str]],
        dropped: list[tuple[str, int, int, str]],
        ended: list[tuple[str, int, int, str]],
    ) -> None:
        said = [
            [Numbers(epoch=epoch, first=first, last=first + more, reason=why) for epoch, first, more, why in one]
            for one in (undelivered, dropped, ended)
        ]
        self.ledger.apply_statement(
            Statement(key, Account(kind="disk", undelivered=said[0], dropped=said[1], ended=said[2]), 1)
        )
        self.life(key, 0)
        order = list(self.lives)
        for other, life in self.lives.items():
            spoken = any(each.epoch == other.epoch for one in said for each in one)
            if other[:2] != key[:2] or not (order.index(other) <= order.index(key) or spoken):
                continue
            own_held, own_dropped, own_ended = ([each for each in one if each.epoch == other.epoch] for one in said)
            life.said_held = [(each.first, 0 if other == key else each.last) for each in own_held]
            lost = [(each.first, each.last, each.reason) for each in own_dropped]
            fewer = len(lost) < len(life.said_dropped)
            life.said_dropped = lost + [each for each in life.said_dropped if fewer and each not in lost]
            life.ended = max([life.ended, *(each.last for each in own_ended)])

    @rule(works=st.booleans())
    def commit(self, works: bool) -> None:  # noqa: FBT001 - drawn
        changes = self.ledger.changes()
        if works:
            save(self.db, changes)
            self.ledger.trim()
        else:
            self.ledger.put_back(changes)

    @rule()
    def restart(self) -> None:
        self.commit(works=True)
        self.ledger = Ledger(CREATED_MS, 1)
        for book in load_epochs(self.db):
            self.ledger.restore(book)
        assert list(self.ledger.epochs) == list(self.lives)

    @rule(before=SEQ)
    def forget(self, before: int) -> None:
        gone = {key for key, book in self.ledger.epochs.items() if book.seen_ms < before}
        assert set(self.ledger.forget(before)) == gone
        for key in gone:
            del self.lives[key]

    @invariant()
    def it_adds_up(self) -> None:
        if not hasattr(self, "db"):
            return
        self.commit(works=True)
        for book in load_epochs(self.db):
            found = account_of(book, load_chunks(self.db, book.key))
            missing = {seq for run in found.missing for seq in range(run.first, run.last + 1)}
            said = found.produced, found.stored, found.duplicates, found.in_flight, found.dropped, missing
            assert said == self.lives[book.key].sums(), book.key
        assert {book.key for book in load_epochs(self.db)} == self.lives.keys()

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.db.close()


TestLedgerModel = LedgerModel.TestCase
TestLedgerModel.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)
