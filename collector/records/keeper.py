"""Saves the hourly records of energy and of polls every 30 s, and once more when the collector ends.

Poll counts are taken from memory before they are written and given back if the disk refuses, so a failed save loses nothing.
Records are optional: nothing here may hold up receiving, storing or acknowledging.
"""

import asyncio
import logging
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import partial

from collector.derive import Deriver, EnergyRecords, SiteRecords
from collector.latest import Latest
from collector.receive import PollCounts, PolledDevice
from collector.records.file import RecordsFile, Snapshot
from rackflow.process.bulkhead import Failures, in_own_thread
from rackflow.process.slices import in_turns

log = logging.getLogger(__name__)
# A killed collector loses the poll counts of at most this time, and the report names such spans. A save of 3,000 devices takes 45 ms in a
# thread and is synced to disk, so a shorter time would wear flash for little.
SAVE_S = 30.0
# A save that takes longer hangs on its disk.
OVERDUE_S = 120.0
# Devices looked at in one slice, below 1 ms.
_DEVICES_PER_SLICE = 500
# How long the last save and closing may take together. The collector must end within 10 s, also if the disk of the records hangs.
CLOSE_S = 3.0
PART = "records"
"""Name of the bulkhead of the records."""


@dataclass(frozen=True, slots=True)
class _Save:
    """A save that was begun: its thread, what it writes, and the energy records of each site that it was taken from."""

    task: asyncio.Future[bool]
    snapshot: Snapshot
    energy: Mapping[str, EnergyRecords]


class RecordKeeper:
    """Writes the energy records of `deriver`, and the counts in `polls`, to one file."""

    def __init__(self, file: RecordsFile, latest: Latest, deriver: Deriver, failures: Failures | None = None) -> None:
        self._failures = failures if failures is not None else Failures(PART)
        self.polls = PollCounts(file.enrolled)
        self._file = file
        self._latest = latest
        self._deriver = deriver
        self._fault = False
        self._begun: _Save | None = None
        """The save that was begun last, until its outcome is known. A thread goes on when the save that waits for it is cancelled."""

    async def run(self) -> None:
        """Save again and again, until cancelled."""
        while True:
            self._failures.progress(PART, SAVE_S + OVERDUE_S)
            await asyncio.sleep(SAVE_S)
            await self.save()

    async def close(self) -> None:
        """Save what is left and close the file. Call it when no more messages are processed: polls of later ones are not counted.

        It raises nothing. If the disk hangs, the file is left behind, and the report shows that it was not closed.
        """
        try:
            async with asyncio.timeout(CLOSE_S):
                self._deriver.finish()
                saved = await self.save()
                await in_own_thread(partial(self._file.close, ended=saved), "records-close")
        except OSError as error:  # TimeoutError, too
            # A full or hanging disk is no fault of the collector, which nobody need report.
            self._failures.count(PART, error)
            words = str(error) or f"not done within {CLOSE_S:.0f} s"
            log.warning(
                "records are not complete at the end, and the report says so path=%s error=%s", self._file.path, words
            )
        except Exception as error:  # noqa: BLE001 - a barrier: the rest of the stop must go on
            self._failures.note(PART, error)

    async def save(self) -> bool:
        """Save what changed; return whether it is on disk. If not, it is saved the next time."""
        if self._begun is not None:
            # It was cancelled. What it took is taken again below if it fails: at a stop, there is no later save. An error that lasts
            # ends this save, too, and is counted then.
            await self._outcome(self._begun)
        await in_turns(self._expect_steps(time.time()))
        polls = self.polls
        energy = self._deriver.records()
        sites = {name: SiteRecords(each.head(), each.take_changed()) for name, each in energy.items()}
        snapshot = Snapshot(sites, polls.take(), dict(polls.enrolled))
        # The thread encodes hours while cycles go on changing them: they are copies, and an hour that changes afterwards is marked as
        # changed again.
        thread = asyncio.ensure_future(in_own_thread(partial(self._file.save, snapshot), "records-save"))
        self._begun = _Save(thread, snapshot, energy)
        error = await self._outcome(self._begun)
        if error is not None:
            if not isinstance(error, OSError):
                raise error
            self._failures.count(PART, error)
            if not self._fault:
                log.warning(
                    "records not written, they are kept in memory and tried again every %.0f s path=%s error=%s",
                    SAVE_S,
                    self._file.path,
                    error,
                )
            self._fault = True
            return False
        if self._fault:
            log.warning("records are written again path=%s", self._file.path)
        self._fault = False
        return True

    async def _outcome(self, begun: _Save) -> Exception | None:
        """Wait until a save has ended. If it failed, what it took is given back, and its error is returned."""
        snapshot, energy = begun.snapshot, begun.energy
        # `wait` leaves the thread's future alone if the caller is cancelled.
        await asyncio.wait({begun.task})
        self._begun = None
        try:
            is_new_file = begun.task.result()
        except Exception as error:  # noqa: BLE001 - the caller raises or counts it
            for name, kept in snapshot.sites.items():
                energy[name].give_back(kept.hours)
            self.polls.give_back(snapshot.counts)
            return error
        if is_new_file:
            # The hours of the last year are still in memory, and the next save writes them.
            for each in energy.values():
                each.give_back(each.totals.hours)
        return None

    def _expect_steps(self, now_s: float) -> Generator[None, None, None]:
        """Count the polls that were expected until now. Yields after each slice: 5,000 devices take 40 ms."""
        configured = {
            (agent.site, agent.agent): frozenset(agent.status.devices)
            for agent in self._latest.agents()
            if agent.status is not None and agent.status.status == "online"
        }
        for count, device in enumerate([*self._latest.devices()], 1):
            if device.document is not None:
                who = PolledDevice(device.site, device.agent, device.device)
                self.polls.set_intervals(who, device.document.intervals)
            if count % _DEVICES_PER_SLICE == 0:
                yield
        yield from self.polls.expect_steps(now_s, configured)
