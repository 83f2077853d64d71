"""Exchanges the messages of the lease with the broker, over a connection of its own that is always opened again."""

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

from agent.pair.handover import HAND_OVER_S, HandOver
from agent.pair.lease import RECEIVE_WITHIN_S, RENEW_S, Lease
from rackflow.documents import LeaseDocument, check_topic, decode, encode
from rackflow.errors import ConfigError, ContractError, ResolveError
from rackflow.process.broker import Broker, BrokerAddresses, remedy_for
from rackflow.process.bulkhead import Failures, Supervisor
from rackflow.process.mqtt import BrokerError, Callbacks, MqttConnection, MQTTMessage, ReasonCode, topic_of
from rackflow.process.stopping import obey_cancellation, stop_tasks
from rackflow.process.takeover import Takeovers
from rackflow.topics import Topic, build_topic, parse_topic

log = logging.getLogger(__name__)
# How often the lease is checked; an expired lease is noticed at most this much later. Chosen value.
STEP_S: Final = 0.2
# Longest pause between attempts to connect; drawn from 0 to this. Short, because a standby without a connection takes over late. Chosen.
RETRY_S: Final = 2.0
# The same for the holder. After reconnecting it is silent for 2 s, unless the broker has retained its message; with RETRY_S it could come
# back so late after a broker's restart that the other side takes the lease.
HOLDER_RETRY_S: Final = 0.5
# A lease given back must reach the broker before the process ends.
RELEASE_S: Final = 1.0
# How long the tasks of a connection may take to end; they wait for nothing but the network. A longer time only delays the stop.
END_TASKS_S: Final = 1.0
# A fault that lasts is logged this often; each attempt to connect would log it otherwise.
LOG_EVERY_S: Final = 60.0
PART: Final = "lease"
"""Name of the bulkhead of the task that keeps the lease."""


def lease_clock() -> float:
    """Seconds that go on while the machine is suspended, unlike those of `time.monotonic` on Linux.

    A machine that was suspended must notice it, and receive messages before it renews its lease: another one may hold it by now.
    """
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


def remedy_of_lease(error: str) -> str:
    """What to check when the lease's connection is refused. Its account is that of `pair`, and of `broker` only where that has none."""
    return remedy_for(error, "the account in `pair`")


class LeaseKeeper:
    """The lease of one agent. `keeping` runs it; `held` waits for it, `lost` for its end."""

    def __init__(
        self, broker: Broker, site: str, agent: str, expires_s: float, hand_over_s: float = HAND_OVER_S
    ) -> None:
        self.lease = Lease(_new_name(), expires_s)
        self.fault = ""
        """Why this side cannot renew or take the lease, and what to do; empty if it can."""
        self._broker = broker
        self._site, self._agent = site, agent
        self._topic = build_topic(Topic(site, agent, "lease"))
        self._addresses = BrokerAddresses()
        self._waiting: set[asyncio.Event] = set()
        """Set at every message and change of state, to wake those that wait in `_until`."""
        self._client: MqttConnection | None = None
        self._failures = Failures(PART)
        self._logged: dict[str, float] = {}
        """When each kind of warning was last logged (monotonic)."""
        self._last_sent_ms = 0
        self._takeovers = Takeovers()
        self._hand_over = HandOver(hand_over_s)
        self._handovers = 0
        """How often either side has handed the lease over, as far as this one has received."""

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Keep it within this block; at its end it is given back, so that the other side takes it at once."""
        # Supervised: after a fault here the agent would otherwise wait for ever for a lease that nobody keeps.
        supervisor = Supervisor(self._failures)
        supervisor.start(PART, self._run)
        try:
            yield
        finally:
            await self._release()
            await supervisor.stop(within_s=END_TASKS_S)

    def set_broker(self, broker: Broker) -> None:
        """Use these settings from now on, as after a reload with another password."""
        if broker != self._broker:
            self._broker = broker
            if self._client is not None:
                self._client.drop()

    async def held(self) -> None:
        """Wait until this side holds the lease."""
        await self._until(lambda: self.lease.state == "holding")

    async def lost(self, publishing: Callable[[], tuple[int, float]] = lambda: (0, 0.0)) -> None:
        """Wait until this side does not hold the lease: another one does, or this one has handed it over.

        `publishing` says how many messages the broker has taken, and for how many seconds it has taken none of those that wait.
        """
        while self.lease.state == "holding":
            self._hand_over_if_due(*publishing())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEW_S):
                    await self._until(lambda: self.lease.state != "holding")

    def _hand_over_if_due(self, taken: int, stuck_s: float) -> None:
        now_s, lease, client = lease_clock(), self.lease, self._client
        # If the lease cannot be renewed either, broker or network is at fault, and a handover would not reach the other side.
        works = client is not None and client.is_open and lease.is_confirmed(now_s - RECEIVE_WITHIN_S)
        if client is None or not works or not lease.standbys(now_s):
            return
        if self._hand_over.is_due(taken, min(stuck_s, now_s - lease.opened_s)):
            self._handovers += 1
            log.error(
                "agent=%s lease=handed over: the broker has taken no message for %.0f s, so the other process polls; see above what it"
                " refuses, and allow this machine's account to publish",
                *(self._agent, stuck_s),
            )
            self._publish(client, "", unable=lease.me)
            lease.hand_over(now_s)
            self._notify_change("holding")

    async def confirmed(self) -> None:
        """Wait until the broker has shown, from this moment on, that this side holds the lease."""
        since_s = lease_clock()
        await self._until(lambda: self.lease.is_confirmed(since_s))

    def values(self) -> dict[str, float]:
        """The metrics of a pair by series key, as the holder publishes them."""
        now_s = lease_clock()
        is_confirmed = self.lease.is_confirmed(now_s - RECEIVE_WITHIN_S)
        return {
            "dcim_agent_pair_lease_confirmed": float(is_confirmed),
            # Without a connection no standby can be received, so none is counted.
            "dcim_agent_pair_standbys": self.lease.standbys(now_s),
            "dcim_agent_pair_handovers_total": float(self._handovers),
        }

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
            self._set_fault(await obey_cancellation(self._connect_once()))
            pause_s = HOLDER_RETRY_S if self.lease.state == "holding" else RETRY_S
            await asyncio.sleep(random.uniform(0.0, pause_s))  # noqa: S311 - jitter

    async def _connect_once(self) -> str:
        """One connection. Returns why it ended."""
        # The client id differs from AGENT@SITE, with which the holder publishes. It is new for each connection: two copies of one machine
        # would otherwise end each other's connection, and never receive each other's messages.
        client_id = f"{self._agent}@{self._site}-{secrets.token_hex(4)}"
        try:
            address = await self._addresses.next(self._broker)
            callbacks = Callbacks(
                opened=lambda _: self.lease.connected(lease_clock()),
                confirmed=self._confirmed,
                received=self._received,
            )
            client = MqttConnection(self._broker, client_id, callbacks, address=address)
        except (ResolveError, ConfigError) as error:
            return f"not connected: {error}"
        try:
            async with client:
                refused = await client.subscribe([self._topic])
                if refused:
                    return self._refusal(refused[0])
                # A broker answers in order: what it retains has come when it answers once more.
                await client.subscribe([self._topic])
                self._client = client
                async with asyncio.TaskGroup() as group:
                    keeping = group.create_task(self._keep(client), name="lease-keep")
                    why = await client.lost()
                    await stop_tasks(keeping, within_s=END_TASKS_S)
        except asyncio.CancelledError:
            client.drop()
            raise
        except BrokerError as error:
            client.drop()
            self._takeovers.ended(None, worked=False, now_s=time.monotonic())
            return f"not connected: {error}{remedy_of_lease(str(error))}"
        finally:
            self._client = None
        is_ended_here = client.is_dropped or client.is_unreadable
        if not is_ended_here and self._takeovers.ended(client.ended_by, worked=True, now_s=time.monotonic()):
            return (
                "another client took this connection's place: the broker takes the account for the client id, so give each"
                " machine an account of its own for the lease (pair.username)"
            )
        return f"not connected: {why}"

    async def _keep(self, client: MqttConnection) -> None:
        """Claim, renew or wait for the lease over this connection, until it is lost."""
        lease = self.lease
        sent_s = float("-inf")
        checked_s = lease_clock()
        while client.is_open:
            now_s = lease_clock()
            before = lease.state
            if now_s - checked_s > lease.expires_s / 2:
                # This process or its machine stood still: it must receive what was sent meanwhile before it sends anything.
                lease.connected(now_s)
            checked_s = now_s
            is_due = lease.due(now_s)
            if now_s - sent_s >= RENEW_S or lease.state != before:
                if is_due:
                    sent_s = now_s
                    self._publish(client, lease.me)
                elif lease.state == "standby":
                    sent_s = now_s
                    self._publish(client, lease.holder, standby=lease.me)
            if lease.receives_nothing(now_s):
                self._set_fault(
                    self.fault
                    or f"the broker takes what is written to {self._topic} and does not deliver it; allow this account to read it, too"
                )
            self._notify_change(before)
            await asyncio.sleep(STEP_S)

    def _publish(self, client: MqttConnection, holder: str, *, standby: str = "", unable: str = "") -> None:
        # The time in a message also marks it as this side's own (`Lease.sent`), so no two messages may have the same time.
        self._last_sent_ms = max(self._last_sent_ms + 1, time.time_ns() // 1_000_000)
        document = LeaseDocument(
            agent=self._agent,
            holder=holder,
            standby=standby,
            unable=unable,
            hostname=socket.gethostname(),
            time=self._last_sent_ms,
        )
        self.lease.sent(self._last_sent_ms)
        # A standby's message is not retained: the retained one must name the holder.
        _, fault = client.publish(self._topic, encode(document), retain=not standby)
        if fault:
            self._set_fault(f"{self._topic} cannot be sent: {fault}")

    def _confirmed(self, _: int, code: ReasonCode) -> None:
        if code.is_failure:
            self._set_fault(self._refusal(code))

    def _refusal(self, code: ReasonCode) -> str:
        return f"the broker refuses {self._topic} ({code}); allow this account to read and write it"

    def _received(self, message: MQTTMessage) -> None:
        if not message.payload:
            # The retained message was deleted, or `doctor` tests the topic. The holder's next message is retained again.
            return
        before = self.lease.state
        try:
            topic = topic_of(message)
            document = decode(bytes(message.payload), LeaseDocument)
            check_topic(parse_topic(topic), document)
        except ContractError as error:
            self._warn("contract", f"a document that breaks the contract is ignored: {error}")
            return
        now_s = lease_clock()
        who = document.standby or document.holder
        if not message.retain and self.lease.is_from_copy(who, document.time):
            self._warn(
                "copied",
                f"another process has this one's name, on host {document.hostname}: a machine was copied while it ran. This side takes"
                " another name and stands by",
            )
            self.lease.renamed(_new_name(), now_s)
        if document.standby:
            self.lease.received_standby(document.standby, now_s)
        else:
            self.lease.received(document.holder, now_s, is_retained=message.retain)
            # Of the other side, too: the one that cannot publish cannot tell either.
            if document.unable not in ("", self.lease.me) and not message.retain:
                self._handovers += 1
        if self.fault and who == self.lease.me and not message.retain:
            self._set_fault("")
        self._notify_change(before, document.hostname)

    def _set_fault(self, fault: str) -> None:
        """Note what is wrong, or that nothing is any more, and log it at a bounded rate."""
        was, self.fault = self.fault, fault
        if fault:
            self._warn(fault, fault)
        elif was:
            self._logged.clear()
            log.info("agent=%s lease=%s the lease works again", self._agent, self.lease.state)

    def _warn(self, kind: str, text: str) -> None:
        now_s = time.monotonic()
        if now_s - self._logged.get(kind, float("-inf")) > LOG_EVERY_S:
            # There are few different texts, because they contain only topics and codes; the limit makes that sure.
            if len(self._logged) >= 16:  # noqa: PLR2004
                self._logged.clear()
            self._logged[kind] = now_s
            log.warning("agent=%s lease=%s %s", self._agent, self.lease.state, text)

    def _notify_change(self, before: str, hostname: str = "") -> None:
        if self.lease.state != before:
            log.info(
                "agent=%s lease=%s was=%s holder=%s host=%s",
                self._agent,
                self.lease.state,
                before,
                self.lease.holder,
                hostname or socket.gethostname(),
            )
        for each in self._waiting:
            each.set()

    async def _release(self) -> None:
        """Give the lease back. If the broker is away it expires."""
        if self.lease.state == "standby" or (client := self._client) is None or not client.is_open:
            return
        self._publish(client, "")
        # From here on `_keep` must not renew it: with a slow broker a renewal would follow, and the other side would wait for it to expire.
        self.lease.hand_over(lease_clock())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RELEASE_S):
                await self._until(lambda: not self.lease.holder)


def _new_name() -> str:
    """A name for this process. The host's is for people; the rest makes it unique, also for two processes on one host."""
    return f"{socket.gethostname()[:40]}.{secrets.token_hex(4)}"
