"""Writes points to the store: retries temporary errors, and finds points that are refused for good by halving the write.

A single bad point among thousands makes an engine refuse the whole write. Halving finds it in log2(n) further writes, all other
points are stored, and nothing relies on the engine naming the line.

A refusal may also be about the store: a TLS port spoken to in plain HTTP, a proxy's page and a wrong bucket answer 400 to everything. So
before a point is given up, a reference point ("neighbour") is written: one that this store accepted before, or a test point. The point is
at fault only if the neighbour is accepted, the point is refused once more, and the neighbour is accepted after that. A store that breaks
or recovers in between does not answer in this order. In every other case the store counts as faulty, and the points wait.
"""

import asyncio
import logging
import random
import time
from dataclasses import dataclass
from typing import Literal, TypeAlias

from collector.counters import Counters
from collector.store.seam import DeadLetterSink, Store
from rackflow import StoreError

log = logging.getLogger(__name__)
# First and largest upper bound, in seconds, of the pause before a write is tried again. The pause is random below it (full jitter),
# so that collectors that lost the same database do not all come back in the same second. At most 30 s, because a graph that
# stays empty longer after the database is back looks broken.
BACKOFF_S = (0.5, 30.0)
# The test point, for a store that has not accepted anything since the start. Its time is now: an engine refuses points older than
# its retention. It has no tags, so all of them together are one series.
TEST_POINT = "dcim_collector store_probe=1.0 {time_ms}"
# How many times in a row the neighbour must be accepted before points are given up. If one of two engines behind a load balancer is
# broken, every second write is refused, and valid points would be given up. With three, strict alternation never passes, and random
# choice in one of 8 cases.
NEIGHBOURS = 3
REMEDY = "the store refuses every point, also a sound one; check store.url (http or https, port, path), org, bucket and token"

Outcome: TypeAlias = Literal["stored", "unavailable", "stopped"]


@dataclass(slots=True)
class Attempts:
    """Retries of one call of `store`: when it gives up (`until_s`, monotonic; None: never), and the largest next pause in seconds."""

    until_s: float | None
    ceiling_s: float


class Persistence:
    """Writes, retries, and halves what is refused. `fault` says why the store does not work; None while it does.

    Two tasks call `store`: the writer with new messages, and `Spill.drain` with those that waited on disk.
    """

    def __init__(
        self,
        store: Store,
        dead_letters: DeadLetterSink,
        counters: Counters,
        backoff_s: tuple[float, float] = BACKOFF_S,
    ) -> None:
        self._backoff_s = backoff_s
        self._store = store
        self._dead_letters = dead_letters
        self._counters = counters
        self._accepted: str | None = None
        """The last point that the store accepted: the neighbour to ask."""
        self.stopping = asyncio.Event()
        self.fault: str | None = None

    async def store(self, lines: list[str], refused: set[str], give_up_after_s: float | None = None) -> Outcome:
        """Store all points. Those that are refused for good go to the dead letters, and are added to `refused`.

        Returns `unavailable` if the store has failed for longer than `give_up_after_s` (None: waits for ever), `stopped` if `stopping` was
        set; in both cases some of the points may be stored already.
        """
        attempts = Attempts(None if give_up_after_s is None else time.monotonic() + give_up_after_s, self._backoff_s[0])
        left = lines
        while left:
            suspects: dict[str, StoreError] = {}
            answer: Outcome | StoreError = await self._store_halving(left, suspects, attempts)
            if suspects and answer == "stored":
                answer = await self._judge(suspects, attempts)
            if answer == "stored":
                for line, error in suspects.items():
                    self._write_dead_letter(line, error)
                    refused.add(line)
                return "stored"
            if isinstance(answer, str):
                return answer
            if (ended := await self._pause(answer, attempts)) is not None:
                return ended
            left = list(suspects)
        return "stored"

    async def _judge(self, suspects: dict[str, StoreError], attempts: Attempts) -> Outcome | StoreError:
        """Write each refused point once more, before and after writes of the neighbour; points stored now are removed from `suspects`.

        Returns an error if the store refuses the neighbour, too.
        """
        answer = await self._ask_neighbour(attempts)
        for line in list(suspects) if answer == "stored" else ():
            again = await self._write([line], attempts)
            if again == "stored":
                del suspects[line]
            elif isinstance(again, str):
                return again
        for _ in range(NEIGHBOURS):
            if suspects and answer == "stored":
                answer = await self._ask_neighbour(attempts)
        return answer

    async def _store_halving(self, lines: list[str], suspects: dict[str, StoreError], attempts: Attempts) -> Outcome:
        """Store what is accepted; single points that were refused, although the store accepts others, are added to `suspects`."""
        stack, works = [lines], False
        while stack:
            part = stack.pop()
            answer = await self._write(part, attempts)
            if answer == "stored":
                continue
            if isinstance(answer, str):
                return answer
            if not works:
                # Before halving, so that a store that refuses everything costs two requests and not two for each point.
                neighbour = await self._ask_neighbour(attempts)
                works = neighbour == "stored"
                if isinstance(neighbour, StoreError):
                    if (ended := await self._pause(neighbour, attempts)) is not None:
                        return ended
                    stack.append(part)
                    continue
                if neighbour != "stored":
                    return neighbour
            if len(part) == 1:
                suspects[part[0]] = answer
            else:
                middle = len(part) // 2
                stack += [part[middle:], part[:middle]]
        return "stored"

    async def _ask_neighbour(self, attempts: Attempts) -> Outcome | StoreError:
        """Write a point that must be accepted. Returns an error if even that is refused: then the store is at fault."""
        # A point that was accepted before changes nothing in the store.
        neighbour = self._accepted or TEST_POINT.format(time_ms=time.time_ns() // 1_000_000)
        answer = await self._write([neighbour], attempts, counted=False)
        if isinstance(answer, str):
            return answer
        # The neighbour may have become older than the store's retention, so a test point is used from now on.
        self._accepted = None
        return StoreError(f"{answer}; {REMEDY}", retryable=True)

    def _write_dead_letter(self, line: str, error: StoreError) -> None:
        self._counters.write_failures["refused"] += 1
        log.warning("point refused by the store point=%s error=%s", line[:200], error)
        time_ms = int(line.rpartition(" ")[2])
        payload = line.encode()
        if not self._dead_letters.write(
            time_ms, "", reason="store", error=str(error), payload=payload, size_bytes=len(payload)
        ):
            self._counters.write_failures["dead_letter"] += 1

    async def _write(self, lines: list[str], attempts: Attempts, *, counted: bool = True) -> Outcome | StoreError:
        """Write until the store has answered: stored, or the error with which it refused."""
        while True:
            try:
                await self._store.write(lines)
            except StoreError as error:
                if not error.retryable:
                    return error
                if (ended := await self._pause(error, attempts)) is not None:
                    return ended
            else:
                if self.fault is not None:
                    log.warning("store available again")
                self.fault = None
                self._accepted = lines[-1]
                attempts.ceiling_s = self._backoff_s[0]
                self._counters.points_stored += len(lines) if counted else 0
                return "stored"

    async def _pause(self, error: StoreError, attempts: Attempts) -> Literal["unavailable", "stopped"] | None:
        """The store does not work: note why, and wait before the next try. Returns the outcome if there is to be none."""
        self._counters.write_failures["retryable"] += 1
        if self.fault is None:
            log.warning("store unavailable, retrying; messages wait on disk or at the broker: error=%s", error)
        self.fault = str(error)
        if self.stopping.is_set():
            return "stopped"
        pause_s = random.uniform(0, attempts.ceiling_s) if error.retry_after_s is None else error.retry_after_s  # noqa: S311 - jitter
        # Before the pause, not after it: meanwhile the caller can put the messages on disk.
        if attempts.until_s is not None and time.monotonic() + pause_s > attempts.until_s:
            return "unavailable"
        attempts.ceiling_s = min(attempts.ceiling_s * 2, self._backoff_s[1])
        await wait(self.stopping, pause_s)
        return None


async def wait(event: asyncio.Event, at_most_s: float) -> None:
    """Wait until the event is set, or `at_most_s` seconds have passed."""
    try:
        async with asyncio.timeout(at_most_s):
            await event.wait()
    except TimeoutError:
        return
