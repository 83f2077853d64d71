"""The schema of profiles, as strict models. What the keys mean is implemented in plan.py, rows.py and normalise.py.

The keys are a contract with everybody who has profiles of their own: adding one is easy, removing or renaming one breaks files.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, StringConstraints, model_validator

from agent.modbus import NumberType, WordOrder
from rackflow.catalogue import PollClass
from rackflow.process.config import StrictModel
from rackflow.recording import RegisterTable
from rackflow.units import WIRE_UNITS

Oid = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)+$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
DeviceClass = Literal["ups", "pdu", "ats", "meter", "cdu", "rdhx", "crah", "env", "rack", "panel", "busway"]


Code = int | str
"""The content of a cell: a number, or text that is compared as a whole and without regard to case."""


OUTLET = "dcim_pdu_outlet_"
"""Prefix of the metrics of single outlets. They are opt-in: one rack PDU with 42 outlets has four times the series with them."""


class UnitBy(StrictModel):
    """The wire unit as a cell of the same row, or one instance, names it by code or text. Read when the device is planned."""

    column: Oid | None = None
    oid: Oid | None = None
    map: Annotated[dict[Code, str], Field(min_length=1)]


class When(StrictModel):
    """Whether a row or point is there at all: decided by a cell, an instance or a part of the index, when the device is planned.

    It is one of `in`, or has one of `contains` in it, or none of `without`, which also holds where there is no such cell.
    A cell that the device does not have decides against `in` and `contains`, with `optional` in favour.
    """

    column: Oid | None = None
    oid: Oid | None = None
    # Chosen; the shipped families use the first to fourth and the last three parts.
    index: Annotated[int, Field(ge=-8, le=8)] | None = None
    in_: Annotated[list[Code], Field(alias="in")] = []
    contains: list[str] = []
    without: list[str] = []
    optional: bool = False

    @model_validator(mode="after")
    def _sound(self) -> "When":
        if sum(each is not None for each in (self.column, self.oid, self.index)) != 1:
            raise ValueError("needs one of column, oid and index")
        if sum(map(bool, (self.in_, self.contains, self.without))) != 1:
            raise ValueError("needs one of in, contains and without")
        return self


class Source(StrictModel):
    """Where one value stands on the wire, and what its raw number means: `(raw + shift) * scale` in wire unit `unit`.

    `decimals` and `varscale` name cells that hold the scale, `unit_by` one that holds the unit; `text` reads numbers out of
    text, `words` states or numbers; a value outside `expect` (base unit) is left to the next fallback.
    """

    oid: Oid | None = None
    register_: Annotated[int | None, Field(alias="register", ge=0, le=65535)] = None
    table: RegisterTable | None = None
    type: NumberType | None = None
    order: WordOrder | None = None
    # For ascii, in registers; 125 is the most that one request can read.
    length: Annotated[int, Field(ge=1, le=125)] | None = None
    unit: str = ""
    # A string, so that 0.1 is exactly a tenth when it becomes a Fraction.
    scale: Annotated[str, Field(coerce_numbers_to_str=True)] = "1"
    shift: int = 0
    # None means the profile's default sentinels, [] none at all.
    absent: list[int] | None = None
    states: dict[int, str] = {}
    numbers: dict[int, float] = {}
    bit: Annotated[int, Field(ge=0, le=63)] | None = None
    inverted: bool = False
    decimals: Oid | None = None
    varscale: Oid | None = None
    unit_by: UnitBy | None = None
    text: Literal["number", "quantity"] | None = None
    words: dict[str, str | float] = {}
    expect: tuple[float, float] | None = None
    absolute: bool = False

    @model_validator(mode="after")
    def _sound(self) -> "Source":
        if (self.oid is None) == (self.register_ is None):
            raise ValueError("needs either oid or register")
        for unit in (self.unit, *(self.unit_by.map.values() if self.unit_by else ())):
            if unit not in WIRE_UNITS:
                known = ", ".join(sorted(filter(None, WIRE_UNITS)))
                raise ValueError(f"unit {unit!r} is not known; known are {known}")
        if Fraction(self.scale) == 0:
            raise ValueError("scale must not be 0")
        return self

    def factor(self, unit: str) -> Fraction:
        """The exact factor from a raw number in this wire unit to the catalogue's base unit."""
        return Fraction(self.scale) * WIRE_UNITS[unit].factor


class FromColumn(StrictModel):
    """A label whose value stands in a cell of the same row; `map` turns codes or texts into label values."""

    column: Oid
    map: dict[Code, str] = {}


class FromIndex(StrictModel):
    """A label whose value is one part of the row's index, counted from 1, or from the end when negative."""

    index: Annotated[int, Field(ge=-8, le=8)]
    map: dict[int, str] = {}


class FromDevice(StrictModel):
    """A label that the user gives the device in the configuration."""

    device: Literal["role"]
    default: str


class Joined(StrictModel):
    """A label made of others, with a dot between."""

    join: Annotated[list[str | FromColumn | FromIndex | FromDevice], Field(min_length=2)]


LabelSource = str | FromColumn | FromIndex | FromDevice | Joined


class Gate(StrictModel):
    """A row or value counts only while this cell holds one of `in`; with one of `missing` there is nothing to report at all.

    With `optional`, a device that does not have the cell is read without it.
    """

    oid: Oid | None = None
    column: Oid | None = None
    in_: Annotated[list[int], Field(alias="in", min_length=1)]
    missing: list[int] = []
    optional: bool = False


class Point(Source):
    """One metric of a device, read from its first source that gives a good value: itself, then each `fallback`."""

    metric: str
    labels: dict[str, LabelSource] = {}
    poll: PollClass | None = None
    fallback: list[Source] = []
    gate: Gate | None = None
    when: When | list[When] = []
    bits: dict[Annotated[int, Field(ge=0, le=63)], dict[str, str]] = {}
    source: str = ""

    def sources(self) -> list[Source]:
        """Itself and its fallbacks, best first."""
        return [self, *self.fallback]


class Table(StrictModel):
    """An SNMP table: one set of points per row. In `points`, `oid` is the column without the index."""

    name: Word
    rows: Oid | list[Oid]
    labels: dict[str, LabelSource] = {}
    gate: Gate | None = None
    when: When | list[When] = []
    points: Annotated[list[Point], Field(min_length=1)]

    def row_columns(self) -> list[str]:
        """Columns whose instances are the rows."""
        return [self.rows] if isinstance(self.rows, str) else self.rows


class RegisterProbe(StrictModel):
    """A register, or text in `words` of them, that only this family holds so: one of `in`, or text with one of `contains`."""

    register_: Annotated[int, Field(alias="register", ge=0, le=65535)]
    table: RegisterTable | None = None
    words: Annotated[int, Field(ge=1, le=64)] = 1
    in_: Annotated[list[int], Field(alias="in")] = []
    contains: list[str] = []

    @model_validator(mode="after")
    def _sound(self) -> "RegisterProbe":
        if bool(self.in_) == bool(self.contains):
            raise ValueError("needs either in or contains")
        return self


class Recognise(StrictModel):
    """How a device is known: sysObjectID prefixes and words of sysDescr, then what must answer (any of both), and what must not.

    `probes` are instances, `subtrees` need anything below them. Without either, sysObjectID and sysDescr must both fit.
    For Modbus, `registers` are what `discover` looks at; all of them must fit.
    """

    sysobjectid: list[Oid] = []
    sysdescr: list[str] = []
    probes: list[Oid] = []
    subtrees: list[Oid] = []
    refuse: list[Oid] = []
    registers: list[RegisterProbe] = []
    # Wide enough to outweigh a probe that answers (PROBE_SCORE in recognise.py) in either direction.
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
    # The most that the specification allows (V1.1b3, 6.3): the answer has to fit a frame of 256 bytes.
    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    # Reading 8 registers that nobody needs costs 16 bytes; another request costs 12 bytes and a round trip. Chosen value; devices that
    # refuse unmapped registers need 0 and say so in their profile.
    max_gap: Annotated[int, Field(ge=0, le=124)] = 8
    pause_s: Annotated[float, Field(ge=0, le=5)] = 0.0
    unit: Annotated[int, Field(ge=0, le=255)] = 1


class Profile(StrictModel):
    """One device family. `marker` is an instance that it polls, whose change says that rows of its tables came or went."""

    version: Literal[1]
    profile: Word
    extends: Word | None = None
    class_: Annotated[DeviceClass, Field(alias="class")]
    protocol: Literal["snmp", "modbus"]
    title: str
    source: str
    evidence: Literal["recorded device", "published map", "unverified"]
    recognise: Recognise = Recognise()
    identity: Identify = Identify()
    modbus: ModbusLimits = ModbusLimits()
    marker: Oid | None = None
    coolant: dict[Literal["primary", "secondary"], str] = {}
    absent: list[int] = []
    # See SnmpTarget.max_varbinds. The answer to 100 objects is about 2 kB and fragmented already; a chosen limit.
    max_varbinds: Annotated[int, Field(ge=1, le=100)] = 20
    points: list[Point] = []
    tables: list[Table] = []
    _whole: Callable[[], "Profile"] | None = PrivateAttr(default=None)

    def lazy_copy(self, read: Callable[[], "Profile"]) -> "Profile":
        """A copy without points and tables, which take most of a profile's memory; `read` reads them again when asked for.

        `_whole` is a private attribute because pydantic then keeps it out of schema, comparison and copies' validation.
        """
        head = self.model_copy(update={"points": [], "tables": []})
        # cache(): all devices of a family share one set of points.
        head._whole = cache(read)  # noqa: SLF001 - of its own class
        return head

    def loaded(self) -> "Profile":
        """The profile with its points and tables."""
        return self._whole() if self._whole else self

    def without_outlets(self) -> "Profile":
        """Without the points of single outlets, and without tables that hold nothing else."""
        tables = [
            table.model_copy(update={"points": kept})
            for table in self.tables
            if (kept := [point for point in table.points if not point.metric.startswith(OUTLET)])
        ]
        points = [point for point in self.points if not point.metric.startswith(OUTLET)]
        return self.model_copy(update={"tables": tables, "points": points})

    def all_points(self) -> Iterator[tuple[Table | None, Point]]:
        """Every point with the table it belongs to."""
        for point in self.points:
            yield None, point
        for table in self.tables:
            for point in table.points:
                yield table, point
