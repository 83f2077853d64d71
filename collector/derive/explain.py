"""Finds the slots that a published figure is computed from, whether by the graph, from learned state, or from hourly records."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from collector.derive.cycle_state import Watched
from collector.derive.energy import KEPT_A_DAY, Accounts
from collector.derive.engine import Inputs, Label, Plan, StatefulStep
from rackflow.series import metric_of

Basis = Literal["readings", "learned", "records", "site_file"]
"""`learned`: from what was observed over time, such as clogging. `records`: from hourly energy. `site_file`: without any reading."""
_SUSPECT = "dcim_device_reading_suspect"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a figure is computed from."""

    basis: Basis
    inputs: Inputs


def slots_of(
    metric: str,
    labels: Mapping[str, str],
    plan: Plan,
    *,
    steps: Iterable[StatefulStep],
    watched: Watched | None,
    accounts: Accounts | None,
) -> tuple[Basis, list[int]]:
    """The slots from which a figure with exactly these labels is made."""
    wanted = labels.items()
    for output in plan.outputs:
        if output.metric.name == metric and len(output.labels) == len(labels) and wanted == dict(output.labels).items():
            return "readings", [output.slot]
    for each in steps:
        if any(output.metric.name == metric and wanted == dict(output.labels).items() for output in each.outputs):
            return "learned", [*each.required, *each.optional]
    if watched is not None:
        for own, slots in _learned(metric, watched):
            if dict(own) == dict(labels):
                return "learned", slots
    if metric == _SUSPECT:
        return "learned", _suspected(labels, plan)
    streams = accounts.streams if accounts is not None else ()
    if "loop" in labels:
        return "records", [each.slot for each in streams if each.quantity.endswith(f":{labels['loop']}")]
    return "records", [each.slot for each in streams if not each.quantity.startswith(KEPT_A_DAY)]


def _suspected(labels: Mapping[str, str], plan: Plan) -> list[int]:
    """Slots of the series behind a suspect reading. Its name lacks the metric's prefix, and labels may follow it."""
    name = f"dcim_{labels.get('reading', '')}"
    return [leaf.slot for leaf in plan.leaves.get(labels.get("device", ""), ()) if metric_of(leaf.key) == name]


def _learned(metric: str, watched: Watched) -> Iterator[tuple[tuple[Label, ...], list[int]]]:
    for each in watched.filters:
        for output in (each.clogging, each.time_to_limit):
            if output.metric.name == metric:
                yield (
                    output.labels,
                    [each.pressure_drop, each.flow, *([each.running] if each.running is not None else [])],
                )
    for losses in watched.losses.values():
        if losses.output.metric.name == metric:
            yield losses.output.labels, [losses.input_power, losses.output_power]
    for rack in watched.racks.values():
        if rack.stranded.metric.name == metric:
            yield rack.stranded.labels, [rack.power]
