"""Cells of an SNMP device: how a reading becomes the number that the device sends, rounded as the device rounds."""

import math
from binascii import crc32
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from rackflow.recording import COUNTER32, GAUGE32, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, TIMETICKS, Record
from simulator.world.instruments import Readings

SYSTEM: Final = "1.3.6.1.2.1.1"
# The value that APC and other devices send if they have no reading; their MIBs say "-1 if not supported".
NOT_AVAILABLE: Final = -1


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
    reads_as: str = ""
    """Series key under which an agent publishes the object, where it differs from `key`."""
    offset: int = 0

    def wire_value(self, readings: Readings) -> int:
        """The number that the device sends now; -1 if there is no reading."""
        value = readings.get(self.key)
        if value is None:
            return NOT_AVAILABLE
        if isinstance(value, str):
            return (self.codes or {})[value]
        if not math.isfinite(value):
            return NOT_AVAILABLE
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
    """All objects of an SNMP device: cells that follow readings, and records that never change."""

    cells: tuple[Cell, ...]
    fixed: tuple[Record, ...]
    unread_cells: tuple[Cell, ...] = ()
    """Cells that the family's own profile does not read; they are left out of the expected readings."""


def serial_number(device: str) -> str:
    """One for each device of a site, the same in every run: `discover` takes two devices with one serial number for one."""
    return f"SIM{crc32(device.encode()):010d}"


def system(descr: str, object_id: str, name: str) -> list[Record]:
    """The system group; the device counts sysUpTime on from 0."""
    return [
        Record(f"{SYSTEM}.1.0", OCTET_STRING, descr.encode()),
        Record(f"{SYSTEM}.2.0", OBJECT_IDENTIFIER, object_id),
        Record(f"{SYSTEM}.3.0", TIMETICKS, 0),
        Record(f"{SYSTEM}.5.0", OCTET_STRING, name.encode()),
    ]


def fixed(values: Mapping[str, int | str]) -> Iterable[Record]:
    """Records of constant objects: numbers become INTEGER, text becomes OCTET STRING."""
    for oid, value in values.items():
        if isinstance(value, str):
            yield Record(oid, OCTET_STRING, value.encode())
        else:
            yield Record(oid, INTEGER, value)


__all__ = ["COUNTER32", "GAUGE32", "INTEGER", "TIMETICKS", "Cell", "Layout", "fixed", "serial_number", "system"]
