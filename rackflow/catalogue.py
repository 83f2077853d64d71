"""The catalogue of metrics, read from catalogue.yaml. Names, units, ranges and states are defined there and nowhere else.

catalogue.json is generated from it and says the same: reading YAML took 0.05 s of CPU at every start of a program and left 5 MB of
memory behind, reading JSON takes 0.003 s. It is used only while it belongs to the text of catalogue.yaml.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Literal

import msgspec

from rackflow.errors import ContractError
from rackflow.process.yaml import load_yaml_text

MetricType = Literal["gauge", "counter", "state", "info", "histogram"]
PollClass = Literal["safety", "fast", "normal", "slow", "inventory"]

POLL_SECONDS: dict[PollClass, float] = {"safety": 1.0, "fast": 5.0, "normal": 10.0, "slow": 60.0, "inventory": 3600.0}
"""Default interval of each poll class, seconds. A site changes them in the agent's `intervals`."""
# safety (leaks; flow, pressure and temperature of CDUs): without flow a cold plate's chip throttles within about 20 s, and
#   building management systems for liquid cooling ask for 1 to 2 s.
# fast: state and power of UPSs and rack PDUs, which change during a failover. normal: everything else that operators watch live.
# slow: counters and states that move over minutes; limits that somebody sets at the device, whose alarm must end when they are corrected.
# inventory: ratings and serial numbers.

MIN_POLL_SECONDS = 0.1
"""Shortest interval of any class, seconds: a fast meter."""
MAX_POLL_SECONDS: dict[PollClass, float] = {
    "safety": 60.0,
    "fast": 300.0,
    "normal": 900.0,
    "slow": 3600.0,
    "inventory": 86_400.0,
}
"""Longest interval of each poll class, seconds. Agents refuse a longer one, and receivers count with this one instead."""
# Chosen: at least 15 times the default, so that slow lines and metered connections fit. A reading is current for three intervals:
# a leak or a flow older than three minutes is of no use, and no sensor may be shown as current for days. A dead device
# is tried at least once a minute, so failed polls stay within the limit of `safety`, too.

# Chosen well below the largest double (1.8e308), so that sums and conversions of accepted values stay finite: JSON has no
# infinity. A chained comparison also refuses NaN.
_LARGEST = 1e300
# Nothing that is measured comes near it: a nanolitre a day is 1e-17 m3/s. Smaller numbers are integers misread as floats, or
# deliberate; squares and ratios of them become 0 or infinite.
_SMALLEST = 1e-30

BASE_LABELS = ("site", "room", "row", "rack", "device", "feed")
"""Labels that a device has once, from configuration; a metric's own labels are added to them."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `unit` is the base unit word ("" for counts and states); `ranges` are closed intervals in that unit.

    `expect` is what a scaled raw number must give: narrower than `ranges`, so that a value wrong by a power of ten lies outside.
    `magnitude` is how far below 0 the sign only tells the polarity of the plant, as in -48 V supplies, and is dropped.
    `required` are the labels without which a reading does not say what it is about; the others tell parts apart where there are several.
    `derived` names the process that computes the metric by `formula`; it is "" for a metric that devices report.
    `urgent` are labels and values whose series are polled with the safety class, and not with `poll`: of all contacts, smoke detectors.
    """

    name: str
    section: str
    type: MetricType
    unit: str
    help: str
    labels: tuple[str, ...]
    required: tuple[str, ...]
    label_values: Mapping[str, tuple[str, ...]]
    states: tuple[str, ...]
    ranges: tuple[tuple[float, float], ...]
    expect: tuple[tuple[float, float], ...]
    magnitude: float
    poll: PollClass
    tier: Literal["core", "extended"]
    source: str
    formula: str
    derived: Literal["", "agent", "collector"]
    measurement: str
    field: str
    urgent: Mapping[str, tuple[str, ...]]

    def poll_class(self, labels: Mapping[str, str]) -> PollClass:
        """The poll class of one series."""
        is_urgent = any(labels.get(label) in values for label, values in self.urgent.items())
        return "safety" if is_urgent else self.poll

    def plausible(self, value: float) -> bool:
        """Whether `value` (base unit) lies in one of the metric's ranges; without ranges any usual number does.

        No number beyond 1e300 or, except 0, closer to 0 than 1e-30 is plausible, whatever the ranges say. Agents and collectors
        both decide by this function.
        """
        if not (_SMALLEST <= value < _LARGEST or -_LARGEST < value <= -_SMALLEST or value == 0):
            return False
        if not self.ranges:
            return True
        # Called for every reading: any() with a generator costs twice as much.
        for low, high in self.ranges:  # noqa: SIM110
            if low <= value <= high:
                return True
        return False


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    section: str
    type: MetricType
    help: str
    poll: PollClass
    tier: Literal["core", "extended"]
    unit: str = ""
    labels: list[str] = []
    optional: list[str] = []
    label_values: dict[str, list[str]] = {}
    states: list[str] = []
    range: list[tuple[float | None, float | None]] = []
    expect: list[tuple[float, float]] = []
    magnitude: float = 0
    source: str = ""
    formula: str = ""
    derived: Literal["", "agent", "collector"] = ""
    urgent: dict[str, list[str]] = {}


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: Literal[1]
    metrics: dict[str, _Entry]


class _Compiled(msgspec.Struct, forbid_unknown_fields=True):
    of: str
    """A number for the text that it was made from."""
    metrics: dict[str, _Entry]


def split_name(name: str) -> tuple[str, str]:
    """Split `dcim_ups_output_power_watts` into InfluxDB's measurement `dcim_ups` and field `output_power_watts`.

    Raises ContractError if the name is not `dcim_<class>_<quantity>`.
    """
    parts = name.split("_", 2)
    if len(parts) != 3 or parts[0] != "dcim":  # noqa: PLR2004
        raise ContractError("metric", f"{name!r} is not dcim_<class>_<quantity>")
    return f"{parts[0]}_{parts[1]}", parts[2]


def _metric(name: str, entry: _Entry) -> Metric:
    """Check one entry of the file. Unit suffix and `_total` follow the naming rules of Prometheus."""
    if bool(entry.states) != (entry.type == "state"):
        raise ContractError("catalogue", f"{name}: `states` must be given for type state, and only for it")
    if unknown := set(entry.label_values) - set(entry.labels):
        raise ContractError(
            "catalogue", f"{name}: `label_values` for labels that are not in `labels`: {sorted(unknown)}"
        )
    if unknown := set(entry.urgent) - set(entry.labels):
        raise ContractError("catalogue", f"{name}: `urgent` labels that are not in `labels`: {sorted(unknown)}")
    if unknown := set(entry.optional) - set(entry.labels):
        raise ContractError("catalogue", f"{name}: `optional` labels that are not in `labels`: {sorted(unknown)}")
    stem = name.removesuffix("_total")
    if entry.unit and not stem.endswith(f"_{entry.unit}"):
        raise ContractError("catalogue", f"{name}: the name does not end in its unit, {entry.unit}")
    if (entry.type == "counter") != name.endswith("_total"):
        raise ContractError("catalogue", f"{name}: names of counters, and only those, must end in _total")
    if bool(entry.derived) != bool(entry.formula) or (entry.derived and not entry.source):
        raise ContractError("catalogue", f"{name}: a derived metric needs `derived`, `formula` and `source`")
    measurement, field = split_name(name)
    inf = float("inf")
    return Metric(
        name=name,
        section=entry.section,
        type=entry.type,
        unit=entry.unit,
        help=entry.help,
        labels=tuple(entry.labels),
        required=tuple(label for label in entry.labels if label not in entry.optional),
        label_values={label: tuple(values) for label, values in entry.label_values.items()},
        states=tuple(entry.states),
        ranges=tuple((-inf if a is None else a, inf if b is None else b) for a, b in entry.range),
        expect=tuple(entry.expect),
        magnitude=entry.magnitude,
        poll=entry.poll,
        tier=entry.tier,
        source=entry.source,
        formula=entry.formula,
        derived=entry.derived,
        measurement=measurement,
        field=field,
        urgent={label: tuple(values) for label, values in entry.urgent.items()},
    )


def parse_catalogue(text: str, where: str = "catalogue.yaml") -> dict[str, Metric]:
    """Metrics by name, from the text of a catalogue file. Raises ContractError, which names the metric."""
    try:
        data = msgspec.convert(load_yaml_text(text, where), _File)
    except msgspec.ValidationError as error:
        raise ContractError("catalogue", f"{where}: {error}") from error
    return {name: _metric(name, entry) for name, entry in data.metrics.items()}


@cache
def catalogue() -> Mapping[str, Metric]:
    """The catalogue that is shipped, read once per process."""
    text = files("rackflow").joinpath("catalogue.yaml").read_text(encoding="utf-8")
    try:
        compiled = files("rackflow").joinpath("catalogue.json").read_bytes()
        data = msgspec.json.decode(compiled, type=_Compiled)
    except (OSError, msgspec.DecodeError):
        return parse_catalogue(text)
    if data.of != _number(text):
        return parse_catalogue(text)
    return {name: _metric(name, entry) for name, entry in data.metrics.items()}


def compiled_catalogue(text: str) -> str:
    """The text of catalogue.json for one of catalogue.yaml; a line for each metric."""
    data = msgspec.convert(load_yaml_text(text, "catalogue.yaml"), _File)
    lines = (
        f"{msgspec.json.encode(name).decode()}:{msgspec.json.encode(_given(entry)).decode()}"
        for name, entry in data.metrics.items()
    )
    return f'{{"of":"{_number(text)}","metrics":{{\n' + ",\n".join(lines) + "\n}}\n"


def _given(entry: _Entry) -> dict[str, object]:
    fields = ((field, getattr(entry, field.name)) for field in msgspec.structs.fields(entry))
    return {field.name: value for field, value in fields if value or field.required}


def _number(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()
