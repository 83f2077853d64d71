"""One MQTT message as it was received, with what is needed to acknowledge it later."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivery:
    """`mid` counts only on connection number `connection`; `size_bytes` is the original size of a payload cut short.

    `mono_s` and `wall_s` are when it arrived: monotonic, and seconds since 1970. `again` is set where the broker says
    that it has sent it before.
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
        """When it arrived, ms since 1970; the same after a stay on disk."""
        return round(self.wall_s * 1000)
