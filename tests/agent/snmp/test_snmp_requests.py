"""How many objects one GET asks for: exactly as many as the device takes, and what it refuses is asked again in halves."""

from typing import Literal

import pytest

from tests.agent.faulty_peers import GET, GETBULK, FaultyAgent
from tests.agent.snmp.snmp_clients import TREE, MakeClient, table, target_of


def oids(rows: int) -> list[str]:
    return [f"{TREE}.1.{row}" for row in range(1, rows + 1)]


def sizes(agent: FaultyAgent) -> list[int]:
    return [len(request.oids) for request in agent.requests if request.kind == GET]


@pytest.mark.parametrize(
    ("asked", "portions"),
    [
        (0, []),
        (1, [1]),
        (5, [5]),
        (6, [6]),
        (7, [6, 1]),
        (11, [6, 5]),
        (12, [6, 6]),
        (13, [6, 6, 1]),
        (20, [6, 6, 6, 2]),
    ],
)
async def test_objects_are_asked_for_in_portions_of_the_most_that_is_configured(
    client_of: MakeClient, asked: int, portions: list[int]
) -> None:
    async with FaultyAgent(table(20)).serving() as agent:
        client = client_of(target_of(agent.port, max_varbinds=6))
        found = await client.get(oids(asked))
        assert found == {oid: row for row, oid in enumerate(oids(asked), 1)}
        assert sizes(agent) == portions
        assert [oid for request in agent.requests for oid in request.oids] == oids(asked)


async def test_a_limit_holds_from_the_next_request_on(client_of: MakeClient) -> None:
    async with FaultyAgent(table(20)).serving() as agent:
        client = client_of(target_of(agent.port, max_varbinds=20))
        await client.get(oids(10))
        client.set_max_varbinds(4)
        await client.get(oids(10))
        assert sizes(agent) == [10, 4, 4, 2]


@pytest.mark.parametrize("version", ["1", "2c"])
@pytest.mark.parametrize(("most", "settled"), [(20, [20, 20]), (10, [10] * 4), (19, [10] * 4), (9, [5] * 8)])
async def test_what_a_device_takes_at_a_time_is_found_once(
    client_of: MakeClient, version: Literal["1", "2c"], most: int, settled: list[int]
) -> None:
    async with FaultyAgent(table(40), max_binds=most).serving() as agent:
        client = client_of(target_of(agent.port, version=version, max_varbinds=20))
        assert (await client.get(oids(40))).keys() == set(oids(40))
        first = len(agent.requests)
        assert first <= 60
        agent.requests.clear()
        found = await client.get(oids(40))
        assert found == {oid: row for row, oid in enumerate(oids(40), 1)}
        assert sizes(agent) == settled


@pytest.mark.parametrize(("limit", "rows"), [(1, 1), (7, 7), (19, 19), (20, 20), (30, 20)])
async def test_a_walk_ends_at_its_limit(client_of: MakeClient, limit: int, rows: int) -> None:
    async with FaultyAgent(table(20)).serving() as agent:
        client = client_of(target_of(agent.port, max_repetitions=5))
        found = await client.walk(f"{TREE}.1", limit)
        assert found == {oid: row for row, oid in enumerate(oids(rows), 1)}
        assert {request.repetitions for request in agent.requests if request.kind == GETBULK} == {5}
