"""A second connection for what is produced now, while the session works off what waited at the broker.

A broker keeps one queue for a session, the oldest message first. After an absence of the collector, a leak of this moment would be read
behind all that waited, with a gigabyte a minute later. So while the session is behind, a second connection, which has no queue, receives
the same batches as they come.

Nothing depends on it. Its copies are only shown: they become latest values, and problems are judged by them. What is stored, entered in the
ledger and acknowledged is what the session brings, in its order: by the order in which messages become durable, agents tell those that were
lost from those that wait. Statuses and events are left to the session, too: the old ones that it still brings would undo the new ones.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Final

from rackflow.errors import ConfigError
from rackflow.process.broker import Broker, remedy_for
from rackflow.process.mqtt5 import BrokerError, Callbacks, MqttClient, Received, Session, reason_text

log = logging.getLogger(__name__)
# The session counts as no longer behind when it brings a message at most so long after the second connection, or before it. Chosen value:
# more than two connections of one client differ, and less than anybody waits for.
BEHIND_S: Final = 1.0
# A message that the session has not brought after so long is given up, and another one awaited: a full queue of the broker may have
# dropped it.
GIVE_UP_S: Final = 60.0
# How many messages of the session are remembered, for one that the second connection brings later. At 6,000 a second, which is all that
# a collector handles, they are the last third of a second.
REMEMBERED: Final = 2000
# How many messages the broker may have on the way. More than arrive in the time in which the loop does something else.
RECEIVE_MAXIMUM: Final = 1000


class Lag:
    """Finds out whether the session is still behind, by messages that both connections bring. Times are monotonic seconds. Pure."""

    def __init__(self) -> None:
        self._remembered: dict[bytes, None] = {}
        """Digests of the session's last messages, the oldest first."""
        self._awaited: tuple[bytes, float] | None = None
        """A message of the second connection that the session has not brought yet, and when it came."""

    def note_session(self, topic: str, payload: bytes, now_s: float) -> bool:
        """Note a message of the session. Returns whether the session is no longer behind."""
        digest = _digest(topic, payload)
        self._remembered[digest] = None
        if len(self._remembered) > REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        if self._awaited is None or digest != self._awaited[0]:
            return False
        lag_s = now_s - self._awaited[1]
        self._awaited = None
        return lag_s <= BEHIND_S

    def note_live(self, topic: str, payload: bytes, now_s: float) -> bool:
        """Note a message of the second connection. Returns whether the session is no longer behind."""
        digest = _digest(topic, payload)
        if digest in self._remembered:
            return True
        if self._awaited is None or now_s - self._awaited[1] > GIVE_UP_S:
            self._awaited = digest, now_s
        return False


def _digest(topic: str, payload: bytes) -> bytes:
    # A batch has its agent, its epoch and its number, so two different ones are never equal.
    return hashlib.blake2b(payload, digest_size=16, key=topic.encode()[-64:]).digest()


class LiveConnection:
    """One connection without a session, open until `run` is cancelled or it is lost; it is not opened again."""

    def __init__(
        self, broker: Broker, client_id: str, filters: Sequence[str], received: Callable[[Received], None]
    ) -> None:
        self._broker = broker
        self._client_id = f"{client_id}-live"
        self._filters = filters
        self._received = received

    async def run(self, address: str, packet_bytes: int) -> None:
        """Receive until it is lost, or cannot be opened: then what is produced now comes behind what waits, as it would without it."""
        # It acknowledges by itself, which promises nothing: the session has its own copy of each message.
        session = Session(0, receive_maximum=RECEIVE_MAXIMUM, packet_bytes=packet_bytes)
        callbacks = Callbacks(received=self._received)
        client = MqttClient(self._broker, self._client_id, callbacks, session=session, address=address)
        why = ""
        try:
            async with client:
                try:
                    if refused := await client.subscribe(self._filters):
                        why = f"the broker refuses the subscription: {reason_text(refused[0])}"
                    else:
                        why = await client.lost()
                finally:
                    client.drop()  # without waiting for a broker that may not read
        except (BrokerError, ConfigError) as error:
            why = str(error)
        # It connects with an account only if it has one of its own (see `live_broker`).
        remedy = remedy_for(why) if self._broker.username is None else remedy_for(why, "live_account")
        log.warning(
            "no live connection, what is produced now comes behind what waited client=%s reason=%s%s",
            *(self._client_id, why, remedy),
        )
