"""What panels take from the catalogue and from the table of problems: units, help, states and limits.

A panel names a metric and nothing else; how its numbers are shown follows from here. A limit that changes in problems.yaml
changes on every panel that shows the metric.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from collector.problems import Problem, load_table
from rackflow.catalogue import Metric, catalogue

METRIC: Final = re.compile(r"\bdcim_[a-z0-9_]+")
RECORD: Final = re.compile(r"\b[a-z_]+:dcim_[a-z0-9_]+:[a-z_]+\b")
HISTOGRAM_PARTS: Final = re.compile(r"_(bucket|sum|count)$")


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of Grafana, and what a value in base units is multiplied by to be shown in it."""

    id: str
    factor: float = 1.0


# People read flow, pressure and energy in these; the others as they are measured.
UNITS: Final = {
    "": Unit("short"),
    "amperes": Unit("amp"),
    "bytes": Unit("bytes"),
    "celsius": Unit("celsius"),
    "cubic_meters": Unit("m3"),
    "cubic_meters_per_joule": Unit("suffix: L/min/kW", 6e7),
    "cubic_meters_per_second": Unit("flowlpm", 6e4),
    "grams": Unit("massg"),
    "grams_per_kilowatt_hour": Unit("suffix: gCO2e/kWh"),
    "hertz": Unit("hertz"),
    "joules": Unit("kwatth", 1 / 3.6e6),
    "kilograms_per_kilowatt_hour": Unit("suffix: kgCO2e/kWh"),
    "liters_per_kilowatt_hour": Unit("suffix: L/kWh"),
    "ntu": Unit("suffix: NTU"),
    "pascals": Unit("pressurekpa", 1e-3),
    "ph": Unit("short"),
    "ratio": Unit("percentunit"),
    "rpm": Unit("rotrpm"),
    "seconds": Unit("s"),
    "siemens_per_meter": Unit("suffix: µS/cm", 1e4),
    "timestamp_seconds": Unit("dateTimeFromNow", 1e3),
    "voltamperes": Unit("voltamp"),
    "volts": Unit("volt"),
    "watts": Unit("watt"),
}
# Numbers that are no shares, although their names end in `ratio`: Grafana would show a PUE of 1.2 as 120 %.
PLAIN_RATIOS: Final = re.compile(r"pue_ratio$|coefficient_of_performance_ratio$|clogging_ratio$|fouling_ratio$")


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a value becomes a warning and where it is critical, in base units; `falling`: low values are the bad ones."""

    warning: float | None = None
    critical: float | None = None
    falling: bool = False


def unit_of(name: str) -> Unit:
    """How values of a metric, or of a recorded rule, are shown."""
    if RECORD.fullmatch(name):
        return UNITS.get(name.rpartition(":")[2], UNITS[""])
    if PLAIN_RATIOS.search(name):
        return UNITS[""]
    return UNITS[metric_of(name).unit]


def metric_of(name: str) -> Metric:
    """The catalogue's entry. Raises KeyError, so that a board that names another metric is not generated."""
    return catalogue()[name if name in catalogue() else HISTOGRAM_PARTS.sub("", name)]


def help_of(name: str) -> str:
    """What a metric, or a recorded rule, means, in a sentence."""
    return load_table().records[name].why if RECORD.fullmatch(name) else metric_of(name).help


def metrics_in(expression: str) -> list[str]:
    """Metrics that an expression reads, each once, in their order; those of recorded rules are their own."""
    plain = RECORD.sub("", expression)
    return list(dict.fromkeys(HISTOGRAM_PARTS.sub("", name) for name in METRIC.findall(plain)))


@cache
def problems_of(name: str) -> tuple[Problem, ...]:
    """Rows of the table that compare a metric, or a record, with something."""
    rows = load_table().problems.values()
    return tuple(row for row in rows if name and any(name in {c.metric, c.record} for c in row.when))


@cache
def limits_of(name: str, shown: str = "") -> Limits:
    """The fixed limits that the table of problems has of a metric, or of those of its series that the expression `shown` selects."""
    found = list(_fixed(name, shown))
    falling = any(below for _, below, _ in found)
    pick = min if not falling else max
    by_severity: dict[str, float] = {}
    for severity, below, limit in found:
        if below == falling:
            by_severity[severity] = pick(by_severity.get(severity, limit), limit)
    return Limits(by_severity.get("warning"), by_severity.get("critical"), falling)


def _fixed(name: str, shown: str) -> Iterator[tuple[str, bool, float]]:
    """Severity, whether low values are bad, and the limit in base units."""
    for row in problems_of(name):
        for condition in row.when:
            # A limit for one loop or role is none for the others.
            selected = all(f'{label}="{values[0]}"' in shown for label, values in condition.where.items())
            if name not in {condition.metric, condition.record} or not selected or condition.per:
                continue
            if isinstance(condition.above, float):
                yield row.severity, False, condition.above / condition.times
            # Two limits on both sides of a value, as for a clock's offset, are shown by the upper one.
            elif isinstance(condition.below, float) and not any(isinstance(c.above, float) for c in row.when):
                yield row.severity, True, condition.below / condition.times
