"""One MQTT message as it was received, with what is needed to acknowledge it later."""

import msgspec


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """One MQTT message. `size_bytes` is the original size of a payload that was cut short.

    `mid`, the message identifier, is valid only on connection number `connection`: the next connection uses it for another message.
    `mono_s` and `wall_s` are the arrival time in seconds, monotonic and since 1970. `redelivered` is MQTT's DUP flag.

    This and the other objects that each message makes are msgspec structs that garbage collection does not look at: they are made in a
    quarter of the time, refer to nothing that refers to them, and thousands wait at a time.
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

    @property
    def wall_ms(self) -> int:
        """Arrival time, ms since 1970. In whole ms, because the outbox on disk keeps no more."""
        return round(self.wall_s * 1000)
