"""The interface of an outbox, the same on disk and in memory.

Live messages go first; the backlog of an outage follows at a bounded rate. A message is numbered when it is put, because its
number is part of its payload. Messages whose topic the other side refuses are held back, and do not stop those of other topics.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from rackflow.documents import Account, Stored
from rackflow.outbox.held import Which


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message. `key` names it in its outbox; `time_ms` is when it was put, ms since 1970."""

    # No dataclass: a frozen one takes 0.4 us longer to make, and several are made for each poll.

    key: int
    topic: str
    payload: bytes
    time_ms: int


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """Figures of an outbox. Counts are since its opening."""

    messages: int
    """All that are in it; `held` and `awaiting` are parts of these."""
    size_bytes: int
    limit_bytes: int
    oldest_ms: int
    """When the oldest message was put, ms since 1970; 0 if the outbox is empty."""
    dropped: dict[str, int]
    """Count of dropped messages by reason."""
    account: Account
    durable: bool
    """Whether a message put now survives the end of the process."""
    damaged: int = 0
    """Count of files that had to be set aside."""
    held: int = 0
    """Messages that are held back, because their topic is refused."""
    awaiting: int = 0
    """Messages that the broker has confirmed and no collector has stored yet."""
    republished: int = 0
    """Count of messages that were sent again, because a later one is durable."""
    reports_required: bool = False
    """Whether only a collector's report deletes messages: one has reported before, or some are required by the configuration."""
    limit_s: float = 0.0
    """Age at which a message is dropped; 0 if there is no such limit."""


class Outbox(Protocol):
    """Messages on their way out. Any task puts, one task takes, all on one event loop.

    It has ten methods rather than five because an agent's messages have two confirmations, the broker's and the collector's, and because
    `hold` and `resume` affect the order in which messages leave. The collector's own outbox uses only `put`, `take`, `done` and `stats`.
    """

    def put(self, topic: str, make: Callable[[int], bytes], now_ms: int) -> int:
        """Give a message the next number of the epoch, make its payload with that number, and keep it. Returns its key.

        Never waits and never fails: polling must not depend on a disk. Messages that do not fit are dropped and counted.
        """

    async def take(self) -> Message:
        """The next message that is not in flight; waits until there is one."""

    def done(self, key: int, loss: str = "") -> None:
        """Delete a message that is durable on the other side. Unknown keys are ignored, since it may have been evicted.

        With `loss` the message is given up instead: it is dropped, counted under this reason, and reported in the agent's status.
        """

    def confirmed(self, key: int) -> None:
        """The broker has confirmed the message. It stays until a collector has stored it.

        While no collector has ever reported, it stays for the configured time only.
        """

    def stored(self, report: Stored) -> None:
        """A collector reports which messages are durable. They are deleted. Older ones that it lacks are sent again after a while."""

    def withdrawn(self, collector: str) -> None:
        """A collector has withdrawn its report: it does not read these messages any more."""

    def hold(self, key: int) -> None:
        """Keep a message that was taken, and do not hand it out before `resume`: the other side refuses its topic.

        If the outbox overflows, held messages are dropped before all others, the oldest first, counted as `refused`.
        """

    def resume(self, topic: str, which: Which) -> None:
        """Hand out held messages of a topic again, in order, before the rest of the backlog.

        Exception: an outbox on disk first hands out those not on disk yet, although these are the newest, from the last fraction of a
        second.
        """

    def rewind(self) -> None:
        """The connection broke: messages in flight or waiting become backlog, and messages put from now on go first.

        Messages that the broker has confirmed are not sent again because of it.
        """

    def stats(self) -> OutboxStats:
        """Figures for metrics, and the account of message numbers for the agent's status."""
