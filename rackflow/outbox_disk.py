"""An outbox on disk: what was put at most a moment ago outlives the process. The event loop never waits for the disk."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Final

from rackflow.documents import Account, Numbers
from rackflow.lanes import Lanes
from rackflow.numbers import add_range
from rackflow.outbox import Message, OutboxStats
from rackflow.outbox_confirmed import Confirmed
from rackflow.outbox_file import Limits, OutboxFile, Totals
from rackflow.outbox_mark import Run, numbers

log = logging.getLogger(__name__)
GROUP_S: Final = 0.2
"""Commits are at most this far apart while there is something to commit; the first one after a rest comes at once."""
SLOW_S: Final = 2.0
"""A disk that takes longer holds nothing up: what it has not confirmed is delivered from memory."""
RETRY_S: Final = 2.0
READ_ROWS: Final = 256
BEFORE_ALL: Final = -(2**60)
MEMORY_BYTES: Final = 32 * 1024 * 1024
"""What may wait in memory while the disk refuses; beyond it the oldest goes, counted as `disk`."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one trip to the disk is to do. `read` is the span of keys to fetch, both excluded; None where none is wanted.

    What is below `lowest` is confirmed; that counts only once the file was opened. `losses` happened in memory.
    """

    rows: list[Message]
    done: list[int]
    spare: frozenset[int]
    read: tuple[int, int] | None
    lowest: int
    losses: list[Numbers] = field(default_factory=list)


class DiskOutbox:
    """An `Outbox` in a file that one thread writes, a group of messages at a time, before they are handed out.

    `open` it, `run` it in a task, `close` it. While the disk refuses, messages are delivered from memory.
    """

    def __init__(
        self, path: Path, epoch: str, limits: Limits, backlog_per_s: float, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self._path = path
        self._epoch = epoch
        self._limits = limits
        self._memory_bytes = memory_bytes
        self._thread = ThreadPoolExecutor(1, "outbox")
        self._file: OutboxFile | None = None
        self._totals = Totals()
        self._last = 0
        self._out = 0
        """Messages up to this key may have been taken: they were on disk, or the disk was out of order."""
        self._unsaved: OrderedDict[int, Message] = OrderedDict()
        self._unsaved_bytes = 0
        self._writing: frozenset[int] = frozenset()
        self._done: set[int] = set()
        self._confirmed = Confirmed(limits.confirmed_s)
        self._lanes = Lanes(backlog_per_s, self._ask)
        self._read_to = BEFORE_ALL
        self._behind = 1
        """What is on disk between these two keys is backlog and not yet in memory."""
        self._dropped = 0
        self._losses: list[Numbers] = []
        self._wanted = asyncio.Event()
        self._settled = asyncio.Condition()
        self.fault: str | None = None

    async def open(self) -> None:
        """Raises ConfigError where another process has the file. A disk that refuses is tried again later."""
        await self._travel(Work([], [], frozenset(), None, 0))
        self._ask()

    async def run(self) -> None:
        """Until cancelled: bring to disk what was put, forget what is done, fetch the backlog."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            started = clock()
            await self._travel(self._collect())
            await asyncio.sleep(max(0.0, started + (RETRY_S if self.fault else GROUP_S) - clock()))

    async def close(self) -> None:
        """Bring to disk what is left, and close the file. `run` must have ended."""
        await self._travel(self._collect())
        if self._file is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._file.close)
        self._thread.shutdown(wait=False)

    def put(self, topic: str, make: Callable[[int], bytes], now_ms: int) -> int:
        """See `Outbox.put`."""
        key = self._last + 1
        message = Message(key, topic, make(key), now_ms)
        self._last = key
        self._unsaved[key] = message
        self._unsaved_bytes += len(message.payload)
        if self.fault is not None:
            self._release(message)
        if self._unsaved_bytes > self._memory_bytes:
            self._drop_oldest()
        self._wanted.set()
        return key

    async def saved(self, key: int) -> bool:
        """Wait until the message is on disk; False where the disk refuses."""
        async with self._settled:
            await self._settled.wait_for(lambda: key not in self._unsaved or self.fault is not None)
        return key not in self._unsaved

    async def take(self) -> Message:
        """See `Outbox.take`."""
        return await self._lanes.take()

    def done(self, key: int) -> None:
        """See `Outbox.done`."""
        self._lanes.drop(key)
        if key in self._unsaved and key not in self._writing:
            self._forget(key)
            return
        now_s = time.monotonic()
        self._done.update(self._confirmed.add(key, now_s))
        if again := self._confirmed.repeat(now_s):
            log.info("outbox=%s says %d messages again that were confirmed before a break", self._path, len(again))
            self._read_to, self._behind = min(self._read_to, min(again) - 1), self._out + 1
        self._wanted.set()

    def rewind(self) -> None:
        """See `Outbox.rewind`."""
        self._confirmed.interrupt()
        lowest = self._lowest()
        for message in self._lanes.clear():
            if message.key in self._unsaved:
                self._lanes.backlog[message.key] = message
        self._read_to, self._behind = lowest - 1, self._out + 1
        self._lanes.wake()
        self._ask()

    def stats(self) -> OutboxStats:
        """See `Outbox.stats`."""
        totals = self._totals
        messages = max(0, totals.messages + len(self._unsaved) - len(self._done) - len(self._confirmed))
        oldest_ms = totals.oldest_ms or next((each.time_ms for each in self._unsaved.values()), 0)
        return OutboxStats(
            messages=messages,
            size_bytes=totals.used_bytes + self._unsaved_bytes,
            limit_bytes=self._limits.size_bytes,
            oldest_ms=oldest_ms if messages else 0,
            dropped={**totals.dropped, "disk": self._dropped},
            account=self._account(),
            durable=self.fault is None,
            damaged=totals.damaged,
        )

    def _account(self) -> Account:
        held: list[Numbers] = []
        lanes, totals, unread = self._lanes, self._totals, self._read_to < self._behind - 1
        behind = [key for key in lanes.in_flight if key < self._behind] + list(lanes.backlog)
        if self._confirmed.first is not None:
            behind.append(self._confirmed.first)
        if behind or unread:
            first = min([*behind, max(self._read_to + 1, totals.oldest_key)] if unread else behind)
            held = self._numbers(first, max([*behind, self._behind - 1]))
        runs = totals.runs
        ended = [
            Numbers(epoch=run.epoch, first=1, last=later.base - run.base)
            for run, later in pairwise(runs)
            if later.base > run.base
        ]
        return Account(kind="disk", held=held, dropped=[*totals.losses, *self._losses], ended=ended)

    def _numbers(self, first: int, last: int) -> list[Numbers]:
        base = self._totals.runs[-1].base if self._totals.runs else 0
        runs = self._totals.runs or [Run(0, self._epoch)]
        return numbers(runs, first + base, last + base)

    def _lowest(self) -> int:
        """Whatever has a lower key is confirmed."""
        lanes = self._lanes
        waiting = [*lanes.in_flight, *lanes.backlog, *islice(lanes.live, 1), *islice(self._unsaved, 1)]
        if self._read_to < self._behind - 1:
            waiting.append(self._read_to + 1)
        return min(waiting, default=self._last + 1)

    def _ask(self) -> None:
        if self._read_to < self._behind - 1:
            self._wanted.set()

    def _collect(self) -> Work:
        lanes = self._lanes
        hungry = not lanes.backlog and self._read_to < self._behind - 1
        rows = list(self._unsaved.values())
        self._writing = frozenset(self._unsaved)
        read = (self._read_to, self._behind) if hungry else None
        if self._totals.used_bytes > self._limits.size_bytes // 2:
            self._done.update(self._confirmed.clear())  # rather than have anything evicted for their sake
        return Work(rows, list(self._done), frozenset(lanes.in_flight), read, self._lowest(), self._losses)

    async def _travel(self, work: Work) -> None:
        trip = asyncio.get_running_loop().run_in_executor(self._thread, self._on_disk, work)
        await asyncio.wait([trip], timeout=SLOW_S)
        if not trip.done():
            self._set_fault(f"the disk has not answered for {SLOW_S:g} s")
        try:
            self._take_over(work, *await trip)
            self._set_fault(None)
        except OSError as error:
            self._set_fault(str(error))
            self._wanted.set()
        finally:
            self._writing = frozenset()
        async with self._settled:
            self._settled.notify_all()

    def _on_disk(self, work: Work) -> tuple[list[Message], Totals, list[int]]:
        """In the thread. Where that opens the file, keys of earlier epochs that were confirmed come last."""
        early, lowest = list[int](), work.lowest
        if self._file is None:
            self._file = OutboxFile(self._path, self._epoch, self._limits)
            early, lowest = self._file.confirmed, self._file.lowest
        if work.rows or work.done or work.losses or lowest != self._file.lowest:
            self._file.lowest, self._file.lost = lowest, work.losses
            self._file.commit(work.rows, work.done, work.spare)
        found = self._file.read(*work.read, READ_ROWS) if work.read else []
        return found, replace(self._file.totals), early

    def _take_over(self, work: Work, found: list[Message], totals: Totals, early: list[int]) -> None:
        self._totals = totals
        for key in early:
            self._done.update(self._confirmed.add(key, time.monotonic()))
        if early:
            self._confirmed.interrupt()
            self._read_to = max(self._read_to, early[-1])
        self._done.difference_update(work.done)
        self._losses = [each for each in self._losses if each not in work.losses]
        for message in work.rows:
            self._forget(message.key)
            self._release(message)
        if work.read == (self._read_to, self._behind):
            for message in found:
                if not any(message.key in held for held in (self._lanes, self._done, self._confirmed)):
                    self._lanes.backlog[message.key] = message
            self._read_to = found[-1].key if len(found) == READ_ROWS else self._behind - 1
            self._lanes.wake()
        if not self._lanes.backlog:
            self._ask()

    def _release(self, message: Message) -> None:
        """Hand out a message that has not been handed out before."""
        if message.key <= self._out:
            return
        self._out = message.key
        if (relegated := self._lanes.push(message)) is None:
            return
        if relegated.key in self._unsaved:
            self._lanes.backlog[relegated.key] = relegated
            return
        if self._read_to >= self._behind - 1:
            self._read_to = self._behind = relegated.key - 1
        self._read_to, self._behind = min(self._read_to, relegated.key - 1), max(self._behind, relegated.key + 1)
        self._ask()

    def _forget(self, key: int) -> None:
        message = self._unsaved.pop(key, None)
        if message is not None:
            self._unsaved_bytes -= len(message.payload)

    def _drop_oldest(self) -> None:
        spared = self._writing | self._lanes.in_flight.keys()
        key = next((key for key in self._unsaved if key not in spared), None)
        if key is None:
            return
        self._forget(key)
        self._lanes.drop(key)
        self._dropped += 1
        self._losses = add_range(self._losses, Numbers(epoch=self._epoch, first=key, last=key, reason="disk"))

    def _set_fault(self, fault: str | None) -> None:
        if fault is not None:
            for message in self._unsaved.values():
                self._release(message)
            if self.fault is None:
                log.error("outbox=%s is kept in memory: %s", self._path, fault)
        elif self.fault is not None:
            log.warning("outbox=%s is on disk again", self._path)
        self.fault = fault
