"""Generators, each rule by itself: what counts as lost mains, and what is left when a unit fails."""

import pytest

from collector.derive.engine import Unknown
from collector.derive.power.generators import Takeover
from collector.derive.power.redundancy import able_of, able_share, firm, redundant


def test_the_mains_of_a_feed_are_lost_when_more_than_half_of_its_upss_are_on_battery() -> None:
    takeover = Takeover(15.0)
    assert takeover.update(["battery", "normal"], 0.0) == (0.0,)
    assert takeover.update(["battery", "normal"], 100.0) == (0.0,)
    assert takeover.update(["battery", "battery"], 100.0) == (0.0,)
    assert takeover.update(["battery", "battery"], 115.0) == (0.0,)
    assert takeover.update(["battery", "battery"], 125.0) == (10.0,)
    # While none answers nobody knows; they go on from the beginning of the outage.
    assert isinstance(takeover.update([None, None], 130.0)[0], Unknown)
    assert takeover.update([None, "battery"], 135.0) == (20.0,)


def test_one_half_on_mains_does_not_speak_for_the_half_that_fell_silent_on_battery() -> None:
    takeover = Takeover(15.0)
    takeover.update(["battery", "battery", "battery", "battery"], 0.0)
    takeover.update(["battery", "battery", "battery", "normal"], 40.0)
    assert isinstance(takeover.update([None, None, "battery", "normal"], 50.0)[0], Unknown)
    assert takeover.update(["battery", "battery", "battery", "normal"], 60.0) == (45.0,)
    assert takeover.update(["normal", None, "battery", "normal"], 70.0) == (0.0,), "at most half of them"


def test_a_ups_that_never_answered_keeps_no_outage_going() -> None:
    takeover = Takeover(15.0)
    takeover.update([None, None, "battery"], 0.0)
    assert takeover.update([None, None, "normal"], 60.0) == (0.0,)


def test_after_the_mains_are_back_the_next_loss_is_counted_from_its_own_beginning() -> None:
    takeover = Takeover(15.0)
    takeover.update(["battery"], 0.0)
    assert takeover.update(["battery"], 60.0) == (45.0,)
    assert takeover.update(["normal"], 70.0) == (0.0,)
    assert takeover.update(["battery"], 1000.0) == (0.0,)
    assert takeover.update(["battery"], 1020.0) == (5.0,)


def test_a_generator_that_is_taken_and_left_again_is_overdue_by_the_time_on_battery() -> None:
    takeover = Takeover(15.0)
    sources = [("battery" if second % 20 < 10 else "normal") for second in range(60)]
    overdue = [takeover.update([source, source], float(second))[0] for second, source in enumerate(sources)]
    assert overdue[9] == overdue[20] == 0.0
    assert overdue[29] == 4.0, "10 s of the first attempt, and 9 s of the second"
    assert overdue[30:40] == [0.0] * 10, "taken over, as far as anybody can tell"
    assert overdue[49] == 14.0
    # A minute without battery is no attempt any more.
    assert takeover.update(["normal", "normal"], 109.0) == (0.0,)
    assert takeover.update(["battery", "battery"], 110.0) == (0.0,)
    assert takeover.update(["battery", "battery"], 126.0) == (1.0,)


@pytest.mark.parametrize(
    ("count", "required", "spare"), [(3, None, 1), (1, None, 1), (0, None, 0), (3, 1, 2), (2, 2, 0)]
)
def test_all_but_one_are_required_unless_the_site_file_says_how_many(
    count: int, required: int | None, spare: int
) -> None:
    assert redundant(count, required) == spare


def test_what_is_left_is_without_the_largest_and_without_those_that_report_a_fault() -> None:
    assert firm([400.0, 300.0, 500.0], 1) == 700.0
    assert firm([400.0], 2) == 0.0, "more may fail than there are"
    assert firm([400.0, 300.0, 200.0], 4) == 0.0
    assert able_of([400.0, 300.0], [0.0, 1.0]) == [400.0]
    assert able_share(200.0, 0.0, 1.0, rated=[400.0, 300.0]) == 0.5
