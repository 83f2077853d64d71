"""Which of several causes explains a problem, and which place both must have; how it is told through time is in test_tracker.py, too."""

from datetime import UTC, datetime, timedelta

import pytest

from collector.problems.causes import ANSWERS_S, place_of
from collector.problems.conditions import labels_of
from collector.problems.maintenance import Window
from tests.collector.problems.course import Course, key
from tests.collector.problems.played import names, play
from tests.collector.problems.things import Example, Series, Thing, feeds


def test_a_cause_in_a_maintenance_window_hides_nothing_outside_of_it_and_no_other_cause() -> None:
    """Nobody is notified of it, so somebody must be of what it would explain."""
    course = Course()
    feed, agent = labels_of({"site": "s", "feed": "A"}), labels_of({"site": "s", "agent": "g"})
    lost, blind = ("DcimFeedLost", feed), ("DcimAgentSeesNothing", agent)
    until = datetime.now(UTC) + timedelta(hours=2)
    window = Window(id="W-1", until=until, match={"feed": "A"}, why="breaker test")
    course.tracker.window_of = lambda problem, *_: window if problem == "DcimFeedLost" else None
    alone = key("DcimDeviceUnreachable", "pdu-1", feed="A", agent="other")
    both = key("DcimDeviceUnreachable", "pdu-2", feed="A", agent="g")
    for step in range(0, 140, 2):
        for each in (lost, blind):
            course.at(step, each, unit=("share", each[0]))
        for each in (alone, both):
            course.at(step, each, unit=("device", str(each)))
    assert [course.one(each).cause for each in (alone, both)] == [None, blind]


def test_a_cause_that_has_been_over_for_long_enough_leaves_what_it_explained_to_another_one() -> None:
    course = Course()
    blind = "DcimAgentSeesNothing", labels_of({"site": "s", "agent": "g"})
    room = "DcimRoomSilent", labels_of({"site": "s", "room": "hall-1", "agent": "g"})
    row = "DcimRowSilent", labels_of({"site": "s", "room": "hall-1", "row": "r", "agent": "g"})
    for step in range(90):
        for each in (blind, room, row):
            holds = each != blind or step < 13
            course.at(step, *[each] * holds, unit=("share", each[0]))
        if step == 12 + int(ANSWERS_S):
            assert course.one(row).cause == blind
    assert course.one(row).cause == room


def test_a_row_may_be_missing_where_its_cause_may_lack_it_and_a_room_may_not() -> None:
    """In a room without rows, all of it is one row without a name."""
    pdu = labels_of({"site": "s", "room": "hall-1", "feed": "A"})
    labels = "site", "room", "row", "feed"
    assert place_of(pdu, labels, ("row",)) == (("site", "s"), ("room", "hall-1"), ("row", ""), ("feed", "A"))
    assert place_of(pdu, labels, ()) is None
    assert place_of(labels_of({"site": "s", "feed": "A"}), labels, ("row",)) is None


@pytest.mark.parametrize("problem", ["DcimDeviceUnreachable", "DcimCrahFault"])
def test_an_air_unit_that_stays_off_after_the_mains_of_its_feed_are_back_is_a_problem_of_its_own(problem: str) -> None:
    """Its own supply may have failed with them, and the room becomes warm."""
    course, mains = Course(), ("DcimMainsLost", labels_of({"site": "s", "feed": "A"}))
    unit = problem, labels_of({"site": "s", "device": "crac-a", "feed": "A"})
    back_s = 200
    found = []
    for now in range(back_s + 200):
        course.tracker.update(("feed", "s", "A"), {mains: 1.0} if now < back_s else {}, now)
        course.at(now, unit, unit=("device", "s", "crac-a"))
        if now in {back_s - 1, back_s + 199}:
            found.append((course.one(unit).is_active, course.one(unit).cause))
    assert found == [(True, mains), (True, None)]


def switch(number: int, selected: str, **more: float) -> Thing:
    """A transfer switch of a rack: whether its sources can be used, or it is redundant. With two feeds it has no label `feed`."""
    place = {"room": "r", "row": "1", "rack": f"k{number}"}
    usable: Series = {f"ats_source_usable{{source={each}}}": more.pop(each) for each in ("a", "b") if each in more}
    return Thing({**usable, **more, "ats_selected_source": selected}, device_class="ats", labels=place)


@pytest.mark.parametrize(
    ("lost", "cause"),
    [
        (feeds(6, 0, room="r", row="1"), "DcimFeedLost"),
        ([*feeds(6, 0, room="r", row="1"), *feeds(0, 9, room="other")], "DcimRoomFeedLost"),
        ([*feeds(6, 0, room="r", row="1"), *feeds(0, 9, room="r", row="2")], "DcimRowFeedLost"),
    ],
)
def test_transfer_switches_that_have_left_a_lost_feed_call_nobody_and_one_that_did_not_does(
    lost: list[Thing], cause: str
) -> None:
    """A hall of racks with a switch each would call for every one of them; but one that is stuck leaves its rack dark."""
    switched = [*(switch(number, "b", a=0.0, b=1.0) for number in range(4)), switch(5, "b", ats_redundant=0.0)]
    stuck = [switch(6, "a", a=0.0, b=1.0), switch(7, "none", a=0.0, b=0.0)]
    roots = [each for each in play(Example([*lost, *switched, *stuck])) if each.cause is None]
    assert names(roots) == {cause: 1, "DcimAtsRedundancyLost": 2}
    racks = {dict(each.labels)["rack"] for each in roots if each.problem.name == "DcimAtsRedundancyLost"}
    assert racks == {"k6", "k7"}


def test_a_transfer_switch_without_its_other_source_calls_somebody_while_no_feed_is_lost() -> None:
    roots = play(Example([*feeds(0, 6), switch(0, "b", a=0.0, b=1.0)]))
    assert names(roots) == {"DcimAtsRedundancyLost": 1}
