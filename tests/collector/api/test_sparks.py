"""Sparklines: hours of every number in a fixed number of bytes."""

import tracemalloc
from math import pi

from collector.api.sparks import LEAST_BYTES, LONGEST_STEP_S, POINTS, RING_BYTES, STEP_S, Sparks
from collector.latest.latest import Latest
from rackflow.process.slices import run_through
from tests.at_once import at_once
from tests.collector.derive.hall import Readings
from tests.collector.polls import hello

CDU = ("t1", "cdu-1")
SUPPLY = "dcim_cdu_supply_temperature_celsius{loop=secondary}"


def sampled(sparks: Sparks, readings: Readings, now: float, **values: float) -> None:
    """One poll and one sample."""
    named: dict[str, float | str] = {
        f"cdu_{name}_temperature_celsius{{loop=secondary}}": v for name, v in values.items()
    }
    readings.take("cdu-1", named, now, device_class="cdu", interval_s=60.0)
    run_through(sparks.sample_steps(readings.latest, now))


def test_a_line_has_the_value_of_every_two_minutes_with_its_age() -> None:
    """The oldest first."""
    sparks, readings = Sparks(), Readings()
    for at, value in enumerate((30.0, 31.0, 32.0)):
        sampled(sparks, readings, 1000.0 + at * STEP_S, supply=value)
    assert sparks.of(CDU, SUPPLY, 1000.0 + 2 * STEP_S + 10.0) == [(250, 30.0), (130, 31.0), (10, 32.0)]
    assert not sparks.is_due(1000.0 + 2 * STEP_S + 10.0)
    assert sparks.is_due(1000.0 + 3 * STEP_S)


def test_a_counter_and_a_state_have_no_line() -> None:
    """A counter's would rise all the time, and show nothing."""
    sparks, readings = Sparks(), Readings()
    values: dict[str, float | str] = {"pdu_input_energy_joules_total{inlet=1}": 5e9, "pdu_load_state": "normal"}
    readings.take("pdu-a1-a", {**values, "pdu_input_power_watts{inlet=1}": 300.0}, 1000.0)
    run_through(sparks.sample_steps(readings.latest, 1000.0))
    lines = {key: bool(sparks.of(("t1", "pdu-a1-a"), f"dcim_{key}", 1000.0)) for key in values}
    assert lines == dict.fromkeys(values, False)
    assert sparks.of(("t1", "pdu-a1-a"), "dcim_pdu_input_power_watts{inlet=1}", 1000.0) == [(0, 300.0)]


def test_while_a_reading_was_not_current_the_line_has_a_gap() -> None:
    """It must not look as if the last value had stayed."""
    sparks, readings = Sparks(), Readings()
    sampled(sparks, readings, 1000.0, supply=30.0)
    run_through(sparks.sample_steps(readings.latest, 1000.0 + 5 * STEP_S))
    sampled(sparks, readings, 1000.0 + 6 * STEP_S, supply=33.0)
    assert [value for _, value in sparks.of(CDU, SUPPLY, 1000.0 + 6 * STEP_S)] == [30.0, None, 33.0]


def test_a_reading_that_its_device_gives_no_more_has_a_gap_although_the_device_answers() -> None:
    sparks, readings = Sparks(), Readings()
    sampled(sparks, readings, 1000.0, supply=30.0, **{"return": 40.0})
    sampled(sparks, readings, 1000.0 + 2 * STEP_S, **{"return": 41.0})
    assert [value for _, value in sparks.of(CDU, SUPPLY, 1000.0 + 2 * STEP_S)] == [30.0, None]


def test_a_line_with_fewer_points_keeps_its_latest() -> None:
    sparks, readings = Sparks(limit_bytes=LEAST_BYTES), Readings()
    for at in range(16):
        sampled(sparks, readings, 1000.0 + at * STEP_S, supply=30.0 + at)
    assert sparks.step_s == 2 * STEP_S
    assert sparks.of(CDU, SUPPLY, 1000.0 + 15 * STEP_S)[-2:] == [(2 * STEP_S, 43.0), (0, 45.0)]


def test_hours_are_kept_and_no_more() -> None:
    """And nothing of a series that has been silent for all of them, or of a device that is gone."""
    sparks, readings = Sparks(), Readings()
    for at in range(POINTS + 20):
        sampled(sparks, readings, 1000.0 + at * STEP_S, supply=float(at % 50))
    assert len(sparks.of(CDU, SUPPLY, 0.0)) == POINTS
    for at in range(POINTS):
        run_through(sparks.sample_steps(readings.latest, 1e6 + at * STEP_S))
    assert sparks.of(CDU, SUPPLY, 0.0) == []
    sampled(sparks, readings, 3e6, supply=30.0)
    readings.latest.remove_device("t1", "gw", "cdu-1")
    run_through(sparks.sample_steps(readings.latest, 3e6 + STEP_S))
    assert sparks.of(CDU, SUPPLY, 0.0) == []
    assert sparks.size_bytes == 0


def test_too_many_series_have_fewer_points_each_and_the_latest_stays() -> None:
    """The step doubles for all alike."""
    sparks, readings = Sparks(limit_bytes=RING_BYTES + 4 * 40), Readings()
    for at in range(50):
        sampled(sparks, readings, 1000.0 + at * STEP_S, supply=float(at))
    assert sparks.step_s == 2 * STEP_S
    assert sparks.size_bytes <= RING_BYTES + 4 * 40
    values = [value for _, value in sparks.of(CDU, SUPPLY, 0.0)]
    assert values[-10:] == [float(at) for at in range(40, 50)]
    assert values[:3] == [0.0, 2.0, 4.0]


def test_beyond_that_new_series_have_no_line_and_are_counted() -> None:
    """What has one keeps it."""
    sparks, readings = Sparks(limit_bytes=LEAST_BYTES), Readings()
    sampled(sparks, readings, 1000.0, supply=30.0)
    at = 1
    while sparks.step_s < LONGEST_STEP_S:
        sampled(sparks, readings, 1000.0 + at * STEP_S, supply=30.0)
        at += 1
        assert at < 100
    sampled(sparks, readings, 1e6, supply=30.0)
    readings.take("cdu-1", {"cdu_return_temperature_celsius{loop=secondary}": 40.0}, 1e6 + 10, device_class="cdu")
    run_through(sparks.sample_steps(readings.latest, 1e6 + STEP_S))
    assert sparks.refused == 1
    assert sparks.of(CDU, "dcim_cdu_return_temperature_celsius{loop=secondary}", 0.0) == []


def test_the_bytes_are_true() -> None:
    """What is counted is what a thousand rings take, within a third."""
    latest = Latest(1_000_000)
    readings = Readings(latest=latest)
    for device in range(100):
        values: dict[str, float | str] = {
            f"pdu_outlet_power_watts{{outlet={at}}}": pi * at + device for at in range(10)
        }
        readings.take(f"pdu-{device}", values, 1000.0)
    sparks = Sparks()
    tracemalloc.start()
    try:
        for at in range(30):
            run_through(sparks.sample_steps(latest, 1000.0 + at))
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0.67 < taken / sparks.size_bytes < 1.33


def test_a_reading_that_has_expired_leaves_a_gap_in_its_line_and_not_a_shorter_line() -> None:
    sparks, readings = Sparks(), Readings()
    sampled(sparks, readings, 1000.0, supply=30.0, **{"return": 40.0})
    at_once(readings.latest.expire_steps)(1e6)
    sampled(sparks, readings, 1e6, **{"return": 41.0})
    assert [value for _, value in sparks.of(CDU, SUPPLY, 1e6)] == [30.0, None]
    sampled(sparks, readings, 1e6 + STEP_S, supply=32.0)
    assert [value for _, value in sparks.of(CDU, SUPPLY, 1e6 + STEP_S)] == [30.0, None, 32.0]


def test_what_cannot_be_seen_now_has_a_gap_though_its_last_reading_is_current() -> None:
    sparks, readings = Sparks(), Readings()
    sampled(sparks, readings, 1000.0, supply=30.0)
    readings.latest.apply_status(hello("gw", online=False, site=readings.site), 1001.0)
    run_through(sparks.sample_steps(readings.latest, 1002.0))
    assert [value for _, value in sparks.of(CDU, SUPPLY, 1002.0)] == [30.0, None]


def test_the_hours_are_the_same_with_a_longer_step() -> None:
    sparks, readings = Sparks(limit_bytes=RING_BYTES + 4 * 70), Readings()
    for at in range(71):
        sampled(sparks, readings, 1000.0 + at * STEP_S, supply=30.0)
    for at in range(100):
        sampled(sparks, readings, 1e5 + at * 2 * STEP_S, supply=30.0)
    assert (sparks.step_s, len(sparks.of(CDU, SUPPLY, 0.0))) == (2 * STEP_S, POINTS // 2)


def test_many_series_at_once_double_the_step_as_often_as_it_takes() -> None:
    sparks, readings = Sparks(limit_bytes=3 * LEAST_BYTES), Readings()
    for at in range(POINTS):
        sampled(sparks, readings, 1000.0 + at * STEP_S, supply=30.0)
    assert sparks.step_s == STEP_S
    sampled(sparks, readings, 1000.0 + POINTS * STEP_S, supply=30.0, **{"return": 40.0, "delta": 9.0})
    assert sparks.step_s == 4 * STEP_S
    assert sparks.size_bytes <= 3 * LEAST_BYTES


def test_a_whole_campus_that_comes_between_two_samples_stays_within_the_bytes() -> None:
    """Also once each of its lines is as long as it gets."""
    sparks, readings = Sparks(limit_bytes=20 * LEAST_BYTES), Readings()
    run_through(sparks.sample_steps(readings.latest, 0.0))
    for at in range(40):
        for pdu in range(5):
            values: dict[str, float | str] = {f"pdu_outlet_power_watts{{outlet={each}}}": 1.0 for each in range(10)}
            readings.take(f"pdu-{pdu}", values, 1000.0 + at * LONGEST_STEP_S)
        run_through(sparks.sample_steps(readings.latest, 1000.0 + at * LONGEST_STEP_S))
        assert sparks.size_bytes <= 20 * LEAST_BYTES
    assert sparks.refused == 30
    for pdu in range(2):
        readings.latest.remove_device("t1", "gw", f"pdu-{pdu}")
    for _ in range(2):  # the first one finds that they are gone
        run_through(sparks.sample_steps(readings.latest, 1000.0 + 39 * LONGEST_STEP_S))
    assert sparks.refused == 10


def test_at_the_longest_step_only_lines_that_fit_are_kept_and_samples_count_the_others() -> None:
    sparks, readings = Sparks(limit_bytes=2 * RING_BYTES), Readings()
    sparks.step_s = LONGEST_STEP_S
    sampled(sparks, readings, 1000.0, supply=30.0)
    for at in range(2):
        sampled(sparks, readings, 1e5 + at * LONGEST_STEP_S, supply=30.0, **{"return": 40.0})
        assert sparks.refused == 1
