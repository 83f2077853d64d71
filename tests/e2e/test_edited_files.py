"""Files of agent and collector that somebody has edited, or put something else in the place of.

Whatever it is: the file is set aside and a new one begun, or one line names it. Nothing runs for ever, and nothing is a traceback.
"""

# ruff: noqa: S608 - SQL put together from constants, for a test
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from collector.cli import main as collector_main
from collector.ledger.epochs import Entry, EpochKey
from collector.ledger.file import LedgerFile
from collector.records.file import RecordsFile, Snapshot
from rackflow import ConfigError
from rackflow.outbox import Message
from rackflow.outbox.log import OutboxLog
from rackflow.outbox.mark import MAX_KEY
from rackflow.outbox.state import Limits
from tests.rackflow.outbox.format1_file import write_former

WALL_S = 1_795_468_800.0
LAST_KEY = 2**63 - 1
KEY = EpochKey("cas1", "gw-3", "01JD5Z")
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"


def make_outbox(path: Path) -> None:
    """As the version before left it."""
    write_former(path, [Message(key, "t", b"x", 7) for key in range(1, 4)])


def use_outbox(path: Path) -> list[Message]:
    """Open it as a new run of the agent does, write, and read everything."""
    file = OutboxLog(path, "E2", Limits(100_000_000, 3600.0))
    try:
        file.commit([Message(1, "t", b"new", 7)], [], frozenset())
        assert all(each.last <= MAX_KEY for each in file.totals.losses)
        return file.read(-MAX_KEY, MAX_KEY, 1000)
    finally:
        file.close()


EDITS_OF_OUTBOX = {
    "endless view": f"DROP TABLE message; CREATE VIEW message AS {ENDLESS} i AS key, 0 AS time_ms, 0 AS kept_ms, '' AS topic,"
    " x'' AS payload, 0 AS crc FROM n",
    "endless view of the state": f"DROP TABLE state; CREATE VIEW state AS {ENDLESS} 1 AS one, 0 AS last_key, 0 AS age_ms,"
    " 0 AS wall_ms FROM n",
    "endless trigger": f"CREATE TRIGGER evil AFTER INSERT ON message BEGIN INSERT INTO loss {ENDLESS} 'e', i, i, '' FROM n; END",
    "last key of all": f"INSERT INTO message VALUES ({LAST_KEY}, 0, 0, 't', x'78', 2363233923)",
    "state at the last key": f"UPDATE state SET last_key = {LAST_KEY}",
    "negative state": "UPDATE state SET last_key = -5, age_ms = -9",
    "state without values": "UPDATE state SET last_key = NULL, age_ms = NULL, wall_ms = NULL",
    "no state": "DELETE FROM state; DROP TABLE state; CREATE TABLE state (one INTEGER PRIMARY KEY, last_key INTEGER,"
    " age_ms INTEGER, wall_ms INTEGER) STRICT; INSERT INTO state VALUES (7, 0, 0, 0)",
    "rows without values": "INSERT INTO message (key) VALUES (77)",
    "negative keys": "UPDATE message SET key = -key",
    "huge payload": "UPDATE message SET payload = zeroblob(30000000), crc = 0 WHERE key = 2",
    "losses without numbers": "INSERT INTO loss VALUES (NULL, NULL, NULL, NULL)",
    "losses beyond all numbers": f"INSERT INTO loss VALUES ('e', 1, {LAST_KEY}, 'full')",
    "runs without names": "INSERT INTO run VALUES (9, NULL)",
    "any type": "DROP TABLE run; CREATE TABLE run (base, epoch); INSERT INTO run VALUES ('x', x'00')",
    "other columns": "DROP TABLE message; CREATE TABLE message (key INTEGER PRIMARY KEY, body BLOB) STRICT",
    "another program's": "DROP TABLE message; DROP TABLE run; DROP TABLE loss; DROP TABLE state; DROP TABLE heard; CREATE TABLE p (id)",
    "virtual table": "DROP TABLE loss; CREATE VIRTUAL TABLE loss USING fts5(epoch, first, last, reason)",
}
EDITS_OF_LEDGER = {
    "endless view": f"DROP TABLE epoch; CREATE VIEW epoch AS {ENDLESS} 's' AS site, 'a' AS agent, 'e' AS epoch, i AS place,"
    " 1 AS known_from, 0 AS born_ms, 0 AS seen_ms, 0 AS duplicates, 0 AS ended, '[]' AS held, '[]' AS dropped FROM n",
    "trigger": "CREATE TRIGGER evil AFTER INSERT ON chunk BEGIN DELETE FROM epoch; END",
    "no name": "UPDATE ledger SET id = NULL",
    "born in the far future": f"UPDATE ledger SET created_ms = {LAST_KEY}",
    "epochs without values": "UPDATE epoch SET known_from = NULL, seen_ms = NULL",
    "epochs without lists": "UPDATE epoch SET held = NULL",
    "negative numbers": "UPDATE epoch SET known_from = -1, ended = -7",
    "numbers beyond all": f"UPDATE epoch SET known_from = {LAST_KEY}, seen_ms = {LAST_KEY}",
    "lists of anything": "UPDATE epoch SET dropped = '{\"a\": 1}'",
    "chunks without values": "UPDATE chunk SET first_ms = NULL, dead = NULL",
    "chunks of nobody": "INSERT INTO chunk VALUES ('x', 'y', 'z', 0, 1, 0, 0, NULL, NULL, '{}')",
    "endless chunks": f"UPDATE chunk SET span = {LAST_KEY}",
    "wrong bits": "UPDATE chunk SET stored = x'ff', held = zeroblob(10000000)",
    "times beyond all": f"UPDATE chunk SET last_ms = {LAST_KEY}",
    "retired without a time": "INSERT INTO retired VALUES ('s', 'a', NULL)",
    "other columns": "DROP TABLE chunk; CREATE TABLE chunk (number INTEGER) STRICT",
    "another program's": "DROP TABLE ledger; DROP TABLE epoch; DROP TABLE chunk; DROP TABLE retired; CREATE TABLE photos (id)",
}
EDITS_OF_RECORDS = {
    "endless view": f"DROP TABLE hour; CREATE VIEW hour AS {ENDLESS} 's' AS site, i AS hour, x'' AS body FROM n",
    "trigger": "CREATE TRIGGER evil AFTER INSERT ON life BEGIN DELETE FROM hour; END",
    "hours of anything": "INSERT INTO hour VALUES ('s', 1, x'00')",
    "hours without values": "INSERT INTO hour VALUES ('s', 1, NULL)",
    "sites without values": "INSERT INTO site VALUES ('s', NULL)",
    "devices without values": "INSERT INTO device VALUES (5, NULL, NULL, NULL, NULL, x'00')",
    "bodies of another shape": "INSERT INTO site VALUES ('s', x'5b5d')",
    "other columns": "DROP TABLE polls; CREATE TABLE polls (site TEXT) STRICT",
    "another program's": "DROP TABLE life; DROP TABLE site; DROP TABLE hour; DROP TABLE device; DROP TABLE device_seen; DROP TABLE polls;"
    " CREATE TABLE x (id)",
}


def edit(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script)


async def make_ledger(path: Path) -> None:
    file = LedgerFile(path, 400, lambda: WALL_S)
    assert await file.record([Entry(KEY, seq, 1_795_468_800_000, 1_795_468_800_000) for seq in range(1, 600)])
    file.close()


@pytest.mark.parametrize("what", EDITS_OF_OUTBOX)
def test_an_edited_outbox_is_set_aside_and_its_messages_are_kept(what: str, tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    make_outbox(path)
    edit(path, EDITS_OF_OUTBOX[what])
    found = use_outbox(path)
    assert found[-1].payload == b"new"
    assert (tmp_path / "outbox.db.damaged").exists()
    if what in {
        "last key of all",
        "state without values",
        "negative state",
        "rows without values",
        "runs without names",
    }:
        assert [message.payload for message in found] == [b"x", b"x", b"x", b"new"]
    assert use_outbox(path)[-1].payload == b"new"


@pytest.mark.parametrize(
    "mark", ["[" * 5000, '{"first": 1, "last": 9223372036854775807, "runs": []}', "null", '{"first": "x"}']
)
def test_an_edited_mark_of_an_outbox_counts_for_nothing(mark: str, tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    make_outbox(path)
    (tmp_path / "outbox.db.mark").write_text(mark, encoding="utf-8")
    assert [message.payload for message in use_outbox(path)] == [b"x", b"x", b"x", b"new"]
    (tmp_path / "outbox.db.segments" / "mark").write_text(mark, encoding="utf-8")
    assert [message.payload for message in use_outbox(path)] == [b"x", b"x", b"x", b"new", b"new"]


@pytest.mark.parametrize("what", EDITS_OF_LEDGER)
async def test_an_edited_ledger_is_set_aside(what: str, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await make_ledger(path)
    edit(path, EDITS_OF_LEDGER[what])
    file = LedgerFile(path, 400, lambda: WALL_S)
    # Chunks are read when a message of theirs comes.
    assert await file.record([Entry(KEY, seq, 1_795_468_800_000, 1_795_468_800_000) for seq in (5, 599, 700)])
    file.close()
    assert (tmp_path / "ledger.db.damaged").exists()
    assert file.failures["damaged"] == 1


# Who reads the account does not read which agents are retired.
@pytest.mark.parametrize("what", sorted(EDITS_OF_LEDGER.keys() - {"retired without a time"}))
async def test_an_edited_ledger_is_one_line_to_who_reads_it(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.db"
    await make_ledger(path)
    edit(path, EDITS_OF_LEDGER[what])
    config = tmp_path / "collector.yaml"
    config.write_text(f"store: {{kind: file, path: {tmp_path}}}\ndead_letter: {tmp_path}/dead\nledger: {path}\n")
    assert collector_main(["ledger", str(config)]) == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert str(path) in shown.err


@pytest.mark.parametrize("what", EDITS_OF_RECORDS)
def test_edited_records_are_set_aside(what: str, tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    RecordsFile(path, lambda: WALL_S).close(ended=True)
    edit(path, EDITS_OF_RECORDS[what])
    file = RecordsFile(path, lambda: WALL_S)
    file.save(Snapshot({}, {}, {}))
    file.close(ended=True)
    assert (tmp_path / "books.db.damaged").exists()


@pytest.mark.parametrize("what", EDITS_OF_RECORDS)
def test_edited_records_are_one_line_to_the_report(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "books.db"
    RecordsFile(path, lambda: WALL_S).close(ended=True)
    edit(path, EDITS_OF_RECORDS[what])
    config = tmp_path / "collector.yaml"
    config.write_text(
        f"store: {{kind: file, path: {tmp_path}}}\ndead_letter: {tmp_path}/dead\nderive: {{state: {path}}}\n"
    )
    assert collector_main(["report", str(config), "--month", "2026-10"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.fixture(params=[folder, pipe], ids=["folder", "pipe"])
def placed(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    """Puts something that is no file at a path."""
    found: Callable[[Path], None] = request.param
    return found


@pytest.mark.parametrize("name", ["outbox.db", "outbox.db.mark", "outbox.db.segments/mark", "outbox.db.segments/lock"])
def test_something_else_in_place_of_an_outbox_is_one_line(
    name: str, placed: Callable[[Path], None], tmp_path: Path
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    placed(tmp_path / name)
    with pytest.raises(ConfigError, match="choose another path"):
        use_outbox(tmp_path / "outbox.db")


@pytest.mark.parametrize("name", ["dead.jsonl", "ledger.db", "ledger.db.lock", "books.db"])
def test_something_else_in_place_of_a_collectors_file_is_one_line_and_exit_78(
    name: str, placed: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    placed(tmp_path / name)
    config = tmp_path / "collector.yaml"
    config.write_text(
        f"store: {{kind: file, path: {tmp_path}/points}}\ndead_letter: {tmp_path}/dead.jsonl\nledger: {tmp_path}/ledger.db\n"
        f"derive: {{state: {tmp_path}/books.db}}\nlisten: 127.0.0.1:0\n"
    )
    assert collector_main(["run", str(config)]) == 78
    error = capsys.readouterr().err.splitlines()[-1]
    assert str(tmp_path / name) in error
    assert "choose another path" in error
