"""What comes and goes for hours is told once, and its single times are its consequences; what nobody can tell does not come and go."""

from collections.abc import Callable

import pytest

from collector.problems.conditions import ConditionMemory, Evaluator, Subject
from collector.problems.table import load_table
from collector.problems.tracker import Tracker
from rackflow.catalogue import catalogue

STEP_S = 5
Told = list[tuple[int, str]]


def told(metric: str, base: dict[str, str], value_at: Callable[[int], float | str | None], until_s: int) -> Told:
    """When how often something begins or ends that is no consequence, in words: `+Name`, `-Name`."""
    table = load_table()
    evaluator, tracker, found = Evaluator(table), Tracker(table), Told()
    reported: set[str] = set()
    for now in range(0, until_s, STEP_S):
        subject = Subject({"site": "s", **base})
        if (value := value_at(now)) is not None:
            subject.add(metric, {}, value)
        evaluator.count_changes(subject, float(now))
        holding = {
            (problem.name, labels): each.value
            for problem, conditions in evaluator.decidable_by(subject)
            for labels, each in evaluator.findings(problem, subject, float(now), conditions).items()
        }
        tracker.update(("one",), holding, float(now))
        tracker.tick(float(now), float(now))
        before, reported = reported, {each.problem.name for each in tracker.active() if each.cause is None}
        found += [(now, f"-{name}") for name in sorted(before - reported)]
        found += [(now, f"+{name}") for name in sorted(reported - before)]
    return found


KINDS = [
    ("dcim_device_up", {"device": "d", "agent": "g"}, 1.0, 0.0, "DcimDeviceFlapping", 1800 + 900),
    ("dcim_agent_up", {"agent": "g"}, 1.0, 0.0, "DcimAgentFlapping", 1800 + 900),
    ("dcim_collector_mqtt_connected", {}, 1.0, 0.0, "DcimBrokerFlapping", 1800 + 900),
    ("dcim_ats_selected_source", {"device": "t"}, "a", "b", "DcimAtsFlapping", 3600 + 1500),
]


@pytest.mark.parametrize(
    ("metric", "base", "well", "ill", "problem", "lasts_s"), KINDS, ids=[each[4] for each in KINDS]
)
def test_what_comes_and_goes_for_hours_is_told_once_and_ends_some_minutes_after_it_has_become_seldom(
    metric: str, base: dict[str, str], well: float | str, ill: float | str, problem: str, lasts_s: int
) -> None:
    """Away for 5 s of every 5 minutes."""
    assert metric in catalogue()
    flaps_until_s = 3 * 3600

    def value(now: int) -> float | str:
        return ill if now < flaps_until_s and now % 300 == 150 else well

    # The fourth time begins after a quarter of an hour. The seventh-last change is the return of the fourth-last time.
    last_s = flaps_until_s - 300 * 3 - 150 + 5
    assert told(metric, base, value, 6 * 3600) == [
        (3 * 300 + 150, f"+{problem}"),
        (last_s + lasts_s - STEP_S, f"-{problem}"),
    ]


@pytest.mark.parametrize("every_s", [480, 510, 540, 570, 590])
def test_what_comes_and_goes_about_as_often_as_is_told_is_told_once(every_s: int) -> None:
    found = told("dcim_device_up", {"device": "d"}, lambda now: float(now % every_s >= 60), 4 * 3600)
    assert [what for _, what in found] in ([], ["+DcimDeviceFlapping"])


def test_three_times_are_not_told() -> None:
    found = told("dcim_device_up", {"device": "d"}, lambda now: float(now > 300 or now % 100 < 50), 3600)
    assert found == []


def test_a_device_of_which_nobody_can_tell_does_not_come_and_go() -> None:
    """Its agent restarts every minute, and the first poll after each start finds the device well."""
    assert told("dcim_device_up", {"device": "d"}, lambda now: 1.0 if now % 60 else None, 7200) == []


def test_a_device_that_went_down_while_nobody_could_tell_has_changed_once() -> None:
    """Silent for ten minutes, of which its agent was away for five: it is told as one that does not answer."""
    found = told("dcim_device_up", {"device": "d"}, lambda now: None if now < 300 else float(now > 900), 3600)
    assert [what for _, what in found] == ["+DcimDeviceUnreachable", "-DcimDeviceUnreachable"]


def test_whether_a_device_changed_once_or_often_in_a_gap_of_hours_nobody_knows() -> None:
    """As in Prometheus, which looks back by half an hour. What is known after the gap counts."""
    memory = ConditionMemory()
    counts = [
        memory.count_changes("r", (), value, 1800.0, at_s)
        for value, at_s in ((1.0, 0.0), (0.0, 1799.0), (1.0, 3598.0), (0.0, 5400.0), (1.0, 5401.0))
    ]
    assert counts == [0, 1, 2, 0, 1]


def test_times_that_are_told_by_themselves_are_consequences_once_it_is_told_that_they_come_and_go() -> None:
    """An agent that is away for 20 s of every two minutes."""
    found = told("dcim_agent_up", {"agent": "g"}, lambda now: float(now % 120 >= 20), 3 * 3600)
    assert [what for _, what in found if what.startswith("+")] == ["+DcimAgentDown"] * 4 + ["+DcimAgentFlapping"]
