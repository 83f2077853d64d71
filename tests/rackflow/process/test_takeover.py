"""When another client of the same name is named, and when it is not. Times are seconds."""

from rackflow.process.takeover import (
    HANGUPS,
    PAUSE_S,
    SESSION_TAKEN_OVER,
    WITHIN_S,
    Takeovers,
    host_and_start,
    takeover_advice,
)


def test_a_broker_that_says_so_is_believed_at_once() -> None:
    assert Takeovers().ended(SESSION_TAKEN_OVER, worked=True, now_s=0.0)


def test_a_broker_that_hangs_up_again_and_again_without_a_reason_names_another_client() -> None:
    one = Takeovers()
    assert [one.ended(None, worked=True, now_s=5.0 * at) for at in range(6)] == [False] * 2 + [True] * 4


def test_a_broker_that_restarts_is_no_other_client() -> None:
    """It refuses connections in between."""
    one = Takeovers()
    for at in range(20):
        assert not one.ended(None, worked=True, now_s=2.0 * at)
        one.ended(None, worked=False, now_s=2.0 * at + 1)


def test_breaks_that_are_far_apart_are_no_other_client() -> None:
    one = Takeovers()
    for at in range(20):
        assert not one.ended(None, worked=True, now_s=at * (WITHIN_S / (HANGUPS - 1) + 0.1))


def test_another_client_that_is_known_of_is_named_each_time_it_comes_back() -> None:
    """Both wait for the longest pause, so a connection lasts as long as the other one's pause."""
    one = Takeovers()
    assert [one.ended(None, worked=True, now_s=at) for at in (0.0, 1.0, 2.0)] == [False, False, True]
    assert all(one.ended(None, worked=True, now_s=2.0 + 2 * PAUSE_S[1] * at) for at in range(1, 10))


def test_who_comes_back_at_once_notices_another_client_that_makes_long_pauses() -> None:
    one = Takeovers()
    assert [one.ended(None, worked=True, now_s=PAUSE_S[1] * at) for at in range(3)] == [False, False, True]


def test_another_client_that_has_gone_is_forgotten() -> None:
    one = Takeovers()
    assert [one.ended(None, worked=True, now_s=at) for at in (0.0, 1.0, 2.0)] == [False, False, True]
    assert not one.ended(None, worked=True, now_s=2.0 + WITHIN_S + 0.1)


def test_a_broker_that_restarts_ends_what_was_thought_of_another_client() -> None:
    one = Takeovers()
    assert [one.ended(None, worked=True, now_s=at) for at in (0.0, 1.0, 2.0)] == [False, False, True]
    one.ended(None, worked=False, now_s=3.0)
    assert not one.ended(None, worked=True, now_s=4.0)


def test_any_other_reason_is_no_other_client() -> None:
    one = Takeovers()
    assert not any(one.ended(0x8B, worked=True, now_s=float(at)) for at in range(20))


def test_the_message_names_the_client_id_and_the_remedy() -> None:
    assert "client id gw-1: stop it, or give one of the two another name" in takeover_advice("gw-1")


def test_of_two_processes_on_one_host_the_start_tells_which_is_meant() -> None:
    assert host_and_start("gw-host", 1_700_000_000_000) == "gw-host (started 2023-11-14T22:13:20Z)"
    assert host_and_start("gw-host", 0) == "gw-host"  # an older agent does not say
    assert host_and_start("", 0) == "?"
