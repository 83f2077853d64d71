"""Stores messages in batches, enters them in the ledger, then acknowledges them, in order.

The order is the promise about loss: an acknowledged message is in the store or on the collector's disk, and in the ledger.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from collector.counters import Counters
from collector.flow.prepared import PreparedMessage
from collector.ledger import Entry, LedgerFile
from collector.receive import Delivery, Polled
from collector.store import Persistence, wait

log = logging.getLogger(__name__)
PATIENCE_S = 2.0
"""How long the store may fail before what waits for it is put on disk."""

Keep = Callable[[Sequence[Delivery]], Awaitable[bool]]
Count = Callable[[Iterable[Polled]], None]


@dataclass(frozen=True, slots=True)
class Pending:
    """One message and what must be durable before it may be acknowledged; derived points have no message."""

    delivery: Delivery | None
    prepared: PreparedMessage

    @property
    def has_substitute_time(self) -> bool:
        """Whether its time is that of receipt, which has to be on disk before its points are in the store."""
        return self.delivery is not None and self.prepared.substitute_ms is not None

    def received(self) -> Delivery:
        """The delivery, with the time that its points were given."""
        delivery, substitute_ms = self.delivery, self.prepared.substitute_ms
        if delivery is None:
            raise ValueError("derived points were not received")
        return delivery if substitute_ms is None else replace(delivery, wall_s=substitute_ms / 1000)

    @property
    def is_kept(self) -> bool:
        """Whether it goes to disk while the store is away."""
        return self.delivery is not None and bool(self.prepared.lines)


@dataclass(frozen=True, slots=True)
class Flush:
    """When to write: at `lines` points or `after_s` seconds; `messages` bounds what may wait, then putting waits."""

    lines: int
    after_s: float
    messages: int


class Writer:
    """Batches, has it written or else kept on disk, acknowledges. One task runs it. `keep` is None where no disk is given.

    `count` is told the polls that are durable, each once.
    """

    def __init__(
        self,
        persistence: Persistence,
        flush: Flush,
        ledger: LedgerFile,
        tally: Counters,
        acknowledge: Callable[[Delivery], None],
        keep: Keep | None,
        count: Count,
    ) -> None:
        self._persistence = persistence
        self._flush = flush
        self._ledger = ledger
        self._tally = tally
        self._acknowledge = acknowledge
        self._keep = keep
        self._count = count
        self._pending: deque[Pending] = deque()
        self._full = asyncio.Event()
        self._some = asyncio.Event()
        self._space = asyncio.Event()
        self._space.set()
        self._stopping = persistence.stopping

    async def put(self, delivery: Delivery, prepared: PreparedMessage) -> None:
        """Hand over one message; waits while too many wait already."""
        while len(self._pending) >= self._flush.messages:
            self._space.clear()
            await self._space.wait()
        self._add(delivery, prepared)

    def _add(self, delivery: Delivery | None, prepared: PreparedMessage) -> None:
        self._pending.append(Pending(delivery, prepared))
        self._tally.points_waiting += len(prepared.lines)
        self._some.set()
        if self._tally.points_waiting >= self._flush.lines:
            self._full.set()

    def offer(self, make_lines: Callable[[], Sequence[str]]) -> None:
        """Take points that nobody waits for: dropped and counted while the store fails or too many wait already."""
        if self._persistence.fault is not None or len(self._pending) >= self._flush.messages // 2:
            self._tally.write_failures["derived"] += 1
            return
        lines = make_lines()
        for start in range(0, len(lines), self._flush.lines):
            self._add(None, PreparedMessage(lines[start : start + self._flush.lines]))

    def stop(self) -> None:
        """Write what is there at once, without trying again, and let `run` end."""
        self._stopping.set()
        self._ledger.stop()
        self._some.set()
        self._full.set()

    async def run(self) -> None:
        """Until `stop`. While the store fails, what comes goes to disk; where that fails too, the broker keeps it."""
        while True:
            await self._some.wait()
            if not self._pending:
                return
            if not self._stopping.is_set():
                await wait(self._full, self._flush.after_s)
                self._full.clear()
            taken = self._chunk()
            if not await self._make_durable(taken):
                return
            for pending in taken:
                if pending.delivery is not None:
                    self._acknowledge(pending.delivery)
                self._pending.popleft()
            self._tally.points_waiting -= sum(len(each.prepared.lines) for each in taken)
            self._space.set()
            if self._tally.points_waiting >= self._flush.lines:
                self._full.set()
            if not self._pending and not self._stopping.is_set():
                self._some.clear()

    def _chunk(self) -> list[Pending]:
        taken: list[Pending] = []
        count = 0
        for pending in self._pending:
            if taken and count + len(pending.prepared.lines) > self._flush.lines:
                break
            taken.append(pending)
            count += len(pending.prepared.lines)
        return taken

    async def _make_durable(self, taken: list[Pending]) -> bool:
        """False when stopped before that. What the ledger knows as stored is not written again."""
        news = await self._without_known(taken)
        # What waits on disk is put there once more when it comes again: that disk may have lost it since.
        counts = [each.prepared for each in news if not self._waits(each)]
        misplaced = [each for each in news if each.has_substitute_time]
        kept = misplaced if self._keep and misplaced and await self._keep([e.received() for e in misplaced]) else []
        refused = set[str]()
        outcome = await self._store_or_spill(
            [each for each in news if not each.has_substitute_time] if kept else news, refused
        )
        notes = [note for each in taken if (note := each.prepared.ledger_note(refused)) is not None]
        match outcome:
            case "stored" if not kept:
                noted = await self._ledger.record(notes)
            case "stored" | "kept":
                on_disk = kept if outcome == "stored" else news
                waiting = [note for each in on_disk if each.is_kept and isinstance(note := each.prepared.note, Entry)]
                held = {(entry.key, entry.seq) for entry in waiting}
                others = [note for note in notes if not (isinstance(note, Entry) and (note.key, note.seq) in held)]
                noted = await self._ledger.record_waiting(waiting) and await self._ledger.record(others)
            case _:
                return False
        if noted:
            alive = [each for each in counts if each.ledger_note(refused) is each.note]
            self._count(each.poll for each in alive if each.poll is not None)
        return noted

    def _waits(self, pending: Pending) -> bool:
        return isinstance(note := pending.prepared.note, Entry) and self._ledger.ledger.is_waiting(note)

    async def _without_known(self, taken: list[Pending]) -> list[Pending]:
        """Without what the ledger knows as stored, and without repetitions."""
        entries = [note for each in taken if isinstance(note := each.prepared.note, Entry) and not note.dead]
        fresh = await self._ledger.are_new(entries)
        known = {id(entry) for entry, is_new in zip(entries, fresh, strict=True) if not is_new}
        return [each for each in taken if id(each.prepared.note) not in known]

    async def _store_or_spill(self, news: list[Pending], refused: set[str]) -> Literal["stored", "kept", "stopped"]:
        """Into the store or onto disk. Derived points are not kept: they are worked out anew once the store works."""
        lines = [line for each in news for line in each.prepared.lines]
        kept = [each.received() for each in news if each.is_kept]
        while lines:
            if self._keep is None or self._persistence.fault is None:
                outcome = await self._persistence.store(lines, refused, PATIENCE_S if self._keep else None)
                if outcome == "stored":
                    return "stored"
            if self._keep is not None and (not kept or await self._keep(kept)):
                return "kept"
            if self._stopping.is_set():
                return "stopped"
            # Neither the store nor the disk: the store is tried again, and the broker keeps what comes.
            await wait(self._stopping, PATIENCE_S)
        return "stored"
