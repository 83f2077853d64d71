"""One MQTT message as received, with what is needed to acknowledge it later, and what it came to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from collector.receive.poll_counts import Polled
from collector.ledger.book import Entry, Statement


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
    again: bool = False

    @property
    def wall_ms(self) -> int:
        """When it arrived, ms since 1970; the same after a stay on disk."""
        return round(self.wall_s * 1000)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a message came to: lines to store, and what ledger and books are to note once they are stored.

    `placed_ms` is the time that it was given because its own cannot be; to come to the same points again, it must be kept.
    """

    lines: Sequence[str] = ()
    note: Entry | Statement | None = None
    placed_ms: int | None = None
    poll: Polled | None = None

    def judged(self, refused: set[str]) -> Entry | Statement | None:
        """What the ledger is to note: a message of which the store refused every point is dead, not stored."""
        if isinstance(self.note, Entry) and self.lines and refused.issuperset(self.lines):
            return replace(self.note, dead="store")
        return self.note
