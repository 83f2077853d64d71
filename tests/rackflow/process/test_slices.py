"""Long work lets others have the loop."""

import asyncio
import gc
import time
import weakref
from collections.abc import Awaitable, Callable, Generator

import pytest

from rackflow.process.slices import EACH_STEP, SHORT_S, SLICE_S, in_slices, in_turns, run_through


def busy(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def long_steps(name: str, slices: list[str], count: int = 10) -> Generator[None, None, str]:
    """Each step takes a whole slice."""
    for _ in range(count):
        slices.append(name)
        busy(SLICE_S)
        yield
    return name


async def count_turns(turns: list[int]) -> None:
    while True:
        turns[0] += 1
        await asyncio.sleep(0)


async def test_in_one_turn_of_the_loop_only_one_work_has_its_slice() -> None:
    """Three works of ten slices each: thirty slices, in as many turns of the loop at least, and fairly."""
    slices: list[str] = []
    turns = [0]
    counting = asyncio.ensure_future(count_turns(turns))
    assert await asyncio.gather(*(in_turns(long_steps(name, slices)) for name in "abc")) == ["a", "b", "c"]
    counting.cancel()
    assert turns[0] >= 30
    assert all(len(set(slices[at : at + 3])) == 3 for at in range(0, 30, 3)), slices


async def test_in_slices_nobody_is_waited_for_and_the_loop_has_a_turn_after_each() -> None:
    """An agent plans devices while their neighbours are planned: two works of ten slices need the turns of one."""
    turns = [0]
    counting = asyncio.ensure_future(count_turns(turns))
    assert await asyncio.gather(*(in_slices(long_steps(name, [])) for name in "ab")) == ["a", "b"]
    counting.cancel()
    assert 10 <= turns[0] < 15


async def test_work_that_is_cancelled_gives_its_turn_to_the_next() -> None:
    slices: list[str] = []
    first, second = (asyncio.ensure_future(in_turns(long_steps(name, slices, 1000))) for name in "ab")
    third = asyncio.ensure_future(in_turns(long_steps("c", slices, 3)))
    for _ in range(3):
        await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    async with asyncio.timeout(30):
        assert await third == "c"


async def test_work_that_fails_gives_its_turn_to_the_next() -> None:
    def failing() -> Generator[None, None, None]:
        busy(SLICE_S)
        yield
        raise ValueError("odd")

    slices: list[str] = []
    async with asyncio.timeout(30):
        found = await asyncio.gather(in_turns(failing()), in_turns(long_steps("b", slices)), return_exceptions=True)
    assert isinstance(found[0], ValueError)
    assert found[1] == "b"


async def test_works_that_are_short_share_a_turn() -> None:
    """Thirty of them are done within fewer turns than there are works."""

    def short() -> Generator[None, None, int]:
        yield
        return 1

    turns = [0]
    counting = asyncio.ensure_future(count_turns(turns))
    assert sum(await asyncio.gather(*(in_turns(short()) for _ in range(30)))) == 30
    counting.cancel()
    assert turns[0] < 30
    assert SHORT_S < SLICE_S


async def test_with_a_turn_after_each_step_nobody_is_waited_for() -> None:
    """A poll is done while long work goes on, and lets others have the loop between its steps."""
    slices: list[str] = []
    long = asyncio.ensure_future(in_turns(long_steps("long", slices, 1000)))
    await asyncio.sleep(0)
    turns = [0]
    counting = asyncio.ensure_future(count_turns(turns))

    def steps() -> Generator[None, None, str]:
        yield
        yield
        return "polled"

    assert await in_slices(steps(), EACH_STEP) == "polled"
    assert turns[0] >= 2
    assert len(slices) < 10
    counting.cancel()
    long.cancel()


def test_slices_on_another_loop_are_waited_for_by_nobody() -> None:
    """A loop that ended in the middle of its work, as in a test, holds up no later one."""

    async def unfinished() -> None:
        asyncio.ensure_future(in_turns(long_steps("a", [], 1000)))  # noqa: RUF006 - it is cancelled with its loop
        await asyncio.sleep(0)

    asyncio.run(unfinished())
    assert asyncio.run(in_turns(long_steps("b", [], 2))) == "b"


def test_a_loop_that_has_ended_is_not_kept() -> None:
    loop = asyncio.new_event_loop()
    gone = weakref.ref(loop)

    async def works() -> None:
        await asyncio.gather(*(in_turns(long_steps(name, [], 2)) for name in "ab"))

    loop.run_until_complete(works())
    loop.close()
    del loop
    gc.collect()
    assert gone() is None


def test_without_a_loop_work_is_run_through() -> None:
    assert run_through(long_steps("a", [], 2)) == "a"


@pytest.mark.parametrize("run", [in_slices, in_turns])
async def test_what_work_raises_is_passed_on(run: Callable[[Generator[None, None, None]], Awaitable[None]]) -> None:
    def failing() -> Generator[None, None, None]:
        yield
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        await run(failing())
