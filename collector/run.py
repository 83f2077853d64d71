"""Starts and stops the parts of a collector, from the broker to the store and /metrics. `process.py` runs it as a process.

Two orderings protect data. Everything is closed in the reverse order of opening, so that a writer is closed before its
target. And on a stop, intake ends first and the broker's connection last, because stored messages are
acknowledged over it.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial

from collector.api import Surroundings, never_heard
from collector.assemble import (
    assigned_owners,
    count_nothing,
    forget_nothing,
    ingest_settings,
    late_batch_handler,
    live_broker,
    make_api,
    open_owners,
    open_records,
    open_store,
    spill_of,
    store_nothing,
    surroundings,
    zone_name,
)
from collector.config import CollectorConfig
from collector.counters import CollectorStats, Counters
from collector.derive import CARBON_PART, CarbonSource, Deriver, LatestFigures
from collector.derive import PART as FIGURES_PART
from collector.flow import Flush, Ingest, Senders, Spill, Writer
from collector.latest import Latest
from collector.ledger import PART as ACCOUNT_PART
from collector.ledger import LedgerFile, LedgerWatch, encode_snapshot, read_snapshot
from collector.problems import PROBLEM_PARTS, Maintenance, Monitor, load_limits, load_table, start_problems
from collector.receive import DISCONNECT_S, Clones, DeadLetters, Filters, Owners, OwnersFile, OwnEvent, Subscriber, Uses
from collector.records import PART as RECORDS_PART
from collector.records import RecordKeeper, RecordsFile
from collector.self_metrics import DeliveryFigures, SelfMetrics
from collector.store import Persistence, Store
from collector.stored import PART as STORED_PART
from collector.stored import StoredPublisher
from collector.web import (
    METRICS_PART,
    WEB_PARTS,
    Findings,
    KeptPage,
    Moment,
    Part,
    Shell,
    View,
    WebServer,
    faults_of,
    load_access,
    page_steps,
    render_steps,
)
from rackflow.process.bulkhead import Failures, Supervisor
from rackflow.process.loop_lag import LoopMeter
from rackflow.process.slices import SLICE_S, in_slices
from rackflow.process.stopping import stop_tasks
from rackflow.process.watchdog import StillTimer
from rackflow.site import Site, load_site

log = logging.getLogger(__name__)
# A stop must end within 10 s (the units' TimeoutStopSec is 15 s, then systemd kills). The last write gets less than half of that: its
# messages are not lost if it fails, because they were not acknowledged and the broker sends them again. The broker's DISCONNECT may take
# 3 s, the last HTTP response 2 s.
LAST_FLUSH_S = 4.0
# Every step of handling a message is bounded by a timeout well below; beyond it something hangs. Chosen value.
STANDSTILL_S = 60.0
# No task takes longer to end than this, apart from the subscriber (DISCONNECT_S).
END_TASKS_S = 0.5
# Readings live at least 30 s, so expired ones hold their place under the series limit only a little longer.
SWEEP_S = 5.0
# Optional parts end at their first await once cancelled; one that does not is left behind.
STOP_PARTS_S = 0.5


class Collector:
    """One collector. `run` may be called once; after `stop` it ends within 10 s, including the last write."""

    def __init__(self, config: CollectorConfig) -> None:
        self._config = config
        self._counters = Counters()
        self.latest = Latest(config.series_limit)
        self.latest.note_disconnected(time.monotonic())  # until `Subscriber` reports the first connection
        self._owners = Owners(config.agent_budgets())
        self._uses = Uses(config.agent_budgets())
        self._figures = LatestFigures(config.derive.interval_s)
        self._site: Site | None = None
        self.meter = LoopMeter()
        self._stop = asyncio.Event()
        self._subscriber: Subscriber | None = None
        self._persistence: Persistence | None = None
        self._spill: Spill | None = None
        self._clones = Clones()
        self._web: WebServer | None = None
        self._ledger: LedgerFile | None = None
        self._writer: Writer | None = None
        self._still = StillTimer()
        self._accounts: LedgerWatch | None = None
        self._deriver: Deriver | None = None
        self._failures = Failures(FIGURES_PART, ACCOUNT_PART, RECORDS_PART, STORED_PART, *PROBLEM_PARTS, *WEB_PARTS)
        self._maintenance = Maintenance(config.problems.maintenance, self._failures)
        self._problems = Monitor(
            load_limits(config.problems.limits, load_table()),
            self.latest,
            self._figures.by_site,
            self._own_facts,
            self._failures,
            path=config.problems_path,
            runbook_base=config.problems.runbook_base,
            maintenance=self._maintenance,
        )
        self._safety_page = KeptPage(self.latest, self._problems.safety_metrics, self._figures)
        self._zone = zone_name()
        self._api = make_api(
            latest=self.latest,
            site=lambda: self._site,
            figures=self._figures,
            problems=self._problems,
            deriver=lambda: self._deriver,
            around=self._surroundings,
            runbook_base=config.problems.runbook_base,
        )
        self._self_metrics = SelfMetrics(
            self._counters,
            self.latest,
            broker=f"{config.broker.host}:{config.broker.port}",
            store=config.store.kind,
        )

    def stop(self) -> None:
        """Ask `run` to end. It may be called from a signal handler, and more than once."""
        self._stop.set()

    def stats(self) -> CollectorStats:
        """Counts at this moment, for programs that run a collector (the demo, benchmarks, tests)."""
        now = time.monotonic()
        counters = self._counters
        up = {f"{each.site}/{each.device}": self.latest.up(each, now) for each in self.latest.devices()}
        failures = {reason: count for reason, count in counters.failures.items() if count}
        failures |= {f"store_{reason}": count for reason, count in counters.write_failures.items() if count}
        return CollectorStats(
            messages_received=counters.messages_received,
            points_stored=counters.points_stored,
            points_waiting=counters.points_waiting,
            series_exposed=self.latest.size,
            devices_up=tuple(name for name, is_up in up.items() if is_up),
            devices_down=tuple(name for name, is_up in up.items() if is_up is False),
            devices_unknown=tuple(name for name, is_up in up.items() if is_up is None),
            failures=failures,
        )

    def standstill(self, now_s: float) -> str:
        """Why messages are not handled although they come, for the watchdog; empty if all is well, or if none come.

        While the store or the ledger refuses, messages wait on purpose, and a restart would not help. `now_s` is monotonic.
        """
        if self._subscriber is None or self._writer is None:
            return ""
        waiting = self._subscriber.waiting + self._writer.pending
        refusing = any(part is not None and part.fault is not None for part in (self._persistence, self._ledger))
        still_s = self._still.update(self._writer.durable, now_s, expected=bool(waiting) and not refusing)
        # A write to the store that is on its way may take its whole timeout before it counts as a fault.
        limit_s = STANDSTILL_S + self._config.store.timeout_s
        return f"messages waiting: {waiting}; none was made durable for {limit_s:g} s" if still_s > limit_s else ""

    async def run(
        self, on_listening: Callable[[str], None] | None = None, on_started: Callable[[], None] = lambda: None
    ) -> None:
        """Run until `stop`. `on_listening` is called with the URL, `on_started` when everything is open.

        Raises ConfigError or RackflowError if it cannot start.
        """
        config = self._config
        # Parts that can fail because of a wrong configuration are checked first, before anything is opened or created.
        config.broker.tls_context()
        self._site = load_site(config.site_file) if config.site_file is not None else None
        self._problems.use_site(self._site, config.derive.settings(None).thermal)
        self._maintenance.site = self._site
        budgets = config.agent_budgets(len(self._site.devices) if self._site is not None else 0)
        self._owners = Owners(budgets, assigned_owners(config, self._site))
        self._uses = Uses(budgets)
        load_access(config.http.web_config)
        async with AsyncExitStack() as stack:
            dead_letters = DeadLetters(config.dead_letter, config.dead_letter_limit_bytes)
            stack.callback(dead_letters.close)
            ledger = self._ledger = LedgerFile(config.ledger_path, config.ledger_days, time.time)
            stack.callback(ledger.close)
            self._accounts = LedgerWatch(ledger, self._failures)
            file = await open_records(config, self._failures)
            deriver = self._deriver = self._open_deriver(file)
            keeper = RecordKeeper(file, self.latest, deriver, self._failures) if file is not None else None
            if keeper is not None:
                stack.push_async_callback(keeper.close)
            store = open_store(config, self._counters)
            stack.push_async_callback(store.close)
            # The web server starts before the outbox is opened and the broker connected; until then /readyz answers "starting".
            view = self._view()
            web = self._web = WebServer(view, *config.address, config.http, self._failures)
            url = await web.start()
            stack.push_async_callback(web.stop)
            log.info("listening url=%s", url)
            if on_listening is not None:
                on_listening(url)
            if config.outbox is not None:
                outbox = config.outbox
                # The outbox numbers messages within an epoch; a random epoch cannot be the same as that of an earlier process.
                epoch = secrets.token_hex(8)
                self._spill = Spill(outbox.path, epoch, outbox.limit_bytes, outbox.backlog_per_s)
                stack.push_async_callback(self._spill.close)
                await self._spill.open()
            owners = open_owners(config, self._owners)
            stack.push_async_callback(owners.close)
            if owners.is_new and keeper is not None:
                # An earlier version kept none: a device belongs to whoever polled it first.
                polled = sorted(keeper.polls.enrolled.items(), key=lambda item: item[1].since_s)
                self._owners.seed([who for who, _ in polled], round(time.time() * 1000))
            await self._problems.load()
            self.meter.start()
            stack.callback(self.meter.stop)
            optional = Supervisor(self._failures)
            stack.push_async_callback(optional.stop, STOP_PARTS_S)
            on_started()
            await self._flow(
                store, dead_letters, ledger, keeper=keeper, deriver=deriver, owners=owners, optional=optional
            )

    async def _flow(
        self,
        store: Store,
        dead_letters: DeadLetters,
        ledger: LedgerFile,
        *,
        keeper: RecordKeeper | None,
        deriver: Deriver,
        owners: OwnersFile,
        optional: Supervisor,
    ) -> None:
        """Run all tasks until `stop`, then end them in order.

        The task group runs what a message passes until it is acknowledged. The rest runs in `optional`; calls into it are shielded.
        """
        config, counters = self._config, self._counters
        chosen = None if config.sites == "all" else frozenset(config.sites)
        subscriber = self._subscriber = self._make_subscriber(chosen)
        flush = Flush(config.store.batch_lines, config.store.flush_s, config.queue_limit)
        persistence = self._persistence = Persistence(store, dead_letters, counters)
        spill, to_disk = self._spill, spill_of(config, self._spill)
        count = self._failures.shield(RECORDS_PART, keeper.polls.count if keeper is not None else count_nothing)
        writer = self._writer = Writer(
            persistence, flush, ledger, counters, acknowledge=subscriber.acknowledge, spill=to_disk, count_polls=count
        )
        ingest = self._make_ingest(chosen, dead_letters, keeper, deriver)
        reports = StoredPublisher(ledger, config.client_id, subscriber, counters, sites=chosen, failures=self._failures)
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(writer.run(), name="collector-write")
            others = [
                group.create_task(subscriber.run(), name="collector-subscribe"),
                group.create_task(self._sweep(ledger), name="collector-sweep"),
                group.create_task(owners.run(), name="collector-owners"),
            ]
            self._start_optional(optional, keeper, deriver, writer)
            if config.role != "watch":
                optional.start(STORED_PART, reports.run)
            if spill is not None:
                drain = spill.drain(persistence, ledger, ingest.reprocess, config.store.batch_lines)
                others.append(group.create_task(drain, name="collector-drain"))
            taking = group.create_task(_ingest(subscriber, ingest, writer), name="collector-ingest")
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

    def _make_subscriber(self, chosen: frozenset[str] | None) -> Subscriber:
        config = self._config
        return Subscriber(
            config.broker,
            config.client_id,
            Filters(sorted(chosen) if chosen else None, config.shared),
            config.queue_limit,
            live_broker=live_broker(config),
            on_edge=self._set_connected,
            on_event=self._count_event,
        )

    def _make_ingest(
        self, chosen: frozenset[str] | None, dead_letters: DeadLetters, keeper: RecordKeeper | None, deriver: Deriver
    ) -> Ingest:
        forget = keeper.polls.forget if keeper is not None else forget_nothing
        return Ingest(
            self.latest,
            dead_letters,
            self._counters,
            Senders(self._owners, self._uses, self._clones),
            ingest_settings(self._config, chosen),
            on_late_batch=late_batch_handler(self._failures, deriver, self._problems),
            on_forgotten=self._failures.shield(RECORDS_PART, forget),
        )

    def _open_deriver(self, file: RecordsFile | None) -> Deriver:
        config, carbon = self._config, self._config.carbon
        return Deriver(
            self.latest,
            self._figures,
            self._site,
            config.derive.settings(carbon.residual_grams_per_kwh if carbon is not None else None),
            interval_s=config.derive.interval_s,
            saved_records=file.sites if file is not None else {},
            failures=self._failures,
        )

    def _start_optional(
        self, optional: Supervisor, keeper: RecordKeeper | None, deriver: Deriver, writer: Writer
    ) -> None:
        config, failures = self._config, self._failures
        keep = writer.offer if config.derive.store else store_nothing
        if config.role != "store":
            optional.start(FIGURES_PART, lambda: deriver.run(keep, config.client_id))
        start_problems(
            optional,
            config.problems,
            client_id=config.client_id,
            monitor=self._problems,
            maintenance=self._maintenance,
            failures=failures,
        )
        if self._accounts is not None:
            optional.start(ACCOUNT_PART, self._accounts.run)
        if keeper is not None:
            optional.start(RECORDS_PART, keeper.run)
        if config.carbon is not None:
            source = CarbonSource(config.carbon)
            optional.start(CARBON_PART, lambda: source.watch(deriver.add_factors, failures))

    def _own_facts(self) -> Iterator[tuple[str, dict[str, str], float]]:
        """What problems ask about the collector itself, under the names of /metrics."""
        broker = f"{self._config.broker.host}:{self._config.broker.port}"
        yield "dcim_collector_mqtt_connected", {"broker": broker}, float(self._counters.mqtt_connected)
        now = time.monotonic()
        yield "dcim_collector_behind", {}, float(self.latest.is_behind(now))
        for (site, device), contest in self._owners.contests(now).items():
            yield "dcim_device_contested", {"site": site, "device": device, "agent": contest.agent}, 1.0
        accounts = self._accounts.accounts() if self._accounts is not None and not self._config.shared else {}
        missing = {key: float(account.missing) for key, account in accounts.items()}
        clones, beyond = self._clones.states(now), self._uses.beyond(now)
        for what, of in (("agent_clones", clones), ("agent_over_budget", beyond), ("ledger_missing_messages", missing)):
            for (site, agent), value in of.items():
                yield f"dcim_collector_{what}", {"site": site, "agent": agent}, float(value)

    async def _sweep(self, ledger: LedgerFile) -> None:
        """Remove expired series and old ledger entries, so that they make room even if nobody scrapes."""
        while True:
            await ledger.sweep(time.monotonic())
            await asyncio.sleep(SWEEP_S)
            await in_slices(self.latest.expire_steps(time.monotonic()))

    def _set_connected(self, connected: bool) -> None:  # noqa: FBT001 - a callback with one fact
        self._counters.mqtt_connected = connected
        if connected:
            self.latest.note_connected(time.monotonic())
        elif not self._stop.is_set():
            # A stop ends the connection itself. What came before it still counts in the last figures and records.
            self.latest.note_disconnected(time.monotonic())

    def _count_event(self, what: OwnEvent) -> None:
        self._counters.count_event(what)
        if what != "takeover":
            self.latest.note_behind(time.monotonic())

    async def _metrics(self) -> list[Part]:
        parts, series = await in_slices(render_steps(self.latest, time.monotonic(), self._figures, self._failures))
        own = partial(self._self_metrics.render, series, self._delivery_figures())
        return [*parts, ("own", self._failures.attempt(METRICS_PART, own, otherwise=""))]

    def _view(self) -> View:
        return View(
            metrics=self._metrics,
            safety=self._safety_metrics,
            page=self._page,
            knows=self._knows,
            faults=self._faults,
            ledger=self._ledger_page,
            api=self._api,
        )

    async def _safety_metrics(self) -> list[Part]:
        parts = await in_slices(self._safety_page.steps(time.monotonic(), self._failures))
        return [*parts, ("own", self._self_metrics.render_connection())]

    def _delivery_figures(self) -> DeliveryFigures:
        # The web server starts before the outbox and may be scraped before the outbox exists.
        ledger, accounts, now = self._ledger, self._accounts, time.monotonic()
        return DeliveryFigures(
            spool=self._spill.stats() if self._spill else None,
            accounts=accounts.accounts() if accounts else {},
            clones=self._clones.states(now),
            failures=dict(ledger.failures) if ledger else {},
            part_failures=dict(self._failures.counts),
            failing_parts=self._failures.failing(),
            http_refused=self._web.refused if self._web is not None else {},
            loop=self.meter.recent(),
            is_whole=not self._config.shared,
            refused=self._uses.refused,
            beyond=self._uses.beyond(now),
            contested={key: each.agent for key, each in self._owners.contests(now).items()},
        )

    def _surroundings(self) -> Surroundings:
        accounts = self._accounts.accounts() if self._accounts is not None and not self._config.shared else {}
        clones, unread = self._clones.current(time.monotonic()), self._problems.acknowledgements.unread()
        return surroundings(
            sites=self._api.sites(),
            accounts=accounts or None,
            clones=clones,
            site=self._site,
            host_zone=self._zone,
            windows=self._maintenance.windows,
            unread=unread,
        )

    def _ledger_page(self) -> bytes:
        return encode_snapshot(read_snapshot(self._config.ledger_path))

    async def _page(self, shell: Shell) -> str:
        moment, never = Moment(time.monotonic(), time.time()), never_heard(self._site, self.latest)
        contested = {key: each.agent for key, each in self._owners.contests(moment.mono_s).items()}
        findings = Findings(self._figures.current(moment.mono_s), contested, self._problems.reports(), never)
        return await in_slices(
            page_steps(self.latest, moment, self._faults(), shell=shell, findings=findings, failures=self._failures)
        )

    def _knows(self, name: str) -> bool:
        site, _, device = name.partition("/")
        return bool(self.latest.readings_of(site, device))

    def _faults(self) -> dict[str, str]:
        """Each part that does not work, with the reason; empty means ready."""
        return faults_of({"broker": self._subscriber, "store": self._persistence, "ledger": self._ledger})


async def _ingest(subscriber: Subscriber, ingest: Ingest, writer: Writer) -> None:
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
