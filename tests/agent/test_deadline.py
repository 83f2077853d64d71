"""Deadlines while the event loop is late, on both event loops, and those of polls."""

import asyncio
import math
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from agent.deadline import MAX_STRETCH, Deadline, PollDeadline, note_answer, waiting_for_turn
from tests.servers.waiting import PATIENCE_S
from tests.truth.leap import run_leaping

NewLoop = Callable[[], asyncio.AbstractEventLoop]
both_loops = pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)


def run(new_loop: NewLoop, work: Coroutine[Any, Any, None]) -> None:
    """Runs a test, which fails if a deadline never ends what it is of."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(asyncio.wait_for(work, PATIENCE_S))


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


async def answered_after_a_hold() -> None:
    """0.75 s by the clock, 0.15 s of them with a loop that could read."""
    loop, answer = asyncio.get_running_loop(), asyncio.Event()

    def hold() -> None:
        time.sleep(0.6)
        loop.call_later(0.1, answer.set)

    loop.call_later(0.05, hold)
    await answer.wait()


async def in_time(deadline: Callable[[], Deadline], work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """The work ends before its deadline; begun again where the machine held this process for so long that every deadline must end."""
    while True:
        began, limit = time.monotonic(), deadline()
        try:
            with limit:
                return await work()
        except TimeoutError:
            assert time.monotonic() - began >= MAX_STRETCH * limit.seconds


@both_loops
def test_time_in_which_the_loop_was_held_does_not_count(new_loop: NewLoop) -> None:
    run(new_loop, in_time(lambda: Deadline(0.6), answered_after_a_hold))


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


async def wait_for(happened: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await happened.wait()


def test_what_is_done_in_time_is_not_ended_later() -> None:
    """Far beyond the deadline, on a loop whose clock leaps."""

    async def work() -> None:
        with Deadline(1.0):
            await asyncio.sleep(0.5)
        with PollDeadline(1.0, at_most_s=30.0):
            await asyncio.sleep(0.5)
        await asyncio.sleep(100.0)

    run_leaping(work())


async def test_a_stop_while_the_block_is_tidied_up_after_its_deadline_stays_a_stop() -> None:
    tidying = asyncio.Event()

    async def poll() -> None:
        with Deadline(0.05):
            try:
                await asyncio.Event().wait()
            finally:
                tidying.set()
                await asyncio.Event().wait()

    task = asyncio.ensure_future(poll())
    await wait_for(tidying)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_while_the_block_ends_after_its_deadline_is_passed_on() -> None:
    """As of a library that makes an error of its own out of a cancellation."""

    async def library() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            raise ValueError("odd") from error

    with pytest.raises(ValueError, match="odd"), Deadline(0.05):
        await library()
    await asyncio.sleep(0)  # the task is not being cancelled any more


@pytest.mark.parametrize(("restarted_s", "ends_s"), [(0.1, 1.0), (0.3, 1.2), (0.85, 1.75)])
def test_a_device_that_is_not_silent_has_all_its_seconds_from_then_on(restarted_s: float, ends_s: float) -> None:
    async def restarted(deadline: Deadline) -> None:
        await asyncio.sleep(restarted_s)
        deadline.restart()
        await asyncio.Event().wait()

    async def work() -> float:
        with pytest.raises(TimeoutError), Deadline(0.9) as deadline:
            await restarted(deadline)
        return asyncio.get_running_loop().time()

    assert run_leaping(work()) == pytest.approx(ends_s, abs=0.002)


def test_a_device_that_is_never_silent_and_never_done_ends_after_three_times_its_seconds() -> None:
    async def never_done(deadline: Deadline) -> None:
        for _ in range(1000):
            await asyncio.sleep(0.1)
            deadline.restart()

    async def work() -> float:
        with pytest.raises(TimeoutError), Deadline(1.0) as deadline:
            await never_done(deadline)
        return asyncio.get_running_loop().time()

    assert run_leaping(work()) == pytest.approx(3.0, abs=0.26)


def test_after_a_poll_within_a_poll_answers_are_those_of_the_outer_one() -> None:
    async def poll() -> None:
        with PollDeadline(0.5, at_most_s=30.0):
            await answers(0.3)
        await answers(0.6, 0.6, 0.6)

    assert math.isnan(ends_after(poll()))


def test_a_deadline_needs_a_task() -> None:
    with pytest.raises(RuntimeError), Deadline(1.0):
        pass


def ends_after(poll: Coroutine[Any, Any, None]) -> float:
    """After how many seconds a poll ends whose device may be silent for 0.9 s, on a loop whose clock leaps. NaN if it is completed."""

    async def work() -> float:
        began = asyncio.get_running_loop().time()
        try:
            with PollDeadline(0.9, at_most_s=30.0):
                await poll
        except TimeoutError:
            return asyncio.get_running_loop().time() - began
        return math.nan

    return run_leaping(work())


async def answers(*after_s: float) -> None:
    """A device that answers one request after another, each after so many seconds."""
    for each in after_s:
        await asyncio.sleep(each)
        note_answer()


async def then_silent(*after_s: float) -> None:
    await answers(*after_s)
    await asyncio.Event().wait()


def test_a_poll_of_a_silent_device_ends_after_its_seconds() -> None:
    assert ends_after(then_silent()) == pytest.approx(0.9)


def test_a_poll_of_a_device_that_answers_slowly_is_completed() -> None:
    """Four requests, each answered after 0.6 s: 2.4 s, of an interval of one."""
    assert math.isnan(ends_after(answers(0.6, 0.6, 0.6, 0.6)))


@pytest.mark.parametrize(("answered_s", "ends_s"), [((0.1,), 1.0), ((0.25,), 1.15), ((0.8, 0.8), 2.5), ((0.89,), 1.79)])
def test_a_device_that_falls_silent_within_a_poll_has_its_seconds_from_its_last_answer(
    answered_s: tuple[float, ...], ends_s: float
) -> None:
    assert ends_after(then_silent(*answered_s)) == pytest.approx(ends_s, abs=0.002)


def test_a_poll_ends_however_long_its_device_goes_on_answering() -> None:
    assert ends_after(answers(*[0.7] * 100)) == pytest.approx(30.0, abs=0.002)


def test_a_poll_of_a_class_with_a_long_interval_gains_nothing_from_answers() -> None:
    async def work() -> float:
        deadline = PollDeadline(30.0, at_most_s=30.0)
        with pytest.raises(TimeoutError), deadline:
            await then_silent(10.0, 10.0)
        return asyncio.get_running_loop().time()

    assert run_leaping(work()) == pytest.approx(30.0, abs=0.002)


async def test_a_poll_of_a_class_with_a_long_interval_loses_nothing_by_a_loop_that_was_held() -> None:
    """Its limit for all answers together is no longer than for one."""
    await in_time(lambda: PollDeadline(0.6, at_most_s=0.6), answered_after_a_hold)


@pytest.mark.parametrize(("waits_s", "ends_s"), [(0.3, 1.2), (5.0, 5.9), (40.0, 30.0)])
def test_the_time_in_which_a_device_waits_for_its_turn_does_not_count(waits_s: float, ends_s: float) -> None:
    async def poll() -> None:
        with waiting_for_turn():
            await asyncio.sleep(waits_s)
        await asyncio.Event().wait()

    assert ends_after(poll()) == pytest.approx(ends_s, abs=0.002)


def test_a_deadline_says_what_ran_out() -> None:
    async def ran_out_s(poll: Coroutine[Any, Any, None]) -> float:
        deadline = PollDeadline(0.9, at_most_s=30.0)
        with pytest.raises(TimeoutError), deadline:
            await poll
        return deadline.seconds

    assert run_leaping(ran_out_s(then_silent(0.8, 0.8))) == 0.9
    assert run_leaping(ran_out_s(answers(*[0.7] * 100))) == 30.0


async def test_an_answer_between_the_end_of_the_seconds_and_giving_up_goes_on_with_the_poll() -> None:
    """The loop is held until after the deadline; meanwhile the first of two requests was answered."""
    loop = asyncio.get_running_loop()
    first, second = asyncio.Event(), asyncio.Event()

    def hold() -> None:
        time.sleep(0.2)
        loop.call_soon(lambda: loop.call_soon(first.set))
        loop.call_later(0.05, second.set)

    loop.call_soon(hold)
    with PollDeadline(0.1, at_most_s=30.0):
        await first.wait()
        note_answer()
        await second.wait()


@pytest.mark.parametrize(("hops", "is_in_time"), [(2, True), (3, False)])
def test_an_answer_that_is_there_at_the_end_of_the_seconds_has_three_turns_to_get_to_its_poll(
    hops: int, *, is_in_time: bool
) -> None:
    """In the first, a loop may look at its timers only; in the second it reads the answer; in the third the poll goes on with it."""

    async def is_done() -> bool:
        loop, answer = asyncio.get_running_loop(), asyncio.Event()

        def hop(left: int) -> None:
            if left:
                loop.call_soon(hop, left - 1)
            else:
                answer.set()

        loop.call_later(0.1, hop, hops)
        try:
            with Deadline(0.1):
                await answer.wait()
        except TimeoutError:
            return False
        return True

    assert run_leaping(is_done()) is is_in_time


async def test_answers_and_turns_outside_a_poll_are_nobodys() -> None:
    note_answer()
    with waiting_for_turn():
        pass
    with PollDeadline(5.0, at_most_s=30.0):
        pass
    note_answer()


def test_each_task_tells_the_deadline_of_its_own_poll() -> None:
    async def silent() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(TimeoutError), PollDeadline(0.3, at_most_s=30.0):
            await asyncio.Event().wait()
        return loop.time() - began

    async def talkative() -> None:
        with PollDeadline(0.3, at_most_s=30.0):
            await answers(*[0.05] * 20)

    async def both() -> float:
        took_s, _ = await asyncio.gather(silent(), talkative())
        return took_s

    assert run_leaping(both()) == pytest.approx(0.3, abs=0.002)
