"""An outbox on disk. The event loop never waits for the disk: a thread does its work in jobs, one at a time.

The order is commit before publish: a message is handed out only once it is on disk, so that every number that
was ever sent is still known after a restart. A kill loses at most the messages put since the last commit (0.2 s of polls), whose
numbers were never sent. Only while the disk refuses are messages handed out from memory; `durable` is then false.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from rackflow.documents import Account, Numbers, Stored
from rackflow.outbox.account import add_range, added, bounded, ended_epochs, undelivered_numbers
from rackflow.outbox.acknowledgements import Acknowledgements
from rackflow.outbox.epochs import EpochBase, bases_of, numbers_of_keys
from rackflow.outbox.held import Which
from rackflow.outbox.jobs import READ_MESSAGES, DiskJob, DiskThread, JobResult
from rackflow.outbox.places import MessagePlaces
from rackflow.outbox.seam import Message, OutboxStats
from rackflow.outbox.state import Limits, Totals

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

    Keys of this epoch are its message numbers; messages of earlier epochs have keys of 0 and below. Where each message is, is in
    `MessagePlaces`; here are the calls of the `Outbox`, and the jobs of the thread.

    Args:
        path: where messages are kept, in the folder of this name with `.segments` behind it.
        epoch: the name of this run of the process, under which its messages are numbered.
        limits: of the files.
        backlog_per_s: the most messages of the backlog that leave per second.
        memory_bytes: the most bytes of payload in memory while the disk refuses.
        require: collectors that must all have stored a message before it is deleted; if empty, one of any name is enough.
        while_refused: what becomes of messages while the disk refuses, for the log, where they need not be kept in memory.
        clock: monotonic seconds.
    """

    def __init__(  # noqa: PLR0913 - where it is, what it keeps, and for how long
        self,
        path: Path,
        epoch: str,
        limits: Limits,
        backlog_per_s: float,
        *,
        memory_bytes: int = MEMORY_BYTES,
        require: Sequence[str] = (),
        while_refused: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._while_refused = while_refused or (
            f"messages are kept in memory (at most {memory_bytes // 2**20} MiB) and are lost if the process ends"
        )
        self._path = path
        self._epoch = epoch
        self._limits = limits
        self._memory_bytes = memory_bytes
        self._thread = DiskThread(path, epoch, limits)
        self._totals = Totals()
        self._last_key = 0
        self._has_work = asyncio.Event()
        """Set while there is something for the thread to write, delete or read."""
        self._acks = Acknowledgements(backlog_per_s, limits.confirmed_s, require, clock)
        self._places = MessagePlaces(self._acks.awaiting, lambda: self._acks.backlog_per_s, self._has_work)
        self._collectors_on_disk: list[tuple[str, str]] = []
        self._dropped = Counter({"disk": 0})
        """Messages dropped, by reason; the file counts those of the other reasons."""
        self._losses: list[Numbers] = []
        """Numbers of dropped messages whose loss is not recorded in the file yet."""
        self._job_ended = asyncio.Condition()
        self.fault: str | None = None

    async def open(self) -> None:
        """Open the files. Raises ConfigError if another process has them open. If the disk refuses, `run` tries again."""
        await self._run_job(DiskJob(messages=[], deletions=[], spare=frozenset(), read=[]))
        self._places.request_backlog()

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
        await self._run_job(self._next_job())

    async def close(self) -> None:
        """Write the remaining messages, and close the files. `run` must have ended."""
        await self.step()
        while self._places.to_delete and self.fault is None:
            await self.step()
        await self._thread.close()

    def put(self, topic: str, make: Callable[[int], bytes], now_ms: int) -> int:
        """See `Outbox.put`."""
        key = self._last_key + 1
        message = Message(key, topic, make(key), now_ms)
        self._last_key = key
        self._places.add(message)
        if self.fault is not None:
            self._places.release(message)
        # One large message may take the room of many small ones.
        while self._places.unsaved.size_bytes > self._memory_bytes and self._drop_oldest():
            pass
        self._has_work.set()
        return key

    async def saved(self, key: int) -> bool:
        """Wait until a message is on disk. False if the disk refuses, or is too slow to wait for."""
        unsaved = self._places.unsaved
        async with self._job_ended:
            await self._job_ended.wait_for(lambda: key not in unsaved.messages or self.fault is not None)
        return key not in unsaved.messages

    async def take(self) -> Message:
        """See `Outbox.take`."""
        return await self._places.lanes.take()

    def done(self, key: int, loss: str = "") -> None:
        """See `Outbox.done`."""
        if loss and key in self._places.present:
            self._count_loss(key, loss)
        self._places.free([(key, key)])

    def confirmed(self, key: int) -> None:
        """See `Outbox.confirmed`."""
        places, unsaved = self._places, self._places.unsaved
        places.lanes.drop(key)
        if key not in places.present:
            return
        places.free(self._acks.confirmed(key))
        # A message that was confirmed before it was written, because the disk refuses, need not be written.
        is_unwritten = key in unsaved.messages and key not in unsaved.being_written
        if is_unwritten and not self._acks.reports_required:
            places.free([(key, key)])

    def stored(self, report: Stored) -> None:
        """See `Outbox.stored`."""
        acks, places = self._acks, self._places
        places.free(acks.stored(report, self._bases(), places.handed_out))
        if acks.collectors != self._collectors_on_disk:
            self._has_work.set()
        if lost := acks.missing(places.handed_out):
            count = sum(last - first + 1 for first, last in lost)
            log.info(
                "outbox=%s collector=%s republishing %d messages that did not reach the collector",
                *(self._path, report.collector, count),
            )
            places.send_again(lost)

    def withdrawn(self, collector: str) -> None:
        """See `Outbox.withdrawn`."""
        self._acks.withdrawn(collector)
        self._has_work.set()

    def hold(self, key: int) -> None:
        """See `Outbox.hold`."""
        self._places.hold(key)

    def resume(self, topic: str, which: Which) -> None:
        """See `Outbox.resume`."""
        self._places.resume(topic, which)

    def rewind(self) -> None:
        """See `Outbox.rewind`."""
        self._acks.connection_broke()
        self._places.rewind()

    @property
    def backlog_per_s(self) -> float:
        """How many messages of the backlog may be sent per second now."""
        return self._acks.backlog_per_s

    def stats(self) -> OutboxStats:
        """See `Outbox.stats`."""
        totals, places = self._totals, self._places
        reports_required, awaiting = self._acks.reports_required, len(places.awaiting.keys)
        messages = len(places.present) - (0 if reports_required else awaiting)
        oldest_ms = totals.oldest_ms or places.unsaved.oldest_ms
        return OutboxStats(
            messages=messages,
            size_bytes=totals.used_bytes + places.unsaved.size_bytes,
            limit_bytes=self._limits.size_bytes,
            oldest_ms=oldest_ms if messages else 0,
            dropped=added(totals.dropped, self._dropped),
            account=self._account(),
            durable=self.fault is None,
            damaged=totals.damaged,
            held=len(places.held),
            awaiting=awaiting if reports_required else 0,
            republished=self._acks.republished,
            reports_required=reports_required,
            limit_s=self._limits.age_s,
        )

    def _account(self) -> Account:
        undelivered = list[Numbers]()
        if (span := self._places.undelivered()) is not None:
            undelivered = undelivered_numbers(self._bases(), self._places.present, *span)
        dropped = [*self._totals.losses, *self._losses]
        ended = ended_epochs(self._totals.epochs)
        return Account(kind="disk", undelivered=bounded(undelivered), dropped=dropped, ended=ended)

    def _bases(self) -> list[EpochBase]:
        return bases_of(self._totals.epochs or [EpochBase(0, self._epoch)])

    def _numbers(self, first: int, last: int) -> list[Numbers]:
        return numbers_of_keys(self._bases(), first, last)

    def _next_job(self) -> DiskJob:
        """What the thread is to do next. If little room is left, confirmed messages that no collector asks for are given up for it."""
        places, lanes = self._places, self._places.lanes
        messages = places.unsaved.begin_write()
        read = [] if lanes.backlog else places.backlog.head(READ_MESSAGES)
        is_nearly_full = self._totals.used_bytes + places.unsaved.size_bytes > self._limits.size_bytes // 2
        if is_nearly_full and not self._acks.reports_required:
            # Confirmed messages are evicted before messages that were never delivered.
            places.free(list(places.awaiting.keys))
        # Only near the limit, because it visits all held topics.
        held = list(places.held.oldest(EVICT_HELD)) if is_nearly_full else []
        resumed = places.resumed[:READ_MESSAGES].tolist() if not lanes.backlog else []
        collectors = self._acks.collectors if self._acks.collectors != self._collectors_on_disk else None
        deletions = places.to_delete.head(DELETE_KEYS)
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
            self._places.unsaved.end_write()
        async with self._job_ended:
            self._job_ended.notify_all()

    def _apply_result(self, job: DiskJob, result: JobResult) -> None:
        self._totals = result.totals
        self._load_opened(result)
        if job.collectors is not None:
            self._collectors_on_disk = job.collectors
        places = self._places
        for first, last in job.deletions:
            places.to_delete.take(first, last)
        self._losses = [each for each in self._losses if each not in job.losses]
        for message in job.messages:
            places.saved(message)
        places.forget_evicted(result.evicted)
        places.put_backlog(job.read, result.found)
        places.put_resumed(job.resumed, result.resumed)
        self._acks.trim(places.present.first if places.present.first is not None else self._last_key + 1)
        if not places.lanes.backlog:
            places.request_backlog()
        if places.to_delete:
            self._has_work.set()

    def _load_opened(self, result: JobResult) -> None:
        """Take over what the file held, if this job has opened it: its messages become backlog, and its collectors are known."""
        self._places.load(result.opened)
        if result.collectors:
            self._collectors_on_disk = sorted(result.collectors)
            self._acks.restore(result.collectors)

    def _drop_oldest(self) -> bool:
        """Drop one message that is not on disk. Returns False if none may be dropped."""
        found = self._places.oldest_to_drop()
        if found is None:
            return False
        key, reason = found
        self._count_loss(key, reason)
        self._places.free([(key, key)])
        return True

    def _count_loss(self, key: int, reason: str) -> None:
        self._dropped[reason] += 1
        for lost in self._numbers(key, key):
            self._losses = add_range(self._losses, msgspec.structs.replace(lost, reason=reason))
        self._has_work.set()

    def _set_fault(self, fault: str | None) -> None:
        if fault is not None:
            # It is better to deliver readings that a kill could lose than to hold them back.
            for message in self._places.unsaved.messages.values():
                self._places.release(message)
            if self.fault is None:
                log.error(
                    "outbox=%s cannot be written, %s; check the disk: error=%s", self._path, self._while_refused, fault
                )
        elif self.fault is not None:
            log.warning("outbox=%s is written again, messages are kept on disk", self._path)
        self.fault = fault
