"""The dead-letter file: messages and points that cannot be used, with the reason. JSON lines, bounded in size.

It helps people to find faults and guarantees nothing: it is not synced, and if its disk refuses a write, the flow goes on and the
loss is counted.
"""

import base64
import contextlib
import json
import logging
from pathlib import Path

from collector.budgets import Buckets
from rackflow import RackflowError
from rackflow.process.files import check_regular, make_folder, remedy_of_writing

log = logging.getLogger(__name__)
# Enough to see what is wrong with a message; a broker may allow payloads of 256 MB, and one of them must not fill the file.
PAYLOAD_LIMIT_BYTES = 64 * 1024
# What one sender may write in one burst, and per second afterwards: 22 MB a day. The file keeps 64 MB by default, so it takes days before
# one faulty agent displaces the entries of all others. A burst of 1 MiB is enough to show any fault.
BURST_BYTES = 1024 * 1024
BYTES_PER_S = 256.0
# What an entry has besides its payload: topic, reason, error.
ENTRY_BYTES = 512


class LetterBudget:
    """Limits the dead letters of each sender. Senders that are not admitted share one budget, so that names cost no memory."""

    def __init__(self) -> None:
        self._buckets = Buckets(BURST_BYTES, BYTES_PER_S)

    def take(self, sender: str, payload_bytes: int, now: float) -> bool:
        """Whether a payload may be written now (monotonic seconds) in the name of `sender`; if so, it is charged."""
        # In base64, four bytes for three.
        return self._buckets.take(sender, ENTRY_BYTES + min(payload_bytes, PAYLOAD_LIMIT_BYTES) * 4 / 3, now)


class DeadLetters:
    """Appends to `path`. At half of `limit_bytes` the file becomes `path.1`, and the former `path.1` is deleted.

    So the two never take more than `limit_bytes`, and the newest half of it is always there. Unbuffered, so that an entry is
    in the file when `write` returns. Raises RackflowError if the file cannot be created.
    """

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self._path = path
        self._half = limit_bytes // 2
        self._failing = False
        try:
            make_folder(path.parent)
            check_regular(path, "dead_letter")
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise RackflowError(
                f"dead_letter: {path} cannot be written: {error.strerror}; {remedy_of_writing(error, path)}"
            ) from error

    def write(self, time_ms: int, topic: str, *, reason: str, error: str, payload: bytes, size_bytes: int) -> bool:
        """Append one entry. `size_bytes` is the payload's original size, before it was cut short.

        Returns False if the disk refuses: a message that is unusable anyway must not stop the flow.
        """
        entry = {
            "time": time_ms,
            "topic": topic[:1000],
            "reason": reason,
            "error": error[:2000],
            "payload_bytes": size_bytes,
            "payload": base64.b64encode(payload[:PAYLOAD_LIMIT_BYTES]).decode("ascii"),
        }
        line = json.dumps(entry).encode() + b"\n"
        try:
            if self._file.tell() and self._file.tell() + len(line) > self._half:
                self._rotate()
            fault = "" if self._file.write(line) == len(line) else "only part of it was written"
        except OSError as failure:
            fault = str(failure)
        if fault and not self._failing:
            log.error("dead letters not written, refused messages are lost: path=%s error=%s", self._path, fault)
        self._failing = bool(fault)
        return not fault

    def _rotate(self) -> None:
        # The old file stays open until there is a new one: a rotation that fails half-way must not leave a closed file, which would
        # end the collector at the next bad message. The old file may already be moved, by us or by logrotate.
        with contextlib.suppress(FileNotFoundError):
            self._path.replace(self._path.with_name(self._path.name + ".1"))
        fresh = self._path.open("ab", buffering=0)
        self._file.close()
        self._file = fresh

    def close(self) -> None:
        """Close the file."""
        self._file.close()
