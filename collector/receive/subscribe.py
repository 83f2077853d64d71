"""The MQTT session: persistent, with at most `ReceiveMaximum` unacknowledged messages, acknowledged by hand.

The broker keeps what is not acknowledged and sends it again, which is what the promise about loss rests on.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiomqtt
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import ConnectFlags, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from collector.receive.delivery import Delivery
from rackflow.documents import MAX_PAYLOAD_BYTES
from rackflow.process.broker import Broker
from rackflow.topics import SHARED_GROUP, subscription

log = logging.getLogger(__name__)
SESSION_EXPIRY_S = 86_400
BACKOFF_S = (0.5, 5.0)
"""Collectors are few, and a broker that forgot its sessions throws away what comes while nobody listens."""
GOODBYE_S = 2.0
CONNECT_S = 5.0
IDENTIFIERS = 65_535
KEPT_OF_OVERSIZED_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Filters:
    """What to subscribe to. `sites` None is all; `shared` divides batches and events among collectors."""

    sites: Sequence[str] | None
    shared: bool

    def wanted(self) -> list[str]:
        """The topic filters."""
        return [each for site in self.sites or ("+",) for each in _filters(site, shared=self.shared)]

    def leftover(self) -> list[str]:
        """Filters that an earlier configuration may have left in the session, which would bring everything twice."""
        wanted = set(self.wanted())
        sites = {"+", *(self.sites or ())}
        every = {each for site in sites for shared in (True, False) for each in _filters(site, shared=shared)}
        return sorted(every - wanted)


def _filters(site: str, *, shared: bool) -> list[str]:
    group = f"$share/{SHARED_GROUP}/" if shared else ""
    divided = [group + subscription(site, kind) for kind in ("batch", "event")]
    return [*divided, subscription(site, "device"), subscription(site, "status")]


class _Client(aiomqtt.Client):
    """aiomqtt with what it lacks: paho's manual acknowledgement, and word of each connection before its messages."""

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        receive_maximum: int,
        on_open: Callable[[bool], None],
        on_delivery: Callable[[MQTTMessage], None],
    ) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        properties.ReceiveMaximum = receive_maximum
        super().__init__(
            hostname=broker.host,
            port=broker.port,
            username=broker.username,
            password=broker.password.get_secret_value() if broker.password else None,
            identifier=client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            timeout=broker.timeout_s,
            keepalive=broker.keepalive_s,
            clean_start=False,
            properties=properties,
            tls_context=broker.tls_context(),
        )
        self._client.manual_ack_set(True)  # noqa: FBT003 - paho's own signature
        # Connecting blocks a thread that a stop has to wait for.
        self._client.connect_timeout = min(broker.timeout_s, CONNECT_S)
        self._on_open = on_open
        self._on_delivery = on_delivery

    def _on_connect(
        self,
        client: PahoClient,
        userdata: Any,  # noqa: ANN401 - paho's own signature
        flags: ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not reason_code.is_failure:
            self._on_open(flags.session_present)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_message(self, client: PahoClient, userdata: Any, message: MQTTMessage) -> None:  # noqa: ANN401, ARG002
        self._on_delivery(message)

    def puback(self, mid: int) -> None:
        self._client.ack(mid, 1)

    async def closed(self) -> str:
        """Wait for the end of the connection; returns why."""
        try:
            await asyncio.wait([self._disconnected])
        finally:
            self.timeout = GOODBYE_S  # what is left is to say goodbye, and a stop must not wait long for that
        return repr(self._disconnected.exception())

    def drop(self) -> None:
        """Close the socket of an attempt that failed half-way."""
        self._client.disconnect()


class Subscriber:
    """Keeps a subscription alive. `limit` is the most QoS 1 messages that the broker is to send without acknowledgement.

    mosquitto 2.0.11 sends more than that once it gets acknowledgements. What waits here is bounded by the number of
    message identifiers; beyond it the newest goes, unacknowledged and reported to `on_overflow`: only messages of QoS 0,
    which no contract sends, can get there.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        filters: Filters,
        limit: int,
        on_edge: Callable[[bool], None],
        on_overflow: Callable[[], None],
    ) -> None:
        self._broker = broker
        self._client_id = client_id
        self._filters = filters
        self._limit = limit
        self._on_edge = on_edge
        self._on_overflow = on_overflow
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue(maxsize=limit + IDENTIFIERS)
        self._connection = 0
        self._resumed = False
        self._client: _Client | None = None
        self.fault: str | None = "not connected yet"

    async def take(self) -> Delivery:
        """The next message; waits for one."""
        return await self._queue.get()

    def acknowledge(self, delivery: Delivery) -> None:
        """Let the broker forget a message; not one of an ended connection, whose number is somebody else's now."""
        if delivery.qos == 1 and delivery.connection == self._connection and self._client is not None:
            self._client.puback(delivery.mid)

    async def run(self) -> None:
        """Connect, subscribe, receive, and again after every break, until cancelled."""
        ceiling_s, highest_s = BACKOFF_S
        while True:
            began = time.monotonic()
            fault = await self._session()
            self._set_fault(fault)
            if time.monotonic() - began > highest_s:
                ceiling_s = BACKOFF_S[0]
            await asyncio.sleep(random.uniform(0, ceiling_s))  # noqa: S311 - jitter
            ceiling_s = min(ceiling_s * 2, highest_s)

    async def _session(self) -> str:
        client = _Client(self._broker, self._client_id, self._limit, self._opened, self._received)
        try:
            async with client:
                self._client = client
                codes = await client.subscribe([(each, 1) for each in self._filters.wanted()])
                if refused := [str(code) for code in codes if isinstance(code, ReasonCode) and code.is_failure]:
                    return f"the broker refuses the subscription: {refused[0]}"
                self._set_fault(None)
                if self._resumed:
                    # rumqttd does not answer for a filter that is not there, and nothing depends on the answer.
                    with contextlib.suppress(aiomqtt.MqttError):
                        await client.unsubscribe(self._filters.leftover())
                return f"connection lost: {await client.closed()}"
        except aiomqtt.MqttError as error:
            client.drop()
            return str(error)
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

    def _opened(self, session_present: bool) -> None:  # noqa: FBT001 - paho's flag
        self._connection += 1
        self._resumed = session_present
        if not session_present:
            return  # what still waits is all that is left of it
        # The session goes on: whatever of QoS 1 still waits is going to come again.
        waiting = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        for delivery in waiting:
            if delivery.qos == 0:
                self._queue.put_nowait(delivery)

    def _received(self, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        payload = bytes(message.payload)
        size = len(payload)
        if size > MAX_PAYLOAD_BYTES:
            payload = payload[:KEPT_OF_OVERSIZED_BYTES]
        now_s, wall_s = time.monotonic(), time.time()
        delivery = Delivery(
            topic, payload, size, message.qos, message.mid, self._connection, now_s, wall_s, message.dup
        )
        if self._queue.full():
            self._on_overflow()
        else:
            self._queue.put_nowait(delivery)
