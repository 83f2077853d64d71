"""Problems through time: when they begin, go on while nobody can tell, are folded into a cause, and end."""

from collections import deque

import pytest

from collector.problems.causes import ANSWERS_S, SAFETY_CLEARS_S
from collector.problems.conditions import labels_of
from collector.problems.table import KEEP_S, load_table
from collector.problems.tracker import MAX_TRACKED, RESTORED_S, Key, TrackedProblem, Tracker
from tests.collector.problems.course import CDU, FLOW, LEAK, PUMPS, Course, always, key, never


def test_a_leak_is_reported_at_once_and_for_ten_minutes_after_it_is_dry() -> None:
    course = Course()
    assert course.at(0.0, LEAK) == {"DcimLeakDetected"}
    assert course.at(1.0) == {"DcimLeakDetected"}
    assert course.at(599.0) == {"DcimLeakDetected"}
    assert course.at(600.0) == set()
    assert len(course.tracker) == 0


def test_pumps_that_change_over_are_not_reported() -> None:
    """A standby pump may take 8 s to start, and until the flow is back it takes some more."""
    course = Course()
    for step in range(9):
        assert course.at(step, PUMPS, FLOW) == set()
    for step in range(9, 13):
        assert course.at(step, FLOW) == set()
    assert course.at(13.0) == set()
    assert course.at(13.1, PUMPS) == set()  # ten seconds start over
    assert course.at(23.0, PUMPS) == set()
    assert course.at(23.1, PUMPS) == {"DcimCduAllPumpsStopped"}


def test_time_while_the_collector_was_stopped_counts_neither_as_holding_nor_as_silence() -> None:
    course = Course()
    assert course.at(0.0, PUMPS, LEAK) == {"DcimLeakDetected"}
    course.tracker.exclude_pause(7200.0, 7200.5)
    assert course.at(7201.0, PUMPS, silent=True) == {"DcimLeakDetected"}
    assert course.one(LEAK).is_uncertain
    assert course.at(7209.9, PUMPS, silent=True) == {"DcimLeakDetected"}
    assert course.at(7210.0, PUMPS, silent=True) == {"DcimLeakDetected", "DcimCduAllPumpsStopped"}


def test_of_what_held_before_its_window_only_the_part_inside_counts() -> None:
    row = load_table().problems["DcimUpsLoadHigh"]
    now = row.within_s + 300.0
    spans = deque([[0.0, 500.0], [now - 100.0, now]])
    assert TrackedProblem(row, (), CDU, 1.0, 1.0, spans=spans).held_s(now) == 200.0 + 100.0


def test_a_dip_ends_no_problem_that_held_for_long_enough_within_its_window() -> None:
    """Ten minutes of thirty: a UPS that was above 80 % for ten minutes is reported until half an hour after they began."""
    course = Course()
    loaded: Key = "DcimUpsLoadHigh", labels_of({"site": "s", "device": "ups-1"})
    for second in range(0, 600, 10):
        assert course.at(second, loaded) == set()
    assert course.at(600, loaded) == {"DcimUpsLoadHigh"}
    assert course.at(610) == {"DcimUpsLoadHigh"}
    assert course.at(1790) == {"DcimUpsLoadHigh"}
    assert course.at(1830) == set()


def test_a_problem_that_begins_again_within_its_window_has_no_end() -> None:
    """Its earlier end would be sent to webhooks, and to Alertmanager, together with its second beginning."""
    course = Course()
    loaded: Key = "DcimUpsLoadHigh", labels_of({"site": "s", "device": "ups-1"})
    for second in range(0, 610, 10):
        course.at(second, loaded)
    ends = next(second for second in range(610, 2400, 10) if not course.at(second))
    assert course.one(loaded).ended_s == 1000.0 + ends
    begins = next(second for second in range(ends + 10, 4000, 10) if course.at(second, loaded))
    assert (course.one(loaded).since_s, course.one(loaded).ended_s) == (1000.0 + begins, 0.0)


def test_late_readings_move_a_beginning_back_and_never_on() -> None:
    """Of what is reported, and of what is to be."""
    course = Course()
    course.at(0.0, LEAK, PUMPS)
    for which in (LEAK, PUMPS):
        course.tracker.note_earlier(which, 900.0)
        course.tracker.note_earlier(which, 950.0)
    assert course.one(LEAK).since_s == 900.0
    course.at(10.0, LEAK, PUMPS)
    assert (course.one(PUMPS).is_active, course.one(PUMPS).since_s) == (True, 900.0)
    course.tracker.note_earlier(LEAK, 1003.0)
    assert course.one(LEAK).since_s == 900.0


def test_a_problem_that_began_during_a_pause_keeps_its_time_and_earlier_dips_shift() -> None:
    course = Course()
    course.at(7200.4, PUMPS)
    row = load_table().problems["DcimUpsLoadHigh"]
    dipped = TrackedProblem(row, (), ("device", "s", "pdu-1"), 1.0, 1.0, spans=deque([[0.0, 300.0]]))
    course.tracker.restore(dipped, 300.0)
    course.tracker.exclude_pause(7200.0, 7500.0)
    assert dipped.held_s(7500.0) == 300.0
    course.tracker.exclude_pause(7200.0, 7200.5)
    assert course.at(7210.0, PUMPS) == {row.name}
    assert course.at(7210.5, PUMPS) == {row.name, "DcimCduAllPumpsStopped"}


def test_a_leak_of_before_a_restart_is_uncertain_while_its_device_is_silent() -> None:
    course = Course()
    course.tracker.restore(TrackedProblem(load_table().problems[LEAK[0]], LEAK[1], CDU, 1.0, 1.0), 10_000.0)
    assert course.at(10_000.0 + RESTORED_S + 1, silent=True) == {"DcimLeakDetected"}
    assert course.one(LEAK).is_uncertain
    assert course.at(10_000.0 + 3599.0, silent=True) == {"DcimLeakDetected"}
    assert course.at(10_000.0 + 3600.0, silent=True) == set()


def test_a_restored_problem_stays_while_its_device_is_silent_even_with_readings() -> None:
    """Also one that does not outlast a silence: nobody has seen since the restart that it is over."""
    course = Course()
    row = load_table().problems["DcimPduPhaseUnbalance"]
    course.tracker.restore(TrackedProblem(row, (), CDU, 1.0, 1.0), 0.0)
    for now in (1.0, row.keep_s + 2.0):
        course.tracker.update(CDU, {}, now, is_silent=always, decides=always)
        course.tracker.tick(now, 1000.0 + now)
        assert course.reported() == {row.name}


def test_a_leak_goes_on_for_an_hour_while_its_device_is_silent_and_is_uncertain_then() -> None:
    course = Course()
    course.at(0.0, LEAK)
    assert course.at(10.0, silent=True) == {"DcimLeakDetected"}
    assert course.one(LEAK).is_uncertain
    assert course.at(3599.0, silent=True) == {"DcimLeakDetected"}
    assert course.at(3600.0, silent=True) == set()


def test_a_leak_whose_device_is_back_and_dry_ends() -> None:
    course = Course()
    course.at(0.0, LEAK)
    course.at(10.0, silent=True)
    assert course.at(700.0) == set()


def test_pumps_that_stood_when_their_device_fell_silent_are_not_reported_as_running_again() -> None:
    """The agent dies during the incident, or the unit with it: nobody knows, and whoever was called must not go home."""
    course = Course()
    for step in range(12):
        course.at(step, PUMPS)
    assert course.at(15.0, silent=True) == {"DcimCduAllPumpsStopped"}
    assert course.one(PUMPS).is_uncertain
    assert course.at(3610.0, silent=True) == {"DcimCduAllPumpsStopped"}
    assert course.at(3611.0, silent=True) == set()


def test_pumps_not_reported_before_their_device_fell_silent_are_unknown_not_stopped() -> None:
    course = Course()
    for step in range(4):
        course.at(step, PUMPS)
    assert course.at(10.0, silent=True) == set()


def test_a_device_that_is_back_ends_its_problems_by_its_readings_and_not_by_its_first_message() -> None:
    course = Course()
    for step in range(12):
        course.at(step, PUMPS)
    course.at(15.0, silent=True)
    course.tracker.update(CDU, {}, 20.0, decides=never)
    course.tracker.tick(20.0, 1020.0)
    assert course.reported() == {"DcimCduAllPumpsStopped"}
    assert not course.one(PUMPS).is_uncertain
    assert course.at(21.0) == {"DcimCduAllPumpsStopped"}
    assert course.one(PUMPS).is_fading
    assert course.at(11.0 + KEEP_S) == set()


def test_a_problem_whose_reading_does_not_come_back_with_its_device_ends_after_minutes() -> None:
    course = Course()
    for step in range(12):
        course.at(step, PUMPS)
    course.at(15.0, silent=True)
    for now in (20.0, 19.0 + RESTORED_S, 21.0 + RESTORED_S):
        course.tracker.update(CDU, {}, now, decides=never)
        course.tracker.tick(now, now)
        assert course.reported() == ({"DcimCduAllPumpsStopped"} if now < 20.0 + RESTORED_S else set())


def test_after_a_restart_a_problem_waits_for_three_polls_of_a_minute() -> None:
    """The slowest class that problems use is polled once a minute, and a reading is current for three polls."""
    course = Course()
    course.tracker.restore(TrackedProblem(load_table().problems[PUMPS[0]], PUMPS[1], CDU, 1.0, 1.0), 0.0)
    reported = {}
    for now in (60.0, 120.0, 179.0, 181.0):
        course.tracker.update(CDU, {}, now, decides=never)
        course.tracker.tick(now, 1000.0 + now)
        reported[now] = course.reported()
    assert reported == {60.0: {PUMPS[0]}, 120.0: {PUMPS[0]}, 179.0: {PUMPS[0]}, 181.0: set()}


def test_missing_flow_follows_from_stopped_pumps_and_is_reported_if_it_outlasts_them() -> None:
    """Flow takes some seconds to come back: told at once, each end of a cause would tell of everything it explained."""
    course = Course()
    for step in range(17):
        course.at(step, PUMPS, FLOW)
    assert course.reported() == {"DcimCduAllPumpsStopped", "DcimCduFlowLow"}
    assert (course.one(FLOW).cause, course.one(PUMPS).cause) == (PUMPS, None)
    assert course.at(17.0, FLOW) == {"DcimCduAllPumpsStopped", "DcimCduFlowLow"}
    course.at(16.0 + SAFETY_CLEARS_S, FLOW)
    assert course.one(FLOW).cause == PUMPS
    course.at(16.1 + SAFETY_CLEARS_S, FLOW)
    assert course.one(FLOW).cause is None


@pytest.mark.parametrize("problem", ["DcimDeviceUnreachable", "DcimCrahFault"])
def test_an_air_unit_that_is_off_with_the_mains_of_its_feed_calls_nobody(problem: str) -> None:
    """No UPS carries it. In a drill, its agent had somebody called for the network of crac-1 while the generator was dead."""
    course, mains = Course(), ("DcimMainsLost", labels_of({"site": "s", "feed": "A"}))
    units = [(problem, labels_of({"site": "s", "device": f"crac-{feed}", "feed": feed})) for feed in "AB"]
    for now in range(130):
        course.tracker.update(("feed", "s", "A"), {mains: 1.0}, now)
        for unit in units:
            course.at(now, unit, unit=("device", "s", unit[1][0][1]))
    assert [course.one(unit).cause for unit in units] == [mains, None]


def test_nobody_is_notified_of_low_flow_that_recovers_after_its_pumps() -> None:
    """It goes on for a minute after it last held, and its cause explains it for as long."""
    course = Course()
    for step in range(17):
        course.at(step, PUMPS, FLOW)
    for step in range(17, 25):
        course.at(step, FLOW)
    for step in range(25, 105):
        course.at(step)
        flow = course.tracker.get(FLOW)
        assert flow is None or not flow.is_active or flow.cause == PUMPS
    assert course.reported() == set()


def test_a_ups_silent_on_battery_is_explained_by_its_feed_until_it_is_asked_again() -> None:
    """Its network card lost power with the mains; it is asked every minute."""
    course = Course()
    mains = "DcimMainsLost", labels_of({"site": "s", "feed": "A"})
    battery = key("DcimUpsOnBattery", "ups-1", feed="A", state="battery")
    ups = ("device", "s", "ups-1")
    for step in range(20):
        course.at(step, mains, unit=("share", "DcimMainsLost"))
        course.at(step, battery, unit=ups)
    keep_s = load_table().problems["DcimMainsLost"].keep_s
    for step in range(20, 20 + int(keep_s + ANSWERS_S)):
        course.at(step, unit=("share", "DcimMainsLost"))
        course.at(step, silent=True, unit=ups)
        assert course.one(battery).cause == mains
    course.at(20 + keep_s + 105.0, silent=True, unit=ups)
    assert course.one(battery).cause is None
    assert course.one(battery).is_uncertain


def test_a_cause_that_begins_again_explains_its_consequence_beyond_the_time_of_its_first_end() -> None:
    course = Course()
    for step in range(12):
        course.at(step, PUMPS, FLOW)
    course.at(12.0, FLOW)
    course.at(70.0, FLOW)
    for step in range(71, 200):
        course.at(step, PUMPS, FLOW)
    assert course.one(FLOW).cause == PUMPS


def test_what_a_ups_does_not_give_on_battery_is_explained_by_that() -> None:
    course, unit = Course(), ("device", "s", "ups-a")
    less, battery = key("DcimDeviceGivesLess", "ups-a"), key("DcimUpsOnBattery", "ups-a", state="battery")
    for now in (0.0, 901.0):
        course.at(now, less, battery, unit=unit)
    assert course.one(less).cause == battery


def test_a_cause_explains_only_what_has_its_labels() -> None:
    course = Course()
    other = key("DcimCduFlowLow", "cdu-2", loop="secondary")
    for step in range(12):
        course.at(step, PUMPS)
        course.at(step, other, unit=("device", "s", "cdu-2"))
    assert course.one(other).cause is None


def test_a_lost_feed_explains_its_own_devices_and_none_without_a_feed() -> None:
    course = Course()
    lost = "DcimFeedLost", labels_of({"site": "s", "feed": "A"})
    of_feed = key("DcimDeviceUnreachable", "pdu-1", feed="A", agent="g")
    of_other = key("DcimDeviceUnreachable", "pdu-2", feed="B", agent="g")
    of_none = key("DcimDeviceUnreachable", "meter", agent="g")
    for step in range(0, 140, 2):
        course.at(step, lost, unit=("share", "DcimFeedLost"))
        for number, each in enumerate((of_feed, of_other, of_none)):
            course.at(step, each, unit=("device", "s", str(number)))
    assert [course.one(each).cause for each in (of_feed, of_other, of_none)] == [lost, None, None]


def test_a_critical_alarm_of_a_device_is_folded_into_nothing() -> None:
    assert load_table().problems["DcimDeviceAlarmCritical"].causes == {}


@pytest.mark.parametrize(
    ("alarm", "row", "explained"),
    [
        ("pump", "DcimCduAlarmCritical", "DcimCduPumpFailed"),
        ("reservoir_level", "DcimCduAlarmCritical", None),  # a failed pump does not empty a reservoir
        ("it_flow_low", "DcimCduAlarmCritical", None),  # the other pumps should carry the flow
        ("pump", "DcimDeviceAlarm", "DcimCduPumpFailed"),
    ],
)
def test_a_failed_pump_is_one_problem_and_explains_its_units_alarm_about_it(
    alarm: str, row: str, explained: str | None
) -> None:
    course = Course()
    failed, said = key("DcimCduPumpFailed", pump="1"), key(row, alarm=alarm)
    for step in range(90):
        course.at(step, failed, said)
    found = course.one(said)
    assert found.is_active
    assert (found.cause[0] if found.cause else None) == explained


@pytest.mark.parametrize(
    ("cause", "is_explained"),
    [
        ("DcimCduSupplyTemperatureCritical", True),
        (
            "DcimCduSupplyTemperatureHigh",
            False,
        ),  # a warning; who is woken by critical problems only must hear of the alarm
        ("DcimCduPumpFailed", False),
    ],
)
def test_a_supply_that_is_critically_warm_explains_its_units_alarm_about_it(cause: str, *, is_explained: bool) -> None:
    course = Course()
    warm, said = key(cause), key("DcimCduAlarmCritical", alarm="supply_temperature")
    for step in range(90):
        course.at(step, warm, said)
    found = course.one(said)
    assert found.is_active
    assert found.cause == (warm if is_explained else None)


CYCLE_S = 5


@pytest.mark.parametrize("name", [each.name for each in load_table().problems.values() if each.when or each.share])
def test_what_goes_to_and_fro_at_its_limit_begins_once_and_ends_once(name: str) -> None:
    """Every problem, told once, and then above and below its limit for ten minutes: two polls here, two polls there."""
    problem = load_table().problems[name]
    which, tracker, changes = key(name), Tracker(load_table()), []
    held = int(problem.hold_s) + CYCLE_S
    for now in range(0, held + 700 + int(problem.within_s + problem.keep_s), CYCLE_S):
        holds = now < held or (now < held + 600 and now % 40 < 20)
        tracker.update(CDU, {which: 1.0} if holds else {}, float(now))
        changes += [each.is_active for each in tracker.tick(float(now), float(now))]
    assert changes == [True, False]


def test_an_end_and_a_beginning_are_reported_once() -> None:
    tracker = Tracker(load_table())
    tracker.update(CDU, {LEAK: 1.0}, 0.0)
    assert [each.is_active for each in tracker.tick(0.0, 1000.0)] == [True]
    tracker.update(CDU, {LEAK: 1.0}, 1.0)
    assert tracker.tick(1.0, 1001.0) == []
    tracker.update(CDU, {}, 2.0)
    assert tracker.tick(300.0, 1300.0) == []
    assert [(each.is_active, each.since_s, each.ended_s) for each in tracker.tick(601.0, 1601.0)] == [
        (False, 1000.0, 1601.0)
    ]


def test_a_problem_of_before_a_restart_waits_for_its_readings_but_not_for_ever() -> None:
    tracker = Tracker(load_table())
    for which in (LEAK, PUMPS):
        name, labels = which
        tracker.restore(TrackedProblem(load_table().problems[name], labels, CDU, 1.0, 1.0, since_s=5.0), 0.0)
    assert tracker.tick(1.0, 1001.0) == []  # nobody is told again
    tracker.update(CDU, {LEAK: 1.0}, 2.0)
    assert [each.key for each in tracker.tick(2.0, 1002.0)] == [LEAK], "whoever was not told then is told now"
    tracker.update(CDU, {LEAK: 1.0}, RESTORED_S + 1.0)
    ended = tracker.tick(RESTORED_S + 1.0, 1200.0)
    assert [each.problem.name for each in ended] == ["DcimCduAllPumpsStopped"]
    still = tracker.get(LEAK)
    assert still is not None
    assert still.since_s == 5.0


def test_a_restored_problem_fades_with_good_readings_once_its_limits_are_known() -> None:
    tracker = Tracker(load_table())
    tracker.restore(TrackedProblem(load_table().problems[FLOW[0]], FLOW[1], CDU, 1.0, 1.0, since_s=5.0), 0.0)
    tracker.update(CDU, {}, 1.0, decides=never)
    assert tracker.tick(1.0, 1001.0) == []
    tracker.update(CDU, {}, 2.0, is_silent=always)
    assert tracker.tick(2.0, 1002.0) == []
    tracker.update(CDU, {}, 3.0)
    assert [each.is_fading for each in tracker.active()] == [True]
    assert [each.is_active for each in tracker.tick(KEEP_S, 1060.0)] == [False]


def test_the_worst_of_what_must_not_be_low_is_the_lowest() -> None:
    tracker = Tracker(load_table())
    for now, value in enumerate((300.0, 250.0, 400.0)):
        tracker.update(CDU, {FLOW: value}, float(now))
    found = tracker.get(FLOW)
    assert found is not None
    assert (found.value, found.peak) == (400.0, 250.0)


def test_a_restored_problem_whose_device_stays_silent_is_offered_when_its_readings_are_not_awaited_any_more() -> None:
    tracker = Tracker(load_table())
    tracker.restore(TrackedProblem(load_table().problems[LEAK[0]], LEAK[1], CDU, 1.0, 1.0, since_s=5.0), 0.0)
    for now, offered in ((1.0, []), (RESTORED_S + 1.0, [LEAK]), (RESTORED_S + 2.0, [])):
        tracker.update(CDU, {}, now, is_silent=always)
        assert [each.key for each in tracker.tick(now, 1000.0 + now)] == offered


DETECTORS = [key("DcimLeakDetected", detector=str(number)) for number in range(12)]
KNOWN = DETECTORS[::2]


@pytest.mark.parametrize("unknown", ["silent", "undecided", "undecided after silence", "restored"])
def test_what_is_unknown_of_one_detector_does_not_keep_what_is_known_of_another(unknown: str) -> None:
    """Twelve ropes at one unit, wet at first: six of them are dry by now, and of the others nobody knows."""
    tracker = Tracker(load_table())
    if unknown == "restored":
        for name, labels in DETECTORS:
            tracker.restore(TrackedProblem(load_table().problems[name], labels, CDU, 1.0, 1.0), 0.0)
    tracker.update(CDU, dict.fromkeys(DETECTORS if unknown != "restored" else (), 1.0), 0.0, decides=never)
    tracker.tick(0.0, 1000.0)
    if unknown == "undecided after silence":
        tracker.update(CDU, {}, 5.0, is_silent=always)
    is_open = (lambda each: each not in KNOWN) if unknown == "silent" else never
    tracker.update(CDU, {}, 10.0, is_silent=is_open, decides=lambda each: each in KNOWN or unknown == "undecided")
    tracker.tick(10.0, 1010.0)
    fading = {each.key for each in tracker.active() if each.is_fading}
    assert fading == set(DETECTORS if unknown == "undecided" else KNOWN)


def test_problems_that_are_too_many_are_counted_and_not_followed() -> None:
    tracker = Tracker(load_table())
    too_many = {key("DcimLeakDetected", detector=str(number)): 1.0 for number in range(MAX_TRACKED + 3)}
    tracker.update(CDU, too_many, 0.0)
    assert (len(tracker), tracker.refused) == (MAX_TRACKED, 3)
    tracker.update(CDU, dict.fromkeys(list(too_many)[:5], 2.0), 1.0)
    found = tracker.get(next(iter(too_many)))
    assert found is not None
    assert found.value == 2.0, "those that are followed go on"


def test_a_pause_after_the_start_prolongs_the_wait_for_readings_of_reported_problems() -> None:
    before, course = Course(), Course()
    before.at(0.0, FLOW)
    course.tracker.restore(before.one(FLOW), 0.0)
    course.tracker.exclude_pause(7200.0, 7200.5)
    for now in (7201.0, 7201.0 + KEEP_S + 1.0):
        course.tracker.update(CDU, {}, now, decides=never)
        course.tracker.tick(now, now)
        assert course.reported() == {"DcimCduFlowLow"}


def test_a_cause_that_has_ended_explains_for_no_shorter_because_the_collector_stood_still() -> None:
    course = Course()
    for step in range(12):
        course.at(step, PUMPS, FLOW)
    for step in range(12, 20):
        course.at(step, FLOW)
    assert course.at(72.0) == {"DcimCduFlowLow"}  # the pumps have run for a minute
    course.tracker.exclude_pause(7200.0, 7272.0)
    assert course.at(7273.0) == {"DcimCduFlowLow"}
    assert course.one(FLOW).cause == PUMPS


def test_a_problem_began_when_it_was_found_and_not_at_the_next_tick() -> None:
    course = Course()
    course.tracker.update(CDU, {PUMPS: 1.0}, 100.0)
    course.tracker.tick(103.0, 1103.0)
    assert course.one(PUMPS).began_to_hold_s == 1100.0


def test_what_late_readings_showed_of_an_ended_problem_is_forgotten_when_it_holds_again() -> None:
    course = Course()
    course.at(0.0, PUMPS)
    course.tracker.note_earlier(PUMPS, 500.0)
    course.tracker.update(CDU, {}, 2.0)
    assert course.at(3.0, PUMPS) == set()
    assert course.one(PUMPS).began_to_hold_s == 1003.0
    assert course.at(13.0, PUMPS) == {"DcimCduAllPumpsStopped"}
    assert course.one(PUMPS).since_s == 1013.0
