"""Keeps Python's garbage collection from stopping the process for longer and longer.

A full collection examines every object: for a site of 5,000 devices, 1.3 million objects take 0.2 s, in which nothing else runs. Nearly
all of them (plans, latest values) live as long as the process. So objects that survive a long collection are set aside (`gc.freeze`), and
the next collection examines only newer ones. Objects set aside are still freed by reference counting; only an unreachable cycle of them
would stay for ever. There is none right after a collection, and none forms later, because plans and values are replaced as a whole.

Python collects young objects once their number has grown by a threshold, and messages being handled are many objects. With the default of
700 and 3,300 messages a second, a ninth of the collector's CPU went into examining messages that reference counting was about to free
anyway. But a high threshold alone is no good either: an object that replaces an older one does not make the number grow. Latest values and
figures are replaced all the time, so 35,000 young objects gathered before a collection of the youngest, and 50,000 before one of those that
had survived it: 60 to 90 ms of a slow core. So a timer counts young objects, and starts a collection before there are too many.
"""

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Final

# A collection that takes longer sets aside what has survived it. Until one does, each examines all that the ones before it have, too. With
# 10 ms here, the longest of a campus' collector took 25 ms, beside a slice of 10 ms and the messages of the same turn of its loop.
LONG_S: Final = 0.004
# Young objects that are collected at a time. A slow core takes 1.2 us for each, and a collection that includes older ones has three times
# as many. The messages between broker and store are fewer objects than this, so they are hardly ever examined.
YOUNG: Final = 5_000
# An agent has fewer objects under way, between its devices and its outbox.
AGENT_YOUNG: Final = 3_000
# Thresholds of the older generations (`gc.set_threshold`): one less than the number of smaller collections that come before a larger one.
# After two collections of the youngest objects, the next includes the middle generation; after one of those, the next is a full one, which
# sets aside what it has examined. With fewer full collections, the objects made at a start (plans, latest values) pile up for a single one:
# 88,000 objects and 56 ms for an agent of 960 devices. Unreachable cycles also wait for as long.
OLDER: Final = (1, 0)
# Shortest and longest time between two counts of young objects; a count takes 10 ns for each. Between these limits, they are counted each
# time half of YOUNG have gathered.
COUNTED_EVERY_S: Final = (0.05, 1.0)
# The most by which that time grows from one count to the next. Figures are replaced in bursts, some seconds apart; if counts became rare in
# between, a burst would be noticed too late.
LATER: Final = 1.1


class _CollectionTimer:
    """Starts a collection before there are more than `young` young objects, by a timer on the running loop."""

    def __init__(self, young: int) -> None:
        self._young = young
        self._loop = asyncio.get_running_loop()
        self._every_s = COUNTED_EVERY_S[0]
        # How many there were when they were last counted; 0 after a collection.
        self._before = 0
        self._arm()

    def end(self) -> None:
        """Count no more."""
        self._timer.cancel()

    def _arm(self) -> None:
        self._timer = self._loop.call_later(self._every_s, self._count)

    def _count(self) -> None:
        count = len(gc.get_objects(generation=0))
        gathered = count - self._before if count > self._before else count
        least_s, most_s = COUNTED_EVERY_S
        by_rate_s = self._every_s * self._young / (2 * gathered + 1)
        self._every_s = min(max(by_rate_s, least_s), most_s, LATER * self._every_s)
        self._before = count
        if count > self._young // 2:
            self._before = 0
            # Chooses the generation as Python does, which counts the collections of the youngest and of the middle generation.
            _, of_youngest, of_middle = gc.get_count()
            gc.collect(2 if of_middle > OLDER[1] else 1 if of_youngest > OLDER[0] else 0)
        self._arm()


def bound_gc_pauses(clock: Callable[[], float] = time.perf_counter, young: int = YOUNG) -> Callable[[], None]:
    """Set aside what survives a collection now, and each long one from now on. Returns a function that ends this. Call it on a loop.

    `young` is the most young objects that are collected at a time.
    """
    began_s = 0.0

    def note(phase: str, info: dict[str, int]) -> None:
        nonlocal began_s
        if phase == "start":
            began_s = clock()
        elif info["generation"] == 2 and clock() - began_s > LONG_S:  # noqa: PLR2004 - the oldest of Python's three generations
            gc.freeze()

    # What has been imported and configured stays as well, and is most of what the first long collection would examine.
    gc.collect()
    gc.freeze()
    # Python delays a full collection until a quarter of what the last one examined has been added. This one examines nothing, so the next
    # is due after 70,000 new objects, which take 10 ms.
    gc.collect()
    before = gc.get_threshold()
    gc.set_threshold(young, *OLDER)
    gc.callbacks.append(note)
    timer = _CollectionTimer(young)

    def end() -> None:
        timer.end()
        gc.set_threshold(*before)
        gc.callbacks.remove(note)
        gc.unfreeze()

    return end
