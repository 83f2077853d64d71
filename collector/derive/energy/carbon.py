"""Hourly carbon factors of the grid, and the yearly averages used when they are missing.

A yearly average is always marked as an estimate, so that a figure made of it says so. Hourly factors come from a file or an HTTP source.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from rackflow import ConfigError
from rackflow.site import Grid

HOUR_S = 3600
KWH_J = 3.6e6  # exact
# The largest carbon factor that is believed; `_grams` says why.
LARGEST_GRAMS_PER_KWH = 2500.0


@dataclass(frozen=True, slots=True)
class Factor:
    """The factor of one hour."""

    grams_per_kwh: float
    """g CO2e per kWh."""
    carbon_free_ratio: float | None
    """Share of the grid's energy that is free of carbon, 0 to 1; None if unknown."""
    estimated: bool
    """Modelled or averaged instead of measured."""
    source: str
    basis: str = "lifecycle"
    """`lifecycle` or `direct`: with or without the emissions of building and fuelling the plants."""
    is_yearly: bool = field(default=False, compare=False)
    """Whether it stands in for an hourly one. Not compared, because it is missing in records of earlier versions."""


def _yearly(grams_per_kwh: float, carbon_free_ratio: float | None, source: str) -> Factor:
    return Factor(grams_per_kwh, carbon_free_ratio, estimated=True, source=source, is_yearly=True)


_ELECTRICITY_MAPS = "electricity-maps-2024"
_OWID = "our-world-in-data-2023"
YEARLY: Mapping[str, Factor] = MappingProxyType(
    {
        "MA": _yearly(619.71, 0.216, _ELECTRICITY_MAPS),
        "ES": _yearly(174.0, None, _OWID),
        "FR": _yearly(56.0, None, _OWID),
        "EG": _yearly(570.0, None, _OWID),
        "KE": _yearly(70.0, None, _OWID),
        "NG": _yearly(523.0, None, _OWID),
        "ZA": _yearly(708.0, None, _OWID),
    }
)
"""Yearly averages by zone. Morocco: Electricity Maps, config/zones/MA.yaml (lifecycle 2024, carbon-free share of the 2024 mix); it has no
live parser there, so hourly figures of Morocco are modelled in any case. The others: Our World in Data, 2023, as in
mlco2/codecarbon's global_energy_mix.json."""


def location_based_g(grid_j: float, factor: Factor) -> float:
    """Emissions of an hour, g CO2e: all energy from the grid, at the grid's factor (GHG Protocol Scope 2, location-based).

    What was generated on the roof has no carbon, and what generators burn is not the grid's.
    """
    return grid_j / KWH_J * factor.grams_per_kwh


def market_based_g(grid_j: float, contracted_j: float, factor: Factor, residual_g_per_kwh: float | None) -> float:
    """Emissions of an hour, g CO2e: what no contract covers in that hour, at the residual mix (GHG Protocol Scope 2, market-based).

    Where no residual mix is known, the grid's factor stands in for it.
    """
    per_kwh = factor.grams_per_kwh if residual_g_per_kwh is None else residual_g_per_kwh
    return max(grid_j - contracted_j, 0.0) / KWH_J * per_kwh


def carbon_free_j(pv_used_j: float, grid_j: float, contracted_j: float, carbon_free_ratio: float) -> float:
    """Energy of an hour that was free of carbon, J; the ratio is that of the grid.

    Contracted energy beyond the load of its hour does not count: hourly matching carries no energy to another hour ("24/7 CFE:
    Methodologies and Metrics", Google 2021). Energy of generators is not carbon-free, nor does the grid's factor apply to it.
    """
    used = min(contracted_j, grid_j)
    return pv_used_j + used + (grid_j - used) * carbon_free_ratio


@dataclass(slots=True)
class Factors:
    """The factors that apply: the hourly one, else the yearly one of the site file, else the yearly one of the zone."""

    grid: Grid | None = None
    hourly: dict[int, Factor] = field(default_factory=dict)
    residual: float | None = None
    """g CO2e/kWh of what no contract covers, for the market-based method; None is the grid's own factor."""

    def at(self, hour: int) -> Factor | None:
        """The factor of an hour, numbered since 1970; None if nothing is known of the zone."""
        return self.hourly.get(hour) or self.yearly()

    def latest_hour(self, hour: int) -> int | None:
        """The latest hour up to this one with a factor of its own, numbered since 1970. A file may have factors of hours to come."""
        return hour if hour in self.hourly else max((each for each in self.hourly if each <= hour), default=None)

    def yearly(self) -> Factor | None:
        """The factor that stands in for an hourly one."""
        grid = self.grid
        if grid is None:
            return None
        if grid.carbon_grams_per_kwh is not None:
            source = grid.source or "site-file"
            return Factor(
                grid.carbon_grams_per_kwh,
                grid.carbon_free_ratio,
                estimated=True,
                source=source,
                basis=grid.carbon_basis,
                is_yearly=True,
            )
        return YEARLY.get(grid.zone)


def read_csv(text: str, where: str, basis: str) -> dict[int, Factor]:
    """Factors by hour since 1970 from CSV. Raises ConfigError, which names `where` and the row.

    Columns: `time` (ISO 8601, UTC without an offset) and `grams_per_kwh`; optional `carbon_free_ratio`, `estimated`, `source`.
    """
    found: dict[int, Factor] = {}
    rows = csv.DictReader(text.splitlines())
    if not {"time", "grams_per_kwh"} <= set(rows.fieldnames or ()):
        raise ConfigError(f"{where}: needs the columns time and grams_per_kwh")
    for number, row in enumerate(rows, 2):
        try:
            share = row.get("carbon_free_ratio") or ""
            estimated = (row.get("estimated") or "").lower() in {"1", "true", "yes"}
            factor = Factor(
                grams_per_kwh=_grams(row["grams_per_kwh"]),
                carbon_free_ratio=_share(share) if share else None,
                estimated=estimated,
                source=row.get("source") or "file",
                basis=basis,
            )
            found[_hour(row["time"])] = factor
        except (ValueError, TypeError, OverflowError) as error:
            raise ConfigError(f"{where}:{number}: {error}; correct the row") from error
    return found


def read_answer(text: str | bytes, basis: str) -> dict[int, Factor]:
    """The factor of one hour from a JSON answer of Electricity Maps: `carbonIntensity`, `datetime`, `isEstimated`.

    `fossilFreePercentage`, if the answer has it, gives the carbon-free share. Raises ValueError, TypeError, KeyError or OverflowError.
    """
    try:
        answer = json.loads(text)
    except RecursionError as error:
        raise ValueError("the answer is nested too deeply") from error
    if not isinstance(answer, dict):
        raise TypeError("the answer is not a JSON object")
    share = answer.get("fossilFreePercentage")
    factor = Factor(
        grams_per_kwh=_grams(answer["carbonIntensity"]),
        carbon_free_ratio=None if share is None else _share(share, 100),
        # Without the field, the value counts as an estimate: calling an estimate measured would be the worse error.
        estimated=bool(answer.get("isEstimated", True)),
        source="http",
        basis=basis,
    )
    return {_hour(str(answer["datetime"])): factor}


def _grams(value: str | float) -> float:
    grams = float(value)
    # NaN, which JSON of Python and CSV may have, is in no range. No grid exceeds 1,500 g (see the catalogue), no single plant 2,500.
    if not 0 <= grams <= LARGEST_GRAMS_PER_KWH:
        raise ValueError(f"{grams:g} g/kWh is no carbon factor, it must be 0 to {LARGEST_GRAMS_PER_KWH:g}")
    return grams


def _share(value: str | float, of: float = 1.0) -> float:
    share = float(value) / of
    if not 0 <= share <= 1:
        raise ValueError(f"{share:g} is no share")
    return share


def _hour(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() // HOUR_S)
