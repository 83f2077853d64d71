"""The order in which messages leave an outbox: live ones first, the backlog behind them at a bounded rate.

After an outage of hours, operators need current readings first. The bound also protects broker and collector: when a site's network
comes back, every agent there starts on its backlog in the same second.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable

from rackflow.outbox.seam import Message

# Most live messages that wait in memory; more than any agent sends in a second. Beyond it the oldest become backlog: they are read from
# disk again when their turn comes, which bounds memory, and newer readings leave before them.
MAX_LIVE = 2048


class TokenBucket:
    """A token bucket: `per_s` tokens a second, which may change. `now_s` is any steady clock.

    At most a tenth of a second's tokens are saved up: enough for a task that wakes late, too little for a burst.
    """

    def __init__(self, per_s: float) -> None:
        self.per_s = per_s
        self._tokens = self._most
        self._at_s = float("-inf")

    @property
    def _most(self) -> float:
        return max(1.0, self.per_s / 10)

    def take(self, now_s: float) -> float:
        """Take a token and return 0, or return the seconds until there will be one."""
        self._tokens = min(self._most, self._tokens + max(0.0, now_s - self._at_s) * self.per_s)
        self._at_s = now_s
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self.per_s

    def give_back(self) -> None:
        """Return a token that was not used."""
        self._tokens = min(self._most, self._tokens + 1)


class Lanes:
    """Waiting messages (live or backlog) and messages in flight. `on_backlog_empty` is called when the backlog lane runs empty.

    `backlog_per_s` returns how many messages of the backlog may leave per second at present.
    """

    def __init__(self, backlog_per_s: Callable[[], float], on_backlog_empty: Callable[[], None]) -> None:
        self.live: OrderedDict[int, Message] = OrderedDict()
        self.backlog: OrderedDict[int, Message] = OrderedDict()
        self.in_flight: OrderedDict[int, Message] = OrderedDict()
        self._request_backlog = on_backlog_empty
        self._backlog_per_s = backlog_per_s
        self._bucket = TokenBucket(backlog_per_s())
        self._changed = asyncio.Event()

    def push(self, message: Message) -> Message | None:
        """Add a live message. If there are too many, remove and return the oldest one, which is backlog now."""
        self.live[message.key] = message
        self._changed.set()
        return self.live.popitem(last=False)[1] if len(self.live) > MAX_LIVE else None

    def clear(self) -> list[Message]:
        """Empty all three; returns their messages, by key."""
        found = {**self.in_flight, **self.backlog, **self.live}
        for lane in (self.in_flight, self.backlog, self.live):
            lane.clear()
        return [found[key] for key in sorted(found)]

    def hold(self, key: int) -> Message | None:
        """Remove a message in flight that will not be sent now, and return it. It does not count towards the rate."""
        if (message := self.in_flight.pop(key, None)) is not None:
            self._bucket.give_back()
        return message

    def put_first(self, messages: Iterable[Message]) -> None:
        """Make these messages the first of the backlog, in their order."""
        for message in reversed(list(messages)):
            self.backlog[message.key] = message
            self.backlog.move_to_end(message.key, last=False)
        self._changed.set()

    def wake(self) -> None:
        """Make `take` check the lanes again."""
        self._changed.set()

    async def take(self) -> Message:
        """See `Outbox.take`."""
        while True:
            # Cleared before checking the lanes: a message added after the check sets the event again.
            self._changed.clear()
            pause_s: float | None = None
            lane = self.live
            if not lane and self.backlog:
                self._bucket.per_s = self._backlog_per_s()
                pause_s = self._bucket.take(asyncio.get_running_loop().time())
                lane = self.backlog if pause_s == 0 else lane
            if lane:
                key, message = lane.popitem(last=False)
                self.in_flight[key] = message
                if not self.backlog:
                    self._request_backlog()
                return message
            try:
                async with asyncio.timeout(pause_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def drop(self, key: int) -> None:
        """Remove a message from whichever lane holds it, if any."""
        for lane in (self.in_flight, self.live, self.backlog):
            lane.pop(key, None)

    def drop_between(self, first: int, last: int) -> None:
        """Remove the messages from key `first` to `last`, both included."""
        for lane in (self.in_flight, self.live, self.backlog):
            if lane:
                keys = range(first, last + 1) if last - first < len(lane) else list(lane)
                for key in keys:
                    if first <= key <= last:
                        lane.pop(key, None)

    def __contains__(self, key: int) -> bool:
        return key in self.in_flight or key in self.live or key in self.backlog
