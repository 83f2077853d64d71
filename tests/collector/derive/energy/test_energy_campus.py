"""Energy and carbon of a site by the hour: PV beyond the load, a contract with 24 powers, hours that are not metered."""

import pytest

from collector.derive.energy.carbon import Factor
from collector.derive.site_plan import Settings
from tests.collector.derive.campus import CAMPUS, PV_W, campus
from tests.collector.derive.energy.campus_day import FIRST_HOUR, IT_METER, SITE_KW, WIND_KW, Day


def test_what_is_contracted_counts_in_its_own_hour_alone() -> None:
    """All figures of each hour of a day: PV of noon beyond the load is no energy of the night, and wind is not shifted."""
    hourly = {FIRST_HOUR + at: Factor(400.0 + at, 0.1 + at / 100, estimated=False, source="f") for at in range(24)}
    day = Day(settings=Settings(hourly=hourly, residual_grams_per_kwh=700.0))
    free_kwh = grams = market_g = 0.0
    for hour in range(24):
        day.run(1)
        green_kw = PV_W[hour] / 1000 + WIND_KW[hour]
        used_kw = min(green_kw, SITE_KW)
        share = 0.1 + hour / 100
        own_kw = used_kw + (SITE_KW - used_kw) * share
        assert day.value("carbon_free_energy_ratio") == pytest.approx(own_kw / SITE_KW)
        assert day.value("ref_ratio") == pytest.approx(min(1.0, green_kw / SITE_KW))
        assert day.value("cue_kilograms_per_kilowatt_hour") == pytest.approx((400 + hour) * SITE_KW / 100 / 1000)
        free_kwh += own_kw
        grams += SITE_KW * (400 + hour)
        market_g += max(SITE_KW - green_kw, 0.0) * 700
        totals = day.readings.values("carbon_emissions_grams_total", day.now + 1)
        assert totals == {"scope_method=location": pytest.approx(grams), "scope_method=market": pytest.approx(market_g)}
    assert day.value("carbon_free_energy_ratio", "day") == pytest.approx(free_kwh / 24 / SITE_KW)
    whole = (sum(PV_W) / 1000 + sum(WIND_KW)) / 24 / SITE_KW
    assert day.value("ref_ratio", "day") == pytest.approx(min(1.0, whole))
    assert day.value("cue_kilograms_per_kilowatt_hour", "day") == pytest.approx(grams / 1000 / 2400)


@pytest.mark.parametrize(
    ("factors", "grams", "free", "estimated"),
    [
        # The first hour has its own factor, the second the yearly one of the site file.
        ({0: Factor(100.0, 0.5, estimated=False, source="f")}, 100 + 600, (0.5 + 0.2) / 2, 0.5),
        ({0: Factor(100.0, None, estimated=False, source="f")}, 100 + 600, None, 0.5),
        ({}, 2 * 600, 0.2, 1.0),
    ],
)
def test_hours_without_a_factor_of_their_own_have_the_yearly_one(
    factors: dict[int, Factor], grams: float, free: float | None, estimated: float
) -> None:
    text = CAMPUS.read_text(encoding="utf-8")
    contracts = text[text.index("contracts:") :]
    hourly = {FIRST_HOUR + at: factor for at, factor in factors.items()}
    day = Day(campus(IT_METER, (contracts, "")), Settings(hourly=hourly))
    day.run(12)
    figures = day.readings.figures(day.now + 1)
    grams_day = figures["site_cue_kilograms_per_kilowatt_hour{window=day}"].value
    assert grams_day == pytest.approx((grams + 10 * 600) * SITE_KW / 100 / 12 / 1000)
    ratio = figures["site_carbon_free_energy_ratio{window=day}"]
    if free is None:
        assert (ratio.value, ratio.missing) == (None, ("the carbon-free share of the grid is not known",))
    else:
        assert ratio.value == pytest.approx((2 * free + 10 * 0.2) / 12)
    expected = (2 * estimated + 10) / 12
    assert figures["site_carbon_estimated_ratio{window=day}"].value == pytest.approx(expected)
    assert figures["site_carbon_estimated_ratio{window=day}"].share == 0.5
    assert not any("ref_ratio" in name for name in figures)  # nothing is contracted


@pytest.mark.parametrize(
    ("hours", "window", "is_known"),
    [
        (2.5, "day", False),
        (11, "day", False),
        (12, "day", True),
        (24, "day", True),
        (1, "hour", True),
        (3, "month", False),
        (3, "year", False),
    ],
)
def test_a_figure_of_less_than_half_of_its_hours_is_unknown_and_says_how_many_it_has(
    hours: float,
    window: str,
    is_known: bool,  # noqa: FBT001 - a case
) -> None:
    day = Day()
    day.run(hours)
    figures = day.readings.figures(day.now + 1)
    share = int(hours) / {"hour": 1, "day": 24, "month": 720, "year": 8760}[window]
    for name in (
        "interim_pue_ratio{category=1,",
        "ref_ratio{",
        "cue_kilograms_per_kilowatt_hour{",
        "carbon_free_energy_ratio{",
        "carbon_estimated_ratio{",
    ):
        figure = figures[f"site_{name}window={window}}}"]
        assert figure.share == pytest.approx(share)
        assert (figure.value is not None) == is_known
        assert is_known or figure.missing == (f"{share:.0%} of the window's hours are metered",)


@pytest.mark.parametrize("silent", ["meter-ab", "meter-c", "meter-it", "meter-pv"])
def test_an_hour_counts_only_where_every_meter_of_it_was_read(silent: str) -> None:
    day = Day()
    day.run(12)
    day.run(2, silent=(silent,))
    figures = day.readings.figures(day.now + 1)
    hours = {name: figure.share for name, figure in figures.items() if "window=day" in name}
    assert hours["site_interim_pue_ratio{category=1,window=day}"] == (14 if silent == "meter-pv" else 12) / 24
    assert hours["site_carbon_free_energy_ratio{window=day}"] == 12 / 24
    assert hours["site_ref_ratio{window=day}"] == 12 / 24
    # What of it comes later is spread over the gap, and then they are whole.
    day.run(1)
    figures = day.readings.figures(day.now + 1)
    assert figures["site_interim_pue_ratio{category=1,window=day}"].share == 15 / 24
    assert figures["site_interim_pue_ratio{category=1,window=day}"].value == pytest.approx(SITE_KW / 100)


def test_emissions_are_counted_once_however_often_an_hour_is_looked_at() -> None:
    day = Day()
    day.run(3)
    first = day.readings.values("carbon_emissions_grams_total", day.now + 1)
    assert first["scope_method=location"] == pytest.approx(3 * SITE_KW * 600)
    for at in (2.0, 3.0, 400.0):
        assert day.readings.values("carbon_emissions_grams_total", day.now + at) == first


def test_figures_change_with_the_hour_and_not_before() -> None:
    """At 11:59 the hour that has passed is the one from 10 to 11."""
    day = Day()
    day.run(11.75)
    assert day.value("ref_ratio") == pytest.approx(1.0)
    assert day.value("carbon_free_energy_ratio") == pytest.approx(1.0)
    day.run(3.25)
    assert day.value("ref_ratio") == pytest.approx(1.0)  # 14 to 15
    day.run(0.75)
    assert day.value("ref_ratio") == pytest.approx(1.0)
    day.run(0.25)
    assert day.value("ref_ratio") == pytest.approx((120 + 16) / SITE_KW)
