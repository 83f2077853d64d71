"""Walks of agents that keep their rows in an order of their own, go in circles, or never end: both engines, over the wire."""

from dataclasses import dataclass, field
from itertools import count
from typing import Literal

import pytest

from agent.snmp import rows as rows_of_walks
from rackflow.errors import DeviceProtocolError
from tests.agent.faulty_peers import END_OF_MIB, GET, GETBULK, FaultyAgent, Request, bind, integer, order, tlv
from tests.agent.snmp.snmp_clients import TREE, MakeClient, table, target_of

# An answer comes in milliseconds; on a busy machine pysnmp needs a second.
PATIENCE_S = 10.0
versions = pytest.mark.parametrize("version", ["1", "2c"])


@dataclass
class OrderedAgent(FaultyAgent):
    """Goes from one object to the next as `names` has them."""

    names: list[str] = field(default_factory=list)

    def found(self, request: Request, oids: list[str]) -> list[tuple[str, bytes]]:
        if request.kind == GET:
            return super().found(request, oids)
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
        # One more: behind the last row there is no other.
        assert len(agent.requests) == 12


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


@versions
@pytest.mark.parametrize("repetitions", [1, 5, 25])
async def test_a_row_that_is_answered_with_itself_costs_no_row_behind_it(
    client_of: MakeClient, version: Literal["1", "2c"], repetitions: int
) -> None:
    """The agent's GETNEXT for row 4 gives row 4 again, and goes on only from behind everything below it."""
    async with FaultyAgent(table(10)).serving() as agent:

        def stuck(request: Request) -> list[bytes]:
            if request.oids == [f"{TREE}.1.4"]:
                return [request.answer(bind(f"{TREE}.1.4", integer(4)))]
            if request.kind == GETBULK:
                rows = [row for row in range(1, 11) if order(f"{TREE}.1.{row}") > order(request.oids[0])]
                rows = [row for row in rows if row <= 4 or order(request.oids[0]) > order(f"{TREE}.1.4")]
                return [request.answer(b"".join(bind(f"{TREE}.1.{row}", integer(row)) for row in rows))]
            return agent.good(request)

        agent.behaviour = stuck
        client = client_of(target_of(agent.port, version=version, max_repetitions=repetitions, timeout_s=PATIENCE_S))
        assert len(await client.walk(f"{TREE}.1")) == 10


async def test_what_stands_behind_such_a_row_counts_against_the_size_of_a_walk(
    client_of: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_of_walks, "MAX_WALK_BYTES", 700)
    rows = {f"{TREE}.1.{row}": tlv(4, b"x" * 100) for row in range(1, 11)}
    async with FaultyAgent(rows).serving() as agent:

        def stuck(request: Request) -> list[bytes]:
            if request.oids == [f"{TREE}.1.4"]:
                return [request.answer(bind(f"{TREE}.1.4", rows[f"{TREE}.1.4"]))]
            return agent.good(request)

        agent.behaviour = stuck
        client = client_of(target_of(agent.port, max_repetitions=1, timeout_s=PATIENCE_S))
        with pytest.raises(DeviceProtocolError, match="sends more than"):
            await client.walk(f"{TREE}.1")


async def test_a_row_that_stands_twice_in_an_answer_ends_no_walk(client_of: MakeClient) -> None:
    async with FaultyAgent(table(10)).serving() as agent:

        def doubled(request: Request) -> list[bytes]:
            if request.kind != GETBULK or order(request.oids[0]) >= order(f"{TREE}.1.10"):
                return agent.good(request)
            rows = [row for row in range(1, 11) if order(f"{TREE}.1.{row}") > order(request.oids[0])]
            return [request.answer(b"".join(bind(f"{TREE}.1.{row}", integer(row)) * 2 for row in rows[:3]))]

        agent.behaviour = doubled
        client = client_of(target_of(agent.port, timeout_s=PATIENCE_S))
        found = await client.walk(f"{TREE}.1")
        assert found == {f"{TREE}.1.{row}": row for row in range(1, 11)}
        # Three rows, twice each, at a time; nothing is asked for one by one.
        assert len(agent.requests) <= 6


async def test_fewer_repetitions_than_were_asked_for_cost_no_row(client_of: MakeClient) -> None:
    async with FaultyAgent(table(10)).serving() as agent:

        def two(request: Request) -> list[bytes]:
            if request.kind != GETBULK:
                return agent.good(request)
            names = sorted(agent.objects, key=order)
            behind = [name for name in names if order(name) > order(request.oids[0])][:2]
            return [request.answer(b"".join(bind(name, agent.objects[name]) for name in behind))]

        agent.behaviour = two
        client = client_of(target_of(agent.port, timeout_s=PATIENCE_S))
        assert len(await client.walk(f"{TREE}.1")) == 10
