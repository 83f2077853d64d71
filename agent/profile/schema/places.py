"""Places: models of the cells of a device, and of those that decide about a unit, a condition, a gate or a case.

Each is an instance or column (SNMP) or a register (Modbus); `bit` may select bits of it. Loading a profile checks that they fit the
protocol (`loading/validation/`), and fills in its table, type and order where a place names none (`loading/expand.py`).
"""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from agent.modbus import WORDS, NumberType, WordOrder
from agent.profile.schema.values import Bits, Code, Interval, Oid, Register, Result, Step, Text, Unit
from rackflow.process.config import StrictModel
from rackflow.register_tables import RegisterTable

REGISTER_BITS: Final = 16
ScaleKind = Literal["factor", "divisor", "exponent", "decimals"]
"""How the number of a register scales others; see `ScaleBy`."""
BIT_TABLES: Final = ("coil", "discrete")


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


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

    def place_count(self) -> int:
        """How many of the keys for a place are given."""
        return sum(each is not None for each in (self.column, self.oid, self.register_))


class UnitBy(Cell):
    """The wire unit is named by a cell of the same row, one instance or a register. Read when the device is planned and with each poll."""

    map: Annotated[dict[Code, Unit], Field(min_length=1)]
    """From codes or texts to wire units."""

    @model_validator(mode="after")
    def _sound(self) -> "UnitBy":
        if self.place_count() != 1:
            raise ValueError("needs one of column, oid and register")
        return self


class ScaleBy(Place):
    """A register of a meter that says what its numbers are multiplied by: the ratio of its transformers, or its decimal point.

    Read when the device is planned and with each poll. A register that holds no such number rejects the readings that depend on it.
    """

    as_: Annotated[ScaleKind, Field(alias="as")]
    """`factor` multiplies (the ratio of a transformer), `divisor` divides; `exponent` is the power of ten to multiply by (-2 for
    hundredths), `decimals` the number of decimal places (2 for hundredths). An exponent below 0 needs the type `int16`; one that is not
    counted from 0 (4 for no decimals) goes with a `scale` of the point (1e-4).
    """

    @model_validator(mode="after")
    def _sound(self) -> "ScaleBy":
        if self.register_ is None:
            raise ValueError("needs a register")
        return self


# A power has two: the ratios of the transformers of voltage and of current. A third may move the decimal point. Chosen limit.
Scales = Annotated[
    list[ScaleBy],
    Field(max_length=4),
    BeforeValidator(_as_list, json_schema_input_type=ScaleBy | list[ScaleBy]),
]


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
        places = self.place_count() + (self.index is not None)
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
        if self.place_count() != 1:
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
        if self.place_count() > 1:
            raise ValueError("needs one of column, oid and register")
        conditions = bool(self.in_) + bool(self.between)
        if not self.place_count() and (conditions or self.bit):
            raise ValueError("has a condition, but names no column, oid or register to look at")
        if self.place_count() and conditions != 1 and not (len(self.bit) == 1 and not conditions):
            raise ValueError("needs one of in and between; only a single bit does without")
        return self


def bits_of(kind: NumberType | None) -> int:
    """How many bits a value of this type has."""
    return REGISTER_BITS * WORDS.get(kind or "uint16", 1)
