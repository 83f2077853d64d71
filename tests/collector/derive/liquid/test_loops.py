"""Loops and CDUs of unlike size on the campus: balance, redundancy, pumps and dew points worked out by hand."""

import pytest

from rackflow.fluids import volumetric_heat_capacity
from tests.collector.derive.campus import HEAT_W, campus, campus_readings, cdu_values, poll_campus
from tests.collector.derive.hall import Readings, hall


def test_each_loop_has_the_heat_of_its_own_cdus_and_racks() -> None:
    readings = campus_readings()
    heat = {"loop=tcs-1": 21_280.0, "loop=tcs-2": 9_315.0, "loop=tcs-3": 16_560.0}
    assert readings.values("loop_heat_watts") == heat
    for now in range(120, 1040, 20):
        poll_campus(readings, float(now))
        readings.figures(float(now))
    capture = readings.values("loop_heat_capture_ratio", now=1021.0)
    assert capture == pytest.approx({"loop=tcs-1": 21_280 / 27_600, "loop=tcs-2": 0.5, "loop=tcs-3": 0.75})
    air = readings.values("loop_air_heat_watts", now=1021.0)
    assert air == pytest.approx({"loop=tcs-1": 27_600 - 21_280, "loop=tcs-2": 9_315, "loop=tcs-3": 5_520})
    assert readings.values("loop_heat_imbalance_ratio", now=1021.0) == pytest.approx(dict.fromkeys(heat, 0.02))


def test_firm_cooling_of_unequal_cdus_is_what_is_left_without_the_larger() -> None:
    assert campus_readings().values("loop_redundancy_margin_watts") == {
        "loop=tcs-1": 50_000 - 21_280,
        "loop=tcs-2": -9_315.0,
        "loop=tcs-3": 40_000 - 16_560,
    }


def test_spare_cdus_are_those_with_a_healthy_pump_beyond_what_each_loop_requires() -> None:
    readings = campus_readings()
    assert readings.values("loop_cdus_spare") == {"loop=tcs-1": 1.0, "loop=tcs-2": 0.0, "loop=tcs-3": 0.0}
    broken = {"cdu_pump_state{pump=1}": "failed", "cdu_pump_state{pump=2}": "failed"}
    readings.take("cdu-4", cdu_values("cdu-4") | broken, 100.5, device_class="cdu")
    assert readings.values("loop_cdus_spare") == {"loop=tcs-1": 1.0, "loop=tcs-2": 0.0, "loop=tcs-3": -1.0}


def test_spare_pumps_are_beyond_what_the_site_file_says_or_else_the_unit() -> None:
    readings = campus_readings()
    readings.take("cdu-3", cdu_values("cdu-3") | {"cdu_pumps_required": 2.0}, 100.5, device_class="cdu")
    spare = {name.rpartition("=")[2]: each for name, each in readings.values("cdu_pumps_spare").items()}
    # cdu-4 requires two by the site file, and one by its own word
    assert spare == {"cdu-1": 1.0, "cdu-2": 1.0, "cdu-3": 0.0, "cdu-4": 0.0, "cdu-5": 1.0}


def test_each_cdu_is_judged_by_its_own_rating_and_pumps() -> None:
    readings = campus_readings()
    load = {name.rpartition("=")[2]: each for name, each in readings.values("cdu_cooling_load_ratio").items()}
    rated = {"cdu-1": 80_000, "cdu-2": 50_000, "cdu-3": 60_000, "cdu-4": 70_000, "cdu-5": 40_000}
    assert load == pytest.approx({cdu: HEAT_W[cdu] / rated[cdu] for cdu in rated})
    cop = {
        name.rpartition("=")[2]: each for name, each in readings.values("cdu_coefficient_of_performance_ratio").items()
    }
    assert cop == pytest.approx(
        {"cdu-1": 6.64, "cdu-2": 8.0, "cdu-3": 9_315 / 1_200, "cdu-4": 10_000 / 1_500, "cdu-5": 13.12}
    )


@pytest.mark.parametrize(
    ("heat_w", "power_w", "expected"), [(500.0, 100.0, 5.0), (499.0, 100.0, None), (900.0, 0.0, None)]
)
def test_a_quotient_of_small_numbers_is_no_coefficient_of_performance(
    heat_w: float, power_w: float, expected: float | None
) -> None:
    readings = campus_readings()
    small = {"cdu_heat_removed_watts{loop=secondary}": heat_w, "cdu_power_watts": power_w}
    readings.take("cdu-3", cdu_values("cdu-3") | small, 100.5, device_class="cdu")
    found = readings.values("cdu_coefficient_of_performance_ratio")
    assert next(each for name, each in found.items() if name.endswith("cdu-3")) == expected


def test_capture_needs_racks_that_take_enough_to_be_divided_by() -> None:
    def capture(watts: float) -> float | None:
        readings = campus_readings()
        found = None
        for now in range(110, 240, 10):
            readings.currents("pdu-s1-a", 1, 1, 1, watts=watts - 200, now=now)
            readings.currents("pdu-s1-c", 1, 1, 1, watts=200, now=now)
            heat = {"cdu_heat_removed_watts{loop=secondary}": 400.0}
            readings.take("cdu-3", cdu_values("cdu-3") | heat, now, device_class="cdu")
            found = readings.values("loop_heat_capture_ratio", now=now + 1.0)["loop=tcs-2"]
        return found

    assert capture(500) == pytest.approx(0.8)
    assert capture(499) is None


def test_what_warms_the_coolant_of_a_loop_is_captured_and_not_left_to_the_air() -> None:
    """Its return warms up by 0.3 K a minute, and its supply does not."""
    readings = campus_readings()
    for now in range(110, 1120, 10):
        readings.currents("pdu-s1-a", 1, 1, 1, watts=20_000, now=now)
        readings.currents("pdu-s1-c", 1, 1, 1, watts=20_000, now=now)
        warmer = {"cdu_return_temperature_celsius{loop=secondary}": 34 + (now - 110) * 0.005}
        readings.take("cdu-3", cdu_values("cdu-3") | warmer, now, device_class="cdu")
        readings.figures(now + 1.0)
    capacity = volumetric_heat_capacity("water", 34.0)
    assert capacity is not None
    found = readings.values("loop_heat_capture_ratio", now=1112.0)["loop=tcs-2"]
    assert found == pytest.approx((9_315 + capacity * 0.3 * 0.005) / 40_000, rel=0.02)


def test_the_coolant_of_a_loop_is_as_warm_as_all_of_its_cdus_measure_it() -> None:
    """The return of one CDU of two warms up by 0.3 K a minute: half of the loop's coolant does, as far as anybody knows."""
    readings = campus_readings()
    for now in range(110, 1120, 10):
        readings.currents("pdu-s2-a", 1, 1, 1, watts=20_000, now=now)
        readings.currents("pdu-s2-b", 1, 1, 1, watts=20_000, now=now)
        warmer = {"cdu_return_temperature_celsius{loop=secondary}": 40 + (now - 110) * 0.005}
        readings.take("cdu-4", cdu_values("cdu-4"), now, device_class="cdu")
        readings.take("cdu-5", cdu_values("cdu-5") | warmer, now, device_class="cdu")
        readings.figures(now + 1.0)
    capacity = volumetric_heat_capacity("pg25", 40.0)
    assert capacity is not None
    found = readings.values("loop_heat_capture_ratio", now=1112.0)["loop=tcs-3"]
    assert found == pytest.approx((16_560 + capacity * 0.4 * 0.005 / 2) / 40_000, rel=0.01)


def test_the_dew_point_that_counts_is_the_highest_in_the_rooms_of_the_unit_and_of_its_racks() -> None:
    margins = campus_readings().values("cdu_dew_point_margin_celsius")
    found = {name.rpartition("=")[2]: margin for name, margin in margins.items()}
    assert found == {"cdu-1": 30 - 15, "cdu-2": 32 - 15, "cdu-3": 28 - 10, "cdu-4": 35 - 10, "cdu-5": 34 - 10}
    # cdu-3 moved beside the racks of room north: the air of both rooms can condense on its coolant
    between = campus_readings(
        campus(("rated_cooling_w: 60000, from: [row-c], row: s", "rated_cooling_w: 60000, from: [row-c], row: n"))
    )
    moved = between.values("cdu_dew_point_margin_celsius")
    assert next(each for name, each in moved.items() if name.endswith("cdu-3")) == 28 - 15


def test_a_units_own_air_makes_a_dew_point_and_one_it_tells_itself_goes_before() -> None:
    def margin(**seen: float) -> float | None:
        readings = campus_readings()
        readings.take("cdu-3", {**seen}, 100.5, device_class="cdu")
        found = readings.values("cdu_dew_point_margin_celsius", now=102.0)
        return next(each for name, each in found.items() if name.endswith("cdu-3"))

    air = {"cdu_ambient_temperature_celsius": 30.0, "cdu_ambient_relative_humidity_ratio": 0.6}
    assert margin(**air) == pytest.approx(28 - 21.4, abs=0.05)
    assert margin(**air, cdu_dew_point_celsius=14.0) == 28 - 14
    assert margin(cdu_ambient_temperature_celsius=30.0) == 28 - 10  # the room's


def test_a_sensor_that_is_not_named_stands_for_all_of_its_device() -> None:
    readings = campus_readings(campus(('device: box-2, sensor: "1"', "device: box-2")))
    readings.take("box-2", {"env_dew_point_celsius{sensor=7}": 17.0}, 100.5, device_class="env")
    found = readings.values("cdu_dew_point_margin_celsius", now=102.0)
    assert next(each for name, each in found.items() if name.endswith("cdu-3")) == 28 - 17


def test_a_sensor_that_is_a_device_of_its_own_counts() -> None:
    readings = campus_readings(campus(('device: box-2, sensor: "1", ', "")))
    readings.take("s1-front", {"env_dew_point_celsius": 16.0}, 100.5, device_class="env")
    found = readings.values("cdu_dew_point_margin_celsius", now=102.0)
    assert next(each for name, each in found.items() if name.endswith("cdu-3")) == 28 - 16


def test_half_of_a_rooms_sensors_are_enough_to_warn_of_condensation_and_fewer_are_not() -> None:
    """The air of a room is mixed; with most of its sensors silent the most humid place may be one of those."""

    def margin(*sensors: int) -> float | None:
        """One of these sensors is left after half a minute."""
        more = "".join(f'  - {{id: n{at}-more, device: box-1, sensor: "{at}", rack: n1}}\n' for at in sensors[2:])
        readings = Readings(campus(("  - {id: rope-1,", f"{more}  - {{id: rope-1,")))
        points = {f"env_dew_point_celsius{{sensor={at}}}": 12.0 for at in sensors}
        readings.take("box-1", {**points}, device_class="env")
        readings.take("box-1", {"env_dew_point_celsius{sensor=1}": 12.0}, 131.0, device_class="env")
        readings.take("cdu-1", cdu_values("cdu-1"), 131.0, device_class="cdu")
        found = readings.values("cdu_dew_point_margin_celsius", now=131.5)
        return next(each for name, each in found.items() if name.endswith("cdu-1"))

    assert margin(1, 2) == 30 - 12
    assert margin(1, 2, 3) is None


def test_a_unit_away_from_its_racks_is_judged_by_their_air_too() -> None:
    readings = campus_readings(campus(("from: [row-a, row-b], row: n}", "from: [row-a, row-b], row: s}")))
    found = readings.values("cdu_dew_point_margin_celsius")
    assert next(each for name, each in found.items() if name.endswith("cdu-1")) == 30 - 15  # not 10, as in its own room


def test_a_unit_that_the_site_file_does_not_have_is_judged_by_its_own_readings() -> None:
    readings = campus_readings()
    readings.take("cdu-9", cdu_values("cdu-3") | {"cdu_rated_cooling_watts": 18_630.0}, 100.5, device_class="cdu")
    assert readings.values("cdu_cooling_load_ratio", now=102.0)["device=cdu-9"] == 0.5
    readings.take("cdu-9", {"cdu_dew_point_celsius": 13.0}, 102.5, device_class="cdu")
    assert readings.values("cdu_dew_point_margin_celsius", now=104.0)["device=cdu-9"] == 28 - 13


def test_a_rating_of_zero_that_a_unit_says_itself_divides_nothing() -> None:
    readings = Readings(described=False)
    readings.take(
        "cdu-9", {"cdu_heat_removed_watts{loop=secondary}": 600.0, "cdu_rated_cooling_watts": 0.0}, device_class="cdu"
    )
    figure = readings.figures()["cdu_cooling_load_ratio{device=cdu-9}"]
    assert (figure.value, figure.missing) == (None, ("the rating is zero",))


SECOND_CDU = "  - {id: cdu-2, primary: fws, secondary: tcs, rated_cooling_w: 200000, from: [row-a], row: a}\n"
THIRD_CDU = "  - {id: cdu-3, secondary: tcs, rated_cooling_w: 100000, from: [row-a], row: a}\n"
THREE_CDUS = (SECOND_CDU, SECOND_CDU + THIRD_CDU)


@pytest.mark.parametrize(
    ("flows", "pumps_of_third", "shares"),
    [
        ((0.010, 0.010, 0.005), ("running", "standby"), [1.0, 1.0, 1.0]),
        ((0.010, 0.010, 0.010), ("running", "running"), [5 / 6, 5 / 6, 5 / 3]),
        # One that stands by has no part in the flow, and what leaks back through it is none of the others'.
        ((0.012, 0.004, 0.000), ("standby", "stopped"), [1.5, 0.5, None]),
        ((0.012, 0.004, 0.002), ("standby", "standby"), [1.5, 0.5, None]),
        # One pump that runs is enough to know; without it nobody knows who shares the flow.
        ((0.010, 0.010, 0.005), ("running", "unknown"), [1.0, 1.0, 1.0]),
        ((0.010, 0.010, 0.005), ("standby", "unknown"), [None, None, None]),
        ((0.000, 0.000, 0.000), ("running", "standby"), [None, None, None]),
    ],
)
def test_cdus_of_unlike_size_share_a_loops_flow_by_their_ratings(
    flows: tuple[float, float, float], pumps_of_third: tuple[str, str], shares: list[float | None]
) -> None:
    readings = Readings(hall(THREE_CDUS))
    pumps = {"cdu-1": ("running", "standby"), "cdu-2": ("running", "standby"), "cdu-3": pumps_of_third}
    for (cdu, (one, two)), flow in zip(pumps.items(), flows, strict=True):
        states = {"cdu_pump_state{pump=1}": one, "cdu_pump_state{pump=2}": two}
        readings.take(cdu, {"cdu_flow_cubic_meters_per_second{loop=secondary}": flow, **states}, device_class="cdu")
    assert list(readings.values("cdu_flow_share_ratio").values()) == [
        None if share is None else pytest.approx(share) for share in shares
    ]


def test_a_cdu_that_runs_alone_shares_the_flow_with_nobody() -> None:
    readings = Readings(hall((SECOND_CDU, SECOND_CDU)))
    for cdu, pump in (("cdu-1", "running"), ("cdu-2", "standby")):
        flow: dict[str, float | str] = {"cdu_flow_cubic_meters_per_second{loop=secondary}": 0.01}
        readings.take(cdu, flow | {"cdu_pump_state{pump=1}": pump}, device_class="cdu")
    figure = readings.figures()["cdu_flow_share_ratio{device=cdu-1}"]
    assert (figure.value, figure.missing) == (None, ("no other CDU of the loop runs",))


def test_cdus_that_run_without_any_flow_have_no_share_of_it_and_say_so() -> None:
    """Their common valve is closed; it is no error of the figure."""
    readings = Readings(hall((SECOND_CDU, SECOND_CDU)))
    for cdu in ("cdu-1", "cdu-2"):
        flow: dict[str, float | str] = {"cdu_flow_cubic_meters_per_second{loop=secondary}": 0.0}
        readings.take(cdu, flow | {"cdu_pump_state{pump=1}": "running"}, device_class="cdu")
    figure = readings.figures()["cdu_flow_share_ratio{device=cdu-1}"]
    assert (figure.value, figure.missing) == (None, ("no CDU of the loop measures any flow",))


def test_a_loop_with_a_cdu_that_has_no_water_side_has_no_balance() -> None:
    """What it gives to the air is in the secondary heat only: the loop would look as if a sensor were wrong."""
    for site, expected in ((hall(), {"loop=tcs": 0.0}), (hall(THREE_CDUS), {})):
        readings = Readings(site)
        for cdu in site.cdus:
            heat = {f"cdu_heat_removed_watts{{loop={loop}}}": 60_000.0 for loop in ("primary", "secondary")}
            readings.take(cdu, heat, device_class="cdu")
        assert readings.values("loop_heat_imbalance_ratio") == expected
