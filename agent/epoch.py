"""The name of one run of an agent."""

from typing import Final

# Base 32 without I, L, O and U, the alphabet of the ULID specification: encoded numbers sort like the numbers.
CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_epoch(now_ms: int, chance: int) -> str:
    """The name of one run of the agent, a ULID: 48 bits of Unix milliseconds, then 80 of `chance`; later ones sort higher.

    Message numbers start at 1 in every epoch, so an epoch must never repeat: two agents started in the same millisecond, or
    one whose clock was set back, differ by the random part.
    """
    number = (now_ms & (2**48 - 1)) << 80 | (chance & (2**80 - 1))
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -5, -5))
