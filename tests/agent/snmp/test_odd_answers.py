"""Answers that hold something no library reads, have octets behind them, or come from elsewhere: both engines, over the wire."""

import socket
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.snmp.repair import repaired, request_id
from agent.snmp.seam import SnmpCommunity
from rackflow.errors import DeviceError, DeviceProtocolError, DeviceTimeout
from tests.agent.faulty_peers import FaultyAgent, Request, bind, elements, integer, oid_octets, tlv
from tests.agent.snmp.snmp_clients import TREE, MakeClient, target_of
from tests.jumping import LONG_TIMEOUT_S, after

versions = pytest.mark.parametrize("version", ["1", "2c"])
ODD = {
    "an unknown universal type": tlv(12, b"abc"),
    "NsapAddress": tlv(0x45, b"abc"),
    "a private type": tlv(0xC5, b"abc"),
    "a tag of several octets": b"\x9f\x81\x01\x01\x05",
    "a REAL": tlv(9, b"\x03\x31"),
    "an address of three octets": tlv(0x40, b"abc"),
    "an OBJECT IDENTIFIER without octets": b"\x06\x00",
    "a NULL with content": b"\x05\x01\x00",
    "a length beyond the message": b"\x04\x7fab",
    "a SEQUENCE": tlv(0x30, integer(1)),
}
ROWS = [f"{TREE}.1.{row}" for row in range(1, 6)]


def odd_agent(value: bytes) -> FaultyAgent:
    return FaultyAgent({oid: integer(number) for number, oid in enumerate(ROWS, 1)} | {ROWS[2]: value})


def numbers(found: dict[str, object]) -> dict[str, object]:
    return {oid: value for oid, value in found.items() if value is not None and value != b""}


GOOD = {oid: number for number, oid in enumerate(ROWS, 1) if number != 3}


@versions
@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
async def test_a_value_that_cannot_be_read_costs_its_own_object(
    client_of: MakeClient, version: Literal["1", "2c"], value: bytes
) -> None:
    if version == "1" and value[0] & 0x80:
        pytest.skip("the agent of these tests takes such a tag for an absent object, which v1 tells in another way")
    async with odd_agent(value).serving() as agent:
        for first in ("get", "walk"):
            client = client_of(target_of(agent.port, version=version))
            found = await (client.get(ROWS) if first == "get" else client.walk(f"{TREE}.1"))
            assert numbers(dict(found)) == GOOD
            assert numbers(dict(await client.get(ROWS))) == GOOD
            assert numbers(dict(await client.walk(f"{TREE}.1"))) == GOOD


@versions
@pytest.mark.parametrize("behind", [b"\0", b"zz", b"\0" * 64, b"\x30\x02\x05\x00"])
async def test_octets_behind_the_message_are_ignored(
    client_of: MakeClient, version: Literal["1", "2c"], behind: bytes
) -> None:
    async with odd_agent(integer(3)).serving() as agent:
        agent.behaviour = lambda request: [agent.good(request)[0] + behind]
        client = client_of(target_of(agent.port, version=version))
        assert list((await client.get(ROWS)).values()) == [1, 2, 3, 4, 5]
        assert list((await client.walk(f"{TREE}.1")).values()) == [1, 2, 3, 4, 5]
        following = await client.get_next(ROWS[0])
        assert following == (ROWS[1], 2)


@pytest.mark.parametrize("content", [b"\xff\xff\xff\xff", b"\0\xff\xff\xff\xff", b"\x80\0\0\0"])
async def test_an_unsigned_number_without_the_zero_in_front_is_not_negative(
    client_of: MakeClient, content: bytes
) -> None:
    async with odd_agent(tlv(0x41, content)).serving() as agent:
        client = client_of(target_of(agent.port))
        assert (await client.get(ROWS))[ROWS[2]] == int.from_bytes(content)


async def test_an_answer_from_another_port_is_named_with_the_remedy(client_of: MakeClient, engine: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        async with odd_agent(integer(3)).serving() as agent:
            own, agent.own_socket = agent.own_socket, other
            client = client_of(target_of(agent.port, timeout_s=LONG_TIMEOUT_S, retries=1))
            if engine == "pysnmp":
                assert len(await client.get(ROWS)) == 5
                return
            with pytest.raises(
                DeviceProtocolError, match=rf"answered from 127.0.0.1:{other.getsockname()[1]}.*engine: pysnmp"
            ):
                await after(lambda: len(agent.requests), client.get(ROWS))
            agent.own_socket = own
            assert len(await client.get(ROWS)) == 5


async def test_a_datagram_from_elsewhere_that_is_no_answer_to_the_request_says_nothing(
    client_of: MakeClient,
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        async with odd_agent(integer(3)).serving() as agent:
            agent.own_socket = other
            agent.behaviour = lambda request: [request.answer(request_id=b"\x01"), b"hello"]
            client = client_of(target_of(agent.port, timeout_s=LONG_TIMEOUT_S, retries=1))
            with pytest.raises(DeviceTimeout):
                await after(lambda: len(agent.requests), client.get(ROWS))


async def test_a_device_that_was_silent_once_is_asked_directly_again(client_of: MakeClient) -> None:
    """And the deadline is kept whatever comes."""
    async with odd_agent(integer(3)).serving() as agent:
        client = client_of(target_of(agent.port, timeout_s=LONG_TIMEOUT_S, retries=1))
        agent.behaviour = lambda request: agent.good(request) if len(agent.requests) % 2 == 0 else []
        for _ in range(2):
            assert len(await after(lambda: len(agent.requests), client.get(ROWS), jumps=1)) == 5
        agent.behaviour = lambda _: [b"garbage"] * 5
        with pytest.raises(DeviceError):
            await after(lambda: len(agent.requests), client.get(ROWS))


def message(*binds: bytes) -> bytes:
    pdu = integer(7) + integer(0) + integer(0) + tlv(0x30, b"".join(binds))
    return tlv(0x30, integer(1) + tlv(4, b"public") + tlv(0xA2, pdu))


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=300)), max_size=5), st.binary(max_size=20))
def test_a_repaired_answer_has_the_same_names_and_is_read_by_anybody(
    values: list[tuple[int, bytes]], behind: bytes
) -> None:
    answer = message(*(bind(f"{TREE}.{number}", tlv(tag, content)) for number, (tag, content) in enumerate(values)))
    found = repaired(answer + behind)
    assert Request.parse(found).oids == [f"{TREE}.{number}" for number in range(len(values))]
    assert len(list(elements(found))) == 1
    assert request_id(found) == b"\x07"
    assert repaired(found) == found


@given(st.binary(max_size=200))
def test_whatever_is_no_answer_stays_as_it_is(datagram: bytes) -> None:
    assert repaired(datagram) == datagram
    assert isinstance(request_id(datagram), bytes)


def test_an_answer_whose_names_cannot_be_read_is_not_repaired() -> None:
    for pair in (tlv(0x30, b""), tlv(0x30, integer(1) + integer(2)), tlv(0x30, b"\x06\x00" + integer(1)), b"\x30\x7f"):
        assert repaired(message(pair)) == message(pair)
    good = message(bind(TREE, integer(5)), tlv(0x30, oid_octets(TREE) + b"\x06\x00"))
    assert repaired(good + b"\0").endswith(b"\x04\x00")


def test_the_community_is_kept() -> None:
    assert SnmpCommunity("2c", "public").community.encode() in repaired(message(bind(TREE, b"\x06\x00")))
