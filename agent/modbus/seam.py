"""What the poller needs of a Modbus link: registers or bits of one unit by table and address."""

from dataclasses import dataclass
from typing import Literal, Protocol

from rackflow.recording import RegisterTable


class ModbusClient(Protocol):
    """One Modbus connection, shared by the units behind it; one request is outstanding at a time."""

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """`count` registers (0..65535) or bits (0, 1) from the 0-based wire `address`. Raises DeviceError."""

    async def close(self) -> None:
        """Close the connection; the client is not used again."""


@dataclass(frozen=True, slots=True)
class ModbusTarget:
    """One Modbus link. TCP and RTU over TCP use host and port; serial RTU uses `serial` (a device path) and the line settings."""

    transport: Literal["tcp", "rtu-over-tcp", "serial"]
    host: str = ""
    port: int = 502
    serial: str = ""
    baudrate: int = 19200
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    timeout_s: float = 1.0
    pause_s: float = 0.0
