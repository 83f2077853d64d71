"""An event loop with a simulated clock: sockets are real, but when all tasks only wait for timers, the clock leaps to the next timer."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Final, TypeVar

T = TypeVar("T")
GRACE_S: Final = 0.02
"""Seconds of real time that an answer on loopback may take before it counts as missing."""


class Leaping(selectors.DefaultSelector):
    """Reports ready sockets. If there are none, the clock leaps to the next timer instead of waiting for it."""

    def __init__(self, begins_s: float) -> None:
        super().__init__()
        self.now_s = begins_s
        self.asked: Callable[[], bool] = lambda: False
        """Whether a request is waiting for its answer."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See `selectors.BaseSelector.select`. Devices are in this process: what is not here at once will not come."""
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None or self.asked():
            events = super().select(timeout if timeout is None else min(timeout, GRACE_S))
        if not events and timeout:
            self.now_s += timeout
        return events


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop with this clock."""

    def __init__(self, leaping: Leaping) -> None:
        self.leaping = leaping
        super().__init__(leaping)

    def time(self) -> float:
        """Seconds of the leaping clock."""
        return self.leaping.now_s


def run_leaping(work: Coroutine[object, object, T], begins_s: float = 0.0) -> T:
    """Run a coroutine to its end on a new loop whose clock starts at `begins_s`."""
    with asyncio.Runner(loop_factory=lambda: LeapingLoop(Leaping(begins_s))) as runner:
        return runner.run(work)
