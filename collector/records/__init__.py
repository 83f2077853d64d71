""""""

from collector.records.file import RecordsFile, Rows, unpack, unpack_polls
from collector.records.keeper import RecordKeeper

__all__ = [
    "RecordKeeper",
    "RecordsFile",
    "Rows",
    "unpack",
    "unpack_polls",
]
