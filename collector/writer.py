"""Between messages and the store: in go deliveries with their lines; they are acknowledged in order once durable."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from collector.deadletter import DeadLetters
from collector.delivery import Delivery
from collector.store import Store
from collector.tally import Tally
from rackflow import StoreError

log = logging.getLogger(__name__)
BACKOFF_S = (0.5, 30.0)
"""First and largest upper bound of the pause before a write is tried again; the pause itself is random below it."""


@dataclass(frozen=True, slots=True)
class Pending:
    """One message and the points that must be durable before it may be acknowledged."""

    delivery: Delivery
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Flush:
    """When to write: at `lines` points or `after_s` seconds; `messages` bounds what may wait, then putting waits."""

    lines: int
    after_s: float
    messages: int


class Writer:
    """Batches, writes, retries, halves what is refused, acknowledges. One task runs it."""

    def __init__(
        self,
        store: Store,
        flush: Flush,
        dead_letters: DeadLetters,
        tally: Tally,
        acknowledge: Callable[[Delivery], None],
    ) -> None:
        self._store = store
        self._flush = flush
        self._dead_letters = dead_letters
        self._tally = tally
        self._acknowledge = acknowledge
        self._pending: deque[Pending] = deque()
        self._full = asyncio.Event()
        self._some = asyncio.Event()
        self._space = asyncio.Event()
        self._space.set()
        self._stopping = asyncio.Event()
        self.fault: str | None = None

    async def put(self, delivery: Delivery, lines: Sequence[str]) -> None:
        """Hand over one message; waits while too many wait already."""
        while len(self._pending) >= self._flush.messages:
            self._space.clear()
            await self._space.wait()
        self._pending.append(Pending(delivery, lines))
        self._tally.points_waiting += len(lines)
        self._some.set()
        if self._tally.points_waiting >= self._flush.lines:
            self._full.set()

    def stop(self) -> None:
        """Write what is there at once, without trying again, and let `run` end."""
        self._stopping.set()
        self._some.set()
        self._full.set()

    async def run(self) -> None:
        """Until `stop`. A store that fails for now holds everything up: the broker keeps what is not acknowledged."""
        while True:
            await self._some.wait()
            if not self._pending:
                return
            if not self._stopping.is_set():
                await _wait(self._full, self._flush.after_s)
                self._full.clear()
            taken, lines = self._chunk()
            if not await self._store_all(lines):
                return
            for pending in taken:
                self._acknowledge(pending.delivery)
                self._pending.popleft()
            self._tally.points_waiting -= len(lines)
            self._space.set()
            if self._tally.points_waiting >= self._flush.lines:
                self._full.set()
            if not self._pending and not self._stopping.is_set():
                self._some.clear()

    def _chunk(self) -> tuple[list[Pending], list[str]]:
        taken: list[Pending] = []
        lines: list[str] = []
        for pending in self._pending:
            if lines and len(lines) + len(pending.lines) > self._flush.lines:
                break
            taken.append(pending)
            lines.extend(pending.lines)
        return taken, lines

    async def _store_all(self, lines: list[str]) -> bool:
        """Store all points but those that are refused for good, found by halving. False when stopped before the end."""
        stack: list[list[str]] = [lines] if lines else []
        while stack:
            part = stack.pop()
            try:
                if not await self._write_persistently(part):
                    return False
            except StoreError as error:
                if len(part) == 1:
                    self._bury(part[0], error)
                else:
                    middle = len(part) // 2
                    stack += [part[middle:], part[:middle]]
                continue
            self._tally.points_stored += len(part)
        return True

    def _bury(self, line: str, error: StoreError) -> None:
        self._tally.write_failures["refused"] += 1
        log.warning("point refused by the store point=%s error=%s", line[:200], error)
        time_ms = int(line.rpartition(" ")[2])
        payload = line.encode()
        if not self._dead_letters.write(time_ms, "", "store", str(error), payload, len(payload)):
            self._tally.write_failures["dead_letter"] += 1

    async def _write_persistently(self, lines: list[str]) -> bool:
        ceiling_s, highest_s = BACKOFF_S
        while True:
            try:
                await self._store.write(lines)
            except StoreError as error:
                if not error.retryable:
                    raise
                self._tally.write_failures["retryable"] += 1
                if self.fault is None:
                    log.warning("store fails, messages stay with the broker error=%s", error)
                self.fault = str(error)
                if self._stopping.is_set():
                    return False
                pause_s = random.uniform(0, ceiling_s) if error.retry_after_s is None else error.retry_after_s  # noqa: S311 - jitter
                ceiling_s = min(ceiling_s * 2, highest_s)
                await _wait(self._stopping, pause_s)
            else:
                if self.fault is not None:
                    log.warning("store works again")
                self.fault = None
                return True


async def _wait(event: asyncio.Event, at_most_s: float) -> None:
    try:
        async with asyncio.timeout(at_most_s):
            await event.wait()
    except TimeoutError:
        return
