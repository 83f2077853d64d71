"""The work that an outbox on disk gives to its thread, one piece at a time: write, delete, evict, read."""

from dataclasses import dataclass, field, replace
from typing import Final

from rackflow.documents import Numbers
from rackflow.outbox.log import OutboxLog
from rackflow.outbox.rangeset import Range
from rackflow.outbox.seam import Message
from rackflow.outbox.state import Totals

# Backlog messages read at a time: half a second's worth at the default rate of 500 a second, some 250 kB in memory.
READ_ROWS: Final = 256


@dataclass(frozen=True, slots=True)
class DiskJob:
    """One piece of work for the thread.

    Write `rows`; delete the keys `done`; if the outbox is too large, drop `held` first and never `spare`; read the ranges `read` and the
    keys `resumed`. `losses` were dropped from memory and are to be recorded. `collectors` are those that have reported, None if that is
    unchanged. With `is_trial` something is written in any case, because only a write shows whether a disk that failed works again.
    """

    rows: list[Message]
    done: list[Range]
    spare: frozenset[int]
    read: list[Range]
    losses: list[Numbers] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    resumed: list[int] = field(default_factory=list)
    collectors: list[tuple[str, str]] | None = None
    is_trial: bool = False


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a job read and evicted, and the file's totals after it. If it opened the file: the keys (`opened`) and collectors in it."""

    found: list[Message]
    resumed: list[Message]
    totals: Totals
    evicted: list[Range]
    opened: list[Range]
    collectors: list[tuple[str, str]]


def run_job(job: DiskJob, log: OutboxLog, opened: list[Range], collectors: list[tuple[str, str]]) -> JobResult:
    """Do a job. `opened` and `collectors` are passed on to the result. Raises OSError."""
    if job.collectors is not None or job.is_trial:
        log.save_collectors(log.collectors if job.collectors is None else job.collectors)
    if job.rows or job.done or job.losses:
        log.lost = job.losses
        log.commit(job.rows, job.done, job.spare, job.held)
    found = [each for first, last in job.read for each in log.read(first - 1, last + 1, READ_ROWS)]
    resumed = log.read_keys(job.resumed)
    # Taken only here, at the end: if a job fails, the next one reports what both have evicted.
    evicted, log.evicted = log.evicted, []
    return JobResult(found, resumed, replace(log.totals, dropped=dict(log.totals.dropped)), evicted, opened, collectors)
