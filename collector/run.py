"""Starts the parts of a collector and ends them. `process.py` runs it as a process.

Two orderings protect data. Everything is closed in the reverse order of opening, so that a writer is closed before its
target. And on a stop, intake ends first and the broker's connection last, because stored messages are
acknowledged over it.

`parts.py` has what others look at while this runs: the pages (`view.py`) and the watchdog (`standstill.py`). `assemble.py` makes what
needs more than one key of the configuration.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from collector.assemble import (
    assigned_owners,
    chosen_sites,
    count_nothing,
    drain_check,
    live_broker,
    make_deriver,
    make_ingest,
    open_owners,
    open_records,
    open_store,
    spill_of,
    store_nothing,
)
from collector.config import CollectorConfig
from collector.counters import CollectorStats
from collector.derive import CARBON_PART, CarbonSource, Deriver
from collector.derive import PART as FIGURES_PART
from collector.flow import Flush, Ingest, Spill, Writer
from collector.ledger import PART as ACCOUNT_PART
from collector.ledger import LedgerFile, LedgerWatch
from collector.own_files import claim_files
from collector.parts import Parts
from collector.problems import start_problems
from collector.receive import DISCONNECT_S, DeadLetters, Filters, Owners, OwnersFile, OwnEvent, Subscriber, Usage
from collector.records import PART as RECORDS_PART
from collector.records import RecordKeeper
from collector.standstill import Standstill
from collector.store import Persistence, Store
from collector.stored_publisher import PART as STORED_PART
from collector.stored_publisher import StoredPublisher
from collector.view import CollectorView
from collector.web import WebServer, load_access
from rackflow.process.bulkhead import Supervisor
from rackflow.process.slices import SLICE_S, in_turns
from rackflow.process.stopping import stop_tasks
from rackflow.site import load_site

log = logging.getLogger(__name__)
# A stop must end within 10 s (the units' TimeoutStopSec is 15 s, then systemd kills). The last write gets less than half of that: its
# messages are not lost if it fails, because they were not acknowledged and the broker sends them again. The subscriber gets DISCONNECT_S
# and two END_TASKS_S more, optional parts STOP_PARTS_S, the outbox 1 s, the last HTTP responses 2 s, the records 3 s. That is more than
# 10 s only if several of them hang; then StopDeadline ends the process.
LAST_FLUSH_S = 4.0
# No task takes longer to end than this, apart from the subscriber (DISCONNECT_S).
END_TASKS_S = 0.5
# Readings live at least 30 s, so expired ones hold their place under the series limit only a little longer.
SWEEP_S = 5.0
# Optional parts end at their first await once cancelled; one that does not is left behind.
STOP_PARTS_S = 0.5


@dataclass(frozen=True, slots=True)
class _Opened:
    """What is open before the first message comes, and closed after the last one."""

    store: Store
    dead_letters: DeadLetters
    ledger: LedgerFile
    deriver: Deriver
    owners: OwnersFile
    keeper: RecordKeeper | None
    """None if the records cannot be opened: the collector runs on without them."""
    optional: Supervisor
    """Runs what may fail without touching what a message passes."""


class Collector:
    """One collector. `run` may be called once; after `stop` it ends within 10 s, including the last write."""

    def __init__(self, config: CollectorConfig) -> None:
        self._config = config
        self._parts = Parts(config)
        self._view = CollectorView(config, self._parts)
        self._standstill = Standstill(self._parts, config.store.timeout_s)
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Ask `run` to end. It may be called from a signal handler, and more than once."""
        self._stop.set()

    def stats(self) -> CollectorStats:
        """Counts at this moment, for programs that run a collector (the demo, benchmarks, tests)."""
        return self._view.stats()

    def standstill(self, now_s: float) -> str:
        """Why messages are not handled although they come, for the watchdog; else empty. `now_s` is monotonic."""
        return self._standstill.reason(now_s)

    async def run(
        self, on_listening: Callable[[str], None] | None = None, on_started: Callable[[], None] = lambda: None
    ) -> None:
        """Run until `stop`. `on_listening` is called with the URL, `on_started` when everything is open.

        Raises ConfigError or RackflowError if it cannot start.
        """
        # Parts that can fail because of a wrong configuration are checked first, before anything is opened or created.
        self._check_configuration()
        async with AsyncExitStack() as stack:
            opened = await self._open(stack, on_listening)
            on_started()
            await self._flow(opened)

    def _check_configuration(self) -> None:
        """Read the files that the configuration names, and give the site file to the parts that depend on it."""
        config, parts = self._config, self._parts
        config.broker.tls_context()
        parts.site = load_site(config.site_file) if config.site_file is not None else None
        parts.problems.use_site(parts.site, config.derive.settings(None).thermal)
        parts.maintenance.site = parts.site
        budgets = config.agent_budgets(len(parts.site.devices) if parts.site is not None else 0)
        parts.owners = Owners(budgets, assigned_owners(config, parts.site))
        parts.usage = Usage(budgets)
        load_access(config.http.web_config)

    async def _open(self, stack: AsyncExitStack, on_listening: Callable[[str], None] | None) -> _Opened:
        """Open everything but the broker's connection. `stack` closes it in the reverse order."""
        config, parts = self._config, self._parts
        dead_letters = DeadLetters(config.dead_letter, config.dead_letter_limit_bytes)
        stack.callback(dead_letters.close)
        ledger = parts.ledger = LedgerFile(config.ledger_path, config.ledger_days, time.time)
        stack.callback(ledger.close)
        parts.ledger_watch = LedgerWatch(ledger, parts.failures)
        stack.callback((await claim_files(config)).close)
        records = await open_records(config, parts.failures)
        deriver = parts.deriver = make_deriver(config, parts, records)
        keeper = RecordKeeper(records, parts.latest, deriver, parts.failures) if records is not None else None
        if keeper is not None:
            stack.push_async_callback(keeper.close)
        store = open_store(config, parts.counters)
        stack.push_async_callback(store.close)
        # The web server starts before the outbox is opened and the broker connected; until then /readyz answers "starting".
        web = parts.web = WebServer(self._view.pages(), *config.address, config.http, parts.failures)
        url = await web.start()
        stack.push_async_callback(web.stop)
        log.info("listening url=%s", url)
        if on_listening is not None:
            on_listening(url)
        if config.outbox is not None:
            outbox = config.outbox
            # The outbox numbers messages within an epoch; a random epoch cannot be the same as that of an earlier process.
            spill = parts.spill = Spill(outbox.path, secrets.token_hex(8), outbox.limit_bytes, outbox.backlog_per_s)
            stack.push_async_callback(spill.close)
            await spill.open()
        owners = open_owners(config, parts.owners)
        stack.push_async_callback(owners.close)
        if owners.is_new and keeper is not None:
            # An earlier version kept none: a device belongs to whoever polled it first.
            polled = sorted(keeper.polls.enrolled.items(), key=lambda item: item[1].since_s)
            parts.owners.seed([who for who, _ in polled], round(time.time() * 1000))
        await parts.problems.files.load()
        parts.restore_clones()
        parts.loop_meter.start()
        stack.callback(parts.loop_meter.stop)
        optional = Supervisor(parts.failures)
        stack.push_async_callback(optional.stop, STOP_PARTS_S)
        return _Opened(store, dead_letters, ledger, deriver, owners, keeper=keeper, optional=optional)

    async def _flow(self, opened: _Opened) -> None:
        """Run all tasks until `stop`, then end them in order.

        The task group runs what a message passes until it is acknowledged. The rest runs in `optional`; calls into it are shielded.
        """
        config, parts = self._config, self._parts
        ledger, optional = opened.ledger, opened.optional
        subscriber = parts.subscriber = self._make_subscriber()
        persistence = parts.persistence = Persistence(opened.store, opened.dead_letters, parts.counters)
        writer = parts.writer = self._make_writer(opened, persistence, subscriber)
        ingest = make_ingest(config, parts, opened.dead_letters, opened.keeper, opened.deriver)
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(writer.run(), name="collector-write")
            others = [
                group.create_task(subscriber.run(), name="collector-subscribe"),
                group.create_task(_sweep_ledger(ledger), name="collector-sweep-ledger"),
                group.create_task(self._sweep_latest(), name="collector-sweep-latest"),
                group.create_task(opened.owners.run(), name="collector-owners"),
            ]
            self._start_optional(opened, writer, subscriber)
            if parts.spill is not None:
                drain = parts.spill.drain(persistence, ledger, ingest.reprocess, config.store.batch_lines)
                others.append(group.create_task(drain, name="collector-drain"))
            taking = group.create_task(_take_messages(subscriber, ingest, writer), name="collector-ingest")
            await self._stop.wait()
            # Before the last write, so that it ends: what is still to come stays with the broker.
            await stop_tasks(taking, within_s=END_TASKS_S)
            optional.cancel()
            writer.stop()
            # The subscriber goes on until the last write is stored and acknowledged. Without the acknowledgement the broker
            # would send these messages again, and the next start would count them as duplicates.
            await asyncio.wait([writing], timeout=LAST_FLUSH_S)
            # Longer than the subscriber's DISCONNECT, which a second cancellation would interrupt.
            await stop_tasks(
                writing, *others, within_s=DISCONNECT_S + 2 * END_TASKS_S, first_repeat_s=DISCONNECT_S + END_TASKS_S
            )

    def _make_subscriber(self) -> Subscriber:
        config, sites = self._config, chosen_sites(self._config)
        return Subscriber(
            config.broker,
            config.client_id,
            Filters(sorted(sites) if sites else None, config.shared),
            config.queue_limit,
            live_broker=live_broker(config),
            on_edge=self._set_connected,
            on_event=self._count_event,
        )

    def _make_writer(self, opened: _Opened, persistence: Persistence, subscriber: Subscriber) -> Writer:
        config, keeper = self._config, opened.keeper
        return Writer(
            persistence,
            Flush(config.store.batch_lines, config.store.flush_s, config.queue_limit),
            opened.ledger,
            self._parts.counters,
            acknowledge=subscriber.acknowledge,
            spill=spill_of(config, self._parts.spill),
            is_draining=drain_check(self._parts.spill),
            count_polls=self._parts.failures.shield(
                RECORDS_PART, keeper.polls.count if keeper is not None else count_nothing
            ),
        )

    def _start_optional(self, opened: _Opened, writer: Writer, subscriber: Subscriber) -> None:
        """Start what may fail, hang or be left out by the collector's role while messages go on being stored."""
        config, parts = self._config, self._parts
        optional, deriver = opened.optional, opened.deriver
        store_figures = writer.offer if config.derive.store else store_nothing
        if config.role != "store":
            optional.start(FIGURES_PART, lambda: deriver.run(store_figures, config.client_id))
        start_problems(
            optional,
            config.problems,
            client_id=config.client_id,
            monitor=parts.problems,
            maintenance=parts.maintenance,
            failures=parts.failures,
        )
        if parts.ledger_watch is not None:
            optional.start(ACCOUNT_PART, parts.ledger_watch.run)
        if opened.keeper is not None:
            optional.start(RECORDS_PART, opened.keeper.run)
        if config.carbon is not None:
            source = CarbonSource(config.carbon)
            optional.start(CARBON_PART, lambda: source.watch(deriver.add_factors, parts.failures))
        if config.role != "watch":
            reports = StoredPublisher(
                *(opened.ledger, config.client_id, subscriber, parts.counters),
                sites=chosen_sites(config),
                failures=parts.failures,
            )
            optional.start(STORED_PART, reports.run)

    async def _sweep_latest(self) -> None:
        """Remove expired series, so that they make room even if nobody scrapes."""
        while True:
            await asyncio.sleep(SWEEP_S)
            await in_turns(self._parts.latest.expire_steps(time.monotonic()))

    def _set_connected(self, connected: bool) -> None:  # noqa: FBT001 - a callback with one fact
        self._parts.counters.mqtt_connected = connected
        if connected:
            self._parts.latest.note_connected(time.monotonic())
        elif not self._stop.is_set():
            # A stop ends the connection itself. What came before it still counts in the last figures and records.
            self._parts.latest.note_disconnected(time.monotonic())

    def _count_event(self, what: OwnEvent) -> None:
        self._parts.counters.count_event(what)
        if what != "takeover":
            # All others mean that messages waited: they came faster than they are handled, or this process was suspended.
            self._parts.latest.note_behind(time.monotonic())


async def _sweep_ledger(ledger: LedgerFile) -> None:
    """Remove old entries. A task of its own, because it waits for as long as the ledger's disk refuses."""
    while True:
        await ledger.sweep(time.monotonic())
        await asyncio.sleep(SWEEP_S)


async def _take_messages(subscriber: Subscriber, ingest: Ingest, writer: Writer) -> None:
    """Prepare each message and hand it to the writer, in the order of arrival. `put` waits while the writer is full."""
    until = 0.0
    while True:
        delivery = await subscriber.take()
        if delivery.is_copy:
            ingest.show(delivery)
        else:
            await writer.put(delivery, ingest.process(delivery))
        # While messages wait, neither of the two awaits gives others a turn: a backlog of thousands would hold the loop for a second.
        if time.perf_counter() >= until:
            await asyncio.sleep(0)
            until = time.perf_counter() + SLICE_S
