"""One message ready to be stored: its points, and what is recorded once they are durable."""

from collections.abc import Sequence

import msgspec

from collector.ledger import Entry, LedgerFile, LedgerItem
from collector.receive import Polled


class PreparedMessage(msgspec.Struct, frozen=True, gc=False):
    """A message's lines for the store, and what the ledger and the poll counts record once these are durable.

    A message that stores nothing (one that is refused, of another site, or about an identity) has no lines.
    """

    lines: Sequence[str] = ()
    """Its points, in line protocol."""
    ledger_item: LedgerItem | None = None
    """What the ledger records if the store takes the points; None if the message has no number and says nothing about numbers."""
    substitute_ms: int | None = None
    """The time of the points if the message's own time is impossible, otherwise None. It is chosen when the message is received, so it must
    be kept with the message: if the points were prepared again, they would get another time."""
    poll: Polled | None = None
    """The poll that it counts as; None for events, and for all but the first part of a batch that was split."""

    def final_ledger_item(self, refused: set[str]) -> LedgerItem | None:
        """What the ledger records, given the lines that the store refused for good.

        A message is dead, not stored, if the store refused all of its points. If it refused only some, the message is stored:
        the other points are there, and each refused point is in the dead-letter file.
        """
        if isinstance(self.ledger_item, Entry) and self.lines and refused.issuperset(self.lines):
            return msgspec.structs.replace(self.ledger_item, dead="store")
        return self.ledger_item


async def are_to_be_written(messages: Sequence[PreparedMessage], ledger: LedgerFile) -> list[bool]:
    """For each message, whether its points are to be written: not if it is stored already, and of a number that occurs twice only one.

    A message may have come a second time and been stored then. Writing it again would not be idempotent if its own time is impossible:
    each arrival has a substitute time of its own. Derived points, messages without a number and dead letters are never known as stored.
    """
    entries = [item for each in messages if isinstance(item := each.ledger_item, Entry) and not item.dead]
    are_new = await ledger.are_new(entries)
    stored = {id(entry) for entry, is_new in zip(entries, are_new, strict=True) if not is_new}
    return [id(each.ledger_item) not in stored for each in messages]
