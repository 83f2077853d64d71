"""Compares derived figures with the simulator's truth, and computes the error of each relative to its stated tolerance."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from rackflow.series import parse_series_key
from rackflow.site import Site
from simulator.world.truth import name_of, parallel_ups

Reference = Callable[[Site, Mapping[str, str], float], float]
"""The value that an error is relative to, from the site, the labels of the series, and the truth."""


def _truth(_: Site, __: Mapping[str, str], true: float) -> float:
    return abs(true)


def _one(_: Site, __: Mapping[str, str], ___: float) -> float:
    return 1.0


def _ten(_: Site, __: Mapping[str, str], ___: float) -> float:
    return 10.0


def _breaker(site: Site, labels: Mapping[str, str], _: float) -> float:
    return site.pdus[labels["device"]].breaker_a


def _group(site: Site, labels: Mapping[str, str], _: float) -> float:
    (group,) = (each for each in parallel_ups(site) if name_of(each) == labels["group"])
    return sum(site.ups[each].rated_power_w for each in group)


def _cdus(site: Site, labels: Mapping[str, str], _: float) -> float:
    return sum(cdu.rated_cooling_w for cdu in site.cdus.values() if cdu.secondary == labels["loop"])


OF: Final[Mapping[str, Reference]] = {
    "truth": _truth,
    "1": _one,
    "10 K": _ten,
    "breaker": _breaker,
    "rating": lambda site, labels, true: (_group if "group" in labels else _cdus)(site, labels, true),
}


@dataclass(frozen=True, slots=True)
class Within:
    """Tolerated errors of a figure below and above the truth, as shares of the value `of`. `why` explains a large tolerance."""

    of: str
    low: float
    high: float
    why: str = ""


def within(share: float, of: str = "truth", *, high: float | None = None, why: str = "") -> Within:
    """A tolerance that is the same in both directions unless `high` is given."""
    return Within(of, share, share if high is None else high, why)


COARSE: Final = "temperatures in steps of 0.1 K of a rise of 5 to 10 K"
SAFE: Final = "currents are added as numbers, while power factors rise with the load: on the safe side"
TOLERANCES: Final[Mapping[str, Within]] = {
    "rack_power_watts": within(0.01),
    "rack_power_utilisation_ratio": within(0.01),
    "pdu_phase_headroom_amperes": within(0.005, "breaker"),
    "pdu_current_unbalance_ratio": within(0.03, "1", why="currents in steps of 0.1 A of 3 A"),
    "ups_output_current_unbalance_ratio": within(0.01, "1"),
    "meter_current_unbalance_ratio": within(0.01, "1"),
    "rack_feed_loss_load_ratio": within(0.02, high=0.09, why=SAFE),
    "rack_survives_feed_loss": within(0.0, "1"),
    "panel_feed_loss_load_ratio": within(0.02, high=0.09, why=SAFE),
    "ups_feed_loss_load_ratio": within(0.02),
    "ups_redundancy_margin_watts": within(0.005, "rating"),
    "ups_losses_watts": within(0.02, why="five minutes of powers read at two moments"),
    "ups_modelled_runtime_seconds": within(0.05, why="most at loads below those of the data sheet"),
    "ups_runtime_optimism_ratio": within(0.05, "1", why="the UPS tells its claim in whole minutes"),
    "ups_runtime_margin_seconds": within(0.05, why="the UPS tells its claim in whole minutes"),
    "site_survives_feed_loss": within(0.0, "1"),
    "site_racks_lost_on_feed_loss": within(0.0, "1"),
    "env_dew_point_celsius": within(0.04, "10 K", why="humidity in whole percent"),
    "cdu_heat_removed_watts": within(0.025, why=COARSE),
    "cdu_delta_temperature_celsius": within(0.011, "10 K"),
    "cdu_flow_per_heat_cubic_meters_per_joule": within(0.025, why=COARSE),
    "cdu_approach_celsius": within(0.011, "10 K"),
    "cdu_effectiveness_ratio": within(0.02),
    "cdu_heat_imbalance_ratio": within(0.04, "1", why=COARSE),
    "cdu_dew_point_margin_celsius": within(0.05, "10 K", why="humidity in whole percent"),
    "cdu_pumps_spare": within(0.0, "1"),
    "cdu_cooling_load_ratio": within(0.025, why=COARSE),
    "cdu_coefficient_of_performance_ratio": within(0.025, why=COARSE),
    "loop_heat_watts": within(0.02, why=COARSE),
    "loop_heat_imbalance_ratio": within(0.03, "1", why=COARSE),
    "loop_heat_capture_ratio": within(0.03, why="steps of 0.1 K, and what cold plates hold"),
    "loop_air_heat_watts": within(0.03, "rating", why="as heat capture"),
    "loop_redundancy_margin_watts": within(0.01, "rating"),
    "loop_cdus_spare": within(0.0, "1"),
    "loop_ride_through_seconds": within(0.7, high=0.1, why="short while the load dips: the heat that was counts"),
    "site_interim_pue_ratio": within(0.005),
    "loop_interim_ppue_ratio": within(0.002),
    "site_ref_ratio": within(0.005),
    "site_cue_kilograms_per_kilowatt_hour": within(0.005),
    "site_carbon_free_energy_ratio": within(0.005),
    "carbon_emissions_grams_total": within(0.005),
}
"""Tolerance of each figure, by its name without the prefix `dcim_`."""


@dataclass(frozen=True, slots=True)
class Error:
    """One series at one moment; `share` is above 0 where the derived figure is too high."""

    series: str
    true: float
    derived: float
    share: float

    def beyond(self, limits: Within) -> bool:
        """Whether it exceeds the tolerance by more than rounding of floats."""
        return not -limits.low - 1e-9 <= self.share <= limits.high + 1e-9


@dataclass(slots=True)
class Row:
    """All errors of one figure: when all readings are of the same moment, and in normal polling."""

    metric: str
    at_once: list[Error] = field(default_factory=list)
    as_polled: list[float] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    @property
    def limits(self) -> Within:
        """The stated tolerance."""
        return TOLERANCES[self.metric]

    @property
    def worst(self) -> Error:
        """The largest error."""
        return max(self.at_once, key=lambda error: abs(error.share))

    @property
    def beyond(self) -> bool:
        """Whether any error exceeds the tolerance, or nothing could be compared."""
        return not self.at_once or any(each.beyond(self.limits) for each in self.at_once)

    def cells(self) -> tuple[str, ...]:
        """The cells of its row in the table."""
        worst, limits = self.worst, self.limits
        allowed = (
            percent(limits.high) if limits.low == limits.high else f"-{percent(limits.low)} +{percent(limits.high)}"
        )
        polled = percent(statistics.median(map(abs, self.as_polled))) if self.as_polled else ""
        number = len({each.series for each in self.at_once})
        return (
            *(f"`{self.metric}`", str(number), f"{worst.true:.5g}", f"{worst.derived:.5g}"),
            *(f"{100 * worst.share:+.2f} %", limits.of, allowed, polled, limits.why),
        )


def percent(share: float) -> str:
    """A number with as many digits as it needs to differ from 0."""
    return f"{100 * share:.3g} %"


class Comparison:
    """Collects errors of one site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.rows: dict[str, Row] = {}

    def add(self, true: Mapping[str, float], derived: Mapping[str, float | None], *, at_once: bool) -> None:
        """Compare one moment. A figure that is unknown although everything was read is noted."""
        for metric, error in self._errors(true, derived):
            row = self.rows.setdefault(metric, Row(metric))
            if isinstance(error, str):
                row.unknown |= {error} if at_once else set()
            elif at_once:
                row.at_once.append(error)
            else:
                row.as_polled.append(error.share)

    def _errors(
        self, true: Mapping[str, float], derived: Mapping[str, float | None]
    ) -> Iterator[tuple[str, Error | str]]:
        expected = _by_metric(true)
        for series, value in derived.items():
            name, labels = parse_series_key(series)
            metric = name.removeprefix("dcim_")
            if metric not in TOLERANCES:
                continue
            for known, number in expected.get(name, ()):
                if known.items() <= labels.items():
                    if value is None:
                        yield metric, series
                        continue
                    share = OF[TOLERANCES[metric].of](self._site, labels, number)
                    yield metric, Error(series, number, value, (value - number) / share if share else 0.0)


def _by_metric(true: Mapping[str, float]) -> dict[str, list[tuple[Mapping[str, str], float]]]:
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for series, number in true.items():
        metric, labels = parse_series_key(series)
        found.setdefault(metric, []).append((labels, number))
    return found


def merged(comparisons: Iterable[Comparison]) -> list[Row]:
    """The rows of several sites as one, in the order of `TOLERANCES`."""
    rows = {metric: Row(metric) for metric in TOLERANCES}
    for comparison in comparisons:
        for metric, row in comparison.rows.items():
            rows[metric].at_once += row.at_once
            rows[metric].as_polled += row.as_polled
            rows[metric].unknown |= row.unknown
    return list(rows.values())
