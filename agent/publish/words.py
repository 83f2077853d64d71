"""Listens to what collectors say they have stored: the only topics that an agent reads.

Retained documents come at once with each subscription, so after a start the outbox is compared with them before anything in it is
sent again.
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
from rackflow.topics import parse_topic, stored_subscription

log = logging.getLogger(__name__)
# How long the first connection waits for the words of collectors before it sends what an earlier life left in the outbox. They are
# there within a round trip; a broker that has lost them must not hold up live readings for long. Chosen value.
FIRST_WORDS_S: Final = 3.0
# Connections that ended while the subscription was unanswered, before it is left out, since some brokers end a connection that subscribes
# to what it may not. It is tried again at every tenth connection. Chosen values.
MAX_BREAKS: Final = 2
TRY_AGAIN_EVERY: Final = 10
# A document that breaks the contract may come every second.
LOG_EVERY_S: Final = 60.0
# How often a stop looks whether everything is stored. It happens once per run.
STEP_S: Final = 0.02
# A collector whose last word is older than this is not waited for.
RECENT_S: Final = 5.0


class Listener:
    """Subscribes on each connection, and hands the outbox what collectors say."""

    def __init__(self, site: str, agent: str, outbox: Outbox, counters: Counters) -> None:
        self._filter = stored_subscription(site, agent)
        self._agent = agent
        self._outbox = outbox
        self._counters = counters
        self._is_first = True
        self._have_come = asyncio.Event()
        self._is_subscribing = False
        self._breaks = 0
        self._is_refused = False
        self._word_at_s = float("-inf")
        self._logged_s = float("-inf")

    async def listen(self, client: MqttClient) -> None:
        """Subscribe; ends when the retained documents have come, or when it is clear that none will."""
        self._have_come.clear()
        if self._breaks < MAX_BREAKS or self._breaks % TRY_AGAIN_EVERY == 0:
            self._is_subscribing = True
            with contextlib.suppress(BrokerError):
                refused = await client.subscribe([self._filter])
                self._note_refusal(reason_text(refused[0]) if refused else "")
                # MQTT does not say when all retained messages have come. But a broker answers in order: after one more round trip
                # they have.
                if not refused:
                    await client.subscribe([self._filter])
            if client.is_open:
                self._is_subscribing, self._breaks = False, 0
        else:
            self._breaks += 1
        self._have_come.set()

    def disconnected(self) -> None:
        """The connection has ended."""
        self._breaks += self._is_subscribing
        self._is_subscribing = False

    async def first_words(self) -> None:
        """On the first connection: wait, for a bounded time, until the words of collectors that spoke to an earlier life have come."""
        if not self._is_first:
            return
        stats = self._outbox.stats()
        if stats.heard and stats.messages:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_WORDS_S):
                    await self._have_come.wait()
        self._is_first = False

    async def all_stored(self, limit_s: float) -> None:
        """Wait, for a bounded time, until a collector that still speaks has stored everything that the broker has."""
        until_s = time.monotonic() + limit_s
        while (now_s := time.monotonic()) < until_s and now_s - self._word_at_s < RECENT_S:
            if not self._outbox.stats().awaiting:
                return
            await asyncio.sleep(STEP_S)

    def received(self, message: Received) -> None:
        """A message on the subscribed topics. An agent deletes what it says, so one that breaks the contract is not used at all."""
        try:
            topic = parse_topic(message.topic)
            if not message.payload:
                log.info("agent=%s collector=%s takes back what it said was stored", self._agent, topic.collector)
                self._outbox.withdrawn(topic.collector)
                return
            word = decode(message.payload, Stored)
            check_topic(topic, word)
        except ContractError as error:
            self._counters.stored_documents_invalid += 1
            if time.monotonic() - self._logged_s >= LOG_EVERY_S:
                self._logged_s = time.monotonic()
                log.warning("agent=%s a stored document is not used: error=%s", self._agent, error)
            return
        if not message.retain:
            self._word_at_s = time.monotonic()
        self._outbox.stored(word)

    def _note_refusal(self, why: str) -> None:
        if why and not self._is_refused:
            log.warning(
                "agent=%s the broker refuses topic=%s (%s): messages are forgotten a while after the broker confirmed them;"
                " allow this account to read it",
                *(self._agent, self._filter, why),
            )
        self._is_refused = bool(why)
