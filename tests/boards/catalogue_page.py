"""A page as a collector could expose it, made of the catalogue alone: for metrics that no simulated device has."""

from collections.abc import Collection, Iterator
from itertools import product
from typing import Final

from rackflow.catalogue import BASE_LABELS, Metric, catalogue
from tests.expressions import labels_of

SITE: Final = "catalogue"
USUAL: Final = {
    **dict.fromkeys(BASE_LABELS, ("x",)),
    "site": (SITE,),
    "loop": ("primary", "secondary"),
    "figure": ("site_interim_pue_ratio",),
}


def value_of(metric: Metric, scrapes: int) -> float:
    """A plausible value; counters grow."""
    if metric.type in ("counter", "histogram"):
        return float(scrapes)
    low, high = metric.ranges[0] if metric.ranges else (0.0, 2.0)
    return 1.0 if metric.plausible(1.0) else (low + high) / 2


def series_of(metric: Metric) -> Iterator[str]:
    """Label texts: every combination of the values that the catalogue lists, else `1`."""
    own = labels_of(metric) - {"instance", "job", "le", "state"}
    names = sorted(own)
    choices = [metric.label_values.get(name) or USUAL.get(name, ("1",)) for name in names]
    for values in product(*choices):
        yield ",".join(f'{name}="{value}"' for name, value in zip(names, values, strict=True))


def page(scrapes: int, names: Collection[str]) -> str:
    """Every series of the metrics, in Prometheus's text format."""
    lines = []
    for metric in (catalogue()[name] for name in names):
        for labels in series_of(metric):
            comma = "," if labels else ""
            if metric.states:
                lines += [
                    f'{metric.name}{{{labels}{comma}state="{state}"}} {int(state == metric.states[0])}'
                    for state in metric.states
                ]
            else:
                lines.append(f"{metric.name}{{{labels}}} {value_of(metric, scrapes)}")
    return "\n".join(lines) + "\n"
