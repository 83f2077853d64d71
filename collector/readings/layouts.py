"""Layouts: which series a batch has, in which order. What depends on that only is worked out once for all batches that share it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from collector.readings.series import Series
from rackflow import Metric

# Most layouts of one device that are remembered: it has one for each of five poll classes, and another after a row of a table came or went.
MAX_LAYOUTS_OF_DEVICE = 8
# A number between these two sizes needs no question to its metric. `Metric.plausible` decides about the others; its own limits are larger
# and closer to 0.
SURE = 1e290
SURELY_NOT_TINY = 1e-20
# Most places of all layouts together, 120 bytes each. A family of devices has a layout for each poll class and set of rows, so a site has
# some hundreds of layouts, of 10 to 400 places. Beyond the limit all layouts are dropped and made again as messages come, 0.5 µs a place.
MAX_PLACES = 200_000
# Most places of the layouts of one agent. An agent that sends the same keys in a new order each time would otherwise use up `MAX_PLACES`,
# and the layouts of all other agents would be dropped. A campus of 3,000 devices behind one agent has 60 sets of rows in five poll classes,
# some 15,000 places.
MAX_PLACES_OF_AGENT = MAX_PLACES // 8
# What a layout costs besides its places, in places.
LAYOUT_PLACES = 10

LayoutKey = tuple[tuple[str, ...], tuple[str, ...], bool]
"""The series keys of a layout's numbers and states, and whether it is an agent's batch about itself."""
T = TypeVar("T")


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


class Rows(dict[Layout, list[T]]):
    """For each layout of one device, a row of objects, one for each place (such as the latest value of each series).

    The owner clears all rows when it replaces or drops one of these objects. At `MAX_LAYOUTS_OF_DEVICE` rows all are cleared.
    """

    def __setitem__(self, layout: Layout, row: list[T]) -> None:
        if len(self) >= MAX_LAYOUTS_OF_DEVICE:
            self.clear()
        super().__setitem__(layout, row)


class KnownLayouts:
    """The layouts that batches had lately. They are shared by all agents; one agent can only displace its own."""

    def __init__(self) -> None:
        self.by_keys: dict[LayoutKey, Layout] = {}
        self._places = 0
        self._by_agent: dict[str, dict[Layout, LayoutKey]] = {}
        """The layouts that each agent was the first to bring, oldest first, with their keys in `by_keys`."""
        self._by_series: dict[str, dict[Layout, str]] = {}
        """The layouts that a series is in, by its key, with the agent that brought each of them."""

    def add(self, layout: Layout, agent: str) -> None:
        """Keep a layout that `agent` was the first to bring, unless it is too large."""
        places = _places(layout)
        if places > MAX_PLACES_OF_AGENT:
            return
        own = self._by_agent.get(agent, {})
        while own and sum(map(_places, own)) + places > MAX_PLACES_OF_AGENT:
            self._drop(next(iter(own)), agent)
        if self._places + places > MAX_PLACES:
            self.by_keys.clear()
            self._by_agent.clear()
            self._by_series.clear()
            self._places = 0
        self._places += places
        # Not with the message's own keys: they are equal, but copies, which would stay in memory beside those of the series.
        layout_key = (
            tuple(each.key for each in layout.number_series),
            tuple(each.key for each in layout.state_series),
            layout.of_agent,
        )
        self.by_keys[layout_key] = layout
        self._by_agent.setdefault(agent, {})[layout] = layout_key
        for key in (*layout_key[0], *layout_key[1]):
            self._by_series.setdefault(key, {})[layout] = agent

    def drop_with(self, key: str) -> None:
        """Drop the layouts that contain a series which is forgotten, and only these.

        Labels that change all the time, as those of workloads, reach the limit of `SeriesKeys` after some weeks. From then on each new key
        displaces an old one. If all layouts were dropped each time, everything cached for 5,000 devices would have to be made again.
        """
        for layout, agent in [*self._by_series.get(key, {}).items()]:
            self._drop(layout, agent)

    def _drop(self, layout: Layout, agent: str) -> None:
        own = self._by_agent[agent]
        layout_key = own.pop(layout)
        if not own:
            del self._by_agent[agent]
        del self.by_keys[layout_key]
        self._places -= _places(layout)
        for key in (*layout_key[0], *layout_key[1]):
            layouts = self._by_series[key]
            layouts.pop(layout, None)
            if not layouts:
                del self._by_series[key]


def _places(layout: Layout) -> int:
    return LAYOUT_PLACES + len(layout.number_series) + len(layout.state_series)


def _sure_range(metric: Metric) -> tuple[float, float]:
    """A range in which every number that is not tiny is plausible; an empty one if there are several ranges."""
    if len(metric.ranges) > 1:
        return math.inf, -math.inf
    low, high = metric.ranges[0] if metric.ranges else (-math.inf, math.inf)
    return max(low, -SURE), min(high, SURE)
