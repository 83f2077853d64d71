"""Resolves the series keys of messages to series of the catalogue, and remembers the answers within bounds."""

from collections import Counter, deque
from dataclasses import dataclass, field

from collector.budgets import Buckets
from collector.readings.layouts import KnownLayouts, Layout
from collector.readings.series import Series, series_bytes
from rackflow import Batch, ContractError, catalogue, parse_series_key
from rackflow.catalogue import BASE_LABELS
from rackflow.escape import escape_label

# Measurements of an agent's own batch, and of no device's.
OF_AGENTS = frozenset({"dcim_agent", "dcim_certificate"})
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
        "dcim_device_contested",
        "dcim_agent_up",
        "dcim_agent_unobserved_devices",
        "dcim_agent_info",
        "dcim_agent_clock_offset_seconds",
        "dcim_cdu_coolant_info",
    },
)
# How many new series keys of one agent are resolved: at first as many as two agents at their limit of series have, then a number per second
# that costs 0.2 % of a core. Without this limit, an agent that invents keys would cost 10 µs of work for each 100 bytes that it sends.
NEW_KEYS = 20_000
NEW_KEYS_PER_S = 200.0


@dataclass(slots=True)
class _Share:
    """The keys that one agent was the first to send, oldest first, and their bytes in memory."""

    keys: deque[str] = field(default_factory=deque)
    size_bytes: int = 0


class SeriesKeys:
    """Resolves series keys and remembers the answers: 10 µs the first time, 0.7 µs after that.

    Only series that can be used are remembered, in `limit_bytes` at most. Keys name no device, so a site has hundreds or
    thousands of them, and agents share them; but anybody can invent label values. So an agent that has brought in a quarter of
    the limit displaces its own oldest keys, and beyond the limit the agent with the most gives way.
    """

    def __init__(self, limit_bytes: int = 24 * 1024 * 1024, new_keys: float = NEW_KEYS) -> None:
        self._limit_bytes = limit_bytes
        self._new_keys = Buckets(new_keys, NEW_KEYS_PER_S)
        self.now = 0.0
        """Monotonic seconds; whoever has a clock sets it."""
        self._known: dict[str, Series] = {}
        self._shares: dict[str, _Share] = {}
        self.size_bytes = 0
        self._metrics = catalogue()
        self._layouts = KnownLayouts()

    def get(self, key: str, agent: str = "") -> Series | str:
        """The series, or the reason why it cannot be used: `key`, `unknown_metric` or `reserved`. `agent` sent the key.

        `series` if the agent has sent too many new keys; the key may be tried again later.
        """
        found: Series | str | None = self._known.get(key)
        if found is None:
            if not self._new_keys.take(agent, 1.0, self.now):
                return "series"
            found = self._resolve(key)
            if not isinstance(found, str):
                self._remember(key, found, agent)
        return found

    def layout(self, batch: Batch) -> tuple[Layout, Counter[str]]:
        """The usable series of a batch, without a look at its values, and how many of its keys are not usable, by reason.

        Layouts are remembered if all keys are usable. They go with the first of their series that is forgotten, so that their series are
        within the limit of bytes.
        """
        skipped: Counter[str] = Counter()
        of_agent = batch.device_class == "agent"
        layout_key = tuple(batch.values), tuple(batch.states), of_agent
        known = self._layouts.by_keys.get(layout_key)
        if known is not None:
            return known, skipped
        number_series: list[Series] = []
        state_series: list[Series] = []
        for key in layout_key[0]:
            series = self.get(key, batch.agent)
            if isinstance(series, str):
                skipped[series] += 1
            elif series.metric.states or (series.metric.measurement in OF_AGENTS) != of_agent:
                skipped["type"] += 1
            else:
                number_series.append(series)
        for key in layout_key[1]:
            series = self.get(key, batch.agent)
            if isinstance(series, str):
                skipped[series] += 1
            elif not series.metric.states:
                skipped["type"] += 1
            else:
                state_series.append(series)
        layout = Layout.of(number_series, state_series, of_agent=of_agent)
        # A large batch with many new keys may have displaced some of its own keys while they were looked up: its layout is not kept.
        if not skipped and all(each.key in self._known for each in (*number_series, *state_series)):
            self._layouts.add(layout, batch.agent)
        return layout, skipped

    def _remember(self, key: str, series: Series, agent: str) -> None:
        cost = series_bytes(key)
        share = self._shares.get(agent) or _Share()
        while share.keys and share.size_bytes + cost > self._limit_bytes // 4:
            self._forget_oldest(agent, share)
        while self._shares and self.size_bytes + cost > self._limit_bytes:
            self._forget_oldest(*max(self._shares.items(), key=lambda each: each[1].size_bytes))
        share = self._shares.setdefault(agent, share)
        self._known[key] = series
        share.keys.append(key)
        share.size_bytes += cost
        self.size_bytes += cost

    def _forget_oldest(self, agent: str, share: _Share) -> None:
        key = share.keys.popleft()
        del self._known[key]
        self._layouts.drop_with(key)
        share.size_bytes -= series_bytes(key)
        self.size_bytes -= series_bytes(key)
        if not share.keys:
            self._shares.pop(agent, None)

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
            by_name=labels,
            key=key,
        )
