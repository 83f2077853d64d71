"""Escaping for the two text formats that the collector writes: line protocol and Prometheus text 0.0.4.

Free text from devices (serial numbers, names) reaches both formats. A missed escape would let one device break the line, or
the page, that carries the readings of all others.
"""

import re
from functools import lru_cache

_NOT_TAG = re.compile(r"[\x00-\x1f\x7f\\]")
_TAG_SPECIAL = re.compile(r"([,= ])")


# The same few thousand names are escaped for every batch. The bound keeps hostile, ever new names from filling memory.
@lru_cache(maxsize=100_000)
def escape_tag(text: str) -> str:
    """Escape a tag value for line protocol.

    A backslash before a separator is ambiguous to InfluxDB, so backslashes become `_`; control characters do as well.
    Source: InfluxDB v2 reference, line protocol, special characters.
    """
    return _TAG_SPECIAL.sub(r"\\\1", _NOT_TAG.sub("_", text))


def escape_string(text: str) -> str:
    """Escape a string field, without its quotes. Line breaks become spaces, so that a point stays on one line."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", " ").replace("\n", " ")


def escape_label(text: str) -> str:
    """Escape a Prometheus label value, without its quotes. Source: Prometheus exposition formats, text 0.0.4."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
