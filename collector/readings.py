"""Finds the usable readings of a batch: series of the catalogue, of the right type, within their range. Counts the others by reason.

An unusable reading is left out and counted; the rest of its batch is used. The ranges are checked here although agents check
them, too: an agent may be of another make or in foreign hands, and one value of 1e300 would spoil every figure over it.
"""

import math
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from collector.budgets import Buckets
from rackflow import Batch, ContractError, Metric, catalogue, parse_series_key
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

_write_numbers = msgspec.json.Encoder().encode
# Most layouts of one device that are remembered: it has one for each of five poll classes, and another after a row of a table came or went.
MAX_LAYOUTS_OF_DEVICE = 8
# `resolve` takes a number without asking its metric if its size is between these two. `Metric.plausible` decides about the others; its own
# limits are larger and closer to 0.
_SURE = 1e290
_SURELY_NOT_TINY = 1e-20
# How many new series keys of one agent are resolved: at first as many as two agents at their limit of series have, then a number per second
# that costs 0.2 % of a core. Without this limit, an agent that invents keys would cost 10 µs of work for each 100 bytes that it sends.
NEW_KEYS = 20_000
NEW_KEYS_PER_S = 200.0
# Most places of all layouts together, 120 bytes each. A family of devices has a layout for each poll class and set of rows, so a site has
# some hundreds of layouts, of 10 to 400 places. Beyond the limit all layouts are dropped and made again as messages come, 0.5 µs a place.
MAX_PLACES = 200_000
# Most places of the layouts of one agent. An agent that sends the same keys in a new order each time would otherwise use up `MAX_PLACES`,
# and the layouts of all other agents would be dropped. A campus of 3,000 devices behind one agent has 60 sets of rows in five poll classes,
# some 15,000 places.
MAX_PLACES_OF_AGENT = MAX_PLACES // 8
# What a layout costs besides its places, in places.
LAYOUT_PLACES = 10

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Which series the values and states of a batch belong to, in the order in which the batch has them.

    A device sends the same keys in the same order with nearly every poll, and devices of one family send the same keys. All batches with
    the same keys share one layout, which is never changed. So what depends on the keys only is worked out once: the series, their ranges,
    the template of their lines, where their latest values are kept. The index of a series in the layout is its *place*.
    Compare layouts by identity.
    """

    number_series: tuple[Series, ...]
    """Of the batch's `values`, in their order."""
    state_series: tuple[Series, ...]
    """Of the batch's `states`, in their order. The places of states come after those of values."""
    of_agent: bool
    """Whether the batch is an agent's about itself."""
    sure_ranges: tuple[tuple[float, float], ...]
    """For each of `number_series` a range in which every value is plausible. A value outside is checked by the metric itself."""
    is_urgent: bool
    """Whether one of the series belongs to the safety class by the catalogue, even if it is polled in another class."""
    cache: dict[str, object] = field(default_factory=dict)
    """A cache for other modules: what they have computed for this layout, each under a key of its own."""

    @classmethod
    def of(cls, number_series: Iterable[Series], state_series: Iterable[Series], *, of_agent: bool) -> "Layout":
        """The layout of these series."""
        numbers, states = tuple(number_series), tuple(state_series)
        return cls(
            number_series=numbers,
            state_series=states,
            of_agent=of_agent,
            sure_ranges=tuple(_sure_range(each.metric) for each in numbers),
            is_urgent=any(each.metric.poll_class(dict(each.labels)) == "safety" for each in (*numbers, *states)),
        )


@dataclass(frozen=True, slots=True)
class Readings:
    """The usable part of a batch."""

    layout: Layout
    numbers: Sequence[float]
    """The value of each of `layout.number_series`."""
    state_texts: Sequence[str]
    """The state of each of `layout.state_series`."""
    skipped: Counter[str]
    """How many readings of the batch are not usable, by reason."""
    implausible: tuple[str, ...] = ()
    """Keys of the values outside the catalogue's ranges; they are counted in `skipped` as well."""

    @property
    def values(self) -> list[tuple[str, Series, float]]:
        """Series key, series and value of each number."""
        return [(each.key, each, value) for each, value in zip(self.layout.number_series, self.numbers, strict=True)]

    @property
    def states(self) -> list[tuple[str, Series, str]]:
        """Series key, series and state of each state."""
        return [(each.key, each, state) for each, state in zip(self.layout.state_series, self.state_texts, strict=True)]

    def without(self, keys: Collection[str]) -> "Readings":
        """All readings but those of `keys`."""
        values = [(series, value) for key, series, value in self.values if key not in keys]
        states = [(series, state) for key, series, state in self.states if key not in keys]
        layout = Layout.of(
            (series for series, _ in values), (series for series, _ in states), of_agent=self.layout.of_agent
        )
        return Readings(
            layout=layout,
            numbers=[each for _, each in values],
            state_texts=[each for _, each in states],
            skipped=self.skipped,
            implausible=self.implausible,
        )


class Rows(dict[Layout, list[T]]):
    """For each layout of one device, a row of objects, one for each place (such as the latest value of each series).

    The owner clears all rows when it replaces or drops one of these objects. At `MAX_LAYOUTS_OF_DEVICE` rows all are cleared.
    """

    def __setitem__(self, layout: Layout, row: list[T]) -> None:
        if len(self) >= MAX_LAYOUTS_OF_DEVICE:
            self.clear()
        super().__setitem__(layout, row)


def _places(layout: Layout) -> int:
    return LAYOUT_PLACES + len(layout.number_series) + len(layout.state_series)


def _sure_range(metric: Metric) -> tuple[float, float]:
    """A range in which every number that is not tiny is plausible; an empty one if there are several ranges."""
    if len(metric.ranges) > 1:
        return math.inf, -math.inf
    low, high = metric.ranges[0] if metric.ranges else (-math.inf, math.inf)
    return max(low, -_SURE), min(high, _SURE)


@dataclass(slots=True)
class _Share:
    """The keys that one agent was the first to send, oldest first, and their bytes in memory."""

    keys: deque[str] = field(default_factory=deque)
    size_bytes: int = 0


def series_bytes(key: str) -> int:
    """Roughly the memory that a series takes, in bytes: its key, its labels in three forms, and the objects around them.

    Measured with tracemalloc on Python 3.11: 670 bytes for a key of 60 characters, 2,260 for one of 349.
    """
    return 400 + 6 * len(key)


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
        self._layouts: dict[tuple[tuple[str, ...], tuple[str, ...], bool], Layout] = {}
        self._layout_places = 0
        self._laid_out_by: dict[str, dict[Layout, tuple[tuple[str, ...], tuple[str, ...], bool]]] = {}
        """The layouts that each agent was the first to bring, oldest first, with their keys in `_layouts`."""
        self._layouts_with: dict[str, dict[Layout, str]] = {}
        """The layouts that a key is in, with the agent that brought each of them."""

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
        known = self._layouts.get(layout_key)
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
        if not skipped:
            self._remember_layout(layout, batch.agent)
        return layout, skipped

    def _remember_layout(self, layout: Layout, agent: str) -> None:
        places = _places(layout)
        # A large batch with many new keys may have displaced some of its own keys while they were looked up: its layout is not kept.
        if (
            any(each.key not in self._known for each in (*layout.number_series, *layout.state_series))
            or places > MAX_PLACES_OF_AGENT
        ):
            return
        own = self._laid_out_by.get(agent, {})
        while own and sum(map(_places, own)) + places > MAX_PLACES_OF_AGENT:
            self._forget_layout(next(iter(own)), agent)
        if self._layout_places + places > MAX_PLACES:
            self._layouts.clear()
            self._laid_out_by.clear()
            self._layouts_with.clear()
            self._layout_places = 0
        self._layout_places += places
        # Not with the message's own keys: they are equal, but copies, which would stay in memory beside those of the series.
        layout_key = (
            tuple(each.key for each in layout.number_series),
            tuple(each.key for each in layout.state_series),
            layout.of_agent,
        )
        self._layouts[layout_key] = layout
        self._laid_out_by.setdefault(agent, {})[layout] = layout_key
        for key in (*layout_key[0], *layout_key[1]):
            self._layouts_with.setdefault(key, {})[layout] = agent

    def _forget_layout(self, layout: Layout, agent: str) -> None:
        own = self._laid_out_by[agent]
        layout_key = own.pop(layout)
        if not own:
            del self._laid_out_by[agent]
        del self._layouts[layout_key]
        self._layout_places -= _places(layout)
        for key in (*layout_key[0], *layout_key[1]):
            layouts = self._layouts_with[key]
            layouts.pop(layout, None)
            if not layouts:
                del self._layouts_with[key]

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
        # Only the layouts that contain this key. Labels that change all the time, as those of workloads, reach the limit after some weeks.
        # From then on each new key displaces an old one. If all layouts were dropped each time, everything cached for 5,000 devices would
        # have to be made again.
        for layout, its_agent in [*self._layouts_with.get(key, {}).items()]:
            self._forget_layout(layout, its_agent)
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


def number_texts(numbers: Sequence[object]) -> list[str]:
    """Each number with all its digits, as every reader of floats takes it (`1.5`, `0.00001`, `1e22`).

    msgspec writes the shortest text that reads as the same number, as `repr` does, in a quarter of the time: 3.5 us for 50 numbers.
    """
    written = _write_numbers(numbers)
    if b"n" in written:  # JSON has no NaN and no infinity: msgspec writes null
        return [repr(each) for each in numbers]
    return written[1:-1].decode().split(",") if numbers else []


def resolve(batch: Batch, keys: SeriesKeys) -> Readings:
    """Values and states of a batch whose series are in the catalogue, of the right type and plausible."""
    layout, skipped = keys.layout(batch)
    if skipped:
        numbers = [batch.values[series.key] for series in layout.number_series]
        state_texts = [batch.states[series.key] for series in layout.state_series]
    else:
        numbers, state_texts = [*batch.values.values()], [*batch.states.values()]
    unusable: list[str] = []
    for place, (value, (low, high)) in enumerate(zip(numbers, layout.sure_ranges, strict=True)):
        if low <= value <= high and (value > _SURELY_NOT_TINY or value == 0 or value < -_SURELY_NOT_TINY):
            continue
        if not layout.number_series[place].metric.plausible(value):
            unusable.append(layout.number_series[place].key)
    implausible = tuple(unusable)
    if implausible:
        skipped["range"] += len(implausible)
    for series, state in zip(layout.state_series, state_texts, strict=True):
        if state not in series.metric.states:
            skipped["state"] += 1
            unusable.append(series.key)
    found = Readings(layout, numbers, state_texts, skipped, implausible)
    return found.without(frozenset(unusable)) if unusable else found


def without_implausible(batch: Batch, readings: Readings) -> Batch:
    """The batch with its implausible values in `bad` with the reason `range`, as an agent would have sent it."""
    if not readings.implausible:
        return batch
    rejected = dict.fromkeys(readings.implausible, "range")
    values = {key: value for key, value in batch.values.items() if key not in rejected}
    part = batch.part
    if part is not msgspec.UNSET:
        part = msgspec.structs.replace(part, rejected=part.rejected + len(rejected))
    return msgspec.structs.replace(batch, values=values, bad=batch.bad | rejected, part=part)
