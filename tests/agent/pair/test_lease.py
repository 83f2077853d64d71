"""Of two sides at most one holds the lease, whatever breaks; and when both can reach the broker, one of them does."""

from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.pair.handover import HAND_OVER_S, HandOver
from agent.pair.lease import MAX_STANDBYS, RECEIVE_WITHIN_S, RENEW_S, SENT_MARKS, SETTLE_S, Lease

EXPIRES_S = 4.0
STEP_S = 0.1


def connected() -> Lease:
    """A side that has opened its connection, and hears itself say that it stands by."""
    lease = Lease("a", EXPIRES_S)
    lease.connected(0.0)
    lease.received_standby("a", EXPIRES_S)
    return lease


def claimed(lease: Lease, at_s: float) -> None:
    """Let it claim a free lease and hear itself."""
    lease.received_standby(lease.me, at_s)
    assert lease.due(at_s)
    lease.received(lease.me, at_s + 0.01)
    assert lease.due(at_s + SETTLE_S)


def test_a_free_lease_is_held_after_the_time_in_which_a_holders_message_would_have_come() -> None:
    lease = connected()
    assert not lease.due(3.9)
    claimed(lease, 4.0)
    assert lease.state == "holding"


def test_words_come_each_second_and_three_may_be_lost() -> None:
    """A claim waits for as long as a message takes at most."""
    assert (RENEW_S, RECEIVE_WITHIN_S, SETTLE_S) == (1.0, 3.5, 1.0)


def test_a_side_that_was_never_connected_knows_no_holder_and_claims_nothing() -> None:
    lease = Lease("a", EXPIRES_S)
    assert (lease.holder, lease.due(100.0), lease.receives_nothing(100.0)) == ("", False, True)
    lease.received_standby("a", 100.0)
    assert not lease.due(100.0 + RECEIVE_WITHIN_S), "it has heard nothing of its own lately"


def test_a_lease_that_was_given_back_is_taken_at_once() -> None:
    lease = connected()
    lease.received("b", 0.5)
    lease.received("", 1.0)
    assert lease.due(1.0)
    assert lease.state == "claiming"


def test_a_claim_behind_which_the_former_holder_gives_its_lease_back_is_made_anew() -> None:
    """The holder was silent for long, and stops before it receives the claim. Neither side would hold the lease from then on."""
    lease = connected()
    lease.received("b", 1.0)
    lease.received_standby("a", 5.0)
    assert lease.due(5.0)
    lease.received("a", 5.1)
    lease.received("", 5.2)
    claimed(lease, 5.3)
    assert lease.state == "holding"


def test_what_is_given_back_before_a_claim_does_not_end_it() -> None:
    lease = connected()
    lease.received("b", 1.0)
    lease.received_standby("a", 5.0)
    assert lease.due(5.0)
    lease.received("", 5.1)
    lease.received("a", 5.2)
    assert lease.due(5.0 + SETTLE_S)


def test_a_claim_that_a_new_connection_interrupts_is_made_anew() -> None:
    """Another side may have claimed meanwhile, so the time in which it would be heard begins again."""
    lease = connected()
    lease.received_standby("a", 4.0)
    assert lease.due(4.0)
    lease.connected(4.5)
    lease.received_standby("a", 4.6)
    assert (lease.state, lease.due(5.6)) == ("standby", False)


def test_a_lease_that_somebody_gave_back_in_the_holders_stead_is_not_confirmed() -> None:
    lease = connected()
    claimed(lease, 4.0)
    lease.received("a", 6.0)
    assert lease.is_confirmed(5.0)
    lease.received("", 6.5)
    assert not lease.is_confirmed(5.0)


def test_what_the_broker_retains_of_a_dead_holder_does_not_prolong_its_lease() -> None:
    lease = connected()
    lease.received("b", 0.1, is_retained=True)
    lease.received("b", 3.0, is_retained=True)
    assert lease.due(4.2)


def test_a_holder_that_was_not_known_before_gets_its_full_time_although_its_message_is_a_retained_one() -> None:
    lease = connected()
    lease.received("b", 3.0, is_retained=True)
    lease.received_standby("a", 6.9)
    assert not lease.due(6.9)
    assert lease.due(7.0)


def test_a_renewal_of_the_other_side_prolongs_its_lease() -> None:
    lease = connected()
    lease.received("b", 3.9)
    lease.received_standby("a", 7.0)
    assert not lease.due(7.8)
    assert lease.due(7.9)


def test_a_side_that_receives_another_claim_after_its_own_stands_by() -> None:
    lease = connected()
    assert lease.due(4.0)
    lease.received("a", 4.1)
    assert not lease.due(4.0 + SETTLE_S - 0.1)
    lease.received("b", 4.0 + SETTLE_S - 0.05)
    assert lease.state == "standby"


def test_a_claim_overrules_what_was_said_before_it() -> None:
    lease = connected()
    assert lease.due(4.0)
    lease.received("b", 4.1)
    lease.received("a", 4.2)
    assert lease.due(5.0)
    assert lease.state == "holding"


def test_a_side_that_receives_a_holders_message_stands_by() -> None:
    lease = connected()
    claimed(lease, 4.0)
    lease.received("b", 6.0)
    assert lease.state == "standby"
    assert not lease.is_confirmed(0.0)


def test_a_side_that_comes_back_sends_nothing_before_another_holders_message_would_have_come() -> None:
    lease = connected()
    claimed(lease, 4.0)
    lease.connected(60.0)
    assert not lease.due(60.0 + 2 * RENEW_S - 0.1)
    assert lease.due(60.0 + 2 * RENEW_S)


def test_a_holder_that_comes_back_and_finds_its_own_message_goes_on_at_once() -> None:
    lease = connected()
    claimed(lease, 4.0)
    lease.connected(5.0)
    lease.received("a", 5.1, is_retained=True)
    assert lease.due(5.1)


@pytest.mark.parametrize(("at_s", "is_confirmed"), [(4.005, True), (4.0 + 0.01, False), (4.02, False)])
def test_a_confirmation_is_newer_than_the_question(at_s: float, *, is_confirmed: bool) -> None:
    lease = connected()
    claimed(lease, 4.0)
    assert lease.is_confirmed(at_s) is is_confirmed


def test_a_claim_that_may_still_be_overruled_is_no_confirmation() -> None:
    """Two sides that claim at once would both publish until it is settled."""
    lease = connected()
    assert lease.due(4.0)
    lease.received("a", 4.01)
    assert lease.state == "claiming"
    assert not lease.is_confirmed(0.0)


def test_neither_a_new_connection_nor_a_retained_message_is_a_confirmation() -> None:
    lease = connected()
    claimed(lease, 4.0)
    lease.connected(60.0)
    lease.received("a", 60.1, is_retained=True)
    assert not lease.is_confirmed(59.0)


def test_a_side_that_does_not_receive_its_own_messages_claims_nothing_and_reports_it() -> None:
    lease = Lease("a", EXPIRES_S)
    lease.connected(0.0)
    lease.received("b", 0.1, is_retained=True)
    assert not lease.due(60.0)
    assert lease.receives_nothing(60.0)
    lease.received_standby("a", 60.0)
    assert not lease.receives_nothing(60.0)
    assert lease.due(60.0)


def test_a_claim_that_is_not_received_back_is_given_up() -> None:
    lease = connected()
    assert lease.due(4.0)
    assert not lease.due(4.0 + RECEIVE_WITHIN_S)
    assert (lease.state, lease.receives_nothing(4.0 + RECEIVE_WITHIN_S)) == ("standby", True)
    assert not lease.due(60.0)


def test_a_second_claim_that_is_not_received_back_is_given_up_like_the_first() -> None:
    lease = connected()
    claimed(lease, 4.0)
    lease.received("b", 6.0)
    lease.received_standby("a", 10.0)
    assert lease.due(10.0)
    lease.due(10.0 + RECEIVE_WITHIN_S)
    assert lease.state == "standby"


def test_after_a_claim_that_was_refused_a_side_claims_again_once_it_receives_its_own_messages() -> None:
    lease = connected()
    assert lease.due(4.0)
    lease.received_standby("a", 4.2)  # sent before the claim
    gives_up_s = 4.0 + RECEIVE_WITHIN_S
    assert not lease.due(gives_up_s)
    assert not lease.due(gives_up_s + STEP_S)
    lease.received_standby("a", gives_up_s + 1.0)
    assert lease.due(gives_up_s + 1.0)


def test_a_holder_whose_lease_is_not_retained_complains_once_it_has_sent_and_received_nothing() -> None:
    """It sends nothing in the first two seconds."""
    lease = connected()
    claimed(lease, 4.0)
    lease.connected(60.0)
    assert not lease.receives_nothing(62.0 + RECEIVE_WITHIN_S - STEP_S)
    assert lease.receives_nothing(62.0 + RECEIVE_WITHIN_S)


def test_a_holder_that_has_just_come_back_does_not_complain_that_it_receives_nothing() -> None:
    lease = connected()
    claimed(lease, 4.0)
    lease.connected(60.0)
    lease.received("a", 60.1, is_retained=True)
    assert not lease.receives_nothing(60.2)
    assert lease.receives_nothing(60.0 + RECEIVE_WITHIN_S)


def test_a_standby_does_not_change_the_holder_and_is_counted_while_its_messages_come() -> None:
    lease = connected()
    claimed(lease, 4.0)
    lease.received_standby("b", 6.0)
    assert (lease.state, lease.holder, lease.standbys(6.1)) == ("holding", "a", 1)
    assert lease.standbys(6.0 + RECEIVE_WITHIN_S) == 0
    for number in range(100):
        lease.received_standby(f"forged-{number}", 7.0)
    assert lease.standbys(7.0) == MAX_STANDBYS


def test_on_a_new_connection_no_standby_is_known_before_its_message_comes() -> None:
    """It may have gone meanwhile, and an operator must not count on it."""
    lease = connected()
    lease.received_standby("b", 6.0)
    lease.connected(6.1)
    assert lease.standbys(6.2) == 0
    lease.received_standby("b", 7.0)
    assert lease.standbys(7.1) == 1


def test_a_side_that_takes_over_no_longer_counts_as_standby() -> None:
    lease = connected()
    lease.received_standby("b", 1.0)
    lease.received("b", 1.5)
    assert lease.standbys(1.6) == 0


def test_a_process_of_the_same_name_is_recognised_by_messages_that_this_one_has_not_sent() -> None:
    lease = connected()
    for mark in range(SENT_MARKS):
        lease.sent(mark)
    assert not lease.is_from_copy("a", 0)
    assert SENT_MARKS >= 100, "more than can be on their way on one connection"
    assert lease.is_from_copy("a", SENT_MARKS)
    assert not lease.is_from_copy("b", SENT_MARKS)
    claimed(lease, 4.0)
    lease.renamed("c", 6.0)
    assert (lease.me, lease.state) == ("c", "standby")
    lease.received_standby("c", 9.8)
    assert not lease.due(9.9), "as after a start, the time begins anew"
    lease.received_standby("c", 9.9)
    assert lease.due(10.0)


@dataclass
class Side:
    """A process with its connection: what is on its way to it, and what it has sent."""

    lease: Lease
    delay_s: float
    is_connected: bool = False
    connected_s: float = 0.0
    sent_s: float = float("-inf")
    inbox: list[tuple[float, str, str]] = field(default_factory=list)


@given(
    delays=st.tuples(st.floats(0.0, 0.3), st.floats(0.0, 0.3)),
    breaks=st.lists(st.tuples(st.integers(0, 1), st.floats(0.0, 60.0), st.floats(0.0, 15.0)), max_size=6),
)
def test_never_two_hold_it_and_in_peace_one_does(
    delays: tuple[float, float], breaks: list[tuple[int, float, float]]
) -> None:
    """Two sides and a broker that delivers in one order, through any breaks of either connection within a minute."""
    sides = [Side(Lease(name, EXPIRES_S), delay_s) for name, delay_s in zip("ab", delays, strict=True)]
    retained = ""
    now_s = 0.0
    while now_s < 90.0:
        for at, side in enumerate(sides):
            is_up = not any(who == at and begin <= now_s < begin + length for who, begin, length in breaks)
            if is_up and not side.is_connected:
                side.connected_s = now_s
                side.lease.connected(now_s)
                side.inbox = [(now_s + side.delay_s, retained, "retained")] if retained else []
            side.is_connected = is_up
            if not is_up:
                continue
            while side.inbox and side.inbox[0][0] <= now_s:
                _, who, kind = side.inbox.pop(0)
                if kind == "standby":
                    side.lease.received_standby(who, now_s)
                else:
                    side.lease.received(who, now_s, is_retained=kind == "retained")
            # A side acts only once it has what the broker retains.
            before = side.lease.state
            is_due = now_s - side.connected_s >= side.delay_s and side.lease.due(now_s)
            is_time = now_s - side.sent_s >= RENEW_S or side.lease.state != before
            if is_time and (is_due or side.lease.state == "standby"):
                side.sent_s = now_s
                retained = side.lease.me if is_due else retained
                for other in sides:
                    if other.is_connected:
                        other.inbox.append((now_s + other.delay_s, side.lease.me, "holder" if is_due else "standby"))
        publishing = [
            side.lease.me for side in sides if side.is_connected and side.lease.is_confirmed(side.connected_s)
        ]
        assert len(publishing) <= 1, now_s
        now_s += STEP_S
    assert [side.lease.state for side in sides].count("holding") == 1
    (holder,) = (side for side in sides if side.lease.state == "holding")
    assert holder.lease.standbys(now_s) == 1


def test_after_a_reconnection_a_side_claims_nothing_until_it_receives_its_own_messages_again() -> None:
    """On the new one it may be allowed to write and not to read."""
    lease = connected()
    lease.connected(5.0)
    lease.received("", 5.1, is_retained=True)
    assert not lease.due(5.2)
    lease.received_standby("a", 5.3)
    assert lease.due(5.4)


def test_a_standby_that_has_just_come_is_counted_although_eight_are_known_that_have_gone() -> None:
    lease = connected()
    for at in range(MAX_STANDBYS):
        lease.received_standby(f"gone {at}", 10.0 + at / 100)
    lease.received_standby("new", 12.0)
    assert lease.standbys(10.2 + RECEIVE_WITHIN_S) == 1


def test_a_side_that_hands_over_claims_again_only_when_nobody_else_has_come() -> None:
    """The other one claims at once; if it has died, or cannot poll either, this side goes on as before."""
    lease = connected()
    claimed(lease, 4.0)
    lease.hand_over(10.0)
    lease.received("", 10.01)
    assert lease.state == "standby"
    at_s = 10.1
    while at_s < 10.01 + 2 * EXPIRES_S - STEP_S:
        lease.received_standby("a", at_s)
        assert not lease.due(at_s)
        at_s += STEP_S
    claimed(lease, 10.01 + 2 * EXPIRES_S + STEP_S)
    assert not lease.has_handed_over


def test_a_side_whose_last_message_was_lost_waits_as_long_after_it_has_handed_over() -> None:
    lease = connected()
    claimed(lease, 4.0)
    lease.hand_over(10.0)
    for at_s in (11.0, 10.0 + 2 * EXPIRES_S - STEP_S):
        lease.received_standby("a", at_s)
        assert not lease.due(at_s)
    claimed(lease, 10.0 + 2 * EXPIRES_S)


def test_a_side_that_has_handed_over_stands_by_for_the_other_one() -> None:
    lease = connected()
    claimed(lease, 4.0)
    lease.hand_over(10.0)
    lease.received("", 10.01)
    for second in range(11, 60):
        lease.received("b", float(second))
        lease.received_standby("a", float(second))
        assert not lease.due(float(second))
    # It has waited long enough when that one falls silent.
    for late_s in (EXPIRES_S, 2 * EXPIRES_S - STEP_S):
        lease.received_standby("a", 59.0 + late_s)
        assert not lease.due(59.0 + late_s)
    claimed(lease, 59.1 + 2 * EXPIRES_S)


def test_a_side_that_has_handed_over_waits_as_long_when_the_other_one_gives_the_lease_back() -> None:
    """A third one, or the next process on the other machine, can publish; this side could not."""
    lease = connected()
    claimed(lease, 4.0)
    lease.hand_over(10.0)
    for second in range(11, 60):
        lease.received("b", float(second))
    lease.received("", 60.0)
    for at_s in (60.1, 60.0 + 2 * EXPIRES_S - STEP_S):
        lease.received_standby("a", at_s)
        assert not lease.due(at_s)
    claimed(lease, 60.0 + 2 * EXPIRES_S)


def test_two_sides_that_cannot_publish_hand_over_ever_more_seldom() -> None:
    """In an hour each of them twenty times at most, and once more as often when a message went through."""
    side = HandOver(HAND_OVER_S)
    handed, stuck_s = 0, 0.0
    for _ in range(4 * 3600):
        stuck_s += 1.0
        if side.is_due(0, stuck_s):
            handed, stuck_s = handed + 1, 0.0
    assert 10 < handed < 20
    assert not side.is_due(0, HAND_OVER_S)
    assert side.is_due(1, HAND_OVER_S)
    assert not HandOver().is_due(0, HAND_OVER_S - 1)


@pytest.mark.parametrize(
    ("after_s", "steps_s"),
    [(HAND_OVER_S, [60, 120, 240, 480, 960, 960, 960]), (5.0, [5, 10, 20, 40, 80, 80, 80])],
)
def test_the_time_until_a_side_hands_over_doubles_four_times_and_begins_anew_after_a_message(
    after_s: float, steps_s: list[int]
) -> None:
    side = HandOver(after_s)

    def hands_over_s() -> int:
        """After so many whole seconds in which nothing was published."""
        return next(stuck_s for stuck_s in count(1) if side.is_due(0, float(stuck_s)))

    assert [hands_over_s() for _ in steps_s] == steps_s
    assert not side.is_due(3, 1.0)
    assert [hands_over_s() for _ in steps_s[:3]] == steps_s[:3]
