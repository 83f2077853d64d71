"""Whom a problem concerns, how long it can go on, and what a page says of it while nobody knows."""

from typing import Any

import pytest

from collector.problems.table import load_table
from collector.problems.tracker import TrackedProblem
from tests.collector.api.shown import Shown, powered
from tests.collector.api.test_blame import ONE_FEED, SMALL_PDUS, SMALL_UPS, in_short, loss_of_a
from tests.collector.derive.hall import hall
from tests.collector.derive.power.test_switches import switched


def only(shown: Shown, now: float = 102.0) -> dict[str, Any]:
    problem: dict[str, Any]
    (problem,) = shown.get("problems", now)["problems"]
    return problem


@pytest.mark.parametrize(("feed", "racks"), [("A", ["a1", "a2"]), ("B", ["a2"])])
def test_a_lost_feed_concerns_the_racks_that_it_supplies(feed: str, racks: list[str]) -> None:
    """Rack a1 hangs from feed A only."""
    shown = Shown(hall(ONE_FEED))
    shown.problem("DcimFeedLost", 0.9, feed=feed)
    assert only(shown)["concerns"] == {"racks": racks, "more": 0}


def test_the_racks_that_were_counted_are_named_and_beyond_a_hundred_they_are_counted() -> None:
    shown = Shown()
    shown.problem("DcimMainsLost", 0.9, feed="A")
    (tracked,) = shown.tracker.active()
    tracked.affected = tuple(f"r{at:03}" for at in range(103))
    assert only(shown)["concerns"] == {"racks": [f"r{at:03}" for at in range(100)], "more": 3}


@pytest.mark.parametrize(
    ("name", "is_running"),
    [
        ("DcimUpsOnBattery", True),
        ("DcimUpsOnBatteryProlonged", True),
        ("DcimUpsBatteryLow", False),
        ("DcimUpsBatteryReplace", False),
        ("DcimUpsOverload", False),
    ],
)
def test_the_time_of_a_battery_runs_down_while_it_is_in_use(name: str, *, is_running: bool) -> None:
    shown = Shown()
    powered(shown)
    shown.problem(name, 1.0, device="ups-b")
    left = only(shown)["time_left"]
    assert (left["what"], left["seconds"], left["running"]) == (
        {"key": "battery", "device": "ups-b"},
        1230.0,
        is_running,
    )


def test_facility_water_is_held_against_the_set_point_of_the_secondary_loop() -> None:
    shown = Shown()
    points = {
        f"cdu_supply_temperature_setpoint_celsius{{loop={loop}}}": at
        for loop, at in (("primary", 18.0), ("secondary", 32.0))
    }
    shown.readings.take("cdu-1", dict(points), device_class="cdu")
    shown.problem("DcimFacilityWaterWarm", 33.0, device="cdu-1", loop="primary")
    assert only(shown)["limit"] == 32.0


def test_a_transfer_switch_concerns_its_rack_and_a_device_that_supplies_none_concerns_none() -> None:
    """A meter is on a feed as its racks are; what is wrong with it is not about them."""
    shown = Shown(switched())
    shown.problem("DcimBreakerTripped", device="ats-1", feed="A")
    shown.problem("DcimDeviceUnreachable", device="meter-main", feed="A", agent="gw")
    found = {each["device"]: each["concerns"]["racks"] for each in shown.get("problems")["problems"]}
    assert found == {"ats-1": ["a1"], "meter-main": []}


def test_a_battery_is_that_of_a_ups_and_one_without_a_feed_carries_no_other_feed() -> None:
    shown = Shown()
    shown.problem("DcimUpsOnBattery", device="pdu-a1-a", feed="A")
    (problem,) = shown.get("problems")["problems"]
    assert "time_left" not in problem
    plain = Shown(described=False)
    for ups, place in (("ups-x", {"feed": "A"}), ("ups-y", {})):
        plain.readings.places[ups] = place
        plain.readings.take(ups, {"ups_battery_runtime_seconds": 600.0}, device_class="ups")
    plain.problem("DcimFeedLost", 0.9, feed="A")
    (lost,) = plain.get("problems")["problems"]
    assert "time_left" not in lost


def test_the_figure_of_a_rack_blames_no_ups_that_would_be_overloaded_as_well() -> None:
    shown = Shown(hall(ONE_FEED, SMALL_UPS))
    powered(shown)
    own = shown.get("figures/{metric}", metric="dcim_rack_survives_feed_loss", rack="a1", feed="A", phase="L2")
    assert [(each["place"], each["name"]) for each in own["blamed"]] == [("rack", "a1")]


def test_a_limit_above_a_set_point_is_shown_as_a_temperature() -> None:
    """3 K above it."""
    shown = Shown()
    powered(shown)
    shown.readings.take(
        "cdu-1", {"cdu_supply_temperature_setpoint_celsius{loop=secondary}": 32.0}, 101.0, device_class="cdu"
    )
    shown.problem("DcimCduSupplyTemperatureHigh", 36.0, device="cdu-1", loop="secondary")
    assert only(shown)["limit"] == 35.0


def test_after_a_restart_a_problem_is_not_said_to_be_over_before_its_readings_have_come() -> None:
    shown = Shown()
    labels = (("detector", "tray"), ("device", "cdu-1"), ("site", "t1"))
    leak = TrackedProblem(load_table().problems["DcimLeakDetected"], labels, ("d", "t1", "cdu-1"), 1.0, 1.0)
    shown.tracker.restore(leak, 100.0)
    assert "holds" not in only(shown)  # left out where it is true
    shown.tracker.update(leak.subject, {}, 101.0)
    assert only(shown)["holds"] is False


def test_what_would_be_loaded_by_five_percent_too_much_is_overloaded() -> None:
    """Its own 23 kW and the 23.2 kW of feed A."""
    rating = SMALL_UPS[1].replace("30000", "44000")
    shown = Shown(hall((SMALL_UPS[0], rating)))
    powered(shown)
    assert in_short(loss_of_a(shown)[1]["blamed"]) == [("overload", "ups", "ups-b", None, 1.05)]


def test_the_figure_of_a_rack_blames_that_rack_alone() -> None:
    shown = Shown(hall(ONE_FEED, *SMALL_PDUS))
    powered(shown)
    answer, _ = loss_of_a(shown)
    assert {each["name"] for each in answer["blamed"]} == {"a1", "a2"}
    for each in answer["blamed"]:
        own = shown.get("figures/{metric}", 101.0, metric=each["figure"]["metric"], **each["figure"]["labels"])
        assert (own["labels"]["rack"], in_short(own["blamed"])) == (each["name"], in_short([each]))
