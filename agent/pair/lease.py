"""Decides who holds the lease, from which messages were received and when. Pure.

A broker delivers the messages of one topic in the same order to all subscribers, including the sender. So if two sides claim the lease at
the same time, both receive the same claim last, and that claim wins.

Each side publishes once a second: the holder renews the lease, the other one reports that it stands by. A side claims the lease only while
it receives its own messages. Otherwise a side that may write the topic but not read it would take the lease again and again.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

# How long a claim waits for another one before it counts: longer than a claim takes through the broker and back. Chosen value.
SETTLE_S: Final = 1.0
RENEW_S: Final = 1.0
"""How often the holder renews its lease, and the other side says that it stands by."""
# Time in which three messages would have come. A side that has not received its own messages for this long may not claim; another standby
# that was not received for this long counts as gone; a claim that did not come back within it was refused or lost.
RECEIVE_WITHIN_S: Final = 3 * RENEW_S + 0.5
# Marks of sent messages that are remembered. A message with this side's name and an unknown mark comes from a copy of this process (a
# virtual machine copied while it ran). More than can be on their way on one connection.
SENT_MARKS: Final = 256
# Other standbys that are counted at most. More are a mistake or an attack.
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
    """The holder by the last message; empty if there was none, or if the holder has given the lease back."""
    last_received_s: float = float("-inf")
    """When the last message of a holder was received, or the connection was opened: silence counts from then on."""
    claimed_s: float = 0.0
    """When this side last began to claim the lease."""
    is_claim_received: bool = False
    """Whether the broker has delivered that claim to this side, so that the order of claims is known."""
    confirmed_s: float = float("-inf")
    """When this side last received its own message as the holder."""
    own_received_s: float = float("-inf")
    """When this side last received any message of its own on this connection."""
    opened_s: float = float("-inf")
    """When the connection was opened."""
    has_handed_over: bool = False
    """Whether this side gave the lease to the other one, which then claims it first."""
    freed_s: float = float("-inf")
    """When the lease was last given back."""
    quiet_until_s: float = float("-inf")
    """Until when a holder that was disconnected sends nothing, so that it learns whether there is another holder by now."""
    _standbys: dict[str, float] = field(default_factory=dict)
    _sent_marks: deque[int] = field(default_factory=lambda: deque(maxlen=SENT_MARKS))

    def connected(self, now_s: float) -> None:
        """A connection has been opened. The present holder gets the full `expires_s` to be received."""
        self.last_received_s, self.quiet_until_s = now_s, now_s + 2 * RENEW_S
        self.opened_s, self.own_received_s = now_s, float("-inf")
        self._standbys.clear()
        if self.state == "claiming":
            self.state = "standby"

    def sent(self, mark: int) -> None:
        """Note that this side has sent a message with this mark."""
        self._sent_marks.append(mark)

    def is_from_copy(self, name: str, mark: int) -> bool:
        """Whether a live message with this side's name was sent by another process, a copy of this one."""
        return name == self.me and mark not in self._sent_marks

    def renamed(self, me: str, now_s: float) -> None:
        """Go on under another name, as a process that has just started.

        A holder does not give the lease back. It may be a copy that woke up as the holder: it would give back the lease of the original,
        which still holds it. If original and copy have both renamed themselves, the lease expires.
        """
        self.me, self.state = me, "standby"
        self.connected(now_s)

    def received(self, holder: str, now_s: float, *, is_retained: bool = False) -> None:
        """Take a holder's message; `holder` is empty if the lease was given back. A retained one does not show that the holder is alive."""
        if not is_retained or holder != self.holder:
            self.last_received_s = now_s
        self.holder = holder
        self._standbys.pop(holder, None)
        if not holder:
            self.last_received_s, self.freed_s = float("-inf"), now_s
            if self.state == "claiming" and self.is_claim_received:
                # A holder that had stood still, and has not received this claim yet, gives its lease back behind it. It is made anew:
                # it would never count, because no holder's message follows.
                self.state = "standby"
        elif holder == self.me:
            self.is_claim_received = True
            if not is_retained:
                self.confirmed_s = self.own_received_s = now_s
            # The last message on the topic is ours, so nobody else has claimed the lease.
            self.quiet_until_s = float("-inf")
        elif self.state != "claiming" or self.is_claim_received:
            # Messages that reached the broker before this side's own claim are overruled by it.
            self.state = "standby"

    def hand_over(self, now_s: float) -> None:
        """Give the lease to the other side. If nobody takes it, this side claims it again after a further `expires_s`."""
        self.state, self.has_handed_over, self.freed_s = "standby", True, now_s

    def received_standby(self, name: str, now_s: float) -> None:
        """Take a standby's message. It changes nothing about who holds the lease."""
        if name == self.me:
            self.own_received_s = now_s
            return
        self._standbys[name] = now_s
        while len(self._standbys) > MAX_STANDBYS:
            del self._standbys[min(self._standbys, key=self._standbys.__getitem__)]

    def due(self, now_s: float) -> bool:
        """Whether this side should send a holder's message now: to claim a free lease, or to renew its own. May change `state`."""
        match self.state:
            case "standby":
                is_free = (
                    now_s - self.last_received_s >= self.expires_s and now_s - self.own_received_s < RECEIVE_WITHIN_S
                )
                # Whoever handed the lease over lets the other side claim it first.
                if is_free and self.has_handed_over:
                    is_free = now_s - max(self.freed_s, self.last_received_s) >= 2 * self.expires_s
                if is_free:
                    self.state, self.claimed_s, self.is_claim_received = "claiming", now_s, False
                return is_free
            case "claiming":
                # The claim is not sent again. It counts if no other one has overruled it within SETTLE_S.
                if now_s - self.claimed_s >= SETTLE_S and self.holder == self.me:
                    self.state, self.has_handed_over = "holding", False
                elif not self.is_claim_received and now_s - self.claimed_s >= RECEIVE_WITHIN_S:
                    # Refused or lost. This side may claim again once it receives its own messages.
                    self.state, self.own_received_s = "standby", float("-inf")
                return self.state == "holding"
        # A holder renews its lease, except for a short time after it was disconnected.
        return now_s >= self.quiet_until_s

    def is_confirmed(self, since_s: float) -> bool:
        """Whether this side holds the lease, and has received its own message as the holder after `since_s`."""
        return self.state == "holding" and self.holder == self.me and self.confirmed_s > since_s

    def receives_nothing(self, now_s: float) -> bool:
        """Whether this side sends each second and receives none of it: the account may write the topic but not read it."""
        return now_s - max(self.own_received_s, self.opened_s, self.quiet_until_s) >= RECEIVE_WITHIN_S

    def standbys(self, now_s: float) -> int:
        """How many other processes stand by and can take over."""
        return sum(now_s - last_received_s < RECEIVE_WITHIN_S for last_received_s in self._standbys.values())
