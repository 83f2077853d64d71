"""Storing points: line protocol, the seam to an engine, InfluxDB (and VictoriaMetrics) and files behind it.

A write that returned is durable. Writes are idempotent: same measurement, tags and time.
"""

from collector.store.file import FileStore
from collector.store.influx import InfluxStore
from collector.store.lines import Dialect, base_tags, batch_lines, event_lines, original_time_line
from collector.store.persistence import Persistence, wait
from collector.store.seam import Store

__all__ = [
    "Dialect",
    "FileStore",
    "InfluxStore",
    "Persistence",
    "Store",
    "base_tags",
    "batch_lines",
    "event_lines",
    "original_time_line",
    "wait",
]
