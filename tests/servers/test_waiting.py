"""How long tests wait for a condition before they give up."""

from tests.servers.waiting import MAX_STRETCH, Patience


def over_after_s(pressed_share: float) -> int:
    """When a wait of 10 s ends on a machine where processes wait for a CPU for this share of the time."""
    now_s = [0]
    patience = Patience(10.0, lambda: now_s[0], lambda: now_s[0] * pressed_share)
    while not patience.is_over:
        now_s[0] += 1
    return now_s[0]


def test_time_in_which_the_machine_has_too_few_cpus_does_not_count_and_is_bounded() -> None:
    assert over_after_s(0.0) == 11
    assert over_after_s(0.25) == (14 if MAX_STRETCH > 1 else 11)
    assert over_after_s(1.0) == 10 * MAX_STRETCH + 1
