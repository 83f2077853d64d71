"""Receives from the broker: a persistent MQTT session, over one connection after another, with messages acknowledged by hand.

The broker sends at most `ReceiveMaximum` messages without an acknowledgement, keeps them, and sends them again after a break. Only this,
and acknowledging nothing before it is durable, keeps messages from being lost between broker and store.

This module decides when a connection is opened, what its end means and what is reported of it. What was received waits in the `Inbox`; a
second connection beside the session is in `live.py`; what the collector publishes over the session is in `publications.py`.
"""

import asyncio
import contextlib
import logging
import math
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from collector.receive.delivery import Delivery
from collector.receive.filters import Filters
from collector.receive.inbox import MAX_WAITING_BYTES, Inbox, RoomEvent
from collector.receive.live import Lag, LiveConnection
from collector.receive.publications import Publications
from rackflow.documents import MAX_PAYLOAD_BYTES
from rackflow.errors import ConfigError, ResolveError
from rackflow.process.broker import Broker, BrokerAddresses, remedy_for
from rackflow.process.mqtt5 import BrokerError, Callbacks, Limits, MqttClient, Received, Session, reason_text
from rackflow.process.stopping import obey_cancellation
from rackflow.process.takeover import PAUSE_S, Takeovers, takeover_advice

if TYPE_CHECKING:
    from rackflow.process.certificates import Certificate

log = logging.getLogger(__name__)
# How long the broker keeps the session of a collector that is away: a day to notice and repair a broken machine. The broker's queue
# is meanwhile bounded by its own limits (deploy/mosquitto).
SESSION_EXPIRY_S = 86_400
# First and largest upper bound, in seconds, of the pause before connecting again. Shorter than an agent's: collectors are few, and
# a broker without persistence throws away what arrives while nobody is subscribed.
BACKOFF_S = (0.5, 5.0)
# A stop waits no longer than this for the broker to read DISCONNECT. If the broker does not, nothing is lost: the session stays.
DISCONNECT_S = 2.0
# What a broker takes that announces no limit: the most bytes of an MQTT packet (MQTT 5, 2.1.4).
NO_LIMIT_BYTES = 2**28
# How much of a message larger than the contract allows is kept in memory, for the dead-letter file.
KEPT_OF_OVERSIZED_BYTES = 64 * 1024
# The broker does not send larger packets (MQTT 5, 3.1.2.11.4), which the client would have to hold in memory before it could refuse them.
# A message between the contract's limit and this one is refused here, with a dead letter.
LARGEST_PACKET_BYTES = 4 * 1024 * 1024
# After a connection that this collector ended itself: how long reconnecting may take before the broker counts as down. Usually it takes
# some milliseconds after a random pause of half a second at most. The alert DcimBrokerDown (held for 8 s) is late by no more than this.
RENEWAL_S = 5.0
# The least time between two log lines about this collector's own slowness. Each says how often it happened since the last one.
OWN_LOG_EVERY_S = 60.0


OwnCause = Literal["overload", "standstill"]
"""How this collector itself caused the end of a connection. `overload`: it had no room, left messages at the broker, and reconnects to
receive them again. `standstill`: it was suspended for so long that the broker ended the connection."""
OWN_CAUSE_TEXTS: dict[OwnCause, str] = {
    "overload": "messages come faster than this collector handles them; it renews its connection to receive what it left at the broker",
    "standstill": "this collector stood still for so long that the broker hung up; it connects again",
}
OwnEvent = RoomEvent | OwnCause | Literal["takeover"]
"""What `Subscriber` reports to be counted. `takeover`: another client uses the same client id."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """Why a connection ended. `own` is set if this collector caused it."""

    why: str
    is_taken_over: bool = False
    own: OwnCause | None = None


class OwnLog:
    """Logs ends of connections that this collector caused, once a minute, with the count of each cause since the last line."""

    def __init__(self) -> None:
        self._counts = Counter[OwnCause]()
        self._next_s = -math.inf

    def note(self, own: OwnCause, now_s: float) -> None:
        """Count one, and log it if it is time to; `now_s` is monotonic seconds."""
        self._counts[own] += 1
        if now_s >= self._next_s:
            self._next_s = now_s + OWN_LOG_EVERY_S
            for each, count in self._counts.items():
                log.warning("collector too slow reason=%s times=%d: %s", each, count, OWN_CAUSE_TEXTS[each])
            self._counts.clear()


class Subscriber:
    """Keeps the session with the broker, over one connection after another.

    `limit` is the most QoS 1 messages that the broker may send without acknowledgement. `on_edge` is called when the connection is open
    (True) and when it is lost (False).

    A break that this collector caused itself is not reported as a fault of the broker: `fault` stays None and `on_edge` is not called,
    unless the connection is not open again after `RENEWAL_S`, or the next attempt fails. No will of an agent is missed meanwhile: the
    broker queues messages in the session, and statuses are retained.
    """

    def __init__(  # noqa: PLR0913 - what a subscription has
        self,
        broker: Broker,
        client_id: str,
        filters: Filters,
        limit: int,
        *,
        on_edge: Callable[[bool], None],
        on_event: Callable[[OwnEvent], None],
        room_bytes: int = MAX_WAITING_BYTES,
        live_broker: Broker | None = None,
    ) -> None:
        """`live_broker` has address and account of the second connection, which is open while the session is behind; None for never."""
        self._broker, self._live_broker = broker, live_broker
        self._client_id = client_id
        self._filters = filters
        self._limit = limit
        self._on_edge = on_edge
        self._on_event = on_event
        # The connection.
        self.fault: str | None = "not connected yet"
        self.largest_bytes = NO_LIMIT_BYTES
        self.connection = 0
        """Number of the present connection, once it has subscribed; 0 while there is none."""
        self._opened_connections = 0
        """How many connections were opened, which is also the number of the latest one."""
        self._client: MqttClient | None = None
        self.broker_certificates: tuple[Certificate, ...] = ()
        """What the broker showed at the latest connection; nothing without TLS."""
        self._addresses = BrokerAddresses()
        self._takeovers = Takeovers()
        self._own_log = OwnLog()
        self._session_continues = False
        """Whether the broker has kept the session, and with it the messages that were not acknowledged."""
        self._renewal: asyncio.TimerHandle | None = None
        """Runs while a connection that this collector ended is being replaced; when it runs out, the broker counts as down."""
        # The second connection.
        self._lag: Lag | None = None
        """How far the session is behind; None while there is no second connection."""
        self._live_task: asyncio.Task[None] | None = None
        # What is received and published over the connection.
        self._inbox = Inbox(limit, room_bytes, on_event)
        self._publications = Publications()

    @property
    def waiting(self) -> int:
        """How many messages wait to be taken."""
        return self._inbox.waiting

    @property
    def waiting_bytes(self) -> int:
        """Memory of messages that were received and are neither acknowledged nor given up."""
        return self._inbox.waiting_bytes

    async def take(self) -> Delivery:
        """The next message; waits until there is one."""
        return await self._inbox.take()

    def acknowledge(self, delivery: Delivery) -> None:
        """Let the broker forget a message.

        A message of an ended connection is not acknowledged: the broker sends it again under a new identifier, and the old
        identifier may now belong to a message that is not durable yet.
        """
        if delivery.qos == 1:
            self._inbox.free(delivery)
        if delivery.qos == 1 and delivery.connection == self._opened_connections and self._client is not None:
            self._client.acknowledge(delivery.mid)
            self._inbox.free_window()

    def publish_retained(self, topic: str, payload: bytes, confirmed: Callable[[int], None]) -> None:
        """Publish over this connection; `confirmed` gets the reason code, unless the connection ends before."""
        if self._client is not None and self.connection:
            self._publications.add(topic, payload, confirmed)

    async def run(self) -> None:
        """Connect, subscribe and receive, again after every break, until cancelled."""
        try:
            await self._run()
        finally:
            self._end_renewal()

    async def _run(self) -> None:
        ceiling_s, highest_s = BACKOFF_S
        while True:
            began = time.monotonic()
            ended = await obey_cancellation(self._connect_once())
            if ended.own is not None:
                # Without the growing pause: nothing is broken, and a full collector takes seconds before it ends a connection again.
                self._own_log.note(ended.own, time.monotonic())
                self._on_event(ended.own)
                await asyncio.sleep(random.uniform(0, BACKOFF_S[0]))  # noqa: S311 - jitter
                continue
            self._set_fault(ended.why)
            if ended.is_taken_over:
                self._on_event("takeover")
                await asyncio.sleep(random.uniform(*PAUSE_S))  # noqa: S311 - jitter
                continue
            # A connection that lasted resets the pause; one that ended at once (wrong password, refused filter) does not.
            if time.monotonic() - began > highest_s:
                ceiling_s = BACKOFF_S[0]
            await asyncio.sleep(random.uniform(0, ceiling_s))  # noqa: S311 - jitter
            ceiling_s = min(ceiling_s * 2, highest_s)

    async def _connect_once(self) -> _Ended:
        """Open a connection and receive until it ends. Reports the end at once, unless this collector caused it."""
        ended: _Ended | None = None
        try:
            ended = await self._receive_until_end()
        finally:
            if ended is None or ended.own is None:
                self._end_renewal()
                self._on_edge(False)  # noqa: FBT003 - one callback for both edges
            elif self._renewal is None:  # of several ends the first counts
                self._renewal = asyncio.get_running_loop().call_later(RENEWAL_S, self._fail_renewal, ended.own)
        return ended

    def _end_renewal(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None

    def _fail_renewal(self, own: OwnCause) -> None:
        self._renewal = None
        self._set_fault(f"not connected again within {RENEWAL_S:g} s; before, {OWN_CAUSE_TEXTS[own]}")
        self._on_edge(False)  # noqa: FBT003 - one callback for both edges

    async def _receive_until_end(self) -> _Ended:
        try:
            address = await self._addresses.next(self._broker)
        except ResolveError as error:
            return _Ended(str(error))
        try:
            client = self._make_client(address)
        except ConfigError as error:
            # The files of a certificate are read for each connection. While they are renewed, one of them may be missing for a moment, or
            # not fit the other.
            return _Ended(str(error))
        try:
            async with client:
                self.broker_certificates = client.certificates
                self._use(client)
                async with self._live_beside(address):
                    return await self._subscribe_and_receive(client)
        except BrokerError as error:
            if (own := _own_cause(client)) is not None:
                return _Ended(str(error), own=own)
            client.drop()
            self._takeovers.ended(None, worked=False, now_s=time.monotonic())
            return _Ended(str(error))
        finally:
            self._client, self.connection = None, 0
            self._inbox.end()
            self._publications.end()

    def _make_client(self, address: str) -> MqttClient:
        """A connection to be opened. Raises ConfigError if a certificate file cannot be used."""
        # With a shared subscription, the session ends with the connection. Otherwise mosquitto 2.0 would go on queueing a share of the
        # messages in the session of an absent collector, where nobody reads them. Without it, the other collectors get all messages, and
        # agents send those again that were on their way to this one.
        expiry_s = 0 if self._filters.shared else SESSION_EXPIRY_S
        return MqttClient(
            self._broker,
            self._client_id,
            Callbacks(opened=self._opened, confirmed=self._publications.confirm, received=self._received),
            # A new session object for each connection: publications that were not confirmed are repeated by their senders.
            session=Session(
                expiry_s, receive_maximum=self._limit, packet_bytes=LARGEST_PACKET_BYTES, acks_by_hand=True
            ),
            address=address,
        )

    def _use(self, client: MqttClient | None) -> None:
        self._client = client
        self._inbox.steer(client)
        self._publications.use(client)

    async def _subscribe_and_receive(self, client: MqttClient) -> _Ended:
        if refused := await client.subscribe(self._filters.wanted()):
            return _Ended(f"the broker refuses the subscription: {reason_text(refused[0])}")
        self._end_renewal()
        self._set_fault(None)
        self.connection = self._opened_connections
        if self._session_continues:
            # rumqttd does not answer for a filter that is not there, and nothing depends on the answer:
            # https://github.com/bytebeamio/rumqtt/issues/1054, point 7.
            with contextlib.suppress(BrokerError):
                await client.unsubscribe(self._filters.leftover())
        try:
            return self._why_ended(client, f"connection lost: {await client.lost()}")
        finally:
            client.timeout_s = DISCONNECT_S  # a stop must not wait long for the broker to take DISCONNECT
            # From here on nothing may pause reading, or the end of the connection would not be noticed.
            self._use(None)
            client.resume()

    @contextlib.asynccontextmanager
    async def _live_beside(self, address: str) -> AsyncIterator[None]:
        """If the session had a queue, receive what is produced now over a second connection, until the session has caught up.

        It is opened before the session subscribes, because the broker answers that subscription only behind the messages in the queue.
        """
        filters = self._filters.live()
        if self._live_broker is None or not (self._session_continues and filters):
            yield
            return
        live = LiveConnection(self._live_broker, self._client_id, filters, self._received_live)
        self._lag = Lag()
        self._live_task = task = asyncio.create_task(live.run(address, LARGEST_PACKET_BYTES), name="collector-live")
        try:
            yield
        finally:
            self._end_live()
            await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("live connection failed, the session goes on; please report this", exc_info=error)

    def _end_live(self) -> None:
        self._lag = None
        if self._live_task is not None:
            self._live_task.cancel()
            self._live_task = None

    def _why_ended(self, client: MqttClient, why: str) -> _Ended:
        # A connection that this collector ended says nothing about other clients.
        if (own := _own_cause(client)) is not None:
            return _Ended(why, own=own)
        is_taken_over = self._takeovers.ended(client.ended_by, worked=True, now_s=time.monotonic())
        return _Ended(f"{why}; {takeover_advice(self._client_id)}" if is_taken_over else why, is_taken_over)

    def _set_fault(self, fault: str | None) -> None:
        where = f"{self._broker.host}:{self._broker.port}"
        if fault is None and self.fault is not None:
            log.info("broker connected broker=%s client=%s", where, self._client_id)
            self._on_edge(True)  # noqa: FBT003 - one callback for both edges
        elif fault is not None and fault != self.fault:
            log.warning(
                "broker not connected broker=%s client=%s error=%s%s", where, self._client_id, fault, remedy_for(fault)
            )
        self.fault = fault

    def _opened(self, limits: Limits) -> None:
        self._opened_connections += 1
        self._session_continues = limits.session_present
        self.largest_bytes = limits.packet_bytes or NO_LIMIT_BYTES
        self._publications.allow(limits.receive_maximum)
        self._inbox.begin(session_continues=limits.session_present)

    def _received(self, message: Received) -> None:
        # Called on the event loop while it reads: it must not block.
        payload = message.payload
        size = len(payload)
        if size > MAX_PAYLOAD_BYTES:
            payload = payload[:KEPT_OF_OVERSIZED_BYTES]
        now_s, wall_s = time.monotonic(), time.time()
        if self._lag is not None and self._lag.note_session(message.topic, message.payload, now_s):
            self._end_live()
        delivery = Delivery(
            topic=message.topic,
            payload=payload,
            size_bytes=size,
            qos=1 if message.mid else 0,
            mid=message.mid,
            connection=self._opened_connections,
            mono_s=now_s,
            wall_s=wall_s,
            redelivered=message.dup,
        )
        self._inbox.add(delivery)

    def _received_live(self, message: Received) -> None:
        now_s, wall_s = time.monotonic(), time.time()
        size = len(message.payload)
        if self._lag is not None and self._lag.note_live(message.topic, message.payload, now_s):
            self._end_live()
        elif self._inbox.has_room(size) and size <= MAX_PAYLOAD_BYTES:
            delivery = Delivery(
                topic=message.topic,
                payload=message.payload,
                size_bytes=size,
                qos=0,
                mid=0,
                connection=self._opened_connections,
                mono_s=now_s,
                wall_s=wall_s,
                is_copy=True,
            )
            self._inbox.add_copy(delivery)


def _own_cause(client: MqttClient) -> OwnCause | None:
    """Why this collector itself caused the end of the connection; None if it did not. It drops a working one only after `shed`."""
    if client.is_dropped:
        return "overload"
    return "standstill" if client.has_stood_still else None
