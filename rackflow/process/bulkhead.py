"""Keeps failures of optional parts away from the rest of the process: each ends here, is counted, and is logged at a bounded rate.

Polling, storing and acknowledging must not depend on figures, pages or reports. So everything optional runs in a task of its own,
outside of the task group of the rest (`Supervisor`), and every piece of it that may fail alone is tried alone (`Failures.attempt`).
These two are the only places where any `Exception` is caught. Blocking work of optional parts has threads of its own
(`in_own_thread`): in the pool that the rest uses, a few hung disks or slow readers would leave no thread for the ledger.
"""

import asyncio
import logging
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterable
from typing import Generic, ParamSpec, TypeVar

log = logging.getLogger(__name__)
# One traceback a minute for each part and kind of error: enough to find the fault, and a fault in every cycle fills no disk.
LOG_EVERY_S = 60.0
# How long a part counts as failing after its last failure. Longer than four scrapes at 60 s, so that no single failure stays unseen.
FAILING_S = 300.0
# Bounds of the pause before a part that ended is started again. A fault in its first line must not become a busy loop, and after
# the last bound a part that depends on a repaired disk is back within a minute.
PAUSE_S = (1.0, 60.0)
# A part that ran for so long before it failed starts again after the shortest pause.
STEADY_S = 300.0
# A stop cancels again and again, because a library may swallow one cancellation (asyncio.wait_for of Python 3.11 does).
CANCEL_EVERY_S = 0.1
T = TypeVar("T")
P = ParamSpec("P")


class Failures:
    """Counts the failures of optional parts, by part and class of exception. May be used from several threads."""

    def __init__(self, *parts: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._clock = clock
        self._lock = threading.Lock()
        self._failed_at: dict[str, float] = {}
        self._due_at: dict[str, float] = dict.fromkeys(parts, math.inf)
        self._began_at: dict[str, float] = {}
        self._logged: dict[tuple[str, str], tuple[float, int]] = {}

    def note(self, part: str, error: BaseException) -> None:
        """Count one failure, and log it with its traceback unless the same kind was logged within a minute."""
        key, now = (part, type(error).__name__), self._clock()
        self.count(part, error)
        with self._lock:
            logged_at, hidden = self._logged.get(key, (-LOG_EVERY_S, 0))
            is_due = now - logged_at >= LOG_EVERY_S
            self._logged[key] = (now, 0) if is_due else (logged_at, hidden + 1)
        if is_due:
            more = f", and {hidden} more of this kind since it was last logged" if hidden else ""
            what = (
                "part=%s failed, everything else goes on; what it shows is unknown until it works%s; please report this"
            )
            log.error(what, part, more, exc_info=error)

    def count(self, part: str, error: BaseException) -> None:
        """Count a failure that the part reports itself because the outside caused it, such as a source that does not answer."""
        with self._lock:
            self.counts[part, type(error).__name__] += 1
            self._failed_at[part] = self._clock()
            self._due_at.setdefault(part, math.inf)

    def attempt(self, part: str, work: Callable[[], T], *, otherwise: T) -> T:
        """The result of `work`; if it raises, that is noted and the result is `otherwise`."""
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - a barrier
            self.note(part, error)
            return otherwise

    def attempt_each(self, part: str, work: Callable[[T], object], items: Iterable[T]) -> None:
        """Do `work` for each item; where it raises, that is noted and the next one follows. Half of the cost of `attempt` for each."""
        for item in items:
            try:
                work(item)
            except Exception as error:  # noqa: BLE001 - a barrier
                self.note(part, error)

    def attempt_steps(self, part: str, steps: Generator[None, None, T], *, otherwise: T) -> Generator[None, None, T]:
        """See `attempt`, for work that comes in slices."""
        try:
            return (yield from steps)
        except Exception as error:  # noqa: BLE001 - a barrier
            self.note(part, error)
            return otherwise

    def shield(self, part: str, function: Callable[P, object]) -> Callable[P, None]:
        """A function for callers that must not fail: it does the same, and only notes what it raises."""

        def shielded(*args: P.args, **kwargs: P.kwargs) -> None:
            self.attempt(part, lambda: function(*args, **kwargs), otherwise=None)

        return shielded

    def progress(self, part: str, next_within_s: float) -> None:
        """Note that a part begins a round, and will begin the next one within this time. If it does not, it counts as failing."""
        with self._lock:
            self._began_at[part] = self._clock()
            self._due_at[part] = self._began_at[part] + next_within_s

    def failing(self) -> dict[str, bool]:
        """For each part, whether it failed in its present round or within the last five minutes, or is overdue because it hangs."""
        now = self._clock()
        with self._lock:
            failed_at = {part: self._failed_at.get(part, -math.inf) for part in self._due_at}
            return {
                part: now >= self._due_at[part] or now - at < FAILING_S or at >= self._began_at.get(part, math.inf)
                for part, at in failed_at.items()
            }


class Supervisor:
    """Runs optional parts, each in a task of its own, and starts a part that fails again after a growing pause."""

    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, part: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run `run()` until `stop`; whenever it raises, run it again."""
        self._tasks.append(asyncio.create_task(self._keep_running(part, run), name=f"optional-{part}"))

    def cancel(self) -> None:
        """Ask every part to end, without waiting for it."""
        for task in self._tasks:
            task.cancel()

    async def stop(self, within_s: float) -> None:
        """End every part. One that does not end within this time is left behind and named in the log."""
        until = time.monotonic() + within_s
        while (left := [task for task in self._tasks if not task.done()]) and time.monotonic() < until:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=CANCEL_EVERY_S)
        for task in left:
            log.error("task=%s does not end and is left behind", task.get_name())

    async def _keep_running(self, part: str, run: Callable[[], Awaitable[None]]) -> None:
        ceiling_s = PAUSE_S[0]
        while True:
            began = time.monotonic()
            try:
                await run()
            except asyncio.CancelledError as error:
                # Nobody asked for it: something that the part awaited was cancelled, and ended the part with it.
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                self._failures.note(part, error)
            except Exception as error:  # noqa: BLE001 - a barrier
                self._failures.note(part, error)
            else:
                return
            longest_s, ceiling_s = next_pauses(ceiling_s, time.monotonic() - began)
            await asyncio.sleep(random.uniform(longest_s / 2, longest_s))  # noqa: S311 - jitter


def next_pauses(ceiling_s: float, ran_s: float) -> tuple[float, float]:
    """How long at most to wait before a part that ran for `ran_s` is started again, and the ceiling for the time after that."""
    lowest_s, highest_s = PAUSE_S
    longest_s = lowest_s if ran_s >= STEADY_S else ceiling_s
    return longest_s, min(longest_s * 2, highest_s)


async def in_own_thread(work: Callable[[], T], name: str) -> T:
    """Run blocking work of an optional part in a new thread, which ends with it.

    If the caller is cancelled, it continues at once and the result is dropped. The thread is a daemon: one that hangs on a disk neither
    occupies a thread of the common pool nor keeps the process from ending. The caller bounds how many run at a time.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(set_result: Callable[[], None]) -> None:
        if not future.done():
            set_result()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - handed over to the caller
            outcome = error
            tell(lambda: future.set_exception(outcome))
        else:
            tell(lambda: future.set_result(result))

    def tell(set_result: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(settle, set_result)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    threading.Thread(target=run, name=name, daemon=True).start()
    return await future


class Refreshed(Generic[T]):
    """What blocking work of an optional part finds, asked for again and again. While the work hangs, it is what was found before.

    Work that hangs runs once: each further one would be another thread that hangs.
    """

    def __init__(self, work: Callable[[], T], name: str, first: T, patience_s: float = 1.0) -> None:
        self._work = work
        self._name = name
        self._found = first
        self._patience_s = patience_s
        self._running: asyncio.Task[T] | None = None

    async def value(self) -> T:
        """What the work finds now; after `patience_s` what it found last. Raises what the work raises."""
        if self._running is None:
            self._running = asyncio.ensure_future(in_own_thread(self._work, self._name))
        running = self._running
        await asyncio.wait({running}, timeout=self._patience_s)
        if running.done():
            self._running = None
            self._found = running.result()
        return self._found
