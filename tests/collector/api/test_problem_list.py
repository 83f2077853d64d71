"""Problems as a page shows them, and those of the last 24 hours."""

from datetime import UTC, datetime
from typing import Any

from collector.api.numbers import iso
from collector.api.problem_list import MAX_CAUSES
from collector.derive import Figure
from collector.derive.engine import NO_SLOT, output_of
from collector.problems import KEEP_S, Window
from collector.problems.history import Ended
from collector.problems.table import load_table
from collector.problems.tracker import Acknowledgement
from tests.collector.api.shown import Shown, powered
from tests.collector.derive.hall import WALL_S


def test_a_problem_has_its_value_its_limit_and_the_time_that_is_left() -> None:
    """A CDU lost its spare pump: how long the loop lasts if the next one stops, and whom it concerns."""
    shown = Shown()
    powered(shown)
    shown.problem("DcimCduPumpRedundancyLost", 0.0, device="cdu-1", room="hall", row="a")
    (problem,) = shown.get("problems", 102.0)["problems"]
    assert problem["limit"] == 1.0
    assert problem["time_left"]["what"] == {"key": "pumps_stop", "loop": "tcs"}
    assert problem["time_left"]["seconds"] > 0
    assert problem["concerns"] == {"racks": ["a2"], "more": 0}
    assert problem["device"] == "cdu-1"
    assert problem["runbook"].startswith("https://runbooks.example/deploy/RUNBOOK.md#")


def test_pumps_that_stopped_run_out_unless_another_cdu_carries_the_loop() -> None:
    """And a leak leaves no time that anybody could tell."""
    shown = Shown()
    powered(shown)
    shown.problem("DcimCduAllPumpsStopped", 0.0, device="cdu-1", room="hall", row="a")
    carried = left(shown, 102.0)
    assert (carried["what"]["key"], carried.get("running", False)) == ("other_pumps_stop", False)
    for cdu in ("cdu-1", "cdu-2"):
        still: dict[str, float | str] = {"cdu_flow_cubic_meters_per_second{loop=secondary}": 0.0}
        shown.readings.take(cdu, still, 103.0, device_class="cdu")
    running = left(shown, 104.0)
    assert (running["what"]["key"], running["running"]) == ("pumps_stop", True)
    # It is reported when they have stood for some seconds.
    held_s = load_table().problems["DcimCduAllPumpsStopped"].hold_s
    assert running["seconds"] == max(0.0, carried["seconds"] - held_s) > 0
    leak = Shown()
    powered(leak)
    leak.problem("DcimLeakDetected", device="cdu-1", detector="tray", room="hall", row="a")
    assert left(leak, 102.0) is None


def test_time_that_has_run_out_before_the_problem_was_reported_is_none_and_not_less() -> None:
    shown = Shown()
    hold_s = load_table().problems["DcimCduAllPumpsStopped"].hold_s
    labels = [("loop", "tcs"), ("failure", "pumps")]
    lasts = Figure(output_of("dcim_loop_ride_through_seconds", labels, NO_SLOT), hold_s / 2, 0.0, 1.0, ())
    shown.figures.put(shown.site.id, [lasts], 101.0)
    shown.problem("DcimCduAllPumpsStopped", device="cdu-1")
    time_left = left(shown, 102.0)
    assert (time_left["what"]["key"], time_left["seconds"], time_left["running"]) == ("pumps_stop", 0.0, True)


def test_where_its_sensor_is_stands_apart_from_the_sentence() -> None:
    shown = Shown()
    shown.problem("DcimLeakDetected", device="rope-1", sensor="1")
    (tracked,) = shown.tracker.active()
    tracked.whereabouts = " Sensor: rope-1, room hall at 3.5 m."
    (problem,) = shown.get("problems", 102.0)["problems"]
    assert problem["whereabouts"] == "rope-1, room hall at 3.5 m"
    assert problem["description"].endswith(" Sensor: rope-1, room hall at 3.5 m.")


def test_pumps_that_stopped_with_nobody_knowing_for_how_long_say_so() -> None:
    shown = Shown()
    shown.problem("DcimCduAllPumpsStopped", device="cdu-1")
    (problem,) = shown.get("problems")["problems"]
    assert problem["time_left"] == {"what": {"key": "pumps_stop", "loop": "tcs"}, "seconds": None, "running": True}


def left(shown: Shown, now: float) -> Any:  # noqa: ANN401 - JSON
    (problem,) = shown.get("problems", now)["problems"]
    return problem.get("time_left")


def test_a_reported_problem_whose_condition_has_ended_says_so_and_has_no_time_left() -> None:
    """A UPS back on mains is reported as on battery for another minute; a countdown beside it would be false."""
    shown = Shown()
    powered(shown)
    shown.problem("DcimUpsOnBattery", device="ups-a1", feed="A", room="plant")
    (problem,) = shown.get("problems", 101.0)["problems"]
    assert "holds" not in problem
    assert problem["time_left"]["running"]
    shown.tracker.update(("test", "DcimUpsOnBattery", *sorted(["t1", "ups-a1", "A", "plant"])), {}, 102.0)
    shown.tick(103.0)
    (problem,) = shown.get("problems", 104.0)["problems"]
    assert (problem["holds"], "time_left" in problem) == (False, False)


def test_a_lost_feed_shows_what_its_neighbour_has_left_and_which_racks_run_on_it() -> None:
    """Racks of both feeds."""
    shown = Shown()
    powered(shown)
    shown.problem("DcimFeedLost", 0.9, feed="A")
    (problem,) = shown.get("problems", 102.0)["problems"]
    assert problem["time_left"] == {
        "what": {"key": "battery_of_others", "feed": "A"},
        "seconds": 1230.0,
        "running": False,
    }
    assert problem["concerns"]["racks"] == ["a1", "a2"]
    assert (problem["unit"], problem["limit"], problem["value"]) == ("ratio", 0.5, 0.9)


def test_a_limit_that_the_device_states_is_that_device_s() -> None:
    """In the unit of the words, 80 % of the set point; of a row for many metrics, that of the metric which has the problem."""
    shown = Shown()
    powered(shown)
    flow = {"cdu_flow_setpoint_cubic_meters_per_second{loop=secondary}": 0.01}
    shown.readings.take("cdu-1", flow, 101.0, device_class="cdu")
    shown.problem("DcimCduFlowLow", 318.0, device="cdu-1", loop="secondary")
    (problem,) = shown.get("problems", 102.0)["problems"]
    assert (problem["limit"], problem["unit"], problem["times"]) == (480.0, "cubic_meters_per_second", 60_000.0)
    limits = {
        f"env_temperature_{side}_threshold_celsius{{sensor=1}}": at for side, at in (("low", 10.0), ("high", 27.0))
    }
    shown.readings.take("pdu-a1-a", limits, 103.0)
    shown.problem("DcimReadingBeyondLimit", 29.0, device="pdu-a1-a", sensor="1", reading="env_temperature_celsius")
    warm = next(each for each in shown.get("problems", 104.0)["problems"] if each["device"] == "pdu-a1-a")
    assert (warm["limit"], warm["unit"]) == (27.0, "celsius")
    shown.readings.take("pdu-a1-b", limits, 103.0)
    shown.problem("DcimReadingBeyondLimit", 8.0, device="pdu-a1-b", sensor="1", reading="env_temperature_celsius")
    cold = next(each for each in shown.get("problems", 105.0)["problems"] if each["device"] == "pdu-a1-b")
    assert cold["limit"] == 10.0


def test_of_several_limits_the_one_that_is_known_is_shown_while_the_value_is_back_within_them() -> None:
    """The flow is back, the problem goes on for a minute, and the unit states no set point: it stood, below 1 L/min."""
    shown = Shown()
    powered(shown)
    shown.problem("DcimCduFlowLow", 500.0, device="cdu-2", loop="secondary")
    (problem,) = shown.get("problems", 102.0)["problems"]
    assert (problem["limit"], problem["unit"], problem["times"]) == (1.0, "cubic_meters_per_second", 60_000.0)


def test_consequences_are_folded_into_their_cause() -> None:
    """The stream has causes only, and each says how many it explains; GET has all of them, and they name their cause."""
    shown = Shown()
    powered(shown)
    shown.problem("DcimFeedLost", 0.9, feed="A")
    shown.problem("DcimUpsOnBattery", device="ups-a1", feed="A", room="plant")
    shown.problem("DcimUpsOnBattery", device="ups-a2", feed="A", room="plant")
    part = shown.part("problems", 102.0)
    (cause,) = part["causes"]
    assert part["problems"][cause]["consequences"] == 2
    every = shown.get("problems", 103.0)["problems"]
    assert [each["name"] for each in every] == ["DcimFeedLost", "DcimUpsOnBattery", "DcimUpsOnBattery"]
    assert {each["cause"]["id"] for each in every[1:]} == {cause}
    assert shown.get("site", 104.0)["problems"]["critical"] == 1


def test_of_many_causes_a_stream_has_the_worst_and_counts_the_others() -> None:
    """A page shows a dozen."""
    shown = Shown()
    for at in range(MAX_CAUSES + 5):
        shown.problem("DcimReadingSuspect", device=f"d{at}", reading="x", reason="frozen")
    shown.problem("DcimSmoke", device="x")
    part = shown.part("problems", 102.0)
    assert (len(part["causes"]), part["more"]) == (MAX_CAUSES, 6)
    assert part["causes"][0].startswith("DcimSmoke-")
    few = Shown()
    few.problem("DcimSmoke", device="x")
    assert few.part("problems", 102.0)["more"] == 0


def test_problems_of_another_site_are_listed_without_a_site_and_get_nothing_of_this_one() -> None:
    """Another site may have a device of the same name."""
    shown = Shown()
    powered(shown)
    shown.problem("DcimCduPumpRedundancyLost", 0.0, site="other", device="cdu-1")
    assert shown.get("problems", 102.0, site="t1")["problems"] == []
    (problem,) = shown.get("problems", 102.0)["problems"]
    assert "time_left" not in problem
    assert "concerns" not in problem
    assert shown.part("problems", 103.0)["causes"] == []


def test_the_same_problem_at_the_same_place_has_the_same_id() -> None:
    """Over a restart too, so that a link to it stays good; another place has another."""
    ids = []
    for _ in range(2):
        shown = Shown()
        shown.problem("DcimSmoke", device="x")
        shown.problem("DcimSmoke", device="y")
        ids.append(sorted(each["id"] for each in shown.get("problems", 102.0)["problems"]))
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_what_ended_is_history_with_its_times() -> None:
    """What still goes on comes first, and has no end."""
    shown = Shown()
    shown.problem("DcimLeakDetected", 1.0, now=100.0, device="rope-1", detector="1")
    shown.ended("DcimLeakDetected", 1240.0, device="rope-1", detector="1")
    shown.problem("DcimSmoke", now=2000.0, device="x")
    items = shown.get("problems/history", 3000.0)["items"]
    assert [(each["name"], each["ended"] is None) for each in items] == [
        ("DcimSmoke", True),
        ("DcimLeakDetected", False),
    ]
    assert items[1]["since"] == "2026-11-18T11:08:20.000Z"
    assert 1140 <= items[1]["seconds"] < 3000
    assert items[1]["is_cause"] is True
    assert items[0]["seconds"] == 1000


def test_history_says_who_had_acknowledged_what_ended_and_what_was_found_in_late_readings() -> None:
    shown = Shown()
    labels = [("device", "x"), ("site", "t1")]
    ended = Ended(
        "DcimSmoke",
        labels,
        WALL_S,
        WALL_S + 60,
        1.0,
        1.0,
        is_cause=True,
        acknowledged_by="ann",
        maintenance="W-1",
        is_late=True,
    )
    shown.history.add(ended)
    [item] = shown.get("problems/history", 3000.0)["items"]
    assert (item["seconds"], item["acknowledged_by"], item["maintenance"], item["is_late"]) == (60, "ann", "W-1", True)


def test_since_leaves_out_what_ended_before_and_nothing_is_older_than_a_day() -> None:
    """Whatever is asked for."""
    shown = Shown()
    shown.problem("DcimSmoke", now=100.0, device="x")
    shown.ended("DcimSmoke", 200.0, device="x")
    ended_s = 200.0 + load_table().problems["DcimSmoke"].keep_s
    assert len(shown.get("problems/history", 3000.0, since=iso(WALL_S + ended_s - 60.0))["items"]) == 1
    assert shown.get("problems/history", 3000.0, since=iso(WALL_S + ended_s + 60.0))["items"] == []
    assert shown.get("problems/history", ended_s + 86_460.0, since="2020-01-01T00:00:00Z")["items"] == []
    assert shown.get("problems/history", 3000.0)["since"] < "2026-11-18"
    assert shown.get("problems/history", 3000.0, since="2020-01-01T00:00:00Z")["since"] == iso(WALL_S + 3000.0 - KEEP_S)
    assert WALL_S < 1_795_046_400.0  # the day of these times


def test_a_consequence_stays_one_in_history_although_its_cause_ended_before_it() -> None:
    """UPSs go back to mains after the feed is back."""
    shown = Shown()
    shown.problem("DcimFeedLost", 0.9, now=100.0, feed="A")
    shown.problem("DcimUpsOnBattery", now=100.0, device="ups-a1", feed="A")
    shown.ended("DcimFeedLost", 200.0, feed="A")
    shown.ended("DcimUpsOnBattery", 300.0, device="ups-a1", feed="A")
    items = shown.get("problems/history", 1000.0)["items"]
    assert {each["name"]: each["is_cause"] for each in items} == {"DcimFeedLost": True, "DcimUpsOnBattery": False}


def test_history_comes_in_pages() -> None:
    """A bad day has hundreds."""
    shown = Shown()
    for at in range(7):
        shown.problem("DcimSmoke", now=100.0 + at, device=f"d{at}")
        shown.ended("DcimSmoke", 200.0 + at, device=f"d{at}")
    first = shown.get("problems/history", 1000.0, limit="5")
    rest = shown.get("problems/history", 1000.0, limit="5", cursor=first["next"])
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (5, 2, None)
    assert shown.get("problems/history", 1000.0, limit="7")["next"] is None
    assert first["items"] + rest["items"] == shown.get("problems/history", 1000.0)["items"]


def test_what_this_version_does_not_know_takes_no_other_one_s_place_on_the_pages_of_history() -> None:
    shown = Shown()
    names = ["DcimSmoke", "DcimOfTomorrow", "DcimSmoke", "DcimSmoke", "DcimOfTomorrow"]
    for at, name in enumerate(names):
        labels = [("device", f"d{at}"), ("site", "t1")]
        shown.history.add(Ended(name, labels, WALL_S, WALL_S + 100 - at, 1.0, 1.0, is_cause=True))
    found: list[str] = []
    cursor: str | None = ""
    for _ in names:
        page = shown.get("problems/history", 1000.0, limit="2", cursor=cursor or "")
        found += [each["labels"]["device"] for each in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert (found, cursor) == (["d0", "d2", "d3"], None)


def test_what_goes_on_has_in_history_who_cares_for_it_and_lasts_no_less_than_no_time() -> None:
    """A clock that was set back by a quarter of an hour."""
    shown = Shown()
    until = datetime.fromtimestamp(WALL_S + 9000.0, UTC)
    work = Window.model_validate({"id": "W-1", "until": until, "match": {"device": "x"}, "why": "detectors"})
    shown.tracker.window_of = lambda *_: work
    shown.tracker.acknowledgement_of = lambda *_: Acknowledgement("ann", "", WALL_S + 9000.0)
    shown.problem("DcimSmoke", now=1000.0, device="x")
    [item] = shown.get("problems/history", 100.0)["items"]
    assert (item["maintenance"], item["acknowledged_by"], item["seconds"], item["ended"]) == ("W-1", "ann", 0, None)


def test_the_latest_problem_is_first_with_its_value_and_ended_ones_show_their_worst() -> None:
    shown = Shown()
    shown.problem("DcimFeedLost", 0.9, now=100.0, feed="A")
    shown.problem("DcimFeedLost", 0.6, now=200.0, feed="A")
    shown.problem("DcimUpsOnBattery", now=300.0, device="ups-a1", feed="A")
    later, earlier = shown.get("problems/history", 400.0)["items"]
    assert [(each["name"], each["is_cause"]) for each in (later, earlier)] == [
        ("DcimUpsOnBattery", False),
        ("DcimFeedLost", True),
    ]
    assert (earlier["peak"], "60" in earlier["description"]) == (0.9, True)
    shown.ended("DcimFeedLost", 500.0, feed="A")
    (ended,) = [each for each in shown.get("problems/history", 1e4)["items"] if each["ended"]]
    assert (ended["peak"], "90" in ended["description"]) == (0.9, True)


def test_history_of_one_site_has_nothing_of_another() -> None:
    shown = Shown()
    for site in ("t1", "other"):
        shown.problem("DcimSmoke", now=100.0, site=site, device=f"gone-{site}")
        shown.ended("DcimSmoke", 200.0, site=site, device=f"gone-{site}")
        shown.problem("DcimSmoke", now=300.0, site=site, device=f"now-{site}")
    names = [each["labels"]["device"] for each in shown.get("problems/history", 1e4, site="t1")["items"]]
    assert names == ["now-t1", "gone-t1"]
    assert len(shown.get("problems/history", 1e4)["items"]) == 4
