"""What one message comes to before it is stored: its points, and what ledger and poll counts note once they are durable."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from collector.ledger import Entry, Statement
from collector.receive import Polled


@dataclass(frozen=True, slots=True)
class PreparedMessage:
    """What a message came to: lines to store, and what ledger and books are to note once they are stored.

    `substitute_ms` is the time that it was given because its own cannot be; to come to the same points again, it must be kept.
    """

    lines: Sequence[str] = ()
    note: Entry | Statement | None = None
    substitute_ms: int | None = None
    poll: Polled | None = None

    def ledger_note(self, refused: set[str]) -> Entry | Statement | None:
        """What the ledger is to note: a message of which the store refused every point is dead, not stored."""
        if isinstance(self.note, Entry) and self.lines and refused.issuperset(self.lines):
            return replace(self.note, dead="store")
        return self.note
