"""When polls are due, whatever they take; and how long a dead device is left alone."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.schedule import (
    MAX_DEADLINE_S,
    REPEAT_S,
    TRAP_POLLS_S,
    UNASKED_S,
    CircuitBreaker,
    DeviceSchedule,
    DuePoll,
    Patience,
    PollTimes,
    TrapPolls,
    grid,
    on_grid,
    phase,
)
from rackflow.catalogue import PollClass

INTERVALS: dict[PollClass, float] = {"safety": 1.0, "fast": 5.0, "slow": 60.0}

durations = st.lists(st.floats(0.001, 20.0), min_size=1, max_size=60)
starts = st.floats(0, 1e7)


def simulate(intervals: dict[PollClass, float], start: float, took: list[float]) -> list[tuple[float, float, DuePoll]]:
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
    breaker = CircuitBreaker(5.0, lambda: 0.5)
    breaker.failed()
    breaker.failed()
    assert not breaker.succeeded()
    assert [breaker.failed() for _ in range(2)] == [5.0, 5.0]
    assert not breaker.is_down
    breaker.failed()
    assert breaker.is_down


def test_the_ceiling_of_the_pause_doubles_up_to_a_minute_and_one_success_ends_it() -> None:
    breaker = CircuitBreaker(5.0, lambda: 1.0)
    pauses = [breaker.failed() for _ in range(2000)]
    assert pauses[:8] == [5.0, 5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0]
    assert pauses[-1] == 60.0
    assert breaker.succeeded()
    assert not breaker.is_down
    assert breaker.failed() == 5.0


@given(st.floats(0.1, 3600), st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=50))
def test_a_dead_device_is_asked_no_more_often_than_a_living_one(shortest: float, draws: list[float]) -> None:
    drawn = iter(draws)
    breaker = CircuitBreaker(shortest, lambda: next(drawn))
    for _ in range(len(draws) + 2):
        assert shortest <= breaker.failed() <= max(60.0, shortest)


def at_phase(device: str, poll_class: PollClass, seconds: float, cycle: int) -> float:
    """When that cycle of a device is due."""
    return (cycle + phase(device, poll_class)) * seconds


def test_a_cycle_is_due_at_its_phase_and_not_a_moment_before() -> None:
    schedule = DeviceSchedule("d", {"fast": 5.0}, 1000.0)
    assert schedule.next_at() == 1000.0
    assert schedule.take(999.999) is None
    assert schedule.take(1000.0) == DuePoll("fast", 5.0, 4.5, 0)
    due_at = schedule.next_at()
    assert due_at == pytest.approx(at_phase("d", "fast", 5.0, 200))
    assert 1002.5 <= due_at < 1007.5
    assert schedule.take(due_at - 1e-3) is None
    assert schedule.take(due_at) == DuePoll("fast", 5.0, 4.5, 0)
    assert schedule.next_at() == pytest.approx(due_at + 5.0)
    assert schedule.take(due_at) is None


@pytest.mark.parametrize(
    ("late_s", "skipped", "then_s"),
    [(0.0, 0, 5.0), (4.99, 0, 5.0), (5.0, 1, 10.0), (9.99, 1, 10.0), (10.0, 2, 15.0), (52.0, 10, 55.0)],
)
def test_a_late_poll_counts_the_cycles_that_went_by_and_the_next_is_on_the_grid(
    late_s: float, skipped: int, then_s: float
) -> None:
    schedule = DeviceSchedule("d", {"fast": 5.0}, 1000.0)
    schedule.take(1000.0)
    due_at = schedule.next_at()
    late = schedule.take(due_at + late_s)
    assert late is not None
    assert late.skipped == skipped
    assert schedule.next_at() == pytest.approx(due_at + then_s)
    following = schedule.take(schedule.next_at())
    assert following is not None
    assert following.skipped == 0


def test_a_timer_that_fires_a_rounding_error_early_still_counts_as_this_cycle() -> None:
    schedule = DeviceSchedule("d", {"fast": 5.0}, 1000.0)
    schedule.take(1000.0)
    due_at = schedule.next_at()
    # Two cycles are meant to have gone by; the last bits of the clock must not make it one.
    late = schedule.take(due_at + 10.0 - 1e-7)
    assert late is not None
    assert late.skipped == 2
    assert schedule.next_at() == pytest.approx(due_at + 15.0)
    early = DeviceSchedule("d", {"fast": 5.0}, 1000.0)
    early.take(1000.0)
    late = early.take(due_at + 10.0 - 0.001)
    assert late is not None
    assert late.skipped == 1


@pytest.mark.parametrize("after_s", [0.0, 1.0, 2.49, 2.51, 4.9])
def test_the_second_poll_follows_the_first_by_half_an_interval_to_one_and_a_half(after_s: float) -> None:
    start = at_phase("d", "fast", 5.0, 200) + after_s
    schedule = DeviceSchedule("d", {"fast": 5.0}, start)
    schedule.take(start)
    expected = at_phase("d", "fast", 5.0, 201 if after_s < 2.5 else 202)
    assert schedule.next_at() == pytest.approx(expected)


def test_each_class_has_a_phase_of_its_own_and_each_device_too() -> None:
    shares = {phase(device, what) for device in ("a", "b", "ab") for what in ("fast", "slow")}
    assert len(shares) == 6
    assert phase("pdu-1", "safety") == pytest.approx(0.39246865873800374, abs=1e-12)


def test_classes_due_together_go_shortest_first_and_each_once_a_round() -> None:
    schedule = DeviceSchedule("d", {"slow": 60.0, "safety": 1.0, "fast": 5.0}, 0.0)
    taken = [schedule.take(0.0) for _ in range(4)]
    assert [due.poll_class if due else None for due in taken] == ["safety", "fast", "slow", None]
    late = [schedule.take(500.0) for _ in range(3)]
    assert [due.poll_class for due in late if due] == ["safety", "fast", "slow"]
    assert [(due.skipped, due.interval_s) for due in late if due] == [(499, 1.0), (99, 5.0), (7, 60.0)]
    assert schedule.take(500.0) is None
    assert 500.0 < schedule.next_at() <= 501.0


@pytest.mark.parametrize(
    ("interval_s", "deadline_s"), [(1.0, 0.9), (10.0, 9.0), (30.0, 27.0), (33.0, 29.7), (34.0, 30.0), (3600.0, 30.0)]
)
def test_the_deadline_of_a_poll_by_its_interval(interval_s: float, deadline_s: float) -> None:
    due = DeviceSchedule("d", {"slow": interval_s}, 0.0).take(0.0)
    assert due is not None
    assert due.deadline_s == pytest.approx(deadline_s)


def test_the_pause_of_a_dead_device_is_drawn_between_its_interval_and_the_ceiling() -> None:
    for draw, pauses in {
        0.0: [5.0] * 7,
        0.5: [5.0, 5.0, 7.5, 12.5, 22.5, 32.5, 32.5],
        0.25: [5.0, 5.0, 6.25, 8.75, 13.75, 18.75, 18.75],
    }.items():
        breaker = CircuitBreaker(5.0, lambda draw=draw: draw)  # type: ignore[misc]  # a default of a lambda
        assert [breaker.failed() for _ in range(7)] == pauses


def test_a_slow_device_is_left_alone_for_its_own_interval_however_long() -> None:
    breaker = CircuitBreaker(300.0, lambda: 0.9)
    assert [breaker.failed() for _ in range(5)] == [300.0] * 5
    quick = CircuitBreaker(0.001, lambda: 1.0)
    pauses = [quick.failed() for _ in range(40)]
    assert max(pauses) == 60.0
    assert pauses[16] == pytest.approx(0.001 * 2**15)


def test_up_is_reported_once_when_a_dead_device_answers() -> None:
    breaker = CircuitBreaker(1.0, lambda: 0.0)
    assert not breaker.succeeded()
    for _ in range(3):
        assert not breaker.is_down
        breaker.failed()
    assert breaker.is_down
    breaker.failed()
    assert (breaker.succeeded(), breaker.is_down, breaker.succeeded()) == (True, False, False)


def test_polls_of_a_few_devices_share_moments_and_stay_spread() -> None:
    """50 devices, each polled every second and every 5 s: 60 polls a second at 6 moments."""
    grid_s = grid(60.0)
    assert grid_s == 1 / 6
    due = Counter[int]()
    for number in range(50):
        schedule = DeviceSchedule(f"d{number}", {"safety": 1.0, "fast": 5.0}, 0.0, grid_s)
        while (at := schedule.next_at()) < 20.0:
            if at > 0.0:
                assert abs(at / grid_s - round(at / grid_s)) < 1e-6
                due[round(at / grid_s)] += 1
            schedule.take(at)
    assert sum(due.values()) > 20 * 55
    assert len(due) <= 20 * 6
    assert max(due.values()) < 20


@pytest.mark.parametrize(("polls_per_s", "moments_per_s"), [(0.0, 5), (50.0, 5), (51.0, 6), (4000.0, 400)])
def test_about_ten_polls_share_a_moment_at_any_rate(polls_per_s: float, moments_per_s: int) -> None:
    assert grid(polls_per_s) == 1 / moments_per_s


def test_an_interval_shorter_than_the_time_between_moments_keeps_its_phase() -> None:
    assert on_grid(0.3, 0.02, 0.05) == 0.3


@pytest.mark.parametrize(("share", "expected"), [(0.333, 0.3), (0.5, 0.5), (0.999, 0.95), (0.0, 0.0)])
def test_a_poll_moves_to_the_moment_before_its_phase_and_stays_in_its_cycle(share: float, expected: float) -> None:
    """Moments are 50 ms apart, the interval is a second."""
    assert on_grid(share, 1.0, 0.05) == pytest.approx(expected)


def test_a_trap_polls_every_class_but_inventory_and_moves_no_later_poll() -> None:
    schedule = DeviceSchedule("d", {"safety": 10.0, "normal": 60.0, "inventory": 3600.0}, 0.0)
    while schedule.next_at() <= 0.0:
        schedule.take(0.0)
    regular = schedule.next_at()
    schedule.hurry(1.0)
    taken = [due.poll_class for _ in range(3) if (due := schedule.take(1.0)) is not None]
    assert taken == ["safety", "normal"]
    assert schedule.next_at() in {regular, regular + 10.0}, "on its grid"


def test_a_poll_that_failed_is_repeated_soon_and_moves_no_later_one() -> None:
    schedule = DeviceSchedule("d", {"safety": 30.0, "inventory": 3600.0}, 0.0)
    while schedule.next_at() <= 0.0:
        schedule.take(0.0)
    regular = schedule.next_at()
    failed_at = regular - UNASKED_S - 1.0
    schedule.repeat("safety", failed_at)
    assert schedule.next_at() == failed_at + REPEAT_S
    due = schedule.take(failed_at + REPEAT_S)
    assert due is not None
    assert (due.poll_class, due.skipped) == ("safety", 0)
    assert schedule.next_at() == regular


def test_a_poll_that_failed_is_not_repeated_if_its_device_is_asked_soon_anyway() -> None:
    """Also by a poll of another class."""
    schedule = DeviceSchedule("d", {"normal": 10.0, "slow": 60.0}, 0.0)
    while schedule.next_at() <= 0.0:
        schedule.take(0.0)
    regular = schedule.next_at()
    schedule.repeat("slow", regular - UNASKED_S)
    assert schedule.next_at() == regular


def test_a_hurried_poll_takes_the_place_of_no_regular_one() -> None:
    """Also not late in an interval: whoever sends a trap must not leave a device unread for one and a half of them."""
    schedule = DeviceSchedule("d", {"normal": 60.0}, 0.0)
    schedule.take(0.0)
    regular = schedule.next_at()
    for seconds_before in (59.0, 29.0, 1.5):
        now = regular - seconds_before
        schedule.hurry(now)
        due = schedule.take(now)
        assert due is not None
        assert due.skipped == 0
        assert schedule.next_at() == regular, f"{seconds_before} s before"
    schedule.hurry(regular - 0.9)
    schedule.take(regular - 0.9)
    assert schedule.next_at() == regular + 60.0, "it would only repeat it"


def test_cycles_that_went_by_before_a_hurried_poll_are_counted() -> None:
    schedule = DeviceSchedule("d", {"normal": 10.0}, 0.0)
    schedule.take(0.0)
    regular = schedule.next_at()
    schedule.hurry(regular - 5)
    # Another class held the device until three of its polls were due.
    due = schedule.take(regular + 25)
    assert due is not None
    assert due.skipped == 2
    assert schedule.next_at() == regular + 30


def test_a_class_that_is_due_already_is_not_hurried_and_counts_its_cycles() -> None:
    schedule = DeviceSchedule("d", {"normal": 10.0}, 0.0)
    schedule.take(0.0)
    regular = schedule.next_at()
    schedule.hurry(regular + 20.5)
    due = schedule.take(regular + 20.5)
    assert due is not None
    assert due.skipped == 2
    assert schedule.next_at() == regular + 30.0


@pytest.mark.parametrize(
    ("interval_s", "before_s", "is_left_out"), [(1.0, 0.4, True), (1.0, 0.6, False), (60.0, 2.0, False)]
)
def test_a_regular_poll_is_left_out_only_where_a_hurried_one_came_right_before(
    interval_s: float,
    before_s: float,
    is_left_out: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    schedule = DeviceSchedule("d", {"normal": interval_s}, 0.0)
    schedule.take(0.0)
    regular = schedule.next_at()
    schedule.hurry(regular - before_s)
    schedule.take(regular - before_s)
    assert schedule.next_at() == pytest.approx(regular + is_left_out * interval_s)


def test_polls_of_a_class_are_as_far_apart_as_those_of_all_classes_between_them_take() -> None:
    times = PollTimes()
    assert times.add("safety", 2.0) == 0.0, "nothing was before it"
    assert times.add("inventory", 20.0) == 0.0
    assert times.add("safety", 3.0) == 22.0
    assert times.add("safety", 3.0) == 3.0
    assert times.of_all_but_inventory_s() == 3.0


def test_traps_of_a_burst_have_a_device_polled_at_once_and_once_more_after_a_pause() -> None:
    traps = TrapPolls()
    assert traps.add(100.0, 0.1) == 100.0
    assert traps.add(100.2, 0.1) == 100.0 + TRAP_POLLS_S
    assert traps.add(100.3, 0.1) is None, "that poll sees what this trap is about, too"
    assert traps.add(101.1, 2.0) == 107.0, "three times as long as its polls take"


SAFETY = DuePoll("safety", 1.0, 0.9, 0)
FAST = DuePoll("fast", 5.0, 4.5, 0)


def test_a_class_that_was_cut_short_is_waited_for_once_something_else_was_answered() -> None:
    patience = Patience()
    patience.cut_short("safety")
    assert patience.deadline_s(SAFETY) == 0.9  # it may be dead
    patience.polled(FAST, 1.9)
    assert patience.deadline_s(SAFETY) == MAX_DEADLINE_S
    assert patience.deadline_s(FAST) == 4.5
    patience.polled(SAFETY, 1.9)
    assert patience.deadline_s(SAFETY) == MAX_DEADLINE_S
    patience.polled(SAFETY, 0.8)
    assert patience.deadline_s(SAFETY) == 0.9


def test_a_class_that_was_cut_short_is_waited_for_after_an_opening() -> None:
    patience = Patience()
    patience.opened()
    assert patience.deadline_s(SAFETY) == 0.9
    patience.cut_short("safety")
    patience.opened()
    assert patience.deadline_s(SAFETY) == MAX_DEADLINE_S


def test_an_answer_that_was_lost_once_makes_no_class_waited_for() -> None:
    patience = Patience()
    patience.cut_short("safety")
    patience.polled(SAFETY, 0.1)
    patience.polled(FAST, 0.1)
    assert patience.deadline_s(SAFETY) == 0.9
