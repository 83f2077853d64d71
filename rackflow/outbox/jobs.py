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

    Write `rows`, delete the keys `done`, evict none of `spare` and `held` first, read the messages of the ranges `read` and those of
    `resumed`. `losses` were dropped from memory; `heard` are the collectors that have spoken, or None if it is known on disk. With
    `is_trial` something is written in any case: the disk has refused, and only a write shows that it takes again.
    """

    rows: list[Message]
    done: list[Range]
    spare: frozenset[int]
    read: list[Range]
    losses: list[Numbers] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    resumed: list[int] = field(default_factory=list)
    heard: list[tuple[str, str]] | None = None
    is_trial: bool = False


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a job read and evicted, and the file's totals after it. If it opened the file, what was in there, and who was heard."""

    found: list[Message]
    resumed: list[Message]
    totals: Totals
    evicted: list[Range]
    opened: list[Range]
    heard: list[tuple[str, str]]


def do(job: DiskJob, log: OutboxLog, opened: list[Range], heard: list[tuple[str, str]]) -> JobResult:
    """Do a job. `opened` and `heard` are passed on. Raises OSError."""
    if job.heard is not None or job.is_trial:
        log.remember(log.heard if job.heard is None else job.heard)
    if job.rows or job.done or job.losses:
        log.lost = job.losses
        log.commit(job.rows, job.done, job.spare, job.held)
    found = [each for first, last in job.read for each in log.read(first - 1, last + 1, READ_ROWS)]
    resumed = log.read_keys(job.resumed)
    # Of a job that failed the next one tells what was dropped.
    evicted, log.evicted = log.evicted, []
    return JobResult(found, resumed, replace(log.totals, dropped=dict(log.totals.dropped)), evicted, opened, heard)
