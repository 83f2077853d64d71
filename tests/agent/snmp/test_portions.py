"""Portions, walks and rows that answer with themselves, without a device: what is asked for, and when it ends."""

import struct
from collections.abc import Callable, Sequence

import pytest

from agent.snmp.limits import BELIEVED_S, LONGEST_BELIEVED_S, Limit
from agent.snmp.requests import (
    MAX_DOTS,
    MAX_PASSED_BY,
    OPAQUE_FLOAT,
    PortionedClient,
    octets_or_float,
)
from agent.snmp.rows import RowsSoFar, WalkedRows
from agent.snmp.seam import SnmpValue
from tests.agent.snmp.snmp_clients import target_of

TABLE = "1.3.1"
Next = Callable[[str], tuple[str, SnmpValue] | None]


class Client(PortionedClient):
    """A client whose single requests are answered here. A walk finds `first` and is stuck there."""

    def __init__(self, following: Next = lambda _: None, first: Sequence[str] = (), complete_at: int = 25) -> None:
        super().__init__(target_of(1, max_repetitions=25))
        self.following = following
        self.first = first
        self.complete_at = complete_at
        self.lowered_to: int | None = None
        self.asked: list[str] = []
        self.chunks: list[list[str]] = []
        self.walked_with: list[int] = []

    async def _next_instance(self, oid: str) -> tuple[str, SnmpValue] | None:
        self.asked.append(oid)
        return self.following(oid)

    async def _get_chunk(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        self.chunks.append(list(oids))
        if self.lowered_to is not None:
            self._varbinds = self.lowered_to
        return dict.fromkeys(oids, 1)

    async def _walk_rows(self, oid: str, limit: int) -> WalkedRows:
        self.walked_with.append(self._repetitions)
        rows = RowsSoFar("d", oid, self._repetitions)
        for row in self.first[:limit]:
            rows.add(row, 1)
        return WalkedRows(rows, self._repetitions > self.complete_at, bool(self.first))


def row(number: int) -> str:
    return f"{TABLE}.{number}"


def number_of(oid: str) -> int:
    return int(oid.split(".")[3])


def sticky(oid: str) -> tuple[str, SnmpValue]:
    """Each row is answered with itself, and the next one comes only from behind everything below it."""
    number = number_of(oid)
    return row(number + (oid.count(".") > 3)), number


def test_a_walk_goes_in_circles_when_all_rows_of_one_request_are_known() -> None:
    rows = RowsSoFar("d", TABLE, 3)
    told = [rows.add(row(number), number) for number in (1, 1, 1, 2, 1, 2, 3, 1, 2, 3)]
    assert told == [True] * 9 + [False]
    assert rows.rows == {row(number): number for number in (1, 2, 3)}


async def test_rows_that_answer_with_themselves_are_passed_by_a_bounded_number_of_times() -> None:
    client = Client(sticky, [row(1)])
    assert list(await client.walk(TABLE)) == [row(number) for number in range(1, MAX_PASSED_BY + 2)]
    assert len(client.asked) == 2 * MAX_PASSED_BY


async def test_what_is_found_behind_such_rows_counts_against_the_limit_of_a_walk() -> None:
    assert len(await Client(sticky, [row(1)]).walk(TABLE, 5)) == 5
    assert len(await Client(lambda oid: (row(number_of(oid) + 1), 1), [row(1)]).walk(TABLE, 50)) == 50


async def test_a_walk_ends_at_another_table_whose_number_begins_with_its_own() -> None:
    client = Client(lambda _: ("1.3.10.1", 1), [row(1), row(2)])
    assert list(await client.walk(TABLE)) == [row(1), row(2)]
    assert len(client.asked) == 1


async def test_nothing_is_appended_to_a_row_that_has_as_many_numbers_as_there_can_be() -> None:
    longest = TABLE + ".7" * (MAX_DOTS - 2)
    for first, asked in ((longest, 0), (longest[:-2], 1)):
        client = Client(lambda _: None, [first])
        assert list(await client.walk(TABLE)) == [first]
        assert len(client.asked) == asked


async def test_a_device_that_cannot_answer_for_many_rows_is_asked_for_half_down_to_one() -> None:
    client = Client(complete_at=1)
    await client.walk(TABLE)
    assert client.walked_with == [25, 12, 6, 3, 1]
    await client.walk(TABLE)
    assert client.walked_with[5:] == [1], "it is remembered"


async def test_a_limit_is_believed_for_an_hour_and_then_raised_walk_by_walk() -> None:
    """Lost datagrams looked like a device that cannot answer for many rows; every later plan would take a request for each row."""
    client, now_s = Client(complete_at=1), 0.0
    client._rows = Limit(25, lambda: now_s)  # noqa: SLF001
    await client.walk(TABLE)
    client.complete_at = 25
    now_s += BELIEVED_S - 1
    await client.walk(TABLE)
    assert client.walked_with == [25, 12, 6, 3, 1, 1]
    now_s += 1
    for _ in range(6):
        await client.walk(TABLE)
    assert client.walked_with[6:] == [2, 4, 8, 16, 25, 25]


async def test_a_device_that_shows_its_limit_again_and_again_is_tried_once_a_day() -> None:
    client, now_s = Client(complete_at=12), 0.0
    client._rows = Limit(25, lambda: now_s)  # noqa: SLF001
    raised_at = []
    while now_s < 5 * LONGEST_BELIEVED_S:
        client.walked_with.clear()
        await client.walk(TABLE)
        if client.walked_with != [12]:
            assert client.walked_with in ([25, 12], [24, 12])
            raised_at.append(now_s / BELIEVED_S)
        now_s += BELIEVED_S / 2
    assert raised_at == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 55.0, 79.0, 103.0]


async def test_a_limit_that_is_found_in_several_steps_is_believed_twice_as_long_and_not_more_with_each_step() -> None:
    now_s = 0.0
    limit = Limit(20, lambda: now_s)
    limit.lower(5)
    now_s += BELIEVED_S
    # Two requests for few objects, which show nothing, and then one for many.
    for _ in range(2):
        limit.raise_if_due()
    assert limit.now == 20
    for lower in (10, 5, 5, 5):
        limit.lower(lower)
    now_s += 2 * BELIEVED_S - 1
    limit.raise_if_due()
    assert limit.now == 5
    now_s += 1
    limit.raise_if_due()
    assert limit.now == 10


async def test_a_limit_of_objects_is_raised_again_too() -> None:
    client, oids, now_s = Client(), [row(number) for number in range(1, 8)], 0.0
    client._objects = Limit(7, lambda: now_s)  # noqa: SLF001
    client.lowered_to = 2
    await client.get(oids)
    client.lowered_to = None
    now_s += BELIEVED_S
    client.chunks.clear()
    for _ in range(2):
        await client.get(oids)
    assert client.chunks == [oids[:4], oids[4:], oids]


async def test_objects_are_asked_for_once_each_in_portions_that_may_become_smaller() -> None:
    client, oids = Client(), [row(number) for number in range(1, 8)]
    client.set_max_varbinds(7)
    assert await client.get(oids) == dict.fromkeys(oids, 1)
    assert await client.get([]) == {}
    client.set_max_varbinds(3)
    client.lowered_to = 2
    assert await client.get(oids) == dict.fromkeys(oids, 1)
    assert client.chunks == [oids, oids[:3], oids[3:5], oids[5:]]


@pytest.mark.parametrize("value", [1.5, -2.0, 0.0])
def test_a_float_of_net_snmp_is_one_and_other_octets_stay(value: float) -> None:
    octets = OPAQUE_FLOAT + struct.pack(">f", value)
    assert octets_or_float(octets) == value
    for other in (octets + b"\0", octets[:-1], b"\x9fy" + octets[2:], b""):
        assert octets_or_float(other) == other
