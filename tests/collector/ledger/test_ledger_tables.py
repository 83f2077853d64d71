"""Rows of the ledger's file: what is written is read, and rows that cannot be are damage."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from collector.ledger.epochs import CHUNK, FULL, Changes, Chunk, EpochKey, EpochRecord, Retirement
from collector.ledger.tables import (
    LATEST_MS,
    MALFORMED,
    SCHEMA,
    begin,
    begin_read,
    load_chunk,
    load_chunks,
    load_durable,
    load_epochs,
    load_retirements,
    save,
)

ONE, TWO, ELSEWHERE = EpochKey("s", "gw-1", "A"), EpochKey("s", "gw-2", "A"), EpochKey("t", "gw-1", "A")


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        opened.executescript(SCHEMA)
        begin(opened, 1000)
        yield opened


def changes(
    *records: EpochRecord,
    chunks: list[tuple[EpochKey, Chunk]] | None = None,
    merged_away: list[tuple[EpochKey, int]] | None = None,
) -> Changes:
    return Changes([], list(records), chunks or [], merged_away or [])


def record(key: EpochKey, order: int = 0) -> EpochRecord:
    return EpochRecord(key, 1, 10, 20, 3, 40, [(5, 0)], [(2, 3, "full")], order=order)


def test_a_record_and_its_chunks_are_read_as_they_were_written(db: sqlite3.Connection) -> None:
    part, full = (
        Chunk(number=2, first_ms=5, last_ms=9, stored=0b101, waiting=0b10, dead={"schema": 0b11000}),
        Chunk(4, 6, 8, FULL, span=3),
    )
    save(db, changes(record(ONE), chunks=[(ONE, full), (ONE, part)]))
    (found,) = load_epochs(db)
    assert found == EpochRecord(ONE, 1, 10, 20, 3, 40, [(5, 0)], [(2, 3, "full")], last_chunk=6, full=[full])
    assert load_chunks(db, ONE) == [part, full]
    assert load_chunk(db, ONE, 2) == part
    assert load_epochs(db, [TWO]) == []


def test_a_full_chunk_is_one_of_the_epochs_whether_it_is_joined_or_not(db: sqlite3.Connection) -> None:
    single = Chunk(0, 5, 9, FULL)
    save(db, changes(record(ONE), chunks=[(ONE, single)]))
    assert load_epochs(db)[0].full == load_epochs(db, [ONE])[0].full == [single]


def test_epochs_come_in_the_order_in_which_they_were_first_heard_of(db: sqlite3.Connection) -> None:
    save(db, changes(record(ONE, 2), record(TWO, 0), record(ELSEWHERE, 1)))
    assert [each.key for each in load_epochs(db)] == [TWO, ELSEWHERE, ONE]


def test_the_times_of_a_chunk_that_is_not_there_are_those_of_its_first_message(db: sqlite3.Connection) -> None:
    empty = load_chunk(db, ONE, 7)
    assert (empty.number, empty.stored, empty.waiting, empty.dead) == (7, 0, 0, {})
    empty.widen(500, 500)
    assert (empty.first_ms, empty.last_ms) == (500, 500)


def test_a_row_that_became_part_of_another_is_deleted_and_no_other(db: sqlite3.Connection) -> None:
    chunks = [(key, Chunk(number, 1, 2, FULL)) for key in (ONE, TWO) for number in (0, 1)]
    save(db, changes(record(ONE), record(TWO), chunks=chunks))
    save(db, changes(chunks=[(ONE, Chunk(0, 1, 2, FULL, span=2))], merged_away=[(ONE, 1)]))
    assert [(each.number, each.span) for each in load_chunks(db, ONE)] == [(0, 2)]
    assert [each.number for each in load_chunks(db, TWO)] == [0, 1]


def test_an_epoch_that_is_forgotten_and_begins_again_has_nothing_of_before(db: sqlite3.Connection) -> None:
    save(db, changes(record(ONE), record(TWO), chunks=[(ONE, Chunk(0, 1, 2, 1)), (TWO, Chunk(0, 1, 2, 1))]))
    begun_again = EpochRecord(ONE, 9, 30, 30, order=5)
    save(db, Changes([ONE], [begun_again], [(ONE, Chunk(3, 30, 30, 1))], []))
    assert [(each.key, each.known_from, each.last_chunk) for each in load_epochs(db)] == [(TWO, 1, 0), (ONE, 9, 3)]
    assert [each.number for each in load_chunks(db, ONE)] == [3]


def test_a_retirement_goes_with_the_last_epoch_of_its_agent_and_no_other_one_does(db: sqlite3.Connection) -> None:
    gone = [Retirement(key.site, key.agent, 50 + at) for at, key in enumerate((ONE, TWO, ELSEWHERE))]
    later = ONE._replace(epoch="B")
    save(db, Changes([], [record(key) for key in (ONE, later, TWO, ELSEWHERE)], [], [], gone))
    save(db, Changes([ONE], [], [], []))
    assert load_retirements(db) == gone
    save(db, Changes([later], [], [], []))
    assert load_retirements(db) == gone[1:]


@pytest.mark.parametrize(
    "fault",
    [
        "UPDATE epoch SET place = -1",
        "UPDATE epoch SET known_from = -1",
        "UPDATE epoch SET duplicates = 9007199254740993",
        "UPDATE epoch SET ended = -7",
        "UPDATE epoch SET born_ms = -1",
        "UPDATE epoch SET seen_ms = 253402300799001",
        "UPDATE epoch SET held = '[[1]]'",
        "UPDATE epoch SET dropped = '{'",
        "UPDATE chunk SET number = -1",
        "UPDATE chunk SET span = 0",
        "UPDATE chunk SET span = 9007199254740993",
        "UPDATE chunk SET first_ms = -1",
        "UPDATE chunk SET last_ms = 253402300799001",
        "UPDATE chunk SET held = x'00'",
        'UPDATE chunk SET dead = \'{"schema":"xyz"}\'',
        "UPDATE chunk SET agent = 'gw-9'",
    ],
)
def test_a_row_that_cannot_be_is_damage(db: sqlite3.Connection, fault: str) -> None:
    save(db, changes(record(ONE), chunks=[(ONE, Chunk(0, 1, 2, FULL))]))
    db.execute(fault)
    with pytest.raises(MALFORMED):
        load_epochs(db)


@pytest.mark.parametrize("fault", ["span = 2", "stored = x'01'", "held = x'01'"])
def test_an_open_chunk_has_one_bit_for_each_of_its_numbers(db: sqlite3.Connection, fault: str) -> None:
    save(db, changes(record(ONE), chunks=[(ONE, Chunk(0, 1, 2, 1))]))
    db.execute(f"UPDATE chunk SET {fault}")  # noqa: S608 - constants
    with pytest.raises(ValueError, match="impossible chunk"):
        load_chunk(db, ONE, 0)


def test_a_retirement_or_a_ledger_of_no_possible_time_is_damage(db: sqlite3.Connection) -> None:
    save(db, Changes([], [record(ONE)], [], [], [Retirement("s", "gw-1", 5)]))
    db.execute("UPDATE retired SET wall_ms = -1")
    with pytest.raises(ValueError, match="impossible retirement"):
        load_retirements(db)
    for fault in ("created_ms = -1", f"created_ms = {LATEST_MS + 1}", "created_ms = NULL", "created_ms = 1, id = NULL"):
        db.execute(f"UPDATE ledger SET {fault}")  # noqa: S608 - constants
        with pytest.raises(sqlite3.DatabaseError, match="no name and no time"):
            begin_read(db)
        db.execute("ROLLBACK")


@pytest.mark.parametrize(
    ("index", "most", "numbers"),
    [
        (0, 9, [0, 3, 10, 11, 12]),
        (4, 9, [3, 10, 11, 12]),  # within the joined one
        (11, 9, [11, 12]),
        (13, 9, [12]),
        (0, 2, [0, 3, 11, 12]),
        (0, 5, [0, 3, 10, 11, 12]),
        (0, 1, [0, 12]),
    ],
)
def test_of_many_chunks_the_first_and_the_last_are_read_from_the_one_with_the_number_on(
    db: sqlite3.Connection, index: int, most: int, numbers: list[int]
) -> None:
    chunks = [Chunk(0, 1, 2, 1), Chunk(3, 1, 2, FULL, span=5), *(Chunk(number, 1, 2, 1) for number in (10, 11, 12))]
    save(db, changes(record(ONE), record(TWO), chunks=[(key, each) for key in (ONE, TWO) for each in chunks]))
    assert [each.number for each in load_durable(db, ONE, index, most)] == numbers


def test_a_bit_is_the_number_that_it_was(db: sqlite3.Connection) -> None:
    bits = 1 | 1 << 9 | 1 << CHUNK - 1
    save(
        db,
        changes(
            record(ONE),
            chunks=[
                (ONE, Chunk(number=0, first_ms=1, last_ms=2, stored=bits, waiting=bits >> 1, dead={"store": bits >> 2}))
            ],
        ),
    )
    assert load_chunk(db, ONE, 0) == Chunk(
        number=0, first_ms=1, last_ms=2, stored=bits, waiting=bits >> 1, dead={"store": bits >> 2}
    )
