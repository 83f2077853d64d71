"""Saves which leak detectors each device has, so that one that gives no reading after a restart of the agent is still a fault.

One small file beside the outbox (`detectors_file`). Without an outbox on disk there is none, and a restart ends such faults. So it does
where the file cannot be read or written, which is logged. In a pair each agent saves what it has seen itself.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from agent.poll.leak_detectors import REMEMBERED_S, KeptDetector, KeptDevice, LeakDetectors
from rackflow.errors import ConfigError
from rackflow.process.files import read_regular, replace_durably
from rackflow.process.threads import run_detached

log = logging.getLogger(__name__)

# A detector takes some 100 bytes, and an agent has a few hundred: a larger file was not written by an agent. Chosen value.
MAX_BYTES: Final = 16 * 1024 * 1024


class _Detector(msgspec.Struct, forbid_unknown_fields=True):
    last_at: float
    """When it last gave a reading, in seconds since 1970."""
    is_fault: bool


class _Device(msgspec.Struct, forbid_unknown_fields=True):
    """As `KeptDevice`, by the wall clock."""

    identity: str
    kept_at: float
    """Unix seconds. Not that of the last reading of a detector: a fault of yesterday is one today."""
    detectors: dict[str, _Detector]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    devices: dict[str, _Device]


def detectors_file(outbox: Path | None) -> Path | None:
    """Where an agent with this outbox saves its detectors; None with an outbox in memory."""
    return outbox.with_name(outbox.name + ".detectors") if outbox is not None else None


class KeptDetectors:
    """The file of one agent; without a `path` nothing is saved. `clock` gives monotonic seconds, `wall` those since 1970."""

    def __init__(
        self,
        path: Path | None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._clock, self._wall = clock, wall
        self._devices: dict[str, _Device] = self._read(path) if path else {}
        # Between the loop and the thread that writes: what is still to be written, and whether the thread runs.
        self._lock = threading.Lock()
        self._unwritten: bytes | None = None
        self._is_writing = False

    def of(self, device: str) -> LeakDetectors:
        """The detectors of a device that is not open yet. It begins with those that the file has of the device, and changes are saved."""
        if self._path is None:
            return LeakDetectors()
        return LeakDetectors(self._before(device), partial(self._save, self._path, device))

    def _before(self, device: str) -> KeptDevice | None:
        known = self._devices.get(device)
        if known is None:
            return None
        # The file has wall times, since the monotonic clock begins anew with each boot. If the wall clock was set back, none is after now.
        now_s, offset_s = self._clock(), self._clock() - self._wall()
        detectors = {
            key: KeptDetector(min(each.last_at + offset_s, now_s), is_fault=each.is_fault)
            for key, each in known.detectors.items()
        }
        return KeptDevice(known.identity, detectors)

    def _save(self, path: Path, device: str, now: KeptDevice) -> None:
        offset_s = self._wall() - self._clock()
        self._devices[device] = _Device(
            now.identity,
            round(self._wall(), 3),
            {key: _Detector(round(each.last_at_s + offset_s, 3), each.is_fault) for key, each in now.detectors.items()},
        )
        with self._lock:
            self._unwritten = msgspec.json.encode(_File(1, self._devices))
            if self._is_writing:
                return
            self._is_writing = True
        # A disk that hangs must hold up no poll: meanwhile only the last content waits.
        run_detached(partial(self._write, path), "leak-detectors")

    def _write(self, path: Path) -> None:
        while (content := self._next()) is not None:
            try:
                replace_durably(path, content)
            except OSError as error:
                log.warning(
                    "detectors=%s cannot be written, a restart ends the faults of silent leak detectors: %s",
                    path,
                    error,
                )

    def _next(self) -> bytes | None:
        """What the thread has to write now; None if nothing is left: then it ends, and the next change starts another one."""
        with self._lock:
            content, self._unwritten = self._unwritten, None
            self._is_writing = content is not None
            return content

    def _read(self, path: Path) -> dict[str, _Device]:
        """The devices in the file, without those whose detectors would all be forgotten by now."""
        try:
            content, _ = read_regular(path, MAX_BYTES)
            found = msgspec.json.decode(content, type=_File)
        except FileNotFoundError:
            return {}
        except (OSError, ConfigError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning(
                "detectors=%s cannot be read, silent leak detectors are no faults until they have answered: %s",
                path,
                error,
            )
            return {}
        oldest = self._wall() - REMEMBERED_S
        return {
            name: device
            for name, device in (found.devices.items() if found.version == 1 else ())
            if device.kept_at >= oldest
        }
