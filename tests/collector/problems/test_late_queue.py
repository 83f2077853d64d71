"""How many late messages wait to be judged, and which of them are left out; `test_late.py` has what is found in them."""

import msgspec
import pytest

from collector.problems import late, late_queue
from collector.readings import resolve
from rackflow import Batch
from tests.collector.documents import PUMP, SUPPLY, batch
from tests.collector.problems.test_late import NOW_S, Backlog, smokes
from tests.collector.problems.test_notified import SMOKE

MIXED = {SUPPLY: 20.0, SMOKE: 0.0}
STATES = {PUMP: "running", PUMP.replace("pump=1", "pump=2"): "stopped"}


def mixed(at_ms: int, device: str = "cdu-07", poll: str = "fast") -> Batch:
    """Four readings: two numbers and two states."""
    return msgspec.structs.replace(
        batch(device, time_ms=round(NOW_S * 1000) - 3_600_000 + at_ms, values=MIXED, states=STATES), poll=poll
    )


def test_readings_that_wait_have_a_bound_and_are_thinned_from_half_of_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_queue, "MAX_READINGS", 16)
    backlog = Backlog()

    def left_out(*batches: Batch) -> int:
        before = backlog.queue.left_out
        for each in batches:
            backlog.queue.offer("cas1", each, resolve(each, backlog.keys))
        return backlog.queue.left_out - before

    for _ in range(2):
        assert left_out(mixed(0), mixed(1)) == 0
        # Now it is half full.
        assert left_out(mixed(2), mixed(15_000)) == 2
        assert left_out(mixed(15_001)) == 0
        assert left_out(mixed(15_002, poll="normal")) == 0, "another class"
        assert left_out(mixed(15_003, "cdu-08"), mixed(60_000)) == 2, "full"
        backlog.queue.judge(late_queue.MAX_READINGS)
        backlog.settled()  # the next backlog begins anew


def test_of_devices_beyond_those_that_are_remembered_late_messages_are_not_thinned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(late_queue, "MAX_WAITING", 8)
    monkeypatch.setattr(late_queue, "MAX_THINNED", 1)
    backlog = Backlog()
    for each in (*map(mixed, range(4)), mixed(0, "cdu-08"), mixed(5), mixed(1, "cdu-08")):
        backlog.queue.offer("cas1", each, resolve(each, backlog.keys))
    assert backlog.queue.left_out == 1


def test_a_device_of_another_site_with_the_same_name_is_thinned_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_queue, "MAX_WAITING", 8)
    backlog = Backlog()
    for each in map(mixed, range(4)):
        backlog.queue.offer("cas1", each, resolve(each, backlog.keys))
    backlog.queue.offer("rab1", mixed(0), resolve(mixed(0), backlog.keys))
    assert backlog.queue.left_out == 0
    backlog.queue.offer("rab1", mixed(1), resolve(mixed(1), backlog.keys))
    assert backlog.queue.left_out == 1


def test_the_log_of_a_backlog_counts_what_was_left_out_of_it_and_not_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(late_queue, "MAX_WAITING", 2)
    backlog = Backlog()
    with caplog.at_level("INFO"):
        for counts in ((0, 1, 2), (60_000,)):
            for each in map(mixed, counts):
                backlog.queue.offer("cas1", each, resolve(each, backlog.keys))
            backlog.queue.judge(2)
            backlog.settled()
    said = [record.getMessage() for record in caplog.records if "late readings judged" in record.getMessage()]
    assert [each.split()[-2] for each in said] == ["messages_left_out=2", "messages_left_out=0"]


def test_a_device_that_fell_silent_makes_room_for_the_readings_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "MAX_READINGS", 1)
    backlog = Backlog()
    backlog.late(*smokes([0] * 10, first_s=-900.0))
    silent = batch("cdu-07", seq=11, time_ms=round((NOW_S - 890.0) * 1000), values={}, error="timeout")
    backlog.late(silent, *smokes([0] * 10 + [1] * 10 + [0] * 80, first_s=-880.0, device="cdu-08"))
    backlog.late(batch("cdu-07", seq=12, time_ms=round((NOW_S - 885.0) * 1000), values={}))
    assert [dict(each.labels)["device"] for each in backlog.settled()] == ["cdu-08"]


def test_problems_that_are_over_count_among_those_that_are_followed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault that comes and goes all through a day of backlog would otherwise fill the memory."""
    monkeypatch.setattr(late, "MAX_SPANS", 1)
    backlog = Backlog()
    backlog.late(*smokes([1] * 120 + [0] * 700 + [1] * 10 + [0] * 700, first_s=-1600.0))
    with caplog.at_level("INFO"):
        (first,) = backlog.settled()
    assert first.ended_s - first.since_s == 120.0
    assert "problems_left_out=10" in caplog.text
