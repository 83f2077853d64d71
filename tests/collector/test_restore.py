"""What a collector had before a restore is kept, whatever is restored after that and whatever fails meanwhile."""

import asyncio
from pathlib import Path

import pytest

from collector.backup import REPLACED, make_backup, restore_backup
from collector.config import CollectorConfig
from collector.ledger import LedgerFile
from rackflow import RackflowError
from tests.collector.test_backup import NOW_S, begun, entry, stored, with_all_of_it


@pytest.fixture
def config(tmp_path: Path) -> CollectorConfig:
    """A collector's state with three stored messages."""
    return begun(tmp_path)


def test_what_a_killed_collector_had_only_in_its_log_is_in_the_one_file_that_is_kept(
    config: CollectorConfig, tmp_path: Path
) -> None:
    """The how-to has that file renamed to put the ledger back; a log beside it would be forgotten, or applied to a later file."""
    make_backup(config, tmp_path / "backup")
    killed = LedgerFile(config.ledger_path, 30, lambda: NOW_S)
    assert asyncio.run(killed.record([entry(4), entry(5)]))
    files = [config.ledger_path.with_name(config.ledger_path.name + suffix) for suffix in ("", "-wal", "-shm")]
    left = [file.read_bytes() for file in files]
    killed.close()
    for file, content in zip(files, left, strict=True):
        file.write_bytes(content)
    restore_backup(config, tmp_path / "backup")
    kept = config.ledger_path.with_name(config.ledger_path.name + REPLACED)
    assert [path.name for path in sorted(kept.parent.glob(f"{kept.name}*"))] == [kept.name]
    kept.replace(config.ledger_path)
    assert stored(config.ledger_path) == 5


def test_a_damaged_ledger_is_kept_with_its_log_as_they_are(config: CollectorConfig, tmp_path: Path) -> None:
    make_backup(config, tmp_path / "backup")
    log = config.ledger_path.with_name(config.ledger_path.name + "-wal")
    config.ledger_path.write_bytes(b"damaged" * 1000)
    log.write_bytes(b"its log")
    restore_backup(config, tmp_path / "backup")
    kept = config.ledger_path.with_name(config.ledger_path.name + REPLACED)
    assert kept.read_bytes() == b"damaged" * 1000
    assert kept.with_name(kept.name + "-wal").read_bytes() == b"its log"
    assert stored(config.ledger_path) == 3


def test_a_further_restore_leaves_what_an_earlier_one_has_kept(config: CollectorConfig, tmp_path: Path) -> None:
    """After a wrong backup, what the collector itself had last is only in the files that the first restore has kept."""
    make_backup(config, tmp_path / "backup")
    after = LedgerFile(config.ledger_path, 30, lambda: NOW_S)
    assert asyncio.run(after.record([entry(4), entry(5)]))
    after.close()
    assert [restore_backup(config, tmp_path / "backup")[1] for _ in range(3)] == [
        ".before-restore",
        ".before-restore-2",
        ".before-restore-3",
    ]
    name = config.ledger_path.name
    accounted = [stored(config.ledger_path.with_name(name + kept)) for kept in (REPLACED, f"{REPLACED}-2", "")]
    assert accounted == [5, 3, 3]


def test_a_restore_that_the_disk_refuses_in_the_middle_has_replaced_nothing(
    config: CollectorConfig, tmp_path: Path
) -> None:
    before = with_all_of_it(config)
    make_backup(config, tmp_path / "backup")
    config.problems_path.with_name(config.problems_path.name + ".restoring").mkdir()  # cannot be written
    with pytest.raises(RackflowError, match=r"cannot be restored: Is a directory.*restore it once more"):
        restore_backup(config, tmp_path / "backup")
    config.problems_path.with_name(config.problems_path.name + ".restoring").rmdir()
    left = {path.name: path.read_bytes() for path in config.ledger_path.parent.iterdir() if path.name in before}
    assert left == before
    assert not list(config.ledger_path.parent.glob(f"*{REPLACED}*"))
    assert not list(config.ledger_path.parent.glob("*.restoring"))
