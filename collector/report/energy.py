"""Energy, carbon, water and reuse of a month: in go the hours of a site, out come rows by month, day, hour and hour of day; pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector.derive.ledger import Hour
from collector.report.period import Period
from collector.report.read import Books
from collector.report.tidy import PeriodKind, Row

KWH_J = 3.6e6
LEAST_COVERAGE = 0.5
"""A ratio of less than half of the period's hours is no figure of the period; sums say what they rest on."""
DISAGREE = 0.01
_KINDS = ("facility", "it", "cooling", "water", "reuse")
Sums = Mapping[str, float]
Span = tuple[PeriodKind, str, str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure over hours in which all of `needs` are known: `formula` of their sums. `a ratio of too few hours is unknown."""

    name: str
    unit: str
    needs: tuple[str, ...]
    formula: Callable[[Sums], float]
    is_ratio: bool = False
    periods: frozenset[str] = frozenset({"month", "day"})


def _other(of: Sums) -> float:
    """What is neither IT nor cooling. Of single hours it may be wrong where a counter was silent, not of their sum."""
    if of["other"] < -DISAGREE * of["facility"]:
        raise ArithmeticError("IT and cooling are more than the facility: meters disagree")
    return of["other"]


_ALL = frozenset({"month", "day", "hour"})
FIGURES = (
    Figure("energy_facility", "kWh", ("facility",), lambda of: of["facility"] / KWH_J, periods=_ALL),
    Figure("energy_it", "kWh", ("it",), lambda of: of["it"] / KWH_J, periods=_ALL),
    Figure("energy_cooling", "kWh", ("cooling",), lambda of: of["cooling"] / KWH_J, periods=_ALL),
    Figure("energy_other", "kWh", ("other", "facility"), lambda of: _other(of) / KWH_J, periods=_ALL),
    Figure("pue", "ratio", ("facility", "it"), lambda of: of["facility"] / of["it"], is_ratio=True),
    Figure(
        "carbon_location", "kgCO2e", ("location",), lambda of: of["location"] / 1000, periods=_ALL | {"hour_of_day"}
    ),
    Figure("carbon_market", "kgCO2e", ("market",), lambda of: of["market"] / 1000, periods=_ALL | {"hour_of_day"}),
    Figure(
        "carbon_intensity",
        "gCO2e/kWh",
        ("location", "facility"),
        lambda of: of["location"] / (of["facility"] / KWH_J),
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
    Figure("ref", "ratio", ("green", "facility"), lambda of: min(1.0, of["green"] / of["facility"]), is_ratio=True),
    Figure("water", "m3", ("water",), lambda of: of["water"]),
    Figure("wue", "L/kWh", ("water", "it"), lambda of: 1000 * of["water"] / (of["it"] / KWH_J), is_ratio=True),
    Figure("heat_reused", "kWh", ("reuse",), lambda of: of["reuse"] / KWH_J),
    Figure("erf", "ratio", ("reuse", "facility"), lambda of: of["reuse"] / of["facility"], is_ratio=True),
)
_METERED = {
    "green": "contract",
    "location": "facility",
    "market": "facility",
    "free": "facility",
    "estimated": "facility",
}
_OPTIONAL = frozenset({"cooling", "water", "reuse", "green"})
"""What a site need not meter: then its figures are left out."""


@dataclass(frozen=True, slots=True)
class Known:
    """One hour: what is known of it, J, m3 and g, and what is missing, by need."""

    values: Mapping[str, float]
    missing: Mapping[str, str]


def energy_rows(books: Books) -> Iterator[Row]:
    """All rows of a site."""
    period = books.period
    known = {hour: known_of(books.hours[hour]) for hour in period.hours() if hour in books.hours}
    metered = {quantity.partition(":")[0] for entry in books.hours.values() for quantity in _quantities(entry)}
    if any(entry.terms is not None and entry.terms.profile_j is not None for entry in books.hours.values()):
        metered.add("contract")
    for figure in FIGURES:
        if any(need in _OPTIONAL and _METERED.get(need, need) not in metered for need in figure.needs):
            continue
        for span in spans(period):
            if span[0] in figure.periods:
                yield _row(books, figure, span, known)
    yield from _category(books)


def spans(period: Period) -> Iterator[Span]:
    """The month, its days, its hours, and the hours of the day, each with its hours that are over."""
    yield "month", period.iso(period.first), period.iso(period.end), period.hours()
    for _, hours in period.days():
        yield "day", period.iso(hours[0]), period.iso(hours[-1] + 1), hours
    for hour in period.hours():
        yield "hour", period.iso(hour), period.iso(hour + 1), [hour]
    of_day: dict[int, list[int]] = {}
    for hour in period.hours():
        of_day.setdefault(period.local(hour).hour, []).append(hour)
    for each in sorted(of_day):
        yield "hour_of_day", f"{each:02}:00", f"{(each + 1) % 24:02}:00", of_day[each]


def known_of(entry: Hour) -> Known:
    """What one hour says."""
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for kind in _KINDS:
        _meter(entry, kind, values, missing)
    terms = entry.terms
    contracts = [each for each in _quantities(entry) if each.startswith("contract:")]
    lacking = [each for each in contracts if not entry.has(each)]
    if lacking:
        missing["green"] = _lacks(entry, lacking)
    elif contracts or (terms is not None and terms.profile_j is not None):
        profile_j = terms.profile_j if terms is not None and terms.profile_j is not None else 0.0
        values["green"] = sum(entry.amount[each] for each in contracts) + profile_j
    _carbon(entry, values, missing)
    if {"facility", "it", "cooling"} <= values.keys():
        values["other"] = values["facility"] - values["it"] - values["cooling"]
    elif {"facility", "it"} <= values.keys() and "cooling" not in missing:
        values["other"] = values["facility"] - values["it"]
    else:
        missing["other"] = "; ".join(missing[kind] for kind in ("facility", "it", "cooling") if kind in missing)
    return Known(values, missing)


def _meter(entry: Hour, kind: str, values: dict[str, float], missing: dict[str, str]) -> None:
    own = [each for each in _quantities(entry) if each.startswith(f"{kind}:")]
    lacking = [each for each in own if not entry.has(each)]
    if own and not lacking:
        values[kind] = sum(entry.amount[each] for each in own)
    elif lacking:
        missing[kind] = _lacks(entry, lacking)
    elif kind not in _OPTIONAL:
        missing[kind] = f"no meter of role {kind}"


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
    load, green = values["facility"], values.get("green", 0.0)
    residual = entry.terms.residual if entry.terms is not None else None
    values["location"] = load / KWH_J * factor.grams_per_kwh
    values["market"] = max(load - green, 0.0) / KWH_J * (factor.grams_per_kwh if residual is None else residual)
    values["estimated"] = float(factor.estimated)
    if factor.carbon_free_ratio is None:
        missing["free"] = "the grid's share that is free of carbon is not known"
    else:
        used = min(green, load)
        values["free"] = used + (load - used) * factor.carbon_free_ratio


def _quantities(entry: Hour) -> Sequence[str]:
    return entry.terms.quantities if entry.terms is not None else ()


def _lacks(entry: Hour, quantities: Iterable[str]) -> str:
    short = [
        f"{each.partition(':')[2]} read for {entry.covered_s.get(each, 0.0) / 60:.0f} of 60 min" for each in quantities
    ]
    return ", ".join(short)


def _row(books: Books, figure: Figure, span: Span, known: Mapping[int, Known]) -> Row:
    kind, start, end, hours = span
    whole = [hour for hour in hours if hour in known and all(need in known[hour].values for need in figure.needs)]
    coverage = len(whole) / len(hours) if hours else 0.0
    least = LEAST_COVERAGE if figure.is_ratio else 0.0
    value, why = None, ""
    if whole and coverage >= least:
        sums = {need: sum(known[hour].values[need] for hour in whole) for need in figure.needs}
        try:
            value = figure.formula(sums | {"hours": float(len(whole))})
        except ZeroDivisionError:
            why = "no energy was used"
        except ArithmeticError as error:
            why = str(error)
    if value is None:
        rests = why or _lacking(figure, hours, frozenset(whole), known)
    elif kind == "hour":
        rests = _source(books.hours[hours[0]], figure)
    else:
        rests = _basis(figure, [books.hours[hour] for hour in whole], len(hours))
    return Row(figure.name, books.site, kind, start, end, value, figure.unit, coverage, rests)


def _basis(figure: Figure, entries: Sequence[Hour], hours: int) -> str:
    """Meters, hours, and what is an estimate."""
    kinds = {_METERED.get(need, need) for need in figure.needs}
    if "other" in kinds:
        kinds |= {"facility", "it", "cooling"}
    if kinds & {"facility"} and figure.name.startswith(("carbon", "cue")):
        kinds.add("contract")
    own = {each for entry in entries for each in _quantities(entry) if each.partition(":")[0] in kinds}
    names = sorted(each.partition(":")[2] for each in own)
    if "contract" in kinds and any(entry.terms and entry.terms.profile_j is not None for entry in entries):
        names.append("contracted profile")
    words = [f"{', '.join(names)}; {len(entries)} of {hours} h"]
    spread = sum(any(each in entry.spread_s for each in own) for entry in entries)
    if spread:
        words.append(f"{spread} h hold energy spread evenly over gaps in a counter")
    if {"it"} & kinds:
        words.append(f"category {', '.join(sorted({entry.terms.category for entry in entries if entry.terms}))}")
    if figure.name.startswith(("carbon", "cue")):
        words += _factors(entries)
    return "; ".join(words)


def _factors(entries: Sequence[Hour]) -> list[str]:
    found = Counter(
        f"factor {factor.source} ({'estimated' if factor.estimated else 'measured'}, {factor.basis})"
        for entry in entries
        if entry.terms is not None and (factor := entry.terms.factor) is not None
    )
    return [f"{what} {count} h" for what, count in found.most_common()]


def _source(entry: Hour, figure: Figure) -> str:
    words = _factors([entry])[:1] if figure.name.startswith("carbon") else []
    gaps = [each for each in entry.spread_s if each in _quantities(entry)]
    return "; ".join([*(word.removesuffix(" 1 h") for word in words), *(["spread evenly over a gap"] if gaps else [])])


def _lacking(figure: Figure, hours: Sequence[int], whole: frozenset[int], known: Mapping[int, Known]) -> str:
    """What is missing, the most frequent first."""
    why: Counter[str] = Counter()
    for hour in hours:
        if hour in whole:
            continue
        found = known.get(hour)
        lacks = [found.missing.get(need, "") for need in figure.needs] if found else ["nothing is in the books"]
        why.update({each for each in lacks if each} or {"not accounted yet"})
    if len(hours) == 1:
        return "; ".join(why)
    named = [f"{what} ({count} h)" for what, count in why.most_common(3)]
    more = [f"and {len(why) - 3} more reasons"] if len(why) > 3 else []  # noqa: PLR2004 - as above
    return "; ".join([f"{len(whole)} of {len(hours)} h", *named, *more])


def _category(books: Books) -> Iterator[Row]:
    """Hours by the place where IT is metered."""
    period = books.period
    found = Counter(entry.terms.category for entry in books.hours.values() if entry.terms is not None)
    for category, hours in sorted(found.items()):
        share = hours / len(period.hours()) if period.hours() else 0.0
        what = {"1": "basic: UPS output", "2": "intermediate: PDU output", "3": "advanced: input of the IT equipment"}
        yield Row(
            "pue_category",
            books.site,
            "month",
            period.iso(period.first),
            period.iso(period.end),
            float(category),
            "category",
            share,
            f"{what.get(category, '')}, ISO/IEC 30134-2; {hours} h",
        )
