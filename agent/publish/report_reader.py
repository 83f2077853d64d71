"""Reads the stored reports of collectors (`{p}/stored/{collector}`) and hands them to the outbox. An agent reads nothing else over MQTT.

The reports are retained, so they come with each subscription. After a start, they delete what is already stored from the outbox before
anything in it is sent again.
"""

import asyncio
import contextlib
import logging
import time
from typing import Final

from agent.self_metrics import Counters
from rackflow.documents import Stored, check_topic, decode
from rackflow.errors import ContractError
from rackflow.outbox import Outbox
from rackflow.process.mqtt5.client import BrokerError, MqttClient
from rackflow.process.mqtt5.packets import Received
from rackflow.process.mqtt5.reasons import reason_text
from rackflow.topics import DOCTOR_DEVICE, parse_topic, stored_subscription

log = logging.getLogger(__name__)
# How long the first connection waits for retained reports before it sends what an earlier run left in the outbox. They arrive within a
# round trip; a broker that has lost them must not hold up live readings for long. Chosen value.
FIRST_REPORTS_S: Final = 3.0
# After this many connections that ended while the subscription was unanswered, a connection begins without it, because some brokers end
# the connection of a client that subscribes without permission. Chosen value.
MAX_BREAKS: Final = 2
# First and longest time until the subscription is tried again, on the present connection, because the network may have been at fault, or an
# access rule may have been corrected, and a connection lasts for weeks. Each try may cost a connection, so the time doubles. Chosen values.
TRY_AGAIN_S: Final = (60.0, 3600.0)
# Reports that break the contract may come every second.
LOG_EVERY_S: Final = 60.0
# How often a stop looks whether everything is stored. It happens once per run.
CHECK_EVERY_S: Final = 0.02
# A stop does not wait for collectors whose last report is older than this.
RECENT_REPORT_S: Final = 5.0


class StoredReportReader:
    """Subscribes on each connection, and gives each report to the outbox."""

    def __init__(self, site: str, agent: str, outbox: Outbox, counters: Counters) -> None:
        self._filter = stored_subscription(site, agent)
        self._agent = agent
        self._outbox = outbox
        self._counters = counters
        self._is_first_connection = True
        self._first_reports_came = asyncio.Event()
        self._is_subscribing = False
        self._breaks = 0
        self._next_try_s = float("-inf")
        """When to subscribe again after MAX_BREAKS (monotonic)."""
        self._is_refused = False
        self._reported_at_s = float("-inf")
        self._logged_s = float("-inf")

    async def listen(self, client: MqttClient) -> None:
        """Subscribe, and try again until it works or the connection ends."""
        self._first_reports_came.clear()
        may_subscribe = self._breaks < MAX_BREAKS or time.monotonic() >= self._next_try_s
        is_subscribed = may_subscribe and await self._subscribe(client)
        self._first_reports_came.set()
        while not is_subscribed:
            try:
                async with asyncio.timeout(max(TRY_AGAIN_S[0], self._next_try_s - time.monotonic())):
                    await client.lost()
            except TimeoutError:
                is_subscribed = await self._subscribe(client)
            else:
                return

    async def _subscribe(self, client: MqttClient) -> bool:
        """Subscribe. Returns whether the broker has accepted it; if so, its retained reports have been received."""
        is_accepted = False
        self._is_subscribing = True
        with contextlib.suppress(BrokerError):
            refused = await client.subscribe([self._filter])
            self._note_refusal(reason_text(refused[0]) if refused else "")
            is_accepted = not refused
            # MQTT does not say when all retained messages have come. But a broker answers in order: after one more round trip they have.
            if not refused:
                await client.subscribe([self._filter])
        if client.is_open:
            self._is_subscribing, self._breaks = False, 0
        return is_accepted

    def disconnected(self) -> None:
        """The connection has ended."""
        if self._is_subscribing:
            self._breaks += 1
            # The exponent is bounded, since a number of years of hourly tries would be too large for a float.
            pause_s = min(TRY_AGAIN_S[0] * 2.0 ** min(self._breaks - MAX_BREAKS, 16), TRY_AGAIN_S[1])
            self._next_try_s = time.monotonic() + pause_s
        self._is_subscribing = False

    def broker_changed(self) -> None:
        """Another broker, or other credentials, are used from the next connection on."""
        self._breaks = 0

    async def wait_for_first_reports(self) -> None:
        """On the first connection wait, for a bounded time, for reports on what an earlier run left in the outbox."""
        if not self._is_first_connection:
            return
        stats = self._outbox.stats()
        if stats.reports_required and stats.messages:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_REPORTS_S):
                    await self._first_reports_came.wait()
        self._is_first_connection = False

    async def wait_until_stored(self, limit_s: float) -> None:
        """Wait, for a bounded time, until everything the broker confirmed is stored; not if no collector has reported lately."""
        until_s = time.monotonic() + limit_s
        while (now_s := time.monotonic()) < until_s and now_s - self._reported_at_s < RECENT_REPORT_S:
            if not self._outbox.stats().awaiting:
                return
            await asyncio.sleep(CHECK_EVERY_S)

    def received(self, message: Received) -> None:
        """Hand a report to the outbox. It deletes what the report names, so one that breaks the contract is ignored as a whole."""
        try:
            topic = parse_topic(message.topic)
            if not message.payload and topic.collector == DOCTOR_DEVICE:
                return  # sent by `doctor`, to find out whether this account may read here
            if not message.payload:
                log.info(
                    "agent=%s collector=%s has withdrawn its report of what is stored", self._agent, topic.collector
                )
                self._outbox.withdrawn(topic.collector)
                return
            report = decode(message.payload, Stored)
            check_topic(topic, report)
        except ContractError as error:
            self._counters.stored_documents_invalid += 1
            if time.monotonic() - self._logged_s >= LOG_EVERY_S:
                self._logged_s = time.monotonic()
                log.warning("agent=%s a stored document is not used: error=%s", self._agent, error)
            return
        if not message.retain:
            self._reported_at_s = time.monotonic()
        self._outbox.stored(report)

    def _note_refusal(self, why: str) -> None:
        if why and not self._is_refused:
            log.warning(
                "agent=%s the broker refuses topic=%s (%s): messages are forgotten a while after the broker confirmed them;"
                " allow this account to read it",
                *(self._agent, self._filter, why),
            )
        self._is_refused = bool(why)
