"""A series: a metric with its labels, shared by all devices that have it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rackflow import Metric


@dataclass(frozen=True, slots=True)
class Series:
    """A metric with labels. It names no device: all devices that have the series share one object.

    `tags` and `text` are its labels as they are written in line protocol and on /metrics. Both are made once and used for each reading,
    because escaping would be most of the work of writing one.
    """

    metric: Metric
    labels: tuple[tuple[str, str], ...]
    tags: str
    text: str
    by_name: Mapping[str, str] = field(default_factory=dict)
    """The same labels as a mapping."""
    key: str = ""
    """Its key in messages. Whoever keeps a key keeps this one: each message has its own copy of the text."""


def series_bytes(key: str) -> int:
    """Roughly the memory that a series takes, in bytes: its key, its labels in three forms, and the objects around them.

    Measured with tracemalloc on Python 3.11: 670 bytes for a key of 60 characters, 2,260 for one of 349.
    """
    return 400 + 6 * len(key)
