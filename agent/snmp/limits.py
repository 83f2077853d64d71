"""How many objects or rows a device is asked for at once. No I/O.

A device shows its limit by refusing what is larger, or by being silent. But it also refuses or is silent because it was overloaded for a
moment, because datagrams were lost, or because of a firmware that it no longer has. Believed for ever, one such moment after another would
leave a device with one row per request, and then its tables cannot be walked in the time for opening it.
"""

import math
import time
from collections.abc import Callable
from typing import Final

# How long a limit is believed before twice as much is asked for again: as long as a plan. Where that is refused again, it is believed
# twice as long, up to LONGEST_BELIEVED_S: a card that drops what is too large for it costs a wait of some seconds each time. Chosen values.
BELIEVED_S: Final = 3600.0
LONGEST_BELIEVED_S: Final = 86_400.0


class Limit:
    """A limit of one device; `most` is the configured one. `clock` gives monotonic seconds."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = most
        self._most = most
        self._clock = clock
        self._believed_s = BELIEVED_S
        self._believed_until_s = self._raised_at_s = -math.inf

    def lower(self, limit: int) -> None:
        """The device cannot answer for more than this."""
        now_s = self._clock()
        # Once for all that one request shows: each of its refused halves may lower the limit.
        if self._believed_until_s <= now_s:
            is_known = now_s - self._raised_at_s < BELIEVED_S
            self._believed_s = min(2 * self._believed_s, LONGEST_BELIEVED_S) if is_known else BELIEVED_S
        self.now, self._believed_until_s = limit, now_s + self._believed_s

    def raise_if_due(self) -> None:
        """Before a request: ask for twice as much if the limit is no longer believed, and again before the next, until it is lowered."""
        if self.now < self._most and (now_s := self._clock()) >= self._believed_until_s:
            self.now, self._raised_at_s = min(2 * self.now, self._most), now_s
