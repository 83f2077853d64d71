"""A second connection for what is produced now, while the session works through what waited at the broker.

A broker keeps one queue for a session, the oldest message first. After the collector was away, a leak reported now would be read behind
everything that waited: a minute late if that is a gigabyte. So while the session is behind, a second connection, which has no queue,
receives the same batches as they are published.

Nothing depends on it. Its copies are only shown: they become latest values, and problems are evaluated with them. Only messages of the
session are stored, entered in the ledger and acknowledged, in their order, because agents conclude from that order which messages were lost
and which only wait. Statuses and events come only over the session, too: old ones that it still delivers would override new ones.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Final

from rackflow.errors import ConfigError
from rackflow.process.broker import Broker, remedy_for
from rackflow.process.mqtt5 import BrokerError, Callbacks, MqttClient, Received, Session, reason_text

log = logging.getLogger(__name__)
# The session has caught up when it delivers a message at most this long after the second connection. Chosen: longer than the usual
# difference between two connections of one client, and too short for anybody to notice.
BEHIND_S: Final = 1.0
# After this time, a message that the session has not delivered is no longer waited for, but another one: a full queue of the broker may
# have dropped it.
GIVE_UP_S: Final = 60.0
# How many messages of the session are remembered, to recognise one that the second connection delivers later. At 6,000 a second, the most
# that a collector handles, these are the messages of the last third of a second.
REMEMBERED: Final = 2000
# How many messages the broker may send without acknowledgement. More than arrive while the event loop does other work.
RECEIVE_MAXIMUM: Final = 1000


class Lag:
    """Finds out whether the session is still behind, by comparing when both connections deliver a message. Monotonic seconds. Pure."""

    def __init__(self) -> None:
        self._remembered: dict[bytes, None] = {}
        """Digests of the session's last messages, the oldest first."""
        self._awaited: tuple[bytes, float] | None = None
        """A message of the second connection that the session has not delivered yet, and when it arrived."""

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
        """Receive until the connection is lost or cannot be opened. New messages then come behind those that wait, over the session."""
        # Messages are acknowledged at once, although they are not durable: the session has its own copy of each.
        session = Session(0, receive_maximum=RECEIVE_MAXIMUM, packet_bytes=packet_bytes)
        callbacks = Callbacks(received=self._received)
        why = ""
        try:
            client = MqttClient(self._broker, self._client_id, callbacks, session=session, address=address)
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
