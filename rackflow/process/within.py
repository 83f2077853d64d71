"""A timeout for answers that a process may read late because it did not run: it counts only time in which an answer could be read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

# A machine that is starved or was suspended costs one of these, and what came meanwhile is read in the next. Chosen value.
SLICE_S: Final = 0.25


@contextlib.asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Raises TimeoutError after `seconds`, like `asyncio.timeout`, of which a standstill of this process takes SLICE_S at most.

    Only for work that nobody waits for in a bounded time, such as a check that a person has asked for: it ends late by as much.
    """
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def tick(left_s: float) -> None:
        nonlocal timer
        if left_s <= 0.0:
            # The limit ends the work in the next turn, and the sockets are looked at before.
            limit.reschedule(loop.time())
        else:
            timer = loop.call_later(min(left_s, SLICE_S), tick, left_s - SLICE_S)

    async with asyncio.timeout(None) as limit:
        timer = loop.call_later(min(seconds, SLICE_S), tick, seconds - SLICE_S)
        try:
            yield
        finally:
            timer.cancel()
