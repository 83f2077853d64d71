"""The outbox: in go messages to be delivered, out they come in order until the other side has confirmed them.

This is the seam that both sides send through, and its in-memory form, whose promise is weaker than a disk's:
what it holds is lost with the process, and beyond its limit the oldest goes first, counted.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One message with its place in the sequence. `time_ms` is when it was put."""

    seq: int
    topic: str
    payload: bytes
    time_ms: int


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """What an outbox holds and has dropped. `oldest_ms` is 0 when it is empty."""

    messages: int
    size_bytes: int
    limit_bytes: int
    oldest_ms: int
    dropped: dict[str, int]
    last_seq: int


class Outbox(Protocol):
    """Messages on their way out. One task takes, any task puts."""

    def put(self, topic: str, make: Callable[[int], bytes], now_ms: int) -> int:
        """Number the message, make its payload with that number and keep it; never waits. Returns the number."""

    async def take(self) -> Message:
        """The next message that is not in flight; waits for one."""

    def done(self, seq: int) -> None:
        """The other side has confirmed the message: forget it. Unknown numbers are ignored (it was evicted meanwhile)."""

    def rewind(self) -> None:
        """The connection broke: whatever was in flight is to be taken again, in order."""

    def stats(self) -> OutboxStats:
        """Figures for metrics."""


class MemoryOutbox:
    """An `Outbox` that lives in memory, bounded in bytes; on overflow the oldest goes, counted under `full`."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._waiting: OrderedDict[int, Message] = OrderedDict()
        self._in_flight: OrderedDict[int, Message] = OrderedDict()
        self._size = 0
        self._seq = 0
        self._dropped_full = 0
        self._ready = asyncio.Event()

    def put(self, topic: str, make: Callable[[int], bytes], now_ms: int) -> int:
        """See `Outbox.put`."""
        seq = self._seq + 1
        message = Message(seq, topic, make(seq), now_ms)
        self._seq = seq
        self._waiting[seq] = message
        self._size += len(message.payload)
        while self._size > self._limit and len(self._waiting) + len(self._in_flight) > 1:
            # What is in flight is older, but it may be confirmed any moment: it goes last.
            source = self._waiting or self._in_flight
            _, oldest = source.popitem(last=False)
            self._size -= len(oldest.payload)
            self._dropped_full += 1
        if self._waiting:
            self._ready.set()
        return seq

    async def take(self) -> Message:
        """See `Outbox.take`."""
        while not self._waiting:
            self._ready.clear()
            await self._ready.wait()
        seq, message = self._waiting.popitem(last=False)
        self._in_flight[seq] = message
        return message

    def done(self, seq: int) -> None:
        """See `Outbox.done`."""
        message = self._in_flight.pop(seq, None) or self._waiting.pop(seq, None)
        if message is not None:
            self._size -= len(message.payload)

    def rewind(self) -> None:
        """See `Outbox.rewind`."""
        for seq in sorted(self._in_flight, reverse=True):
            self._waiting[seq] = self._in_flight.pop(seq)
            self._waiting.move_to_end(seq, last=False)
        if self._waiting:
            self._ready.set()

    def stats(self) -> OutboxStats:
        """See `Outbox.stats`."""
        heads = [next(iter(held.values())).time_ms for held in (self._in_flight, self._waiting) if held]
        return OutboxStats(
            messages=len(self._waiting) + len(self._in_flight),
            size_bytes=self._size,
            limit_bytes=self._limit,
            oldest_ms=min(heads, default=0),
            dropped={"full": self._dropped_full},
            last_seq=self._seq,
        )
