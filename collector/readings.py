"""The usable readings of a batch: series of the catalogue, of the right type, within their range; and a count of the others.

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


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Series:
    """One series, of any device. `tags` and `text` are its own labels as written in line protocol and on /metrics.

    Both are made once and used for each reading; otherwise escaping would be most of the work.
    """

    metric: Metric
    labels: tuple[tuple[str, str], ...]
    tags: str
    text: str
    by_name: Mapping[str, str] = field(default_factory=dict)
    """The labels once more, for those who look them up."""
    key: str = ""
    """Its key in messages. Use this one for what stays: each message has a copy of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The series of a batch by place: of its values, and of its states. Batches with the same keys share one, which is never changed.

    What would be the same for each of these batches is found once: series, limits, the form of lines, the places of latest values.
    Compare layouts by identity.
    """

    numbers: tuple[Series, ...]
    words: tuple[Series, ...]
    of_agent: bool
    limits: tuple[tuple[float, float], ...]
    """For each of `numbers` a range in which every value is plausible. A value outside is checked by the metric itself."""
    is_urgent: bool
    """Whether one of the series belongs to the safety class by the catalogue, even if it is polled in another class."""
    made: dict[str, object] = field(default_factory=dict)
    """A cache for other modules: what they have computed for this layout, each under a key of its own."""

    @classmethod
    def of(cls, numbers: Iterable[Series], words: Iterable[Series], *, of_agent: bool) -> "Layout":
        """The layout of these series."""
        first, second = tuple(numbers), tuple(words)
        is_urgent = any(each.metric.poll_class(dict(each.labels)) == "safety" for each in (*first, *second))
        return cls(first, second, of_agent, tuple(_sure_range(each.metric) for each in first), is_urgent)


@dataclass(frozen=True, slots=True)
class Readings:
    """The usable part of a batch, by place in `layout`; `skipped` counts the rest by reason.

    `implausible` are the keys of values outside the catalogue's ranges.
    """

    layout: Layout
    numbers: Sequence[float]
    words: Sequence[str]
    skipped: Counter[str]
    implausible: tuple[str, ...] = ()

    @property
    def values(self) -> list[tuple[str, Series, float]]:
        """Series key, series and value of each number."""
        return [(each.key, each, value) for each, value in zip(self.layout.numbers, self.numbers, strict=True)]

    @property
    def states(self) -> list[tuple[str, Series, str]]:
        """Series key, series and state of each state."""
        return [(each.key, each, state) for each, state in zip(self.layout.words, self.words, strict=True)]

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
            words=[each for _, each in states],
            skipped=self.skipped,
            implausible=self.implausible,
        )


class Rows(dict[Layout, list[T]]):
    """One object for each place of a layout, kept for the few layouts of one device. Its owner clears it when an object is replaced."""

    def __setitem__(self, layout: Layout, row: list[T]) -> None:
        if len(self) >= MAX_ROWS:
            self.clear()
        super().__setitem__(layout, row)


def _places(layout: Layout) -> int:
    return LAYOUT_PLACES + len(layout.numbers) + len(layout.words)


def _sure_range(metric: Metric) -> tuple[float, float]:
    """A range in which every number that is not tiny is plausible; an empty one if there are several ranges."""
    if len(metric.ranges) > 1:
        return math.inf, -math.inf
    low, high = metric.ranges[0] if metric.ranges else (-math.inf, math.inf)
    return max(low, -_SURE), min(high, _SURE)


_write_numbers = msgspec.json.Encoder().encode
# Layouts of one device: it has one for each of five poll classes, and another after a row of a table came or went.
MAX_ROWS = 8
# Outside of it `Metric.plausible` decides, whose own limits are wider and closer to 0.
_SURE = 1e290
_SURELY_NOT_TINY = 1e-20
# Keys that one agent may have resolved: a first burst as large as two agents at their limit of series, and per second as many as
# cost 0.2 % of a core. An agent that invents keys would otherwise cost 10 µs for each 100 bytes that it sends.
NEW_KEYS = 20_000
NEW_KEYS_PER_S = 200.0
# Places of all layouts together, 120 bytes each. A family of devices has a layout for each poll class and set of rows, so a site has some
# hundreds of 10 to 400 places. Beyond it all are made anew, which costs 0.5 us a place, as each message did before.
MAX_PLACES = 200_000
# Those of one agent: with the same keys in ever another order it could fill all of them, and everybody else's would be made anew.
# A campus of 3,000 devices behind one agent has 60 sets of rows in five poll classes, some 15,000 places.
MAX_PLACES_OF_AGENT = MAX_PLACES // 8
# What a layout costs besides its places, in places.
LAYOUT_PLACES = 10


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
        offered = tuple(batch.values), tuple(batch.states), of_agent
        known = self._layouts.get(offered)
        if known is not None:
            return known, skipped
        numbers: list[Series] = []
        words: list[Series] = []
        for key in offered[0]:
            series = self.get(key, batch.agent)
            if isinstance(series, str):
                skipped[series] += 1
            elif series.metric.states or (series.metric.measurement == "dcim_agent") != of_agent:
                skipped["type"] += 1
            else:
                numbers.append(series)
        for key in offered[1]:
            series = self.get(key, batch.agent)
            if isinstance(series, str):
                skipped[series] += 1
            elif not series.metric.states:
                skipped["type"] += 1
            else:
                words.append(series)
        layout = Layout.of(numbers, words, of_agent=of_agent)
        if not skipped:
            self._remember_layout(layout, batch.agent)
        return layout, skipped

    def _remember_layout(self, layout: Layout, agent: str) -> None:
        places = _places(layout)
        # Looking up keys may just have displaced others of the same batch.
        if (
            any(each.key not in self._known for each in (*layout.numbers, *layout.words))
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
        # With the keys of the series, not with the copies in the message.
        offered = tuple(each.key for each in layout.numbers), tuple(each.key for each in layout.words), layout.of_agent
        self._layouts[offered] = layout
        self._laid_out_by.setdefault(agent, {})[layout] = offered
        for key in (*offered[0], *offered[1]):
            self._layouts_with.setdefault(key, {})[layout] = agent

    def _forget_layout(self, layout: Layout, agent: str) -> None:
        own = self._laid_out_by[agent]
        offered = own.pop(layout)
        if not own:
            del self._laid_out_by[agent]
        del self._layouts[offered]
        self._layout_places -= _places(layout)
        for key in (*offered[0], *offered[1]):
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
        # Only those that it is in: labels that churn, as those of workloads, come to the limit after some weeks, and then displace a key
        # with each new one. All layouts, and what is made for each of 5,000 devices, were made anew each time.
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
        numbers = [batch.values[series.key] for series in layout.numbers]
        words = [batch.states[series.key] for series in layout.words]
    else:
        numbers, words = [*batch.values.values()], [*batch.states.values()]
    unusable: list[str] = []
    for at, (value, (low, high)) in enumerate(zip(numbers, layout.limits, strict=True)):
        if low <= value <= high and (value > _SURELY_NOT_TINY or value == 0 or value < -_SURELY_NOT_TINY):
            continue
        if not layout.numbers[at].metric.plausible(value):
            unusable.append(layout.numbers[at].key)
    implausible = tuple(unusable)
    if implausible:
        skipped["range"] += len(implausible)
    for series, state in zip(layout.words, words, strict=True):
        if state not in series.metric.states:
            skipped["state"] += 1
            unusable.append(series.key)
    found = Readings(layout, numbers, words, skipped, implausible)
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
