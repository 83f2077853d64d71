"""Notices that another client uses the same client id: a broker then ends the older connection whenever the other one connects.

MQTT 5 has a reason code for it (0x8E). mosquitto 2.0.11 just hangs up, so that is inferred: the connection works each time, and the
broker ends it again and again without a reason. Pure; times are arguments, in monotonic seconds.
"""

from collections import deque
from datetime import UTC, datetime
from typing import Final

# Reason code of DISCONNECT (MQTT 5, 3.14.2.1).
SESSION_TAKEN_OVER: Final = 0x8E
# Range of the pause after it was noticed. With short pauses the two throw each other out for ever, and neither works; so the other one
# works for a while. Chosen values.
PAUSE_S: Final = (10.0, 30.0)
# How many connections must end like this, within which time, before another client is named. A broker that restarts refuses
# connections in between, which sets the count back to 0. Two clients whose first pauses are 0.5, 1 and 2 s reach it within seconds. The
# time holds three ends with two of the longest pauses between them: if one of the two notices first, the other one is thrown out only
# as often as the first one comes back, and would otherwise never notice. Once noticed, each end within this time counts, because the
# first connection after a pause lasts as long as the other one's pause.
HANGUPS: Final = 3
WITHIN_S: Final = 2 * PAUSE_S[1] + 15.0


class Takeovers:
    """Counts ended connections of one client id."""

    def __init__(self) -> None:
        self._hangups: deque[float] = deque(maxlen=HANGUPS)
        self._noticed_s: float | None = None  # None: no other client is known of

    def ended(self, ended_by: int | None, *, worked: bool, now_s: float) -> bool:
        """A connection ended, or could not be opened (`worked` False). Returns whether another client has taken its place.

        `ended_by` is the reason code in the broker's DISCONNECT, None without one.
        """
        if ended_by == SESSION_TAKEN_OVER:
            return True
        if not worked or ended_by is not None:
            self._hangups.clear()
            self._noticed_s = None
            return False
        self._hangups.append(now_s)
        is_still_there = self._noticed_s is not None and now_s - self._noticed_s <= WITHIN_S
        if not is_still_there and (len(self._hangups) < HANGUPS or now_s - self._hangups[0] > WITHIN_S):
            return False
        self._noticed_s = now_s
        return True


def takeover_advice(client_id: str) -> str:
    """What to tell a person."""
    return f"another client uses the client id {client_id}: stop it, or give one of the two another name"


def host_and_start(hostname: str, started_ms: int) -> str:
    """Which process it is, for a person: with two on one host, only the time of their start tells which is which."""
    host = hostname or "?"
    if not started_ms:
        return host
    return f"{host} (started {datetime.fromtimestamp(started_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ})"
