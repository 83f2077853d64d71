"""Escaping for the two text formats that the collector writes: line protocol and Prometheus text 0.0.4."""

import re
from functools import lru_cache

_NOT_TAG = re.compile(r"[\x00-\x1f\x7f\\]")
_TAG_SPECIAL = re.compile(r"([,= ])")


@lru_cache(maxsize=100_000)
def escape_tag(text: str) -> str:
    """A tag value. A backslash is ambiguous before a separator, so it becomes `_`, and so do control characters.

    Source: InfluxDB v2 reference, line protocol, special characters.
    """
    return _TAG_SPECIAL.sub(r"\\\1", _NOT_TAG.sub("_", text))


def escape_string(text: str) -> str:
    """A string field without its quotes; line breaks become spaces, so that one point stays one line."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", " ").replace("\n", " ")


def escape_label(text: str) -> str:
    """A Prometheus label value without its quotes. Source: Prometheus exposition formats, text 0.0.4."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
