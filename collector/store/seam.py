"""What the collector needs from a store.

A message is acknowledged after its write returned, so a write that returns before its points are durable loses telemetry.
"""

from collections.abc import Sequence
from typing import Protocol


class DeadLetterSink(Protocol):
    """Takes the points that the store refuses for good. A protocol, because `receive` and `store` do not know each other."""

    def write(self, time_ms: int, topic: str, *, reason: str, error: str, payload: bytes, size_bytes: int) -> bool:
        """Append one entry; returns False if the disk refuses.

        Args:
            time_ms: Unix ms.
            topic: topic of the message; empty for a point that the store refused.
            reason: a short word, which is also a metric label.
            error: the error in words.
            payload: the message or point; it may be cut short.
            size_bytes: the size of the whole payload.
        """


class Store(Protocol):
    """Writes are idempotent: the same point twice is one point. Calls of `write` may overlap: see `Persistence`."""

    async def write(self, lines: Sequence[str]) -> None:
        """Make all of the points durable. Each line is a point with its time in ms since 1970.

        Raises StoreError: retryable if the same write may succeed later, not retryable if the points were refused: at least one of
        them is at fault, or the store is (the caller finds out). After an error some points may be stored.
        """

    async def close(self) -> None:
        """Close connections and files."""
