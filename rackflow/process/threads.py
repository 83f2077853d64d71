"""Runs work that blocks in a thread, and waits for its end even when cancelled."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T], name: str) -> T:
    """A thread cannot be stopped: who is cancelled waits for its end, so that nobody closes a file under it."""
    task = asyncio.create_task(asyncio.to_thread(work), name=name)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
