"""The MQTT 5 connection: publishes within a window of unconfirmed messages, and tells what was confirmed."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS, ConnectFlags
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.self_metrics import Counters
from rackflow.documents import MAX_PAYLOAD_BYTES
from rackflow.process.broker import Broker

log = logging.getLogger(__name__)
WINDOW = 32
CONNECT_S = 5.0
FAREWELL_S = 1.0
FAREWELL = "farewell"
PACKET_OVERHEAD_BYTES = 256

# Reason codes of MQTT 5 (2.4): what another try with other credentials may cure, and what no other try will.
CREDENTIALS = frozenset({0x86, 0x87})
NO_SUBSCRIBERS = 0x10
NEVER_ACCEPTED = {0x90: "refused", 0x95: "size", 0x99: "refused"}

BrokerError = (aiomqtt.MqttError, ValueError)
"""What a connection may end with; ValueError is paho's for a host name that cannot be one."""


class Connection(aiomqtt.Client):
    """One connection: aiomqtt with what it lacks: publishing without a task per message, the reason in PUBACK, the broker's limits."""

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        will: tuple[str, bytes],
        tally: Counters,
        on_confirmed: Callable[[int | str], None],
    ) -> None:
        super().__init__(
            hostname=broker.host,
            port=broker.port,
            username=broker.username,
            password=broker.password.get_secret_value() if broker.password else None,
            identifier=client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            will=aiomqtt.Will(*will, qos=1, retain=True),
            timeout=broker.timeout_s,
            keepalive=broker.keepalive_s,
            # One more than is ever under way: the farewell is not held back.
            max_inflight_messages=WINDOW + 1,
            tls_context=broker.tls_context(),
        )
        self._client.connect_timeout = min(broker.timeout_s, CONNECT_S)
        self._tally = tally
        self._on_confirmed = on_confirmed
        self.largest_bytes = MAX_PAYLOAD_BYTES
        self.window = asyncio.Semaphore(WINDOW)
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.unheard = False
        """The broker has thrown a message away because nobody subscribes to it: a collector's session is gone."""
        self.under_way: dict[int, tuple[float, int | str]] = {}
        """By message id, in order: when it was sent (monotonic), and the outbox's number or the retained topic."""

    def _on_connect(
        self,
        client: PahoClient,
        userdata: Any,  # noqa: ANN401 - paho's own signature
        flags: ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        receive_maximum = getattr(properties, "ReceiveMaximum", WINDOW + 1)
        self.window = asyncio.Semaphore(max(1, min(WINDOW, receive_maximum - 1)))
        packet_bytes = getattr(properties, "MaximumPacketSize", 2**28)
        self.largest_bytes = min(MAX_PAYLOAD_BYTES, packet_bytes - PACKET_OVERHEAD_BYTES)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def watch_connection(self) -> None:
        """Have `ended` say so when the connection breaks; aiomqtt replaces its future until it is connected."""
        self._disconnected.add_done_callback(lambda done: self.end(f"connection lost: {done.exception()}"))

    def end(self, why: str) -> None:
        if not self.ended.done():
            self.ended.set_result(why)

    def send(self, topic: str, payload: bytes, what: int | str, *, retain: bool) -> None:
        """Hand a message to the socket. Whoever calls has taken a place in `window`."""
        info = self._client.publish(topic, payload, 1, retain)
        self.under_way[info.mid] = (time.monotonic(), what)
        if info.rc != MQTT_ERR_SUCCESS:
            self.end(f"cannot send: {aiomqtt.MqttCodeError(info.rc)}")

    def _on_publish(
        self,
        client: PahoClient,  # noqa: ARG002 - paho's own signature
        userdata: Any,  # noqa: ANN401, ARG002 - paho's own signature
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,  # noqa: ARG002 - paho's own signature
    ) -> None:
        entry = self.under_way.pop(mid, None)
        if entry is None:
            return
        self.window.release()
        if reason_code.value == NO_SUBSCRIBERS and isinstance(entry[1], int):
            self._tally.publish_failures["unheard"] += 1
            self.unheard = True
            return
        if not reason_code.is_failure:
            self._on_confirmed(entry[1])
            return
        self._tally.publish_failures[NEVER_ACCEPTED.get(reason_code.value, "refused")] += 1
        if reason_code.value in NEVER_ACCEPTED:
            log.error("broker drops message=%s reason=%s", entry[1], reason_code)
            self._on_confirmed(entry[1])
        else:
            self.end(f"the broker refuses to take messages ({reason_code}); allow this client to publish its topics")

    async def farewell(self, topic: str, payload: bytes) -> None:
        """A connection that is ended from here leaves no will behind: a last retained message says the same."""
        self.timeout = FAREWELL_S
        if self._disconnected.done():
            return
        done, others = asyncio.Event(), self._on_confirmed
        self._on_confirmed = lambda what: done.set() if what == FAREWELL else others(what)
        self.send(topic, payload, FAREWELL, retain=True)
        with contextlib.suppress(TimeoutError):  # it was sent, and the connection is ended all the same
            async with asyncio.timeout(FAREWELL_S):
                await done.wait()

    def drop(self) -> None:
        """Close the socket of an attempt that failed half-way."""
        self._client.disconnect()


def refused_credentials(error: Exception) -> str:
    """The broker's word for it where it refuses who we are, else empty."""
    code = getattr(error, "rc", None)
    return str(code) if isinstance(code, ReasonCode) and code.value in CREDENTIALS else ""
