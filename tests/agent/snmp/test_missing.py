"""Objects left out of requests: until when, and which of them are asked for again. `test_denied.py` has what that costs a device."""

from agent.snmp.missing import BELIEVED_S, FAILED_S, FIRST_S, MOST_AGAIN, AbsentObjects, FailingObjects


def test_what_is_denied_is_asked_for_again_a_second_later_then_after_a_minute_and_what_failed_after_ten_seconds() -> (
    None
):
    failing = FailingObjects()
    assert not failing
    failing.note_denied("denied", 100.0)
    failing.note_failed("failed", 100.0, is_null=True)
    assert failing
    assert ("denied" in failing, "failed" in failing, "good" in failing) == (True, True, False)
    oids = ["denied", "good", "failed"]
    assert failing.parted(oids, 99.9 + FIRST_S) == (["good"], [])
    assert failing.parted(oids, 100.0 + FIRST_S) == (["good"], ["denied", "failed"])
    for _ in range(6):  # each time twice as long
        failing.note_denied("denied", 100.0)
        failing.note_failed("failed", 100.0, is_null=True)
    assert failing.parted(oids, 99.9 + FAILED_S) == (["good"], [])
    assert failing.parted(oids, 100.0 + FAILED_S) == (["good"], ["failed"])
    assert failing.parted(oids, 99.9 + BELIEVED_S) == (["good"], ["failed"])
    assert failing.parted(oids, 100.0 + BELIEVED_S) == (["good"], ["failed", "denied"])
    failing.take("failed")
    failing.take("good")
    assert failing.parted(oids, 100.0 + BELIEVED_S) == (["good", "failed"], ["denied"])
    failing.forget()
    assert failing.parted(oids, 100.0) == (oids, [])
    assert not failing


def test_with_a_new_plan_the_pauses_begin_anew_except_for_what_it_was_denied() -> None:
    failing = FailingObjects()
    for _ in range(6):
        for oid in ("kept", "forgotten"):
            failing.note_denied(oid, 100.0)
    failing.forget({"kept"})
    assert failing.parted(["kept", "forgotten"], 100.0) == (["forgotten"], [])
    for oid in ("kept", "forgotten"):
        failing.note_denied(oid, 200.0)
    assert failing.parted(["good", "kept", "forgotten"], 200.0 + FIRST_S) == (["good"], ["forgotten"])
    assert failing.parted(["good", "kept"], 199.9 + BELIEVED_S) == (["good"], [])


def test_of_many_that_fail_those_that_have_waited_longest_are_asked_for_first_and_a_few_at_a_time() -> None:
    failing = FailingObjects()
    oids = [f"1.3.6.{number}" for number in range(2 * MOST_AGAIN)]
    for at_s, oid in enumerate(reversed(oids)):
        failing.note_failed(oid, float(at_s), is_null=False)
    assert failing.parted(["good", *oids], 1000.0) == (["good"], oids[::-1][:MOST_AGAIN])
    assert failing.parted(["good", *oids], 1.0 + FIRST_S) == (["good"], oids[::-1][:2])


def test_where_all_objects_fail_one_is_asked_for_before_its_time() -> None:
    """Without any request a device that has died would count as one that answers."""
    failing = FailingObjects()
    failing.note_failed("later", 101.0, is_null=False)
    failing.note_failed("sooner", 100.0, is_null=False)
    assert failing.parted(["later", "sooner"], 102.0) == ([], ["sooner"])
    assert failing.parted([], 102.0) == ([], [])


def test_what_is_there_and_cannot_be_read_is_null_for_as_long_as_it_is_left_out() -> None:
    failing = FailingObjects()
    failing.note_failed("null", 100.0, is_null=True)
    failing.note_failed("absent", 100.0, is_null=False)
    assert failing.nulls(["null", "absent", "good"]) == {"null": None}
    assert failing.nulls(["good"]) == {}
    failing.take("null")
    assert failing.nulls(["null"]) == {}, "it is asked for now"
    failing.note_failed("null", 110.0, is_null=False)
    assert failing.nulls(["null"]) == {}, "it is not there any more"
    failing.note_failed("null", 120.0, is_null=True)
    failing.note_denied("null", 130.0)
    assert failing.nulls(["null"]) == {}, "nobody knows"
    failing.note_failed("null", 140.0, is_null=True)
    failing.forget()
    failing.note_denied("null", 150.0)
    assert failing.nulls(["null"]) == {}


def test_what_was_shown_to_be_absent_is_believed_for_a_minute() -> None:
    absent = AbsentObjects()
    assert not absent.has_all(["a"], 100.0)
    absent.note(iter(["a", "b"]), 100.0)
    absent.note(["c"], 130.0)
    assert absent.has_all(["a", "b", "c"], 99.9 + BELIEVED_S)
    assert not absent.has_all(["a", "c"], 100.0 + BELIEVED_S)
    assert absent.has_all(["c"], 100.0 + BELIEVED_S)
    assert not absent.has_all(["c", "never asked for"], 130.0)
    absent.forget()
    assert not absent.has_all(["c"], 131.0)
