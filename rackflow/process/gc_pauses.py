"""Keeps Python's garbage collection from stopping the process for longer and longer.

A full collection looks at every object: 1.3 million of a site of 5,000 devices take 0.2 s, in which nothing else runs. Nearly all of
them (plans, latest values) stay for as long as the process. So what has survived a long collection is set aside (`gc.freeze`), and
the next one only looks at what is newer. Objects set aside are still freed when nothing refers to them; only a ring of them that nobody
refers to would stay. Right after a collection there is none, and what is set aside is not tied into rings later: plans and values are
replaced as a whole.

Python also collects young objects after 700 net new ones, and the messages being handled are more objects than that: at 3,300 messages a
second, a ninth of the collector's CPU went into examining messages that reference counting was about to free anyway.
"""

import gc
import time
from collections.abc import Callable
from typing import Final

# A fifth of the 50 ms that nothing may hold an event loop for.
LONG_S: Final = 0.01
# New objects before the youngest are looked at, how many such looks before one at the next older objects, too, and how many of those before
# one at all. With what waits between broker and store below the first, hardly any are needed. The third is 0: the next look after one at
# the two younger generations is at all, and then sets them aside. Otherwise what a start makes (plans, latest values) piles up for a
# single look: 88,000 objects and 56 ms for an agent of 960 devices, 52,000 and 28 ms so. Rings that nobody refers to wait for as long:
# 2 MB, at some 200 bytes an object.
THRESHOLDS: Final = (10_000, 2, 0)
# The first of them for an agent. While 3,000 devices were opened, 10,000 took 20 to 40 ms of a slow core and the older ones up to 84 ms;
# what is under way between its devices and its outbox is fewer objects than what waits in a collector.
AGENT_YOUNG: Final = 3_000


def bound_gc_pauses(clock: Callable[[], float] = time.perf_counter, young: int = THRESHOLDS[0]) -> Callable[[], None]:
    """Set aside what survives a collection now, and each long one from now on. Returns a function that ends this.

    `young` is after how many net new objects the youngest are looked at.
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
    gc.set_threshold(young, *THRESHOLDS[1:])
    gc.callbacks.append(note)

    def end() -> None:
        gc.set_threshold(*before)
        gc.callbacks.remove(note)
        gc.unfreeze()

    return end
