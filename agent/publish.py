"""Publishing: in go the outbox's messages and documents to be retained, out they go over MQTT 5, until confirmed."""

import asyncio
import contextlib
import logging
import math
import random
import time
from collections.abc import Callable
from typing import Any

import aiomqtt
import msgspec
from paho.mqtt.client import MQTT_ERR_SUCCESS, ConnectFlags
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.retained import Retained
from agent.selfmetrics import Tally
from rackflow.broker import Broker
from rackflow.documents import MAX_PAYLOAD_BYTES, Account, DeviceDocument, Status, encode
from rackflow.errors import ConfigError
from rackflow.outbox import Outbox
from rackflow.topics import Topic, build_topic

log = logging.getLogger(__name__)
WINDOW = 32
RETRY_S = (0.5, 30.0)
SLOW_RETRY_S = (10.0, 30.0)
CONNECT_S = 5.0
FAREWELL_S = 1.0
FAREWELL = "farewell"
FLUSH_STEP_S = 0.02
PACKET_OVERHEAD_BYTES = 256

# Reason codes of MQTT 5 (2.4): what another try with other credentials may cure, and what no other try will.
CREDENTIALS = frozenset({0x86, 0x87})
NEVER_ACCEPTED = {0x90: "refused", 0x95: "size", 0x99: "refused"}


class _Client(aiomqtt.Client):
    """aiomqtt with what it lacks: publishing without a task per message, the reason in PUBACK, the broker's limits."""

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        will: aiomqtt.Will,
        tally: Tally,
        on_confirmed: Callable[[int | str], None],
    ) -> None:
        super().__init__(
            hostname=broker.host,
            port=broker.port,
            username=broker.username,
            password=broker.password.get_secret_value() if broker.password else None,
            identifier=client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            will=will,
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


class Publisher:
    """Keeps an agent's status and its devices' documents retained, and empties the outbox. `run` it once."""

    def __init__(self, broker: Broker, status: Status, outbox: Outbox, tally: Tally) -> None:
        broker.tls_context()  # raises ConfigError now rather than at the first connection
        self._broker = broker
        self._site = status.site
        self._agent = status.agent
        self._client_id = f"rackflow-agent-{status.site}-{status.agent}"
        self._status_topic = build_topic(Topic(status.site, status.agent, "status"))
        self._outbox = outbox
        self._tally = tally
        self._retained = Retained()
        self._wake = asyncio.Event()
        self._client: _Client | None = None
        self._connections = 0
        self.fault: str | None = "not connected yet"
        self.set_status(status)

    def set_status(self, status: Status) -> None:
        """Publish this status, now and after every reconnect; the will is the same one, offline."""
        self._status = msgspec.structs.replace(status, account=self._outbox.stats().account)
        self._offline = encode(msgspec.structs.replace(status, status="offline", account=None))
        self._retained.set(self._status_topic, encode(self._status))

    def set_account(self, account: Account) -> None:
        """Have the status tell this account, if it does not yet."""
        if account != self._status.account:
            self.set_status(self._status)

    def set_device_document(self, document: DeviceDocument) -> None:
        """Publish this document, now and after every reconnect."""
        self._retained.set(build_topic(Topic(self._site, self._agent, "device", document.device)), encode(document))

    def remove_device(self, device: str) -> None:
        """Clear what the broker retains about a device."""
        self._retained.set(build_topic(Topic(self._site, self._agent, "device", device)), b"")

    def set_broker(self, broker: Broker) -> None:
        """Go over to another broker, or to other credentials. Raises ConfigError where a certificate cannot be used."""
        if broker == self._broker:
            return
        broker.tls_context()
        self._broker = broker
        self._wake.set()
        if self._client is not None:
            self._client.end("the configuration has changed")

    async def flush(self, limit_s: float) -> None:
        """Wait until everything is confirmed, the connection is lost, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                # Three conditions, waited for once in a life: not worth a signal in each place.
                while self.fault is None and (self._outbox.stats().messages or self._retained):  # noqa: ASYNC110
                    await asyncio.sleep(FLUSH_STEP_S)
        if left := self._outbox.stats().messages:
            log.warning("agent=%s messages=%d not delivered at the end", self._agent, left)

    async def run(self) -> None:
        """Connect, publish, connect again, until cancelled."""
        ceiling_s = RETRY_S[0]
        while True:
            self._wake.clear()
            broker, began = self._broker, time.monotonic()
            fault, slow = await self._session(broker)
            self._set_fault(broker, fault)
            if time.monotonic() - began > RETRY_S[1] or broker is not self._broker:
                ceiling_s = RETRY_S[0]
            low_s, high_s = SLOW_RETRY_S if slow else (0.0, ceiling_s)
            with contextlib.suppress(TimeoutError):  # the pause is over, or the configuration has changed
                async with asyncio.timeout(random.uniform(low_s, high_s)):  # noqa: S311 - jitter
                    await self._wake.wait()
            ceiling_s = min(ceiling_s * 2, RETRY_S[1])

    async def _session(self, broker: Broker) -> tuple[str, bool]:
        """One connection; returns why it ended, and whether another try is hardly worth while."""
        will = aiomqtt.Will(self._status_topic, self._offline, qos=1, retain=True)
        try:
            client = _Client(broker, self._client_id, will, self._tally, self._confirmed)
        except ConfigError as error:  # a certificate file that was replaced by a bad one
            return str(error), True
        try:
            async with client:
                client.watch_connection()
                return await self._exchange(client), False
        except asyncio.CancelledError:
            client.drop()
            raise
        except (aiomqtt.MqttError, ValueError) as error:  # paho's ValueError: a host name that cannot be one
            client.drop()
            code = getattr(error, "rc", None)
            if isinstance(code, ReasonCode) and code.value in CREDENTIALS:
                return f"the broker refuses the credentials ({code}); check broker.username and broker.password", True
            return str(error), False
        finally:
            self._tally.connected = False

    async def _exchange(self, client: _Client) -> str:
        self._client = client
        self.set_status(self._status)
        self._retained.send_again()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._send_retained(client), name="publish-retained"),
                    group.create_task(self._send_outbox(client), name="publish-outbox"),
                    group.create_task(self._watch_confirmations(client), name="publish-watch"),
                ]
                if self._wake.is_set():
                    client.end("the configuration has changed")
                why = await client.ended
                for task in tasks:
                    task.cancel()
            return why
        finally:
            self._client = None
            await client.farewell(self._status_topic, self._offline)
            self._outbox.rewind()

    async def _send_retained(self, client: _Client) -> None:
        while True:
            topic, payload = await self._retained.take()
            await client.window.acquire()
            client.send(topic, payload, topic, retain=True)

    async def _send_outbox(self, client: _Client) -> None:
        while True:
            message = await self._outbox.take()
            if len(message.payload) > client.largest_bytes:
                self._tally.publish_failures["size"] += 1
                log.error("topic=%s bytes=%d dropped: more than the broker takes", message.topic, len(message.payload))
                self._outbox.done(message.key)
                continue
            await client.window.acquire()
            client.send(message.topic, message.payload, message.key, retain=False)

    async def _watch_confirmations(self, client: _Client) -> None:
        while True:
            await asyncio.sleep(client.timeout / 4)
            sent_at, _ = next(iter(client.under_way.values()), (math.inf, ""))
            if time.monotonic() - sent_at > client.timeout:
                self._tally.publish_failures["timeout"] += 1
                client.end(f"no confirmation in {client.timeout:g} s")

    def _confirmed(self, what: int | str) -> None:
        if self.fault is not None and self._client is not None:
            self._set_fault(self._broker, None)
        if isinstance(what, int):
            self._outbox.done(what)
        else:
            self._retained.confirmed(what)

    def _set_fault(self, broker: Broker, fault: str | None) -> None:
        where = f"{broker.host}:{broker.port}"
        self._tally.connected = fault is None
        if fault is None:
            self._connections += 1
            self._tally.reconnects = self._connections - 1
            log.info("agent=%s broker=%s connected", self._agent, where)
        elif fault != self.fault:
            log.warning("agent=%s broker=%s not connected: %s", self._agent, where, fault)
        self.fault = fault
