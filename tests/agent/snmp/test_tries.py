"""How often a request is sent, and how long each try waits: once more, and briefly, to a device that is known to answer fast."""

from agent.snmp.tries import PATIENT_S, QUICK_S, Asked, TryTimeouts
from tests.agent.snmp.snmp_clients import target_of

NOW_S = 1000.0
NO_EARLY_TRY = 0.0


def timeouts(retries: int = 1) -> TryTimeouts:
    return TryTimeouts(target_of(161, retries=retries, timeout_s=4.0))


def test_without_an_early_try_a_request_is_sent_once_more_for_each_retry_with_the_whole_timeout() -> None:
    assert timeouts(retries=0).configured_s == (4.0,)
    assert timeouts(retries=2).configured_s == (4.0, 4.0, 4.0)


def test_a_device_that_answers_at_once_is_asked_again_after_half_a_second() -> None:
    one = timeouts()
    assert one.early_s("get", NOW_S) == NO_EARLY_TRY, "nothing is known of it"
    one.answered("get", 0.01, NOW_S)
    assert one.early_s("get", NOW_S) == one.early_s("other", NOW_S) == QUICK_S
    assert one.early_s("next row", NOW_S) == NO_EARLY_TRY, "what is known of a GET says nothing about a walk"


def test_a_device_is_given_four_times_its_slowest_answer() -> None:
    one = timeouts()
    one.answered("get", 0.25, NOW_S)
    assert one.early_s("get", NOW_S) == 1.0


def test_a_device_that_takes_more_than_an_eighth_of_its_timeout_is_waited_for() -> None:
    one = timeouts()
    one.answered("get", 0.5, NOW_S)
    assert one.early_s("get", NOW_S) == 2.0
    one.answered("get", 0.51, NOW_S)
    assert one.early_s("get", NOW_S) == NO_EARLY_TRY


def test_a_slow_get_is_forgotten_and_a_slow_row_is_not() -> None:
    one = timeouts()
    kinds: tuple[Asked, ...] = ("get", "next row")
    for asked in kinds:
        one.answered(asked, 1.0, NOW_S)
        for _ in range(20):
            one.answered(asked, 0.001, NOW_S)
    assert one.early_s("get", NOW_S) == QUICK_S
    assert one.early_s("next row", NOW_S) == NO_EARLY_TRY


def test_a_slow_row_is_forgotten_after_an_hour_in_which_none_was_as_slow() -> None:
    one = timeouts()
    for at_s in (0.0, PATIENT_S - 1):
        one.answered("next row", 1.0, NOW_S + at_s)
    for at_s in (0.0, 2 * PATIENT_S - 2):
        one.answered("next row", 0.001, NOW_S + at_s)
        assert one.early_s("next row", NOW_S + at_s) == NO_EARLY_TRY
    one.answered("next row", 0.001, NOW_S + 2 * PATIENT_S - 1)
    assert one.early_s("next row", NOW_S + 2 * PATIENT_S - 1) == QUICK_S


def test_a_device_that_must_be_asked_only_once_gets_no_early_try() -> None:
    one = timeouts(retries=0)
    one.answered("get", 0.01, NOW_S)
    assert one.early_s("get", NOW_S) == NO_EARLY_TRY


def test_after_an_early_try_that_was_answered_late_there_is_none_for_an_hour() -> None:
    one = timeouts()
    one.answered("get", 0.01, NOW_S)
    one.was_too_early(NOW_S)
    assert one.early_s("get", NOW_S + PATIENT_S - 1) == NO_EARLY_TRY
    assert one.early_s("get", NOW_S + PATIENT_S) == QUICK_S
