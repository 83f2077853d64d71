"""A collector's state is copied beside it, and only a whole copy of its own, of a version that is known, is put back."""

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from collector.backup import REPLACED, Backup, copy_pages, make_backup, restore_backup, state_files
from collector.cli import main
from collector.config import CollectorConfig
from collector.ledger import Entry, EpochKey, LedgerFile, accounts, read_snapshot
from collector.problems import Ended, History, history_files, remembered_file
from collector.problems.history import append_history, read_history
from collector.records import RecordsFile
from rackflow import ConfigError, RackflowError
from rackflow.process.config import check_config
from rackflow.process.sqlite import APPLICATION, FORMAT, connect_to_read
from tests.servers.strace import on_disk, said, synced, traced, writes
from tests.terminal import last_count, on_a_terminal

NOW_S = 1_790_000_000.0
BOTH = """
import os, sys
from pathlib import Path
from collector.backup import make_backup, restore_backup
from tests.collector.test_backup import configured
folder = Path(sys.argv[1])
os.write(1, b"begun")
make_backup(configured(folder), folder / "new" / "backup")
os.write(1, b"made")
restore_backup(configured(folder), folder / "new" / "backup")
os.write(1, b"restored")
"""


def configured(folder: Path, client_id: str = "collector-1", **more: object) -> CollectorConfig:
    given = {
        "broker": {"host": "127.0.0.1"},
        "client_id": client_id,
        "store": {"kind": "file", "path": str(folder / "points")},
        "dead_letter": str(folder / "state" / "dead-letter.jsonl"),
        **more,
    }
    return check_config(given, CollectorConfig, "collector.yaml")


def entry(seq: int) -> Entry:
    return Entry(EpochKey("cas1", "gw-1", "01"), seq, int(NOW_S * 1000), int(NOW_S * 1000))


def stored(path: Path) -> int:
    """How many messages a ledger's file accounts for."""
    return sum(account.stored for account in accounts([read_snapshot(path)]))


def begun(folder: Path) -> CollectorConfig:
    """A collector's state: three stored messages, records without an hour yet, and the problems of now."""
    config = configured(folder)
    ledger = LedgerFile(config.ledger_path, 30, lambda: NOW_S)
    assert asyncio.run(ledger.record([entry(1), entry(2), entry(3)]))
    ledger.close()
    RecordsFile(config.records_path, lambda: NOW_S).close(ended=True)
    config.problems_path.write_text('{"problems": []}')
    return config


@pytest.fixture
def config(tmp_path: Path) -> CollectorConfig:
    """As `begun` has it."""
    return begun(tmp_path)


def test_a_backup_beside_a_running_collector_has_what_is_only_in_its_log(
    config: CollectorConfig, tmp_path: Path
) -> None:
    running = LedgerFile(config.ledger_path, 30, lambda: NOW_S)
    assert asyncio.run(running.record([entry(4)]))
    assert config.ledger_path.with_name(config.ledger_path.name + "-wal").stat().st_size > 0
    made = make_backup(config, tmp_path / "backup")
    running.close()
    assert set(made.files) == {"ledger", "records", "problems"}
    assert stored(tmp_path / "backup" / config.ledger_path.name) == 4


def test_a_backup_that_fails_in_the_middle_leaves_no_folder_and_can_be_made_again(
    config: CollectorConfig, tmp_path: Path
) -> None:
    config.problems_path.unlink()
    config.problems_path.mkdir()  # cannot be copied
    with pytest.raises(RackflowError, match="cannot be written: Is a directory"):
        make_backup(config, tmp_path / "backup")
    assert not list(tmp_path.glob("backup*"))
    config.problems_path.rmdir()
    assert make_backup(config, tmp_path / "backup").files.keys() == {"ledger", "records"}


def test_only_its_owner_can_read_a_backup(config: CollectorConfig, tmp_path: Path) -> None:
    make_backup(config, tmp_path / "backup")
    modes = {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "backup").iterdir()}
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    assert {name for name, mode in modes.items() if mode} <= {"backup.json"}
    restore_backup(config, tmp_path / "backup")
    for path in (config.ledger_path, config.records_path, config.problems_path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_ledger_of_a_backup_is_one_file_that_needs_no_log_beside_it(
    config: CollectorConfig, tmp_path: Path
) -> None:
    """As the header of an SQLite file says: 1 with a journal that is deleted, 2 with a write-ahead log."""
    make_backup(config, tmp_path / "backup")
    assert (tmp_path / "backup" / config.ledger_path.name).read_bytes()[18:20] == b"\x01\x01"


def with_all_of_it(config: CollectorConfig) -> dict[str, bytes]:
    """Write what `config` lacks of a collector's state; returns the content of every file, by what it is."""
    with closing(sqlite3.connect(config.owners_path)) as db:
        db.executescript("CREATE TABLE owned (device TEXT) STRICT; INSERT INTO owned VALUES ('cdu-07')")
    history, before = history_files(config.problems_path)
    append_history(before, [])
    append_history(history, [])
    remembered_file(config.problems_path).write_text('{"seen": [], "highest": []}')
    return {path.name: path.read_bytes() for path in config.problems_path.parent.iterdir() if path.suffix != ".lock"}


def test_every_file_of_a_collectors_state_is_back_on_a_new_machine(config: CollectorConfig, tmp_path: Path) -> None:
    """The folder is not there, either; and only its owner may read what is put back."""
    folder = config.ledger_path.parent
    before = with_all_of_it(config)
    assert len(before) == 7, sorted(before)
    made = make_backup(config, tmp_path / "backup")
    # In this order: what the ledger lacks comes again, and what leaves the history meanwhile is in the file before it.
    assert list(made.files) == ["ledger", "records", "owners", "problems", "remembered", "history", "history_before"]
    shutil.rmtree(folder)
    restore_backup(config, tmp_path / "backup")
    after = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}
    assert after.keys() == before.keys()
    for name, content in before.items():
        if not name.endswith(".db"):  # SQLite's copy has another header
            assert after[name] == content
    with closing(sqlite3.connect(config.owners_path)) as db:
        assert db.execute("SELECT device FROM owned").fetchall() == [("cdu-07",)]
    assert stored(config.ledger_path) == 3


def test_files_of_any_names_in_any_folders_are_copied_whole_and_put_back(tmp_path: Path) -> None:
    """A copy of SQLite's file alone lacks what is in its log, and two files of one name would be one in the backup."""
    given = {
        "broker": {"host": "127.0.0.1"},
        "store": {"kind": "file", "path": str(tmp_path / "points")},
        "dead_letter": str(tmp_path / "state" / "dead-letter.jsonl"),
        "ledger": str(tmp_path / "ledger" / "state"),
        "derive": {"state": str(tmp_path / "records" / "state")},
        "problems": {"state": str(tmp_path / "problems" / "backup.json")},
    }
    config = check_config(given, CollectorConfig, "collector.yaml")
    for each in (config.ledger_path, config.records_path, config.problems_path):
        each.parent.mkdir()
    running = LedgerFile(config.ledger_path, 30, lambda: NOW_S)
    assert asyncio.run(running.record([entry(1), entry(2)]))
    records = RecordsFile(config.records_path, lambda: NOW_S)
    config.problems_path.write_text('{"problems": []}')
    made = make_backup(config, tmp_path / "backup")
    running.close()
    records.close(ended=True)
    assert len({each.name for each in made.files.values()}) == len(made.files) == 3
    for each in (config.ledger_path, config.records_path, config.problems_path):
        shutil.rmtree(each.parent)
    restore_backup(config, tmp_path / "backup")
    assert stored(config.ledger_path) == 2
    RecordsFile(config.records_path, lambda: NOW_S).close(ended=True)
    assert not config.records_path.with_name("state.damaged").exists()
    assert config.problems_path.read_text() == '{"problems": []}'


def test_a_state_in_several_folders_is_back_on_a_new_machine(config: CollectorConfig, tmp_path: Path) -> None:
    """The configuration of the new machine puts each file into a folder of its own, and none of them is there yet."""
    with_all_of_it(config)
    make_backup(config, tmp_path / "backup")
    new = tmp_path / "new"
    elsewhere = configured(
        new,
        ledger=str(new / "ledger" / "ledger.db"),
        derive={"state": str(new / "records" / "records.db")},
        problems={"state": str(new / "problems" / "problems.json")},
    )
    restore_backup(elsewhere, tmp_path / "backup")
    assert stored(elsewhere.ledger_path) == 3
    assert all(path.exists() for path in state_files(elsewhere).values())


def test_a_ledger_with_a_damaged_page_is_not_taken_for_a_backup(config: CollectorConfig, tmp_path: Path) -> None:
    """SQLite copies a page without looking at it: the damage would be found when the backup is needed."""
    whole = config.ledger_path.read_bytes()
    (page_bytes,) = struct.unpack(">H", whole[16:18])
    damaged = whole[:page_bytes] + b"\xff" * 64 + whole[page_bytes + 64 :]
    config.ledger_path.write_bytes(damaged)
    with pytest.raises(RackflowError, match=r"is damaged: .*Page 2.*; restore a backup"):
        make_backup(config, tmp_path / "backup")
    assert not list(tmp_path.glob("backup*"))


def test_the_ledger_of_a_newer_version_is_not_put_back(config: CollectorConfig, tmp_path: Path) -> None:
    make_backup(config, tmp_path / "backup")
    copied = tmp_path / "backup" / config.ledger_path.name
    with closing(sqlite3.connect(copied)) as db:
        db.execute(f"PRAGMA user_version = {FORMAT + 1}")
        db.execute(f"PRAGMA application_id = {APPLICATION + FORMAT + 1}")
    where = tmp_path / "backup" / "backup.json"
    listed = json.loads(where.read_text())
    listed["files"]["ledger"]["sha256"] = hashlib.sha256(copied.read_bytes()).hexdigest()
    listed["files"]["ledger"]["size_bytes"] = copied.stat().st_size
    where.write_text(json.dumps(listed))
    with pytest.raises(ConfigError, match="was written by a newer Rackflow"):
        restore_backup(config, tmp_path / "backup")
    assert stored(config.ledger_path) == 3


def test_what_was_backed_up_is_back_after_a_restore_and_what_was_there_is_kept(
    config: CollectorConfig, tmp_path: Path
) -> None:
    make_backup(config, tmp_path / "backup")
    after = LedgerFile(config.ledger_path, 30, lambda: NOW_S)
    assert asyncio.run(after.record([entry(4), entry(5)]))
    after.close()
    config.problems_path.unlink()
    restore_backup(config, tmp_path / "backup")
    assert stored(config.ledger_path) == 3
    assert config.problems_path.read_text() == '{"problems": []}'
    assert stored(config.ledger_path.with_name(config.ledger_path.name + REPLACED)) == 5


def test_the_log_that_a_killed_collector_left_is_not_applied_to_the_ledger_that_is_put_back(
    config: CollectorConfig, tmp_path: Path
) -> None:
    make_backup(config, tmp_path / "backup")
    logs = [config.ledger_path.with_name(config.ledger_path.name + suffix) for suffix in ("-wal", "-shm")]
    killed = LedgerFile(config.ledger_path, 30, lambda: NOW_S)
    assert asyncio.run(killed.record([entry(4), entry(5)]))
    left = [log.read_bytes() for log in logs]
    killed.close()
    for log, content in zip(logs, left, strict=True):
        log.write_bytes(content)
    restore_backup(config, tmp_path / "backup")
    assert stored(config.ledger_path) == 3


def test_the_problems_of_the_last_day_are_back_after_a_restore_and_none_of_them_twice(
    config: CollectorConfig, tmp_path: Path
) -> None:
    ended = [
        Ended("DcimSmoke", [("device", f"smoke-{at}")], NOW_S - 60, NOW_S - at, 1.0, 1.0, is_cause=True)
        for at in (3, 2, 1)
    ]
    path, before = history_files(config.problems_path)
    append_history(path, ended[:2])
    make_backup(config, tmp_path / "backup")
    # As if the file had been replaced by another one while it was copied.
    path.rename(before)
    append_history(path, ended[1:])
    make_backup(config, tmp_path / "second")
    for folder, expected in (("second", ended), ("backup", ended[:2])):
        path.unlink(missing_ok=True)
        restore_backup(config, tmp_path / folder)
        history = History()
        history.restore(read_history(path), NOW_S)
        assert history.since(0, NOW_S) == expected[::-1]
    assert not before.exists()


def test_a_history_of_a_newer_version_is_neither_copied_nor_put_back_nor_written_into(
    config: CollectorConfig, tmp_path: Path
) -> None:
    path, before = history_files(config.problems_path)
    append_history(path, [])
    made = make_backup(config, tmp_path / "backup")
    newer = path.read_bytes().replace(b":1}", b":2}")
    path.write_bytes(newer)
    with pytest.raises(RackflowError, match="was written by a newer Rackflow"):
        make_backup(config, tmp_path / "second")
    copied = tmp_path / "backup" / path.name
    copied.write_bytes(newer)
    listed = json.loads((tmp_path / "backup" / "backup.json").read_text())
    listed["files"]["history"] = {
        "name": copied.name,
        "sha256": hashlib.sha256(newer).hexdigest(),
        "size_bytes": len(newer),
    }
    (tmp_path / "backup" / "backup.json").write_text(json.dumps(listed))
    with pytest.raises(RackflowError, match="restore it with that version"):
        restore_backup(config, tmp_path / "backup")
    assert made.files["history"].size_bytes == len(newer)
    append_history(path, [])
    assert before.read_bytes() == newer
    assert read_history(path) == []


def test_a_restored_file_belongs_to_the_services_user(config: CollectorConfig, tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give files to another user")
    make_backup(config, tmp_path / "backup")
    lock = config.ledger_path.with_name(f"{config.ledger_path.name}.lock")
    for path in (config.ledger_path, config.ledger_path.parent):
        os.chown(path, 12345, 12346)
    # As where no collector of this name has run yet: the service could not open a lock of root's, and did not start.
    lock.unlink(missing_ok=True)
    restore_backup(config, tmp_path / "backup")
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in (config.ledger_path, lock)}
    assert owners == {(12345, 12346)}


def test_nothing_is_restored_under_a_running_collector(config: CollectorConfig, tmp_path: Path) -> None:
    make_backup(config, tmp_path / "backup")
    running = LedgerFile(config.ledger_path, 30, lambda: NOW_S)
    with pytest.raises(ConfigError, match="is in use: stop the collector before a restore"):
        restore_backup(config, tmp_path / "backup")
    assert asyncio.run(running.record([entry(4)]))
    running.close()
    assert stored(config.ledger_path) == 4


def test_a_damaged_backup_replaces_nothing(config: CollectorConfig, tmp_path: Path) -> None:
    made = make_backup(config, tmp_path / "backup")
    before = {what: path.read_bytes() for what, path in state_files(config).items() if path.exists()}
    for copied in made.files.values():
        path = tmp_path / "backup" / copied.name
        whole = path.read_bytes()
        for damaged in (whole[:-1], whole[:5] + bytes([whole[5] ^ 1]) + whole[6:], b""):
            path.write_bytes(damaged)
            with pytest.raises(RackflowError, match=r"is damaged.*; use another backup"):
                restore_backup(config, tmp_path / "backup")
        path.write_bytes(whole)
    assert {what: path.read_bytes() for what, path in state_files(config).items() if path.exists()} == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a backup's list"),
        ("{}", "is not a backup's list"),
        ('{"schema": 1, "client_id": "collector-1", "version": "1", "time": "", "files": {}}', "names no ledger"),
        ('{"schema": 2, "client_id": "collector-1", "version": "9", "time": "", "files": {}}', "by a newer Rackflow"),
    ],
)
def test_a_list_that_is_none_is_refused(text: str, says: str, config: CollectorConfig, tmp_path: Path) -> None:
    make_backup(config, tmp_path / "backup")
    (tmp_path / "backup" / "backup.json").write_text(text)
    with pytest.raises(RackflowError, match=says):
        restore_backup(config, tmp_path / "backup")


def test_a_list_cannot_name_files_elsewhere(config: CollectorConfig, tmp_path: Path) -> None:
    """A backup may come from a stranger, and its list must not lead out of its folder."""
    make_backup(config, tmp_path / "backup")
    (tmp_path / "secret.db").write_bytes(b"elsewhere")
    where = tmp_path / "backup" / "backup.json"
    listed = json.loads(where.read_text())
    listed["files"]["ledger"]["name"] = "../secret.db"
    where.write_text(json.dumps(listed))
    with pytest.raises(RackflowError, match=r"secret\.db: no such file"):
        restore_backup(config, tmp_path / "backup")


def test_a_backup_of_a_newer_version_is_refused(config: CollectorConfig, tmp_path: Path) -> None:
    with closing(sqlite3.connect(config.ledger_path)) as db:
        db.execute(f"PRAGMA user_version = {FORMAT + 1}")
        db.execute(f"PRAGMA application_id = {APPLICATION + FORMAT + 1}")
    with pytest.raises(ConfigError, match="was written by a newer Rackflow"):
        make_backup(config, tmp_path / "backup")
    assert not list(tmp_path.glob("backup*"))


def test_another_collectors_backup_is_refused(config: CollectorConfig, tmp_path: Path) -> None:
    make_backup(config, tmp_path / "backup")
    with pytest.raises(ConfigError, match="is the state of collector 'collector-1', and this one is 'collector-2'"):
        restore_backup(configured(tmp_path, "collector-2"), tmp_path / "backup")


def test_a_folder_that_is_there_is_never_written_into(config: CollectorConfig, tmp_path: Path) -> None:
    first: Backup = make_backup(config, tmp_path / "backup")
    with pytest.raises(RackflowError, match="exists already; choose another folder, or delete it"):
        make_backup(config, tmp_path / "backup")
    assert restore_backup(config, tmp_path / "backup") == (first, REPLACED)


def test_what_another_backup_has_begun_is_not_taken_away(config: CollectorConfig, tmp_path: Path) -> None:
    begun = tmp_path / "backup.partial" / "ledger.db"
    begun.parent.mkdir()
    begun.write_bytes(b"half of it")
    with pytest.raises(RackflowError, match=r"backup\.partial: exists already"):
        make_backup(config, tmp_path / "backup")
    assert begun.read_bytes() == b"half of it"


def test_without_a_ledger_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(RackflowError, match="there is no ledger"):
        make_backup(configured(tmp_path), tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_a_collector_that_writes_meanwhile_does_not_make_a_large_backup_begin_again(
    config: CollectorConfig, tmp_path: Path
) -> None:
    """Nine steps of 4 MiB, and after each the collector has written something: none of it is in the copy, and each step is done once."""
    with closing(sqlite3.connect(config.ledger_path)) as db, db:
        db.execute("CREATE TABLE filling (body BLOB)")
        db.execute("INSERT INTO filling VALUES (zeroblob(?))", (34 * 2**20,))
    running = LedgerFile(config.ledger_path, 30, lambda: NOW_S)
    done: list[float] = []

    def write(amount: float) -> None:
        done.append(amount)
        assert len(done) <= 9, "it began again"
        assert asyncio.run(running.record([entry(3 + len(done))]))

    with (
        closing(connect_to_read(config.ledger_path, 5.0)) as source,
        closing(sqlite3.connect(tmp_path / "copy")) as copy,
    ):
        copy_pages(source, copy, write)
    running.close()
    with closing(sqlite3.connect(tmp_path / "copy")) as db:
        # It is what it was before the first step, whole.
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert stored(tmp_path / "copy") == 3
    assert len(done) == 9
    assert all(amount > 0 for amount in done)
    assert sum(done) == (tmp_path / "copy").stat().st_size
    assert stored(config.ledger_path) == 12


def configuration_of(config: CollectorConfig, folder: Path) -> Path:
    path = folder / "collector.yaml"
    path.write_text(
        f"broker: {{host: 127.0.0.1}}\nclient_id: collector-1\nstore: {{kind: file, path: {folder / 'points'}}}\n"
        f"dead_letter: {config.dead_letter}\n"
    )
    return path


def test_backup_and_restore_show_bytes_and_the_time_left_on_a_terminal(
    config: CollectorConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For example `copied and checked ━━━━━━ 57.5/57.5 kB 0:00:00`, and nothing of it on stdout."""
    yaml, folder = str(configuration_of(config, tmp_path)), str(tmp_path / "backup")
    for command, bars in (("backup", ["copied and checked"]), ("restore", ["checked", "restored"])):
        shown = on_a_terminal(command, yaml, folder)
        for bar in bars:
            done, total, left = last_count(shown, bar)
            assert (f"{done} kB", left) == (total, "0:00:00")
        out = capsys.readouterr().out
        assert "━" not in out
        assert "ledger" in out


def test_a_backup_shows_no_progress_where_there_is_no_terminal(
    config: CollectorConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backup", str(configuration_of(config, tmp_path)), str(tmp_path / "backup")]) == 0
    assert capsys.readouterr().err == ""


def test_a_backup_and_what_a_restore_puts_back_are_on_disk_before_they_get_their_names(
    config: CollectorConfig, tmp_path: Path
) -> None:
    """A name without its content, or a file without its name, would be all that a power cut leaves of the state."""
    found = traced(tmp_path, BOTH, tmp_path)
    begun, made, restored = (said(found, each) for each in ("begun", "made", "restored"))
    names = [each.name for each in (config.ledger_path, config.records_path, config.problems_path)]
    partial = tmp_path / "new" / "backup.partial"
    for name in (*names, "backup.json"):
        assert on_disk(found, str(partial / name), begun, made), name
    listed = writes(found, "backup.json", begun, made)[-1]
    assert synced(found, str(partial), listed, made)
    assert synced(found, str(tmp_path / "new"), listed, made)
    assert synced(found, str(tmp_path), begun, made), "the new folder that it is in"
    for name in names:
        # A sync after the renaming would be one of the new name.
        assert on_disk(found, f"{name}.restoring", made, restored), name
        put = writes(found, f"{name}.restoring", made, restored)[-1]
        assert synced(found, str(config.ledger_path.parent), put, restored), name


def test_backup_and_restore_for_programs_say_what_backup_json_says(
    config: CollectorConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "backup"
    for command in ("backup", "restore"):
        assert main([command, str(configuration_of(config, tmp_path)), str(folder), "--output", "json"]) == 0
        said = json.loads(capsys.readouterr().out)
        kept = {"kept": "*.before-restore"} if command == "restore" else {}
        assert said == {"folder": str(folder)} | kept | json.loads((folder / "backup.json").read_text(encoding="utf-8"))
