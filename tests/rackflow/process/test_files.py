"""Files that may be anything, and what a failed write leaves behind."""

import errno
import os
import socket
from pathlib import Path

import pytest

from rackflow.errors import ConfigError
from rackflow.process.files import (
    FULL_BYTES,
    check_regular,
    claim,
    is_absent,
    make_folder,
    read_regular,
    refusal_of_disk,
    replace_durably,
    sync,
    unreadable,
)
from tests.servers.strace import said, synced, traced


def test_a_pipe_folder_or_socket_in_the_place_of_a_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe, folder, listening = (tmp_path / name for name in ("pipe", "folder", "socket"))
    os.mkfifo(pipe)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(listening))
        for path in (pipe, folder, listening):
            with pytest.raises(ConfigError, match=r"^outbox: .* is not a regular file; choose another path$"):
                check_regular(path, "outbox")
    check_regular(tmp_path / "nothing-yet", "outbox")


def test_a_claimed_file_is_refused_until_the_one_who_has_it_closes_it_and_the_error_names_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db.lock"
    with path.open("ab") as other:
        with path.open("ab") as one:
            claim(one, "ledger /var/ledger.db")
            with pytest.raises(ConfigError, match=r"^ledger /var/ledger\.db is in use by another process; .*its own$"):
                claim(other, "ledger /var/ledger.db")
        claim(other, "ledger /var/ledger.db")


def test_a_file_that_cannot_be_replaced_leaves_no_half_of_the_new_one(tmp_path: Path) -> None:
    """On a full disk it would take the room that is left."""
    (tmp_path / "saved.json").mkdir()
    with pytest.raises(IsADirectoryError):
        replace_durably(tmp_path / "saved.json", b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["saved.json"]


def open_files() -> set[str]:
    return {each.name for each in Path("/proc/self/fd").iterdir()}


def test_what_cannot_be_read_stays_not_open(tmp_path: Path) -> None:
    """An outbox is opened again every two seconds, and a configuration is read at each reload."""
    os.mkfifo(tmp_path / "pipe")
    before = open_files()
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "nothing"):
        with pytest.raises((ConfigError, OSError)):
            read_regular(path, 100)
    assert open_files() == before


def test_a_folder_in_the_place_of_a_file_is_called_a_folder(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as raised:
        read_regular(tmp_path, 100)
    assert unreadable(tmp_path, raised.value) == f"{tmp_path}: cannot be read: Is a directory; name a file in it"


def test_what_was_put_on_disk_stays_not_open(tmp_path: Path) -> None:
    """The problems of a collector are saved every few seconds, for years."""
    before = open_files()
    make_folder(tmp_path / "new" / "folder")
    replace_durably(tmp_path / "new" / "folder" / "saved.json", b"new")
    sync(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "nothing")
    assert open_files() == before


MAKING = """
import os, sys
from pathlib import Path
from rackflow.process.files import make_folder

os.write(1, b"making")
make_folder(Path(sys.argv[1]) / "one" / "two")
os.write(1, b"made")
"""


def test_each_folder_that_was_made_is_on_disk_with_its_name(tmp_path: Path) -> None:
    """After a power cut the ledger in it would be gone with the folder, although it was synced itself."""
    found = traced(tmp_path, MAKING, tmp_path)
    making, made = said(found, "making"), said(found, "made")
    assert [synced(found, str(each), making, made) for each in (tmp_path, tmp_path / "one")] == [True] * 2


def test_of_a_large_file_no_more_is_read_than_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"0123456789")
    assert read_regular(tmp_path / "large", 4)[0] == b"0123"


@pytest.mark.parametrize(
    ("name", "is_there"),
    [("here", False), ("gone", True), ("here/gone", True), ("n" * 300, False), ("a\0b", False), ("ring", False)],
)
def test_a_path_that_cannot_be_looked_at_is_not_called_absent(tmp_path: Path, name: str, *, is_there: bool) -> None:
    """Whoever opens it then says why. A remedy for what is absent, such as LoadCredential=, would lead nowhere."""
    (tmp_path / "here").write_text("x", encoding="utf-8")
    (tmp_path / "ring").symlink_to(tmp_path / "ring")
    assert is_absent(tmp_path / name) == is_there


@pytest.mark.parametrize(
    ("free_bytes", "files", "free_files", "refusal"),
    [
        (2 * FULL_BYTES, 1000, 1, None),
        (FULL_BYTES // 2, 1000, 500, errno.ENOSPC),
        (2 * FULL_BYTES, 1000, 0, errno.ENOSPC),
        # As btrfs and others say that have as many files as fit.
        (2 * FULL_BYTES, 0, 0, None),
    ],
)
def test_a_disk_is_full_without_room_or_without_another_file(
    free_bytes: int, files: int, free_files: int, refusal: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's part is played here: no test can mount such a disk. Root alone has room on all of them."""
    block = 4096
    for_root = 10 * FULL_BYTES // block
    found = (block, block, 10 * for_root, for_root, free_bytes // block, files, files and for_root, free_files, 0, 255)
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(found))
    assert refusal_of_disk(tmp_path / "ledger.db") == refusal
