"""Stores points: line protocol, the interface of a store, and its implementations InfluxDB (with VictoriaMetrics) and files.

A write that returned is durable. Writes to an engine are idempotent: a point with the same measurement, tags and time replaces the one
before, so a write whose outcome is unknown can always be repeated.

`lines` makes points of batches and events. `persistence` writes them to a store, again after a failure, and finds those that are refused.
`seam` has what it needs of a store: `influx` (which `opening` loads only when it is needed) or `file`. `reading_back` reads a point for
`doctor`.
"""

from collector.store.file import FileStore
from collector.store.lines import Dialect, base_tags, batch_lines, event_lines, original_time_line
from collector.store.opening import open_influx
from collector.store.persistence import Persistence, wait
from collector.store.reading_back import read_back
from collector.store.seam import Store

__all__ = [
    "Dialect",
    "FileStore",
    "Persistence",
    "Store",
    "base_tags",
    "batch_lines",
    "event_lines",
    "open_influx",
    "original_time_line",
    "read_back",
    "wait",
]
