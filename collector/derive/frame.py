"""The frame of all derived figures: in go latest readings, out come figures with their age and coverage, or what is missing; pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from collector.escape import escape_label, escape_tag
from rackflow import catalogue
from rackflow.catalogue import BASE_LABELS, Metric

Label = tuple[str, str]
Value = float | str
Compute = Callable[..., Value]
"""Takes the inputs in order, all there; returns the value, or `Unknown` where they do not allow one."""


class Unknown(str):
    """Why inputs that are all there do not give a figure; takes the place of a value."""

    __slots__ = ()


class Reading(Protocol):
    """One latest reading. It is current before `expires_at` and was received `life_s` before that, seconds."""

    value: float | str
    expires_at: float
    life_s: float


@dataclass(frozen=True, slots=True)
class Leaf:
    """One series of one device."""

    slot: int
    device: str
    key: str


@dataclass(frozen=True, slots=True)
class Step:
    """What is computed into `slot`: `compute` of all of `need`, and of those of `some` that are there as a list.

    Of `some`, at least the share `least` must be there. `lacks` is what the configuration would have to say first.
    """

    slot: int
    need: tuple[int, ...]
    compute: Compute
    some: tuple[int, ...] = ()
    least: float = 1.0
    lacks: str = ""
    first: bool = False
    """Take the first of `need` that is there, instead of computing."""


@dataclass(frozen=True, slots=True)
class Output:
    """A step that is published as a metric with labels, which `tags` and `text` are as line protocol and for Prometheus.

    `about` is where and of what loop the figure is: what it rests on is told once for all series that share it.
    """

    metric: Metric
    labels: tuple[Label, ...]
    slot: int
    tags: str
    text: str
    about: tuple[Label, ...]


class Figure(msgspec.Struct, frozen=True, gc=False):
    """One derived figure. `value` is None when it is unknown, and then `missing` says why.

    `oldest_s` is the age of its oldest input, `share` the part of its inputs that were there.
    """

    output: Output
    value: float | None
    oldest_s: float
    share: float
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to compute for one site. `leaves` are by device; steps use only what comes before them."""

    site: str
    size: int
    leaves: Mapping[str, tuple[Leaf, ...]]
    steps: tuple[Step, ...]
    outputs: tuple[Output, ...]


class Values:
    """Everything computed in one cycle, by slot: None is unknown."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.now: list[Value | None] = [None] * plan.size
        self.age_s: list[float] = [0.0] * plan.size
        self.why: dict[int, str] = {}
        """Of leaves and steps that are unknown for a reason of their own."""
        self._by_slot: dict[int, Leaf | Step] = {}

    def number(self, slot: int) -> float | None:
        """The number in a slot."""
        value = self.now[slot]
        return value if isinstance(value, float | int) else None

    def rests_on(self, slot: int) -> tuple[float, tuple[str, ...]]:
        """Share of a slot's inputs that are there, and words for those that are not."""
        if not self._by_slot:
            self._by_slot = {step.slot: step for step in self._plan.steps}
            self._by_slot |= {leaf.slot: leaf for leaves in self._plan.leaves.values() for leaf in leaves}
        leaves = list(dict.fromkeys(self._inputs(slot)))
        missing = [each for each in leaves if self.now[each] is None]
        share = 1.0 if not leaves else 1.0 - len(missing) / len(leaves)
        words = dict.fromkeys([*self._reasons(slot), *(self._name(each) for each in missing)])
        return share, tuple(words)

    def _inputs(self, slot: int) -> Iterator[int]:
        node = self._by_slot[slot]
        if isinstance(node, Leaf):
            yield slot
        elif node.first:
            there = [each for each in node.need if self.now[each] is not None]
            yield from self._inputs((there or node.need)[0])
        else:
            for each in (*node.need, *node.some):
                yield from self._inputs(each)

    def _reasons(self, slot: int) -> Iterator[str]:
        node = self._by_slot[slot]
        if isinstance(node, Step) and self.now[slot] is None:
            if slot in self.why:
                yield self.why[slot]
            for each in node.need[:1] if node.first else (*node.need, *node.some):
                yield from self._reasons(each)

    def _name(self, slot: int) -> str:
        leaf = self._by_slot[slot]
        if not isinstance(leaf, Leaf):
            raise TypeError(f"slot {slot} is not a reading")
        return f"{leaf.device} {leaf.key.removeprefix('dcim_')}: {self.why.get(slot, 'stale')}"


def fill(
    plan: Plan,
    readings: Callable[[str], Mapping[str, Reading]],
    distrusted: Mapping[tuple[str, str], str],
    now: float,
) -> Values:
    """Take over every reading that is current at `now` and trusted, then compute every step."""
    values = Values(plan)
    present, age_s, why = values.now, values.age_s, values.why
    for device, leaves in plan.leaves.items():
        held = readings(device)
        for leaf in leaves:
            reading = held.get(leaf.key)
            if reading is None:
                why[leaf.slot] = "not received"
            elif now >= reading.expires_at:
                why[leaf.slot] = "stale"
            elif distrusted and (device, leaf.key) in distrusted:
                why[leaf.slot] = f"suspect, {distrusted[device, leaf.key]}"
            else:
                present[leaf.slot] = reading.value
                age_s[leaf.slot] = now - reading.expires_at + reading.life_s
    for step in plan.steps:
        _take(step, values)
    return values


def _take(step: Step, values: Values) -> None:
    present, age_s = values.now, values.age_s
    need = step.need
    if step.first:
        for slot in need:
            if present[slot] is not None:
                present[step.slot], age_s[step.slot] = present[slot], age_s[slot]
                return
        return
    if step.lacks:
        values.why[step.slot] = step.lacks
        return
    inputs = [present[slot] for slot in need]
    if None in inputs:
        return
    oldest = max([age_s[slot] for slot in need]) if need else 0.0
    if step.some:
        there = [slot for slot in step.some if present[slot] is not None]
        if not there or len(there) < step.least * len(step.some):
            return
        oldest = max([oldest, *(age_s[slot] for slot in there)])
        result = step.compute(*inputs, [present[slot] for slot in there])
    else:
        result = step.compute(*inputs)
    if isinstance(result, Unknown):
        values.why[step.slot] = str(result)
    else:
        present[step.slot], age_s[step.slot] = result, oldest


def figures(plan: Plan, values: Values) -> list[Figure]:
    """Every output of a plan; an implausible result is unknown, too."""
    partial = {step.slot for step in plan.steps if step.some}
    for step in plan.steps:
        if not partial.isdisjoint(step.need):
            partial.add(step.slot)
    return [figure(output, values, partial=output.slot in partial) for output in plan.outputs]


def figure(output: Output, values: Values, *, partial: bool = True) -> Figure:
    """One output; `partial` says that it may be known with inputs missing."""
    value = values.number(output.slot)
    oldest_s = values.age_s[output.slot]
    if value is None:
        share, missing = values.rests_on(output.slot)
        return Figure(output, None, oldest_s, share, missing)
    if not output.metric.plausible(value):
        return Figure(output, None, oldest_s, 1.0, (f"result {value:.4g} is not plausible",))
    if partial:
        share, missing = values.rests_on(output.slot)
        return Figure(output, value, oldest_s, share, missing)
    return Figure(output, value, oldest_s, 1.0)


def output_of(name: str, labels: Sequence[Label], slot: int) -> Output:
    """An output of a metric of the catalogue, with its labels."""
    about = tuple((label, value) for label, value in labels if label in BASE_LABELS or label == "loop")
    return Output(catalogue()[name], tuple(labels), slot, tags_of(labels), labels_text(labels), about)


def tags_of(labels: Iterable[Label]) -> str:
    """`,tag=value...` in order."""
    return "".join(f",{label}={escape_tag(value)}" for label, value in sorted(labels))


def labels_text(labels: Iterable[Label]) -> str:
    """`name="value",...`."""
    return ",".join(f'{label}="{escape_label(value)}"' for label, value in labels)
