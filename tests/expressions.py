"""Checks PromQL against the catalogue: finds metrics and labels that no page of a collector can have."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rackflow.catalogue import BASE_LABELS, Metric, catalogue

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_:][\w:]*|\d[\w.]*|=~|!~|[!=<>]=|\S')
GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
OPERATORS = {"and", "or", "unless", "bool", "offset"}
SCRAPE_LABELS = frozenset({"instance", "job"})
ALERT_LABELS = frozenset({"alertname", "severity", "subsystem", *BASE_LABELS})
# Series that Prometheus makes itself.
OWN_SERIES = {
    "up": SCRAPE_LABELS,
    "ALERTS": ALERT_LABELS | {"alertstate"},
    "ALERTS_FOR_STATE": ALERT_LABELS,
}


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric's name, or "" with a matcher on `__name__`; matchers are (label, operator, value)."""

    name: str
    matchers: list[tuple[str, str, str]]


@dataclass(slots=True)
class Expression:
    """What an expression selects, and the labels it groups or matches by."""

    selectors: list[Selector] = field(default_factory=list)
    grouping: set[str] = field(default_factory=set)


def parse(text: str) -> Expression:
    """Names in an expression that Prometheus accepts; comments must be gone and variables replaced."""
    tokens = TOKEN.findall(text)
    found = Expression()
    at = 0
    while at < len(tokens):
        token, follower = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else ""
        if token == "{" or (token[0].isalpha() and follower == "{"):
            name = "" if token == "{" else token
            start = at + (1 if token == "{" else 2)
            at = tokens.index("}", start)
            found.selectors.append(Selector(name, list(_matchers(tokens[start:at]))))
        elif token in GROUPING and follower == "(":
            end = tokens.index(")", at)
            found.grouping |= set(tokens[at + 2 : end]) - {","}
            at = end
        elif token == "[":
            at = tokens.index("]", at)
        elif _is_metric(token, follower):
            found.selectors.append(Selector(token, []))
        at += 1
    return found


def _is_metric(token: str, follower: str) -> bool:
    if not token[0].isalpha() or token in GROUPING | OPERATORS or follower == "(":
        return False
    # `sum by (x) (...)`: the word before a grouping is an aggregation, but `a unless on (x) b` has a metric there too.
    return follower not in ("by", "without") or token.startswith("dcim_") or ":" in token


def _matchers(tokens: list[str]) -> Iterator[tuple[str, str, str]]:
    words = [token for token in tokens if token != ","]
    for label, operator, value in zip(words[::3], words[1::3], words[2::3], strict=True):
        yield label, operator, value[1:-1]


def metrics_of(selector: Selector) -> list[Metric]:
    """Metrics of the catalogue that a selector can match."""
    known = catalogue()
    names = [selector.name] if selector.name else []
    for label, operator, value in selector.matchers:
        if label == "__name__":
            names += [name for name in known if re.fullmatch(value if operator == "=~" else re.escape(value), name)]
    return [known[base] for name in names if (base := _base(name)) in known]


def _base(name: str) -> str:
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    metric = catalogue().get(base)
    return base if metric is not None and metric.type == "histogram" else name


def labels_of(metric: Metric) -> frozenset[str]:
    """Labels that a series of this metric may carry on a scraped page."""
    own = {*metric.labels, *SCRAPE_LABELS}
    own |= {"state"} if metric.states else set()
    own |= {"le"} if metric.type == "histogram" else set()
    if metric.measurement not in ("dcim_agent", "dcim_collector"):
        return frozenset(own | set(BASE_LABELS))
    return frozenset(own | ({"site"} if "agent" in own else set()))


def faults(text: str, recorded: Mapping[str, str]) -> list[str]:
    """Names in the expression that cannot exist. `recorded` are the recording rules by name."""
    found: list[str] = []
    expression = parse(text)
    allowed: set[str] = set()
    for selector in expression.selectors:
        labels = _labels(selector, recorded)
        if not labels:
            found.append(f"no metric {selector}")
            continue
        allowed |= labels
        found += [f"{selector.name} has no label {label}" for label, _, _ in selector.matchers if label not in labels]
        found += _value_faults(selector)
    if expression.selectors:
        found += [f"grouping by {label}, which nothing here has" for label in sorted(expression.grouping - allowed)]
    return found


def _labels(selector: Selector, recorded: Mapping[str, str]) -> frozenset[str]:
    if selector.name in OWN_SERIES:
        return OWN_SERIES[selector.name]
    if selector.name in recorded:
        # A record may look back at itself, which gives it no further labels.
        others = {name: text for name, text in recorded.items() if name != selector.name}
        parts = parse(recorded[selector.name]).selectors
        inner = (_labels(part, others) for part in parts if part.name != selector.name)
        return frozenset[str]().union(*inner)
    metrics = metrics_of(selector)
    labels = frozenset[str]().union(*map(labels_of, metrics))
    return labels | {"__name__"} if metrics and not selector.name else labels


def _value_faults(selector: Selector) -> Iterator[str]:
    for label, operator, value in selector.matchers:
        for metric in metrics_of(selector):
            known = metric.states if label == "state" and metric.states else metric.label_values.get(label, ())
            words = value.split("|") if operator in ("=~", "!~") else [value]
            if known and value != ".*":
                yield from (f"{metric.name} never has {label}={word}" for word in words if word not in known)
