"""A network that loses datagrams: each loss costs a repetition, and neither the walk nor the poll."""

import asyncio
import socket
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import pytest

from agent.deadline import PollDeadline
from agent.snmp.gufo import GufoClient
from agent.snmp.pysnmp import PysnmpClient
from agent.snmp.seam import SnmpUser
from agent.snmp.tries import OF_AN_OPENING
from rackflow.errors import DeviceTimeout
from tests.agent.conftest import BASE, Snmpd
from tests.agent.faulty_peers import GETBULK, FaultyAgent, Request, tlv
from tests.agent.snmp.forger import Forger
from tests.agent.snmp.snmp_clients import SYS_NAME, TREE, table, target_of
from tests.jumping import turning

UNREADABLE = tlv(6, b"")
"""An OBJECT IDENTIFIER without octets, which gufo_snmp refuses together with all else in the answer."""
PATIENCE_S = 60.0
"""A timeout that no test waits for."""
IN_TIME_S = 45.0

either_engine = pytest.mark.parametrize("make_client", [GufoClient, PysnmpClient], ids=["gufo", "pysnmp"])
MakeClient = type[GufoClient] | type[PysnmpClient]


def answering_soon() -> AbstractAsyncContextManager[None]:
    """Devices of this process answer within some hundredths of a second by the loop's clock, however busy the machine is."""
    return turning(0.01, turns=1)


async def test_a_walk_of_a_device_whose_answers_are_repaired_survives_losses() -> None:
    async with FaultyAgent(table(50) | {f"{TREE}.3.1": UNREADABLE}).serving() as agent, answering_soon():
        client = GufoClient(target_of(agent.port, retries=1, timeout_s=2.0, max_repetitions=5))
        repaired = {f"{TREE}.3.1": b"", f"{TREE}.1.1": 1}
        assert await client.get(list(repaired)) == repaired
        agent.behaviour = lambda request: [] if len(agent.requests) % 5 == 0 else agent.good(request)
        assert await client.walk(f"{TREE}.1") == {f"{TREE}.1.{row}": row for row in range(1, 51)}
        await client.close()


@either_engine
async def test_a_device_that_answers_fast_is_asked_again_long_before_its_timeout(make_client: MakeClient) -> None:
    async with FaultyAgent(table(3)).serving() as agent, answering_soon():
        client = make_client(target_of(agent.port, retries=1, timeout_s=PATIENCE_S))
        assert await client.get([f"{TREE}.1.1"]) == {f"{TREE}.1.1": 1}
        agent.behaviour = lambda request: [] if len(agent.requests) == 2 else agent.good(request)
        async with asyncio.timeout(IN_TIME_S):
            assert await client.get([f"{TREE}.1.2"]) == {f"{TREE}.1.2": 2}
        assert len(agent.requests) == 3
        await client.close()


@either_engine
async def test_a_device_that_answers_fast_is_asked_again_early_after_a_poll_that_was_lost_as_well(
    make_client: MakeClient,
) -> None:
    async with FaultyAgent(table(3)).serving() as agent:
        client = make_client(target_of(agent.port, retries=1, timeout_s=PATIENCE_S))
        assert await client.get([f"{TREE}.1.1"]) == {f"{TREE}.1.1": 1}
        agent.behaviour = lambda _: []
        with pytest.raises(TimeoutError), PollDeadline(0.9, PATIENCE_S):
            await client.get([f"{TREE}.1.1"])
        before = len(agent.requests)
        agent.behaviour = lambda request: [] if len(agent.requests) == before + 1 else agent.good(request)
        async with asyncio.timeout(IN_TIME_S):
            assert await client.get([f"{TREE}.1.1"]) == {f"{TREE}.1.1": 1}
        await client.close()


@either_engine
async def test_a_request_of_an_opening_is_tried_again_more_often_once_the_device_has_answered(
    make_client: MakeClient,
) -> None:
    """A poll that is lost costs a few seconds, an opening all of its requests."""
    async with FaultyAgent(table(3)).serving() as agent, answering_soon():
        client = make_client(target_of(agent.port, retries=1, timeout_s=0.1))

        async def ask(lost: int, *, opening: bool, is_first: bool = False) -> int:
            """Requests that it took, with the first ones lost."""
            with PollDeadline(PATIENCE_S, PATIENCE_S, is_opening=opening):
                if not is_first:
                    assert await client.get([f"{TREE}.1.1"]) == {f"{TREE}.1.1": 1}
                agent.requests.clear()
                agent.behaviour = lambda request: [] if len(agent.requests) <= lost else agent.good(request)
                assert await client.get([f"{TREE}.1.2"]) == {f"{TREE}.1.2": 2}
                return len(agent.requests)

        usual = 2
        assert await ask(usual + OF_AN_OPENING - 1, opening=True) == usual + OF_AN_OPENING
        for opening, is_first in ((False, False), (True, True)):
            with pytest.raises(DeviceTimeout):
                await ask(usual, opening=opening, is_first=is_first)
            assert len(agent.requests) == usual
        await client.close()


@either_engine
async def test_a_late_answer_to_the_request_before_is_not_taken(make_client: MakeClient) -> None:
    late: list[bytes] = []
    async with FaultyAgent({SYS_NAME: tlv(4, b"old")}).serving() as agent, answering_soon():

        def keep_the_second(request: Request) -> list[bytes]:
            answers = agent.good(request)
            if len(agent.requests) == 2:
                late.extend(answers)
                agent.objects = {SYS_NAME: tlv(4, b"new")}
                return []
            return [*late, *answers]

        client = make_client(target_of(agent.port, retries=1, timeout_s=PATIENCE_S))
        agent.behaviour = keep_the_second
        assert await client.get([SYS_NAME]) == {SYS_NAME: b"old"}
        async with asyncio.timeout(IN_TIME_S):
            assert await client.get([SYS_NAME]) == {SYS_NAME: b"new"}
        assert len(late) == 1
        await client.close()


@either_engine
async def test_a_device_that_must_not_be_asked_again_is_not(make_client: MakeClient) -> None:
    async with FaultyAgent(table(3)).serving() as agent, answering_soon():
        client = make_client(target_of(agent.port, retries=0, timeout_s=2.0))
        assert await client.get([f"{TREE}.1.1"]) == {f"{TREE}.1.1": 1}
        agent.behaviour = lambda _: []
        with pytest.raises(DeviceTimeout):
            await client.get([f"{TREE}.1.2"])
        assert len(agent.requests) == 2
        await client.close()


class SlowCard(FaultyAgent):
    """Answers one request after the other, and takes `slow_s` for each one that `is_slow` names."""

    slow_s = 0.0
    free_at_s = 0.0

    def is_slow(self, request: Request) -> bool:
        return request.kind == GETBULK or f"{TREE}.1.9" in request.oids

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Queue one request."""
        assert self.own_socket is not None
        loop, request = asyncio.get_running_loop(), Request.parse(data)
        self.requests.append(request)
        self.free_at_s = max(self.free_at_s, loop.time()) + self.slow_s * self.is_slow(request)
        for answer in self.good(request):
            loop.call_at(self.free_at_s, self.own_socket.sendto, answer, addr)


@either_engine
async def test_a_card_that_is_slow_for_some_requests_only_is_waited_for_and_then_asked_once(
    make_client: MakeClient,
) -> None:
    """It answers the first try within the timeout, and the second one, which waits behind it, only after that."""
    agent = SlowCard(table(9))
    agent.slow_s = 1.0
    async with agent.serving(), answering_soon():
        client = make_client(target_of(agent.port, retries=1, timeout_s=1.2))
        assert await client.get([f"{TREE}.1.1"]) == {f"{TREE}.1.1": 1}
        assert await client.get([f"{TREE}.1.9"]) == {f"{TREE}.1.9": 9}
        assert len(agent.requests) == 3
        for _ in range(100):
            await client.get([f"{TREE}.1.1"])
        agent.requests.clear()
        assert await client.get([f"{TREE}.1.9"]) == {f"{TREE}.1.9": 9}
        assert len(agent.requests) == 1
        await client.close()


@either_engine
async def test_a_walk_of_a_card_that_is_fast_for_single_objects_only_asks_once_for_each_part(
    make_client: MakeClient,
) -> None:
    agent = SlowCard(table(9))
    agent.slow_s = 0.7
    async with agent.serving(), answering_soon():
        client = make_client(target_of(agent.port, retries=1, timeout_s=PATIENCE_S, max_repetitions=5))
        assert await client.get([f"{TREE}.1.1"]) == {f"{TREE}.1.1": 1}
        assert await client.walk(f"{TREE}.1") == {f"{TREE}.1.{row}": row for row in range(1, 10)}
        assert [each.kind for each in agent.requests].count(GETBULK) == 2
        await client.close()


@dataclass
class SlowForger(Forger):
    """Passes one request on after the other, and takes `slow_s` for each."""

    slow_s: float = 0.0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def _answer(self, front: socket.socket, request: bytes, agent: tuple[str, int]) -> None:
        async with self.turn:
            await asyncio.sleep(self.slow_s)
            await super()._answer(front, request, agent)


async def _until_fast(client: GufoClient, oid: str) -> None:
    """Get one object until a loss would be noticed early: on a busy machine, the first answers take too long for that."""
    timeouts = client._timeouts  # noqa: SLF001
    async with asyncio.timeout(IN_TIME_S):
        while True:
            await client.get([oid])
            if timeouts.early_s("get", asyncio.get_running_loop().time()):
                return


async def test_a_card_of_snmpv3_that_has_become_slow_is_asked_once_after_the_first_silence(shared_snmpd: Snmpd) -> None:
    """Its new sessions cannot tell an answer to a former one from silence."""
    user = SnmpUser("sha256aes", "sha256", "authauth1", "aes128", "privpriv1")
    async with SlowForger(shared_snmpd.port).serving() as forger:
        assert isinstance(forger, SlowForger)
        client = GufoClient(target_of(forger.own_port, user, retries=1, timeout_s=1.0))
        await _until_fast(client, f"{BASE}.1.0")
        forger.slow_s = 0.8
        with pytest.raises(DeviceTimeout):
            await client.get([f"{BASE}.1.0"])
        forger.slow_s = 0.0
        async with forger.turn:
            pass  # the queue of requests has been served
        assert await client.get([f"{BASE}.1.0"]) == {f"{BASE}.1.0": 42}
        # Longer than an early try waits, and far from the timeout.
        before, forger.slow_s = len(forger.requests), 0.6
        assert await client.get([f"{BASE}.1.0"]) == {f"{BASE}.1.0": 42}
        assert len(forger.requests) == before + 1
        await client.close()


async def test_a_lost_answer_of_snmpv3_over_pysnmp_is_asked_for_again_early_and_a_slow_card_once(
    shared_snmpd: Snmpd,
) -> None:
    """In the same engine: to build another takes a tenth of a second of CPU, and it would not hear a late answer."""
    user, lost = SnmpUser("sha256aes", "sha256", "authauth1", "aes128", "privpriv1"), list[bytes]()

    def lose_one(_: bytes, answer: bytes) -> list[bytes]:
        if lost:
            return [answer]
        lost.append(answer)
        return []

    async with SlowForger(shared_snmpd.port).serving() as forger:
        assert isinstance(forger, SlowForger)
        client = PysnmpClient(target_of(forger.own_port, user, retries=1, timeout_s=PATIENCE_S))
        for _ in range(20):  # the first one is slow, because pysnmp derives keys
            await client.get([f"{BASE}.1.0"])
        before, forger.on_data = len(forger.requests), lose_one
        async with asyncio.timeout(IN_TIME_S):
            assert await client.get([f"{BASE}.1.0"]) == {f"{BASE}.1.0": 42}
        assert len(forger.requests) == before + 2
        forger.slow_s = 1.5
        for expected in (4, 5):
            assert await client.get([f"{BASE}.1.0"]) == {f"{BASE}.1.0": 42}
            assert len(forger.requests) == before + expected
        await client.close()
