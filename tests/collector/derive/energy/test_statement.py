"""Figures over a year of hours."""

from dataclasses import replace

import pytest

from collector.derive.energy.accounting import Accounts, Emissions
from collector.derive.energy.carbon import KWH_J, Factor, Factors
from collector.derive.energy.hourly import Hour, HourlyTotals, Terms
from collector.derive.energy.statement import Statement
from collector.derive.engine import Figure
from rackflow.process.slices import EACH_STEP, in_slices, run_through
from rackflow.site import Grid
from tests.collector.derive.energy.energy_accounts import accounts_of
from tests.turns import CALLS_OF_50_MS, Turns

NOW_HOUR = 500_000
AMOUNTS = {"facility:main": 1.2e9, "it:ups": 1.0e9, "pv:roof": 0.3e9}


async def test_a_year_of_hours_is_looked_at_in_slices() -> None:
    """It held the collector for half a second once an hour."""
    totals = HourlyTotals()
    for hour in range(NOW_HOUR - 8760, NOW_HOUR):
        totals.hours[hour] = Hour(dict(AMOUNTS), dict.fromkeys(AMOUNTS, 3600.0))
    accounts = accounts_of(AMOUNTS)
    async with Turns().counted() as turns:
        found = await in_slices(Statement(accounts, totals, Factors(), NOW_HOUR).figure_steps(), EACH_STEP)
    values = {(each.output.metric.name, dict(each.output.labels)["window"]): each.value for each in found}
    assert values["dcim_site_interim_pue_ratio", "year"] == pytest.approx(1.5)
    assert values["dcim_site_pv_share_ratio", "month"] == pytest.approx(0.2)
    assert values["dcim_site_ref_ratio", "day"] == pytest.approx(0.2)
    assert all(each.share == 1.0 for each in found if "pv" in each.output.metric.name)
    assert max(turns.calls) < CALLS_OF_50_MS / 5 < sum(turns.calls)


async def test_hours_in_which_a_meter_was_not_yet_there_are_looked_at_in_slices_too() -> None:
    """With fifty meters: all but the last one were metered for a year."""
    meters = [f"it:meter-{number:02}" for number in range(50)]
    totals = HourlyTotals()
    for hour in range(NOW_HOUR - 8760, NOW_HOUR):
        present = ["facility:main", *meters[: 49 if hour < NOW_HOUR - 20 else 50]]
        totals.hours[hour] = Hour(dict.fromkeys(present, 1e9) | {"facility:main": 1e11}, dict.fromkeys(present, 3600.0))
    accounts = accounts_of(["facility:main", *meters])
    async with Turns().counted() as turns:
        found = await in_slices(Statement(accounts, totals, Factors(), NOW_HOUR).figure_steps(), EACH_STEP)
    pue = {dict(each.output.labels)["window"]: each for each in found if "pue" in each.output.metric.name}
    assert pue["day"].value == pytest.approx(2.0)
    assert pue["year"].share == pytest.approx(20 / 8760)
    assert max(turns.calls) < CALLS_OF_50_MS / 5 < sum(turns.calls)


def test_reused_heat_is_compared_with_the_energy_of_the_same_hours() -> None:
    """In 6 of 24 hours the meter of the reused heat was away: 5 of 10 kWh are reused, and not 90 of 240."""
    totals = HourlyTotals()
    for hour in range(24):
        amounts = {"facility:m": 10 * KWH_J} | ({"reuse:r": 5 * KWH_J} if hour < 18 else {})
        totals.hours[hour] = Hour(amounts, dict.fromkeys(amounts, 3600.0))
    accounts = accounts_of({"facility:m", "reuse:r"})
    figures = run_through(Statement(accounts, totals, Factors(), 24).figure_steps())
    (erf,) = [
        each
        for each in figures
        if each.output.metric.name == "dcim_site_erf_ratio" and ("window", "day") in each.output.labels
    ]
    assert (erf.value, erf.share) == (0.5, 0.75)


@pytest.mark.parametrize(
    ("partly", "affected"),
    [
        ("facility:m", {"interim_pue_ratio", "pv_share_ratio", "pv_self_consumption_ratio"}),
        ("pv:r", {"interim_pue_ratio", "pv_share_ratio", "pv_self_consumption_ratio"}),
        ("it:u", {"interim_pue_ratio", "wue_liters_per_kilowatt_hour"}),
        ("water:w", {"wue_liters_per_kilowatt_hour"}),
    ],
)
def test_a_ratio_rests_on_the_hours_in_which_all_of_its_meters_were_read(partly: str, affected: set[str]) -> None:
    """In 6 of 24 hours one meter was read for ten minutes: what it counted then is compared with nothing."""
    amounts = {"facility:m": 10 * KWH_J, "pv:r": 2 * KWH_J, "it:u": 8 * KWH_J, "water:w": 0.016}
    totals = HourlyTotals()
    for hour in range(24):
        is_partly = hour >= 18
        read = amounts | ({partly: amounts[partly] / 6} if is_partly else {})
        totals.hours[hour] = Hour(read, dict.fromkeys(amounts, 3600.0) | ({partly: 600.0} if is_partly else {}))
    figures = run_through(Statement(accounts_of(amounts), totals, Factors(), 24).figure_steps())
    of_day = {
        each.output.metric.name.removeprefix("dcim_site_"): each
        for each in figures
        if ("window", "day") in each.output.labels
    }
    expected = {
        "interim_pue_ratio": 1.5,
        "wue_liters_per_kilowatt_hour": 2.0,
        "pv_share_ratio": 1 / 6,
        "pv_self_consumption_ratio": 1.0,
    }
    for name, value in expected.items():
        assert of_day[name].value == pytest.approx(value), name
        assert of_day[name].share == (0.75 if name in affected else 1.0), name


def test_reused_heat_is_compared_with_all_the_site_used_and_self_consumption_with_all_that_the_roof_gave() -> None:
    """The grid gives 10 kWh and takes back 2, the roof gives 6: the site used 14, of which 7 are reused, and 4 of the roof's 6."""
    amounts = {each: kwh * KWH_J for each, kwh in {"facility:m": 10, "export:m": 2, "pv:r": 6, "reuse:r": 7}.items()}
    totals = HourlyTotals()
    for hour in range(24):
        totals.hours[hour] = Hour(dict(amounts), dict.fromkeys(amounts, 3600.0))
    figures = run_through(Statement(accounts_of(amounts), totals, Factors(), 24).figure_steps())
    found = {each.output.metric.name: each.value for each in figures if ("window", "day") in each.output.labels}
    assert found["dcim_site_erf_ratio"] == pytest.approx(7 / 14)
    assert found["dcim_site_pv_self_consumption_ratio"] == pytest.approx(4 / 6)
    assert found["dcim_site_pv_share_ratio"] == pytest.approx(4 / 14)


def test_carbon_is_that_of_the_hours_whose_factor_is_known() -> None:
    """Of 24 hours 12 have a measured factor, 6 one that is estimated, and 6 none: these count neither above nor below the line."""
    amounts = {"facility:m": 10 * KWH_J, "it:ups": 5 * KWH_J}
    totals, factors = HourlyTotals(), Factors()
    for hour in range(24):
        totals.hours[hour] = Hour(dict(amounts), dict.fromkeys(amounts, 3600.0))
        if hour < 12:
            factors.hourly[hour] = Factor(400.0, 0.25, estimated=False, source="measured")
        elif hour < 18:
            factors.hourly[hour] = Factor(600.0, 0.5, estimated=True, source="model")
    accounts = accounts_of(amounts)
    figures = run_through(Statement(accounts, totals, factors, 24).figure_steps())
    found = {each.output.metric.name: each for each in figures if ("window", "day") in each.output.labels}
    expected = {
        "dcim_site_carbon_free_energy_ratio": (12 * 0.25 + 6 * 0.5) / 18,
        "dcim_site_carbon_estimated_ratio": 6 / 18,
        "dcim_site_cue_kilograms_per_kilowatt_hour": (12 * 4.0 + 6 * 6.0) / (18 * 5),
    }
    assert {name: found[name].value for name in expected} == pytest.approx(expected)
    assert {name: found[name].share for name in expected} == dict.fromkeys(expected, 0.75)


def test_an_hour_keeps_the_factor_that_it_was_accounted_with() -> None:
    """The yearly factor of the site file was 500 g then, and is 400 g since: 10 kWh for 8 kWh of IT were 5 kg, as in the report."""
    amounts = {"facility:m": 10 * KWH_J, "it:u": 8 * KWH_J}
    then = Factor(500.0, 0.2, estimated=True, source="site-file")
    terms = Terms(quantities=("facility:m", "it:u"), category="1", profile_j=None, factor=then, residual=None)
    totals = HourlyTotals()
    for hour in range(24):
        totals.hours[hour] = Hour(dict(amounts), dict.fromkeys(amounts, 3600.0), terms=terms)
    now = Factors(Grid(zone="MA", carbon_grams_per_kwh=400.0, carbon_free_ratio=0.3, source="u"))
    figures = run_through(Statement(accounts_of(amounts), totals, now, 24).figure_steps())
    of_day = {each.output.metric.name: each.value for each in figures if ("window", "day") in each.output.labels}
    assert of_day["dcim_site_cue_kilograms_per_kilowatt_hour"] == pytest.approx(5 / 8)
    assert of_day["dcim_site_carbon_free_energy_ratio"] == pytest.approx(0.2)


def test_contracts_for_more_than_the_site_uses_make_it_renewable_once() -> None:
    """ISO/IEC 30134-3 limits the factor to 1; of the contracted 15 kWh only the 10 kWh that were used are free of carbon."""
    amounts = {"facility:m": 10 * KWH_J, "contract:c": 15 * KWH_J}
    totals, factors = HourlyTotals(), Factors()
    for hour in range(24):
        totals.hours[hour] = Hour(dict(amounts), dict.fromkeys(amounts, 3600.0))
        factors.hourly[hour] = Factor(400.0, 0.25, estimated=False, source="measured")
    figures = run_through(Statement(accounts_of(amounts, ("contract:c",)), totals, factors, 24).figure_steps())
    found = {each.output.metric.name: each.value for each in figures if ("window", "day") in each.output.labels}
    assert found["dcim_site_ref_ratio"] == 1.0
    assert found["dcim_site_carbon_free_energy_ratio"] == 1.0


def test_a_site_whose_only_contract_has_a_profile_and_no_meter_has_a_renewable_share() -> None:
    """4 of the 10 kWh of each hour; a site without anything renewable has no such figure."""
    amounts = {"facility:m": 10 * KWH_J}
    totals, accounts = HourlyTotals(), accounts_of(amounts)
    for hour in range(24):
        totals.hours[hour] = Hour(dict(amounts), dict.fromkeys(amounts, 3600.0))
    contracted = replace(accounts, profile_w=(4_000.0,) * 24)
    key = "dcim_site_ref_ratio", "day"
    assert figures_of(totals, contracted, 24)[key].value == pytest.approx(0.4)
    assert key not in figures_of(totals, accounts, 24)


def test_one_hour_without_the_grids_share_leaves_that_of_the_day_unknown() -> None:
    amounts = {"facility:m": 10 * KWH_J}
    totals, factors = HourlyTotals(), Factors()
    for hour in range(24):
        totals.hours[hour] = Hour(dict(amounts), dict.fromkeys(amounts, 3600.0))
        factors.hourly[hour] = Factor(400.0, None if hour == 3 else 0.25, estimated=False, source="measured")
    figures = run_through(Statement(accounts_of(amounts), totals, factors, 24).figure_steps())
    (free,) = (
        each for each in figures if "carbon_free" in each.output.metric.name and ("window", "day") in each.output.labels
    )
    assert (free.value, free.missing) == (None, ("the carbon-free share of the grid is not known",))


def test_a_ratio_that_cannot_be_is_unknown_and_says_so() -> None:
    """IT meters that count more than the facility's: a PUE of 0.5 is a wrong site file, and no good news."""
    amounts = {"facility:m": 5 * KWH_J, "it:ups": 10 * KWH_J}
    totals = HourlyTotals()
    for hour in range(24):
        totals.hours[hour] = Hour(dict(amounts), dict.fromkeys(amounts, 3600.0))
    accounts = accounts_of(amounts)
    figures = run_through(Statement(accounts, totals, Factors(), 24).figure_steps())
    found = {dict(each.output.labels)["window"]: each for each in figures if "pue" in each.output.metric.name}
    assert (found["day"].value, found["day"].missing) == (None, ("result 0.5 is not plausible",))
    assert found["month"].missing == ("3% of the window's hours are metered",)


def test_a_site_whose_it_used_nothing_has_no_pue_and_says_so() -> None:
    amounts = {"facility:m": 5 * KWH_J, "it:ups": 0.0}
    totals = HourlyTotals()
    for hour in range(24):
        totals.hours[hour] = Hour(dict(amounts), dict.fromkeys(amounts, 3600.0))
    figures = run_through(Statement(accounts_of(amounts), totals, Factors(), 24).figure_steps())
    (pue,) = (each for each in figures if "pue" in each.output.metric.name and ("window", "day") in each.output.labels)
    assert (pue.value, pue.share, pue.missing) == (None, 1.0, ("no energy was used",))


def figures_of(totals: HourlyTotals, accounts: Accounts, hour: int) -> dict[tuple[str, str], Figure]:
    """By metric and window."""
    found = run_through(Statement(accounts, totals, Factors(), hour).figure_steps())
    return {(each.output.metric.name, dict(each.output.labels)["window"]): each for each in found}


def test_the_hour_that_has_not_ended_is_in_no_window_though_nearly_all_of_it_was_counted() -> None:
    """In its last minute it would be in the figures of the hour before, which would rest on two hours of one."""
    totals = HourlyTotals()
    for hour, used in ((23, 12.0), (24, 90.0)):
        totals.hours[hour] = Hour(
            {"facility:m": used * KWH_J, "it:u": 10 * KWH_J}, {"facility:m": 3590.0, "it:u": 3590.0}
        )
    found = figures_of(totals, accounts_of({"facility:m", "it:u"}), 24)["dcim_site_interim_pue_ratio", "hour"]
    assert found.value == pytest.approx(1.2)
    assert found.share == 1.0


def test_pumps_that_nobody_reads_leave_the_partial_pue_of_their_loop_unknown() -> None:
    """It would be 1.0, as if they ran without any power."""
    totals, parts = HourlyTotals(), {"racks:l": 100 * KWH_J, "pumps:l": 3 * KWH_J}
    accounts = replace(accounts_of(parts), loops=("l",))
    totals.hours[23] = Hour(dict(parts), dict.fromkeys(parts, 3600.0))
    key = "dcim_loop_interim_ppue_ratio", "hour"
    assert figures_of(totals, accounts, 24)[key].value == pytest.approx(1.03)
    del totals.hours[23].amount["pumps:l"], totals.hours[23].covered_s["pumps:l"]
    assert figures_of(totals, accounts, 24)[key].value is None


def test_an_hour_is_emitted_once_though_the_clock_is_set_back_over_its_end() -> None:
    totals, factors = (
        HourlyTotals(),
        Factors(hourly={hour: Factor(100.0, None, estimated=False, source="x") for hour in (23, 24)}),
    )
    for hour in (23, 24):
        totals.hours[hour] = Hour({"facility:m": 10 * KWH_J}, {"facility:m": 3600.0})
    accounts, emissions = accounts_of({"facility:m"}), Emissions(until_hour=23)
    for now_hour in (25, 24, 25):
        emissions.advance(accounts, totals, factors, now_hour)
    assert emissions.location_g == pytest.approx(2 * 10 * 100.0)
