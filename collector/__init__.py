"""The collector of Rackflow: subscribes to batches, stores them, and exposes the latest readings.

Data path: receive (MQTT) -> flow (ingest and writer) -> store and ledger; beside it latest -> derive -> web.
"""

from collector.config import CollectorConfig, load_collector_config
from collector.counters import CollectorStats
from collector.run import Collector, run

__all__ = ["Collector", "CollectorConfig", "CollectorStats", "load_collector_config", "run"]
