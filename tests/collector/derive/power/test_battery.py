"""The model of a battery, term by term, and what a UPS's autonomy is made from."""

import math
import time
from typing import Any

import pytest

from collector.derive.engine.graph import Figure
from collector.derive.power.battery import LONGEST_S, Battery
from collector.derive.site_plan import Settings
from rackflow.site import Battery as SiteBattery
from tests.collector.derive.campus import campus, campus_readings, ups_values
from tests.collector.derive.hall import Readings

SHEET = {100_000.0: 300.0, 60_000.0: 600.0, 30_000.0: 1500.0}
LOW = math.log(1500 / 600) / math.log(60 / 30)
"""Exponent between 30 and 60 kW, and below."""
HIGH = math.log(600 / 300) / math.log(100 / 60)
"""Between 60 and 100 kW, and above."""


@pytest.mark.parametrize(
    ("load_w", "seconds"),
    [
        (30_000, 1500),
        (60_000, 600),
        (100_000, 300),
        (45_000, 1500 * (30 / 45) ** LOW),
        (80_000, 600 * (60 / 80) ** HIGH),
        (15_000, 1500 * 2**LOW),
        (120_000, 600 * (60 / 120) ** HIGH),
    ],
)
def test_each_segment_of_the_table_has_its_own_power_law_and_the_outer_ones_go_on(
    load_w: float, seconds: float
) -> None:
    assert Battery(SHEET).runtime_s(load_w, 1.0) == pytest.approx(seconds, rel=1e-9)
    # the order in which the site file gives them is of no account
    assert Battery(dict(reversed(SHEET.items()))).runtime_s(load_w, 1.0) == pytest.approx(seconds, rel=1e-9)


def test_charge_and_health_take_away_capacity_and_what_is_left_lasts_like_a_smaller_battery() -> None:
    battery = Battery({60_000: 600, 30_000: 1500}, health=0.9)
    # 0.7 - (1 - 0.9) of a new battery's capacity: 30 kW are to it as 50 kW to a new one
    assert battery.runtime_s(30_000, 0.7) == pytest.approx(1500 * 0.6**LOW, rel=1e-9)
    # what the UPS says of its health takes the place of the site file's
    assert battery.runtime_s(30_000, 0.7, 0.8) == pytest.approx(1500 * 0.5**LOW, rel=1e-9)
    assert battery.runtime_s(30_000, 0.7, 1.0) == pytest.approx(1500 * 0.7**LOW, rel=1e-9)
    assert battery.runtime_s(30_000, 0.7, 1.2) == pytest.approx(1500 * 0.7**LOW, rel=1e-9)  # none is better than new


def test_nothing_is_left_where_charge_is_no_more_than_what_age_has_taken() -> None:
    battery = Battery(SHEET, health=0.75)
    assert battery.runtime_s(30_000, 0.25) == 0.0
    assert battery.runtime_s(0.0, 0.25) == 0.0
    assert battery.runtime_s(30_000, 0.26) > 0.0
    assert battery.runtime_s(30_000, 0.1) == 0.0


def test_without_load_the_autonomy_is_a_day_the_longest_that_is_reported() -> None:
    assert Battery(SHEET).runtime_s(0.0, 0.5) == 86_400.0
    assert Battery(SHEET).runtime_s(-1.0, 0.5) == 86_400.0
    assert Battery(SHEET).runtime_s(1.0, 1.0) == 86_400.0
    assert Battery(SHEET).runtime_s(1e-9, 1.0) == 86_400.0
    assert Battery({1_000: 86_300}, peukert=1.0).runtime_s(1_000, 1.0) == pytest.approx(86_300)


def test_time_spent_on_battery_counts_against_a_full_one_of_this_age() -> None:
    battery = Battery(SHEET, health=0.8)
    whole_s = 1500 * 0.8**LOW  # 30 kW against 0.8 of its capacity
    assert battery.runtime_s(30_000, 1.0, None, 0.0) == pytest.approx(whole_s, rel=1e-9)
    assert battery.runtime_s(30_000, 1.0, None, 400.0) == pytest.approx(whole_s - 400, rel=1e-9)
    # where charge says less than time does, charge counts
    assert battery.runtime_s(30_000, 0.6, None, 100.0) == pytest.approx(600 * (60 / 75) ** HIGH, rel=1e-9)
    assert battery.runtime_s(30_000, 1.0, None, 5_000.0) == 0.0


def test_a_single_runtime_follows_the_exponent_that_is_given() -> None:
    assert Battery({120_000: 400}, peukert=1.15).runtime_s(40_000, 1.0) == pytest.approx(400 * 3**1.15, rel=1e-9)
    assert Battery({120_000: 400}, peukert=1.15).runtime_s(240_000, 1.0) == pytest.approx(400 * 0.5**1.15, rel=1e-9)
    assert Battery({120_000: 400}).runtime_s(40_000, 1.0) == pytest.approx(400 * 3**1.2, rel=1e-9)


def autonomy(readings: Readings) -> dict[str, float | None]:
    """Modelled seconds by UPS."""
    return {name.rpartition("=")[2]: each for name, each in readings.values("ups_modelled_runtime_seconds").items()}


def test_every_ups_has_its_own_sheet_load_and_health() -> None:
    c = math.log(2000 / 500) / math.log(60 / 20)
    assert autonomy(campus_readings()) == {
        "ups-a1": pytest.approx(1500 * (30_000 / 29_950) ** LOW, rel=1e-9),
        "ups-a2": None,
        "ups-b": pytest.approx(400 * (0.9 * 120_000 / 38_150) ** 1.15, rel=1e-9),
        "ups-c": pytest.approx(2000 * (0.8 * 20_000 / 17_070) ** c, rel=1e-9),
    }


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"ups_battery_charge_ratio": 0.5}, 400 * (0.4 * 120_000 / 38_150) ** 1.15),
        ({"ups_battery_health_ratio": 0.6}, 400 * (0.6 * 120_000 / 38_150) ** 1.15),
        ({"ups_on_battery_seconds": 500.0}, 400 * (0.9 * 120_000 / 38_150) ** 1.15 - 500),
        (
            {"ups_on_battery_seconds": 300.0, "ups_battery_health_ratio": 0.7},
            400 * (0.7 * 120_000 / 38_150) ** 1.15 - 300,
        ),
    ],
)
def test_what_a_ups_says_of_charge_health_and_time_on_battery_enters_its_autonomy(
    said: dict[str, Any], expected: float
) -> None:
    readings = campus_readings()
    readings.take("ups-b", ups_values("ups-b") | said, 100.5, device_class="ups")
    assert autonomy(readings)["ups-b"] == pytest.approx(expected, rel=1e-9)


def test_the_margin_to_the_generators_start_uses_the_shorter_runtime_and_the_feeds_start() -> None:
    readings = campus_readings()
    modelled_s = autonomy(readings)
    margin = readings.values("ups_runtime_margin_seconds")
    assert margin == {
        "feed=A,device=ups-a1": pytest.approx(modelled_s["ups-a1"] - 30),  # type: ignore[operator]
        "feed=A,device=ups-a2": 5_000 - 30,  # no site_battery: its own claim
        "feed=B,device=ups-b": pytest.approx(modelled_s["ups-b"] - 15),  # type: ignore[operator]
    }  # feed C has no generator
    readings.take("ups-b", {"ups_battery_runtime_seconds": 200.0}, 100.5, device_class="ups")
    assert readings.values("ups_runtime_margin_seconds")["feed=B,device=ups-b"] == 200 - 15
    optimism = readings.values("ups_runtime_optimism_ratio")["feed=B,device=ups-b"]
    assert optimism == pytest.approx(200 / modelled_s["ups-b"] - 1)  # type: ignore[operator]


def test_the_margin_of_a_ups_that_states_no_runtime_is_that_of_the_model() -> None:
    readings = Readings(campus())
    readings.take(
        "ups-b", {"ups_output_total_power_watts": 38_150.0, "ups_battery_charge_ratio": 1.0}, device_class="ups"
    )
    modelled_s = autonomy(readings)["ups-b"]
    assert modelled_s is not None
    assert readings.values("ups_runtime_margin_seconds")["feed=B,device=ups-b"] == pytest.approx(modelled_s - 15)


def test_optimism_needs_a_modelled_runtime_of_a_second() -> None:
    def figure(modelled_s: float) -> Figure:
        site_battery = SiteBattery(runtimes={38_150: modelled_s})
        readings = campus_readings(settings=Settings(batteries={"ups-b": site_battery}))
        readings.take("ups-b", {"ups_battery_runtime_seconds": 3.0}, 100.5, device_class="ups")
        return readings.figures()["ups_runtime_optimism_ratio{feed=B,device=ups-b}"]

    assert figure(1.0).value == pytest.approx(2.0)
    assert figure(0.99).value is None
    assert figure(0.99).missing == ("the modelled runtime is zero",)


def test_a_ups_that_tells_phases_only_delivers_their_sum() -> None:
    readings = Readings(campus())
    readings.take("ups-a1", {"ups_output_total_power_watts": 30_000.0}, device_class="ups")
    name = "ups_redundancy_margin_watts{feed=A,group=ups-a1+ups-a2}"
    figure = readings.figures()[name]
    assert (figure.value, figure.missing) == (None, ("ups-a2 ups_output_total_power_watts: not received",))
    phases = {f"ups_output_power_watts{{phase=L{at}}}": watts for at, watts in enumerate((6_000, 7_000, 8_000), 1)}
    readings.take("ups-a2", {**phases}, device_class="ups")
    assert readings.figures(now=102.0)[name].value == 60_000 - 51_000
    # its own total goes before
    readings.take("ups-a2", {"ups_output_total_power_watts": 20_500.0}, 100.5, device_class="ups")
    assert readings.figures(now=103.0)[name].value == 60_000 - 50_500
    # and is not missed once it does not come any more
    readings.take("ups-a1", {"ups_output_total_power_watts": 30_000.0}, 140.0, device_class="ups")
    readings.take("ups-a2", {**phases}, 140.0, device_class="ups")
    assert readings.figures(now=141.0)[name].value == 60_000 - 51_000


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_when_a_battery_was_installed_is_said_once_and_in_utc_wherever_the_collector_stands(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    metric = "ups_battery_installed_timestamp_seconds"
    try:
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("TZ", zone)
            time.tzset()
            found = campus_readings().values(metric)
    finally:
        time.tzset()
    assert found == {"feed=C,device=ups-c": 1_709_251_200.0}  # 2024-03-01 00:00 UTC


@pytest.mark.parametrize(
    "runtimes", [{math.nextafter(1e9, 0): 600.0, 1e9: 599.9}, {5e-324: 1e9, 1e9: 5e-324}, {1e-300: 2.0}]
)
@pytest.mark.parametrize("load_w", [0.0, 5e-324, 1.0, 1e9, 1e308])
@pytest.mark.parametrize("left", [0.0, 5e-324, 1e-16, 1.0])
def test_no_load_charge_or_data_sheet_is_beyond_the_model(
    runtimes: dict[float, float], load_w: float, left: float
) -> None:
    """Loads of a data site_battery that differ by one bit, a capacity that is almost gone, a load near zero."""
    battery = Battery(runtimes)
    for found in (battery.runtime_s(load_w, left), battery.runtime_s(load_w, 1.0, left)):
        assert 0.0 <= found <= LONGEST_S
