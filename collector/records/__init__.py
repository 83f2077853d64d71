"""Hourly records of energy and of polls, kept on disk for 400 days; the monthly report is made from them.

`file` has the format, and what was kept at a start; `keeper` saves them every 30 s.
"""

from collector.records.file import SCHEMA, RecordsFile, Rows, unpack, unpack_polls
from collector.records.keeper import PART, RecordKeeper

__all__ = [
    "PART",
    "SCHEMA",
    "RecordKeeper",
    "RecordsFile",
    "Rows",
    "unpack",
    "unpack_polls",
]
