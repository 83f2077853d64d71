"""What the collector needs of a store: a write that returns has made its points durable."""

from collections.abc import Sequence
from typing import Protocol


class DeadLetterSink(Protocol):
    """Where points go that the store refuses for good."""

    def write(self, time_ms: int, topic: str, reason: str, error: str, payload: bytes, size_bytes: int) -> bool:
        """Keep one; False where the disk refuses."""


class Store(Protocol):
    """Writes are idempotent: the same point twice is one point."""

    async def write(self, lines: Sequence[str]) -> None:
        """Make the points durable, all of them.

        Raises StoreError: retryable where the same write may succeed later; not retryable where at least one of the
        points is refused for good, which the caller finds by halving.
        """

    async def close(self) -> None:
        """Let go of connections and files."""
