"""Documents that this collector publishes over the connection that it receives with, within the broker's window."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

# Published messages that may wait for their PUBACK; a broker may allow fewer. They are a document of each agent, at most every second,
# and mosquitto takes 20 of a client by default.
PUBLISH_WINDOW = 20


class Publishes(Protocol):
    """The connection to publish over."""

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> tuple[int, str]:
        """Send a message; returns its identifier, and why it cannot be sent (empty if it can)."""


class Publications:
    """Retained documents on their way to the broker. They end with the connection: whoever publishes them repeats them on the next one."""

    def __init__(self) -> None:
        self._window = PUBLISH_WINDOW
        self._client: Publishes | None = None
        self._waiting = deque[tuple[str, bytes, Callable[[int], None]]]()
        """Messages not sent yet, because as many as the broker allows are waiting for its confirmation."""
        self._confirming: dict[int, Callable[[int], None]] = {}
        """What to call when the broker confirms a published message, by its identifier."""

    def allow(self, receive_maximum: int) -> None:
        """Note how many unconfirmed messages the broker takes on this connection."""
        self._window = min(PUBLISH_WINDOW, receive_maximum)

    def use(self, client: Publishes | None) -> None:
        """Publish over this connection from now on; None for none."""
        self._client = client

    def end(self) -> None:
        """The connection has ended: what was not confirmed is given up."""
        self._client = None
        self._confirming.clear()
        self._waiting.clear()

    def add(self, topic: str, payload: bytes, confirmed: Callable[[int], None]) -> None:
        """Publish; `confirmed` gets the reason code, unless the connection ends before."""
        self._waiting.append((topic, payload, confirmed))
        self._send()

    def confirm(self, mid: int, code: int) -> None:
        """The broker has confirmed the message with this identifier."""
        if (confirmed := self._confirming.pop(mid, None)) is not None:
            confirmed(code)
        self._send()

    def _send(self) -> None:
        while self._waiting and self._client is not None and len(self._confirming) < self._window:
            topic, payload, confirmed = self._waiting.popleft()
            # The PUBACK cannot have come yet: it is read by this loop. What cannot be sent ends the connection.
            mid, _ = self._client.publish(topic, payload, retain=True)
            self._confirming[mid] = confirmed
