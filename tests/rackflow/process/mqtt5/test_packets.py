"""Packets of MQTT 5: where one ends, and what a broker may send without harm."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackflow.process.mqtt5.packets import (
    DISCONNECT_PACKET,
    LARGEST_PACKET_BYTES,
    PINGREQ_PACKET,
    ConnAck,
    FrameSplitter,
    MalformedPacketError,
    Received,
    Will,
    as_duplicate,
    connect_packet,
    puback_packet,
    publish_packet,
    read_connack,
    read_disconnect,
    read_puback,
    read_publish,
    read_suback,
    subscribe_packet,
    unsubscribe_packet,
)
from rackflow.process.mqtt5.reasons import reason_text

PINGRESP = b"\xd0\x00"
STORED = publish_packet(7, "a/b", b"x" * 300, retain=True)


def packets_of(pieces: Sequence[bytes], splitter: FrameSplitter | None = None) -> list[bytes]:
    splitter = splitter or FrameSplitter()
    return [packet for piece in pieces for packet, _ in splitter.feed(piece)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_packets_are_the_same_in_whatever_pieces_they_come(size: int) -> None:
    packets = [puback_packet(1), STORED, PINGRESP, puback_packet(0xFFFF), STORED]
    stream = b"".join(packets)
    assert packets_of([stream[at : at + size] for at in range(0, len(stream), size)]) == packets


@pytest.mark.parametrize(
    "head",
    [
        b"\x30\xff\xff\xff\x7f",  # 256 MB, the largest that MQTT knows: to the codec, bytes are missing
        b"\x40\x81\x80\x80\x01",
        b"\x30\xff\xff\xff\xff\x01",  # a length that does not end
        b"\x30\xff\xff\xff\xff",
    ],
)
def test_a_packet_that_is_too_large_is_refused_before_it_has_come(head: bytes) -> None:
    with pytest.raises(MalformedPacketError):
        packets_of([head])
    with pytest.raises(MalformedPacketError):
        packets_of([bytes((byte,)) for byte in head])


def test_the_largest_packet_that_is_announced_is_taken_and_one_byte_more_is_not() -> None:
    def with_content(size: int) -> bytes:
        return b"\x30" + bytes((size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14)) + bytes(size)

    assert len(packets_of([with_content(LARGEST_PACKET_BYTES)])) == 1
    with pytest.raises(MalformedPacketError, match=f"{LARGEST_PACKET_BYTES} are taken"):
        packets_of([with_content(LARGEST_PACKET_BYTES + 1)[:4]])


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_whatever_comes_is_cut_into_packets_or_refused_and_little_is_kept(pieces: list[bytes]) -> None:
    splitter = FrameSplitter(largest=100)
    try:
        found = b"".join(packets_of(pieces, splitter))
    except MalformedPacketError:
        return
    stream = b"".join(pieces)
    assert stream.startswith(found)
    assert len(stream) - len(found) <= 104, "less than one packet"


@given(st.binary(max_size=60), st.sampled_from([0x30, 0x32, 0x31, 0x40, 0x90]))
def test_whatever_stands_in_a_packet_it_is_read_or_refused(content: bytes, kind: int) -> None:
    packet = bytes((kind, len(content))) + content
    for read in (read_publish, read_puback, read_suback):
        try:
            read(packet, 2)
        except MalformedPacketError:
            continue


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        (b"\x40\x02\x00\x05", (5, 0)),
        (b"\x40\x03\x01\x00\x10", (256, 0x10)),
        (b"\x40\x04\x00\x05\x87\x00", (5, 0x87)),
        # Reason codes that MQTT does not know in a PUBACK: mosquitto's for a message that is too large, and one of nobody.
        (b"\x40\x04\x00\x05\x95\x00", (5, 0x95)),
        (b"\x40\x03\x00\x05\xfe", (5, 0xFE)),
    ],
)
def test_a_confirmation_is_read_with_any_reason_code(packet: bytes, answer: tuple[int, int]) -> None:
    assert read_puback(packet, 2) == answer


def test_reason_codes_have_the_names_of_the_standard() -> None:
    assert [reason_text(code) for code in (0x87, 0x10, 0x95, 0xFE)] == [
        "Not authorized",
        "No matching subscribers",
        "Packet too large",
        "reason code 0xFE",
    ]


def test_a_message_is_read_with_or_without_an_identifier() -> None:
    assert read_publish(b"\x33\x0a\x00\x03a/b\x00\x05\x00hi", 2) == Received("a/b", b"hi", retain=True, mid=5)
    assert read_publish(b"\x30\x08\x00\x03a/b\x00hi", 2) == Received("a/b", b"hi", retain=False)


def test_properties_of_a_message_are_passed_over() -> None:
    """One of the application's (0x26), whose text is not UTF-8: the codec would panic."""
    content = b"\x00\x01a" + b"\x07\x26\x00\x01k\x00\x01\xff" + b"hi"
    assert read_publish(bytes((0x30, len(content))) + content, 2) == Received("a", b"hi", retain=False)


def test_a_topic_that_is_not_utf_8_is_empty() -> None:
    assert read_publish(b"\x32\x07\x00\x01\xff\x00\x05\x00h", 2) == Received("", b"h", retain=False, mid=5)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00", b"\x00\x09a", b"\x00\x01a", b"\x00\x01a\x00", b"\x00\x01a\x00\x00\x00x", b"\x00\x01a\x00\x05\x09x"],
    ids=["nothing", "half a length", "short topic", "no id", "half an id", "id 0", "short properties"],
)
def test_a_message_that_is_cut_short_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedPacketError):
        read_publish(bytes((0x32, len(content))) + content, 2)


def test_an_answer_to_connect_says_what_the_broker_allows() -> None:
    found = read_connack(b"\x20\x0e\x01\x00\x0b\x21\x00\x05\x27\x00\x00\x10\x00\x13\x00\x09", 2)
    assert (found.session_present, found.receive_maximum, found.packet_bytes, found.keepalive_s) == (True, 5, 4096, 9)
    assert read_connack(b"\x20\x03\x00\xf0\x00", 2).code == 0xF0, "a code that MQTT does not know"


@pytest.mark.parametrize("packet", [b"\x20\x00", b"\x20\x02\x00\x00", b"\x20\x03\x00\x10\x00", b"\xd0\x00"])
def test_an_answer_to_connect_that_is_none_is_refused(packet: bytes) -> None:
    with pytest.raises(MalformedPacketError):
        read_connack(packet, 2)


def test_a_subscription_asks_for_quality_1_and_the_retain_flag_marks_old_messages_only() -> None:
    assert subscribe_packet(1, ["a/+"]) == b"\x82\x09\x00\x01\x00\x00\x03a/+\x01"


def test_a_message_sent_again_differs_in_the_flag_alone() -> None:
    again = as_duplicate(STORED)
    assert (STORED[0], again[0]) == (0x33, 0x3B)
    assert again[1:] == STORED[1:]


def test_without_a_session_the_broker_forgets_the_former_one() -> None:
    def flags(session_expiry_s: int | None) -> int:
        packet = connect_packet(
            "me", username="u", password="p", keepalive_s=6, will=None, session_expiry_s=session_expiry_s
        )
        return packet[packet.index(b"MQTT") + 5]

    assert flags(None) == 0b1100_0010, "user, password, clean start (3.1.2.3)"
    assert flags(60) == 0b1100_0000


def test_a_connection_states_its_keepalive_its_will_and_the_largest_packet_that_it_takes() -> None:
    """Byte for byte (MQTT 5, 3.1): a will at quality 1, retained."""
    will = Will("w", b"off")
    packet = connect_packet("me", username=None, password=None, keepalive_s=0x0102, will=will, session_expiry_s=60)
    head = b"\x00\x04MQTT\x05\x2c\x01\x02"
    properties = {b"\x11" + (60).to_bytes(4), b"\x27" + LARGEST_PACKET_BYTES.to_bytes(4)}
    at = packet.index(head) + len(head)
    assert packet[at] == 10
    assert {packet[at + 1 : at + 6], packet[at + 6 : at + 11]} == properties
    assert packet[at + 11 :] == b"\x00\x02me\x00\x00\x01w\x00\x03off"


def test_every_answer_of_a_broker_to_a_client_of_quality_1_is_cut_out_and_nothing_else() -> None:
    for first in range(256):
        is_ours = first in {0x20, 0x30, 0x31, 0x32, 0x33, 0x3A, 0x3B, 0x40, 0x90, 0xB0, 0xD0, 0xE0}
        if is_ours:
            assert packets_of([bytes((first, 0))]) == [bytes((first, 0))]
        else:
            with pytest.raises(MalformedPacketError, match=f"0x{first:02X}"):
                packets_of([bytes((first, 0))])


def test_what_a_broker_leaves_out_is_the_default_of_the_standard() -> None:
    found = read_connack(b"\x20\x03\x00\x00\x00", 2)
    assert found == ConnAck(0, session_present=False, receive_maximum=65_535, packet_bytes=None, keepalive_s=None)
    assert ConnAck(0).receive_maximum == 65_535


def test_a_goodbye_of_the_broker_may_have_no_reason() -> None:
    assert read_disconnect(b"\xe0\x00", 2) == 0
    assert read_disconnect(b"\xe0\x01\x8e", 2) == 0x8E


def test_a_sign_of_life_and_a_goodbye_are_two_bytes() -> None:
    assert (PINGREQ_PACKET, DISCONNECT_PACKET) == (b"\xc0\x00", b"\xe0\x00")


def test_the_end_of_a_subscription_names_its_identifier_and_its_filters() -> None:
    """Byte for byte (MQTT 5, 3.10)."""
    assert unsubscribe_packet(0x0102, ["a/+", "b"]) == b"\xa2\x0b\x01\x02\x00\x00\x03a/+\x00\x01b"


def test_a_new_message_is_of_quality_1_and_retained_only_if_it_is_to_be() -> None:
    """Byte for byte (MQTT 5, 3.3)."""
    assert publish_packet(0x0102, "a/b", b"hi", retain=False) == b"\x32\x0a\x00\x03a/b\x01\x02\x00hi"
    assert publish_packet(0x0102, "a/b", b"hi", retain=True) == b"\x33\x0a\x00\x03a/b\x01\x02\x00hi"


def test_a_confirmation_names_its_message() -> None:
    assert puback_packet(0x0102) == b"\x40\x02\x01\x02"


def test_an_answer_to_connect_says_what_the_broker_does_not_support() -> None:
    """Maximum QoS (0x24) of 0, and Retain Available (0x25) of 0 (MQTT 5, 3.2.2.3)."""
    found = read_connack(b"\x20\x07\x00\x00\x04\x24\x00\x25\x00", 2)
    assert (found.supports_qos_1, found.supports_retained) == (False, False)
