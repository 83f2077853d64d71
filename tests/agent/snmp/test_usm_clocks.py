"""The clocks and keys of SNMPv3 engines by themselves: what is timely, how a setback goes on, and what an engine that is new costs."""

from dataclasses import replace

import pytest

from agent.snmp.usm import PolledClocks, discovery_request, read_message
from agent.snmp.usm.authentic import MAX_ENGINES, Authentication, EngineClocks
from agent.snmp.usm.clock import BELIEVE_SETBACK_AFTER_S, WINDOW_S, EngineClock
from tests.agent.snmp.test_usm_check import ANSWER, ENGINE, KEYS, MASTER, REQUEST, check_with
from tests.agent.snmp.v3_messages import Keys, report


@pytest.mark.parametrize(
    ("boots", "time", "timely"),
    [(3, 1100 - WINDOW_S, True), (3, 1099 - WINDOW_S, False), (3, 5000, True), (4, 0, True), (2, 5000, False)],
)
def test_what_was_not_asked_for_is_timely_within_the_window_or_newer(
    boots: int,
    time: int,
    timely: bool,  # noqa: FBT001 - a case
) -> None:
    """A message of an earlier boot is a replay, whatever its time."""
    assert EngineClock(3, 1000, at=50.0).is_timely(boots, time, now=150.0) is timely


def test_nothing_is_timely_of_an_engine_that_has_counted_to_the_end() -> None:
    assert not EngineClock(2**31 - 1, 10, at=0.0).is_timely(2**31 - 1, 11, now=1.0)


def test_once_a_setback_is_believed_the_time_goes_on_from_it() -> None:
    clock = EngineClock(5, 100_000, at=0.0)
    assert not clock.accepts(1, 0, now=10.0)
    assert clock.accepts(1, 150, now=10.0 + BELIEVE_SETBACK_AFTER_S)
    assert clock.accepts(1, 160, now=20.0 + BELIEVE_SETBACK_AFTER_S)


def test_engines_that_are_made_up_take_a_bounded_memory() -> None:
    authentication, clocks = Authentication("sha256", MASTER), EngineClocks()
    for at in range(100):
        datagram = replace(ANSWER, engine=b"\x80\x00\x00\x00\x05" + at.to_bytes(4)).signed(Keys("sha256", "authauth1"))
        message = read_message(datagram)
        authentication.accepts(datagram, message)
        clocks.accept(message, 0.0)
    assert len(authentication._macs) <= MAX_ENGINES  # noqa: SLF001 - what it costs cannot be seen otherwise
    assert len(clocks._clocks) <= MAX_ENGINES  # noqa: SLF001 - as above


def test_where_two_devices_have_one_engine_what_is_a_replay_for_one_of_them_is_refused() -> None:
    """A copied card: nobody can tell which of the two has sent it."""
    polled, message = PolledClocks(), read_message(ANSWER.signed(KEYS))
    clocks = {device: polled.of(device) for device in ("a", "b")}
    clocks["a"].accept(message._replace(boots=3), 0.0)
    clocks["b"].accept(message._replace(boots=7), 0.0)
    assert polled.is_timely(["a", "b"], message._replace(boots=7), 1.0) is True
    assert polled.is_timely(["a", "b"], message._replace(boots=5), 1.0) is False


def test_a_device_that_was_replaced_and_answers_the_search_alone_is_told_as_a_new_one_is() -> None:
    """What the former device at this address had answered says nothing about the credential of this one."""
    check = check_with(REQUEST)
    assert check.received(ANSWER.signed(KEYS), 0.0) is None
    check.sent(discovery_request(1, 2))
    assert check.silence() == ""
    offer = replace(ANSWER, msg_id=1, flags=0, user=b"", mac=b"", body=report(ENGINE, 4))
    assert check.received(offer.encode(), 1.0) is None
    assert "no request of this user" in check.silence()
