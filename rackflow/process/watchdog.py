"""Ends a process that hangs, so that its service manager starts it again.

A blocked event loop cannot notice that it is blocked. So the loop beats once a second, and a thread ends the process when the beats
stop. The beats also stop if the loop runs but no data is handled (`standstill`). The same beats feed systemd's
watchdog, which ends the process when it is stopped as a whole (SIGSTOP, a frozen machine) and no thread of it can run.

From a standstill to polling again takes 30 s at most: LIMIT_S or HARD_LIMIT_S, 2 s until systemd restarts it (RestartSec), and the start.
"""

import asyncio
import contextlib
import faulthandler
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rackflow.process.notify import ServiceManager
from rackflow.process.stopping import Ends, end_hung, end_now

log = logging.getLogger(__name__)

# How often the loop shows that it runs. Well below LIMIT_S, so that one late beat is no hang.
BEAT_S: Final = 1.0
# Nothing on the loop may take a second; ten are beyond what a machine that swaps adds.
LIMIT_S: Final = 10.0
# A hang inside a C extension can hold the interpreter's lock, and then no Python thread runs. faulthandler's own thread needs no
# lock; it ends the process with status 1. It comes later than ours, because ours has the better report. It knows no periods but time only:
# a process that was stopped as a whole (Ctrl-Z, `docker pause`) for longer than 15 to 20 s ends when it goes on. Nothing that needs no
# lock of Python's can tell the two apart.
HARD_LIMIT_S: Final = 20.0
# Setting this limit again ends a thread and starts another one, which takes 1 ms. So it is set only every fifth of its time, and may strike
# earlier by that much.
HARD_SETTINGS: Final = 5


class StillTimer:
    """How long a count has stood still although it was expected to go up. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._count = -1
        self._since_s = 0.0

    def update(self, count: int, now_s: float, *, expected: bool) -> float:
        """Seconds since the count last changed, or since nothing was expected."""
        if count != self._count or not expected:
            self._count, self._since_s = count, now_s
        return now_s - self._since_s


class Watchdog:
    """Watches the running loop between `start` and `stop`.

    `standstill` says why data does not flow, empty if it does or if there is none to expect; it is asked at each beat. `health_file` is
    touched once a second while the process works, for health checks of containers.
    """

    def __init__(
        self,
        standstill: Callable[[], str],
        manager: ServiceManager,
        health_file: Path | None = None,
        limit_s: float = LIMIT_S,
        *,
        hard_limit_s: float = HARD_LIMIT_S,
        end: Ends = end_now,
    ) -> None:
        self._standstill = standstill
        self._manager = manager
        self._health_file = health_file
        self._limit_s = limit_s
        self._hard_limit_s = hard_limit_s
        self._end = end
        self._beats = 0
        self._rest_beats = int(hard_limit_s / HARD_SETTINGS / BEAT_S)
        """Beats without setting the hard limit again."""
        self._rested = self._rest_beats
        self._why = ""
        self._over = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to watch. Called on the loop."""
        self._loop = asyncio.get_running_loop()
        # A last resort of systemd is SIGABRT; this shows where the process hung.
        faulthandler.enable()
        self._beat()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """End watching. Called on the loop."""
        self._over.set()
        if self._next is not None:
            self._next.cancel()
        faulthandler.cancel_dump_traceback_later()
        if self._health_file is not None:
            with contextlib.suppress(OSError):
                self._health_file.unlink(missing_ok=True)

    def _beat(self) -> None:
        # First, so that a fault of `standstill` cannot end the beats for good.
        self._next = asyncio.get_running_loop().call_later(BEAT_S, self._beat)
        why = self._standstill()
        if why and why != self._why:
            log.error("data stands still, the process ends in %g s unless it moves again: %s", self._limit_s, why)
        self._why = why
        if not why:
            self._beats += 1
            self._manager.alive()
            self._rested += 1
            if self._rested > self._rest_beats:
                self._rested = 0
                faulthandler.dump_traceback_later(self._hard_limit_s, exit=True, file=sys.__stderr__ or 2)

    def _watch(self) -> None:
        # Periods of its own without a beat are counted, not time: after a stop of the whole process (SIGSTOP, a virtual machine that
        # was moved) this thread has missed as much as the loop, and nobody hangs. After a longer one HARD_LIMIT_S strikes.
        timer, passed_s = StillTimer(), 0.0
        timer.update(0, passed_s, expected=True)
        while not self._over.wait(BEAT_S):
            passed_s += BEAT_S
            quiet_s = timer.update(self._beats, passed_s, expected=True)
            if quiet_s == 0:
                self._touch()
            elif quiet_s >= self._limit_s:
                what = self._why or "the event loop is blocked"
                end_hung(f"nothing has moved for {quiet_s:g} s ({what}), ending the process", self._loop, self._end)
                return

    def _touch(self) -> None:
        if self._health_file is not None:
            # On a disk that refuses, the health check fails, which is what it is for.
            with contextlib.suppress(OSError):
                self._health_file.touch()
