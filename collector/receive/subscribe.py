"""The MQTT session: persistent, with at most `ReceiveMaximum` unacknowledged messages, acknowledged by hand.

The broker keeps unacknowledged messages and sends them again after a break. Only this, and acknowledging nothing before it is
durable, keeps messages from being lost between broker and store.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from collector.receive.delivery import Delivery
from rackflow.documents import MAX_PAYLOAD_BYTES
from rackflow.process.broker import Broker
from rackflow.process.mqtt import (
    BrokerError,
    Callbacks,
    Limits,
    MqttConnection,
    MQTTMessage,
    Session,
    topic_of,
)
from rackflow.process.takeover import PAUSE_S, Takeovers, in_words
from rackflow.topics import SHARED_GROUP, subscription

log = logging.getLogger(__name__)
# How long the broker keeps the session of a collector that is away: a day to notice and repair a broken machine. The broker's queue
# is meanwhile bounded by its own limits (deploy/mosquitto).
SESSION_EXPIRY_S = 86_400
# First and largest upper bound, in seconds, of the pause before connecting again. Shorter than an agent's: collectors are few, and
# a broker without persistence throws away what arrives while nobody is subscribed.
BACKOFF_S = (0.5, 5.0)
# A stop waits no longer than this for the broker to take DISCONNECT; if it is not taken, the session just stays.
GOODBYE_S = 2.0
# MQTT message identifiers are 16 bits and not 0 (MQTT 5, 2.2.1).
IDENTIFIERS = 65_535
# How much of a message larger than the contract allows is kept in memory, for the dead-letter file.
KEPT_OF_OVERSIZED_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Filters:
    """What to subscribe to. `sites` is None for all sites; `shared` divides batches and events among collectors.

    Device documents and statuses are never shared: each collector needs all of them to show devices and keep its ledger.
    """

    sites: Sequence[str] | None
    shared: bool

    def wanted(self) -> list[str]:
        """The topic filters."""
        return [each for site in self.sites or ("+",) for each in _filters(site, shared=self.shared)]

    def leftover(self) -> list[str]:
        """Filters that an earlier configuration may have left in the session; with them everything would arrive twice."""
        wanted = set(self.wanted())
        sites = {"+", *(self.sites or ())}
        every = {each for site in sites for shared in (True, False) for each in _filters(site, shared=shared)}
        return sorted(every - wanted)


def _filters(site: str, *, shared: bool) -> list[str]:
    group = f"$share/{SHARED_GROUP}/" if shared else ""
    divided = [group + subscription(site, kind) for kind in ("batch", "event")]
    return [*divided, subscription(site, "device"), subscription(site, "status")]


class Subscriber:
    """Keeps a subscription alive. `limit` is the most QoS 1 messages that the broker may send without acknowledgement.

    mosquitto 2.0.11 sends more than that once it gets acknowledgements, as over a bridge in
    https://github.com/eclipse-mosquitto/mosquitto/issues/2301. So the queue has room for every possible message identifier: a
    dropped QoS 1 message would stay unacknowledged until the connection breaks. If the queue is full, the newest message is
    dropped and reported to `on_overflow`; only messages of QoS 0, which the contract does not use, can fill it that far.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        filters: Filters,
        limit: int,
        on_edge: Callable[[bool], None],
        on_overflow: Callable[[], None],
        on_takeover: Callable[[], None] = lambda: None,
    ) -> None:
        self._broker = broker
        self._client_id = client_id
        self._filters = filters
        self._limit = limit
        self._on_edge = on_edge
        self._on_overflow = on_overflow
        self._on_takeover = on_takeover
        self._takeovers = Takeovers()
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue(maxsize=limit + IDENTIFIERS)
        self._connection = 0
        self._resumed = False
        self._client: MqttConnection | None = None
        self.fault: str | None = "not connected yet"

    async def take(self) -> Delivery:
        """The next message; waits until there is one."""
        return await self._queue.get()

    def acknowledge(self, delivery: Delivery) -> None:
        """Let the broker forget a message.

        A message of an ended connection is not acknowledged: the broker sends it again under a new identifier, and the old
        identifier may now belong to a message that is not durable yet.
        """
        if delivery.qos == 1 and delivery.connection == self._connection and self._client is not None:
            self._client.acknowledge(delivery.mid)

    async def run(self) -> None:
        """Connect, subscribe and receive, again after every break, until cancelled."""
        ceiling_s, highest_s = BACKOFF_S
        while True:
            began = time.monotonic()
            fault, is_taken_over = await self._session()
            self._set_fault(fault)
            if is_taken_over:
                self._on_takeover()
                await asyncio.sleep(random.uniform(*PAUSE_S))  # noqa: S311 - jitter
                continue
            # A session that lasted resets the pause; one that ended at once (wrong password, refused filter) does not.
            if time.monotonic() - began > highest_s:
                ceiling_s = BACKOFF_S[0]
            await asyncio.sleep(random.uniform(0, ceiling_s))  # noqa: S311 - jitter
            ceiling_s = min(ceiling_s * 2, highest_s)

    async def _session(self) -> tuple[str, bool]:
        """One connection. Returns why it ended, and whether another client has taken over the session."""
        client = MqttConnection(
            self._broker,
            self._client_id,
            Callbacks(opened=self._opened, received=self._received),
            session=Session(SESSION_EXPIRY_S, self._limit),
        )
        try:
            async with client:
                self._client = client
                if refused := await client.subscribe(self._filters.wanted()):
                    return f"the broker refuses the subscription: {refused[0]}", False
                self._set_fault(None)
                if self._resumed:
                    # rumqttd does not answer for a filter that is not there, and nothing depends on the answer:
                    # https://github.com/bytebeamio/rumqtt/issues/1054, point 7.
                    with contextlib.suppress(*BrokerError):
                        await client.unsubscribe(self._filters.leftover())
                try:
                    why = f"connection lost: {await client.lost()}"
                    # One that was closed from here says nothing about other clients.
                    is_taken_over = not client.is_dropped and self._takeovers.ended(
                        client.ended_by, worked=True, now_s=time.monotonic()
                    )
                    return (f"{why}; {in_words(self._client_id)}" if is_taken_over else why), is_taken_over
                finally:
                    client.timeout_s = GOODBYE_S  # a stop must not wait long for the broker to take the goodbye
        except BrokerError as error:
            client.drop()
            self._takeovers.ended(None, worked=False, now_s=time.monotonic())
            return str(error), False
        finally:
            self._client = None
            self._on_edge(False)  # noqa: FBT003 - one callback for both edges

    def _set_fault(self, fault: str | None) -> None:
        where = f"{self._broker.host}:{self._broker.port}"
        if fault is None:
            log.info("broker connected broker=%s client=%s", where, self._client_id)
            self._on_edge(True)  # noqa: FBT003 - one callback for both edges
        elif fault != self.fault:
            log.warning("broker not connected broker=%s client=%s error=%s", where, self._client_id, fault)
        self.fault = fault

    def _opened(self, limits: Limits) -> None:
        self._connection += 1
        self._resumed = limits.session_present
        if not limits.session_present:
            return  # the broker has forgotten the messages it sent: those queued here are the only copies
        # The session goes on, so the broker sends unacknowledged messages again. Messages of QoS 1 that are still queued here
        # cannot be acknowledged any more (new connection), and would only be handled twice.
        waiting = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        for delivery in waiting:
            if delivery.qos == 0:
                self._queue.put_nowait(delivery)

    def _received(self, message: MQTTMessage) -> None:
        # Called by paho on the event loop: it must not block.
        payload = bytes(message.payload)
        size = len(payload)
        if size > MAX_PAYLOAD_BYTES:
            payload = payload[:KEPT_OF_OVERSIZED_BYTES]
        now_s, wall_s = time.monotonic(), time.time()
        delivery = Delivery(
            topic_of(message), payload, size, message.qos, message.mid, self._connection, now_s, wall_s, message.dup
        )
        if self._queue.full():
            self._on_overflow()
        else:
            self._queue.put_nowait(delivery)
