"""Publishes to each agent which of its messages are durable: the retained `stored` documents of the wire contract, from the ledger.

An agent deletes a message only because of such a report, so two things must be true. Whatever is reported is on disk: it is read from the
ledger's file, which gets an entry only after the points are durable. And every durable message is reported in the end, however many
intervals there are: a document has room for a bounded number, so it has the newest, and each time another part of the others.

This task is optional to the flow. If it fails, agents keep their messages longer and send some of them again.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from collector.counters import Counters
from collector.ledger import EpochKey, LedgerFile, Range, read_durable
from rackflow import RackflowError, Stored, Topic, build_topic, encode
from rackflow.documents import MAX_STORED_INTERVALS
from rackflow.process.bulkhead import Failures, in_own_thread

log = logging.getLogger(__name__)
# A document is at most this old, plus the time to read and send it: the contract promises 2 s. Each agent gets at most one document
# per cycle, of some 250 bytes if no message is missing.
CYCLE_S: Final = 1.5
# Agents whose documents are made at a time. After a reconnection all are due; reading 100 from the ledger takes some 20 ms.
AGENTS_PER_STEP: Final = 100
# Bytes of one interval in JSON: two numbers of up to 16 digits, brackets and commas.
INTERVAL_BYTES: Final = 37
# Room for everything else in a document and its packet: topic, header, and names, also of many epochs.
OTHER_BYTES: Final = 1024
# First and longest pause after the broker has refused a document, or ended the connection while one was unconfirmed. An access list is
# corrected by a person. Chosen values.
PAUSE_S: Final = (1.0, 300.0)
# How often the log says that something of this is wrong.
LOG_EVERY_S: Final = 60.0
# A cycle that takes longer than this counts as failing: agents then keep what is stored.
LONGEST_CYCLE_S: Final = 60.0
PART: Final = "stored"
"""Name of the bulkhead of this task."""

Durable = Mapping[str, Sequence[Range]]
"""Intervals of durable numbers by epoch."""


class Link(Protocol):
    """The connection to publish over."""

    @property
    def connection(self) -> int:
        """Number of the connection; 0 while there is none."""

    @property
    def largest_bytes(self) -> int:
        """Largest packet that the broker takes."""

    def publish_retained(self, topic: str, payload: bytes, confirmed: Callable[[int], None]) -> None:
        """Publish; `confirmed` gets the reason code. It is never called if the connection ends before."""


@dataclass(slots=True)
class Published:
    """What was published for one agent over this connection."""

    durable: Durable | None = None
    """The intervals of the last report."""
    cursor: int = 0
    """Where the next report goes on with the older intervals, if there are too many for one report (see `select`)."""
    left: int = 0
    """How many intervals were in no report yet."""
    is_cleared: bool = False
    """Whether the retained report was cleared, because the agent is retired."""


def select(intervals: Sequence[tuple[str, Range]], cursor: int, most: int) -> tuple[list[tuple[str, Range]], int]:
    """Up to `most` intervals of a list with the newest first, and the cursor for the next call.

    If not all fit, half are the newest, since a running agent waits for these; the other half goes through the rest in turns. Cutting
    off the oldest for good would let an agent behind a shared subscription send its backlog again for ever.
    """
    if len(intervals) <= most:
        return list(intervals), 0
    newest = most // 2
    rest = intervals[newest:]
    start = cursor if cursor < len(rest) else 0
    window = rest[start : start + most - newest]
    return [*intervals[:newest], *window], start + len(window)


class StoredPublisher:
    """Publishes what is durable for each agent, on change and on every new connection. `run` it in a task."""

    def __init__(
        self,
        ledger: LedgerFile,
        collector: str,
        link: Link,
        counters: Counters,
        *,
        sites: frozenset[str] | None = None,
        failures: Failures | None = None,
    ) -> None:
        self._failures = failures if failures is not None else Failures(PART)
        self._ledger = ledger
        self._collector = collector
        self._link = link
        self._counters = counters
        self._sites = sites
        self._published: dict[tuple[str, str], Published] = {}
        self._connection = 0
        """Number of the connection over which `_published` was sent; 0 if there was none."""
        self._due: dict[tuple[str, str], None] = {}
        """Agents whose document may have changed, the longest waiting first."""
        self._unconfirmed: set[tuple[str, str]] = set()
        self._pause_s = 0.0
        self._not_before_s = 0.0
        self._logged_s = float("-inf")

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            self._failures.progress(PART, LONGEST_CYCLE_S)
            began_s = time.monotonic()
            try:
                await self.publish_due(began_s)
            except RackflowError as error:
                self._failures.count(PART, error)
                self._warn(f"not published, agents keep their messages: {error}", began_s)
            await asyncio.sleep(max(0.0, began_s + CYCLE_S - time.monotonic()))

    async def publish_due(self, now_s: float) -> None:
        """Publish the documents that have changed. `now_s` is monotonic. Raises RackflowError if the ledger cannot be read."""
        self._follow_connection(now_s)
        self._due |= dict.fromkeys(sorted(self._ledger.take_changed_agents()))
        self._due |= dict.fromkeys(agent for agent, published in self._published.items() if published.left > 0)
        while self._connection and self._link.connection == self._connection and now_s >= self._not_before_s:
            step = [agent for agent in self._due if agent not in self._unconfirmed][:AGENTS_PER_STEP]
            if not step:
                return
            await self._publish(step)
            now_s = time.monotonic()

    def _follow_connection(self, now_s: float) -> None:
        connection = self._link.connection
        if connection == self._connection:
            return
        if self._connection and self._unconfirmed:
            # Some brokers end the connection of who publishes what it may not. Receiving must not suffer from that.
            self._back_off(now_s)
        self._connection = connection
        self._unconfirmed.clear()
        # The broker may be another one, or have lost what it retained.
        self._published.clear()
        self._due |= dict.fromkeys(self._ledger.ledger.agents())

    async def _publish(self, agents: Sequence[tuple[str, str]]) -> None:
        ledger = self._ledger.ledger
        wanted = {agent: ledger.wanted_of(*agent) for agent in agents}
        firsts = {key: first for epochs in wanted.values() for key, first in epochs.items()}
        path = self._ledger.path
        ledger_name, durable = await in_own_thread(lambda: read_durable(path, firsts), PART)
        for agent in agents:
            self._due.pop(agent, None)
            if self._link.connection == self._connection and (self._sites is None or agent[0] in self._sites):
                self._publish_report(agent, ledger_name, {key: durable[key] for key in wanted[agent]})

    def _publish_report(
        self, agent: tuple[str, str], ledger_name: str, intervals: Mapping[EpochKey, Sequence[Range]]
    ) -> None:
        """Publish the report of one agent if it has changed. `intervals` are its durable numbers; without any the report is cleared."""
        published = self._published.setdefault(agent, Published())
        topic = build_topic(Topic(*agent, "stored", collector=self._collector))
        if not intervals:
            # The agent is retired, so its retained report is deleted, once.
            if not published.is_cleared:
                self._send(agent, topic, b"")
            self._published[agent] = Published(is_cleared=True)
            return
        newest_first = [(key.epoch, each) for key, ranges in intervals.items() for each in reversed(ranges)]
        most = max(1, min(MAX_STORED_INTERVALS, (self._link.largest_bytes - OTHER_BYTES) // INTERVAL_BYTES))
        if len(newest_first) > most and published.left <= 0:
            published.left = len(newest_first)
        chosen, cursor = select(newest_first, published.cursor, most)
        durable: dict[str, list[Range]] = {}
        for epoch, interval in sorted(chosen):
            durable.setdefault(epoch, []).append(interval)
        left = max(0, published.left - (most - most // 2)) if cursor else 0
        if durable == published.durable:
            published.cursor, published.left = cursor, left
            return
        report = Stored(
            agent=agent[1], collector=self._collector, ledger=ledger_name, time=int(time.time() * 1000), durable=durable
        )
        self._published[agent] = Published(durable, cursor, left)
        self._send(agent, topic, encode(report))

    def _send(self, agent: tuple[str, str], topic: str, payload: bytes) -> None:
        connection = self._connection
        self._unconfirmed.add(agent)
        self._counters.stored_published += 1

        def confirmed(code: int) -> None:
            if connection == self._connection:
                self._confirmed(agent, topic, code)

        self._link.publish_retained(topic, payload, confirmed)

    def _confirmed(self, agent: tuple[str, str], topic: str, code: int) -> None:
        self._unconfirmed.discard(agent)
        # From 0x80 on, reason codes are failures (MQTT 5, 2.4).
        if code < 0x80:  # noqa: PLR2004
            self._pause_s = 0.0
            return
        self._counters.stored_refused += 1
        self._published.pop(agent, None)
        self._due[agent] = None
        now_s = time.monotonic()
        self._back_off(now_s)
        self._warn(
            f"the broker refuses topic={topic} (0x{code:02x}), so agents keep their messages; allow this account to write it",
            now_s,
        )

    def _back_off(self, now_s: float) -> None:
        if now_s >= self._not_before_s:
            self._pause_s = min(max(PAUSE_S[0], 2 * self._pause_s), PAUSE_S[1])
            self._not_before_s = now_s + self._pause_s

    def _warn(self, what: str, now_s: float) -> None:
        """Log it, unless something of this was logged within LOG_EVERY_S."""
        if now_s - self._logged_s >= LOG_EVERY_S:
            self._logged_s = now_s
            log.warning("stored documents collector=%s: %s", self._collector, what)
