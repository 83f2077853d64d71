"""The graph on which all derived figures are computed: readings are leaves, steps compute, outputs are published.

Each leaf and step has a slot, an index into lists. A step uses only slots made before it, so one pass in order computes a site. If an
input is missing, the steps that require it are unknown and are not called. The reason is worked out afterwards, only for figures that
need it.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from math import isfinite
from typing import Protocol

import msgspec

from rackflow import catalogue
from rackflow.catalogue import BASE_LABELS, Metric
from rackflow.escape import escape_label, escape_tag
from rackflow.process.bulkhead import Failures
from rackflow.process.slices import run_through

Label = tuple[str, str]
# How many missing inputs a figure names; further ones are only counted. When an agent dies, hundreds of devices go silent, and the status
# page must stay readable: eight names fit on about two lines. A chosen value.
MAX_NAMED_INPUTS = 8
_PLACE = frozenset({*BASE_LABELS, "loop"})
NO_SLOT = -1
"""Slot of an output that no step computes: its figure is made outside of the graph, from learned state or records."""
Value = float | str
# Work of one slice, about 2 ms each: devices whose readings are taken; steps or figures that are computed.
SLICE_DEVICES = 100
SLICE_STEPS = 1000
# Finding out what an unknown figure lacks takes as long as computing this many figures: some 100 calls instead of two.
FIGURES_PER_EXPLANATION = 20
PART = "figures"
"""Name of the bulkhead of all derived figures."""
STATED = "stated:"
"""Prefix of the key of a leaf whose value the engine provides itself, such as whether a feed is dead. Never missing."""
INTERNAL = "internal: the calculation failed, see the collector's log"
"""Why a figure is unknown if its own code failed."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Returned in place of a value when all inputs are there but do not allow one, such as a ratio to zero; says why."""

    reason: str


UNEXPLAINED: tuple[float, tuple[str, ...]] = (0.0, (INTERNAL,))
FAILED: "Result" = Unknown(INTERNAL)
NOT_FINITE = Unknown("the result is not a finite number")
Result = Value | Unknown
Compute = Callable[..., Result]
"""Takes the values of all required inputs in order, then, if the step has optional inputs, a list of the known ones."""


class Reading(Protocol):
    """One latest reading. It is current before `expires_at`, monotonic seconds, and was received `life_s` before that."""

    value: float | str

    @property
    def expires_at(self) -> float:
        """Monotonic seconds until which it is current."""

    @property
    def life_s(self) -> float:
        """For how many seconds from its receipt on it is current."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One series of one device."""

    slot: int
    device: str
    key: str
    as_read: bool = False
    """Whether it always has the value just read, also while other slots of the series keep an earlier one; see `Planner.as_read`."""

    @property
    def is_stated(self) -> bool:
        """Whether the engine states it; see `STATED`."""
        return self.key.startswith(STATED)


@dataclass(frozen=True, slots=True)
class Step:
    """Computes one slot from others. The slot is unknown while a required input is unknown."""

    slot: int
    required: tuple[int, ...]
    compute: Compute
    optional: tuple[int, ...] = ()
    """Inputs of which some may be missing: the known ones are passed as one list, the last argument."""
    min_share: float = 1.0
    """Share of `optional` that must be known, 0 to 1; at least one input must always be known."""
    missing_config: str = ""
    """What the site file or configuration lacks. A step with this text is always unknown and gives it as the reason."""
    is_choice: bool = False
    """Take the first of `required` that is known, instead of computing: a device's own total before the sum of its phases."""


@dataclass(frozen=True, slots=True)
class Output:
    """A slot that is published as a metric with labels. Texts and limits are prepared here once, not in every cycle."""

    metric: Metric
    labels: tuple[Label, ...]
    slot: int
    tags: str
    """Labels as line protocol: `,tag=value...`."""
    text: str
    """Labels as Prometheus text: `name="value",...`."""
    place: tuple[Label, ...]
    """The rack, device or loop; whether a figure is known is published once for all its series there."""
    low: float
    high: float
    """Plausible range of the metric, from the catalogue."""


class Figure(msgspec.Struct, frozen=True, gc=False):
    """One derived figure; `value` is None when it is unknown.

    A msgspec struct without garbage collection instead of a dataclass: a large site makes 50,000 of them in each cycle.
    """

    output: Output
    value: float | None
    oldest_s: float
    """Age of its oldest input, seconds."""
    share: float
    """Share of its inputs that were there, 0 to 1."""
    missing: tuple[str, ...] = ()
    """Why it is unknown, or which of its optional inputs are missing, in words for the status page."""
    way: int = 0
    """Which of its inputs was taken, if it is a choice (`Planner.first`); the preferred one, 0, if none is known, as in `missing`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to compute for one site."""

    site: str
    leaves: Mapping[str, tuple[Leaf, ...]]
    """By device."""
    steps: tuple[Step, ...]
    """Ordered so that each step uses only slots before its own."""
    outputs: tuple[Output, ...]
    nodes: tuple[Leaf | Step, ...]
    """Leaves and steps by slot."""
    partial: Mapping[int, tuple[int, ...]]
    """Slots of outputs that may be known with inputs missing, each with the readings, or choices of readings, that it comes from.

    These outputs state their share of inputs in every cycle. Their inputs are collected at planning, not by walking the graph in each
    cycle: this made 5,000 devices possible within 200 ms.
    """
    choices: frozenset[int] = frozenset()
    """Slots of outputs that are choices: their figures have in `way` which input was taken."""


class Values:
    """Everything computed in one cycle: plain lists by slot, in which None is unknown."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.current: list[Value | None] = [None] * len(plan.nodes)
        self.age_s: list[float] = [0.0] * len(plan.nodes)
        self.reasons: dict[int, str] = {}
        """Why a slot is unknown, if the reason is its own and not an input's."""

    def number(self, slot: int) -> float | None:
        """The number in a slot; None when it is unknown or a state."""
        value = self.current[slot]
        return value if isinstance(value, float | int) else None

    def coverage(self, slot: int) -> tuple[float, tuple[str, ...]]:
        """Share of the readings below a slot that are known, 0 to 1, and words for the missing ones."""
        if (inputs := self._plan.partial.get(slot)) is not None:
            absent = [each for each in inputs if self.current[each] is None]
            own = [self.reasons[slot]] if slot in self.reasons and self.current[slot] is None else []
            if self.current[slot] is None and not own and not absent:
                return self._walk(slot)  # all readings are there, and a step between them and this one has no result
            # Without any reading below it, a slot is decided by the site file alone: a rack on one feed goes down with that feed.
            share = 1.0 - len(absent) / len(inputs) if inputs else 1.0
            return share, (*own, *self._names(absent))
        return self._walk(slot)

    def way(self, slot: int) -> int:
        """Which input of a choice was taken, counted from 0; 0 if none is known."""
        node = self._plan.nodes[slot]
        ways = node.required if isinstance(node, Step) else ()
        return next((at for at, each in enumerate(ways) if self.current[each] is not None), 0)

    def _walk(self, slot: int) -> tuple[float, tuple[str, ...]]:
        wanted, reasons = 0, list[str]()
        missing: list[int] = []
        current, nodes = self.current, self._plan.nodes
        waiting, seen = [slot], {slot}
        for at in waiting:
            node = nodes[at]
            if isinstance(node, Leaf):
                if node.is_stated:
                    continue
                wanted += 1
                if current[at] is None:
                    missing.append(at)
                continue
            if current[at] is None and at in self.reasons:
                reasons.append(self.reasons[at])
            inputs_below: Sequence[int] = (*node.required, *node.optional)
            if node.is_choice:
                # Only the chosen input counts. If none is known, the preferred one counts as missing.
                inputs_below = [each for each in inputs_below if current[each] is not None][:1] or inputs_below[:1]
            waiting += [each for each in inputs_below if each not in seen]
            seen.update(inputs_below)
        words = (*dict.fromkeys(reasons), *self._names(missing))
        return 1.0 - len(missing) / wanted if wanted else 1.0, words

    def _names(self, missing: Sequence[int]) -> list[str]:
        words = [self._name(each) for each in missing[:MAX_NAMED_INPUTS]]
        return [*words, f"and {len(missing) - MAX_NAMED_INPUTS} more"] if len(missing) > MAX_NAMED_INPUTS else words

    def _name(self, slot: int) -> str:
        """Words for a missing slot; for a choice, the words of the preferred reading."""
        leaf = self._plan.nodes[slot]
        while not isinstance(leaf, Leaf):
            if slot in self.reasons or not leaf.required:
                return self.reasons.get(slot, "unknown")
            slot = leaf.required[0]
            leaf = self._plan.nodes[slot]
        return f"{leaf.device} {leaf.key.removeprefix('dcim_')}: {self.reasons.get(slot, 'stale')}"


def compute_steps(
    plan: Plan,
    readings: Callable[[str], Mapping[str, Reading]],
    distrusted: Mapping[tuple[str, str], str],
    now: float,
    *,
    silent: Mapping[str, str] | None = None,
    failures: Failures | None = None,
    instead: Mapping[int, Value] | None = None,
) -> Generator[None, None, Values]:
    """Compute every slot at `now`, monotonic seconds.

    A reading counts only if it is current, if its device and key are not in `distrusted` (which gives the reason), and if its
    device is not in `silent` (which gives the reason, too). `instead` has values by slot that replace those of readings. A step that
    raises is noted in `failures`, and its slot is unknown, with those that depend on it. Yields after each slice.
    """
    noted = failures if failures is not None else Failures()
    values = Values(plan)
    silent = silent or {}
    for count, (device, leaves) in enumerate(plan.leaves.items()):
        if count % SLICE_DEVICES == 0:
            yield
        if device in silent:
            values.reasons.update((leaf.slot, silent[device]) for leaf in leaves)
        else:
            _read(device, leaves, readings(device), values, distrusted=distrusted, now=now)
    for slot, value in (instead or {}).items():
        values.current[slot] = value
        values.reasons.pop(slot, None)
    for at in range(0, len(plan.steps), SLICE_STEPS):
        yield
        _compute_steps(plan.steps[at : at + SLICE_STEPS], values, noted)
    return values


def _compute_steps(steps: Iterable[Step], values: Values, noted: Failures) -> None:
    current, age_s, reasons = values.current, values.age_s, values.reasons
    for step in steps:
        # Nine in ten steps are plain, and a site of 5,000 devices has 62,000. They are computed here and not in a function of their
        # own: a call for each makes this function 20 % slower (122 instead of 100 ms of CPU).
        if step.optional or step.is_choice or step.missing_config:
            _compute_special(step, values, noted)
            continue
        required = step.required
        inputs = [current[slot] for slot in required]
        if None in inputs:
            continue
        # A barrier for each step: entering `try` costs nothing, a function around each step would.
        try:
            result = step.compute(*inputs)
        except Exception as error:  # noqa: BLE001 - a barrier
            noted.note(PART, error)
            reasons[step.slot] = INTERNAL
            continue
        if result.__class__ is float and not isfinite(result):
            result = NOT_FINITE
        if isinstance(result, Unknown):
            reasons[step.slot] = result.reason
        else:
            current[step.slot] = result
            oldest_s = (
                age_s[required[0]] if len(required) == 1 else max([age_s[slot] for slot in required], default=0.0)
            )
            age_s[step.slot] = oldest_s


def _read(
    device: str,
    leaves: Iterable[Leaf],
    readings: Mapping[str, Reading],
    values: Values,
    *,
    distrusted: Mapping[tuple[str, str], str],
    now: float,
) -> None:
    """Put the readings of a device into `values`; those that are missing, stale or suspect with the reason."""
    current, age_s, reasons = values.current, values.age_s, values.reasons
    for leaf in leaves:
        reading = readings.get(leaf.key)
        if reading is None:
            reasons[leaf.slot] = "not received"
        elif now >= reading.expires_at:
            reasons[leaf.slot] = "stale"
        elif distrusted and (device, leaf.key) in distrusted:
            reasons[leaf.slot] = f"suspect, {distrusted[device, leaf.key]}"
        else:
            current[leaf.slot] = reading.value
            age_s[leaf.slot] = now - reading.expires_at + reading.life_s


def _compute_special(step: Step, values: Values, failures: Failures) -> None:
    """A step that chooses among its inputs, has optional ones, or lacks configuration."""
    current, age_s = values.current, values.age_s
    if step.is_choice:
        for slot in step.required:
            if current[slot] is not None:
                current[step.slot], age_s[step.slot] = current[slot], age_s[slot]
                return
        return
    if step.missing_config:
        values.reasons[step.slot] = step.missing_config
        return
    inputs = [current[slot] for slot in step.required]
    there = [slot for slot in step.optional if current[slot] is not None]
    if None in inputs or not there or len(there) < step.min_share * len(step.optional):
        return
    result = failures.attempt(PART, lambda: step.compute(*inputs, [current[slot] for slot in there]), otherwise=FAILED)
    if isinstance(result, float) and not isfinite(result):
        result = NOT_FINITE
    if isinstance(result, Unknown):
        values.reasons[step.slot] = result.reason
    else:
        current[step.slot] = result
        age_s[step.slot] = max(age_s[slot] for slot in (*step.required, *there))


def ratio(above: float, below: float) -> Result:
    """`above / below`; unknown unless `below` is more than 0, because site files may have ratings of 0."""
    return above / below if below > 0 else Unknown("the rating is zero")


def plausible_figure(output: Output, value: float, oldest_s: float, share: float) -> Figure:
    """A figure made outside of the graph; unknown if the value is not a plausible one of its metric."""
    if isfinite(value) and output.low <= value <= output.high:
        return Figure(output, value, oldest_s, share)
    return Figure(output, None, 0.0, share, (f"result {value:.4g} is not plausible",))


def withdrawn(found: Iterable[Figure]) -> list[Figure]:
    """The same figures, unknown because their code failed: they must not go on showing the values of an earlier cycle."""
    return [Figure(figure.output, None, 0.0, 0.0, (INTERNAL,)) for figure in found]


def figures(plan: Plan, values: Values, failures: Failures | None = None) -> list[Figure]:
    """All of `figure_steps` at once."""
    return run_through(figure_steps(plan, values, failures))


def figure_steps(plan: Plan, values: Values, failures: Failures | None = None) -> Generator[None, None, list[Figure]]:
    """Every output of a plan. A result outside of its metric's plausible range is unknown. Yields after each slice."""
    current, age_s, may_be_partial, choices = values.current, values.age_s, plan.partial, plan.choices
    noted = failures if failures is not None else Failures()
    found: list[Figure] = []
    left = SLICE_STEPS
    for output in plan.outputs:
        left -= 1
        if left <= 0:
            left = SLICE_STEPS
            yield
        slot = output.slot
        value, share = current[slot], 1.0
        missing: tuple[str, ...] = ()
        if value is None or slot in may_be_partial:
            left -= FIGURES_PER_EXPLANATION
            share, missing = noted.attempt(PART, partial(values.coverage, slot), otherwise=UNEXPLAINED)
        if isinstance(value, str):
            value = None
        elif value is not None and not output.low <= value <= output.high:
            value, share, missing = None, 1.0, (f"result {value:.4g} is not plausible",)
        found.append(Figure(output, value, age_s[slot], share, missing, values.way(slot) if slot in choices else 0))
    return found


def output_of(name: str, labels: Sequence[Label], slot: int) -> Output:
    """An output of a metric of the catalogue. Raises KeyError for a metric that the catalogue does not have."""
    metric = catalogue()[name]
    known = tuple(labels)
    tags, text, place = _texts_of(known)
    low, high = metric.ranges[0][0], metric.ranges[-1][1]
    return Output(metric=metric, labels=known, slot=slot, tags=tags, text=text, place=place, low=low, high=high)


# The same labels come with three metrics of a breaker, and again with the next plan: writing them was a third of a plan's time. They are as
# many as a large site has places, of some 500 bytes each.
@lru_cache(maxsize=20_000)
def _texts_of(labels: tuple[Label, ...]) -> tuple[str, str, tuple[Label, ...]]:
    """Labels as line protocol, as Prometheus text, and the rack, device or loop among them."""
    # A rack's figures are stated for the whole rack: with PDU and feed labels there would be several series with the same content.
    of_rack = any(label == "rack" for label, _ in labels)
    dropped = {"device", "feed"} if of_rack else set()
    return tags_of(labels), labels_text(labels), tuple(each for each in labels if each[0] in _PLACE - dropped)


def tags_of(labels: Iterable[Label]) -> str:
    """Labels as line protocol, `,tag=value...`, sorted: InfluxDB indexes sorted tags fastest."""
    return "".join(f",{label}={escape_tag(value)}" for label, value in sorted(labels))


def labels_text(labels: Iterable[Label]) -> str:
    """Labels as Prometheus text, `name="value",...`."""
    return ",".join(f'{label}="{escape_label(value)}"' for label, value in labels)
