"""Publishes the messages of the outbox and the retained documents, and reconnects for ever.

Here are the life of a connection and what is sent on it, and when. What follows from the broker's answer to a message is in `answers.py`.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from agent.publish.answers import BrokerAnswers
from agent.publish.connection import WINDOW, Connection, Sent, refused_credentials
from agent.publish.pauses import Pauses
from agent.publish.refusals import PACKET_TOO_LARGE
from agent.publish.report_reader import StoredReportReader
from agent.publish.retained import Retained
from agent.publish.status import AgentStatus
from agent.self_metrics import Counters
from rackflow.documents import Account, DeviceDocument, Status, encode
from rackflow.errors import ConfigError, ResolveError
from rackflow.outbox import Outbox
from rackflow.process.broker import Broker, BrokerAddresses, remedy_for
from rackflow.process.mqtt5.client import BrokerError
from rackflow.process.stopping import obey_cancellation, stop_tasks
from rackflow.process.takeover import WITHIN_S, Takeovers, takeover_advice
from rackflow.topics import Topic, build_topic

if TYPE_CHECKING:
    from rackflow.process.certificates import Certificate

log = logging.getLogger(__name__)
# How often refused topics are tried again, and how many of them at a time: 20 probes a second, so that even thousands of refused topics
# cost the broker and the other topics little. Chosen values.
PROBE_STEP_S = 0.25
PROBES_PER_STEP = 5
# None of the tasks of a connection takes longer to end than a turn of the loop.
END_TASKS_S = 1.0
# How long a stop waits for the collector's report on the last messages; reports come every 1.5 s. Chosen value.
REPORT_WAIT_S = 2.5
# How often `flush` checks whether it is done. `flush` runs once, for at most 5 s.
FLUSH_STEP_S = 0.02


class ConnectionEnd(NamedTuple):
    """Why a connection ended, or could not be opened."""

    why: str
    needs_person: bool = False
    """Whether only a person can fix the cause."""


class Publisher:
    """Keeps the agent's status and its devices' documents retained, and empties the outbox. `run` may be called once."""

    def __init__(
        self,
        broker: Broker,
        status: Status,
        outbox: Outbox,
        counters: Counters,
        before_connect: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`before_connect` is awaited before each connection; in a pair it returns once this agent holds the lease."""
        self._before_connect = before_connect
        self._is_replaced = False
        # A certificate that cannot be used is reported now and not at the first connection. Not so for one of a pair, which begins long
        # after its start, at which the files were checked: that they are being renewed just now, or were replaced without a restart, must
        # not keep it from polling. What it polls waits in the outbox.
        if before_connect is None:
            broker.tls_context()  # raises ConfigError
        self._broker = broker
        self._site = status.site
        self._agent = status.agent
        # Unique, because names have no @. A slash, as in the account SITE/AGENT, makes rumqttd 0.20 panic (no public issue).
        self._client_id = f"{status.agent}@{status.site}"
        self._outbox = outbox
        self._counters = counters
        self._retained = Retained()
        self._addresses = BrokerAddresses()
        self._answers = BrokerAnswers(status.agent, status.epoch, outbox, self._retained, counters)
        self._status = AgentStatus(status, outbox, self._answers.refusals, self._retained)
        self._takeovers = Takeovers()
        self._last_takeover_s = float("-inf")
        self._report_reader = StoredReportReader(status.site, status.agent, outbox, counters)
        self._wake = asyncio.Event()
        self._client: Connection | None = None
        self._connections = 0
        self.fault: str | None = "not connected yet"
        """Why nothing is published at present, in words; None once the broker has confirmed something on this connection."""
        self.certificates: tuple[Certificate, ...] = ()
        """The broker's certificates at the latest connection; none without TLS."""

    def set_status(self, status: Status) -> None:
        """Publish this status now and after every reconnect. From the next connection on, its "offline" version is the will."""
        self._status.set(status)

    def set_account(self, account: Account) -> None:
        """Publish the status with this account of message numbers and the topics refused now, if either has changed."""
        self._status.set_account(account)

    def largest_bytes(self) -> int:
        """The largest payload that the contract and the broker allow. Batches are split to this size before they are numbered."""
        return self._answers.limit.bytes

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
        self._answers.forget()
        self._report_reader.broker_changed()
        self._broker = broker
        self._wake.set()
        if self._client is not None:
            self._client.end("the configuration has changed")

    def progress(self) -> tuple[int, float]:
        """How many batches the broker has accepted, and for how many seconds it has accepted none although messages waited."""
        return self._answers.progress()

    def replaced(self) -> None:
        """Note that the other process of the pair publishes under this agent's name now, so `run` must not publish "offline"."""
        self._is_replaced = True

    async def flush(self, limit_s: float) -> None:
        """Before a stop: wait until every deliverable message is confirmed and every retained document is sent, at most `limit_s`.

        Ends early if the connection is lost. Also waits a little for the collector's report, so that the next start need not publish the
        same messages again.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                # Checked in a loop, because this happens once per run: an event for each of the conditions is not worth it.
                while self.fault is None and not self._is_replaced and (self._deliverable() or self._retained):  # noqa: ASYNC110
                    await asyncio.sleep(FLUSH_STEP_S)
                await self._report_reader.wait_until_stored(REPORT_WAIT_S)
        stats = self._outbox.stats()
        if left := stats.messages - stats.awaiting:
            log.warning("agent=%s messages=%d not delivered when the agent stopped", self._agent, left)

    def _deliverable(self) -> int:
        """How many messages the broker has not confirmed, without those whose topic it refuses."""
        stats = self._outbox.stats()
        return stats.messages - stats.held - stats.awaiting

    async def run(self) -> None:
        """Connect, publish, and connect again, until cancelled."""
        pauses = Pauses()
        while True:
            self._wake.clear()
            broker, began = self._broker, time.monotonic()
            ended = await obey_cancellation(self._connect_once(broker))
            self._set_fault(broker, ended.why)
            low_s, high_s = pauses.after(time.monotonic() - began, needs_person=ended.needs_person)
            with contextlib.suppress(TimeoutError):  # the pause is over, or the configuration has changed
                async with asyncio.timeout(random.uniform(low_s, high_s)):  # noqa: S311 - jitter
                    await self._wake.wait()
            if broker is not self._broker:
                # The former one's pauses say nothing about another broker, whether it was named during an attempt or a pause.
                pauses = Pauses()

    async def _connect_once(self, broker: Broker) -> ConnectionEnd:
        """Open a connection and exchange messages until it ends."""
        will = self._status.topic, self._status.offline
        if self._before_connect is not None:
            await self._before_connect()
        try:
            address = await self._addresses.next(broker)
            client = Connection(
                broker,
                self._client_id,
                will,
                on_confirmed=self._on_confirmed,
                on_refused=self._on_refused,
                on_received=self._report_reader.received,
                address=address,
            )
        except ResolveError as error:
            return ConnectionEnd(str(error))
        except ConfigError as error:  # a certificate file that was replaced by a bad one
            return ConnectionEnd(str(error), needs_person=True)
        try:
            async with client:
                why = await self._exchange(client)
                is_taken_over = self._note_takeover(client)
                why = f"{why}; {takeover_advice(self._client_id)}" if is_taken_over else why
                return ConnectionEnd(why, needs_person=is_taken_over)
        except asyncio.CancelledError:
            client.drop()
            raise
        except BrokerError as error:
            client.drop()
            self._takeovers.ended(None, worked=False, now_s=time.monotonic())
            if refusal := refused_credentials(error):
                why = f"the broker refuses the credentials ({refusal}); check broker.username and broker.password"
                return ConnectionEnd(why, needs_person=True)
            return ConnectionEnd(str(error), needs_person=error.is_lasting)
        finally:
            self._counters.connected = False

    async def _exchange(self, client: Connection) -> str:
        """Send and receive over an open connection until it ends. Returns why it ended."""
        self._client, self.certificates = client, client.certificates
        # The broker may have published the will or lost its retained documents: all are sent again, the status first.
        self._status.refresh()
        self._retained.resend_all()
        self._answers.limit.connected(client.largest_bytes, time.monotonic())
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(client.watch_connection(), name="publish-connection"),
                    group.create_task(self._send_retained(client), name="publish-retained"),
                    group.create_task(self._report_reader.listen(client), name="publish-listen"),
                    group.create_task(self._send_outbox(client), name="publish-outbox"),
                    group.create_task(self._probe_refused(), name="publish-probe"),
                    group.create_task(self._watch_confirmations(client), name="publish-watch"),
                ]
                # Set if the configuration was changed while connecting, when `set_broker` found no client to end.
                if self._wake.is_set():
                    client.end("the configuration has changed")
                why = await client.ended
                await stop_tasks(*tasks, within_s=END_TASKS_S)
            self._find_cause(client)
            self._answers.refusals.disconnected()
            return why
        finally:
            self._client = None
            self._report_reader.disconnected()
            if not self._is_replaced:
                await client.publish_offline(self._status.topic, self._status.offline)
            # Last, because confirmations may still arrive until here; messages still unconfirmed are sent again.
            self._outbox.rewind()

    def _find_cause(self, client: Connection) -> None:
        """Hold back the topic because of which the broker may have ended the connection."""
        is_ended_from_here = self._wake.is_set()  # for another configuration
        if not is_ended_from_here and (refused := self._answers.refused_by_ending(client)) is not None:
            self._on_refused(*refused)

    async def _send_retained(self, client: Connection) -> None:
        while True:
            topic, payload = await self._retained.take()
            if len(payload) > self._answers.limit.bytes:
                self._answers.note_too_large(topic, len(payload), "not published")
                continue
            # Half of the window is left to readings: after each reconnect there may be thousands of documents.
            await client.window.place(spare=WINDOW // 2)
            if self._answers.refusals.admits(topic, topic):
                client.send(topic, payload, topic, retain=True)

    async def _send_outbox(self, client: Connection) -> None:
        await self._report_reader.wait_for_first_reports()
        while True:
            message = await self._outbox.take()
            if len(message.payload) > self._answers.limit.bytes:
                self._answers.replace_by_parts(message.key, message.topic, message.payload)
                continue
            await client.window.place()
            if self._answers.refusals.admits(message.topic, message.key):
                client.send(message.topic, message.payload, message.key, retain=False)
            else:
                self._outbox.hold(message.key)

    async def _probe_refused(self) -> None:
        """Send one message to each refused topic from time to time, to find out whether it is still refused."""
        refusals, refusal_came = self._answers.refusals, self._answers.refusal_came
        while True:
            if not refusals:
                refusal_came.clear()
                await refusal_came.wait()
            await asyncio.sleep(PROBE_STEP_S)
            for topic, which in refusals.due(time.monotonic(), PROBES_PER_STEP):
                self._outbox.resume(topic, which)
                self._retained.resend(topic)

    async def _watch_confirmations(self, client: Connection) -> None:
        while True:
            # Checked four times per limit, so that the limit is exceeded by a quarter at most. The keep-alive of MQTT would not notice a
            # broker that answers pings and confirms nothing.
            await asyncio.sleep(client.timeout_s / 4)
            oldest = next(iter(client.inflight.values()), None)
            if oldest is not None and time.monotonic() - oldest.at_s > client.timeout_s:
                self._counters.publish_failures["timeout"] += 1
                client.end(f"the broker confirmed nothing for {client.timeout_s:g} s")

    def _on_confirmed(self, sent: Sent) -> None:
        # Only a confirmation proves that the broker accepts messages; CONNACK does not.
        if self.fault is not None and self._client is not None:
            self._set_fault(self._broker, None)
        self._answers.confirmed(sent)

    def _on_refused(self, sent: Sent, code: int, text: str) -> None:
        # A message that is too large says nothing about the others.
        if code != PACKET_TOO_LARGE and self.fault is not None and self._client is not None:
            self._set_fault(self._broker, f"it refuses messages ({text}); allow this client to publish to its topics")
        self._answers.refused(sent, code, text)

    def _note_takeover(self, client: Connection) -> bool:
        """After the end of a connection: whether another client has taken its place. If so, it is counted, and shown in the status."""
        # A connection that ended from here, or because of a message, says nothing about other clients.
        if self._wake.is_set() or client.is_open or client.is_dropped or client.is_unreadable:
            return False
        now_s = time.monotonic()
        if not self._takeovers.ended(client.ended_by, worked=True, now_s=now_s):
            return False
        self._counters.takeovers += 1
        # If the broker says so (`ended_by`), a single takeover may be `doctor`, which uses this account, so two are needed. If it does not,
        # `Takeovers` has already inferred this from several breaks.
        if client.ended_by is None or now_s - self._last_takeover_s <= WITHIN_S:
            self._status.taken_over_ms = time.time_ns() // 1_000_000
        self._last_takeover_s = now_s
        return True

    def _set_fault(self, broker: Broker, fault: str | None) -> None:
        where = f"{broker.host}:{broker.port}"
        self._counters.connected = fault is None
        if fault is None:
            self._connections += 1
            self._counters.reconnects = self._connections - 1
            log.info("agent=%s broker=%s connected", self._agent, where)
        elif fault != self.fault:
            log.warning("agent=%s broker=%s not connected: %s%s", self._agent, where, fault, remedy_for(fault))
        self.fault = fault
