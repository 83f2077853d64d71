"""The ledger's SQLite tables, and its JSON form for other hosts.

The column names, their order and the JSON arrays are formats: files outlive versions, and `/ledger` is read by other
collectors. A file that lacks a column of SCHEMA counts as damaged and is set aside (`check_tables`), so one that is added to SCHEMA must
be added to the files that are there before that; a further table is made in them.

Two columns have other names than their fields: `place` is `EpochRecord.order`; `held` is `EpochRecord.undelivered` in `epoch`
and `Chunk.waiting` in `chunk`.
"""

import secrets
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from collector.ledger.epochs import CHUNK, FULL, Changes, Chunk, EpochKey, EpochRecord, Retirement
from rackflow import RackflowError
from rackflow.process.files import is_absent
from rackflow.process.sqlite import check_tables, connect_to_read, corruption, fault_and_remedy

SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger (one INTEGER PRIMARY KEY, id TEXT, created_ms INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS epoch (
    site TEXT, agent TEXT, epoch TEXT, place INTEGER, known_from INTEGER, born_ms INTEGER, seen_ms INTEGER,
    duplicates INTEGER, ended INTEGER, held TEXT, dropped TEXT, PRIMARY KEY (site, agent, epoch)) STRICT;
CREATE TABLE IF NOT EXISTS chunk (
    site TEXT, agent TEXT, epoch TEXT, number INTEGER, span INTEGER, first_ms INTEGER, last_ms INTEGER,
    stored BLOB, held BLOB, dead TEXT, PRIMARY KEY (site, agent, epoch, number)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS retired (site TEXT, agent TEXT, wall_ms INTEGER, PRIMARY KEY (site, agent)) STRICT;
"""
# Errors raised while reading rows that do not have the form written here: the file was damaged or edited.
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError, msgspec.MsgspecError)
# LATEST_MS: the end of the year 9999, the last that Python's dates can show. MAX_COUNT: more messages than an agent can ever send.
LATEST_MS = 253_402_300_799_000
MAX_COUNT = 2**53
# Begin of a chunk without messages: later than any time, so that the first message replaces it (`load_chunk`).
EMPTY_FROM_MS = 2**62
TABLES = ("epoch", "chunk")
_OF_EPOCH = "WHERE site = ? AND agent = ? AND epoch = ?"
_BYTES = CHUNK // 8
_CHUNK_COLUMNS = "number, first_ms, last_ms, stored, held, dead, span"
_Row = tuple[int, int, int, bytes | None, bytes | None, str, int]


@dataclass(frozen=True, slots=True)
class LedgerSnapshot:
    """The content of one collector's ledger. `ledger` is its random name, by which a ledger that is given twice is noticed."""

    ledger: str
    created_ms: int
    epochs: list[tuple[EpochRecord, list[Chunk]]]


def begin(db: sqlite3.Connection, now_ms: int) -> tuple[str, int]:
    """Begin a ledger if the tables have none. Returns the ledger's own name and when it was begun, ms.

    Neither ever changes: the ledger's age decides from which time on numbers can be missing (see `Ledger`).
    """
    db.execute("INSERT OR IGNORE INTO ledger VALUES (1, ?, ?)", (secrets.token_hex(8), now_ms))
    return _identity(db)


def _identity(db: sqlite3.Connection) -> tuple[str, int]:
    name, created_ms = db.execute("SELECT id, created_ms FROM ledger").fetchone()
    if not isinstance(name, str) or not isinstance(created_ms, int) or not 0 <= created_ms <= LATEST_MS:
        raise corruption("it has no name and no time of its own")
    return name, created_ms


def save(db: sqlite3.Connection, changes: Changes) -> None:
    """Write changes in one transaction: an entry is there with all of its chunk, or not at all.

    Deletions come first, because a forgotten epoch may have started over in the same changes.
    """
    with db:
        db.execute("BEGIN IMMEDIATE")
        for table in TABLES:
            db.executemany(f"DELETE FROM {table} {_OF_EPOCH}", changes.forgotten)  # noqa: S608 - constants
        db.executemany(
            f"DELETE FROM chunk {_OF_EPOCH} AND number = ?",  # noqa: S608 - constants
            [(*key, number) for key, number in changes.merged_away],
        )
        db.executemany(
            "INSERT OR REPLACE INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *key,
                    one.number,
                    one.span,
                    one.first_ms,
                    one.last_ms,
                    _bits(one.stored),
                    _bits(one.waiting),
                    _text(one),
                )
                for key, one in changes.chunks
            ],
        )
        db.executemany(
            "INSERT OR REPLACE INTO epoch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(*record.key, record.order, record.known_from, record.born_ms, record.seen_ms, record.duplicates),
                    *(record.ended, _json(record.undelivered), _json(record.dropped)),
                )
                for record in changes.epochs
            ],
        )
        retired = [(each.site, each.agent, each.wall_ms) for each in changes.retired]
        db.executemany("INSERT OR REPLACE INTO retired VALUES (?, ?, ?)", retired)
        if changes.forgotten:
            db.execute(
                "DELETE FROM retired WHERE NOT EXISTS (SELECT 1 FROM epoch e WHERE e.site = retired.site AND e.agent = retired.agent)"
            )


def load_retirements(db: sqlite3.Connection) -> list[Retirement]:
    """Agents that are gone for good."""
    found = [Retirement(*row) for row in db.execute("SELECT site, agent, wall_ms FROM retired")]
    for each in found:
        if not (_are_texts((each.site, each.agent)) and _are_times(each.wall_ms)):
            raise ValueError(f"an impossible retirement: {each!r}")
    return found


def load_epochs(db: sqlite3.Connection, only: Iterable[EpochKey] | None = None) -> list[EpochRecord]:
    """All epochs, or those in `only`, in the order they were first heard of, with their full chunks."""
    return sorted(
        (record for where in ([()] if only is None else only) for record in _select_epochs(db, where)),
        key=lambda record: record.order,
    )


def _select_epochs(db: sqlite3.Connection, key: EpochKey | tuple[()]) -> Iterable[EpochRecord]:
    where = _OF_EPOCH if key else ""
    named = "site, agent, epoch"
    columns = f"{named}, place, known_from, born_ms, seen_ms, duplicates, ended, held, dropped"
    full = f"{where} AND stored IS NULL" if key else "WHERE stored IS NULL"
    records = {}
    for *name, place, known_from, born_ms, seen_ms, duplicates, ended, undelivered, dropped in db.execute(
        f"SELECT {columns} FROM epoch {where}",  # noqa: S608 - constants
        key,
    ):
        if not (
            _are_counts(place, known_from, duplicates, ended) and _are_times(born_ms, seen_ms) and _are_texts(name)
        ):
            raise ValueError(f"an impossible epoch: {name!r}")
        record = records[tuple(name)] = EpochRecord(
            key=EpochKey(*name),
            known_from=known_from,
            born_ms=born_ms,
            seen_ms=seen_ms,
            duplicates=duplicates,
            ended=ended,
            order=place,
        )
        record.undelivered = msgspec.json.decode(undelivered, type=list[tuple[int, int]])
        record.dropped = msgspec.json.decode(dropped, type=list[tuple[int, int, str]])
    rows = db.execute(f"SELECT {named}, {_CHUNK_COLUMNS} FROM chunk {full} ORDER BY number", key)  # noqa: S608 - constants
    for *name, number, first_ms, last_ms, stored, waiting, dead, span in rows:
        records[tuple(name)].full.append(_chunk((number, first_ms, last_ms, stored, waiting, dead, span)))
    tops = db.execute(f"SELECT {named}, max(number + span) - 1 FROM chunk {where} GROUP BY 1, 2, 3", key)  # noqa: S608 - constants
    for *name, last in tops:
        records[tuple(name)].last_chunk = last
    return records.values()


def load_chunks(db: sqlite3.Connection, key: EpochKey) -> list[Chunk]:
    """All chunks of one epoch, by number."""
    return [_chunk(row) for row in db.execute(f"SELECT {_CHUNK_COLUMNS} FROM chunk {_OF_EPOCH} ORDER BY number", key)]  # noqa: S608 - constants


def load_chunk(db: sqlite3.Connection, key: EpochKey, number: int) -> Chunk:
    """One open chunk; an empty one if there is none."""
    row = db.execute(f"SELECT {_CHUNK_COLUMNS} FROM chunk {_OF_EPOCH} AND number = ?", (*key, number)).fetchone()  # noqa: S608 - constants
    # The times of an empty chunk are chosen so that the times of the first message replace them.
    return _chunk(row) if row else Chunk(number, EMPTY_FROM_MS, 0)


def begin_read(db: sqlite3.Connection) -> tuple[str, int]:
    """Begin a read transaction on a ledger that is open elsewhere; returns its own name and when it was begun, ms.

    Raises sqlite3.DatabaseError.
    """
    check_tables(db, SCHEMA)
    # One read transaction, so that records and chunks match while the collector goes on writing.
    db.execute("BEGIN")
    return _identity(db)


def load_durable(db: sqlite3.Connection, key: EpochKey, index: int, most: int) -> list[Chunk]:
    """The chunks of an epoch from the one with this index on, by number: of more than `2 * most`, the first and the last `most`."""
    # The chunk that holds `index` may begin before it, if it is a merged one.
    from_ = f"{_OF_EPOCH} AND number >= coalesce((SELECT max(number) FROM chunk {_OF_EPOCH} AND number <= ?), 0)"  # noqa: S608 - constants
    found: dict[int, Chunk] = {}
    for order in ("DESC", "ASC"):
        query = f"SELECT {_CHUNK_COLUMNS} FROM chunk {from_} ORDER BY number {order} LIMIT ?"  # noqa: S608 - constants
        rows = db.execute(query, (*key, *key, index, most)).fetchall()
        found |= {row[0]: _chunk(row) for row in rows}
        if len(rows) < most:
            break
    return [found[number] for number in sorted(found)]


NO_LEDGER: Final = "a collector creates it when it starts: start it, or correct ledger.path"


def _where(path: Path) -> str:
    """The folder that a relative path was looked for in, because a service runs in another one than its administrator."""
    return (
        ""
        if path.is_absolute()
        else f" in {path.absolute().parent} (the collector's unit runs in /var/lib/rackflow-collector)"
    )


def read_snapshot(path: Path, only: frozenset[EpochKey] | None = None) -> LedgerSnapshot:
    """Read a ledger file without changing it; with `only`, just those epochs. Raises RackflowError if that is not possible."""
    if is_absent(path):
        raise RackflowError(f"{path}: there is no ledger{_where(path)}; {NO_LEDGER}")
    try:
        with closing(connect_to_read(path, 5.0)) as db:
            ledger, created_ms = begin_read(db)
            records = load_epochs(db, only)
            return LedgerSnapshot(ledger, created_ms, [(record, load_chunks(db, record.key)) for record in records])
    except (sqlite3.Error, *MALFORMED) as error:
        raise RackflowError(f"{path}: the ledger {fault_and_remedy(error, 'is damaged')}") from error


def encode_snapshot(page: LedgerSnapshot) -> bytes:
    """The snapshot as JSON, for another host. The key `books` has the epochs."""
    return msgspec.json.encode(
        {
            "schema": 1,
            "ledger": page.ledger,
            "created_ms": page.created_ms,
            "books": [
                [
                    [*record.key],
                    [record.known_from, record.born_ms, record.seen_ms, record.duplicates, record.ended],
                    record.undelivered,
                    record.dropped,
                    [_row(chunk) for chunk in chunks],
                ]
                for record, chunks in page.epochs
            ],
        }
    )


class _Json(msgspec.Struct):
    ledger: str
    created_ms: int
    books: list[
        tuple[
            EpochKey,
            tuple[int, int, int, int, int],
            list[tuple[int, int]],
            list[tuple[int, int, str]],
            list[tuple[int, int, int, bytes | None, bytes | None, str, int]],
        ]
    ]


def decode_snapshot(text: bytes) -> LedgerSnapshot:
    """A snapshot from its JSON. Raises RackflowError."""
    try:
        found = msgspec.json.decode(text, type=_Json)
        epochs = []
        for key, numbers, undelivered, dropped, rows in found.books:
            epochs.append(
                (EpochRecord(key, *numbers, undelivered=undelivered, dropped=dropped), [_chunk(row) for row in rows])
            )
    except (*MALFORMED, RecursionError) as error:
        raise RackflowError(
            f"this is no ledger: {error}; name its file, or the address of a collector with /ledger at its end"
        ) from error
    return LedgerSnapshot(found.ledger, found.created_ms, epochs)


def _row(chunk: Chunk) -> _Row:
    stored, waiting = _bits(chunk.stored), _bits(chunk.waiting)
    return chunk.number, chunk.first_ms, chunk.last_ms, stored, waiting, _text(chunk), chunk.span


def _chunk(row: _Row) -> Chunk:
    number, first_ms, last_ms, stored, waiting, dead, span = row
    # A merged chunk has all its messages stored. The bits of others are as many as a chunk has numbers.
    fits = stored is None or (span == 1 and len(stored) == _BYTES)
    fits = fits and (waiting is None or len(waiting) == _BYTES) and span >= 1 and number + span <= MAX_COUNT
    if not (fits and _are_counts(number, span) and _are_times(first_ms, last_ms)):
        raise ValueError(f"an impossible chunk: {number!r}")
    stored_bits, waiting_bits = (FULL if one is None else int.from_bytes(one, "little") for one in (stored, waiting))
    reasons = {reason: int(bits, 16) for reason, bits in msgspec.json.decode(dead, type=dict[str, str]).items()}
    return Chunk(
        number=number,
        first_ms=first_ms,
        last_ms=last_ms,
        stored=stored_bits,
        waiting=waiting_bits,
        dead=reasons,
        span=span,
    )


def _are_counts(*numbers: object) -> bool:
    return all(isinstance(number, int) and 0 <= number <= MAX_COUNT for number in numbers)


def _are_times(*times_ms: object) -> bool:
    # An empty chunk begins at 2^62, after every time (see `load_chunk`).
    return all(
        isinstance(time_ms, int) and (0 <= time_ms <= LATEST_MS or time_ms == EMPTY_FROM_MS) for time_ms in times_ms
    )


def _are_texts(names: Iterable[object]) -> bool:
    return all(isinstance(name, str) for name in names)


def _bits(bits: int) -> bytes | None:
    """64 bytes, or None if all bits are set: most chunks end up full, and NULL is how full chunks are selected."""
    return None if bits == FULL else bits.to_bytes(_BYTES, "little")


def _text(chunk: Chunk) -> str:
    return _json({reason: f"{bits:x}" for reason, bits in chunk.dead.items()})


def _json(what: object) -> str:
    return msgspec.json.encode(what).decode()
