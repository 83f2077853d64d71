"""One message ready to be stored: its points, and what is recorded once they are durable."""

from collections.abc import Sequence

import msgspec

from collector.ledger import Entry, Note
from collector.receive import Polled


class PreparedMessage(msgspec.Struct, frozen=True, gc=False):
    """A message's lines for the store, and what the ledger and the poll counts record once these are durable.

    `substitute_ms` is the time of the points if the message's own time is impossible, otherwise None. It is chosen when the
    message is received, so it must be kept with the message: if the points were prepared anew, they would get another time.
    """

    lines: Sequence[str] = ()
    note: Note | None = None
    substitute_ms: int | None = None
    poll: Polled | None = None

    def ledger_note(self, refused: set[str]) -> Note | None:
        """What the ledger records, given the lines that the store refused for good.

        A message is dead, not stored, if the store refused all of its points. If it refused only some, the message is stored:
        the other points are there, and each refused point is in the dead-letter file.
        """
        if isinstance(self.note, Entry) and self.lines and refused.issuperset(self.lines):
            return msgspec.structs.replace(self.note, dead="store")
        return self.note
