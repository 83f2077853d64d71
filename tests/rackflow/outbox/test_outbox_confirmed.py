"""What a broker confirmed and then lost: kept for a while, said again once after a break, and forgotten in the end."""

import asyncio
from pathlib import Path

import pytest

from rackflow.documents import Numbers
from rackflow.outbox.confirmed import MAX_KEEP_FACTOR, SETTLE_S, Confirmed
from rackflow.outbox.disk import DiskOutbox
from tests.rackflow.outbox.test_outbox import AnyOutbox, Make, fill, in_memory, on_disk, take

KEEP_S = 60.0
SHORT_S = 0.3


@pytest.fixture(params=["memory", "disk"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A new outbox of either kind."""
    return in_memory if request.param == "memory" else lambda **more: on_disk(tmp_path / "outbox.db", **more)


async def deliver(outbox: AnyOutbox, for_s: float) -> list[bytes]:
    """Put and confirm, one after the other, until the time is over and the outbox empty; payloads in the order they came."""
    came = []
    clock = asyncio.get_running_loop().time
    until = clock() + for_s
    while clock() < until:
        fill(outbox, 1)
        async with asyncio.timeout(10):
            while outbox.stats().messages:
                message = await outbox.take()
                came.append(message.payload.strip())
                outbox.done(message.key)
        await asyncio.sleep(0.01)  # the pace of polls
    return came


def test_nothing_is_kept_where_nothing_is_to_be_kept() -> None:
    confirmed = Confirmed(0)
    assert confirmed.add(1, 5.0) == [1]
    confirmed.interrupt()
    assert confirmed.first is None
    assert confirmed.take_repeats(100.0) == []


def test_what_was_confirmed_long_enough_ago_is_forgotten() -> None:
    confirmed = Confirmed(KEEP_S)
    assert confirmed.add(1, 0.0) == confirmed.add(2, 30.0) == []
    assert confirmed.add(3, 60.0) == [1]
    assert list(confirmed) == [2, 3]


def test_after_a_break_it_is_said_again_once_the_connection_has_settled_and_nothing_is_forgotten_before() -> None:
    confirmed = Confirmed(KEEP_S)
    confirmed.add(2, 0.0)
    confirmed.add(1, 1.0)
    confirmed.interrupt()
    assert confirmed.first == 1
    assert confirmed.add(3, 1000.0) == []
    assert confirmed.take_repeats(1000.0 + SETTLE_S - 1) == []
    assert confirmed.take_repeats(1000.0 + SETTLE_S) == [2, 1, 3]
    assert len(confirmed) == 0
    assert confirmed.take_repeats(2000.0) == []


def test_a_connection_that_breaks_for_ever_does_not_make_a_message_last_for_ever() -> None:
    confirmed = Confirmed(KEEP_S)
    now_s, kept_for = 0.0, 0
    while confirmed.add(1, now_s) == []:
        confirmed.interrupt()
        now_s += SETTLE_S
        assert confirmed.take_repeats(now_s) == []
        confirmed.add(2, now_s)
        now_s += SETTLE_S
        assert 1 in confirmed.take_repeats(now_s)
        kept_for += 1
    assert kept_for == MAX_KEEP_FACTOR * KEEP_S / (2 * SETTLE_S)


def test_where_it_is_kept_for_less_than_a_connection_takes_to_settle_that_is_enough() -> None:
    confirmed = Confirmed(3.0)
    confirmed.add(1, 0.0)
    confirmed.interrupt()
    assert confirmed.take_repeats(9.0) == []  # no connection works yet
    confirmed.add(2, 10.0)
    assert confirmed.take_repeats(12.5) == []
    assert confirmed.take_repeats(13.0) == [1, 2]
    # What is said again and confirmed again is kept again.
    assert confirmed.add(1, 14.0) == []
    assert 1 in confirmed
    assert confirmed.add(2, 16.5) == []
    assert confirmed.add(3, 17.0) == [1]


def test_a_break_with_nothing_kept_brings_nothing_and_forgetting_goes_on() -> None:
    confirmed = Confirmed(3.0)
    confirmed.interrupt()
    assert confirmed.first is None
    assert confirmed.add(1, 0.0) == []
    assert confirmed.take_repeats(100.0) == []
    assert confirmed.add(2, 3.0) == [1]


def test_a_second_break_before_the_connection_settled_starts_the_time_anew() -> None:
    confirmed = Confirmed(KEEP_S)
    confirmed.add(5, 0.0)
    confirmed.interrupt()
    confirmed.add(6, 100.0)
    confirmed.interrupt()
    assert confirmed.first == 5
    confirmed.add(7, 200.0)
    assert confirmed.take_repeats(200.0 + SETTLE_S - 1) == []
    assert confirmed.take_repeats(200.0 + SETTLE_S) == [5, 6, 7]
    assert confirmed.first is None


def test_the_time_of_a_message_ends_to_the_second() -> None:
    longest_s = MAX_KEEP_FACTOR * KEEP_S
    for later_s, forgotten in ((longest_s - 1, []), (longest_s, [1])):
        confirmed = Confirmed(KEEP_S)
        confirmed.add(1, 0.0)
        confirmed.interrupt()
        confirmed.add(2, 1.0)
        assert confirmed.take_repeats(1.0 + SETTLE_S) == [1, 2]
        assert confirmed.add(1, later_s) == forgotten
        assert list(confirmed) == ([] if forgotten else [1])


def test_letting_go_gives_all_keys_and_ends_the_wait() -> None:
    confirmed = Confirmed(KEEP_S)
    confirmed.add(2, 0.0)
    confirmed.add(1, 0.0)
    confirmed.interrupt()
    assert confirmed.clear() == [2, 1]
    assert (len(confirmed), confirmed.first) == (0, None)
    confirmed.add(3, 1.0)
    assert confirmed.take_repeats(100.0) == []


async def test_a_break_brings_back_what_was_confirmed_shortly_before(make: Make) -> None:
    async with make(confirmed_s=SHORT_S) as outbox:
        fill(outbox, 3)
        for key in await take(outbox, 3):
            outbox.done(key)
        assert outbox.stats().messages == 0
        outbox.rewind()
        assert outbox.stats().messages == 0
        assert outbox.stats().account.held == [Numbers(epoch="E1", first=1, last=3)]
        came = await deliver(outbox, 2)
        assert [came.count(payload) for payload in (b"1", b"2", b"3")] == [1, 1, 1]
        assert outbox.stats().messages == 0
        assert outbox.stats().account.held == []


async def test_without_a_break_it_comes_once_and_is_gone_in_the_end(make: Make) -> None:
    async with make(confirmed_s=SHORT_S) as outbox:
        came = await deliver(outbox, 1)
        assert len(set(came)) == len(came)
        kept = outbox.stats().size_bytes
        await deliver(outbox, 1)
        assert outbox.stats().size_bytes <= kept * 1.5


async def test_it_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    async with on_disk(path, "E1", confirmed_s=SHORT_S) as outbox:
        fill(outbox, 4)
        for key in (await take(outbox, 4))[:3]:
            outbox.done(key)
        assert isinstance(outbox, DiskOutbox)
    async with on_disk(path, "E2", confirmed_s=SHORT_S) as outbox:
        assert await take(outbox, 1) == [0]  # the one that was not confirmed comes at once
        outbox.done(0)
        account = outbox.stats().account
        assert account.held == [Numbers(epoch="E1", first=1, last=4)]
        fill(outbox, 1)
        came: list[int] = []
        async with asyncio.timeout(10):
            while sorted(came)[:3] != [-3, -2, -1]:
                message = await outbox.take()
                came.append(message.key)
                outbox.done(message.key)
                if message.key > 0:
                    await asyncio.sleep(0.01)
                    fill(outbox, 1)


async def test_rather_than_drop_anything_it_lets_go_of_what_was_confirmed(make: Make) -> None:
    async with make(limit=400_000, confirmed_s=3600) as outbox:
        for _ in range(8):
            fill(outbox, 10, 10_000)
            for key in await take(outbox, 10):
                outbox.done(key)
            if isinstance(outbox, DiskOutbox):
                fill(outbox, 1)
                (key,) = await take(outbox, 1)
                assert await outbox.saved(key)
                outbox.done(key)
        assert sum(outbox.stats().dropped.values()) == 0
        assert 0 < outbox.stats().size_bytes < 400_000
