"""The collector's own metrics as Prometheus text.

There are a few dozen series, so prometheus-client renders them; the many series of devices are written directly (collector.web).
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
        counters, latest = self._counters, self._latest
        yield _gauge("mqtt_connected", {(self.broker,): float(counters.mqtt_connected)}, "broker")
        yield _counter("mqtt_takeovers_total", {(): counters.mqtt_takeovers})
        yield _counter("own_reconnects_total", {(why,): n for why, n in counters.own_reconnects.items()}, "reason")
        yield _gauge("behind", {(): float(self.is_behind)})
        yield _counter("messages_received_total", {(): counters.messages_received})
        yield _counter(
            "message_failures_total", {(reason,): count for reason, count in counters.failures.items()}, "reason"
        )
        yield _counter("stored_documents_published_total", {(): counters.stored_published})
        yield _counter("stored_documents_refused_total", {(): counters.stored_refused})
        latency = HistogramMetricFamily("dcim_collector_message_latency_seconds", _help("message_latency_seconds"))
        # The histogram of collector.counters: prometheus-client's histogram would take a lock for every message.
        latency.add_metric([], counters.latency.buckets(), counters.latency.total)
        yield latency
        last: dict[tuple[str, ...], float] = {
            (agent.site, agent.agent): agent.last_message_s for agent in latest.agents() if agent.last_message_s
        }
        yield _gauge("last_message_timestamp_seconds", last, "site", "agent")
        yield _gauge("influx_queue_points", {(): counters.points_waiting})
        yield from self._delivery_metrics()
        yield _counter("points_written_total", {(self._store,): counters.points_stored}, "store")
        yield _counter(
            "influx_write_failures_total", {(why,): n for why, n in counters.write_failures.items()}, "reason"
        )
        yield _gauge("series", {(): self.series_exposed})
        yield _gauge("loop_lag_seconds", {(): self.delivery.loop.lag_s})
        yield _gauge("loop_hold_seconds", {(): self.delivery.loop.hold_s})
        yield _gauge("series_limit", {(): latest.limit})
        yield _counter("series_refused_total", {(): latest.refused})
        of_agents: dict[tuple[str, ...], float] = {key: float(count) for key, count in self.delivery.refused.items()}
        yield _counter("agent_series_refused_total", of_agents, "site", "agent")
        yield _gauge(
            "agent_over_budget", {key: float(is_so) for key, is_so in self.delivery.beyond.items()}, "site", "agent"
        )
        parts = self.delivery
        yield _counter("http_refused_total", {(why,): n for why, n in parts.http_refused.items()}, "reason")
        yield _counter("part_failures_total", {(*key,): n for key, n in parts.part_failures.items()}, "part", "error")
        yield _gauge("part_failing", {(part,): float(failing) for part, failing in parts.failing_parts.items()}, "part")

    def _delivery_metrics(self) -> Iterator[Metric]:
        delivery, who = self.delivery, ("site", "agent")
        if (spool := delivery.spool) is not None:
            yield _gauge("spool_messages", {(): spool.messages})
            yield _gauge("spool_bytes", {(): spool.size_bytes})
            yield _gauge("spool_limit_bytes", {(): spool.limit_bytes})
            yield _gauge("spool_durable", {(): float(spool.durable)})
            yield _gauge("spool_oldest_timestamp_seconds", {(): spool.oldest_ms / 1000})
        if delivery.is_store_available is not None:
            yield _gauge("store_available", {(self._store,): float(delivery.is_store_available)}, "store")
        if delivery.is_ledger_durable is not None:
            yield _gauge("ledger_durable", {(): float(delivery.is_ledger_durable)})
        yield _counter("ledger_failures_total", {(why,): count for why, count in delivery.failures.items()}, "reason")
        yield _gauge("agent_clones", {key: float(twice) for key, twice in delivery.clones.items()}, *who)
        unheard: dict[tuple[str, ...], float] = {(*key,): count for key, count in delivery.unheard.items()}
        yield _gauge("devices_never_heard", unheard, *who)
        yield _gauge("agent_site_file_differs", {key: float(so) for key, so in delivery.other_site_files.items()}, *who)
        contested = GaugeMetricFamily(
            "dcim_device_contested", catalogue()["dcim_device_contested"].help, labels=("site", "device", "agent")
        )
        for (site, device), agent in delivery.contested.items():
            contested.add_metric((site, device, agent), 1.0)
        yield contested
        # These are gauges although they mostly grow: they fall when the ledger forgets old runs of agents.
        accounts = delivery.accounts
        yield _gauge("ledger_produced_messages", {key: each.produced for key, each in accounts.items()}, *who)
        yield _gauge("ledger_stored_messages", {key: each.stored for key, each in accounts.items()}, *who)
        yield _gauge("ledger_duplicate_messages", {key: each.duplicates for key, each in accounts.items()}, *who)
        yield _gauge("ledger_in_flight_messages", {key: each.in_flight for key, each in accounts.items()}, *who)
        if delivery.is_whole:
            yield _gauge("ledger_missing_messages", {key: each.missing for key, each in accounts.items()}, *who)
        dropped: dict[tuple[str, ...], float] = {}
        for key, each in accounts.items():
            dropped |= {(*key, why): float(count) for why, count in each.dropped.items()}
        yield _gauge("ledger_dropped_messages", dropped, *who, "reason")


def _help(quantity: str) -> str:
    return catalogue()[f"dcim_collector_{quantity}"].help


def _gauge(quantity: str, samples: Mapping[tuple[str, ...], float], *labels: str) -> Metric:
    family = GaugeMetricFamily(f"dcim_collector_{quantity}", _help(quantity), labels=labels)
    for values, value in samples.items():
        family.add_metric(values, value)
    return family


def _counter(quantity: str, samples: Mapping[tuple[str, ...], float], *labels: str) -> Metric:
    family = CounterMetricFamily(f"dcim_collector_{quantity}", _help(quantity), labels=labels)
    for values, value in samples.items():
        family.add_metric(values, value)
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
            f"# HELP {name} {_help('mqtt_connected')}\n# TYPE {name} gauge\n{line}\n"
            f"# HELP {behind} {_help('behind')}\n# TYPE {behind} gauge\n{behind} {float(self._own.is_behind)}\n"
        )

    def render(self, series: int, delivery: DeliveryFigures) -> str:
        """The metrics as text. `series` is the number of device series on the same page."""
        self._own.series_exposed = series
        self._own.delivery = delivery
        return generate_latest(self._registry).decode()
