"""MQTT 5 packets for benchmarks that publish at QoS 1: encoded and found by hand, without properties, errors or state.

The benchmarks measure Rackflow's own MQTT code or compare something with it, so they do not use it. Nothing is checked here: the peer is
a mosquitto that the benchmark started. Section numbers are those of MQTT 5.
"""

# Kinds of packets, the high half of the first octet (2.1.2).
CONNACK, PUBLISH, PUBACK = 2, 3, 4
KEEPALIVE_S = 60
MAX_PACKET_ID = 65_535


def connect(client_id: str) -> bytes:
    """CONNECT with a clean start (3.1)."""
    clean_start = b"\x02"
    return _packet(
        0x10, _text("MQTT") + b"\x05" + clean_start + KEEPALIVE_S.to_bytes(2, "big") + b"\x00" + _text(client_id)
    )


def subscribe(topic_filter: str) -> bytes:
    """SUBSCRIBE to one filter at QoS 0, with packet identifier 1 (3.8)."""
    return _packet(0x82, b"\x00\x01\x00" + _text(topic_filter) + b"\x00")


def publish(topic: str, packet_id: int, payload: bytes, *, retain: bool = False) -> bytes:
    """PUBLISH at QoS 1 (3.3)."""
    return _packet(0x33 if retain else 0x32, _text(topic) + packet_id.to_bytes(2, "big") + b"\x00" + payload)


def first_packet(data: bytes | bytearray, start: int = 0) -> tuple[int, int, int] | None:
    """The first packet from `start` on: its first octet, and start and end of its body. None while it is not complete."""
    number, at = 0, start + 1
    while at < len(data):
        number |= (data[at] & 0x7F) << 7 * (at - start - 1)
        at += 1
        if not data[at - 1] & 0x80:
            return (data[start], at, at + number) if len(data) >= at + number else None
    return None


def _packet(first_octet: int, body: bytes) -> bytes:
    return bytes((first_octet,)) + _length(len(body)) + body


def _text(text: str) -> bytes:
    octets = text.encode()
    return len(octets).to_bytes(2, "big") + octets


def _length(number: int) -> bytes:
    """A variable byte integer (1.5.5)."""
    octets = bytearray()
    while True:
        number, octet = number >> 7, number & 0x7F
        octets.append(octet | (0x80 if number else 0))
        if not number:
            return bytes(octets)
