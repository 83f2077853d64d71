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


def test_keys_that_follow_one_another_are_one_range_and_all_are_counted() -> None:
    found = RangeSet()
    for key in range(1, 6):
        found.add(key, key)
    found.add(6, 20)
    assert (len(found), list(found)) == (20, [(1, 20)])
    # The one that joins two ranges, and one that is there already.
    found.add(22, 25)
    found.add(21, 21)
    assert list(found) == [(1, 25)]
    found.add(3, 30)
    assert (len(found), list(found)) == (30, [(1, 30)])
    assert found.take(10, 12) == [(10, 12)]
    assert (len(found), list(found)) == (27, [(1, 9), (13, 30)])


def test_the_lowest_key_from_another_one_on() -> None:
    found = RangeSet([(3, 5), (9, 9), (12, 20)])
    expected = {0: 3, 3: 3, 4: 4, 5: 5, 6: 9, 9: 9, 10: 12, 15: 15, 20: 20, 21: None}
    assert {key: found.first_from(key) for key in expected} == expected
    assert RangeSet().first_from(1) is None


def test_the_lowest_keys_of_a_set() -> None:
    found = RangeSet([(3, 5), (9, 9), (12, 20)])
    expected = {0: [], 1: [(3, 3)], 3: [(3, 5)], 4: [(3, 5), (9, 9)], 6: [(3, 5), (9, 9), (12, 13)], 99: list(found)}
    assert {most: found.head(most) for most in expected} == expected
