"""A timeout that a standstill of the process does not end."""

import asyncio
import time
from collections.abc import Callable

import pytest
import uvloop

from rackflow.process.within import SLICE_S, within

both_loops = pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)


@both_loops
@pytest.mark.parametrize("after", [0.1, 1.5])
def test_a_standstill_is_no_silence(after: float, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def work() -> None:
        loop, answer = asyncio.get_running_loop(), asyncio.Event()

        def stand_still() -> None:
            time.sleep(5 * SLICE_S)
            # The broker's answer to what could only be sent now.
            loop.call_soon(loop.call_later, SLICE_S / 5, answer.set)

        async with within(4 * SLICE_S):
            loop.call_later(after * SLICE_S, stand_still)
            await answer.wait()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(work())


@both_loops
@pytest.mark.parametrize("slices", [0.2, 2.0, 2.4])
def test_a_silence_ends_after_its_seconds(slices: float, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def work() -> float:
        began_s = time.monotonic()
        with pytest.raises(TimeoutError):
            async with within(slices * SLICE_S):
                await asyncio.Event().wait()
        return time.monotonic() - began_s

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(work()) >= 0.99 * slices * SLICE_S


async def test_what_is_done_in_time_is_not_ended_later() -> None:
    async with within(SLICE_S / 5):
        pass
    await asyncio.sleep(SLICE_S)
