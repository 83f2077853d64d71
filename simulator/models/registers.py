"""Register tables of simulated Modbus devices, and how values are packed into registers."""

import math
import struct
from collections.abc import Callable, Mapping
from typing import Protocol

from rackflow.recording import RegisterRecording, RegisterTable

# Register addresses have 16 bits.
LAST_ADDRESS = 0xFFFF
SENSOR_FAILED = 0xFFFF
"""What many devices, the reservoir-and-pump unit among them, put into the register of a sensor that they cannot read."""


class IllegalAddress(Exception):
    """The device has no such register."""


class RegisterSource(Protocol):
    """The registers of one unit at this moment."""

    def read(self, table: RegisterTable, address: int, count: int) -> list[int]:
        """`count` registers (0-65535) or bits (0, 1) from wire address `address`. Raises IllegalAddress."""
        ...


class MappedRegisters:
    """Registers of one table, computed for each read: `snapshot` returns all that exist, by address.

    One snapshot serves a whole read, so that the two words of a number always belong together. With `zeros`, a read that covers
    at least one existing register yields 0 for the others, as some devices do.

    `state`, if given, returns what the registers are computed from. While that is the same object the last snapshot serves further
    reads, too: a poller reads a unit block by block, and computing all its registers for each block was a quarter of what a
    simulated campus cost.
    """

    def __init__(
        self,
        snapshot: Callable[[], Mapping[int, int]],
        table: RegisterTable = "holding",
        *,
        zeros: bool = False,
        state: Callable[[], object] | None = None,
    ) -> None:
        self._snapshot = snapshot
        self._table = table
        self._zeros = zeros
        self._state = state
        self._kept: tuple[object, Mapping[int, int]] | None = None

    def read(self, table: RegisterTable, address: int, count: int) -> list[int]:
        """See `RegisterSource.read`."""
        if table != self._table or address + count - 1 > LAST_ADDRESS:
            raise IllegalAddress(f"{table} {address}+{count}")
        registers = self._registers()
        found = [registers.get(at) for at in range(address, address + count)]
        # Even devices that fill gaps with zeros refuse a read that covers no existing register.
        missing = found.count(None)
        if missing and (not self._zeros or missing == count):
            raise IllegalAddress(f"{table} {address}+{count}")
        return [value or 0 for value in found]

    def _registers(self) -> Mapping[int, int]:
        if self._state is None:
            return self._snapshot()
        state = self._state()
        if self._kept is None or self._kept[0] is not state:
            self._kept = state, self._snapshot()
        return self._kept[1]


class RecordedRegisters:
    """The registers of one unit of a recording. Registers that were not recorded do not exist."""

    def __init__(self, recording: RegisterRecording, unit: int) -> None:
        self._recording = recording
        self._unit = unit

    def read(self, table: RegisterTable, address: int, count: int) -> list[int]:
        """See `RegisterSource.read`."""
        values = self._recording.read(self._unit, table, address, count)
        if values is None:
            raise IllegalAddress(f"{table} {address}+{count}")
        return values


def scaled(value: float, scale: float = 1.0) -> int:
    """A 16-bit register that holds `value` in units of `scale`.

    Negative values are two's complement. Values out of range are clamped to its end, because a real device's firmware would not
    crash either; values that are not finite become SENSOR_FAILED.
    """
    if not math.isfinite(value):
        return SENSOR_FAILED
    return max(-0x8000, min(0xFFFF, round(value / scale))) & 0xFFFF


def words(layout: str, value: float) -> list[int]:
    """Registers, high word first, of a number in `struct`'s notation: f float32, I uint32, q int64."""
    packed = struct.pack(f">{layout}", value)
    return list(struct.unpack(f">{len(packed) // 2}H", packed))


def text(value: str, length: int) -> list[int]:
    """`length` registers of two ASCII characters each, padded with NUL."""
    padded = value.encode("ascii")[: 2 * length].ljust(2 * length, b"\0")
    return list(struct.unpack(f">{length}H", padded))
