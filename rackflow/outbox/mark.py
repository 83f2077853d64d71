"""The mark beside an outbox's segments: which keys they held after the last commit.

If a file is damaged or cut short, the mark tells which messages should have been there; without it nobody would know that
anything is missing, and the next epoch would give the same keys to other messages.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rackflow.outbox.epochs import EpochBase

MAX_KEY: Final = 2**53
"""No outbox ever has this many messages: 285,000 years of 1,000 a second."""


@dataclass(frozen=True, slots=True)
class Mark:
    """After a commit, unconfirmed keys lay between `first` and `last`; `epochs` are theirs."""

    first: int
    last: int
    epochs: tuple[EpochBase, ...]


class MarkFile:
    """One mark, overwritten in place after each commit of the outbox, without fsync.

    It covers a file damaged after the process was killed, when the kernel still writes the mark to disk. After a power cut the
    mark may be older than the outbox, which is harmless, since only a mark *ahead* of the file reports a loss. An fsync
    here would be the second one of each commit. Replacing the file by rename was rejected too: it adds a directory entry to sync.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._length = 0
        """Bytes of the mark that is there; 0 if that is unknown."""

    def read(self) -> Mark | None:
        """The mark; None if there is no readable one."""
        try:
            # `write` first overwrites and then truncates: a process killed in between leaves the end of a longer mark after the
            # first line. A file system that lost power may leave zero bytes.
            if not self._path.is_file():
                return None
            found = json.loads(self._path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\0"))
            epochs = tuple(EpochBase(int(base), str(epoch)) for base, epoch in found["runs"])
            mark = Mark(int(found["first"]), int(found["last"]), epochs)
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None
        return mark if 0 <= mark.first <= mark.last + 1 <= MAX_KEY else None

    def write(self, mark: Mark) -> None:
        """Overwrite the mark. Raises OSError."""
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o640)
        epochs = [[each.base, each.epoch] for each in mark.epochs]
        text = json.dumps({"first": mark.first, "last": mark.last, "runs": epochs}).encode() + b"\n"
        # One write call, so that a kill leaves the old mark or the new one, never the start of one.
        os.pwrite(self._fd, text, 0)
        if len(text) != self._length:
            os.ftruncate(self._fd, len(text))
            self._length = len(text)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
