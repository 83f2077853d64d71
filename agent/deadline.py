"""Timeouts that count only the time in which a device was really silent, not delays by a late event loop or by others on its line.

`asyncio.timeout()` counts wall time. While other work blocks the loop, no answer can be read; once the loop is free again, the timer
fires first, although the answer is already in the socket. Such a timeout says nothing about the device. It costs a session and a failed
poll, and three of them cost a new opening of the device, which delays the loop even more.
"""

import asyncio
import math
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final, Self

# How often a deadline checks whether the loop is late. A device that answers in time is done before the first check; 300 silent devices
# cost 1,200 timers a second.
CHECK_S: Final = 0.25
# Timers are rounded to milliseconds, and any turn of a busy loop takes some. More than this counts as lateness of the agent.
TOLERATED_S: Final = 0.01
# Turns of the loop between the end of the time and the cancellation, so that an answer that is already in the socket still counts. In the
# first turn the loop may run timers before it polls sockets (libuv does), in the second it reads the answer, in the third the task that
# waits for the answer continues.
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
        "_timer",
        "loop",
        "seconds",
        "task",
    )

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        """The time after which it ends. Once it has ended: the limit that was reached."""
        self._left_s = seconds

    def __enter__(self) -> Self:
        # Before Python 3.12, finding the running loop costs a system call, in `current_task` as well. A request finds it in its poll.
        # `asyncio.to_thread` passes the poll on, so what it calls must run no loop of its own.
        poll = _CURRENT.get()
        self.loop: asyncio.AbstractEventLoop = poll.loop if poll is not None else asyncio.get_running_loop()
        task = asyncio.current_task(self.loop)
        if task is None:
            raise RuntimeError("a deadline needs a task to end")
        self.task = task
        """The one that it ends."""
        self._cancelling = task.cancelling()
        self._expired = False
        # The clock of the loop's timers, so that tests with a simulated clock work. (uvloop reads the clock at each call.)
        self._checked_s = self.loop.time()
        self._end_s = self._checked_s + self._left_s * MAX_STRETCH
        self._arm()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._timer.cancel()
        if self._expired and self.task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def restart(self) -> None:
        """Count the seconds from 0 again, because the device is not silent. In any case it ends after MAX_STRETCH times its seconds."""
        self._left_s = self.seconds + self.loop.time() - self._checked_s

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
            self.task.cancel()


class PollDeadline(Deadline):
    """The deadline of a poll: raises TimeoutError once the device was silent for `seconds`, and after `at_most_s` in any case.

    Each answer restarts the `seconds`, and time in which the device waits for its turn on a shared line does not count. So a device that
    answers, but takes longer than its interval, is polled late, and its overruns are counted. If instead the whole poll had to be done in
    0.9 of an interval, a card that takes 0.4 s for each of three requests would never give its alarms, which are polled every second, and
    a dozen units on one serial line would all be reported as down.
    """

    __slots__ = ("_at_most_s", "_before", "_began_s", "_considered_s", "heard_s", "is_opening", "is_waiting")

    def __init__(self, seconds: float, at_most_s: float, *, is_opening: bool = False) -> None:
        super().__init__(seconds)
        self._at_most_s = at_most_s
        self.is_opening = is_opening
        """Whether it is that of an opening: of many requests, each of which must be answered."""
        self.is_waiting = False
        """Whether the device waits for its turn."""

    def __enter__(self) -> Self:
        super().__enter__()
        # When the device last answered, by the loop's clock; and the answer up to which the remaining time was already extended.
        self.heard_s = self._considered_s = self._began_s = self._checked_s
        # Like MAX_STRETCH: the latest end, however late the loop is.
        self._end_s = max(self._end_s, self._began_s + self._at_most_s)
        self._before: Token[PollDeadline | None] = _CURRENT.set(self)
        return self

    @property
    def is_heard(self) -> bool:
        """Whether the device has answered since it began."""
        return self.heard_s > self._began_s

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
        # The poll goes on if one of its requests was answered during the last turns.
        if self.heard_s != self._considered_s and self.loop.time() < self._end_s:
            self._check()
        else:
            super()._last_turn(turns)


# The deadline of the poll that the current task makes. A context variable, because the clients, which see answers and turns, are several
# layers below the loop that sets the deadline, and one client may serve several devices.
_CURRENT: ContextVar[PollDeadline | None] = ContextVar("poll deadline", default=None)


def note_answer() -> None:
    """Tell the deadline of the current task's poll, if there is one, that the device has answered."""
    # Not a call of a method, to save time: this runs for each request.
    if (poll := _CURRENT.get()) is not None:
        poll.heard_s = poll.loop.time()


def allowed_silence_s() -> float:
    """For how long the device may be silent before the current task's poll fails; without end if there is no such poll."""
    poll = _CURRENT.get()
    return poll.seconds if poll is not None else math.inf


def is_opened_and_heard() -> bool:
    """Whether the current task opens a device that has answered meanwhile."""
    poll = _CURRENT.get()
    return poll is not None and poll.is_opening and poll.is_heard


@contextmanager
def waiting_for_turn() -> Generator[None, None, None]:
    """Tell that deadline, if there is one, that no request to the device is outstanding during the block."""
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
