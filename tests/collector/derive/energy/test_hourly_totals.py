"""Energy by the hour at its limits: gaps, resets, late readings, what counts as a whole hour, what is forgotten and what is saved."""

import pytest

from collector.derive.energy.counters import Bound
from collector.derive.energy.hourly import COUNTER_AWAITED_S, HOUR_S, QUANTITIES_PER_SLICE, Hour, HourlyTotals, Terms
from rackflow.process.slices import EACH_STEP, in_slices, run_through
from tests.turns import CALLS_OF_50_MS, Turns

WEEK_S = 7 * 86_400.0
TERMS = Terms(quantities=("x",), category="1", profile_j=None, factor=None, residual=None)


def counted(*readings: tuple[float, float | None]) -> HourlyTotals:
    """A totals after these readings of the counter `x`: time, value."""
    totals = HourlyTotals()
    for at, value in readings:
        totals.count("x", value, at)
    return totals


def integrated(*readings: tuple[float, float | None]) -> HourlyTotals:
    """A totals after these readings of the power `p`."""
    totals = HourlyTotals()
    for at, watts in readings:
        totals.integrate("p", watts, at)
    return totals


def forget(totals: HourlyTotals, *hours: int, passing: str = "racks:l") -> None:
    """What cycles of these hours forget."""
    for hour in hours:
        run_through(totals.forget_steps(hour, iter([passing])))


def amounts(totals: HourlyTotals, quantity: str = "x") -> dict[int, float]:
    return {hour: round(entry.amount[quantity], 6) for hour, entry in sorted(totals.hours.items())}


def test_a_counter_is_shared_out_by_the_time_in_each_hour() -> None:
    totals = counted((3000.0, 100.0), (5400.0, 340.0))
    assert amounts(totals) == {0: 60.0, 1: 180.0}
    assert {hour: entry.covered_s["x"] for hour, entry in totals.hours.items()} == {0: 600.0, 1: 1800.0}
    assert sum(hour.amount.get("x", 0.0) for hour in totals.hours.values()) == 240.0
    assert sum(hour.amount.get("y", 0.0) for hour in totals.hours.values()) == 0.0


@pytest.mark.parametrize(
    ("readings", "energy"),
    [
        ([(0.0, 100.0), (60.0, 100.0)], 0.0),  # at rest: an hour without energy is covered, too
        ([(0.0, 100.0), (60.0, 99.9)], None),  # reset
        ([(0.0, 100.0), (60.0, 5.0), (120.0, 7.0)], 2.0),  # and on from there
        ([(0.0, 100.0), (60.0, None), (120.0, 130.0)], 30.0),
        ([(0.0, 100.0), (0.0, 130.0)], None),  # the same moment twice
        ([(60.0, 100.0), (0.0, 130.0), (60.0, 140.0)], 10.0),  # a clock that was set back counts on from where it is
        ([(2 * WEEK_S, 0.0), (2 * WEEK_S + 60, 5.0)], 5.0),
        ([(0.0, 0.0), (WEEK_S, 1000.0)], 1000.0),
        ([(0.0, 0.0), (WEEK_S + 1, 1000.0), (WEEK_S + 61, 1001.0)], 1.0),
    ],
)
def test_a_counter_invents_no_energy(readings: list[tuple[float, float | None]], energy: float | None) -> None:
    totals = counted(*readings)
    found = [entry.amount["x"] for entry in totals.hours.values() if entry.amount]
    assert (sum(found) if found else None) == (None if energy is None else pytest.approx(energy))


@pytest.mark.parametrize(
    ("readings", "energy"),
    [
        ([(0.0, 1000.0), (60.0, 2000.0)], 90_000.0),  # by the trapezoid
        ([(0.0, 1000.0), (0.5, 1000.0)], 500.0),
        ([(0.0, 1000.0), (60.1, 1000.0)], None),
        ([(0.0, 1000.0), (60.1, 1000.0), (70.1, 1000.0)], 10_000.0),
        ([(0.0, 1000.0), (10.0, None), (20.0, 1000.0)], None),  # unknown in between, however short
        ([(0.0, 1000.0), (0.0, 1000.0)], None),
        ([(10.0, 1000.0), (0.0, 1000.0), (10.0, 1000.0)], 10_000.0),
    ],
)
def test_power_is_energy_between_two_readings_within_a_minute(
    readings: list[tuple[float, float | None]], energy: float | None
) -> None:
    totals = integrated(*readings)
    assert [entry.amount["p"] for entry in totals.hours.values()] == ([] if energy is None else [pytest.approx(energy)])


def test_power_over_the_end_of_an_hour_is_in_both() -> None:
    totals = integrated((3570.0, 1000.0), (3610.0, 1000.0))
    assert amounts(totals, "p") == {0: 30_000.0, 1: 10_000.0}
    assert "p" not in totals.hours[0].spread_s


@pytest.mark.parametrize(("covered_s", "is_whole"), [(3528.0, True), (3527.9, False), (3600.0, True), (0.0, False)])
def test_an_hour_counts_from_ninety_eight_per_cent_on(covered_s: float, is_whole: bool) -> None:  # noqa: FBT001 - a case
    assert Hour({"x": 1.0}, {"x": covered_s}).has("x") == is_whole
    assert not Hour({"x": 1.0}, {"x": covered_s}).has("y")


@pytest.mark.parametrize(("gap_s", "is_spread"), [(900.0, False), (900.5, True)])
def test_energy_over_a_gap_of_more_than_a_quarter_of_an_hour_is_marked_as_spread(gap_s: float, is_spread: bool) -> None:  # noqa: FBT001 - a case
    totals = counted((0.0, 0.0), (gap_s, 90.0))
    assert totals.hours[0].spread_s == ({"x": gap_s} if is_spread else {})
    # Only what was spread can be parted by a late reading.
    assert totals.gaps == ({"x": [(0.0, 0.0, gap_s, 90.0)]} if is_spread else {})


def test_a_late_reading_parts_a_gap_by_its_value() -> None:
    """Two hours: 40 of 60 came in the first."""
    totals = counted((0.0, 100.0), (7200.0, 160.0))
    assert amounts(totals) == {0: 30.0, 1: 30.0}
    assert totals.refine("x", 140.0, 3600.0)
    assert amounts(totals) == {0: 40.0, 1: 20.0}
    assert totals.hours[0].spread_s == {"x": 3600.0}
    assert totals.refine("x", 140.0, 800.0)  # after which the counter rested
    assert amounts(totals) == {0: 40.0, 1: 20.0}
    assert totals.hours[0].spread_s == {"x": pytest.approx(2800.0)}  # 800 s are no gap
    assert [(gap.start_s, gap.start, gap.end_s, gap.end) for gap in totals.gaps["x"]] == [
        (3600.0, 140.0, 7200.0, 160.0),
        (800.0, 140.0, 3600.0, 140.0),
    ]


@pytest.mark.parametrize(
    ("at_s", "value"),
    [(3600.0, 99.0), (3600.0, 161.0), (0.0, 110.0), (7200.0, 150.0), (-10.0, 130.0)],
    ids=["before its beginning", "beyond its end", "at its beginning", "at its end", "earlier"],
)
def test_a_late_reading_that_does_not_fit_changes_nothing(at_s: float, value: float) -> None:
    totals = counted((0.0, 100.0), (7200.0, 160.0))
    assert totals.refine("x", value, at_s)
    assert amounts(totals) == {0: 30.0, 1: 30.0}


@pytest.mark.parametrize(("at_s", "value"), [(3600.0, 100.0), (3600.0, 160.0)])
def test_a_counter_may_have_rested_for_a_part_of_the_gap(at_s: float, value: float) -> None:
    totals = counted((0.0, 100.0), (7200.0, 160.0))
    totals.refine("x", value, at_s)
    assert amounts(totals) == {0: value - 100.0, 1: 160.0 - value}


def test_a_reading_is_late_only_where_a_later_one_is_known() -> None:
    totals = counted((0.0, 100.0), (7200.0, 160.0))
    assert not totals.refine("x", 170.0, 7200.5)
    assert totals.refine("x", 170.0, 7200.0)
    assert not totals.refine("y", 170.0, 100.0)


def test_the_last_hundred_gaps_are_kept() -> None:
    totals = counted(*((at * 1000.0, float(at)) for at in range(102)))
    assert [gap.start for gap in totals.gaps["x"]] == [float(at) for at in range(1, 101)]


def test_a_year_of_hours_is_kept_and_what_is_passing_for_a_day() -> None:
    totals = HourlyTotals()
    for hour in (0, 1, 8759, 8760, 8761):
        totals.hours[hour] = Hour({"x": 1.0, "racks:l": 1.0}, {"x": 1.0, "racks:l": 1.0}, {"x": 1.0, "racks:l": 1.0})
    forget(totals, 8759, 8760, 8761)
    assert sorted(totals.hours) == [1, 8759, 8760, 8761]
    gone = totals.hours[1]
    assert (gone.amount, gone.covered_s, gone.spread_s) == ({"x": 1.0}, {"x": 1.0}, {"x": 1.0})
    assert totals.changed == {1}
    totals.hours[8737] = Hour({"racks:l": 1.0})
    forget(totals, 8761)  # this hour's was done
    assert "racks:l" in totals.hours[8737].amount
    forget(totals, 8762)
    assert totals.hours[8737].amount == {}
    assert min(totals.hours) == 8737
    totals.hours[8739] = Hour({"racks:l": 1.0})
    forget(totals, 8763)
    assert "racks:l" in totals.hours[8739].amount  # 24 hours before


def test_a_meter_that_was_taken_out_is_forgotten_with_its_hours() -> None:
    """Its readings are saved every 30 s with those of the others."""
    totals = counted((0.0, 1e9), (60.0, 5.0), (3600.0, 1e9))
    totals.integrate("p", 5.0, 3600.0)
    for quantity, last_s in (("y", 3600.0 + HOUR_S), ("z", 8761.0 * HOUR_S)):
        totals.count(quantity, 1.0, last_s - 1800.0)
        totals.count(quantity, 2.0, last_s)
    assert totals.jumps == {"x": 1}
    assert totals.gaps.keys() == {"x", "y", "z"}
    forget(totals, 8759, 8760, 8761)
    assert totals.last.keys() == {"x", "p", "y", "z"}
    forget(totals, 8762)
    assert totals.last == {"y": (7200.0, 2.0), "z": (8761.0 * HOUR_S, 2.0)}
    assert totals.counters.keys() == totals.gaps.keys() == {"y", "z"}
    assert not totals.jumps
    assert not totals.powers
    forget(totals, 8763)
    assert totals.last.keys() == totals.counters.keys() == totals.gaps.keys() == {"z"}


def test_a_clock_that_is_a_year_ahead_for_a_moment_costs_nothing() -> None:
    totals = HourlyTotals()
    totals.hours |= {hour: Hour({"x": 1.0, "racks:l": 1.0}) for hour in range(8000, 8761)}
    forget(totals, 8758, 8759, 8760, 8760 + 9000, 8761)
    assert len(totals.hours) == 761
    assert "racks:l" in totals.hours[8759].amount
    forget(totals, 20_000, 20_001)  # the first is not over when the second begins
    assert len(totals.hours) == 761
    forget(totals, 20_002)
    assert not totals.hours


async def test_a_year_of_hours_is_looked_through_for_loops_in_slices_and_only_once() -> None:
    """Of a site with a hundred meters; it held the collector for 60 ms once an hour."""
    totals = HourlyTotals()
    for hour in range(8760):
        totals.hours[hour] = Hour({f"it:{meter}": 1.0 for meter in range(100)} | {"racks:l": 1.0})
    forget(totals, 8758, 8759)
    async with Turns().counted() as turns:
        await in_slices(totals.forget_steps(8760, ["racks:l"]), EACH_STEP)
    assert max(turns.calls) < CALLS_OF_50_MS / 2
    assert len(turns.calls) > 8760 * 100 / QUANTITIES_PER_SLICE
    assert len(totals.changed) == 8736
    totals.changed.clear()
    turns.calls.clear()
    async with turns.counted():
        await in_slices(totals.forget_steps(8761, ["racks:l"]), EACH_STEP)
    assert len(turns.calls) < 10
    assert totals.changed == {8736}


def test_a_window_ends_before_the_present_hour() -> None:
    totals = HourlyTotals()
    for hour in range(10, 15):
        totals.hours[hour] = Hour({"x": float(hour)}, {"x": 3600.0, "y": 3600.0 if hour != 12 else 0.0})
    assert [entry.amount["x"] for _, entry in totals.window(2, 14, ["x"])] == [12.0, 13.0]
    assert [entry.amount["x"] for _, entry in totals.window(3, 14, iter(["x", "y"]))] == [11.0, 13.0]
    assert [entry.amount["x"] for _, entry in totals.window(24, 14, ["x"])] == [10.0, 11.0, 12.0, 13.0]


def test_an_hour_is_settled_once_and_saved_when_it_changes() -> None:
    totals = counted((0.0, 0.0), (60.0, 10.0))
    assert totals.without_terms() == [0]
    totals.changed.clear()
    totals.set_terms(0, TERMS)
    assert (totals.changed, totals.hours[0].terms) == ({0}, TERMS)
    assert totals.without_terms() == []
    totals.changed.clear()
    totals.set_terms(0, TERMS)
    totals.set_terms(5, TERMS)  # nothing was counted in it
    assert totals.changed == set()
    assert totals.hours.keys() == {0}
    totals.count("x", 20.0, 120.0)
    assert totals.changed == {0}
    totals.changed.add(77)
    assert totals.without_terms() == []


def test_every_hour_that_late_energy_moves_is_saved_again() -> None:
    totals = counted((0.0, 0.0), (3 * HOUR_S, 30.0))
    totals.changed.clear()
    totals.refine("x", 30.0, float(HOUR_S))
    assert totals.changed == {0, 1, 2}


def test_what_was_read_before_a_restart_is_a_gap_like_any_other() -> None:
    before = counted((0.0, 100.0))
    later = HourlyTotals()
    later.last = dict(before.last)
    later.count("x", 160.0, 7200.0)
    assert amounts(later) == {0: 30.0, 1: 30.0}


def test_a_counter_that_is_heard_again_after_its_power_is_no_jump_and_counts_all() -> None:
    """After a restart of the collector a meter's power comes within seconds, and its counter with the next minute."""
    totals = counted((0.0, 1000.0), (60.0, 7000.0))
    for each in range(65, 120, 5):
        totals.integrate("x", 100.0, float(each))
    totals.count("x", 13_000.0, 120.0)
    assert (amounts(totals), totals.jumps, totals.is_away("x")) == ({0: 12_000.0}, {}, False)


def test_a_meter_that_has_lost_its_counter_is_counted_by_its_power_after_an_hour() -> None:
    totals = counted((0.0, 1000.0))
    for seconds in (0.0, 30.0):
        totals.integrate("x", 100.0, COUNTER_AWAITED_S + seconds)
    assert amounts(totals) == {}
    totals.integrate("x", 100.0, COUNTER_AWAITED_S + 60.0)
    assert amounts(totals) == {1: 3000.0}
    # Its counter is back: it starts from there, and is not compared with a power.
    totals.count("x", 9e9, COUNTER_AWAITED_S + 120.0)
    totals.count("x", 9e9 + 500, COUNTER_AWAITED_S + 180.0)
    assert (amounts(totals), totals.jumps) == ({1: 3500.0}, {})


def test_a_clock_that_is_set_back_by_an_hour_is_no_jump_of_a_counter() -> None:
    """A meter of 1 kW, of 10 kW at most: it is counted on from the hour that the clock shows now."""
    totals, bound = HourlyTotals(), Bound(rated=10_000.0)
    for at_s, joules in ((7200.0, 0.0), (7260.0, 60_000.0), (3700.0, 61_000.0), (3760.0, 121_000.0)):
        totals.count("x", joules, at_s, bound)
    assert (amounts(totals), totals.jumps, totals.is_away("x")) == ({1: 60_000.0, 2: 60_000.0}, {}, False)


def test_a_counter_that_was_read_while_the_clock_was_ahead_does_not_hold_up_its_power_for_that_long() -> None:
    """The clock was a year ahead when the counter came for the last time."""
    totals = counted((365 * 86_400.0, 1000.0))
    for at_s in (60.0, 90.0):
        totals.integrate("x", 100.0, at_s)
    assert amounts(totals) == {0: 3000.0}
