"""The figures over windows of complete hours: PUE, partial PUE, water, carbon and reuse.

Each figure uses only the hours in which all of its quantities were counted, and states their share of the window. They change once an
hour. A year has 8,760 hours, and to look at all of them for each figure takes half a second: so it is done in slices.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from collector.derive.energy.accounting import Accounts, HourEnergy, hour_energy
from collector.derive.energy.balance import balance_of, is_source
from collector.derive.energy.carbon import KWH_J, Factor, Factors, carbon_free_j, location_based_g
from collector.derive.energy.hourly import WINDOWS_H, Hour, HourlyTotals
from collector.derive.engine import NO_SLOT, Figure, Label, output_of

# Share of a window's hours that a ratio must rest on. A chosen value: with less than half, the missing hours may be all nights.
_MIN_COVERAGE = 0.5
_LOOP_WINDOWS = ("hour", "day")
"""Windows of loops' figures; their quantities are kept for a day, see `KEPT_A_DAY`."""
_KINDS = ("facility", "it", "water", "reuse")
# What one slice looks at, about 3 ms: an hour of a window costs as much as 16 quantities, and as the quantities that it must have.
_QUANTITIES_PER_SLICE = 8_000
_QUANTITIES_OF_HOUR = 16
_Amount = Callable[[Hour], float]
_Labels = tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class _Ratio:
    """A quotient: `factor * above / below`, both summed over the hours in which all quantities in `needs` were counted."""

    needs: Sequence[str]
    above: _Amount
    below: _Amount
    factor: float = 1.0


class Statement:
    """The figures of one site's totals at one hour."""

    def __init__(self, accounts: Accounts, totals: HourlyTotals, factors: Factors, hour: int) -> None:
        self._accounts = accounts
        self._totals = totals
        self._factors = factors
        self._hour = hour
        of = {kind: sorted(each for each in accounts.quantities if each.startswith(f"{kind}:")) for kind in _KINDS}
        self._facility, self._it, self._water, self._reuse = (of[kind] for kind in _KINDS)
        self._pv = sorted(each for each in accounts.quantities if each.startswith("pv:"))
        if self._facility:
            self._facility = sorted(filter(is_source, accounts.quantities))

    def figure_steps(self) -> Generator[None, None, list[Figure]]:
        """Every figure that the site has the meters for, over every window. Yields after each slice."""
        found = list[Figure]()
        ratios = self._site_ratios()
        for window, length in WINDOWS_H.items():
            labels = (("site", self._accounts.site), ("window", window))
            for metric, ratio in ratios.items():
                found.append((yield from self._ratio_steps(metric, self._labels(metric, labels), length, ratio)))
            for loop in self._accounts.loops if window in _LOOP_WINDOWS else ():
                racks, pumps = f"racks:{loop}", f"pumps:{loop}"
                whole = _Ratio((racks, pumps), _sum_of((racks, pumps)), _sum_of((racks,)))
                place = (labels[0], ("loop", loop), labels[1])
                found.append((yield from self._ratio_steps("dcim_loop_interim_ppue_ratio", place, length, whole)))
            if self._facility:
                found += yield from self._carbon_steps(labels, length)
        return found

    def _site_ratios(self) -> Mapping[str, _Ratio]:
        """The ratios of the site by metric, except those of carbon."""
        facility, it, water, pv, reuse = self._facility, self._it, self._water, self._pv, self._reuse
        found = dict[str, _Ratio]()
        if facility and it:
            found["dcim_site_interim_pue_ratio"] = _Ratio((*facility, *it), _used_of(facility), _sum_of(it))
        if it and water:
            found["dcim_site_wue_liters_per_kilowatt_hour"] = _Ratio(
                (*water, *it), _sum_of(water), _sum_of(it), 1000 * KWH_J
            )
        if facility and pv:
            own = _pv_used_of(facility)
            found["dcim_site_pv_self_consumption_ratio"] = _Ratio(facility, own, _used_of(pv))
            found["dcim_site_pv_share_ratio"] = _Ratio(facility, own, _used_of(facility))
        if facility and reuse:
            found["dcim_site_erf_ratio"] = _Ratio((*reuse, *facility), _sum_of(reuse), _used_of(facility))
        return found

    def _labels(self, metric: str, labels: _Labels) -> _Labels:
        if metric == "dcim_site_interim_pue_ratio":
            return (labels[0], ("category", self._accounts.category), labels[1])
        return labels

    def _ratio_steps(self, metric: str, labels: _Labels, length: int, ratio: _Ratio) -> Generator[None, None, Figure]:
        above, below, counted = 0.0, 0.0, 0
        for start, end in self._slices(length, ratio.needs):
            for _, entry in self._totals.window(end - start, end, ratio.needs):
                above += ratio.above(entry)
                below += ratio.below(entry)
                counted += 1
            yield
        share = counted / length
        if share < _MIN_COVERAGE:
            return _figure(metric, labels, None, share)
        if below == 0:
            return Figure(output_of(metric, labels, NO_SLOT), None, 0.0, share, ("no energy was used",))
        return _figure(metric, labels, ratio.factor * above / below, share)

    def _slices(self, length: int, needs: Sequence[str]) -> Iterator[tuple[int, int]]:
        """The window in slices: first hour and the hour after the last. Empty hours count, because looking at them takes time, too."""
        size = max(1, _QUANTITIES_PER_SLICE // (_QUANTITIES_OF_HOUR + len(needs)))
        for start in range(self._hour - length, self._hour, size):
            yield start, min(start + size, self._hour)

    def _carbon_steps(self, labels: _Labels, length: int) -> Generator[None, None, list[Figure]]:
        carbon = _Carbon(length)
        needs = [*self._facility, *self._it, *self._accounts.contracts]
        for start, end in self._slices(length, needs):
            for hour, entry in self._totals.window(end - start, end, needs):
                energy = hour_energy(entry, hour, self._facility, self._it, self._accounts)
                # Its own factor, as in the report: the yearly one may have been another when it was this hour.
                own = entry.terms.factor if entry.terms is not None else None
                carbon.add(energy, own or self._factors.at(hour))
            yield
        is_renewable = bool(self._accounts.contracts or self._accounts.profile_w or self._pv)
        return list(carbon.figures(labels, is_renewable=is_renewable))


@dataclass(slots=True)
class _Carbon:
    """Sums over the hours of a window in which the facility, contracts and IT were metered; J if not said otherwise."""

    length: int
    hours: int = 0
    load: float = 0.0
    renewable: float = 0.0
    known: int = 0
    """Hours whose carbon factor is known; the fields below are of these."""
    known_load: float = 0.0
    grams: float = 0.0
    free: float = 0.0
    estimated: int = 0
    it_used: float = 0.0
    is_free_known: bool = True

    def add(self, each: HourEnergy, factor: Factor | None) -> None:
        """One hour, and the grid's factor in it."""
        self.hours += 1
        self.load += each.balance.used
        self.renewable += each.green + each.balance.pv_used
        if factor is None:
            return
        grid = each.balance.grid
        self.known += 1
        self.known_load += each.balance.used
        self.grams += location_based_g(grid, factor)
        self.estimated += factor.estimated
        self.it_used += each.it_used
        self.is_free_known = self.is_free_known and factor.carbon_free_ratio is not None
        self.free += carbon_free_j(each.balance.pv_used, grid, each.green, factor.carbon_free_ratio or 0.0)

    def figures(self, labels: _Labels, *, is_renewable: bool) -> Iterator[Figure]:
        """All figures of the window; the renewable share only where anything renewable is metered or contracted."""
        if is_renewable:
            ref = min(1.0, self.renewable / self.load) if self.load else None
            yield _figure("dcim_site_ref_ratio", labels, ref, self.hours / self.length)
        share = self.known / self.length
        it_kwh = self.it_used / KWH_J
        cue = self.grams / 1000 / it_kwh if it_kwh else None
        yield _figure("dcim_site_cue_kilograms_per_kilowatt_hour", labels, cue, share)
        is_free_known = self.is_free_known and self.known > 0
        score = self.free / self.known_load if self.known_load and is_free_known else None
        why = "" if is_free_known else "the carbon-free share of the grid is not known"
        yield _figure("dcim_site_carbon_free_energy_ratio", labels, score, share, why)
        estimated = self.estimated / self.known if self.known else None
        yield _figure("dcim_site_carbon_estimated_ratio", labels, estimated, share)


def _sum_of(names: Sequence[str]) -> _Amount:
    """The sum of quantities, none of which is a source of the site."""
    return lambda hour: sum(hour.amount.get(each, 0.0) for each in names)


def _used_of(facility: Sequence[str]) -> _Amount:
    """The energy used, by the balance of these sources."""
    return lambda hour: balance_of(facility, hour.amount.__getitem__).used


def _pv_used_of(facility: Sequence[str]) -> _Amount:
    """The PV energy used on site, by the balance of these sources."""
    return lambda hour: balance_of(facility, hour.amount.__getitem__).pv_used


def _figure(metric: str, labels: tuple[Label, ...], value: float | None, share: float, why: str = "") -> Figure:
    """A figure, unknown if too few hours were metered or the result is not plausible; `why` explains a None with enough hours."""
    output = output_of(metric, labels, NO_SLOT)
    if value is None or share < _MIN_COVERAGE or not (isfinite(value) and output.metric.plausible(value)):
        reasons = [why] if why and share >= _MIN_COVERAGE else [f"{share:.0%} of the window's hours are metered"]
        if value is not None and share >= _MIN_COVERAGE:
            reasons = [f"result {value:.4g} is not plausible"]
        return Figure(output, None, 0.0, share, tuple(reasons))
    return Figure(output, value, 0.0, share)
