"""How much time a problem leaves, whom it concerns, and which limit it has, where several devices or limits could be meant."""

from typing import Any

from collector.api.problem_list import MAX_BEGINNING
from tests.collector.api.shown import Shown, powered
from tests.collector.derive.hall import hall

FLOW = "cdu_flow_cubic_meters_per_second{loop=secondary}"
SECOND_LOOP = (
    (
        "racks: [a2], cdus_required: 1}",
        "racks: [a2], cdus_required: 1}\n  - {id: tcs-2, kind: secondary, coolant: pg25, volume_m3: 0.2}",
    ),
    ("{id: cdu-2, primary: fws, secondary: tcs,", "{id: cdu-2, primary: fws, secondary: tcs-2,"),
)


def only(shown: Shown, now: float = 102.0) -> Any:  # noqa: ANN401 - JSON
    (problem,) = shown.get("problems", now)["problems"]
    return problem


def test_a_lost_feed_counts_on_the_batteries_of_the_others_and_lost_mains_on_its_own() -> None:
    """Those of feed A claim 600 s, that of B 1,234.5 s."""
    for name, seconds, is_running in (("DcimFeedLost", 1230.0, False), ("DcimMainsLost", 600.0, True)):
        shown = Shown()
        powered(shown)
        shown.readings.take("ups-a1", {"ups_battery_runtime_seconds": 600.0}, 101.0, device_class="ups")
        shown.problem(name, 0.9, feed="A")
        left = only(shown)["time_left"]
        assert (left["seconds"], left["running"]) == (seconds, is_running)


def test_mains_that_are_lost_run_down_a_battery_that_nobody_knows() -> None:
    """Time runs, and nobody can tell how much is left; of a feed that is only at risk nothing is said."""
    shown = Shown()
    shown.problem("DcimMainsLost", 0.9, feed="A")
    assert only(shown)["time_left"]["seconds"] is None
    other = Shown()
    other.problem("DcimFeedLost", 0.9, feed="A")
    assert "time_left" not in only(other)


def test_warm_facility_water_leaves_the_time_of_a_loop_without_facility_water() -> None:
    shown = Shown()
    powered(shown)
    shown.problem("DcimFacilityWaterWarm", 40.0, device="cdu-1", loop="primary")
    assert only(shown)["time_left"]["what"] == {"key": "primary_flow_stops", "loop": "tcs"}


def test_a_cdu_does_not_carry_itself_and_none_of_another_loop_does() -> None:
    """Its flow meter still turns as the coolant runs out."""
    shown = Shown(hall(*SECOND_LOOP))
    powered(shown)
    shown.problem("DcimCduAllPumpsStopped", 0.0, device="cdu-1")
    left = only(shown)["time_left"]
    assert (left["what"]["key"], left["running"], left["seconds"] >= 0) == ("pumps_stop", True, True)


def test_no_time_runs_down_while_another_cdu_carries_the_loop_for_an_unknown_time() -> None:
    shown = Shown()
    shown.readings.take("cdu-2", {FLOW: 0.004}, 100.0, device_class="cdu")
    shown.problem("DcimCduAllPumpsStopped", 0.0, device="cdu-1")
    assert "time_left" not in only(shown)


def test_a_panel_concerns_the_racks_below_it_and_a_switch_those_that_were_counted() -> None:
    shown = Shown()
    shown.problem("DcimBreakerTripped", device="row-b")
    assert only(shown)["concerns"]["racks"] == ["a1", "a2"]


def test_a_limit_of_another_sensor_of_the_same_device_is_not_shown() -> None:
    shown = Shown()
    powered(shown)
    for sensor, high in (("2", 50.0), ("1", 27.0)):
        shown.readings.take("pdu-a1-a", {f"env_temperature_high_threshold_celsius{{sensor={sensor}}}": high}, 101.0)
    shown.problem("DcimReadingBeyondLimit", 29.0, device="pdu-a1-a", sensor="1", reading="env_temperature_celsius")
    assert only(shown)["limit"] == 27.0


def test_of_what_begins_the_page_has_the_worst_and_latest_and_of_this_site_only() -> None:
    """20 of them; when one ends or is reported, the next one moves up."""
    shown = Shown()
    for at in range(MAX_BEGINNING + 2):
        shown.begins("DcimPduPhaseLoadHigh", now=100.0 + at, device=f"d{at}", phase="L1")
    shown.begins("DcimPhaseDead", now=121.0, site="other", device="x")
    shown.begins("DcimPhaseDead", now=101.0, device="dark", phase="L1")
    found = [each["labels"]["device"] for each in shown.part("problems", 123.0)["beginning"].values()]
    assert found == ["dark", *(f"d{at}" for at in range(MAX_BEGINNING + 1, 2, -1))]
