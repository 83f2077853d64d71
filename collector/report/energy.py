"""Rows of energy, carbon, water and heat reuse: by month, day, hour and hour of the day.

Each figure of a period uses the same hours for all its inputs. A PUE whose facility energy covers more hours than its IT
energy would be wrong, and its coverage would not show it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector.derive import KWH_J, Hour
from collector.report.hours import OPTIONAL, HourValues, hour_values, quantities_of
from collector.report.period import Period
from collector.report.read import SiteMonth
from collector.report.rows import PeriodKind, Row
from rackflow.plural import count_of

# Chosen: a PUE over fewer than half of the hours may cover nights only. Sums need no such limit, because they state the hours
# that they cover.
MIN_COVERAGE = 0.5
"""Share of a period's hours below which a ratio is unknown."""
# Chosen: IT and cooling may exceed the facility by the 1 % error of a class 1 meter (IEC 62053-21).
MAX_METER_DISAGREEMENT = 0.01
# Quantities of an hour that carbon factors are in.
_BY_FACTORS = frozenset({"location", "market", "free", "estimated"})
Sums = Mapping[str, float]
Span = tuple[PeriodKind, str, str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: `formula` of the sums of `required`, over the hours in which all of them are known.

    A ratio (`is_ratio`) is unknown if too few hours are known; a sum is not.
    """

    name: str
    unit: str
    required: tuple[str, ...]
    formula: Callable[[Sums], float]
    is_ratio: bool = False
    periods: frozenset[str] = frozenset({"month", "day"})

    @property
    def uses_factors(self) -> bool:
        """Whether it rests on carbon factors, which its rows name."""
        return not _BY_FACTORS.isdisjoint(self.required)


def _other(of: Sums) -> float:
    """Energy that is neither IT nor cooling. Raises ArithmeticError if it is negative beyond the meters' tolerance.

    In a gap of a counter, single hours may be negative, because energy is spread evenly over the gap; their sum is right.
    """
    if of["other"] < -MAX_METER_DISAGREEMENT * of["facility"]:
        raise ArithmeticError("IT and cooling are more than the facility: meters disagree")
    return of["other"]


# A month has 744 hours, so only figures that a chart needs, or that cannot be computed from others, have a row for each.
_ALL = frozenset({"month", "day", "hour"})
FIGURES = (
    Figure("energy_facility", "kWh", ("facility",), lambda of: of["facility"] / KWH_J, periods=_ALL),
    Figure("energy_it", "kWh", ("it",), lambda of: of["it"] / KWH_J, periods=_ALL),
    Figure("energy_cooling", "kWh", ("cooling",), lambda of: of["cooling"] / KWH_J, periods=_ALL),
    Figure("energy_other", "kWh", ("other", "facility"), lambda of: _other(of) / KWH_J, periods=_ALL),
    Figure("energy_pv", "kWh", ("pv",), lambda of: of["pv"] / KWH_J, periods=_ALL),
    Figure("energy_exported", "kWh", ("export",), lambda of: of["export"] / KWH_J, periods=_ALL),
    Figure("energy_generators", "kWh", ("generator",), lambda of: of["generator"] / KWH_J, periods=_ALL),
    Figure(
        "pv_self_consumption",
        "ratio",
        ("pv", "pv_used", "facility"),
        lambda of: of["pv_used"] / of["pv"],
        is_ratio=True,
    ),
    Figure("pue", "ratio", ("facility", "it"), lambda of: of["facility"] / of["it"], is_ratio=True),
    Figure(
        "carbon_location", "kgCO2e", ("location",), lambda of: of["location"] / 1000, periods=_ALL | {"hour_of_day"}
    ),
    Figure("carbon_market", "kgCO2e", ("market",), lambda of: of["market"] / 1000, periods=_ALL | {"hour_of_day"}),
    Figure(
        "carbon_intensity",
        "gCO2e/kWh",
        ("location", "grid"),
        lambda of: of["location"] / (of["grid"] / KWH_J),
        is_ratio=True,
        periods=_ALL | {"hour_of_day"},
    ),
    Figure(
        "carbon_free_energy",
        "ratio",
        ("free", "facility"),
        lambda of: of["free"] / of["facility"],
        is_ratio=True,
        periods=_ALL | {"hour_of_day"},
    ),
    Figure("carbon_estimated_hours", "ratio", ("estimated",), lambda of: of["estimated"] / of["hours"], is_ratio=True),
    Figure(
        "cue", "kgCO2e/kWh", ("location", "it"), lambda of: of["location"] / 1000 / (of["it"] / KWH_J), is_ratio=True
    ),
    Figure("energy_contracted", "kWh", ("green",), lambda of: of["green"] / KWH_J),
    # ISO/IEC 30134-3 limits REF to 1.
    Figure(
        "ref", "ratio", ("renewable", "facility"), lambda of: min(1.0, of["renewable"] / of["facility"]), is_ratio=True
    ),
    Figure("water", "m3", ("water",), lambda of: of["water"]),
    Figure("wue", "L/kWh", ("water", "it"), lambda of: 1000 * of["water"] / (of["it"] / KWH_J), is_ratio=True),
    Figure("heat_reused", "kWh", ("reuse",), lambda of: of["reuse"] / KWH_J),
    Figure("erf", "ratio", ("reuse", "facility"), lambda of: of["reuse"] / of["facility"], is_ratio=True),
)
# The meter role that each computed quantity comes from, if its name differs.
_METERED = {
    "green": "contract",
    "pv_used": "facility",
    "grid": "facility",
    "location": "facility",
    "market": "facility",
    "free": "facility",
    "estimated": "facility",
}


# The meters that renewable energy comes from: a site may have either.
_RENEWABLE = frozenset({"contract", "pv"})


def energy_rows(site_month: SiteMonth) -> Iterator[Row]:
    """All energy rows of a site. Figures for which the site has no meter are left out, not reported as unknown."""
    period = site_month.period
    known = {hour: hour_values(site_month.hours[hour]) for hour in period.hours() if hour in site_month.hours}
    # A quantity that was metered at any time of the month counts as metered: in other hours its figures are unknown, not left out.
    metered = {quantity.partition(":")[0] for entry in site_month.hours.values() for quantity in quantities_of(entry)}
    if any(entry.terms is not None and entry.terms.profile_j is not None for entry in site_month.hours.values()):
        # A contract may also be a fixed profile of the site file, which has no meter.
        metered.add("contract")
    if metered & _RENEWABLE:
        metered.add("renewable")
    for figure in FIGURES:
        if any(need in OPTIONAL and _METERED.get(need, need) not in metered for need in figure.required):
            continue
        for span in spans(period):
            if span[0] in figure.periods:
                yield _row(site_month, figure, span, known)
    yield from _category(site_month)


def spans(period: Period) -> Iterator[Span]:
    """The periods of the report (month, days, hours, hours of the day), each with the hours of it that are over."""
    yield "month", period.iso(period.first), period.iso(period.end), period.hours()
    for _, hours in period.days():
        yield "day", period.iso(hours[0]), period.iso(hours[-1] + 1), hours
    for hour in period.hours():
        yield "hour", period.iso(hour), period.iso(hour + 1), [hour]
    # By local clock hour: on a day when clocks are set back, one clock hour contains two hours.
    of_day: dict[int, list[int]] = {}
    for hour in period.hours():
        of_day.setdefault(period.local(hour).hour, []).append(hour)
    for each in sorted(of_day):
        yield "hour_of_day", f"{each:02}:00", f"{(each + 1) % 24:02}:00", of_day[each]


def _row(site_month: SiteMonth, figure: Figure, span: Span, known: Mapping[int, HourValues]) -> Row:
    kind, start, end, hours = span
    whole = [hour for hour in hours if hour in known and all(need in known[hour].values for need in figure.required)]
    coverage = len(whole) / len(hours) if hours else 0.0
    least = MIN_COVERAGE if figure.is_ratio else 0.0
    value, why = None, ""
    if whole and coverage >= least:
        sums = {need: sum(known[hour].values[need] for hour in whole) for need in figure.required}
        try:
            value = figure.formula(sums | {"hours": float(len(whole))})
        except ZeroDivisionError:
            why = "no energy was used"
        except ArithmeticError as error:
            why = str(error)
    # Hourly rows would repeat the names of all meters 744 times, so they state only what is specific to the hour.
    if value is None:
        rests = why or _lacking(figure, hours, frozenset(whole), known)
    elif kind == "hour":
        rests = _source(site_month.hours[hours[0]], figure)
    else:
        rests = _basis(figure, [site_month.hours[hour] for hour in whole], len(hours))
    return Row(
        figure=figure.name,
        place=site_month.site,
        period=kind,
        start=start,
        end=end,
        value=value,
        unit=figure.unit,
        coverage=coverage,
        rests_on=rests,
    )


def _basis(figure: Figure, entries: Sequence[Hour], hours: int) -> str:
    """What a known value is based on: its meters, its hours, and which part is an estimate."""
    own = _own(figure, entries)
    kinds = {each.partition(":")[0] for each in own}
    names = sorted(each.partition(":")[2] for each in own)
    if "contract" in _kinds(figure) and any(entry.terms and entry.terms.profile_j is not None for entry in entries):
        names.append("contracted profile")
    words = [f"{', '.join(names)}; {len(entries)} of {hours} h"]
    spread = [entry for entry in entries if own & entry.spread_s.keys()]
    if spread:
        words.append(f"{len(spread)} h hold energy spread evenly over gaps in a counter")
    jumped = [entry for entry in entries if own & entry.lost_s.keys()]
    if jumped:
        words.append(f"in {len(jumped)} h a counter jumped, and the seconds of the jump are not counted")
    if "it" in kinds:
        words.append(f"category {', '.join(sorted({entry.terms.category for entry in entries if entry.terms}))}")
    if figure.uses_factors:
        words += _factors(entries)
    return "; ".join(words)


def _kinds(figure: Figure) -> set[str]:
    """Roles of the meters that a figure depends on."""
    kinds = {_METERED.get(need, need) for need in figure.required}
    if "renewable" in kinds:
        kinds |= _RENEWABLE
    if "other" in kinds:
        kinds |= {"facility", "it", "cooling"}
    if figure.uses_factors:
        kinds.add("contract")
    return kinds


def _own(figure: Figure, entries: Sequence[Hour]) -> set[str]:
    kinds = _kinds(figure)
    return {each for entry in entries for each in quantities_of(entry) if each.partition(":")[0] in kinds}


def _factors(entries: Sequence[Hour]) -> list[str]:
    found = Counter(
        f"factor {factor.source} ({'estimated' if factor.estimated else 'measured'}, {factor.basis})"
        for entry in entries
        if entry.terms is not None and (factor := entry.terms.factor) is not None
    )
    return [f"{what} {count} h" for what, count in found.most_common()]


def _source(entry: Hour, figure: Figure) -> str:
    words = _factors([entry])[:1] if figure.uses_factors else []
    own = _own(figure, [entry])
    found = [word.removesuffix(" 1 h") for word in words]
    found += ["spread evenly over a gap"] if own & entry.spread_s.keys() else []
    found += ["without the seconds of a counter's jump"] if own & entry.lost_s.keys() else []
    return "; ".join(found)


def _lacking(figure: Figure, hours: Sequence[int], whole: frozenset[int], known: Mapping[int, HourValues]) -> str:
    """Why a value is unknown: the reasons of the hours that do not count, the most frequent first."""
    why: Counter[str] = Counter()
    for hour in hours:
        if hour in whole:
            continue
        found = known.get(hour)
        lacks = [found.missing.get(need, "") for need in figure.required] if found else ["no record of the hour"]
        why.update({each for each in lacks if each} or {"not recorded yet"})
    if len(hours) == 1:
        return "; ".join(why)
    named = [f"{what} ({count} h)" for what, count in why.most_common(3)]
    more = [f"and {count_of(len(why) - 3, 'more reason')}"] if len(why) > 3 else []  # noqa: PLR2004 - as above
    return "; ".join([f"{len(whole)} of {len(hours)} h", *named, *more])


def _category(site_month: SiteMonth) -> Iterator[Row]:
    """One row per PUE category: the hours in which IT was metered at that place."""
    period = site_month.period
    found = Counter(entry.terms.category for entry in site_month.hours.values() if entry.terms is not None)
    for category, hours in sorted(found.items()):
        share = hours / len(period.hours()) if period.hours() else 0.0
        what = {"1": "basic: UPS output", "2": "intermediate: PDU output", "3": "advanced: input of the IT equipment"}
        yield Row(
            figure="pue_category",
            place=site_month.site,
            period="month",
            start=period.iso(period.first),
            end=period.iso(period.end),
            value=float(category),
            unit="category",
            coverage=share,
            rests_on=f"{what.get(category, '')}, ISO/IEC 30134-2; {hours} h",
        )
