"""Energy and carbon of a site with two facility meters, pumps on rack PDUs, PV beyond the load and a contract by the hour."""

import pytest

from collector.derive.carbon import Factor
from collector.derive.engine import Settings
from collector.derive.ledger import HOUR_S
from rackflow.site import Site
from tests.collector.derive.campus import (
    CAMPUS,
    CURRENTS,
    FACILITY_W,
    PUMPS_W,
    PV_W,
    campus,
    campus_readings,
    poll_campus,
)
from tests.collector.derive.hall import WALL_S, Readings

KWH = 3.6e6
MIDNIGHT = float(-WALL_S % 86_400)
"""Monotonic second of the first midnight, UTC."""
FIRST_HOUR = int((WALL_S + MIDNIGHT) // HOUR_S)
SITE_KW = sum(FACILITY_W.values()) / 1000
WIND_KW = [*range(31, 35), 30, 29, 27, 24, 21, 17, 13, 11, 10, 12, 14, 16, 18, 20, 22, 23, 25, 26, 28, 35]
"""As in campus.yaml, by hour of the day, UTC."""
IT_METER = ("  - {id: meter-pv, role: pv", "  - {id: meter-it, role: it, category: 1}\n  - {id: meter-pv, role: pv")


class Day:
    """The campus from midnight on, by meters that count: 143.64 kW all day, 100 kW of them IT, and PV as the sun shines."""

    def __init__(self, site: Site | None = None, settings: Settings | None = None) -> None:
        self.readings = Readings(site or campus(IT_METER), settings)
        self.counted: dict[str, float] = {"meter-ab": 5e9, "meter-c": 6e9, "meter-it": 7e9, "meter-pv": 8e9}
        self.now = MIDNIGHT

    def powers_w(self, hour: int) -> dict[str, float]:
        return {**FACILITY_W, "meter-it": 100_000.0, "meter-pv": PV_W[hour % 24]}

    def poll(self, silent: tuple[str, ...] = ()) -> None:
        """What the meters show now."""
        roles = {"meter-it": "it", "meter-pv": "pv"}
        for meter, counted in self.counted.items():
            if meter not in silent:
                key = f"meter_energy_joules_total{{direction=import,role={roles.get(meter, 'facility')}}}"
                self.readings.take(meter, {key: counted}, self.now, device_class="meter", interval_s=600.0)
        self.readings.engine.cycle(self.readings.latest, self.now, WALL_S + self.now)

    def run(self, hours: float, silent: tuple[str, ...] = ()) -> None:
        """Polled every half hour, or when it ends; at the end of a whole hour the next one has begun."""
        if self.now == MIDNIGHT:
            self.poll()
        end = self.now + hours * HOUR_S
        while self.now < end:
            step_s = min(1800.0, end - self.now)
            for meter, watts in self.powers_w(int((self.now - MIDNIGHT) // HOUR_S)).items():
                self.counted[meter] += watts * step_s
            self.now += step_s
            self.poll(silent)

    def value(self, name: str, window: str = "hour") -> float | None:
        figures = self.readings.figures(self.now + 1)
        return figures[f"site_{name}{{window={window}}}"].value

    def share(self, name: str, window: str) -> float:
        return self.readings.figures(self.now + 1)[f"site_{name}{{window={window}}}"].share


@pytest.fixture(scope="module")
def polled() -> Readings:
    """One hour of the whole campus, from one o'clock, with all that hangs from it; facility and IT are powers."""
    start = MIDNIGHT + HOUR_S
    readings = campus_readings(now=start)
    for at in range(0, HOUR_S + 1, 60):
        poll_campus(readings, start + at)
        readings.engine.cycle(readings.latest, start + at, WALL_S + start + at)
    return readings


IT_W = sum(map(sum, CURRENTS.values())) * 230 - PUMPS_W["cdu-2"]


def test_pumps_on_rack_pdus_are_no_it_and_both_facility_meters_count(polled: Readings) -> None:
    figures = polled.figures(MIDNIGHT + 2 * HOUR_S + 1)
    pue = figures["site_interim_pue_ratio{category=2,window=hour}"]
    assert pue.value == pytest.approx(sum(FACILITY_W.values()) / IT_W, rel=1e-9)
    assert [name for name in figures if "pue_ratio" in name and "window=hour" in name and "category=2" not in name] == [
        f"loop_interim_ppue_ratio{{loop={loop},window=hour}}" for loop in ("tcs-1", "tcs-2", "tcs-3")
    ]


def test_a_loop_counts_each_pump_once_wherever_it_is_fed(polled: Readings) -> None:
    figures = polled.figures(MIDNIGHT + 2 * HOUR_S + 1)
    # n2 takes 27.6 kW, with 1 kW of cdu-2 in it; s1 and s2 have no pumps on their PDUs.
    racks_w = {"tcs-1": 27_600 - 1000, "tcs-2": 81 * 230, "tcs-3": 96 * 230}
    pumps_w = {"tcs-1": 3000, "tcs-2": 1200, "tcs-3": 2000}
    for loop, watts in racks_w.items():
        figure = figures[f"loop_interim_ppue_ratio{{loop={loop},window=hour}}"]
        assert figure.value == pytest.approx((watts + pumps_w[loop]) / watts, rel=1e-9)


def test_of_a_loop_nothing_is_said_over_a_month(polled: Readings) -> None:
    figures = polled.figures(MIDNIGHT + 2 * HOUR_S + 1)
    windows = {name.rpartition("window=")[2] for name in figures if name.startswith("loop_interim_ppue")}
    assert windows == {"hour}", "day}"}


METERS = "".join(
    f"  - {{id: {meter}, role: facility, measures: [{nodes}], room: {room}}}\n"
    for meter, nodes, room in (("meter-ab", "A, B", "plant"), ("meter-c", "C", "south"))
)


def facility(*measures: str) -> Site:
    """The campus with facility meters m0, m1... of these nodes."""
    lines = "".join(
        f"  - {{id: m{at}, role: facility{f', measures: [{each}]' if each else ''}}}\n"
        for at, each in enumerate(measures)
    )
    return campus((METERS, lines))


@pytest.mark.parametrize(
    ("measures", "counted"),
    [
        (("A, B", "C"), {"m0", "m1"}),
        (("C", "A, B"), {"m0", "m1"}),
        (("A", "B", "C"), {"m0", "m1", "m2"}),
        (("A, B", "ups-b", "C"), {"m0", "m2"}),
        (("ups-b", "A, B", "C"), {"m1", "m2"}),
        (("A, B", "main-a, row-b", "C"), {"m0", "m2"}),
        (("A, B, C", "A, B", "C"), {"m0"}),
        (("A, B", "A, B", "C"), {"m0", "m2"}),
        (("C", "B, A", "A, B"), {"m0", "m1"}),
        (("A, B", "C", ""), {"m2"}),
        (("", "A, B"), {"m0"}),
        (("", ""), {"m0"}),
        (("A, B, C", "n1"), {"m0"}),
        (("A, B", "n1"), {"m0", "m1"}),
        (("n1", "pdu-n1-a, pdu-n1-b"), {"m0"}),
    ],
    ids=lambda case: " + ".join(case) if isinstance(case, tuple) else "",
)
def test_of_facility_meters_none_is_counted_within_another(measures: tuple[str, ...], counted: set[str]) -> None:
    readings = Readings(facility(*measures))
    for now in (MIDNIGHT, MIDNIGHT + HOUR_S):
        for at in range(len(measures)):
            key = "meter_energy_joules_total{direction=import,role=facility}"
            readings.take(f"m{at}", {key: 1e9 + (now - MIDNIGHT) * 1000 * 10**at}, now, device_class="meter")
        readings.engine.cycle(readings.latest, now, WALL_S + now)
    amounts = readings.engine.books.ledger.hours[FIRST_HOUR].amount
    own = {each: joules for each, joules in amounts.items() if each.startswith("facility:")}
    assert own == {f"facility:{each}": pytest.approx(KWH * 10 ** int(each[1])) for each in counted}


@pytest.mark.parametrize(
    ("meters", "category"),
    [
        (((3, "n1"), (2, "n2")), "2"),
        (((3, "n1"), (1, "ups-c")), "1"),
        (((1, "ups-c"), (3, "n1")), "1"),
        (((3, "n1"), (3, "n2")), "3"),
        (((1, "ups-a1, ups-a2, ups-b, ups-c"), (3, "n1")), "1"),
        (((3, "n1"), (1, "pdu-n1-a")), "3"),  # the second one is within the first: it is not counted
        ((), "2"),
    ],
)
def test_the_category_is_that_of_the_worst_meter_that_counts(
    meters: tuple[tuple[int, str], ...], category: str
) -> None:
    pv = "  - {id: meter-pv, role: pv"
    lines = "".join(
        f"  - {{id: it-{at}, role: it, category: {each}, measures: [{nodes}]}}\n"
        for at, (each, nodes) in enumerate(meters)
    )
    figures = Readings(campus((pv, lines + pv))).figures()
    categories = {dict(each.output.labels).get("category") for each in figures.values()} - {None}
    assert categories == {category}


def test_it_meters_take_the_place_of_rack_pdus() -> None:
    for site, counted in ((campus(), "it:racks"), (campus(IT_METER), "it:meter-it")):
        readings = campus_readings(site, now=MIDNIGHT)
        readings.take("meter-it", {"meter_power_watts": 1000.0}, MIDNIGHT, device_class="meter")
        readings.figures(MIDNIGHT)
        assert [each for each in readings.engine.books.ledger.last if each.startswith("it:")] == [counted]


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
        assert (ratio.value, ratio.missing) == (None, ("the grid's share that is free of carbon is not known",))
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
