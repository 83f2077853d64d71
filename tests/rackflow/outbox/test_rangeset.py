"""A set of keys as ranges behaves as a set of integers."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rackflow.outbox.rangeset import RangeSet

ranges = st.tuples(st.integers(-30, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))
steps = st.lists(st.tuples(st.sampled_from(["add", "take"]), ranges), max_size=40)


def keys(found: "RangeSet | list[tuple[int, int]]") -> set[int]:
    return {key for first, last in found for key in range(first, last + 1)}


@given(steps, ranges, st.integers(0, 30))
def test_it_is_the_set_of_what_was_added_and_not_taken(
    doing: list[tuple[str, tuple[int, int]]], window: tuple[int, int], most: int
) -> None:
    found, model = RangeSet(), set[int]()
    for what, (first, last) in doing:
        those = set(range(first, last + 1))
        if what == "add":
            found.add(first, last)
            model |= those
        else:
            assert keys(found.take(first, last)) == model & those
            model -= those
        assert (len(found), keys(found)) == (len(model), model)
        assert (found.first, found.last) == (min(model, default=None), max(model, default=None))
        edges = list(found)
        assert all(before[1] + 1 < after[0] for before, after in pairwise(edges))
    assert keys(found.within(*window)) == model & set(range(window[0], window[1] + 1))
    assert keys(found.head(most)) == set(sorted(model)[:most])
    assert {key for key in range(-40, 80) if key in found} == model


@given(st.lists(ranges, max_size=15), st.lists(ranges, max_size=15))
def test_intersection_and_difference_are_those_of_sets(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    first, second = RangeSet(one), RangeSet(other)
    assert keys(first.intersection(second)) == keys(one) & keys(other)
    assert keys(first.difference(second)) == keys(one) - keys(other)
    assert keys(first) == keys(one)
