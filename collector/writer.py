"""Between messages and the store: in go deliveries with their lines; they are acknowledged in order once durable."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from collector.delivery import Delivery
from collector.persist import Persistence, wait
from collector.tally import Tally

log = logging.getLogger(__name__)
PATIENCE_S = 2.0
"""How long the store may fail before what waits for it is put on disk."""

Keep = Callable[[Sequence[Delivery]], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Pending:
    """One message and the points that must be durable before it may be acknowledged; derived points have no message."""

    delivery: Delivery | None
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Flush:
    """When to write: at `lines` points or `after_s` seconds; `messages` bounds what may wait, then putting waits."""

    lines: int
    after_s: float
    messages: int


class Writer:
    """Batches, has it written or else kept on disk, acknowledges. One task runs it. `keep` is None where no disk is given."""

    def __init__(
        self,
        persistence: Persistence,
        flush: Flush,
        tally: Tally,
        acknowledge: Callable[[Delivery], None],
        keep: Keep | None = None,
    ) -> None:
        self._persistence = persistence
        self._flush = flush
        self._tally = tally
        self._acknowledge = acknowledge
        self._keep = keep
        self._pending: deque[Pending] = deque()
        self._full = asyncio.Event()
        self._some = asyncio.Event()
        self._space = asyncio.Event()
        self._space.set()
        self._stopping = persistence.stopping

    async def put(self, delivery: Delivery, lines: Sequence[str]) -> None:
        """Hand over one message; waits while too many wait already."""
        while len(self._pending) >= self._flush.messages:
            self._space.clear()
            await self._space.wait()
        self._add(delivery, lines)

    def _add(self, delivery: Delivery | None, lines: Sequence[str]) -> None:
        self._pending.append(Pending(delivery, lines))
        self._tally.points_waiting += len(lines)
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
            self._add(None, lines[start : start + self._flush.lines])

    def stop(self) -> None:
        """Write what is there at once, without trying again, and let `run` end."""
        self._stopping.set()
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
            taken, lines = self._chunk()
            if not await self._make_durable(taken, lines):
                return
            for pending in taken:
                if pending.delivery is not None:
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

    async def _make_durable(self, taken: list[Pending], lines: list[str]) -> bool:
        """False when stopped before that. Derived points are not kept: they are worked out anew once the store works."""
        kept = [each.delivery for each in taken if each.delivery is not None and each.lines]
        while lines:
            if self._keep is None or self._persistence.fault is None:
                outcome = await self._persistence.store(lines, PATIENCE_S if self._keep else None)
                if outcome == "stored":
                    return True
            if self._keep is not None and (not kept or await self._keep(kept)):
                return True
            if self._stopping.is_set():
                return False
            # Neither the store nor the disk: the store is tried again, and the broker keeps what comes.
            await wait(self._stopping, PATIENCE_S)
        return True
