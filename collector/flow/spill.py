"""The collector's own outbox: messages wait on disk while the store is away, and are stored once it works again."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from collector.flow.prepared import PreparedMessage
from collector.ledger import Entry, LedgerFile
from collector.receive import Delivery
from collector.store import Persistence
from rackflow.outbox import DiskOutbox, Limits, Message, OutboxStats

GATHER_S = 0.2
UNBOUNDED = Limits(2**60, 100 * 365 * 86400.0)
"""What was acknowledged is not evicted: beyond the limit nothing more is taken, and the broker keeps it."""


class Spill:
    """Keeps deliveries on disk while the store is away. `open` it, `run` it in a task, `close` it."""

    def __init__(self, path: Path, epoch: str, limit_bytes: int, backlog_per_s: float) -> None:
        self._outbox = DiskOutbox(path, epoch, UNBOUNDED, backlog_per_s)
        self._limit_bytes = limit_bytes
        self._keeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises ConfigError where another process has the file."""
        await self._outbox.open()
        self._keeping = asyncio.create_task(self._outbox.run(), name="collector-outbox")

    async def close(self) -> None:
        """Leave what is left on disk."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
            await self._outbox.close()

    def stats(self) -> OutboxStats:
        """What is held, and how much of it there may be."""
        return replace(self._outbox.stats(), limit_bytes=self._limit_bytes)

    async def keep(self, deliveries: Sequence[Delivery]) -> bool:
        """Whether they are on disk now; if not, none of them may be acknowledged."""
        if self.stats().size_bytes >= self._limit_bytes:
            return False
        keys = [self._put(each) for each in deliveries]
        if await self._outbox.saved(keys[-1]):
            return True
        for key in keys:
            self._outbox.done(key)
        return False

    async def drain(
        self,
        persistence: Persistence,
        ledger: LedgerFile,
        again: Callable[[Delivery], PreparedMessage],
        most_lines: int,
    ) -> None:
        """Until stopped: store what is held, as far as the store takes it."""
        while True:
            held = [await self._outbox.take()]
            taken = [again(_delivery(held[0]))]
            count = len(taken[0].lines)
            try:
                async with asyncio.timeout(GATHER_S):
                    while count < most_lines:
                        held.append(await self._outbox.take())
                        taken.append(again(_delivery(held[-1])))
                        count += len(taken[-1].lines)
            except TimeoutError:
                pass
            refused = set[str]()
            if await persistence.store(await _without_known(taken, ledger), refused) != "stored":
                return
            if not await ledger.record([note for each in taken if (note := each.ledger_note(refused)) is not None]):
                return
            for message in held:
                self._outbox.done(message.key)

    def _put(self, delivery: Delivery) -> int:
        return self._outbox.put(delivery.topic, lambda _: delivery.payload, delivery.wall_ms)


async def _without_known(taken: Sequence[PreparedMessage], ledger: LedgerFile) -> list[str]:
    """Lines of what is not stored yet: what waited here may have come once more, and have been stored from there."""
    entries = [each.note for each in taken if isinstance(each.note, Entry) and not each.note.dead]
    fresh = await ledger.are_new(entries)
    known = {id(entry) for entry, is_new in zip(entries, fresh, strict=True) if not is_new}
    return [line for each in taken if id(each.note) not in known for line in each.lines]


def _delivery(message: Message) -> Delivery:
    size = len(message.payload)
    return Delivery(message.topic, message.payload, size, 0, 0, 0, 0.0, message.time_ms / 1000)
