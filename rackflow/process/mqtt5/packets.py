"""MQTT 5 packets as bytes. No I/O. The only module that imports `mqtt5`.

The codec writes all packets but PUBACK, and reads CONNACK, which has all that is complicated. Frames and the short answers are read
here, because mqtt5 0.8.0 is stricter than a client can afford to be, and not strict enough (no public issue for either):

* a frame that announces 256 MB is one of which some bytes are missing, so it would be waited for and kept;
* a reason code that MQTT does not know in this packet makes it unreadable. mosquitto 2.0.11 answers a message above its
  `message_size_limit` with PUBACK and 0x95, which MQTT allows elsewhere only (3.4.2.1);
* text that is not UTF-8 makes it panic. Whoever may write to `stored/+` could keep the agent from connecting with a retained message.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import mqtt5
import msgspec

from rackflow.documents import MAX_PAYLOAD_BYTES
from rackflow.errors import RackflowError
from rackflow.process.mqtt5.reasons import FAILURE

# First byte of a packet: its type, for PUBLISH without the flags in the lower half (MQTT 5, 2.1.2).
CONNACK: Final = 0x20
PUBLISH: Final = 0x30
PUBACK: Final = 0x40
SUBACK: Final = 0x90
UNSUBACK: Final = 0xB0
PINGRESP: Final = 0xD0
DISCONNECT: Final = 0xE0
# All that a client of QoS 1 may be sent, whole first bytes: PUBLISH of QoS 0 and 1, with their flags. Anything else is noticed before
# the length that follows it is waited for.
FIRST_BYTES: Final = frozenset(
    {CONNACK, 0x30, 0x31, 0x32, 0x33, 0x3A, 0x3B, PUBACK, SUBACK, UNSUBACK, PINGRESP, DISCONNECT}
)

# The largest packet taken from a broker: the largest document and 4 KiB for topic and properties. It is announced, so a broker leaves
# out what is larger (3.1.2.11.4); a packet that is larger all the same is refused as soon as its length is known.
LARGEST_PACKET_BYTES: Final = MAX_PAYLOAD_BYTES + 4096
# Four bytes of seven bits (1.5.5).
LENGTH_BYTES: Final = 4
DUP: Final = 0x08
# Identifiers have two bytes and are not 0 (2.2.1).
MAX_MID: Final = 0xFFFF


class MalformedPacketError(RackflowError):
    """The broker sent something that is not MQTT 5, or that no broker may send to a client."""


@dataclass(frozen=True, slots=True)
class Will:
    """The message that the broker publishes, retained, when the connection ends without DISCONNECT."""

    topic: str
    payload: bytes


class Received(msgspec.Struct, frozen=True, gc=False):
    """A message from the broker. `topic` is empty if it is not UTF-8.

    `mid` is its identifier if it wants a PUBACK (QoS 1), otherwise 0. `dup` says that it may have been sent before.
    """

    topic: str
    payload: bytes
    retain: bool
    mid: int = 0
    dup: bool = False


@dataclass(frozen=True, slots=True)
class ConnAck:
    """The broker's answer to CONNECT: its reason code, and what it allows (None: no limit)."""

    code: int
    session_present: bool = False
    receive_maximum: int = 0xFFFF
    packet_bytes: int | None = None
    keepalive_s: int | None = None
    supports_qos_1: bool = True
    supports_retained: bool = True


def connect_packet(  # noqa: PLR0913 - what the packet has
    client_id: str,
    *,
    username: str | None,
    password: str | None,
    keepalive_s: int,
    will: Will | None,
    session_expiry_s: int | None,
    receive_maximum: int = MAX_MID,
    packet_bytes: int = LARGEST_PACKET_BYTES,
) -> bytes:
    """CONNECT. Without `session_expiry_s`, the broker forgets a former session and ends this one with the connection.

    It is to send no more than `receive_maximum` messages that wait for PUBACK, and no packet larger than `packet_bytes`.
    """
    return mqtt5.ConnectPacket(
        client_id,
        username=username,
        password=None if password is None else password.encode(),
        clean_start=session_expiry_s is None,
        will=None
        if will is None
        else mqtt5.Will(will.topic, payload=will.payload, qos=mqtt5.QoS.AT_LEAST_ONCE, retain=True),
        keep_alive=keepalive_s,
        session_expiry_interval=session_expiry_s or 0,
        receive_max=receive_maximum,
        max_packet_size=packet_bytes,
    ).write()


def publish_packet(mid: int, topic: str, payload: bytes, *, retain: bool) -> bytes:
    """PUBLISH of QoS 1, without a topic alias."""
    return mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, retain=retain, packet_id=mid).write()


def as_duplicate(publish: bytes) -> bytes:
    """The same PUBLISH, marked as one that may have been sent before (3.3.1.1)."""
    return bytes((publish[0] | DUP,)) + publish[1:]


def puback_packet(mid: int) -> bytes:
    """PUBACK, success."""
    return bytes((PUBACK, 2, mid >> 8, mid & 0xFF))


def subscribe_packet(mid: int, filters: Sequence[str]) -> bytes:
    """SUBSCRIBE at QoS 1. Raises ValueError for a filter that MQTT does not allow."""
    # Without `retain_as_published` the flag says that a message was retained before; an agent tells old stored reports from new ones by it
    # (`agent/publish/report_reader.py`).
    wanted = [mqtt5.TopicFilter(each, max_qos=mqtt5.QoS.AT_LEAST_ONCE, retain_as_published=False) for each in filters]
    return mqtt5.SubscribePacket(mid, wanted).write()


def unsubscribe_packet(mid: int, filters: Sequence[str]) -> bytes:
    """UNSUBSCRIBE. Raises ValueError for a filter that MQTT does not allow."""
    return mqtt5.UnsubscribePacket(mid, list(filters)).write()


PINGREQ_PACKET: Final = mqtt5.PingReqPacket().write()
DISCONNECT_PACKET: Final = mqtt5.DisconnectPacket().write()


def read_connack(packet: bytes, start: int) -> ConnAck:
    """Raises MalformedPacketError."""
    code = packet[start + 1] if len(packet) > start + 1 else 0
    if code >= FAILURE:
        return ConnAck(code)
    found = _read(packet)
    if not isinstance(found, mqtt5.ConnAckPacket):
        raise MalformedPacketError("the broker's answer to CONNECT is no CONNACK")
    return ConnAck(
        code,
        found.session_present,
        found.receive_max,
        found.max_packet_size,
        found.server_keep_alive,
        supports_qos_1=found.max_qos != mqtt5.QoS.AT_MOST_ONCE,
        supports_retained=found.retain_available,
    )


def read_suback(packet: bytes, start: int) -> tuple[int, list[int]]:
    """The identifier of the SUBSCRIBE or UNSUBSCRIBE, and a reason code for each filter. Raises MalformedPacketError."""
    length, at = _length(packet, start + 2)
    if at + length > len(packet):
        raise MalformedPacketError("the broker sent the answer to a subscription that ends before its reason codes")
    return int.from_bytes(packet[start : start + 2]), list(packet[at + length :])


def read_puback(packet: bytes, start: int) -> tuple[int, int]:
    """The identifier of the PUBLISH, and the reason code, also one that MQTT does not know here. Raises MalformedPacketError."""
    length = len(packet) - start
    if length < 2:  # noqa: PLR2004 - the identifier
        raise MalformedPacketError("the broker sent a PUBACK without an identifier")
    return (packet[start] << 8) | packet[start + 1], packet[start + 2] if length > 2 else 0  # noqa: PLR2004 - as above


def read_disconnect(packet: bytes, start: int) -> int:
    """The reason code; 0 if there is none."""
    return packet[start] if len(packet) > start else 0


def read_publish(packet: bytes, start: int) -> Received:
    """A message. Its properties are not used. Raises MalformedPacketError."""
    qos = packet[0] >> 1 & 3
    begin = start + 2
    at = begin + int.from_bytes(packet[start:begin])
    topic = packet[begin:at]
    mid = 0
    if qos:
        mid = int.from_bytes(packet[at : at + 2])
        at += 2
    length, at = _length(packet, at)
    at += length
    # Slices of what is missing are shorter or empty, so one look at the end is enough.
    if at > len(packet) or (qos and not mid):
        raise MalformedPacketError("the broker sent a message that ends before its payload")
    try:
        text = topic.decode()
    except UnicodeDecodeError:
        text = ""
    return Received(text, packet[at:], bool(packet[0] & 1), mid, bool(packet[0] & DUP))


class FrameSplitter:
    """Cuts what comes from the broker into packets. Keeps one incomplete packet at most, and none larger than `largest`."""

    def __init__(self, largest: int = LARGEST_PACKET_BYTES) -> None:
        self._largest = largest
        self._partial = bytearray()
        # How many bytes the incomplete packet must have before it is worth looking at again.
        self._needed = 0

    def feed(self, data: bytes) -> Iterator[tuple[bytes, int]]:
        """Each complete packet, and where its content begins. Raises MalformedPacketError."""
        if self._partial:
            self._partial += data
            if len(self._partial) < self._needed:
                return
            data = bytes(self._partial)
            self._partial.clear()
        at, end = 0, len(data)
        while at < end:
            if data[at] not in FIRST_BYTES:
                raise MalformedPacketError(f"the broker sent what is not for a client: 0x{data[at]:02X}")
            length, start = _length(data, at + 1)
            if length > self._largest:
                raise MalformedPacketError(
                    f"the broker announces a packet of {length} bytes; {self._largest} are taken"
                )
            stop = start + length
            if stop > end:
                self._needed = stop - at
                self._partial += data[at:]
                return
            yield data[at:stop], start - at
            at = stop


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A variable byte integer, and where it ends: behind the end of `data` if it is not complete. Raises MalformedPacketError."""
    value = shift = 0
    for position in range(at, min(at + LENGTH_BYTES, len(data))):
        byte = data[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that another byte follows
            return value, position + 1
        shift += 7
    if len(data) - at >= LENGTH_BYTES:
        raise MalformedPacketError("the broker sent a length of more than four bytes")
    return 0, len(data) + 1


def _read(packet: bytes) -> mqtt5.Packet:
    try:
        return mqtt5.read(memoryview(packet))[0]
    except (ValueError, IndexError) as error:
        raise MalformedPacketError(f"the broker sent a packet that cannot be read: {error}") from error
    except BaseException as error:
        # A panic of Rust code, which PyO3 raises as a BaseException without a class to import.
        if type(error).__name__ != "PanicException":
            raise
        raise MalformedPacketError("the broker sent a packet with a text that is not UTF-8") from error
