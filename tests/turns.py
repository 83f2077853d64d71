"""Counts the function calls of each turn of the event loop: how long it was held, whatever the machine does beside.

Seconds, of the CPU too, become two and three times as many on a machine that is shared; calls do not. What this does not see is a single
long call of a function in C. `make campus` measures holds in seconds.
"""

import asyncio
import contextlib
import gc
import itertools
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from cProfile import Profile
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import TraceFunction

# 50 ms at 0.3 us each, Python's and C's together: measured while figures of a large site are derived. A slice of 10 ms has up to 32,000 of
# them on a machine that is three times as fast, so half of this is the least that a test of slices may allow.
CALLS_OF_50_MS = 150_000


@contextlib.contextmanager
def counting_calls() -> Iterator[Callable[[], int]]:
    """Gives a function that tells how many calls this thread has made so far."""
    # A profiler asks its clock at the beginning and at the end of each call; this clock counts how often.
    clock = itertools.count().__next__
    profile = Profile(clock, 1.0)
    # A collection of garbage would call the finalizers of what others left behind.
    gc.collect()
    gc.disable()
    profile.enable()
    try:
        yield lambda: clock() // 2
    finally:
        profile.disable()
        gc.enable()


def lines_run(work: Callable[[], object]) -> int:
    """Lines of Python that this thread runs in `work`: its cost, also that of loops that call nothing."""
    lines = itertools.count()

    def trace(_frame: FrameType, event: str, _argument: object) -> "TraceFunction":
        if event == "line":
            next(lines)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return next(lines)


@dataclass
class Turns:
    """Calls in this thread during each turn of the loop."""

    calls: list[int] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def counted(self) -> AsyncIterator["Turns"]:
        """Counts until the block ends."""
        with counting_calls() as calls:

            async def count() -> None:
                before = calls()
                while True:
                    await asyncio.sleep(0)
                    now = calls()
                    self.calls.append(now - before)
                    before = now

            task = asyncio.ensure_future(count())
            await asyncio.sleep(0)
            try:
                yield self
            finally:
                task.cancel()
                await asyncio.wait([task])
