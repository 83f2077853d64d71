"""Deadlines while the event loop is late, on both event loops."""

import asyncio
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from agent.deadline import MAX_STRETCH, Deadline
from tests.truth.leap import run_leaping

NewLoop = Callable[[], asyncio.AbstractEventLoop]
both_loops = pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)


def run(new_loop: NewLoop, work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(work)


async def readable(end: socket.socket) -> bytes:
    """Waits for one datagram as the SNMP library does."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    loop.add_reader(end, lambda: None if future.done() else future.set_result(None))
    try:
        await future
    finally:
        loop.remove_reader(end)
    return end.recv(100)


@both_loops
def test_an_answer_that_was_there_when_the_loop_was_free_again_is_no_timeout(new_loop: NewLoop) -> None:
    async def work() -> None:
        device, agent = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        agent.setblocking(False)  # noqa: FBT003 - socket's signature
        with device, agent:

            def hold() -> None:
                device.send(b"answer")
                time.sleep(0.3)  # something holds the loop until long after the deadline

            asyncio.get_running_loop().call_soon(hold)
            with Deadline(0.1):
                assert await readable(agent) == b"answer"

    run(new_loop, work())


@both_loops
def test_what_is_silent_ends_after_its_seconds(new_loop: NewLoop) -> None:
    async def work() -> None:
        began = time.monotonic()
        with pytest.raises(TimeoutError), Deadline(0.6):  # longer than two looks
            await asyncio.Event().wait()
        assert time.monotonic() - began >= 0.59
        assert asyncio.current_task() is not None
        await asyncio.sleep(0)  # the task is not being cancelled any more

    run(new_loop, work())


@both_loops
def test_time_in_which_the_loop_was_held_does_not_count(new_loop: NewLoop) -> None:
    async def work() -> None:
        answer = asyncio.Event()

        def hold() -> None:
            time.sleep(0.6)
            asyncio.get_running_loop().call_later(0.1, answer.set)

        asyncio.get_running_loop().call_later(0.05, hold)
        with Deadline(0.6):  # 0.75 s by the clock, 0.15 s of them with a loop that could read
            await answer.wait()

    run(new_loop, work())


async def test_a_loop_that_is_always_late_ends_a_deadline_all_the_same() -> None:
    over = False

    def hold() -> None:
        time.sleep(0.05)
        if not over:
            asyncio.get_running_loop().call_soon(hold)

    hold()
    began = time.monotonic()
    with pytest.raises(TimeoutError), Deadline(0.1):
        await asyncio.Event().wait()
    over = True
    assert time.monotonic() - began >= 0.1
    assert MAX_STRETCH == 3


def test_it_goes_by_the_clock_of_its_loop() -> None:
    """Two minutes on a loop whose clock leaps to the next timer."""

    async def work() -> float:
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError), Deadline(120.0):
            await asyncio.Event().wait()
        return asyncio.get_running_loop().time() - began

    assert run_leaping(work()) == pytest.approx(120.0)


async def test_a_cancellation_from_outside_stays_one() -> None:
    async def wait() -> None:
        with Deadline(5.0):
            await asyncio.Event().wait()

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_of_two_deadlines_the_shorter_one_ends() -> None:
    with pytest.raises(TimeoutError), Deadline(0.05), Deadline(5.0):
        await asyncio.Event().wait()
    with Deadline(5.0):
        with pytest.raises(TimeoutError), Deadline(0.05):
            await asyncio.Event().wait()
        await asyncio.sleep(0)


async def test_an_error_of_the_block_is_passed_on() -> None:
    with pytest.raises(ValueError, match="odd"), Deadline(5.0):
        raise ValueError("odd")


def test_a_deadline_needs_a_task() -> None:
    with pytest.raises(RuntimeError), Deadline(1.0):
        pass
