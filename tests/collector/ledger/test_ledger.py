"""The ledger against plain sets of numbers: whatever the order, it says the same."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.epoch import new_epoch
from collector.ledger.account import Missing, account_of, merge
from collector.ledger.epochs import CHUNK, Chunk, Entry, EpochKey, Statement
from collector.ledger.ledger import Ledger
from rackflow.documents import MAX_RANGES, Account, Numbers
from tests.collector.ledger.uncommitted import chunks_of, sums

OLD, EPOCH, NEXT = (new_epoch(ms, 1) for ms in (1_795_468_700_000, 1_795_468_800_000, 1_795_468_900_000))
CREATED_MS = 1_795_468_750_000
KEY = EpochKey("cas1", "gw-3", EPOCH)
HIGHEST = 4 * CHUNK
NUMBERS = st.one_of(
    st.lists(st.integers(1, HIGHEST), max_size=60),
    st.tuples(st.integers(1, HIGHEST), st.integers(0, 3 * CHUNK)).map(
        lambda run: list(range(run[0], min(HIGHEST, run[0] + run[1]) + 1))
    ),
)


def entry(seq: int, key: EpochKey = KEY, dead: str = "") -> Entry:
    return Entry(key, seq, 1000 * seq, 1000 * seq, dead)


def ledger_of(numbers: Sequence[int], limit: int = 10_000) -> Ledger:
    """A ledger that knows the epoch from its first number on."""
    ledger = Ledger(CREATED_MS, limit)
    ledger.mark_stored(entry(1, EpochKey("cas1", "gw-3", OLD)))
    ledger.apply_statement(Statement(KEY, Account(kind="disk"), 0))
    for seq in numbers:
        ledger.mark_stored(entry(seq))
    return ledger


def expand(missing: Sequence[Missing]) -> set[int]:
    return {seq for run in missing for seq in range(run.first, run.last + 1)}


@given(NUMBERS, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_a_ledger_agrees_with_sets_of_numbers_in_any_order(numbers: list[int], chance: object) -> None:
    """Stored, duplicates and what is missing, in order of arrival and shuffled."""
    shuffled = sorted(numbers, key=lambda _: chance.random())  # type: ignore[attr-defined]  # random.Random
    for order in (numbers, shuffled):
        found = sums(ledger_of(order), KEY)
        assert found.stored == len(set(order))
        assert found.duplicates == len(order) - len(set(order))
        assert found.produced == max(order, default=0)
        assert expand(found.missing) == set(range(1, max(order, default=0) + 1)) - set(order)
        ledger = ledger_of(order)
        assert all(ledger.is_stored(entry(seq)) == (seq in order) for seq in range(1, HIGHEST + 1, 7))


@given(NUMBERS, NUMBERS, NUMBERS, st.integers(0, HIGHEST), st.integers(0, HIGHEST))
@settings(deadline=None)
def test_what_the_agent_and_the_collector_say_of_gaps(
    stored: list[int], waiting: list[int], buried: list[int], dropped_from: int, held_from: int
) -> None:
    """Each number counts once: stored, else dead, else waiting, else dropped, else undelivered, else missing."""
    ledger = ledger_of([])
    for seq in buried:
        ledger.mark_dead(entry(seq, dead="schema"))
    for seq in set(waiting) - set(buried):
        ledger.mark_waiting(entry(seq))
    for seq in stored:
        ledger.mark_stored(entry(seq))
    dropped = Numbers(epoch=EPOCH, first=dropped_from, last=dropped_from + 99, reason="full")
    undelivered = Numbers(epoch=EPOCH, first=max(1, held_from), last=max(1, held_from))
    ledger.apply_statement(Statement(KEY, Account(kind="disk", undelivered=[undelivered], dropped=[dropped]), 0))
    found = sums(ledger, KEY)
    known = set(stored) | set(buried) | set(waiting)
    gaps = set(range(1, max([*known, dropped_from + 99]) + 1)) - known
    lost = gaps & set(range(dropped_from, dropped_from + 100))
    coming = {seq for seq in gaps - lost if seq >= undelivered.first}
    assert found.stored == len(set(stored))
    assert found.dropped == +Counter(dead_letter_schema=len(set(buried) - set(stored)), full=len(lost))
    assert found.in_flight == len(coming) + len(set(waiting) - set(buried) - set(stored))
    assert expand(found.missing) == gaps - lost - coming
    assert found.produced == found.stored + found.dropped.total() + found.in_flight + found.missing_messages


@given(NUMBERS, NUMBERS, NUMBERS)
@settings(deadline=None)
def test_merging_is_a_union_in_any_order(one: list[int], two: list[int], three: list[int]) -> None:
    """Commutative and associative; with itself only the duplicates grow."""
    pages = [(ledger.epochs[KEY], chunks_of(ledger, KEY)) for ledger in map(ledger_of, (one, two, three))]
    a, b, c = pages
    left, right = account_of(*merge(merge(a, b), c)), account_of(*merge(c, merge(b, a)))
    assert left == right
    union = {*one, *two, *three}
    assert left.stored == len(union)
    assert expand(left.missing) == set(range(1, max(union, default=0) + 1)) - union
    assert left.duplicates == len(one) + len(two) + len(three) - len(union)
    itself = account_of(*merge(a, a))
    assert (itself.stored, itself.missing) == (account_of(*a).stored, account_of(*a).missing)


@given(NUMBERS, st.integers(0, 3))
@settings(deadline=None)
def test_chunks_that_left_memory_come_back(numbers: list[int], limit: int) -> None:
    """With a disk that is a dictionary, and next to no memory."""
    disk: dict[tuple[EpochKey, int], Chunk] = {}
    ledger = ledger_of([], limit)
    for seq in numbers:
        for key, number in ledger.unloaded([entry(seq)]):
            ledger.add_chunk(key, disk.get((key, number), Chunk(number, 2**62, 0)))
        ledger.mark_stored(entry(seq))
        changes = ledger.changes()
        for place in changes.merged_away:
            disk.pop(place, None)
        disk |= {(key, chunk.number): chunk for key, chunk in changes.chunks}
        ledger.trim()
    chunks = sorted((chunk for (key, _), chunk in disk.items() if key == KEY), key=lambda each: each.number)
    found = account_of(ledger.epochs[KEY], chunks)
    assert (found.stored, found.duplicates) == (len(set(numbers)), len(numbers) - len(set(numbers)))
    assert expand(found.missing) == set(range(1, max(numbers, default=0) + 1)) - set(numbers)


def test_a_million_in_a_row_are_one_chunk_and_a_gap_has_its_time() -> None:
    """The times of a missing run are those around it."""
    ledger = ledger_of([seq for seq in range(1, 100_001) if not 51_300 <= seq <= 53_000])
    assert len(chunks_of(ledger, KEY)) == 5
    [gap] = sums(ledger, KEY).missing
    assert (gap.first, gap.last) == (51_300, 53_000)
    assert 51_299_000 - CHUNK * 1000 <= gap.from_ms <= 51_299_000
    assert 53_001_000 <= gap.to_ms <= 53_001_000 + CHUNK * 1000


def test_a_ledger_that_came_later_knows_from_where_on() -> None:
    """What was before is not missing, and a backlog from there is stored."""
    ledger = Ledger(CREATED_MS)
    for seq in (5000, 5002, 3000):
        ledger.mark_stored(entry(seq))
    found = sums(ledger, KEY)
    assert (found.known_from, found.produced, found.stored) == (5000, 4, 3)
    assert expand(found.missing) == {5001}


def test_an_epoch_that_ended_with_all_of_it_lost() -> None:
    """The agent states its last number; a new epoch states what it still holds of the one before."""
    ledger = ledger_of([1, 2, 3])
    after = EpochKey("cas1", "gw-3", NEXT)
    ended = Numbers(epoch=EPOCH, first=1, last=10)
    undelivered = Numbers(epoch=EPOCH, first=5, last=8)
    ledger.apply_statement(Statement(after, Account(kind="disk", undelivered=[undelivered], ended=[ended]), 1))
    found = sums(ledger, KEY)
    assert (found.produced, found.in_flight, expand(found.missing)) == (10, 4, {4, 9, 10})
    ledger.apply_statement(Statement(after, Account(kind="disk", ended=[ended]), 2))
    assert sums(ledger, KEY).missing_messages == 7


def test_an_earlier_epoch_states_nothing_about_a_later_one() -> None:
    """Two agents with one name: each speaks for itself."""
    ledger = ledger_of([1, 4])
    after = EpochKey("cas1", "gw-3", NEXT)
    ledger.mark_stored(entry(1, after))
    ledger.mark_stored(entry(9, after))
    undelivered = [Numbers(epoch=NEXT, first=2, last=9)]
    ledger.apply_statement(Statement(after, Account(kind="disk", undelivered=undelivered), 1))
    ledger.apply_statement(Statement(KEY, Account(kind="disk"), 2))
    assert (sums(ledger, after).in_flight, sums(ledger, after).missing) == (7, [])


@pytest.mark.parametrize("age_ms", [0, 1])
def test_old_epochs_are_forgotten(age_ms: int) -> None:
    """By the time of the last message."""
    ledger = ledger_of([1, 2])
    assert ledger.forget(2000 + age_ms) == [EpochKey("cas1", "gw-3", OLD), KEY][: 1 + age_ms]


def test_an_agent_with_many_epochs_loses_its_own_oldest_and_an_agent_too_many_is_refused() -> None:
    """Nobody else's account is touched, however many names and epochs somebody makes up."""
    ledger = Ledger(0, max_epochs=5, max_per_agent=3)
    other = EpochKey("cas1", "other", "01")
    ledger.mark_stored(Entry(other, 1, 1, 1))
    for number in range(10):
        ledger.mark_stored(Entry(EpochKey("cas1", "gw-3", f"{number:02}"), 1, number, number))
    assert [key.epoch for key in ledger.epochs if key.agent == "gw-3"] == ["07", "08", "09"]
    for number in range(10):
        ledger.mark_stored(Entry(EpochKey("cas1", f"gw-{number}-x", "01"), 1, 99, 99))
        ledger.apply_statement(Statement(EpochKey("cas1", f"gw-{number}-y", "01"), Account(kind="disk"), 99))
    assert other in ledger.epochs
    assert len(ledger.epochs) == 5
    assert ledger.rejected == Counter(forgotten=7, refused=19)
    assert len(ledger.changes().forgotten) == 7


def test_what_an_agent_says_it_dropped_does_not_grow_for_ever() -> None:
    ledger = ledger_of([1])
    for start in range(1, 20_000, 20):
        fewer = [Numbers(epoch=EPOCH, first=at, last=at, reason="full") for at in range(start, start + 20, 2)]
        ledger.apply_statement(Statement(KEY, Account(kind="disk", dropped=fewer[: 9 if start > 1 else 10]), 0))
    assert len(ledger.epochs[KEY].dropped) <= MAX_RANGES
