"""What a hostile device does with its answers, as Hypothesis strategies: SNMP messages taken apart or broken, and Modbus frames."""

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.agent.faulty_peers import elements, integer, oid_octets, tlv

Spoil = Callable[[bytes], list[bytes]]
"""Gets the right answer and returns the datagrams or frames that are sent in its place."""

# Content that has ended a poller or cost it dearly elsewhere: empty, longer than any field, not a number, not UTF-8, and numbers
# at the ends of their types.
TEXTS = (
    *(b"", b"\x00", b"\xff\xfe\xc0\x80", b"inf", b"-inf", b"nan", b"NaN", b"1e400", b"-0", b"9" * 400, b"0x7fffffff"),
    *(
        b"2147483647",
        b"1.2.3",
        b" 12 C ",
        b"on",
        b"\x1b[2J",
        "\u202e\u0661\u0662".encode(),
        b"A" * 64_000,
        b"{}",
        b",=\n",
    ),
)
INTEGERS = (
    0,
    1,
    -1,
    127,
    128,
    255,
    32767,
    65535,
    2**31 - 1,
    -(2**31),
    2**32 - 1,
    2**63 - 1,
    -(2**63),
    2**64 - 1,
    2**200,
)
# Universal, application-wide and context tags of SNMP (RFC 2578, RFC 3416), and some that SNMP does not know.
TAGS = (
    1,
    2,
    4,
    5,
    6,
    9,
    0x30,
    0x40,
    0x41,
    0x42,
    0x43,
    0x44,
    0x45,
    0x46,
    0x47,
    0x7F,
    0x80,
    0x81,
    0x82,
    0xA2,
    0x9F,
    0xFF,
)
OPAQUE_FLOATS = tuple(b"\x9f\x78\x04" + struct.pack(">f", each) for each in (float("inf"), float("nan"), 3e38, 1e-45))

values = st.one_of(
    st.builds(tlv, st.sampled_from(TAGS), st.sampled_from(TEXTS)),
    st.builds(tlv, st.sampled_from(TAGS), st.binary(max_size=40)),
    st.sampled_from(INTEGERS).map(integer),
    st.sampled_from(OPAQUE_FLOATS).map(lambda octets: tlv(0x44, octets)),
    st.sampled_from(["0.0", "1.3", f"1.3{'.4294967295' * 126}", "1.3.6.1.4.1.8072.3.2.10"]).map(oid_octets),
    st.just(b"\x06\x00"),
)


@dataclass(frozen=True, slots=True)
class Replace:
    """Replaces one binding of the answer; `part` is which half of it, the object or the value."""

    at: int
    part: str
    content: bytes

    def __call__(self, answer: bytes) -> list[bytes]:
        pairs, rebuild = taken_apart(answer)
        if not pairs:
            return [answer]
        oid, value = pairs[self.at % len(pairs)]
        pairs[self.at % len(pairs)] = (self.content, value) if self.part == "oid" else (oid, self.content)
        return [rebuild(pairs)]


@dataclass(frozen=True, slots=True)
class Rearrange:
    """Turns the order of the bindings round, repeats them, or leaves all but the first out."""

    how: str

    def __call__(self, answer: bytes) -> list[bytes]:
        pairs, rebuild = taken_apart(answer)
        return [rebuild({"reverse": pairs[::-1], "repeat": pairs * 20, "first": pairs[:1], "none": []}[self.how])]


@dataclass(frozen=True, slots=True)
class Status:
    """Error status and index (RFC 3416, 3), with the bindings as they were."""

    status: int
    index: int

    def __call__(self, answer: bytes) -> list[bytes]:
        pairs, rebuild = taken_apart(answer)
        return [rebuild(pairs, self.status, self.index)]


@dataclass(frozen=True, slots=True)
class Damage:
    """Flips bits, cuts the end off or adds to it; `seed` decides where."""

    seed: int
    flips: int
    cut: bool
    tail: bytes

    def __call__(self, answer: bytes) -> list[bytes]:
        chance = random.Random(self.seed)  # noqa: S311 - repeatable, not secret
        octets = bytearray(answer)
        for _ in range(self.flips if octets else 0):
            octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)
        if self.cut:
            del octets[chance.randrange(len(octets) + 1) :]
        return [bytes(octets) + self.tail]


def intact(answer: bytes) -> list[bytes]:
    return [answer]


def nothing(_: bytes) -> list[bytes]:
    return []


def flood(answer: bytes) -> list[bytes]:
    return [answer] * 50


damage = st.builds(
    Damage, st.integers(0, 2**32), st.integers(0, 4), st.booleans(), st.sampled_from([b"", b"\x00", b"\xff" * 300])
)
either_way = st.one_of(
    st.just(intact),
    st.just(nothing),
    st.just(flood),
    damage,
    st.binary(max_size=200).map(lambda some: lambda _: [some]),
)
snmp_spoils: st.SearchStrategy[Spoil] = st.one_of(
    st.just(intact),
    st.builds(Replace, st.integers(0, 30), st.just("value"), values),
    st.builds(Replace, st.integers(0, 30), st.just("value"), values),
    st.builds(Replace, st.integers(0, 30), st.just("oid"), values),
    st.builds(Rearrange, st.sampled_from(["reverse", "repeat", "first", "none"])),
    st.builds(Status, st.integers(-2, 20), st.integers(-2, 30)),
    either_way,
)


@dataclass(frozen=True, slots=True)
class Words:
    """Fills the registers of an answer with one pattern: NaN, infinities, sentinels."""

    pattern: bytes

    def __call__(self, answer: bytes) -> list[bytes]:
        # Modbus application protocol 1.1b3, 6.3: header of 7 octets, function, count of octets, then the registers.
        head, body = answer[:9], answer[9:]
        return [head + (self.pattern * len(body))[: len(body)]]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuses the request with an exception code."""

    code: int

    def __call__(self, answer: bytes) -> list[bytes]:
        if len(answer) < 8:
            return [answer]
        return [b"".join((answer[:4], b"\x00\x03", answer[6:7], bytes((answer[7] | 0x80, self.code))))]


FLOATS = (float("nan"), float("inf"), float("-inf"), 3.4e38, -3.4e38, 1e-45, -0.0)
PATTERNS = (
    *(struct.pack(">f", each) for each in FLOATS),
    *(b"\xff\xff", b"\x7f\xff", b"\x80\x00", b"\x00\x00", b"\x7f\xc0\x00\x00", b"\xff\xfe", b"\x00\x80"),
)
modbus_spoils: st.SearchStrategy[Spoil] = st.one_of(
    st.just(intact),
    st.sampled_from(PATTERNS).map(Words),
    st.binary(min_size=1, max_size=8).map(Words),
    st.integers(0, 255).map(Refuse),
    either_way,
)


def taken_apart(answer: bytes) -> tuple[list[tuple[bytes, bytes]], Callable[..., bytes]]:
    """The bindings of a v1 or v2c response as (object, value) in BER, and a function that makes a response of others."""
    ((_, message),) = elements(answer)
    (_, version), (_, community), (kind, pdu) = elements(message)
    (_, number), (_, status), (_, index), (_, binds) = elements(pdu)
    pairs = [(tlv(*oid), tlv(*value)) for _, pair in elements(binds) for oid, value in [tuple(elements(pair))]]

    def rebuild(pairs: Sequence[tuple[bytes, bytes]], status_: int | None = None, index_: int | None = None) -> bytes:
        head = tlv(2, number)
        head += tlv(2, status) if status_ is None else integer(status_)
        head += tlv(2, index) if index_ is None else integer(index_)
        body = b"".join(tlv(0x30, oid + value) for oid, value in pairs)
        return tlv(0x30, tlv(2, version) + tlv(4, community) + tlv(kind, head + tlv(0x30, body)))

    return pairs, rebuild
