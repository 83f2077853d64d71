"""Both SNMP engines against an agent that misbehaves on purpose: each fault costs its own request only."""

import asyncio
import struct
import time
from typing import Literal

import pytest

from rackflow.errors import DeviceError, DeviceProtocolError, DeviceTimeout
from tests.agent.conftest import BASE, Snmpd
from tests.agent.faulty_peers import GET, NULL, SNMP_FAULTS, FaultyAgent, Request, bind, integer, tlv
from tests.agent.snmp.snmp_clients import SYS_NAME, TIMEOUT_S, TREE, MakeClient, in_time, table, target_of

AUTHORIZATION_ERROR = 16


@pytest.mark.parametrize("name", SNMP_FAULTS)
async def test_each_fault_has_its_error_and_the_next_answer_is_read(
    engine: str, client_of: MakeClient, name: str
) -> None:
    """Each fault is a DeviceError within the deadline, from GET and from a walk, and the next good answer is taken."""
    behaviour, kind = SNMP_FAULTS[name]
    # pysnmp throws away in silence whatever it cannot read or match.
    kinds = kind if engine == "gufo" else (DeviceTimeout, DeviceProtocolError)
    async with FaultyAgent(table(30)).serving() as agent:
        client = client_of(target_of(agent.port))
        assert await client.get([f"{TREE}.1.1"]) == {f"{TREE}.1.1": 1}
        agent.behaviour = behaviour
        async with in_time(kinds, TIMEOUT_S):
            await client.get([f"{TREE}.1.{row}" for row in range(1, 21)])
        async with in_time(kinds, 2 * TIMEOUT_S):
            await client.walk(f"{TREE}.1")
        agent.behaviour = None
        assert await client.get([f"{TREE}.1.2", f"{TREE}.1.3"]) == {f"{TREE}.1.2": 2, f"{TREE}.1.3": 3}
        assert len(await client.walk(f"{TREE}.1")) == 30


async def test_late_answer_is_not_taken_for_the_next(client_of: MakeClient) -> None:
    """An answer behind its deadline, in front of the next one's, is thrown away; so is one behind a cancelled request."""
    late: list[bytes] = []

    async with FaultyAgent({SYS_NAME: tlv(4, b"old")}).serving() as agent:

        def keep(request: Request) -> list[bytes]:
            late.extend(agent.good(request))
            return []

        def with_late(request: Request) -> list[bytes]:
            return [*late, *agent.good(request)]

        client = client_of(target_of(agent.port))
        agent.behaviour = keep
        with pytest.raises(DeviceTimeout):
            await client.get([SYS_NAME])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get([SYS_NAME]), TIMEOUT_S / 3)
        assert len(late) == 2
        agent.behaviour, agent.objects = with_late, {SYS_NAME: tlv(4, b"new")}
        assert await client.get([SYS_NAME]) == {SYS_NAME: b"new"}


async def test_an_answer_that_waited_for_the_agent_is_no_timeout(client_of: MakeClient, shared_snmpd: Snmpd) -> None:
    """The device answers at once, while other work holds the agent's loop for longer than the device may take."""
    timeout_s = 0.6
    client = client_of(target_of(shared_snmpd.port, timeout_s=timeout_s))
    for _ in range(2):  # the second time the client's socket is open
        asyncio.get_running_loop().call_soon(time.sleep, 1.2 * timeout_s)
        assert await client.get([f"{BASE}.1.0"]) == {f"{BASE}.1.0": 42}


async def test_one_retry_outlives_one_loss(client_of: MakeClient) -> None:
    """The second datagram is answered."""
    async with FaultyAgent(table(1)).serving() as agent:
        agent.behaviour = lambda request: agent.good(request) if len(agent.requests) > 1 else []
        client = client_of(target_of(agent.port, retries=1))
        assert await client.get([f"{TREE}.1.1"]) == {f"{TREE}.1.1": 1}
        assert len(agent.requests) == 2


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_too_big_is_split_and_remembered(client_of: MakeClient, version: Literal["1", "2c"]) -> None:
    """The first time costs extra requests, the second does not."""
    async with FaultyAgent(table(40), max_binds=6).serving() as agent:
        client = client_of(target_of(agent.port, version=version, max_varbinds=20))
        oids = [f"{TREE}.1.{row}" for row in range(1, 41)]
        assert (await client.get(oids)).keys() == set(oids)
        agent.requests.clear()
        assert (await client.get(oids)).keys() == set(oids)
        assert [len(request.oids) for request in agent.requests] == [5] * 8


async def test_objects_beside_absent_ones_are_read_although_the_request_was_too_big(client_of: MakeClient) -> None:
    """Refused for size and lacking some, at once."""
    async with FaultyAgent(table(20), max_binds=6).serving() as agent:
        client = client_of(target_of(agent.port))
        oids = [f"{TREE}.1.{row}" for row in range(11, 31)]
        assert (await client.get(oids)).keys() == set(oids[:10])


async def test_what_an_answer_was_cut_short_of_is_asked_for_again(client_of: MakeClient) -> None:
    """A device that silently leaves out what does not fit is asked for the rest."""
    async with FaultyAgent(table(20)).serving() as agent:

        def first_seven(request: Request) -> list[bytes]:
            return [request.answer(b"".join(bind(oid, agent.objects[oid]) for oid in request.oids[:7]))]

        agent.behaviour = first_seven
        client = client_of(target_of(agent.port))
        oids = [f"{TREE}.1.{row}" for row in range(1, 21)]
        assert (await client.get(oids)).keys() == set(oids)


async def test_an_object_that_fails_to_be_read_costs_itself_alone(client_of: MakeClient) -> None:
    """GenErr for one object costs that object only, which is None: it exists, and has no value now."""
    async with FaultyAgent(table(20), failing={f"{TREE}.1.7"}).serving() as agent:
        client = client_of(target_of(agent.port))
        oids = [f"{TREE}.1.{row}" for row in range(1, 21)]
        assert await client.get(oids) == {oid: row for row, oid in enumerate(oids, 1)} | {f"{TREE}.1.7": None}
        agent.failing.clear()
        agent.requests.clear()
        assert len(await client.get(oids)) == 20
        assert len(agent.requests) == 1, "one object's trouble is no reason for smaller requests"


async def test_every_type_of_value_that_an_agent_can_send_is_read(client_of: MakeClient) -> None:
    """NULL, Opaque float and double, plain Opaque, unsigned 64 bit, IpAddress, negative, empty."""
    odd: dict[str, tuple[bytes, object]] = {
        f"{TREE}.1": (NULL, None),
        f"{TREE}.2": (tlv(0x44, b"\x9f\x78\x04" + struct.pack(">f", 12.5)), 12.5),
        f"{TREE}.3": (tlv(0x44, b"abc"), b"abc"),
        f"{TREE}.4": (tlv(0x46, b"\x00" + b"\xff" * 8), 2**64 - 1),
        f"{TREE}.5": (tlv(0x40, b"\x7f\x00\x00\x01"), "127.0.0.1"),
        f"{TREE}.6": (tlv(2, b"\xff"), -1),
        f"{TREE}.7": (tlv(4, b""), b""),
        f"{TREE}.8": (tlv(0x41, b"\x00\xff\xff\xff\xff"), 2**32 - 1),
        f"{TREE}.10": (tlv(0x44, b"\x9f\x79\x08" + struct.pack(">d", 230.1)), 230.1),
    }
    async with FaultyAgent({oid: wire for oid, (wire, _) in odd.items()}).serving() as agent:
        client = client_of(target_of(agent.port))
        assert await client.get([*odd, f"{TREE}.9"]) == {oid: value for oid, (_, value) in odd.items()}


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_a_float_of_net_snmp_is_one_however_it_is_asked_for(
    client_of: MakeClient, version: Literal["1", "2c"]
) -> None:
    """A walk shows what a profile is drafted from, and its label cells decide what is planned."""
    floats = {f"{TREE}.1.{row}": row + 0.5 for row in (1, 2, 3)}
    wire = {oid: tlv(0x44, b"\x9f\x78\x04" + struct.pack(">f", value)) for oid, value in floats.items()}
    async with FaultyAgent(wire).serving() as agent:
        client = client_of(target_of(agent.port, version=version))
        assert await client.get(list(floats)) == floats
        assert await client.walk(f"{TREE}.1") == floats
        assert await client.get_next(f"{TREE}.1") == (f"{TREE}.1.1", 1.5)


async def test_answers_for_other_objects_are_dropped(client_of: MakeClient) -> None:
    """An answer to our request that carries somebody else's objects brings none of them in."""
    async with FaultyAgent({}).serving() as agent:
        agent.behaviour = lambda request: [request.answer(bind(f"{TREE}.9", integer(9)))]
        client = client_of(target_of(agent.port))
        found = await client.get([f"{TREE}.1", f"{TREE}.2"])
        assert f"{TREE}.9" not in found


@pytest.mark.parametrize("max_binds", [4, 1])
async def test_walk_with_fewer_rows_at_a_time(client_of: MakeClient, max_binds: int) -> None:
    """GETBULK refused as tooBig is halved until the device copes, and stays there."""
    async with FaultyAgent(table(30), max_binds=max_binds).serving() as agent:
        client = client_of(target_of(agent.port))
        assert len(await client.walk(f"{TREE}.1")) == 30
        agent.requests.clear()
        assert len(await client.walk(f"{TREE}.1")) == 30
        assert max(request.repetitions for request in agent.requests) <= max_binds


async def test_walk_when_many_rows_look_like_silence(client_of: MakeClient) -> None:
    """Some devices never answer a GETBULK that is too much for them."""
    async with FaultyAgent(table(30)).serving() as agent:
        agent.behaviour = lambda request: agent.good(request) if request.repetitions <= 5 else []
        client = client_of(target_of(agent.port))
        assert len(await client.walk(f"{TREE}.1")) == 30


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_walk_of_a_table_that_goes_in_circles(client_of: MakeClient, version: Literal["1", "2c"]) -> None:
    """A table whose next row is an earlier one ends the walk."""
    async with FaultyAgent(table(3)).serving() as agent:

        def circle(request: Request) -> list[bytes]:
            if request.oids[-1] == f"{TREE}.1.3":
                return [request.answer(bind(f"{TREE}.1.1", integer(1)))]
            return (
                [request.answer(bind(f"{TREE}.1.{row}", integer(row))) for row in (1, 2, 3)][:1]
                if (request.oids[-1] == f"{TREE}.1")
                else agent.good(request)
            )

        agent.behaviour = circle
        client = client_of(target_of(agent.port, version=version, max_repetitions=1))
        assert len(await client.walk(f"{TREE}.1")) == 3


async def test_two_devices_do_not_mix(client_of: MakeClient) -> None:
    """The same question to two devices at once, many times."""
    async with (
        FaultyAgent({SYS_NAME: tlv(4, b"a")}).serving() as one,
        FaultyAgent({SYS_NAME: tlv(4, b"b")}).serving() as two,
    ):
        clients = [client_of(target_of(agent.port, timeout_s=5.0)) for agent in (one, two)]
        answers = await asyncio.gather(*(client.get([SYS_NAME]) for _ in range(20) for client in clients))
        assert answers == [{SYS_NAME: b"a"}, {SYS_NAME: b"b"}] * 20


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_an_object_that_the_device_denies_costs_itself(
    client_of: MakeClient, version: Literal["1", "2c"]
) -> None:
    """It says authorizationError (RFC 3416, 3) to the whole request, as for a community with a narrow view."""
    denied = f"{TREE}.1.7"
    async with FaultyAgent(table(20)).serving() as agent:

        def deny(request: Request) -> list[bytes]:
            if denied in request.oids or (request.kind != GET and request.oids[0].startswith(f"{TREE}.2")):
                at = request.oids.index(denied) + 1 if denied in request.oids else 1
                return [request.answer(status=AUTHORIZATION_ERROR, index=at)]
            return agent.good(request)

        def deny_second_table(request: Request) -> list[bytes]:
            """A GETBULK that runs into it is denied as a whole."""
            found = {oid for oid, _ in agent.found(request, request.oids)}
            return (
                [request.answer(status=AUTHORIZATION_ERROR, index=1)] if f"{TREE}.2.1" in found else agent.good(request)
            )

        agent.behaviour = deny
        client = client_of(target_of(agent.port, version=version))
        oids = [f"{TREE}.1.{row}" for row in range(1, 21)]
        found = {oid: value for oid, value in (await client.get(oids)).items() if value is not None}
        assert found.keys() == set(oids) - {denied}
        with pytest.raises(DeviceError):
            await client.get([denied])
        assert await client.walk(f"{TREE}.2") == {}
        agent.behaviour = deny_second_table
        assert len(await client.walk(f"{TREE}.1")) == 20
        agent.behaviour = deny
        # It is no reason for smaller requests of what it gives.
        agent.requests.clear()
        assert len(await client.get(oids[8:])) == 12
        assert len(agent.requests) == 1
