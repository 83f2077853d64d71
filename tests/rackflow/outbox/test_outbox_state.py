"""Figures and losses of an outbox on disk, and how they change; no file."""

from rackflow.outbox.pacing import STEP_S, BacklogPace
from rackflow.outbox.state import State, StateRecord


def test_a_record_without_a_last_key_does_not_make_numbers_begin_again() -> None:
    state = State()
    state.apply(StateRecord(last_key=9))
    state.apply(StateRecord(collectors=[("c", "l")]))
    assert (state.totals.last_key, state.collectors) == (9, [("c", "l")])


def test_a_backlog_that_was_slowed_down_is_not_faster_again_before_the_queue_can_have_shrunk() -> None:
    pace = BacklogPace(1000.0)
    pace.begin(0.0, has_reports=True)
    pace.confirmed(1, 0.0)
    pace.stored(0, 10.0)
    slow = pace.per_s(10.0)
    pace.stored(1, 10.5)
    assert pace.per_s(10.5) == slow
    pace.stored(1, 10.0 + STEP_S)
    assert pace.per_s(10.0 + STEP_S) > slow
