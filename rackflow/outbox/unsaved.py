"""Messages of an outbox on disk that are not on disk yet. Pure."""

from collections import OrderedDict
from collections.abc import Collection

from rackflow.outbox.seam import Message


class Unsaved:
    """Messages by key, ascending, from `put` until the thread has written them or they are freed. Not bounded here: see `oldest`."""

    def __init__(self) -> None:
        self.messages: OrderedDict[int, Message] = OrderedDict()
        self.size_bytes = 0
        """Of their payloads."""
        self.being_written: frozenset[int] = frozenset()
        """Keys that the thread is writing now."""

    def add(self, message: Message) -> None:
        """Keep a new message, whose key is higher than all others."""
        self.messages[message.key] = message
        self.size_bytes += len(message.payload)

    def remove(self, key: int) -> None:
        """The message is on disk, or freed. Unknown keys are ignored."""
        message = self.messages.pop(key, None)
        if message is not None:
            self.size_bytes -= len(message.payload)

    def remove_freed(self, first: int, last: int) -> None:
        """Remove freed messages from `first` to `last`.

        One that is just being written stays until then: it must still be deleted on disk, or it would come back after a restart.
        """
        for key in self.keys_between(first, last):
            if key not in self.being_written:
                self.remove(key)

    def begin_write(self) -> list[Message]:
        """All messages, for the thread to write. Until `end_write` they count as being written."""
        self.being_written = frozenset(self.messages)
        return list(self.messages.values())

    def end_write(self) -> None:
        """The thread is done, whether it could write or not."""
        self.being_written = frozenset()

    def keys_between(self, first: int, last: int) -> list[int]:
        """The keys from `first` to `last`; goes through the range or through the messages, whichever is shorter."""
        keys = self.messages
        if last - first < len(keys):
            return [key for key in range(first, last + 1) if key in keys]
        return [key for key in keys if first <= key <= last]

    def oldest(self, spared: Collection[int]) -> int | None:
        """The lowest key that is not among `spared`; None if there is none."""
        return next((key for key in self.messages if key not in spared), None)

    @property
    def oldest_ms(self) -> int:
        """When the oldest message was put, ms since 1970; 0 if there is none."""
        return next((each.time_ms for each in self.messages.values()), 0)
