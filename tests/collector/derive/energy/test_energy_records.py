"""Energy records of a site: what each hour is accounted by, what is saved of it, and that a restart neither loses nor repeats."""

import dataclasses

import msgspec
import pytest

from collector.derive.energy.accounting import Emissions
from collector.derive.energy.carbon import Factor, Factors
from collector.derive.energy.counters import Bound
from collector.derive.energy.hourly import Hour, HourlyTotals
from collector.derive.energy.records import EnergyRecords, Head, SiteRecords
from collector.derive.site_plan import Settings
from rackflow.process.slices import EACH_STEP, in_slices
from rackflow.site import Site
from tests.collector.derive.campus import CAMPUS, FACILITY_W, campus
from tests.collector.derive.energy.campus_day import FIRST_HOUR, IT_METER, KWH, MIDNIGHT, SITE_KW, WIND_KW, Day
from tests.collector.derive.energy.energy_accounts import accounts_of
from tests.collector.derive.hall import WALL_S, Readings
from tests.turns import CALLS_OF_50_MS, Turns

YEARLY = Factor(600.0, 0.2, estimated=True, source="electricity-maps-2024")


def restarted(day: Day, settings: Settings | None = None, site: Site | None = None) -> Day:
    """Another life of the collector, with what the first one had saved; the meters went on."""
    later = Day(site, settings)
    records = day.readings.engine.energy_records
    later.readings.engine.energy_records.restore(records.head(), dict(records.totals.hours))
    later.counted, later.now = dict(day.counted), day.now
    return later


def test_a_site_of_which_nothing_was_kept_begins_at_nothing() -> None:
    new, day, nothing = Day(), Day(), SiteRecords()
    day.readings.engine.energy_records.restore(nothing.head, nothing.hours)
    for each in (new, day):
        each.run(3)
    found = day.readings.engine.energy_records.head()
    assert found == new.readings.engine.energy_records.head()
    assert found.location_g > 0 < found.market_g


def test_every_hour_knows_by_what_it_is_accounted() -> None:
    """The contracted energy of each hour of the day, its factor, its category, and every quantity but those of loops."""
    measured = Factor(100.0, None, estimated=False, source="f")
    day = Day(settings=Settings(hourly={FIRST_HOUR + 3: measured}, residual_grams_per_kwh=700.0))
    day.run(26)
    hours = day.readings.engine.energy_records.totals.hours
    for hour in range(26):
        terms = hours[FIRST_HOUR + hour].terms
        assert terms is not None
        assert terms.profile_j == pytest.approx(WIND_KW[hour % 24] * KWH)
        assert terms.factor == (measured if hour == 3 else YEARLY)
        assert (terms.category, terms.residual) == ("1", 700.0)
        assert terms.quantities == ("contract:pv-roof", "facility:meter-ab", "facility:meter-c", "it:meter-it")


def test_of_several_contracts_with_a_profile_each_counts() -> None:
    sun = f"contracts:\n  - {{id: sun, hourly_w: [{', '.join(['1000'] * 24)}]}}"
    day = Day(campus(IT_METER, ("contracts:", sun)))
    day.run(1)
    terms = day.readings.engine.energy_records.totals.hours[FIRST_HOUR].terms
    assert terms is not None
    assert terms.profile_j == pytest.approx((WIND_KW[0] + 1) * KWH)


def test_of_several_contracts_with_a_meter_each_counts() -> None:
    """10 kWh, of which one contract covers 2 and the other 3, in the market-based carbon of one hour."""
    contracts = ("contract:a", "contract:b")
    amounts = {"facility:m": 10 * KWH, "contract:a": 2 * KWH, "contract:b": 3 * KWH}
    totals = HourlyTotals()
    totals.hours[5] = Hour(amounts, dict.fromkeys(amounts, 3600.0))
    accounts = accounts_of(amounts, contracts)
    emissions = Emissions(until_hour=5)
    emissions.advance(accounts, totals, Factors(None, {5: Factor(600.0, None, estimated=False, source="f")}), 6)
    assert [emissions.location_g, emissions.market_g] == pytest.approx([6000, 3000])


def test_a_site_without_a_profile_has_none_in_its_records() -> None:
    text = CAMPUS.read_text(encoding="utf-8")
    day = Day(campus(IT_METER, (text[text.index("  # Every hour has a power") :], "")))
    day.run(1)
    terms = day.readings.engine.energy_records.totals.hours[FIRST_HOUR].terms
    assert terms is not None
    assert terms.profile_j is None
    assert "contract:pv-roof" in terms.quantities


def test_a_factor_that_comes_after_its_hour_takes_its_place() -> None:
    hourly: dict[int, Factor] = {}
    day = Day(settings=Settings(hourly=hourly))
    day.run(2)
    records = day.readings.engine.energy_records
    records.take_changed()
    late = Factor(100.0, 0.9, estimated=False, source="f")
    hourly[FIRST_HOUR] = late
    hourly[FIRST_HOUR + 100] = late  # of an hour that is yet to come
    day.run(1)
    factors = [entry.terms.factor for entry in records.totals.hours.values() if entry.terms is not None]
    assert factors[:2] == [late, YEARLY]
    assert FIRST_HOUR in records.take_changed()
    assert FIRST_HOUR + 100 not in records.totals.hours


def test_emissions_go_on_after_a_clock_that_was_a_year_ahead() -> None:
    accounts = accounts_of(["facility:m"])
    totals = HourlyTotals()
    factors = Factors(None, dict.fromkeys(range(5, 9), Factor(600.0, None, estimated=False, source="f")))
    emissions = Emissions(until_hour=5)
    for counted, now_hour in ((5, 6), (6, 6 + 8760), (6, 6), (6, 7), (7, 8), (7, 7), (8, 9)):
        totals.hours[counted] = Hour({"facility:m": 10 * KWH}, {"facility:m": 3600.0})
        emissions.advance(accounts, totals, factors, now_hour)
    # Hour 6 was nearly over when the clock was ahead, and is not added twice.
    assert emissions.location_g == pytest.approx(4 * 6000)
    assert emissions.until_hour == 9


async def test_ten_years_of_carbon_factors_are_read_in_slices_and_too_old_ones_dropped() -> None:
    day = Day()
    day.run(2)
    records = day.readings.engine.energy_records
    late = Factor(100.0, 0.9, estimated=False, source="f")
    records.factors.hourly |= dict.fromkeys(range(FIRST_HOUR - 80_000, FIRST_HOUR + 8_000), late)
    async with Turns().counted() as turns:
        await in_slices(records._learn_factors(FIRST_HOUR + 2), EACH_STEP)  # noqa: SLF001 - a step of the hour
    assert len(turns.calls) > 40
    assert max(turns.calls) < CALLS_OF_50_MS / 2
    assert sorted(records.factors.hourly) == [*range(FIRST_HOUR - 168, FIRST_HOUR + 8_000)]
    terms = records.totals.hours[FIRST_HOUR].terms
    assert terms is not None
    assert terms.factor == late


def test_a_restart_within_an_hour_loses_no_energy_and_counts_no_emission_twice() -> None:
    day = Day()
    day.run(2.5)
    later = restarted(day)
    later.run(1.5)
    hours = later.readings.engine.energy_records.totals.hours
    assert [hours[FIRST_HOUR + at].amount["facility:meter-ab"] for at in range(4)] == pytest.approx(
        [FACILITY_W["meter-ab"] / 1000 * KWH] * 4
    )
    totals = later.readings.values("carbon_emissions_grams_total", later.now + 1)
    assert totals["scope_method=location"] == pytest.approx(4 * SITE_KW * 600)
    green_kwh = sum(WIND_KW[:4])
    assert totals["scope_method=market"] == pytest.approx((4 * SITE_KW - green_kwh) * 600)


def test_a_kill_after_a_save_during_which_a_cycle_ran_counts_no_energy_twice() -> None:
    """A thread writes what was taken, on a slow disk for seconds."""
    day = Day()
    day.run(2.25)
    records = day.readings.engine.energy_records
    head, hours = records.head(), records.take_changed()
    at, counted = day.now, dict(day.counted)
    day.run(0.25)
    later = Day()
    later.readings.engine.energy_records.restore(head, hours)
    later.counted, later.now = counted, at
    later.run(0.75)
    hour = later.readings.engine.energy_records.totals.hours[FIRST_HOUR + 2]
    assert hour.amount["facility:meter-ab"] == pytest.approx(FACILITY_W["meter-ab"] / 1000 * KWH)
    assert hour.covered_s["facility:meter-ab"] == pytest.approx(3600)


def test_a_restart_knows_the_hourly_factors_of_before() -> None:
    """The source gives the present only: what an hour was accounted by is in the records."""
    measured = Factor(100.0, 0.9, estimated=False, source="f")
    day = Day(settings=Settings(hourly={FIRST_HOUR + at: measured for at in range(12)}))
    day.run(12)
    before = {name: day.value(name, "day") for name in ("carbon_free_energy_ratio", "carbon_estimated_ratio")}
    later = restarted(day, Settings(hourly={}))
    later.run(1)
    assert before["carbon_estimated_ratio"] == 0.0
    assert later.value("carbon_estimated_ratio", "day") == pytest.approx(1 / 13)
    assert sorted(later.readings.engine.energy_records.factors.hourly) == [FIRST_HOUR + at for at in range(12)]
    # What is given now goes before what was kept.
    other = dataclasses.replace(measured, grams_per_kwh=50.0)
    again = restarted(day, Settings(hourly={FIRST_HOUR: other}))
    assert again.readings.engine.energy_records.factors.at(FIRST_HOUR) == other
    assert again.readings.engine.energy_records.factors.at(FIRST_HOUR + 1) == measured


def test_a_factor_that_comes_within_its_hour_is_kept_over_a_restart() -> None:
    """Afterwards the source gives the next hour's only."""
    hourly: dict[int, Factor] = {}
    day = Day(settings=Settings(hourly=hourly))
    day.run(1.5)
    measured = Factor(100.0, 0.9, estimated=False, source="http")
    hourly[FIRST_HOUR + 1] = measured
    day.run(0.25)
    later = restarted(day, Settings(hourly={}))
    later.run(1)
    terms = later.readings.engine.energy_records.totals.hours[FIRST_HOUR + 1].terms
    assert terms is not None
    assert terms.factor == measured


def test_a_new_yearly_factor_applies_from_the_restart_on_and_is_no_sources() -> None:
    """Nobody is told that a source's factor is old (`DcimGridFactorStale`) where there is none."""
    day = Day()
    day.run(12)
    later = restarted(day, site=campus(IT_METER, ("carbon_grams_per_kwh: 600", "carbon_grams_per_kwh: 500")))
    later.run(1)
    shown = later.readings.values("grid_carbon_intensity_grams_per_kilowatt_hour", later.now + 1)
    assert [*shown.values()] == [500.0]
    assert later.readings.values("grid_data_timestamp_seconds", later.now + 1) == {}
    # Hours before keep theirs, as in the report.
    cue = later.value("cue_kilograms_per_kilowatt_hour", "day")
    assert cue == pytest.approx((12 * 0.6 + 0.5) / 13 * SITE_KW / 100)


def test_a_counter_of_a_meter_that_had_only_a_power_before_the_restart_begins_at_nothing() -> None:
    """The new release reads the counter of a meter, which has counted 10 kWh; every meter of the site had powers alone."""
    former = EnergyRecords(Factors(None))
    for at in (0.0, 10.0):
        former.totals.integrate("facility:m", 2000.0, 3600.0 + at)
    later = EnergyRecords(Factors(None))
    later.restore(msgspec.json.decode(msgspec.json.encode(former.head()), type=Head), {})
    for at, kwh in ((120.0, 10.0), (180.0, 10.1)):
        later.totals.count("facility:m", kwh * KWH, 3600.0 + at, Bound(2000.0, rated=1e6))
    assert sum(hour.amount["facility:m"] for hour in later.totals.hours.values()) == pytest.approx(0.1 * KWH)
    assert later.totals.jumps == {}


def test_what_changed_is_given_once() -> None:
    day = Day()
    day.run(2.5)
    records = day.readings.engine.energy_records
    assert sorted(records.take_changed()) == [FIRST_HOUR, FIRST_HOUR + 1, FIRST_HOUR + 2]
    assert records.take_changed() == {}
    day.run(0.5)
    assert FIRST_HOUR + 2 in records.take_changed()


def test_the_head_holds_emissions_and_the_last_reading_of_each_quantity() -> None:
    day = Day()
    day.run(2)
    head = day.readings.engine.energy_records.head()
    assert head.location_g == pytest.approx(2 * SITE_KW * 600)
    assert head.market_g == pytest.approx((2 * SITE_KW - 63) * 600)
    assert head.until_hour == FIRST_HOUR + 2
    assert head.last["facility:meter-c"] == (WALL_S + MIDNIGHT + 7200, day.counted["meter-c"])
    assert head.last.keys() == {"facility:meter-ab", "facility:meter-c", "it:meter-it", "contract:pv-roof"}


def test_the_grids_factor_is_reported_as_measured_or_estimated() -> None:
    measured = Factor(123.0, None, estimated=False, source="f", basis="direct")
    readings = Readings(campus(), Settings(hourly={FIRST_HOUR: measured}))
    name = "grid_carbon_intensity_grams_per_kilowatt_hour"
    for at, labels, grams in (
        (10.0, "zone=MA,basis=direct,source=f,quality=measured", 123.0),
        (3610.0, "zone=MA,basis=lifecycle,source=electricity-maps-2024,quality=estimated", 600.0),
    ):
        assert readings.values(name, MIDNIGHT + at) == {labels: grams}
