"""The interface between the poller and a Modbus link: registers or bits of one unit, by table and address."""

from dataclasses import dataclass
from typing import Literal, Protocol

from rackflow.register_tables import RegisterTable

OddAnswer = Literal["other_transaction", "other_unit"]
"""Deviations in an answer that can be accepted: another transaction number (TCP), or another unit (RTU, and TCP without a number)."""


class ModbusClient(Protocol):
    """One user's access to a Modbus link, which units may share. The link has one request outstanding at a time: RTU allows no more."""

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """`count` registers (0..65535) or bits (0, 1) from the wire address (0-based: holding 40001 is 0). Raises DeviceError."""

    async def close(self) -> None:
        """Give up this access; the link closes with its last user. The client is not used again."""


@dataclass(frozen=True, slots=True)
class ModbusTarget:
    """One Modbus link. TCP and RTU over TCP use host and port; serial RTU uses `serial` (a device path) and the line settings.

    `timeout_s` is per request, `pause_s` the least time between an answer and the next request: some gateways need one.
    """

    transport: Literal["tcp", "rtu-over-tcp", "serial"]
    host: str = ""
    port: int = 502
    serial: str = ""
    # 19,200 baud is the default of the Modbus serial line specification (V1.02, 2.5.1), which would have even parity. No
    # parity and one stop bit (8N1) is a choice: both sides only have to agree, so the device's own setting goes here.
    baudrate: int = 19200
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    timeout_s: float = 1.0
    pause_s: float = 0.0
    accepts: frozenset[OddAnswer] = frozenset()
    """Deviations accepted in this device's answers. Other devices on the same link have their own."""

    @property
    def is_serial_line(self) -> bool:
        """Whether the link is a serial port, which has no address."""
        return self.transport == "serial"

    @property
    def has_transaction_numbers(self) -> bool:
        """Whether answers name the request that they answer, so that a late one is recognised. RTU frames have no number."""
        return self.transport == "tcp"
