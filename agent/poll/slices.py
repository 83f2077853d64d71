"""Gives every other task a turn between slices of work whose amount is up to the device.

The pure parts (planning, normalising, deriving) are generators that yield after some milliseconds. A thread would not help: while it
works, it holds the interpreter's lock as much as the loop does.
"""

import asyncio
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


async def in_slices(work: Generator[None, None, T]) -> T:
    """The result of the work."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: T = done.value
            return result
        await asyncio.sleep(0)
