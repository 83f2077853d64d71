"""The outbox in memory: order, confirmation, rewinding, and what goes when it is full."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from rackflow.outbox import MemoryOutbox


def fill(outbox: MemoryOutbox, count: int, size: int = 10) -> None:
    for _ in range(count):
        outbox.put("t", lambda seq: f"{seq}".encode().ljust(size), now_ms=5)


async def test_messages_come_in_order_and_are_forgotten_when_confirmed() -> None:
    outbox = MemoryOutbox(1000)
    fill(outbox, 3)
    assert [(await outbox.take()).seq for _ in range(3)] == [1, 2, 3]
    for seq in (2, 1, 3, 3):
        outbox.done(seq)
    assert outbox.stats().messages == 0
    assert outbox.stats().size_bytes == 0
    assert outbox.stats().last_seq == 3


async def test_what_was_in_flight_comes_again_in_order() -> None:
    outbox = MemoryOutbox(1000)
    fill(outbox, 4)
    for _ in range(3):
        await outbox.take()
    outbox.done(2)
    outbox.rewind()
    assert [(await outbox.take()).seq for _ in range(3)] == [1, 3, 4]


async def test_a_taker_waits_for_the_next_message() -> None:
    outbox = MemoryOutbox(1000)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        taker = group.create_task(outbox.take(), name="taker")
        await asyncio.sleep(0)
        assert not taker.done()
        fill(outbox, 1)
    assert taker.result().seq == 1


async def test_the_oldest_goes_when_it_is_full_and_is_counted() -> None:
    outbox = MemoryOutbox(50)
    fill(outbox, 8)
    stats = outbox.stats()
    assert stats.dropped == {"full": 3}
    assert stats.size_bytes == 50
    assert (await outbox.take()).seq == 4


@given(st.lists(st.sampled_from(["put", "take", "done", "rewind"]), max_size=60), st.integers(20, 120))
def test_every_message_is_held_confirmed_or_counted(steps: list[str], limit: int) -> None:
    async def scenario() -> None:
        outbox = MemoryOutbox(limit)
        taken: list[int] = []
        confirmed = 0
        for step in steps:
            before = outbox.stats()
            if step == "put":
                fill(outbox, 1)
            elif step == "take" and before.messages > len(taken):
                async with asyncio.timeout(1):
                    taken.append((await outbox.take()).seq)
            elif step == "done" and taken:
                outbox.done(taken.pop(0))
                confirmed += before.messages - outbox.stats().messages
            elif step == "rewind":
                outbox.rewind()
                taken.clear()
            stats = outbox.stats()
            assert stats.last_seq == stats.messages + confirmed + stats.dropped["full"]
            assert stats.size_bytes <= max(limit, 10)
            taken = taken if stats.messages >= len(taken) else taken[-stats.messages :] if stats.messages else []

    asyncio.run(scenario())
