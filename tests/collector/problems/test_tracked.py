"""What a tracked problem shows of its course: its worst, that it begins, and what explains it."""

from collector.problems.table import load_table
from collector.problems.tracker import Tracker
from tests.collector.problems.course import CDU, LEAK, PUMPS, Course, key

OVERLOAD = key("DcimUpsOverload")


def test_the_worst_of_what_must_not_be_high_is_the_highest() -> None:
    """People ask after a night how bad it was, and not how it was when it ended."""
    tracker = Tracker(load_table())
    for now, value in enumerate((0.91, 0.97, 0.92)):
        tracker.update(CDU, {OVERLOAD: value}, float(now))
    found = tracker.get(OVERLOAD)
    assert found is not None
    assert (found.value, found.peak) == (0.92, 0.97)


def test_what_begins_is_shown_before_it_is_reported_unless_it_is_about_a_slow_change() -> None:
    """A UPS at 80 % for some minutes would otherwise come and go on the page all day."""
    course = Course()
    assert course.at(0.0, PUMPS, key("DcimUpsLoadHigh")) == set()
    assert [each.key for each in course.tracker.beginning(0.0)] == [PUMPS]


def test_two_sensors_without_a_rack_are_not_in_the_same_rack() -> None:
    """Of their places nothing is known, so the hot one does not explain the warm one."""
    course = Course()
    hot, warm = key("DcimRackInletHot", "env-1"), key("DcimRackInletWarm", "env-2")
    beside = key("DcimRackInletHot", "env-3", rack="r1"), key("DcimRackInletWarm", "env-4", rack="r1")
    for step in range(0, 1300, 20):
        for each in (hot, warm, *beside):
            course.at(step, each, unit=("device", "s", dict(each[1])["device"]))
    assert course.reported() == {"DcimRackInletHot", "DcimRackInletWarm"}
    assert (course.one(warm).cause, course.one(beside[1]).cause) == (None, beside[0])


def test_a_leak_whose_device_is_back_and_still_wet_is_certain_again() -> None:
    course = Course()
    course.at(0.0, LEAK)
    course.at(10.0, silent=True)
    assert course.one(LEAK).is_uncertain
    assert course.at(11.0, LEAK) == {"DcimLeakDetected"}
    assert not course.one(LEAK).is_uncertain
