"""An outbox in memory, for gateways on flash cards, which frequent commits wear out.

Its messages are lost with the process. After a restart nothing can account for them, so the collector's ledger reports them
as missing.
"""

import time
from collections import Counter
from collections.abc import Callable

from rackflow.documents import Account, Numbers
from rackflow.outbox.confirmed import Confirmed
from rackflow.outbox.held import HeldKeys, Which
from rackflow.outbox.lanes import Lanes
from rackflow.outbox.numbers import add_range
from rackflow.outbox.seam import Message, OutboxStats

# Far above any real rate, so that the backlog's rate is not limited.
UNBOUNDED_PER_S = 1e9


class MemoryOutbox:
    """An `Outbox` bounded in bytes of payload. On overflow the oldest message is dropped and counted as `full`, held ones before.

    Confirmed messages are kept for `confirmed_s` only while everything together takes less than half of the limit: a message
    that may be needed again never displaces one that was not delivered at all.
    """

    def __init__(
        self, epoch: str, limit_bytes: int, backlog_per_s: float = UNBOUNDED_PER_S, confirmed_s: float = 0.0
    ) -> None:
        self._epoch = epoch
        self._limit = limit_bytes
        self._lanes = Lanes(backlog_per_s, on_backlog_empty=lambda: None)
        self._size = 0
        self._last = 0
        self._dropped: Counter[str] = Counter({"full": 0})
        self._ranges: list[Numbers] = []
        self._backlog_below = 0
        self._confirmed = Confirmed(confirmed_s)
        self._kept: dict[int, Message] = {}
        """Confirmed messages, by key."""
        self._held = HeldKeys()
        self._held_messages: dict[int, Message] = {}

    def put(self, topic: str, make: Callable[[int], bytes], now_ms: int) -> int:
        """See `Outbox.put`."""
        key = self._last + 1
        message = Message(key, topic, make(key), now_ms)
        self._last = key
        self._size += len(message.payload)
        if (relegated := self._lanes.push(message)) is not None:
            self._lanes.backlog[relegated.key] = relegated
            self._backlog_below = relegated.key + 1
        if self._size > self._limit // 2:
            self._forget(self._confirmed.clear())
        self._shrink()
        return key

    async def take(self) -> Message:
        """See `Outbox.take`."""
        return await self._lanes.take()

    def done(self, key: int, loss: str = "") -> None:
        """See `Outbox.done`."""
        message = self._lanes.drop(key)
        if message is None and self._held.remove(key):
            message = self._held_messages.pop(key)
        if message is None:
            return
        if loss:
            self._lose(message, loss)
            return
        now_s = time.monotonic()
        self._kept[key] = message
        self._forget(self._confirmed.add(key, now_s))
        if again := self._confirmed.take_repeats(now_s):
            backlog = self._lanes.backlog
            every = {**backlog, **{each: self._kept.pop(each) for each in again}}
            backlog.clear()
            backlog.update(sorted(every.items()))
            # Keys below this are backlog: the account reports them as still held, so the ledger does not call them missing.
            self._backlog_below = max(self._backlog_below - 1, *again) + 1
            self._lanes.wake()

    def hold(self, key: int) -> None:
        """See `Outbox.hold`."""
        if (message := self._lanes.hold(key)) is not None:
            self._held.add(message.topic, key)
            self._held_messages[key] = message
            # Its number must be among those that the account reports as still here.
            self._backlog_below = max(self._backlog_below, key + 1)

    def resume(self, topic: str, which: Which) -> None:
        """See `Outbox.resume`."""
        self._lanes.put_first([self._held_messages.pop(key) for key in self._held.take(topic, which)])

    def rewind(self) -> None:
        """See `Outbox.rewind`."""
        self._confirmed.interrupt()
        self._lanes.backlog.update((message.key, message) for message in self._lanes.clear())
        self._backlog_below = self._last + 1
        # Messages that were in flight were exempt from the limit, and no longer are.
        self._shrink()
        self._lanes.wake()

    def stats(self) -> OutboxStats:
        """See `Outbox.stats`."""
        lanes = self._lanes
        heads = [next(iter(lane.values())) for lane in (lanes.in_flight, lanes.backlog, lanes.live) if lane]
        # The whole backlog: resumed messages at its front need not be the oldest.
        keys = [*lanes.in_flight, *lanes.backlog, *(head.key for head in heads)]
        if (first_held := self._held.first) is not None:
            keys.append(first_held)
            heads.append(self._held_messages[first_held])
        if self._confirmed.first is not None:
            keys.append(self._confirmed.first)
        first = min(keys, default=self._backlog_below)
        held = []
        if first < self._backlog_below:
            held = [Numbers(epoch=self._epoch, first=first, last=self._backlog_below - 1)]
        return OutboxStats(
            messages=len(lanes.in_flight) + len(lanes.backlog) + len(lanes.live) + len(self._held),
            size_bytes=self._size,
            limit_bytes=self._limit,
            oldest_ms=min((head.time_ms for head in heads), default=0),
            dropped=dict(self._dropped),
            account=Account(kind="memory", held=held, dropped=list(self._ranges)),
            durable=False,
            held=len(self._held),
        )

    def _forget(self, keys: list[int]) -> None:
        for key in keys:
            self._size -= len(self._kept.pop(key).payload)

    def _shrink(self) -> None:
        """Drop the oldest messages until the rest fits; the newest always stays."""
        while self._size > self._limit and len(self._lanes.live) + len(self._lanes.backlog) + len(self._held) > 1:
            self._evict()

    def _evict(self) -> None:
        # What nobody takes goes before what somebody may still take.
        for key in self._held.oldest(1):
            self._held.remove(key)
            self._lose(self._held_messages.pop(key), "refused")
            return
        # Messages in flight are older, but may be confirmed at any moment, so they stay.
        _, oldest = (self._lanes.backlog or self._lanes.live).popitem(last=False)
        self._lose(oldest, "full")

    def _lose(self, message: Message, reason: str) -> None:
        self._size -= len(message.payload)
        self._dropped[reason] += 1
        lost = Numbers(epoch=self._epoch, first=message.key, last=message.key, reason=reason)
        self._ranges = add_range(self._ranges, lost)
