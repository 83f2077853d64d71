"""Energy and carbon over hours: worked out by hand, fed through the totals as meters would."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.derive.config import CarbonConfig
from collector.derive.energy.carbon import Factor, Factors, read_answer, read_csv
from collector.derive.energy.hourly import HOUR_S, HourlyTotals
from collector.derive.energy.records import SiteRecords
from collector.derive.site_plan import Settings
from collector.records.file import Snapshot
from rackflow import ConfigError
from rackflow.process.slices import run_through
from rackflow.site import Grid, without_overlap
from tests.collector.conftest import OpenRecords
from tests.collector.derive.hall import WALL_S, Readings, hall

START = float(-WALL_S % HOUR_S)
"""Monotonic second of the first whole hour."""
FIRST_HOUR = int((WALL_S + START) // HOUR_S)
KWH = 3.6e6


def run(
    readings: Readings, hours: float, facility_kw: float, it_kw: float, pv_kw: float = 0.0, start: float = START
) -> float:
    """Meters that count for some hours, read every ten minutes; returns when it ended."""
    now = start
    while now <= start + hours * HOUR_S:
        passed_h = (now - START) / HOUR_S
        for meter, role, power in (
            ("meter-main", "facility", facility_kw),
            ("meter-it", "it", it_kw),
            ("meter-pv", "pv", pv_kw),
        ):
            counter = f"meter_energy_joules_total{{direction=import,role={role}}}"
            readings.take(meter, {counter: 1e9 + passed_h * power * KWH}, now, device_class="meter", interval_s=600.0)
        readings.engine.cycle(readings.latest, now, WALL_S + now)
        now += 600
    return now - 600


def test_pue_is_energy_over_energy_with_category_window_and_coverage() -> None:
    readings = Readings()
    end = run(readings, 13.0, facility_kw=120, it_kw=100)
    figures = readings.figures(now=end + 1)
    hour = figures["site_interim_pue_ratio{category=1,window=hour}"]
    assert hour.value == pytest.approx(1.2)
    assert hour.share == 1.0
    day = figures["site_interim_pue_ratio{category=1,window=day}"]
    assert day.value == pytest.approx(1.2)
    assert day.share == pytest.approx(13 / 24)
    month = figures["site_interim_pue_ratio{category=1,window=month}"]
    assert (month.value, month.missing) == (None, ("2% of the window's hours are metered",))


def test_the_pue_of_a_day_is_that_of_at_least_half_of_its_hours() -> None:
    """The others may be all nights."""
    for hours, expected in ((12.0, pytest.approx(1.2)), (11.0, None)):
        readings = Readings()
        end = run(readings, hours, facility_kw=120, it_kw=100)
        figure = readings.figures(now=end + 1)["site_interim_pue_ratio{category=1,window=day}"]
        assert figure.value == expected


def test_an_hour_without_the_it_meter_does_not_count() -> None:
    readings = Readings()
    end = run(readings, 1.0, 120, 100)
    for passed in range(600, 2 * HOUR_S + 1, 600):  # the facility goes on alone
        now = end + passed
        energy = 1e9 + (now - START) / HOUR_S * 120 * KWH
        readings.take(
            "meter-main",
            {"meter_energy_joules_total{direction=import,role=facility}": energy},
            now,
            device_class="meter",
            interval_s=600.0,
        )
        readings.engine.cycle(readings.latest, now, WALL_S + now)
    figure = readings.figures(now=end + 2 * HOUR_S + 1)["site_interim_pue_ratio{category=1,window=hour}"]
    assert (figure.value, figure.missing) == (None, ("0% of the window's hours are metered",))


def test_a_counter_that_restarts_or_rests_does_not_invent_energy() -> None:
    totals = HourlyTotals()
    totals.count("x", 1000.0, 3600.0)
    totals.count("x", 10.0, 4000.0)
    assert (totals.hours[1].amount, totals.hours[1].covered_s, totals.hours[1].lost_s) == ({}, {}, {"x": 400.0})
    totals.count("x", 30.0, 4000.0 + 7200)  # two hours of silence: 20 over both, by the time in each
    amounts = {hour: entry.amount["x"] for hour, entry in totals.hours.items()}
    assert amounts == {1: pytest.approx(20 * 3200 / 7200), 2: pytest.approx(10.0), 3: pytest.approx(20 * 400 / 7200)}
    assert totals.hours[2].has("x")
    assert not totals.hours[1].has("x")


def test_power_is_integrated_and_a_gap_in_it_is_not_covered() -> None:
    totals = HourlyTotals()
    for at in range(0, 3601, 10):
        totals.integrate("p", 1000.0, 7200.0 + at)
    assert totals.hours[2].amount["p"] == pytest.approx(KWH)
    assert totals.hours[2].has("p")
    totals.integrate("p", None, 10_810.0)
    totals.integrate("p", 1000.0, 10_900.0)
    assert sum(entry.amount["p"] for entry in totals.hours.values()) == pytest.approx(KWH)


def test_carbon_by_the_hour_location_and_market_and_the_share_that_is_free() -> None:
    # two hours at 120 kWh: the first with 60 kWh contracted on a grid of 600 g and 20 % free, the second at 300 g, 40 %
    hourly = {
        FIRST_HOUR: Factor(600.0, 0.20, estimated=False, source="file"),
        FIRST_HOUR + 1: Factor(300.0, 0.40, estimated=True, source="file"),
    }
    readings = Readings(settings=Settings(hourly=hourly))
    end = run(readings, 2.0, facility_kw=120, it_kw=100, pv_kw=60)
    figures = readings.figures(now=end + 1)
    location, market = 120 * 600 + 120 * 300, 60 * 600 + 60 * 300
    assert figures["carbon_emissions_grams_total{scope_method=location}"].value == pytest.approx(location)
    assert figures["carbon_emissions_grams_total{scope_method=market}"].value == pytest.approx(market)
    hour = {name: figures[f"site_{name}{{window=hour}}"].value for name in ("carbon_free_energy_ratio", "ref_ratio")}
    # the last complete hour: (60 + 60 * 0.4) / 120
    assert hour == {"carbon_free_energy_ratio": pytest.approx(0.7), "ref_ratio": pytest.approx(0.5)}
    assert figures["site_cue_kilograms_per_kilowatt_hour{window=hour}"].value == pytest.approx(0.3 * 1.2)
    assert figures["site_carbon_estimated_ratio{window=hour}"].value == 1.0


def test_a_megawatt_in_morocco_for_a_year() -> None:
    # 1 MW of IT at a PUE of 1.2 with the factor of 2024: 6514 t a year
    grid = Grid(zone="MA")
    factor = Factors(grid).at(FIRST_HOUR)
    assert factor is not None
    assert factor.estimated
    assert 1000 * 1.2 * 8760 * factor.grams_per_kwh / 1e6 == pytest.approx(6514, abs=1)
    assert Factors(Grid(zone="FR")).at(0) == Factor(56.0, None, estimated=True, source="our-world-in-data-2023")
    assert Factors(Grid(zone="XX")).at(0) is None
    assert Factors(None).at(0) is None


def test_the_present_factor_says_its_source_and_that_it_is_estimated() -> None:
    figures = Readings().figures()
    name = "grid_carbon_intensity_grams_per_kilowatt_hour{zone=MA,basis=lifecycle,source=electricity-maps-2024,quality=estimated}"
    assert figures[name].value == 619.71


def test_the_present_factor_is_that_of_the_hour_that_runs() -> None:
    hourly = {FIRST_HOUR + at: Factor(400.0 + at, 0.2, estimated=False, source="file") for at in range(3)}
    readings = Readings(settings=Settings(hourly=hourly))
    (shown,) = readings.values("grid_carbon_intensity_grams_per_kilowatt_hour", START + HOUR_S + 60).values()
    assert shown == 401.0


def test_the_age_of_the_factor_is_that_of_the_latest_one_that_has_come() -> None:
    """Its source has been silent since, so emissions rest on the yearly factor."""
    hourly = {FIRST_HOUR + at: Factor(400.0, 0.2, estimated=False, source="http") for at in (0, 1, 30)}
    readings = Readings(settings=Settings(hourly=hourly))
    name = "grid_data_timestamp_seconds"
    for after_h, latest in ((0, 0), (1, 1), (8, 1)):
        found = readings.values(name, START + after_h * HOUR_S + 60)
        assert found == {"zone=MA,source=http": (FIRST_HOUR + latest) * HOUR_S}


def test_a_yearly_factor_has_no_age() -> None:
    assert Readings().values("grid_data_timestamp_seconds", START + 60) == {}


def test_what_a_tap_cannot_give_is_a_jump_of_the_water_meter_and_no_water() -> None:
    """25 m3 in half an hour: 14 L/s into a site whose heat evaporates less than the 5 L/s of a tap."""
    readings = Readings()
    for at, cubic_meters in enumerate((5.0, 5.05, 30.1, 30.15)):
        now = START + at * HOUR_S / 2
        values = {"meter_water_cubic_meters_total{role=makeup}": cubic_meters}
        readings.take("meter-plant", values, now, device_class="meter", interval_s=1800.0)
        readings.engine.cycle(readings.latest, now, WALL_S + now)
    jumps = readings.values("meter_counter_jumps_total", START + 1.5 * HOUR_S + 1)
    assert jumps["device=meter-plant,quantity=water"] == 1.0
    water = [hour.amount.get("water:meter-plant", 0.0) for hour in readings.engine.energy_records.totals.hours.values()]
    assert sum(water) == pytest.approx(0.1)


def test_a_meter_of_two_contracts_has_one_figure_of_its_counter_and_one_of_power_alone_has_none() -> None:
    """The same series twice would break a scrape; a power that is integrated cannot jump."""
    readings = Readings(
        hall(("[{id: pv-roof, meter: meter-pv}]", "[{id: a, meter: meter-pv}, {id: b, meter: meter-pv}]"))
    )
    readings.take("meter-main", {"meter_power_watts{role=facility}": 120e3}, START, device_class="meter")
    counter = {"meter_energy_joules_total{direction=import,role=pv}": 1e9}
    readings.take("meter-pv", counter, START, device_class="meter")
    assert readings.values("meter_counter_jumps_total", START + 1) == {"device=meter-pv,quantity=contract": 0.0}


def test_water_and_reused_heat_where_they_are_metered() -> None:
    readings = Readings()
    for at in range(3):
        now = START + at * HOUR_S / 2
        values = {
            "meter_water_cubic_meters_total{role=makeup}": 5.0 + at * 0.05,
            "meter_thermal_energy_joules_total{role=heat_reuse}": at * 15 * KWH,
            # What is drained and drunk is no water for cooling.
            "meter_water_cubic_meters_total{role=blowdown}": 2.0 + at * 0.03,
            "meter_water_cubic_meters_total{role=potable}": 3.0 + at * 0.02,
        }
        readings.take("meter-plant", values, now, device_class="meter", interval_s=1800.0)
        for meter, role, power in (("meter-main", "facility", 120), ("meter-it", "it", 100)):
            counter = f"meter_energy_joules_total{{direction=import,role={role}}}"
            readings.take(meter, {counter: at / 2 * power * KWH}, now, device_class="meter", interval_s=1800.0)
        readings.engine.cycle(readings.latest, now, WALL_S + now)
    figures = readings.figures(now=START + HOUR_S + 1)
    # 0.1 m3 for 100 kWh is 1 L/kWh; 30 of 120 kWh are given away
    assert figures["site_wue_liters_per_kilowatt_hour{window=hour}"].value == pytest.approx(1.0)
    assert figures["site_erf_ratio{window=hour}"].value == pytest.approx(0.25)


def test_without_it_meters_rack_pdus_count_as_category_two_and_a_loop_has_its_own() -> None:
    site = hall(("  - {id: meter-it, role: it, category: 1, measures: [ups-a1, ups-a2, ups-b]}\n", ""))
    readings = Readings(site)
    for at in range(0, HOUR_S + 1, 20):
        now = START + at
        for pdu in ("pdu-a1-a", "pdu-a1-b"):
            readings.currents(pdu, 10.0, now=now, watts=5_000)
        for pdu in ("pdu-a2-a1", "pdu-a2-a2", "pdu-a2-b1", "pdu-a2-b2"):
            readings.currents(pdu, 40.0, 40.0, 40.0, now=now, watts=22_500)
        for cdu in ("cdu-1", "cdu-2"):
            readings.take(cdu, {"cdu_power_watts": 2_250.0}, now, device_class="cdu")
        readings.take("meter-main", {"meter_power_watts{role=facility}": 130_000.0}, now, device_class="meter")
        readings.engine.cycle(readings.latest, now, WALL_S + now)
    figures = readings.figures(now=START + HOUR_S + 1)
    assert figures["site_interim_pue_ratio{category=2,window=hour}"].value == pytest.approx(1.3)
    assert figures["loop_interim_ppue_ratio{loop=tcs,window=hour}"].value == pytest.approx(1.05)


def test_the_records_survive_a_restart(tmp_path: Path, open_records: OpenRecords) -> None:
    readings = Readings()
    end = run(readings, 2.0, 120, 100)
    records = readings.engine.energy_records
    file = open_records(tmp_path / "books.db")
    file.save(Snapshot({"t1": SiteRecords(records.head(), records.take_changed())}, {}, {}))
    file.close(ended=True)
    later = Readings()
    kept = open_records(tmp_path / "books.db").sites["t1"]
    later.engine.energy_records.restore(kept.head, kept.hours)
    figures = later.figures(now=end + 1)
    assert figures["site_interim_pue_ratio{category=1,window=hour}"].value == pytest.approx(1.2)
    total = figures["carbon_emissions_grams_total{scope_method=location}"].value
    assert total == pytest.approx(2 * 120 * 619.71)


def test_late_readings_part_a_gap_and_leave_its_sum() -> None:
    totals = HourlyTotals()
    totals.count("x", 1000.0, 0.0)
    assert not totals.refine("x", 1100.0, 3600.0)  # the gap is still open
    totals.count("x", 1400.0, 4 * 3600.0)
    assert [totals.hours[hour].amount["x"] for hour in range(4)] == pytest.approx([100.0] * 4)
    for at, value in ((2, 1300.0), (1, 1010.0), (1, 1010.0), (3, 1310.0), (3, 900.0), (9, 1.0)):
        totals.refine("x", value, at * 3600.0)
    assert [totals.hours[hour].amount["x"] for hour in range(4)] == pytest.approx([10.0, 290.0, 10.0, 90.0])
    assert [totals.hours[hour].covered_s["x"] for hour in range(4)] == pytest.approx([3600.0] * 4)
    assert all(totals.hours[hour].spread_s["x"] == pytest.approx(3600) for hour in range(4))  # still an hour apart
    for at in range(600, 3600, 600):
        totals.refine("x", 1000.0, float(at))
    assert "x" not in totals.hours[0].spread_s
    assert totals.hours[0].amount["x"] == pytest.approx(10.0)


@given(st.lists(st.tuples(st.floats(0, 50_000), st.floats(0, 1)), max_size=30))
def test_whatever_comes_late_leaves_energy_and_time_as_they_are(late: list[tuple[float, float]]) -> None:
    totals = HourlyTotals()
    totals.count("x", 0.0, 0.0)
    totals.count("x", 1e6, 50_000.0)
    for at, share in late:
        assert totals.refine("x", share * 1e6, at)
    assert sum(hour.amount["x"] for hour in totals.hours.values()) == pytest.approx(1e6)
    assert sum(hour.covered_s["x"] for hour in totals.hours.values()) == pytest.approx(50_000)
    assert all(hour.amount["x"] >= -1e-3 for hour in totals.hours.values())


def test_a_backlog_sorts_energy_into_its_hours_and_a_restart_loses_none(
    tmp_path: Path, open_records: OpenRecords
) -> None:
    readings = Readings()
    end = run(readings, 1.0, 120, 100)
    file = open_records(tmp_path / "books.db")
    records = readings.engine.energy_records
    file.save(Snapshot({"t1": SiteRecords(records.head(), records.take_changed())}, {}, {}))
    file.close(ended=True)
    later = Readings()  # three hours later, and the meters went on
    kept = open_records(tmp_path / "books.db").sites["t1"]
    later.engine.energy_records.restore(kept.head, kept.hours)
    counter = "dcim_meter_energy_joules_total{direction=import,role=facility}"
    assert not later.engine.refine("meter-main", {counter: 1e9}, WALL_S + end)  # nothing is known of the meter yet
    run(later, 5.0, 120, 100, start=end + 3 * HOUR_S)
    hours = later.engine.energy_records.totals.hours
    assert [hours[FIRST_HOUR + at].amount["facility:meter-main"] for at in range(5)] == pytest.approx([120 * KWH] * 5)
    assert hours[FIRST_HOUR + 2].terms is not None  # the collector was away, and the hour has its factor
    # In truth all of it was used in the second hour.
    for at in range(0, 10_800, 600):
        passed_j = min(at, 3600) / 3600 * 3 * 120 * KWH
        assert later.engine.refine("meter-main", {counter: 1e9 + 120 * KWH + passed_j}, WALL_S + end + at)
    amounts = [hours[FIRST_HOUR + at].amount["facility:meter-main"] / KWH for at in range(5)]
    assert amounts == pytest.approx([120, 360, 0, 0, 120], abs=1e-6)
    assert not hours[FIRST_HOUR + 1].spread_s.get("facility:meter-main")
    assert later.engine.energy_records.take_changed().keys() >= {FIRST_HOUR + 1, FIRST_HOUR + 3}


def test_a_late_reading_of_a_generators_two_registers_counts_the_larger_one_as_every_reading_does() -> None:
    """The roof's meter counts what the inverters take at night, too: 200 kWh so far, and none of it in the gap."""
    site = hall(("role: pv", "role: pv, behind: meter-main"), ("[{id: pv-roof, meter: meter-pv}]", "[]"))
    readings = Readings(site)
    out, taken = (f"meter_energy_joules_total{{direction={each},role=pv}}" for each in ("export", "import"))
    for at_h, kwh in ((0, 1000.0), (2, 1400.0)):
        now = START + at_h * HOUR_S
        readings.take("meter-pv", {out: kwh * KWH, taken: 200 * KWH}, now, device_class="meter", interval_s=600.0)
        readings.engine.cycle(readings.latest, now, WALL_S + now)
    late = {f"dcim_{out}": 1100 * KWH, f"dcim_{taken}": 200 * KWH}
    assert readings.engine.refine("meter-pv", late, WALL_S + START + HOUR_S)
    hours = readings.engine.energy_records.totals.hours
    assert [hours[FIRST_HOUR + at].amount["pv:meter-pv"] / KWH for at in range(2)] == pytest.approx([100, 300])


def test_factors_are_read_from_a_file_and_from_an_answer() -> None:
    text = "time,grams_per_kwh,carbon_free_ratio,estimated\n2026-11-23T10:00:00Z,512.5,0.31,false\n2026-11-23T11:00:00+00:00,500,,yes\n"
    ten = 1_795_428_000 // HOUR_S
    assert read_csv(text, "f.csv", "direct") == {
        ten: Factor(512.5, 0.31, estimated=False, source="file", basis="direct"),
        ten + 1: Factor(500.0, None, estimated=True, source="file", basis="direct"),
    }
    answer = {"zone": "FR", "carbonIntensity": 41, "datetime": "2026-11-23T10:00:00.000Z", "isEstimated": False}
    assert read_answer(json.dumps(answer), "lifecycle") == {ten: Factor(41.0, None, estimated=False, source="http")}
    with pytest.raises(ConfigError, match=r"f\.csv:2: could not convert"):
        read_csv("time,grams_per_kwh\n2026-11-23T10:00:00Z,many\n", "f.csv", "direct")
    with pytest.raises(ConfigError, match="needs the columns"):
        read_csv("hour,grams\n", "f.csv", "direct")
    assert CarbonConfig(path=Path("f.csv")).interval_s == 900


def test_a_meter_behind_another_one_is_not_counted_twice() -> None:
    behind = "  - {id: meter-a1, role: it, category: 3, measures: [a1]}\n"
    beside = "  - {id: meter-b, role: it, category: 1, measures: [ups-b]}\n"
    meter = "  - {id: meter-it, role: it, category: 1, measures: [ups-a1, ups-a2, ups-b]}\n"
    site = hall((meter, meter + behind + beside))
    assert [each.id for each in without_overlap(site, site.meters_of("it"))] == ["meter-it"]
    site = hall((meter, meter.replace(", ups-b", "") + beside))
    assert [each.id for each in without_overlap(site, site.meters_of("it"))] == ["meter-it", "meter-b"]
    # What a meter counts that names nothing is not known to pass through another one.
    site = hall((meter, meter + "  - {id: rest, role: it, category: 1}\n  - {id: more, role: it, category: 1}\n"))
    assert [each.id for each in without_overlap(site, site.meters_of("it"))] == ["meter-it", "rest", "more"]


def test_a_meter_that_only_exports_has_no_import_to_count() -> None:
    counted = []
    for direction in ("export", "import"):
        readings = Readings()
        for at in (0, 600):
            values = {f"meter_energy_joules_total{{direction={direction},role=facility}}": 1e9 + at}
            readings.take("meter-main", values, START + at, device_class="meter", interval_s=600.0)
            readings.figures(START + at)
        counted.append([entry.amount for entry in readings.engine.energy_records.totals.hours.values()])
    assert counted == [[], [{"facility:meter-main": 600.0}]]


def test_loops_are_kept_for_a_day_and_the_site_for_a_year() -> None:
    totals = HourlyTotals()
    for hour in (0, 1, 30):
        for quantity in ("facility:m", "racks:l"):
            totals.count(quantity, float(hour), hour * 3600.0)
    for now_hour in (29, 30, 31):
        run_through(totals.forget_steps(now_hour, ["racks:l"]))
    assert totals.hours[0].amount.keys() == {"facility:m"}
    assert totals.hours[29].amount.keys() == {"facility:m", "racks:l"}
    for now_hour in range(365 * 24, 365 * 24 + 3):
        run_through(totals.forget_steps(now_hour, []))
    assert min(totals.hours) == 2
