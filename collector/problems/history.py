"""What was wrong in the last 24 hours: each problem that ended, with its times. Kept in a file that only grows at its end.

The file of present problems is written anew at each change; a day of problems in it would be a megabyte every two seconds. This one gets
a line for each problem that ends, and gives way to a new one when it has grown. Bounded in count and in bytes. Its first line says which
format it has; a file of a newer version is left alone and gives way as one that has grown does.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from collector.problems.tracker import Key, TrackedProblem
from rackflow.process.files import sync

# How long ended problems are shown: a shift that comes in sees what happened since its last one.
KEEP_S = 24 * 3600.0
# A bad day of a hall has some hundred causes. Consequences have a place of their own, because one lost feed has a hundred of them.
MAX_CAUSES = 2000
MAX_CONSEQUENCES = 1000
# Two files of so much: each ended problem has some 300 bytes.
MAX_FILE_BYTES = 2_000_000
# Format of the lines. A file without it is of the first.
FORMAT = 1
# Lines that wait for the disk. Beyond it they are only in memory.
MAX_WAITING = 3000


class Ended(msgspec.Struct, frozen=True):
    """A problem that has ended. Times are seconds since 1970."""

    name: str
    labels: list[tuple[str, str]]
    since_s: float
    ended_s: float
    value: float
    peak: float
    is_cause: bool
    acknowledged_by: str = ""
    maintenance: str = ""
    """Who had acknowledged it when it ended, and the id of the window that it was in."""
    is_late: bool = False
    """Nobody was notified: it was over when its readings came."""


class _Head(msgspec.Struct, frozen=True):
    """The first line of a file."""

    history_format: int


class History:
    """The ended problems of the last day. Pure, apart from `read` and `write`, which block."""

    def __init__(self) -> None:
        self._causes: deque[Ended] = deque(maxlen=MAX_CAUSES)
        self._consequences: deque[Ended] = deque(maxlen=MAX_CONSEQUENCES)
        self._waiting: deque[Ended] = deque(maxlen=MAX_WAITING)
        # A consequence may begin before its cause is active, and end after it, so it is one if it ever had a cause.
        self._explained: set[Key] = set()

    def note(self, tracked: TrackedProblem) -> None:
        """Take a problem that began, ended, or changed its cause."""
        if tracked.is_active:
            if tracked.cause is not None:
                self._explained.add(tracked.key)
            return
        is_cause = tracked.key not in self._explained
        self._explained.discard(tracked.key)
        ended = Ended(
            tracked.problem.name,
            [*tracked.labels],
            tracked.since_s,
            tracked.ended_s,
            tracked.value,
            tracked.peak,
            is_cause,
            *care_of(tracked),
        )
        self.add(ended)

    def add(self, ended: Ended) -> None:
        """Take what was over before anybody knew of it."""
        self._keep(ended)
        self._waiting.append(ended)

    def _keep(self, ended: Ended) -> None:
        (self._causes if ended.is_cause else self._consequences).append(ended)

    def since(self, since_s: float, wall_s: float) -> list[Ended]:
        """What ended after a time, at most a day ago; the latest first."""
        oldest_s = max(since_s, wall_s - KEEP_S)
        found = [each for each in (*self._causes, *self._consequences) if each.ended_s > oldest_s]
        return sorted(found, key=lambda each: (-each.ended_s, each.name, each.labels))

    def take_waiting(self) -> list[Ended]:
        """What is to be written; `give_back` it if that fails."""
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def give_back(self, taken: Iterable[Ended]) -> None:
        """Write it later."""
        self._waiting.extendleft(reversed([*taken]))

    def restore(self, found: Iterable[Ended], wall_s: float) -> None:
        """Take what a file has of the last day."""
        known = set()
        for ended in found:
            # Twice, if a file gave way to another between two copies of a backup.
            key = (ended.name, *ended.labels, ended.ended_s)
            if wall_s - KEEP_S < ended.ended_s <= wall_s and key not in known:
                known.add(key)
                self._keep(ended)


def care_of(tracked: TrackedProblem) -> tuple[str, str]:
    """Who has acknowledged it, and the id of the maintenance window that it is in; empty where nobody and none."""
    by = tracked.acknowledged.by if tracked.acknowledged is not None else ""
    return by, tracked.window.id if tracked.window is not None else ""


def history_files(problems: Path) -> tuple[Path, Path]:
    """The file of ended problems, beside that of the present ones, and the one that gave way to it."""
    path = problems.with_suffix(".history.jsonl")
    return path, _before(path)


def read_history(path: Path) -> list[Ended]:
    """The ended problems in the file and in the one before it. A damaged line is left out. Raises OSError."""
    return [each for file in (_before(path), path) for each in _read(file)]


def is_known_format(path: Path) -> bool:
    """Whether the lines of a file can be read by this version. An empty one can, and so can one that begins with damage. Raises OSError."""
    with path.open("rb") as file:
        first = file.readline(1024)
    try:
        return msgspec.json.decode(first, type=_Head).history_format <= FORMAT
    except (msgspec.DecodeError, UnicodeDecodeError):
        return True


def _read(path: Path) -> Iterator[Ended]:
    try:
        if path.stat().st_size > 2 * MAX_FILE_BYTES or not is_known_format(path):
            return  # not written here
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=Ended)
        except (msgspec.DecodeError, UnicodeDecodeError):  # the first line, or one cut short by a kill
            continue


def append_history(path: Path, ended: Iterable[Ended]) -> None:
    """Add lines, and wait until they are on disk; a file that has grown gives way to a new one. Raises OSError."""
    lines = b"".join(msgspec.json.encode(each) + b"\n" for each in ended)
    if path.exists() and (path.stat().st_size + len(lines) > MAX_FILE_BYTES or not is_known_format(path)):
        path.replace(_before(path))
    with path.open("ab") as file:
        if is_new := not file.tell():
            file.write(msgspec.json.encode(_Head(FORMAT)) + b"\n")
        file.write(lines)
    sync(path)
    if is_new:
        sync(path.parent)


def _before(path: Path) -> Path:
    return path.with_name(path.name + ".1")
