"""The graph that all derived figures are computed on: readings are leaves, steps compute, outputs are published.

Every figure carries the age of its oldest input and the share of inputs that were there, or what was missing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from rackflow import catalogue
from rackflow.catalogue import BASE_LABELS, Metric
from rackflow.escape import escape_label, escape_tag

Label = tuple[str, str]
WORDS = 8
"""Missing inputs that are named; the others are counted."""
_PLACE = frozenset({*BASE_LABELS, "loop"})
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

    `about` is the rack, the device or the loop: what a figure rests on is told once for all its series there.
    """

    metric: Metric
    labels: tuple[Label, ...]
    slot: int
    tags: str
    text: str
    about: tuple[Label, ...]
    low: float
    high: float


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
    """What to compute for one site. `leaves` are by device; steps use only what comes before them.

    `nodes` are leaves and steps by slot. `partial` are the outputs' slots that may be known with inputs missing, each with
    the readings, or choices of readings, that it comes from.
    """

    site: str
    leaves: Mapping[str, tuple[Leaf, ...]]
    steps: tuple[Step, ...]
    outputs: tuple[Output, ...]
    nodes: tuple[Leaf | Step, ...]
    partial: Mapping[int, tuple[int, ...]]


class Values:
    """Everything computed in one cycle, by slot: None is unknown."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.now: list[Value | None] = [None] * len(plan.nodes)
        self.age_s: list[float] = [0.0] * len(plan.nodes)
        self.why: dict[int, str] = {}
        """Of leaves and steps that are unknown for a reason of their own."""

    def number(self, slot: int) -> float | None:
        """The number in a slot."""
        value = self.now[slot]
        return value if isinstance(value, float | int) else None

    def rests_on(self, slot: int) -> tuple[float, tuple[str, ...]]:
        """Share of a slot's inputs that are there, and words for those that are not."""
        if (inputs := self._plan.partial.get(slot)) is not None:
            lacking = [each for each in inputs if self.now[each] is None]
            own = [self.why[slot]] if slot in self.why and self.now[slot] is None else []
            return 1.0 - len(lacking) / len(inputs), (*own, *self._names(lacking))
        wanted, reasons = 0, list[str]()
        missing: list[int] = []
        now, nodes = self.now, self._plan.nodes
        waiting, seen = [slot], {slot}
        for at in waiting:
            node = nodes[at]
            if isinstance(node, Leaf):
                wanted += 1
                if now[at] is None:
                    missing.append(at)
                continue
            if now[at] is None and at in self.why:
                reasons.append(self.why[at])
            needs: Sequence[int] = (*node.need, *node.some)
            if node.first:
                needs = [each for each in needs if now[each] is not None][:1] or needs[:1]
            waiting += [each for each in needs if each not in seen]
            seen.update(needs)
        words = (*dict.fromkeys(reasons), *self._names(missing))
        return 1.0 - len(missing) / wanted if wanted else 1.0, words

    def _names(self, missing: Sequence[int]) -> list[str]:
        words = [self._name(each) for each in missing[:WORDS]]
        return [*words, f"and {len(missing) - WORDS} more"] if len(missing) > WORDS else words

    def _name(self, slot: int) -> str:
        leaf = self._plan.nodes[slot]
        while not isinstance(leaf, Leaf):
            if slot in self.why or not leaf.need:
                return self.why.get(slot, "unknown")
            slot = leaf.need[0]
            leaf = self._plan.nodes[slot]
        return f"{leaf.device} {leaf.key.removeprefix('dcim_')}: {self.why.get(slot, 'stale')}"


def fill(
    plan: Plan,
    readings: Callable[[str], Mapping[str, Reading]],
    distrusted: Mapping[tuple[str, str], str],
    now: float,
    silent: Collection[str] = (),
) -> Values:
    """Take over every reading that is current at `now`, trusted, and of no `silent` device, then compute every step."""
    values = Values(plan)
    for device, leaves in plan.leaves.items():
        if device in silent:
            values.why.update((leaf.slot, "does not answer") for leaf in leaves)
        else:
            _take_over(device, leaves, readings(device), distrusted, now, values)
    present, age_s, why = values.now, values.age_s, values.why
    for step in plan.steps:
        # Most steps are plain, and there are tens of thousands of them: they are done here.
        if step.some or step.first or step.lacks:
            _take(step, values)
            continue
        need = step.need
        inputs = [present[slot] for slot in need]
        if None in inputs:
            continue
        result = step.compute(*inputs)
        if result.__class__ is Unknown:
            why[step.slot] = str(result)
        else:
            present[step.slot] = result
            age_s[step.slot] = age_s[need[0]] if len(need) == 1 else max([age_s[slot] for slot in need], default=0.0)
    return values


def _take_over(
    device: str,
    leaves: Iterable[Leaf],
    held: Mapping[str, Reading],
    distrusted: Mapping[tuple[str, str], str],
    now: float,
    values: Values,
) -> None:
    present, age_s, why = values.now, values.age_s, values.why
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


def _put(slot: int, result: Value, oldest_s: float, values: Values) -> None:
    if result.__class__ is Unknown:
        values.why[slot] = str(result)
    else:
        values.now[slot], values.age_s[slot] = result, oldest_s


def _take(step: Step, values: Values) -> None:
    """A step with a choice of inputs, or one that cannot be taken."""
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
    there = [slot for slot in step.some if present[slot] is not None]
    if there and len(there) >= step.least * len(step.some):
        oldest_s = max(age_s[slot] for slot in (*need, *there))
        _put(step.slot, step.compute(*inputs, [present[slot] for slot in there]), oldest_s, values)


def figures(plan: Plan, values: Values) -> list[Figure]:
    """Every output of a plan; an implausible result is unknown, too."""
    partial = plan.partial
    now, age_s = values.now, values.age_s
    found: list[Figure] = []
    for output in plan.outputs:
        slot = output.slot
        value = now[slot]
        if value is None or slot in partial or not output.low <= value <= output.high:  # type: ignore[operator]
            found.append(figure(output, values, partial=slot in partial))
        else:
            found.append(Figure(output, value, age_s[slot], 1.0))  # type: ignore[arg-type]
    return found


def figure(output: Output, values: Values, *, partial: bool = True) -> Figure:
    """One output; `partial` says that it may be known with inputs missing."""
    value = values.number(output.slot)
    oldest_s = values.age_s[output.slot]
    if value is None:
        share, missing = values.rests_on(output.slot)
        return Figure(output, None, oldest_s, share, missing)
    if not output.low <= value <= output.high:
        return Figure(output, None, oldest_s, 1.0, (f"result {value:.4g} is not plausible",))
    if partial:
        share, missing = values.rests_on(output.slot)
        return Figure(output, value, oldest_s, share, missing)
    return Figure(output, value, oldest_s, 1.0)


def output_of(name: str, labels: Sequence[Label], slot: int) -> Output:
    """An output of a metric of the catalogue, with its labels."""
    metric = catalogue()[name]
    of_rack = any(label == "rack" for label, _ in labels)
    dropped = {"device", "feed"} if of_rack else set()
    about = tuple((label, value) for label, value in labels if label in _PLACE - dropped)
    low, high = metric.ranges[0][0], metric.ranges[-1][1]
    return Output(metric, tuple(labels), slot, tags_of(labels), labels_text(labels), about, low, high)


def tags_of(labels: Iterable[Label]) -> str:
    """`,tag=value...` in order."""
    return "".join(f",{label}={escape_tag(value)}" for label, value in sorted(labels))


def labels_text(labels: Iterable[Label]) -> str:
    """`name="value",...`."""
    return ",".join(f'{label}="{escape_label(value)}"' for label, value in labels)
