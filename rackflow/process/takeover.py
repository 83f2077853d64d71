"""Notices that another client uses the same client id: a broker then ends the older connection whenever the other one connects.

MQTT 5 has a reason code for it (0x8E). mosquitto 2.0.11 just hangs up, so that is inferred: the connection works each time, and the
broker ends it again and again without a reason. Pure; times are arguments, in monotonic seconds.
"""

from collections import deque
from typing import Final

# Reason code of DISCONNECT (MQTT 5, 3.14.2.1).
SESSION_TAKEN_OVER: Final = 0x8E
# How many connections must end like this, within which time, before another client is named. A broker that restarts refuses
# connections in between, which starts the count anew. Two clients whose first pauses are 0.5, 1 and 2 s reach it within seconds.
HANGUPS: Final = 3
WITHIN_S: Final = 30.0
# Range of the pause after it was noticed. With short pauses the two throw each other out for ever, and neither works; so the other one
# works for a while. Chosen values.
PAUSE_S: Final = (10.0, 30.0)


class Takeovers:
    """Counts ended connections of one client id."""

    def __init__(self) -> None:
        self._hangups: deque[float] = deque(maxlen=HANGUPS)

    def ended(self, ended_by: int | None, *, worked: bool, now_s: float) -> bool:
        """A connection ended, or could not be opened (`worked` False). Returns whether another client has taken its place.

        `ended_by` is the reason code in the broker's DISCONNECT, None without one.
        """
        if ended_by == SESSION_TAKEN_OVER:
            return True
        if not worked or ended_by is not None:
            self._hangups.clear()
            return False
        self._hangups.append(now_s)
        return len(self._hangups) == HANGUPS and now_s - self._hangups[0] <= WITHIN_S


def takeover_advice(client_id: str) -> str:
    """What to tell a person."""
    return f"another client uses the client id {client_id}: stop it, or give one of the two another name"
