"""Publishes the messages of the outbox and the retained documents, and reconnects for ever.

A message leaves the outbox only when the broker has confirmed it. A confirmation with "no matching subscribers" does not count:
the broker has discarded such a message, so it is kept and sent again.
"""

import asyncio
import contextlib
import logging
import math
import random
import time

import msgspec

from agent.publish.connection import Connection, refused_credentials
from agent.publish.retained import Retained
from agent.self_metrics import Counters
from rackflow.documents import Account, DeviceDocument, Status, encode
from rackflow.errors import ConfigError
from rackflow.outbox import Outbox
from rackflow.process.broker import Broker
from rackflow.process.mqtt import BrokerError
from rackflow.topics import Topic, build_topic

log = logging.getLogger(__name__)
# First and largest ceiling of the pause between connection attempts; the pause itself is drawn from 0 to the ceiling, which doubles
# (full jitter), so that the agents of a site do not all reconnect in the same instant when the broker returns. Chosen values: the
# pause adds about half a second after a restart of the broker, and at most 30 s after a long outage.
RETRY_S = (0.5, 30.0)
# Pause after a failure that only a person can fix (wrong credentials, a bad certificate file). Trying faster would fill the
# broker's log and may lock the account. Chosen values.
SLOW_RETRY_S = (10.0, 30.0)
# First and longest pause before messages that nobody subscribes to are sent again. It doubles while nobody subscribes: the collector may
# be back within a second after a restart, or not for days. Chosen values.
NO_SUBSCRIBERS_RETRY_S = (1.0, 30.0)
# How often `flush` checks whether it is done. `flush` runs once, for at most 5 s.
FLUSH_STEP_S = 0.02


class Publisher:
    """Keeps the agent's status and its devices' documents retained, and empties the outbox. `run` may be called once."""

    def __init__(self, broker: Broker, status: Status, outbox: Outbox, counters: Counters) -> None:
        broker.tls_context()  # raises ConfigError now rather than at the first connection
        self._broker = broker
        self._site = status.site
        self._agent = status.agent
        self._client_id = f"rackflow-agent-{status.site}-{status.agent}"
        self._status_topic = build_topic(Topic(status.site, status.agent, "status"))
        self._outbox = outbox
        self._counters = counters
        self._retained = Retained()
        self._wake = asyncio.Event()
        self._client: Connection | None = None
        self._connections = 0
        self.fault: str | None = "not connected yet"
        self.set_status(status)

    def set_status(self, status: Status) -> None:
        """Publish this status now and after every reconnect. From the next connection on, its "offline" version is the will."""
        self._status = msgspec.structs.replace(status, account=self._outbox.stats().account)
        self._offline = encode(msgspec.structs.replace(status, status="offline", account=None))
        self._retained.set(self._status_topic, encode(self._status))

    def set_account(self, account: Account) -> None:
        """Publish the status with this account of message numbers, if it has changed."""
        if account != self._status.account:
            self.set_status(self._status)

    def set_device_document(self, document: DeviceDocument) -> None:
        """Publish this document, now and after every reconnect."""
        self._retained.set(build_topic(Topic(self._site, self._agent, "device", document.device)), encode(document))

    def remove_device(self, device: str) -> None:
        """Clear the document that the broker retains for a device."""
        self._retained.set(build_topic(Topic(self._site, self._agent, "device", device)), b"")

    def set_broker(self, broker: Broker) -> None:
        """Change to another broker or other credentials. Raises ConfigError if a certificate cannot be used."""
        if broker == self._broker:
            return
        broker.tls_context()
        self._broker = broker
        self._wake.set()
        if self._client is not None:
            self._client.end("the configuration has changed")

    async def flush(self, limit_s: float) -> None:
        """Wait until everything is confirmed, the connection is lost, or `limit_s` has passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                # Polled, because this happens once per run: an event for each of the three conditions is not worth it.
                while self.fault is None and (self._outbox.stats().messages or self._retained):  # noqa: ASYNC110
                    await asyncio.sleep(FLUSH_STEP_S)
        if left := self._outbox.stats().messages:
            log.warning("agent=%s messages=%d not delivered when the agent stopped", self._agent, left)

    async def run(self) -> None:
        """Connect, publish, and connect again, until cancelled."""
        ceiling_s = RETRY_S[0]
        while True:
            self._wake.clear()
            broker, began = self._broker, time.monotonic()
            fault, slow = await self._session(broker)
            self._set_fault(broker, fault)
            # A connection that lasted shows that the broker works, so pauses become short again. One that breaks at once does not.
            if time.monotonic() - began > RETRY_S[1] or broker is not self._broker:
                ceiling_s = RETRY_S[0]
            low_s, high_s = SLOW_RETRY_S if slow else (0.0, ceiling_s)
            with contextlib.suppress(TimeoutError):  # the pause is over, or the configuration has changed
                async with asyncio.timeout(random.uniform(low_s, high_s)):  # noqa: S311 - jitter
                    await self._wake.wait()
            ceiling_s = min(ceiling_s * 2, RETRY_S[1])

    async def _session(self, broker: Broker) -> tuple[str, bool]:
        """One connection. Returns why it ended, and True if only a person can fix the cause."""
        will = self._status_topic, self._offline
        try:
            client = Connection(broker, self._client_id, will, self._counters, self._confirmed)
        except ConfigError as error:  # a certificate file that was replaced by a bad one
            return str(error), True
        try:
            async with client:
                return await self._exchange(client), False
        except asyncio.CancelledError:
            client.drop()
            raise
        except BrokerError as error:
            client.drop()
            if refusal := refused_credentials(error):
                return (
                    f"the broker refuses the credentials ({refusal}); check broker.username and broker.password",
                    True,
                )
            return str(error), False
        finally:
            self._counters.connected = False

    async def _exchange(self, client: Connection) -> str:
        self._client = client
        # The broker may have published the will or lost its retained documents: all are sent again, the status first.
        self.set_status(self._status)
        self._retained.resend_all()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(client.watch_connection(), name="publish-connection"),
                    group.create_task(self._send_retained(client), name="publish-retained"),
                    group.create_task(self._send_outbox(client), name="publish-outbox"),
                    group.create_task(self._watch_confirmations(client), name="publish-watch"),
                ]
                # The configuration changed while connecting, when there was no client to end.
                if self._wake.is_set():
                    client.end("the configuration has changed")
                why = await client.ended
                for task in tasks:
                    task.cancel()
            return why
        finally:
            self._client = None
            await client.publish_offline(self._status_topic, self._offline)
            # Last, because confirmations may still arrive until here; messages still unconfirmed are sent again.
            self._outbox.rewind()

    async def _send_retained(self, client: Connection) -> None:
        while True:
            topic, payload = await self._retained.take()
            await client.window.acquire()
            client.send(topic, payload, topic, retain=True)

    async def _send_outbox(self, client: Connection) -> None:
        pause_s, paused_at = NO_SUBSCRIBERS_RETRY_S[0], 0.0
        while True:
            message = await self._outbox.take()
            if client.no_subscribers:
                log.warning(
                    "agent=%s no collector subscribes to this agent's messages; they are kept and sent again",
                    self._agent,
                )
                # If messages are discarded again soon after the last pause, wait twice as long. Otherwise somebody subscribed in between.
                again = time.monotonic() - paused_at < 2 * pause_s
                pause_s = min(2 * pause_s, NO_SUBSCRIBERS_RETRY_S[1]) if again else NO_SUBSCRIBERS_RETRY_S[0]
                await asyncio.sleep(random.uniform(pause_s / 2, pause_s))  # noqa: S311 - jitter
                client.no_subscribers, paused_at = False, time.monotonic()
                self._outbox.rewind()
                continue
            if len(message.payload) > client.largest_bytes:
                self._counters.publish_failures["size"] += 1
                log.error(
                    "topic=%s bytes=%d dropped, the broker accepts at most %d bytes",
                    message.topic,
                    len(message.payload),
                    client.largest_bytes,
                )
                self._outbox.done(message.key)
                continue
            await client.window.acquire()
            client.send(message.topic, message.payload, message.key, retain=False)

    async def _watch_confirmations(self, client: Connection) -> None:
        while True:
            # Checks every quarter of the limit, so that it is exceeded by a quarter at most. Keep-alive does not notice a broker that
            # answers pings and confirms nothing.
            await asyncio.sleep(client.timeout_s / 4)
            sent_at, _ = next(iter(client.inflight.values()), (math.inf, ""))
            if time.monotonic() - sent_at > client.timeout_s:
                self._counters.publish_failures["timeout"] += 1
                client.end(f"the broker confirmed nothing for {client.timeout_s:g} s")

    def _confirmed(self, what: int | str) -> None:
        # The first confirmation proves that the broker takes messages; a mere CONNACK does not.
        if self.fault is not None and self._client is not None:
            self._set_fault(self._broker, None)
        if isinstance(what, int):
            self._outbox.done(what)
        else:
            self._retained.confirmed(what)

    def _set_fault(self, broker: Broker, fault: str | None) -> None:
        where = f"{broker.host}:{broker.port}"
        self._counters.connected = fault is None
        if fault is None:
            self._connections += 1
            self._counters.reconnects = self._connections - 1
            log.info("agent=%s broker=%s connected", self._agent, where)
        elif fault != self.fault:
            log.warning("agent=%s broker=%s not connected: %s", self._agent, where, fault)
        self.fault = fault
