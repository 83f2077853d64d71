"""An outbox in memory, for gateways on flash cards, which frequent commits wear out.

Its messages are lost with the process. After a restart nothing can account for them, so the collector's ledger reports them
as missing.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from rackflow.documents import Account, Numbers, Stored
from rackflow.outbox.account import add_range
from rackflow.outbox.acknowledgements import Acknowledgements
from rackflow.outbox.epochs import EpochBase
from rackflow.outbox.held import HeldKeys, Which
from rackflow.outbox.lanes import Lanes
from rackflow.outbox.rangeset import Range, RangeSet
from rackflow.outbox.seam import Message, OutboxStats

# Far above any real rate, so that the backlog's rate is not limited.
UNBOUNDED_PER_S = 1e9


class MemoryOutbox:
    """An `Outbox` bounded in bytes of payload. On overflow messages are dropped and counted as `full`: held ones first, then the oldest.

    `backlog_per_s`, `require` and `clock` as in `DiskOutbox`; `epoch` names this run of the process.

    While no collector has ever reported, confirmed messages are kept for `confirmed_s`, and only while everything together takes less than
    half of the limit: a message that may be needed again never displaces one that was not delivered at all.
    """

    def __init__(
        self,
        epoch: str,
        limit_bytes: int,
        *,
        backlog_per_s: float = UNBOUNDED_PER_S,
        confirmed_s: float = 0.0,
        require: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._epoch = epoch
        self._bases = [EpochBase(0, epoch)]
        """The only epoch: what an earlier process held is gone, so keys are message numbers."""
        self._limit_bytes = limit_bytes
        self._acks = Acknowledgements(backlog_per_s, confirmed_s, require, clock)
        self._lanes = Lanes(lambda: self._acks.backlog_per_s, on_backlog_empty=lambda: None)
        self._size_bytes = 0
        self._last_key = 0
        self._dropped: Counter[str] = Counter({"full": 0})
        self._losses: list[Numbers] = []
        """Numbers of dropped messages."""
        self._messages: dict[int, Message] = {}
        """All messages, by key. Other collections may still name a message that was dropped; only one in here exists."""
        self._held = HeldKeys()

    def put(self, topic: str, make: Callable[[int], bytes], now_ms: int) -> int:
        """See `Outbox.put`."""
        key = self._last_key + 1
        message = Message(key, topic, make(key), now_ms)
        self._last_key = key
        self._size_bytes += len(message.payload)
        self._messages[key] = message
        if (relegated := self._lanes.push(message)) is not None:
            self._lanes.backlog[relegated.key] = relegated
        if self._size_bytes > self._limit_bytes // 2 and not self._acks.reports_required:
            self._free(list(self._acks.awaiting.keys))
        self._shrink()
        return key

    async def take(self) -> Message:
        """See `Outbox.take`."""
        return await self._lanes.take()

    def done(self, key: int, loss: str = "") -> None:
        """See `Outbox.done`."""
        if loss and key in self._messages:
            self._count_loss(key, loss)
        self._free([(key, key)])

    def confirmed(self, key: int) -> None:
        """See `Outbox.confirmed`."""
        self._lanes.drop(key)
        if key in self._messages:
            self._free(self._acks.confirmed(key))

    def stored(self, report: Stored) -> None:
        """See `Outbox.stored`."""
        self._free(self._acks.stored(report, self._bases, self._last_key))
        self._acks.trim(min(self._messages, default=self._last_key + 1))
        if lost := self._acks.missing(self._last_key):
            self._add_to_backlog([key for first, last in lost for key in range(first, last + 1)])

    def withdrawn(self, collector: str) -> None:
        """See `Outbox.withdrawn`."""
        self._acks.withdrawn(collector)

    def hold(self, key: int) -> None:
        """See `Outbox.hold`."""
        if (message := self._lanes.hold(key)) is not None:
            self._held.add(message.topic, key)

    def resume(self, topic: str, which: Which) -> None:
        """See `Outbox.resume`."""
        self._lanes.put_first([self._messages[key] for key in self._held.take(topic, which)])

    def rewind(self) -> None:
        """See `Outbox.rewind`."""
        self._acks.connection_broke()
        self._lanes.backlog.update((message.key, message) for message in self._lanes.clear())
        # Messages that were in flight were exempt from the limit, and no longer are.
        self._shrink()
        self._lanes.wake()

    @property
    def backlog_per_s(self) -> float:
        """How many messages of the backlog may be sent per second now."""
        return self._acks.backlog_per_s

    def stats(self) -> OutboxStats:
        """See `Outbox.stats`."""
        lanes, reports_required = self._lanes, self._acks.reports_required
        # While no collector reports, a message that the broker confirmed counts as delivered, although it is kept for a while.
        kept = RangeSet() if reports_required else self._acks.awaiting.keys
        oldest = self._oldest_outside(kept)
        behind = [*lanes.in_flight, *lanes.backlog]
        for each in (self._held, self._acks.awaiting.keys):
            behind += [key for key in (each.first, each.last) if key is not None]
        undelivered = [Numbers(epoch=self._epoch, first=min(behind), last=max(behind))] if behind else []
        return OutboxStats(
            messages=len(self._messages) - len(kept),
            size_bytes=self._size_bytes,
            limit_bytes=self._limit_bytes,
            oldest_ms=oldest.time_ms if oldest is not None else 0,
            dropped=dict(self._dropped),
            account=Account(kind="memory", undelivered=undelivered, dropped=list(self._losses)),
            durable=False,
            held=len(self._held),
            awaiting=len(self._acks.awaiting.keys) if reports_required else 0,
            republished=self._acks.republished,
            reports_required=reports_required,
        )

    def _oldest_outside(self, kept: RangeSet) -> Message | None:
        """The oldest message that is not among these. Their ranges are skipped: a minute of confirmed ones held the loop for 40 ms."""
        at = next(iter(self._messages), self._last_key + 1)
        for first, last in (*kept, (self._last_key + 1, self._last_key + 1)):
            for key in range(at, first):
                if (found := self._messages.get(key)) is not None:
                    return found
            at = max(at, last + 1)
        return None

    def _add_to_backlog(self, keys: list[int]) -> None:
        backlog = self._lanes.backlog
        every = {**backlog, **{key: self._messages[key] for key in keys}}
        backlog.clear()
        backlog.update(sorted(every.items()))
        self._lanes.wake()

    def _free(self, ranges: Iterable[Range]) -> None:
        """Delete messages, wherever they are."""
        for first, last in ranges:
            if last - first < len(self._messages):
                keys = [key for key in range(first, last + 1) if key in self._messages]
            else:
                keys = [key for key in self._messages if first <= key <= last]
            for key in keys:
                self._size_bytes -= len(self._messages.pop(key).payload)
            if keys:
                self._lanes.drop_between(first, last)
                self._held.remove_between(first, last)
                self._acks.awaiting.remove(first, last)

    def _shrink(self) -> None:
        """Drop the oldest messages until the rest fits; the newest always stays."""
        while self._size_bytes > self._limit_bytes and len(self._messages) - len(self._lanes.in_flight) > 1:
            # Held messages are dropped first: the broker refuses them at present, and may accept the others.
            oldest_held = next(iter(self._held.oldest(1)), None)
            if oldest_held is not None:
                self._lose(oldest_held, "refused")
                continue
            # Messages in flight are older, but may be confirmed at any moment, so they stay.
            oldest = next((key for key in self._messages if key not in self._lanes.in_flight), None)
            if oldest is None:
                return
            self._lose(oldest, "full")

    def _lose(self, key: int, reason: str) -> None:
        self._count_loss(key, reason)
        self._free([(key, key)])

    def _count_loss(self, key: int, reason: str) -> None:
        self._dropped[reason] += 1
        self._losses = add_range(self._losses, Numbers(epoch=self._epoch, first=key, last=key, reason=reason))
