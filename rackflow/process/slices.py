"""Gives every other task a turn between slices of long work.

Long work is a generator that yields after each short step; the names of functions that return one end in `_steps`. Run it with `in_slices`,
or with `run_through` where nothing else waits for the loop. A thread is no better for pure Python: while it works, it holds the
interpreter's lock as much as the loop would, and needs a copy of all that changes meanwhile.
"""

import asyncio
import time
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
# How long one piece of work may hold the event loop at a time. A message waits at most so much longer for its acknowledgement, and a
# device's answer to be read.
SLICE_S = 0.01
# For work whose steps take milliseconds each, as planning and normalising do: the loop gets a turn after every one of them.
EACH_STEP = 0.0


async def in_slices(steps: Generator[None, None, T], slice_s: float = SLICE_S) -> T:
    """Run a generator to its end, and let the loop do other work after each `slice_s`."""
    until = time.perf_counter() + slice_s
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        if time.perf_counter() >= until:
            await asyncio.sleep(0)
            until = time.perf_counter() + slice_s


def run_through(steps: Generator[None, None, T]) -> T:
    """The result of work that comes in slices, without a pause between them."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
