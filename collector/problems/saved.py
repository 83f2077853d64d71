"""The two files that outlive a restart: present problems with who was notified of them, and what the conditions remember.

Each is written as a whole to a new file, which then replaces the old one (`replace_durably`), so that a kill or a power cut leaves one
or the other: an empty one would have everybody notified again of every problem. The first is small and
written as soon as a problem begins or ends. The second has a time for every series that a condition remembers, and these change with
every poll: 2 MB on a campus, which made a hundred gigabytes a day while both were one file.
"""

import math
from collections.abc import Generator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from collector.problems.tracker import Key
from rackflow.process.bulkhead import in_own_thread
from rackflow.process.files import replace_durably

# How old a file may get while only values and times change. After a kill, a problem's highest value may be that old.
PRESENT_REFRESH_S: Final = 60.0
# Conditions look back a day or a week, so ten minutes more or less do not matter.
REMEMBERED_REFRESH_S: Final = 600.0
# Average rate at which a file is written at most: while a site starts there is something new every second.
BYTES_PER_S: Final = 100_000.0
# A state file of 20,000 problems has some 8 MB; a much larger one was not written by the collector.
MAX_BYTES: Final = 64_000_000
# Entries encoded in one slice, a millisecond.
_PER_SLICE: Final = 500
# Times of holding that are kept of one problem, the latest ones. Without earlier ones it is reported later, never sooner.
MAX_SAVED_SPANS: Final = 20
SavedLabels = list[tuple[str, str]]
Seen = list[tuple[str, SavedLabels, float]]
Highest = list[tuple[str, SavedLabels, list[tuple[float, float]]]]


class Saved(msgspec.Struct, rename={"subject": "unit"}):
    """One problem that is active. In the file the key of `subject` is `unit`."""

    name: str
    labels: SavedLabels
    subject: list[str]
    value: float
    peak: float
    since_s: float


class Holding(msgspec.Struct):
    """One problem that is not active yet, how long it had held when the file was written, and since when (wall time; 0: unknown)."""

    name: str
    labels: SavedLabels
    subject: list[str]
    held_s: float
    began_s: float = 0.0


class Counted(msgspec.Struct):
    """One problem that counts within a window (`within_s`), active or not, and from when until when it held (wall times)."""

    name: str
    labels: SavedLabels
    subject: list[str]
    value: float
    peak: float
    spans: list[tuple[float, float]]


class Changed(msgspec.Struct):
    """One series that has changed lately (`conditions.Changes`), of a record of the table."""

    record: str
    labels: SavedLabels
    latest: float
    noted_s: float
    at_s: list[float]


class Present(msgspec.Struct, rename={"notified": "told"}):
    """The present problems, and which webhook was notified of which; `seen` and `highest` are in files of 0.1 and before.

    What has only changed or held within a window is written with them: a version that knows nothing of it leaves it out.
    """

    version: int
    problems: list[Saved]
    notified: dict[str, list[tuple[str, SavedLabels]]] = {}
    holding: list[Holding] = []
    counted: list[Counted] = []
    changed: list[Changed] = []
    seen: Seen = []
    highest: Highest = []


class Remembered(msgspec.Struct):
    """What conditions remember (`conditions.ConditionMemory`), by problem and labels."""

    version: int
    seen: Seen
    highest: Highest


class StateFile:
    """Writes a file when it is due: at once when its outline has changed, otherwise after `refresh_s`. `now` is monotonic seconds."""

    def __init__(self, path: Path, refresh_s: float) -> None:
        self._path = path
        self._refresh_s = refresh_s
        self._outline: object = None
        self._written_s = self._next_s = -math.inf

    def is_due(self, outline: object, now: float) -> bool:
        """Whether to write the file now. `outline` is the part of its content that a restart must not lose."""
        return now >= self._next_s and (outline != self._outline or now >= self._written_s + self._refresh_s)

    async def write(self, data: bytes, outline: object, now: float) -> None:
        """Write it in a thread. Raises OSError; it is still due then."""
        await in_own_thread(partial(replace_durably, self._path, data), "problems-save")
        self._outline, self._written_s, self._next_s = outline, now, now + len(data) / BYTES_PER_S


def remembered_file(problems: Path) -> Path:
    """Path of the file with what conditions remember, beside the file of the present problems."""
    return problems.with_suffix(".remembered.json")


def encode_remembered_steps(
    seen: Mapping[Key, float], highest: Mapping[Key, list[tuple[float, float]]]
) -> Generator[None, None, bytes]:
    """What is remembered, as `Remembered`. Yields after each slice."""
    parts = {"version": msgspec.Raw(b"1"), "seen": (yield from _list(seen)), "highest": (yield from _list(highest))}
    return msgspec.json.encode(parts)


def _list(entries: Mapping[Key, object]) -> Generator[None, None, msgspec.Raw]:
    waiting, parts = list(entries.items()), list[bytes]()
    for start in range(0, len(waiting), _PER_SLICE):
        some = [(name, labels, what) for (name, labels), what in waiting[start : start + _PER_SLICE]]
        parts.append(msgspec.json.encode(some)[1:-1])
        yield
    return msgspec.Raw(b"[" + b",".join(parts) + b"]")


def read_present(path: Path) -> Present:
    """The problems of before a restart; none if there is no file. Raises OSError, ValueError, or a DecodeError, which is one."""
    data = _read(path)
    return msgspec.json.decode(data, type=Present) if data else Present(1, [])


def read_remembered(path: Path) -> Remembered | None:
    """What was remembered before a restart; None if there is no file. Raises as `read_present`."""
    data = _read(path)
    return msgspec.json.decode(data, type=Remembered) if data else None


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("the file is larger than any that was written here")
        return path.read_bytes()
    except FileNotFoundError:
        return b""
