"""Waking the tasks that wait for their next poll: never early, in order, whoever else gives up, and with few objects."""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import ClassVar, TypeVarTuple

import pytest
import uvloop

from agent.wake_ups import MOST_AT_ONCE, WakeUps
from tests.servers.waiting import PATIENCE_S

Ts = TypeVarTuple("Ts")


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    factory: Callable[[], asyncio.AbstractEventLoop] = request.param
    with asyncio.Runner(loop_factory=factory) as made:
        yield made


def test_each_waits_until_its_time_and_those_of_one_moment_are_woken_together(runner: asyncio.Runner) -> None:
    async def run() -> None:
        wake_ups = WakeUps()
        now = asyncio.get_running_loop().time
        began = now()
        woken: list[tuple[float, float]] = []

        async def wait(after_s: float) -> None:
            await wake_ups.at(began + after_s)
            woken.append((after_s, now() - began))

        # The last asked for is the first due, and two are due in the same millisecond.
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*[wait(each) for each in (0.05, 0.0302, 0.0305, 0.0101, 0.0007)])
        assert [asked for asked, _ in woken] == [0.0007, 0.0101, 0.0302, 0.0305, 0.05]
        # uvloop's clock has whole milliseconds, of which the difference may be a last digit less.
        assert all(at > asked - 1e-9 for asked, at in woken)

    runner.run(run())


def test_a_time_that_is_over_is_woken_at_once(runner: asyncio.Runner) -> None:
    async def run() -> None:
        wake_ups = WakeUps()
        later = wake_ups.at(asyncio.get_running_loop().time() + 3600)
        async with asyncio.timeout(PATIENCE_S):
            await wake_ups.at(asyncio.get_running_loop().time() - 1)
        assert not later.done()

    runner.run(run())


def test_of_hundreds_that_are_due_few_are_woken_in_a_turn_of_the_loop_and_all_in_order(runner: asyncio.Runner) -> None:
    async def run() -> None:
        wake_ups, loop = WakeUps(), asyncio.get_running_loop()
        began = loop.time()
        turns = [0]
        woken: list[tuple[int, int]] = []

        def turn() -> None:
            turns[0] += 1
            if len(woken) < 300:
                loop.call_soon(turn)

        async def wait(number: int) -> None:
            # The loop is late: of three moments each hundred was due.
            await wake_ups.at(began - 0.1 + number // 100 / 100)
            woken.append((number, turns[0]))

        waiting = [loop.create_task(wait(number)) for number in range(300)]
        loop.call_soon(turn)
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*waiting)
        assert [number for number, _ in woken] == list(range(300))
        of_turn = Counter(turn for _, turn in woken)
        assert max(of_turn.values()) <= MOST_AT_ONCE
        # None of the turns was without: nobody waits longer than that.
        assert len(of_turn) <= max(of_turn) - min(of_turn) + 1 <= 2 * 300 // MOST_AT_ONCE

    runner.run(run())


def test_one_that_gives_up_takes_nobody_along(runner: asyncio.Runner) -> None:
    async def run() -> None:
        wake_ups = WakeUps()
        when = asyncio.get_running_loop().time() + 0.02

        async def wait(at: float) -> None:
            await wake_ups.at(at)

        first, second, third = (asyncio.create_task(wait(each)) for each in (when, when, when + 0.01))
        await asyncio.sleep(0)
        first.cancel()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(second, third)
        assert first.cancelled()

    runner.run(run())


def test_the_next_round_is_woken_too_after_all_have_been(runner: asyncio.Runner) -> None:
    async def run() -> None:
        wake_ups = WakeUps()
        now = asyncio.get_running_loop().time
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(3):
                when = now() + 0.005
                await wake_ups.at(when)
                assert now() >= when

    runner.run(run())


def test_one_timer_is_left_however_often_an_earlier_moment_was_asked_for() -> None:
    """A timer that stays behind its replacement arms a next one when it is due, so an agent of weeks would have ever more of them."""

    class Loop(asyncio.SelectorEventLoop):
        timers: ClassVar[list[asyncio.TimerHandle]] = []

        def call_at(
            self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
        ) -> asyncio.TimerHandle:
            self.timers.append(super().call_at(when, callback, *args, context=context))
            return self.timers[-1]

    async def run() -> None:
        wake_ups = WakeUps()
        now = asyncio.get_running_loop().time()
        for after_s in (3600, 60, 3600, 5, 1):
            wake_ups.at(now + after_s)
        left = [each.when() - now for each in Loop.timers if not each.cancelled()]
        assert [round(each, 1) for each in left] == [1.0]

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(run())


def test_a_waiting_task_holds_three_objects_that_garbage_collection_looks_at(runner: asyncio.Runner) -> None:
    """Those of `asyncio.sleep` are nine, and an agent has thousands of waiting tasks."""

    async def run() -> None:
        wake_ups = WakeUps()
        when = asyncio.get_running_loop().time() + 3600

        async def wait(start: asyncio.Event) -> None:
            await start.wait()
            await wake_ups.at(when)

        start = asyncio.Event()
        tasks = [asyncio.create_task(wait(start)) for _ in range(500)]
        await asyncio.sleep(0)
        # Nothing is collected while it is counted, and what exists before does not count.
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            start.set()
            await asyncio.sleep(0)
            held = len(gc.get_objects())
        finally:
            gc.enable()
            gc.unfreeze()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert 500 <= held <= 3 * 500 + 100

    runner.run(run())
