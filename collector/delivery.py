"""One MQTT message as received, with what is needed to acknowledge it later, and what it came to."""

from collections.abc import Sequence
from dataclasses import dataclass

from collector.ledger import Entry, Statement


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


@dataclass(frozen=True, slots=True)
class Taken:
    """What a message came to: lines to store, and what the ledger is to note once they are stored."""

    lines: Sequence[str] = ()
    note: Entry | Statement | None = None
