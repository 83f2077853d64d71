"""Outboxes, in memory and on disk: what was put comes out, live first, until it is confirmed; what goes is counted."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackflow.documents import Numbers, Stored
from rackflow.outbox.disk import DiskOutbox
from rackflow.outbox.memory import MemoryOutbox
from rackflow.outbox.state import Limits

AnyOutbox: TypeAlias = DiskOutbox | MemoryOutbox
Make: TypeAlias = Callable[..., AbstractAsyncContextManager[AnyOutbox]]


@asynccontextmanager
async def on_disk(
    path: Path,
    epoch: str = "E1",
    limit: int = 10_000_000,
    age_s: float = 3600,
    confirmed_s: float = 0,
    clock: Callable[[], float] = time.monotonic,
    require: Sequence[str] = (),
) -> AsyncIterator[DiskOutbox]:
    outbox = DiskOutbox(
        path, epoch, Limits(limit, age_s, confirmed_s), backlog_per_s=100_000, require=require, clock=clock
    )
    await outbox.open()
    keeping = asyncio.create_task(outbox.run(), name="outbox")
    try:
        yield outbox
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        await outbox.close()


@asynccontextmanager
async def in_memory(
    limit: int = 10_000_000,
    confirmed_s: float = 0,
    clock: Callable[[], float] = time.monotonic,
    require: Sequence[str] = (),
) -> AsyncIterator[MemoryOutbox]:
    yield MemoryOutbox("E1", limit, backlog_per_s=100_000, confirmed_s=confirmed_s, require=require, clock=clock)


@pytest.fixture(params=["memory", "disk"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A new outbox of either kind."""
    return in_memory if request.param == "memory" else lambda **more: on_disk(tmp_path / "outbox.db", **more)


def fill(outbox: AnyOutbox, count: int, size: int = 10) -> None:
    for _ in range(count):
        outbox.put("t", lambda seq: f"{seq}".encode().ljust(size), now_ms=5)


async def take(outbox: AnyOutbox, count: int) -> list[int]:
    async with asyncio.timeout(30):
        return [(await outbox.take()).key for _ in range(count)]


async def test_messages_come_in_order_and_are_forgotten_when_confirmed(make: Make) -> None:
    async with make() as outbox:
        fill(outbox, 3)
        assert await take(outbox, 3) == [1, 2, 3]
        for key in (2, 1, 3, 3):
            outbox.done(key)
        assert outbox.stats().messages == 0
        assert outbox.stats().oldest_ms == 0


async def test_what_was_in_flight_comes_again_in_order(make: Make) -> None:
    async with make() as outbox:
        fill(outbox, 4)
        await take(outbox, 3)
        outbox.done(2)
        outbox.rewind()
        assert await take(outbox, 3) == [1, 3, 4]
        assert outbox.stats().messages == 3


async def test_live_goes_before_the_backlog_and_the_account_tells_the_backlog(make: Make) -> None:
    async with make() as outbox:
        fill(outbox, 5)
        await take(outbox, 2)
        outbox.rewind()
        fill(outbox, 3)
        if isinstance(outbox, DiskOutbox):
            assert await outbox.saved(8)
        assert outbox.stats().account.undelivered == [Numbers(epoch="E1", first=1, last=5)]
        assert await take(outbox, 8) == [6, 7, 8, 1, 2, 3, 4, 5]
        for key in range(1, 9):
            outbox.done(key)
        assert outbox.stats().account.undelivered == []


async def test_what_is_in_flight_is_told_as_on_its_way(make: Make) -> None:
    """The collector would otherwise count it as missing until the broker's confirmation comes."""
    async with make() as outbox:
        fill(outbox, 3)
        assert await take(outbox, 2) == [1, 2]
        assert outbox.stats().account.undelivered == [Numbers(epoch="E1", first=1, last=2)]
        outbox.done(2)
        assert outbox.stats().account.undelivered == [Numbers(epoch="E1", first=1, last=1)]


async def test_the_age_of_the_outbox_is_that_of_its_oldest_message_and_not_of_one_that_has_just_come(
    make: Make,
) -> None:
    async with make() as outbox:
        outbox.put("t", lambda _: b"x", now_ms=30)
        assert await take(outbox, 1) == [1]
        outbox.put("t", lambda _: b"x", now_ms=40)
        assert outbox.stats().oldest_ms == 30


async def test_the_backlog_goes_out_at_its_pace_and_live_does_not_wait_for_it() -> None:
    outbox = MemoryOutbox("E1", 10_000_000, backlog_per_s=20)
    fill(outbox, 30)
    outbox.rewind()
    clock = asyncio.get_running_loop().time
    began = clock()
    assert await take(outbox, 12) == list(range(1, 13))
    assert clock() - began >= 10 / 20 * 0.9
    fill(outbox, 1)
    assert await take(outbox, 1) == [31]


async def test_a_taker_waits_for_the_next_message(make: Make) -> None:
    async with make() as outbox, asyncio.timeout(30), asyncio.TaskGroup() as group:
        taker = group.create_task(outbox.take(), name="taker")
        await asyncio.sleep(0)
        assert not taker.done()
        fill(outbox, 1)
    assert taker.result().key == 1


async def test_the_oldest_goes_when_memory_is_full_and_is_counted() -> None:
    outbox = MemoryOutbox("E1", 50)
    fill(outbox, 8)
    stats = outbox.stats()
    assert stats.dropped == {"full": 3}
    assert stats.size_bytes == 50
    assert stats.account.dropped == [Numbers(epoch="E1", first=1, last=3, reason="full")]
    assert await take(outbox, 1) == [4]


async def test_more_than_is_live_becomes_backlog_and_none_of_it_is_lost(make: Make) -> None:
    async with make() as outbox:
        fill(outbox, 5000)
        keys = await take(outbox, 5000)
        assert sorted(keys) == list(range(1, 5001))
        for key in keys:
            outbox.done(key)
        assert outbox.stats().messages == 0


STEPS = st.lists(st.sampled_from(["put", "take", "done", "rewind"]), max_size=60)


@given(STEPS, st.integers(20, 120))
@settings(deadline=None)
def test_every_message_is_held_confirmed_or_counted(steps: list[str], limit: int) -> None:
    async def scenario() -> None:
        async with in_memory(limit) as outbox:
            _, _, in_flight = await _walk(outbox, steps)
            # What is in flight may be confirmed any moment and the newest message has just come: neither is dropped.
            assert outbox.stats().size_bytes <= max(limit, 10 * (in_flight + 1))

    asyncio.run(scenario())


@given(STEPS)
@settings(max_examples=30, deadline=None)
def test_on_disk_every_message_is_held_or_confirmed_and_is_there_after_a_restart(steps: list[str]) -> None:
    async def scenario(path: Path) -> None:
        async with on_disk(path) as outbox:
            confirmed, put, _ = await _walk(outbox, steps)
        async with on_disk(path, "E2") as outbox:
            left = outbox.stats().messages
            found = await take(outbox, left)
            assert left == put - len(confirmed)
            assert sorted(key + put for key in found) == sorted(set(range(1, put + 1)) - confirmed)

    with TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder) / "outbox.db"))


async def _walk(outbox: AnyOutbox, steps: list[str]) -> tuple[set[int], int, int]:
    """Returns the keys confirmed, how many messages of 10 bytes were put, and how many are in flight."""
    taken: list[int] = []
    confirmed: set[int] = set()
    put = 0
    for step in steps:
        stats = outbox.stats()
        dropped = stats.dropped.get("full", 0)
        assert put == stats.messages + len(confirmed) + dropped
        if step == "put":
            fill(outbox, 1)
            put += 1
        elif step == "take" and stats.messages > len(taken):
            taken += await take(outbox, 1)
        elif step == "done" and taken:
            confirmed.add(taken[0])
            outbox.done(taken.pop(0))
        elif step == "rewind":
            outbox.rewind()
            taken.clear()
    return confirmed, put, len(taken)


async def test_the_backlog_goes_by_what_collectors_say(make: Make) -> None:
    now_s = 0.0
    async with make(clock=lambda: now_s) as outbox:
        fill(outbox, 3)
        await take(outbox, 3)
        outbox.confirmed(1)
        assert outbox.backlog_per_s == 100_000
        outbox.stored(Stored(agent="gw-1", collector="c", ledger="l", time=1, durable={"E1": [(1, 1)]}))
        now_s = 1.0
        outbox.confirmed(2)
        now_s = 10.0
        outbox.stored(Stored(agent="gw-1", collector="c", ledger="l", time=2, durable={"E1": [(1, 1)]}))
        assert outbox.backlog_per_s == 50_000
        outbox.rewind()
        assert outbox.backlog_per_s == 4_000
        outbox.withdrawn("c")
        assert outbox.backlog_per_s == 100_000


async def test_the_oldest_message_is_found_between_confirmed_ones() -> None:
    outbox = MemoryOutbox("E1", 10_000_000, confirmed_s=60)
    for at_ms in (10, 20, 30, 40, 50):
        outbox.put("t", lambda seq: b"%d" % seq, now_ms=at_ms)
    await take(outbox, 5)
    oldest = []
    for key in (2, 1, 4, 3, 5):
        oldest.append(outbox.stats().oldest_ms)
        outbox.confirmed(key)
    assert [*oldest, outbox.stats().oldest_ms] == [10, 10, 30, 30, 50, 0]
