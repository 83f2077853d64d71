"""A process may open as many files as its hard limit allows."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import resource, sys
from rackflow.process.limits import raise_open_files
soft, hard = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(raise_open_files(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "then"),
    [
        (256, 512, 512),
        (512, 512, 512),
        (256, 4096, 4096),
        # Above what Rackflow needs: raised no further than that, never lowered, and the hard limit stays for others.
        (256, 80_000, 65_536),
        (70_000, 80_000, 70_000),
    ],
)
def test_the_soft_limit_is_raised_to_the_hard_one(soft: int, hard: int, then: int) -> None:
    if os.getuid() and -1 < resource.getrlimit(resource.RLIMIT_NOFILE)[1] < hard:
        pytest.skip("only root may raise the hard limit of this machine")
    command = [sys.executable, "-c", PROGRAM, str(soft), str(hard)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert found.stdout.split() == [str(then), str(then), str(hard)]
