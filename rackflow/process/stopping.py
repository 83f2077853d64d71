"""Stops tasks, and the whole process, even if a library swallows the cancellation.

On Python 3.11 `asyncio.wait_for` loses a cancellation that comes in the same turn of the loop as the result it waits for
(https://github.com/python/cpython/issues/86296, repaired in 3.12). pymodbus, aiomqtt and others call it. A task that is cancelled
once may then go on as if nothing had happened, and whoever waits for its end waits for ever. So a cancellation is repeated until
the task is done, code that calls such a library checks `raise_if_cancelled` when the call has returned, and the end of the process
has a bound.
"""

import asyncio
import contextlib
import faulthandler
import logging
import os
import threading
from collections.abc import Awaitable, Iterator
from types import CodeType
from typing import Any, Final, Protocol, TypeVar

log = logging.getLogger(__name__)

# EX_SOFTWARE of sysexits.h: the process found itself hung (while stopping, or standing still) and ended itself.
EXIT_HUNG: Final = 70
# Promised to those who stop the process. The service manager kills it 5 s later (TimeoutStopSec in deploy/systemd).
STOP_WITHIN_S: Final = 10.0
# A task that swallowed a cancellation is cancelled again after this time. Closing a poller sends nothing and takes well below it.
REPEAT_S: Final = 0.1
# A log entry of a hung agent with a thousand devices must stay readable.
MAX_STACKS: Final = 50
# How long the last words of a hung process may take.
TELL_S: Final = 2.0


T = TypeVar("T")


def raise_if_cancelled(task: asyncio.Task[Any] | None = None) -> None:
    """Raise CancelledError if the current task was asked to end: call it after a library that may have swallowed that.

    Not in `finally` blocks that must still await something: there the request is known and being obeyed. `task` is the current task,
    where it is at hand.
    """
    task = task or asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def obey_cancellation(work: Awaitable[T], task: asyncio.Task[Any] | None = None) -> T:
    """Await a library's `work`; if it swallowed a cancellation, raise that instead of the result or the error that hid it.

    `task` is the current task, where it is at hand.
    """
    try:
        return await work
    finally:
        raise_if_cancelled(task)


async def stop_tasks(
    *tasks: asyncio.Task[Any], within_s: float, first_repeat_s: float = REPEAT_S
) -> list[asyncio.Task[Any]]:
    """Cancel tasks, again and again until they are done, for at most `within_s`. Returns those that are not; they are logged.

    `first_repeat_s` is how long a task may need for its `finally` blocks: a repeated cancellation would interrupt them.
    """
    clock = asyncio.get_running_loop().time
    deadline, pause_s = clock() + within_s, first_repeat_s
    waiting = {task for task in tasks if not task.done()}
    while waiting and (left_s := deadline - clock()) > 0:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=min(pause_s, left_s))
        pause_s = REPEAT_S
    hung = [task for task in tasks if task in waiting]
    for task in hung[:MAX_STACKS]:
        log.error(
            "task=%s has not ended %g s after it was cancelled; it is at:\n%s",
            *(task.get_name(), within_s, where(task)),
        )
    return hung


def where(task: asyncio.Task[Any]) -> str:
    """What a task waits for: one line for each await, the innermost last. `Task.print_stack` shows only the outermost."""
    return "\n".join(f"  {code.co_filename}:{line} {code.co_qualname}" for code, line in _awaits(task.get_coro()))


def _awaits(awaited: object) -> Iterator[tuple[CodeType, int]]:
    while awaited is not None:
        for prefix in ("cr", "gi", "ag"):
            frame = getattr(awaited, f"{prefix}_frame", None)
            if frame is not None:
                yield frame.f_code, frame.f_lineno
                awaited = getattr(awaited, "gi_yieldfrom" if prefix == "gi" else f"{prefix}_await", None)
                break
        else:
            return


def stacks(loop: asyncio.AbstractEventLoop | None) -> bytes:
    """Where every thread and every task is. May be called in any thread, also while the loop is blocked."""
    # Written to memory first: stderr may be a pipe that nobody reads, and faulthandler would block on it with the interpreter locked.
    with os.fdopen(os.memfd_create("stacks"), "r+b") as memory:
        faulthandler.dump_traceback(memory, all_threads=True)
        memory.seek(0)
        threads = memory.read()
    try:
        tasks = asyncio.all_tasks(loop) if loop is not None else set()
    except RuntimeError:  # the loop changed the set at every attempt, so it turns
        tasks = set()
    named = sorted(tasks, key=lambda task: task.get_name())[:MAX_STACKS]
    return threads + "".join(f"task {task.get_name()}:\n{where(task)}\n" for task in named).encode()


def end_now(status: int) -> object:
    """End the process without unwinding anything: whatever hangs would hold that up."""
    os._exit(status)


class Ends(Protocol):
    """Ends the process at once, as `os._exit` does."""

    def __call__(self, status: int, /) -> object: ...


def end_hung(why: str, loop: asyncio.AbstractEventLoop | None, end: Ends) -> None:
    """Say why, show all stacks on stderr, and end the process with EXIT_HUNG. Called in a thread other than the loop's."""

    def tell() -> None:
        log.critical("%s; all stacks follow", why)
        os.write(2, stacks(loop))

    # In a thread of its own: what hangs may hold the lock of logging, or be the reader of stderr.
    telling = threading.Thread(target=tell, name="last-words", daemon=True)
    with contextlib.suppress(RuntimeError):  # no more threads: it ends without last words
        telling.start()
        telling.join(TELL_S)
    end(EXIT_HUNG)


class StopDeadline:
    """Ends the process with EXIT_HUNG if it is still there `within_s` after `start`, having shown where it hangs.

    It runs in a thread: what hangs may be the loop, a thread that the interpreter would wait for, or a task that nothing ends.
    Nothing is lost by it: while the agent's tasks hang, its outbox goes on being committed five times a second, and what the
    collector has acknowledged is on disk.
    """

    def __init__(self, within_s: float = STOP_WITHIN_S, end: Ends = end_now) -> None:
        self._within_s = within_s
        self._end = end
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to count, at the first call; a second signal does not prolong the stop. Called on the loop."""
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._watch, name="stop-deadline", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """The process does not end (a test, an embedding program): forget it."""
        self._over.set()

    def _watch(self) -> None:
        if not self._over.wait(self._within_s):
            end_hung(
                f"the process has not ended {self._within_s:g} s after it was asked to stop", self._loop, self._end
            )
