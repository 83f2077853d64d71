"""Ride-through, term by term, on the campus: two loops on one primary, a third loop on the other, each with limits of its own."""

import math

import pytest

from collector.derive.liquid.ride_through import Thermal
from collector.derive.site_plan import Settings
from rackflow.fluids import volumetric_heat_capacity
from rackflow.site import Site
from tests.collector.derive.ai_hall import TAPS, ai_hall, metered
from tests.collector.derive.campus import CURRENTS, campus, campus_readings, cdu_values, poll_campus
from tests.collector.derive.hall import Readings

EXACT = 1e-9
N2_W, S1_W, S2_W = 120 * 230.0, 81 * 230.0, 96 * 230.0
HEAT_W = {"tcs-1": 0.8 * N2_W + 3_000, "tcs-2": 0.5 * S1_W + 1_200, "tcs-3": 0.75 * S2_W + 2_000}
"""What the coolant is about to get: liquid shares of rack power, which is no less than what CDUs measure, and pumps."""
CHIPS_J_PER_K = {"tcs-1": 0.393 * 32_000, "tcs-2": 0.393 * 12_500, "tcs-3": 0.5 * 22_500}
"""By liquid design power; s2 says its own heat capacity."""


def stored(coolant: str, volume_m3: float, supply_c: float, limit_c: float) -> float:
    """J/K of coolant, half way to the limit."""
    capacity = volumetric_heat_capacity(coolant, (supply_c + limit_c) / 2)
    assert capacity is not None
    return capacity * volume_m3


def times(readings: Readings, failure: str, now: float = 101.0) -> dict[str, float | None]:
    """Seconds by loop."""
    found = readings.values("loop_ride_through_seconds", now=now)
    suffix = f",failure={failure}"
    return {name.removeprefix("loop=").removesuffix(suffix): each for name, each in found.items() if suffix in name}


def ride(site: Site | None = None, **thermal: float) -> Readings:
    """The campus, and what is configured of chips and pipes."""
    return campus_readings(site, Settings(thermal=Thermal(**thermal)))


def test_without_facility_flow_each_loop_lasts_by_its_own_heat_volume_and_limit() -> None:
    # the warmest supply of tcs-1 is 32 degC (cdu-2), its limit 44; of tcs-2 28 and 45; of tcs-3 35 (cdu-4) and 45
    assert times(campus_readings(), "primary_flow") == {
        "tcs-1": pytest.approx(
            (44 - 32 - 6) * (stored("pg25", 0.5, 32, 44) + CHIPS_J_PER_K["tcs-1"]) / HEAT_W["tcs-1"], rel=EXACT
        ),
        "tcs-2": pytest.approx(
            (45 - 28 - 6) * (stored("water", 0.3, 28, 45) + CHIPS_J_PER_K["tcs-2"]) / HEAT_W["tcs-2"], rel=EXACT
        ),
        "tcs-3": pytest.approx(
            (45 - 35 - 6) * (stored("pg25", 0.4, 35, 45) + CHIPS_J_PER_K["tcs-3"]) / HEAT_W["tcs-3"], rel=EXACT
        ),
    }


def test_without_heat_rejection_only_loops_on_the_same_primary_warm_together() -> None:
    heat_w = HEAT_W["tcs-1"] + HEAT_W["tcs-2"]
    chips = CHIPS_J_PER_K["tcs-1"] + CHIPS_J_PER_K["tcs-2"]

    def first(supply_c: float, limit_c: float) -> float:
        return stored("water", 6 + 0.3, supply_c, limit_c) + stored("pg25", 0.5, supply_c, limit_c) + chips

    second = stored("water", 3, 35, 45) + stored("pg25", 0.4, 35, 45) + CHIPS_J_PER_K["tcs-3"]
    assert times(campus_readings(), "heat_rejection") == {
        "tcs-1": pytest.approx((44 - 32) * first(32, 44) / heat_w, rel=EXACT),
        "tcs-2": pytest.approx((45 - 28) * first(28, 45) / heat_w, rel=EXACT),
        "tcs-3": pytest.approx((45 - 35) * second / HEAT_W["tcs-3"], rel=EXACT),
    }


def test_heat_that_rises_in_one_loop_shortens_every_loop_on_its_primary_and_no_other() -> None:
    readings = campus_readings()
    before = times(readings, "heat_rejection")
    readings.currents("pdu-s1-c", 30, 30, 30, now=100.5)  # rack s1 takes 45 A more; half of it goes to tcs-2
    readings.currents("pdu-s1-a", *CURRENTS["pdu-s1-a"], now=100.6)
    after = times(readings, "heat_rejection")
    ratio = 1 + 45 * 230 * 0.5 / (HEAT_W["tcs-1"] + HEAT_W["tcs-2"])
    assert after["tcs-1"] == pytest.approx(before["tcs-1"] / ratio)  # type: ignore[operator]
    assert after["tcs-2"] == pytest.approx(before["tcs-2"] / ratio)  # type: ignore[operator]
    assert after["tcs-3"] == before["tcs-3"]


@pytest.mark.parametrize(
    "taken",
    [
        pytest.param({"crah_cooling_output_watts": 20_000.0}, id="as a whole"),
        pytest.param({f"crah_cooling_output_watts{{unit={at}}}": 10_000.0 for at in (1, 2)}, id="by two modules"),
    ],
)
def test_air_units_that_say_what_they_take_warm_the_facility_water_they_hang_on(taken: dict[str, float]) -> None:
    readings = campus_readings()
    before = times(readings, "heat_rejection"), times(readings, "primary_flow")
    readings.take("crah-1", taken, 100.5, device_class="crah")
    after = times(readings, "heat_rejection", now=102.0)
    loops_w = HEAT_W["tcs-1"] + HEAT_W["tcs-2"]
    for loop in ("tcs-1", "tcs-2"):
        expected = before[0][loop] * loops_w / (loops_w + 20_000)  # type: ignore[operator]
        assert after[loop] == pytest.approx(expected, rel=EXACT)
    assert after["tcs-3"] == before[0]["tcs-3"]
    assert times(readings, "primary_flow", now=102.0) == before[1]
    # one that falls silent leaves nobody knowing how much it takes
    poll_campus(readings, 140.0)
    assert times(readings, "heat_rejection", now=141.0)["tcs-1"] is None


def test_a_silent_loop_costs_loops_on_its_primary_only_the_figure_for_heat_rejection() -> None:
    readings = campus_readings()
    for device in ("cdu-3", "pdu-s1-a", "pdu-s1-c"):
        readings.take(device, {}, 102.0, up=False, device_class="cdu" if device == "cdu-3" else "pdu")
        readings.take(device, {}, 107.0, up=False, device_class="cdu" if device == "cdu-3" else "pdu")
    assert times(readings, "heat_rejection", now=108.0)["tcs-1"] is None
    assert times(readings, "heat_rejection", now=108.0)["tcs-3"] is not None
    assert times(readings, "primary_flow", now=108.0)["tcs-1"] is not None


def test_without_pumps_the_densest_rack_and_its_own_chips_decide() -> None:
    # n2 takes 27.6 of 40 kW, chips to 85 degC, 20 K above supply at design power; s1 and s2 have the usual 90 and 15
    n2, s1, s2 = N2_W / 40_000, S1_W / 25_000, S2_W / 30_000
    assert times(campus_readings(), "pumps") == {
        "tcs-1": pytest.approx((85 - 32 - 20 * n2) * 0.393 / n2, rel=EXACT),
        "tcs-2": pytest.approx((90 - 28 - 15 * s1) * 0.393 / s1, rel=EXACT),
        "tcs-3": pytest.approx((90 - 35 - 15 * s2) * 0.5 / s2, rel=EXACT),
    }


def test_more_heat_in_the_coolant_than_racks_take_counts_by_what_the_coolant_brings() -> None:
    readings = campus_readings()
    readings.take(
        "cdu-3", cdu_values("cdu-3") | {"cdu_heat_removed_watts{loop=secondary}": 12_000.0}, 100.5, device_class="cdu"
    )
    density = 12_000 / 12_500
    assert times(readings, "pumps")["tcs-2"] == pytest.approx((90 - 28 - 15 * density) * 0.393 / density, rel=EXACT)
    expected = 11 * (stored("water", 0.3, 28, 45) + CHIPS_J_PER_K["tcs-2"]) / (12_000 + 1_200)
    assert times(readings, "primary_flow")["tcs-2"] == pytest.approx(expected, rel=EXACT)


def test_of_the_racks_that_are_known_the_one_that_takes_the_highest_share_counts() -> None:
    """Its chips reach their limit first, whatever a rack takes that nobody hears."""
    two = campus(
        ("id: n1, row: n, ", "id: n1, row: n, liquid_share: 0.1, "),
        ("racks: [n2], max_supply", "racks: [n2, n1], max_supply"),
    )
    readings = Readings(two)
    for pdu in ("pdu-n2-a", "pdu-n2-b"):
        readings.currents(pdu, *CURRENTS[pdu])
    for cdu in ("cdu-1", "cdu-2"):
        readings.take(cdu, cdu_values(cdu), device_class="cdu")
    share = N2_W / 40_000
    assert times(readings, "pumps")["tcs-1"] == pytest.approx((85 - 32 - 20 * share) * 0.393 / share, rel=EXACT)


def test_the_warmest_return_of_several_cdus_counts_and_a_cold_one_takes_nothing_off() -> None:
    def lasts(**returned: float) -> float | None:
        readings = campus_readings()
        for cdu, celsius in returned.items():
            values = cdu_values(cdu.replace("_", "-")) | {"cdu_return_temperature_celsius{loop=secondary}": celsius}
            readings.take(cdu.replace("_", "-"), values, 100.5, device_class="cdu")
        return times(readings, "primary_flow")["tcs-1"]

    per_kelvin = (stored("pg25", 0.5, 32, 44) + CHIPS_J_PER_K["tcs-1"]) / HEAT_W["tcs-1"]
    assert lasts(cdu_1=40.0) == pytest.approx((44 - 32 - 8) * per_kelvin, rel=EXACT)
    assert lasts(cdu_1=31.0, cdu_2=31.0) == pytest.approx((44 - 32) * per_kelvin, rel=EXACT)
    assert lasts(cdu_1=44.5) == 0.0


def test_cold_pipes_take_off_of_what_comes_round_warm_by_their_square() -> None:
    per_kelvin = (stored("water", 0.3, 28, 45) + CHIPS_J_PER_K["tcs-2"]) / HEAT_W["tcs-2"]
    for cold in (0.0, 0.25, 0.7, 1.0):
        found = times(ride(supply_volume_ratio=cold), "primary_flow")["tcs-2"]
        assert found == pytest.approx((17 - 6 * (1 - cold) ** 2) * per_kelvin, rel=EXACT)


def test_heat_at_the_least_that_says_something_is_counted_and_less_is_not() -> None:
    small = campus(("liquid_share: 0.5", "liquid_share: 0.001"))

    def figures(heat_w: float) -> tuple[float | None, ...]:
        readings = Readings(small)
        values = {
            "cdu_heat_removed_watts{loop=secondary}": heat_w,
            "cdu_supply_temperature_celsius{loop=secondary}": 28.0,
            "cdu_return_temperature_celsius{loop=secondary}": 34.0,
        }
        readings.take("cdu-3", values, device_class="cdu")
        found = readings.values("loop_ride_through_seconds")
        return found["loop=tcs-2,failure=primary_flow"], found["loop=tcs-2,failure=pumps"]

    assert None not in figures(500.0)
    assert figures(499.9) == (None, None)


def test_no_reported_ride_through_is_longer_than_a_day() -> None:
    huge = campus(("coolant: water, volume_m3: 0.3", "coolant: water, volume_m3: 900"))
    assert times(campus_readings(huge), "primary_flow")["tcs-2"] == 86_400.0
    slow = campus(
        (
            "liquid_share: 0.75, chip_heat_capacity_seconds_per_kelvin: 0.5",
            "liquid_share: 0.75, chip_heat_capacity_seconds_per_kelvin: 100",
        )
    )
    readings = campus_readings(slow)
    readings.currents("pdu-s2-a", 0.5, 0.5, 0.5, now=100.5)
    readings.currents("pdu-s2-b", 0.5, 0.5, 0.5, now=100.5)
    for cdu in ("cdu-4", "cdu-5"):
        readings.take(
            cdu, cdu_values(cdu) | {"cdu_heat_removed_watts{loop=secondary}": 400.0}, 100.5, device_class="cdu"
        )
    assert times(readings, "pumps")["tcs-3"] == 86_400.0


def test_beyond_the_limit_nothing_is_left() -> None:
    readings = campus_readings()
    readings.take(
        "cdu-3",
        cdu_values("cdu-3") | {"cdu_supply_temperature_celsius{loop=secondary}": 46.0},
        100.5,
        device_class="cdu",
    )
    assert times(readings, "primary_flow")["tcs-2"] == 0.0
    assert times(readings, "heat_rejection")["tcs-2"] == 0.0
    hot = ride(chip_limit_celsius=75)
    hot.take(
        "cdu-3",
        cdu_values("cdu-3") | {"cdu_supply_temperature_celsius{loop=secondary}": 76.0},
        100.5,
        device_class="cdu",
    )
    assert times(hot, "pumps")["tcs-2"] == 0.0


def test_without_known_properties_of_the_coolant_a_figure_is_unknown_and_says_why() -> None:
    # half way from 28 to 150 degC is 89; from 32 and 35 it is beyond the fit's 90
    readings = ride(supply_limit_celsius=150)
    assert [name for name, each in times(readings, "primary_flow").items() if each is None] == ["tcs-1", "tcs-3"]
    missing = readings.figures()["loop_ride_through_seconds{loop=tcs-1,failure=primary_flow}"].missing
    assert missing == ("a temperature is outside of what the coolant's properties are known for",)


def test_chips_in_standing_coolant_last_by_what_still_flows_and_never_longer_than_the_coolant() -> None:
    density = S1_W / 25_000
    left_k = 90 - 28 - 15 * density
    capacity = volumetric_heat_capacity("water", 28)
    assert capacity is not None
    coolant_s = left_k * (capacity * 0.3 + CHIPS_J_PER_K["tcs-2"]) / (density * 12_500)
    some = 0.1 / 15  # per K
    alone_s = -math.log(1 - some * left_k / density) * 0.393 / some
    assert alone_s < coolant_s
    assert times(ride(chip_standing_ratio=0.1), "pumps")["tcs-2"] == pytest.approx(alone_s, rel=EXACT)
    # with all of it they settle before their limit, and the coolant decides
    assert times(ride(chip_standing_ratio=1.0), "pumps")["tcs-2"] == pytest.approx(coolant_s, rel=EXACT)
    assert 1 <= 0.3 / 15 * left_k / density < 2  # a third of it is too much, too
    assert times(ride(chip_standing_ratio=0.3), "pumps")["tcs-2"] == pytest.approx(coolant_s, rel=EXACT)
    # chips as warm as their coolant: nothing to lose by
    flat = times(ride(chip_standing_ratio=0.1, chip_rise_kelvin=0), "pumps")["tcs-2"]
    assert flat == pytest.approx((90 - 28) * 0.393 / density, rel=EXACT)


@pytest.mark.parametrize(
    ("given", "loop", "expected"),
    [
        ({"chip_limit_celsius": 70}, "tcs-1", (70 - 32 - 20 * N2_W / 40_000) * 0.393 / (N2_W / 40_000)),
        ({"chip_rise_kelvin": 5}, "tcs-1", (85 - 32 - 5 * N2_W / 40_000) * 0.393 / (N2_W / 40_000)),
        (
            {"chip_heat_capacity_seconds_per_kelvin": 0.8},
            "tcs-3",
            (90 - 35 - 15 * S2_W / 30_000) * 0.8 / (S2_W / 30_000),
        ),
        ({"chip_rise_kelvin": 0}, "tcs-1", (85 - 32) * 0.393 / (N2_W / 40_000)),
    ],
)
def test_each_configured_fact_of_chips_takes_the_place_of_the_site_files_alone(
    given: dict[str, float], loop: str, expected: float
) -> None:
    assert times(ride(None, **given), "pumps")[loop] == pytest.approx(expected, rel=EXACT)


def test_a_configured_supply_limit_goes_before_that_of_every_loop() -> None:
    per_kelvin = (stored("pg25", 0.5, 32, 40) + CHIPS_J_PER_K["tcs-1"]) / HEAT_W["tcs-1"]
    assert times(ride(supply_limit_celsius=40), "primary_flow")["tcs-1"] == pytest.approx((40 - 32 - 6) * per_kelvin)


def test_of_unlike_racks_on_one_loop_the_first_chips_at_their_limit_count() -> None:
    both = campus(("racks: [n2]", "racks: [n2, s1]"), ("volume_m3: 0.3, racks: [s1]", "volume_m3: 0.3, racks: []"))
    readings = campus_readings(both)
    # s1 takes 74.5 % of its design power and n2 69 %; the chips of n2 may rise less
    density = S1_W / 25_000
    assert times(readings, "pumps")["tcs-1"] == pytest.approx((85 - 32 - 20 * density) * 0.393 / density, rel=EXACT)
    assert "tcs-2" not in times(readings, "pumps")  # no chips on it
    heat_w = 0.8 * N2_W + 0.5 * S1_W + 3_000
    expected = 6 * (stored("pg25", 0.5, 32, 44) + CHIPS_J_PER_K["tcs-1"] + CHIPS_J_PER_K["tcs-2"]) / heat_w
    assert times(readings, "primary_flow")["tcs-1"] == pytest.approx(expected, rel=EXACT)


def test_two_primaries_or_rejection_to_the_air_leave_no_time_without_heat_rejection() -> None:
    split = campus_readings(
        campus(
            (
                "primary: fws-1, secondary: tcs-1, rated_cooling_w: 50000",
                "primary: fws-2, secondary: tcs-1, rated_cooling_w: 50000",
            )
        )
    )
    assert set(times(split, "heat_rejection")) == {"tcs-2", "tcs-3"}
    # but its heat still warms either primary
    assert times(split, "heat_rejection")["tcs-3"] < times(campus_readings(), "heat_rejection")["tcs-3"]  # type: ignore[operator]
    to_air = campus_readings(campus(("{id: cdu-3, primary: fws-1, secondary", "{id: cdu-3, secondary")))
    assert set(times(to_air, "heat_rejection")) == {"tcs-1", "tcs-3"}
    assert "loop=tcs-2" not in to_air.values("loop_heat_imbalance_ratio")
    assert set(times(to_air, "primary_flow")) == {"tcs-1", "tcs-2", "tcs-3"}


def test_cdus_on_two_primaries_have_the_heat_of_both_and_the_coolant_of_the_smaller() -> None:
    both = [(f"{{id: {cdu}, primary: fws-1,", f"{{id: {cdu}, primary: [fws-1, fws-2],") for cdu in ("cdu-1", "cdu-2")]
    found = times(campus_readings(campus(*both)), "heat_rejection")
    chips = sum(CHIPS_J_PER_K.values())
    capacity = stored("water", 3 + 0.3, 32, 44) + stored("pg25", 0.5 + 0.4, 32, 44) + chips
    assert found["tcs-1"] == pytest.approx((44 - 32) * capacity / sum(HEAT_W.values()), rel=EXACT)
    # The heat of tcs-1 may go into fws-1 alone, where tcs-2 is.
    assert found["tcs-2"] == times(campus_readings(), "heat_rejection")["tcs-2"]


def test_racks_without_liquid_on_a_loop_bring_it_nothing() -> None:
    hardy = ("chip_limit_celsius: 85", "chip_limit_celsius: 110")
    dry = campus_readings(campus(("racks: [n2]", "racks: [n2, n1]"), hardy))
    assert times(dry, "primary_flow") == times(campus_readings(), "primary_flow")
    assert times(dry, "pumps") == times(campus_readings(campus(hardy)), "pumps")


def test_a_rack_whose_power_is_unknown_leaves_the_power_of_the_others_to_count() -> None:
    """Racks of an AI hall share a loop; one of them takes more than the CDUs have noticed yet."""
    readings = Readings(ai_hall())
    for cdu in ("cdu-1", "cdu-2"):
        values = {"heat_removed_watts": 50e3, "supply_temperature_celsius": 30.0, "return_temperature_celsius": 36.0}
        readings.take(cdu, {f"cdu_{name}{{loop=secondary}}": each for name, each in values.items()}, device_class="cdu")
    for meter in TAPS:
        if "a1" in meter:
            metered(readings, meter, 60.0, 60.0, 60.0)
    heat_w = 0.85 * 4 * 3 * 60 * 240
    expected = (45 - 36) * (stored("pg25", 0.4, 30, 45) + 0.393 * 0.85 * 264_000) / heat_w
    assert times(readings, "primary_flow") == {"tcs": pytest.approx(expected, rel=EXACT)}
