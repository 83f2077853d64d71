"""An outbox on disk. The event loop never waits for the disk: a thread does its work in jobs, one at a time.

The order is commit before publish: a message is handed out only once it is on disk, so that every number that
was ever sent is still known after a restart. A kill loses at most the messages put since the last commit (0.2 s of polls), whose
numbers were never sent. Only while the disk refuses are messages handed out from memory; `durable` is then false.
"""

import asyncio
import logging
import time
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from rackflow.documents import Account, Numbers, Stored
from rackflow.outbox.account import bases_of, durable_keys, ended_epochs, undelivered_numbers
from rackflow.outbox.awaiting import Awaiting
from rackflow.outbox.held import HeldKeys, Which
from rackflow.outbox.jobs import READ_MESSAGES, DiskJob, DiskThread, JobResult
from rackflow.outbox.lanes import Lanes
from rackflow.outbox.numbers import EpochBase, add_range, added, bounded, numbers_of_keys
from rackflow.outbox.pacing import BacklogPace
from rackflow.outbox.rangeset import Range, RangeSet
from rackflow.outbox.seam import Message, OutboxStats
from rackflow.outbox.state import Limits, Totals
from rackflow.outbox.stored_reports import StoredReports
from rackflow.outbox.unsaved import Unsaved

log = logging.getLogger(__name__)
# While there is something to commit, commits start this far apart; the first one after a pause comes at once. This trades the
# loss at a kill (20 kills lost 12 polls each on average, at most 20 of 40 possible: docs/explanation/loss.md) against
# five fsyncs a second, which wear a flash card and take about 10 ms each on a spinning disk.
GROUP_S: Final = 0.2
# Pause between tries while the disk refuses. A full disk is cleared by a person; trying more often would only fill the log.
RETRY_S: Final = 2.0
# Most held messages that one commit may evict. More than arrive between two commits, so that the files stay within their limit.
EVICT_HELD: Final = 1024
# Messages that one commit deletes at most, which takes a tenth of a second. The report of a collector that comes back can free an hour's
# backlog at once, and new messages must not wait for that.
DELETE_KEYS: Final = 20_000
# Limit of messages in memory while the disk refuses. Beyond it the oldest is dropped and counted as `disk`. Chosen: half of the
# limit of an outbox in memory, because a full disk must not make the agent use up the machine's memory.
MEMORY_BYTES: Final = 32 * 1024 * 1024


class DiskOutbox:
    """An `Outbox` on disk. `open` it, `run` it in a task, `close` it.

    Keys of this epoch are its message numbers; messages of earlier epochs have keys of 0 and below.

    A message is in `_present` until a collector has stored it or the limits evict it, and in `_unsaved` until it is on disk. Its place on
    the way out is one of: `_lanes` (live, backlog in memory, or in flight), `_held` (its topic is refused), `_resumed` (no longer held, to
    be read from disk), `_backlog` (on disk, to be read and sent), or `_awaiting` (confirmed by the broker).
    """

    def __init__(
        self,
        path: Path,
        epoch: str,
        limits: Limits,
        backlog_per_s: float,
        *,
        memory_bytes: int = MEMORY_BYTES,
        require: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._pace = BacklogPace(backlog_per_s)
        self._path = path
        self._epoch = epoch
        self._limits = limits
        self._memory_bytes = memory_bytes
        self._thread = DiskThread(path, epoch, limits)
        self._totals = Totals()
        self._last = 0
        self._handed_out = 0
        """The highest key that was handed out. A message that becomes durable late must not be handed out twice."""
        self._unsaved = Unsaved()
        self._present = RangeSet()
        self._to_delete = RangeSet()
        """Keys of messages that are, or may be, on disk and that the next commits delete."""
        self._awaiting = Awaiting(limits.confirmed_s)
        self._reports = StoredReports(require)
        if self._reports.are_required:
            self._awaiting.require_reports()
            self._pace.begin(clock(), has_reports=True)
        self._collectors_on_disk: list[tuple[str, str]] = []
        self._lanes = Lanes(lambda: self.backlog_per_s, self._request_backlog)
        self._backlog = RangeSet()
        """Messages on disk that are to be sent and not in memory yet."""
        self._held = HeldKeys()
        self._resumed = array("q")
        """Keys, ascending, of messages that are no longer held and must be read from disk."""
        self._republished = 0
        self._dropped = Counter({"disk": 0})
        """Messages dropped, by reason; the file counts those of the other reasons."""
        self._losses: list[Numbers] = []
        """Numbers of dropped messages whose loss is not recorded in the file yet."""
        self._has_work = asyncio.Event()
        """Set while there is something for the thread to write, delete or read."""
        self._job_ended = asyncio.Condition()
        self.fault: str | None = None

    async def open(self) -> None:
        """Open the files. Raises ConfigError if another process has them open. If the disk refuses, `run` tries again."""
        await self._run_job(DiskJob(messages=[], deletions=[], spare=frozenset(), read=[]))
        self._request_backlog()

    async def run(self) -> None:
        """Write new messages, delete those that are done, and read the backlog, until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            started = clock()
            await self.step()
            await asyncio.sleep(max(0.0, started + (RETRY_S if self.fault else GROUP_S) - clock()))

    async def step(self) -> None:
        """Do one round of `run`: write new messages, delete freed ones, and read the next ones to send."""
        await self._run_job(self._collect())

    async def close(self) -> None:
        """Write the remaining messages, and close the files. `run` must have ended."""
        await self.step()
        while self._to_delete and self.fault is None:
            await self.step()
        await self._thread.close()

    def put(self, topic: str, make: Callable[[int], bytes], now_ms: int) -> int:
        """See `Outbox.put`."""
        key = self._last + 1
        message = Message(key, topic, make(key), now_ms)
        self._last = key
        self._present.add(key, key)
        self._unsaved.add(message)
        if self.fault is not None:
            self._release(message)
        # One large message may take the room of many small ones.
        while self._unsaved.size_bytes > self._memory_bytes and self._drop_oldest():
            pass
        self._has_work.set()
        return key

    async def saved(self, key: int) -> bool:
        """Wait until a message is on disk. False if the disk refuses, or is too slow to wait for."""
        async with self._job_ended:
            await self._job_ended.wait_for(lambda: key not in self._unsaved.messages or self.fault is not None)
        return key not in self._unsaved.messages

    async def take(self) -> Message:
        """See `Outbox.take`."""
        return await self._lanes.take()

    def done(self, key: int, loss: str = "") -> None:
        """See `Outbox.done`."""
        if loss and key in self._present:
            self._count_loss(key, loss)
        self._free([(key, key)])

    def confirmed(self, key: int) -> None:
        """See `Outbox.confirmed`."""
        self._lanes.drop(key)
        if key not in self._present:
            return
        now_s = self._clock()
        self._awaiting.confirm(key, now_s)
        self._pace.confirmed(key, now_s)
        # A message that was confirmed before it was written, because the disk refuses, need not be written.
        is_unwritten = key in self._unsaved.messages and key not in self._unsaved.being_written
        if is_unwritten and not self._reports.are_required:
            self._free([(key, key)])
        self._free(self._awaiting.expired(now_s))

    def stored(self, report: Stored) -> None:
        """See `Outbox.stored`."""
        had_reports = self._reports.are_required
        keys = durable_keys(report, self._bases(), self._handed_out)
        self._free(self._reports.update(report.collector, report.ledger, keys))
        self._pace.stored(max((last for _, last in keys), default=0), self._clock())
        if self._reports.are_required and not had_reports:
            self._awaiting.require_reports()
        if self._reports.collectors != self._collectors_on_disk:
            self._has_work.set()
        lost = self._awaiting.missing(self._reports.highest, self._handed_out, self._clock())
        for first, last in lost:
            self._republished += last - first + 1
            self._return_to_backlog(first, last)
        if lost:
            log.info(
                "outbox=%s collector=%s republishing %d messages that did not reach the collector",
                *(self._path, report.collector, sum(last - first + 1 for first, last in lost)),
            )
            self._lanes.wake()
            self._request_backlog()

    def withdrawn(self, collector: str) -> None:
        """See `Outbox.withdrawn`."""
        self._reports.withdraw(collector)
        if not self._reports.are_required:
            self._awaiting.collectors_gone(self._clock())
            self._pace.collectors_gone()
        self._has_work.set()

    def hold(self, key: int) -> None:
        """See `Outbox.hold`."""
        if (message := self._lanes.hold(key)) is not None:
            self._held.add(message.topic, key)

    def resume(self, topic: str, which: Which) -> None:
        """See `Outbox.resume`."""
        keys, unsaved = self._held.take(topic, which), self._unsaved.messages
        self._lanes.put_first([unsaved[key] for key in keys if key in unsaved])
        self._resumed = array("q", sorted([*self._resumed, *(key for key in keys if key not in unsaved)]))
        self._request_backlog()

    def rewind(self) -> None:
        """See `Outbox.rewind`."""
        self._pace.begin(self._clock(), has_reports=self._reports.are_required)
        for key in self._resumed:
            self._backlog.add(key, key)
        self._resumed = array("q")
        # Messages on disk are read again, in order. Messages that are only in memory must be kept in the backlog lane.
        for message in self._lanes.clear():
            if message.key in self._unsaved.messages:
                self._lanes.backlog[message.key] = message
            elif message.key in self._present:
                self._backlog.add(message.key, message.key)
        self._lanes.wake()
        self._request_backlog()

    @property
    def backlog_per_s(self) -> float:
        """How many messages of the backlog may be sent per second now."""
        return self._pace.per_s(self._clock())

    def stats(self) -> OutboxStats:
        """See `Outbox.stats`."""
        totals = self._totals
        reports_required, awaiting = self._reports.are_required, len(self._awaiting.keys)
        messages = len(self._present) - (0 if reports_required else awaiting)
        oldest_ms = totals.oldest_ms or self._unsaved.oldest_ms
        return OutboxStats(
            messages=messages,
            size_bytes=totals.used_bytes + self._unsaved.size_bytes,
            limit_bytes=self._limits.size_bytes,
            oldest_ms=oldest_ms if messages else 0,
            dropped=added(totals.dropped, self._dropped),
            account=self._account(),
            durable=self.fault is None,
            damaged=totals.damaged,
            held=len(self._held),
            awaiting=awaiting if reports_required else 0,
            republished=self._republished,
            reports_required=reports_required,
            limit_s=self._limits.age_s,
        )

    def _account(self) -> Account:
        undelivered = list[Numbers]()
        # Only the lowest and the highest key are needed. Ranges and arrays are ascending, so their first and last keys suffice.
        keys = [*self._lanes.in_flight, *self._lanes.backlog, *self._resumed[:1], *self._resumed[-1:]]
        for each in (self._held, self._awaiting.keys, self._backlog):
            keys += [key for key in (each.first, each.last) if key is not None]
        if keys:
            undelivered = undelivered_numbers(self._bases(), self._present, min(keys), max(keys))
        dropped = [*self._totals.losses, *self._losses]
        ended = ended_epochs(self._totals.epochs)
        return Account(kind="disk", undelivered=bounded(undelivered), dropped=dropped, ended=ended)

    def _bases(self) -> list[EpochBase]:
        return bases_of(self._totals.epochs or [EpochBase(0, self._epoch)])

    def _numbers(self, first: int, last: int) -> list[Numbers]:
        return numbers_of_keys(self._bases(), first, last)

    def _free(self, ranges: Iterable[Range]) -> None:
        """Delete messages, wherever they are."""
        for given in ranges:
            for first, last in self._present.take(*given):
                self._to_delete.add(first, last)
                self._awaiting.remove(first, last)
                self._backlog.take(first, last)
                if self._held:
                    self._held.remove_between(first, last)
                # In place, not by a copy of the array for each range. Messages of a topic that is accepted again lie between those of
                # others, so a report that 1,000 are stored frees as many ranges; with 20,000 to be read, copies blocked the loop for 12 s.
                del self._resumed[bisect_left(self._resumed, first) : bisect_right(self._resumed, last)]
                self._lanes.drop_between(first, last)
                self._unsaved.remove_freed(first, last)
                self._has_work.set()

    def _return_to_backlog(self, first: int, last: int) -> None:
        self._backlog.add(first, last)
        for key in self._unsaved.keys_between(first, last):
            self._backlog.take(key, key)
            self._lanes.backlog[key] = self._unsaved.messages[key]

    def _request_backlog(self) -> None:
        if self._resumed or self._backlog:
            self._has_work.set()

    def _collect(self) -> DiskJob:
        """What the thread is to do next."""
        lanes = self._lanes
        messages = self._unsaved.begin_write()
        read = [] if lanes.backlog else self._backlog.head(READ_MESSAGES)
        is_nearly_full = self._totals.used_bytes + self._unsaved.size_bytes > self._limits.size_bytes // 2
        if is_nearly_full and not self._reports.are_required:
            # Confirmed messages are evicted before messages that were never delivered.
            self._free(list(self._awaiting.keys))
        # Only near the limit, because it visits all held topics.
        held = list(self._held.oldest(EVICT_HELD)) if is_nearly_full else []
        resumed = self._resumed[:READ_MESSAGES].tolist() if not lanes.backlog else []
        collectors = self._reports.collectors if self._reports.collectors != self._collectors_on_disk else None
        deletions = self._to_delete.head(DELETE_KEYS)
        is_trial = self.fault is not None and not messages
        return DiskJob(
            messages=messages,
            deletions=deletions,
            spare=frozenset(lanes.in_flight),
            read=read,
            losses=self._losses,
            held=held,
            resumed=resumed,
            collectors=collectors,
            is_trial=is_trial,
        )

    async def _run_job(self, job: DiskJob) -> None:
        try:
            self._apply_result(job, await self._thread.run(job, self._set_fault))
            self._set_fault(None)
        except OSError as error:
            self._set_fault(str(error))
            self._has_work.set()
        finally:
            self._unsaved.end_write()
        async with self._job_ended:
            self._job_ended.notify_all()

    def _apply_result(self, job: DiskJob, result: JobResult) -> None:
        self._totals = result.totals
        self._load_opened(result)
        if job.collectors is not None:
            self._collectors_on_disk = job.collectors
        for first, last in job.deletions:
            self._to_delete.take(first, last)
        self._losses = [each for each in self._losses if each not in job.losses]
        for message in job.messages:
            self._unsaved.remove(message.key)
            if message.key in self._present:
                self._release(message)
        self._forget_evicted(result.evicted)
        self._put_backlog(job.read, result.found)
        if job.resumed and self._resumed[: len(job.resumed)].tolist() == job.resumed:
            del self._resumed[: len(job.resumed)]
            self._lanes.put_first([each for each in result.resumed if self._is_resumed(each)])
            # What is not found was in a damaged file, and has been counted as lost already.
            for key in set(job.resumed) - {each.key for each in result.resumed}:
                self._present.take(key, key)
        self._reports.trim(self._present.first if self._present.first is not None else self._last + 1)
        if not self._lanes.backlog:
            self._request_backlog()
        if self._to_delete:
            self._has_work.set()

    def _load_opened(self, result: JobResult) -> None:
        """Take over what the file held, if this job has opened it: its messages become backlog, and its collectors are known."""
        for first, last in result.opened:
            self._present.add(first, last)
            self._backlog.add(first, last)
        if result.collectors:
            self._collectors_on_disk = sorted(result.collectors)
            self._reports.restore(result.collectors)
            self._awaiting.require_reports()
            self._pace.begin(self._clock(), has_reports=True)

    def _forget_evicted(self, evicted: list[Range]) -> None:
        # A message that is already in memory to be sent is still sent, so the lanes are not changed.
        for first, last in evicted:
            self._present.take(first, last)
            self._awaiting.remove(first, last)
            self._backlog.take(first, last)
            self._held.remove_between(first, last)

    def _put_backlog(self, read: list[Range], found: list[Message]) -> None:
        """Put messages that were read into the lane, unless they were freed, or sent from memory, meanwhile."""
        for message in found:
            if self._backlog.take(message.key, message.key):
                self._lanes.backlog[message.key] = message
        for given in read:
            # A message that is not found was in a damaged file. It has been counted as lost already.
            for first, last in self._backlog.take(*given):
                self._present.take(first, last)
        if found:
            self._lanes.wake()

    def _is_resumed(self, message: Message) -> bool:
        """Whether a message that was read from disk is still to be handed out: it may have been freed, or held again, meanwhile."""
        key = message.key
        is_elsewhere = key in self._lanes or key in self._awaiting.keys or self._held.has(message.topic, key)
        return key in self._present and not is_elsewhere

    def _release(self, message: Message) -> None:
        """Add a message to the live lane, unless it was handed out before.

        If the lane is too long, its oldest message becomes backlog: it is read from disk again when its turn comes, or stays in
        memory if it is not on disk yet.
        """
        if message.key <= self._handed_out:
            return
        self._handed_out = message.key
        if (relegated := self._lanes.push(message)) is None:
            return
        if relegated.key in self._unsaved.messages:
            self._lanes.backlog[relegated.key] = relegated
            return
        self._backlog.add(relegated.key, relegated.key)
        self._request_backlog()

    def _drop_oldest(self) -> bool:
        """Drop one message that is not on disk. Returns False if none may be dropped."""
        # Messages that the thread is writing may soon be on disk, and messages in flight may soon be confirmed.
        unsaved = self._unsaved
        spared = unsaved.being_written | self._lanes.in_flight.keys()
        doomed, reason = self._held.from_key(next(iter(unsaved.messages))), "refused"
        if doomed is None or doomed not in unsaved.messages or doomed in spared:
            doomed, reason = unsaved.oldest(spared), "disk"
        if doomed is None:
            return False
        self._count_loss(doomed, reason)
        self._free([(doomed, doomed)])
        return True

    def _count_loss(self, key: int, reason: str) -> None:
        self._dropped[reason] += 1
        for lost in self._numbers(key, key):
            self._losses = add_range(self._losses, msgspec.structs.replace(lost, reason=reason))
        self._has_work.set()

    def _set_fault(self, fault: str | None) -> None:
        if fault is not None:
            # It is better to deliver readings that a kill could lose than to hold them back.
            for message in self._unsaved.messages.values():
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
