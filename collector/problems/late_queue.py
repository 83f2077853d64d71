"""Queues late readings (a backlog after an outage) and judges them at low priority: nothing in them is urgent.

After each slice of work it pauses for three times as long, so that storing the backlog is hardly delayed.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from collector.derive import SiteLimit
from collector.problems.history import History
from collector.problems.late import LateJudge, LateReadings, not_reported_yet
from collector.problems.table import Table
from collector.problems.tracker import RESTORED_S, Key, Tracker
from collector.readings import Readings
from rackflow import Batch
from rackflow.process.bulkhead import Failures

log = logging.getLogger(__name__)
LATE_PART: Final = "problems_late"
"""Name of its bulkhead."""
# The most messages that wait, and readings in them: some 15 MB. An hour of 1,000 devices is more. So once half of the room is used, only
# one message in THINNED_S is kept of each device and poll class, and the beginning of a problem is known only to within THINNED_S.
MAX_WAITING: Final = 10_000
MAX_READINGS: Final = 200_000
THINNED_S: Final = 15.0
# Pairs of device and poll class whose last message is remembered for thinning.
MAX_THINNED: Final = 50_000
# Messages evaluated in one slice (0.1 ms each), and how many times longer than the slice the pause after it is.
SLICE: Final = 20
OTHERS_SHARE: Final = 3.0
# Without a late message for this long, the backlog has ended.
QUIET_S: Final = 10.0
# How often the queue is checked while it is empty. Chosen value: late messages are old anyway.
CHECK_S: Final = 1.0


class LateQueue:
    """Late readings that wait to be judged. Results go to the tracker and the history; nobody is notified of them."""

    def __init__(
        self,
        table: Table,
        limits: Mapping[tuple[str, str], Sequence[SiteLimit]],
        tracker: Tracker,
        history: History,
        failures: Failures,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._judge = LateJudge(table, limits)
        self._tracker, self._history, self._failures = tracker, history, failures
        self._clock, self._wall = clock, wall
        self._waiting: deque[LateReadings] = deque()
        self._readings = 0
        # By site, device and poll class: the time of the last message that was not left out, ms since 1970.
        self._taken: dict[tuple[str, str, str], int] = {}
        # When the last late message came: by the monotonic clock, and by the wall clock.
        self._last_came_s = self._last_came_wall_s = 0.0
        self.left_out = 0
        """Messages that were not judged because too many were waiting."""

    def offer(self, site: str, batch: Batch, readings: Readings) -> None:
        """Take a message that came late."""
        self._last_came_s, self._last_came_wall_s = self._clock(), self._wall()
        size = len(readings.numbers) + len(readings.state_texts)
        is_full = len(self._waiting) >= MAX_WAITING or self._readings + size > MAX_READINGS
        is_half_full = len(self._waiting) >= MAX_WAITING // 2 or self._readings >= MAX_READINGS // 2
        key = site, batch.device, batch.poll
        if is_full or (is_half_full and batch.time < self._taken.get(key, 0) + THINNED_S * 1000):
            self.left_out += 1
            return
        if key in self._taken or len(self._taken) < MAX_THINNED:
            self._taken[key] = batch.time
        self._readings += size
        # Without its values: `readings` has them as well, in a tenth of the memory.
        bare = msgspec.structs.replace(batch, values={}, states={}, bad={})
        self._waiting.append(LateReadings(site, bare, readings))

    async def run(self) -> None:
        """Judge until cancelled."""
        while True:
            self._failures.progress(LATE_PART, 10 * CHECK_S)
            began = self._clock()
            self.judge(SLICE)
            if self._waiting:
                await asyncio.sleep(OTHERS_SHARE * (self._clock() - began))
                continue
            self.update()
            await asyncio.sleep(CHECK_S)

    def judge(self, most: int) -> None:
        """Judge up to `most` of the messages that wait, the oldest first."""
        for _ in range(min(most, len(self._waiting))):
            late = self._waiting.popleft()
            self._readings -= len(late.readings.numbers) + len(late.readings.state_texts)
            self._failures.attempt(LATE_PART, partial(self._judge.take, late, self._wall()), otherwise=None)

    def update(self) -> None:
        """Backdate present problems; and once the backlog has ended, add the problems that are over to the history."""
        if self._judge.is_empty:
            return
        self._backdate(self._judge.going_on(self._tracker.get))
        quiet_s = self._clock() - self._last_came_s
        if quiet_s < QUIET_S or (quiet_s < RESTORED_S and self._judge.is_open(self._tracker.get)):
            return
        self._end_backlog()

    def _backdate(self, begun: Iterable[tuple[Key, float]]) -> None:
        """Tell the tracker since when these present problems have held (wall time)."""
        for key, since_s in begun:
            self._tracker.note_earlier(key, since_s)

    def _end_backlog(self) -> None:
        """Add the problems that are over to the history, unless they were reported before, and begin anew."""
        goes_on = dict(self._judge.going_on(self._tracker.get, self._last_came_wall_s))
        self._backdate(goes_on.items())
        active = self._tracker.active()
        ended = self._judge.settle(goes_on, active)
        found = list(not_reported_yet(ended, self._history.since(0.0, self._wall()), active))
        for each in found:
            self._history.add(each)
        log.info(
            "late readings judged problems_over=%d messages_left_out=%d problems_left_out=%d",
            *(len(found), self.left_out, self._judge.refused),
        )
        self._judge.refused = 0
        self._taken.clear()
        self.left_out = 0
