"""Walks of agents that keep their rows in an order of their own, go in circles, or never end: both engines, over the wire."""

from dataclasses import dataclass, field
from itertools import count
from typing import Literal

import pytest

from tests.agent.faulty_peers import END_OF_MIB, GET, GETBULK, FaultyAgent, Request, bind, integer, order
from tests.agent.snmp.snmp_clients import TREE, MakeClient, table, target_of

# An answer comes in milliseconds; on a busy machine pysnmp needs a second.
PATIENCE_S = 10.0
versions = pytest.mark.parametrize("version", ["1", "2c"])


@dataclass
class OrderedAgent(FaultyAgent):
    """Goes from one object to the next as `names` has them."""

    names: list[str] = field(default_factory=list)

    def _found(self, request: Request, oids: list[str]) -> list[tuple[str, bytes]]:
        if request.kind == GET:
            return super()._found(request, oids)
        (at,) = oids
        found: list[tuple[str, bytes]] = []
        for _ in range(request.repetitions if request.kind == GETBULK else 1):
            behind = [position for position, name in enumerate(self.names) if order(name) > order(at)]
            following = self.names.index(at) + 1 if at in self.names else min(behind, default=len(self.names))
            if following == len(self.names):
                return [*found, (at, END_OF_MIB)]
            at = self.names[following]
            found.append((at, self.objects[at]))
        return found


@versions
@pytest.mark.parametrize(
    "rows",
    [
        sorted(range(1, 40), key=str),
        [*range(20, 40), *range(1, 20)],
        list(reversed(range(1, 40))),
        [1, 3, 2, *range(4, 40)],
    ],
    ids=["text order", "second half first", "backwards", "two swapped"],
)
async def test_rows_out_of_order_are_all_read(
    client_of: MakeClient, version: Literal["1", "2c"], rows: list[int]
) -> None:
    names = [f"{TREE}.1.{row}" for row in rows] + [f"{TREE}.2.1"]
    async with OrderedAgent(table(39), names=names).serving() as agent:
        client = client_of(target_of(agent.port, version=version, timeout_s=PATIENCE_S))
        found = await client.walk(f"{TREE}.1")
        assert list(found.items()) == [(f"{TREE}.1.{row}", row) for row in rows]


@versions
@pytest.mark.parametrize("back_to", [1, 5, 9, 10])
async def test_a_walk_that_comes_back_to_any_row_ends(
    client_of: MakeClient, version: Literal["1", "2c"], back_to: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with FaultyAgent(table(10)).serving() as agent:

        def circle(request: Request) -> list[bytes]:
            if request.oids == [f"{TREE}.1.10"]:
                return [request.answer(bind(f"{TREE}.1.{back_to}", integer(back_to)))]
            return agent.good(request)

        agent.behaviour = circle
        client = client_of(target_of(agent.port, version=version, max_repetitions=1, timeout_s=PATIENCE_S))
        assert len(await client.walk(f"{TREE}.1")) == 10
        assert "goes in circles" in caplog.text
        assert len(agent.requests) == 11


@versions
async def test_a_table_without_end_is_read_up_to_its_limit(client_of: MakeClient, version: Literal["1", "2c"]) -> None:
    async with FaultyAgent({}).serving() as agent:
        numbers = count(1)

        def endless(request: Request) -> list[bytes]:
            rows = [next(numbers) for _ in range(request.repetitions if request.kind == GETBULK else 1)]
            return [request.answer(b"".join(bind(f"{TREE}.1.{row}", integer(row)) for row in rows))]

        agent.behaviour = endless
        client = client_of(target_of(agent.port, version=version, timeout_s=PATIENCE_S))
        assert len(await client.walk(f"{TREE}.1", 60)) == 60
        assert len(agent.requests) <= 60
