"""Turns batches and events into line protocol: one line for each point, with its time in ms.

Tags are sorted, because InfluxDB stores sorted tags faster (its own advice on writing). Their order does not change the point.
"""

from collections.abc import Mapping
from typing import Literal

from collector.readings import Readings, SeriesKeys
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


def batch_lines(batch: Batch, tags: str, readings: Readings, dialect: Dialect) -> list[str]:
    """The lines of a batch. Readings that share measurement and tags are fields of one point.

    All numbers are written as floats, with all their digits: an engine fixes a field's type with its first point, and would
    refuse 1.5 after 1i. A state is a string field; for VictoriaMetrics it is one point for each state of the catalogue, tagged
    `state`, with 1 for the current one and 0 for the others.
    """
    points: dict[str, list[str]] = {}
    for _, series, value in readings.values:
        head = f"{series.metric.measurement}{tags}{series.tags}"
        field = f"{series.metric.field}={value!r}"
        if (fields := points.get(head)) is None:
            points[head] = [field]
        else:
            fields.append(field)
    for _, series, state in readings.states:
        head = f"{series.metric.measurement}{tags}{series.tags}"
        if dialect == "influxdb":
            points.setdefault(head, []).append(f'{series.metric.field}="{state}"')
        else:
            for each in series.metric.states:
                value = 1.0 if each == state else 0.0
                points.setdefault(f"{head},state={each}", []).append(f"{series.metric.field}={value}")
    if batch.device_class != "agent":
        points.setdefault(f"dcim_device{tags}", []).append(
            f"up={1.0 if batch.up else 0.0},poll_duration_seconds={batch.duration_s!r},"
            f"rejected_readings={float(batch.rejected)}",
        )
    return [f"{head} {','.join(fields)} {batch.time}" for head, fields in points.items()]


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
