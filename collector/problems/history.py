"""What was wrong in the last 24 hours: each problem that ended, with its times. Kept in a file that only grows at its end.

The file of present problems is rewritten at each change; with a day of ended problems in it, that would be a megabyte every two seconds.
So this file gets one line for each problem that ends. At `MAX_FILE_BYTES` it is renamed, and a new one is begun. Its first line states
the format; a file of a newer version is not changed but renamed in the same way.
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
# Format of the lines. A file that does not state it has format 1.
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
    """The ended problems of the last day. No I/O: `read_history` and `append_history` do it, and block."""

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
        """Take a problem that was over before the collector got its readings."""
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
        """Take the lines to be written. If writing fails, `give_back` them."""
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def give_back(self, taken: Iterable[Ended]) -> None:
        """Queue lines again whose writing failed."""
        self._waiting.extendleft(reversed([*taken]))

    def restore(self, found: Iterable[Ended], wall_s: float) -> None:
        """Take the ended problems of the last day that were in the files."""
        known = set()
        for ended in found:
            # A line may come twice: a backup that copies the files one after the other may see it in both, if one was renamed meanwhile.
            key = (ended.name, *ended.labels, ended.ended_s)
            if wall_s - KEEP_S < ended.ended_s <= wall_s and key not in known:
                known.add(key)
                self._keep(ended)


def care_of(tracked: TrackedProblem) -> tuple[str, str]:
    """Who has acknowledged it, and the id of the maintenance window that it is in; empty where nobody and none."""
    by = tracked.acknowledged.by if tracked.acknowledged is not None else ""
    return by, tracked.window.id if tracked.window is not None else ""


def history_files(problems: Path) -> tuple[Path, Path]:
    """The file of ended problems, beside the file of present ones, and its predecessor under another name."""
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
            return  # of a newer version
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=Ended)
        except (msgspec.DecodeError, UnicodeDecodeError):  # the first line, or one cut short by a kill
            continue


def append_history(path: Path, ended: Iterable[Ended]) -> None:
    """Add lines, and wait until they are on disk. A file that has reached its bound is renamed first. Raises OSError."""
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
