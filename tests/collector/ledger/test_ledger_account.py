"""The account by hand: small books of which everyone can count what is missing, at the edges of every interval."""

from collections import Counter
from collections.abc import Iterable, Mapping

import pytest

from collector.ledger.account import Missing, account_of, join, merge
from collector.ledger.epochs import CHUNK, FULL, Chunk, EpochKey, EpochRecord

KEY = EpochKey("cas1", "gw-3", "01JD5Z")
Dropped = list[tuple[int, int, str]]


def book(known_from: int = 1, **more: object) -> EpochRecord:
    found = EpochRecord(KEY, known_from, born_ms=10, seen_ms=20)
    for name, value in more.items():
        setattr(found, name, value)
    return found


def bits(numbers: Iterable[int], number: int) -> int:
    return sum(1 << seq - 1 - number * CHUNK for seq in numbers)


def chunk(
    number: int = 0,
    stored: Iterable[int] = (),
    held: Iterable[int] = (),
    dead: Mapping[str, Iterable[int]] | None = None,
    times: tuple[int, int] = (100, 200),
) -> Chunk:
    """Numbers are messages' numbers, from 512 * number + 1 on."""
    reasons = {why: bits(numbers, number) for why, numbers in (dead or {}).items()}
    return Chunk(number, *times, bits(stored, number), bits(held, number), reasons)


def full(number: int, span: int, times: tuple[int, int] = (100, 200)) -> Chunk:
    return Chunk(number, *times, FULL, span=span)


def runs(missing: Iterable[Missing]) -> list[tuple[int, int]]:
    return [(run.first, run.last) for run in missing]


@pytest.mark.parametrize(
    ("known_from", "stored", "produced", "missing"),
    [
        (1, [1, 512], 512, [(2, 511)]),
        (1, [2], 2, [(1, 1)]),
        (1, [2, 4, 7], 7, [(1, 1), (3, 3), (5, 6)]),
        (1, [1, 2, 3, 5], 5, [(4, 4)]),
        (1, range(2, 512), 511, [(1, 1)]),
        (5, [5, 7], 3, [(6, 6)]),
        (5, [3, 5, 7], 4, [(6, 6)]),
        (5, [3, 7], 4, [(5, 6)]),
        (5, [3], 1, []),
        (5, [], 0, []),
    ],
)
def test_what_is_missing_lies_between_the_first_known_and_the_last(
    known_from: int, stored: Iterable[int], produced: int, missing: list[tuple[int, int]]
) -> None:
    found = account_of(book(known_from), [chunk(stored=stored)])
    assert (found.produced, found.stored, runs(found.missing)) == (produced, len(list(stored)), missing)
    assert found.missing_messages == sum(last - first + 1 for first, last in missing)
    assert found.known_from == known_from


def test_numbers_at_the_edges_of_chunks_belong_to_their_own() -> None:
    found = account_of(book(), [full(0, 2), chunk(2, [1025, 1536]), chunk(3, [1537])])
    assert (found.stored, runs(found.missing)) == (1027, [(1026, 1535)])


@pytest.mark.parametrize(
    ("dropped", "counted", "missing"),
    [
        ([(2, 9, "full")], {"full": 8}, []),
        ([(2, 8, "full")], {"full": 7}, [(9, 9)]),
        ([(3, 9, "full")], {"full": 7}, [(2, 2)]),
        ([(4, 6, "full")], {"full": 3}, [(2, 3), (7, 9)]),
        ([(1, 10, "full")], {"full": 8}, []),
        ([(2, 5, "full"), (6, 9, "expired")], {"full": 4, "expired": 4}, []),
        ([(2, 5, "full"), (5, 6, "expired")], {"full": 4, "expired": 1}, [(7, 9)]),
        ([(1, 1, "full"), (10, 10, "full")], {}, [(2, 9)]),
    ],
)
def test_of_the_agents_drops_only_numbers_that_did_not_arrive_count(
    dropped: Dropped, counted: dict[str, int], missing: list[tuple[int, int]]
) -> None:
    """Numbers 1 and 10 are stored; what was said to be dropped and came all the same is stored."""
    found = account_of(book(dropped=dropped), [chunk(stored=[1, 10])])
    assert (found.dropped, runs(found.missing)) == (Counter(counted), missing)
    assert (found.produced, found.stored, found.in_flight) == (10, 2, 0)


@pytest.mark.parametrize(
    ("undelivered", "in_flight", "missing", "produced"),
    [
        ([(2, 0)], 8, [], 10),
        ([(5, 0)], 5, [(2, 4)], 10),
        ([(5, 6)], 2, [(2, 4), (7, 9)], 10),
        ([(9, 12)], 3, [(2, 8)], 12),
        ([(11, 11)], 1, [(2, 9)], 11),
        ([(2, 3), (3, 9)], 8, [], 10),
    ],
)
def test_what_the_agent_still_has_is_in_flight_and_reaches_to_the_last_where_open(
    undelivered: list[tuple[int, int]], in_flight: int, missing: list[tuple[int, int]], produced: int
) -> None:
    found = account_of(book(undelivered=undelivered), [chunk(stored=[1, 10])])
    assert (found.in_flight, runs(found.missing), found.produced) == (in_flight, missing, produced)


def test_the_last_number_of_an_ended_epoch_is_the_one_that_the_agent_states() -> None:
    found = account_of(book(ended=5), [chunk(stored=[1, 3])])
    assert (found.produced, runs(found.missing)) == (5, [(2, 2), (4, 5)])


def test_a_drop_of_which_everything_came_in_time_is_none() -> None:
    found = account_of(book(dropped=[(2, 3, "full")]), [chunk(stored=[1, 2, 3])])
    assert (found.stored, dict(found.dropped)) == (3, {})


def test_a_drop_that_came_in_time_is_none_in_the_middle_of_a_long_row_either() -> None:
    found = account_of(book(dropped=[(600, 700, "full"), (1020, 1026, "full")]), [full(0, 2)])
    assert (found.stored, found.dropped, found.produced) == (1024, {"full": 2}, 1026)


def test_the_last_number_dropped_counts_as_made() -> None:
    found = account_of(book(dropped=[(4, 6, "full")]), [chunk(stored=[1, 3])])
    assert (found.produced, found.dropped, runs(found.missing)) == (6, Counter(full=3), [(2, 2)])


def test_each_number_counts_once_whatever_became_of_it_in_turn() -> None:
    """Stored before dead, dead before waiting here, both before what the agent says."""
    held, dead = [1, 2, 3], {"schema": [2, 4], "decode": [1, 4]}
    said: Dropped = [(1, 6, "full")]
    found = account_of(book(dropped=said, undelivered=[(6, 8)]), [chunk(stored=[1], held=held, dead=dead)])
    assert found.dropped == Counter({"dead_letter_decode": 1, "dead_letter_schema": 1, "full": 2})
    assert (found.stored, found.in_flight, found.produced, found.missing) == (1, 3, 8, [])


def test_a_number_that_is_dead_for_several_reasons_is_dead_for_the_first_by_name() -> None:
    dead = {why: [1] for why in ("type", "schema", "decode", "topic", "state", "key", "time")}
    assert account_of(book(), [chunk(dead=dead)]).dropped == Counter(dead_letter_decode=1)


def test_a_chunk_without_a_reason_has_none_that_is_dead() -> None:
    found = account_of(book(), [chunk(0, range(2, 513), dead={"schema": [1]}), chunk(1, [514])])
    assert (found.dropped, runs(found.missing)) == (Counter(dead_letter_schema=1), [(513, 513)])


@pytest.mark.parametrize(
    ("known_from", "ended", "missing"), [(1, 0, []), (5, 5, [(5, 5)]), (6, 5, []), (1, 1, [(1, 1)])]
)
def test_without_a_message_the_last_number_said_is_what_there_is(
    known_from: int, ended: int, missing: list[tuple[int, int]]
) -> None:
    found = account_of(book(known_from, ended=ended), [])
    assert (runs(found.missing), found.produced) == (missing, len(missing))


def test_an_epoch_without_any_message_has_nothing_missing() -> None:
    found = account_of(book(0, undelivered=[(5, 9)], dropped=[(1, 4, "full")], ended=9), [])
    assert (found.produced, found.in_flight, found.dropped, found.missing) == (0, 0, Counter(), [])


def test_an_epoch_known_from_its_first_number_without_any_message_is_missing_or_accounted_for() -> None:
    found = account_of(book(1, undelivered=[(5, 9)], dropped=[(2, 3, "full")], ended=9), [])
    assert (found.produced, found.in_flight, found.dropped) == (9, 5, Counter(full=2))
    assert runs(found.missing) == [(1, 1), (4, 4)]


def test_the_account_lists_drops_and_gaps_beside_the_sums() -> None:
    found = account_of(book(duplicates=7), [chunk(stored=[1])])
    assert (found.key, found.seen_ms, found.duplicates) == (KEY, 20, 7)


@pytest.mark.parametrize(
    ("chunks", "missing"),
    [
        ([chunk(0, [1], times=(1, 2)), chunk(2, [1030], times=(5, 6))], (2, 1029, 1, 6)),
        ([full(0, 1, times=(1, 2)), chunk(2, [1025], times=(5, 6))], (513, 1024, 2, 5)),
        ([full(0, 2, times=(1, 2)), chunk(3, [1537], times=(5, 6))], (1025, 1536, 2, 5)),
        ([full(0, 1, times=(1, 2)), chunk(1, range(514, 1025), times=(3, 4)), full(2, 1)], (513, 513, 2, 4)),
        ([full(0, 1, times=(1, 2)), chunk(1, range(513, 1024), times=(3, 4)), full(2, 2)], (1024, 1024, 3, 100)),
        ([chunk(2, [1025], times=(5, 6))], (1, 1024, 0, 5)),
        ([chunk(0, [2], times=(5, 6))], (1, 1, 0, 6)),
        ([chunk(0, [1, 3], times=(5, 6))], (2, 2, 5, 6)),
        ([chunk(0, [1], held=[3], times=(5, 6))], (2, 2, 5, 6)),
        ([chunk(0, [1], dead={"schema": [3]}, times=(5, 6))], (2, 2, 5, 6)),
        ([full(0, 1, times=(9, 9)), chunk(2, [1025], times=(5, 6))], (513, 1024, 5, 9)),
    ],
)
def test_a_gap_is_reported_with_the_times_of_what_is_around_it(
    chunks: list[Chunk], missing: tuple[int, int, int, int]
) -> None:
    """Those of the chunk it lies in, else those of its neighbours; earlier first, also where a clock was set back."""
    [run] = account_of(book(), chunks).missing
    assert (run.first, run.last, run.from_ms, run.to_ms) == missing


def test_a_gap_at_the_end_has_no_time_to_which() -> None:
    [run] = account_of(book(ended=2000), [full(0, 2, times=(1, 2))]).missing
    assert run == Missing(1025, 2000, 2, 0)
    [run] = account_of(book(ended=9), [chunk(0, [1, 2], times=(1, 2))]).missing
    assert run == Missing(3, 9, 1, 0)


def test_ranges_that_adjoin_or_overlap_are_one() -> None:
    assert join([(7, 9), (1, 2), (3, 3), (5, 8), (2, 2)]) == [(1, 3), (5, 9)]
    assert join([(1, 9), (2, 3), (11, 12)]) == [(1, 9), (11, 12)]


def test_chunks_shared_with_another_collector_are_stored_once_and_none_is_missing() -> None:
    one = book(duplicates=3), [full(0, 3)]
    other = book(duplicates=4), [chunk(1, [513, 514]), chunk(3, [1537])]
    for pair in ((one, other), (other, one)):
        found = account_of(*merge(*pair))
        assert (found.stored, found.produced, found.duplicates, found.missing) == (1537, 1537, 9, [])


def test_a_long_row_is_cut_where_the_other_has_a_chunk() -> None:
    found = account_of(*merge((book(), [full(1, 99)]), (book(), [full(0, 1), chunk(40, [40 * CHUNK + 1])])))
    assert (found.stored, found.duplicates, found.missing) == (100 * CHUNK, 1, [])


def test_rows_of_chunks_that_overlap_are_stored_once() -> None:
    found = account_of(*merge((book(), [full(0, 3)]), (book(), [full(1, 4)])))
    assert (found.stored, found.duplicates, found.missing) == (5 * CHUNK, 2 * CHUNK, [])


def test_what_one_collector_has_stored_is_neither_dead_nor_waiting_at_another() -> None:
    one = book(), [chunk(stored=[2, 3], times=(5, 6))]
    other = book(), [chunk(held=[2, 4], dead={"schema": [3, 5]}, times=(4, 5))]
    third = book(), [chunk(dead={"schema": [6], "decode": [7]}, times=(7, 9))]
    for pages in ((one, other, third), (third, other, one)):
        merged = merge(merge(pages[0], pages[1]), pages[2])
        found = account_of(*merged)
        assert (found.stored, found.in_flight, runs(found.missing)) == (2, 1, [(1, 1)])
        assert found.dropped == Counter(dead_letter_schema=2, dead_letter_decode=1)
        assert [(each.first_ms, each.last_ms) for each in merged[1]] == [(4, 9)]
    # Each says of itself what it said before.
    assert account_of(*other).dropped == Counter(dead_letter_schema=2)
    assert account_of(*one).stored == 2


def test_of_two_ledgers_the_newer_decides_what_is_undelivered_and_both_what_was_dropped() -> None:
    """What is below the first number that both know may have gone to the other one before it kept a ledger."""
    older = book(3, born_ms=5, seen_ms=8, ended=7, undelivered=[(2, 0)], dropped=[(7, 7, "full"), (1, 2, "full")])
    newer = book(1, born_ms=6, seen_ms=9, ended=4, undelivered=[(5, 0)], dropped=[(1, 2, "full"), (3, 4, "expired")])
    for pair in ((older, newer), (newer, older)):
        merged, chunks = merge((pair[0], [chunk(5), chunk(7)]), (pair[1], [chunk(0), chunk(6)]))
        assert [each.number for each in chunks] == [0, 5, 6, 7]
        assert (merged.known_from, merged.born_ms, merged.seen_ms, merged.ended) == (3, 5, 9, 7)
        assert merged.undelivered == [(5, 0)]
        assert merged.dropped == [(1, 2, "full"), (3, 4, "expired"), (7, 7, "full")]


def test_a_chunk_covers_what_lies_in_its_row() -> None:
    found = book(full=[full(1, 2), full(5, 1)])
    assert [index for index in range(8) if found.covers(index)] == [1, 2, 5]
