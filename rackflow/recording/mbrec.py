"""Recordings of Modbus devices: lines `unit|function|address|value`.

`function` is the Modbus function that reads the table: 1 coils, 2 discrete inputs, 3 holding, 4 input registers. `address` is the
protocol address, from 0. A register holds 0-65535, a coil or discrete input 0 or 1. An address that is not listed
does not exist: the recorded device refused it, or was not asked. Each register has its own line, so that a person can read and
correct a recording and a diff shows single registers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rackflow.errors import ConfigError
from rackflow.process.files import unreadable
from rackflow.register_tables import BITS, FUNCTIONS, RegisterTable

Place = tuple[int, RegisterTable, int]
"""Unit, table and address."""

SUFFIX: Final = ".mbrec"
_TABLES: Final = {function: table for table, function in FUNCTIONS.items()}
# Fields of a line: see the module's format.
_FIELDS: Final = 4
# The unit identifier of Modbus TCP is one octet. Serial lines end at 247, but TCP devices answer at 255 (and 0) as well.
_LAST_UNIT: Final = 255
_LAST: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class RegisterRecording:
    """The registers of a device, or of all devices behind one gateway."""

    values: Mapping[Place, int]

    @property
    def units(self) -> list[int]:
        """Unit numbers, in order."""
        return sorted({unit for unit, _, _ in self.values})

    def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int] | None:
        """`count` registers from `address` on; None if one of them does not exist, because a real device refuses the whole read."""
        found = [self.values.get((unit, table, at)) for at in range(address, address + count)]
        return None if None in found else [value or 0 for value in found]


def read_mbrec(path: Path, faults: list[str] | None = None) -> RegisterRecording:
    """Read a recording. See `parse_mbrec`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(unreadable(path, error)) from error
    return parse_mbrec(text, str(path), faults)


def parse_mbrec(text: str, where: str, faults: list[str] | None = None) -> RegisterRecording:
    """The registers of a recording's text. `#` starts a comment line.

    An invalid line is reported in `faults` as `where:line: what`, and the others are read. Raises ConfigError if no line is left, where a
    register has two values, and without `faults` at the first such line.
    """
    values: dict[Place, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            place, value = _parse_line(line)
        except ValueError as error:
            fault = f"{where}:{number}: {error}"
            if faults is None:
                raise ConfigError(fault) from error
            faults.append(fault)
            continue
        # The same line twice is harmless (two recordings put together); with different values it would be unclear which one counts.
        if values.setdefault(place, value) != value:
            raise ConfigError(f"{where}:{number}: this register is given twice with different values; remove one line")
    if not values:
        raise ConfigError(faults[0] if faults else f"{where}: the recording has no registers")
    return RegisterRecording(values)


def dump_mbrec(values: Mapping[Place, int], notes: Iterable[str] = ()) -> str:
    """The text of a recording with these registers, below `notes` as comments, sorted so that two recordings can be compared."""
    lines = [f"# {note}" for note in notes]
    for unit, table, address in sorted(values, key=lambda place: (place[0], FUNCTIONS[place[1]], place[2])):
        lines.append(f"{unit}|{FUNCTIONS[table]}|{address}|{values[unit, table, address]}")
    return "\n".join(lines) + "\n"


def _parse_line(line: str) -> tuple[Place, int]:
    """Raises ValueError with what is wrong."""
    fields = [field.strip() for field in line.split("|")]
    # isdecimal() alone accepts the digits of other scripts, which int() would then read.
    if len(fields) != _FIELDS or not all(field.isascii() and field.isdecimal() for field in fields):
        raise ValueError("not unit|function|address|value, four decimal numbers")
    unit, function, address, value = map(int, fields)
    table = _TABLES.get(function)
    if table is None:
        raise ValueError(f"function {function} does not read registers; known are 1, 2, 3 and 4")
    for name, number, last in (
        ("unit", unit, _LAST_UNIT),
        ("address", address, _LAST),
        ("value", value, 1 if table in BITS else _LAST),
    ):
        if number > last:
            raise ValueError(f"{name} {number} is above {last}")
    return (unit, table, address), value
