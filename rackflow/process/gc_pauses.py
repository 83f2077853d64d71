"""Keeps Python's garbage collection from stopping the process for longer and longer.

A full collection looks at every object: 1.3 million of a site of 5,000 devices take 0.2 s, in which nothing else runs. Nearly all of
them (plans, latest values) stay for as long as the process. So what has survived a long collection is set aside (`gc.freeze`), and
the next one only looks at what is newer. Objects set aside are still freed when nothing refers to them; only a ring of them that nobody
refers to would stay. Right after a collection there is none, and what is set aside is not tied into rings later: plans and values are
replaced as a whole.

Python looks at young objects once there are so many more than there were, and the messages being handled are many objects: with the usual
700, at 3,300 messages a second, a ninth of the collector's CPU went into examining messages that reference counting was about to free
anyway. But what replaces older objects does not count as more. Latest values and figures are replaced all the time, so without anything
else 35,000 young objects had gathered before a look at them, and 50,000 before one at those that had survived: 60 to 90 ms of a slow core.
So a timer counts what is young, and has Python look at it before it is too much.
"""

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Final

# A fifth of the 50 ms that nothing may hold an event loop for.
LONG_S: Final = 0.01
# Young objects that are looked at in one go. A slow core takes 1.2 us for each, and a look at older ones, too, is at three times as many.
# What waits between broker and store is less than this, so that it is hardly looked at.
YOUNG: Final = 5_000
# In an agent less is under way, between its devices and its outbox.
AGENT_YOUNG: Final = 3_000
# How many looks at the youngest come before one at the next older objects as well, less one; and how many of those before one at all
# objects, less one. That one sets aside what it has looked at. With more looks before it, what a start makes (plans, latest values) piles
# up for a single one: 88,000 objects and 56 ms for an agent of 960 devices. Rings that nobody refers to wait for as long.
OLDER: Final = (1, 0)
# How often young objects are counted, which takes 10 ns for each: as often as half of those of one look gather, between these limits.
COUNTED_EVERY_S: Final = (0.05, 1.0)
# How much later than the last time they are counted at most. Figures are replaced in bursts, some seconds apart, which a count that has
# become rare in between would meet too late.
LATER: Final = 1.1


class _Looks:
    """Has Python look at young objects before there are more than `young`, with a timer on the running loop."""

    def __init__(self, young: int) -> None:
        self._young = young
        self._loop = asyncio.get_running_loop()
        self._every_s = COUNTED_EVERY_S[0]
        self._arm()

    def end(self) -> None:
        """Count no more."""
        self._timer.cancel()

    def _arm(self) -> None:
        self._timer = self._loop.call_later(self._every_s, self._count)

    def _count(self) -> None:
        count = len(gc.get_objects(generation=0))
        least_s, most_s = COUNTED_EVERY_S
        by_rate_s = self._every_s * self._young / (2 * count + 1)
        self._every_s = min(max(by_rate_s, least_s), most_s, LATER * self._every_s)
        if count > self._young // 2:
            # As Python would: it counts how often the youngest and the next older ones were looked at since.
            _, looks_at_youngest, looks_at_older = gc.get_count()
            gc.collect(2 if looks_at_older > OLDER[1] else 1 if looks_at_youngest > OLDER[0] else 0)
        self._arm()


def bound_gc_pauses(clock: Callable[[], float] = time.perf_counter, young: int = YOUNG) -> Callable[[], None]:
    """Set aside what survives a collection now, and each long one from now on. Returns a function that ends this. Call it on a loop.

    `young` is how many young objects are looked at in one go.
    """
    began_s = 0.0

    def note(phase: str, info: dict[str, int]) -> None:
        nonlocal began_s
        if phase == "start":
            began_s = clock()
        elif info["generation"] == 2 and clock() - began_s > LONG_S:  # noqa: PLR2004 - the oldest of Python's three generations
            gc.freeze()

    # What has been imported and configured stays, too, and is most of what the first long collection would look at.
    gc.collect()
    gc.freeze()
    # Python waits with a full collection until a quarter of what the last one looked at has been added. This one looks at nothing, so the
    # next is due after 70,000 new objects, which take 10 ms.
    gc.collect()
    before = gc.get_threshold()
    gc.set_threshold(young, *OLDER)
    gc.callbacks.append(note)
    looks = _Looks(young)

    def end() -> None:
        looks.end()
        gc.set_threshold(*before)
        gc.callbacks.remove(note)
        gc.unfreeze()

    return end
