"""Stops end: a swallowed cancellation is repeated, what never ends is named, and the process itself has a bound."""

import asyncio
import contextlib
import logging
import subprocess
import sys
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rackflow.process.stopping import EXIT_HUNG, StopDeadline, obey_cancellation, stop_tasks, where
from rackflow.process.threads import DetachedThreads, in_thread
from tests.jumping import JumpingLoop, turning

ROOT = Path(__file__).resolve().parents[3]


async def swallow(cancellations: float) -> str:
    """A library that loses this many cancellations."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if cancellations < 1:
                raise
            cancellations -= 1


async def started(work: Coroutine[None, None, object]) -> asyncio.Task[object]:
    task = asyncio.create_task(work)
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("lost", [0, 1, 5])
async def test_a_cancellation_is_repeated_until_the_task_has_ended(lost: int) -> None:
    task = await started(swallow(lost))
    assert await stop_tasks(task, within_s=30) == []
    assert task.cancelled()


async def test_a_task_that_ends_by_itself_or_was_never_begun_is_no_trouble() -> None:
    done, unbegun = await started(asyncio.sleep(0)), asyncio.ensure_future(asyncio.sleep(3600))
    await done
    assert await stop_tasks(done, unbegun, within_s=30) == []
    assert await stop_tasks(within_s=30) == []
    assert unbegun.cancelled()


def test_what_never_ends_is_returned_and_the_log_says_where_it_is(caplog: pytest.LogCaptureFixture) -> None:
    """At a clock of the loop's turns: a process that is stopped for 1.5 s would cancel each task once, and the good one needs two."""
    over: list[bool] = []

    async def poll() -> None:
        while not over:
            with contextlib.suppress(asyncio.CancelledError):
                await swallow(0)

    async def run() -> None:
        hung, good = await started(poll()), await started(swallow(1))
        hung.set_name("poll-ups-1")
        async with turning(0.02):
            assert await stop_tasks(hung, good, within_s=1.5) == [hung]
        assert good.cancelled()
        [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
        text = record.getMessage()
        assert text.startswith("task=poll-ups-1 has not ended 1.5 s after it was cancelled; it is at:\n")
        assert [line.split()[-1].rpartition(".")[2] for line in text.splitlines()[1:]] == ["poll", "swallow", "sleep"]
        assert f"{__file__}:" in where(hung)
        over.append(True)
        assert await stop_tasks(hung, within_s=30) == []

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(run())


async def test_a_task_gets_the_time_that_its_goodbye_needs() -> None:
    said: list[str] = []

    async def say_goodbye() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.3)
            said.append("goodbye")

    assert await stop_tasks(await started(say_goodbye()), within_s=30, first_repeat_s=20) == []
    assert said == ["goodbye"]


@pytest.mark.parametrize("outcome", ["a result", ConnectionError("refused")])
async def test_a_cancellation_that_a_library_hid_behind_its_outcome_is_obeyed(outcome: str | Exception) -> None:
    async def library() -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if isinstance(outcome, Exception):
                raise outcome from None
        return str(outcome)

    task = await started(obey_cancellation(library()))
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_deadline_that_a_library_swallowed_is_a_timeout_all_the_same() -> None:
    async def library() -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return "late"
        return "in time"

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await obey_cancellation(library())
    assert await obey_cancellation(asyncio.sleep(0, "the task itself goes on")) == "the task itself goes on"


async def test_no_repeated_cancellation_leaves_a_thread_behind_that_still_writes() -> None:
    go_on, events = threading.Event(), list[str]()

    def write() -> None:
        go_on.wait()
        events.append("written")

    async def caller() -> None:
        try:
            await in_thread(write, "file")
        finally:
            events.append("closed")

    task = await started(caller())
    for _ in range(5):
        task.cancel()
        await asyncio.sleep(0.01)
    assert not task.done()
    go_on.set()
    await asyncio.wait([task])
    assert task.cancelled()
    assert events == ["written", "closed"]


async def test_what_a_thread_raises_reaches_its_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 / 0, "fails")
    assert await in_thread(lambda: 7, "works") == 7


async def test_work_with_a_file_does_not_wait_for_the_threads_of_others() -> None:
    """The only thread of the loop's own pool hangs, as in the look-up of a name."""
    over, pool = threading.Event(), ThreadPoolExecutor(1)
    asyncio.get_running_loop().set_default_executor(pool)
    hanging = asyncio.ensure_future(asyncio.to_thread(over.wait))
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        assert await in_thread(lambda: "written", "ledger-file") == "written"
    assert not hanging.done()
    over.set()
    await hanging


def test_threads_that_hang_neither_delay_others_nor_the_end_of_the_loop() -> None:
    """The threads of asyncio, six on two CPUs, would all hang; and the end of its loop waits for them."""
    over = threading.Event()
    at_last = threading.Timer(30.0, over.set)  # only for a fault of the code under test
    at_last.start()

    async def run() -> str:
        asyncio.get_running_loop().set_default_executor(DetachedThreads())
        hanging = [asyncio.ensure_future(asyncio.to_thread(over.wait)) for _ in range(100)]
        await asyncio.sleep(0)
        answer = await asyncio.to_thread(lambda: "at once")
        for each in hanging:
            each.cancel()
        return answer

    assert asyncio.run(run()) == "at once"
    assert not over.is_set(), "something waited for the threads"
    at_last.cancel()
    over.set()


async def test_a_stop_that_is_over_in_time_ends_nothing() -> None:
    ends: list[int] = []
    deadline = StopDeadline(1.0, ends.append)
    deadline.start()
    deadline.start()
    deadline.cancel()
    await asyncio.sleep(1.2)  # longer than the deadline: its thread has seen that it is over
    assert ends == []


HANGS = """
import asyncio, signal, sys
from rackflow.process.stopping import StopDeadline

async def never_ends():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            print("swallowed", flush=True)

async def main():
    deadline = StopDeadline(0.5)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, deadline.start)
    task = asyncio.create_task(never_ends(), name="poll-ups-1")
    print("running", flush=True)
    await task

asyncio.run(main())
"""


def test_a_process_that_does_not_stop_shows_where_it_hangs_and_ends_itself() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HANGS], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == EXIT_HUNG == 70
    assert "has not ended 0.5 s after it was asked to stop" in errors
    assert "task poll-ups-1:" in errors
    assert "never_ends" in errors
    assert 'File "' in errors, "the threads as well"
