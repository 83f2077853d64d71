"""The schema of profiles, as strict models. What the keys mean is implemented in planning/rows.py, decoders.py and normalising/.

The keys are a contract with everybody who writes their own profiles: adding a key is safe, removing or renaming one breaks files.
The reference in docs/ and the JSON schema for editors are generated from these models, and need an example of each key from a
shipped profile.
"""

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from typing import Annotated, Final, Literal, get_args

from pydantic import BeforeValidator, Field, PrivateAttr, WithJsonSchema, model_validator

from agent.modbus import NumberType, WordOrder
from agent.profile.schema.labels import Label
from agent.profile.schema.places import Case, Conditions, Gate, Place, Scales, UnitBy
from agent.profile.schema.values import Bit, Finite, Interval, Names, Oid, Register, Result, Sentinel, Text, Unit, Word
from rackflow.catalogue import PollClass
from rackflow.process.config import StrictModel
from rackflow.register_tables import RegisterTable
from rackflow.units import WIRE_UNITS

DeviceClass = Literal["ups", "pdu", "ats", "meter", "cdu", "rdhx", "crah", "env", "rack", "panel", "busway"]
DEVICE_CLASSES: Final[tuple[str, ...]] = get_args(DeviceClass)


# Bounded in digits: a Fraction of 1e999999999 takes minutes and gigabytes.
_SCALE = re.compile(r"[+-]?((\d{1,20}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d{1,2})?|\d{1,20}/0*[1-9]\d{0,19})", re.ASCII)


OUTLET = "dcim_pdu_outlet_"
"""Prefix of the metrics of single outlets. They are opt-in: one rack PDU with 42 outlets has four times the series with them."""


_PARTS = frozenset(Fraction(10) ** -power for power in range(1, 10))
_POWERS_OF_TEN = frozenset(Fraction(10) ** power for power in range(-9, 10) if power)


class Part(Place):
    """A number on the wire, and what it means: `(raw + shift) * scale` in wire unit `unit`.

    `decimals`, `exponent`, `varscale` and `divisor` name cells that hold the scale, `scale_by` registers that do, `unit_by` one that holds
    the unit; `text` reads numbers out of text, `words` states or numbers.
    """

    oid: Oid | None = None
    """SNMP: the instance, with its final `.0`; in a table the column, without the index."""
    high: Register | None = None
    """Modbus: wire address of the register with the high 16 bits, if it is not next to `register`, which has the low ones."""
    unit: Unit = ""
    """Unit on the wire, such as `kilowatt`, which is converted to the metric's base unit. Left out for values without a unit."""
    # A string, so that 0.1 is exactly a tenth when it becomes a Fraction.
    scale: Annotated[
        str,
        Field(coerce_numbers_to_str=True),
        WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}], "default": "1"}),
    ] = "1"
    """Factor from the raw number to `unit`: 0.1 for tenths. Fractions such as 1/512 are exact."""
    shift: Annotated[int, Field(ge=-(2**64), le=2**64)] = 0
    """Added to the raw number before the scale, for devices that do not count from 0."""
    # None means the profile's default sentinels, [] none at all.
    absent: list[Sentinel] | None = None
    """Raw numbers that stand for "no reading", or ranges of them as `[lowest, highest]`. Left out: the profile's. The ends of 16 and 32
    bits (32767, 65535, 2147483647 and so on) do, and so do -1 of temperatures, voltages, currents, scaled pressures and power factors,
    and 0 of relative humidities. Of a word of flags (`bit`, `bits`) all bits do, all but the highest, and the highest alone if the profile
    does not know it. With `absent: []` each of these numbers is a reading. 0 Hz always means "no reading".
    """
    states: dict[int, Text] = Field(default_factory=dict)
    """For metrics of type state: from codes to the metric's states."""
    numbers: dict[int, Finite] = Field(default_factory=dict)
    """From codes to values, as in `{1: 0, 2: 1}` for off and on."""
    inverted: bool = False
    """A set bit stands for 0, a clear one for 1."""
    decimals: Oid | None = None
    """SNMP: column that holds the number of decimal places; below 0 (accurate digits, RFC 3433) it moves no decimal point."""
    exponent: Oid | None = None
    """SNMP: column that holds the power of ten to multiply by: -2 for hundredths."""
    varscale: Oid | None = None
    """SNMP: column that holds the scale: a positive number multiplies, a negative one divides."""
    divisor: Oid | None = None
    """SNMP: column that holds what the number is divided by: 10 for tenths."""
    scale_by: Scales = Field(default_factory=list)
    """Modbus: one or several registers that say what the number is multiplied by, in addition to `scale`."""
    unit_by: UnitBy | None = None
    """A cell or register that names the unit, for devices on which it can be switched."""
    text: Literal["number", "quantity", "flags"] | None = None
    """SNMP: `number`: take the number that a text begins with, if nothing or a known unit stands behind it. `quantity`: a number with its
    unit, as in `21.5 C`. `flags`: a text of 0s and 1s, with `bit` or `bits` 0 for the first of them.
    """
    words: dict[Text, Result] = Field(default_factory=dict)
    """SNMP: from texts to states or values; `*` is any text."""
    expect: Interval | None = None
    """Lowest and highest value in the base unit; anything else is left to the next fallback. Left out: for a scaled number
    what the catalogue expects of the metric (0 or 80 to 500 V of alternating current), which refuses values wrong by a power of ten.
    """

    @model_validator(mode="after")
    def _sound(self) -> "Part":
        self.check_place()
        if not _SCALE.fullmatch(self.scale):
            raise ValueError(
                f"scale {self.scale[:40]!r} is not a number such as 0.1, 1e-3 or 1/512, of at most 20 digits each"
            )
        if Fraction(self.scale) == 0:
            raise ValueError("scale must not be 0")
        return self

    def check_place(self) -> None:
        """Raises ValueError unless it names one place."""
        if (self.oid is None) == (self.register_ is None):
            raise ValueError("needs either oid or register")

    @property
    def scale_cell(self) -> str | None:
        """The column that holds the scale."""
        return self.decimals or self.exponent or self.varscale or self.divisor

    def units(self) -> tuple[str, ...]:
        """The wire units that it may have."""
        return tuple(self.unit_by.map.values()) if self.unit_by else (self.unit,)

    def is_scaled(self) -> bool:
        """Whether the value depends on a power of ten that the device may not keep to."""
        units = (self.unit, *self.units())
        factors = [abs(Fraction(self.scale)), *(WIRE_UNITS[unit].factor for unit in units)]
        return bool(self.scale_cell or self.scale_by or _POWERS_OF_TEN.intersection(factors))

    def counts_parts(self) -> bool:
        """Whether the raw number is a whole one, of tenths or smaller parts of its unit."""
        # Millivolts as well as thousandths of a volt; percent and litres have decimals.
        is_milli = any(unit.startswith("milli") for unit in self.units())
        return self.text is None and bool(self.scale_cell or Fraction(self.scale) in _PARTS or is_milli)

    def is_coded(self) -> bool:
        """Whether codes, bits or words give the value, instead of a number with a unit."""
        return bool(self.states or self.numbers or self.words or self.bit)

    def factor(self, unit: str) -> Fraction:
        """The exact factor from a raw number in this wire unit to the catalogue's base unit."""
        return Fraction(self.scale) * WIRE_UNITS[unit].factor


class Source(Part):
    """One place of a value, with what is added to it or taken from it; or cases, of which the first that holds gives the value."""

    plus: list[Part] = Field(default_factory=list)
    """Numbers to add, each with a unit of its own: hours and minutes, two tariffs. If one is missing, so is the sum. With `repeat`,
    each has its own `step`."""
    minus: list[Part] = Field(default_factory=list)
    """Numbers to take away, as for the pressure drop of a filter. If one is missing, so is the difference. With
    `repeat`, each has its own `step`."""
    cases: list[Case] = Field(default_factory=list)
    """Instead of a place: conditions on several cells, looked at in this order with each poll; the first that holds gives the
    value. If a cell that comes before is not read, nothing is concluded.
    """
    absolute: bool = False
    """Use the number without its sign."""

    def check_place(self) -> None:
        """Raises ValueError unless it names one place, or cases."""
        places = sum(each is not None for each in (self.oid, self.register_)) + bool(self.cases)
        if places != 1:
            raise ValueError("needs either oid or register" if not places else "needs one of oid, register and cases")

    def parts(self) -> list[Part]:
        """Itself and what is added and taken away."""
        return [self, *self.plus, *self.minus]


class Point(Source):
    """One metric of a device, read from its first source that gives a good value: itself, then each `fallback`."""

    metric: str
    """Metric of the catalogue."""
    labels: dict[str, Label] = Field(default_factory=dict)
    """Labels that the metric takes: fixed text, or where it stands (`{column: …}`, `{index: …}`, `{device: role,
    default: …}`, `{join: […]}`).
    """
    repeat: Annotated[dict[str, Names], Field(max_length=4)] = Field(default_factory=dict)
    """Modbus: makes one point for each name of a label: `{fan: 1-8}`, or a list of names, of which empty ones are left out. What
    moves with it says how far (`step`, `bit_step`). Several labels have equally many names.
    """
    poll: PollClass | None = None
    """Poll class, if it is not the metric's own."""
    fallback: list[Source] = Field(default_factory=list)
    """Other places of the same value, tried in this order if the one before gives no value."""
    gate: Gate | None = None
    """A cell that says whether the value counts, looked at with each poll."""
    when: Conditions = Field(default_factory=list)
    """Whether the device has this point at all, looked at when it is planned."""
    bits: dict[Bit, dict[str, Text]] = Field(default_factory=dict)
    """One series for each of these bits of one number, with its labels."""
    source: str = ""
    """Where the point is documented, if not in the profile's `source`."""

    @model_validator(mode="after")
    def _equally_long(self) -> "Point":
        if len({len(names) for names in self.repeat.values()}) > 1:
            shown = ", ".join(f"{label} {len(names)}" for label, names in self.repeat.items())
            raise ValueError(f"repeat: its labels have different numbers of names ({shown})")
        return self

    def sources(self) -> list[Source]:
        """Itself and its fallbacks, best first."""
        return [self, *self.fallback]


class Table(StrictModel):
    """An SNMP table: one set of points per row. In `points`, `oid` is the column without the index."""

    name: Word
    """A name for messages."""
    rows: Annotated[
        list[Oid],
        Field(min_length=1),
        BeforeValidator(
            lambda rows: rows if isinstance(rows, list) else [rows], json_schema_input_type=Oid | list[Oid]
        ),
    ]
    """Column whose instances are the rows, or several such columns. On a device without it, the rows of a reading's column are used."""
    labels: dict[str, Label] = Field(default_factory=dict)
    """Labels of all its points."""
    gate: Gate | None = None
    """A cell that says whether a row counts, looked at with each poll."""
    when: Conditions = Field(default_factory=list)
    """Whether a row is there at all, looked at when the device is planned."""
    points: Annotated[list[Point], Field(min_length=1)]
    """What each row measures."""

    def row_columns(self) -> list[str]:
        """Columns whose instances are the rows."""
        return self.rows


class RegisterProbe(StrictModel):
    """A register that identifies the family: it holds one of `in`, or its text (of `words` registers) has one of `contains`."""

    register_: Annotated[Register, Field(alias="register")]
    """Wire address of the first register."""
    table: RegisterTable | None = None
    """Left out: the profile's."""
    words: Annotated[int, Field(ge=1, le=64)] = 1
    """Number of registers, for text."""
    in_: Annotated[list[int], Field(alias="in")] = Field(default_factory=list)
    """The register holds one of these numbers."""
    contains: list[str] = Field(default_factory=list)
    """The text contains one of these words."""

    @model_validator(mode="after")
    def _sound(self) -> "RegisterProbe":
        if bool(self.in_) == bool(self.contains):
            raise ValueError("needs either in or contains")
        return self


class Recognise(StrictModel):
    """How a device is recognised as one of this family.

    SNMP: by prefixes of sysObjectID and words of sysDescr, and by objects that must answer (any of `probes` and `subtrees`) or must
    not (`refuse`). Without `probes` and `subtrees`, sysObjectID and sysDescr must both fit. Modbus: all of `registers` must fit.
    """

    sysobjectid: tuple[Oid, ...] = ()
    """Prefixes of sysObjectID."""
    sysdescr: tuple[str, ...] = ()
    """Words of sysDescr."""
    probes: tuple[Oid, ...] = ()
    """Instances that only this family answers; any one is enough."""
    subtrees: tuple[Oid, ...] = ()
    """Branches in which the device must have at least one object."""
    refuse: tuple[Oid, ...] = ()
    """Instances that this family does not have: a device that has one of them is of another family."""
    registers: tuple[RegisterProbe, ...] = ()
    """Modbus: registers that must all fit."""
    # Wide enough to outweigh a probe that answers (PROBE_SCORE in recognise.py) in either direction.
    priority: Annotated[int, Field(ge=-50, le=50)] = 0
    """Added to the score if several families fit. Below 0 for generic families, which are used only if no specific one fits."""


class IdentitySource(StrictModel):
    """Where one word of the identity comes from: fixed text, an instance, or registers; `after` takes the word behind a marker."""

    text: str | None = None
    """Fixed text."""
    oid: Oid | None = None
    """SNMP: instance that holds the text."""
    after: str | None = None
    """Take the word behind this marker."""
    register_: Annotated[Register | None, Field(alias="register")] = None
    """Modbus: wire address of the first register."""
    table: RegisterTable | None = None
    """Modbus: left out, the profile's."""
    words: Annotated[int, Field(ge=1, le=64)] = 8
    """Modbus: number of registers of a text."""
    type: NumberType = "ascii"
    """Modbus: how it is written; `ascii` has two characters to a register."""

    @model_validator(mode="after")
    def _sound(self) -> "IdentitySource":
        if sum(each is not None for each in (self.text, self.oid, self.register_)) != 1:
            raise ValueError("needs one of text, oid and register")
        return self


class Identify(StrictModel):
    """Sources of the device's identity; of each list, the first source that answers is used."""

    vendor: tuple[IdentitySource, ...] = ()
    """Its vendor."""
    model: tuple[IdentitySource, ...] = ()
    """Its model."""
    serial: tuple[IdentitySource, ...] = ()
    """Its serial number."""
    firmware: tuple[IdentitySource, ...] = ()
    """Its firmware's version."""


class ModbusLimits(StrictModel):
    """Limits of one request to the device, and the defaults of its registers."""

    table: RegisterTable = "holding"
    """Table of all registers that do not name one."""
    order: WordOrder = "big"
    """Byte order of all registers that do not name one."""
    # The most that the specification allows (V1.1b3, 6.3): the answer has to fit a frame of 256 bytes.
    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    """Most registers in one request."""
    # Reading 8 registers that nobody needs costs 16 bytes; another request costs 12 bytes and a round trip. Chosen value; devices that
    # refuse unmapped registers need 0 and say so in their profile.
    max_gap: Annotated[int, Field(ge=0, le=124)] = 8
    """Unneeded registers between two needed ones are read as well if there are at most this many; 0 for
    devices that refuse to read others.
    """
    pause_s: Annotated[float, Field(ge=0, le=5)] = 0.0
    """Pause between two requests, s."""
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    """Usual unit identifier, used if the configuration names none."""
    sunspec: bool = False
    """The unit has SunSpec models. They are looked for from 40000, 0 and 50000 on, unknown ones are skipped, and what the first meter or
    inverter measures is read from 57600 on; see agent/modbus/sunspec.py.
    """


class Profile(StrictModel):
    """One device family. `marker` is an instance that it polls, whose change says that rows of its tables came or went."""

    version: Literal[1]
    """Version of this format."""
    profile: Word
    """Name of the family; the file is called the same."""
    extends: Word | None = None
    """Profile whose points and tables are added after its own, which take precedence. If an SNMP device lacks the object of a series that
    both profiles have, the series is read as the extended profile says.
    """
    class_: Annotated[DeviceClass, Field(alias="class")]
    """What the device is; part of its metrics' names."""
    protocol: Literal["snmp", "modbus"]
    """The protocol that it is polled with."""
    title: str
    """Vendor and models, for people."""
    source: str
    """MIB and branch of every group of objects, or the manual with its edition."""
    evidence: Literal["recorded device", "published map", "unverified"]
    """`recorded device`: a recording of a real one is tested. `published map`: a server that serves the published
    map is. `unverified`: neither.
    """
    recognise: Recognise = Recognise()
    """How a device is recognised as one of this family."""
    identity: Identify = Identify()
    """Where vendor, model, serial number and firmware are read."""
    modbus: ModbusLimits = ModbusLimits()
    """Modbus: limits of one request, and defaults."""
    marker: Annotated[
        list[Oid],
        BeforeValidator(
            lambda marker: marker if isinstance(marker, list) else [] if marker is None else [marker],
            json_schema_input_type=Oid | list[Oid] | None,
        ),
    ] = Field(default_factory=list)
    """SNMP: instance that changes when rows of its tables come or go, or several such instances; the tables are then walked again.
    Those of the extended profile are added."""
    coolant: dict[Literal["primary", "secondary"], str] = Field(default_factory=dict)
    """Coolant of each loop, where it is the same in all devices of the family."""
    absent: list[Sentinel] = Field(default_factory=list)
    """Raw numbers that stand for "no reading", or ranges of them, for all points that do not have an `absent` of their own."""
    # See SnmpTarget.max_varbinds. The answer to 100 objects is about 2 kB and fragmented already; a chosen limit.
    max_varbinds: Annotated[int, Field(ge=1, le=100)] = 20
    """SNMP: most objects in one request."""
    points: list[Point] = Field(default_factory=list)
    """Points that are read once for a device."""
    tables: list[Table] = Field(default_factory=list)
    """SNMP: tables, whose points are read for each row."""
    _whole: Callable[[], "Profile"] | None = PrivateAttr(default=None)
    _content_hash: str = PrivateAttr(default="")

    @property
    def content_hash(self) -> str:
        """A hash of the texts that the profile was read from: profiles with the same hash are the same."""
        return self._content_hash

    def with_content_hash(self, content_hash: str) -> "Profile":
        """The profile with this hash of its texts."""
        self._content_hash = content_hash
        return self

    def lazy_copy(self, read: Callable[[], "Profile"]) -> "Profile":
        """A copy without points, tables and identity, which take most of a profile's memory; `read` reads them again for `loaded`."""
        return self.model_copy(update={"points": [], "tables": [], "identity": Identify()}).with_loader(read)

    def with_loader(self, read: Callable[[], "Profile"]) -> "Profile":
        """The profile, which has neither points, tables nor identity: `read` reads them for `loaded`.

        `_whole` is a private attribute because pydantic then keeps it out of schema, comparison and copies' validation.
        """
        # cache(): all devices of a family share one set of points.
        self._whole = cache(read)
        return self

    def loaded(self) -> "Profile":
        """The profile with its points, tables and identity. Raises ProfileError."""
        return self._whole() if self._whole else self

    def without_outlets(self) -> "Profile":
        """Without the points of single outlets, and without tables that hold nothing else.

        A family of which nothing else is known, as a switched PDU without a meter, is left as it is: otherwise its devices would have
        nothing to read, and be taken for devices of another family.
        """
        tables = [
            table.model_copy(update={"points": kept})
            for table in self.tables
            if (kept := [point for point in table.points if not point.metric.startswith(OUTLET)])
        ]
        points = [point for point in self.points if not point.metric.startswith(OUTLET)]
        if not tables and not points:
            return self
        return self.model_copy(update={"tables": tables, "points": points})

    def all_points(self) -> Iterator[tuple[Table | None, Point]]:
        """Every point with its table, or None for a point outside tables."""
        for point in self.points:
            yield None, point
        for table in self.tables:
            for point in table.points:
                yield table, point
