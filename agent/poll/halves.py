"""Numbers of two registers that are read in two requests, so that a carry may come between them. No I/O; `modbus.py` reads them again."""

from dataclasses import dataclass
from typing import Final

from agent.profile import ClassPlan, RawValue

# If the low half of a number is this near to 0 or to 65,535, a carry may have come between two requests even though the high half reads the
# same as in the last poll: a number that hovers around 65,536 would be read as 131,071 now and then. Chosen: a sixteenth, more than a
# number changes between two requests.
NEAR_CARRY: Final = 4096


@dataclass(frozen=True, slots=True)
class Halves:
    """References of the two registers of one number that are read in two requests."""

    high: str
    low: str
    low_is_first: bool


def halves_apart(part: ClassPlan) -> list[Halves]:
    """The numbers whose high and low registers are not in one request."""
    requests = {each.ref: at for at, block in enumerate(part.blocks) for each in block.fields}
    halves = {(each.high, each.ref) for slot in part.slots for each in slot.decoders if each.high}
    return [
        Halves(high, low, requests[low] < requests[high])
        for high, low in sorted(halves)
        if requests.get(high, -1) != requests.get(low, -1)
    ]


def may_carry(low: RawValue) -> bool:
    """Whether this low half is so near to a carry that its high half may have changed since."""
    return not isinstance(low, int) or not NEAR_CARRY <= low < 2**16 - NEAR_CARRY
