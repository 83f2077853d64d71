"""A file of a newer Rackflow is refused as it is, and a damaged one is not taken for a newer one."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from collector.ledger import LedgerFile, read_snapshot
from collector.receive import Owners, OwnersFile
from collector.records import RecordsFile
from rackflow import ConfigError
from rackflow.process.sqlite import APPLICATION, FORMAT
from tests.collector.ingest_rig import BUDGETS


def open_ledger(path: Path) -> None:
    LedgerFile(path, 30, lambda: 1_790_000_000.0).close()


def open_records(path: Path) -> None:
    RecordsFile(path, lambda: 1_790_000_000.0).close(ended=True)


def open_owners(path: Path) -> None:
    asyncio.run(OwnersFile(path, Owners(BUDGETS)).close())


EVERY = [open_ledger, open_records, open_owners]
Open = Callable[[Path], None]


def written_by(path: Path, version: int, application: int | None = None) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {version}")
        db.execute(f"PRAGMA application_id = {APPLICATION + version if application is None else application}")
        db.execute("CREATE TABLE IF NOT EXISTS of_the_next_version (x ANY) STRICT") if version > FORMAT else None


def header(path: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA application_id").fetchone()[0], db.execute("PRAGMA user_version").fetchone()[0]


@pytest.mark.parametrize("open_file", EVERY)
def test_every_file_says_which_format_it_has(open_file: Open, tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    open_file(path)
    assert header(path) == (APPLICATION + FORMAT, FORMAT)


@pytest.mark.parametrize("open_file", EVERY)
def test_a_file_of_a_newer_version_is_refused_with_the_remedy_and_not_touched(open_file: Open, tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    open_file(path)
    written_by(path, FORMAT + 1)
    before = path.read_bytes()
    with pytest.raises(ConfigError) as error:
        open_file(path)
    assert str(error.value) == (
        f"{path}: was written by a newer Rackflow (format {FORMAT + 1}, this one knows up to {FORMAT});"
        " install that version again, or restore a copy from before the upgrade"
    )
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.damaged"))


@pytest.mark.parametrize("open_file", EVERY)
def test_a_file_from_before_formats_had_numbers_is_used_and_gets_one(open_file: Open, tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    open_file(path)
    written_by(path, 0, application=0)
    open_file(path)
    assert header(path) == (APPLICATION + FORMAT, FORMAT)


@pytest.mark.parametrize("open_file", EVERY)
def test_a_flipped_bit_in_the_number_does_not_make_a_file_newer(open_file: Open, tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    open_file(path)
    written_by(path, FORMAT | 64, application=APPLICATION + FORMAT)
    open_file(path)
    assert header(path) == (APPLICATION + FORMAT, FORMAT)


def test_the_account_of_a_newer_ledger_is_refused_as_well(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    open_ledger(path)
    written_by(path, FORMAT + 1)
    with pytest.raises(ConfigError, match="was written by a newer Rackflow"):
        read_snapshot(path)
