"""What SQLite's errors mean to whoever keeps something in a file, shown with errors that it really raises."""

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rackflow.process.sqlite import CORRUPT, as_os_error, check_tables, code, connect, corruption, set_aside


def fault_of(path: Path, *statements: str) -> OSError:
    """What the last of some statements comes to."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as db:
        for statement in statements[:-1]:
            db.execute(statement)
        with pytest.raises(OSError) as raised, as_os_error():  # noqa: PT011 - its number is asked for
            db.execute(statements[-1])
    return raised.value


def test_a_full_disk_is_reported_as_one(tmp_path: Path) -> None:
    fault = fault_of(tmp_path / "a.db", "PRAGMA max_page_count = 1", "CREATE TABLE t (x)")
    assert fault.errno == errno.ENOSPC
    assert "full" in str(fault)


def test_a_disk_that_may_only_be_read_is_reported_as_one(tmp_path: Path) -> None:
    assert fault_of(tmp_path / "a.db", "PRAGMA query_only = 1", "CREATE TABLE t (x)").errno == errno.EROFS


def test_anything_else_is_a_fault_of_the_disk(tmp_path: Path) -> None:
    assert fault_of(tmp_path / "a.db", "SELECT * FROM absent").errno == errno.EIO


def test_what_is_no_database_is_senseless_and_a_busy_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"no database" * 500)
    with closing(sqlite3.connect(path)) as db, pytest.raises(sqlite3.DatabaseError) as raised:
        db.execute("SELECT * FROM sqlite_master")
    assert code(raised.value) in CORRUPT
    assert code(corruption("why")) in CORRUPT
    other = tmp_path / "b.db"
    with (
        closing(sqlite3.connect(other, isolation_level=None)) as one,
        closing(sqlite3.connect(other, timeout=0)) as two,
    ):
        one.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError) as busy:
            two.execute("CREATE TABLE t (x)")
    assert code(busy.value) == sqlite3.SQLITE_BUSY
    assert code(busy.value) not in CORRUPT


def test_of_an_extended_code_the_primary_one_counts() -> None:
    error = sqlite3.DatabaseError("a damaged index")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT_INDEX
    assert code(error) == sqlite3.SQLITE_CORRUPT
    assert code(sqlite3.DatabaseError("without a code")) == sqlite3.SQLITE_ERROR


def test_text_that_is_not_utf_8_is_damage_and_no_refusal_of_the_disk(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "a.db")) as db:
        db.execute("CREATE TABLE t (x TEXT)")
        db.execute("INSERT INTO t VALUES (CAST(x'72ff76' AS TEXT))")
        with pytest.raises(sqlite3.DatabaseError, match="not UTF-8") as raised:
            db.execute("SELECT x FROM t").fetchall()
    assert code(raised.value) in CORRUPT


def test_a_format_that_no_sqlite_has_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(connect(path)) as db:
        db.execute("CREATE TABLE t (x TEXT)")
    octets = bytearray(path.read_bytes())
    octets[47] = 9  # the schema format number, offset 44 of the header (https://sqlite.org/fileformat.html)
    path.write_bytes(octets)
    with closing(connect(path)) as db, pytest.raises(sqlite3.DatabaseError) as raised:
        db.execute("SELECT x FROM t")
    assert code(raised.value) in CORRUPT


def test_a_damaged_file_is_set_aside_with_its_log_in_the_place_of_the_one_before(tmp_path: Path) -> None:
    """SQLite would apply the log of the damaged file to the new one."""
    path = tmp_path / "ledger.db"
    for text in ("first", "second"):
        path.write_text(text, encoding="utf-8")
        path.with_name("ledger.db-wal").write_text(f"log of the {text}", encoding="utf-8")
        assert set_aside(path) == tmp_path / "ledger.db.damaged"
    kept = {each.name: each.read_text(encoding="utf-8") for each in tmp_path.iterdir()}
    assert kept == {"ledger.db.damaged": "second", "ledger.db.damaged-wal": "log of the second"}
    path.write_text("third", encoding="utf-8")
    set_aside(path)
    assert [each.name for each in tmp_path.iterdir()] == ["ledger.db.damaged"], "it had no log"


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("CREATE TABLE t (x INTEGER, y TEXT, z TEXT) STRICT", ""),
        ("CREATE TABLE t (x INTEGER, y TEXT) STRICT; CREATE TABLE later (z TEXT)", ""),
        ("", ""),
        ("CREATE TABLE t (x INTEGER, y TEXT)", "table t takes values of any type"),
        ("CREATE TABLE t (x INTEGER) STRICT", "table t lacks y"),
        ("CREATE TABLE contacts (x INTEGER, y TEXT) STRICT", "it is the database of another program"),
        ("CREATE VIEW t AS SELECT 1 AS x, 2 AS y", "it has a view 't', which is not of Rackflow"),
        (
            "CREATE TABLE t (x INTEGER, y TEXT) STRICT;CREATE TRIGGER each AFTER INSERT ON t BEGIN DELETE FROM t; END",
            "it has a trigger 'each', which is not of Rackflow",
        ),
    ],
)
def test_tables_of_a_file_are_those_that_were_made_or_more(tmp_path: Path, statement: str, why: str) -> None:
    with closing(connect(tmp_path / "a.db")) as db:
        db.executescript(statement)
        schema = "CREATE TABLE t (x INTEGER, y TEXT) STRICT"
        if not why:
            check_tables(db, schema)
            return
        with pytest.raises(sqlite3.DatabaseError) as raised:
            check_tables(db, schema)
    assert (str(raised.value), code(raised.value) in CORRUPT) == (why, True)
