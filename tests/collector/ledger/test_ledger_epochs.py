"""Epochs of agents in the ledger: from which number on it accounts for each, and what one epoch states about another."""

from collections import Counter

import pytest

from agent.epoch import new_epoch
from collector.ledger import Ledger
from collector.ledger.epochs import CHUNK, Chunk, Entry, EpochKey, Statement, born_ms
from collector.ledger.ledger import FREE_CHUNKS
from rackflow.documents import MAX_RANGES, Account, Numbers
from tests.collector.ledger.uncommitted import chunks_of, sums

CREATED_MS = 1_795_468_800_000


def epoch_born(born: int, agent: str = "gw-3", site: str = "cas1") -> EpochKey:
    return EpochKey(site, agent, new_epoch(born, 1))


EARLIER, BEFORE, AFTER, LATER = (epoch_born(CREATED_MS + offset) for offset in (-2000, -1000, 1, 2000))


def entry(key: EpochKey, seq: int, dead: str = "") -> Entry:
    return Entry(key, seq, 1000 + seq, 2000 + seq, dead)


def missing(ledger: Ledger, key: EpochKey) -> list[tuple[int, int]]:
    return [(run.first, run.last) for run in sums(ledger, key).missing]


def said(epoch: str, first: int, last: int, reason: str = "") -> Numbers:
    return Numbers(epoch=epoch, first=first, last=last, reason=reason)


def test_only_an_epoch_that_is_a_ulid_shows_when_it_began() -> None:
    assert born_ms(new_epoch(CREATED_MS, 1)) == CREATED_MS
    assert born_ms("0" * 9 + "1" + "Z" * 16) == 1
    assert born_ms("0" * 8 + "10" + "0" * 16) == 32
    assert [born_ms(text) for text in ("", "01JD5Z", "U" + "0" * 25, "0" * 27)] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("before", "key", "first", "expected"),
    [
        (EARLIER, AFTER, 50, [(1, 49)]),  # began under the eyes of the ledger
        (EARLIER, BEFORE, 50, []),  # both are older than the ledger
        (EARLIER, epoch_born(CREATED_MS), 50, []),  # and one of just its age
        (None, AFTER, 50, []),  # nobody knows what was before
        (LATER, AFTER, 50, []),  # a backlog of an older epoch
        (epoch_born(CREATED_MS - 5, "gw-4"), AFTER, 50, []),  # another agent's epoch
        (epoch_born(CREATED_MS - 5, site="cas2"), AFTER, 50, []),  # another site's agent
        (EARLIER, EpochKey("cas1", "gw-3", "ZZZ"), 50, []),  # an epoch that tells no time
    ],
)
def test_an_epoch_is_accounted_for_from_its_first_number_only_if_the_ledger_saw_it_begin(
    before: EpochKey | None, key: EpochKey, first: int, expected: list[tuple[int, int]]
) -> None:
    ledger = Ledger(CREATED_MS)
    if before is not None:
        ledger.mark_stored(entry(before, 7))
    ledger.mark_stored(entry(key, first))
    ledger.mark_stored(entry(key, first + 2))
    assert missing(ledger, key) == [*expected, (first + 1, first + 1)]


def test_a_statement_is_no_message_and_the_first_of_those_says_from_where_on() -> None:
    ledger = Ledger(CREATED_MS)
    ledger.apply_statement(Statement(AFTER, Account(kind="disk", undelivered=[said(AFTER.epoch, 3, 9)]), 1))
    assert (sums(ledger, AFTER).produced, missing(ledger, AFTER)) == (0, [])
    ledger.apply_statement(Statement(AFTER, Account(kind="disk", undelivered=[said(AFTER.epoch, 3, 9)]), 2))
    ledger.mark_stored(entry(AFTER, 20))
    ledger.mark_stored(entry(AFTER, 22))
    ledger.mark_stored(entry(AFTER, 10))
    assert sums(ledger, AFTER).known_from == 20
    assert (sums(ledger, AFTER).in_flight, sums(ledger, AFTER).produced) == (1, 4)


def test_dead_and_waiting_messages_make_an_epoch_known_too() -> None:
    ledger = Ledger(CREATED_MS)
    ledger.mark_dead(entry(BEFORE, 20, "schema"))
    ledger.mark_waiting(entry(BEFORE, 23))
    assert missing(ledger, BEFORE) == [(21, 22)]


def test_chunks_filled_in_any_order_are_one_row_with_nothing_missing_and_the_times_of_all() -> None:
    """Chunks 3, 1, 0, 2, then 5: the row that is left is 0 to 3, and 5 by itself."""
    ledger = Ledger(CREATED_MS)
    ledger.mark_stored(entry(EARLIER, 1))
    disk: dict[int, int] = {}  # number of chunk: its span, as it would be written after each
    for number in (3, 1, 0, 2, 5):
        for seq in range(number * CHUNK + 1, (number + 1) * CHUNK + 1):
            ledger.mark_stored(entry(AFTER, seq))
        changes = ledger.changes()
        for key, gone in changes.merged_away:
            assert key == AFTER
            disk.pop(gone, None)
        disk |= {chunk.number: chunk.span for key, chunk in changes.chunks if key == AFTER}
    assert ledger.epochs[AFTER].duplicates == 0
    chunks = ledger.epochs[AFTER].full
    assert [(each.number, each.span) for each in chunks] == [(0, 4), (5, 1)]
    assert [(each.first_ms, each.last_ms) for each in chunks] == [(1001, 1000 + 4 * CHUNK), (3561, 1000 + 6 * CHUNK)]
    assert missing(ledger, AFTER) == [(4 * CHUNK + 1, 5 * CHUNK)]
    assert disk == {0: 4, 5: 1}
    for seq in (1, CHUNK, CHUNK + 1, 4 * CHUNK, 6 * CHUNK):
        assert ledger.is_stored(entry(AFTER, seq))
        ledger.mark_stored(entry(AFTER, seq))
    assert not ledger.is_stored(entry(AFTER, 4 * CHUNK + 1))
    assert not ledger.is_stored(entry(AFTER, 6 * CHUNK + 1))
    assert sums(ledger, AFTER).duplicates == 5
    assert ledger.unloaded([entry(AFTER, seq) for seq in (1, CHUNK + 1, 6 * CHUNK)]) == set()


def test_only_a_chunk_that_may_be_on_disk_is_absent() -> None:
    ledger = Ledger(CREATED_MS, max_open_chunks=1)
    for seq in (1, CHUNK + 1, 3 * CHUNK + 1):
        ledger.mark_stored(entry(BEFORE, seq))
    ledger.trim()
    assert ledger.unloaded([entry(BEFORE, 1)]) == set()  # not written yet
    ledger.changes()
    ledger.trim()
    wanted = [entry(BEFORE, seq) for seq in (1, CHUNK, CHUNK + 1, 2 * CHUNK + 1, 3 * CHUNK + 1, 4 * CHUNK + 1)]
    assert ledger.unloaded(wanted) == {(BEFORE, 0), (BEFORE, 1), (BEFORE, 2)}
    ledger.add_chunk(BEFORE, Chunk(0, 1001, 1001, stored=1))
    assert ledger.unloaded([entry(BEFORE, 2)]) == set()
    ledger.mark_stored(entry(BEFORE, 1))
    assert ledger.epochs[BEFORE].duplicates == 1


def test_what_is_used_stays_in_memory_and_what_was_not_for_longest_goes() -> None:
    ledger = Ledger(CREATED_MS, max_open_chunks=2)
    for seq in (1, CHUNK + 1, 2 * CHUNK + 1):
        ledger.mark_stored(entry(BEFORE, seq))
    ledger.mark_stored(entry(BEFORE, 2))
    ledger.changes()
    ledger.trim()
    assert ledger.unloaded([entry(BEFORE, 1 + at * CHUNK) for at in range(3)]) == {(BEFORE, 1)}


def test_a_message_stored_is_neither_waiting_nor_dead_any_more_and_stays_stored() -> None:
    ledger = Ledger(CREATED_MS)
    ledger.mark_waiting(entry(BEFORE, 1))
    assert ledger.is_waiting(entry(BEFORE, 1))
    assert not ledger.is_waiting(entry(BEFORE, 2))
    assert not ledger.is_stored(entry(BEFORE, 1))
    ledger.mark_dead(entry(BEFORE, 1, "schema"))
    assert not ledger.is_waiting(entry(BEFORE, 1))
    ledger.mark_dead(entry(BEFORE, 1, "store"))
    ledger.mark_dead(entry(BEFORE, 2, "store"))
    assert sums(ledger, BEFORE).dropped == Counter(dead_letter_schema=1, dead_letter_store=1)
    assert not ledger.is_stored(entry(BEFORE, 1))
    ledger.mark_stored(entry(BEFORE, 1))
    assert ledger.epochs[BEFORE].duplicates == 0
    [chunk] = chunks_of(ledger, BEFORE)
    assert (chunk.stored, chunk.waiting, chunk.dead) == (1, 0, {"store": 2})
    ledger.mark_waiting(entry(BEFORE, 1))
    ledger.mark_dead(entry(BEFORE, 1, "schema"))
    assert (chunk.stored, chunk.waiting, chunk.dead) == (1, 0, {"store": 2})
    assert not ledger.is_waiting(entry(AFTER, 1))


def test_an_epoch_states_numbers_of_itself_and_of_all_before_it_even_if_it_names_none() -> None:
    ledger = Ledger(CREATED_MS)
    for key in (EARLIER, BEFORE, AFTER):
        ledger.mark_stored(entry(key, 1))
        ledger.mark_stored(entry(key, 10))
    every = [said(key.epoch, 2, 9) for key in (EARLIER, BEFORE, AFTER)]
    ledger.apply_statement(Statement(AFTER, Account(kind="disk", undelivered=every), 1))
    assert [missing(ledger, key) for key in (EARLIER, BEFORE, AFTER)] == [[], [], []]
    ledger.apply_statement(Statement(BEFORE, Account(kind="disk", undelivered=[said(BEFORE.epoch, 2, 9)]), 2))
    assert [missing(ledger, key) for key in (EARLIER, BEFORE, AFTER)] == [[(2, 9)], [], []]
    ledger.apply_statement(Statement(EARLIER, Account(kind="disk", undelivered=[said(AFTER.epoch, 5, 9)]), 2))
    assert [missing(ledger, key) for key in (EARLIER, BEFORE, AFTER)] == [[(2, 9)], [], [(2, 4)]]


def test_two_processes_of_one_name_state_nothing_about_each_other_while_they_take_turns() -> None:
    """Each has an outbox of its own. What the other one does not name is still on its way, and counted as missing it would be an alert."""
    ledger = Ledger(CREATED_MS)

    def states(key: EpochKey, at_s: int) -> list[list[tuple[int, int]]]:
        account = Account(kind="disk", undelivered=[said(key.epoch, 2, 9)])
        ledger.apply_statement(Statement(key, account, CREATED_MS + 1000 * at_s))
        return [missing(ledger, each) for each in (BEFORE, AFTER)]

    for key in (BEFORE, AFTER):
        ledger.mark_stored(entry(key, 1))
        ledger.mark_stored(entry(key, 10))
    assert states(BEFORE, 0) == [[], [(2, 9)]]
    assert states(AFTER, 10) == [[(2, 9)], []]  # as after a restart, as far as anybody can know
    assert states(BEFORE, 20) == [[], []]
    for at_s in range(30, 300, 20):
        assert states(AFTER, at_s) == [[], []]
        assert states(BEFORE, at_s + 10) == [[], []]
    # One of the two is stopped, and nobody speaks for what it had any more.
    assert states(AFTER, 1000) == [[], []]
    assert states(AFTER, 1300) == [[(2, 9)], []]


def test_only_the_stating_epochs_own_undelivered_range_is_open_ended() -> None:
    ledger = Ledger(CREATED_MS)
    ledger.mark_stored(entry(BEFORE, 1))
    account = Account(kind="disk", undelivered=[said(BEFORE.epoch, 2, 4), said(AFTER.epoch, 2, 4)])
    ledger.apply_statement(Statement(AFTER, account, 1))
    assert (ledger.epochs[BEFORE].undelivered, ledger.epochs[AFTER].undelivered) == ([(2, 4)], [(2, 0)])


def test_drops_that_are_said_no_more_are_remembered_and_those_that_grew_replace_them() -> None:
    ledger = Ledger(CREATED_MS)
    ledger.mark_stored(entry(BEFORE, 1))

    def state(*dropped: Numbers) -> list[tuple[int, int, str]]:
        ledger.apply_statement(Statement(BEFORE, Account(kind="disk", dropped=list(dropped)), 1))
        return ledger.epochs[BEFORE].dropped

    epoch = BEFORE.epoch
    first, second = said(epoch, 2, 3, "full"), said(epoch, 5, 6, "expired")
    assert state(first) == [(2, 3, "full")]
    assert state(second) == [(5, 6, "expired")]
    assert state(said(epoch, 5, 7, "expired"), first) == [(5, 7, "expired"), (2, 3, "full")]
    assert state(first) == [(2, 3, "full"), (5, 7, "expired")]
    assert state() == [(2, 3, "full"), (5, 7, "expired")]


def test_no_more_ranges_are_kept_than_allowed_and_the_newest_statement_takes_precedence() -> None:
    ledger = Ledger(CREATED_MS)
    ledger.mark_stored(entry(BEFORE, 1))
    many = [said(BEFORE.epoch, at, at, "full") for at in range(2, 2 * MAX_RANGES + 4, 2)]
    assert len(many) == MAX_RANGES + 1
    ledger.apply_statement(Statement(BEFORE, Account(kind="disk", undelivered=many, dropped=many), 1))
    book = ledger.epochs[BEFORE]
    assert (len(book.undelivered), len(book.dropped)) == (MAX_RANGES, MAX_RANGES)
    assert book.dropped[-1] == (2 * MAX_RANGES, 2 * MAX_RANGES, "full")
    ledger.apply_statement(Statement(BEFORE, Account(kind="disk", dropped=[said(BEFORE.epoch, 9000, 9000, "full")]), 1))
    assert len(book.dropped) == MAX_RANGES
    assert book.dropped[:2] == [(9000, 9000, "full"), (2, 2, "full")]


def test_a_last_number_is_never_taken_back() -> None:
    ledger = Ledger(CREATED_MS)
    ledger.mark_stored(entry(BEFORE, 1))
    for last, expected in ((5, 5), (3, 5), (8, 8)):
        ledger.apply_statement(Statement(AFTER, Account(kind="disk", ended=[said(BEFORE.epoch, 1, last)]), 1))
        assert ledger.epochs[BEFORE].ended == expected


def test_an_epoch_was_last_seen_at_its_latest_message_and_is_forgotten_by_that_time() -> None:
    ledger = Ledger(CREATED_MS)
    for wall_ms in (500, 900, 700):
        ledger.mark_stored(Entry(BEFORE, wall_ms, 1, wall_ms))
    assert (ledger.epochs[BEFORE].born_ms, ledger.epochs[BEFORE].seen_ms) == (500, 900)
    assert ledger.forget(900) == []
    assert ledger.forget(901) == [BEFORE]
    assert ledger.epochs == {}
    changes = ledger.changes()
    assert (changes.forgotten, changes.epochs, changes.chunks, changes.merged_away) == ([BEFORE], [], [], [])
    ledger.mark_stored(Entry(BEFORE, 600, 1, 950))
    assert ledger.epochs[BEFORE].duplicates == 0


def test_forgetting_an_epoch_removes_nothing_of_another() -> None:
    ledger = Ledger(CREATED_MS)
    ledger.mark_stored(Entry(BEFORE, 1, 1, 100))
    ledger.mark_stored(Entry(AFTER, 1, 1, 200))
    assert ledger.forget(150) == [BEFORE]
    changes = ledger.changes()
    assert [book.key for book in changes.epochs] == [AFTER]
    assert [key for key, _ in changes.chunks] == [AFTER]
    assert ledger.is_stored(Entry(AFTER, 1, 1, 1))
    assert not ledger.is_stored(Entry(BEFORE, 1, 1, 1))
    # Changes that could not be written are changes still, forgotten ones too.
    ledger.put_back(changes)
    again = ledger.changes()
    assert (again.forgotten, [book.key for book in again.epochs]) == ([BEFORE], [AFTER])
    assert [chunk.number for _, chunk in again.chunks] == [0]


def test_a_chunk_that_changed_since_is_not_overwritten_by_what_could_not_be_written() -> None:
    ledger = Ledger(CREATED_MS)
    ledger.mark_stored(entry(BEFORE, 1))
    changes = ledger.changes()
    ledger.mark_stored(entry(BEFORE, 2))
    ledger.put_back(changes)
    [(key, chunk)] = ledger.changes().chunks
    assert (key, chunk.stored) == (BEFORE, 3)


def test_a_chunk_of_an_epoch_that_began_again_is_not_replaced_by_what_could_not_be_written_before() -> None:
    """Another chunk than the one that failed, and not the same one with one message more."""
    ledger = Ledger(CREATED_MS)
    ledger.mark_stored(Entry(BEFORE, 1, 1, 100))
    changes = ledger.changes()
    assert ledger.forget(101) == [BEFORE]
    ledger.mark_stored(Entry(BEFORE, 2, 1, 200))
    ledger.put_back(changes)
    [(key, chunk)] = ledger.changes().chunks
    assert (key, chunk.stored) == (BEFORE, 2)


def test_an_epoch_that_was_forgotten_begins_again_with_no_number_of_before() -> None:
    ledger = Ledger(CREATED_MS)
    ledger.mark_stored(Entry(BEFORE, 1, 1, 100))
    assert ledger.forget(101) == [BEFORE]
    ledger.mark_stored(Entry(BEFORE, 1, 1, 200))
    ledger.mark_stored(Entry(BEFORE, 2, 1, 200))
    assert ledger.epochs[BEFORE].duplicates == 0
    [(key, chunk)] = ledger.changes().chunks
    assert (key, chunk.stored) == (BEFORE, 3)


def test_rows_that_became_part_of_another_are_deleted_by_the_next_commit_if_one_fails() -> None:
    ledger = Ledger(CREATED_MS)
    for seq in range(1, 2 * CHUNK + 1):
        ledger.mark_stored(entry(BEFORE, seq))
    ledger.put_back(ledger.changes())
    assert ledger.changes().merged_away == [(BEFORE, 1)]


def test_after_a_restart_an_earlier_epoch_still_states_nothing_about_one_that_began_since() -> None:
    before = Ledger(CREATED_MS)
    for key in (EARLIER, BEFORE):
        before.mark_stored(entry(key, 1))
    ledger = Ledger(CREATED_MS)
    for record in before.epochs.values():
        ledger.restore(record)
    ledger.apply_statement(Statement(AFTER, Account(kind="disk", undelivered=[said(AFTER.epoch, 2, 9)]), 1))
    ledger.apply_statement(Statement(BEFORE, Account(kind="disk"), 2))
    assert ledger.epochs[AFTER].undelivered == [(2, 0)]


def test_an_agent_may_have_messages_of_its_newest_last_heard_and_named_epochs() -> None:
    """Newest first, each with the lowest number that may be missing."""
    ledger = Ledger(CREATED_MS)
    oldest, named, silent, newest = (epoch_born(CREATED_MS + at) for at in range(4))
    for at, key in enumerate((oldest, named, silent, newest)):
        ledger.mark_stored(Entry(key, 1, 0, 100 + at))
    ledger.mark_stored(Entry(oldest, 2, 0, 200))  # its backlog
    left = [said(named.epoch, 7, 9), said(named.epoch, 3, 4)]
    ledger.apply_statement(Statement(newest, Account(kind="disk", undelivered=left), 150))
    assert list(ledger.wanted_of("cas1", "gw-3").items()) == [(newest, 1), (named, 3), (oldest, 1)]
    assert ledger.wanted_of("cas2", "gw-3") == {}


def test_a_dead_letter_is_written_with_the_next_commit_and_a_stored_message_waits_no_more() -> None:
    ledger = Ledger(CREATED_MS)
    ledger.mark_waiting(entry(AFTER, 1))
    assert ledger.is_waiting(entry(AFTER, 1))
    ledger.changes()
    ledger.mark_dead(entry(AFTER, 2, dead="schema"))
    assert [(key, chunk.dead) for key, chunk in ledger.changes().chunks] == [(AFTER, {"schema": 2})]
    ledger.mark_stored(entry(AFTER, 1))
    assert not ledger.is_waiting(entry(AFTER, 1))


def test_a_chunk_that_is_on_disk_is_read_before_a_lower_one_that_came_later() -> None:
    """A chunk begun empty would overwrite it there."""
    ledger = Ledger(CREATED_MS, max_open_chunks=1)
    for seq in (4 * CHUNK + 1, 5 * CHUNK + 1, 2 * CHUNK + 1):
        ledger.mark_stored(entry(AFTER, seq))
        ledger.changes()
        ledger.trim()
    assert ledger.unloaded(entry(AFTER, number * CHUNK + 2) for number in range(2, 7)) == {
        (AFTER, number) for number in (3, 4, 5)
    }


def test_an_epoch_that_was_heard_lately_keeps_its_place_though_it_is_the_first() -> None:
    ledger = Ledger(CREATED_MS, max_per_agent=2)
    first, second, third = (epoch_born(CREATED_MS + at) for at in range(3))
    for key, seen_ms in ((first, 1), (second, 2), (first, 3), (third, 4)):
        ledger.mark_stored(Entry(key, seen_ms, 0, seen_ms))
    assert ledger.epochs.keys() == {first, third}
    ledger.mark_stored(Entry(second, 9, 0, 4))
    ledger.mark_stored(Entry(first, 9, 0, 4))  # of those that were heard at one moment the earlier one goes
    assert ledger.epochs.keys() == {second, first}


def test_ranges_of_several_epochs_may_come_mixed_in_one_statement() -> None:
    ledger = Ledger(CREATED_MS)
    for key in (AFTER, LATER):
        ledger.mark_stored(entry(key, 1))
    mixed = [said(AFTER.epoch, 3, 4), said(LATER.epoch, 5, 6), said(AFTER.epoch, 7, 8)]
    ledger.apply_statement(Statement(LATER, Account(kind="disk", undelivered=mixed), 1))
    assert ledger.epochs[AFTER].undelivered == [(3, 4), (7, 8)]
    assert ledger.epochs[LATER].undelivered == [(5, 0)]


def test_an_epoch_that_said_nothing_yet_but_that_it_is_there_keeps_its_place_over_a_restart() -> None:
    """Whether a later epoch's statement is about it depends on that."""
    ledger = Ledger(CREATED_MS)
    ledger.apply_statement(Statement(AFTER, Account(kind="disk"), 1))
    assert [record.key for record in ledger.changes().epochs] == [AFTER]


def test_what_an_agent_says_it_dropped_is_none_of_its_namesakes_messages_at_another_site() -> None:
    """Both may have an epoch of one name: an operator copies a gateway to the next hall."""
    ledger = Ledger(CREATED_MS - 1)
    there = EpochKey("cas2", AFTER.agent, AFTER.epoch)
    for key in (AFTER, there):
        for seq in (1, 10):
            ledger.mark_stored(entry(key, seq))
    ledger.apply_statement(Statement(AFTER, Account(kind="disk", dropped=[said(AFTER.epoch, 2, 9, "full")]), 1))
    assert sums(ledger, AFTER).dropped == Counter(full=8)
    assert (sums(ledger, there).dropped, missing(ledger, there)) == (Counter(), [(2, 9)])


def test_numbers_that_jump_spoil_the_account_of_no_namesake_at_another_site() -> None:
    ledger = Ledger(CREATED_MS)
    there = EpochKey("cas2", AFTER.agent, AFTER.epoch)
    for at in range(FREE_CHUNKS + 200):
        ledger.mark_stored(entry(AFTER, 1 + at * CHUNK))
    assert ledger.rejected["sparse"] > 0
    ledger.rejected.clear()
    ledger.mark_stored(entry(there, 1))
    assert (ledger.rejected, sums(ledger, there).stored) == (Counter(), 1)
