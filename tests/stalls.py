"""Stops the test process for half a second now and then, as a busy or overcommitted machine does.

A test that passes on a free machine may hang on it having been scheduled within a fraction of a second: a deadline of 0.5 s on a
device that answers, "within 2 s" where nothing but the result matters, a comparison of two clocks. `--stalls 2` shows such tests in
one run. A child of each process that runs tests sends SIGSTOP, waits, and sends SIGCONT; the servers that tests started go on.
`--stalls-longest 3` stops it for up to 3 s, as a machine may that has far too few CPUs.

Only a child can do that: a stopped process cannot continue itself, and whoever is stopped must not hold what the other needs.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

CHILD: Final = Path(__file__).with_name("stop_parent.py")
LONGEST_S: Final = 0.8
"""From a build server: deadlines of 0.5 s were missed there while two neighbours ran, those of a second were not."""


class Stalls:
    """A plugin that has the process stopped while it runs tests."""

    def __init__(self, mean_s: float, longest_s: float, seed: str) -> None:
        self._mean_s = mean_s
        self._longest_s = longest_s
        self._seed = seed
        self._child: subprocess.Popen[bytes] | None = None

    def pytest_sessionstart(self) -> None:
        """Starts the child. It reads a pipe, whose end tells it that this process is gone, even by SIGKILL."""
        # -I and -S: it needs nothing but the standard library, and starts in a few milliseconds.
        command = [sys.executable, "-I", "-S", str(CHILD), str(self._mean_s), str(self._longest_s), self._seed]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Ends the child, and fails a run that it has not stopped."""
        if self._child is not None:
            self._child.communicate()
            assert self._child.returncode == 0, "nothing was stopped: the child failed, its words are above"

    def pytest_report_header(self) -> str:
        """The seed for repeating a run.

        The stops come at the same moments again; what the tests do at those moments may differ a little.
        """
        return f"stalls: every {self._mean_s:g} s on average, {self._longest_s:g} s at most, --stalls-seed {self._seed}"


def add_options(parser: pytest.Parser) -> None:
    """`--stalls SECONDS`, `--stalls-seed SEED`."""
    words = "stop the processes that run tests for half a second or longer at random moments, so many seconds apart on average"
    parser.addoption("--stalls", type=float, default=0.0, metavar="SECONDS", help=words)
    words = "the longest stop of --stalls"
    parser.addoption("--stalls-longest", type=float, default=LONGEST_S, metavar="SECONDS", help=words)
    parser.addoption("--stalls-seed", default="1", metavar="SEED", help="other moments for --stalls")


def register(config: pytest.Config) -> None:
    """Adds the plugin where it was asked for."""
    if not (mean_s := config.getoption("--stalls")):
        return
    # With xdist only the workers run tests. The process that distributes them is not stopped, because a shell would treat it as a job that
    # was suspended.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker or not config.getoption("numprocesses", None):
        seed = f"{config.getoption('--stalls-seed')}{worker}"
        config.pluginmanager.register(Stalls(mean_s, config.getoption("--stalls-longest"), seed), "stalls")
