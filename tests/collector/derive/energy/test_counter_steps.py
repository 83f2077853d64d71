"""One counter from reading to reading: what follows from each, and from what it is concluded."""

from math import inf

import pytest

from collector.derive.energy.counters import Bound, Counter, Outcome, Peak

WH = 3600.0
KWH = 1000 * WH


def test_the_highest_power_is_that_of_this_window_and_the_one_before_and_none_of_long_ago() -> None:
    peak = Peak()
    peak.add(9000.0, 1)
    peak.add(5000.0, 2)
    assert peak.highest(2) == 9000.0
    peak.add(200.0, 5)
    assert (peak.highest(5), peak.highest(6), peak.highest(7)) == (200.0, 200.0, None)


def test_power_that_is_exported_moves_a_counter_as_well() -> None:
    counter = Counter(changed_s=0.0)
    counter.note(-5000.0, 10.0)
    assert (counter.recent.highest(0), counter.weeks.highest(0)) == (5000.0, 5000.0)


@pytest.mark.parametrize("power_w", [inf, -inf, None])
def test_a_power_that_is_none_bounds_nothing(power_w: float | None) -> None:
    counter = Counter(changed_s=0.0)
    counter.note(power_w, 10.0)
    assert (counter.recent.highest(0), counter.weeks.highest(0)) == (None, None)


def followed(*intervals_s: float, power_w: float = 5000.0) -> tuple[Counter, tuple[float, float]]:
    """A counter of this power, read after each of these times, and the time and value of its last reading."""
    counter, last = Counter(changed_s=0.0), (0.0, 1e9)
    for interval_s in intervals_s:
        now_s = last[0] + interval_s
        counter.note(power_w, now_s)
        last = counter.update(last, last[1] + power_w * interval_s, now_s, Bound(power_w)).last
    return counter, last


@pytest.mark.parametrize(
    ("intervals_s", "rise_j", "is_counted"),
    [((10, 10), 2e6, False), ((10, 300), 2.5e6, True), ((10, 86_400), 20e6, False)],
    ids=["it updates every ten seconds", "every five minutes", "after a silent day"],
)
def test_a_reading_may_be_late_by_one_update_of_its_counter_and_ten_minutes_at_most(
    intervals_s: tuple[float, ...],
    rise_j: float,
    is_counted: bool,  # noqa: FBT001 - a case
) -> None:
    """At 5 kW at most 11 kW are believed: for 10 s, a minute's slack and the interval."""
    counter, (at_s, value) = followed(*intervals_s)
    found = counter.update((at_s, value), value + rise_j, at_s + 10, Bound(5000.0))
    assert (found.counted is not None) is is_counted


# At 5 kW, read every 10 s: twice that and a kilowatt for the time since the last change, one update and a minute, and one step. After a
# silent day three times that and a kilowatt.
MOST_SOON = (2 * 5000 + 1000) * (10 + 10 + 60) + 50_000
MOST_AFTER_A_DAY = (3 * 5000 + 1000) * (86_400 + 10 + 60) + 50_000


@pytest.mark.parametrize(("silent_s", "most_j"), [(10, MOST_SOON), (86_400, MOST_AFTER_A_DAY)])
def test_a_counter_may_rise_by_twice_its_load_and_after_a_silent_day_by_three_times_that(
    silent_s: int, most_j: int
) -> None:
    for rise_j, is_counted in ((most_j, True), (most_j + 1, False)):
        counter, (at_s, value) = followed(10, 10)
        found = counter.update((at_s, value), value + rise_j, at_s + silent_s, Bound(5000.0))
        assert (found.counted is not None, found.jumped) == (is_counted, not is_counted)


def test_a_counter_that_falls_by_a_minute_of_the_highest_load_is_late_and_by_more_has_jumped() -> None:
    minute_j = (2 * 5000 + 1000) * 60
    for fall_j, has_jumped in ((minute_j, False), (minute_j + 1, True)):
        counter, (at_s, value) = followed(10, 10)
        assert counter.update((at_s, value), value - fall_j, at_s + 10, Bound(5000.0)).jumped is has_jumped


def test_a_water_meter_of_five_digits_of_litres_begins_again_at_its_width() -> None:
    counter = Counter(changed_s=0.0)
    found = counter.update((0.0, 99.998), 0.003, 10.0, Bound(None, 0.001, 0.001))
    assert found.counted is not None
    assert found.counted.end - found.counted.start == pytest.approx(0.005)


def test_a_meter_of_a_few_kilowatt_hours_that_starts_at_0_again_was_reset_and_has_not_reached_its_width() -> None:
    """Ten million joules are a tenth of what it may have counted: then it may as well have been reset."""
    counter, _ = followed(10, 10)
    assert counter.update((20.0, 9.95e6), 0.0, 30.0, Bound(5000.0)).jumped


def test_a_new_counter_is_believed_to_be_late_by_no_more_than_it_has_been_seen_to_update() -> None:
    counter, last = followed(10)
    replaced = counter.update(last, 5e12, 20.0, Bound(5000.0))
    taken = counter.update(replaced.last, 5e12 + 50_000, 30.0, Bound(5000.0))
    assert taken.counted is not None
    assert counter.update_s == 10


def test_a_counter_that_stays_slightly_lower_for_a_quarter_of_an_hour_was_reset() -> None:
    counter, last = followed(10, 10)
    low = last[1] - 250_000  # 50 s of its load, which is 100 W from now on
    for at in range(0, 900, 20):
        counter.note(100.0, 30.0 + at)
        assert counter.update(last, low + 100 * at, 30.0 + at, Bound(100.0)) == Outcome(last)
    found = counter.update(last, low + 90_000, 930.0, Bound(100.0))
    assert found.counted == (30.0, low, 930.0, low + 90_000)
    assert (found.lost, found.jumped) == ((20.0, 30.0), True)


@pytest.mark.parametrize("power_w", [0.0, -7200.0, None])
def test_a_new_counter_need_only_count_what_its_lowest_power_since_makes(power_w: float | None) -> None:
    """The meter was replaced at 7.2 kW, and its load was switched off, turned round, or unknown before the next reading."""
    counter, last = followed(10, power_w=7200.0)
    replaced = counter.update(last, 5e12, 20.0, Bound(7200.0))
    assert replaced.jumped
    counter.note(power_w, 30.0)
    found = counter.update(replaced.last, 5e12 + 1000, 30.0, Bound(power_w))
    assert found.counted == (20.0, 5e12, 30.0, 5e12 + 1000)


def test_a_counter_that_stands_still_where_it_was_not_is_no_counter_however_long_it_stands() -> None:
    """After some minutes the former counter could have risen as far, too."""
    counter, last = followed(10, 10)
    wrong = last[1] + 3e6
    assert counter.update(last, wrong, 30.0, Bound(5000.0)).jumped
    for now_s in (330.0, 630.0):
        assert counter.update(last, wrong, now_s, Bound(5000.0)) == Outcome(last, lost=(now_s - 300.0, now_s))


def test_an_impossible_reading_after_a_late_one_loses_the_time_since_the_last_counted() -> None:
    counter, last = followed(10, 10)
    assert counter.update(last, last[1] - 100_000, 30.0, Bound(5000.0)) == Outcome(last)
    assert counter.update(last, 5e12, 40.0, Bound(5000.0)) == Outcome(last, lost=(20.0, 40.0), jumped=True)
    assert counter.update(last, 7e12, 50.0, Bound(5000.0)) == Outcome(last, lost=(40.0, 50.0))


def test_a_counter_that_rises_too_slowly_is_not_proved_by_a_step() -> None:
    """Its scale is a fifth of what it was. The step is what its power makes in a quarter of an hour, and not in ten seconds."""
    counter, last = followed(10, 10)
    for at in range(0, 800, 10):
        counter.note(5000.0, 30.0 + at)
        assert counter.update(last, 5e12 + 1000 * at, 30.0 + at, Bound(5000.0)).counted is None
    assert counter.update(last, 5e12 + 4e6, 830.0, Bound(5000.0)) == Outcome(last, lost=(820.0, 830.0))


def test_a_first_step_may_be_as_large_as_the_unit_of_the_meter() -> None:
    counter = Counter(changed_s=0.0)
    counter.note(100.0, 10.0)
    rise = (0.0, 1e9, 10.0, 1e9 + KWH)
    assert counter.update((0.0, 1e9), 1e9 + KWH, 10.0, Bound(100.0, resolution=KWH)).counted == rise


def test_a_power_that_fell_silent_bounds_a_counter_no_more_tightly_than_its_ratings() -> None:
    counter, last = followed(10, 10)
    for _ in range(800):
        last = counter.update(last, last[1] + 50_000, last[0] + 10.0, Bound(None, 50_000.0)).last
    assert counter.update(last, last[1] + 3e6, last[0] + 10.0, Bound(None, 50_000.0)).counted is not None


def test_a_power_that_is_shown_in_whole_kilowatts_may_be_more_than_none() -> None:
    counter, last = Counter(changed_s=0.0), (0.0, 1e9)
    for rise in (8000.0, 16_000.0, 9000.0):
        counter.note(0.0, last[0] + 10.0)
        found = counter.update(last, last[1] + rise, last[0] + 10.0, Bound(0.0))
        assert found.counted is not None
        last = found.last


def test_a_fall_by_the_width_of_a_counter_that_shows_more_digits_is_no_wrap() -> None:
    counter, last = followed(10, 10)
    high = last[0], 2.0**32 * WH + 1e12
    found = counter.update(high, 1e12 + 1000, high[0] + 10.0, Bound(5000.0))
    assert (found.counted, found.jumped) == (None, True)


def test_without_any_bound_a_fall_is_a_jump_and_not_a_late_reading() -> None:
    counter = Counter(changed_s=0.0)
    assert counter.update((0.0, 1e9), 1e6, 10.0, Bound()) == Outcome((0.0, 1e9), lost=(0.0, 10.0), jumped=True)


@pytest.mark.parametrize(("risen_j", "is_back"), [(150_000.0, True), (0.0, True), (-1.0, False), (5e9, False)])
def test_when_a_replaced_counter_is_back_what_was_counted_meanwhile_is_not_counted_again(
    risen_j: float,
    is_back: bool,  # noqa: FBT001 - a case
) -> None:
    counter, last = followed(10, 10)
    assert counter.update(last, 5e12, 30.0, Bound(5000.0)).jumped
    other = counter.update(last, 5e12 + 50_000, 40.0, Bound(5000.0)).last
    value = last[1] + risen_j
    found = counter.update(other, value, 50.0, Bound(5000.0))
    unseen = max(risen_j - 50_000, 0.0)
    bridged = (40.0, value - unseen, 50.0, value)
    assert (found.bridged, found.lost, found.jumped) == (bridged if is_back else None, (40.0, 50.0), True)
    assert found.last == ((50.0, value) if is_back else other)
