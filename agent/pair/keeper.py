"""Keeps one side's view of the lease current, over a connection of its own that is opened again for ever."""

import asyncio
import contextlib
import logging
import random
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from agent.pair.lease import RENEW_S, Lease
from rackflow.documents import LeaseDocument, check_topic, decode, encode
from rackflow.errors import ConfigError, ContractError, ResolveError
from rackflow.process.broker import Broker, BrokerAddresses
from rackflow.process.mqtt import BrokerError, Callbacks, MqttConnection, MQTTMessage, topic_of
from rackflow.process.stopping import obey_cancellation, stop_tasks
from rackflow.topics import Topic, build_topic, parse_topic

log = logging.getLogger(__name__)
# How often what is due is looked at; a lease of 4 s is found to be free at most so much later. Chosen value.
STEP_S: Final = 0.2
# Pause between attempts to connect, drawn from 0 to this: a standby that needs long for it takes over late. Chosen value.
RETRY_S: Final = 2.0
# A lease given back must reach the broker before the process ends.
RELEASE_S: Final = 1.0
END_TASKS_S: Final = 1.0
LOG_EVERY_S: Final = 60.0


class LeaseKeeper:
    """The lease of one agent. `keeping` runs it; `held` waits for it, `lost` for its end."""

    def __init__(self, broker: Broker, site: str, agent: str, expires_s: float) -> None:
        # The host's name is for people; the rest makes it unique, also for two processes on one host.
        me = f"{socket.gethostname()[:40]}.{secrets.token_hex(4)}"
        self.lease = Lease(me, expires_s)
        self._broker = broker
        self._agent = agent
        # Of its own account, but another client than the one that publishes: AGENT@SITE is that of whoever holds the lease.
        self._client_id = f"{agent}@{site}-{me.rpartition('.')[2]}"
        self._topic = build_topic(Topic(site, agent, "lease"))
        self._addresses = BrokerAddresses()
        self._waiting: set[asyncio.Event] = set()
        self._client: MqttConnection | None = None
        self._logged_s = float("-inf")

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Keep it within this block; at its end it is given back, so that the other side takes it at once."""
        task = asyncio.create_task(self._run(), name="lease")
        try:
            yield
        finally:
            await self._release()
            await stop_tasks(task, within_s=END_TASKS_S)

    async def held(self) -> None:
        """Wait until this side holds the lease."""
        await self._until(lambda: self.lease.state == "holding")

    async def lost(self) -> None:
        """Wait until this side does not hold the lease."""
        await self._until(lambda: self.lease.state != "holding")

    async def confirmed(self) -> None:
        """Wait until the broker has shown, from this moment on, that this side holds the lease."""
        since_s = time.monotonic()
        await self._until(lambda: self.lease.is_confirmed(since_s))

    async def _until(self, is_so: Callable[[], bool]) -> None:
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            while not is_so():
                changed.clear()
                await changed.wait()
        finally:
            self._waiting.discard(changed)

    async def _run(self) -> None:
        while True:
            fault = await obey_cancellation(self._session())
            if time.monotonic() - self._logged_s > LOG_EVERY_S:
                self._logged_s = time.monotonic()
                log.warning("agent=%s lease=%s not connected: %s", self._agent, self.lease.state, fault)
            await asyncio.sleep(random.uniform(0.0, RETRY_S))  # noqa: S311 - jitter

    async def _session(self) -> str:
        """One connection. Returns why it ended."""
        try:
            address = await self._addresses.next(self._broker)
            callbacks = Callbacks(opened=lambda _: self.lease.connected(time.monotonic()), received=self._received)
            client = MqttConnection(self._broker, self._client_id, callbacks, address=address)
        except (ResolveError, ConfigError) as error:
            return str(error)
        try:
            async with client:
                refused = await client.subscribe([self._topic])
                if refused:
                    return f"the broker refuses {self._topic} ({refused[0]}); allow this account to read and write it"
                # A broker answers in order: what it retains has come when it answers once more.
                await client.subscribe([self._topic])
                self._client = client
                async with asyncio.TaskGroup() as group:
                    keeping = group.create_task(self._keep(client), name="lease-keep")
                    why = await client.lost()
                    await stop_tasks(keeping, within_s=END_TASKS_S)
                return why
        except asyncio.CancelledError:
            client.drop()
            raise
        except BrokerError as error:
            client.drop()
            return str(error)
        finally:
            self._client = None

    async def _keep(self, client: MqttConnection) -> None:
        sent_s = float("-inf")
        looked_s = time.monotonic()
        while client.is_open:
            now_s = time.monotonic()
            before = self.lease.state
            if now_s - looked_s > self.lease.expires_s / 2:
                # This process stood still, or its machine did: it must hear what was said meanwhile before it says anything.
                self.lease.connected(now_s)
            looked_s = now_s
            if self.lease.due(now_s) and (now_s - sent_s >= RENEW_S or self.lease.state != before):
                sent_s = now_s
                self._say(client, self.lease.me)
            self._tell(before)
            await asyncio.sleep(STEP_S)

    def _say(self, client: MqttConnection, holder: str) -> None:
        document = LeaseDocument(
            agent=self._agent, holder=holder, hostname=socket.gethostname(), time=time.time_ns() // 1_000_000
        )
        client.publish(self._topic, encode(document), retain=True)

    def _received(self, message: MQTTMessage) -> None:
        before = self.lease.state
        try:
            topic = topic_of(message)
            document = decode(bytes(message.payload), LeaseDocument)
            check_topic(parse_topic(topic), document)
        except ContractError as error:
            if time.monotonic() - self._logged_s > LOG_EVERY_S:
                self._logged_s = time.monotonic()
                log.warning("agent=%s lease: a document that breaks the contract is ignored: %s", self._agent, error)
            return
        self.lease.heard(document.holder, time.monotonic(), is_retained=message.retain)
        self._tell(before)

    def _tell(self, before: str) -> None:
        if self.lease.state != before:
            log.info("agent=%s lease=%s was=%s holder=%s", self._agent, self.lease.state, before, self.lease.holder)
        for each in self._waiting:
            each.set()

    async def _release(self) -> None:
        """Give the lease back. If the broker is away it expires."""
        if self.lease.state != "holding" or (client := self._client) is None or not client.is_open:
            return
        self._say(client, "")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RELEASE_S):
                await self._until(lambda: not self.lease.holder)
