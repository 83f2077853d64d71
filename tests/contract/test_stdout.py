"""A command whose reader has seen enough ends quietly, as in `rackflow-sim site campus | head`."""

import os
import subprocess
import sys

import pytest

COMMANDS = (["agent", "profiles"], ["simulator", "site", "campus"], ["simulator", "site", "edge"])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_reader_that_leaves_is_no_traceback(command: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", *command], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_what_is_read_to_the_end_ends_well() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "simulator", "site", "edge"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "site: edge" in ended.stdout
