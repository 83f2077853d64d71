"""Figures, epochs and losses of an outbox on disk, and how they change; no file."""

from rackflow.outbox.numbers import EpochBase, numbers_of_keys
from rackflow.outbox.pacing import STEP_S, BacklogPace
from rackflow.outbox.state import EPOCHS_KEPT, State, StateRecord, forget_epochs


def test_the_last_message_of_an_epoch_belongs_to_it() -> None:
    epochs = [EpochBase(0, "E1"), EpochBase(5, "E2")]
    found = [(each.epoch, each.first, each.last) for each in numbers_of_keys(epochs, 1, 7)]
    assert found == [("E1", 1, 5), ("E2", 1, 2)]


def test_an_epoch_is_remembered_as_long_as_its_last_message_is_here() -> None:
    epochs = [EpochBase(at, f"E{at}") for at in range(EPOCHS_KEPT + 5)]
    assert forget_epochs(epochs, 5)[0] == EpochBase(4, "E4")
    assert forget_epochs(epochs, 6)[0] == EpochBase(5, "E5")
    assert forget_epochs(epochs[:EPOCHS_KEPT], 6) == epochs[:EPOCHS_KEPT]


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
