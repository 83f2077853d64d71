"""Measures how late the event loop runs what is due, and how long one piece of work held it.

Everything in a process waits while its loop is held: polls start late, answers are read late, messages are acknowledged late. Without
this measurement, such lateness looks like slow devices or a slow broker.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# Short beside the 50 ms that nothing may hold a loop for, and 50 timers a second cost less than 0.1 % of a core.
TICK_S: Final = 0.02
# Twice the usual interval of a scrape, so that each hold is seen by one.
WINDOW_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class LoopLag:
    """The worst of a span of time, seconds. `lag_s` is how late a due timer ran. `hold_s` is how much of that the process computed.

    The difference is the machine's: other processes had the processor, or the whole machine stood still.
    """

    lag_s: float = 0.0
    hold_s: float = 0.0


class LoopMeter:
    """Runs a timer on the loop between `start` and `stop`, and measures how late it is. The clocks are for tests."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, cpu_clock: Callable[[], float] = time.process_time
    ) -> None:
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._cpu_s = 0.0
        self._windows = (LoopLag(), LoopLag())
        self._window_until_s = 0.0
        self.longest = LoopLag()
        """The worst since the start."""
        self.lag_s = 0.0
        """How late the last timer ran."""

    def start(self) -> None:
        """Begin to measure. Called on the loop."""
        self._arm()

    def stop(self) -> None:
        """End. What was measured can still be read."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def recent(self) -> LoopLag:
        """The worst of the last WINDOW_S to 2 x WINDOW_S, however often and by whomever it is asked for."""
        return _worse(*self._windows)

    def _arm(self) -> None:
        self._due_s, self._cpu_s = self._clock() + TICK_S, self._cpu_clock()
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self.lag_s = lag_s = max(0.0, self._clock() - self._due_s)
        # What was computed since the timer was set is more than what held it, never less: it includes other short work before that, and
        # other threads, for which the loop may have waited.
        hold_s = min(lag_s, self._cpu_clock() - self._cpu_s)
        now = LoopLag(lag_s, hold_s)
        self.longest = _worse(self.longest, now)
        if self._due_s >= self._window_until_s:
            self._windows = (self._windows[1], now)
            self._window_until_s = self._due_s + WINDOW_S
        else:
            self._windows = (self._windows[0], _worse(self._windows[1], now))
        self._arm()


def _worse(one: LoopLag, other: LoopLag) -> LoopLag:
    return LoopLag(max(one.lag_s, other.lag_s), max(one.hold_s, other.hold_s))
