"""The interface of a link's connection, with one request outstanding at a time. Implemented for TCP (`tcp`) and RTU (`pymodbus_wire`).

A further transport is one more class with this interface. It gets a name in `Device.transport` (`agent/config.py`) and in
`ModbusTarget.transport` (`seam.py`), where two properties say whether its answers have transaction numbers and whether it has an address;
`wire_of` in `client.py` makes it. For its tests, `Framing` in `simulator/modbus/server.py` gets it, too.
"""

from dataclasses import dataclass, field
from typing import Final, Protocol

from agent.modbus.seam import OddAnswer

# Modbus Application Protocol V1.1b3, 6.21: Read Device Identification.
IDENTIFY: Final = 0x2B
BIT_FUNCTIONS: Final = frozenset({1, 2})
REGISTER_FUNCTIONS: Final = frozenset({3, 4})
HUNG_UP: Final = "closed the connection before it answered"


@dataclass(slots=True)
class Answer:
    """A unit's answer. `number` is the transaction number, 0 without one; `code` is the exception code, None without an exception."""

    number: int
    function: int
    code: int | None = None
    values: list[int] = field(default_factory=list)
    """Registers, or bits. Bits come in whole octets, so there may be up to 7 more than were asked for."""
    texts: list[bytes] | None = None
    """The objects of a device identification; None if the answer has none."""


class GarbageError(Exception):
    """The received octets are not Modbus. The link translates this into a DeviceError."""


class Wire(Protocol):
    """One connection or serial line. Its user sends one request at a time, and closes it when an answer may still come too late."""

    @property
    def came(self) -> str:
        """What was received instead of an answer to the last request, in words for an error message; empty if nothing was."""

    @property
    def connected(self) -> bool:
        """Whether a request can be sent."""

    async def connect(self, host: str) -> None:
        """Connect to this address. Raises OSError."""

    async def ask(self, unit: int, function: int, address: int, count: int, accepts: frozenset[OddAnswer]) -> Answer:
        """Send a request and wait for its answer without a time limit. Raises OSError if the connection ends, GarbageError."""

    def give_up(self) -> int:
        """Stop waiting for the answer. Returns how many octets of an incomplete answer have been received."""

    def close(self) -> None:
        """End the connection."""


def hint(odd: OddAnswer) -> str:
    """What to do about a device that always answers in this odd way."""
    return f" (if it always does so and is alone on its connection, give the device `accept_answers: [{odd}]`)"
