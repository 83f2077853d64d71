"""Which topics are refused, and when each is tried again. Times are seconds; the pauses are not shortened by chance (`draw` is 1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.publish.refusals import (
    MAX_REFUSALS,
    MAX_REMEMBERED,
    NO_SUBSCRIBERS,
    PACKET_TOO_LARGE,
    PAYLOAD_INVALID,
    QUOTA,
    REASON_NAMES,
    RETRY_S,
    Refusals,
)

DENIED = 0x87
BY_CONTENT = 0x99


def topic(device: str, kind: str = "batch") -> str:
    return f"rackflow/v1/s/g/{kind}/{device}"


def refusals() -> Refusals:
    return Refusals(draw=lambda: 1.0)


def test_a_refused_topic_lets_nothing_through_and_others_go_on() -> None:
    one = refusals()
    assert one.note_refused(topic("u3"), 7, DENIED, "Not authorized", 0.0) == "new"
    assert one.note_refused(topic("u3"), 8, DENIED, "Not authorized", 0.0) == "again"
    assert not one.admits(topic("u3"), 9)
    assert one.admits(topic("u0"), 10)
    assert one.admits(topic("u3", "event"), 11)
    assert (len(one), list(one.refused_topics())) == (1, [topic("u3")])


def test_after_a_pause_one_message_is_let_through_and_the_pause_doubles_up_to_its_limit() -> None:
    one, now, pauses = refusals(), 0.0, []
    one.note_refused(topic("u3"), 7, DENIED, "", now)
    for _ in range(8):
        before = now
        while not one.due(now, 5):
            now += 0.25
        pauses.append(now - before)
        assert one.admits(topic("u3"), 7)
        assert not one.admits(topic("u3"), 8), "only one"
        assert one.due(now + 1000, 5) == [], "not again before there is an answer"
        assert one.note_refused(topic("u3"), 7, DENIED, "", now) == "again"
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert RETRY_S == (1.0, 30.0)


def test_a_probe_that_found_no_message_is_still_let_through_later() -> None:
    one = refusals()
    one.note_refused(topic("u3"), 7, DENIED, "", 0.0)
    assert one.due(1.0, 5) == [(topic("u3"), "oldest")]
    assert one.admits(topic("u3"), 12)


@pytest.mark.parametrize(("code", "first"), [(DENIED, "oldest"), (PAYLOAD_INVALID, "newest")])
def test_the_oldest_and_the_newest_message_are_tried_in_turn(code: int, first: str) -> None:
    """Of a payload that is said to be invalid the newest comes first: the oldest is the one that was refused."""
    one, now, tried = refusals(), 0.0, []
    one.note_refused(topic("u3"), 7, code, "", now)
    for _ in range(4):
        now += 60
        ((_, which),) = one.due(now, 5)
        tried.append(which)
        assert one.admits(topic("u3"), 7)
        one.note_refused(topic("u3"), 7, code, "", now)
    other = "newest" if first == "oldest" else "oldest"
    assert tried == [first, other, first, other]


def test_messages_that_were_in_flight_do_not_lengthen_the_pause() -> None:
    one = refusals()
    for what in range(32):
        one.note_refused(topic("u3"), what, DENIED, "", 0.0)
    assert one.due(1.0, 5)


def test_an_accepted_probe_releases_topics_of_its_kind_refused_for_the_same_reason() -> None:
    one = refusals()
    for device in ("a", "b", "c"):
        one.note_refused(topic(device), 1, NO_SUBSCRIBERS, "", 0.0)
    one.note_refused(topic("a", "event"), 2, NO_SUBSCRIBERS, "", 0.0)
    one.note_refused(topic("d"), 3, DENIED, "", 0.0)
    one.due(1.0, 1)
    assert one.admits(topic("a"), 1)
    assert one.note_accepted(topic("a"), 1, 1.0) == [topic("a"), topic("b"), topic("c")]
    assert set(one.refused_topics()) == {topic("a", "event"), topic("d")}


def test_a_message_sent_before_the_refusal_releases_nothing() -> None:
    """The broker may take some and refuse others, as with a quota: otherwise refused ones would go round at full speed."""
    one = refusals()
    one.note_refused(topic("a"), 1, QUOTA, "", 0.0)
    assert one.note_accepted(topic("a"), 2, 0.1) == []
    assert not one.admits(topic("a"), 3)


def test_a_topic_that_is_refused_again_at_once_is_tried_more_slowly() -> None:
    one, now, pauses = refusals(), 0.0, []
    for _ in range(4):
        one.note_refused(topic("a"), 1, QUOTA, "", now)
        before = now
        while not one.due(now, 5):
            now += 0.5
        pauses.append(now - before)
        one.admits(topic("a"), 1)
        one.note_accepted(topic("a"), 1, now)
    assert pauses == [1, 2, 4, 8]
    assert one.due(now + 1000, 5) == []
    one.note_refused(topic("a"), 1, QUOTA, "", now + 1000)
    assert one.due(now + 1001, 5), "after a good while the pause is short again"


def test_a_message_at_fault_is_given_up_and_its_topic_goes_on() -> None:
    """Message 5 is refused for what is in it, 6 and later ones are accepted."""
    one, now, verdicts, given_up = refusals(), 0.0, [], False
    verdicts.append(one.note_refused(topic("a"), 5, BY_CONTENT, "", now))
    neighbour = 6
    for _ in range(10):
        while not (due := one.due(now, 5)):
            now += 0.5
        [(_, which)] = due
        what = 5 if which == "oldest" else neighbour
        one.admits(topic("a"), what)
        if what == 5:
            verdicts.append(one.note_refused(topic("a"), 5, BY_CONTENT, "", now))
            given_up = verdicts[-1] == "message"
            if given_up:
                break
        else:
            neighbour += 1
            assert one.note_accepted(topic("a"), what, now) == [topic("a")]
            verdicts.append(one.note_refused(topic("a"), 5, BY_CONTENT, "", now))
            given_up = verdicts[-1] == "message"
            if given_up:
                break
    assert given_up
    assert neighbour - 6 == MAX_REFUSALS - 1, "as many neighbours were accepted"
    assert now < 60


def test_every_message_of_a_full_window_is_given_up_if_it_is_at_fault() -> None:
    one, verdicts = refusals(), []
    window = range(1, MAX_REMEMBERED + 1)
    for attempt in range(MAX_REFUSALS):
        verdicts = [one.note_refused(topic("a"), what, BY_CONTENT, "", 0.0) for what in window]
        one.note_accepted(topic("a"), 1000 + attempt, 0.0)
    assert verdicts == ["message"] * 32
    assert MAX_REFUSALS == 3


def test_reasons_have_the_words_that_metrics_and_status_promise() -> None:
    assert REASON_NAMES == {0x10: "unheard", 0x87: "not_authorized", 0x97: "quota"}
    assert (PACKET_TOO_LARGE, PAYLOAD_INVALID) == (0x95, 0x99), "MQTT 5, 2.4"


def test_a_message_is_not_given_up_because_its_topic_was_forbidden_for_long() -> None:
    one, now = refusals(), 0.0
    for _ in range(20):
        assert one.note_refused(topic("a"), 5, DENIED, "", now) != "message"
        now += 100
        one.due(now, 5)
        one.admits(topic("a"), 5)
    assert one.note_accepted(topic("a"), 5, now) == [topic("a")]
    assert one.note_refused(topic("a"), 6, DENIED, "", now) == "new"


@pytest.mark.parametrize("code", [NO_SUBSCRIBERS, QUOTA])
def test_missing_subscribers_and_a_quota_are_never_the_fault_of_a_message(code: int) -> None:
    one = refusals()
    for what in range(100, 120):
        assert one.note_refused(topic("a"), 5, code, "", 0.0) != "message"
        one.note_accepted(topic("a"), what, 0.0)


def test_a_probe_lost_with_the_connection_is_repeated_after_its_pause() -> None:
    one = refusals()
    one.note_refused(topic("a"), 1, DENIED, "", 0.0)
    one.due(1.0, 5)
    one.admits(topic("a"), 1)
    one.disconnected()
    assert not one.admits(topic("a"), 1)
    assert one.due(2.0, 5)
    assert one.admits(topic("a"), 1)


def test_a_probe_that_was_not_sent_before_the_connection_ended_waits_for_its_pause_as_well() -> None:
    """The topic may be why the broker ends connections: then its message must not be the first of each one."""
    one = refusals()
    one.note_refused(topic("a"), 1, DENIED, "", 0.0)
    assert one.due(1.0, 5)
    one.disconnected()
    assert not one.admits(topic("a"), 1)
    assert one.due(2.0, 5)
    assert one.admits(topic("a"), 1)


def test_nothing_is_remembered_of_a_former_broker() -> None:
    one = refusals()
    for device in "ab":
        one.note_refused(topic(device), 1, DENIED, "", 0.0)
    assert one.clear() == [topic("a"), topic("b")]
    assert len(one) == 0
    assert one.admits(topic("a"), 1)


def test_refusals_of_a_former_broker_are_not_held_against_a_message() -> None:
    one = refusals()
    for neighbour in range(MAX_REFUSALS - 1):
        one.note_refused(topic("a"), 5, BY_CONTENT, "", 0.0)
        one.note_accepted(topic("a"), 100 + neighbour, 0.0)
    one.clear()
    assert one.note_refused(topic("a"), 5, BY_CONTENT, "", 0.0) == "new"


def test_a_topic_is_tried_again_at_once_when_the_message_that_was_the_probe_is_at_fault() -> None:
    """Only that message is given up, and the others have waited for long enough."""
    one, now, verdict = refusals(), 0.0, ""
    one.note_refused(topic("a"), 5, BY_CONTENT, "", now)
    for neighbour in range(MAX_REFUSALS):
        one.note_accepted(topic("a"), 100 + neighbour, now)  # sent before the topic was refused
        now += 60.0
        assert one.due(now, 5)
        assert one.admits(topic("a"), 5)
        verdict = one.note_refused(topic("a"), 5, BY_CONTENT, "", now)
        if verdict == "message":
            break
    assert verdict == "message"
    assert [name for name, _ in one.due(now, 5)] == [topic("a")]
    assert one.admits(topic("a"), 6)


def test_the_latest_reason_is_the_one_that_is_told() -> None:
    one = refusals()
    one.note_refused(topic("a"), 5, DENIED, "Not authorized", 0.0)
    one.due(60.0, 5)
    one.admits(topic("a"), 5)
    one.note_refused(topic("a"), 5, QUOTA, "Quota exceeded", 60.0)
    [told] = one.refused_topics().values()
    assert (told.code, told.text) == (QUOTA, "Quota exceeded")


def test_a_topic_without_a_message_to_try_is_not_looked_at_before_its_pause_is_over() -> None:
    one = refusals()
    one.note_refused(topic("a"), 5, DENIED, "", 0.0)
    assert one.due(1.0, 5)
    assert one.due(1.25, 5) == []
    assert one.due(2.0, 5)


def test_of_each_topic_as_many_messages_are_remembered_as_may_be_in_flight() -> None:
    one = refusals()
    for what in range(MAX_REMEMBERED + 8):
        one.note_refused(topic("a"), what, BY_CONTENT, "", 0.0)
    assert len(one._messages[topic("a")]) == MAX_REMEMBERED  # noqa: SLF001 - a bound of memory
    # The one that was refused last is among them, so it is given up as soon as it is known to be at fault.
    verdicts = []
    for neighbour in range(1, MAX_REFUSALS):
        one.note_accepted(topic("a"), 1000 + neighbour, 0.0)
        verdicts.append(one.note_refused(topic("a"), MAX_REMEMBERED + 7, BY_CONTENT, "", 0.0))
    assert verdicts == ["again", "message"]


def test_thousands_of_refused_topics_are_tried_a_few_at_a_time_each_in_its_turn() -> None:
    one = refusals()
    for device in range(300):
        one.note_refused(topic(f"d{device}"), device, DENIED, "", 0.0)
    tried = set()
    for step in range(60):
        due = one.due(1.0 + step * 0.25, 5)
        assert len(due) <= 5
        for name, _ in due:
            tried.add(name)
            one.admits(name, 0)
    assert len(tried) == 300


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.integers(1, 200),
            st.sampled_from([DENIED, QUOTA, 0x10, 0x83, 0x99]),
            st.booleans(),
        ),
        max_size=300,
    )
)
def test_remembered_topics_are_bounded_and_held_ones_are_reported(
    events: list[tuple[str, int, int, bool]],
) -> None:
    one = refusals()
    for at, (device, what, code, accepted) in enumerate(events):
        if accepted:
            for name in one.note_accepted(topic(device), what, at):
                assert one.admits(name, what)
        else:
            verdict = one.note_refused(topic(device), what, code, "", at)
            if verdict != "message":
                assert topic(device) in one.refused_topics()
        one.due(at, 2)
    assert all(len(each) <= MAX_REMEMBERED for each in one._messages.values())  # noqa: SLF001 - a bound of memory
    assert one._messages.keys() == one._accepted.keys()  # noqa: SLF001 - a bound of memory


def test_a_topic_that_is_refused_again_soon_after_it_was_released_is_tried_more_slowly() -> None:
    """A broker whose quota is free for one message at a time."""
    one = refusals()
    one.note_refused(topic("u3"), 7, QUOTA, "", 0.0)
    assert one.due(RETRY_S[0], 5)
    assert one.admits(topic("u3"), 7)
    assert one.note_accepted(topic("u3"), 7, RETRY_S[0]) == [topic("u3")]
    assert one.due(RETRY_S[0] + 0.5, 5) == []
    assert one.note_refused(topic("u3"), 8, QUOTA, "", RETRY_S[0] + 0.5) == "new"
    assert one.due(2 * RETRY_S[0] + 0.6, 5) == []
    assert one.due(3 * RETRY_S[0] + 0.6, 5)


def test_a_refused_probe_closes_its_topic_until_the_next_one() -> None:
    """Otherwise each probe that is refused would be followed by a second message that is refused."""
    one = refusals()
    one.note_refused(topic("a"), 1, DENIED, "", 0.0)
    one.due(1.0, 5)
    assert one.admits(topic("a"), 1)
    one.note_refused(topic("a"), 1, DENIED, "", 1.0)
    assert not one.admits(topic("a"), 1)
    assert one.due(2.9, 5) == []


def test_the_pause_is_half_as_long_by_chance_and_no_longer_than_meant() -> None:
    for draw, pause_s in ((0.0, 0.5), (0.5, 0.75), (1.0, 1.0)):
        one = Refusals(draw=lambda draw=draw: draw)  # type: ignore[misc]  # a default of a lambda
        one.note_refused(topic("a"), 1, DENIED, "", 0.0)
        assert one.due(pause_s - 0.01, 5) == []
        assert one.due(pause_s, 5) == [(topic("a"), "oldest")]


@pytest.mark.parametrize(("again_at_s", "pause_s"), [(14.9, 8.0), (15.0, 1.0)])
def test_a_topic_begins_with_the_short_pause_once_it_was_accepted_for_two_pauses(
    again_at_s: float, pause_s: float
) -> None:
    """Its last pause was of 4 s, and it is released at 7 s."""
    one = refusals()
    one.note_refused(topic("a"), 1, QUOTA, "", 0.0)
    for now in (1.0, 3.0):
        assert one.due(now, 5)
        assert one.admits(topic("a"), 1)
        one.note_refused(topic("a"), 1, QUOTA, "", now)
    assert one.due(7.0, 5)
    assert one.admits(topic("a"), 1)
    assert one.note_accepted(topic("a"), 1, 7.0) == [topic("a")]
    assert one.due(again_at_s, 5) == []
    assert one.note_refused(topic("a"), 2, QUOTA, "", again_at_s) == "new"
    assert one.due(again_at_s + pause_s - 0.01, 5) == []
    # After a release the oldest message is tried first again.
    assert one.due(again_at_s + pause_s, 5) == [(topic("a"), "oldest")]


def test_a_document_that_is_accepted_now_and_then_is_never_given_up() -> None:
    """It is its own neighbour: its key is its topic. A broker that reloads its rules refuses it for a moment each time."""
    one, name = refusals(), topic("a", "device")
    for now in range(0, 1000, 100):
        assert one.note_refused(name, name, DENIED, "", now) == "new"
        assert one.due(now + 50, 5)
        assert one.admits(name, name)
        assert one.note_accepted(name, name, now + 50) == [name]
        assert not one._messages, "nothing is remembered of what was accepted"  # noqa: SLF001 - a bound of memory
        one.due(now + 99, 5)


def test_a_message_at_fault_does_not_have_another_one_tried_while_the_probe_is_on_its_way() -> None:
    one = refusals()
    for neighbour in (100, 101):
        one.note_refused(topic("a"), 5, BY_CONTENT, "", 0.0)
        one.note_accepted(topic("a"), neighbour, 0.0)  # sent before the topic was refused
    assert one.due(1.0, 5)
    assert one.admits(topic("a"), 9)
    assert one.note_refused(topic("a"), 5, BY_CONTENT, "", 1.0) == "message"
    assert not one._messages, "nothing is remembered of what was given up"  # noqa: SLF001 - a bound of memory
    assert one.due(1.0, 5) == []
    assert one.note_accepted(topic("a"), 9, 1.1) == [topic("a")]
