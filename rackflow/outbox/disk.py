"""An outbox on disk (SQLite). The event loop never waits for the disk: one thread does a group of work at a time.

The order is commit before publish: a message is handed out only once it is on disk, so that every number that
was ever sent is still known after a restart. A kill loses at most the messages put since the last commit (0.2 s of polls), whose
numbers were never sent. Only while the disk refuses are messages handed out from memory; `durable` is then false.
"""

import asyncio
import logging
import time
from array import array
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Final

import msgspec

from rackflow.documents import Account, Numbers
from rackflow.outbox.confirmed import Confirmed
from rackflow.outbox.file import Limits, OutboxFile, Totals
from rackflow.outbox.held import HeldKeys, Which
from rackflow.outbox.lanes import Lanes
from rackflow.outbox.numbers import Run, add_range, numbers_of_keys
from rackflow.outbox.seam import Message, OutboxStats

log = logging.getLogger(__name__)
# While there is something to commit, commits start this far apart; the first one after a pause comes at once. This trades the
# loss at a kill (20 kills lost 12 polls each on average, at most 20 of 40 possible: docs/explanation/loss.md) against
# five fsyncs a second, which wear a flash card and take about 10 ms each on a spinning disk.
GROUP_S: Final = 0.2
# A disk that takes longer (a dying drive, a network file system) delays nothing: messages not yet on disk are handed out from
# memory. Ten times a normal commit period, so that one slow checkpoint does not count as a fault.
SLOW_S: Final = 2.0
# Pause between tries while the disk refuses. A full disk is cleared by a person; trying more often would only fill the log.
RETRY_S: Final = 2.0
# Backlog messages read at a time: half a second's worth at the default rate of 500 a second, some 250 kB in memory.
READ_ROWS: Final = 256
# Held messages that one commit may evict: more than arrive between two commits, so that the file keeps to its limit.
EVICT_HELD: Final = 1024
# Lower than any key of an earlier epoch; those keys are 0 and below.
BEFORE_FIRST_KEY: Final = -(2**60)
# Limit of messages in memory while the disk refuses. Beyond it the oldest is dropped and counted as `disk`. Chosen: half of the
# limit of an outbox in memory, because a full disk must not make the agent use up the machine's memory.
MEMORY_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class DiskJob:
    """One piece of work for the thread.

    Write `rows`, delete the keys `done`, evict none of `spare` and `held` first, and read the messages between the keys of `read`
    (both excluded; None reads nothing) and those of `resumed`. Keys below `lowest` are confirmed. `losses` were dropped from memory.
    """

    rows: list[Message]
    done: list[int]
    spare: frozenset[int]
    read: tuple[int, int] | None
    lowest: int
    losses: list[Numbers] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    resumed: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a job read, and the file's totals after it. `confirmed_before` are the confirmed keys of earlier epochs."""

    found: list[Message]
    resumed: list[Message]
    totals: Totals
    confirmed_before: list[int]
    evicted_held: list[int]


class DiskOutbox:
    """An `Outbox` in a file. `open` it, `run` it in a task, `close` it.

    Keys of this epoch are its message numbers; the backlog of earlier epochs has keys of 0 and below. The backlog is read in
    order from behind `_read_to` up to `_backlog_below`; what lies above that is in memory or already confirmed.
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
        self._handed_out = 0
        """The highest key that was handed out. A message that becomes durable late must not be handed out twice."""
        self._unsaved: OrderedDict[int, Message] = OrderedDict()
        """Messages that are not on disk yet, by key."""
        self._unsaved_bytes = 0
        self._writing: frozenset[int] = frozenset()
        """Keys of `_unsaved` that the thread is writing now."""
        self._done: set[int] = set()
        """Confirmed keys that the next commit deletes."""
        self._confirmed = Confirmed(limits.confirmed_s)
        self._lanes = Lanes(backlog_per_s, self._request_backlog)
        self._read_to = BEFORE_FIRST_KEY
        self._backlog_below = 1
        """Messages on disk between these two keys, both excluded, are backlog that is not in memory yet."""
        self._held = HeldKeys()
        self._resumed = array("q")
        """Keys, ascending, of messages that are no longer held and must be read from disk."""
        self._dropped = Counter({"disk": 0})
        """Dropped for reasons that the file does not count."""
        self._losses: list[Numbers] = []
        """Dropped and not recorded in the file yet."""
        self._wanted = asyncio.Event()
        self._settled = asyncio.Condition()
        self.fault: str | None = None

    async def open(self) -> None:
        """Open the file. Raises ConfigError if another process has it open. If the disk refuses, `run` tries again."""
        await self._run_job(DiskJob([], [], frozenset(), None, 0))
        self._request_backlog()

    async def run(self) -> None:
        """Until cancelled, write new messages, delete those that are done, and read the backlog."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            started = clock()
            await self._run_job(self._collect())
            await asyncio.sleep(max(0.0, started + (RETRY_S if self.fault else GROUP_S) - clock()))

    async def close(self) -> None:
        """Write the remaining messages, and close the file. `run` must have ended."""
        await self._run_job(self._collect())
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
        """Wait until a message is on disk. False if the disk refuses, or is too slow to wait for."""
        async with self._settled:
            await self._settled.wait_for(lambda: key not in self._unsaved or self.fault is not None)
        return key not in self._unsaved

    async def take(self) -> Message:
        """See `Outbox.take`."""
        return await self._lanes.take()

    def done(self, key: int, loss: str = "") -> None:
        """See `Outbox.done`."""
        if self._lanes.drop(key) is None:
            self._held.remove(key)
        if loss:
            self._count_loss(key, loss)
        # A message confirmed before it was written (the disk refuses) need not be written. One that is just being written must
        # still be deleted, or it would come back as backlog after a restart.
        if key in self._unsaved and key not in self._writing:
            self._forget(key)
            return
        if loss:
            self._done.add(key)
            self._wanted.set()
            return
        now_s = time.monotonic()
        self._done.update(self._confirmed.add(key, now_s))
        if again := self._confirmed.take_repeats(now_s):
            log.info(
                "outbox=%s republishing %d messages the broker had confirmed before the connection dropped",
                *(self._path, len(again)),
            )
            # They are still on disk: reading the backlog again from their lowest key publishes them.
            self._read_to, self._backlog_below = min(self._read_to, min(again) - 1), self._handed_out + 1
        self._wanted.set()

    def hold(self, key: int) -> None:
        """See `Outbox.hold`."""
        if (message := self._lanes.hold(key)) is not None:
            self._held.add(message.topic, key)

    def resume(self, topic: str, which: Which) -> None:
        """See `Outbox.resume`."""
        keys = self._held.take(topic, which)
        self._lanes.put_first([self._unsaved[key] for key in keys if key in self._unsaved])
        self._resumed = array("q", sorted([*self._resumed, *(key for key in keys if key not in self._unsaved)]))
        self._request_backlog()

    def rewind(self) -> None:
        """See `Outbox.rewind`."""
        self._confirmed.interrupt()
        lowest = self._lowest()
        # They are above the lowest key, and so among those that are read again.
        self._resumed = array("q")
        # Messages on disk are read again, in order. Messages that are only in memory must be kept in the backlog lane.
        for message in self._lanes.clear():
            if message.key in self._unsaved:
                self._lanes.backlog[message.key] = message
        self._read_to, self._backlog_below = lowest - 1, self._handed_out + 1
        self._lanes.wake()
        self._request_backlog()

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
            dropped=_added(totals.dropped, self._dropped),
            account=self._account(),
            durable=self.fault is None,
            damaged=totals.damaged,
            held=len(self._held),
        )

    def _account(self) -> Account:
        held: list[Numbers] = []
        lanes, totals, unread = self._lanes, self._totals, self._read_to < self._backlog_below - 1
        behind = [key for key in lanes.in_flight if key < self._backlog_below] + list(lanes.backlog)
        if self._confirmed.first is not None:
            behind.append(self._confirmed.first)
        behind += [key for key in (self._held.first, self._held.last) if key is not None]
        behind += [*self._resumed[:1], *self._resumed[-1:]]
        if behind or unread:
            first = min([*behind, max(self._read_to + 1, totals.oldest_key)] if unread else behind)
            held = self._numbers(first, max([*behind, self._backlog_below - 1]))
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
        return numbers_of_keys(runs, first + base, last + base)

    def _lowest(self) -> int:
        """The lowest key that is neither confirmed nor held."""
        lanes = self._lanes
        waiting = [*lanes.in_flight, *lanes.backlog, *islice(lanes.live, 1), *islice(self._unsaved, 1)]
        waiting += self._resumed[:1]
        if self._read_to < self._backlog_below - 1:
            waiting.append(self._read_to + 1)
        return min(waiting, default=self._last + 1)

    def _request_backlog(self) -> None:
        if self._resumed or self._read_to < self._backlog_below - 1:
            self._wanted.set()

    def _collect(self) -> DiskJob:
        lanes = self._lanes
        wants_backlog = not lanes.backlog and self._read_to < self._backlog_below - 1
        rows = list(self._unsaved.values())
        self._writing = frozenset(self._unsaved)
        read = (self._read_to, self._backlog_below) if wants_backlog else None
        if self._totals.used_bytes > self._limits.size_bytes // 2:
            # Undelivered messages take precedence over confirmed ones: none is evicted to keep a confirmed message.
            self._done.update(self._confirmed.clear())
        lowest = min(self._lowest(), self._last + 1 if self._held.first is None else self._held.first)
        # Only near the limit, because it costs a walk over all held topics.
        is_nearly_full = self._totals.used_bytes + self._unsaved_bytes > self._limits.size_bytes // 2
        held = list(self._held.oldest(EVICT_HELD)) if is_nearly_full else []
        resumed = self._resumed[:READ_ROWS].tolist() if not lanes.backlog else []
        spare = frozenset(lanes.in_flight)
        return DiskJob(rows, list(self._done), spare, read, lowest, self._losses, held, resumed)

    async def _run_job(self, job: DiskJob) -> None:
        # Not `wait_for`, which would cancel: a commit in a thread cannot be cancelled. Its result is always applied, however late,
        # and no second job starts before that.
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._run_in_thread, job)
        await asyncio.wait([running], timeout=SLOW_S)
        if not running.done():
            self._set_fault(f"the disk has not answered for {SLOW_S:g} s")
        try:
            self._apply_result(job, await running)
            self._set_fault(None)
        except OSError as error:
            self._set_fault(str(error))
            self._wanted.set()
        finally:
            self._writing = frozenset()
        async with self._settled:
            self._settled.notify_all()

    def _run_in_thread(self, job: DiskJob) -> JobResult:
        """Do a job, in the thread.

        Confirmed keys are returned only if this call opened the file. It is opened here because opening can take long, too.
        """
        confirmed_before, lowest = list[int](), job.lowest
        if self._file is None:
            self._file = OutboxFile(self._path, self._epoch, self._limits)
            confirmed_before, lowest = self._file.confirmed, self._file.lowest
        self._file.evicted_held = []
        if job.rows or job.done or job.losses or lowest != self._file.lowest:
            # Also without rows: the mark must follow the confirmations, or a restart would publish those messages again.
            self._file.lowest, self._file.lost = lowest, job.losses
            self._file.commit(job.rows, job.done, job.spare, job.held)
        found = self._file.read(*job.read, READ_ROWS) if job.read else []
        resumed = self._file.read_keys(job.resumed)
        return JobResult(found, resumed, replace(self._file.totals), confirmed_before, self._file.evicted_held)

    def _apply_result(self, job: DiskJob, result: JobResult) -> None:
        found, confirmed_before = result.found, result.confirmed_before
        self._totals = result.totals
        for key in confirmed_before:
            self._done.update(self._confirmed.add(key, time.monotonic()))
        if confirmed_before:
            # The process ended, so the connection broke: messages confirmed shortly before are republished, too.
            self._confirmed.interrupt()
            self._read_to = max(self._read_to, confirmed_before[-1])
        self._done.difference_update(job.done)
        self._losses = [each for each in self._losses if each not in job.losses]
        for message in job.rows:
            self._forget(message.key)
            self._release(message)
        for key in result.evicted_held:
            self._held.remove(key)
        self._held.remove_below(result.totals.oldest_key)
        # The result is used only if the range to read is still the same. If a break or a republication changed it, the next job reads
        # the new range. A message confirmed during the read is still in the result and must not be handed out again.
        if job.read == (self._read_to, self._backlog_below):
            for message in found:
                if not self._is_elsewhere(message):
                    self._lanes.backlog[message.key] = message
            self._read_to = found[-1].key if len(found) == READ_ROWS else self._backlog_below - 1
            self._lanes.wake()
        if job.resumed and self._resumed[: len(job.resumed)].tolist() == job.resumed:
            del self._resumed[: len(job.resumed)]
            self._lanes.put_first([each for each in result.resumed if not self._is_elsewhere(each)])
        if not self._lanes.backlog:
            self._request_backlog()

    def _is_elsewhere(self, message: Message) -> bool:
        """Whether a message that was read from disk has been handed out, confirmed or held meanwhile."""
        key = message.key
        return any(key in each for each in (self._lanes, self._done, self._confirmed)) or self._held.has(
            message.topic, key
        )

    def _release(self, message: Message) -> None:
        """Add a message to the live lane, unless it was there before.

        If the lane is too long, its oldest message becomes backlog: it is read from disk again when its turn comes, or stays in
        memory if it is not on disk yet.
        """
        if message.key <= self._handed_out:
            return
        self._handed_out = message.key
        if (relegated := self._lanes.push(message)) is None:
            return
        if relegated.key in self._unsaved:
            self._lanes.backlog[relegated.key] = relegated
            return
        if self._read_to >= self._backlog_below - 1:
            self._read_to = self._backlog_below = relegated.key - 1
        self._read_to, self._backlog_below = (
            min(self._read_to, relegated.key - 1),
            max(self._backlog_below, relegated.key + 1),
        )
        self._request_backlog()

    def _forget(self, key: int) -> None:
        message = self._unsaved.pop(key, None)
        if message is not None:
            self._unsaved_bytes -= len(message.payload)

    def _drop_oldest(self) -> None:
        # Messages that the thread is writing may soon be on disk, and messages in flight may soon be confirmed.
        spared = self._writing | self._lanes.in_flight.keys()
        held = self._held.from_key(next(iter(self._unsaved)))
        reason = "refused"
        if held is None or held not in self._unsaved or held in spared:
            held, reason = next((key for key in self._unsaved if key not in spared), None), "disk"
        if held is None:
            return
        self._forget(held)
        if self._lanes.drop(held) is None:
            self._held.remove(held)
        self._count_loss(held, reason)

    def _count_loss(self, key: int, reason: str) -> None:
        self._dropped[reason] += 1
        for lost in self._numbers(key, key):
            self._losses = add_range(self._losses, msgspec.structs.replace(lost, reason=reason))

    def _set_fault(self, fault: str | None) -> None:
        if fault is not None:
            # Readings that are delivered but may be lost with the process are better than readings held back.
            for message in self._unsaved.values():
                self._release(message)
            if self.fault is None:
                log.error(
                    "outbox=%s cannot be written, messages are kept in memory (at most %d MiB) and are lost if the process"
                    " ends; check the disk: error=%s",
                    *(self._path, self._memory_bytes // 2**20, fault),
                )
        elif self.fault is not None:
            log.warning("outbox=%s is written again, messages are kept on disk", self._path)
        self.fault = fault


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {reason: one.get(reason, 0) + other.get(reason, 0) for reason in {**one, **other}}
