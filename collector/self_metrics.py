"""The collector's own metrics as Prometheus text.

There are a few dozen series, so prometheus-client renders them; the many series of devices are written directly (collector.web).
Names are written in full: whoever searches for a metric finds where it is made.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from collector.counters import Counters
from collector.latest import Latest
from collector.ledger import AgentAccount
from rackflow import catalogue
from rackflow.escape import escape_label
from rackflow.outbox import OutboxStats
from rackflow.process.loop_lag import LoopLag

_AGENT = "site", "agent"
_Samples = float | Mapping[str, float] | Mapping[tuple[str, str], float] | Mapping[tuple[str, str, str], float]
"""One value of a metric without labels, or values by that of its label, or by those of its labels."""


@dataclass(frozen=True, slots=True)
class DeliveryFigures:
    """State of message delivery at the time of one scrape. Keys of the mappings are (site, agent)."""

    spool: OutboxStats | None = None
    """The collector's outbox; None if none is configured."""
    accounts: Mapping[tuple[str, str], AgentAccount] = field(default_factory=dict)
    """The ledger's account of each agent."""
    clones: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    """Whether two processes run under the name of an agent."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """Failures of the ledger itself, by reason."""
    is_store_available: bool | None = None
    """Whether the last write to the store succeeded; None until the store is open."""
    is_ledger_durable: bool | None = None
    """Whether the ledger's disk takes what is written; None if there is no ledger."""
    refused: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Series and descriptions beyond the agent's budget."""
    beyond: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    """Whether something of an agent was beyond its budget lately."""
    contested: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By site and device, another agent that publishes about the device."""
    unheard: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """How many devices of the site file were never heard of; the agent is empty where the file names none."""
    other_site_files: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    """Whether an agent has read another site file than this collector."""
    part_failures: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Failures of optional parts, by part and class of exception."""
    failing_parts: Mapping[str, bool] = field(default_factory=dict)
    """Whether each optional part fails now."""
    http_refused: Mapping[str, int] = field(default_factory=dict)
    """Connections and requests that the web server refused or ended, by reason."""
    loop: LoopLag = field(default_factory=LoopLag)
    """How late the event loop was within the last minute."""
    is_whole: bool = True
    """Whether this collector receives every message. Behind a shared subscription it cannot know what is missing."""


class _OwnMetrics(Collector):
    def __init__(self, counters: Counters, latest: Latest, broker: str, store: str) -> None:
        self._counters = counters
        self._latest = latest
        self.broker = broker
        self._store = store
        self.series_exposed = 0
        self.delivery = DeliveryFigures()

    @property
    def is_connected(self) -> bool:
        """Whether the collector is connected to its broker."""
        return self._counters.mqtt_connected

    @property
    def is_behind(self) -> bool:
        """Whether messages come faster than the collector handles them."""
        return self._latest.is_behind(time.monotonic())

    def collect(self) -> Iterator[Metric]:
        """Called by prometheus-client at each scrape."""
        yield from self._message_metrics()
        yield from self._delivery_metrics()
        yield from self._agent_metrics()
        yield from self._account_metrics()
        yield from self._store_and_page_metrics()

    def _message_metrics(self) -> Iterator[Metric]:
        counters = self._counters
        yield _gauge("dcim_collector_mqtt_connected", {self.broker: counters.mqtt_connected}, "broker")
        yield _counter("dcim_collector_mqtt_takeovers_total", counters.mqtt_takeovers)
        yield _counter("dcim_collector_own_reconnects_total", counters.own_reconnects, "reason")
        yield _gauge("dcim_collector_behind", self.is_behind)
        yield _counter("dcim_collector_messages_received_total", counters.messages_received)
        yield _counter("dcim_collector_message_failures_total", counters.failures, "reason")
        yield _counter("dcim_collector_stored_documents_published_total", counters.stored_published)
        yield _counter("dcim_collector_stored_documents_refused_total", counters.stored_refused)
        name = "dcim_collector_message_latency_seconds"
        latency = HistogramMetricFamily(name, _help(name))
        # The histogram of collector.counters: prometheus-client's histogram would take a lock for every message.
        latency.add_metric([], counters.latency.buckets(), counters.latency.total)
        yield latency
        last = {
            (agent.site, agent.agent): agent.last_message_s for agent in self._latest.agents() if agent.last_message_s
        }
        yield _gauge("dcim_collector_last_message_timestamp_seconds", last, *_AGENT)
        yield _gauge("dcim_collector_influx_queue_points", counters.points_waiting)

    def _delivery_metrics(self) -> Iterator[Metric]:
        """The collector's outbox, store and ledger."""
        delivery = self.delivery
        if (spool := delivery.spool) is not None:
            yield _gauge("dcim_collector_spool_messages", spool.messages)
            yield _gauge("dcim_collector_spool_bytes", spool.size_bytes)
            yield _gauge("dcim_collector_spool_limit_bytes", spool.limit_bytes)
            yield _gauge("dcim_collector_spool_durable", spool.durable)
            yield _gauge("dcim_collector_spool_oldest_timestamp_seconds", spool.oldest_ms / 1000)
        if delivery.is_store_available is not None:
            yield _gauge("dcim_collector_store_available", {self._store: delivery.is_store_available}, "store")
        if delivery.is_ledger_durable is not None:
            yield _gauge("dcim_collector_ledger_durable", delivery.is_ledger_durable)
        yield _counter("dcim_collector_ledger_failures_total", delivery.failures, "reason")

    def _agent_metrics(self) -> Iterator[Metric]:
        """What is wrong with agents and with the devices that are theirs."""
        delivery = self.delivery
        yield _gauge("dcim_collector_agent_clones", delivery.clones, *_AGENT)
        yield _gauge("dcim_collector_devices_never_heard", delivery.unheard, *_AGENT)
        yield _gauge("dcim_collector_agent_site_file_differs", delivery.other_site_files, *_AGENT)
        contested = {(site, device, agent): 1.0 for (site, device), agent in delivery.contested.items()}
        yield _gauge("dcim_device_contested", contested, "site", "device", "agent")

    def _account_metrics(self) -> Iterator[Metric]:
        """The ledger's account of each agent. These are gauges although they mostly grow: they fall when it forgets old runs of agents."""
        accounts = self.delivery.accounts
        produced = {key: each.produced for key, each in accounts.items()}
        yield _gauge("dcim_collector_ledger_produced_messages", produced, *_AGENT)
        stored = {key: each.stored for key, each in accounts.items()}
        yield _gauge("dcim_collector_ledger_stored_messages", stored, *_AGENT)
        duplicates = {key: each.duplicates for key, each in accounts.items()}
        yield _gauge("dcim_collector_ledger_duplicate_messages", duplicates, *_AGENT)
        in_flight = {key: each.in_flight for key, each in accounts.items()}
        yield _gauge("dcim_collector_ledger_in_flight_messages", in_flight, *_AGENT)
        if self.delivery.is_whole:
            missing = {key: each.missing for key, each in accounts.items()}
            yield _gauge("dcim_collector_ledger_missing_messages", missing, *_AGENT)
        dropped = {(*key, why): count for key, each in accounts.items() for why, count in each.dropped.items()}
        yield _gauge("dcim_collector_ledger_dropped_messages", dropped, *_AGENT, "reason")

    def _store_and_page_metrics(self) -> Iterator[Metric]:
        """What was stored, what the page has, and how the process and its optional parts are doing."""
        counters, latest, delivery = self._counters, self._latest, self.delivery
        yield _counter("dcim_collector_points_written_total", {self._store: counters.points_stored}, "store")
        yield _counter("dcim_collector_influx_write_failures_total", counters.write_failures, "reason")
        yield _gauge("dcim_collector_series", self.series_exposed)
        yield _gauge("dcim_collector_loop_lag_seconds", delivery.loop.lag_s)
        yield _gauge("dcim_collector_loop_hold_seconds", delivery.loop.hold_s)
        yield _gauge("dcim_collector_series_limit", latest.limit)
        yield _counter("dcim_collector_series_refused_total", latest.refused)
        yield _counter("dcim_collector_agent_series_refused_total", delivery.refused, *_AGENT)
        yield _gauge("dcim_collector_agent_over_budget", delivery.beyond, *_AGENT)
        yield _counter("dcim_collector_http_refused_total", delivery.http_refused, "reason")
        yield _counter("dcim_collector_part_failures_total", delivery.part_failures, "part", "error")
        yield _gauge("dcim_collector_part_failing", delivery.failing_parts, "part")


def _help(name: str) -> str:
    return catalogue()[name].help


def _gauge(name: str, samples: _Samples, *labels: str) -> Metric:
    return _filled(GaugeMetricFamily(name, _help(name), labels=labels), samples)


def _counter(name: str, samples: _Samples, *labels: str) -> Metric:
    return _filled(CounterMetricFamily(name, _help(name), labels=labels), samples)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, samples: _Samples) -> Metric:
    """The family with its samples."""
    if isinstance(samples, float | int):
        family.add_metric((), float(samples))
        return family
    for label_values, value in samples.items():
        family.add_metric((label_values,) if isinstance(label_values, str) else label_values, float(value))
    return family


class SelfMetrics:
    """Renders the collector's own metrics, and the metrics of its process and garbage collection."""

    def __init__(self, counters: Counters, latest: Latest, broker: str, store: str) -> None:
        # A registry of its own: the global one would make two collectors in one process (tests, the demo) collide.
        self._own = _OwnMetrics(counters, latest, broker, store)
        self._registry = CollectorRegistry()
        # `registry=None` keeps them from adding themselves to the global registry; GCCollector has no such option.
        for register in (self._own, ProcessCollector(registry=None), PlatformCollector(registry=None)):
            self._registry.register(register)
        GCCollector(registry=self._registry)

    def render_connection(self) -> str:
        """Whether the broker is connected and the collector keeps up: what the safety class asks about the collector itself."""
        name, behind = "dcim_collector_mqtt_connected", "dcim_collector_behind"
        line = f'{name}{{broker="{escape_label(self._own.broker)}"}} {float(self._own.is_connected)}'
        return (
            f"# HELP {name} {_help(name)}\n# TYPE {name} gauge\n{line}\n"
            f"# HELP {behind} {_help(behind)}\n# TYPE {behind} gauge\n{behind} {float(self._own.is_behind)}\n"
        )

    def render(self, series: int, delivery: DeliveryFigures) -> str:
        """The metrics as text. `series` is the number of device series on the same page."""
        self._own.series_exposed = series
        self._own.delivery = delivery
        return generate_latest(self._registry).decode()
