"""Who holds the lease: decided from what was heard and when. Pure.

A broker delivers the messages of one topic to all subscribers in one order, and to who sent them, too. So of two claims made at the same
time everybody hears the same one last, and that one holds.
"""

from dataclasses import dataclass
from typing import Final, Literal

# How long a claim waits for another one before it counts: longer than a claim takes through the broker and back. Chosen value.
SETTLE_S: Final = 1.0
RENEW_S: Final = 1.0
"""How often the holder renews its lease."""

State = Literal["standby", "claiming", "holding"]


@dataclass(slots=True)
class Lease:
    """One side's view. Times are monotonic seconds of this machine; `me` is a name that no other process has.

    `expires_s` is for how long a silent holder keeps the lease.
    """

    me: str
    expires_s: float
    state: State = "standby"
    holder: str = ""
    """Whose word was heard last; empty if nobody's, or if the holder has given the lease back."""
    heard_s: float = float("-inf")
    """When the last word of a holder was heard, or the connection was opened: nobody has been silent before that."""
    claimed_s: float = 0.0
    is_claim_heard: bool = False
    confirmed_s: float = float("-inf")
    """When this side last heard its own word."""
    quiet_until_s: float = float("-inf")
    """Until when a holder that has been away says nothing, so that it hears whether there is another one by now."""

    def connected(self, now_s: float) -> None:
        """A connection has been opened. Whoever holds the lease gets the whole time to show itself."""
        self.heard_s, self.quiet_until_s = now_s, now_s + 2 * RENEW_S
        if self.state == "claiming":
            self.state = "standby"

    def heard(self, holder: str, now_s: float, *, is_retained: bool = False) -> None:
        """A word of `holder` has come, an empty one if the lease was given back. Retained ones say who held it, not that it is alive."""
        if not is_retained or holder != self.holder:
            self.heard_s = now_s
        self.holder = holder
        if not holder:
            self.heard_s = float("-inf")
        elif holder == self.me:
            self.is_claim_heard = True
            self.confirmed_s = self.confirmed_s if is_retained else now_s
            # The broker's last word is ours, so nobody else has claimed it.
            self.quiet_until_s = float("-inf")
        elif self.state != "claiming" or self.is_claim_heard:
            # What was said before one's own claim reached the broker is overruled by the claim.
            self.state = "standby"

    def due(self, now_s: float) -> bool:
        """Whether a word of this side should be sent now: a claim of a free lease, or the renewal of one that is held."""
        match self.state:
            case "standby":
                is_free = now_s - self.heard_s >= self.expires_s
                if is_free:
                    self.state, self.claimed_s, self.is_claim_heard = "claiming", now_s, False
                return is_free
            case "claiming":
                if now_s - self.claimed_s >= SETTLE_S and self.holder == self.me:
                    self.state = "holding"
                return self.state == "holding"
        return now_s >= self.quiet_until_s

    def is_confirmed(self, since_s: float) -> bool:
        """Whether this side holds the lease, and has heard so itself after `since_s`."""
        return self.state == "holding" and self.holder == self.me and self.confirmed_s > since_s
