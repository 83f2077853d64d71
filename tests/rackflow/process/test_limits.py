"""A process may open as many files as its hard limit allows."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from rackflow.process.limits import raise_open_files

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
    [(256, 512, 512), (512, 512, 512), (256, 4096, 4096)],
)
def test_the_soft_limit_is_raised_to_the_hard_one(soft: int, hard: int, then: int) -> None:
    command = [sys.executable, "-c", PROGRAM, str(soft), str(hard)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert found.stdout.split() == [str(then), str(then), str(hard)]


@pytest.mark.parametrize(
    ("soft", "hard", "then"),
    [
        (256, 80_000, 65_536),
        (70_000, 80_000, 70_000),
        (256, resource.RLIM_INFINITY, 65_536),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, resource.RLIM_INFINITY),
    ],
)
def test_a_limit_is_raised_no_further_than_needed_and_never_lowered(
    soft: int, hard: int, then: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hard limit stays for others. Few machines that tests run on allow so many, so the kernel's part is played here."""
    now = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: now[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: now.append(limits))
    assert raise_open_files() == then
    assert now[-1] == (then, hard)
