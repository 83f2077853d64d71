"""The parts of one collector, for whoever needs several of them: the start, the pages and the watchdog.

`Parts` only holds them. The web server answers before everything is open, so a part that `run.py` opens is None until then, and readers
must expect that. `CollectorFacts` has what can only be said by looking at several parts.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping

from collector.api import never_heard
from collector.config import CollectorConfig
from collector.counters import Counters
from collector.derive import PART as FIGURES_PART
from collector.derive import Deriver, LatestFigures
from collector.flow import Spill, Writer
from collector.latest import Latest
from collector.ledger import PART as ACCOUNT_PART
from collector.ledger import AgentAccount, LedgerFile, LedgerWatch
from collector.problems import PROBLEM_PARTS, Maintenance, Monitor, load_limits, load_table
from collector.receive import Clones, Owners, Subscriber, Usage
from collector.records import PART as RECORDS_PART
from collector.store import Persistence
from collector.stored_publisher import PART as STORED_PART
from collector.web import WEB_PARTS, WebServer
from rackflow.process.bulkhead import Failures
from rackflow.process.loop_lag import LoopMeter
from rackflow.site import Site

# How often the devices of the site file that were never heard of are counted again: there can be thousands, and problems ask each second.
RECOUNT_S = 10.0


class Parts:
    """The parts. Those that are None here are opened by `run.py`; the others are there from the start."""

    site: Site | None = None
    """The site file; stays None if none is configured."""
    ledger: LedgerFile | None = None
    ledger_watch: LedgerWatch | None = None
    deriver: Deriver | None = None
    web: WebServer | None = None
    spill: Spill | None = None
    """Stays None if no outbox is configured."""
    subscriber: Subscriber | None = None
    persistence: Persistence | None = None
    writer: Writer | None = None

    def __init__(self, config: CollectorConfig) -> None:
        self.counters = Counters()
        self.latest = Latest(config.series_limit)
        self.latest.note_disconnected(time.monotonic())  # until `Subscriber` reports the first connection
        self.clones = Clones()
        # These two are replaced once the site file is read, which names devices and their agents.
        self.owners = Owners(config.agent_budgets())
        self.usage = Usage(config.agent_budgets())
        self.figures = LatestFigures(config.derive.interval_s)
        self.failures = Failures(FIGURES_PART, ACCOUNT_PART, RECORDS_PART, STORED_PART, *PROBLEM_PARTS, *WEB_PARTS)
        self.facts = CollectorFacts(self, config)
        self.maintenance = Maintenance(config.problems.maintenance, self.failures)
        self.problems = Monitor(
            load_limits(config.problems.limits, load_table()),
            self.latest,
            self.figures.by_site,
            self.facts.metrics,
            self.failures,
            path=config.problems_path,
            runbook_base=config.problems.runbook_base,
            maintenance=self.maintenance,
        )
        self.loop_meter = LoopMeter()

    def restore_clones(self) -> None:
        """Take over from the problems of before a restart which agents run twice."""
        now = time.monotonic()
        for tracked in self.problems.tracker.active():
            if tracked.problem.name == "DcimAgentCloned":
                labels = dict(tracked.labels)
                self.clones.restore(labels.get("site", ""), labels.get("agent", ""), now)


class CollectorFacts:
    """What is known about agents, devices and the collector itself only by several parts together."""

    def __init__(self, parts: Parts, config: CollectorConfig) -> None:
        self._parts = parts
        self._is_shared = config.shared
        self._broker = f"{config.broker.host}:{config.broker.port}"
        self._store = config.store.kind
        self._unheard: dict[tuple[str, str], float] = {}
        self._recount_at_s = -math.inf

    def whole_accounts(self) -> Mapping[tuple[str, str], AgentAccount]:
        """The ledger's account of each agent. Empty behind a shared subscription: other collectors have the messages that look missing."""
        watch = self._parts.ledger_watch
        return watch.accounts() if watch is not None and not self._is_shared else {}

    def contested(self, now_s: float) -> dict[tuple[str, str], str]:
        """By site and device, another agent that publishes about a device which is not its own. `now_s` is monotonic."""
        return {key: contest.agent for key, contest in self._parts.owners.contests(now_s).items()}

    def unheard(self, now_s: float) -> Mapping[tuple[str, str], float]:
        """By site and agent, how many devices of the site file were never heard of; the agent is empty where the file names none.

        At most `RECOUNT_S` old; `now_s` is monotonic. Empty without a site file, and while nothing can be heard: without a connection to
        the broker, and behind a shared subscription, where other collectors hear of devices as well.
        """
        parts, site = self._parts, self._parts.site
        if site is None or self._is_shared or not parts.counters.mqtt_connected:
            self._recount_at_s = -math.inf
            return {}
        if now_s >= self._recount_at_s:
            agents = site.agents
            counts = Counter(agents.get(device, "") for device in never_heard(site, parts.latest))
            # 0 for an agent all of whose devices were heard of: an alert then ends, instead of losing its series.
            self._unheard = {(site.id, agent): float(counts[agent]) for agent in sorted({"", *agents.values()})}
            self._recount_at_s = now_s + RECOUNT_S
        return self._unheard

    def other_site_files(self) -> Mapping[tuple[str, str], bool]:
        """By site and agent, whether an agent of the site file's site has read another file; agents without one are left out."""
        site = self._parts.site
        if site is None:
            return {}
        said = {(each.site, each.agent): each.status for each in self._parts.latest.agents() if each.site == site.id}
        return {
            key: status.site_file != site.digest
            for key, status in said.items()
            if status is not None and status.status == "online" and status.site_file
        }

    def metrics(self) -> Iterator[tuple[str, dict[str, str], float]]:
        """Those that problems are evaluated with: name, labels and value as on /metrics."""
        parts, now = self._parts, time.monotonic()
        yield "dcim_collector_mqtt_connected", {"broker": self._broker}, float(parts.counters.mqtt_connected)
        yield "dcim_collector_behind", {}, float(parts.latest.is_behind(now))
        if parts.persistence is not None:
            yield "dcim_collector_store_available", {"store": self._store}, float(parts.persistence.fault is None)
        if parts.ledger is not None:
            yield "dcim_collector_ledger_durable", {}, float(parts.ledger.fault is None)
        if parts.spill is not None:
            yield "dcim_collector_spool_durable", {}, float(parts.spill.stats().durable)
        for (site, device), agent in self.contested(now).items():
            yield "dcim_device_contested", {"site": site, "device": device, "agent": agent}, 1.0
        missing = {key: float(account.missing) for key, account in self.whole_accounts().items()}
        clones, beyond = parts.clones.states(now), parts.usage.beyond(now)
        for name, by_agent in (
            ("dcim_collector_agent_clones", clones),
            ("dcim_collector_agent_over_budget", beyond),
            ("dcim_collector_agent_site_file_differs", self.other_site_files()),
            ("dcim_collector_ledger_missing_messages", missing),
        ):
            for (site, agent), value in by_agent.items():
                yield name, {"site": site, "agent": agent}, float(value)
        for (site, agent), count in self.unheard(now).items():
            # The site file need not name the agent of a device. A label that is empty is none, to Prometheus and Alertmanager.
            yield "dcim_collector_devices_never_heard", {"site": site, **({"agent": agent} if agent else {})}, count
