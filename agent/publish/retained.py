"""Which documents the broker is to retain, and which of them it does not have yet."""

import asyncio


class Retained:
    """Documents by topic; an empty one clears its topic and is forgotten once that is confirmed."""

    def __init__(self) -> None:
        self._documents: dict[str, bytes] = {}
        self._unsent: dict[str, None] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """How many have not been sent."""
        return len(self._unsent)

    def set(self, topic: str, payload: bytes) -> None:
        self._documents[topic] = payload
        self._unsent[topic] = None
        self._changed.set()

    def resend_all(self) -> None:
        """A new connection: all of them, in the order in which they were first set."""
        self._unsent = dict.fromkeys(self._documents)
        self._changed.set()

    async def take(self) -> tuple[str, bytes]:
        """The next topic to send and its present document; waits for one."""
        while not self._unsent:
            self._changed.clear()
            await self._changed.wait()
        topic = next(iter(self._unsent))
        del self._unsent[topic]
        return topic, self._documents[topic]

    def confirmed(self, topic: str) -> None:
        """The broker has it."""
        if self._documents.get(topic) == b"" and topic not in self._unsent:
            del self._documents[topic]
