"""Problems through time: when they begin, go on while nobody can tell, are folded into a cause, and end."""

from collector.problems.conditions import labels_of
from collector.problems.table import load_table
from collector.problems.tracker import RESTORED_S, Key, Tracked, Tracker

CDU = ("device", "s", "cdu-1")


def key(problem: str, device: str = "cdu-1", **labels: str) -> Key:
    return problem, labels_of({"site": "s", "device": device, **labels})


LEAK = key("DcimLeakDetected", detector="pan")
PUMPS = key("DcimCduAllPumpsStopped")
FLOW = key("DcimCduFlowLow", loop="secondary")


def always(_: Key) -> bool:
    return True


def never(_: Key) -> bool:
    return False


class Course:
    """A tracker, and what it tells at each moment."""

    def __init__(self) -> None:
        self.tracker = Tracker(load_table())

    def at(self, now: float, *holding: Key, silent: bool = False, unit: tuple[str, ...] = CDU) -> set[str]:
        """Names of what is told after these problems were found to hold at `now`."""
        self.tracker.update(unit, dict.fromkeys(holding, 1.0), now, is_silent=lambda _: silent)
        self.tracker.tick(now, 1000.0 + now)
        return self.told()

    def told(self) -> set[str]:
        return {each.problem.name for each in self.tracker.active()}

    def one(self, which: Key) -> Tracked:
        found = self.tracker.get(which)
        assert found is not None
        return found


def test_a_leak_is_told_at_once_and_for_ten_minutes_after_it_is_dry() -> None:
    course = Course()
    assert course.at(0.0, LEAK) == {"DcimLeakDetected"}
    assert course.at(1.0) == {"DcimLeakDetected"}
    assert course.at(599.0) == {"DcimLeakDetected"}
    assert course.at(600.0) == set()
    assert len(course.tracker) == 0


def test_pumps_that_change_over_are_not_told() -> None:
    course = Course()
    for step in range(5):
        assert course.at(step, PUMPS) == set()
    assert course.at(4.5) == set()
    assert course.at(4.6, PUMPS) == set()  # five seconds begin anew
    assert course.at(9.5, PUMPS) == set()
    assert course.at(9.6, PUMPS) == {"DcimCduAllPumpsStopped"}


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


def test_pumps_that_stood_when_their_device_fell_silent_are_not_told_to_run_again() -> None:
    """The agent dies during the incident, or the unit with it: nobody knows, and whoever was called must not go home."""
    course = Course()
    for step in range(7):
        course.at(step, PUMPS)
    assert course.at(10.0, silent=True) == {"DcimCduAllPumpsStopped"}
    assert course.one(PUMPS).is_uncertain
    assert course.at(3605.0, silent=True) == {"DcimCduAllPumpsStopped"}
    assert course.at(3606.0, silent=True) == set()


def test_pumps_that_were_not_told_of_before_their_device_fell_silent_are_unknown_and_not_stopped() -> None:
    course = Course()
    for step in range(4):
        course.at(step, PUMPS)
    assert course.at(10.0, silent=True) == set()


def test_a_device_that_is_back_ends_its_problems_by_its_readings_and_not_by_its_first_word() -> None:
    course = Course()
    for step in range(7):
        course.at(step, PUMPS)
    course.at(10.0, silent=True)
    course.tracker.update(CDU, {}, 20.0, decides=never)
    course.tracker.tick(20.0, 1020.0)
    assert course.told() == {"DcimCduAllPumpsStopped"}
    assert not course.one(PUMPS).is_uncertain
    assert course.at(21.0) == set()


def test_a_reading_that_never_comes_back_with_its_device_keeps_its_problem_for_minutes_and_not_for_ever() -> None:
    course = Course()
    for step in range(7):
        course.at(step, PUMPS)
    course.at(10.0, silent=True)
    for now in (20.0, 19.0 + RESTORED_S, 21.0 + RESTORED_S):
        course.tracker.update(CDU, {}, now, decides=never)
        course.tracker.tick(now, now)
        assert course.told() == ({"DcimCduAllPumpsStopped"} if now < 20.0 + RESTORED_S else set())


def test_missing_flow_is_a_consequence_of_stopped_pumps_and_is_told_alone_if_it_lasts_when_they_run() -> None:
    """Flow takes some seconds to come back: told at once, each end of a cause would tell of everything it explained."""
    course = Course()
    for step in range(12):
        course.at(step, PUMPS, FLOW)
    assert course.told() == {"DcimCduAllPumpsStopped", "DcimCduFlowLow"}
    assert (course.one(FLOW).cause, course.one(PUMPS).cause) == (PUMPS, None)
    lingers_s = load_table().problems["DcimCduAllPumpsStopped"].linger_s
    assert 10.0 <= lingers_s <= 60.0
    assert course.at(12.0, FLOW) == {"DcimCduFlowLow"}
    course.at(11.9 + lingers_s, FLOW)
    assert course.one(FLOW).cause == PUMPS
    course.at(12.1 + lingers_s, FLOW)
    assert course.one(FLOW).cause is None


def test_a_cause_that_begins_anew_explains_its_consequence_beyond_the_time_of_its_first_end() -> None:
    course = Course()
    for step in range(12):
        course.at(step, PUMPS, FLOW)
    course.at(12.0, FLOW)
    for step in range(13, 120):
        course.at(step, PUMPS, FLOW)
    assert course.one(FLOW).cause == PUMPS


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
        tracker.restore(Tracked(load_table().problems[name], labels, CDU, 1.0, 1.0, since_s=5.0), 0.0)
    assert tracker.tick(1.0, 1001.0) == []  # nobody is told again
    tracker.update(CDU, {LEAK: 1.0}, 2.0)
    tracker.update(CDU, {LEAK: 1.0}, RESTORED_S + 1.0)
    ended = tracker.tick(RESTORED_S + 1.0, 1200.0)
    assert [each.problem.name for each in ended] == ["DcimCduAllPumpsStopped"]
    still = tracker.get(LEAK)
    assert still is not None
    assert still.since_s == 5.0


def test_a_problem_of_before_a_restart_ends_at_once_when_its_readings_are_well_and_not_before_its_limits_are_known() -> (
    None
):
    tracker = Tracker(load_table())
    tracker.restore(Tracked(load_table().problems[FLOW[0]], FLOW[1], CDU, 1.0, 1.0, since_s=5.0), 0.0)
    tracker.update(CDU, {}, 1.0, decides=never)
    assert tracker.tick(1.0, 1001.0) == []
    tracker.update(CDU, {}, 2.0, is_silent=always)
    assert tracker.tick(2.0, 1002.0) == []
    tracker.update(CDU, {}, 3.0)
    assert [each.is_active for each in tracker.tick(3.0, 1003.0)] == [False]


def test_the_worst_of_what_must_not_be_low_is_the_lowest() -> None:
    tracker = Tracker(load_table())
    for now, value in enumerate((300.0, 250.0, 400.0)):
        tracker.update(CDU, {FLOW: value}, float(now))
    found = tracker.get(FLOW)
    assert found is not None
    assert (found.value, found.peak) == (400.0, 250.0)
