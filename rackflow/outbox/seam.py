"""What an outbox does for the agent and the collector, wherever it keeps its messages.

Live messages go first; what an outage left behind follows at a bounded rate.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rackflow.documents import Account


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `key` is its number in this outbox, over all epochs; `time_ms` is when it was put."""

    key: int
    topic: str
    payload: bytes
    time_ms: int


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """What an outbox holds and has dropped, by reason. `oldest_ms` is 0 when it is empty.

    `durable` is whether what is put now outlives the process; `damaged` counts files that had to be set aside.
    """

    messages: int
    size_bytes: int
    limit_bytes: int
    oldest_ms: int
    dropped: dict[str, int]
    account: Account
    durable: bool
    damaged: int = 0


class Outbox(Protocol):
    """Messages on their way out. One task takes, any task puts."""

    def put(self, topic: str, make: Callable[[int], bytes], now_ms: int) -> int:
        """Number the message within its epoch, make its payload with that number and keep it; never waits.

        Returns the message's key.
        """

    async def take(self) -> Message:
        """The next message that is not in flight; waits for one."""

    def done(self, key: int) -> None:
        """The other side has confirmed the message: forget it. Unknown keys are ignored (it was evicted meanwhile)."""

    def rewind(self) -> None:
        """The connection broke: whatever was in flight or waited is to be taken again, behind what is put from now on."""

    def stats(self) -> OutboxStats:
        """Figures for metrics, and the account of numbers for the agent's status."""
