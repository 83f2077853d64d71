"""The check of SNMPv3 answers by itself: its reader is total, its clock follows RFC 3414, and only the outstanding request is answered."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.snmp.credentials import master_key
from agent.snmp.seam import SnmpUser
from agent.snmp.usm import (
    MalformedMessage,
    Refusal,
    RefusedDatagrams,
    UsmCheck,
    UsmKeys,
    discovery_request,
)
from agent.snmp.usm.clock import BELIEVE_SETBACK_AFTER_S, WINDOW_S, EngineClock
from agent.snmp.usm.message import read_message, read_request
from tests.agent.faulty_peers import GET, RESPONSE, tlv
from tests.agent.snmp.v3_messages import AUTH, MAC_OCTETS, PRIV, V3, Keys, report, scoped

KEYS = Keys("sha256", "authauth1")
MASTER = master_key("authauth1", "sha256")
ENGINE = bytes.fromhex("80001f8880aabbccdd00000000")
REQUEST = V3(4711, AUTH, ENGINE, 3, 1000, b"reader", b"", b"", scoped(ENGINE, GET, b""))
ANSWER = replace(REQUEST, body=scoped(ENGINE, RESPONSE, b""))

numbers = st.integers(0, 2**31 - 1)
messages = st.builds(
    V3,
    msg_id=numbers,
    flags=st.sampled_from([0, AUTH, AUTH | PRIV]),
    engine=st.binary(max_size=32),
    boots=numbers,
    time=numbers,
    user=st.binary(max_size=32),
    mac=st.binary(max_size=48),
    salt=st.binary(min_size=8, max_size=8),
    body=st.just(b""),
)
contents = st.binary(max_size=300)


def check_with(request: V3, digest: str = "sha256", master: bytes = MASTER) -> UsmCheck:
    check = UsmCheck(digest, master)
    check.sent(request.signed(Keys(digest, "authauth1")))
    return check


@given(messages, contents)
def test_what_is_written_is_read(message: V3, content: bytes) -> None:
    """Headers of every shape that the standard allows, with a ciphertext or a PDU of any size."""
    body = tlv(4, content) if message.flags & PRIV else scoped(ENGINE, RESPONSE, content)
    datagram = replace(message, body=body).encode()
    found = read_message(datagram)
    assert (found.msg_id, found.flags, found.engine) == (message.msg_id, message.flags, message.engine)
    assert (found.boots, found.time, found.user) == (message.boots, message.time, message.user)
    assert datagram[found.mac_at : found.mac_end] == message.mac
    assert found.pdu == (0 if message.flags & PRIV else RESPONSE)
    assert read_request(datagram) == (message.msg_id, message.flags, message.engine, message.user)


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_malformed(data: bytes) -> None:
    for octets in (data, b"\x30" + data, ANSWER.encode()[: len(data)] + data):
        try:
            read_message(octets)
        except MalformedMessage:
            continue


@given(st.data())
def test_no_change_to_a_true_answer_is_accepted_or_raises(data: st.DataObject) -> None:
    """Octets replaced, removed, repeated and put in anywhere."""
    true = bytearray(ANSWER.signed(KEYS))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(true) - 1))
        size = data.draw(st.integers(0, 6))
        true[at : at + size] = data.draw(st.binary(max_size=6))
    if bytes(true) != ANSWER.signed(KEYS):
        assert check_with(REQUEST).received(bytes(true), 0.0) in set(Refusal)


@pytest.mark.parametrize(
    "size", [b"\x80", b"\x85\x00\x00\x00\x00\x10", b"\x84\xff\xff\xff\xff", b"\xff", b"\x84\x7f\xff\xff\xff"]
)
def test_lengths_that_no_datagram_has_are_malformed(size: bytes) -> None:
    true = ANSWER.encode()
    with pytest.raises(MalformedMessage):
        read_message(true[:1] + size + true[2:])


def test_lengths_in_the_long_form_are_read() -> None:
    """Some agents write them so, short or not."""
    true = ANSWER.encode()
    assert true[1] < 128
    assert read_message(true[:1] + b"\x84" + true[1:2].rjust(4, b"\0") + true[2:]).user == b"reader"


@pytest.mark.parametrize("digest", MAC_OCTETS)
def test_each_digest_has_its_own_length_of_code(digest: str) -> None:
    """RFC 3414 for MD5 and SHA-1, RFC 7860 for SHA-2."""
    keys = Keys(digest, "authauth1")
    check = check_with(REQUEST, digest, master_key("authauth1", digest))
    true = V3.parse(ANSWER.signed(keys))
    for code in (true.mac[:-1], true.mac + b"\0", b"", true.mac[:4]):
        assert check.received(replace(true, mac=code).encode(), 0.0) == Refusal.DIGEST
    assert check.received(true.encode(), 0.0) is None


def test_one_answer_is_accepted_for_each_request() -> None:
    check = check_with(REQUEST)
    assert check.received(ANSWER.signed(KEYS), 0.0) is None
    assert check.received(ANSWER.signed(KEYS), 0.0) == Refusal.UNSOLICITED
    check.sent(replace(REQUEST, msg_id=4712).signed(KEYS))
    assert check.received(ANSWER.signed(KEYS), 0.0) == Refusal.UNSOLICITED
    assert check.received(replace(ANSWER, msg_id=4712).signed(KEYS), 0.0) is None


def test_a_new_request_ends_the_wait_for_the_one_before() -> None:
    check = check_with(REQUEST)
    check.sent(replace(REQUEST, msg_id=4712).signed(KEYS))
    assert check.received(ANSWER.signed(KEYS), 0.0) == Refusal.UNSOLICITED


@pytest.mark.parametrize(
    ("request_flags", "answer", "refusal", "words"),
    [
        (AUTH, {"flags": 0}, Refusal.UNAUTHENTICATED, "an answer without authentication"),
        (AUTH, {"flags": AUTH | PRIV}, Refusal.LEVEL, "an answer at another security level"),
        (0, {"flags": AUTH}, Refusal.LEVEL, "an answer at another security level"),
        (AUTH, {"engine": bytes.fromhex("80001f8880ffffffff00000000")}, Refusal.ENGINE, "an answer of another engine"),
        (AUTH, {"user": b"writer"}, Refusal.USER, "an answer for another user"),
        (AUTH, {"mac": bytes(24)}, Refusal.DIGEST, "an answer whose authentication code is wrong"),
        (AUTH | PRIV, {"flags": AUTH}, Refusal.UNENCRYPTED, "an answer without encryption"),
    ],
)
def test_an_unrequested_answer_is_refused_with_its_reason_and_reported(
    request_flags: int, answer: dict[str, object], refusal: Refusal, words: str
) -> None:
    private = {"salt": bytes(8), "body": tlv(4, bytes(40))}
    request = replace(REQUEST, flags=request_flags, **(private if request_flags & PRIV else {}))  # type: ignore[arg-type]
    check = check_with(request)
    assert check.complaint() == ""
    is_private = answer.get("flags") == AUTH | PRIV
    wrong = replace(ANSWER, flags=request_flags & AUTH, **(private if is_private else {}))  # type: ignore[arg-type]
    wrong = replace(wrong, **answer)  # type: ignore[arg-type]
    assert check.received(wrong.encode() if "mac" in answer else wrong.signed(KEYS), 0.0) == refusal
    assert check.complaint() == f"SNMPv3 answers cannot be verified: there was {words}"
    check.sent(replace(request, msg_id=4712).signed(KEYS))
    assert check.complaint() == "", "a new request begins anew"


def test_an_answer_from_outside_the_time_window_is_reported() -> None:
    check = check_with(REQUEST)
    assert check.received(ANSWER.signed(KEYS), 0.0) is None
    check.sent(replace(REQUEST, msg_id=4712).signed(KEYS))
    assert check.received(replace(ANSWER, msg_id=4712).signed(KEYS), 151.0) == Refusal.TIME
    assert "from outside the time window" in check.complaint()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "check `auth` and `priv`"),
        (2, ""),
        (3, "it does not know the user; check `user`"),
        (4, ""),
        (5, "the authentication key or protocol is wrong; check `auth` and `auth_key`"),
        (6, "it cannot decrypt the request; check `priv` and `priv_key`"),
    ],
)
def test_a_report_about_the_credential_is_reported_and_one_about_a_restart_is_not(number: int, words: str) -> None:
    """Whoever sends it: a wrong key must not look like a silent device. The numbers are those of usmStats (RFC 3414, 5)."""
    check = check_with(REQUEST)
    told = replace(ANSWER, flags=0, body=report(ENGINE, number))
    assert check.received(told.encode(), 0.0) == Refusal.REPORT
    assert check.complaint().endswith(words)
    assert check.complaint().startswith("refuses the SNMPv3 request: ") is bool(words)
    assert check.offers == ([ENGINE] if number == 4 else [])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (report(ENGINE, 2), "outside its time window"),
        (report(ENGINE, 5), "check `auth` and `auth_key`"),
        (report(ENGINE, 7), "a report that names no user, key or level"),
        (ANSWER.body, "no access at this security level"),
    ],
)
def test_an_authentic_refusal_is_told_with_what_to_check(body: bytes, words: str) -> None:
    check = check_with(REQUEST)
    assert check.received(replace(ANSWER, body=body).signed(KEYS), 0.0) is None
    assert words in check.refusal()


def test_silence_after_the_search_for_the_engine_is_told_until_the_device_has_answered() -> None:
    check = check_with(V3.parse(discovery_request(1, 2)))
    assert check.silence() == ""
    offer = replace(ANSWER, msg_id=1, flags=0, user=b"", mac=b"", body=report(ENGINE, 4))
    assert check.received(offer.encode(), 0.0) is None
    assert "no request of this user" in check.silence()
    private = replace(REQUEST, flags=AUTH | PRIV, salt=bytes(8), body=tlv(4, bytes(40)))
    check.sent(private.signed(KEYS))
    assert check.received(replace(ANSWER, body=report(ENGINE, 2)).signed(KEYS), 0.0) is None
    check.sent(private.signed(KEYS))
    assert "check `priv` and `priv_key`" in check.silence()
    answer = replace(ANSWER, flags=AUTH | PRIV, salt=bytes(8), body=tlv(4, bytes(40)))
    assert check.received(answer.signed(KEYS), 0.0) is None
    check.sent(private.signed(KEYS))
    assert check.silence() == ""
    # Its time is fetched again and again, which takes nothing back.
    assert check.received(replace(ANSWER, body=report(ENGINE, 2)).signed(KEYS), 0.0) is None
    check.sent(private.signed(KEYS))
    assert check.silence() == ""


def test_a_user_without_encryption_is_not_told_to_check_a_key_that_it_does_not_have() -> None:
    check = check_with(V3.parse(discovery_request(1, 2)))
    offer = replace(ANSWER, msg_id=1, flags=0, user=b"", mac=b"", body=report(ENGINE, 4))
    assert check.received(offer.encode(), 0.0) is None
    check.sent(REQUEST.signed(KEYS))
    assert check.received(replace(ANSWER, body=report(ENGINE, 2)).signed(KEYS), 0.0) is None
    check.sent(REQUEST.signed(KEYS))
    assert check.silence() == (
        "it answers the search for its SNMPv3 engine, and no request of this user; check the credential"
    )


def test_refusals_have_the_names_that_metrics_promise() -> None:
    names = "malformed unsolicited unauthenticated unencrypted level engine user digest time report"
    assert {str(each) for each in Refusal} == set(names.split())


def test_the_search_for_the_engine_is_byte_for_byte_that_of_the_standard() -> None:
    """RFC 3414, 4: no user, no engine, reportable, and an empty GET."""
    assert discovery_request(1, 2) == bytes.fromhex(
        "3037 020103 300d 020101 020201e4 040104 020103"
        "0410 300e 0400 020100 020100 0400 0400 0400"
        "3011 0400 0400 a00b 020102 020100 020100 3000"
    )


def test_an_authentic_report_needs_no_encryption() -> None:
    """A Report of notInTimeWindow comes so (RFC 3414, 3.2, 7); a value does not."""
    request = replace(REQUEST, flags=AUTH | PRIV, salt=bytes(8), body=tlv(4, bytes(40)))
    report_2 = replace(ANSWER, body=report(ENGINE, 2))
    assert check_with(request).received(ANSWER.signed(KEYS), 0.0) == Refusal.UNENCRYPTED
    assert check_with(request).received(report_2.encode(), 0.0) == Refusal.DIGEST
    assert check_with(request).received(replace(report_2, flags=0).encode(), 0.0) == Refusal.REPORT
    assert check_with(request).received(report_2.signed(KEYS), 0.0) is None


def test_the_key_of_one_engine_is_no_key_of_another() -> None:
    """Whoever has the key of one device cannot speak for the next."""
    other = bytes.fromhex("80001f8880ffffffff00000000")
    signed_for_other = V3.parse(replace(ANSWER, engine=other).signed(KEYS))
    assert check_with(REQUEST).received(replace(signed_for_other, engine=ENGINE).encode(), 0.0) == Refusal.DIGEST


@pytest.mark.parametrize("engine", [b"", b"1234", bytes(12), b"\xff" * 12])
def test_what_is_no_engine_id_is_not_offered(engine: bytes) -> None:
    check = UsmCheck("sha256", MASTER)
    check.sent(discovery_request(1, 2))
    answer = V3(1, 0, engine, 0, 0, b"", b"", b"", report(engine, 4))
    assert check.received(answer.encode(), 0.0) == Refusal.ENGINE
    assert check.offers == []


def test_offers_are_bounded_and_the_latest_is_last() -> None:
    check = UsmCheck("sha256", MASTER)
    check.sent(discovery_request(1, 2))
    for number in range(50):
        engine = b"engine" + bytes([number])
        check.received(V3(1, 0, engine, 0, 0, b"", b"", b"", report(engine, 4)).encode(), 0.0)
    assert check.offers == [b"engine" + bytes([number]) for number in range(46, 50)]


def test_a_new_search_for_the_engine_forgets_what_the_one_before_was_offered() -> None:
    """A forged offer would otherwise be tried again after each search."""
    check = UsmCheck("sha256", MASTER)
    for number in (1, 2):
        check.sent(discovery_request(number, 2))
        engine = b"engine" + bytes([number])
        assert check.received(V3(number, 0, engine, 0, 0, b"", b"", b"", report(engine, 4)).encode(), 0.0) is None
        assert check.offers == [engine]
    assert check.offers_made == 2


def test_a_value_is_no_answer_to_the_search_for_the_engine() -> None:
    check = UsmCheck("sha256", MASTER)
    check.sent(discovery_request(1, 2))
    assert check.received(replace(ANSWER, msg_id=1, flags=0).encode(), 0.0) == Refusal.UNSOLICITED
    assert check.received(replace(ANSWER, msg_id=1, flags=0, body=report(ENGINE, 3)).encode(), 0.0) == Refusal.REPORT


@pytest.mark.parametrize(
    ("boots", "time", "accepted"),
    [
        (3, 1000, True),
        (3, 951, True),
        (3, 950, True),
        (3, 949, False),
        (3, 5000, True),
        (4, 0, True),
        (2, 5000, False),
        (2, 1000, False),
    ],
)
def test_a_message_older_than_150_s_or_of_an_earlier_boot_is_refused(boots: int, time: int, accepted: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """100 s after boots 3 and time 1000, the engine's time is 1100; 150 s less is the oldest that counts (RFC 3414, 3.2, 7b)."""
    assert EngineClock(3, 1000, at=0.0).accepts(boots, time, now=100.0) is accepted


def test_a_replay_does_not_keep_itself_young() -> None:
    """The newest answer, sent again and again, is refused once it is older than the window (RFC 3414, 2.2.3)."""
    assert WINDOW_S == BELIEVE_SETBACK_AFTER_S == 150
    clock = EngineClock(3, 1000, at=0.0)
    assert [clock.accepts(3, 1000, now=now) for now in (100.0, 150.0, 150.5, 200.0)] == [True, True, False, False]


def test_a_late_answer_does_not_set_the_clock_back() -> None:
    clock = EngineClock(3, 1000, at=0.0)
    assert clock.accepts(3, 1100, now=100.0)
    assert clock.accepts(3, 960, now=100.0)
    assert not clock.accepts(3, 940, now=100.0)
    assert not clock.accepts(3, 960, now=200.0)


def test_an_engine_whose_boots_are_used_up_is_never_believed() -> None:
    """RFC 3414, 2.2.2: its keys must be changed."""
    assert not EngineClock(2**31 - 1, 10, at=0.0).accepts(2**31 - 1, 11, now=1.0)


def test_a_device_that_does_not_count_its_boots_is_believed_after_a_while() -> None:
    """It restarted with the same boots and time 0. One answer of the old time in between, and the wait begins anew."""
    clock = EngineClock(1, 100_000, at=0.0)
    assert not clock.accepts(1, 5, now=0.0)
    assert not clock.accepts(1, 140, now=BELIEVE_SETBACK_AFTER_S - 1)
    assert clock.accepts(1, 145, now=BELIEVE_SETBACK_AFTER_S)
    assert clock.accepts(1, 150, now=BELIEVE_SETBACK_AFTER_S + 5)
    clock = EngineClock(1, 100_000, at=0.0)
    assert not clock.accepts(1, 5, now=0.0)
    assert clock.accepts(1, 100_100, now=100.0)
    assert not clock.accepts(1, 155, now=BELIEVE_SETBACK_AFTER_S)


async def test_keys_are_derived_once_for_all_devices_of_a_credential() -> None:
    user = SnmpUser("reader", "sha256", "authauth1", "aes128", "privpriv1")
    keys = UsmKeys()
    found = await asyncio.gather(*(keys.of(replace(user)) for _ in range(20)))
    assert found[0] == (MASTER, master_key("privpriv1", "sha256"))
    assert all(each is found[0] for each in found)
    assert await keys.of(SnmpUser("plain")) == (None, None)


def test_refused_datagrams_are_counted_by_a_bounded_number_of_names(caplog: pytest.LogCaptureFixture) -> None:
    """And logged once a minute for each name, with how many there were since."""
    refused = RefusedDatagrams()
    for number in range(200):
        refused.count(f"ups-{number}", Refusal.DIGEST, 0.0)
    assert len(refused.counts) == 51
    assert refused.counts["others", "digest"] == 150
    lines = len(caplog.records)
    assert lines == 51
    for second in range(60):
        refused.count("ups-0", Refusal.TIME, second)
    assert len(caplog.records) == lines
    refused.count("ups-0", Refusal.TIME, 60.0)
    assert len(caplog.records) == lines + 1
    assert "device=ups-0 refused 61 SNMPv3 datagrams" in caplog.messages[-1]


OTHER = bytes.fromhex("80001f8880eeeeeeee00000000")


def test_a_clock_is_never_learnt_from_an_answer_whose_code_is_wrong() -> None:
    """Whoever can forge a time ahead would lock out the device itself."""
    check = check_with(REQUEST)
    assert check.received(replace(ANSWER, boots=9, time=10**6, mac=bytes(24)).encode(), 0.0) == Refusal.DIGEST
    assert check.received(ANSWER.signed(KEYS), 0.0) is None


def test_each_engine_has_its_own_key_and_its_own_clock() -> None:
    check = check_with(REQUEST)
    assert check.received(ANSWER.signed(KEYS), 0.0) is None
    replaced = replace(REQUEST, msg_id=5, engine=OTHER, boots=1, time=2)
    check.sent(replaced.signed(KEYS))
    assert check.received(replace(replaced, body=ANSWER.body).signed(KEYS), 0.0) is None


def test_however_many_engines_there_were_a_replay_of_the_latest_is_none_of_its_answers() -> None:
    """Of a device whose card changes its engine id at every start, or where a forger offers others, the first ones are forgotten."""
    check = UsmCheck("sha256", MASTER)
    for number in range(6):
        engine = ENGINE[:-1] + bytes([number])
        request = replace(REQUEST, engine=engine, body=scoped(engine, GET, b""))
        answer = replace(request, body=scoped(engine, RESPONSE, b""))
        verdicts = []
        for time_s in (5000, 1000):
            check.sent(request.signed(KEYS))
            verdicts.append(check.received(replace(answer, time=time_s).signed(KEYS), 0.0))
        assert verdicts == [None, Refusal.TIME], number


def test_of_several_requests_the_earliest_is_waited_for_no_more() -> None:
    check = UsmCheck("sha256", MASTER, most_outstanding=2)
    for number in (1, 2, 3):
        check.sent(replace(REQUEST, msg_id=number).signed(KEYS))
    found = [check.received(replace(ANSWER, msg_id=number).signed(KEYS), 0.0) for number in (1, 2, 3)]
    assert found == [Refusal.UNSOLICITED, None, None]


def search(number: int) -> V3:
    return V3(number, 0, b"", 0, 0, b"", b"", b"", scoped(b"", GET, b""))


def offered(number: int, engine: bytes, stats: int = 4, flags: int = 0) -> bytes:
    return V3(number, flags, engine, 0, 0, b"", b"", b"", report(engine, stats)).encode()


def test_after_the_first_offer_others_come_only_in_reports_to_the_same_search() -> None:
    check = UsmCheck("sha256", MASTER)
    check.sent(search(7).encode())
    assert check.received(offered(7, ENGINE, flags=AUTH), 0.0) == Refusal.REPORT
    assert check.received(offered(7, ENGINE, 5), 0.0) == Refusal.REPORT
    assert check.received(offered(7, ENGINE), 0.0) is None
    third = bytes.fromhex("80001f8880dddddddd00000000")
    for late in (offered(7, OTHER), offered(8, third), offered(7, third, 5), offered(7, ENGINE)):
        assert check.received(late, 0.0) == Refusal.UNSOLICITED
    assert check.offers == [OTHER, ENGINE]
    assert check.offers_made == 3


def test_what_a_device_reported_is_not_hidden_by_a_forged_answer_behind_it() -> None:
    check = check_with(REQUEST)
    said = replace(REQUEST, flags=0, body=report(ENGINE, 5)).encode()
    assert check.received(said, 0.0) == Refusal.REPORT
    assert check.received(replace(ANSWER, mac=bytes(24)).encode(), 0.0) == Refusal.DIGEST
    assert check.complaint().startswith("refuses the SNMPv3 request: the authentication key")


def test_a_request_is_no_answer() -> None:
    assert check_with(REQUEST).received(REQUEST.signed(KEYS), 0.0) == Refusal.MALFORMED


def test_a_time_that_is_ahead_is_learnt() -> None:
    clock = EngineClock(3, 1000, 0.0)
    assert clock.accepts(3, 1100, 0.0)
    assert [clock.accepts(3, 1100 - WINDOW_S - late, 0.0) for late in (1, 0)] == [False, True]


GUEST = V3(4711, 0, ENGINE, 3, 1000, b"guest", b"", b"", scoped(ENGINE, GET, b""))
GUESTS_ANSWER = replace(GUEST, body=scoped(ENGINE, RESPONSE, b""))


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (GUESTS_ANSWER, None),
        (replace(GUESTS_ANSWER, boots=0, time=0), None),  # without a code, its time proves nothing
        (replace(GUESTS_ANSWER, user=b"other"), Refusal.USER),
        (replace(GUESTS_ANSWER, engine=b"\x80\x00\x00\x00\x05other"), Refusal.ENGINE),
        # A device that was replaced says so under its new engine: it must be searched for anew.
        (replace(GUEST, engine=b"\x80\x00\x00\x00\x05other", body=report(b"\x80\x00\x00\x00\x05other", 4)), None),
        (replace(GUESTS_ANSWER, flags=AUTH, mac=bytes(24)), Refusal.LEVEL),
    ],
)
def test_a_user_without_a_key_gets_the_answer_of_the_engine_that_was_asked(answer: V3, refusal: Refusal | None) -> None:
    check = UsmCheck("", None)
    check.sent(GUEST.encode())
    assert check.received(answer.encode(), 0.0) is refusal


def test_of_a_device_that_has_not_answered_this_user_at_all_its_key_is_not_said_to_be_right() -> None:
    check = check_with(V3.parse(discovery_request(1, 2)))
    offer = replace(ANSWER, msg_id=1, flags=0, user=b"", mac=b"", body=report(ENGINE, 4))
    assert check.received(offer.encode(), 0.0) is None
    private = replace(REQUEST, flags=AUTH | PRIV, salt=bytes(8), body=tlv(4, bytes(40)))
    check.sent(private.signed(KEYS))
    assert "no request of this user; check the credential" in check.silence()


def test_an_authentic_answer_of_an_engine_whose_boots_are_used_up_is_refused_from_the_first_one_on() -> None:
    """RFC 3414, 3.2, 7b: it could be repeated for ever."""
    check = check_with(REQUEST)
    assert check.received(replace(ANSWER, boots=2**31 - 1).signed(KEYS), 0.0) == Refusal.TIME
    assert check.received(replace(ANSWER, boots=2**31 - 2).signed(KEYS), 0.0) is None
