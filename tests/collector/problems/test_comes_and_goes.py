"""What comes and goes all the time never holds without a break for as long as it must, and is told all the same."""

import pytest

from collector.problems.table import load_table
from collector.problems.tracker import Key
from tests.collector.problems.course import Course, key


@pytest.mark.parametrize(
    ("name", "bad_s", "good_s", "first_s"),
    [("DcimCduFlowLow", 10, 10, 25), ("DcimCduPumpFailed", 6, 14, 43), ("DcimUpsOnBattery", 6, 14, 24)],
)
def test_what_comes_and_goes_for_hours_is_told_once_and_ends_a_minute_after_the_last_time(
    name: str, bad_s: int, good_s: int, first_s: int
) -> None:
    """It never holds for as long as it must without a break."""
    course, which, told = Course(), key(name), []
    for second in range(7200 + 100):
        holds = second < 7200 and second % (bad_s + good_s) < bad_s
        before, now = course.reported(), course.at(float(second), *([which] if holds else []))
        told += [(second, bool(now))] if now != before else []
    last_s = 7200 - good_s - 1
    assert told == [(first_s, True), (last_s + 60, False)]


@pytest.mark.parametrize("name", ["DcimCduFlowLow", "DcimCduPumpFailed", "DcimUpsOnBattery"])
def test_short_times_that_add_up_over_more_than_the_window_are_not_told(name: str) -> None:
    course, which = Course(), key(name)
    for second in range(3600):
        assert course.at(float(second), *([which] if second % 30 < 4 else [])) == set()


CHATTERING = [
    (key("DcimSmoke", sensor="1"), 2, 300),
    (key("DcimLeakDetected", detector="pan"), 2, 300),
    (key("DcimCoolingBlind"), 60, 120),
]


@pytest.mark.parametrize(("which", "bad_s", "every_s"), CHATTERING, ids=[each[0][0] for each in CHATTERING])
def test_a_detector_that_chatters_or_a_cdu_that_answers_every_other_minute_is_told_once(
    which: Key, bad_s: int, every_s: int
) -> None:
    course, begun = Course(), 0
    for second in range(2 * 3600):
        before, now = course.reported(), course.at(float(second), *([which] if second % every_s < bad_s else []))
        begun += len(now - before)
        assert second < bad_s or now == {which[0]}
    assert begun == 1


def test_a_window_that_delays_no_end_is_no_longer_than_what_follows_the_end() -> None:
    """An end that comes later than a cause explains it would call for what is over."""
    explained = [each for each in load_table().problems.values() if each.within_s and each.severity == "critical"]
    assert explained
    assert all(each.within_s <= each.keep_s for each in explained)
