"""What a message about a lost feed says of the UPSs: never more load or time than the worst of them has."""

import pytest

from collector.problems.conditions import Subject
from collector.problems.feed_reserve import FeedReserve

TOTAL, LOAD, RUNTIME = (
    "dcim_ups_output_total_load_ratio",
    "dcim_ups_output_load_ratio",
    "dcim_ups_battery_runtime_seconds",
)
Reading = tuple[str, float | str]


def note(supplies: FeedReserve, name: str, *readings: Reading, site: str = "s", feed: str = "B") -> None:
    subject = Subject({"site": site, "device": name} | ({"feed": feed} if feed else {}))
    for number, (metric, value) in enumerate(readings):
        subject.add(metric, {"phase": f"L{number}"}, value)
    supplies.note(("device", site, name), subject)


@pytest.mark.parametrize(
    ("readings", "said"),
    [
        ([(LOAD, 0.4), (LOAD, 0.6), (LOAD, 0.5)], "60% loaded"),
        ([(TOTAL, 0.5)], "50% loaded"),
        ([(TOTAL, 0.5), (LOAD, 0.4), (LOAD, 0.6)], "60% loaded"),
        ([(TOTAL, 0.5), (LOAD, 0.4)], "50% loaded"),
        ([(LOAD, 1.054)], "105% loaded"),
        ([(LOAD, 0.0), (RUNTIME, 0.0)], "0% loaded, 0 min of battery"),
        ([(RUNTIME, 119.0)], "1 min of battery"),
        ([(RUNTIME, 120.0), (RUNTIME, 60.0), (RUNTIME, 180.0)], "1 min of battery"),
        ([(LOAD, "unknown"), (RUNTIME, 60.0)], "1 min of battery"),
    ],
)
def test_the_worst_reading_of_a_ups_counts_and_what_it_does_not_report_is_left_out(
    readings: list[Reading], said: str
) -> None:
    supplies = FeedReserve()
    note(supplies, "ups-1", *readings)
    assert supplies.sentences("s") == f" UPSs of feed B: {said}."


def test_of_several_upss_the_most_loaded_and_the_shortest_runtime_are_said_and_those_of_another_site_are_not() -> None:
    supplies = FeedReserve()
    note(supplies, "ups-1", (LOAD, 0.3), (RUNTIME, 600.0))
    note(supplies, "ups-2", (LOAD, 0.7))
    note(supplies, "ups-3", (RUNTIME, 1200.0))
    note(supplies, "ups-4", (LOAD, 0.9), (RUNTIME, 60.0), site="t")
    assert supplies.sentences("s") == " UPSs of feed B: 70% loaded, 10 min of battery."
    assert supplies.sentences("t") == " UPSs of feed B: 90% loaded, 1 min of battery."


def test_feeds_are_said_in_the_order_of_their_names_whichever_was_heard_of_first() -> None:
    """The sentence must not change its order with each restart: it is the text of an alert."""
    supplies = FeedReserve()
    note(supplies, "ups-2", (LOAD, 0.7))
    note(supplies, "ups-1", (LOAD, 0.3), feed="A")
    assert supplies.sentences("s") == " UPSs of feed A: 30% loaded. UPSs of feed B: 70% loaded."


def test_a_ups_without_a_feed_or_without_readings_is_of_none() -> None:
    supplies = FeedReserve()
    note(supplies, "ups-1", (LOAD, 0.3), feed="")
    assert supplies.sentences("s") == ""
    for other in ([(LOAD, "unknown")], [("dcim_ups_output_source", "normal")], []):
        note(supplies, "ups-1", (LOAD, 0.3))
        assert supplies.sentences("s") == " UPSs of feed B: 30% loaded."
        note(supplies, "ups-1", *other)
        assert supplies.sentences("s") == ""
    note(supplies, "ups-1", (LOAD, 0.3))
    note(supplies, "ups-1", (LOAD, 0.3), feed="")
    assert supplies.sentences("s") == ""


def test_a_device_that_is_gone_is_forgotten() -> None:
    supplies = FeedReserve()
    note(supplies, "ups-1", (LOAD, 0.3))
    supplies.forget_absent({("device", "s", "ups-1")})
    assert supplies.sentences("s") == " UPSs of feed B: 30% loaded."
    supplies.forget_absent(set())
    assert supplies.sentences("s") == ""
