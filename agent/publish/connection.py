"""One MQTT 5 connection of the agent: sends within a window of unconfirmed messages, and reports what was confirmed or refused.

A PUBACK with an error or with "no matching subscribers" counts as a refusal, and the publisher decides what follows from it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

import msgspec

from agent.publish.refusals import NO_SUBSCRIBERS, SentKey
from rackflow.documents import MAX_PAYLOAD_BYTES
from rackflow.process.broker import Broker
from rackflow.process.mqtt5.client import BrokerError, Callbacks, Limits, MqttClient
from rackflow.process.mqtt5.packets import Received, Will
from rackflow.process.mqtt5.reasons import FAILURE, reason_text

log = logging.getLogger(__name__)
# How many messages may wait for their PUBACK. It limits how many are sent twice after a broken connection, and at a round trip of
# 50 ms still allows 640 messages a second. Chosen value; a broker may lower it (Receive Maximum in CONNACK).
WINDOW = 32
# How long to wait until the broker has confirmed the status "offline" at a stop or a change of broker. Part of the 10 s that a stop
# may take, see agent/run.py.
OFFLINE_TIMEOUT_S = 1.0
# The key of that last message in `Connection.inflight`, instead of its topic.
OFFLINE_STATUS = "offline"
# Room for everything in a PUBLISH packet beside its payload: the fixed header, the topic (at most some 200 characters) and the
# packet identifier. Brokers limit the packet, not the payload.
PACKET_OVERHEAD_BYTES = 256

# Reason codes of MQTT 5 (2.4) for a bad user name or password, and for not authorized: no attempt will succeed until somebody changes a
# setting of the agent or the broker.
CREDENTIALS = frozenset({0x86, 0x87})


class Sent(msgspec.Struct, frozen=True, gc=False):
    """A message in flight: when it was sent (monotonic seconds), its key, topic and payload."""

    at_s: float
    key: SentKey
    topic: str
    payload: bytes

    @property
    def size(self) -> int:
        """Bytes of the payload."""
        return len(self.payload)


class Window:
    """Limits how many messages are in flight, and pauses while the broker does not read (`set_writable`).

    A plain counter, not a semaphore: asyncio's semaphore gives a freed place to the task that waits longest, so two senders would take
    turns and each would send one message per round of the event loop. Measured with 3,000 documents and 6,000 messages to be sent to a
    mosquitto on the same machine: half of the messages had left after 2.4 s with a semaphore, after 0.8 s with this.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.used = 0
        self._is_writable = True
        self._freed = asyncio.Event()

    async def place(self, spare: int = 0) -> None:
        """Wait until a place is free, and `spare` more. Sending takes the place, so the caller must not await before it sends."""
        while self.used >= max(1, self.size - spare) or not self._is_writable:
            self._freed.clear()
            await self._freed.wait()

    def set_writable(self, is_writable: bool) -> None:  # noqa: FBT001 - the only argument of a callback
        """Stop or resume sending: `is_writable` is False while the broker does not read. This also bounds the waiting data in bytes."""
        self._is_writable = is_writable
        self._freed.set()

    def free(self) -> None:
        """Free one place."""
        self.used -= 1
        self._freed.set()


class Connection(MqttClient):
    """One connection, with the messages in flight on it and the limits that the broker sets.

    `on_refused` gets the reason code and its text.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        will: tuple[str, bytes],
        *,
        on_confirmed: Callable[[Sent], None],
        on_refused: Callable[[Sent, int, str], None],
        on_received: Callable[[Received], None],
        address: str | None = None,
    ) -> None:
        self.window = Window(WINDOW)
        super().__init__(
            broker,
            client_id,
            Callbacks(self._on_opened, self._on_confirmation, on_received, self.window.set_writable),
            will=Will(*will),
            address=address,
        )
        self._on_confirmed = on_confirmed
        self._on_refused = on_refused
        self.largest_bytes = MAX_PAYLOAD_BYTES
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.inflight: dict[int, Sent] = {}
        """By message id, oldest first."""

    def _on_opened(self, limits: Limits) -> None:
        # One place stays free for "offline".
        self.window.size = max(1, min(WINDOW, limits.receive_maximum - 1))
        # An MQTT packet can have at most 2^28 - 1 bytes after its header (2.1.4); our own limit is far below.
        packet_bytes = limits.packet_bytes or 2**28
        self.largest_bytes = min(MAX_PAYLOAD_BYTES, packet_bytes - PACKET_OVERHEAD_BYTES)

    async def watch_connection(self) -> None:
        """Wait until the connection breaks, then complete `ended` with the reason."""
        self.end(f"connection lost: {await self.lost()}")

    def end(self, why: str) -> None:
        """Complete `ended`, but only once: the first reason is the cause, later ones follow from it."""
        if not self.ended.done():
            self.ended.set_result(why)

    def send(self, topic: str, payload: bytes, key: SentKey, *, retain: bool) -> None:
        """Hand a message to the socket. The caller must have waited for `window.place`; the confirmation frees it."""
        mid, fault = self.publish(topic, payload, retain=retain)
        self.inflight[mid] = Sent(time.monotonic(), key, topic, payload)
        self.window.used += 1
        if fault:
            self.end(f"cannot send: {fault}")
        elif self.window.used >= self.window.size:
            self.flush()  # the window is full, so no further message could be sent together with this one

    def _on_confirmation(self, mid: int, code: int) -> None:
        sent = self.inflight.pop(mid, None)
        if sent is None:
            return
        self.window.free()
        # Retained documents need no subscriber: the broker keeps them for later ones.
        is_unheard = code == NO_SUBSCRIBERS and isinstance(sent.key, int)
        if is_unheard or code >= FAILURE:
            self._on_refused(sent, code, reason_text(code))
        else:
            self._on_confirmed(sent)

    async def publish_offline(self, topic: str, payload: bytes) -> None:
        """Publish the status "offline" before DISCONNECT, after which the broker does not publish the will."""
        # Also bounds the DISCONNECT that follows, which would otherwise wait for `broker.timeout_s`.
        self.timeout_s = OFFLINE_TIMEOUT_S
        if not self.is_open:
            return
        done, others = asyncio.Event(), self._on_confirmed
        self._on_confirmed = lambda sent: done.set() if sent.key == OFFLINE_STATUS else others(sent)
        self.send(topic, payload, OFFLINE_STATUS, retain=True)
        with contextlib.suppress(TimeoutError):  # not confirmed in time; the connection ends all the same
            async with asyncio.timeout(OFFLINE_TIMEOUT_S):
                await done.wait()


def refused_credentials(error: BrokerError) -> str:
    """The broker's reason if it refuses the credentials, otherwise empty."""
    return str(error) if error.code in CREDENTIALS else ""
