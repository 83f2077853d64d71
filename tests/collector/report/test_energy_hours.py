"""Which hours a report's figures are of: ends of months, days on which clocks change, contracts by the hour, and what is too little."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from collector.derive.energy.accounting import Accounts
from collector.derive.energy.carbon import KWH_J, Factor, Factors
from collector.derive.energy.hourly import Hour, HourlyTotals, Terms
from collector.derive.energy.statement import Statement
from collector.report.energy import energy_rows
from collector.report.hours import hour_values
from collector.report.period import month
from collector.report.read import SiteMonth
from collector.report.rows import Row, Rows
from rackflow.process.slices import run_through

LATER_S = datetime(2027, 6, 1, tzinfo=UTC).timestamp()
GRID = Factor(500.0, 0.2, estimated=False, source="grid")


def hour(
    profile_kwh: float | None = None, factor: Factor | None = GRID, residual: float | None = None, **kwh: float
) -> Hour:
    """A whole hour: kWh by kind, each of one meter `m`."""
    amounts = {f"{kind}:m": amount * KWH_J for kind, amount in kwh.items()}
    profile_j = None if profile_kwh is None else profile_kwh * KWH_J
    terms = Terms(quantities=tuple(amounts), category="1", profile_j=profile_j, factor=factor, residual=residual)
    return Hour(amounts, dict.fromkeys(amounts, 3600.0), terms=terms)


def report(hours: Mapping[int, Hour], name: str = "2026-10", zone: str = "UTC", now_s: float = LATER_S) -> Rows:
    return Rows(energy_rows(SiteMonth("s", month(name, zone, now_s), hours, {}, {}, now_s)))


def near(value: float) -> object:
    """What a figure is compared with."""
    return pytest.approx(value)


def of_month(rows: Rows, figure: str) -> Row:
    [row] = rows.of(figure, "month")
    return row


def at(text: str) -> int:
    """Number of the hour that begins then."""
    return int(datetime.fromisoformat(text).timestamp() // 3600)


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("2026-03", "Europe/Paris"),
        ("2026-10", "Europe/Paris"),
        ("2026-02", "Africa/Casablanca"),  # clocks go back for Ramadan, and forward after it
        ("2026-03", "Africa/Casablanca"),
        ("2026-10", "Asia/Kolkata"),
        ("2026-03", "America/St_Johns"),
        ("2026-11", "America/St_Johns"),
        ("2026-04", "Pacific/Chatham"),
        ("2026-09", "Pacific/Chatham"),
        ("2026-11", "America/Havana"),  # clocks go back from one o'clock to midnight on the first
    ],
)
def test_sums_are_those_of_the_hours_that_begin_on_each_local_day(name: str, zone: str) -> None:
    """By an arithmetic of its own: each hour of the year, by the date that a clock in the zone shows when it begins."""
    middle = at(f"{name}-15T00:00+00:00")
    amounts = {each: 1.0 + each % 97 for each in range(middle - 1000, middle + 1000)}
    by_day: dict[str, float] = {}
    for each, amount in amounts.items():
        day = datetime.fromtimestamp(each * 3600, ZoneInfo(zone)).strftime("%Y-%m-%d")
        by_day[day] = by_day.get(day, 0.0) + amount
    own = {day: amount for day, amount in by_day.items() if day.startswith(name)}
    rows = report({each: hour(facility=amount) for each, amount in amounts.items()}, name, zone)
    assert of_month(rows, "energy_facility").value == near(sum(own.values()))
    assert {row.start[:10]: row.value for row in rows.of("energy_facility", "day")} == {
        day: near(amount) for day, amount in own.items()
    }


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [
        ("UTC", "2026-10-01T00:00+00:00", "2026-10-31T23:00+00:00"),
        ("Europe/Berlin", "2026-10-01T00:00+02:00", "2026-10-31T23:00+01:00"),
        ("America/New_York", "2026-10-01T00:00-04:00", "2026-10-31T23:00-04:00"),
    ],
)
def test_a_month_has_its_first_and_its_last_hour_and_none_beside_them(zone: str, first: str, last: str) -> None:
    hours = {
        at(first) - 1: hour(facility=100),
        at(first): hour(facility=1),
        at(last): hour(facility=10),
        at(last) + 1: hour(facility=1000),
    }
    rows = report(hours, zone=zone)
    whole = of_month(rows, "energy_facility")
    assert whole.value == near(11)
    assert (whole.start, whole.end[:16]) == (first, "2026-11-01T00:00")
    days = rows.of("energy_facility", "day")
    assert len(days) == 31
    assert (days[0].value, days[-1].value) == (near(1), near(10))
    assert [row.value for row in days[1:-1]] == [None] * 29
    single = [row for row in rows.of("energy_facility", "hour") if row.value is not None]
    assert [(row.start, row.value) for row in single] == [(first, near(1)), (last, near(10))]


def test_the_day_of_twenty_five_hours_has_two_hours_from_two_to_three() -> None:
    start = at("2026-10-25T00:00+02:00")
    hours = {start + each: hour(facility=each + 1, factor=GRID) for each in range(-1, 26)}
    rows = report(hours, zone="Europe/Berlin")
    day = rows.at("energy_facility", "s", "day", "2026-10-25T00:00+02:00")
    assert day is not None
    assert (day.value, day.coverage, day.end) == (near(sum(range(1, 26))), 1.0, "2026-10-26T00:00+01:00")
    # 02:00 summer time is the third hour, 02:00 winter time the fourth; 500 g for each kWh.
    by_hour = {row.start: row for row in rows.of("carbon_location", "hour_of_day")}
    assert sorted(by_hour) == [f"{each:02}:00" for each in range(24)]
    assert by_hour["02:00"].value == near((3 + 4) * 0.5)
    assert by_hour["03:00"].value == near(5 * 0.5)
    assert by_hour["01:00"].value == near(2 * 0.5)
    assert by_hour["02:00"].coverage == near(2 / 32)
    assert by_hour["03:00"].coverage == near(1 / 31)
    assert by_hour["23:00"].end == "00:00"


def test_the_day_of_twenty_three_hours_has_none_from_two_to_three() -> None:
    start = at("2026-03-29T00:00+01:00")
    hours = {start + each: hour(facility=each + 1) for each in range(23)}
    rows = report(hours, "2026-03", "Europe/Berlin")
    day = rows.at("energy_facility", "s", "day", "2026-03-29T00:00+01:00")
    assert day is not None
    assert (day.value, day.coverage) == (near(sum(range(1, 24))), 1.0)
    by_hour = {row.start: row.value for row in rows.of("carbon_location", "hour_of_day")}
    assert by_hour["01:00"] == near(2 * 0.5)
    assert by_hour["02:00"] is None
    assert by_hour["03:00"] == near(3 * 0.5)


def test_contracted_energy_counts_in_its_own_hour_and_what_is_beyond_the_load_is_lost() -> None:
    """Noon: 10 kWh of load and 30 of sun; midnight: 10 kWh of load and 2 of wind."""
    start = at("2026-10-01T00:00+00:00")
    hours = {
        start: hour(facility=10, profile_kwh=2.0, residual=700.0),
        start + 12: hour(facility=10, contract=27, profile_kwh=3.0, residual=700.0),
    }
    rows = report(hours, now_s=(start + 24) * 3600.0)
    by_hour = {row.start: row for row in rows.of("carbon_free_energy", "hour_of_day")}
    assert by_hour["00:00"].value == near((2 + 8 * 0.2) / 10)
    assert by_hour["12:00"].value == near(1.0)
    assert of_month(rows, "carbon_market").value == near(8 * 0.7)
    assert of_month(rows, "carbon_location").value == near(20 * 0.5)
    assert of_month(rows, "energy_contracted").value == near(32)
    assert of_month(rows, "carbon_free_energy").value is None  # of two hours of 24


def test_more_contracted_energy_than_was_used_makes_no_renewable_energy_factor_above_one() -> None:
    """ISO/IEC 30134-3 ends at 1."""
    start = at("2026-10-01T00:00+00:00")
    rows = report({start + each: hour(facility=10, contract=27) for each in range(744)})
    assert of_month(rows, "energy_contracted").value == near(27 * 744)
    assert of_month(rows, "ref").value == near(1.0)


@pytest.mark.parametrize(("lacking", "is_known"), [(373, False), (372, True), (0, True)])
def test_a_ratio_of_less_than_half_of_the_month_is_unknown_and_sums_are_reported(lacking: int, is_known: bool) -> None:  # noqa: FBT001 - a case
    start = at("2026-10-01T00:00+00:00")
    hours = {start + each: hour(facility=12, it=10) for each in range(744 - lacking)}
    rows = report(hours)
    pue = of_month(rows, "pue")
    assert pue.value == (near(1.2) if is_known else None)
    assert pue.coverage == near((744 - lacking) / 744)
    assert of_month(rows, "energy_it").value == near(10 * (744 - lacking))
    assert f"{744 - lacking} of 744 h" in pue.rests_on


def test_each_ratio_and_sum_in_its_unit() -> None:
    """One hour: 12 kWh, of them 10 of IT and 1.5 of cooling; 500 g/kWh; 5 L of water; 3 kWh of heat given away."""
    start = at("2026-10-01T00:00+00:00")
    entry = hour(facility=12, it=10, cooling=1.5, reuse=3, contract=6)
    entry.amount["water:m"], entry.covered_s["water:m"] = 0.005, 3600.0
    assert entry.terms is not None
    entry.terms = Terms(
        quantities=(*entry.terms.quantities, "water:m"), category="2", profile_j=None, factor=GRID, residual=None
    )
    rows = report({start: entry}, now_s=(start + 1) * 3600.0)
    expected = {
        "energy_facility": (12, "kWh"),
        "energy_it": (10, "kWh"),
        "energy_cooling": (1.5, "kWh"),
        "energy_other": (0.5, "kWh"),
        "pue": (1.2, "ratio"),
        "carbon_location": (6, "kgCO2e"),
        "carbon_market": (3, "kgCO2e"),
        "carbon_intensity": (500, "gCO2e/kWh"),
        "carbon_free_energy": (0.5 + 0.5 * 0.2, "ratio"),
        "carbon_estimated_hours": (0, "ratio"),
        "cue": (0.6, "kgCO2e/kWh"),
        "energy_contracted": (6, "kWh"),
        "ref": (0.5, "ratio"),
        "water": (0.005, "m3"),
        "wue": (0.5, "L/kWh"),
        "heat_reused": (3, "kWh"),
        "erf": (0.25, "ratio"),
        "pue_category": (2, "category"),
    }
    found = {row.figure: (row.value, row.unit) for row in rows.rows if row.period == "month"}
    assert found == {figure: (near(value), unit) for figure, (value, unit) in expected.items()}
    assert "category 2" in of_month(rows, "pue").rests_on
    assert of_month(rows, "pue_category").rests_on == "intermediate: PDU output, ISO/IEC 30134-2; 1 h"


def test_each_ratio_of_too_few_hours_is_unknown_and_each_sum_is_of_those_that_are_known() -> None:
    """300 of 744 hours."""
    start = at("2026-10-01T00:00+00:00")
    metered = {"facility": 70.0, "export": 20.0, "pv": 50.0, "generator": 10.0, "it": 80.0, "cooling": 8.0}
    entry = hour(None, GRID, None, **metered, reuse=30.0, contract=11.0, water=1.0)
    rows = [row for row in report({start + each: entry for each in range(300)}).rows if row.period == "month"]
    ratios = {"pue", "cue", "wue", "erf", "ref", "pv_self_consumption", "carbon_intensity"}
    ratios |= {"carbon_free_energy", "carbon_estimated_hours"}
    assert {row.figure for row in rows if row.value is None} == ratios
    assert {row.coverage for row in rows} == {300 / 744}


def test_what_the_grid_emits_is_of_the_energy_that_came_from_it_and_pv_is_free_of_carbon() -> None:
    """One hour: 70 kWh from the grid, of 110 that the site used, and 30 of its PV."""
    start = at("2026-10-01T00:00+00:00")
    entry = hour(facility=70, export=20, pv=50, generator=10, it=80)
    rows = report({start: entry}, now_s=(start + 1) * 3600.0)
    assert of_month(rows, "carbon_intensity").value == near(GRID.grams_per_kwh)
    assert of_month(rows, "carbon_free_energy").value == near((30 + 0.2 * 70) / 110)


def test_a_day_before_the_first_contract_says_that_nothing_was_recorded_yet() -> None:
    start = at("2026-10-01T00:00+00:00")
    hours = {start + each: hour(facility=10, contract=5) if each >= 24 else hour(facility=10) for each in range(48)}
    first, second, *_ = report(hours).of("energy_contracted", "day")
    assert (first.value, first.rests_on) == (None, "0 of 24 h; not recorded yet (24 h)")
    assert second.value == near(24 * 5)


def test_what_was_made_on_site_and_what_was_exported_have_rows_of_the_month_the_day_and_the_hour() -> None:
    """One hour: 70 kWh from the grid, 50 of PV of which 20 are exported, 10 of a generator."""
    start = at("2026-10-01T00:00+00:00")
    entry = hour(facility=70, export=20, pv=50, generator=10, it=80)
    expected = {"energy_facility": 110, "energy_pv": 50, "energy_exported": 20, "energy_generators": 10}
    rows = report({start: entry}, now_s=(start + 1) * 3600.0)
    for figure, kwh in expected.items():
        found = {row.period: (row.value, row.unit) for row in rows.rows if row.figure == figure}
        assert found == dict.fromkeys(("month", "day", "hour"), (near(kwh), "kWh"))
    assert of_month(rows, "pv_self_consumption").value == near(30 / 50)
    few = report({start: entry})
    assert of_month(few, "energy_pv").value == near(50)
    assert of_month(few, "pv_self_consumption").value is None  # of one hour of 744


@pytest.mark.parametrize(("contract_kwh", "ref"), [(None, 30 / 110), (11.0, 41 / 110), (110.0, 1.0)])
def test_the_renewable_energy_factor_counts_what_was_used_of_the_sites_pv_as_the_live_figure_does(
    contract_kwh: float | None, ref: float
) -> None:
    """With contracts or without. 70 kWh from the grid, 50 of PV of which 20 are exported, 10 of a generator."""
    start = at("2026-10-01T00:00+00:00")
    metered = {"facility": 70.0, "export": 20.0, "pv": 50.0, "generator": 10.0, "it": 80.0}
    contracted = {} if contract_kwh is None else {"contract": contract_kwh}
    entry = hour(None, GRID, None, **metered, **contracted)
    found = of_month(report({start: entry}, now_s=(start + 1) * 3600.0), "ref")
    assert found.value == near(ref)
    assert found.rests_on == "m, m; 1 of 1 h" if contract_kwh is None else "m, m, m; 1 of 1 h"
    totals = HourlyTotals()
    totals.hours[start] = entry
    contracts = ("contract:m",) if contracted else ()
    accounts = Accounts("s", (), "3", (), contracts, (), "", quantities=frozenset(entry.amount))
    figures = run_through(Statement(accounts, totals, Factors(), start + 1).figure_steps())
    of_hour = (("site", "s"), ("window", "hour"))
    (live,) = (
        each.value
        for each in figures
        if each.output.metric.name == "dcim_site_ref_ratio" and each.output.labels == of_hour
    )
    assert live == near(ref)


def test_every_category_of_the_month_is_reported_with_its_hours() -> None:
    start = at("2026-10-01T00:00+00:00")
    hours = {}
    for each, category in enumerate("11133"):
        entry = hours[start + each] = hour(facility=12, it=10)
        entry.terms = Terms(
            quantities=("facility:m", "it:m"), category=category, profile_j=None, factor=GRID, residual=None
        )
    rows = report(hours, now_s=(start + 5) * 3600.0)
    assert "category 1, 3" in of_month(rows, "pue").rests_on
    assert [(row.value, row.coverage) for row in rows.of("pue_category", "month")] == [
        (1.0, near(0.6)),
        (3.0, near(0.4)),
    ]


@pytest.mark.parametrize(("cooling", "is_known"), [(2.1, True), (2.13, False)])
def test_meters_may_disagree_by_one_per_cent(cooling: float, is_known: bool) -> None:  # noqa: FBT001 - a case
    start = at("2026-10-01T00:00+00:00")
    rows = report({start: hour(facility=12, it=10, cooling=cooling)})
    assert (of_month(rows, "energy_other").value is not None) == is_known


def test_of_an_hour_all_meters_of_a_kind_must_have_been_read() -> None:
    entry = hour(facility=12, it=10, contract=3)
    assert entry.terms is not None
    entry.terms = Terms(
        quantities=(*entry.terms.quantities, "facility:n"),
        category="1",
        profile_j=2 * KWH_J,
        factor=GRID,
        residual=None,
    )
    entry.amount["facility:n"] = KWH_J
    entry.covered_s["facility:n"] = 1800.0
    found = hour_values(entry)
    assert found.values.keys() == {"it", "green"}
    assert found.missing["facility"] == "n read for 30 of 60 min"
    assert found.missing["location"] == "n read for 30 of 60 min"
    entry.covered_s["facility:n"] = 3600.0
    assert hour_values(entry).values["facility"] == 13 * KWH_J
    assert hour_values(entry).values["green"] == 5 * KWH_J
    entry.covered_s["contract:m"] = 60.0
    short = hour_values(entry)
    assert short.values.keys() == {
        "facility",
        "grid",
        "pv_used",
        "it",
        "other",
    }  # how much of it is free of carbon is not known
    assert short.missing["green"] == short.missing["market"] == "m read for 1 of 60 min"


def test_the_months_energy_includes_pv_and_generators_and_excludes_exported_energy() -> None:
    entry = hour(facility=70, export=20, pv=50, generator=10, it=80)
    values = hour_values(entry).values
    assert values["facility"] == 110 * KWH_J
    assert values["grid"] == 70 * KWH_J
    assert values["pv_used"] == 30 * KWH_J
    assert values["location"] == 70 * GRID.grams_per_kwh
    entry.covered_s["pv:m"] = 60.0
    unread = hour_values(entry)
    assert "facility" not in unread.values
    assert unread.missing["facility"] == "m read for 1 of 60 min"


def test_cooling_that_was_not_read_leaves_the_rest_unknown_and_without_a_meter_it_is_in_it() -> None:
    entry = hour(facility=12, it=10, cooling=1)
    assert hour_values(entry).values["other"] == KWH_J
    entry.covered_s["cooling:m"] = 60.0
    assert "other" not in hour_values(entry).values
    assert hour_values(hour(facility=12, it=10)).values["other"] == 2 * KWH_J
    assert hour_values(Hour()).missing["it"] == "no meter of role it"


def test_without_a_residual_factor_the_grids_takes_its_place() -> None:
    assert hour_values(hour(facility=12, contract=2)).values["market"] == near(5000)
    assert hour_values(hour(facility=12, contract=2, residual=0.0)).values["market"] == 0.0
    assert hour_values(hour(facility=12, factor=None)).missing["market"] == "no carbon factor of the grid"
    unknown = hour_values(hour(facility=12, factor=Factor(500.0, None, estimated=True, source="x")))
    assert unknown.values["estimated"] == 1.0
    assert unknown.missing["free"] == "the grid's share of carbon-free energy is unknown"


def test_an_hour_in_which_a_counter_jumped_says_so() -> None:
    jumped, broken = hour(facility=1, it=1), hour(facility=1, it=1)
    jumped.lost_s["it:m"], jumped.covered_s["it:m"] = 60.0, 3540.0
    broken.lost_s["it:m"], broken.covered_s["it:m"] = 1200.0, 2400.0
    start = at("2026-10-01T00:00+00:00")
    rows = report({start: jumped, start + 1: broken, start + 2: hour(facility=1, it=1)})
    assert (
        "in 1 h a counter jumped, and the seconds of the jump are not counted" in of_month(rows, "energy_it").rests_on
    )
    assert "a counter jumped" not in of_month(rows, "energy_facility").rests_on
    of_hours = [(row.value, row.rests_on) for row in rows.of("energy_it", "hour")[:3]]
    assert of_hours == [
        (near(1), "without the seconds of a counter's jump"),
        (None, "m read for 40 of 60 min (20 min lost to a jump of its counter)"),
        (near(1), ""),
    ]


def test_energy_that_was_spread_is_said_of_the_figures_that_it_is_in() -> None:
    """IT was not read for two hours; the facility was."""
    spread = [hour(facility=1, it=1) for _ in range(2)]
    for each in spread:
        each.spread_s["it:m"] = 3600.0
    start = at("2026-10-01T00:00+00:00")
    rows = report({start: spread[0], start + 1: spread[1], start + 2: hour(facility=1, it=1)})
    words = "2 h hold energy spread evenly over gaps in a counter"
    assert words in of_month(rows, "energy_it").rests_on
    assert "spread" not in of_month(rows, "energy_facility").rests_on
    assert [row.rests_on for row in rows.of("energy_it", "hour")[:3]] == ["spread evenly over a gap"] * 2 + [""]
    assert [row.rests_on for row in rows.of("energy_facility", "hour")[:3]] == [""] * 3


def test_a_category_has_the_share_of_the_months_hours_and_not_of_those_that_were_recorded() -> None:
    start = at("2026-10-01T00:00+00:00")
    [row] = report({start + each: hour(facility=1, it=1) for each in range(93)}).of("pue_category", "month")
    assert (row.coverage, row.rests_on) == (93 / 744, "basic: UPS output, ISO/IEC 30134-2; 93 h")


def test_an_unknown_day_names_its_three_most_frequent_reasons_and_how_many_more_there_are() -> None:
    start = at("2026-10-01T00:00+00:00")
    found: dict[int, Hour] = {}
    for count, minutes in enumerate((1, 2, 2, 3, 4, 5)):
        found[start + count] = hour(it=1)
        found[start + count].covered_s["it:m"] = 60.0 * minutes
    row = next(row for row in report(found).of("energy_it", "day") if row.start.startswith("2026-10-01"))
    assert row.rests_on.startswith("0 of 24 h; no record of the hour (18 h); m read for 2 of 60 min (2 h); m read for ")
    assert row.rests_on.endswith(" of 60 min (1 h); and 3 more reasons")


def test_of_several_contracts_each_counts_and_each_must_be_metered() -> None:
    entry = hour(facility=12, contract=2)
    entry.amount["contract:n"], entry.covered_s["contract:n"] = 3 * KWH_J, 3600.0
    assert entry.terms is not None
    entry.terms = Terms(
        quantities=(*entry.terms.quantities, "contract:n"), category="1", profile_j=None, factor=GRID, residual=None
    )
    assert hour_values(entry).values["green"] == near(5 * KWH_J)
    entry.covered_s["contract:n"] = 60.0
    found = hour_values(entry)
    assert "green" not in found.values
    assert found.missing["green"] == "n read for 1 of 60 min"


def test_a_fixed_profile_is_a_contract_without_a_meter_and_is_named() -> None:
    row = of_month(
        report({at("2026-10-05T12:00+00:00"): hour(profile_kwh=3.0, facility=10.0, it=8.0)}), "energy_contracted"
    )
    assert (row.value, row.rests_on) == (near(3.0), "contracted profile; 1 of 744 h")


def test_what_was_metered_on_any_day_of_the_month_has_its_rows() -> None:
    """The meter of cooling is gone since the second day: its energy until then is reported, with the hours that it covers."""
    before, after = at("2026-10-01T00:00+00:00"), at("2026-10-02T00:00+00:00")
    hours = {number: hour(facility=10.0, it=8.0, cooling=1.0) for number in range(before, after)}
    hours |= {number: hour(facility=10.0, it=8.0) for number in range(after, after + 24)}
    row = of_month(report(hours), "energy_cooling")
    assert (row.value, row.coverage) == (near(24.0), near(24 / 744))


@pytest.mark.parametrize(
    ("factor", "residual", "market_g", "free_kwh", "estimated"),
    [
        (Factor(500.0, 0.0, estimated=False, source="grid"), 0.0, 0.0, 0.0, 0.0),
        (Factor(500.0, None, estimated=True, source="grid"), 700.0, 7000.0, None, 1.0),
    ],
    ids=["a residual mix and a grid without any", "a share that is not known"],
)
def test_none_is_a_number_and_not_unknown(
    factor: Factor, residual: float, market_g: float, free_kwh: float | None, estimated: float
) -> None:
    """A residual mix of 0 g/kWh, and a grid with 0 % of carbon-free energy, are what they are."""
    values = hour_values(hour(factor=factor, residual=residual, facility=10.0, it=8.0)).values
    assert values["market"] == near(market_g)
    assert values["estimated"] == estimated
    assert values.get("free") == (None if free_kwh is None else near(free_kwh * KWH_J))


def test_a_month_in_which_it_used_nothing_has_no_pue_and_says_why() -> None:
    row = of_month(
        report({number: hour(facility=1.0, it=0.0) for number in month("2026-10", "UTC", LATER_S).hours()}), "pue"
    )
    assert (row.value, row.rests_on) == (None, "no energy was used")


def test_the_share_of_estimated_hours_is_of_the_hours_that_are_known() -> None:
    """Four hours: two with an estimated factor, one with a measured one, and one without a record."""
    start = at("2026-10-01T00:00+00:00")
    estimate = Factor(500.0, 0.2, estimated=True, source="mean")
    hours = {
        start: hour(facility=10, factor=estimate),
        start + 1: hour(facility=10, factor=estimate),
        start + 2: hour(facility=10),
    }
    row = of_month(report(hours, now_s=(start + 4) * 3600.0), "carbon_estimated_hours")
    assert (row.value, row.coverage) == (near(2 / 3), near(3 / 4))
