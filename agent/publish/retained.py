"""Keeps the documents that the broker must retain, and records which of them have not been sent yet.

A broker may forget retained documents when it restarts, so all of them are published again on every connection.
"""

import asyncio


class Retained:
    """Documents by topic. An empty document clears its topic; it is removed here once the broker has confirmed it."""

    def __init__(self) -> None:
        self._documents: dict[str, bytes] = {}
        # A dict as an ordered set: a document that changes while it waits keeps its turn and is sent once.
        self._unsent: dict[str, None] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """How many have not been sent."""
        return len(self._unsent)

    def set(self, topic: str, payload: bytes) -> None:
        """Make the broker retain this document instead of the one before."""
        self._documents[topic] = payload
        self._unsent[topic] = None
        self._changed.set()

    def resend_all(self) -> None:
        """On a new connection: send all documents, in the order in which they were first set (the agent's status first)."""
        self._unsent = dict.fromkeys(self._documents)
        self._changed.set()

    def resend(self, topic: str) -> None:
        """Send the document of a topic again, if there is one: the broker had refused it."""
        if topic in self._documents:
            self._unsent[topic] = None
            self._changed.set()

    async def take(self) -> tuple[str, bytes]:
        """The next topic to send and its current document; waits until there is one."""
        while not self._unsent:
            self._changed.clear()
            await self._changed.wait()
        topic = next(iter(self._unsent))
        del self._unsent[topic]
        return topic, self._documents[topic]

    def confirmed(self, topic: str, payload: bytes) -> None:
        """Note that the broker has this document."""
        # Not if the topic was set again since, or if this confirms only the document before the empty one.
        if not payload and self._documents.get(topic) == b"" and topic not in self._unsent:
            del self._documents[topic]
