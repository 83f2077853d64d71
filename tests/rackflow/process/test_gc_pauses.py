"""What stays is not looked at by every collection of garbage."""

import gc
import weakref

from rackflow.process.gc_pauses import AGENT_YOUNG, LONG_S, THRESHOLDS, bound_gc_pauses


class Node:
    """Can be part of a ring."""

    def __init__(self) -> None:
        self.other: Node | None = None


def test_what_survives_a_long_collection_is_set_aside_and_a_short_one_changes_nothing() -> None:
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


def test_rings_that_nobody_refers_to_are_still_collected() -> None:
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


def test_what_is_under_way_is_not_looked_at_and_what_was_set_before_is_set_again() -> None:
    before = gc.get_threshold()
    end = bound_gc_pauses()
    try:
        assert gc.get_threshold() == THRESHOLDS
        gc.collect()
        collections = gc.get_stats()[0]["collections"]
        kept = [Node() for _ in range(THRESHOLDS[0] // 2)]
        assert gc.get_stats()[0]["collections"] == collections
        del kept
    finally:
        end()
    assert gc.get_threshold() == before


def test_an_agent_looks_at_fewer_young_objects_at_a_time() -> None:
    end = bound_gc_pauses(young=AGENT_YOUNG)
    try:
        assert gc.get_threshold() == (3_000, 2, 0)
    finally:
        end()
