"""The books of one site: in go each cycle's values, out come energy and carbon figures; they are carried over a restart; pure."""

from dataclasses import dataclass, field

import msgspec

from collector.derive.carbon import Factors
from collector.derive.energy import Accounts, Emissions, Statement, intensity, observe
from collector.derive.frame import Figure, Values
from collector.derive.ledger import HOUR_S, Hour, Ledger


class Kept(msgspec.Struct):
    """What the state file holds of one site."""

    hours: dict[int, Hour]
    location_g: float
    market_g: float
    until_hour: int


@dataclass(slots=True)
class Books:
    """Ledger, emissions and the figures that were stated last; they change with the hour."""

    factors: Factors
    ledger: Ledger = field(default_factory=Ledger)
    emissions: Emissions = field(default_factory=Emissions)
    _stated: tuple[object, list[Figure]] = (None, [])

    def cycle(self, accounts: Accounts, values: Values, wall_s: float) -> list[Figure]:
        """Count this cycle, and state what the complete hours say."""
        observe(accounts, self.ledger, values, wall_s)
        hour = int(wall_s // HOUR_S)
        about = (hour, accounts)
        if self._stated[0] != about:
            self.emissions.advance(accounts, self.ledger, self.factors, hour)
            figures = list(Statement(accounts, self.ledger, self.factors, hour).figures())
            self._stated = about, figures
        now = [*self.emissions.figures(accounts), *intensity(accounts, self.factors, hour)]
        return [*self._stated[1], *now]

    def kept(self) -> Kept:
        """What must survive a restart."""
        emissions = self.emissions
        return Kept(self.ledger.hours, emissions.location_g, emissions.market_g, emissions.until_hour)

    def restore(self, kept: Kept) -> None:
        """Go on from what was kept."""
        self.ledger.hours = kept.hours
        self.emissions = Emissions(kept.location_g, kept.market_g, kept.until_hour)
