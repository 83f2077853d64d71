"""The energy balance of a site in one hour, or over several: what came from the grid, from the roof and from generators, and what was used.

PV and generators that a site file puts `behind` a facility meter are not in what that meter takes in. Energy that leaves through it
came from the roof first, because generators of a data centre run for its own load; the roof's energy that did not leave was used.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

SOURCES = ("facility", "export", "pv", "generator")
"""Kinds of quantities that a balance rests on, as in `facility:meter-main`."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Energy in J."""

    imported: float = 0.0
    exported: float = 0.0
    pv: float = 0.0
    generated: float = 0.0

    @property
    def used(self) -> float:
        """What the site used, wherever it came from. Meters that disagree by their errors leave no negative energy."""
        return max(self.imported - self.exported + self.pv + self.generated, 0.0)

    @property
    def pv_used(self) -> float:
        """The roof's part of it: what was given and did not leave."""
        return min(max(self.pv - self.exported, 0.0), self.used)

    @property
    def grid(self) -> float:
        """The grid's part of it."""
        return max(self.used - self.pv_used - self.generated, 0.0)


def balance_of(quantities: Iterable[str], amount: Callable[[str], float]) -> Balance:
    """The balance of quantities such as `facility:meter-main`; others are ignored. `amount` gives each one's energy, J."""
    sums = dict.fromkeys(SOURCES, 0.0)
    for quantity in quantities:
        kind = quantity.partition(":")[0]
        if kind in sums:
            sums[kind] += amount(quantity)
    return Balance(*sums.values())


def is_source(quantity: str) -> bool:
    """Whether a balance rests on it."""
    return quantity.partition(":")[0] in SOURCES
