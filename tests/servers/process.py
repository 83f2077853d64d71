"""Starts a server process for tests, waits until it is ready, and stops it by its own process id."""

import contextlib
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.servers.ports import free_port
from tests.servers.waiting import wait_until

# End a test that fails; a machine that is busy may take ten times what a free one takes.
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
# A port that was free may be taken before the server binds it; twice in a row is rare.
FIRST_START_TRIES = 3


def find_program(name: str, package: str) -> str:
    """Path of a server program. A test whose server is missing fails and names the Debian package; it never skips."""
    # Debian keeps servers in /usr/sbin, which a plain user's PATH often lacks.
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin")
    if found is None:
        pytest.fail(f"{name} is not installed: apt-get install {package} (scripts/setup does it)", pytrace=False)
    return found


class Server(ABC):
    """A server on 127.0.0.1:`port`. The port is chosen at the first start and stays over restarts."""

    program: str
    package: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Arguments behind the program's name; writes whatever configuration they point at."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether the server answers."""

    @property
    def log(self) -> str:
        """Everything the server has printed, over all its starts."""
        file = self.folder / "log.txt"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    @property
    def pid(self) -> int:
        """The server's process id; fails when it is not running."""
        assert self._process is not None, f"{self.program} is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until ready. A second start takes the same port and the same folder."""
        assert not self.running, f"{self.program} is running already"
        program = find_program(self.program, self.package)
        tries = 1 if self.port else FIRST_START_TRIES
        for left in reversed(range(tries)):
            if tries > 1:
                self.port = free_port()
            log_before = len(self.log)
            if self._start_once(program):
                return
            clash = "address already in use" in self.log[log_before:].lower()
            if not (clash and left):
                break
        sys.stderr.write(self.log)
        pytest.fail(f"{self.program} did not start on port {self.port}; its log is above", pytrace=False)

    def _start_once(self, program: str) -> bool:
        with (self.folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                [program, *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
            )
        with contextlib.suppress(TimeoutError):  # the caller reports, with the log
            wait_until(lambda: not self.running or self.ready(), f"{self.program} answers", START_TIMEOUT_S)
            # Not asked a second time, because on a busy machine the second request might time out.
            if self.running:
                return True
        self.kill()
        return False

    def stop(self) -> None:
        """End it as an operator would, with SIGTERM; SIGKILL when it takes too long. Not running is fine."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start on the same port, with the same data."""
        self.stop()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_S)

    @contextlib.contextmanager
    def serving(self) -> Iterator[Self]:
        """Started on the way in. On the way out killed: its folder is thrown away anyway."""
        try:
            self.start()
            yield self
        finally:
            self.kill()
