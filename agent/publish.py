"""Publishing: in go messages of the outbox and documents to be retained, out they go over MQTT 5; never given up, never waited for."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress

import aiomqtt
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.selfmetrics import AgentCounters
from rackflow.broker import Broker
from rackflow.documents import DeviceDocument, Status, encode
from rackflow.outbox import Outbox
from rackflow.topics import Topic, build_topic

log = logging.getLogger(__name__)

IN_FLIGHT = 32
BACKOFF_S = (0.5, 30.0)
FLUSH_S = 5.0


class _Client(aiomqtt.Client):
    """aiomqtt that notices when the broker refuses a message, which it takes for a confirmation."""

    refused: Callable[[str], None]

    def _on_publish(self, client: PahoClient, userdata: object, mid: int, reason_code: ReasonCode, properties: Properties) -> None:
        if reason_code.is_failure:
            self.refused(str(reason_code))
        super()._on_publish(client, userdata, mid, reason_code, properties)


class Publisher:
    """Keeps the connection, the agent's status and its devices' documents, and empties the outbox."""

    def __init__(self, broker: Broker, site: str, outbox: Outbox, counters: AgentCounters, status: Callable[[str], Status]) -> None:
        self.broker = broker
        self._site = site
        self._outbox = outbox
        self._counters = counters
        self._status = status
        self._agent = status("offline").agent
        self._documents: dict[str, bytes] = {}
        self._waiting: dict[str, bytes] = {}
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._refusing = False

    def announce(self, document: DeviceDocument) -> None:
        """Retain this device document, now and after every reconnect."""
        self._set_document(document.device, encode(document))

    def forget(self, device: str) -> None:
        """Clear what is retained about a device that is no longer configured."""
        self._set_document(device, b"")

    def status_changed(self) -> None:
        """Publish the status anew."""
        self._waiting[build_topic(Topic(self._site, self._agent, "status"))] = b""
        self._changed.set()

    def _set_document(self, device: str, payload: bytes) -> None:
        topic = build_topic(Topic(self._site, self._agent, "device", device))
        self._documents[topic] = payload
        self._waiting[topic] = payload
        self._changed.set()

    def stop(self) -> None:
        """Send what the outbox holds, for a few seconds at most, say good-bye, and let `run` return."""
        self._stopping.set()

    async def run(self) -> None:
        """Connect, publish, connect again, until stopped."""
        attempt = 0
        while not self._stopping.is_set():
            try:
                async with self._connect() as client:
                    attempt = 0
                    await self._serve(client)
            except (aiomqtt.MqttError, OSError) as error:
                self._lost(error, attempt)
            finally:
                self._counters.mqtt_connected = False
                self._outbox.rewind()
            if self._stopping.is_set():
                return
            low, high = BACKOFF_S
            wait_s = low + random.random() * (min(high, low * 2.0 ** min(attempt, 8)) - low)
            attempt += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stopping.wait()

    def _lost(self, error: Exception, attempt: int) -> None:
        refused = "uthori" in str(error) or "ser name" in str(error)
        reason = "refused" if refused else "disconnected"
        self._counters.publish_failures[reason] += 1
        if self._counters.mqtt_connected or attempt == 0:
            where = f"{self.broker.host}:{self.broker.port}"
            remedy = "; correct broker.username and broker.password" if refused else ""
            log.warning("broker=%s disconnected: %s%s", where, error, remedy)

    def _connect(self) -> _Client:
        broker = self.broker
        client = _Client(
            hostname=broker.host,
            port=broker.port,
            username=broker.username,
            password=broker.password.get_secret_value() if broker.password else None,
            identifier=f"rackflow-agent-{self._site}-{self._agent}",
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=broker.keepalive_s,
            timeout=broker.timeout_s,
            max_inflight_messages=IN_FLIGHT * 2,
            tls_context=broker.tls_context(),
            will=aiomqtt.Will(build_topic(Topic(self._site, self._agent, "status")), encode(self._status("offline")), qos=1, retain=True),
        )
        client.pending_calls_threshold = IN_FLIGHT * 4
        client.refused = self._refused
        return client

    def _refused(self, reason: str) -> None:
        self._counters.publish_failures["refused"] += 1
        if not self._refusing:
            self._refusing = True
            log.error("the broker refuses messages: %s; allow this client to publish below its own topics", reason)

    async def _serve(self, client: _Client) -> None:
        """Everything that is to be published over one connection; returns when stopped, raises when the connection ends."""
        self._counters.mqtt_connected = True
        self._counters.mqtt_connects += 1
        log.info("broker=%s:%d connected", self.broker.host, self.broker.port)
        self._waiting = dict(self._documents)
        self.status_changed()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._send(client), name=f"send {number}") for number in range(IN_FLIGHT)]
                tasks.append(group.create_task(self._retain(client), name="retain"))
                tasks.append(group.create_task(_watch(client), name="watch"))
                await self._stopping.wait()
                await self._flush()
                for task in tasks:
                    task.cancel()
        except* (aiomqtt.MqttError, OSError) as errors:
            raise _first(errors) from errors
        await client.publish(*self._status_message("offline"), qos=1, retain=True)

    def _status_message(self, word: str) -> tuple[str, bytes]:
        return build_topic(Topic(self._site, self._agent, "status")), encode(self._status(word))

    async def _send(self, client: _Client) -> None:
        while True:
            message = await self._outbox.take()
            await client.publish(message.topic, message.payload, qos=1)
            self._outbox.done(message.seq)

    async def _retain(self, client: _Client) -> None:
        status_topic, _ = self._status_message("online")
        while True:
            while self._waiting:
                topic, payload = next(iter(self._waiting.items()))
                del self._waiting[topic]
                if topic == status_topic:
                    payload = self._status_message("online")[1]
                await client.publish(topic, payload, qos=1, retain=True)
                if not payload:
                    self._documents.pop(topic, None)
            self._changed.clear()
            await self._changed.wait()

    async def _flush(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                while self._outbox.stats().messages or self._waiting:
                    await asyncio.sleep(0.02)
        left = self._outbox.stats().messages
        if left:
            log.warning("messages=%d not sent before the end", left)


async def _watch(client: _Client) -> None:
    """Nothing is subscribed to, so this only ends, with an error, when the connection does."""
    async for message in client.messages:
        log.debug("topic=%s unexpected", message.topic)


def _first(errors: BaseExceptionGroup[BaseException]) -> aiomqtt.MqttError:
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return aiomqtt.MqttError(str(first))
