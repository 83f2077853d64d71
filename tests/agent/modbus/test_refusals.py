"""Which registers a unit refuses, and when each is asked for again. Times are seconds."""

from collections.abc import Callable

import pytest

from agent.modbus import is_temporary
from agent.modbus.refusals import GATEWAY, Refusals
from rackflow.errors import DeviceProtocolError

A, B, C = "holding:1:uint16:big", "holding:2:uint16:big", "holding:3:uint16:big"
ILLEGAL_ADDRESS, FAILURE = 2, 4


class Unit:
    """Refusals, and a clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.refusals = Refusals(lambda: self.now)

    def due_at(self, ref: str, until_s: float = 1e5) -> float:
        """When the value is due next, to half a second."""
        at_s = self.now
        while at_s < self.now + until_s:
            before, self.now = self.now, at_s
            due = self.refusals.due([ref], 1)
            self.now = before
            if due:
                return at_s - self.now
            at_s += 0.5
        raise AssertionError


@pytest.mark.parametrize(
    ("code", "later"), [(1, False), (2, False), (3, False), (4, False), (5, True), (6, True), (10, True), (11, True)]
)
def test_busy_and_a_gateway_that_does_not_reach_the_unit_say_nothing_of_the_register(code: int, *, later: bool) -> None:
    error = DeviceProtocolError("x", device="d", operation="o")
    error.code = code
    assert is_temporary(error) is later
    assert (code in GATEWAY) is (code in {10, 11})


@pytest.mark.parametrize(
    ("code", "has_answered", "pauses"),
    [
        (FAILURE, True, [1, 2, 4, 8, 10, 10]),  # a sensor that will be mended
        (ILLEGAL_ADDRESS, True, [1, 2, 4, 8, 10, 10]),
        (FAILURE, False, [5, 10, 20, 40, 60, 60]),
        (ILLEGAL_ADDRESS, False, [60, 120, 240, 480, 960, 1920, 3600, 3600]),  # not in this model
    ],
)
def test_a_refused_register_is_asked_for_less_and_less_often(
    code: int, pauses: list[float], *, has_answered: bool
) -> None:
    unit, found = Unit(), []
    if has_answered:
        unit.refusals.note_read([A])
    for _ in pauses:
        unit.refusals.note_refused(A, code)
        found.append(unit.due_at(A))
        unit.now += found[-1]
    assert found == pauses


def test_a_register_that_turns_out_to_be_absent_is_asked_for_as_one_that_is_absent() -> None:
    """A unit that has just started fails to read it, and says afterwards that it does not have it."""
    unit = Unit()
    unit.refusals.note_refused(A, FAILURE)
    assert unit.due_at(A) == 5.0
    unit.refusals.note_refused(A, ILLEGAL_ADDRESS)
    assert unit.due_at(A) == 60.0


def test_a_register_that_answers_again_is_refused_no_more_and_its_next_pause_is_short() -> None:
    unit = Unit()
    for _ in range(5):
        unit.refusals.note_refused(A, ILLEGAL_ADDRESS)
    assert A in unit.refusals
    assert unit.refusals.absent == {A}
    unit.refusals.note_read([A, B])
    assert A not in unit.refusals
    assert (unit.refusals.any_refused, unit.refusals.any_answered, unit.refusals.absent) == (False, True, set())
    unit.refusals.note_refused(A, ILLEGAL_ADDRESS)
    assert unit.due_at(A) == 1.0
    assert unit.refusals.absent == set(), "it has given a value before"


def test_only_what_the_unit_says_that_it_does_not_have_is_absent() -> None:
    unit = Unit()
    for ref, code in ((A, 1), (B, FAILURE), (C, 3)):
        unit.refusals.note_refused(ref, code)
    assert unit.refusals.absent == {A, C}
    assert (unit.refusals.any_refused, unit.refusals.any_answered) == (True, False)
    assert unit.refusals.is_known(B)
    assert not unit.refusals.is_known("holding:9:uint16:big")
    unit.refusals.note_read(["holding:9:uint16:big"])
    assert unit.refusals.is_known("holding:9:uint16:big")


def test_changes_count_only_values_that_become_refused_or_answer_again() -> None:
    """Requests are cut anew with each change."""
    unit = Unit()

    def changes_after(step: Callable[[], None]) -> int:
        step()
        return unit.refusals.changes

    assert changes_after(lambda: unit.refusals.note_refused(A, FAILURE)) == 1
    assert changes_after(lambda: unit.refusals.note_refused(A, FAILURE)) == 1
    assert changes_after(lambda: unit.refusals.note_read([B, C])) == 1
    assert changes_after(lambda: unit.refusals.note_read([A, B])) == 2
    assert changes_after(lambda: unit.refusals.note_read([A, B])) == 2


def test_of_several_due_registers_the_longest_overdue_come_first_and_no_more_than_wanted() -> None:
    unit = Unit()
    for ref, at_s in ((C, 0.0), (A, 1.0), (B, 2.0)):
        unit.now = at_s
        unit.refusals.note_refused(ref, FAILURE)
    unit.now = 6.0
    assert unit.refusals.due([A, B, C, "holding:9:uint16:big"], 4) == [C, A]
    unit.now = 100.0
    assert unit.refusals.due([A, B, C], 2) == [C, A]
    assert unit.refusals.due([B], 2) == [B]


def test_after_a_lost_connection_what_was_refused_is_due_at_once_with_its_first_pause() -> None:
    """The unit may be another one."""
    unit = Unit()
    for _ in range(5):
        unit.refusals.note_refused(A, ILLEGAL_ADDRESS)
    unit.now = 10.0
    assert unit.refusals.due([A], 1) == []
    unit.refusals.ask_all_again()
    assert unit.refusals.due([A], 1) == [A]
    unit.refusals.note_refused(A, ILLEGAL_ADDRESS)
    assert unit.due_at(A) == 60.0
