"""Figures that need earlier cycles: the heat of a breaker, a mean over 15 minutes, the resistance of a clean exchanger.

Their state outlives plans: when a device comes or goes, what was learned about the others must not be lost. So it is kept by name and
never by slot. Nothing survives a restart, so each state decides itself when it has seen enough to give a value.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from collector.derive.engine.graph import (
    INTERNAL,
    PART,
    Figure,
    Output,
    Result,
    Unknown,
    Value,
    Values,
    plausible_figure,
)
from rackflow.process.bulkhead import Failures


class Memory(Protocol):
    """State of one step. `update` is called in each cycle in which all required inputs are known."""

    def update(self, values: Sequence[Value | None], now: float) -> Sequence[Result]:
        """One result for each output. `values` are the required inputs, then the optional ones; `now` is monotonic seconds."""
        ...


@dataclass(frozen=True, slots=True)
class StatefulStep:
    """One step of a plan that keeps state: its input slots, its outputs, and the name (`key`) under which the state is kept."""

    key: tuple[str, str]
    required: tuple[int, ...]
    optional: tuple[int, ...]
    outputs: tuple[Output, ...]
    make: Callable[[], Memory]


class StatefulFigures:
    """Computes the stateful figures of one site, and keeps their state."""

    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self._kept: dict[tuple[str, str], Memory] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, steps: Iterable[StatefulStep]) -> None:
        """Drop the state of steps that the plan no longer has."""
        wanted = {each.key for each in steps}
        for gone in self._kept.keys() - wanted:
            del self._kept[gone]

    def forget(self, keys: Iterable[tuple[str, str]]) -> None:
        """Drop the state of these steps; they start over."""
        for key in keys:
            self._kept.pop(key, None)

    def figures(self, steps: Iterable[StatefulStep], values: Values, now: float) -> Iterator[Figure]:
        """All figures of this cycle. A step that raises makes its own figures unknown."""
        for each in steps:
            failed = [Figure(output, None, 0.0, 0.0, (INTERNAL,)) for output in each.outputs]
            yield from self._failures.attempt(PART, partial(self._figures, each, values, now), otherwise=failed)

    def _figures(self, each: StatefulStep, values: Values, now: float) -> list[Figure]:
        missing = [slot for slot in each.required if values.current[slot] is None]
        if missing:
            words = tuple(dict.fromkeys(word for slot in missing for word in values.coverage(slot)[1]))
            share = 1.0 - len(missing) / len(each.required)
            return [Figure(output, None, 0.0, share, words) for output in each.outputs]
        memory = self._kept.get(each.key)
        if memory is None:
            memory = self._kept[each.key] = each.make()
        slots = (*each.required, *each.optional)
        oldest_s = max((values.age_s[slot] for slot in each.required), default=0.0)
        results = memory.update([values.current[slot] for slot in slots], now)
        return [_figure(output, result, oldest_s) for output, result in zip(each.outputs, results, strict=True)]


def _figure(output: Output, result: Result, oldest_s: float) -> Figure:
    if isinstance(result, Unknown):
        return Figure(output, None, 0.0, 1.0, (result.reason,))
    if isinstance(result, str):
        return Figure(output, None, 0.0, 1.0, ("the result is a state, not a number",))
    return plausible_figure(output, float(result), oldest_s, 1.0)
