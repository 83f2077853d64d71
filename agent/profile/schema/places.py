"""Models of the cells of a device that decide about a unit, a condition, a gate or a state, and of the sources of labels.

Each is an instance or column (SNMP) or a register (Modbus); `bit` may select bits of it. loading a profile checks that they fit the
protocol (`loading/proof.py`), and fills in its table, type and order where a place names none (`expand.py`).
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)

from agent.modbus import WORDS, NumberType, WordOrder
from agent.profile.normalising import QUANTITY_UNITS, code_of
from rackflow.nearest import did_you_mean
from rackflow.process.config import StrictModel
from rackflow.recording import RegisterTable
from rackflow.units import WIRE_UNITS

OID_PATTERN = r"^\d+(\.\d+)+$"
_OID = re.compile(OID_PATTERN, re.ASCII)
REGISTER_BITS: Final = 16
BIT_TABLES: Final = ("coil", "discrete")
# The highest number of an alarm word, or of a sensor group, that a published map has is below 300. Chosen value.
MAX_REPEATS = 512


def _checked_oid(value: str) -> str:
    if not _OID.fullmatch(value):
        raise ValueError("is not an OID; write numbers with dots between them, such as 1.3.6.1.4.1.318.1.1.1.0")
    return value


Oid = Annotated[str, AfterValidator(_checked_oid), WithJsonSchema({"type": "string", "pattern": OID_PATTERN})]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]


def _wire_address(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and not 0 <= value <= 0xFFFF:  # noqa: PLR2004
        # Manuals with six digits: 400001 is the first holding register, 300001 the first input register.
        counted = next((value - first for first in (400_001, 300_001) if 0 <= value - first <= 0xFFFF), None)  # noqa: PLR2004
        hint = "" if counted is None else f"; a manual's {value} is register {counted}"
        raise ValueError(f"is not a wire address, 0 to 65535{hint}")
    return value


Register = Annotated[int, BeforeValidator(_wire_address), Field(ge=0, le=65535)]
Step = Annotated[int, Field(ge=0, le=1000)]
Bit = Annotated[int, Field(ge=0, le=63)]


def _as_text(value: object) -> object:
    # A label without quotes is the usual slip: `pump: 1` is a number to YAML.
    if isinstance(value, bool | int | float):
        word = str(value).lower() if isinstance(value, bool) else str(value)
        raise ValueError(f'is a text; quote it: "{word}"')  # noqa: TRY004 - pydantic takes ValueError
    return value


Text = Annotated[str, BeforeValidator(_as_text)]


def _as_code(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("is neither a whole number nor a text")  # noqa: TRY004
    return code_of(value)


Code = Annotated[int | str, BeforeValidator(_as_code)]
"""The content of a cell: a number, or text that is compared as a whole and without regard to case. Kept as `code_of` gives it."""


def _as_interval(value: object) -> object:
    pair = value if isinstance(value, list | tuple) else ()
    if len(pair) != 2 or not all(isinstance(each, int | float) and not isinstance(each, bool) for each in pair):  # noqa: PLR2004
        raise ValueError("is not a pair of numbers; write [lowest, highest]")
    if pair[0] > pair[1]:
        raise ValueError(f"has its lowest number, {pair[0]:g}, above its highest, {pair[1]:g}")
    return value


Interval = Annotated[tuple[Finite, Finite], BeforeValidator(_as_interval)]


def _as_sentinel(value: object) -> object:
    if isinstance(value, list | tuple):
        return _as_interval(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("is neither a whole number nor a range [lowest, highest]")  # noqa: TRY004
    return value


Sentinel = Annotated[int | tuple[Finite, Finite], BeforeValidator(_as_sentinel)]
"""A raw number that stands for "no reading", or a range of them."""


def _as_result(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError('is neither a text nor a number; words such as true need quotes: "true"')  # noqa: TRY004
    return value


Result = Annotated[str | Finite, BeforeValidator(_as_result)]
"""A state, or a value in the base unit."""


def _known_unit(value: str) -> str:
    if value not in WIRE_UNITS:
        short = QUANTITY_UNITS.get(value.casefold())
        hint = f"; did you mean {short!r}?" if short else did_you_mean(value, filter(None, WIRE_UNITS))
        raise ValueError(f"is not a known unit{hint or '; docs/reference/profiles.md lists all'}")
    return value


Unit = Annotated[str, AfterValidator(_known_unit)]


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _bits(value: object) -> object:
    bits = value if isinstance(value, list) else [value]
    if not bits or any(isinstance(each, bool) or not isinstance(each, int) or not 0 <= each <= 63 for each in bits):  # noqa: PLR2004
        raise ValueError("is not the number of a bit, 0 to 63, nor a list of them")
    if len(set(bits)) != len(bits):
        raise ValueError("names a bit twice")
    return tuple(bits)


Bits = Annotated[tuple[int, ...], BeforeValidator(_bits, json_schema_input_type=Bit | list[Bit])]
"""One bit, or several that form a number, the lowest first."""


class Place(StrictModel):
    """A register, or some of its bits. `bit` can be used with an OID as well."""

    register_: Annotated[Register | None, Field(alias="register")] = None
    """Modbus: the wire address of the first register, counted from 0. Manuals that count from 1, 30001 or 40001 name a higher number."""
    table: RegisterTable | None = None
    """Modbus: `holding` is read with function 3, `input` with 4, `coil` with 1, `discrete` with 2. Left out: the profile's default."""
    type: NumberType | None = None
    """Modbus: how the number is written in its registers; `uint16` when left out."""
    order: WordOrder | None = None
    """Modbus: order of the bytes in a number of several registers, see *Word orders*. Left out: the profile's default."""
    bit: Bits = ()
    """Take this bit, counted from 0 for the lowest: 0 or 1. A list takes the number that these bits form, lowest first."""
    step: Step | None = None
    """Modbus, with `repeat`: distance between two repetitions, in registers."""
    bit_step: Annotated[int | None, Field(ge=1, le=64)] = None
    """Modbus, with `repeat`: distance between two repetitions, in bits. After the last bit of a register comes the first of the next."""


class Cell(Place):
    """A cell whose value decides something: an instance, a column of the same row, or a register."""

    column: Oid | None = None
    """SNMP: column of the same row to look at."""
    oid: Oid | None = None
    """SNMP: instance to look at."""

    def places(self) -> int:
        """How many of the keys for a place are given."""
        return sum(each is not None for each in (self.column, self.oid, self.register_))


class UnitBy(Cell):
    """The wire unit is named by a cell of the same row, one instance or a register. Read when the device is planned and with each poll."""

    map: Annotated[dict[Code, Unit], Field(min_length=1)]
    """From codes or texts to wire units."""

    @model_validator(mode="after")
    def _sound(self) -> "UnitBy":
        if self.places() != 1:
            raise ValueError("needs one of column, oid and register")
        return self


class When(Cell):
    """Whether a row or point is there at all: decided by a cell or a part of the index, when the device is planned.

    The condition holds if the value is one of `in`, contains one of `contains`, contains none of `without`, or is a number
    `between` two others. If the device does not have the cell, `without` holds; the others hold only with `optional`.

    The present value of a measurement cannot decide: 0 V is a line that is not fitted, or one that has lost its power. `alive` and
    `lines` name such cells instead. They hold once one of the cells has had a number other than 0, and then for as long as the
    device is the same one, so that an outage changes nothing. Until then the cells are read in the class `slow`.
    """

    # Chosen; the shipped families use the first to fourth and the last three parts.
    index: Annotated[int, Field(ge=-8, le=8)] | None = None
    """SNMP: part of the row's index, counted from 1, or from the end when negative."""
    in_: Annotated[list[Code], Field(alias="in")] = Field(default_factory=list)
    """The value is one of these codes or texts."""
    contains: list[Text] = Field(default_factory=list)
    """The value contains one of these words, in upper or lower case; `*` is any text that is not blank."""
    without: list[Text] = Field(default_factory=list)
    """The value contains none of these words; with `*`, it is blank."""
    between: list[Interval] = Field(default_factory=list)
    """The value is a number in one of these intervals. Distinguishes devices that count tenths from those that count whole units."""
    optional: bool = False
    """The condition also holds if the device does not have the cell."""
    # Chosen; a line has three voltages, and each of them costs an object a minute while the line is not there.
    alive: Annotated[list[Register | Oid], Field(max_length=8)] = Field(default_factory=list)
    """In place of a cell: columns of the same row, instances (in tables those that end in 0), or registers (of a long number
    all), of which one has measured something; with `between`, of which one has held a number in there, as for a scale that only a live
    line shows. Such a scale (intervals above 0) is believed after three answers in a row, as one may be odd.
    """
    never: bool = False
    """With `alive`: the condition is inverted, and holds as long as none of the cells has measured anything."""
    lines: Annotated[list[Oid], Field(max_length=8)] = Field(default_factory=list)
    """SNMP, in place of a cell: as `alive`, with voltages of the lines of one supply, which are its rows. Less than 10 is none. A line
    is also there if a later one is (a lost phase), and while no line has measured anything all of them are (a device that is off).
    """

    @model_validator(mode="after")
    def _sound(self) -> "When":
        tests = sum(map(bool, (self.in_, self.contains, self.without, self.between)))
        places = self.places() + (self.index is not None)
        if self.alive or self.lines:
            if places or self.optional or (self.alive and self.lines) or tests > bool(self.alive and self.between):
                raise ValueError("alive and lines name their cells themselves; only between and never go with alive")
            if self.never and self.lines:
                raise ValueError("never belongs to alive")
            return self
        if self.never:
            raise ValueError("never belongs to alive")
        if places != 1 or self.index == 0:
            raise ValueError("needs one of column, oid, register and index, or alive or lines")
        if tests != 1:
            raise ValueError("needs one of in, contains, without and between")
        return self

    def watched(self) -> list[int | str]:
        """The cells of `alive` or `lines`."""
        return [*self.alive, *self.lines]


Conditions = Annotated[list[When], BeforeValidator(_as_list, json_schema_input_type=When | list[When])]


class Gate(Cell):
    """A row or value counts only while this cell holds one of `in`; with one of `missing` there is nothing to report at all.

    With `optional`, a device that does not have the cell is read without it.
    """

    in_: Annotated[list[Code], Field(alias="in", min_length=1)]
    """Codes or words (in upper or lower case) with which the value counts. With any other, the reading is rejected as `gated`."""
    missing: list[Code] = Field(default_factory=list)
    """Codes or words with which the reading is left out without a reason."""
    optional: bool = False
    """If the device does not have the cell, the value counts."""

    @model_validator(mode="after")
    def _sound(self) -> "Gate":
        if self.places() != 1:
            raise ValueError("needs one of column, oid and register")
        return self


class Case(Cell):
    """One of the cases, tried in order: what the reading `is` while the cell holds one of `in`, or a number `between` two others.

    A `bit` with neither `in` nor `between` applies while it is set. A case without a cell always applies and must be the last one.
    """

    in_: Annotated[list[int], Field(alias="in")] = Field(default_factory=list)
    """The cell holds one of these codes."""
    between: list[Interval] = Field(default_factory=list)
    """The cell holds a number in one of these intervals, before any scale."""
    is_: Annotated[Result, Field(alias="is")]
    """The state, or for other metrics the value in the base unit."""

    @model_validator(mode="after")
    def _sound(self) -> "Case":
        if self.places() > 1:
            raise ValueError("needs one of column, oid and register")
        conditions = bool(self.in_) + bool(self.between)
        if not self.places() and (conditions or self.bit):
            raise ValueError("has a condition, but names no column, oid or register to look at")
        if self.places() and conditions != 1 and not (len(self.bit) == 1 and not conditions):
            raise ValueError("needs one of in and between; only a single bit does without")
        return self


class FromColumn(StrictModel):
    """A label whose value is in a cell of the same row; `map` turns codes or texts into label values.

    Without `map`, a row that lacks the cell has its index as the label. Of rows with equal names, all but the first have it appended.
    """

    column: Oid
    """SNMP: the column."""
    map: dict[Code, Text] = Field(default_factory=dict)
    """From codes or texts to label values; a row whose code is not listed is left out."""
    parts: Annotated[int | None, Field(ge=1, le=8)] = None
    """SNMP: for a cell in a table with a shorter index: how many parts of the row's index, from its start, are the index there."""

    def index_of(self, index: str) -> str:
        """The index under which the label of the row with this index stands."""
        return index if self.parts is None else ".".join(index.split(".")[: self.parts])


class FromIndex(StrictModel):
    """A label whose value is one part of the row's index, counted from 1, or from the end when negative."""

    index: Annotated[int, Field(ge=-8, le=8)]
    """SNMP: which part."""
    map: dict[int, Text] = Field(default_factory=dict)
    """From numbers to label values; a row whose number is not listed is left out."""


class FromDevice(StrictModel):
    """A label whose value is set for the device in the agent's configuration."""

    device: Literal["role"]
    """Which key of the device's configuration."""
    default: Text
    """Value for a device whose configuration does not set it."""


_KINDS = {"column": "union-column", "index": "union-index", "device": "union-device", "join": "union-join"}


def _kind(value: Any) -> str:  # noqa: ANN401 - whatever stands in the file, or a model
    names = value if isinstance(value, dict) else getattr(type(value), "model_fields", {})
    return next((kind for key, kind in _KINDS.items() if key in names), "union-text")


def _as_label(value: object) -> object:
    if isinstance(value, dict) and not _KINDS.keys() & value.keys():
        raise ValueError("has none of column, index, device and join")
    if value is None or isinstance(value, list):
        raise ValueError("is neither a text nor one of {column: …}, {index: …}, {device: …} and {join: […]}")
    return _as_text(value)


# The names of the branches begin with "union", which messages leave out of the path.
LabelPart = Annotated[
    Annotated[str, Tag("union-text")]
    | Annotated[FromColumn, Tag("union-column")]
    | Annotated[FromIndex, Tag("union-index")]
    | Annotated[FromDevice, Tag("union-device")],
    Discriminator(_kind),
    BeforeValidator(_as_label),
]


class Joined(StrictModel):
    """A label made of several parts, joined with dots."""

    join: Annotated[list[LabelPart], Field(min_length=2)]
    """The parts."""


LabelSource = str | FromColumn | FromIndex | FromDevice | Joined


def label_parts(source: LabelSource) -> Sequence[str | FromColumn | FromIndex | FromDevice]:
    """What a label is joined from; a label that is not joined is its only part."""
    return source.join if isinstance(source, Joined) else [source]


Label = Annotated[
    Annotated[str, Tag("union-text")]
    | Annotated[FromColumn, Tag("union-column")]
    | Annotated[FromIndex, Tag("union-index")]
    | Annotated[FromDevice, Tag("union-device")]
    | Annotated[Joined, Tag("union-join")],
    Discriminator(_kind),
    BeforeValidator(_as_label),
]

_SERIES = re.compile(r"(\d{1,4})-(\d{1,4})", re.ASCII)


def _names(value: object) -> object:
    if isinstance(value, str):
        found = _SERIES.fullmatch(value)
        if not found or int(found[1]) > int(found[2]):
            raise ValueError("is no series; write 1-8, or a list of names")
        value = [str(number) for number in range(int(found[1]), int(found[2]) + 1)]
    if not isinstance(value, list) or len(value) < 2 or len(value) > MAX_REPEATS:  # noqa: PLR2004
        raise ValueError(f"needs 2 to {MAX_REPEATS} names; write 1-8, or a list of names")
    for each in value:
        _as_text(each)
    return value


Names = Annotated[list[Text], BeforeValidator(_names, json_schema_input_type=str | list[str])]
"""Names of repetitions: `1-8`, or a list; an empty name is left out."""


def bits_of(kind: NumberType | None) -> int:
    """How many bits a value of this type has."""
    return REGISTER_BITS * WORDS.get(kind or "uint16", 1)
