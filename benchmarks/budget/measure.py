"""Measures a workload: instructions under callgrind, and calls of each function of ours."""

import cProfile
import os
import pstats
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.budget.workloads import WORKLOADS

REPOSITORY = Path(__file__).resolve().parents[2]
OURS = ("agent", "collector", "rackflow")
_INSTRUCTIONS = re.compile(r"Collected : (\d+)")


@dataclass(frozen=True)
class Figures:
    """Of one workload. `instructions` is None where they cannot be counted; `calls` is by `module:function`."""

    instructions: int | None
    calls: dict[str, int]


def build() -> str:
    """What instructions depend on besides our code: the interpreter's build."""
    return " ".join(sys.version.split())


def calls(name: str) -> dict[str, int]:
    """Calls of our functions, in this process. A first run fills caches."""
    with WORKLOADS[name]() as work:
        work()
        profile = cProfile.Profile()
        profile.runcall(work)
    found: dict[str, int] = {}
    for (file, _, function), (_, count, *_) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]  # not in its type hints
        path = Path(file)
        if path.is_relative_to(REPOSITORY) and path.relative_to(REPOSITORY).parts[0] in OURS:
            key = f"{path.relative_to(REPOSITORY)}:{function}"
            found[key] = found.get(key, 0) + count
    return found


def instructions(name: str) -> int:
    """Instructions of the second run, counted by callgrind in a process of its own. Raises RuntimeError if it says none."""
    command = [
        *("valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=/dev/null"),
        *(sys.executable, "-m", "benchmarks.budget.measure", name),
    ]
    # Another order of sets and dictionaries of strings is another number of instructions.
    environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    found = _INSTRUCTIONS.search(done.stderr)
    if done.returncode or found is None or not int(found[1]):
        raise RuntimeError(f"callgrind counted nothing: {done.stderr[-500:]}")
    return int(found[1])


def under_callgrind(name: str) -> None:
    """Run a workload with instrumentation switched on around it."""
    with WORKLOADS[name]() as work:
        work()
        _switch("on")
        work()
        _switch("off")


def _switch(to: str) -> None:
    subprocess.run(["callgrind_control", f"--instr={to}", str(os.getpid())], check=True, capture_output=True)


if __name__ == "__main__":
    under_callgrind(sys.argv[1])
