"""What is known of an engine's boots and time, and whether a message lies within its time window (RFC 3414, 2.3 and 3.2). No I/O."""

from dataclasses import dataclass
from typing import Final

from agent.snmp.usm.message import MAX_INTEGER

WINDOW_S: Final = 150
"""How much older than expected an answer may be (RFC 3414, 2.2.3)."""
# RFC 3414 requires a device to count its boots. Some do not, or lose the count: after a restart their time seems to lie in the past for
# ever. If all authentic answers for this many seconds have such a time, it is believed. An attacker would have to suppress all real answers
# for that long, and to own a recorded message with the msgID of the present request, a random one of 2^31. Chosen: as long as the window.
BELIEVE_SETBACK_AFTER_S: Final = 150.0


@dataclass(slots=True)
class EngineClock:
    """One engine's boots and time, learnt from authentic messages alone. Times of our own are monotonic seconds."""

    boots: int
    time: int
    at: float
    set_back_since: float | None = None

    def accepts(self, boots: int, time: int, now: float) -> bool:
        """Whether an authentic message with these boots and time is no replay; if so, they are learnt when they are newer."""
        if self.boots == MAX_INTEGER:
            # RFC 3414, 2.2.2: the counter has reached its maximum, so restarts can no longer be distinguished. The engine has to be
            # given a new configuration.
            return False
        expected = self.time + (now - self.at)
        if boots < self.boots or (boots == self.boots and time < expected - WINDOW_S):
            if self.set_back_since is None:
                self.set_back_since = now
            if now - self.set_back_since < BELIEVE_SETBACK_AFTER_S:
                return False
            self.boots, self.time, self.at = boots, time, now
        elif (boots, time) > (self.boots, self.time):
            self.boots, self.time, self.at = boots, time, now
        self.set_back_since = None
        return True

    def is_timely(self, boots: int, time: int, now: float) -> bool:
        """Whether a message with these boots and time lies within the window, or is newer than all before. Nothing is learnt from it."""
        oldest = self.time + (now - self.at) - WINDOW_S
        return self.boots < MAX_INTEGER and (boots > self.boots or (boots == self.boots and time >= oldest))
