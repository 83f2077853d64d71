"""Runs blocking work in threads of its own, so that no work waits for a thread that other work holds.

asyncio's own pool has a handful of threads (CPUs + 4) for everything: a few look-ups of names behind a silent DNS server would keep
the ledger from being written. It also waits for its threads when the loop ends, however long they take.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run_detached(work: Callable[[], T], name: str) -> Future[T]:
    """Run `work` in a new thread that the end of the process does not wait for. Starting one takes some 60 microseconds.

    Whoever needs the result, or must not close what `work` uses, waits for the future. Callers bound how many they start.
    """
    future = Future[T]()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - passed on to whoever waits
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


class DetachedThreads(ThreadPoolExecutor):
    """The event loop's default executor: each call of `asyncio.to_thread`, and of libraries, gets a thread of its own.

    Of libraries, aiomqtt uses it to connect (at most one connection at a time, `CONNECT_S` in rackflow/process/mqtt.py).
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:  # noqa: ANN401 - its signature
        """See `Executor.submit`."""
        return run_detached(lambda: fn(*args, **kwargs), "detached")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - its signature
        """Nothing is waited for: whatever must be finished is awaited by whoever started it."""


async def in_thread(work: Callable[[], T], name: str) -> T:
    """Run `work` in a thread. A cancelled caller still waits until `work` has ended, and is cancelled then.

    A thread cannot be stopped. If the caller went on at once, it would close the file that the thread is writing.
    """
    ended = asyncio.wrap_future(run_detached(work, name))
    try:
        return await asyncio.shield(ended)
    except asyncio.CancelledError:
        # Cancellations are repeated until they work (`stop_tasks`), and none of them may shorten the wait.
        while not ended.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([ended])
        raise
