"""The collector's own metrics: in goes its tally, out comes Prometheus text."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from collector.latest import Latest
from collector.tally import Tally
from rackflow import catalogue
from rackflow.outbox import OutboxStats


class _OwnMetrics(Collector):
    def __init__(self, tally: Tally, latest: Latest, broker: str, store: str) -> None:
        self._tally = tally
        self._latest = latest
        self._broker = broker
        self._store = store
        self.series_exposed = 0
        self.spool: OutboxStats | None = None

    def collect(self) -> Iterator[Metric]:
        tally, latest = self._tally, self._latest
        yield _gauge("mqtt_connected", {(self._broker,): float(tally.mqtt_connected)}, "broker")
        yield _counter("messages_received_total", {(): tally.messages_received})
        yield _counter(
            "message_failures_total", {(reason,): count for reason, count in tally.failures.items()}, "reason"
        )
        latency = HistogramMetricFamily("dcim_collector_message_latency_seconds", _help("message_latency_seconds"))
        latency.add_metric([], tally.latency.buckets(), tally.latency.total)
        yield latency
        last: dict[tuple[str, ...], float] = {
            (agent.site, agent.agent): agent.last_message_s for agent in latest.agents() if agent.last_message_s
        }
        yield _gauge("last_message_timestamp_seconds", last, "site", "agent")
        yield _gauge("influx_queue_points", {(): tally.points_waiting})
        if self.spool is not None:
            yield _gauge("spool_messages", {(): self.spool.messages})
            yield _gauge("spool_bytes", {(): self.spool.size_bytes})
            yield _gauge("spool_limit_bytes", {(): self.spool.limit_bytes})
            yield _gauge("spool_oldest_timestamp_seconds", {(): self.spool.oldest_ms / 1000})
        yield _counter("points_written_total", {(self._store,): tally.points_stored}, "store")
        yield _counter("influx_write_failures_total", {(why,): n for why, n in tally.write_failures.items()}, "reason")
        yield _gauge("series", {(): self.series_exposed})
        yield _gauge("series_limit", {(): latest.limit})
        yield _counter("series_refused_total", {(): latest.refused})


def _help(quantity: str) -> str:
    return catalogue()[f"dcim_collector_{quantity}"].help


def _gauge(quantity: str, samples: dict[tuple[str, ...], float], *labels: str) -> Metric:
    family = GaugeMetricFamily(f"dcim_collector_{quantity}", _help(quantity), labels=labels)
    for values, value in samples.items():
        family.add_metric(values, value)
    return family


def _counter(quantity: str, samples: dict[tuple[str, ...], float], *labels: str) -> Metric:
    family = CounterMetricFamily(f"dcim_collector_{quantity}", _help(quantity), labels=labels)
    for values, value in samples.items():
        family.add_metric(values, value)
    return family


class SelfMetrics:
    """Text of the process's own metrics."""

    def __init__(self, tally: Tally, latest: Latest, broker: str, store: str) -> None:
        self._own = _OwnMetrics(tally, latest, broker, store)
        self._registry = CollectorRegistry()
        for register in (self._own, ProcessCollector(registry=None), PlatformCollector(registry=None)):
            self._registry.register(register)
        GCCollector(registry=self._registry)

    def render(self, series: int, spool: OutboxStats | None) -> str:
        """`series` is how many device series go beside it, `spool` what waits on disk."""
        self._own.series_exposed = series
        self._own.spool = spool
        return generate_latest(self._registry).decode()
