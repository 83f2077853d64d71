"""Gives every other task a turn between slices of long work.

Long work is a generator that yields after each short step; the names of functions that return one end in `_steps`. Run it with `in_slices`
(`in_turns` where several such works go on in one process), or with `run_through` where nothing else waits for the loop. A thread is no
better for pure Python: while it works, it holds the interpreter's lock as much as the loop would, and needs a copy of all that changes
meanwhile.
"""

import asyncio
import time
from collections.abc import Generator
from typing import Final, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")
# How long one piece of work may hold the event loop at a time. A message waits at most so much longer for its acknowledgement, and a
# device's answer to be read.
SLICE_S = 0.01
# For work whose steps take milliseconds each, as planning and normalising do: the loop gets a turn after every one of them.
EACH_STEP = 0.0


# Work that ends sooner does not keep others from a slice in the same turn.
SHORT_S: Final = SLICE_S / 10
# Whose slice it is: one lock per event loop, by the loop's id, for as long as somebody uses it. There is no object that all who work in
# slices share but the loop itself.
_TURNS: Final[WeakValueDictionary[int, asyncio.Lock]] = WeakValueDictionary()


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


async def in_turns(steps: Generator[None, None, T]) -> T:
    """See `in_slices`. Of all works on one loop that use this, only one has its slice in a turn of the loop: they take turns.

    For a collector, where figures, pages, problems and records are computed at the same time: five slices of 10 ms in each turn of its
    loop held it for 50 ms. Not for an agent: its turns are long with polls, and devices would be planned one after the other.
    """
    turns = _TURNS.setdefault(id(asyncio.get_running_loop()), asyncio.Lock())
    while True:
        async with turns:
            began_s = time.perf_counter()
            try:
                while True:
                    next(steps)
                    if time.perf_counter() - began_s >= SLICE_S:
                        break
            except StopIteration as end:
                if time.perf_counter() - began_s > SHORT_S:
                    await asyncio.sleep(0)
                result: T = end.value
                return result
            # With the lock, so that nobody else has a slice in this turn of the loop.
            await asyncio.sleep(0)


def run_through(steps: Generator[None, None, T]) -> T:
    """The result of work that comes in slices, without a pause between them."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
