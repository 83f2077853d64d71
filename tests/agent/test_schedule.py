"""When polls are due, whatever they take; and how long a dead device is left alone."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.schedule import Breaker, DeviceSchedule, Due, phase
from rackflow.catalogue import PollClass

INTERVALS: dict[PollClass, float] = {"safety": 1.0, "fast": 5.0, "slow": 60.0}

durations = st.lists(st.floats(0.001, 20.0), min_size=1, max_size=60)
starts = st.floats(0, 1e7)


def simulate(intervals: dict[PollClass, float], start: float, took: list[float]) -> list[tuple[float, float, Due]]:
    """Polls one after the other, each as long as given; (begin, end, what)."""
    schedule = DeviceSchedule("d", intervals, start)
    now, polls = start, []
    for seconds in took:
        now = max(now, schedule.next_at())
        due = schedule.take(now)
        assert due is not None
        polls.append((now, now + seconds, due))
        now += seconds
    return polls


@given(starts, durations)
def test_due_times_stay_on_their_grid_however_long_polls_take(start: float, took: list[float]) -> None:
    polls = simulate({"fast": 5.0}, start, took)
    for (_, end, _), (begin, _, _) in pairwise(polls):
        # Either the poll before was late, and the next came at once, or it begins on the grid.
        on_grid = (begin / 5.0 - phase("d", "fast") + 0.5) % 1 - 0.5
        assert begin == end or on_grid == pytest.approx(0, abs=1e-6)


@given(starts, durations)
@example(122.0, [1.0, 10.0, 1.0])
def test_every_cycle_is_polled_once_or_counted_as_skipped(start: float, took: list[float]) -> None:
    polls = simulate({"fast": 5.0}, start, took)
    begins = [begin for begin, _, _ in polls]
    if len(begins) < 3:
        return
    # The second poll is the first of the grid.
    cycles = round_half(begins[-1]) - round_half(begins[1])
    polled_after = len(begins) - 2
    assert cycles == polled_after + sum(due.skipped for _, _, due in polls[2:])


def round_half(at: float) -> int:
    """The number of the last cycle that is due at `at`; a rounding error must not make it the one before."""
    return int((at / 5.0 - phase("d", "fast") + 1e-6) // 1)


@given(starts, durations)
def test_polls_of_one_device_never_overlap_and_never_come_in_a_burst(start: float, took: list[float]) -> None:
    polls = simulate(INTERVALS, start, took)
    for (_, end, _), (begin, _, _) in pairwise(polls):
        assert begin >= end
    for poll_class, seconds in INTERVALS.items():
        begins = [begin for begin, _, due in polls if due.poll_class == poll_class]
        # A late cycle may be close to the next one, but three polls take more than one interval.
        assert all(later - earlier > seconds * 0.999 for earlier, later in zip(begins, begins[2:], strict=False))


def test_all_classes_come_at_once_at_the_start_the_shortest_first() -> None:
    polls = simulate(INTERVALS, 1000.0, [0.01] * 3)
    assert [due.poll_class for _, _, due in polls] == ["safety", "fast", "slow"]
    assert [begin for begin, _, _ in polls] == pytest.approx([1000.0, 1000.01, 1000.02])


def test_a_device_too_slow_for_its_shortest_class_is_still_asked_for_the_others() -> None:
    polls = simulate(INTERVALS, 0.0, [3.0] * 60)
    counts = {name: sum(due.poll_class == name for _, _, due in polls) for name in INTERVALS}
    assert counts["fast"] > 20
    assert counts["slow"] >= 3
    assert sum(due.skipped for _, _, due in polls) > 60


def test_a_deadline_is_shorter_than_its_interval_and_than_half_a_minute() -> None:
    deadlines = {due.poll_class: due.deadline_s for _, _, due in simulate(INTERVALS, 0.0, [0.01] * 3)}
    assert deadlines == {"safety": 0.9, "fast": 4.5, "slow": 30.0}


def test_phases_are_stable_and_spread() -> None:
    phases = sorted(phase(f"pdu-{number}", "fast") for number in range(1000))
    # The same in every process, unlike hash().
    assert phase("pdu-7", "fast") == pytest.approx(0.131964, abs=1e-6)
    assert max(later - earlier for earlier, later in pairwise(phases)) < 0.02
    assert 0 <= phases[0] < 0.02
    assert 0.98 < phases[-1] < 1


def test_a_device_is_dead_after_three_failures_in_a_row() -> None:
    breaker = Breaker(5.0, lambda: 0.5)
    breaker.failed()
    breaker.failed()
    assert not breaker.succeeded()
    assert [breaker.failed() for _ in range(2)] == [5.0, 5.0]
    assert not breaker.dead
    breaker.failed()
    assert breaker.dead


def test_the_ceiling_of_the_pause_doubles_up_to_a_minute_and_one_success_ends_it() -> None:
    breaker = Breaker(5.0, lambda: 1.0)
    pauses = [breaker.failed() for _ in range(2000)]
    assert pauses[:8] == [5.0, 5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0]
    assert pauses[-1] == 60.0
    assert breaker.succeeded()
    assert not breaker.dead
    assert breaker.failed() == 5.0


@given(st.floats(0.1, 3600), st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=50))
def test_a_dead_device_is_asked_no_more_often_than_a_living_one(shortest: float, draws: list[float]) -> None:
    drawn = iter(draws)
    breaker = Breaker(shortest, lambda: next(drawn))
    for _ in range(len(draws) + 2):
        assert shortest <= breaker.failed() <= max(60.0, shortest)
