"""Keeps problems over a restart: saves what is wrong, who was notified of it and what conditions remember, and restores it.

`saved.py` has the format of the files and when each is due, `history.py` that of the problems that have ended.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgspec

from collector.problems.conditions import Changes, ConditionMemory
from collector.problems.history import History, append_history, history_files, read_history
from collector.problems.saved import (
    MAX_SAVED_SPANS,
    PRESENT_REFRESH_S,
    REMEMBERED_REFRESH_S,
    Changed,
    Counted,
    Holding,
    Present,
    Remembered,
    Saved,
    SavedLabels,
    StateFile,
    encode_remembered_steps,
    read_present,
    read_remembered,
    remembered_file,
)
from collector.problems.table import Table
from collector.problems.tracker import Key, TrackedProblem, Tracker
from rackflow.process.bulkhead import Failures, in_own_thread
from rackflow.process.slices import in_turns

log = logging.getLogger(__name__)
T = TypeVar("T")
FILE_PART = "problems_file"
"""Name of the bulkhead of these files."""
# How often it is looked at whether the present problems have changed and must be saved. A kill loses at most this much of who was notified.
SAVE_EVERY_S = 2.0
# A problem that has held for this long is saved before it is active, so that a restart does not delay it by that. Shorter ones come and
# go all the time, and would have the file written as often.
KEPT_HOLD_S = 15.0
# A file system that hangs must not keep the collector from starting.
LOAD_S = 5.0


class ProblemFiles:
    """The files of one `Monitor`; without a `path` nothing is saved. `clock` is monotonic, `wall` seconds since 1970."""

    def __init__(  # noqa: PLR0913 - what it saves, and clocks that tests replace
        self,
        path: Path | None,
        table: Table,
        *,
        tracker: Tracker,
        memory: ConditionMemory,
        history: History,
        failures: Failures,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._path = path
        self._table = table
        self._tracker = tracker
        self._memory = memory
        self._history = history
        self._failures = failures
        self._clock, self._wall = clock, wall
        self._notified: dict[str, set[Key]] = {}
        """Digest of a webhook's address -> the problems that it was notified of."""

    def notified(self, url: str) -> set[Key]:
        """The problems that one webhook was notified of; the caller changes the set.

        After a restart none of them is sent again, and no end is sent of a problem that is not among them.
        """
        # The address may carry a password, and the file is no place for it.
        return self._notified.setdefault(sha256(url.encode()).hexdigest(), set())

    def untold_ends(self, url: str) -> list[TrackedProblem]:
        """The problems that ended before a restart, and of whose end the webhook was not notified: that waits for half a minute.

        Call it after `load`. Without them the webhook would have these problems for ever, and would never be notified of the next ones.
        """
        notified, active = self.notified(url), {each.key for each in self._tracker.active()}
        wall_s = self._wall()
        history = {(each.name, tuple(each.labels)): each for each in reversed(self._history.since(0.0, wall_s))}
        found = []
        for key in sorted(notified - active):
            problem = self._table.problems.get(key[0])
            if problem is None:
                notified.discard(key)  # the table of this version does not have it
                continue
            ended = history.get(key)
            one = TrackedProblem(problem, key[1], (), value=0.0, peak=0.0, since_s=wall_s, ended_s=wall_s)
            if ended is not None:
                one.value, one.peak, one.since_s, one.ended_s = ended.value, ended.peak, ended.since_s, ended.ended_s
            found.append(one)
        return found

    async def run(self) -> None:
        """Save the present problems whenever they have changed, until cancelled. A task of its own: a disk may hang."""
        path = self._path
        present = StateFile(path, PRESENT_REFRESH_S) if path is not None else None
        remembered = StateFile(remembered_file(path), REMEMBERED_REFRESH_S) if path is not None else None
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            self._failures.progress(FILE_PART, 2 * SAVE_EVERY_S)
            try:
                if present is not None and present.is_due(outline := self._outline(), now := self._clock()):
                    await present.write(self._encode_present(), outline, now)
                # Compared by count: if one series replaces another, that is written with the next refresh.
                memory = self._memory
                count = len(memory.seen), len(memory.highest)
                if remembered is not None and remembered.is_due(count, now := self._clock()):
                    data = await in_turns(encode_remembered_steps(memory.seen, memory.highest))
                    await remembered.write(data, count, now)
            except OSError as error:
                self._failures.count(FILE_PART, error)
            await self._append_history()

    def _outline(self) -> object:
        """Which problems are active or soon will be, and who was notified: a change of these is written at once, one of values is not."""
        active, now = {(each.key, each.since_s) for each in self._tracker.active()}, self._clock()
        soon = {each.key for each in self._tracker.holding() if each.held_s(now) >= KEPT_HOLD_S}
        return active, soon, {url: frozenset(keys) for url, keys in self._notified.items()}

    def _encode_present(self) -> bytes:
        problems = [
            Saved(each.problem.name, list(each.labels), list(each.subject), each.value, each.peak, each.since_s)
            for each in self._tracker.active()
        ]
        notified = {
            url: [(name, list(labels)) for name, labels in sorted(keys)] for url, keys in self._notified.items()
        }
        now = self._clock()
        holding = [
            Holding(each.problem.name, list(each.labels), list(each.subject), each.held_s(now), each.began_to_hold_s)
            for each in self._tracker.holding()
        ]
        return msgspec.json.encode(Present(1, problems, notified, holding, self._counted(), self._changed()))

    def _counted(self) -> list[Counted]:
        """When the problems that count within a window have held, by the wall clock: a restart takes time that did not."""
        offset_s = self._wall() - self._clock()
        return [
            Counted(
                each.problem.name,
                list(each.labels),
                list(each.subject),
                each.value,
                each.peak,
                [(begin + offset_s, end + offset_s) for begin, end in [*each.spans][-MAX_SAVED_SPANS:]],
            )
            for each in self._tracker.counted()
        ]

    def _changed(self) -> list[Changed]:
        """The series that have changed lately. The others have nothing to restore."""
        return [
            Changed(record, list(labels), each.latest, each.noted_s, [*each.at_s])
            for (record, labels), each in self._memory.changes.items()
            if each.at_s
        ]

    async def _append_history(self) -> None:
        waiting = self._history.take_waiting()
        if self._path is None or not waiting:
            return
        try:
            await in_own_thread(partial(append_history, history_files(self._path)[0], waiting), "problems-save")
        except OSError as error:
            self._history.give_back(waiting)
            self._failures.count(FILE_PART, error)

    async def load(self) -> None:
        """Restore the problems from before a restart, if there was one. Call it before `Monitor.run`."""
        path = self._path
        if path is None:
            return
        until = asyncio.get_running_loop().time() + LOAD_S
        # Each by itself: a damaged memory must not cost the present problems, of which everybody would be notified again.
        ended = await _read(history_files(path)[0], read_history, until)
        state = await _read(path, read_present, until)
        remembered = await _read(remembered_file(path), read_remembered, until)
        if ended is not None:
            self._history.restore(ended, self._wall())
        if state is not None:
            self._restore_problems(state)
            self._restore_changes(state.changed)
        # Files of 0.1 and before have what conditions remember in the file of the present problems.
        if (memory := remembered or state) is not None:
            self._restore_memory(memory)

    def _restore_problems(self, state: Present) -> None:
        now = self._clock()
        # Two saved problems may have one key in this version (`_key_of`). The last one replaces the others: the one that began first.
        for each in sorted(state.problems, key=lambda saved: saved.since_s, reverse=True):
            problem = self._table.problems.get(each.name)
            if problem is None:
                continue  # the table of this version does not have it
            _, labels = self._key_of(each.name, each.labels)
            tracked = TrackedProblem(problem, labels, tuple(each.subject), each.value, each.peak, since_s=each.since_s)
            self._tracker.restore(tracked, now)
        counted = self._restore_counted(state.counted, now)
        for held in state.holding:
            key = self._key_of(held.name, held.labels)
            # Of one that counts within a window, its spans have that time.
            held_s = 0.0 if key in counted else held.held_s
            self._tracker.restore_holding(tuple(held.subject), key, held_s, held.began_s, now)
        for url, keys in state.notified.items():
            self._notified[url] = {self._key_of(name, pairs) for name, pairs in keys}

    def _restore_counted(self, saved: Iterable[Counted], now: float) -> set[Key]:
        """Restore when problems that count within a window had held; return which problems that were."""
        restored = set[Key]()
        wall_s = self._wall()
        for each in saved:
            problem, key = self._table.problems.get(each.name), self._key_of(each.name, each.labels)
            if problem is not None:
                restored.add(key)
                tracked = TrackedProblem(problem, key[1], tuple(each.subject), each.value, each.peak)
                # After the wall clock was set back, none is later than now.
                tracked.spans.extend([now + min(moment - wall_s, 0.0) for moment in span] for span in each.spans)
                self._tracker.restore_counted(tracked)
        return restored

    def _restore_changes(self, saved: Iterable[Changed]) -> None:
        for each in saved:
            if each.record in self._table.records:
                changes = self._memory.changes[each.record, tuple(each.labels)] = Changes(each.latest, each.noted_s)
                changes.at_s.extend(each.at_s)

    def _key_of(self, name: str, labels: SavedLabels) -> Key:
        """The key of a problem in this version, whose groups may have fewer labels: rows that lost a feed had one for each agent."""
        problem = self._table.problems.get(name)
        by = problem.share.by if problem is not None and problem.share is not None else None
        return name, tuple((label, text) for label, text in labels if by is None or label in by)

    def _restore_memory(self, saved: Remembered | Present) -> None:
        for name, pairs, at_s in saved.seen:
            self._memory.seen[name, tuple(pairs)] = at_s
        for name, pairs, peaks in saved.highest:
            if peaks:
                self._memory.highest[name, tuple(pairs)] = peaks


async def _read(path: Path, read: Callable[[Path], T], until_s: float) -> T | None:
    """What `read` makes of the file; None, with a warning, if it cannot be read until this time of the loop."""
    try:
        async with asyncio.timeout_at(until_s):
            return await in_own_thread(partial(read, path), "problems-load")
    except (OSError, TimeoutError, ValueError, msgspec.DecodeError) as error:
        log.warning(
            "problems from before the start cannot be read, beginning without them file=%s error=%s",
            path,
            str(error) or f"not read within {LOAD_S:g} s",
        )
        return None
