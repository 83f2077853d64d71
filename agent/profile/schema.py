"""The schema of profiles, as strict models. What the keys mean is implemented in plan.py, rows.py and normalise.py.

The keys are a contract with everybody who writes their own profiles: adding a key is safe, removing or renaming one breaks files.
"""

import re
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


# Bounded in digits: a Fraction of 1e999999999 takes minutes and gigabytes.
_SCALE = re.compile(r"[+-]?((\d{1,20}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d{1,2})?|\d{1,20}/0*[1-9]\d{0,19})", re.ASCII)
Finite = Annotated[float, Field(allow_inf_nan=False)]

Code = int | str
"""The content of a cell: a number, or text that is compared as a whole and without regard to case."""


OUTLET = "dcim_pdu_outlet_"
"""Prefix of the metrics of single outlets. They are opt-in: one rack PDU with 42 outlets has four times the series with them."""


_POWERS_OF_TEN = frozenset(Fraction(10) ** power for power in range(-9, 10) if power)


class UnitBy(StrictModel):
    """The wire unit as a cell of the same row, or one instance, names it by code or text. Read when the device is planned."""

    column: Oid | None = None
    """Column of the same row that holds the code."""
    oid: Oid | None = None
    """Instance that holds the code for the whole device."""
    map: Annotated[dict[Code, str], Field(min_length=1)]
    """From codes or texts to wire units."""


class When(StrictModel):
    """Whether a row or point is there at all: decided by a cell, an instance or a part of the index, when the device is planned.

    It is one of `in`, or has one of `contains` in it, or none of `without`, which also holds where there is no such cell, or
    is a number `between` two others. A cell that the device does not have decides against `in`, `contains` and `between`, with
    `optional` in favour.
    """

    column: Oid | None = None
    """Column of the same row to look at."""
    oid: Oid | None = None
    """Instance to look at."""
    # Chosen; the shipped families use the first to fourth and the last three parts.
    index: Annotated[int, Field(ge=-8, le=8)] | None = None
    """Part of the row's index, counted from 1, or from the end when negative."""
    in_: Annotated[list[Code], Field(alias="in")] = []
    """It is one of these codes or texts."""
    contains: list[str] = []
    """It has one of these words in it, in any case of letters."""
    without: list[str] = []
    """It has none of these words in it."""
    between: list[tuple[float, float]] = []
    """It is a number in one of these intervals: tells devices that count in tenths from those that count in whole units."""
    optional: bool = False
    """It also holds where the device has no such cell."""

    @model_validator(mode="after")
    def _sound(self) -> "When":
        if sum(each is not None for each in (self.column, self.oid, self.index)) != 1:
            raise ValueError("needs one of column, oid and index")
        if sum(map(bool, (self.in_, self.contains, self.without, self.between))) != 1:
            raise ValueError("needs one of in, contains, without and between")
        return self


class Source(StrictModel):
    """Where one value stands on the wire, and what its raw number means: `(raw + shift) * scale` in wire unit `unit`.

    `decimals` and `varscale` name cells that hold the scale, `unit_by` one that holds the unit; `text` reads numbers out of
    text, `words` states or numbers; a value outside `expect` (base unit) is left to the next fallback.
    """

    oid: Oid | None = None
    """SNMP: the instance, with its final `.0`; in a table the column, without the index."""
    register_: Annotated[int | None, Field(alias="register", ge=0, le=65535)] = None
    """Modbus: the wire address of the first register, counted from 0. Manuals that count from 1, 30001 or 40001 name a higher number."""
    table: RegisterTable | None = None
    """Modbus: `holding` is read with function 3, `input` with 4, `coil` with 1, `discrete` with 2. Left out: the profile's."""
    type: NumberType | None = None
    """Modbus: how the number is written in its registers; `uint16` when left out."""
    order: WordOrder | None = None
    """Modbus: order of bytes ABCD in more than one register: `big` ABCD, `little` DCBA, `big-swapped` BADC,
    `little-swapped` CDAB. Left out: the profile's.
    """
    high: Annotated[int | None, Field(ge=0, le=65535)] = None
    """Modbus: wire address of the register with the high 16 bits, where it stands apart from `register`, which has the low ones."""
    # In registers, for ascii only; one request can read at most 125.
    length: Annotated[int, Field(ge=1, le=125)] | None = None
    """Modbus: number of registers of a text (`ascii`)."""
    unit: str = ""
    """Unit on the wire, as in `kilowatt`; together with the metric's base unit it gives the conversion. Left out for what has none."""
    # A string, so that 0.1 is exactly a tenth when it becomes a Fraction.
    scale: Annotated[str, Field(coerce_numbers_to_str=True)] = "1"
    """What the raw number is multiplied by to be in `unit`: 0.1 for tenths; fractions like 1/512 are exact."""
    shift: Annotated[int, Field(ge=-(2**64), le=2**64)] = 0
    """Added to the raw number before the scale."""
    # None means the profile's default sentinels, [] none at all.
    absent: list[int] | None = None
    """Raw numbers that stand for "no reading". Left out: the profile's."""
    states: dict[int, str] = {}
    """For metrics of type state: from codes to the metric's states."""
    numbers: dict[int, Finite] = {}
    """From codes to values, as in `{1: 0, 2: 1}` for off and on."""
    bit: Annotated[int, Field(ge=0, le=63)] | None = None
    """Take this bit, from 0 for the lowest: 0 or 1."""
    inverted: bool = False
    """A set bit stands for 0, a clear one for 1."""
    decimals: Oid | None = None
    """SNMP: column that holds the number of decimal places."""
    varscale: Oid | None = None
    """SNMP: column that holds the scale: a positive number multiplies, a negative one divides."""
    unit_by: UnitBy | None = None
    """SNMP: a cell that names the unit."""
    text: Literal["number", "quantity"] | None = None
    """`number`: take the number that a text begins with. `quantity`: a number with its unit, as in `21.5 C`."""
    words: dict[str, str | Finite] = {}
    """From texts to states or values; `*` is any text."""
    expect: tuple[float, float] | None = None
    """Lowest and highest value in the base unit; anything else is left to the next fallback. Left out: for a scaled number
    what the catalogue expects of the metric (0 or 80 to 500 V of alternating current), which refuses values wrong by a power of ten.
    """
    absolute: bool = False
    """Take the number without its sign."""

    @model_validator(mode="after")
    def _sound(self) -> "Source":
        if (self.oid is None) == (self.register_ is None):
            raise ValueError("needs either oid or register")
        if self.high is not None and (self.register_ is None or self.type not in (None, "uint16")):
            raise ValueError("high: belongs to a register of type uint16, which holds the low 16 bits")
        for unit in (self.unit, *(self.unit_by.map.values() if self.unit_by else ())):
            if unit not in WIRE_UNITS:
                known = ", ".join(sorted(filter(None, WIRE_UNITS)))
                raise ValueError(f"unit {unit!r} is not known; known are {known}")
        if not _SCALE.fullmatch(self.scale):
            raise ValueError(
                f"scale {self.scale[:40]!r} is not a number such as 0.1, 1e-3 or 1/512, of at most 20 digits each"
            )
        if Fraction(self.scale) == 0:
            raise ValueError("scale must not be 0")
        return self

    def is_scaled(self) -> bool:
        """Whether the value depends on a power of ten that the device may not keep to."""
        units = (self.unit, *(self.unit_by.map.values() if self.unit_by else ()))
        factors = [abs(Fraction(self.scale)), *(WIRE_UNITS[unit].factor for unit in units)]
        return bool(self.decimals or self.varscale or _POWERS_OF_TEN.intersection(factors))

    def factor(self, unit: str) -> Fraction:
        """The exact factor from a raw number in this wire unit to the catalogue's base unit."""
        return Fraction(self.scale) * WIRE_UNITS[unit].factor


class FromColumn(StrictModel):
    """A label whose value stands in a cell of the same row; `map` turns codes or texts into label values.

    Without `map`, a row without this cell gets its index, and of rows with equal names all but the first get their index behind it.
    """

    column: Oid
    """The column."""
    map: dict[Code, str] = {}
    """From codes or texts to label values; a row whose code is missing here has no such label and is left out."""


class FromIndex(StrictModel):
    """A label whose value is one part of the row's index, counted from 1, or from the end when negative."""

    index: Annotated[int, Field(ge=-8, le=8)]
    """Which part."""
    map: dict[int, str] = {}
    """From numbers to label values; a row whose number is missing here is left out."""


class FromDevice(StrictModel):
    """A label that the user gives the device in the configuration."""

    device: Literal["role"]
    """Which key of the device's configuration."""
    default: str
    """Value for a device that has none."""


class Joined(StrictModel):
    """A label made of others, with a dot between."""

    join: Annotated[list[str | FromColumn | FromIndex | FromDevice], Field(min_length=2)]
    """The parts."""


LabelSource = str | FromColumn | FromIndex | FromDevice | Joined


class Gate(StrictModel):
    """A row or value counts only while this cell holds one of `in`; with one of `missing` there is nothing to report at all.

    With `optional`, a device that does not have the cell is read without it.
    """

    oid: Oid | None = None
    """Instance to look at."""
    column: Oid | None = None
    """Column of the same row to look at."""
    in_: Annotated[list[int], Field(alias="in", min_length=1)]
    """Codes with which it counts. With any other, the reading is rejected as `gated`."""
    missing: list[int] = []
    """Codes with which the reading is left out without a reason."""
    optional: bool = False
    """A device without the cell is read without the gate."""


class Point(Source):
    """One metric of a device, read from its first source that gives a good value: itself, then each `fallback`."""

    metric: str
    """Metric of the catalogue."""
    labels: dict[str, LabelSource] = {}
    """Labels that the metric takes: fixed text, or where it stands (`{column: …}`, `{index: …}`, `{device: role,
    default: …}`, `{join: […]}`).
    """
    poll: PollClass | None = None
    """Poll class, where it is not the metric's."""
    fallback: list[Source] = []
    """Other places of the same value, tried in turn where the one before gives none."""
    gate: Gate | None = None
    """A cell that says whether the value counts, looked at with each poll."""
    when: When | list[When] = []
    """Whether the device has this point at all, looked at when it is planned."""
    bits: dict[Annotated[int, Field(ge=0, le=63)], dict[str, str]] = {}
    """One series for each of these bits of one number, with its labels."""
    source: str = ""
    """Where it is described, if that is not the profile's source."""

    def sources(self) -> list[Source]:
        """Itself and its fallbacks, best first."""
        return [self, *self.fallback]


class Table(StrictModel):
    """An SNMP table: one set of points per row. In `points`, `oid` is the column without the index."""

    name: Word
    """A name for messages."""
    rows: Oid | list[Oid]
    """Column whose instances are the rows, or several of them."""
    labels: dict[str, LabelSource] = {}
    """Labels of all its points."""
    gate: Gate | None = None
    """A cell that says whether a row counts, looked at with each poll."""
    when: When | list[When] = []
    """Whether a row is there at all, looked at when the device is planned."""
    points: Annotated[list[Point], Field(min_length=1)]
    """What each row measures."""

    def row_columns(self) -> list[str]:
        """Columns whose instances are the rows."""
        return [self.rows] if isinstance(self.rows, str) else self.rows


class RegisterProbe(StrictModel):
    """A register, or text in `words` of them, that only this family holds so: one of `in`, or text with one of `contains`."""

    register_: Annotated[int, Field(alias="register", ge=0, le=65535)]
    """Wire address of the first register."""
    table: RegisterTable | None = None
    """Left out: the profile's."""
    words: Annotated[int, Field(ge=1, le=64)] = 1
    """Number of registers, for text."""
    in_: Annotated[list[int], Field(alias="in")] = []
    """It holds one of these numbers."""
    contains: list[str] = []
    """Its text has one of these words in it."""

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
    """Prefixes of sysObjectID."""
    sysdescr: list[str] = []
    """Words of sysDescr."""
    probes: list[Oid] = []
    """Instances that only this family answers; any one is enough."""
    subtrees: list[Oid] = []
    """Branches of which anything must be there."""
    refuse: list[Oid] = []
    """Instances that this family does not have: a device that answers one is another."""
    registers: list[RegisterProbe] = []
    """Modbus: registers that must all fit."""
    # Wide enough to outweigh a probe that answers (PROBE_SCORE in recognise.py) in either direction.
    priority: Annotated[int, Field(ge=-50, le=50)] = 0
    """Added to the score where several families fit; below 0 for generic families, which are taken for want of better."""


class IdentitySource(StrictModel):
    """Where one word of the identity comes from: fixed text, an instance, or registers; `after` takes the word behind a marker."""

    text: str | None = None
    """Fixed text."""
    oid: Oid | None = None
    """SNMP: instance that holds the text."""
    after: str | None = None
    """Take the word behind this marker."""
    register_: Annotated[int | None, Field(alias="register", ge=0, le=65535)] = None
    """Modbus: wire address of the first register."""
    table: RegisterTable | None = None
    """Left out: the profile's."""
    words: Annotated[int, Field(ge=1, le=64)] = 8
    """Number of registers."""
    type: NumberType = "ascii"
    """How it is written; `ascii` has two characters to a register."""


class Identify(StrictModel):
    """Sources of the device's identity, each the first that answers."""

    vendor: list[IdentitySource] = []
    """Who made it."""
    model: list[IdentitySource] = []
    """Which model it is."""
    serial: list[IdentitySource] = []
    """Its serial number."""
    firmware: list[IdentitySource] = []
    """Its firmware's version."""


class ModbusLimits(StrictModel):
    """What one request may ask of the device, and how registers are numbered by default."""

    table: RegisterTable = "holding"
    """Table of all registers that name none."""
    order: WordOrder = "big"
    """Order of bytes of all registers that name none."""
    # The most that the specification allows (V1.1b3, 6.3): the answer has to fit a frame of 256 bytes.
    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    """Most registers in one request."""
    # Reading 8 registers that nobody needs costs 16 bytes; another request costs 12 bytes and a round trip. Chosen value; devices that
    # refuse unmapped registers need 0 and say so in their profile.
    max_gap: Annotated[int, Field(ge=0, le=124)] = 8
    """Registers that are not needed may be read along if there are no more than this between two that are; 0 for
    devices that refuse to read others.
    """
    pause_s: Annotated[float, Field(ge=0, le=5)] = 0.0
    """Rest between two requests, s."""
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    """Usual unit, used where the configuration names none."""


class Profile(StrictModel):
    """One device family. `marker` is an instance that it polls, whose change says that rows of its tables came or went."""

    version: Literal[1]
    """Version of this format."""
    profile: Word
    """Name of the family; the file is called the same."""
    extends: Word | None = None
    """Profile whose points and tables are taken over behind its own."""
    class_: Annotated[DeviceClass, Field(alias="class")]
    """What the device is; part of its metrics' names."""
    protocol: Literal["snmp", "modbus"]
    """How it is asked."""
    title: str
    """Vendor and models, for people."""
    source: str
    """MIB and branch, or the manual with its edition."""
    evidence: Literal["recorded device", "published map", "unverified"]
    """`recorded device`: a recording of a real one is tested. `published map`: a server that serves the published
    map is. `unverified`: neither.
    """
    recognise: Recognise = Recognise()
    """How a device is known as one of this family."""
    identity: Identify = Identify()
    """Where vendor, model, serial number and firmware stand."""
    modbus: ModbusLimits = ModbusLimits()
    """Modbus: limits of one request, and defaults."""
    marker: Oid | None = None
    """SNMP: instance that changes when rows of its tables come or go; the tables are then walked again."""
    coolant: dict[Literal["primary", "secondary"], str] = {}
    """Coolant of each loop, where it is the same in all devices of the family."""
    absent: list[int] = []
    """Raw numbers that stand for "no reading" wherever a point names none of its own."""
    # See SnmpTarget.max_varbinds. The answer to 100 objects is about 2 kB and fragmented already; a chosen limit.
    max_varbinds: Annotated[int, Field(ge=1, le=100)] = 20
    """SNMP: most objects in one request."""
    points: list[Point] = []
    """What is read once for a device."""
    tables: list[Table] = []
    """SNMP: what is read for each row of a table."""
    _whole: Callable[[], "Profile"] | None = PrivateAttr(default=None)

    def lazy_copy(self, read: Callable[[], "Profile"]) -> "Profile":
        """A copy without points and tables, which take most of a profile's memory; `read` reads them again when `loaded` is called.

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
        """Every point with its table, or None for a point outside tables."""
        for point in self.points:
            yield None, point
        for table in self.tables:
            for point in table.points:
                yield table, point
