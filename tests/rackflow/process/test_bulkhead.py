"""Optional work fails, hangs or swallows its own cancellation, and nothing else notices."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from rackflow.process import bulkhead
from rackflow.process.bulkhead import (
    FAILING_S,
    LOG_EVERY_S,
    PAUSE_S,
    STEADY_S,
    Failures,
    Refreshed,
    Supervisor,
    in_own_thread,
    next_pauses,
)
from tests.collector.running import until


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def divide(by: int) -> float:
    return 1 / by


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses before a new start that a test can wait for."""
    monkeypatch.setattr(bulkhead, "PAUSE_S", (0.01, 0.02))


def test_what_raises_gives_the_other_result_and_is_counted_by_part_and_class() -> None:
    failures = Failures("figures")
    assert failures.attempt("figures", lambda: divide(2), otherwise=0.0) == 0.5
    assert failures.attempt("figures", lambda: divide(0), otherwise=-1.0) == -1.0
    failures.shield("page", divide)(0)
    assert failures.counts == {("figures", "ZeroDivisionError"): 1, ("page", "ZeroDivisionError"): 1}


def test_each_of_many_items_is_processed_although_one_before_it_raises() -> None:
    failures, done = Failures("figures"), list[float]()
    failures.attempt_each("figures", lambda by: done.append(divide(by)), [1, 0, 2])
    assert done == [1.0, 0.5]
    assert failures.counts == {("figures", "ZeroDivisionError"): 1}


def test_a_fault_in_every_cycle_is_logged_with_its_traceback_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    failures = Failures(clock=clock)
    for _ in range(1000):
        failures.attempt("figures", lambda: divide(0), otherwise=0.0)
    clock.now += LOG_EVERY_S
    failures.attempt("figures", lambda: divide(0), otherwise=0.0)
    failures.attempt("figures", lambda: int("x"), otherwise=0)
    assert [record.exc_info is not None for record in caplog.records] == [True, True, True]
    assert "999 more of this kind" in caplog.messages[1]
    assert failures.counts["figures", "ZeroDivisionError"] == 1001


def test_a_part_counts_as_failing_for_five_minutes_after_its_last_failure() -> None:
    clock = Clock()
    failures = Failures("figures", "page", clock=clock)
    failures.attempt("page", lambda: divide(0), otherwise=0.0)
    clock.now += FAILING_S - 1
    assert failures.failing() == {"figures": False, "page": True}
    clock.now += 1
    assert failures.failing() == {"figures": False, "page": False}


def test_a_part_that_hangs_counts_as_failing_although_it_raises_nothing() -> None:
    clock = Clock()
    failures = Failures("account", clock=clock)
    failures.progress("account", 60.0)
    clock.now += 59
    assert failures.failing() == {"account": False}
    clock.now += 1
    assert failures.failing() == {"account": True}
    failures.progress("account", 60.0)
    assert failures.failing() == {"account": False}


def test_a_part_whose_last_round_failed_is_failing_until_its_next_round() -> None:
    """A carbon source is asked every quarter of an hour: it must not look repaired after five minutes."""
    clock = Clock()
    failures = Failures(clock=clock)
    failures.progress("carbon", 2000.0)
    failures.count("carbon", OSError())
    clock.now += 3 * FAILING_S
    assert failures.failing() == {"carbon": True}
    failures.progress("carbon", 2000.0)
    assert failures.failing() == {"carbon": False}


@pytest.mark.usefixtures("quick")
async def test_a_part_that_fails_is_started_again_and_another_goes_on() -> None:
    failures = Failures()
    starts: list[str] = []

    async def fails() -> None:
        starts.append("fails")
        divide(0)

    async def works() -> None:
        starts.append("works")
        await asyncio.Event().wait()

    supervisor = Supervisor(failures)
    supervisor.start("fails", fails)
    supervisor.start("works", works)
    await until(lambda: starts.count("fails") >= 3, "three starts")
    await supervisor.stop(1.0)
    assert starts.count("works") == 1
    assert failures.counts["fails", "ZeroDivisionError"] >= 2


@pytest.mark.usefixtures("quick")
async def test_a_cancellation_that_nobody_asked_for_does_not_end_a_part() -> None:
    failures = Failures()

    async def awaits_what_was_cancelled() -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    supervisor = Supervisor(failures)
    supervisor.start("figures", awaits_what_was_cancelled)
    await until(lambda: failures.counts["figures", "CancelledError"] >= 2, "two starts")
    await supervisor.stop(1.0)


async def test_a_stop_cancels_again_what_swallows_a_cancellation() -> None:
    swallowed = 0

    async def swallows() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.Event().wait()

    supervisor = Supervisor(Failures())
    supervisor.start("figures", swallows)
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(30):
            await supervisor.stop(4.0)
        assert swallowed == 2
    finally:  # so that a failure of this test is no hang
        for _ in range(3):
            supervisor.cancel()
            await asyncio.sleep(0)


async def test_a_part_that_never_ends_does_not_hold_up_the_stop(caplog: pytest.LogCaptureFixture) -> None:
    end = asyncio.Event()

    async def never_ends() -> None:
        while not end.is_set():
            with suppress(asyncio.CancelledError):
                await end.wait()

    supervisor = Supervisor(Failures())
    supervisor.start("figures", never_ends)
    await asyncio.sleep(0)
    with caplog.at_level(logging.ERROR):
        await supervisor.stop(0.2)
    assert "optional-figures does not end" in caplog.text
    end.set()
    await supervisor.stop(1.0)


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """Set at the end, so that no thread of a test is left."""
    release = threading.Event()
    yield release
    release.set()


async def test_a_thread_that_hangs_holds_up_neither_its_caller_nor_other_threads(hanging: threading.Event) -> None:
    """Forty of them would fill asyncio's pool, in which the ledger is written."""
    for _ in range(40):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await in_own_thread(hanging.wait, "hangs")
    assert await asyncio.to_thread(lambda: 1) == 1
    assert await in_own_thread(lambda: 2, "works") == 2
    with pytest.raises(ZeroDivisionError):
        await in_own_thread(lambda: divide(0), "fails")


def test_pauses_double_up_to_a_minute_and_are_short_again_after_a_part_has_run_for_long() -> None:
    ceiling_s, pauses = PAUSE_S[0], []
    for _ in range(8):
        longest_s, ceiling_s = next_pauses(ceiling_s, STEADY_S - 1)
        pauses.append(longest_s)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert next_pauses(ceiling_s, STEADY_S) == (1, 2)


async def test_work_that_hangs_runs_once_and_what_was_found_before_is_told_meanwhile() -> None:
    may_end, begun = threading.Event(), 0

    def work() -> str:
        nonlocal begun
        begun += 1
        may_end.wait(60)
        return "found"

    refreshed = Refreshed(work, "work", "before", patience_s=0.05)
    assert [await refreshed.value() for _ in range(3)] == ["before"] * 3
    may_end.set()
    async with asyncio.timeout(30):
        while await refreshed.value() == "before":
            pass
    assert begun == 1
    assert await refreshed.value() == "found"


async def test_work_that_ends_is_asked_again_and_an_error_of_it_is_raised_once() -> None:
    """A certificate that was renewed, on a disk that failed in between."""
    finds: list[Callable[[], str]] = [lambda: "old", lambda: str(divide(0)), lambda: "new"]
    refreshed = Refreshed(lambda: finds.pop(0)(), "work", "before", patience_s=60)  # noqa: PLW0108 - not the first of them each time
    assert await refreshed.value() == "old"
    with pytest.raises(ZeroDivisionError):
        await refreshed.value()
    assert await refreshed.value() == "new"


async def test_work_that_begins_to_hang_leaves_what_it_found_last(hanging: threading.Event) -> None:
    finds: list[Callable[[], object]] = [lambda: "old", hanging.wait]
    refreshed = Refreshed[object](lambda: finds.pop(0)(), "work", "before", patience_s=0.5)  # noqa: PLW0108 - not the first of them each time
    async with asyncio.timeout(60):
        while await refreshed.value() != "old":
            pass
    assert await refreshed.value() == "old"
