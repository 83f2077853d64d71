"""Cells of an SNMP device: how a reading becomes the number that the device sends, rounded as the device rounds."""

import math
from binascii import crc32
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from rackflow.recording import COUNTER32, GAUGE32, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, TIMETICKS, Record
from simulator.world.instruments import Readings

SYSTEM: Final = "1.3.6.1.2.1.1"
# The value that APC and other devices send if they have no reading; their MIBs say "-1 if not supported". An object without sign has its
# bits: encoded as -1, a Gauge32 or TimeTicks would be one octet, which net-snmp reads as 255.
NOT_AVAILABLE: Final = -1
JOULES_PER_WH: Final = 3600.0
JOULES_PER_KWH: Final = 1000 * JOULES_PER_WH


@dataclass(frozen=True, slots=True)
class Cell:
    """One object that follows a reading: the value in units of `step`, plus `offset`, or the code of a state."""

    oid: str
    key: str
    """Series key of the reading."""
    step: float = 1.0
    """The object's unit, in base units."""
    tag: str = INTEGER
    codes: Mapping[str, int] | None = None
    """The number of each state, for readings that are states."""
    published_as: str = ""
    """Series key under which an agent publishes the object; empty if it is `key`."""
    offset: int = 0

    def wire_value(self, readings: Readings) -> int:
        """The number that the device sends now; -1 or 4294967295 if there is no reading."""
        value = readings.get(self.key)
        not_available = NOT_AVAILABLE if self.tag == INTEGER else NOT_AVAILABLE % 2**32
        if value is None:
            return not_available
        if isinstance(value, str):
            return (self.codes or {})[value]
        if not math.isfinite(value):
            return not_available
        counts = round(value / self.step) + self.offset
        # Out-of-range values must not break the encoding: integers and gauges are clamped to their range (RFC 2578, 7.1.7),
        # counters wrap.
        if self.tag == INTEGER:
            return max(-(2**31), min(2**31 - 1, counts))
        return counts % 2**32 if self.tag == COUNTER32 else max(0, min(2**32 - 1, counts))

    def reading(self, readings: Readings) -> float | str | None:
        """The value that an agent should make of the object, in base units."""
        value = readings.get(self.key)
        if isinstance(value, str):
            # A device may have one number for two states; then the agent can know only the first of them.
            codes = self.codes or {}
            return next(state for state, code in codes.items() if code == codes[value])
        return None if value is None else (self.wire_value(readings) - self.offset) * self.step


@dataclass(frozen=True, slots=True)
class Layout:
    """All objects of an SNMP device: cells that follow readings, and records that never change.

    Where several cells carry one reading, the one with the finest resolution is the last: `Fleet.expected` takes that one, as the
    profiles do.
    """

    cells: tuple[Cell, ...]
    constants: tuple[Record, ...]
    unread_cells: tuple[Cell, ...] = ()
    """Cells that the family's own profile does not read; they are left out of the expected readings."""


def serial_number(device: str) -> str:
    """A serial number of its own for each device, the same in every run: `discover` takes two devices with one number for one device."""
    return f"SIM{crc32(device.encode()):010d}"


def system_group(descr: str, object_id: str, name: str) -> list[Record]:
    """The system group of MIB-2. sysUpTime is recorded as 0; the device counts it on."""
    return [
        Record(f"{SYSTEM}.1.0", OCTET_STRING, descr.encode()),
        Record(f"{SYSTEM}.2.0", OBJECT_IDENTIFIER, object_id),
        Record(f"{SYSTEM}.3.0", TIMETICKS, 0),
        Record(f"{SYSTEM}.5.0", OCTET_STRING, name.encode()),
    ]


def constant_records(values: Mapping[str, int | str]) -> Iterable[Record]:
    """Records of objects that never change, by OID: numbers become INTEGER, text becomes OCTET STRING."""
    for oid, value in values.items():
        if isinstance(value, str):
            yield Record(oid, OCTET_STRING, value.encode())
        else:
            yield Record(oid, INTEGER, value)


__all__ = [
    "COUNTER32",
    "GAUGE32",
    "INTEGER",
    "JOULES_PER_KWH",
    "JOULES_PER_WH",
    "TIMETICKS",
    "Cell",
    "Layout",
    "constant_records",
    "serial_number",
    "system_group",
]
