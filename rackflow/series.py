"""Builds and parses series keys: `metric{label=value,...}` with sorted labels.

Sorting gives each series exactly one key, so that keys can be compared as text; the parser refuses any other order.
"""

import re
from collections.abc import Mapping

from rackflow.errors import ContractError

# Values are limited to characters that need no quoting in any of the formats they end up in: no comma, brace, equals sign or
# blank, so a key is split without an escape syntax. The length limits bound the memory that one device can use up in the collector.
_METRIC = re.compile(r"[a-z][a-z0-9_]{0,127}")
_LABEL = re.compile(r"[a-z][a-z0-9_]{0,63}")
_VALUE = re.compile(r"[A-Za-z0-9_.:/+-]{1,64}")
_NOT_VALUE = re.compile(r"[^A-Za-z0-9_.:/+-]")
_READABLE = re.compile("[A-Za-z0-9]")


MAX_KEY = 512
"""Characters of a series key. The longest metric name with all of its labels at 64 characters each has 349."""


def clean_label(text: str) -> str:
    """Turn any text into a label value: at most 64 characters of `A-Za-z0-9_.:/+-`, others become `_`; never empty."""
    return _NOT_VALUE.sub("_", text.strip()[:64]) or "_"


def is_readable(text: str) -> bool:
    """Whether anything of the text is left in its label; of a name in Chinese or Cyrillic, `clean_label` leaves only `____`."""
    return bool(_READABLE.search(text))


def series_key(metric: str, labels: Mapping[str, str]) -> str:
    """The key of one series. Raises ContractError if a name or value is not allowed."""
    if not _METRIC.fullmatch(metric):
        raise ContractError("key", f"{metric!r} is not a valid metric name")
    if not labels:
        return metric
    for label, value in labels.items():
        if not _LABEL.fullmatch(label) or not _VALUE.fullmatch(value):
            raise ContractError("key", f"label {label}={value!r} of {metric} is not allowed")
    return f"{metric}{{{','.join(f'{label}={labels[label]}' for label in sorted(labels))}}}"


def metric_of(key: str) -> str:
    """The metric of a key that was parsed or built before; it is not checked."""
    return key.partition("{")[0]


def parse_series_key(key: str) -> tuple[str, dict[str, str]]:
    """Metric and labels of a key; the inverse of `series_key`. Raises ContractError if the text is not such a key."""
    if len(key) > MAX_KEY:
        raise ContractError("key", f"{key[:200]!r}… has {len(key)} characters, at most {MAX_KEY} are allowed")
    metric, brace, rest = key.partition("{")
    labels: dict[str, str] = {}
    if brace:
        if not rest.endswith("}") or rest == "}":
            raise ContractError("key", f"{key[:200]!r} has no labels between its braces, or no closing brace")
        for pair in rest[:-1].split(","):
            label, equals, value = pair.partition("=")
            if not equals or label in labels:
                raise ContractError("key", f"{key[:200]!r} has a label without a value, or the same label twice")
            labels[label] = value
    # Building the key again checks every name and value, and the order of labels, in one place.
    if series_key(metric, labels) != key:
        raise ContractError("key", f"{key[:200]!r} does not have its labels sorted")
    return metric, labels
