"""Wakes the tasks that wait for their next poll, with one timer for all of them.

A task in `asyncio.sleep` holds nine objects (a coroutine, a timer and its context, a future, …), and all of them are new after each poll.
Each pass of the garbage collector visits those of all devices. A task that waits here holds three.
"""

import asyncio
import math
from heapq import heappop, heappush

# Tasks are woken at whole milliseconds, because libuv, and with it uvloop, rounds timers to them. It is the first millisecond after the
# requested time, so LATEST_S is the most by which a task is woken late.
TICKS_PER_S = 1000
LATEST_S = 1 / TICKS_PER_S
# How much earlier than asked for asyncio's own loop may call a timer, in milliseconds: more than the resolution of its clock.
EARLY_TICKS = 0.01
# The most tasks that are woken in one turn of the loop. Each then begins a poll, which takes 0.1 to 0.3 ms of a slow core. After the loop
# was blocked for a moment, hundreds are due; waking all of them in one turn would block it again, for longer each time: up to 0.2 s with
# 1,000 devices on a machine that was too slow for them.
MOST_AT_ONCE = 20


class WakeUps:
    """The moments at which tasks of one event loop want to be woken."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[asyncio.Future[None]]] = {}
        # The keys of `_waiting`, the earliest first: milliseconds of the loop's clock.
        self._moments: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def at(self, when_s: float) -> asyncio.Future[None]:
        """A future that completes right after `when_s` of the loop's clock: at most LATEST_S later, if the loop is on time.

        If more than MOST_AT_ONCE are due, those requested first complete first, and the others in the next turns of the loop. A task that
        awaits the future may be cancelled.
        """
        # Kept, because every poll of every device asks for it: before Python 3.12, `get_running_loop` makes a system call.
        loop = self._loop = self._loop or asyncio.get_running_loop()
        future = loop.create_future()
        moment = math.floor(when_s * TICKS_PER_S) + 1
        waiting = self._waiting.get(moment)
        if waiting is None:
            self._waiting[moment] = [future]
            heappush(self._moments, moment)
            if self._moments[0] == moment:
                self._arm(loop)
        else:
            waiting.append(future)
        return future

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(self._moments[0] / TICKS_PER_S, self._wake) if self._moments else None

    def _wake(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time() * TICKS_PER_S + EARLY_TICKS
        left = MOST_AT_ONCE
        while left and self._moments and self._moments[0] <= now:
            waiting = self._waiting[self._moments[0]]
            due = waiting[:left]
            left -= len(due)
            for future in due:
                if not future.done():  # as it is when its task was cancelled
                    future.set_result(None)
            if len(due) < len(waiting):
                del waiting[: len(due)]
            else:
                del self._waiting[heappop(self._moments)]
        # Tasks that are due and were not woken come in the next turn of the loop, after the events that arrived meanwhile.
        self._arm(loop)
