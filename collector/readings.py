"""The usable readings of a batch: series that are in the catalogue and of the right type, and a count of the others.

An unusable reading is left out and counted; the rest of its batch is used.
"""

from collections import Counter
from dataclasses import dataclass

from rackflow import Batch, ContractError, Metric, catalogue, parse_series_key
from rackflow.catalogue import BASE_LABELS
from rackflow.escape import escape_label

# Metrics that the collector itself exposes. The same series from a batch would be on /metrics twice, and Prometheus refuses
# a scrape that has one series twice.
RESERVED = frozenset(
    {
        "dcim_device_info",
        "dcim_device_observed",
        "dcim_device_up",
        "dcim_device_last_success_timestamp_seconds",
        "dcim_device_poll_duration_seconds",
        "dcim_device_rejected_readings",
        "dcim_agent_up",
        "dcim_agent_unobserved_devices",
        "dcim_agent_info",
        "dcim_agent_clock_offset_seconds",
        "dcim_cdu_coolant_info",
    },
)


@dataclass(frozen=True, slots=True)
class Series:
    """One series, of any device. `tags` and `text` are its own labels as written in line protocol and on /metrics.

    Both are made once and used for each reading; otherwise escaping would be most of the work.
    """

    metric: Metric
    labels: tuple[tuple[str, str], ...]
    tags: str
    text: str


@dataclass(frozen=True, slots=True)
class Readings:
    """The usable part of a batch, by series key; `skipped` counts the rest by reason."""

    values: list[tuple[str, Series, float]]
    states: list[tuple[str, Series, str]]
    skipped: Counter[str]


class SeriesKeys:
    """Resolves series keys and remembers the answers: 10 µs the first time, 0.7 µs after that.

    At most `limit` are remembered, 100,000 by default: keys name no device, so a site has hundreds or thousands, but anybody can
    invent keys. The oldest is removed first, because a plain dictionary keeps insertion order anyway.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._known: dict[str, Series | str] = {}
        self._metrics = catalogue()

    def get(self, key: str) -> Series | str:
        """The series, or the reason why it cannot be used: `key`, `unknown_metric` or `reserved`."""
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= self._limit:
                del self._known[next(iter(self._known))]
            found = self._known[key] = self._resolve(key)
        return found

    def _resolve(self, key: str) -> Series | str:
        try:
            name, labels = parse_series_key(key)
        except ContractError as error:
            return error.reason
        metric = self._metrics.get(name)
        if metric is None:
            return "unknown_metric"
        if (
            name in RESERVED
            or metric.derived == "collector"
            or metric.type == "histogram"
            or metric.measurement == "dcim_collector"
        ):
            return "reserved"
        own = set(metric.labels) - {"agent", *BASE_LABELS}
        if not labels.keys() <= own:
            return "key"
        pairs = tuple(labels.items())
        return Series(
            metric=metric,
            labels=pairs,
            tags="".join(f",{label}={value}" for label, value in pairs),
            text="".join(f',{label}="{escape_label(value)}"' for label, value in pairs),
        )


def resolve(batch: Batch, keys: SeriesKeys) -> Readings:
    """Values and states of a batch whose series are in the catalogue and of the right type."""
    skipped: Counter[str] = Counter()
    values: list[tuple[str, Series, float]] = []
    states: list[tuple[str, Series, str]] = []
    of_agent = batch.device_class == "agent"
    for key, value in batch.values.items():
        series = keys.get(key)
        if isinstance(series, str):
            skipped[series] += 1
        elif series.metric.states or (series.metric.measurement == "dcim_agent") != of_agent:
            skipped["type"] += 1
        else:
            values.append((key, series, value))
    for key, state in batch.states.items():
        series = keys.get(key)
        if isinstance(series, str):
            skipped[series] += 1
        elif not series.metric.states:
            skipped["type"] += 1
        elif state not in series.metric.states:
            skipped["state"] += 1
        else:
            states.append((key, series, state))
    return Readings(values, states, skipped)
