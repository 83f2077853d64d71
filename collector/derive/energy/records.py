"""Energy and carbon records of one site, carried over a restart."""

from dataclasses import dataclass, field, replace

import msgspec

from collector.derive.energy.accounting import PASSING, Accounts, Emissions, Statement, intensity, observe
from collector.derive.energy.carbon import Factors
from collector.derive.energy.hourly import HOUR_S, Hour, HourlyTotals, Terms
from collector.derive.engine import Figure, Values


class Head(msgspec.Struct):
    """What is kept of one site beside its hours: emissions, and the last reading of each quantity."""

    location_g: float = 0.0
    market_g: float = 0.0
    until_hour: int = 0
    last: dict[str, tuple[float, float]] = {}


@dataclass(slots=True)
class SiteRecords:
    """What is kept of one site over a restart: its head, and its hours by their number since 1970."""

    head: Head = field(default_factory=Head)
    hours: dict[int, Hour] = field(default_factory=dict)


@dataclass(slots=True)
class EnergyRecords:
    """HourlyTotals, emissions and the figures that were stated last; they change with the hour."""

    factors: Factors
    totals: HourlyTotals = field(default_factory=HourlyTotals)
    emissions: Emissions = field(default_factory=Emissions)
    _stated: tuple[object, list[Figure]] = (None, [])
    _terms: Terms | None = None

    def cycle(self, accounts: Accounts, values: Values, wall_s: float) -> list[Figure]:
        """Count this cycle, and state what the complete hours say."""
        observe(accounts, self.totals, values, wall_s)
        hour = int(wall_s // HOUR_S)
        about = (hour, accounts)
        if self._stated[0] != about:
            self._terms = terms_of(accounts, self.factors, hour)
            self._learn_factors()
            self.emissions.advance(accounts, self.totals, self.factors, hour)
            figures = list(Statement(accounts, self.totals, self.factors, hour).figures())
            self._stated = about, figures
        if self._terms is not None:
            self.totals.settle(hour, self._terms)
        for number in self.totals.unsettled():  # hours that a counter was silent in
            self.totals.settle(number, terms_of(accounts, self.factors, number))
        now = [*self.emissions.figures(accounts), *intensity(accounts, self.factors, hour)]
        return [*self._stated[1], *now]

    def _learn_factors(self) -> None:
        """A factor that comes after its hour takes the place of what the hour was accounted by."""
        for hour, factor in self.factors.hourly.items():
            entry = self.totals.hours.get(hour)
            if entry is not None and entry.terms is not None and entry.terms.factor != factor:
                self.totals.settle(hour, replace(entry.terms, factor=factor))

    def head(self) -> Head:
        """What must survive a restart beside the hours."""
        emissions = self.emissions
        return Head(emissions.location_g, emissions.market_g, emissions.until_hour, dict(self.totals.last))

    def changed(self) -> dict[int, Hour]:
        """Hours that are not what was asked for last; `unsaved` takes it back."""
        numbers, self.totals.changed = self.totals.changed, set()
        return {number: self.totals.hours[number] for number in numbers if number in self.totals.hours}

    def restore(self, head: Head, hours: dict[int, Hour]) -> None:
        """Go on from what was kept. Hourly factors that applied then are known again."""
        self.totals.hours = hours
        self.totals.last = dict(head.last)
        self.emissions = Emissions(head.location_g, head.market_g, head.until_hour)
        yearly = self.factors.yearly()
        for hour, entry in hours.items():
            if entry.terms is not None and entry.terms.factor not in (None, yearly):
                self.factors.hourly.setdefault(hour, entry.terms.factor)


def terms_of(accounts: Accounts, factors: Factors, hour: int) -> Terms:
    """What an hour is accounted by, as far as it is known now."""
    profile = accounts.profile_w
    return Terms(
        tuple(sorted(each for each in accounts.quantities if not each.startswith(PASSING))),
        accounts.category,
        profile[hour % 24] * HOUR_S if profile else None,
        factors.at(hour),
        factors.residual,
    )
