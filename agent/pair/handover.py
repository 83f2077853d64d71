"""Decides when the agent that holds the lease hands it to the other one, because it cannot publish what it polls. Pure.

Renewing the lease may still work, because that uses another connection, often with another account. An access rule, a password or a
certificate of this machine alone may keep all readings from the collectors, while the other machine could publish them.
"""

from typing import Final

# Hand over after the broker has accepted none of the waiting messages for this long. Longer than the longest pause between two attempts to
# connect (agent/publish/pauses.py), so that a restart of the broker causes no handover. Chosen value.
HAND_OVER_S: Final = 60.0
# If neither side can publish, they hand over to each other again and again, and each time costs the polls of some seconds. So the time
# doubles with each handover, up to this.
MAX_HAND_OVER_S: Final = 16 * HAND_OVER_S


class HandOver:
    """Decides when to hand over. `is_due` is called about once a second while this side holds the lease."""

    def __init__(self, after_s: float = HAND_OVER_S) -> None:
        self._first_s = self._after_s = after_s

    def is_due(self, taken: int, stuck_s: float) -> bool:
        """Whether to hand over now. Each handover doubles the time until the next one, unless a message is published in between.

        Args:
            taken: how many messages the broker has accepted since this side holds the lease.
            stuck_s: for how long it has accepted none of those that wait, while the lease was confirmed.
        """
        if taken:
            self._after_s = self._first_s
        if stuck_s < self._after_s:
            return False
        self._after_s = min(2 * self._after_s, self._first_s * MAX_HAND_OVER_S / HAND_OVER_S)
        return True
