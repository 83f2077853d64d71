"""Gets points into the store: retries errors that may pass, and finds points that are refused for good by halving the write.

A single bad point among thousands makes an engine refuse the whole write. Halving finds it in log2(n) further writes, all other
points are stored, and nothing relies on the engine naming the line.
"""

import asyncio
import logging
import random
import time
from typing import Literal, TypeAlias

from collector.counters import Counters
from collector.store.seam import DeadLetterSink, Store
from rackflow import StoreError

log = logging.getLogger(__name__)
# First and largest upper bound, in seconds, of the pause before a write is tried again. The pause is random below it (full jitter),
# so that collectors that lost the same database do not all come back in the same second. At most 30 s, because a graph that
# stays empty longer after the database is back looks broken.
BACKOFF_S = (0.5, 30.0)

Outcome: TypeAlias = Literal["stored", "away", "stopped"]


class Persistence:
    """Writes, retries, and halves what is refused. `fault` says why the store does not work; None while it does."""

    def __init__(self, store: Store, dead_letters: DeadLetterSink, tally: Counters) -> None:
        self._store = store
        self._dead_letters = dead_letters
        self._tally = tally
        self.stopping = asyncio.Event()
        self.fault: str | None = None

    async def store(self, lines: list[str], refused: set[str], patience_s: float | None = None) -> Outcome:
        """Store all points. Those that are refused for good go to the dead letters, and are added to `refused`.

        Returns `away` if the store has failed for longer than `patience_s` (None: waits for ever), `stopped` if `stopping` was
        set; in both cases some of the points may be stored already.
        """
        stack: list[list[str]] = [lines] if lines else []
        while stack:
            part = stack.pop()
            try:
                outcome = await self._write(part, patience_s)
            except StoreError as error:
                if len(part) == 1:
                    self._write_dead_letter(part[0], error)
                    refused.add(part[0])
                else:
                    middle = len(part) // 2
                    stack += [part[middle:], part[:middle]]
                continue
            if outcome != "stored":
                return outcome
            self._tally.points_stored += len(part)
        return "stored"

    def _write_dead_letter(self, line: str, error: StoreError) -> None:
        self._tally.write_failures["refused"] += 1
        log.warning("point refused by the store point=%s error=%s", line[:200], error)
        time_ms = int(line.rpartition(" ")[2])
        payload = line.encode()
        if not self._dead_letters.write(time_ms, "", "store", str(error), payload, len(payload)):
            self._tally.write_failures["dead_letter"] += 1

    async def _write(self, lines: list[str], patience_s: float | None) -> Outcome:
        ceiling_s, highest_s = BACKOFF_S
        until = None if patience_s is None else time.monotonic() + patience_s
        while True:
            try:
                await self._store.write(lines)
            except StoreError as error:
                if not error.retryable:
                    raise
                self._tally.write_failures["retryable"] += 1
                if self.fault is None:
                    log.warning("store unavailable, retrying; messages wait on disk or at the broker: error=%s", error)
                self.fault = str(error)
                if self.stopping.is_set():
                    return "stopped"
                pause_s = random.uniform(0, ceiling_s) if error.retry_after_s is None else error.retry_after_s  # noqa: S311 - jitter
                # Before the pause, not after it: meanwhile the caller can put the messages on disk.
                if until is not None and time.monotonic() + pause_s > until:
                    return "away"
                ceiling_s = min(ceiling_s * 2, highest_s)
                await wait(self.stopping, pause_s)
            else:
                if self.fault is not None:
                    log.warning("store available again")
                self.fault = None
                return "stored"


async def wait(event: asyncio.Event, at_most_s: float) -> None:
    """Wait until the event is set, or `at_most_s` seconds have passed."""
    try:
        async with asyncio.timeout(at_most_s):
            await event.wait()
    except TimeoutError:
        return
