"""Waits for a condition until a deadline: returns the first true result, or raises `TimeoutError`."""

import asyncio
import os
import time
from collections.abc import Callable
from time import monotonic  # by name: tests that turn the clock of `time` must not turn this one
from typing import Final, TypeVar

from tests.budget import pressure, stalled_s

# How often a condition is checked: short compared with the usual wait, long compared with the cost of a check.
STEP_S = 0.02
PATIENCE_S = float(os.environ.get("RACKFLOW_PATIENCE_S", "60"))
"""Ends a test that fails; one that passes never waits so long, and a loaded machine can be ten times slower than a free one.

`make mutants` waits less: there most tests that wait are going to fail.
"""
MAX_STRETCH: Final = 1.0 if "RACKFLOW_PATIENCE_S" in os.environ else 5.0
"""How many times its seconds a wait takes at most where processes wait for a CPU. Chosen value: with 23 runnable processes on two CPUs,
60 s were too few for three tests of the demo, of which most time is spent in starting Python."""

Answer = TypeVar("Answer")


def pressed_s() -> float:
    """Seconds in which at least one process of this machine waited for a CPU; all of them where the kernel does not say so."""
    return stalled_s(pressure())


class Patience:
    """Ends after so many seconds in which no process waited for a CPU, and after MAX_STRETCH times as many by the clock in any case."""

    def __init__(
        self,
        seconds: float = PATIENCE_S,
        clock: Callable[[], float] = monotonic,
        pressed: Callable[[], float] = pressed_s,
    ) -> None:
        self._seconds, self._clock, self._pressed = seconds, clock, pressed
        self._began_s, self._pressed_s = clock(), pressed()

    @property
    def is_over(self) -> bool:
        """Whether to give up."""
        passed_s = self._clock() - self._began_s
        if passed_s <= self._seconds:
            return False
        free_s = passed_s - (self._pressed() - self._pressed_s)
        return free_s > self._seconds or passed_s > self._seconds * MAX_STRETCH


def wait_until(check: Callable[[], Answer], what: str, timeout_s: float = PATIENCE_S) -> Answer:
    """Ask until the answer is true. Blocks; in a coroutine use `eventually`."""
    patience = Patience(timeout_s)
    while not (answer := check()):
        if patience.is_over:
            msg = f"not within {timeout_s:g} s: {what}; last answer {answer!r}"
            raise TimeoutError(msg)
        time.sleep(STEP_S)
    return answer


async def eventually(check: Callable[[], Answer], what: str, timeout_s: float = PATIENCE_S) -> Answer:
    """Ask until the answer is true, each time in a thread, so that a peer served by this very loop can answer."""
    patience = Patience(timeout_s)
    while not (answer := await asyncio.to_thread(check)):
        if patience.is_over:
            msg = f"not within {timeout_s:g} s: {what}; last answer {answer!r}"
            raise TimeoutError(msg)
        await asyncio.sleep(STEP_S)
    return answer
