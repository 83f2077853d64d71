"""Builds the graph of a site: finds the series that devices have and adds the steps computed from them.

Planning happens once per change of a site and computing in every cycle, so as much as possible is decided here. A plan asks for series
by device, metric and labels. A series that a device has not sent yet gets a slot, too, and is missing until it arrives.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from collector.derive.engine.graph import (
    INTERNAL,
    NO_SLOT,
    STATED,
    Compute,
    Label,
    Leaf,
    Output,
    Plan,
    Step,
    Value,
    output_of,
)
from collector.derive.engine.stateful import Memory, StatefulStep
from collector.readings import Series
from rackflow import series_key

Known = Mapping[str, Mapping[str, Series]]
"""Device -> series key -> all series ever received from it. A series that falls silent stays in the plan, so it counts as missing."""


def _sum(*values: Value) -> Value:
    return sum(float(value) for value in values)


def inputs_of(slot: int, nodes: Sequence[Leaf | Step]) -> Iterator[int]:
    """Slots that decide whether a slot has all of its inputs: readings, choices of readings, and steps that lack configuration.

    A choice counts as one input: of a device's own total and its phases, one is enough.
    """
    waiting, seen = [slot], {slot}
    for at in waiting:
        node = nodes[at]
        if isinstance(node, Leaf) and node.is_stated:
            continue
        if isinstance(node, Leaf) or node.is_choice or node.missing_config:
            yield at
        else:
            waiting += [each for each in (*node.required, *node.optional) if each not in seen]
            seen.update(node.required, node.optional)


def value_from(slot: int, nodes: Sequence[Leaf | Step], values: Mapping[str, float]) -> float:
    """What a slot is if the readings below it, all of one device, have these values by series key.

    For sums and the like: its steps must have required inputs only. Raises KeyError without one of the readings, ValueError if the slot has
    no number.
    """
    node = nodes[slot]
    if isinstance(node, Leaf):
        return values[node.key]
    result = node.compute(*(value_from(each, nodes, values) for each in node.required))
    if not isinstance(result, float):
        raise ValueError(f"slot {slot} has no number: {result}")  # noqa: TRY004 - it is the values that are wrong
    return result


class Planner:
    """Collects the slots of one plan; `plan` returns it."""

    def __init__(self, site: str, known: Known, places: Mapping[str, Mapping[str, str]]) -> None:
        self.site = site
        self.places = places
        """Base labels of each device, without `site` and `device`."""
        self.metrics_used: set[str] = set()
        """Metrics that the plan has asked for. A new series of any other metric cannot change it and needs no planning."""
        self._size = 0
        self._leaves: dict[tuple[str, str, bool], Leaf] = {}
        self._as_read = False
        self._steps: list[Step] = []
        self.outputs: list[Output] = []
        """What is published so far."""
        self.stateful: list[StatefulStep] = []
        """Steps whose outputs depend on earlier cycles."""
        self._index: dict[tuple[str, str], list[tuple[str, Mapping[str, str]]]] = {}
        for device, series in known.items():
            for key, each in series.items():
                self._index.setdefault((device, each.metric.name), []).append((key, each.by_name))
        # Sorted, so that sums and reasons do not depend on the order in which devices were first heard of.
        for found in self._index.values():
            found.sort(key=lambda pair: pair[0])

    def plan(self) -> Plan:
        """The finished plan."""
        by_device: dict[str, list[Leaf]] = {}
        for leaf in self._leaves.values():
            by_device.setdefault(leaf.device, []).append(leaf)
        leaves = {device: tuple(found) for device, found in by_device.items()}
        nodes: list[Leaf | Step] = sorted([*self._leaves.values(), *self._steps], key=lambda node: node.slot)
        return Plan(
            site=self.site,
            leaves=leaves,
            steps=tuple(self._steps),
            outputs=tuple(self.outputs),
            nodes=tuple(nodes),
            partial=dict(self._partial(nodes)),
            choices=frozenset(
                {each.slot for each in self._steps if each.is_choice} & {each.slot for each in self.outputs}
            ),
        )

    def _partial(self, nodes: Sequence[Leaf | Step]) -> Iterator[tuple[int, tuple[int, ...]]]:
        # Steps are in the order of their slots, so one pass marks every step that depends on partial inputs.
        partial: set[int] = set()
        for step in self._steps:
            if step.optional or not partial.isdisjoint(step.required) or not partial.isdisjoint(step.optional):
                partial.add(step.slot)
        for output in self.outputs:
            if output.slot in partial:
                yield output.slot, tuple(inputs_of(output.slot, nodes))

    def has(self, device: str, metric: str, **labels: str) -> bool:
        """Whether the device has ever sent such a series."""
        return bool(self._matching(device, metric, labels))

    def series(self, device: str, metric: str, **labels: str) -> list[tuple[str, Mapping[str, str]]]:
        """Keys and labels of the device's series of a metric that have these labels, without making slots."""
        return [*self._matching(device, metric, labels)]

    def values_of(self, device: str, metric: str, label: str) -> list[str]:
        """The values of a label among the device's series of a metric, sorted."""
        return sorted({found[label] for _, found in self._matching(device, metric, {}) if label in found})

    def reading(self, device: str, metric: str, **labels: str) -> int:
        """Slot of the one series that has these labels. If several match, it is unknown: the right one cannot be decided here."""
        slots = self.each(device, metric, **labels)
        if len(slots) > 1:
            return self.step((), _sum, missing_config=f"{device} has {len(slots)} series {series_key(metric, labels)}")
        return slots[0] if slots else self._leaf(device, series_key(metric, labels))

    def sum_of(self, device: str, metric: str, **labels: str) -> int:
        """Slot of the sum of all series with these labels, such as several inlets or all phases."""
        return self.total(self.each_or_missing(device, metric, **labels))

    def each(self, device: str, metric: str, **labels: str) -> list[int]:
        """Slots of all series with these labels."""
        return [self._leaf(device, key) for key, _ in self._matching(device, metric, labels)]

    def each_or_missing(self, device: str, metric: str, **labels: str) -> list[int]:
        """Slots of all series with these labels; without any, that of the missing one, which figures over it then name."""
        return self.each(device, metric, **labels) or [self.reading(device, metric, **labels)]

    @contextmanager
    def as_read(self) -> Iterator[None]:
        """Within this context, slots of readings always have the value just read.

        Other slots of a device may keep an earlier value after a load step, or be 0 while its feed is dead (`power/supplies.py`). That is
        right for sums over devices, and wrong for figures of one device alone.
        """
        self._as_read = True
        try:
            yield
        finally:
            self._as_read = False

    def labelled(self, device: str, metric: str, label: str) -> dict[str, int]:
        """Slots of the series of a metric, by the value of one label."""
        return {
            found[label]: self._leaf(device, key) for key, found in self._matching(device, metric, {}) if label in found
        }

    def total(self, slots: Iterable[int]) -> int:
        """Slot of a sum; unknown if any of the slots is unknown, or if there are none: nothing measured is not 0."""
        found = tuple(slots)
        if not found:
            return self.step((), _sum, missing_config="site file: nothing there is measured")
        return found[0] if len(found) == 1 else self.step(found, _sum)

    def first(self, *slots: int) -> int:
        """Slot of the first that is known."""
        if len(slots) == 1:
            return slots[0]
        return self._add(Step(self._size, slots, _sum, is_choice=True))

    def step(
        self,
        required: Iterable[int],
        compute: Compute,
        *,
        optional: Iterable[int] = (),
        min_share: float = 1.0,
        missing_config: str = "",
    ) -> int:
        """Slot of a new step; see `Step` for the parameters."""
        return self._add(
            Step(
                slot=self._size,
                required=tuple(required),
                compute=compute,
                optional=tuple(optional),
                min_share=min_share,
                missing_config=missing_config,
            )
        )

    def publish(self, metric: str, slot: int, *labels: Label) -> None:
        """Publish a slot as a figure of the site, or of a place in it; `labels` come on top of the site's."""
        self.outputs.append(output_of(metric, (("site", self.site), *labels), slot))

    def remember(
        self,
        name: str,
        required: Iterable[int],
        make: Callable[[], Memory],
        outputs: Iterable[tuple[str, tuple[Label, ...]]],
        *,
        optional: Iterable[int] = (),
    ) -> None:
        """Publish figures that depend on earlier cycles, computed by a memory from these slots.

        `name` is the kind of memory, `make` creates one, and `outputs` are metrics with their labels on top of the site's.
        """
        made = tuple(output_of(metric, (("site", self.site), *labels), NO_SLOT) for metric, labels in outputs)
        key = (name, made[0].text)
        self.stateful.append(
            StatefulStep(key=key, required=tuple(required), optional=tuple(optional), outputs=made, make=make)
        )

    def mark(self) -> tuple[int, int]:
        """How much is published so far, for `withdraw`."""
        return len(self.outputs), len(self.stateful)

    def withdraw(self, mark: tuple[int, int]) -> None:
        """Make unknown what was published since `mark`, because planning it failed half way."""
        unknown = self.step((), _sum, missing_config=INTERNAL)
        begun, stateful = mark
        self.outputs[begun:] = [replace(output, slot=unknown) for output in self.outputs[begun:]]
        for each in self.stateful[stateful:]:
            self.outputs += [replace(output, slot=unknown) for output in each.outputs]
        del self.stateful[stateful:]

    def stated(self, device: str, what: str) -> int:
        """Slot of a value about a device that the engine itself sets in every cycle; see `STATED`."""
        return self._leaf(device, f"{STATED}{what}")

    def publish_of(self, metric: str, device: str, slot: int, *labels: Label) -> None:
        """Publish a slot as a figure of a device, with the labels of its place."""
        self.publish(metric, slot, *self.place_of(device), *labels)

    def place_of(self, device: str) -> tuple[Label, ...]:
        """Labels of a device without that of the site."""
        return self.labels_of(device)[1:]

    def labels_of(self, device: str) -> tuple[Label, ...]:
        """Labels of a device: site, place and device."""
        place = self.places.get(device, {})
        base = ((label, place[label]) for label in ("room", "row", "rack", "feed") if label in place)
        return (("site", self.site), *base, ("device", device))

    def _matching(self, device: str, metric: str, labels: Mapping[str, str]) -> Sequence[tuple[str, Mapping[str, str]]]:
        self.metrics_used.add(metric)
        known = self._index.get((device, metric), ())
        if not labels:
            return known
        if len(labels) == 1:  # nearly always a phase
            ((name, value),) = labels.items()
            return [each for each in known if each[1].get(name) == value]
        return [each for each in known if labels.items() <= each[1].items()]

    def _leaf(self, device: str, key: str) -> int:
        found = (device, key, self._as_read)
        leaf = self._leaves.get(found)
        if leaf is None:
            leaf = self._leaves[found] = Leaf(self._size, *found)
            self._size += 1
        return leaf.slot

    def _add(self, step: Step) -> int:
        self._steps.append(step)
        self._size += 1
        return step.slot
