"""A timeout that does not blame a device when the agent's own event loop is late.

`asyncio.timeout()` counts wall time. While other work blocks the loop, no answer can be read; once the loop is free again, the timer
fires first, although the answer is already in the socket. Such a timeout says nothing about the device. It costs a session and a failed
poll, and three of them cost a new opening of the device, which delays the loop even more.
"""

import asyncio
from types import TracebackType
from typing import Final, Self

# How often a deadline looks whether the loop is late. A device that answers in time never gets so far; 300 silent ones cost 1,200
# timers a second.
CHECK_S: Final = 0.25
# Timers are rounded to milliseconds, and any turn of a busy loop takes some. More than this counts as lateness of the agent.
TOLERATED_S: Final = 0.01
# Turns of the loop between the end of the time and giving up. In the first turn the loop may run timers before it polls sockets (libuv
# does), in the second it reads the answer, in the third the task that waits for the answer continues.
LAST_TURNS: Final = 3
# However late the loop is, a deadline takes at most this many times its nominal seconds, so that other work can rely on its end.
MAX_STRETCH: Final = 3.0


class Deadline:
    """`with Deadline(2.0): …` raises TimeoutError after 2 s in which an answer could have been read. For use in a task, once."""

    __slots__ = ("_cancelling", "_checked_s", "_end_s", "_expired", "_left_s", "_loop", "_planned_s", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._left_s = seconds

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task to end")
        self._task, self._loop = task, asyncio.get_running_loop()
        self._cancelling = task.cancelling()
        self._expired = False
        # The clock that timers go by (uvloop reads it anew each time), so that a simulated loop ends its deadlines in its own time.
        self._checked_s = self._loop.time()
        self._end_s = self._checked_s + self._left_s * MAX_STRETCH
        self._arm()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._timer.cancel()
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _arm(self) -> None:
        self._planned_s = min(self._left_s, CHECK_S)
        self._timer: asyncio.Handle = self._loop.call_later(self._planned_s, self._check)

    def _check(self) -> None:
        now = self._loop.time()
        passed_s = now - self._checked_s
        self._checked_s = now
        self._left_s -= passed_s if passed_s < self._planned_s + TOLERATED_S else self._planned_s
        # A timer may fire slightly early, and another one of less than a millisecond would fire at once.
        if self._left_s < TOLERATED_S / 10 or now >= self._end_s:
            self._last_turn(LAST_TURNS)
        else:
            self._arm()

    def _last_turn(self, turns: int) -> None:
        if turns:
            self._timer = self._loop.call_soon(self._last_turn, turns - 1)
        else:
            self._expired = True
            self._task.cancel()
