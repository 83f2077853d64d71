"""The largest payload that may be sent: the smallest of the contract's limit, the broker's limit in CONNACK, and one learnt from refusals.

Brokers can have a limit that they do not announce (mosquitto: `message_size_limit`). It is learnt from messages that are refused. Later
batches are split to this size before they are numbered.
"""

from typing import Final

from rackflow.documents import MAX_PAYLOAD_BYTES

# A batch of one reading needs some 500 bytes; below this, splitting would not help.
MIN_LEARNT_BYTES: Final = 1024
# A learnt limit is dropped at the first new connection after this time, because the broker's setting may have been changed. If it was
# not, one more message is refused and split.
LEARNT_FOR_S: Final = 3600.0


class SizeLimit:
    """The most bytes of a payload. Times are arguments, in monotonic seconds."""

    def __init__(self) -> None:
        self._announced = MAX_PAYLOAD_BYTES
        self._learnt = MAX_PAYLOAD_BYTES
        self._learnt_at_s = 0.0
        self._accepted = 0

    @property
    def bytes(self) -> int:
        """The limit now."""
        return min(self._announced, self._learnt)

    def connected(self, announced: int, now_s: float) -> None:
        """A new connection; `announced` is the limit in CONNACK, less what a packet has beside its payload."""
        self._announced = announced
        if now_s - self._learnt_at_s > LEARNT_FOR_S:
            self._learnt, self._accepted = MAX_PAYLOAD_BYTES, 0

    def accepted(self, size: int) -> None:
        """A payload of this size was accepted."""
        self._accepted = max(self._accepted, size)

    def refused(self, size: int, now_s: float) -> None:
        """A payload of this size was too large.

        The limit is between the largest accepted payload and this one. Halving finds a safe size in a few steps. Each step costs a refused
        message, and with some brokers a connection, so going down byte by byte would cost far too many.
        """
        if self._accepted >= size:
            self._accepted = 0
        self._learnt = max(MIN_LEARNT_BYTES, size // 2, self._accepted)
        self._learnt_at_s = now_s
