"""Mutes senders of which much is refused: for some seconds their messages are dropped unread. No I/O; `now` is monotonic seconds.

A message must be read to be refused, so a sender of nothing but refused messages would delay those of all others.
"""

from collector.budgets import Buckets

# Bytes of one sender that may be refused (messages, or parts of them): in one burst, and per second. A faulty agent that has all of its
# readings refused stays below.
REFUSED_BURST_BYTES = 32 * 1024 * 1024
REFUSED_BYTES_PER_S = 1024 * 1024
# With less than this left of the burst, the sender is muted; otherwise it could still send small messages one by one.
LEAST_LEFT_BYTES = 64 * 1024


class Muting:
    """What was refused of each sender recently."""

    def __init__(self) -> None:
        self._buckets = Buckets(REFUSED_BURST_BYTES, REFUSED_BYTES_PER_S)

    def note_refused(self, sender: str, size_bytes: float, now: float) -> None:
        """Bytes of a sender were read and refused."""
        self._buckets.spend(sender, size_bytes, now)

    def is_muted(self, sender: str, size_bytes: int, now: float) -> bool:
        """Whether so many bytes of a sender were refused recently that a message of this size must be dropped unread."""
        return self._buckets.left(sender, now) < max(size_bytes, LEAST_LEFT_BYTES)
