"""How far an outbox's numbers went, beside its file: so it is known what is missing when the file itself was cut short."""

import json
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rackflow.documents import Numbers


@dataclass(frozen=True, slots=True)
class Run:
    """One epoch: the message with number n has key base + n."""

    base: int
    epoch: str


@dataclass(frozen=True, slots=True)
class Mark:
    """The keys that were not done after a commit lie between `first` and `last`; `runs` tells their epochs."""

    first: int
    last: int
    runs: tuple[Run, ...]


class MarkFile:
    """A mark, written over the one before. It survives the death of the process, not that of the machine: no fsync."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def read(self) -> Mark | None:
        """None where there is none, or none that can be read."""
        try:
            # Behind the first line may be the end of a longer mark, where the process died before it was cut off.
            found = json.loads(self._path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\0"))
            return Mark(found["first"], found["last"], tuple(Run(*run) for run in found["runs"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, mark: Mark) -> None:
        """Raises OSError."""
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o640)
        runs = [[run.base, run.epoch] for run in mark.runs]
        text = json.dumps({"first": mark.first, "last": mark.last, "runs": runs}).encode()
        os.pwrite(self._fd, text + b"\n", 0)
        os.ftruncate(self._fd, len(text) + 1)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def ranges(keys: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Sorted keys as ranges, both ends included."""
    first = last = None
    for key in keys:
        if last is None or first is None:
            first = key
        elif key != last + 1:
            yield first, last
            first = key
        last = key
    if first is not None and last is not None:
        yield first, last


def gaps(first: int, last: int, present: Collection[int]) -> list[tuple[int, int]]:
    """Ranges of keys between the two that are not present."""
    found = []
    expected = first
    for low, high in ranges(sorted(key for key in present if first <= key <= last)):
        if expected < low:
            found.append((expected, low - 1))
        expected = high + 1
    return [*found, (expected, last)] if expected <= last else found


def numbers(runs: Sequence[Run], first: int, last: int, reason: str = "") -> list[Numbers]:
    """A range of keys as numbers of the epochs it lies in."""
    ordered = sorted(runs, key=lambda run: run.base)
    found = []
    for at, run in enumerate(ordered):
        end = ordered[at + 1].base if at + 1 < len(ordered) else last
        low, high = max(first, run.base + 1), min(last, end)
        if low <= high:
            found.append(Numbers(epoch=run.epoch, first=low - run.base, last=high - run.base, reason=reason))
    return found
