"""Who holds the lease: decided from what was heard and when. Pure.

A broker delivers the messages of one topic to all subscribers in one order, and to who sent them, too. So of two claims made at the same
time everybody hears the same one last, and that one holds.

A side says each second that it is there: the holder with a renewal, the other one with a word that it stands by. Only who hears its own
words claims. A side that may write but not read would otherwise end the holder's lease again and again, and never learn that it has it.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

# How long a claim waits for another one before it counts: longer than a claim takes through the broker and back. Chosen value.
SETTLE_S: Final = 1.0
RENEW_S: Final = 1.0
"""How often the holder renews its lease, and the other side says that it stands by."""
# After so long without hearing its own words a side counts as deaf, and another standby as gone: three were lost. Also how long a claim is
# waited for; then it was refused or lost.
HEARD_WITHIN_S: Final = 3 * RENEW_S + 0.5
# Own words remembered, to know those of another process of the same name: a copy of a virtual machine made while it ran. More than a
# connection can have on its way.
SAID_COUNT: Final = 256
# Processes that stand by and are counted. More are somebody's mistake or mischief, and say nothing more.
MAX_STANDBYS: Final = 8

State = Literal["standby", "claiming", "holding"]


@dataclass(slots=True)
class Lease:
    """One side's view. Times are seconds of one clock of this machine; `me` is a name that no other process has.

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
    """When this side last heard its own word as the holder."""
    echoed_s: float = float("-inf")
    """When this side last heard any word of its own on this connection."""
    opened_s: float = float("-inf")
    quiet_until_s: float = float("-inf")
    """Until when a holder that has been away says nothing, so that it hears whether there is another one by now."""
    _standbys: dict[str, float] = field(default_factory=dict)
    _said: deque[int] = field(default_factory=lambda: deque(maxlen=SAID_COUNT))

    def connected(self, now_s: float) -> None:
        """A connection has been opened. Whoever holds the lease gets the whole time to show itself."""
        self.heard_s, self.quiet_until_s = now_s, now_s + 2 * RENEW_S
        self.opened_s, self.echoed_s = now_s, float("-inf")
        self._standbys.clear()
        if self.state == "claiming":
            self.state = "standby"

    def said(self, mark: int) -> None:
        """Note that this side has sent a word with this mark, by which it knows its own again."""
        self._said.append(mark)

    def is_copied(self, name: str, mark: int) -> bool:
        """Whether a live word under this side's name is not its own: another process has the same name."""
        return name == self.me and mark not in self._said

    def renamed(self, me: str, now_s: float) -> None:
        """Go on under another name, as somebody who has just come.

        The lease is not given back, even by who held it: a copy that wakes up as the holder would give back the original's, which goes on
        holding it if it has heard nothing of the copy yet. If both have renamed themselves, it expires.
        """
        self.me, self.state = me, "standby"
        self.connected(now_s)

    def heard(self, holder: str, now_s: float, *, is_retained: bool = False) -> None:
        """A word of `holder` has come, an empty one if the lease was given back. Retained ones say who held it, not that it is alive."""
        if not is_retained or holder != self.holder:
            self.heard_s = now_s
        self.holder = holder
        self._standbys.pop(holder, None)
        if not holder:
            self.heard_s = float("-inf")
        elif holder == self.me:
            self.is_claim_heard = True
            if not is_retained:
                self.confirmed_s = self.echoed_s = now_s
            # The broker's last word is ours, so nobody else has claimed it.
            self.quiet_until_s = float("-inf")
        elif self.state != "claiming" or self.is_claim_heard:
            # What was said before one's own claim reached the broker is overruled by the claim.
            self.state = "standby"

    def heard_standby(self, name: str, now_s: float) -> None:
        """Somebody has said that it stands by. It changes nothing about who holds the lease."""
        if name == self.me:
            self.echoed_s = now_s
            return
        self._standbys[name] = now_s
        while len(self._standbys) > MAX_STANDBYS:
            del self._standbys[min(self._standbys, key=self._standbys.__getitem__)]

    def due(self, now_s: float) -> bool:
        """Whether a word of this side as the holder should be sent now: a claim of a free lease, or the renewal of one that is held."""
        match self.state:
            case "standby":
                is_free = now_s - self.heard_s >= self.expires_s and now_s - self.echoed_s < HEARD_WITHIN_S
                if is_free:
                    self.state, self.claimed_s, self.is_claim_heard = "claiming", now_s, False
                return is_free
            case "claiming":
                if now_s - self.claimed_s >= SETTLE_S and self.holder == self.me:
                    self.state = "holding"
                elif not self.is_claim_heard and now_s - self.claimed_s >= HEARD_WITHIN_S:
                    # Refused or lost. It is claimed again once this side hears itself.
                    self.state, self.echoed_s, self.opened_s = "standby", float("-inf"), self.claimed_s
                return self.state == "holding"
        return now_s >= self.quiet_until_s

    def is_confirmed(self, since_s: float) -> bool:
        """Whether this side holds the lease, and has heard so itself after `since_s`."""
        return self.state == "holding" and self.holder == self.me and self.confirmed_s > since_s

    def is_deaf(self, now_s: float) -> bool:
        """Whether this side has a connection, says something each second, and hears nothing of it."""
        return now_s - max(self.echoed_s, self.opened_s, self.quiet_until_s) >= HEARD_WITHIN_S

    def standbys(self, now_s: float) -> int:
        """How many other processes stand by and can take over."""
        return sum(now_s - heard_s < HEARD_WITHIN_S for heard_s in self._standbys.values())
