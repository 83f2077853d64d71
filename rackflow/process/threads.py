"""Runs blocking work in a thread, and waits for the work to end even when cancelled."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T], name: str) -> T:
    """Run `work` in a thread. A cancelled caller still waits until `work` has ended, and is cancelled then.

    A thread cannot be stopped. If the caller went on at once, it would close the file that the thread is writing.
    """
    task = asyncio.create_task(asyncio.to_thread(work), name=name)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
