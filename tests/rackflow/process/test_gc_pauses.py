"""What stays is not looked at by every collection of garbage."""

import asyncio
import gc
import weakref

from rackflow.process.gc_pauses import AGENT_YOUNG, LONG_S, OLDER, YOUNG, bound_gc_pauses
from tests.servers.waiting import eventually


class Node:
    """Can be part of a ring."""

    def __init__(self) -> None:
        self.other: Node | None = None


async def test_what_survives_a_long_collection_is_set_aside_and_a_short_one_changes_nothing() -> None:
    now_s = [0.0]
    times = iter([0.0, LONG_S / 2, 1.0, 1.0 + 2 * LONG_S])

    def clock() -> float:
        now_s[0] = next(times, now_s[0])
        return now_s[0]

    enabled = gc.isenabled()
    gc.disable()
    end = bound_gc_pauses(clock)
    try:
        before = gc.get_freeze_count()
        stays = [Node() for _ in range(10_000)]
        gc.collect()  # short
        # What other tests left behind may be freed meanwhile, set aside or not.
        assert gc.get_freeze_count() <= before
        gc.collect()  # long
        assert gc.get_freeze_count() > before + len(stays) // 2
        # Freed without any collection, set aside or not.
        gone = weakref.ref(stays[0])
        stays.clear()
        assert gone() is None
    finally:
        end()
        if enabled:
            gc.enable()
    assert gc.get_freeze_count() == 0


async def test_rings_that_nobody_refers_to_are_still_collected() -> None:
    end = bound_gc_pauses()
    try:
        one, other = Node(), Node()
        one.other, other.other = other, one
        gone = weakref.ref(one)
        del one, other
        gc.collect()
        assert gone() is None
    finally:
        end()


async def test_what_is_under_way_is_not_looked_at_and_what_was_set_before_is_set_again() -> None:
    before = gc.get_threshold()
    end = bound_gc_pauses()
    try:
        assert gc.get_threshold() == (YOUNG, *OLDER)
        gc.collect()
        collections = gc.get_stats()[0]["collections"]
        kept = [Node() for _ in range(YOUNG // 3)]
        assert gc.get_stats()[0]["collections"] == collections
        del kept
    finally:
        end()
    assert gc.get_threshold() == before


async def test_an_agent_looks_at_fewer_young_objects_at_a_time() -> None:
    end = bound_gc_pauses(young=AGENT_YOUNG)
    try:
        assert gc.get_threshold() == (3_000, 1, 0)
    finally:
        end()


async def test_what_replaces_older_objects_is_looked_at_before_it_is_much() -> None:
    kept = [Node() for _ in range(20 * YOUNG)]
    enabled = gc.isenabled()
    # As if none came by itself: as many objects go as come, which Python counts as no new ones.
    gc.disable()
    end = bound_gc_pauses()
    try:
        before = [each["collections"] for each in gc.get_stats()]

        async def replace_until_all_were_looked_at() -> None:
            while any(each["collections"] == count for each, count in zip(gc.get_stats(), before, strict=True)):
                for _ in range(20):
                    kept[:50] = []
                    kept.extend(Node() for _ in range(50))
                await asyncio.sleep(0)

        await asyncio.wait_for(replace_until_all_were_looked_at(), 20)
        assert len(gc.get_objects(generation=0)) + len(gc.get_objects(generation=1)) < len(kept)
    finally:
        end()
        if enabled:
            gc.enable()


async def test_a_process_at_rest_is_not_looked_at_and_nothing_is_after_the_end() -> None:
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    end = bound_gc_pauses()
    try:
        before = gc.get_stats()[0]["collections"]
        await asyncio.sleep(0.3)  # several counts
        assert gc.get_stats()[0]["collections"] == before
    finally:
        end()
    kept = [Node() for _ in range(2 * YOUNG)]
    await asyncio.sleep(0.3)
    assert gc.get_stats()[0]["collections"] == before
    assert kept
    if enabled:
        gc.enable()


async def test_young_objects_are_collected_before_they_are_as_many_as_would_take_long() -> None:
    """An object that takes the place of an older one does not count to Python, so that it begins far too late by itself."""
    gc.collect()
    end = bound_gc_pauses(young=YOUNG)
    try:
        kept = [Node() for _ in range(YOUNG * 7 // 10)]
        assert len(gc.get_objects(generation=0)) > YOUNG // 2
        await eventually(lambda: len(gc.get_objects(generation=0)) < YOUNG // 2, "they were collected")
        assert kept
    finally:
        end()
