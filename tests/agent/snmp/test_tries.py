"""How often a request is sent, and how long each try waits: once more, and briefly, to a device that is known to answer fast."""

from agent.snmp.tries import PATIENT_S, QUICK_S, Asked, TryTimeouts
from tests.agent.snmp.snmp_clients import target_of

NOW_S = 1000.0
CONFIGURED_S = (4.0, 4.0)


def timeouts(retries: int = 1) -> TryTimeouts:
    return TryTimeouts(target_of(161, retries=retries, timeout_s=4.0))


def test_a_device_that_answers_at_once_is_asked_again_after_half_a_second() -> None:
    one = timeouts()
    assert one.of("get", NOW_S) == CONFIGURED_S, "nothing is known of it"
    one.answered("get", 0.01)
    assert one.of("get", NOW_S) == one.of("other", NOW_S) == (QUICK_S, *CONFIGURED_S)
    assert one.of("next row", NOW_S) == CONFIGURED_S, "what is known of a GET says nothing about a walk"


def test_a_device_is_given_four_times_its_slowest_answer() -> None:
    one = timeouts()
    one.answered("get", 0.25)
    assert one.of("get", NOW_S) == (1.0, *CONFIGURED_S)


def test_a_device_that_takes_more_than_an_eighth_of_its_timeout_is_waited_for() -> None:
    one = timeouts()
    one.answered("get", 0.5)
    assert one.of("get", NOW_S) == (2.0, *CONFIGURED_S)
    one.answered("get", 0.51)
    assert one.of("get", NOW_S) == CONFIGURED_S


def test_a_slow_get_is_forgotten_and_a_slow_row_is_not() -> None:
    one = timeouts()
    kinds: tuple[Asked, ...] = ("get", "next row")
    for asked in kinds:
        one.answered(asked, 1.0)
        for _ in range(20):
            one.answered(asked, 0.001)
    assert one.of("get", NOW_S) == (QUICK_S, *CONFIGURED_S)
    assert one.of("next row", NOW_S) == CONFIGURED_S


def test_a_device_that_must_be_asked_only_once_gets_no_early_try() -> None:
    one = timeouts(retries=0)
    one.answered("get", 0.01)
    assert one.of("get", NOW_S) == (4.0,)


def test_after_an_early_try_that_was_answered_late_there_is_none_for_an_hour() -> None:
    one = timeouts()
    one.answered("get", 0.01)
    one.was_too_early(NOW_S)
    assert one.of("get", NOW_S + PATIENT_S - 1) == CONFIGURED_S
    assert one.of("get", NOW_S + PATIENT_S) == (QUICK_S, *CONFIGURED_S)
