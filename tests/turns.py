"""Counts the CPU seconds of each turn of the event loop: what held it, however busy the machine is."""

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass
class Turns:
    """CPU seconds of this thread that each turn of the loop took."""

    cpu_s: list[float] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def counted(self) -> AsyncIterator["Turns"]:
        async def count() -> None:
            before = time.thread_time()
            while True:
                await asyncio.sleep(0)
                now = time.thread_time()
                self.cpu_s.append(now - before)
                before = now

        # A collection of garbage takes as long as this process is large, and belongs to no slice.
        gc.disable()
        task = asyncio.ensure_future(count())
        await asyncio.sleep(0)
        try:
            yield self
        finally:
            gc.enable()
            task.cancel()
            await asyncio.wait([task])
