"""What carries the requests of a link: one request outstanding at a time, over TCP (`tcp`) or by pymodbus (`pymodbus_wire`, RTU)."""

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
    """What a unit answered. `number` is its transaction number, 0 where it has none; `code` is that of an exception."""

    number: int
    function: int
    code: int | None = None
    values: list[int] = field(default_factory=list)
    """Registers, or bits: of bits up to 7 more than were asked for."""
    texts: list[bytes] | None = None
    """Of an identification; None if the answer has none."""


class GarbageError(Exception):
    """What came is no Modbus. Translated by the link."""


class Wire(Protocol):
    """One connection or line. Whoever uses it asks one thing at a time, and closes it when an answer may come too late."""

    @property
    def came(self) -> str:
        """What came instead of an answer to the last request, for people."""

    @property
    def connected(self) -> bool:
        """Whether a request can be sent."""

    async def connect(self, host: str) -> None:
        """Connect to this address. Raises OSError."""

    async def ask(self, unit: int, function: int, address: int, count: int, accepts: frozenset[OddAnswer]) -> Answer:
        """Send a request and wait for its answer, without end. Raises OSError if the connection ends, GarbageError."""

    def give_up(self) -> int:
        """Wait for the answer no longer. Returns how many octets of one have come."""

    def close(self) -> None:
        """End the connection."""


def hint(odd: OddAnswer) -> str:
    """What to do about a device that always answers in this odd way."""
    return f" (if it always does so and is alone on its connection, give the device `accept_answers: [{odd}]`)"
