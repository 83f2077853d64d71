"""A timeout that counts only time in which this process runs: after a standstill, answers that came meanwhile are still read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

# The timeout is counted in slices by timers of the loop. A standstill of any length (a starved or suspended machine) uses up one of them,
# and the loop reads what came meanwhile before the next one ends. Chosen value.
SLICE_S: Final = 0.25


@contextlib.asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Like `asyncio.timeout`: raises TimeoutError after `seconds`. Of these, each standstill of the process uses up SLICE_S at most.

    So the block may last longer by the standstills. Only for work that nobody needs within a bounded time, such as a check by `doctor`.
    """
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def tick(left_s: float) -> None:
        nonlocal timer
        if left_s <= 0.0:
            # It ends the block in the next turn of the loop, which looks at the sockets first.
            limit.reschedule(loop.time())
        else:
            timer = loop.call_later(min(left_s, SLICE_S), tick, left_s - SLICE_S)

    async with asyncio.timeout(None) as limit:
        timer = loop.call_later(min(seconds, SLICE_S), tick, seconds - SLICE_S)
        try:
            yield
        finally:
            timer.cancel()
