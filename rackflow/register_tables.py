"""The four tables of a Modbus device, by the names that profiles, recordings and requests have for them."""

# Apart from `recording`, which a running agent does not need: importing it takes an agent 3 ms of CPU.

from typing import Final, Literal

RegisterTable = Literal["coil", "discrete", "input", "holding"]
FUNCTIONS: Final[dict[RegisterTable, int]] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
"""The function that reads each table (Modbus Application Protocol V1.1b3, 6.1 to 6.4)."""
BITS: Final = ("coil", "discrete")
"""The tables of bits; the others have registers of 16 bits."""
