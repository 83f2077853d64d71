"""Two incomers, PV and generators behind them: what the AI hall used, where it came from, and what left. Worked out by hand."""

import pytest

from collector.derive.energy.balance import Balance
from collector.derive.energy.hourly import HOUR_S
from rackflow.site import Site
from tests.collector.derive.ai_hall import ai_hall
from tests.collector.derive.hall import WALL_S, Readings

START = float(-WALL_S % HOUR_S)
KWH = 3.6e6
Counted = dict[str, tuple[float, float]]
# kWh in one hour: in and out of each incomer, and what the roof, the generators and the UPSs' outputs count.
NOON: Counted = {"main-1": (30, 20), "main-2": (40, 0), "pv-roof": (0, 50), "gen-meter": (0, 0), "it-a": (80, 0)}
OUTAGE: Counted = {"main-1": (0, 0), "main-2": (0, 0), "pv-roof": (0, 0), "gen-meter": (100, 0), "it-a": (80, 0)}
ROLES = {"main-1": "facility", "main-2": "facility", "pv-roof": "pv", "gen-meter": "generator", "it-a": "it"}
ROLES["pv-hall"] = "pv"


def after(kwh: Counted, site: Site | None = None, hours: int = 1) -> dict[str, float | None]:
    """Values of all figures after hours in which the meters counted so much in and out."""
    readings = Readings(site or ai_hall())
    for minute in range(0, 60 * hours + 1, 10):
        now = START + minute * 60
        for meter, both in kwh.items():
            counters: dict[str, float | str] = {
                f"meter_energy_joules_total{{direction={direction},role={ROLES[meter]}}}": 1e9
                + each * KWH * minute / 60
                for direction, each in zip(("import", "export"), both, strict=True)
            }
            readings.take(meter, counters, now, device_class="meter", interval_s=600.0)
        readings.engine.cycle(readings.latest, now, WALL_S + now)
    return {name: figure.value for name, figure in readings.figures(START + hours * HOUR_S + 1).items()}


def test_both_incomers_are_added_up_with_generation_behind_them_and_without_exported_energy() -> None:
    values = after(NOON)
    # 30 + 40 came in, 20 went out, the roof gave 50: the site used 100 for 80 of IT.
    assert values["site_interim_pue_ratio{category=1,window=hour}"] == pytest.approx(100 / 80)


def test_the_roofs_energy_that_did_not_leave_was_used_and_is_free_of_carbon() -> None:
    values = after(NOON)
    assert values["site_pv_self_consumption_ratio{window=hour}"] == pytest.approx(30 / 50)
    assert values["site_pv_share_ratio{window=hour}"] == pytest.approx(30 / 100)
    assert values["site_ref_ratio{window=hour}"] == pytest.approx(30 / 100)
    # The grid gave 70 at 600 g/kWh, of which 0.2 are free of carbon.
    assert values["site_cue_kilograms_per_kilowatt_hour{window=hour}"] == pytest.approx(70 * 0.6 / 80)
    assert values["carbon_emissions_grams_total{scope_method=location}"] == pytest.approx(70 * 600)
    assert values["site_carbon_free_energy_ratio{window=hour}"] == pytest.approx((30 + 0.2 * 70) / 100)


def test_what_two_roofs_give_and_what_leaves_through_both_incomers_is_added_up() -> None:
    """The second roof is behind the other incomer. 40 came in, 50 went out, the roofs gave 110: 100 were used, 60 of them the roofs'."""
    roof = "  - {id: pv-roof, role: pv, behind: main-1}\n"
    site = ai_hall((roof, f"{roof}  - {{id: pv-hall, role: pv, behind: main-2}}\n"))
    values = after(NOON | {"main-2": (10, 30), "pv-hall": (0, 60)}, site)
    assert values["site_interim_pue_ratio{category=1,window=hour}"] == pytest.approx(100 / 80)
    assert values["site_pv_self_consumption_ratio{window=hour}"] == pytest.approx(60 / 110)
    assert values["carbon_emissions_grams_total{scope_method=location}"] == pytest.approx(40 * 600)


@pytest.mark.parametrize("values", ["counters", "powers"])
def test_a_contracts_meter_counts_whichever_way_it_is_wired(values: str) -> None:
    """The roof is contracted and not behind a meter: 60 kWh in an hour, in its export register or as a negative power."""
    contracted = ("generators:", "contracts: [{id: roof, meter: pv-roof}]\ngenerators:")
    site = ai_hall(
        ("role: pv, behind: main-1", "role: pv"), ("role: generator, behind: main-1", "role: generator"), contracted
    )
    readings = Readings(site)
    for second in range(0, HOUR_S + 1, 30):
        now = START + second
        for meter, kw in {"main-1": 60.0, "main-2": 60.0, "it-a": 100.0, "pv-roof": -60.0}.items():
            role, joules = ROLES[meter], 1e9 + abs(kw) * 1000 * second
            named: dict[str, float | str] = {f"meter_power_watts{{role={role}}}": kw * 1000}
            if values == "counters":
                counted = {True: joules, False: 5e6}  # what the inverters took at night
                named = {
                    f"meter_energy_joules_total{{direction={each},role={role}}}": counted[
                        (each == "import") == (kw > 0)
                    ]
                    for each in ("import", "export")
                }
            readings.take(meter, named, now, device_class="meter", interval_s=30.0)
        readings.engine.cycle(readings.latest, now, WALL_S + now)
    hours = readings.engine.energy_records.totals.hours
    assert hours[int((WALL_S + START) // HOUR_S)].amount["contract:roof"] == pytest.approx(60 * KWH)
    figures = {name: each.value for name, each in readings.figures(START + HOUR_S + 1).items()}
    assert figures["site_ref_ratio{window=hour}"] == pytest.approx(60 / 120)


def test_in_an_outage_the_generators_energy_is_the_sites_and_none_of_it_is_the_grids() -> None:
    values = after(OUTAGE)
    assert values["site_interim_pue_ratio{category=1,window=hour}"] == pytest.approx(100 / 80)
    assert values["carbon_emissions_grams_total{scope_method=location}"] == 0
    assert values["site_pv_self_consumption_ratio{window=hour}"] is None  # no sun


def test_an_incomer_that_is_not_read_leaves_the_sites_energy_unknown() -> None:
    values = after({meter: both for meter, both in NOON.items() if meter != "main-2"})
    assert values["site_interim_pue_ratio{category=1,window=hour}"] is None


def test_a_roof_that_is_behind_no_meter_changes_nothing() -> None:
    values = after(
        NOON, ai_hall(("role: pv, behind: main-1", "role: pv"), ("role: generator, behind: main-1", "role: generator"))
    )
    assert values["site_interim_pue_ratio{category=1,window=hour}"] == pytest.approx(70 / 80) or (
        values["site_interim_pue_ratio{category=1,window=hour}"] is None  # below 1: not plausible
    )
    assert not [name for name in values if name.startswith("site_pv_")]


def test_meters_that_have_a_power_only_are_integrated_in_both_directions() -> None:
    readings = Readings(ai_hall())
    watts = {"main-1": -20e3, "main-2": 70e3, "pv-roof": -50e3, "gen-meter": 0.0, "it-a": 80e3}
    for second in range(0, HOUR_S + 1, 30):
        for meter, power in watts.items():
            now = START + second
            readings.take(
                meter, {f"meter_power_watts{{role={ROLES[meter]}}}": power}, now, device_class="meter", interval_s=30.0
            )
        readings.engine.cycle(readings.latest, START + second, WALL_S + START + second)
    values = {name: figure.value for name, figure in readings.figures(START + HOUR_S + 1).items()}
    assert values["site_interim_pue_ratio{category=1,window=hour}"] == pytest.approx(100 / 80)
    assert values["site_pv_self_consumption_ratio{window=hour}"] == pytest.approx(30 / 50)


def test_what_leaves_by_one_incomer_came_in_by_the_other_where_nothing_is_generated() -> None:
    """Meters that have a power only, and a ring of the utility that runs through the site: 120 kW in, 20 kW out."""
    readings = Readings(
        ai_hall(("role: pv, behind: main-1", "role: pv"), ("role: generator, behind: main-1", "role: generator"))
    )
    for second in range(0, HOUR_S + 1, 30):
        for meter, power in {"main-1": -20e3, "main-2": 120e3, "it-a": 80e3}.items():
            watts = {f"meter_power_watts{{role={ROLES[meter]}}}": power}
            readings.take(meter, watts, START + second, device_class="meter", interval_s=30.0)
        readings.engine.cycle(readings.latest, START + second, WALL_S + START + second)
    values = {name: figure.value for name, figure in readings.figures(START + HOUR_S + 1).items()}
    assert values["site_interim_pue_ratio{category=1,window=hour}"] == pytest.approx(100 / 80)


@pytest.mark.parametrize(
    ("balance", "used", "pv_used", "grid"),
    [
        (Balance(imported=10), 10, 0, 10),
        (Balance(imported=10, exported=4, pv=9), 15, 5, 10),
        # More left than the roof gave: a generator on test, or meters' errors. Nothing is negative.
        (Balance(imported=0, exported=6, pv=5, generated=8), 7, 0, 0),
        (Balance(imported=0, exported=5.1, pv=5), 0, 0, 0),
    ],
)
def test_no_part_of_a_balance_is_negative(balance: Balance, used: float, pv_used: float, grid: float) -> None:
    assert (balance.used, balance.pv_used, balance.grid) == pytest.approx((used, pv_used, grid))
