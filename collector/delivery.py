"""One MQTT message as received, with what is needed to acknowledge it later."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivery:
    """`mid` counts only on connection number `connection`; `size_bytes` is the original size of a payload cut short.

    `mono_s` and `wall_s` are when it arrived: monotonic, and seconds since 1970.
    """

    topic: str
    payload: bytes
    size_bytes: int
    qos: int
    mid: int
    connection: int
    mono_s: float
    wall_s: float
