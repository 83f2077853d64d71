""""""

from collector.flow.ingest import Ingest, Terms
from collector.flow.spill import Spill
from collector.flow.writer import Flush, Writer

__all__ = [
    "Flush",
    "Ingest",
    "Spill",
    "Terms",
    "Writer",
]
