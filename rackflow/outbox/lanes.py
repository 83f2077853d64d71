"""The order in which messages leave an outbox: live ones first, the backlog behind them at a bounded rate.

The bound keeps an agent that comes back after hours from filling its connection with old readings while new ones wait.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from rackflow.outbox.seam import Message

MOST_LIVE = 2048
"""More than a second's worth for any agent, and what waits longer than that is no longer live."""


class Pace:
    """A token bucket: `per_s` tokens a second, at most a tenth of a second's worth saved up. `now_s` is any steady clock."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._most = max(1.0, per_s / 10)
        self._tokens = self._most
        self._at_s = float("-inf")

    def take(self, now_s: float) -> float:
        """0 when a token was there and is gone now; else the seconds until there will be one."""
        self._tokens = min(self._most, self._tokens + max(0.0, now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._per_s


class Lanes:
    """Messages that wait, in two lanes, and those in flight. `ask` is called when the backlog lane runs empty."""

    def __init__(self, backlog_per_s: float, ask: Callable[[], None]) -> None:
        self.live: OrderedDict[int, Message] = OrderedDict()
        self.backlog: OrderedDict[int, Message] = OrderedDict()
        self.in_flight: OrderedDict[int, Message] = OrderedDict()
        self._ask = ask
        self._pace = Pace(backlog_per_s)
        self._changed = asyncio.Event()

    def push(self, message: Message) -> Message | None:
        """One more that is live. Returns the oldest live one where there are too many: it belongs to the backlog."""
        self.live[message.key] = message
        self._changed.set()
        return self.live.popitem(last=False)[1] if len(self.live) > MOST_LIVE else None

    def clear(self) -> list[Message]:
        """Let go of all three; returns what they held, by key."""
        held = {**self.in_flight, **self.backlog, **self.live}
        for lane in (self.in_flight, self.backlog, self.live):
            lane.clear()
        return [held[key] for key in sorted(held)]

    def wake(self) -> None:
        """There may be something to take."""
        self._changed.set()

    async def take(self) -> Message:
        """See `Outbox.take`."""
        clock = asyncio.get_running_loop().time
        while True:
            self._changed.clear()
            pause_s: float | None = None
            lane = self.live
            if not lane and self.backlog:
                pause_s = self._pace.take(clock())
                lane = self.backlog if pause_s == 0 else lane
            if lane:
                key, message = lane.popitem(last=False)
                self.in_flight[key] = message
                if not self.backlog:
                    self._ask()
                return message
            try:
                async with asyncio.timeout(pause_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def drop(self, key: int) -> Message | None:
        """Take a message out of whichever lane holds it."""
        for lane in (self.in_flight, self.live, self.backlog):
            if (message := lane.pop(key, None)) is not None:
                return message
        return None

    def __contains__(self, key: int) -> bool:
        return key in self.in_flight or key in self.live or key in self.backlog
