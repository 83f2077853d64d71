"""The thread of an outbox on disk, and the work that it does there, one piece at a time: write, delete, evict, read."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from rackflow.documents import Numbers
from rackflow.outbox.log import OutboxLog
from rackflow.outbox.rangeset import Range
from rackflow.outbox.seam import Message
from rackflow.outbox.state import Limits, Totals

# Backlog messages read at a time: half a second's worth at the default rate of 500 a second, some 250 kB in memory.
READ_MESSAGES: Final = 256
# If a job takes longer than this (a dying drive, a network file system), messages not yet on disk are handed out from memory, so that they
# are not delayed. Ten times a normal commit period, so that one slow fsync does not count as a fault.
SLOW_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class DiskJob:
    """One piece of work for the thread.

    Its parts are done in the order of the fields: write, delete, evict what is beyond the limits, read.
    """

    messages: list[Message]
    """New ones, to be written."""
    deletions: list[Range]
    """Keys of messages that are durable at a collector, or given up."""
    spare: frozenset[int]
    """Keys that must not be evicted: their messages are in flight."""
    read: list[Range]
    """Keys of the backlog to read, at most READ_MESSAGES messages of each range."""
    losses: list[Numbers] = field(default_factory=list)
    """Numbers of messages dropped from memory, to be recorded."""
    held: list[int] = field(default_factory=list)
    """Keys to evict before all others if the outbox is too large."""
    resumed: list[int] = field(default_factory=list)
    """Keys of messages that were held back and are to be read."""
    collectors: list[tuple[str, str]] | None = None
    """Those that have reported, each with the name of its ledger; None if unchanged since the last job."""
    is_trial: bool = False
    """Whether to write something even if there is nothing to write: only a write shows whether a disk that failed works again."""


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a job read and evicted, and the file's totals after it. If it opened the file: the keys (`opened`) and collectors in it."""

    found: list[Message]
    resumed: list[Message]
    totals: Totals
    evicted: list[Range]
    opened: list[Range]
    collectors: list[tuple[str, str]]


class DiskThread:
    """Does jobs on the files of one outbox, one after another, so that the event loop never waits for the disk."""

    def __init__(self, path: Path, epoch: str, limits: Limits) -> None:
        self._path = path
        self._epoch = epoch
        self._limits = limits
        self._log: OutboxLog | None = None
        self.executor = ThreadPoolExecutor(1, "outbox")

    async def run(self, job: DiskJob, note_slow: Callable[[str], None]) -> JobResult:
        """Do a job. `note_slow` is called if it takes longer than SLOW_S. Raises OSError, and ConfigError as `OutboxLog` does."""
        # Not `wait_for`, which would cancel: a commit in a thread cannot be cancelled. Its result is always applied, however late,
        # and no second job starts before that.
        running = asyncio.get_running_loop().run_in_executor(self.executor, self._run, job)
        await asyncio.wait([running], timeout=SLOW_S)
        if not running.done():
            note_slow(f"the disk has not answered for {SLOW_S:g} s")
        return await running

    async def close(self) -> None:
        """Close the files, once the last job is done."""
        if self._log is not None:
            await asyncio.get_running_loop().run_in_executor(self.executor, self._log.close)
        self.executor.shutdown(wait=False)

    def _run(self, job: DiskJob) -> JobResult:
        """Do a job, in the thread. The files are opened here because opening can take long, too."""
        opened, collectors = list[Range](), list[tuple[str, str]]()
        if (log := self._log) is None:
            log = self._log = OutboxLog(self._path, self._epoch, self._limits)
            opened, collectors = log.present, log.collectors
        if job.collectors is not None or job.is_trial:
            log.save_collectors(log.collectors if job.collectors is None else job.collectors)
        if job.messages or job.deletions or job.losses:
            log.commit(job.messages, job.deletions, job.spare, job.held, job.losses)
        found = [each for first, last in job.read for each in log.read(first - 1, last + 1, READ_MESSAGES)]
        resumed = log.read_keys(job.resumed)
        # Read only at the end: if this job fails before, the next one reports the evictions of both.
        evicted, log.evicted = log.evicted, []
        return JobResult(
            found=found,
            resumed=resumed,
            totals=replace(log.totals, dropped=dict(log.totals.dropped)),
            evicted=evicted,
            opened=opened,
            collectors=collectors,
        )
