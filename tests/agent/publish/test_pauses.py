"""How long a publisher waits between two attempts to connect, in seconds."""

from agent.publish.pauses import RETRY_S, SLOW_RETRY_S, Pauses


def failed(pauses: Pauses, *, needs_person: bool = False) -> tuple[float, float]:
    """The pause after an attempt that failed at once."""
    return pauses.after(0.1, needs_person=needs_person)


def test_the_pause_doubles_up_to_half_a_minute_while_the_broker_is_away() -> None:
    """All agents of a site come back at once, so each draws its pause from 0 on."""
    pauses = Pauses()
    assert [failed(pauses) for _ in range(8)] == [(0.0, ceiling_s) for ceiling_s in (0.5, 1, 2, 4, 8, 16, 30, 30)]


def test_the_pause_is_short_only_after_a_connection_that_lasted() -> None:
    pauses = Pauses()
    for _ in range(5):
        failed(pauses)
    assert pauses.after(RETRY_S[1], needs_person=False) == (0.0, 16.0)
    assert pauses.after(RETRY_S[1] + 0.1, needs_person=False) == (0.0, 0.5)
    assert failed(pauses) == (0.0, 1.0)


def test_what_only_a_person_can_fix_is_tried_slowly_from_the_first_time() -> None:
    """Wrong credentials must not fill the broker's log, or lock the account."""
    pauses = Pauses()
    assert [failed(pauses, needs_person=True) for _ in range(3)] == [(10.0, 30.0)] * 3 == [SLOW_RETRY_S] * 3
    assert failed(pauses) == (0.0, 4.0)
