"""Converts the raw answers of one poll to values, states and rejections with their reasons."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.profile.quantity import leading_number, quantity
from agent.readings import Readings
from rackflow.catalogue import Metric
from rackflow.units import WIRE_UNITS

RawValue = int | float | bytes | str | None
Raw = Mapping[str, RawValue]
"""Answers by reference: an SNMP instance, or `table:address:type:order` for Modbus. What is not there was not answered."""


MAX_VALUE = 1e300
MAX_EXACT_INT = 2**64


@dataclass(frozen=True, slots=True)
class Decoder:
    """One place on the wire and the meaning of its number: `(raw + shift) * numerator / denominator + offset`."""

    ref: str
    numerator: int = 1
    denominator: int = 1
    offset: float = 0.0
    shift: int = 0
    absent: frozenset[int] = frozenset()
    states: Mapping[int, str] | None = None
    numbers: Mapping[int, float] | None = None
    bit: int | None = None
    inverted: bool = False
    text: str | None = None
    words: Mapping[str, str | float] | None = None
    expect: tuple[float, float] | None = None
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """The cell that a value depends on: it counts while the cell holds one of `allowed`, and is not there at all with one of `missing`."""

    ref: str
    allowed: frozenset[int]
    missing: frozenset[int]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """One series of one device: its key, its metric, and where its value comes from, best source first."""

    key: str
    metric: Metric
    decoders: tuple[Decoder, ...]
    gate: Gate | None = None
    plain: bool = field(init=False, compare=False)
    low: float = field(init=False, compare=False)
    high: float = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Most series are one integer times a scale within one range: those take the short way through `normalise`."""
        first = self.decoders[0]
        coded = first.states or first.numbers or first.words or first.bit is not None or first.shift
        composed = first.text or first.expect or first.absolute
        plain = not (coded or composed or self.gate) and len(self.metric.ranges) == 1
        object.__setattr__(self, "plain", plain)
        low, high = self.metric.ranges[0] if self.metric.ranges else (0.0, 0.0)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", min(high, MAX_VALUE))


class _Rejected(Exception):
    """Why a raw value is no reading."""


def normalise_answers(slots: Sequence[Slot], raw: Raw) -> Readings:
    """Every slot that was answered, as value, state or rejection. Values are finite and inside the catalogue's range."""
    readings = Readings()
    values = readings.values
    for slot in slots:
        if slot.plain:
            decoder = slot.decoders[0]
            number = raw.get(decoder.ref)
            if type(number) is int and -MAX_EXACT_INT < number < MAX_EXACT_INT and number not in decoder.absent:
                result = number * decoder.numerator / decoder.denominator + decoder.offset
                if slot.low <= result <= slot.high:
                    values[slot.key] = result
                    continue
        if slot.gate is None or _passes(slot.gate, slot.key, raw, readings):
            _take_first(slot, raw, readings)
    return readings


def _take_first(slot: Slot, raw: Raw, readings: Readings) -> None:
    """The first source that gives a good value; where none does, why the first that was answered is none."""
    reason = ""
    for decoder in slot.decoders:
        if decoder.ref not in raw:
            continue
        try:
            if slot.metric.type == "state":
                readings.states[slot.key] = _state(decoder, raw[decoder.ref])
            else:
                readings.values[slot.key] = _number(decoder, slot.metric, raw)
        except _Rejected as verdict:
            reason = reason or str(verdict)
        else:
            return
    if reason:
        readings.bad[slot.key] = reason


def _passes(gate: Gate, key: str, raw: Raw, readings: Readings) -> bool:
    code = raw.get(gate.ref)
    if code in gate.allowed:
        return True
    if code not in gate.missing and gate.ref in raw:
        readings.bad[key] = "gated"
    return False


def plain_number(value: RawValue) -> int | float | None:
    """A raw value as a finite number; text counts where it is one decimal number and nothing else.

    `nan`, `inf` and what is too large for a float are numbers to Python only: code that takes bits or codes out of them
    would fail.
    """
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if isinstance(value, str):
        if "_" in value:  # Python reads 1_000
            return None
        try:
            value = int(value)
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _text(value: RawValue) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.strip().strip("\0").casefold()


def _code(decoder: Decoder, value: RawValue) -> int | float:
    if value is None:
        raise _Rejected("null")
    number = value if isinstance(value, int) else plain_number(value)
    if number is None and decoder.text == "number":
        number = plain_number(leading_number(_text(value)))
    if number is None:
        raise _Rejected("decode")
    if number in decoder.absent:
        raise _Rejected("sentinel")
    return number


def _word(decoder: Decoder, value: RawValue) -> str | float | None:
    """What the text stands for; `*` is any text."""
    if decoder.words is None or value is None:
        return None
    return decoder.words.get(_text(value), decoder.words.get("*"))


def _state(decoder: Decoder, value: RawValue) -> str:
    if (word := _word(decoder, value)) is not None:
        return str(word)
    code = _code(decoder, value)
    states = decoder.states or {}
    if decoder.bit is not None:
        code = int(code) >> decoder.bit & 1
    if code not in states:
        raise _Rejected("state")
    return states[int(code)]


def _number(decoder: Decoder, metric: Metric, raw: Raw) -> float:
    value = raw[decoder.ref]
    if (word := _word(decoder, value)) is not None:
        return float(word)
    if decoder.text == "quantity" and isinstance(value, bytes | str):
        result = _quantity(_text(value), metric)
    else:
        number = _code(decoder, value)
        if decoder.bit is not None:
            return float((int(number) >> decoder.bit & 1) ^ decoder.inverted)
        if decoder.numbers is not None:
            if number not in decoder.numbers:
                raise _Rejected("state")
            return decoder.numbers[int(number)]
        result = _scaled(decoder, number)
    if decoder.absolute:
        result = abs(result)
    if not math.isfinite(result):
        raise _Rejected("decode")
    low, high = decoder.expect or (-math.inf, math.inf)
    if not metric.plausible(result) or not low <= result <= high:
        raise _Rejected("range")
    return result


def _scaled(decoder: Decoder, number: float) -> float:
    try:
        return (number + decoder.shift) * decoder.numerator / decoder.denominator + decoder.offset
    except OverflowError:
        raise _Rejected("range") from None


def _quantity(text: str, metric: Metric) -> float:
    found = quantity(text)
    if found is None or WIRE_UNITS[found[1]].base != metric.unit:
        raise _Rejected("decode")
    number, unit = found
    wire = WIRE_UNITS[unit]
    return number * wire.factor.numerator / wire.factor.denominator + float(wire.offset)
