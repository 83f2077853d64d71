"""Limits how many devices are opened at the same time, to what the event loop can take.

Opening a device costs as much as a hundred polls: it is recognised, its tables are walked, its polls are planned. If thousands are
opened at once, after a start or the return of a network, the loop is late for all of them and for the devices that are polled already.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

# How many devices may be opened at the same time: at least, at the start, and at most. Each adds 0.1 to 0.3 ms to a turn of the loop. 8 are
# always acceptable. More are allowed while the loop is on time, because an opening mostly waits for answers. Chosen values.
MIN_PLACES: Final = 8
FIRST_PLACES: Final = 16
MAX_PLACES: Final = 64
# Lateness of the loop above which fewer devices are opened at a time, and below which more. A fifth of the 50 ms that nothing may hold a
# loop for, and the usual lateness of a loop that polls 3,000 devices.
LATE_S: Final = 0.01
ON_TIME_S: Final = 0.005
# A device that takes longer to open is waiting for answers and not for the agent, so its place is given to the next one. Without this, 64
# silent or very slow devices would keep all others from being opened. On a site's network a device can be opened in less than this. With
# 1 s, 750 silent devices of 5,000 delayed the others by 12 s at best, and by minutes when the loop was busy.
PLACE_S: Final = 0.25


class OpeningPace:
    """Places for devices that are being opened, given first come, first served. `lag_s` gives the present lateness of the loop."""

    def __init__(self, lag_s: Callable[[], float] = lambda: 0.0) -> None:
        self._lag_s = lag_s
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.limit = float(FIRST_PLACES)
        """How many places there are at present. It grows by fractions, of which only the whole part counts."""
        self.taken = 0

    @property
    def waiting(self) -> int:
        """Devices that wait for a place."""
        return sum(not each.done() for each in self._waiting)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it during the block, but at most for PLACE_S."""
        loop = asyncio.get_running_loop()
        if self.taken >= int(self.limit) or self._waiting:
            turn = loop.create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                # This task may have been given the place just when it was cancelled.
                if turn.done() and not turn.cancelled():
                    self._leave()
                raise
        else:
            self.taken += 1
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                self._leave()

        timer = loop.call_later(PLACE_S, leave)
        try:
            yield
        finally:
            timer.cancel()
            leave()

    def _leave(self) -> None:
        self.taken -= 1
        lag_s = self._lag_s()
        if lag_s > LATE_S:
            # Reduced by an eighth for each device opened while the loop is late: after eight of them a third is left.
            self.limit = max(MIN_PLACES, self.limit * 7 / 8)
        elif lag_s < ON_TIME_S:
            self.limit = min(MAX_PLACES, self.limit + 0.25)
        while self._waiting and self.taken < int(self.limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self.taken += 1
                turn.set_result(None)
