"""A problem as webhooks and /api/v1/problems have it: what it says, in which units, and in which order."""

from datetime import UTC, datetime, timedelta

from collector.problems.conditions import labels_of
from collector.problems.maintenance import Window
from collector.problems.report import describe, present, problem_id
from collector.problems.table import load_table
from collector.problems.tracker import Key, Tracker

WALL_S = 1_795_000_000.0
FEED: Key = "DcimFeedLost", labels_of({"site": "s", "feed": "A"})
DARK: list[Key] = [
    ("DcimUpsOnBattery", labels_of({"site": "s", "device": f"ups-{number}", "feed": "A"})) for number in (1, 2)
]
WARM: Key = "DcimCduSupplyTemperatureHigh", labels_of({"site": "s", "device": "cdu-1", "loop": "secondary"})
SMOKE: Key = "DcimSmoke", labels_of({"site": "s", "device": "room-1", "sensor": "1", "kind": "smoke"})


def troubled() -> Tracker:
    """A lost feed with two UPSs that it explains; a CDU that is too warm and smoke, which began later."""
    tracker = Tracker(load_table())
    for now, share, others in ((0.0, 0.75, ()), (60.0, 0.6, (WARM,)), (120.0, 0.6, (WARM, SMOKE))):
        tracker.update(("share", "DcimFeedLost"), {FEED: share}, now)
        for each in (*DARK, *others):
            tracker.update(("device", "s", dict(each[1])["device"]), {each: 3.5}, now)
        tracker.tick(now + 0.5, WALL_S + now)
    tracker.tick(150.0, WALL_S + 150.0)
    return tracker


def test_what_is_wrong_is_listed_by_severity_the_latest_first_and_consequences_behind() -> None:
    listed = present(troubled(), "https://wiki/")
    assert [each.name for each in listed] == [SMOKE[0], FEED[0], WARM[0], *(name for name, _ in DARK)]
    assert [each.consequences for each in listed] == [0, 2, 0, 0, 0]
    cause = listed[-1].cause
    assert cause is not None
    assert (cause.name, cause.id, cause.labels) == (listed[1].name, listed[1].id, {"site": "s", "feed": "A"})
    assert len({each.id for each in listed}) == 5


def test_a_consequence_stands_behind_its_cause_however_severe_it_is() -> None:
    tracker = troubled()
    smoke = tracker.get(SMOKE)
    assert smoke is not None
    smoke.cause = WARM
    assert [each.name for each in present(tracker, "")] == [FEED[0], WARM[0], SMOKE[0], *(name for name, _ in DARK)]


def test_while_nobody_can_tell_whether_a_problem_goes_on_it_is_uncertain() -> None:
    tracker = troubled()
    tracker.update(("device", "s", "room-1"), {}, 151.0, is_silent=lambda _: True)
    tracker.tick(151.0, WALL_S + 151.0)
    smoke = tracker.get(SMOKE)
    assert smoke is not None
    assert describe(smoke, 0, "").status == "uncertain"
    tracker.update(("device", "s", "room-1"), {SMOKE: 1.0}, 152.0)
    assert describe(smoke, 0, "").status == "active"


def test_a_lost_feed_says_what_remains_before_what_to_do_and_which_racks_it_concerns() -> None:
    tracker = troubled()
    feed = tracker.get(FEED)
    assert feed is not None
    feed.affected, feed.remains = ("a1", "a2"), " UPSs of feed B: 61% loaded, 34 min of battery."
    feed.limit, feed.limit_source = 0.5, "constant"
    until = datetime.fromtimestamp(WALL_S, UTC) + timedelta(hours=1)
    feed.window = Window(id="W-1", until=until, match={"feed": "A"}, why="breaker test", by="amina")
    report = describe(feed, 2, "https://wiki/")
    assert "60% of its devices" in report.description
    assert f"or are off.{feed.remains} Check the mains" in report.description
    assert report.description.endswith(" Limit: 50% (constant). Racks: a1, a2.")
    assert (report.racks, report.value, report.peak, report.limit) == (["a1", "a2"], 0.6, 0.75, 0.5)
    assert (report.status, report.since, report.ended) == ("active", round((WALL_S + 60) * 1000), None)
    assert report.runbook.startswith("https://wiki/")
    assert report.maintenance is not None
    assert (report.maintenance.id, report.maintenance.until) == ("W-1", round((WALL_S + 3600) * 1000))


def test_the_end_of_a_problem_is_in_milliseconds_and_says_where_its_sensor_is() -> None:
    tracker = troubled()
    tracker.update(("device", "s", "room-1"), {}, 160.0)
    (smoke,) = (each for each in tracker.tick(900.0, WALL_S + 900.0) if each.key == SMOKE)
    smoke.whereabouts = " Sensor: s-1, row a."
    report = describe(smoke, 0, "")
    assert (report.status, report.ended) == ("ended", round((WALL_S + 900) * 1000))
    assert report.description.endswith(" Sensor: s-1, row a.")


def test_a_limit_of_zero_is_said_if_a_device_states_it_and_not_if_any_at_all_is_too_much() -> None:
    warm = troubled().get(WARM)
    assert warm is not None
    warm.limit = 0.0
    for source, said in (("device", " Limit: 0.0 (device)."), ("constant", "")):
        warm.limit_source = source
        assert describe(warm, 0, "").description.partition(" Limit:")[1:] == said.partition(" Limit:")[1:]


def test_problems_at_places_whose_names_run_together_have_ids_of_their_own() -> None:
    names = [problem_id("DcimSmoke", [("a", first), ("b", second)]) for first, second in (("xb", "y"), ("x", "by"))]
    assert names[0] != names[1]


def test_an_alert_has_the_severity_of_its_problem_and_not_that_of_the_device_s_alarm() -> None:
    """As in Prometheus: otherwise Alertmanager has two alerts of it, of which one is routed to nobody."""
    tracker, labels = Tracker(load_table()), {"site": "s", "device": "d", "alarm": "fan", "severity": "info"}
    alarm: Key = "DcimDeviceAlarm", labels_of(labels)
    tracker.update(("device", "s", "d"), {alarm: 1.0}, 0.0)
    problem = tracker.get(alarm)
    assert problem is not None
    assert problem.alert_labels()["severity"] == "warning"
