"""A thermal-magnetic circuit breaker: an overload trips it after a while, a short circuit at once."""

from dataclasses import dataclass
from typing import Final

TIME_CONSTANT_S: Final = 120.0
NON_TRIPPING_RATIO: Final = 1.13
"""Of the rating, for ever: the conventional non-tripping current of IEC 60898-1."""
MAGNETIC_TRIP_RATIO: Final = 8.0
"""Of the rating, at which it trips at once; between the limits of class C."""


@dataclass(slots=True)
class Breaker:
    """A thermal-magnetic breaker; its bimetal follows the square of the current."""

    rating_a: float
    heat: float = 0.0
    """1 is where it settles at its rating."""
    tripped: bool = False

    def advance(self, current_a: float, dt_s: float) -> None:
        """Let the highest of its currents flow for a while."""
        load = (current_a / self.rating_a) ** 2
        self.heat += (load - self.heat) * min(1.0, dt_s / TIME_CONSTANT_S)
        if self.heat > NON_TRIPPING_RATIO**2 or load > MAGNETIC_TRIP_RATIO**2:
            self.tripped = True

    def reset(self) -> None:
        """Close it again, cold."""
        self.tripped = False
        self.heat = 0.0
