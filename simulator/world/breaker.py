"""A thermal-magnetic circuit breaker: an overload trips it after a while, a short circuit at once."""

from dataclasses import dataclass
from typing import Final

# IEC 60898-1, table 7: a breaker holds 1.13 times its rating and must trip within an hour at 1.45 times, and between 1 and 60 s
# at 2.55 times (up to 32 A). With this time constant the cold breaker trips after 112 s and 27 s (computed). Real breakers are
# slower at small overloads; a quick one shows an overload within minutes and errs on the safe side.
TIME_CONSTANT_S: Final = 120.0
NON_TRIPPING_RATIO: Final = 1.13
# The magnetic release of a type C breaker acts between 5 and 10 times the rating (IEC 60898-1); this is about the middle.
MAGNETIC_TRIP_RATIO: Final = 8.0


@dataclass(slots=True)
class Breaker:
    """One breaker. Its bimetal warms with the square of the current."""

    rating_a: float
    heat: float = 0.0
    """Temperature rise of the bimetal; it settles at 1 when the rated current flows."""
    tripped: bool = False

    def advance(self, current_a: float, dt_s: float) -> None:
        """Let `current_a`, the highest of the phases' currents, flow for a step."""
        load = (current_a / self.rating_a) ** 2
        self.heat += (load - self.heat) * min(1.0, dt_s / TIME_CONSTANT_S)
        if self.heat > NON_TRIPPING_RATIO**2 or load > MAGNETIC_TRIP_RATIO**2:
            self.tripped = True

    def reset(self) -> None:
        """Close the breaker again, cooled down."""
        self.tripped = False
        self.heat = 0.0
