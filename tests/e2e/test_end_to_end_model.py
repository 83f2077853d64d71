"""The real outbox and the real ledger, with a model of the broker between them that loses, doubles, reorders and forgets.

Two things must hold whatever happens: a message that the agent has deleted is durable, and once the network is kind again for a
while, everything that the agent ever sent is in the database.
"""

import asyncio
import random
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from collector.counters import Counters
from collector.ledger import Entry, EpochKey, LedgerFile, Statement
from collector.stored_publisher import StoredPublisher
from rackflow import Stored, decode
from rackflow.outbox import DiskOutbox, Limits, Message

T = TypeVar("T")
Number = tuple[str, int]
"""Epoch and number of a message."""
SITE, AGENT, TOPIC = "s", "g", "t"
WALL_MS = 1_795_468_800_000
FOR_EVER = Limits(10**9, 10**9)
KIND_ROUNDS = 60
# What becomes of messages that are sent: mostly all is well.
OUTCOMES = st.sampled_from(["confirmed", "confirmed", "lost", "broken"])
# Longer than the longest pause before a message is sent again, with its jitter.
KIND_STEP_S = 1000.0


class Retaining:
    """The broker's side of the collector's connection: keeps what the collector says."""

    def __init__(self) -> None:
        self.connection = 1
        self.largest_bytes = 2**28
        self.said: list[Stored] = []

    def publish_retained(self, topic: str, payload: bytes, confirmed: Callable[[int], None]) -> None:
        """See `collector.stored_publisher.Link`."""
        assert topic == f"rackflow/v1/{SITE}/{AGENT}/stored/c"
        self.said.append(decode(payload, Stored))
        confirmed(0)


class EndToEnd(RuleBasedStateMachine):
    """An agent's outbox, a broker, a collector's ledger and a database, disturbed one step at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._folder = TemporaryDirectory(prefix="rackflow-model-")
        self._now_s = 1000.0
        self._given = set[Number]()
        self._sent = set[Number]()
        self._never_numbered = set[Number]()
        """Not on disk when the agent was killed, so never sent."""
        self._database = set[Number]()
        self._dead = set[Number]()
        self._queue: list[Number] = []
        """What the broker has for the collector."""
        self._life = self._machine = 0
        self._retained: Stored | None = None
        self._link = Retaining()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        """Start agent and collector."""
        self._path = Path(self._folder.name) / "0" / "outbox.db"
        self._start_agent()
        self._start_collector()

    def teardown(self) -> None:
        """The network is kind for a while: everything arrives."""
        if hasattr(self, "_outbox"):
            for _ in range(KIND_ROUNDS):
                self.put(1)
                self.commit()
                self.send(1000, "confirmed")
                self.deliver(1000, crashes=False)
                self.tell()
                self.pass_time(KIND_STEP_S)
                self.deleted_means_durable()
                if not self._present():
                    break
            assert not self._present()
            assert self._sent <= self._database | self._dead
            assert self._given <= self._database | self._dead | self._never_numbered
            self._run(self._outbox.close())
            self._ledger.close()
        self._loop.close()
        self._folder.cleanup()

    @rule(count=st.integers(1, 6))
    def put(self, count: int) -> None:
        """Polls."""
        for _ in range(count):
            seq = self._outbox.put(TOPIC, lambda seq: f"{self._epoch} {seq}".encode(), WALL_MS)
            self._given.add((self._epoch, seq))

    @rule(count=st.integers(1, 6), most=st.integers(1, 10), outcome=OUTCOMES)
    def publish(self, count: int, most: int, outcome: str) -> None:
        """Polls that reach the disk and leave, with what is to be sent again behind them."""
        self.put(count)
        self.commit()
        self.send(most, outcome)

    def commit(self) -> None:
        """The disk takes what there is, and gives back what is to be sent again."""
        self._run(self._outbox.step())

    @rule(most=st.integers(1, 10), outcome=OUTCOMES)
    def send(self, most: int, outcome: str) -> None:
        """Publish: confirmed and queued; confirmed and lost by the broker; or queued, and the connection breaks before PUBACK."""
        for message in self._run(self._taken(most)):
            epoch, seq = message.payload.decode().split()
            number = epoch, int(seq)
            self._sent.add(number)
            if outcome != "lost":
                self._queue.append(number)
            if outcome != "broken":
                self._outbox.confirmed(message.key)
        if outcome == "broken":
            self._outbox.rewind()

    @rule(seed=st.integers(0, 5))
    def reorder(self, seed: int) -> None:
        """The queue comes in another order, and part of it twice."""
        chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        chance.shuffle(self._queue)
        self._queue += self._queue[: len(self._queue) // 3]

    @rule()
    def queue_lost(self) -> None:
        """A queue limit, a deleted session, a kill, a disk."""
        self._queue.clear()

    @rule()
    def broker_replaced(self) -> None:
        """By an empty one: the retained word is gone, too, and the collector publishes it again on its new connection."""
        self._queue.clear()
        self._retained = None
        self._link.connection += 1

    @rule(count=st.integers(1, 8), crashes=st.booleans())
    def deliver(self, count: int, crashes: bool) -> None:  # noqa: FBT001 - a strategy's argument
        """The collector stores; with `crashes` it dies before the ledger has it, and the broker delivers again."""
        some = self._queue[:count]
        self._database |= set(some) - self._dead
        if crashes:
            return
        del self._queue[:count]
        # A message that breaks the contract does so whenever it comes, also at a collector that has lost its ledger.
        entries = [_entry(number, "schema" if number in self._dead else "") for number in some]
        assert self._run(self._ledger.record(entries))

    @rule()
    def bury(self) -> None:
        """The collector finds that the next message breaks the contract."""
        if self._queue and self._queue[0] not in self._database:
            number = self._queue.pop(0)
            self._dead.add(number)
            assert self._run(self._ledger.record([_entry(number, "schema")]))

    def report(self) -> None:
        """The agent's status reaches the ledger."""
        statement = Statement(EpochKey(SITE, AGENT, self._epoch), self._outbox.stats().account, WALL_MS)
        assert self._run(self._ledger.record([statement]))

    @rule()
    def tell(self) -> None:
        """The collector says what is durable, of the epochs that the agent's status names, and the agent hears it."""
        self.report()
        self._run(self._telling.publish_due(self._now_s))
        if self._link.said:
            self._retained = self._link.said[-1]
        if self._retained is not None:
            self._outbox.stored(self._retained)

    @rule(back=st.integers(1, 5))
    def hear_late(self, back: int) -> None:
        """An old word comes once more."""
        if len(self._link.said) >= back:
            self._outbox.stored(self._link.said[-back])

    @rule(seconds=st.sampled_from([1.0, 12.0, 40.0, 700.0]))
    def pass_time(self, seconds: float) -> None:
        """Time passes."""
        self._now_s += seconds

    @rule()
    def restart_agent(self) -> None:
        """A clean stop and a start."""
        self._run(self._outbox.close())
        self._start_agent()

    @rule()
    def kill_agent(self) -> None:
        """Kill -9: what the disk has is what there is. Nothing that it has not was ever sent."""
        self._run(self._settled())
        copy = Path(self._folder.name) / str(self._life) / "outbox.db"
        shutil.copytree(self._path.parent, copy.parent)
        before = self._present()
        self._run(self._outbox.close())
        self._path = copy
        self._start_agent()
        lost = before - self._present() - self._database - self._dead
        assert not lost & self._sent
        self._never_numbered |= lost

    @rule()
    def restart_collector(self) -> None:
        """The collector comes back with its ledger."""
        self._ledger.close()
        self._start_collector()

    @rule()
    def lose_collector(self) -> None:
        """The collector's machine is lost, and its session with it. The database is another machine."""
        self._ledger.close()
        self._machine += 1
        self._queue.clear()
        self._start_collector()

    @invariant()
    def deleted_means_durable(self) -> None:
        """What the agent has deleted is in the database, or in the dead-letter file."""
        if hasattr(self, "_outbox"):
            gone = self._given - self._present() - self._never_numbered
            assert gone <= self._database | self._dead

    def _start_agent(self) -> None:
        self._life += 1
        self._epoch = f"01E{self._life:04}"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        required = ["c"]  # as if a collector had spoken before: PUBACK alone frees nothing
        self._outbox = DiskOutbox(self._path, self._epoch, FOR_EVER, 1e9, require=required, clock=lambda: self._now_s)
        self._run(self._outbox.open())
        if self._retained is not None:
            self._outbox.stored(self._retained)

    def _start_collector(self) -> None:
        path = Path(self._folder.name) / f"ledger-{self._machine}.db"
        self._ledger = LedgerFile(path, 400, lambda: WALL_MS / 1000)
        self._link.connection += 1
        self._telling = StoredPublisher(self._ledger, "c", self._link, Counters())

    def _present(self) -> set[Number]:
        outbox = self._outbox
        return {
            (numbers.epoch, seq)
            for first, last in outbox._places.present  # noqa: SLF001 - the model compares it with its own
            for numbers in outbox._numbers(first, last)  # noqa: SLF001
            for seq in range(numbers.first, numbers.last + 1)
        }

    async def _taken(self, most: int) -> list[Message]:
        found: list[Message] = []
        while len(found) < most:
            task = asyncio.ensure_future(self._outbox.take())
            # A message that is there is taken within one turn of the loop.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
                break
            found.append(task.result())
        return found

    async def _settled(self) -> None:
        """Nothing is being written: a copy of the files is what a kill leaves."""
        await asyncio.sleep(0)


def _entry(number: Number, dead: str = "") -> Entry:
    return Entry(EpochKey(SITE, AGENT, number[0]), number[1], WALL_MS, WALL_MS, dead)


EndToEnd.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestEndToEnd = EndToEnd.TestCase
