"""Device profiles: in goes one YAML file per family, out comes a checked `Profile`; units are proved against the catalogue."""

from collections.abc import Iterator
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from agent.registers import NumberType, WordOrder
from agent.seams import RegisterTable
from rackflow.catalogue import Metric, PollClass, catalogue
from rackflow.config import StrictModel, check_config
from rackflow.errors import ConfigError, ProfileError
from rackflow.units import WIRE_UNITS
from rackflow.yaml import load_yaml_text

Oid = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)+$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
DeviceClass = Literal["ups", "pdu", "ats", "meter", "cdu", "rdhx", "crah", "env", "rack", "panel", "busway"]


class Source(StrictModel):
    """Where one value stands on the wire, and what its raw number means: `(raw + shift) * scale` in wire unit `unit`."""

    oid: Oid | None = None
    register_: Annotated[int | None, Field(alias="register", ge=0, le=65535)] = None
    table: RegisterTable | None = None
    type: NumberType | None = None
    order: WordOrder | None = None
    words: Annotated[int, Field(ge=1, le=125)] | None = None
    unit: str = ""
    scale: Annotated[str, Field(coerce_numbers_to_str=True)] = "1"
    shift: int = 0
    absent: list[int] | None = None
    states: dict[int, str] = {}
    numbers: dict[int, float] = {}
    bit: Annotated[int, Field(ge=0, le=63)] | None = None
    inverted: bool = False

    @model_validator(mode="after")
    def _sound(self) -> "Source":
        if (self.oid is None) == (self.register_ is None):
            raise ValueError("needs either oid or register")
        if self.unit not in WIRE_UNITS:
            raise ValueError(
                f"unit {self.unit!r} is not known; known are {', '.join(sorted(filter(None, WIRE_UNITS)))}"
            )
        if Fraction(self.scale) == 0:
            raise ValueError("scale must not be 0")
        return self

    def factor(self) -> Fraction:
        """What a raw number is multiplied by to be in the catalogue's base unit."""
        return Fraction(self.scale) * WIRE_UNITS[self.unit].factor

    def offset(self) -> Fraction:
        """What is then added."""
        return WIRE_UNITS[self.unit].offset


class FromColumn(StrictModel):
    """A label whose value stands in a cell of the same row; `map` turns codes into label values."""

    column: Oid
    map: dict[int, str] = {}


class FromIndex(StrictModel):
    """A label whose value is one part of the row's index, counted from 1."""

    index: Annotated[int, Field(ge=1, le=8)]
    map: dict[int, str] = {}


class FromDevice(StrictModel):
    """A label that the user gives the device in the configuration."""

    device: Literal["role"]
    default: str


LabelSource = str | FromColumn | FromIndex | FromDevice


class Gate(StrictModel):
    """A row or value counts only while this cell holds one of `in`; with one of `missing` there is nothing to report at all."""

    oid: Oid | None = None
    column: Oid | None = None
    in_: Annotated[list[int], Field(alias="in", min_length=1)]
    missing: list[int] = []


class Point(Source):
    """One metric of a device, read from its first source that gives a good value: itself, then each `fallback`."""

    metric: str
    labels: dict[str, LabelSource] = {}
    poll: PollClass | None = None
    fallback: list[Source] = []
    gate: Gate | None = None
    bits: dict[Annotated[int, Field(ge=0, le=63)], dict[str, str]] = {}
    source: str = ""

    def sources(self) -> list[Source]:
        """Itself and its fallbacks, best first."""
        return [self, *self.fallback]


class Table(StrictModel):
    """An SNMP table: one set of points per row. In `points`, `oid` is the column without the index."""

    name: Word
    rows: Oid
    labels: dict[str, LabelSource] = {}
    gate: Gate | None = None
    points: Annotated[list[Point], Field(min_length=1)]


class Recognise(StrictModel):
    """How a device is known: sysObjectID prefixes, then instances that must answer (any), and those that must not."""

    sysobjectid: list[Oid] = []
    probes: list[Oid] = []
    refuse: list[Oid] = []
    priority: Annotated[int, Field(ge=-50, le=50)] = 0


class IdentitySource(StrictModel):
    """Where one word of the identity comes from: fixed text, an instance, or registers; `after` takes the word behind a marker."""

    text: str | None = None
    oid: Oid | None = None
    after: str | None = None
    register_: Annotated[int | None, Field(alias="register", ge=0, le=65535)] = None
    table: RegisterTable | None = None
    words: Annotated[int, Field(ge=1, le=64)] = 8
    type: NumberType = "ascii"


class Identify(StrictModel):
    """Sources of the device's identity, each the first that answers."""

    vendor: list[IdentitySource] = []
    model: list[IdentitySource] = []
    serial: list[IdentitySource] = []
    firmware: list[IdentitySource] = []


class ModbusLimits(StrictModel):
    """What one request may ask of the device, and how registers are numbered by default."""

    table: RegisterTable = "holding"
    order: WordOrder = "big"
    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    max_gap: Annotated[int, Field(ge=0, le=124)] = 8
    pause_s: Annotated[float, Field(ge=0, le=5)] = 0.0
    unit: Annotated[int, Field(ge=0, le=255)] = 1


class Profile(StrictModel):
    """One device family."""

    version: Literal[1]
    profile: Word
    class_: Annotated[DeviceClass, Field(alias="class")]
    protocol: Literal["snmp", "modbus"]
    title: str
    source: str
    evidence: Literal["recorded device", "published map", "unverified"]
    recognise: Recognise = Recognise()
    identity: Identify = Identify()
    modbus: ModbusLimits = ModbusLimits()
    coolant: dict[Literal["primary", "secondary"], str] = {}
    absent: list[int] = []
    max_varbinds: Annotated[int, Field(ge=1, le=100)] = 20
    points: list[Point] = []
    tables: list[Table] = []

    def all_points(self) -> Iterator[tuple[Table | None, Point]]:
        """Every point with the table it belongs to."""
        for point in self.points:
            yield None, point
        for table in self.tables:
            for point in table.points:
                yield table, point


def parse_profile(text: str, where: str) -> Profile:
    """A profile that is sound against the catalogue. Raises ProfileError naming the file and the place in it."""
    try:
        profile = check_config(load_yaml_text(text, where), Profile, where)
    except ConfigError as error:
        raise ProfileError(str(error)) from error
    faults = [f"{where}: {fault}" for fault in _faults(profile)]
    if faults:
        raise ProfileError("\n".join(faults))
    return profile


def _faults(profile: Profile) -> Iterator[str]:
    metrics = catalogue()
    if not profile.points and not profile.tables:
        yield "has neither points nor tables"
    if profile.protocol == "snmp" and not (profile.recognise.sysobjectid or profile.recognise.probes):
        yield "recognise: an SNMP profile needs a sysobjectid or a probe"
    if profile.protocol == "modbus" and profile.tables:
        yield "tables: belong to SNMP; a Modbus profile lists points"
    for table, point in profile.all_points():
        place = f"{table.name}.{point.metric}" if table else point.metric
        metric = metrics.get(point.metric)
        if metric is None:
            yield f"{place}: is not a metric of the catalogue"
            continue
        labels = (table.labels if table else {}) | point.labels
        for fault in _point_faults(profile, point, metric, labels):
            yield f"{place}: {fault}"


def _point_faults(profile: Profile, point: Point, metric: Metric, labels: dict[str, LabelSource]) -> Iterator[str]:
    names = set(labels).union(*point.bits.values()) if point.bits else set(labels)
    if unknown := names - set(metric.labels):
        yield f"labels {sorted(unknown)} are not among the metric's {list(metric.labels)}"
    for label, allowed in metric.label_values.items():
        if wrong := [word for word in _words(labels.get(label)) if word not in allowed]:
            yield f"label {label}: {wrong} are not among {list(allowed)}"
    for source in point.sources():
        if (source.oid is not None) != (profile.protocol == "snmp"):
            yield f"speaks another protocol than the profile, {profile.protocol}"
        yield from _state_faults(source, metric) if metric.type == "state" else _number_faults(source, point, metric)


def _words(source: LabelSource | None) -> list[str]:
    if isinstance(source, str):
        return [source]
    return list(source.map.values()) if isinstance(source, FromColumn | FromIndex) else []


def _state_faults(source: Source, metric: Metric) -> Iterator[str]:
    if not source.states:
        yield "needs states, a map from codes to states"
    if wrong := sorted(set(source.states.values()) - set(metric.states)):
        yield f"states {wrong} are not among {list(metric.states)}"


def _number_faults(source: Source, point: Point, metric: Metric) -> Iterator[str]:
    base = WIRE_UNITS[source.unit].base
    if source.states:
        yield f"states belong to metrics of type state, not {metric.type}"
    elif not (source.numbers or source.bit is not None or point.bits) and base != metric.unit:
        yield f"unit {source.unit or '(none)'!r} gives {base or '(none)'!r}, the catalogue wants {metric.unit!r}"


def load_profiles(folder: Path | None = None) -> dict[str, Profile]:
    """Shipped profiles by name, overridden by those of `folder`. Raises ProfileError for the first file that is wrong."""
    shipped = files("agent").joinpath("profiles")
    found: dict[str, Profile] = {}
    texts = [
        (entry.name, entry.read_text(encoding="utf-8")) for entry in shipped.iterdir() if entry.name.endswith(".yaml")
    ]
    if folder is not None:
        if not folder.is_dir():
            raise ProfileError(f"{folder}: no such folder; correct `profiles` in the configuration")
        texts += [(str(path), path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yaml"))]
    for name, text in texts:
        profile = parse_profile(text, name)
        if Path(name).stem != profile.profile:
            raise ProfileError(f"{name}: profile: is {profile.profile!r}, but the file is called {Path(name).name}")
        found[profile.profile] = profile
    return dict(sorted(found.items()))
