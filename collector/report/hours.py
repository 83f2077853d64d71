"""Evaluates one recorded hour of a site: which quantities are known, and why the others are not.

A quantity is known only if every meter of its role was read for (almost) the whole hour: a sum over some of the meters would
look like a saving.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from collector.derive import SOURCES, Hour, balance_of, carbon_free_j, location_based_g, market_based_g

OPTIONAL = frozenset({"cooling", "water", "reuse", "green", "renewable", "export", "pv", "generator"})
"""Quantities that a site need not meter. If it does not, their figures are left out."""
_KINDS = ("facility", "it", "cooling", "water", "reuse", "export", "pv", "generator")


@dataclass(frozen=True, slots=True)
class HourValues:
    """Quantities of one hour (J, m3, g; `estimated` 0 or 1), and the reasons for those that are unknown."""

    values: Mapping[str, float]
    missing: Mapping[str, str]


def hour_values(entry: Hour) -> HourValues:
    """Evaluate one recorded hour."""
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for kind in _KINDS:
        _meter(entry, kind, values, missing)
    _balance(entry, values, missing)
    terms = entry.terms
    contracts = [each for each in quantities_of(entry) if each.startswith("contract:")]
    lacking = [each for each in contracts if not entry.has(each)]
    if lacking:
        missing["green"] = _lacks(entry, lacking)
    elif contracts or (terms is not None and terms.profile_j is not None):
        profile_j = terms.profile_j if terms is not None and terms.profile_j is not None else 0.0
        values["green"] = sum(entry.amount[each] for each in contracts) + profile_j
    _renewable(values, missing)
    _carbon(entry, values, missing)
    if {"facility", "it", "cooling"} <= values.keys():
        values["other"] = values["facility"] - values["it"] - values["cooling"]
    elif {"facility", "it"} <= values.keys() and "cooling" not in missing:
        values["other"] = values["facility"] - values["it"]
    else:
        missing["other"] = "; ".join(missing[kind] for kind in ("facility", "it", "cooling") if kind in missing)
    return HourValues(values, missing)


def _meter(entry: Hour, kind: str, values: dict[str, float], missing: dict[str, str]) -> None:
    own = [each for each in quantities_of(entry) if each.startswith(f"{kind}:")]
    lacking = [each for each in own if not entry.has(each)]
    if own and not lacking:
        values[kind] = sum(entry.amount[each] for each in own)
    elif lacking:
        missing[kind] = _lacks(entry, lacking)
    elif kind not in OPTIONAL:
        missing[kind] = f"no meter of role {kind}"


def _balance(entry: Hour, values: dict[str, float], missing: dict[str, str]) -> None:
    """The facility's energy with what was generated on site, if anything is metered there; `grid` and `pv_used` are its parts."""
    lacking = [missing[kind] for kind in SOURCES if kind in missing]
    if lacking:
        values.pop("facility", None)
        missing["facility"] = "; ".join(lacking)
    elif "facility" in values:
        found = balance_of(quantities_of(entry), entry.amount.__getitem__)
        values |= {"facility": found.used, "grid": found.grid, "pv_used": found.pv_used}


def _renewable(values: dict[str, float], missing: dict[str, str]) -> None:
    """Contracted energy and what was used of the site's PV, as in `dcim_site_ref_ratio`; absent in an hour that had neither."""
    lacks = missing.get("green") or missing.get("facility")
    if lacks is not None:
        missing["renewable"] = lacks
    elif "green" in values or "pv" in values:
        values["renewable"] = values.get("green", 0.0) + values["pv_used"]


def _carbon(entry: Hour, values: dict[str, float], missing: dict[str, str]) -> None:
    factor = entry.terms.factor if entry.terms is not None else None
    carbon = ("location", "market", "free", "estimated")
    if "facility" not in values or "green" in missing:
        lacks = missing.get("facility") or missing["green"]
        missing.update(dict.fromkeys(carbon, lacks))
        return
    if factor is None:
        missing.update(dict.fromkeys(carbon, "no carbon factor of the grid"))
        return
    grid, green = values["grid"], values.get("green", 0.0)
    values["location"] = location_based_g(grid, factor)
    values["market"] = market_based_g(grid, green, factor, entry.terms.residual if entry.terms is not None else None)
    values["estimated"] = float(factor.estimated)
    if factor.carbon_free_ratio is None:
        missing["free"] = "the grid's share of carbon-free energy is unknown"
    else:
        values["free"] = carbon_free_j(values["pv_used"], grid, green, factor.carbon_free_ratio)


def quantities_of(entry: Hour) -> Sequence[str]:
    """Names (`role:meter`) of the quantities that the hour was recorded with."""
    return entry.terms.quantities if entry.terms is not None else ()


def _lacks(entry: Hour, quantities: Iterable[str]) -> str:
    return ", ".join(
        f"{each.partition(':')[2]} read for {entry.covered_s.get(each, 0.0) / 60:.0f} of 60 min{_jumped(entry, each)}"
        for each in quantities
    )


def _jumped(entry: Hour, quantity: str) -> str:
    lost_s = entry.lost_s.get(quantity, 0.0)
    return f" ({lost_s / 60:.0f} min lost to a jump of its counter)" if lost_s else ""
