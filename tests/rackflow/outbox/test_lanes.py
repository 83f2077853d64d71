"""The order in which messages leave an outbox, and the pace of what an outage left behind: by a clock that the test turns."""

import asyncio

import pytest

from rackflow.outbox import Message
from rackflow.outbox.lanes import MAX_LIVE, Lanes, TokenBucket

UNBOUNDED_PER_S = 1e9


def message(key: int) -> Message:
    return Message(key, "t", b"x", 5)


def lanes_with(live: int, backlog: int, per_s: float = UNBOUNDED_PER_S) -> tuple[Lanes, list[str]]:
    """Backlog from 1 on, live from 101 on; and what is asked for is noted."""
    asked: list[str] = []
    lanes = Lanes(lambda: per_s, lambda: asked.append("more"))
    lanes.backlog.update((key, message(key)) for key in range(1, backlog + 1))
    for key in range(101, 101 + live):
        assert lanes.push(message(key)) is None
    return lanes, asked


async def take(lanes: Lanes, count: int) -> list[int]:
    async with asyncio.timeout(30):
        return [(await lanes.take()).key for _ in range(count)]


def test_a_pace_gives_a_tenth_of_a_second_at_once_and_then_one_by_one() -> None:
    pace = TokenBucket(20)
    assert [pace.take(100.0) for _ in range(3)] == [0, 0, pytest.approx(0.05)]
    assert pace.take(100.03125) == pytest.approx(0.01875)
    assert pace.take(100.0625) == 0
    assert pace.take(100.0625) == pytest.approx(0.0375)


def test_what_a_pace_saves_up_is_bounded() -> None:
    pace = TokenBucket(20)
    assert [pace.take(100.0) for _ in range(2)] == [0, 0]
    assert [pace.take(500.0) for _ in range(3)] == [0, 0, pytest.approx(0.05)]


def test_a_slow_pace_still_gives_one_at_once() -> None:
    pace = TokenBucket(0.5)
    assert pace.take(7.0) == 0
    assert pace.take(7.0) == pytest.approx(2.0)
    assert pace.take(8.0) == pytest.approx(1.0)
    assert pace.take(9.0) == 0


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    pace = TokenBucket(10)
    assert pace.take(5.0) == 0
    assert pace.take(4.0) == pytest.approx(0.1)


async def test_live_goes_first_and_the_oldest_of_each_lane_first() -> None:
    lanes, _ = lanes_with(live=3, backlog=2)
    assert await take(lanes, 5) == [101, 102, 103, 1, 2]
    assert list(lanes.in_flight) == [101, 102, 103, 1, 2]
    assert not lanes.live
    assert not lanes.backlog


async def test_more_backlog_is_asked_for_when_the_last_of_it_leaves_and_not_before() -> None:
    lanes, asked = lanes_with(live=1, backlog=2)
    assert await take(lanes, 2) == [101, 1]
    assert asked == []
    assert await take(lanes, 1) == [2]
    assert asked == ["more"]


async def test_backlog_waits_for_its_pace_and_live_does_not() -> None:
    lanes, _ = lanes_with(live=0, backlog=3, per_s=0.001)
    assert await take(lanes, 1) == [1]
    waiting = asyncio.create_task(lanes.take(), name="taker")
    await asyncio.sleep(0)
    assert not waiting.done()
    lanes.push(message(101))
    async with asyncio.timeout(30):
        assert (await waiting).key == 101
    assert list(lanes.backlog) == [2, 3]


async def test_a_taker_is_woken_for_backlog_that_appears_and_waiting_has_cost_it_nothing() -> None:
    lanes, _ = lanes_with(live=1, backlog=0, per_s=0.001)
    assert await take(lanes, 1) == [101]
    waiting = asyncio.create_task(lanes.take(), name="taker")
    await asyncio.sleep(0)
    lanes.backlog[7] = message(7)
    lanes.wake()
    async with asyncio.timeout(30):
        assert (await waiting).key == 7


async def test_backlog_goes_at_the_rate_of_the_moment() -> None:
    """Collectors that have become quicker get it at once, and slower ones are not flooded at the rate of the start."""
    rate_per_s = [0.001]
    lanes = Lanes(lambda: rate_per_s[0], lambda: None)
    lanes.put_first([message(1), message(2), message(3)])
    assert await take(lanes, 1) == [1]
    waiting = asyncio.create_task(lanes.take(), name="taker")
    await asyncio.sleep(0)
    assert not waiting.done()
    rate_per_s[0] = 1e9
    lanes.wake()
    async with asyncio.timeout(30):
        assert (await waiting).key == 2


async def test_a_pause_that_is_over_is_enough_for_backlog_to_go_on() -> None:
    lanes, _ = lanes_with(live=0, backlog=4, per_s=50)
    assert await take(lanes, 4) == [1, 2, 3, 4]


def test_one_too_many_that_is_live_pushes_the_oldest_out() -> None:
    lanes = Lanes(lambda: 1.0, lambda: None)
    for key in range(1, MAX_LIVE + 1):
        assert lanes.push(message(key)) is None
    assert lanes.push(message(MAX_LIVE + 1)) == message(1)
    assert len(lanes.live) == MAX_LIVE
    assert 1 not in lanes
    assert 2 in lanes


async def test_letting_go_gives_all_three_lanes_by_key() -> None:
    lanes, _ = lanes_with(live=2, backlog=2)
    assert await take(lanes, 1) == [101]
    assert [each.key for each in lanes.clear()] == [1, 2, 101, 102]
    assert not any((lanes.in_flight, lanes.live, lanes.backlog))


async def test_a_message_is_taken_out_of_whichever_lane_it_is_in() -> None:
    lanes, _ = lanes_with(live=2, backlog=2)
    await take(lanes, 1)
    assert all(key in lanes for key in (1, 2, 101, 102))
    for key in (101, 102, 2, 2):
        lanes.drop(key)
        assert key not in lanes
    assert list(lanes.backlog) == [1]
