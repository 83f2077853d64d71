"""The collector's own outbox: messages wait on disk while the store is away, and are stored once it works again.

They are not left to the broker, because it sends nothing more once `ReceiveMaximum` messages are unacknowledged: /metrics and
derived figures would stand still while the database is down. So messages are put on disk, acknowledged, and shown.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from collector.flow.prepared import PreparedMessage, are_to_be_written
from collector.ledger import LedgerFile
from collector.receive import Delivery
from collector.store import Persistence
from rackflow.outbox import DiskOutbox, Limits, Message, OutboxStats
from rackflow.process.stopping import stop_tasks

# How long a write to the store waits for more messages from disk. The backlog comes at a bounded rate, so without this wait
# each write would have one message.
GATHER_S = 0.2
# The outbox does one piece of work at a time in its thread, and closing it waits for that; its task ends at once.
END_S = 1.0
# An acknowledged message must never be evicted: nobody else has it any more. Instead, `Spill` takes no more messages at its own
# limit, and the broker keeps them.
UNBOUNDED = Limits(2**60, 100 * 365 * 86400.0)
# For the log: who reads it at night must not think that a restart would lose something.
WHILE_REFUSED = "messages that the store does not take are not acknowledged, and the broker keeps them"


class Spill:
    """Keeps deliveries on disk while the store is away. `open` it, `drain` it in a task, `close` it."""

    def __init__(self, path: Path, epoch: str, limit_bytes: int, backlog_per_s: float) -> None:
        self._outbox = DiskOutbox(path, epoch, UNBOUNDED, backlog_per_s, while_refused=WHILE_REFUSED)
        self._limit_bytes = limit_bytes
        self._keeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the file. Raises ConfigError if another process has it."""
        await self._outbox.open()
        self._keeping = asyncio.create_task(self._outbox.run(), name="collector-outbox")

    async def close(self) -> None:
        """Close the file. What was not drained stays in it for the next start."""
        if self._keeping is not None:
            await stop_tasks(self._keeping, within_s=END_S)
            await self._outbox.close()

    def has_messages(self) -> bool:
        """Whether any message waits on disk: then `drain` tries the store."""
        return self._outbox.stats().messages > 0

    def stats(self) -> OutboxStats:
        """What is on disk, and the limit in bytes."""
        return replace(self._outbox.stats(), limit_bytes=self._limit_bytes)

    async def add(self, deliveries: Sequence[Delivery]) -> bool:
        """Put deliveries on disk. Returns False if that failed or there is no room: then none of them may be acknowledged."""
        if self.stats().size_bytes >= self._limit_bytes:
            return False
        keys = [self._put(each) for each in deliveries]
        if await self._outbox.saved(keys[-1]):
            return True
        # Delete them from memory: the broker still has them and will send them again.
        for key in keys:
            self._outbox.done(key)
        return False

    async def drain(
        self,
        persistence: Persistence,
        ledger: LedgerFile,
        reprocess: Callable[[Delivery], PreparedMessage],
        most_lines: int,
    ) -> None:
        """Store what is on disk, until stopped.

        The same order as for live messages: store, ledger, and only then delete from disk. A kill in between leaves the
        message on disk and in the store; the ledger is asked before it is written again.
        """
        while True:
            messages = [await self._outbox.take()]
            prepared = [reprocess(_delivery(messages[0]))]
            count = len(prepared[0].lines)
            try:
                async with asyncio.timeout(GATHER_S):
                    while count < most_lines:
                        messages.append(await self._outbox.take())
                        prepared.append(reprocess(_delivery(messages[-1])))
                        count += len(prepared[-1].lines)
            except TimeoutError:
                pass
            to_write = await are_to_be_written(prepared, ledger)
            lines = [line for each, is_new in zip(prepared, to_write, strict=True) if is_new for line in each.lines]
            refused = set[str]()
            if await persistence.store(lines, refused) != "stored":
                return
            if not await ledger.record(
                [item for each in prepared if (item := each.final_ledger_item(refused)) is not None]
            ):
                return
            for message in messages:
                self._outbox.done(message.key)

    def _put(self, delivery: Delivery) -> int:
        return self._outbox.put(delivery.topic, lambda _: delivery.payload, delivery.wall_ms)


def _delivery(message: Message) -> Delivery:
    size = len(message.payload)
    return Delivery(
        topic=message.topic,
        payload=message.payload,
        size_bytes=size,
        qos=0,
        mid=0,
        connection=0,
        # Not the time of receipt: it is only used for the budget of dead letters, should one be written now.
        mono_s=time.monotonic(),
        wall_s=message.time_ms / 1000,
    )
