"""Runs the agent or the collector for tests as their users run them: as a process with a configuration file."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import yaml

from tests.servers.captures import REPOSITORY
from tests.servers.waiting import wait_until

# End a test that hangs. A stop is promised within 10 s, which has tests of its own; a busy machine may take longer.
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0


class Program:
    """`python -m PACKAGE run CONFIG`. It can be started again after it was stopped or killed."""

    def __init__(self, package: str, config: Path, folder: Path = REPOSITORY) -> None:
        self.config = config
        self.environment = dict[str, str]()
        """Environment variables in addition to those of the test."""
        self._package = package
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._log_from = 0

    def start(self) -> None:
        """Start the process in its folder, without waiting for anything. Its log is written beside its configuration."""
        with self._log.open("ab") as log:
            self._log_from = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._package, "run", str(self.config)],
                cwd=self._folder,
                # gufo_snmp panics at some answers; 60 MB of debug symbols are read for the first backtrace of a panic.
                env=os.environ | {"PYTHONPATH": str(REPOSITORY), "RUST_BACKTRACE": "0"} | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        """Process id; fails when it was not started."""
        assert self._process is not None, f"{self._package} was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop with SIGTERM, which must give exit status 0. Not started is fine."""
        process = self._process
        if process is not None:
            # Until its signal handler is installed, SIGTERM ends a Python process with status -15.
            wait_until(lambda: self._has_started() or not self.running, f"{self._package} has started", START_TIMEOUT_S)
            assert process.poll() is None, f"{self._package} has died:\n{self._log.read_text(encoding='utf-8')[-3000:]}"
            process.terminate()
            assert process.wait(STOP_TIMEOUT_S) == 0
            self._process = None

    def kill(self) -> None:
        """Kill it with SIGKILL. Not started is fine."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(STOP_TIMEOUT_S)

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """Started on the way in, stopped on the way out, and killed where that fails."""
        try:
            self.start()
            yield self
            self.stop()
        finally:
            self.kill()

    def logged(self, text: str) -> int:
        """How often this text is in its log since it was last started."""
        return self._log.read_bytes()[self._log_from :].count(text.encode())

    def set(self, section: str, values: Mapping[str, object]) -> None:
        """Change a section of the configuration, effective from the next start."""
        data = yaml.safe_load(self.config.read_text(encoding="utf-8"))
        data[section] |= values
        self.config.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")

    def add_devices(self, devices: Sequence[Mapping[str, object]]) -> None:
        """Add devices to the configuration, effective from the next start."""
        data = yaml.safe_load(self.config.read_text(encoding="utf-8"))
        data["devices"] += [dict(device) for device in devices]
        self.config.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")

    @property
    def _log(self) -> Path:
        return self.config.with_suffix(".log")

    def _has_started(self) -> bool:
        return bool(self.logged(" started") or self.logged("listening"))
