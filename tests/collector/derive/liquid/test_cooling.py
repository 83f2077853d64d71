"""CDUs and loops: figures worked out by hand from the site of hall.yaml."""

import math

import pytest

from collector.derive.liquid.ride_through import Thermal
from collector.derive.site_figures import SiteFigures
from collector.derive.site_plan import Settings
from rackflow.physics import dew_point_celsius
from rackflow.site import Site
from tests.collector.derive.hall import Readings, hall

RATED = 200_000.0


def cdu(heat_w: float, supply_c: float = 30.0, *pumps: str) -> dict[str, float | str]:
    """Readings of one CDU whose primary side carries 2 % more."""
    states: dict[str, float | str] = {f"cdu_pump_state{{pump={at}}}": state for at, state in enumerate(pumps, 1)}
    return states | {
        "cdu_heat_removed_watts{loop=secondary}": heat_w,
        "cdu_heat_removed_watts{loop=primary}": heat_w * 1.02,
        "cdu_supply_temperature_celsius{loop=secondary}": supply_c,
        "cdu_return_temperature_celsius{loop=secondary}": supply_c + 8.0,
        "cdu_dew_point_celsius": 12.0,
        "cdu_pumps_required": 1.0,
        "cdu_power_watts": 2_000.0,
    }


def cooled(site: Site | None = None, settings: Settings | None = None) -> Readings:
    """Loop tcs takes 60 + 36 kW of the 120 kW of rack a2; the second CDU supplies at 32 degC, one of its pumps has failed."""
    readings = Readings(site, settings)
    keep_cooled(readings, 100.0)
    return readings


def keep_cooled(readings: Readings, now: float) -> None:
    """The same at another time."""
    readings.take("cdu-1", cdu(60_000, 30.0, "running", "standby"), now, device_class="cdu")
    readings.take("cdu-2", cdu(36_000, 32.0, "running", "failed"), now, device_class="cdu")
    for pdu in ("pdu-a2-a1", "pdu-a2-a2", "pdu-a2-b1", "pdu-a2-b2"):
        readings.currents(pdu, 40.0, 40.0, 40.0, watts=30_000, now=now)


def test_a_loop_balances_its_cdus_and_its_racks() -> None:
    readings = cooled()
    figures = readings.figures()
    for now in range(120, 560, 20):  # three times the loop's lag of 130 s
        keep_cooled(readings, float(now))
        figures = readings.figures(now + 1.0)
    assert figures["loop_heat_watts{loop=tcs}"].value == 96_000
    assert figures["loop_heat_imbalance_ratio{loop=tcs}"].value == pytest.approx(0.02)
    assert figures["loop_heat_capture_ratio{loop=tcs}"].value == pytest.approx(0.8)
    assert figures["loop_air_heat_watts{loop=tcs}"].value == pytest.approx(24_000)
    assert figures["loop_redundancy_margin_watts{loop=tcs}"].value == pytest.approx(RATED - 96_000)
    assert figures["cdu_cooling_load_ratio{device=cdu-1}"].value == pytest.approx(0.3)
    assert figures["cdu_coefficient_of_performance_ratio{device=cdu-1}"].value == pytest.approx(30)


def test_pumps_and_cdus_beyond_those_needed_are_spare() -> None:
    readings = cooled()
    assert readings.values("cdu_pumps_spare") == {"device=cdu-1": 1.0, "feed=A,device=cdu-2": 0.0}
    assert readings.values("loop_cdus_spare") == {"loop=tcs": 1.0}
    readings.take("cdu-2", cdu(0.0, 32.0, "failed", "stopped"), 100.5, device_class="cdu")
    assert readings.values("loop_cdus_spare") == {"loop=tcs": 0.0}
    readings.take("cdu-2", cdu(0.0, 32.0, "running", "unknown"), 100.6, device_class="cdu")
    assert readings.values("cdu_pumps_spare")["feed=A,device=cdu-2"] is None


def cooled_with(**thermal: float) -> Readings:
    """The same, and what is configured of chips and pipes."""
    readings = cooled()
    readings.engine = SiteFigures("t1", hall(), Settings(thermal=Thermal(**thermal)))
    return readings


WATER, CHIPS = 0.4 * 4.007e6, 0.393 * 0.8 * 120_000
"""J/K: 0.4 m3 of PG25 at 4.007e6 J/(m3 K), and the cold plates of 96 kW by design."""


def test_ride_through_is_what_the_heat_capacity_lasts() -> None:
    times = cooled().values("loop_ride_through_seconds")
    # 13 K from the warmer supply to the limit, of which the return takes 8 K; 96 kW and 4 kW of pumps
    assert times["loop=tcs,failure=primary_flow"] == pytest.approx((13 - 8) * (WATER + CHIPS) / 100_000, rel=1e-3)
    # with 4 m3 of water at 4.150e6 behind it
    assert times["loop=tcs,failure=heat_rejection"] == pytest.approx(
        13 * (WATER + CHIPS + 4 * 4.150e6) / 100_000, rel=1e-3
    )
    # 0.8 * 120 kW of liquid design power is what flows now: chips at 32 + 15 degC, 43 K * 0.393 J/K per W
    assert times["loop=tcs,failure=pumps"] == pytest.approx(43 * 0.393, rel=1e-6)


SITE_FACTS = (
    ("racks: [a2], cdus_required: 1", "racks: [a2], cdus_required: 1, max_supply_celsius: 44"),
    ("liquid_share: 0.8,", "liquid_share: 0.8, chip_limit_celsius: 85, chip_rise_kelvin: 20,"),
    (
        "rated_cooling_w: 200000, from: [row-a, row-b]",
        "rated_cooling_w: 200000, pumps_required: 2, from: [row-a, row-b]",
    ),
)


def test_ride_through_and_redundancy_count_to_what_the_site_file_says() -> None:
    readings = cooled(hall(*SITE_FACTS))
    times = readings.values("loop_ride_through_seconds")
    assert times["loop=tcs,failure=primary_flow"] == pytest.approx((12 - 8) * (WATER + CHIPS) / 100_000, rel=2e-3)
    assert times["loop=tcs,failure=pumps"] == pytest.approx((85 - 32 - 20) * 0.393, rel=1e-6)
    assert readings.values("cdu_pumps_spare") == {"device=cdu-1": 0.0, "feed=A,device=cdu-2": 0.0}


def test_the_configuration_goes_before_the_site_file() -> None:
    thermal = Thermal(supply_limit_celsius=45, chip_limit_celsius=90, chip_rise_kelvin=15)
    settings = Settings(pumps_required={"cdu-1": 1}, thermal=thermal)
    assert cooled(hall(*SITE_FACTS), settings).values("loop_ride_through_seconds") == cooled().values(
        "loop_ride_through_seconds"
    )
    assert cooled(hall(*SITE_FACTS), settings).values("cdu_pumps_spare")["device=cdu-1"] == 1.0


def test_of_several_kinds_of_chips_the_first_at_its_limit_counts() -> None:
    site = hall(
        ("design_power_w: 8000}", "design_power_w: 8000, liquid_share: 0.5, chip_limit_celsius: 70}"),
        ("racks: [a2]", "racks: [a1, a2]"),
    )
    # the rack that takes most of its design power takes all of it: a1's chips are at 32 + 15 degC at the worst
    left_k = 70 - 32 - 15
    times = cooled(site).values("loop_ride_through_seconds")
    assert times["loop=tcs,failure=pumps"] == pytest.approx(left_k * 0.393, rel=1e-6)


def test_ride_through_takes_what_is_known_of_pipes_and_of_chips_in_standing_coolant() -> None:
    times = cooled_with(supply_volume_ratio=0.5, chip_standing_ratio=0.15).values("loop_ride_through_seconds")
    assert times["loop=tcs,failure=primary_flow"] == pytest.approx((13 - 8 / 4) * (WATER + CHIPS) / 100_000, rel=1e-3)
    # 1 % of its power a kelvin: 43 K warmer it keeps 57 %
    assert times["loop=tcs,failure=pumps"] == pytest.approx(-math.log(1 - 0.43) * 39.3, rel=1e-3)


def test_where_chips_settle_in_standing_coolant_the_coolant_is_what_warms() -> None:
    times = cooled_with(chip_standing_ratio=1.0).values("loop_ride_through_seconds")
    assert times["loop=tcs,failure=pumps"] == pytest.approx(43 * (WATER + CHIPS) / 96_000, rel=2e-3)


def test_a_load_that_has_just_risen_counts_before_the_coolant_shows_it() -> None:
    readings = cooled()
    before = readings.values("loop_ride_through_seconds")
    for pdu in ("pdu-a2-a1", "pdu-a2-a2", "pdu-a2-b1", "pdu-a2-b2"):
        readings.currents(pdu, 60.0, 60.0, 60.0, watts=45_000, now=100.5)
    after = readings.values("loop_ride_through_seconds")
    ratio = 148 / 100  # 0.8 * 180 kW and the pumps, against 100 kW
    assert after["loop=tcs,failure=primary_flow"] == pytest.approx(before["loop=tcs,failure=primary_flow"] / ratio)  # type: ignore[operator]
    assert after["loop=tcs,failure=pumps"] == pytest.approx((90 - 32 - 15 * 1.5) * 0.393 / 1.5)
    # without the racks' word it is the coolant's
    lone = Readings()
    for name in ("cdu-1", "cdu-2"):
        lone.take(name, cdu(48_000, 32.0, "running"), device_class="cdu")
    assert lone.values("loop_ride_through_seconds") == before


def test_without_heat_there_is_no_ride_through_and_the_reason_is_said() -> None:
    readings = Readings()
    for name in ("cdu-1", "cdu-2"):
        readings.take(name, cdu(100.0), device_class="cdu")
    figure = readings.figures()["loop_ride_through_seconds{loop=tcs,failure=pumps}"]
    assert (figure.value, figure.missing) == (None, ("less than 500 W of heat",))


def test_a_humidity_that_is_a_sensor_of_its_own_is_paired_by_the_site_file() -> None:
    paired = hall(('sensor: "1", rack: a2', 'sensor: "1.1", humidity_sensor: "1.2", rack: a2'))
    readings = cooled(paired)
    humid = {"env_temperature_celsius{sensor=1.1}": 30.0, "env_relative_humidity_ratio{sensor=1.2}": 0.60}
    assert readings.values("env_dew_point_celsius") == {"device=box-1,sensor=1.1": None}
    missing = readings.figures()["cdu_dew_point_margin_celsius{device=cdu-1}"]
    assert missing.share < 1  # what the site file has, and nobody has sent
    readings.take("box-1", humid, device_class="env")
    assert readings.values("env_dew_point_celsius") == {"device=box-1,sensor=1.1": pytest.approx(21.4, abs=0.05)}
    margin = readings.figures()["cdu_dew_point_margin_celsius{device=cdu-1}"]
    assert margin.value == pytest.approx(30 - 21.4, abs=0.05)
    assert margin.share == 1.0
    alone = cooled(hall(('sensor: "1", rack: a2', 'sensor: "1.1", rack: a2')))
    alone.take("box-1", humid, device_class="env")
    assert alone.values("cdu_dew_point_margin_celsius")["device=cdu-1"] == pytest.approx(30 - 12)
    # a dew point that the device tells itself goes before
    readings.take("box-1", {"env_dew_point_celsius{sensor=1.1}": 15.0}, now=102.0, device_class="env")
    assert readings.values("env_dew_point_celsius", now=103.0) == {}
    assert readings.values("cdu_dew_point_margin_celsius", now=103.0)["device=cdu-1"] == pytest.approx(30 - 15)


def test_the_margin_is_against_the_worst_dew_point_of_the_room() -> None:
    readings = cooled()
    worst = dew_point_celsius(30.0, 0.60)
    assert worst is not None
    readings.take("pdu-a1-a", {"env_dew_point_celsius{sensor=1}": 14.0})
    readings.take("box-1", {"env_dew_point_celsius{sensor=1}": worst}, device_class="env")
    figure = readings.figures()["cdu_dew_point_margin_celsius{device=cdu-1}"]
    assert figure.value == pytest.approx(30 - 21.4, abs=0.05)
    assert figure.share == 1.0
    # two of three are enough, and it says so; one is not
    readings.take("cdu-1", cdu(60_000, 30.0, "running"), 135.0, device_class="cdu")
    readings.take("pdu-a1-a", {"env_dew_point_celsius{sensor=1}": 14.0}, 135.0)
    figure = readings.figures(now=136.0)["cdu_dew_point_margin_celsius{device=cdu-1}"]
    assert figure.value == pytest.approx(16.0)
    assert figure.share == pytest.approx(0.75)
    assert figure.missing == ("box-1 env_dew_point_celsius{sensor=1}: agent gw says nothing about it",)
    readings.take("cdu-1", cdu(60_000, 30.0, "running"), 170.0, device_class="cdu")
    assert readings.values("cdu_dew_point_margin_celsius", now=171.0)["device=cdu-1"] is None


def test_without_a_site_file_each_unit_still_has_its_own_figures() -> None:
    readings = Readings(described=False)
    readings.take(
        "cdu-9", cdu(60_000, 30.0, "running", "standby") | {"cdu_rated_cooling_watts": 1e5}, device_class="cdu"
    )
    found = {name: figure.value for name, figure in readings.figures().items()}
    assert found == {
        "cdu_dew_point_margin_celsius{device=cdu-9}": 18.0,
        "cdu_pumps_spare{device=cdu-9}": 1.0,
        "cdu_cooling_load_ratio{device=cdu-9}": pytest.approx(0.6),
        "cdu_coefficient_of_performance_ratio{device=cdu-9}": 30.0,
    }


def test_losses_are_a_mean_because_both_sides_are_not_read_at_once() -> None:
    readings = Readings(described=False)
    losses = []
    for at in range(0, 1500, 10):
        now = 100.0 + at
        watts = (
            200e3 if at // 10 % 2 else 100e3
        )  # a load that steps between the reading of the input and that of the output
        readings.take("ups-9", {"ups_input_total_power_watts": watts + 6e3}, now, device_class="ups")
        readings.take("ups-9", {"ups_output_total_power_watts": 300e3 - watts}, now + 5, device_class="ups")
        losses.append(readings.values("ups_losses_watts", now=now + 6)["device=ups-9"])
    known = [value for value in losses if value is not None]
    assert known
    assert known == [pytest.approx(6e3)] * len(known)
    readings.take("ups-9", {"ups_input_total_power_watts": 0.0}, 1700.0, device_class="ups")
    readings.take("ups-9", {"ups_output_total_power_watts": 1e5}, 1700.0, device_class="ups")
    assert readings.values("ups_losses_watts", now=1701.0) == {"device=ups-9": None}


def test_a_sensor_without_dew_point_gives_it_by_temperature_and_humidity_of_separate_polls() -> None:
    readings = cooled()
    readings.take("box-1", {"env_temperature_celsius{sensor=1}": 30.0}, device_class="env")
    readings.take("box-1", {"env_relative_humidity_ratio{sensor=1}": 0.6}, 100.5, device_class="env")
    assert readings.values("cdu_dew_point_margin_celsius")["device=cdu-1"] == pytest.approx(30 - 21.4, abs=0.05)


def test_pumps_that_a_unit_does_not_say_are_configured() -> None:
    readings = Readings(settings=Settings(pumps_required={"cdu-1": 2}))
    readings.take("cdu-1", cdu(60_000, 30.0, "running", "standby", "standby"), device_class="cdu")
    assert readings.values("cdu_pumps_spare")["device=cdu-1"] == 1.0
