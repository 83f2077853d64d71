"""Energy and carbon records of one site: hourly totals, emissions, and the figures made of them.

All of it survives a restart. `Head` and `Hour` are what is kept on disk, their field names included; a new field needs a default.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import islice

import msgspec

from collector.derive.energy.accounting import KEPT_A_DAY, Accounts, Emissions, intensity, observe
from collector.derive.energy.carbon import Factors
from collector.derive.energy.counters import Counter
from collector.derive.energy.coverage import counter_figures, coverage
from collector.derive.energy.hourly import HOUR_S, Hour, HourlyTotals, Terms
from collector.derive.energy.statement import Statement
from collector.derive.engine import PART, Figure, Values, withdrawn
from rackflow.process.bulkhead import Failures

# Figures taken between two turns of the loop. A chosen value: each sums up records of many hours.
_FIGURES_PER_SLICE = 100
# Carbon factors looked at in one slice, about 1 ms. A file may have ten years of hours.
_FACTORS_PER_SLICE = 2_000
# Factors are kept for this many hours before the oldest hour: energy may still be spread over a gap of a week that reaches back to there.
_LATE_HOURS = 7 * 24


class Head(msgspec.Struct):
    """What is kept of one site in addition to its hours."""

    location_g: float = 0.0
    market_g: float = 0.0
    until_hour: int = 0
    """Emissions are those of the hours before this one."""
    last: dict[str, tuple[float, float]] = {}
    """Last time and reading of each quantity."""
    counters: dict[str, Counter] = {}
    """What is known of each counter in addition."""
    jumps: dict[str, int] = {}
    """How often each counter jumped."""
    powers: list[str] | None = None
    """Quantities whose last reading is a power; None in records of earlier versions."""


@dataclass(slots=True)
class SiteRecords:
    """What is kept of one site: its head, and its hours by number since 1970."""

    head: Head = field(default_factory=Head)
    hours: dict[int, Hour] = field(default_factory=dict)


@dataclass(slots=True)
class EnergyRecords:
    """Counts one site's energy and computes its figures. Those over complete hours are computed only when the hour changes."""

    factors: Factors
    totals: HourlyTotals = field(default_factory=HourlyTotals)
    emissions: Emissions = field(default_factory=Emissions)
    failures: Failures = field(default_factory=Failures)
    _hourly: tuple[object, list[Figure]] = (None, [])
    """The figures that change once an hour, after the hour and accounts that they were computed for."""
    _last: list[Figure] = field(default_factory=list)
    """All figures of the last cycle."""
    _terms: Terms | None = None
    """The terms of the present hour."""

    def cycle_steps(self, accounts: Accounts, values: Values, wall_s: float) -> Generator[None, None, Sequence[Figure]]:
        """Count this cycle; return all figures over complete hours, and the present ones. If that fails, all are unknown.

        Yields after each slice.
        """
        steps = self._cycle_steps(accounts, values, wall_s)
        found = yield from self.failures.attempt_steps(PART, steps, otherwise=None)
        if found is None:
            found = withdrawn(self._last)
        self._last = found
        return found

    def _cycle_steps(
        self, accounts: Accounts, values: Values, wall_s: float
    ) -> Generator[None, None, list[Figure] | None]:
        observe(accounts, self.totals, values, wall_s, self.failures)
        yield
        hour = int(wall_s // HOUR_S)
        yield from self.totals.forget_steps(hour, [each for each in accounts.quantities if each.startswith(KEPT_A_DAY)])
        computed_for = (hour, accounts)
        if self._hourly[0] != computed_for:
            # Factors first: the emissions of the hour that has just ended are counted once, with what is known now.
            self._terms = terms_of(accounts, self.factors, hour)
            yield from self._learn_factors(hour)
            self.emissions.advance(accounts, self.totals, self.factors, hour)
            yield
            figures = yield from Statement(accounts, self.totals, self.factors, hour).figure_steps()
            figures += yield from _listed(coverage(accounts, self.totals, hour))
            self._hourly = computed_for, figures
        if self._terms is not None:
            # A source gives an hour's factor within the hour, and after a restart perhaps not again.
            if self._terms.factor != (factor := self.factors.at(hour)):
                self._terms = replace(self._terms, factor=factor)
            self.totals.set_terms(hour, self._terms)
        for number in self.totals.without_terms():  # hours over which a gap was spread
            self.totals.set_terms(number, terms_of(accounts, self.factors, number))
        now = [*self.emissions.figures(accounts), *intensity(accounts, self.factors, hour)]
        counters = yield from _listed(counter_figures(accounts, self.totals))
        return [*self._hourly[1], *now, *counters]

    def _learn_factors(self, now_hour: int) -> Generator[None, None, None]:
        """Account hours again whose carbon factor arrived after them.

        Factors older than every hour kept are dropped: a source that runs for years would pile them up. Yields after each slice.
        """
        oldest = min(self.totals.hours, default=now_hour) - _LATE_HOURS
        for count, (hour, factor) in enumerate([*self.factors.hourly.items()], 1):
            entry = self.totals.hours.get(hour)
            if hour < oldest:
                self.factors.hourly.pop(hour, None)
            elif entry is not None and entry.terms is not None and entry.terms.factor != factor:
                self.totals.set_terms(hour, replace(entry.terms, factor=factor))
            if count % _FACTORS_PER_SLICE == 0:
                yield

    def head(self) -> Head:
        """What must survive a restart in addition to the hours."""
        emissions, totals = self.emissions, self.totals
        # A copy: the next cycle changes the counters while a thread writes this one's.
        counters = deepcopy(totals.counters)
        return Head(
            location_g=emissions.location_g,
            market_g=emissions.market_g,
            until_hour=emissions.until_hour,
            last=dict(totals.last),
            counters=counters,
            jumps=dict(totals.jumps),
            powers=sorted(totals.powers),
        )

    def take_changed(self) -> dict[int, Hour]:
        """Take the hours that changed since the last call. If they could not be saved, `give_back` them.

        They are copies: a thread writes them while cycles go on, and hours with more in them than the head's last readings would count that
        energy again after a kill.
        """
        numbers, self.totals.changed = self.totals.changed, set()
        return {number: self.totals.hours[number].copy() for number in numbers if number in self.totals.hours}

    def give_back(self, numbers: Iterable[int]) -> None:
        """Mark hours whose saving failed as changed again; the next save writes their values of that time."""
        self.totals.changed.update(numbers)

    def restore(self, head: Head, hours: dict[int, Hour]) -> None:
        """Continue from what was kept."""
        self.totals.hours = hours
        self.totals.last = dict(head.last)
        if head.powers is not None:
            self.totals.powers = set(head.powers)
        else:
            # The earliest version saved counters like powers.
            self.totals.powers = set(head.last) - head.counters.keys() if head.counters else set()
        self.totals.counters, self.totals.jumps = deepcopy(head.counters), dict(head.jumps)
        self.emissions = Emissions(head.location_g, head.market_g, head.until_hour)
        yearly = self.factors.yearly()
        # Hourly factors are kept in the hours' terms, so they need no file of their own. A yearly one is not restored as an hourly factor:
        # after a change of the site file's it would go before the new one, and count as the latest that a source has given. Records of
        # earlier versions do not say which are yearly.
        for hour, entry in hours.items():
            factor = entry.terms.factor if entry.terms is not None else None
            if factor is not None and not factor.is_yearly and factor != yearly:
                self.factors.hourly.setdefault(hour, factor)


def terms_of(accounts: Accounts, factors: Factors, hour: int) -> Terms:
    """The terms of an hour, as far as they are known now."""
    profile = accounts.profile_w
    return Terms(
        quantities=tuple(sorted(each for each in accounts.quantities if not each.startswith(KEPT_A_DAY))),
        category=accounts.category,
        profile_j=profile[hour % 24] * HOUR_S if profile else None,
        factor=factors.at(hour),
        residual=factors.residual,
    )


def _listed(figures: Iterator[Figure]) -> Generator[None, None, list[Figure]]:
    """These figures as a list. Yields after each slice."""
    found = list[Figure]()
    while some := list(islice(figures, _FIGURES_PER_SLICE)):
        found += some
        yield
    return found
