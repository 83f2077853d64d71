"""Stores messages in batches, records them in the ledger, then acknowledges them, in that order.

With this order nothing is lost: an acknowledged message is in the store or on the collector's disk, and in the ledger. After a
kill between store and ledger, the message comes again and is written to the same points once more. After a kill between ledger
and acknowledgement, it comes again and is recognised. Neither loses or doubles anything.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from collector.counters import Counters
from collector.flow.prepared import PreparedMessage, are_to_be_written
from collector.ledger import Entry, LedgerFile, LedgerItem
from collector.receive import Delivery, Polled
from collector.store import Persistence, wait

log = logging.getLogger(__name__)
# How long the store may fail before messages are put on disk: a container restart or one slow compaction passes by itself and
# costs no disk write. With a longer time /metrics would stand still, because the broker's window fills up.
SPILL_AFTER_S = 2.0
# How often a store that fails is tried again by the writer, if no messages on disk are being drained. Messages wait during each try, up to
# SPILL_AFTER_S.
PROBE_S = 10.0
# The smallest number of unacknowledged messages that is taken for a broker's limit. The smallest known default is 10 (RabbitMQ's
# `prefetch`). With fewer messages, the additional writes would cost more than waiting.
LEAST_WINDOW = 8

SpillMessages = Callable[[Sequence[Delivery]], Awaitable[bool]]
CountPolls = Callable[[Iterable[Polled]], None]


class Pending(msgspec.Struct, frozen=True, gc=False):
    """One message and what must be durable before it may be acknowledged. Derived points have no delivery."""

    delivery: Delivery | None
    prepared: PreparedMessage

    @property
    def has_substitute_time(self) -> bool:
        """Whether its points have a substitute time, which must be on disk before the points are in the store.

        If the collector were killed between storing and acknowledging, the message would come again with a new receipt time
        and be stored as a second point. On disk, the first substitute time survives.
        """
        return self.delivery is not None and self.prepared.substitute_ms is not None

    def to_keep_on_disk(self) -> Delivery:
        """The delivery as it waits on disk: a substitute time of its points is kept as its time of receipt."""
        delivery, substitute_ms = self.delivery, self.prepared.substitute_ms
        if delivery is None:
            raise ValueError("derived points were not received")
        return delivery if substitute_ms is None else msgspec.structs.replace(delivery, wall_s=substitute_ms / 1000)

    @property
    def can_spill(self) -> bool:
        """Whether it goes to disk while the store is away. Derived points do not, because they are calculated again."""
        return self.delivery is not None and bool(self.prepared.lines)


@dataclass(frozen=True, slots=True)
class Flush:
    """When to write: at `lines` points, or after `after_s` seconds. While `messages` messages are pending, `put` waits."""

    lines: int
    after_s: float
    messages: int


class BrokerWindow:
    """Learns how many messages the broker sends before it waits for their acknowledgement. No I/O; times are seconds of one clock.

    A receiver can limit that number, but is not told the broker's own limit: 10 by default for RabbitMQ, 32 for EMQX (mosquitto uses the
    receiver's). Waiting for more messages than the broker will send wastes time: with a limit of 10 and a wait of 0.2 s, only 50 messages
    a second were stored, however many were waiting.
    """

    def __init__(self) -> None:
        self.messages = 0
        """The broker's limit: once this many messages are unacknowledged, no more will come. 0 while unknown."""

    def waited(self, messages: int, began_s: float, newest_s: float, now_s: float) -> None:
        """Learn from a wait for more messages. It began at `began_s` and ended now with `messages`, the newest received at `newest_s`.

        If nothing came in the second half of the wait, the broker is assumed to be at its limit.
        """
        is_standing = messages >= LEAST_WINDOW and newest_s - began_s <= (now_s - began_s) / 2
        self.messages = messages if is_standing else 0

    def written(self, messages: int) -> None:
        """Learn from a finished write; `messages` is how many messages are unacknowledged now."""
        if messages > self.messages:
            self.messages = 0  # more came although nothing was acknowledged: the broker had only paused


class Writer:
    """Batches messages, has them stored or else kept on disk, then acknowledges them. One task runs it.

    Args:
        persistence: writes to the store, with retries.
        flush: when to write, and how many messages may be pending.
        ledger: where stored and waiting messages are recorded.
        counters: counts of points and failures.
        acknowledge: called for each delivery once it is durable.
        spill: puts deliveries on disk and returns whether that worked; None if no outbox is configured.
        is_draining: whether another task is storing messages from disk, which shows when the store works again. If not, this writer tries
            the store every `PROBE_S`.
        count_polls: called with the polls of messages that have become durable, each poll once.
    """

    def __init__(  # noqa: PLR0913 - what it joins
        self,
        persistence: Persistence,
        flush: Flush,
        ledger: LedgerFile,
        counters: Counters,
        *,
        acknowledge: Callable[[Delivery], None],
        spill: SpillMessages | None,
        is_draining: Callable[[], bool],
        count_polls: CountPolls,
    ) -> None:
        self._persistence = persistence
        self._flush = flush
        self._ledger = ledger
        self._counters = counters
        self._acknowledge = acknowledge
        self._spill = spill
        self._is_draining = is_draining
        self._probe_at_s = 0.0
        """Monotonic time from which on a store that does not work is tried again, if nothing is drained."""
        self._count_polls = count_polls
        self._pending: deque[Pending] = deque()
        self._received = 0
        """How many of the pending entries are messages, and not derived points."""
        self._newest_s = 0.0
        self._window = BrokerWindow()
        self.timed_out = 0
        """How many writes began because `Flush.after_s` was over, and not because there were enough points."""
        self.durable = 0
        """How many messages and portions of derived points have been made durable since the start."""
        self._enough = asyncio.Event()
        """Set when the next write need not wait for more messages."""
        self._any_pending = asyncio.Event()
        """Set while there is something to write, and by `stop`."""
        self._room = asyncio.Event()
        """Set after each write. `put` clears it, and waits for it, while too many messages are pending."""
        self._room.set()
        self._stopping = persistence.stopping

    @property
    def pending(self) -> int:
        """How many are not durable yet."""
        return len(self._pending)

    async def put(self, delivery: Delivery, prepared: PreparedMessage) -> None:
        """Hand over one message. Waits while too many are pending, which stops receiving: the broker is the buffer then."""
        while len(self._pending) >= self._flush.messages:
            self._room.clear()
            await self._room.wait()
        self._received += 1
        self._newest_s = time.monotonic()
        self._add(delivery, prepared)

    def _add(self, delivery: Delivery | None, prepared: PreparedMessage) -> None:
        self._pending.append(Pending(delivery, prepared))
        self._counters.points_waiting += len(prepared.lines)
        self._any_pending.set()
        if self._counters.points_waiting >= self._flush.lines or 0 < self._window.messages <= self._received:
            self._enough.set()

    def offer(self, make_lines: Callable[[], Sequence[str]]) -> None:
        """Hand over derived points. They are dropped and counted while the store fails, or while half of `Flush.messages` are pending.

        Derived points must never delay or displace telemetry, so the other half of the room is reserved for messages.
        """
        if not self._may_try_store() or len(self._pending) >= self._flush.messages // 2:
            self._counters.write_failures["derived"] += 1
            return
        lines = make_lines()
        for start in range(0, len(lines), self._flush.lines):
            self._add(None, PreparedMessage(lines[start : start + self._flush.lines]))

    def stop(self) -> None:
        """Write what is pending at once, without retrying, and let `run` end."""
        self._stopping.set()
        self._ledger.stop()
        self._any_pending.set()
        self._enough.set()

    async def run(self) -> None:
        """Write until `stop`. While the store fails, messages go to disk; if that fails too, the broker keeps them."""
        while True:
            await self._any_pending.wait()
            if not self._pending:
                return
            if not self._stopping.is_set():
                await self._gather()
            chunk = self._next_chunk()
            if not await self._make_durable(chunk):
                return
            self._window.written(self._received)
            # The chunk is durable in the store (or on disk) and in the ledger: only now may the broker forget its messages. They leave
            # `_pending` only now as well, so that they are written again if anything above fails.
            for pending in chunk:
                if pending.delivery is not None:
                    self._acknowledge(pending.delivery)
                    self._received -= 1
                self._pending.popleft()
            self.durable += len(chunk)
            self._counters.points_waiting -= sum(len(each.prepared.lines) for each in chunk)
            self._room.set()
            if self._counters.points_waiting >= self._flush.lines:
                self._enough.set()
            if not self._pending and not self._stopping.is_set():
                self._any_pending.clear()

    async def _gather(self) -> None:
        """Wait until there is enough for one write, or as much as comes without an acknowledgement, or time is up."""
        began_s = time.monotonic()
        await wait(self._enough, self._flush.after_s)
        if not self._enough.is_set():
            self.timed_out += 1
            self._window.waited(self._received, began_s, self._newest_s, time.monotonic())
        self._enough.clear()

    def _next_chunk(self) -> list[Pending]:
        chunk: list[Pending] = []
        count = 0
        for pending in self._pending:
            if chunk and count + len(pending.prepared.lines) > self._flush.lines:
                break
            chunk.append(pending)
            count += len(pending.prepared.lines)
        return chunk

    async def _make_durable(self, chunk: list[Pending]) -> bool:
        """Store or spill, then record in the ledger. False when stopped before both were done.

        Messages that the ledger knows as stored are not written again. Those with a substitute time are put on disk first, and
        stored from there (see `has_substitute_time`).
        """
        to_write = await are_to_be_written([each.prepared for each in chunk], self._ledger)
        new = [each for each, is_new in zip(chunk, to_write, strict=True) if is_new]
        # A message that waits on disk and comes again is put on disk once more, because the disk may have lost it since; but its
        # poll was counted the first time.
        uncounted = [each.prepared for each in new if not self._is_on_disk(each)]
        spilled_first = await self._spill_substituted(new)
        to_store = [each for each in new if not each.has_substitute_time] if spilled_first else new
        refused = set[str]()
        outcome = await self._store_or_spill(to_store, refused)
        if outcome == "stopped":
            return False
        items = [item for each in chunk if (item := each.prepared.final_ledger_item(refused)) is not None]
        recorded = await self._record(items, on_disk=spilled_first if outcome == "stored" else new)
        if recorded:
            # Polls are counted when they are durable, and not if the store refused all of their points.
            accepted = [each for each in uncounted if each.final_ledger_item(refused) is each.ledger_item]
            self._count_polls(each.poll for each in accepted if each.poll is not None)
        return recorded

    async def _spill_substituted(self, new: Sequence[Pending]) -> list[Pending]:
        """Put the messages with a substitute time on disk. Returns them if that worked; none if there are none, or no outbox."""
        substituted = [each for each in new if each.has_substitute_time]
        if self._spill and substituted and await self._spill([each.to_keep_on_disk() for each in substituted]):
            return substituted
        return []

    async def _record(self, items: Sequence[LedgerItem], on_disk: Sequence[Pending]) -> bool:
        """Record in the ledger what has become durable. Returns whether that worked.

        A message on disk is recorded as waiting, not as stored: if the disk is lost, the ledger must not claim the message. Draining
        records it as stored.
        """
        waiting = [item for each in on_disk if each.can_spill and isinstance(item := each.prepared.ledger_item, Entry)]
        if not waiting:
            return await self._ledger.record(items)
        numbers_on_disk = {(entry.key, entry.seq) for entry in waiting}
        others = [item for item in items if not (isinstance(item, Entry) and (item.key, item.seq) in numbers_on_disk)]
        return await self._ledger.record_waiting(waiting) and await self._ledger.record(others)

    def _is_on_disk(self, pending: Pending) -> bool:
        """Whether the ledger has recorded the message as waiting on disk."""
        return isinstance(item := pending.prepared.ledger_item, Entry) and self._ledger.ledger.is_waiting(item)

    def _may_try_store(self) -> bool:
        """Whether the store works as far as is known, or it is time to find out whether it works again."""
        if self._persistence.fault is None:
            return True
        return time.monotonic() >= self._probe_at_s and not self._is_draining()

    async def _store_or_spill(self, new: list[Pending], refused: set[str]) -> Literal["stored", "spilled", "stopped"]:
        """Put messages into the store, or else on disk; without either, try again until stopped."""
        lines = [line for each in new for line in each.prepared.lines]
        to_spill = [each.to_keep_on_disk() for each in new if each.can_spill]
        disk_refuses = False
        while lines:
            # While the store is known to fail, `Spill.drain` tries it, because here each batch would wait for SPILL_AFTER_S. If nothing is
            # being drained, one write every PROBE_S tries it; if the disk refuses, every write does, because the drain gets no messages.
            if self._spill is None or disk_refuses or self._may_try_store():
                self._probe_at_s = time.monotonic() + PROBE_S
                outcome = await self._persistence.store(lines, refused, SPILL_AFTER_S if self._spill else None)
                if outcome == "stored":
                    return "stored"
            if self._spill is not None and (not to_spill or await self._spill(to_spill)):
                # Derived points are not kept on disk: they would be stored late, and the readings they follow from are kept.
                self._counters.write_failures["derived"] += sum(each.delivery is None for each in new)
                return "spilled"
            if self._stopping.is_set():
                return "stopped"
            # Neither the store nor the disk works. Nothing is acknowledged, and the broker keeps new messages.
            disk_refuses = True
            await wait(self._stopping, SPILL_AFTER_S)
        return "stored"
