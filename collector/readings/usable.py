"""Finds the usable readings of a batch, and counts the others by reason."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec

from collector.readings.layouts import SURELY_NOT_TINY, Layout
from collector.readings.series import Series
from collector.readings.series_keys import SeriesKeys
from rackflow import Batch

_write_numbers = msgspec.json.Encoder().encode


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
        if low <= value <= high and (value > SURELY_NOT_TINY or value == 0 or value < -SURELY_NOT_TINY):
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
