"""Shows the meter or inverter of a SunSpec unit at addresses that are the same for every unit.

A SunSpec unit has its models one behind the other, each with its number and length in front. Where a model begins depends on those before
it, integers have their power of ten in another register, and some models have floats instead. A profile cannot name such registers, so it
names the ones shown here: the common model's texts from `COMMON` on, and from `MEASURED` on one float64 for each of `_SLOTS`, not a number
where the unit has none. All other registers are the unit's own. Numbers and places are those of the SunSpec Alliance's model definitions.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from agent.modbus.refusals import ILLEGAL_ADDRESS, is_temporary
from agent.modbus.registers import SIGN, WORD
from agent.modbus.seam import ModbusClient
from rackflow.errors import DeviceProtocolError
from rackflow.register_tables import RegisterTable

# Where the specification lets the first model be, the preferred place first.
BASES: Final = (40000, 0, 50000)
COMMON: Final = 0xE000
MEASURED: Final = 0xE100

_MARK: Final = (0x5375, 0x6E53)  # "SunS"
# Manufacturer, model, options, version and serial number.
_COMMON_WORDS: Final = 64
# The last of them, counted from the mark.
_SERIAL_AT: Final = 52
_SERIAL_WORDS: Final = 16
_END: Final = 0xFFFF
# A unit has about ten models; more than this is a chain that leads in circles. Chosen.
_MAX_MODELS: Final = 100
_LARGEST_FACTOR: Final = 10
_PHASES: Final = 3
_NOTHING: Final = (0x7FF8, 0, 0, 0)

_Kind = Literal["int16", "uint16", "acc32", "float32"]
_WIDTHS: Final[dict[_Kind, int]] = {"int16": 1, "uint16": 1, "acc32": 2, "float32": 2}


@dataclass(frozen=True, slots=True)
class _Cell:
    """A number of a model: where it and its power of ten are, counted from the number of the model."""

    kind: _Kind
    at: int
    factor: int = 0


def _cells(kind: _Kind, first: int, count: int, factor: int = 0) -> list[_Cell | None]:
    return [_Cell(kind, first + _WIDTHS[kind] * each, factor) for each in range(count)]


_NO_PHASES: Final[list[_Cell | None]] = [None] * _PHASES
# In this order: currents, voltages to neutral and between lines (AB, BC, CA) of the phases, the frequency, active, apparent and reactive
# power, each with its phases, and energies exported and imported, each with its phases. What an inverter has fed in is imported, as
# that of a generator.
_METER: Final = [
    *_cells("int16", 3, 3, 6),
    *_cells("int16", 8, 3, 15),
    *_cells("int16", 12, 3, 15),
    *_cells("int16", 16, 1, 17),
    *_cells("int16", 18, 4, 22),
    *_cells("int16", 23, 4, 27),
    *_cells("int16", 28, 4, 32),
    *_cells("acc32", 38, 4, 54),
    *_cells("acc32", 46, 4, 54),
]
_FLOAT_METER: Final = [
    *_cells("float32", 4, 3),
    *_cells("float32", 12, 3),
    *_cells("float32", 20, 3),
    *_cells("float32", 26, 1),
    *_cells("float32", 28, 4),
    *_cells("float32", 36, 4),
    *_cells("float32", 44, 4),
    *_cells("float32", 60, 4),
    *_cells("float32", 68, 4),
]
_INVERTER: Final = [
    *_cells("uint16", 3, 3, 6),
    *_cells("uint16", 10, 3, 13),
    *_cells("uint16", 7, 3, 13),
    *_cells("uint16", 16, 1, 17),
    *[*_cells("int16", 14, 1, 15), *_NO_PHASES],
    *[*_cells("int16", 18, 1, 19), *_NO_PHASES],
    *[*_cells("int16", 20, 1, 21), *_NO_PHASES],
    *[None, *_NO_PHASES],
    *[*_cells("acc32", 24, 1, 26), *_NO_PHASES],
]
_FLOAT_INVERTER: Final = [
    *_cells("float32", 4, 3),
    *_cells("float32", 16, 3),
    *_cells("float32", 10, 3),
    *_cells("float32", 24, 1),
    *[*_cells("float32", 22, 1), *_NO_PHASES],
    *[*_cells("float32", 26, 1), *_NO_PHASES],
    *[*_cells("float32", 28, 1), *_NO_PHASES],
    *[None, *_NO_PHASES],
    *[*_cells("float32", 32, 1), *_NO_PHASES],
]
# Which of three there are with one phase, with two (split phase), with three and a neutral, and with three in delta.
_WIRED: Final = {1: (True, False, False), 2: (True, True, False), 3: (True, True, True), 4: (True, True, True)}
_LINES: Final = {1: (False, False, False), 2: (True, False, False), 3: (True, True, True), 4: (True, True, True)}
_TO_NEUTRAL: Final = _WIRED | {4: (False, False, False)}


def sunspec_serials(words: Mapping[int, int]) -> set[int]:
    """The registers that hold a serial number, of these holding registers by address."""
    marked = [base for base in BASES if (words.get(base), words.get(base + 1)) == _MARK]
    return {base + _SERIAL_AT + at for base in marked for at in range(_SERIAL_WORDS)}


def _wired(cells: Sequence[_Cell | None], wiring: int) -> tuple[_Cell | None, ...]:
    """The cells without those of lines that are not there, which some units send as 0."""
    phases = _WIRED[wiring]
    kept = (*phases, *_TO_NEUTRAL[wiring], *_LINES[wiring], True, *(True, *phases) * 5)
    return tuple(cell if is_there else None for cell, is_there in zip(cells, kept, strict=True))


_MODELS: Final = {
    number + wiring: _wired(cells, wiring)
    for number, cells in {100: _INVERTER, 110: _FLOAT_INVERTER, 200: _METER, 210: _FLOAT_METER}.items()
    for wiring in _WIRED
    if (number, wiring) not in {(100, 4), (110, 4)}  # only meters have a model of delta
}


def _words_of(model: int) -> int:
    """How many registers of the model are read, its number and length included."""
    return max(end for cell in _MODELS[model] if cell for end in (cell.at + _WIDTHS[cell.kind], cell.factor + 1))


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a unit has its first model, and the one that measures, with its number."""

    base: int
    model: int
    address: int


class SunspecClient:
    """A `ModbusClient` that shows what SunSpec units measure at fixed addresses. The first model that measures counts."""

    def __init__(self, client: ModbusClient) -> None:
        self._client = client
        self._found: dict[int, _Found] = {}

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """See `ModbusClient.read`."""
        if table != "holding" or address < COMMON:
            return await self._client.read(unit, table, address, count)
        is_known = unit in self._found
        try:
            shown = await self._shown(unit, address)
        except DeviceProtocolError as refusal:
            # Another unit, or the same one with other models, is looked at anew; one that is busy is not.
            self._found.pop(unit, None)
            if not is_known or is_temporary(refusal) or not refusal.code:
                raise
            shown = await self._shown(unit, address)
        start = address - (COMMON if address < MEASURED else MEASURED)
        part = shown[start : start + count]
        if len(part) != count:
            raise _refused(unit, "nothing is shown there")
        return part

    async def close(self) -> None:
        """See `ModbusClient.close`."""
        await self._client.close()

    async def _shown(self, unit: int, address: int) -> list[int]:
        found = self._found.get(unit)
        if found is None:
            found = self._found[unit] = await self._search(unit)
        if address < MEASURED:
            words = await self._client.read(unit, "holding", found.base, 4 + _COMMON_WORDS)
            if tuple(words[:3]) != (*_MARK, 1):
                raise _refused(unit, "its models are no longer where they were")
            return words[4:]
        words = await self._client.read(unit, "holding", found.address, _words_of(found.model))
        if words[0] != found.model:
            raise _refused(unit, "its models are no longer where they were")
        return [word for cell in _MODELS[found.model] for word in _float64(cell, words)]

    async def _search(self, unit: int) -> _Found:
        for base in BASES:
            try:
                words = await self._client.read(unit, "holding", base, 2)
            except DeviceProtocolError as refusal:
                if is_temporary(refusal) or not refusal.code:
                    raise
                continue
            if tuple(words) == _MARK:
                return await self._measuring(unit, base)
        raise _refused(unit, f"no SunSpec models at {', '.join(map(str, BASES))}")

    async def _measuring(self, unit: int, base: int) -> _Found:
        at = base + 2
        for _ in range(_MAX_MODELS):
            if at + 1 >= WORD:
                break
            model, length = await self._client.read(unit, "holding", at, 2)
            if model == _END:
                break
            if model in _MODELS and length + 2 >= _words_of(model):
                return _Found(base, model, at)
            at += 2 + length
        raise _refused(unit, "none of its SunSpec models is that of a meter or inverter")


def _refused(unit: int, text: str) -> DeviceProtocolError:
    refusal = DeviceProtocolError(text, device=f"unit {unit}", operation="read SunSpec models")
    refusal.code = ILLEGAL_ADDRESS
    return refusal


def _float64(cell: _Cell | None, words: Sequence[int]) -> tuple[int, ...]:
    value = None if cell is None else _value(cell, words)
    return _NOTHING if value is None else struct.unpack(">4H", struct.pack(">d", value))


def _value(cell: _Cell, words: Sequence[int]) -> float | None:
    """The number in its unit, or None if the model says that it is not implemented."""
    word = words[cell.at]
    if cell.kind == "float32":
        value: float = struct.unpack(">f", struct.pack(">2H", *words[cell.at : cell.at + 2]))[0]
        return value if math.isfinite(value) else None
    if cell.kind == "acc32":
        # A counter at 0 counts as one that is not there.
        raw = word << 16 | words[cell.at + 1]
        is_there = raw != 0
    elif cell.kind == "uint16":
        raw, is_there = word, word != WORD - 1
    else:
        raw, is_there = _signed(word), word != SIGN
    power = _signed(words[cell.factor])
    if not is_there or abs(power) > _LARGEST_FACTOR:
        return None
    # Divided, because 0.1 is no exact number: 2305 / 10 is 230.5.
    return float(raw * 10**power) if power >= 0 else raw / 10**-power


def _signed(word: int) -> int:
    return word - WORD if word & SIGN else word
