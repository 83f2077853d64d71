"""One MQTT message as it was received, with what is needed to acknowledge it later."""

from typing import Final

import msgspec

# What a waiting message takes besides its payload: the objects around it.
MESSAGE_BYTES: Final = 500
# A status waits as its account in objects, some 230 bytes for each range of 60 bytes.
STATUS_FACTOR: Final = 5


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """One MQTT message. `size_bytes` is the original size of a payload that was cut short.

    `mid`, the message identifier, is valid only on connection number `connection`: the next connection uses it for another message.
    `mono_s` and `wall_s` are the arrival time in seconds, monotonic and since 1970. `redelivered` is MQTT's DUP flag.

    This and the other objects created for each message are msgspec structs without garbage collection (`gc=False`): creating one takes a
    quarter of the time, and thousands wait at a time. It is safe because they are in no reference cycle.
    """

    topic: str
    payload: bytes
    size_bytes: int
    qos: int
    mid: int
    connection: int
    mono_s: float
    wall_s: float
    redelivered: bool = False
    is_copy: bool = False
    """Whether the session brings the same message again, so that this one is only shown."""

    @property
    def cost_bytes(self) -> int:
        """About what it takes in memory while it waits."""
        return MESSAGE_BYTES + len(self.payload) * (STATUS_FACTOR if self.topic.endswith("/status") else 1)

    @property
    def wall_ms(self) -> int:
        """Arrival time, ms since 1970. In whole ms, because the outbox on disk keeps no more."""
        return round(self.wall_s * 1000)
