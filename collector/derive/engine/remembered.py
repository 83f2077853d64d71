"""Figures that rest on the past: the heat of a breaker, a mean over a quarter of an hour, what a clean exchanger was like.

What they remember outlives plans: when a device comes or goes, what was learned about the others must not be lost. So memories are
kept by name and never by slot. Nothing survives a restart, so each says itself from when on it has a value.
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
    """Takes the inputs of each cycle in which all required ones are known."""

    def update(self, values: Sequence[Value | None], now: float) -> Sequence[Result]:
        """One result for each output. `values` are the required inputs, then the optional ones; `now` is monotonic seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Remembered:
    """What to remember in one plan: slots, the figures made of them, and the memory's name."""

    key: tuple[str, str]
    required: tuple[int, ...]
    optional: tuple[int, ...]
    outputs: tuple[Output, ...]
    make: Callable[[], Memory]


class Memories:
    """All memories of one site."""

    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self._kept: dict[tuple[str, str], Memory] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, remembered: Iterable[Remembered]) -> None:
        """Forget what no plan asks for any more."""
        wanted = {each.key for each in remembered}
        for gone in self._kept.keys() - wanted:
            del self._kept[gone]

    def figures(self, remembered: Iterable[Remembered], values: Values, now: float) -> Iterator[Figure]:
        """All figures of this cycle. A memory that raises makes its own figures unknown."""
        for each in remembered:
            failed = [Figure(output, None, 0.0, 0.0, (INTERNAL,)) for output in each.outputs]
            yield from self._failures.attempt(PART, partial(self._figures, each, values, now), failed)

    def _figures(self, each: Remembered, values: Values, now: float) -> list[Figure]:
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
        return Figure(output, None, 0.0, 1.0, ("a state is no figure",))
    return plausible_figure(output, float(result), oldest_s, 1.0)
