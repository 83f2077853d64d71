"""The checks of `doctor` and `check` for what is written to disks: whether the account may, and whether there is room."""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from rackflow.plural import first_of
from rackflow.process.config import line_with
from rackflow.process.doctor import Finding
from rackflow.process.files import file_in_the_way, mode_of, refusal_of_disk
from rackflow.process.yaml import load_yaml_text, read_text_file

# Free space under which a disk that Rackflow writes to is nearly full: an outbox of 1 GiB (its default) fits once. Chosen value.
LOW_DISK_BYTES = 1024**3
STATE_FOLDERS = (Path("/var/lib/rackflow-agent"), Path("/var/lib/rackflow-collector"))
"""What systemd creates for the units when they first start (StateDirectory)."""


def unwritable(
    config: Path,
    paths: Mapping[str, Path | None],
    folders: Collection[str] = (),
    kept_in: Callable[[Path], Path] | None = None,
) -> tuple[str, ...]:
    """A line for each of these files, by key of the configuration, that cannot be written, with what to do.

    Keys in `folders` are of folders. `kept_in` is for the outbox, see `check_kept`. As the account that runs this: a service that cannot
    write them does not start.
    """
    findings = (
        check_kept(key, path, kept_in(path))
        if kept_in is not None and key == "outbox.path"
        else check_disk(key, path, is_folder=key in folders)
        for key, path in paths.items()
        if path is not None
    )
    return tuple(
        f"{_where(config, each.check)}: {each.check}: {each.found}; {each.remedy}"
        for each in findings
        if each.status == "failed"
    )


def _where(config: Path, key: str) -> str:
    """The file, with the line of a key that stands in it: the ledger's path, for one, may follow from another key."""
    found = load_yaml_text(read_text_file(config), str(config))
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return str(config) if found is None else line_with(config, key)


def check_disk(what: str, path: Path, *, is_folder: bool = False) -> Finding:
    """Whether a file or folder can be written where the configuration has it, and how much space is left."""
    path = path.absolute()  # "." alone does not say which folder to give to whom
    mode = mode_of(path)
    if mode and not (stat.S_ISDIR(mode) if is_folder else stat.S_ISREG(mode)):
        remedy = "name a file in it" if stat.S_ISDIR(mode) else "choose another path"
        return Finding(what, "failed", f"{path} is no {'folder' if is_folder else 'regular file'}", remedy)
    if (file := file_in_the_way(path)) is not None:
        return Finding(what, "failed", f"{path}: {file} is a file, no folder", "choose another path")
    room = _check_room(what, path)
    if room is not None and room.status == "failed":
        return room
    # A folder that is not there is wrong on a full disk, too; the disks that the kernel makes up (/proc, /sys) count as full.
    place = _check_place(what, path)
    return place if room is None or place.status == "failed" else room


def room_for(folder: Path) -> int | None:
    """Bytes that what is kept in this folder, which need not be there, can have of its disk: what is free, and what it has already.

    None if nobody can say.
    """
    folder = folder.absolute()
    try:
        place = next(each for each in (folder, *folder.parents) if mode_of(each))
        held = sum(each.stat().st_blocks * 512 for each in folder.iterdir()) if place == folder else 0
        return shutil.disk_usage(place).free + held
    except OSError:
        return None


def check_kept(what: str, path: Path, folder: Path, limit_bytes: int | None = None) -> Finding:
    """See `check_disk`, for what is kept in a folder beside `path`, which is made at the first start.

    A start as root by hand leaves files in it that the service cannot write. With `limit_bytes`, the size that it may have, a disk
    without room for it is a warning.
    """
    found = _check_kept(what, path, folder)
    room = room_for(folder) if limit_bytes is not None and found.status == "ok" else None
    if limit_bytes is None or room is None or room >= limit_bytes:
        return found
    text = f"{found.found}, and it may grow to {_shown_bytes(limit_bytes)} (outbox.limit_bytes): its disk is full before that"
    return Finding(what, "warning", text, "make room, choose another disk, or set a smaller limit")


def _check_kept(what: str, path: Path, folder: Path) -> Finding:
    folder = folder.absolute()
    found = check_disk(what, folder, is_folder=True) if mode_of(folder) else check_disk(what, path)
    if found.status == "failed" or not mode_of(folder):
        return found
    with contextlib.suppress(OSError):
        strange = [each for each in sorted(folder.iterdir()) if not os.access(each, os.R_OK | os.W_OK)]
        if strange:
            remedy = f"give the folder to the account that runs this, with all in it: chown -R ACCOUNT {folder}"
            return Finding(what, "failed", f"{first_of([str(each) for each in strange], 1)} cannot be written", remedy)
    return found


def _check_room(what: str, path: Path) -> Finding | None:
    """A fault of the disk itself, which another account would not avoid; None if there is none."""
    refusal = refusal_of_disk(path)
    if refusal == errno.EROFS:
        return Finding(what, "failed", f"{path}: its disk is mounted read-only", "repair it, or choose another path")
    if refusal == errno.ENOSPC and not _takes_files(path):
        return Finding(what, "failed", f"{path}: the kernel takes no files there", "choose a path on a disk")
    if refusal == errno.ENOSPC:
        remedy = "make room: a collector does not start on a full disk, and an agent keeps its messages in memory only"
        return Finding(what, "warning", f"{path}: its disk is full", remedy)
    return None


def _takes_files(path: Path) -> bool:
    """Whether files can be created on the file system of this path, full as it may be; not so in /proc and /sys, for root neither."""
    place = next(each for each in path.parents if mode_of(each))
    if os.statvfs(place).f_blocks:
        return True
    # A file without a name leaves nothing behind. A tmpfs without a limit has no blocks either, and takes it.
    try:
        os.close(os.open(place, os.O_TMPFILE | os.O_WRONLY, 0o600))
    except OSError as error:
        return error.errno in {errno.EACCES, errno.EPERM}
    return True


def _check_place(what: str, path: Path) -> Finding:
    place = path if stat.S_ISDIR(mode_of(path)) else path.parent
    seen = next(each for each in (place, *place.parents) if mode_of(each))
    if not os.access(seen, os.X_OK):
        place = seen  # whether the others are there, only an account that may look knows
    if mode_of(path) and not os.access(path, os.W_OK):
        return Finding(
            what, "failed", f"{path} cannot be written", f"give it to the account that runs this: chown ACCOUNT {path}"
        )
    if not mode_of(place) and place in STATE_FOLDERS:
        remedy = "start the unit, which creates it; without systemd create it for the service's account"
        return Finding(what, "warning", f"{place} is not there yet", remedy)
    if not mode_of(place):
        return Finding(
            what,
            "failed",
            f"{place}: no such folder",
            f"create it: mkdir -p {place}, and give it to the service's account",
        )
    if not os.access(place, os.W_OK | os.X_OK):
        # SQLite keeps a journal beside its file, and rotation makes new ones. A unit's folder belongs to its account, as it should.
        is_units = place in STATE_FOLDERS
        own = f"give it to the service's account: chown ACCOUNT {place}"
        return Finding(
            what,
            "warning" if is_units else "failed",
            f"{place}: nothing can be created there",
            "ask with sudo, to see it as the service does" if is_units else own,
        )
    free = shutil.disk_usage(place).free
    shown = f"{path}: {_shown_bytes(free)} free"
    if free < LOW_DISK_BYTES:
        # Nothing is dropped for want of disk: what a collector does not acknowledge waits at the broker and in the agents' outboxes.
        remedy = (
            "make room, or choose another disk: on a full one a collector acknowledges nothing, and an agent keeps its messages"
            " in memory only"
        )
        return Finding(what, "warning", shown, remedy)
    return Finding(what, "ok", shown)


def _shown_bytes(free: int) -> str:
    return f"{free / 1024**3:,.1f} GiB" if free >= 1024**3 / 10 else f"{free / 1024**2:,.0f} MiB"
