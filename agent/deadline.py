"""Timeouts that do not blame a device for what is not its own silence: a late event loop, or others on its line.

`asyncio.timeout()` counts wall time. While other work blocks the loop, no answer can be read; once the loop is free again, the timer
fires first, although the answer is already in the socket. Such a timeout says nothing about the device. It costs a session and a failed
poll, and three of them cost a new opening of the device, which delays the loop even more.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar, Token
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

    __slots__ = (
        "_cancelling",
        "_checked_s",
        "_end_s",
        "_expired",
        "_left_s",
        "_planned_s",
        "_task",
        "_timer",
        "loop",
        "seconds",
    )

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        """After how long it ends; of a deadline that has ended, what ran out."""
        self._left_s = seconds

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task to end")
        self._task, self.loop = task, asyncio.get_running_loop()
        self._cancelling = task.cancelling()
        self._expired = False
        # The clock that timers go by (uvloop reads it anew each time), so that a simulated loop ends its deadlines in its own time.
        self._checked_s = self.loop.time()
        self._end_s = self._checked_s + self._left_s * MAX_STRETCH
        self._arm()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._timer.cancel()
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _arm(self) -> None:
        self._planned_s = min(self._left_s, CHECK_S)
        self._timer: asyncio.Handle = self.loop.call_later(self._planned_s, self._check)

    def _check(self) -> None:
        now = self.loop.time()
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
            self._timer = self.loop.call_soon(self._last_turn, turns - 1)
        else:
            self._expired = True
            self._task.cancel()


class PollDeadline(Deadline):
    """The deadline of a poll: raises TimeoutError once the device was silent for `seconds`, and after `at_most_s` in any case.

    Each answer begins the seconds anew, and the time in which the device waits for its turn on a line does not count. So a device that
    answers, but not within its interval, is polled late and its overruns are counted. If the whole poll had to be done in 0.9 of an
    interval, a card that takes 0.4 s for each of three requests would never give its alarms, which are polled every second, and a dozen
    units on one serial line would all be reported as down.
    """

    __slots__ = ("_at_most_s", "_before", "_began_s", "_considered_s", "heard_s", "is_waiting")

    def __init__(self, seconds: float, at_most_s: float) -> None:
        super().__init__(seconds)
        self._at_most_s = at_most_s
        self.is_waiting = False
        """Whether the device waits for its turn."""

    def __enter__(self) -> Self:
        super().__enter__()
        # When the device was last heard, by the loop's clock; and up to which such moment that has been considered.
        self.heard_s = self._considered_s = self._began_s = self._checked_s
        # However late the loop is, as for each deadline.
        self._end_s = max(self._end_s, self._began_s + self._at_most_s)
        self._before: Token[PollDeadline | None] = _CURRENT.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _CURRENT.reset(self._before)
        super().__exit__(kind, error, trace)

    def _check(self) -> None:
        heard_s = self.loop.time() if self.is_waiting else self.heard_s
        if heard_s != self._considered_s:
            left_s = self._began_s + self._at_most_s - heard_s
            if left_s < self.seconds:
                self.seconds, self._left_s = self._at_most_s, left_s
            else:
                self._left_s = self.seconds
            self._checked_s = self._considered_s = heard_s
        super()._check()

    def _last_turn(self, turns: int) -> None:
        # In the last turns an answer may have come to one request of several.
        if self.heard_s != self._considered_s and self.loop.time() < self._end_s:
            self._check()
        else:
            super()._last_turn(turns)


# The poll that a task makes. A context variable, because the clients that know of answers and turns lie several layers below the loop that
# sets the deadline, and a client may serve several devices.
_CURRENT: ContextVar[PollDeadline | None] = ContextVar("poll deadline", default=None)


def note_answer() -> None:
    """Tell the deadline of the poll that the current task makes, if there is one, that the device has answered."""
    # Done here and not in a method: this is called for each request.
    if (poll := _CURRENT.get()) is not None:
        poll.heard_s = poll.loop.time()


@contextmanager
def waiting_for_turn() -> Generator[None, None, None]:
    """Tell that deadline, if there is one, that nothing is asked of the device during the block."""
    poll = _CURRENT.get()
    if poll is None:
        yield
        return
    poll.is_waiting = True
    try:
        yield
    finally:
        poll.is_waiting = False
        note_answer()
