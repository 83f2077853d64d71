"""Publishes the outbox and the retained documents, and reconnects for ever.

A message leaves the outbox only when the broker has confirmed it, and a confirmation that says nobody subscribes does not count.
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
RETRY_S = (0.5, 30.0)
SLOW_RETRY_S = (10.0, 30.0)
NO_SUBSCRIBERS_RETRY_S = (1.0, 30.0)
FLUSH_STEP_S = 0.02


class Publisher:
    """Keeps an agent's status and its devices' documents retained, and empties the outbox. `run` it once."""

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
                if self._wake.is_set():
                    client.end("the configuration has changed")
                why = await client.ended
                for task in tasks:
                    task.cancel()
            return why
        finally:
            self._client = None
            await client.publish_offline(self._status_topic, self._offline)
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
                log.warning("agent=%s nobody subscribes to what it publishes; it is kept", self._agent)
                pause_s = (
                    min(2 * pause_s, NO_SUBSCRIBERS_RETRY_S[1])
                    if time.monotonic() - paused_at < 2 * pause_s
                    else NO_SUBSCRIBERS_RETRY_S[0]
                )
                await asyncio.sleep(random.uniform(pause_s / 2, pause_s))  # noqa: S311 - jitter
                client.no_subscribers, paused_at = False, time.monotonic()
                self._outbox.rewind()
                continue
            if len(message.payload) > client.largest_bytes:
                self._counters.publish_failures["size"] += 1
                log.error("topic=%s bytes=%d dropped: more than the broker takes", message.topic, len(message.payload))
                self._outbox.done(message.key)
                continue
            await client.window.acquire()
            client.send(message.topic, message.payload, message.key, retain=False)

    async def _watch_confirmations(self, client: Connection) -> None:
        while True:
            await asyncio.sleep(client.timeout_s / 4)
            sent_at, _ = next(iter(client.inflight.values()), (math.inf, ""))
            if time.monotonic() - sent_at > client.timeout_s:
                self._counters.publish_failures["timeout"] += 1
                client.end(f"no confirmation in {client.timeout_s:g} s")

    def _confirmed(self, what: int | str) -> None:
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
