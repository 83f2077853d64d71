"""The energy balance of a site in one hour, or over several: what came from the grid, from PV and from generators, and what was used.

A facility meter does not count what PV and generators that the site file puts `behind` it produce. Energy exported through it is taken
to come from PV first, because generators of a data centre run for its own load. The rest of the PV energy was used on site.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

SOURCES = ("facility", "export", "pv", "generator")
"""Kinds of quantities that a balance is computed from; the part before the colon of `facility:meter-main`."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Energy in J."""

    imported: float = 0.0
    exported: float = 0.0
    pv: float = 0.0
    generated: float = 0.0

    @property
    def used(self) -> float:
        """What the site used, wherever it came from. Never negative, although errors of several meters may add up to that."""
        return max(self.imported - self.exported + self.pv + self.generated, 0.0)

    @property
    def pv_used(self) -> float:
        """The part of `used` that came from PV: what PV produced and was not exported."""
        return min(max(self.pv - self.exported, 0.0), self.used)

    @property
    def grid(self) -> float:
        """The part of `used` that came from the grid."""
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
    """Whether a balance is computed from this quantity; see `SOURCES`."""
    return quantity.partition(":")[0] in SOURCES
