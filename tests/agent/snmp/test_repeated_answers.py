"""Agents that answer twice, or with exceptions in the middle of a table: both engines, over the wire. Each costs nothing but itself."""

from collections.abc import Mapping
from typing import Literal

import pytest

from agent.snmp.seam import SnmpValue
from tests.agent.faulty_peers import GETBULK, NO_SUCH_INSTANCE, FaultyAgent, Request, bind
from tests.agent.snmp.snmp_clients import TREE, MakeClient, table, target_of
from tests.jumping import LONG_TIMEOUT_S

ROWS = [f"{TREE}.1.{row}" for row in range(1, 41)]
VALUES = dict(zip(ROWS, range(1, 41), strict=True))
NO_SUCH_OBJECT = b"\x80\x00"


def readable(found: Mapping[str, SnmpValue]) -> dict[str, SnmpValue]:
    return {oid: value for oid, value in found.items() if value != b""}


versions = pytest.mark.parametrize("version", ["1", "2c"])


@versions
async def test_a_second_copy_of_each_answer_costs_nothing(client_of: MakeClient, version: Literal["1", "2c"]) -> None:
    async with FaultyAgent(table(40)).serving() as agent:
        client = client_of(target_of(agent.port, version=version, timeout_s=LONG_TIMEOUT_S))
        counts = []
        for behaviour in (None, lambda request: agent.good(request) * 2):
            agent.behaviour = behaviour
            agent.requests.clear()
            for _ in range(3):
                assert await client.get(ROWS) == VALUES
                assert await client.get_next(ROWS[0]) == (ROWS[1], 2)
                assert await client.walk(f"{TREE}.1") == VALUES
            counts.append(len(agent.requests))
        assert counts[0] == counts[1]


@versions
async def test_an_answer_that_has_each_object_twice_costs_nothing(
    client_of: MakeClient, version: Literal["1", "2c"]
) -> None:
    async with FaultyAgent(table(40)).serving() as agent:

        def doubled(request: Request) -> list[bytes]:
            found = agent.found(request, request.oids)
            return [request.answer(b"".join(bind(*pair) * 2 for pair in found))]

        client = client_of(target_of(agent.port, version=version, timeout_s=LONG_TIMEOUT_S))
        counts = []
        for behaviour in (None, doubled):
            agent.behaviour = behaviour
            agent.requests.clear()
            assert await client.get(ROWS) == VALUES
            assert await client.get_next(ROWS[0]) == (ROWS[1], 2)
            assert await client.walk(f"{TREE}.1") == VALUES
            counts.append(len(agent.requests))
        # The first answer to GETNEXT shows gufo_snmp that answers must be repaired.
        assert counts[1] <= counts[0] + 1


@pytest.mark.parametrize("exception", [NO_SUCH_OBJECT, NO_SUCH_INSTANCE], ids=["noSuchObject", "noSuchInstance"])
@pytest.mark.parametrize("repetitions", [1, 20])
async def test_a_row_that_a_walk_finds_to_be_absent_costs_itself(
    client_of: MakeClient, exception: bytes, repetitions: int
) -> None:
    """RFC 3416 has no such answer to GETNEXT. An empty text, which is no reading, may stand for it."""
    async with FaultyAgent(table(40) | {ROWS[6]: exception, ROWS[25]: exception}).serving() as agent:
        client = client_of(target_of(agent.port, timeout_s=LONG_TIMEOUT_S, max_repetitions=repetitions))
        given = {oid: value for oid, value in VALUES.items() if oid not in (ROWS[6], ROWS[25])}
        for _ in range(2):
            assert readable(await client.walk(f"{TREE}.1")) == given
            assert await client.get(ROWS) == given
        agent.requests.clear()
        assert readable(await client.walk(f"{TREE}.1")) == given
        assert await client.get(ROWS) == given
        bulks = [request for request in agent.requests if request.kind == GETBULK]
        assert repetitions == 1 or len(bulks) <= 5
        assert len(agent.requests) <= (5 if repetitions > 1 else 41) + 2
