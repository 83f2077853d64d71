"""The junction of the data path: one received message goes to latest values, the store and the ledger, then is acknowledged.

The order keeps messages from being lost: the points become durable first, then the ledger, and only then is the message acknowledged.
`writer` keeps that order. The packages that are joined here do not import each other.

`ingest` checks a message with what `receive` knows, updates the latest values and makes the points (`prepared`); a message that is refused
gets its dead letter there. `writer` stores in batches; while the store is away, `spill` keeps messages on disk.
"""

from collector.flow.ingest import Ingest, IngestSettings, Senders
from collector.flow.spill import Spill
from collector.flow.writer import Flush, SpillMessages, Writer

__all__ = [
    "Flush",
    "Ingest",
    "IngestSettings",
    "Senders",
    "Spill",
    "SpillMessages",
    "Writer",
]
