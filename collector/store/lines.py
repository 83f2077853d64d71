"""Turns batches and events into line protocol: one line for each point, with its time in ms.

Tags are sorted, because InfluxDB stores sorted tags faster (its own advice on writing). Their order does not change the point.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal

from collector.readings import Layout, Readings, SeriesKeys, number_texts
from rackflow import Batch, Event
from rackflow.catalogue import BASE_LABELS
from rackflow.escape import escape_string, escape_tag

Dialect = Literal["influxdb", "victoriametrics"]
"""Which engine reads the lines. VictoriaMetrics drops string fields, so states are written to it as numbers."""
_LOCATION = tuple(label for label in BASE_LABELS if label != "device")


def base_tags(site: str, agent: str, device: str, labels: Mapping[str, str]) -> str:
    """Location, device and agent as `,tag=value…`. An agent's readings of itself have no device."""
    found = {label: labels[label] for label in _LOCATION if labels.get(label)} | {"site": site, "agent": agent}
    if device != agent:
        found["device"] = device
    return "".join(f",{label}={escape_tag(value)}" for label, value in sorted(found.items()))


@dataclass(frozen=True, slots=True)
class _Template:
    """The lines of all batches with one layout: texts that are always the same, and gaps that are filled for each batch.

    Filling a template takes a fifth of the time of writing each line from its parts.
    """

    pieces: Sequence[str]
    """Texts and gaps in turn; a gap is an empty text."""
    pick: Callable[[Sequence[str]], tuple[str, ...]]
    """Takes the arguments and returns the one for each gap, in order. The arguments are tags, time, up, duration and rejected (see `_TAGS`
    and so on), then the numbers, then the states: as text, or for VictoriaMetrics as digits."""
    flags: tuple[Mapping[str, tuple[str, ...]], ...]
    """For VictoriaMetrics: for each series of states, by state, which digit (1 or 0) each state of the catalogue has."""

    def lines(self, arguments: Sequence[str], numbers: Sequence[float], state_texts: Sequence[str]) -> list[str]:
        """The lines. `arguments` are those before the numbers. Numbers are written with all their digits."""
        if not self.pieces:
            return []  # an agent's batch without readings
        states: Iterable[str] = state_texts
        if self.flags:
            states = (flag for known, text in zip(self.flags, state_texts, strict=True) for flag in known[text])
        pieces = [*self.pieces]
        pieces[1::2] = self.pick((*arguments, *number_texts(numbers), *states))
        return "".join(pieces).split("\n")


# Positions of a template's arguments. The numbers and states begin at `_FIRST`.
_TAGS, _TIME, _UP, _DURATION, _REJECTED, _FIRST = range(6)


def _template_of(layout: Layout, dialect: Dialect) -> _Template:
    """The template for all batches of a layout.

    All numbers are written as floats: an engine fixes a field's type with its first point, and would refuse 1.5 after 1i.
    """
    # By measurement and the tags that its series add: the fields of the point, each with the argument that is its value.
    points: dict[tuple[str, str], list[tuple[str, int]]] = {}

    def add(measurement: str, series_tags: str, field: str, argument: int) -> None:
        points.setdefault((measurement, series_tags), []).append((f"{field}=", argument))

    argument = _FIRST
    for series in layout.number_series:
        add(series.metric.measurement, series.tags, series.metric.field, argument)
        argument += 1
    strings = set[int]()
    flags: list[Mapping[str, tuple[str, ...]]] = []
    for series in layout.state_series:
        metric = series.metric
        if dialect == "influxdb":
            add(metric.measurement, series.tags, metric.field, argument)
            strings.add(argument)
            argument += 1
            continue
        for each in metric.states:
            add(metric.measurement, f"{series.tags},state={each}", metric.field, argument)
            argument += 1
        flags.append(
            {state: tuple("1.0" if each == state else "0.0" for each in metric.states) for state in metric.states}
        )
    if not layout.of_agent:
        for field, value in (("up", _UP), ("poll_duration_seconds", _DURATION), ("rejected_readings", _REJECTED)):
            add("dcim_device", "", field, value)
    picked: list[int] = []
    pieces: list[str] = []
    end = ""
    for (measurement, series_tags), fields in points.items():
        pieces += [f"{end}{measurement}", ""]
        picked += [_TAGS, *(value for _, value in fields), _TIME]
        before = f"{series_tags} "
        for name, value in fields:
            quote = '"' if value in strings else ""
            pieces += [f"{before}{name}{quote}", ""]
            before = f"{quote},"
        pieces += [f"{before.removesuffix(',')} ", ""]
        end = "\n"
    return _Template(tuple(pieces), itemgetter(*picked) if picked else tuple, tuple(flags))


def batch_lines(batch: Batch, tags: str, readings: Readings, dialect: Dialect) -> list[str]:
    """The lines of a batch. Readings that share measurement and tags are fields of one point.

    A state is a string field; for VictoriaMetrics it is one point for each state of the catalogue, tagged `state`, with 1 for the
    current one and 0 for the others.
    """
    layout = readings.layout
    template = layout.cache.get(dialect)
    if not isinstance(template, _Template):
        template = layout.cache[dialect] = _template_of(layout, dialect)
    up = "1.0" if batch.up else "0.0"
    arguments = tags, str(batch.time), up, repr(batch.duration_s), repr(float(batch.rejected))
    return template.lines(arguments, readings.numbers, readings.state_texts)


def event_lines(event: Event, tags: str, keys: SeriesKeys) -> list[str]:
    """One point of `dcim_event`. The series is part of the tags: two state changes found by one poll have the same time."""
    series = keys.get(event.series) if event.series else ""
    own = f"{series.tags},metric={series.metric.name}" if not isinstance(series, str) else ""
    texts = {"kind": event.kind, "old": event.old, "new": event.new, "text": event.text}
    fields = ",".join(f'{name}="{escape_string(text)}"' for name, text in texts.items())
    return [f"dcim_event{tags}{own} {fields},seq={float(event.seq)} {event.time}"]


def original_time_line(tags: str, original_ms: int, time_ms: int) -> str:
    """The impossible time that a message carried, as a field beside the substitute time that it is stored under."""
    return f"dcim_device{tags} original_timestamp_seconds={original_ms / 1000!r} {time_ms}"
