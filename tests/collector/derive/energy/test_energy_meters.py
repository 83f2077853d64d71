"""Which meters a site's energy is of: pumps on rack PDUs, facility meters within each other, and the category of what counts."""

from collections.abc import Mapping

import pytest

from collector.derive.energy.hourly import HOUR_S
from rackflow.site import Site
from tests.collector.derive.campus import CURRENTS, FACILITY_W, PUMPS_W, campus, campus_readings, poll_campus
from tests.collector.derive.energy.campus_day import FIRST_HOUR, IT_METER, KWH, MIDNIGHT
from tests.collector.derive.hall import WALL_S, Readings


@pytest.fixture(scope="module")
def polled() -> Readings:
    """One hour of the whole campus, from one o'clock, with all that hangs from it; facility and IT are powers."""
    return hour_of(campus())


def hour_of(site: Site) -> Readings:
    start = MIDNIGHT + HOUR_S
    readings = campus_readings(site, now=start)
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


def test_a_pump_on_a_rack_pdu_is_no_it_although_it_has_another_supply_as_well() -> None:
    readings = hour_of(campus(("from: [pdu-n2-b], rack: n2", "from: [pdu-n2-b, row-a], rack: n2")))
    pue = readings.figures(MIDNIGHT + 2 * HOUR_S + 1)["site_interim_pue_ratio{category=2,window=hour}"]
    assert pue.value == pytest.approx(sum(FACILITY_W.values()) / IT_W, rel=1e-9)


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
        (("A, B, C", "n1"), {"m0"}),
        (("A, B", "n1"), {"m0", "m1"}),
        (("n1", "pdu-n1-a, pdu-n1-b"), {"m0"}),
        (("n1", "pdu-n1-a, pdu-n1-b, pdu-n1-c"), {"m0"}),
        (("pdu-n1-a, pdu-n1-b, pdu-n1-c", "n1"), {"m0"}),
        # What is below a node that is named adds nothing to it: both measure the same.
        (("A, main-a", "A"), {"m0"}),
        (("A", "A, main-a", "main-a"), {"m0"}),
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
    amounts = readings.engine.energy_records.totals.hours[FIRST_HOUR].amount
    own = {each: joules for each, joules in amounts.items() if each.startswith("facility:")}
    assert own == {f"facility:{each}": pytest.approx(KWH * 10 ** int(each[1])) for each in counted}


def counted_in_an_hour(site: Site, meters: Mapping[str, Mapping[str, float]], every_s: int) -> dict[str, float]:
    """Energy of each quantity in the first hour. `meters` has the readings of each, a counter's as its rise in the hour."""
    readings = Readings(site)
    for at in range(0, HOUR_S + 1, every_s):
        for meter, values in meters.items():
            now_values = {
                key: 1e9 + value * at / HOUR_S if "joules_total" in key else value for key, value in values.items()
            }
            readings.take(meter, now_values, MIDNIGHT + at, device_class="meter")
        readings.engine.cycle(readings.latest, MIDNIGHT + at, WALL_S + MIDNIGHT + at)
    return dict(readings.engine.energy_records.totals.hours[FIRST_HOUR].amount)


def test_cooling_that_is_metered_twice_counts_once() -> None:
    """A meter of the plant's panel, and one of a panel below it."""
    lines = "".join(
        f"  - {{id: {meter}, role: cooling, measures: [{node}]}}\n" for meter, node in (("m0", "A"), ("m1", "row-a"))
    )
    key = "meter_energy_joules_total{direction=import,role=cooling}"
    found = counted_in_an_hour(campus((METERS, METERS + lines)), {"m0": {key: 5 * KWH}, "m1": {key: KWH}}, HOUR_S)
    assert {each: joules for each, joules in found.items() if each.startswith("cooling:")} == {
        "cooling:m0": pytest.approx(5 * KWH)
    }


PV_BEHIND = (METERS, METERS + "  - {id: meter-roof, role: pv, behind: meter-ab}\n")


@pytest.mark.parametrize(("imported", "exported"), [(0.01, 3.0), (3.0, 0.01)])
def test_generated_energy_is_that_of_the_larger_register_however_its_meter_is_wired(
    imported: float, exported: float
) -> None:
    """The other one has what the inverter takes at night."""
    keys = [f"meter_energy_joules_total{{direction={each},role=pv}}" for each in ("import", "export")]
    rises = dict(zip(keys, (imported * KWH, exported * KWH), strict=True))
    assert counted_in_an_hour(campus(PV_BEHIND), {"meter-roof": rises}, HOUR_S)["pv:meter-roof"] == pytest.approx(
        3 * KWH
    )


def test_a_meter_without_counters_exports_while_its_power_is_negative() -> None:
    for watts, imported, exported in ((-5000.0, 0.0, 5 * KWH), (2000.0, 2 * KWH, 0.0)):
        found = counted_in_an_hour(campus(PV_BEHIND), {"meter-ab": {"meter_power_watts": watts}}, 60)
        assert found["facility:meter-ab"] == pytest.approx(imported)
        assert found["export:meter-ab"] == pytest.approx(exported)


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
        assert [each for each in readings.engine.energy_records.totals.last if each.startswith("it:")] == [counted]
