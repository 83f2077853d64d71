"""Measures how late the event loop runs its timers, and how long one piece of work blocked it.

Everything in a process waits while its loop is blocked: polls start late, answers are read late, messages are acknowledged late. Without
this measurement, such lateness looks like slow devices or a slow broker.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# Short beside the 50 ms that nothing may block a loop for.
TICK_S: Final = 0.02
# Each timer wakes the process, which costs 0.02 to 0.07 ms: fifty a second were a tenth of what a small agent takes at rest. So a loop that
# has been calm ticks five times less often. Lateness meanwhile is reported by any task whose own timer fires late (`note`).
REST_TICK_S: Final = 0.1
# A tick is calm if the process computed less than this in it: nothing of its own can have blocked the loop for longer. Lateness that it did
# not compute is the machine's, and no reason to wake up more often on a machine that is busy already.
CALM_S: Final = 0.01
# Five seconds of calm: longer than what happens each second takes to come again.
CALM_TICKS: Final = 250
# Twice the usual interval of a scrape, so that each such time is seen by one.
WINDOW_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class LoopLag:
    """The worst of a span of time, seconds. `lag_s` is how late a due timer ran. `hold_s` is how much of that the process computed.

    The difference is the machine's: other processes had the processor, or the whole machine stood still.
    """

    lag_s: float = 0.0
    hold_s: float = 0.0


class LoopMeter:
    """Runs a timer on the loop between `start` and `stop`, and measures how late it is. The arguments are for tests."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.process_time,
        calm_ticks: int = CALM_TICKS,
    ) -> None:
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._timer: asyncio.TimerHandle | None = None
        self.tick_s = TICK_S
        """Seconds between two timers."""
        self._rests_after = calm_ticks
        self._calm_ticks = 0
        self._due_s = 0.0
        self._cpu_s = 0.0
        # The window before, and the present one: lag and hold of each.
        self._before = LoopLag()
        self._lag_s = self._hold_s = 0.0
        self._window_until_s = 0.0
        self.longest = LoopLag()
        """The worst since the start."""
        self.lag_s = 0.0
        """How late the last timer ran."""

    def start(self) -> None:
        """Begin to measure. Called on the loop."""
        self._calm_ticks = 0
        self._arm(self._clock(), self._cpu_clock())

    def stop(self) -> None:
        """End. What was measured can still be read."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def recent(self) -> LoopLag:
        """The worst of the last WINDOW_S to 2 x WINDOW_S, however often and by whomever it is asked for."""
        return LoopLag(max(self._before.lag_s, self._lag_s), max(self._before.hold_s, self._hold_s))

    def note(self, lag_s: float) -> None:
        """Note how late a timer of another part ran. Where there are timers anyway, such as those of polls, this measures at no cost."""
        if lag_s > CALM_S:
            hold_s = min(lag_s, self._cpu_clock() - self._cpu_s)
            if hold_s > CALM_S:
                self._calm_ticks = 0
            self._worst(lag_s, hold_s)

    def _arm(self, now_s: float, cpu_s: float) -> None:
        self.tick_s = TICK_S if self._calm_ticks < self._rests_after else REST_TICK_S
        self._due_s, self._cpu_s = now_s + self.tick_s, cpu_s
        self._timer = asyncio.get_running_loop().call_later(self.tick_s, self._tick)

    def _tick(self) -> None:
        now_s, cpu_s = self._clock(), self._cpu_clock()
        self.lag_s = lag_s = max(0.0, now_s - self._due_s)
        computed_s = cpu_s - self._cpu_s
        self._calm_ticks = self._calm_ticks + 1 if computed_s < CALM_S else 0
        if self._due_s >= self._window_until_s:
            self._before = LoopLag(self._lag_s, self._hold_s)
            self._lag_s = self._hold_s = 0.0
            self._window_until_s = self._due_s + WINDOW_S
        # What was computed since the timer was set is more than what held it, never less: it includes other short work before that, and
        # other threads, for which the loop may have waited.
        self._worst(lag_s, min(lag_s, computed_s))
        self._arm(now_s, cpu_s)

    def _worst(self, lag_s: float, hold_s: float) -> None:
        if lag_s > self._lag_s or hold_s > self._hold_s:
            self._lag_s, self._hold_s = max(lag_s, self._lag_s), max(hold_s, self._hold_s)
            self.longest = LoopLag(max(lag_s, self.longest.lag_s), max(hold_s, self.longest.hold_s))
